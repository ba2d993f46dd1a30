/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_snapshot.h"

#include <apr_strings.h>

#include <string.h>

/* ---- Single records ---- */

/** Notes the version that was read; LOCKS_EUNAVAILABLE if none could be. */
static apr_status_t version_of(locks_operation_t *op, locks_version_t *version,
                               const locks_store_item_t *item)
{
    memset(version, 0, sizeof(*version));
    if (item->status == LOCKS_STORE_DONE) {
        version->present = 1;
        version->cas = item->cas;
        /* A damaged record has none, and is told from others later. */
        (void)locks_record_nonce(&version->nonce, item->value, item->length,
                                 item->key);
        return APR_SUCCESS;
    }
    return item->status == LOCKS_STORE_ABSENT ? APR_SUCCESS
                                              : locks_store_failed(op);
}

apr_status_t locks_lease_view(locks_operation_t *op, locks_lease_view_t *view,
                              const locks_store_item_t *item, const char *user)
{
    apr_status_t rv = version_of(op, &view->version, item);

    view->key = item->key;
    memset(&view->lease, 0, sizeof(view->lease));
    view->lease.course = view->lease.resource = view->lease.client = "";
    view->lease.owner = user;
    if (rv != APR_SUCCESS || !view->version.present) {
        return rv;
    }
    rv = locks_lease_decode(&view->lease, item->value, item->length, item->key,
                            op->pool);
    if (rv != APR_SUCCESS || strcmp(view->lease.owner, user) != 0) {
        return locks_record_damaged(op, item->key);
    }
    return APR_SUCCESS;
}

apr_status_t locks_slots_view(locks_operation_t *op, locks_slots_t *slots,
                              locks_version_t *version,
                              const locks_store_item_t *item)
{
    apr_status_t rv = version_of(op, version, item);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!version->present) {
        memset(slots, 0, sizeof(*slots));
        slots->entries = apr_array_make(op->pool, 1, sizeof(locks_slot_t));
        return APR_SUCCESS;
    }
    rv = locks_slots_decode(slots, item->value, item->length, item->key,
                            op->pool);
    return rv == APR_SUCCESS ? rv : locks_record_damaged(op, item->key);
}

apr_status_t locks_index_view(locks_operation_t *op, apr_array_header_t **index,
                              locks_version_t *version,
                              const locks_store_item_t *item)
{
    apr_status_t rv = version_of(op, version, item);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!version->present) {
        *index = apr_array_make(op->pool, 1, sizeof(locks_index_entry_t));
        return APR_SUCCESS;
    }
    rv = locks_index_decode(index, item->value, item->length, item->key,
                            op->pool);
    return rv == APR_SUCCESS ? rv : locks_record_damaged(op, item->key);
}

/* ---- Snapshots ---- */

locks_snapshot_t *locks_snapshot_open(locks_operation_t *op, const char *course)
{
    locks_snapshot_t *snapshot = apr_pcalloc(op->pool, sizeof(*snapshot));

    snapshot->op = op;
    snapshot->course = course;
    snapshot->slots_key =
        locks_slots_key(op->rules->prefix, op->type, course, op->pool);
    snapshot->leases = apr_hash_make(op->pool);
    return snapshot;
}

static apr_status_t add_lease(locks_snapshot_t *snapshot,
                              const locks_store_item_t *item, const char *user)
{
    locks_lease_view_t *view = apr_palloc(snapshot->op->pool, sizeof(*view));
    apr_status_t rv = locks_lease_view(snapshot->op, view, item, user);

    if (rv == APR_SUCCESS) {
        apr_hash_set(snapshot->leases, user, APR_HASH_KEY_STRING, view);
    }
    return rv;
}

apr_status_t locks_snapshot_read_slots(locks_snapshot_t *snapshot,
                                       const char *user)
{
    locks_operation_t *op = snapshot->op;
    locks_store_item_t items[2] = {{.key = snapshot->slots_key}};
    apr_size_t count = 1;
    apr_status_t rv;

    if (user != NULL && locks_ahead_find(op, snapshot->slots_key) == NULL) {
        items[count++].key =
            locks_lease_key(op->rules->prefix, op->type, user, op->pool);
    }
    locks_read(op, items, count);
    rv = locks_slots_view(op, &snapshot->slots, &snapshot->slots_version,
                          &items[0]);
    if (rv == APR_SUCCESS && count == 2) {
        rv = add_lease(snapshot, &items[1], user);
    }
    return rv;
}

