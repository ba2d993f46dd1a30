/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_ticker.h
 * @brief A thread of a process that does something now and then.
 */
#ifndef LOCKS_TICKER_H
#define LOCKS_TICKER_H

#include <apr_pools.h>
#include <apr_time.h>

/**
 * Starts a thread that calls a function at once and then again and again.
 * After a fork only; the thread takes no signals. It ends before anything else
 * in the pool does, which waits for a call under way.
 * @param period microseconds from the end of a call to the next one
 * @param tick   called on the thread
 * @param pool   lives as long as the process
 */
apr_status_t locks_ticker_start(apr_interval_time_t period,
                                void (*tick)(void *baton), void *baton,
                                apr_pool_t *pool);

#endif
