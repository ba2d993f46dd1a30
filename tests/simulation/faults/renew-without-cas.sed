# SPDX-License-Identifier: Apache-2.0
# fault: a renewal overwrites whatever the lease is by now
# file: mod_locks/locks_acquire.c
# scenario: renewal, expiry and takeover
/^static apr_status_t renew(/,/^}/{
s/const locks_lease_view_t \*view =/locks_lease_view_t *view =/
s/lease.deadline = locks_now(op) + op->rules->ttl;/&\
    {\
        locks_store_item_t item = {.key = view->key};\
\
        op->store->provider->fetch(op->store, \&item, 1, LOCKS_STORE_ORDINARY);\
        view->version.present = item.status == LOCKS_STORE_DONE;\
        view->version.cas = item.cas;\
    }/
}
