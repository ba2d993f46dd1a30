# SPDX-License-Identifier: Apache-2.0
# fault: a takeover drops the slot that another is about to grant
# file: mod_locks/locks_acquire.c
# scenario: another window takes over twice at once
/^static apr_status_t sweep(/,/^}/s/(acquire->inherited == 0 || is_own_dead(acquire, slot))) {/slot->id != acquire->inherited) {/
