/* SPDX-License-Identifier: Apache-2.0 */
/* Renewing a lock, by what it is on or by its ID. */
#include "locks_renew.h"

#include "locks_find.h"
#include "locks_write.h"

#include <string.h>

const locks_terms_t locks_usual_terms = {.client = ""};

apr_interval_time_t locks_terms_ttl(const locks_operation_t *op,
                                    const locks_terms_t *terms)
{
    return terms->ttl > 0 ? terms->ttl : op->rules->ttl;
}

int locks_is_other_window(const locks_lease_t *lease,
                          const locks_terms_t *terms)
{
    return *terms->client != '\0' && *lease->client != '\0' &&
           strcmp(terms->client, lease->client) != 0;
}

apr_status_t locks_granted(locks_operation_t *op, locks_lock_t *lock,
                           const locks_lease_t *lease)
{
    locks_lock_of(op, lock, lease);
    if (locks_expires_in(lock, locks_now(op)) <= 0) {
        op->why = "the lease ran out while it was being granted: "
                  "LocksTTL is too short for this store";
        return LOCKS_EUNAVAILABLE;
    }
    return APR_SUCCESS;
}

apr_status_t locks_renew_lease(locks_operation_t *op,
                               locks_snapshot_t *snapshot,
                               const locks_lease_view_t *view,
                               const locks_terms_t *terms, locks_lock_t *lock)
{
    locks_lease_t lease = view->lease;
    apr_status_t rv = APR_SUCCESS;

    if (locks_is_stale(op, snapshot->slots.written)) {
        rv = locks_keep_index(op, snapshot);
        if (rv == APR_SUCCESS) {
            rv = locks_write_slots(op, snapshot);
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (*terms->client != '\0') {
        lease.client = terms->client;
    }
    lease.deadline = locks_now(op) + locks_terms_ttl(op, terms);
    rv = locks_write_harmless(locks_write_lease(op, view, &lease));
    op->deeds.is_renewal = rv == APR_SUCCESS;
    /* An earlier try may have been about to move. */
    op->deeds.is_move = 0;
    op->deeds.left = NULL;
    return rv == APR_SUCCESS ? locks_granted(op, lock, &lease) : rv;
}

/** One renewal by ID. */
typedef struct renewal_t {
    apr_uint64_t id;
    const char *user;
    const locks_terms_t *terms;
    locks_permits_fn *permits;
    void *baton;
    /** Was it asked already? An answer serves for all tries. */
    int is_permitted;
} renewal_t;

/** One try. */
static apr_status_t try_renew(locks_operation_t *op, locks_lock_t *lock,
                              renewal_t *renewal)
{
    locks_snapshot_t *snapshot;
    locks_lease_view_t view;
    locks_lock_t foreign;
    apr_status_t rv = locks_find_own(op, &view, &foreign, &snapshot,
                                     renewal->id, renewal->user);

    if (rv == APR_SUCCESS && !renewal->is_permitted) {
        rv = renewal->permits(renewal->baton, view.lease.course);
        renewal->is_permitted = rv == APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (locks_is_other_window(&view.lease, renewal->terms)) {
        return LOCKS_EOTHERWINDOW;
    }
    return locks_renew_lease(op, snapshot, &view, renewal->terms, lock);
}

apr_status_t locks_renew(locks_operation_t *op, locks_lock_t *lock,
                         apr_uint64_t id, const char *user,
                         const locks_terms_t *terms, locks_permits_fn *permits,
                         void *baton)
{
    renewal_t renewal = {.id = id,
                         .user = user,
                         .terms = terms,
                         .permits = permits,
                         .baton = baton};
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    memset(lock, 0, sizeof(*lock));
    do {
        rv = try_renew(op, lock, &renewal);
    } while (locks_tries_again(op, started, &rv));
    return rv;
}
