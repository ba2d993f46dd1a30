/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_renew.h
 * @brief What acquire and renew share: a new deadline for a live lock.
 */
#ifndef LOCKS_RENEW_H
#define LOCKS_RENEW_H

#include "locks_protocol.h"
#include "locks_snapshot.h"

/** How long a lease is on these terms. */
apr_interval_time_t locks_terms_ttl(const locks_operation_t *op,
                                    const locks_terms_t *terms);

/** Does another of the user's windows hold this lease? */
int locks_is_other_window(const locks_lease_t *lease,
                          const locks_terms_t *terms);

/** What to tell the user of a lock that was granted or renewed.
 *  @return APR_SUCCESS; LOCKS_EUNAVAILABLE if it has run out meanwhile */
apr_status_t locks_granted(locks_operation_t *op, locks_lock_t *lock,
                           const locks_lease_t *lease);

/** Gives the user's own live lock a new deadline, by one CAS on the lease.
 *  Records that were not written for long are written anew before.
 *  @param view of the user's lease */
apr_status_t locks_renew_lease(locks_operation_t *op,
                               locks_snapshot_t *snapshot,
                               const locks_lease_view_t *view,
                               const locks_terms_t *terms, locks_lock_t *lock);

#endif
