# SPDX-License-Identifier: Apache-2.0
# fault: an ID grows past the user's, not past the course's
# file: mod_locks/locks_acquire.c
# scenario: release and takeover
s/apr_uint64_t floor = acquire->snapshot->slots.last > lease->last/apr_uint64_t floor = 0/
