# SPDX-License-Identifier: Apache-2.0
# fault: a release forgets the largest ID
# file: mod_locks/locks_release.c
# scenario: release and takeover
/^static apr_status_t try_release(/,/^}/s/lease.id = 0;/lease.id = lease.last = 0;/
