# SPDX-License-Identifier: Apache-2.0
# fault: a write whose answer is lost is taken for one that was refused
# file: mod_locks/locks_operation.c
# scenario: release and takeover
s/return settle(op, key, value, length, replaced);/return LOCKS_EAGAIN;/
