# SPDX-License-Identifier: Apache-2.0
# fault: a CAS value is taken for the same one after a restart
# file: tests/support/memory_store.c
# scenario: the store restarts, three who want one gadget
s/^#define START_STEP .*/#define START_STEP 0/
