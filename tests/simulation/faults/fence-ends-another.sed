# SPDX-License-Identifier: Apache-2.0
# fault: a fence ends whatever lock its owner has
# file: mod_locks/locks_write.c
# scenario: the slot of a worker that died, whose user has another lock
/^apr_status_t locks_fence(/,/^}/s/if (lease.id == slot->id) {/if (lease.id != 0) {/
