# SPDX-License-Identifier: Apache-2.0
# fault: a lock that another window takes over keeps its ID
# file: mod_locks/locks_acquire.c
# scenario: another window takes over, and a list
/^static apr_status_t keep_own(/,/^}/s/if (!locks_is_other_window(&view->lease, acquire->terms)) {/if (acquire->terms->takes_over) {/
