# SPDX-License-Identifier: Apache-2.0
# fault: the deadline of a grant is checked by the time before it
# file: mod_locks/locks_acquire.c
# scenario: renewal, expiry and takeover
/^static apr_status_t granted(/,/^}/s/locks_now(acquire->op)/acquire->op->asked/
