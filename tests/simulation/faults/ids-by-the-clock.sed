# SPDX-License-Identifier: Apache-2.0
# fault: an ID is the clock's, larger or not
# file: mod_locks/locks_acquire.c
# scenario: an expired lock that two want
s/((clock > floor ? clock : floor) \& ~(apr_uint64_t)0xff)/(clock \& ~(apr_uint64_t)0xff)/
s/if (id <= floor) {/if (floor == 0) {/
