/* SPDX-License-Identifier: Apache-2.0 */
/* Giving a lock back. */
#include "locks_protocol.h"

#include "locks_slot.h"
#include "locks_write.h"

#include <string.h>

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

/** Looks for a lock that is not the user's, to tell whose it is: from the
 *  shard in its ID to courses, to slots, to its owner's lease. */
static apr_status_t find_foreign(locks_operation_t *op, apr_uint64_t id,
                                 const char *user,
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
    /* The user's own lease has come back since it was read: a write of it was
     * under way when the store lost it. */
    return strcmp(slot.owner, user) == 0 ? LOCKS_EAGAIN : LOCKS_EFOREIGN;
}

/** One try. */
static apr_status_t try_release(locks_operation_t *op, apr_uint64_t id,
                                const char *user)
{
    locks_store_item_t items[2] = {
        {.key = locks_lease_key(op->rules->prefix, op->type, user, op->pool)},
        {.key = locks_index_key(op->rules->prefix, op->type,
                                (apr_byte_t)(id & 0xff), op->pool)}};
    locks_lease_view_t view;
    locks_lease_t lease;
    apr_status_t rv;

    locks_read(op, items, 2);
    rv = locks_lease_view(op, &view, &items[0], user);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (view.lease.id != id) {
        /* The user's last ID was the user's own, whatever became of it. */
        return view.lease.last == id ? APR_NOTFOUND
                                     : find_foreign(op, id, user, &items[1]);
    }
    if (op->asked >= view.lease.deadline) {
        return APR_NOTFOUND;
    }
    lease = view.lease;
    lease.id = 0;
    lease.course = lease.resource = "";
    return locks_write_momentous(op, locks_write_lease(op, &view, &lease));
}

apr_status_t locks_release(locks_operation_t *op, apr_uint64_t id,
                           const char *user)
{
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    do {
        rv = try_release(op, id, user);
    } while (locks_tries_again(op, started, &rv));
    return rv;
}
