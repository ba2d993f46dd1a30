/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_write.h"

#include <apr_strings.h>

#include <string.h>

apr_status_t locks_write_lease(locks_operation_t *op,
                               const locks_lease_view_t *view,
                               const locks_lease_t *lease)
{
    apr_size_t length;
    const char *value = locks_lease_encode(&length, lease, view->key,
                                           locks_nonce(op), op->pool);

    return locks_write(op, view->key, value, length, view->version);
}

apr_status_t locks_write_harmless(apr_status_t rv)
{
    return rv == LOCKS_EDOUBT ? LOCKS_EAGAIN : rv;
}

apr_status_t locks_write_momentous(locks_operation_t *op, apr_status_t rv)
{
    if (rv == LOCKS_EDOUBT) {
        op->why = "the store's answer to a write was lost, and another "
                  "request wrote the record since";
        return LOCKS_EUNAVAILABLE;
    }
    return rv;
}

apr_status_t locks_fence(locks_operation_t *op, locks_snapshot_t *snapshot,
                         const locks_slot_t *slot)
{
    const locks_lease_view_t *view =
        locks_snapshot_lease(snapshot, slot->owner);
    locks_lease_t lease = view->lease;
    apr_status_t rv;

    if (lease.id == slot->id) {
        lease.id = 0;
        lease.course = lease.resource = lease.client = "";
    }
    if (lease.last < slot->id) {
        lease.last = slot->id;
    }
    rv = locks_write_harmless(locks_write_lease(op, view, &lease));
    if (rv == APR_SUCCESS) {
        op->deeds.fences++;
        locks_tell(op, "fenced the lock %" APR_UINT64_T_FMT " of %s", slot->id,
                   slot->owner);
        locks_snapshot_forget(snapshot, slot->owner);
    }
    return rv;
}

/** Enters the course in the index. Whoever is not in it is not found by a
 *  stranger's release, and no worse. */
static apr_status_t write_index(locks_operation_t *op,
                                locks_snapshot_t *snapshot)
{
    const locks_index_entry_t *old =
        (const locks_index_entry_t *)snapshot->index->elts;
    apr_time_t forgotten = locks_now(op) - LOCKS_RECORD_STALE -
                           apr_time_from_sec(LOCKS_RECORD_LIFETIME);
    apr_array_header_t *entries = apr_array_make(
        op->pool, snapshot->index->nelts + 1, sizeof(locks_index_entry_t));
    locks_index_entry_t *entry = apr_array_push(entries);
    apr_size_t length;
    const char *value;
    int i;

    entry->course = snapshot->course;
    entry->written = locks_now(op);
    for (i = 0; i < snapshot->index->nelts; i++) {
        if (old[i].written > forgotten &&
            strcmp(old[i].course, snapshot->course) != 0) {
            *(locks_index_entry_t *)apr_array_push(entries) = old[i];
        }
    }
    value = locks_index_encode(&length, entries, snapshot->index_key,
                               locks_nonce(op), op->pool);
    if (length > LOCKS_STORE_VALUE_MAX) {
        return APR_SUCCESS;
    }
    return locks_write_harmless(locks_write(op, snapshot->index_key, value,
                                            length, snapshot->index_version));
}

int locks_is_stale(const locks_operation_t *op, apr_time_t written)
{
    apr_time_t age = locks_now(op) - written;

    return age > LOCKS_RECORD_STALE || age < -LOCKS_RECORD_STALE;
}

apr_status_t locks_keep_index(locks_operation_t *op, locks_snapshot_t *snapshot)
{
    apr_status_t rv = APR_SUCCESS;

    if (snapshot->index != NULL) {
        rv = write_index(op, snapshot);
        snapshot->slots.indexed = locks_now(op);
    }
    return rv;
}

apr_status_t locks_write_slots(locks_operation_t *op,
                               locks_snapshot_t *snapshot)
{
    apr_size_t length;
    const char *value;

    snapshot->slots.written = locks_now(op);
    value = locks_slots_encode(&length, &snapshot->slots, snapshot->slots_key,
                               locks_nonce(op), op->pool);
    if (length > LOCKS_STORE_VALUE_MAX) {
        return LOCKS_EFULL;
    }
    return locks_write_harmless(locks_write(op, snapshot->slots_key, value,
                                            length, snapshot->slots_version));
}
