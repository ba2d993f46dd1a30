/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_breaker.h
 * @brief A circuit breaker: whether a server that hangs is to be asked.
 *
 * A server that does not answer costs each request that asks it a whole
 * timeout, and a thread that waits so long. After a few timeouts in a row,
 * with no answer between, the breaker opens: nobody asks any more, but for
 * one at a time, now and then, who finds out whether the server is back.
 *
 * Times are microseconds of a clock that only goes forward and is never 0.
 * All functions may be called by many threads at once, and none waits.
 */
#ifndef LOCKS_BREAKER_H
#define LOCKS_BREAKER_H

#include <apr_time.h>

#include <stdatomic.h>

/** How many timeouts in a row open a breaker: a single slow answer does not,
 *  and each of them costs a request. */
#define LOCKS_BREAKER_TIMEOUTS 3
/** The first pause before a server is tried again; each further one is twice
 *  as long, up to the longest, but never shorter than a try may take. So a
 *  server that is back is found within the longest pause or one timeout,
 *  whichever is longer: short, since a try costs one request a timeout and
 *  the others nothing. */
#define LOCKS_BREAKER_PAUSE_MIN apr_time_from_msec(125)
#define LOCKS_BREAKER_PAUSE_MAX apr_time_from_msec(500)

/** All zero: closed. */
typedef struct locks_breaker_t {
    /** Timeouts since the last answer. */
    _Atomic apr_uint32_t timeouts;
    /** When the server may be tried again; 0 while the breaker is closed. */
    _Atomic apr_int64_t next;
    /** The pause under way. Written by who may try the server alone. */
    _Atomic apr_int64_t pause;
} locks_breaker_t;

/** What to do with a server. */
typedef enum {
    LOCKS_BREAKER_ASK,
    /** Ask it, to find out whether it is back: nobody else does so before
     *  the pause is over and this one has had its time, whatever becomes of
     *  it. */
    LOCKS_BREAKER_TRY,
    LOCKS_BREAKER_LEAVE
} locks_breaker_advice_e;

/** Says what to do with the server.
 *  @param patience the longest that asking it may take */
locks_breaker_advice_e locks_breaker_advise(locks_breaker_t *breaker,
                                            apr_time_t now,
                                            apr_interval_time_t patience);

/** Is the server known to hang? */
int locks_breaker_is_open(const locks_breaker_t *breaker);

/** Notes that the server did not answer in time.
 *  @return whether this opened the breaker */
int locks_breaker_timed_out(locks_breaker_t *breaker, apr_time_t now);

/** Notes that the server answered, whatever it said.
 *  @return whether this closed the breaker */
int locks_breaker_answered(locks_breaker_t *breaker);

#endif
