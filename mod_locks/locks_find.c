/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_find.h"

#include "locks_slot.h"
#include "locks_write.h"

#include <string.h>

void locks_lock_of(const locks_operation_t *op, locks_lock_t *lock,
                   const locks_lease_t *lease)
{
    lock->id = lease->id;
    lock->subject.type = op->type;
    lock->subject.course = lease->course;
    lock->subject.resource = lease->resource;
    lock->owner = lease->owner;
    lock->client = lease->client;
    lock->granted = lease->granted;
    lock->deadline = lease->deadline;
}

/* ---- Others' locks ---- */

/** Reads the slots of these courses and finds the one with this ID.
 *  APR_NOTFOUND if there is none. */
static apr_status_t find_slot(locks_operation_t *op,
                              const apr_array_header_t *index, apr_uint64_t id,
                              locks_slot_t *found, const char **course)
{
    apr_size_t courses = (apr_size_t)index->nelts;
    locks_store_item_t *items =
        apr_pcalloc(op->pool, (courses + 1) * sizeof(*items));
    apr_size_t i;
    int j;

    for (i = 0; i < courses; i++) {
        items[i].key = locks_slots_key(
            op->rules->prefix, op->type,
            APR_ARRAY_IDX(index, i, locks_index_entry_t).course, op->pool);
    }
    locks_read(op, items, courses);
    for (i = 0; i < courses; i++) {
        locks_version_t version;
        locks_slots_t slots;
        apr_status_t rv = locks_slots_view(op, &slots, &version, &items[i]);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        for (j = 0; j < slots.entries->nelts; j++) {
            *found = APR_ARRAY_IDX(slots.entries, j, locks_slot_t);
            if (found->id == id) {
                *course = APR_ARRAY_IDX(index, i, locks_index_entry_t).course;
                return APR_SUCCESS;
            }
        }
    }
    return APR_NOTFOUND;
}

apr_status_t locks_find_foreign(locks_operation_t *op, locks_lock_t *lock,
                                apr_uint64_t id, const char *user,
                                const locks_store_item_t *index_item)
{
    locks_store_item_t item = {0};
    apr_array_header_t *index;
    locks_version_t version;
    locks_lease_view_t view;
    locks_slot_t slot;
    const char *course;
    apr_status_t rv = locks_index_view(op, &index, &version, index_item);

    if (rv == APR_SUCCESS) {
        rv = find_slot(op, index, id, &slot, &course);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    item.key =
        locks_lease_key(op->rules->prefix, op->type, slot.owner, op->pool);
    locks_read(op, &item, 1);
    rv = locks_lease_view(op, &view, &item, slot.owner);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (locks_slot_state(op, &slot, &view.lease, course, op->asked) !=
        LOCKS_SLOT_LIVE) {
        return APR_NOTFOUND;
    }
    locks_lock_of(op, lock, &view.lease);
    /* The user's own lease has come back since it was read: a write of it was
     * under way when the store lost it. */
    return user != NULL && strcmp(slot.owner, user) == 0 ? LOCKS_EAGAIN
                                                         : LOCKS_EFOREIGN;
}

/* ---- The user's own ---- */

/** The shard of the index that an ID leads to. */
static const char *shard_key(const locks_operation_t *op, apr_uint64_t id)
{
    return locks_index_key(op->rules->prefix, op->type, (apr_byte_t)(id & 0xff),
                           op->pool);
}

void locks_find_ahead(locks_operation_t *op, apr_uint64_t id, const char *user)
{
    locks_ahead_lease(op, user);
    if (id != 0) {
        locks_ahead_key(op, shard_key(op, id));
    }
}

apr_status_t locks_find_lease(locks_operation_t *op, locks_lease_view_t *view,
                              locks_lock_t *foreign, apr_uint64_t id,
                              const char *user)
{
    locks_store_item_t items[2] = {
        {.key = locks_lease_key(op->rules->prefix, op->type, user, op->pool)},
        {.key = shard_key(op, id)}};
    apr_status_t rv;

    locks_read(op, items, id != 0 ? 2 : 1);
    rv = locks_lease_view(op, view, &items[0], user);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (id != 0 && view->lease.id != id) {
        /* The user's last ID was the user's own, whatever became of it. */
        return view->lease.last == id
                   ? APR_NOTFOUND
                   : locks_find_foreign(op, foreign, id, user, &items[1]);
    }
    return view->lease.id == 0 || op->asked >= view->lease.deadline
               ? APR_NOTFOUND
               : APR_SUCCESS;
}

apr_status_t locks_find_own(locks_operation_t *op, locks_lease_view_t *view,
                            locks_lock_t *foreign, locks_snapshot_t **snapshot,
                            apr_uint64_t id, const char *user)
{
    apr_array_header_t *nobody = apr_array_make(op->pool, 1, sizeof(user));
    const locks_slot_t *slot;
    apr_status_t rv = locks_find_lease(op, view, foreign, id, user);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *snapshot = locks_snapshot_open(op, view->lease.course);
    rv = locks_snapshot_read_slots(*snapshot, NULL);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    slot = locks_snapshot_slot(*snapshot, view->lease.resource, view->lease.id);
    if (slot == NULL || strcmp(slot->owner, user) != 0) {
        return APR_NOTFOUND;
    }
    return locks_is_stale(op, (*snapshot)->slots.indexed)
               ? locks_snapshot_read_leases(*snapshot, nobody, 0, 1)
               : APR_SUCCESS;
}

/* ---- Either ---- */

/** One try. */
static apr_status_t try_find(locks_operation_t *op, locks_lock_t *lock,
                             apr_uint64_t id, const char *user)
{
    locks_store_item_t item = {.key = shard_key(op, id)};
    locks_snapshot_t *snapshot;
    locks_lease_view_t view;
    apr_status_t rv;

    if (user == NULL) {
        locks_read(op, &item, 1);
        return locks_find_foreign(op, lock, id, user, &item);
    }
    rv = locks_find_own(op, &view, lock, &snapshot, id, user);
    if (rv == APR_SUCCESS) {
        locks_lock_of(op, lock, &view.lease);
    }
    return rv;
}

apr_status_t locks_find(locks_operation_t *op, locks_lock_t *lock,
                        apr_time_t *time, apr_uint64_t id, const char *user)
{
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    memset(lock, 0, sizeof(*lock));
    do {
        rv = try_find(op, lock, id, user);
        *time = locks_now(op);
        if ((rv == APR_SUCCESS || rv == LOCKS_EFOREIGN) &&
            locks_expires_in(lock, *time) <= 0) {
            /* It ended while it was looked for, or was renewed in time. */
            rv = LOCKS_EAGAIN;
        }
    } while (locks_tries_again(op, started, &rv));
    return rv;
}
