# SPDX-License-Identifier: Apache-2.0
# fault: a pending slot is taken for a dead one
# file: mod_locks/locks_slot.c
# scenario: two users on one gadget
s/return slot->id <= lease->last ? LOCKS_SLOT_DEAD : LOCKS_SLOT_PENDING;/return LOCKS_SLOT_DEAD;/
