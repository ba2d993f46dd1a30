# SPDX-License-Identifier: Apache-2.0
# fault: a lock that has come back since is told to be another user's
# file: mod_locks/locks_find.c
# scenario: a lease is lost and comes back
s/return user != NULL \&\& strcmp(slot.owner, user) == 0 ? LOCKS_EAGAIN$/return 0 ? LOCKS_EAGAIN/
