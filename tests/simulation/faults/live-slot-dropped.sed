# SPDX-License-Identifier: Apache-2.0
# fault: a user's own slot is dropped while its lock is live
# file: mod_locks/locks_room.c
# scenario: two tabs of one user on two gadgets
s/verdict = is_own_dead(room, slot) ? DROP : KEEP_UNCOUNTED;/verdict = DROP;/
