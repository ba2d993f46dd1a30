# SPDX-License-Identifier: Apache-2.0
# fault: a user who moves while a break looks is said to hold nothing
# file: mod_locks/locks_break.c
# scenario: a break and a move
s/may_have_moved = rv == APR_NOTFOUND .*/may_have_moved = 0;/
