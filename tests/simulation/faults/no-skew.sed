# SPDX-License-Identifier: Apache-2.0
# fault: others may take a gadget at the deadline, whatever the skew
# file: mod_locks/locks_protocol.c
# scenario: clocks apart, within the skew that is set
s/return time < lease->deadline + op->rules->skew ? SLOT_GRACE : SLOT_EXPIRED;/return SLOT_EXPIRED;/
