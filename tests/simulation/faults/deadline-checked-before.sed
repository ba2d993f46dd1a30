# SPDX-License-Identifier: Apache-2.0
# fault: the deadline of a grant is checked by the time before it
# file: mod_locks/locks_renew.c
# scenario: renewal, expiry and takeover
/^apr_status_t locks_granted(/,/^}/s/locks_now(op)/op->asked/
