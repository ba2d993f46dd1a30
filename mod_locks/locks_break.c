/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_break.h"

#include "locks_find.h"

#include <string.h>

/** How often a user's lock is looked for who takes another one each time. */
#define TRIES 3

apr_status_t locks_break_find(locks_operation_t *op, locks_lock_t *lock,
                              const char *owner)
{
    locks_store_item_t item = {
        .key = locks_lease_key(op->rules->prefix, op->type, owner, op->pool)};
    locks_lease_view_t view;
    apr_status_t rv;

    memset(lock, 0, sizeof(*lock));
    /* What was read ahead was asked for when the operation began. */
    if (locks_ahead_find(op, item.key) == NULL) {
        op->asked = locks_now(op);
    }
    locks_read(op, &item, 1);
    rv = locks_lease_view(op, &view, &item, owner);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (view.lease.id == 0 || op->asked >= view.lease.deadline) {
        return APR_NOTFOUND;
    }
    locks_lock_of(op, lock, &view.lease);
    return APR_SUCCESS;
}

/** One try: finds out what would end, and ends it. */
static apr_status_t try_break(locks_operation_t *op, locks_lock_t *broken,
                              apr_uint64_t id, const char *owner)
{
    apr_status_t rv = locks_break_find(op, broken, owner);

    if (rv == APR_SUCCESS && id != 0 && broken->id != id) {
        rv = APR_NOTFOUND;
    }
    if (rv == APR_SUCCESS) {
        rv = locks_release(op, broken->id, owner);
    }
    /* The owner's last lock has ended meanwhile, whoever has that ID. */
    return rv == LOCKS_EFOREIGN ? APR_NOTFOUND : rv;
}

apr_status_t locks_break(locks_operation_t *op, locks_lock_t *broken,
                         apr_uint64_t id, const char *owner)
{
    apr_status_t rv;
    int may_have_moved;
    int tries = 0;

    do {
        rv = try_break(op, broken, id, owner);
        /* Whichever is meant, the user may have moved on in between. */
        may_have_moved = rv == APR_NOTFOUND && id == 0 && broken->id != 0;
    } while (may_have_moved && ++tries < TRIES);
    if (rv == APR_NOTFOUND) {
        memset(broken, 0, sizeof(*broken));
    }
    if (may_have_moved) {
        op->why = "the user took another lock each time; try again";
        return LOCKS_EUNAVAILABLE;
    }
    return rv;
}
