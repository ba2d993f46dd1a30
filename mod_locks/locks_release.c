/* SPDX-License-Identifier: Apache-2.0 */
/* Giving a lock back. */
#include "locks_protocol.h"

#include "locks_find.h"
#include "locks_write.h"

/** One try. */
static apr_status_t try_release(locks_operation_t *op, apr_uint64_t id,
                                const char *user)
{
    locks_lease_view_t view;
    locks_lock_t foreign;
    locks_lease_t lease;
    apr_status_t rv = locks_find_lease(op, &view, &foreign, id, user);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    op->deeds.left = view.lease.course;
    lease = view.lease;
    lease.id = 0;
    lease.course = lease.resource = lease.client = "";
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
