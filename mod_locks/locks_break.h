/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_break.h
 * @brief Ending other users' locks, as an operator does: a release like any
 *        other, made on the owner's behalf. The lease keeps the largest ID, so
 *        IDs go on growing and the former holder's ID is worth nothing.
 */
#ifndef LOCKS_BREAK_H
#define LOCKS_BREAK_H

#include "locks_operation.h"

/**
 * Finds the lock that a user's lease is about, as long as it runs.
 * @param lock set to the lock; its texts live in the operation's pool
 * @return APR_SUCCESS, APR_NOTFOUND, LOCKS_EUNAVAILABLE
 */
apr_status_t locks_break_find(locks_operation_t *op, locks_lock_t *lock,
                              const char *owner);

/**
 * Ends the lock of a user.
 * @param id     the lock to end; 0 for whichever the user holds
 * @param broken set to the lock that was ended, or, after
 *               LOCKS_EUNAVAILABLE, may have been; its id is 0 if it is not
 *               known which
 * @return APR_SUCCESS; APR_NOTFOUND if the user holds no such lock;
 *         LOCKS_EUNAVAILABLE
 */
apr_status_t locks_break(locks_operation_t *op, locks_lock_t *broken,
                         apr_uint64_t id, const char *owner);

#endif
