# SPDX-License-Identifier: Apache-2.0
# fault: a list takes a lock whose slot was lost for one that is taken over
# file: mod_locks/locks_list.c
# scenario: slots are lost, and their former owner asks again
/^static int is_slot_of(/,/^}/s/lease->id == slot->id/(lease->id == slot->id || slot->id > lease->last)/
