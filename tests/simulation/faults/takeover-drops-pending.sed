# SPDX-License-Identifier: Apache-2.0
# fault: a takeover drops the slot that another is about to grant
# file: mod_locks/locks_room.c
# scenario: another window takes over twice at once
/^static int is_replaced(/,/^}/s/(room->inherited == 0 || is_own_dead(room, slot));/slot->id != room->inherited;/
