# SPDX-License-Identifier: Apache-2.0
# fault: a grant or release that may have happened is taken for one that did not
# file: mod_locks/locks_write.c
# scenario: two tabs of one user who move
/^apr_status_t locks_write_momentous(/,/^}/s/return LOCKS_EUNAVAILABLE;/return LOCKS_EAGAIN;/