/** Takes an index shard that is about to be written. Nothing that grants
 *  depends on it: one that is damaged is replaced. */
static apr_status_t read_index_to_write(locks_snapshot_t *snapshot,
                                        const locks_store_item_t *item)
{
    apr_status_t rv = locks_index_view(snapshot->op, &snapshot->index,
                                       &snapshot->index_version, item);

    if (rv != APR_SUCCESS && snapshot->index_version.present) {
        snapshot->index =
            apr_array_make(snapshot->op->pool, 1, sizeof(locks_index_entry_t));
        rv = APR_SUCCESS;
    }
    return rv;
}

apr_status_t locks_snapshot_read_leases(locks_snapshot_t *snapshot,
                                        const apr_array_header_t *users,
                                        int required, int with_index)
{
    locks_operation_t *op = snapshot->op;
    apr_size_t room = (apr_size_t)users->nelts + 1;
    locks_store_item_t *items = apr_pcalloc(op->pool, room * sizeof(*items));
    const char **asked = apr_palloc(op->pool, room * sizeof(*asked));
    apr_hash_t *known = apr_hash_copy(op->pool, snapshot->leases);
    apr_status_t rv = APR_SUCCESS;
    apr_size_t leases = 0;
    apr_size_t needed = 0;
    apr_size_t i;

    for (i = 0; i < (apr_size_t)users->nelts; i++) {
        const char *user = APR_ARRAY_IDX(users, i, const char *);

        if (apr_hash_get(known, user, APR_HASH_KEY_STRING) == NULL) {
            apr_hash_set(known, user, APR_HASH_KEY_STRING, user);
            asked[leases] = user;
            needed += i < (apr_size_t)required;
            items[leases++].key =
                locks_lease_key(op->rules->prefix, op->type, user, op->pool);
        }
    }
    if (with_index) {
        snapshot->index_key =
            locks_index_key(op->rules->prefix, op->type,
                            locks_course_shard(snapshot->course), op->pool);
        items[leases].key = snapshot->index_key;
    }
    if (leases > 0 || with_index) {
        locks_read(op, items, leases + (with_index ? 1 : 0));
    }
    for (i = 0; i < leases && rv == APR_SUCCESS; i++) {
        rv = add_lease(snapshot, &items[i], asked[i]);
        if (i >= needed) {
            rv = APR_SUCCESS;
        }
    }
    if (rv == APR_SUCCESS && with_index) {
        rv = read_index_to_write(snapshot, &items[leases]);
    }
    return rv;
}

locks_lease_view_t *locks_snapshot_lease(const locks_snapshot_t *snapshot,
                                         const char *user)
{
    return apr_hash_get(snapshot->leases, user, APR_HASH_KEY_STRING);
}

void locks_snapshot_forget(locks_snapshot_t *snapshot, const char *user)
{
    apr_hash_set(snapshot->leases, user, APR_HASH_KEY_STRING, NULL);
}

locks_slot_t *locks_snapshot_slot(const locks_snapshot_t *snapshot,
                                  const char *resource, apr_uint64_t id)
{
    locks_slot_t *slots = (locks_slot_t *)snapshot->slots.entries->elts;
    int i;

    for (i = 0; i < snapshot->slots.entries->nelts; i++) {
        if ((id == 0 || slots[i].id == id) &&
            strcmp(slots[i].resource, resource) == 0) {
            return &slots[i];
        }
    }
    return NULL;
}

int locks_is_wanted(const apr_array_header_t *resources, const char *resource)
{
    int i;

    if (resources == NULL) {
        return 1;
    }
    for (i = 0; i < resources->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(resources, i, const char *), resource) == 0) {
            return 1;
        }
    }
    return 0;
}

void locks_snapshot_add_owners(const locks_snapshot_t *snapshot,
                               const apr_array_header_t *resources,
                               apr_array_header_t *users)
{
    const apr_array_header_t *slots = snapshot->slots.entries;
    int i;

    for (i = 0; i < slots->nelts; i++) {
        const locks_slot_t *slot = &APR_ARRAY_IDX(slots, i, locks_slot_t);

        if (locks_is_wanted(resources, slot->resource)) {
            APR_ARRAY_PUSH(users, const char *) = slot->owner;
        }
    }
}
