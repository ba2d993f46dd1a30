# SPDX-License-Identifier: Apache-2.0
# fault: a lock that has come back since is told to be another user's
# file: mod_locks/locks_release.c
# scenario: a lease is lost and comes back
s/return strcmp(slot.owner, user) == 0 ? LOCKS_EAGAIN : LOCKS_EFOREIGN;/return LOCKS_EFOREIGN;/
