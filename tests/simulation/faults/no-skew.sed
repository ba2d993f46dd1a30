# SPDX-License-Identifier: Apache-2.0
# fault: others may take a gadget at the deadline, whatever the skew
# file: mod_locks/locks_slot.c
# scenario: clocks apart, within the skew that is set
s/lease->deadline + op->rules->skew ? LOCKS_SLOT_GRACE$/lease->deadline ? LOCKS_SLOT_GRACE/
