/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_deadline.h
 * @brief Deadlines for blocking calls that bound only their single steps.
 *
 * A library that waits for a socket may bound each wait, but not the whole
 * call: a peer that sends one byte now and then holds the calling thread for
 * ever. A watch is one thread that looks, a few times within each deadline,
 * at every call under way and tells it how much time it has left, so that
 * the callee can shorten its next wait, or end it.
 *
 * While no call was made for a while the thread sleeps and costs nothing.
 */
#ifndef LOCKS_DEADLINE_H
#define LOCKS_DEADLINE_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct locks_deadline_watch_t locks_deadline_watch_t;
typedef struct locks_deadline_slot_t locks_deadline_slot_t;

/**
 * Told on the watch's thread how long an armed call may still take.
 * @param baton as given to locks_deadline_slot()
 * @param left  microseconds; 0 or less once the deadline has passed
 *
 * Never runs twice at once for one slot, and never outside the time between
 * locks_deadline_arm() and locks_deadline_disarm(). Must not block.
 */
typedef void locks_deadline_fn(void *baton, apr_interval_time_t left);

/** The monotonic clock that deadlines are told by, in microseconds. */
apr_time_t locks_deadline_now(void);

/**
 * Makes a watch and its thread, which ends before anything else in the pool
 * does. After a fork only; the thread takes no signals.
 * @param watch  set to the new watch
 * @param slots  the most calls that may be under way at once
 * @param period microseconds between two looks
 * @param pool   lives as long as the process
 */
apr_status_t locks_deadline_watch_create(locks_deadline_watch_t **watch,
                                         int slots, apr_interval_time_t period,
                                         apr_pool_t *pool);

/**
 * Gives out one of a watch's slots, for one thread at a time to use. Any
 * thread may ask, once for each number.
 * @param number from 0 up to the number of slots
 */
locks_deadline_slot_t *locks_deadline_slot(locks_deadline_watch_t *watch,
                                           int number,
                                           locks_deadline_fn *callback,
                                           void *baton);

/**
 * Begins a call. What the callback reads must be ready before.
 * @param deadline by locks_deadline_now()'s clock, greater than 0
 */
void locks_deadline_arm(locks_deadline_slot_t *slot, apr_time_t deadline);

/** Ends a call; waits for a callback that is running. */
void locks_deadline_disarm(locks_deadline_slot_t *slot);

#endif
