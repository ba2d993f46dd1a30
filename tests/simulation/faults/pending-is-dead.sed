# SPDX-License-Identifier: Apache-2.0
# fault: a pending slot is taken for a dead one
# file: mod_locks/locks_protocol.c
# scenario: two users on one gadget
s/return slot->id <= lease->last ? SLOT_DEAD : SLOT_PENDING;/return SLOT_DEAD;/
