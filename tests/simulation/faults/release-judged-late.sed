# SPDX-License-Identifier: Apache-2.0
# fault: a release judges a lease by a time after its reading
# file: mod_locks/locks_release.c
# scenario: release, renewal and expiry
/^static apr_status_t try_release(/,/^}/s/op->asked >= view.lease.deadline/locks_now(op) >= view.lease.deadline/
