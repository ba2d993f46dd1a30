/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_write.h
 * @brief Writing the records of the protocol. Results are those of
 *        locks_write().
 */
#ifndef LOCKS_WRITE_H
#define LOCKS_WRITE_H

#include "locks_snapshot.h"

apr_status_t locks_write_lease(locks_operation_t *op,
                               const locks_lease_view_t *view,
                               const locks_lease_t *lease);

/** LOCKS_EDOUBT is as good as LOCKS_EAGAIN for a write that shows to nobody
 *  or that may be done twice. */
apr_status_t locks_write_harmless(apr_status_t rv);

/** LOCKS_EDOUBT leaves a grant or a release unknown. */
apr_status_t locks_write_momentous(locks_operation_t *op, apr_status_t rv);

/**
 * Makes sure that a slot that is not live can never come alive, by the one
 * record that could make it so: its owner's lease. A lock that the owner
 * holds elsewhere stays.
 */
apr_status_t locks_fence(locks_operation_t *op, locks_snapshot_t *snapshot,
                         const locks_slot_t *slot);

/** Was this long ago, or by a clock that was far ahead? */
int locks_is_stale(const locks_operation_t *op, apr_time_t written);

/** Writes the index if this course's entry was due when the course was read,
 *  as it is before the first slots of a course are written. The clock is not
 *  asked again: the index that is written has to have been read. */
apr_status_t locks_keep_index(locks_operation_t *op,
                              locks_snapshot_t *snapshot);

apr_status_t locks_write_slots(locks_operation_t *op,
                               locks_snapshot_t *snapshot);

#endif
