/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_slot.h
 * @brief What a slot stands for, given its owner's lease.
 */
#ifndef LOCKS_SLOT_H
#define LOCKS_SLOT_H

#include "locks_operation.h"

/** In the order in which slots of one resource decide what becomes of it. */
typedef enum {
    LOCKS_SLOT_LIVE,
    /** Expired, but maybe not yet by another host's clock. */
    LOCKS_SLOT_GRACE,
    LOCKS_SLOT_EXPIRED,
    LOCKS_SLOT_PENDING,
    LOCKS_SLOT_DEAD
} locks_slot_state_e;

/** For the log. */
extern const char *const locks_slot_state_names[];

/** @param time by which deadlines have passed or not */
locks_slot_state_e locks_slot_state(const locks_operation_t *op,
                                    const locks_slot_t *slot,
                                    const locks_lease_t *lease,
                                    const char *course, apr_time_t time);

/** Is a pending slot so young that its owner may be about to finish it? Its
 *  ID says when it was written. */
int locks_slot_is_young(const locks_operation_t *op, const locks_slot_t *slot);

/** Is a pending slot to be left alone for now? Its ID may come from a clock
 *  that is ahead, so it is for no longer than this operation has waited. */
int locks_slot_is_worth_waiting_for(locks_operation_t *op,
                                    const locks_slot_t *slot);

#endif
