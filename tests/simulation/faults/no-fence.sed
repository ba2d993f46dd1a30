# SPDX-License-Identifier: Apache-2.0
# fault: a pending slot is replaced without a fence
# file: mod_locks/locks_protocol.c
# scenario: two users on one gadget
/^static apr_status_t fence(/,/^}/s/rv = harmless(write_lease(op, view, &lease));/rv = APR_SUCCESS;/
