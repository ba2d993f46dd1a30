# SPDX-License-Identifier: Apache-2.0
# fault: a missing lease is not fenced
# file: mod_locks/locks_write.c
# scenario: two users on one gadget
/^apr_status_t locks_fence(/,/^}/s/if (lease.id == slot->id) {/if (!view->version.present) {\
        return APR_SUCCESS;\
    }\
    &/
