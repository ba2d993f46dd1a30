# SPDX-License-Identifier: Apache-2.0
# fault: a break ends whatever the user has by then, and names what was there
# file: mod_locks/locks_break.c
# scenario: a break and a move
s/rv = locks_release(op, broken->id, owner);/{\
            locks_lock_t other;\
\
            rv = locks_break_find(op, \&other, owner);\
            if (rv == APR_SUCCESS) {\
                rv = locks_release(op, other.id, owner);\
            }\
        }/
