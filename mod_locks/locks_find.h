/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_find.h
 * @brief Finding a lock by its ID or by its owner.
 */
#ifndef LOCKS_FIND_H
#define LOCKS_FIND_H

#include "locks_protocol.h"
#include "locks_snapshot.h"

/** The lock that a lease is about. */
void locks_lock_of(const locks_operation_t *op, locks_lock_t *lock,
                   const locks_lease_t *lease);

/** Has read ahead what finding a lock begins with: the user's lease, and the
 *  shard of the index that leads to others' locks.
 *  @param id of the lock; 0 for whichever the user has */
void locks_find_ahead(locks_operation_t *op, apr_uint64_t id, const char *user);

/**
 * Finds a lock of the user by the user's lease alone.
 * @param view    set to the user's lease
 * @param foreign after LOCKS_EFOREIGN, set to the lock
 * @param id      of the lock; 0 for whichever the user has
 * @return APR_SUCCESS; APR_NOTFOUND; LOCKS_EFOREIGN if another user has it;
 *         LOCKS_EAGAIN; LOCKS_EUNAVAILABLE
 */
apr_status_t locks_find_lease(locks_operation_t *op, locks_lease_view_t *view,
                              locks_lock_t *foreign, apr_uint64_t id,
                              const char *user);

/**
 * The same for a lock that stands in its course too.
 * @param snapshot set to what was read of its course, and of the index if
 *                 that is due to be written
 */
apr_status_t locks_find_own(locks_operation_t *op, locks_lease_view_t *view,
                            locks_lock_t *foreign, locks_snapshot_t **snapshot,
                            apr_uint64_t id, const char *user);

/**
 * Finds a live lock that is not the user's: from the shard in its ID to
 * courses, to slots, to its owner's lease.
 * @param user       NULL for nobody
 * @param index_item what was read of the shard
 * @param lock       set to the lock
 * @return LOCKS_EFOREIGN if there is one; APR_NOTFOUND; LOCKS_EAGAIN if it is
 *         the user's own by now; LOCKS_EUNAVAILABLE
 */
apr_status_t locks_find_foreign(locks_operation_t *op, locks_lock_t *lock,
                                apr_uint64_t id, const char *user,
                                const locks_store_item_t *index_item);

#endif
