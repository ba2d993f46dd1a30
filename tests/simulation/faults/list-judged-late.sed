# SPDX-License-Identifier: Apache-2.0
# fault: a list leaves out what ended while it was read
# file: mod_locks/locks_list.c
# scenario: renewal, expiry and a list
/^static int is_current(/,/^}/s/snapshot->op->asked/locks_now(snapshot->op)/
