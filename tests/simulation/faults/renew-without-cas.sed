# SPDX-License-Identifier: Apache-2.0
# fault: a renewal overwrites whatever the lease is by now
# file: mod_locks/locks_renew.c
# scenario: renewal, expiry and takeover
/^apr_status_t locks_renew_lease(/,/^}/s/lease.deadline = locks_now(op) + locks_terms_ttl(op, terms);/&\
    {\
        locks_lease_view_t *now = (locks_lease_view_t *)view;\
        locks_store_item_t item = {.key = view->key};\
\
        op->store->provider->fetch(op->store, \&item, 1, LOCKS_STORE_ORDINARY);\
        now->version.present = item.status == LOCKS_STORE_DONE;\
        now->version.cas = item.cas;\
    }/
