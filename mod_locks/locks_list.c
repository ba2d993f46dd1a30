/* SPDX-License-Identifier: Apache-2.0 */
/* Listing a course's locks, and looking at some of them. */
#include "locks_protocol.h"

#include "locks_find.h"
#include "locks_foreseen.h"

#include <stdlib.h>
#include <string.h>

/** Is this the slot of the lock that the lease is about? */
static int is_slot_of(const locks_slot_t *slot, const locks_lease_t *lease)
{
    return lease->id == slot->id &&
           strcmp(lease->resource, slot->resource) == 0;
}

/** Is this lease on the course, and was it not past its deadline? */
static int is_current(const locks_snapshot_t *snapshot,
                      const locks_lease_t *lease)
{
    return lease->id != 0 && snapshot->op->asked < lease->deadline &&
           strcmp(lease->course, snapshot->course) == 0;
}

static int compare_ids(const void *left, const void *right)
{
    apr_uint64_t a = ((const locks_lock_t *)left)->id;
    apr_uint64_t b = ((const locks_lock_t *)right)->id;

    return a < b ? -1 : a > b;
}

/** Did a lock end while the course was read? It can be told of no more, nor
 *  be left out: its owner may have renewed it in time. */
static int is_outdated(const apr_array_header_t *locks, apr_time_t time)
{
    int i;

    for (i = 0; i < locks->nelts; i++) {
        if (locks_expires_in(&APR_ARRAY_IDX(locks, i, locks_lock_t), time) <=
            0) {
            return 1;
        }
    }
    return 0;
}

/** Do two locks stand on one resource? Leases can show that when a resource
 *  changed hands while they were read. Neither lock can be left out then: the
 *  owner of the earlier one may have moved on within the course. */
static int is_torn(const locks_operation_t *op, const apr_array_header_t *locks)
{
    apr_hash_t *seen = apr_hash_make(op->pool);
    int i;

    for (i = 0; i < locks->nelts; i++) {
        const locks_lock_t *lock = &APR_ARRAY_IDX(locks, i, locks_lock_t);

        if (apr_hash_get(seen, lock->subject.resource, APR_HASH_KEY_STRING) !=
            NULL) {
            return 1;
        }
        apr_hash_set(seen, lock->subject.resource, APR_HASH_KEY_STRING, lock);
    }
    return 0;
}

/**
 * The slots say where to look, the leases say what is. A lease on an ID that
 * the slots have seen is active if it stands in them; one that is newer than
 * the slots just read was granted since.
 */
static apr_array_header_t *active_locks(const locks_operation_t *op,
                                        const locks_snapshot_t *snapshot,
                                        const apr_array_header_t *resources)
{
    const apr_array_header_t *slots = snapshot->slots.entries;
    apr_array_header_t *found =
        apr_array_make(op->pool, slots->nelts + 1, sizeof(locks_lock_t));
    apr_hash_index_t *index;
    int i;

    for (i = 0; i < slots->nelts; i++) {
        const locks_slot_t *slot = &APR_ARRAY_IDX(slots, i, locks_slot_t);
        const locks_lease_view_t *view =
            locks_snapshot_lease(snapshot, slot->owner);

        if (locks_is_wanted(resources, slot->resource) &&
            is_slot_of(slot, &view->lease) &&
            is_current(snapshot, &view->lease)) {
            locks_lock_of(op, apr_array_push(found), &view->lease);
        }
    }
    for (index = apr_hash_first(op->pool, snapshot->leases); index != NULL;
         index = apr_hash_next(index)) {
        const locks_lease_view_t *view = apr_hash_this_val(index);

        if (view->lease.id > snapshot->slots.last &&
            is_current(snapshot, &view->lease) &&
            locks_is_wanted(resources, view->lease.resource)) {
            locks_lock_of(op, apr_array_push(found), &view->lease);
        }
    }
    qsort(found->elts, (size_t)found->nelts, sizeof(locks_lock_t), compare_ids);
    return found;
}

/** Reads the slots, and what could be foreseen of the leases.
 *  @param is_whole is the whole course looked at? */
static apr_status_t read_slots(locks_snapshot_t *snapshot, int is_whole)
{
    locks_operation_t *op = snapshot->op;
    apr_status_t rv;

    if (is_whole && locks_ahead_find(op, snapshot->slots_key) == NULL) {
        locks_foresee_owners(op, snapshot->course);
    }
    rv = locks_snapshot_read_slots(snapshot, NULL);
    if (rv == APR_SUCCESS) {
        if (is_whole) {
            locks_foreseen_note(snapshot);
        }
        locks_foreseen_take(snapshot);
    }
    return rv;
}

/** One try. */
static apr_status_t try_look(locks_operation_t *op, apr_array_header_t **locks,
                             apr_time_t *time, const char *course,
                             const apr_array_header_t *resources)
{
    locks_snapshot_t *snapshot = locks_snapshot_open(op, course);
    apr_status_t rv = read_slots(snapshot, resources == NULL);
    apr_array_header_t *owners;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    owners = apr_array_make(op->pool, snapshot->slots.entries->nelts + 1,
                            sizeof(const char *));
    locks_snapshot_add_owners(snapshot, resources, owners);
    rv = locks_snapshot_read_leases(snapshot, owners, owners->nelts, 0);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *locks = active_locks(op, snapshot, resources);
    *time = locks_now(op);
    return is_torn(op, *locks) || is_outdated(*locks, *time) ? LOCKS_EAGAIN
                                                             : APR_SUCCESS;
}

apr_status_t locks_look(locks_operation_t *op, apr_array_header_t **locks,
                        apr_time_t *time, const char *course,
                        const apr_array_header_t *resources)
{
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    do {
        rv = try_look(op, locks, time, course, resources);
    } while (locks_tries_again(op, started, &rv));
    return rv;
}

apr_status_t locks_list(locks_operation_t *op, apr_array_header_t **locks,
                        apr_time_t *time, const char *course)
{
    return locks_look(op, locks, time, course, NULL);
}
