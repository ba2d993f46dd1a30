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

/** Takes a lease that was read into its view; without it there is no view. */
static apr_status_t take_lease(locks_snapshot_t *snapshot,
                               locks_lease_view_t *view,
                               const locks_store_item_t *item, const char *user)
{
    apr_status_t rv = locks_lease_view(snapshot->op, view, item, user);

    if (rv != APR_SUCCESS) {
        locks_snapshot_forget(snapshot, user);
    }
    return rv;
}

/** Makes a place for the view of a user's lease, which is to be read. */
static void expect_lease(locks_snapshot_t *snapshot, locks_lease_view_t *view,
                         locks_store_item_t *item, const char *user)
{
    const locks_operation_t *op = snapshot->op;

    apr_hash_set(snapshot->leases, user, APR_HASH_KEY_STRING, view);
    item->key = locks_lease_key(op->rules->prefix, op->type, user, op->pool);
}

apr_status_t locks_snapshot_read_slots(locks_snapshot_t *snapshot,
                                       const char *user)
{
    locks_operation_t *op = snapshot->op;
    locks_store_item_t items[2] = {{.key = snapshot->slots_key}};
    locks_lease_view_t *view = NULL;
    apr_status_t rv;

    if (user != NULL && locks_ahead_find(op, snapshot->slots_key) == NULL) {
        view = apr_palloc(op->pool, sizeof(*view));
        expect_lease(snapshot, view, &items[1], user);
    }
    locks_read(op, items, view != NULL ? 2 : 1);
    rv = locks_slots_view(op, &snapshot->slots, &snapshot->slots_version,
                          &items[0]);
    if (rv == APR_SUCCESS && view != NULL) {
        rv = take_lease(snapshot, view, &items[1], user);
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

/** Leases that are read together. */
typedef struct batch_t {
    /** Room for one item more than users. */
    locks_store_item_t *items;
    locks_lease_view_t *views;
    const char **users;
    apr_size_t count;
    /** How many of the first of them have to be read. */
    apr_size_t needed;
} batch_t;

/** Expects the leases that are not there yet, each once. */
static void fill_batch(batch_t *batch, locks_snapshot_t *snapshot,
                       const apr_array_header_t *users, int required)
{
    apr_pool_t *pool = snapshot->op->pool;
    apr_size_t room = (apr_size_t)users->nelts + 1;
    int i;

    batch->items = apr_pcalloc(pool, room * sizeof(*batch->items));
    batch->views = apr_palloc(pool, room * sizeof(*batch->views));
    batch->users = apr_palloc(pool, room * sizeof(*batch->users));
    batch->count = batch->needed = 0;
    for (i = 0; i < users->nelts; i++) {
        const char *user = APR_ARRAY_IDX(users, i, const char *);

        if (locks_snapshot_lease(snapshot, user) == NULL) {
            batch->users[batch->count] = user;
            expect_lease(snapshot, &batch->views[batch->count],
                         &batch->items[batch->count], user);
            batch->count++;
            batch->needed += i < required;
        }
    }
}

/** Takes what was read. */
static apr_status_t take_batch(batch_t *batch, locks_snapshot_t *snapshot)
{
    apr_status_t rv = APR_SUCCESS;
    apr_size_t i;

    for (i = 0; i < batch->count && rv == APR_SUCCESS; i++) {
        rv = take_lease(snapshot, &batch->views[i], &batch->items[i],
                        batch->users[i]);
        if (i >= batch->needed) {
            rv = APR_SUCCESS;
        }
    }
    for (; i < batch->count; i++) {
        locks_snapshot_forget(snapshot, batch->users[i]);
    }
    return rv;
}

apr_status_t locks_snapshot_read_leases(locks_snapshot_t *snapshot,
                                        const apr_array_header_t *users,
                                        int required, int with_index)
{
    locks_operation_t *op = snapshot->op;
    batch_t batch;
    apr_status_t rv;

    fill_batch(&batch, snapshot, users, required);
    if (with_index) {
        snapshot->index_key =
            locks_index_key(op->rules->prefix, op->type,
                            locks_course_shard(snapshot->course), op->pool);
        batch.items[batch.count].key = snapshot->index_key;
    }
    if (batch.count > 0 || with_index) {
        locks_read(op, batch.items, batch.count + (with_index ? 1 : 0));
    }
    rv = take_batch(&batch, snapshot);
    if (rv == APR_SUCCESS && with_index) {
        rv = read_index_to_write(snapshot, &batch.items[batch.count]);
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
