# SPDX-License-Identifier: Apache-2.0
# fault: a write whose answer is lost is taken for done
# file: mod_locks/locks_operation.c
# scenario: two users on one gadget
s/return settle(op, key, value, length, replaced);/return APR_SUCCESS;/
