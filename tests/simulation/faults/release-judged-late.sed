# SPDX-License-Identifier: Apache-2.0
# fault: a release judges a lease by a time after its reading
# file: mod_locks/locks_find.c
# scenario: release, renewal and expiry
/^apr_status_t locks_find_lease(/,/^}/s/op->asked >= view->lease.deadline/locks_now(op) >= view->lease.deadline/
