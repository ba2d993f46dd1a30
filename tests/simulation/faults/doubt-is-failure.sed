# SPDX-License-Identifier: Apache-2.0
# fault: a grant or release that may have happened is taken for one that did not
# file: mod_locks/locks_protocol.c
# scenario: two tabs of one user who move
/^static apr_status_t momentous(/,/^}/s/return LOCKS_EUNAVAILABLE;/return LOCKS_EAGAIN;/
