# SPDX-License-Identifier: Apache-2.0
# fault: a record is created whether or not it is there
# file: mod_locks/locks_operation.c
# scenario: two users on two gadgets of a new course
/^static apr_status_t write_once(/,/^}/s/const locks_store_provider_t \*store = op->store->provider;/&\
    locks_store_item_t item = {.key = key};\
\
    if (!replaced.present) {\
        store->fetch(op->store, \&item, 1, purpose);\
        replaced.present = item.status == LOCKS_STORE_DONE;\
        replaced.cas = item.cas;\
    }/
