# SPDX-License-Identifier: Apache-2.0
# fault: a lock that another window takes over loses its slot before the grant
# file: mod_locks/locks_acquire.c
# scenario: another window takes over, and a rival
s/\.inherited = acquire->inherited/.inherited = 0/
