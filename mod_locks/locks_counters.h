/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_counters.h
 * @brief What happens, counted in memory that all processes of a server share.
 *
 * Counting never waits: a count is one atomic addition, on one of several
 * copies of the counters, so that threads seldom share a cache line. Who reads
 * adds the copies up. What was counted when each minute began is kept for an
 * hour, so that charts need no timer: whoever counts first in a minute notes
 * what was there before.
 *
 * All functions may be called by many threads and processes at once.
 */
#ifndef LOCKS_COUNTERS_H
#define LOCKS_COUNTERS_H

#include "locks_store.h"

#include <stdatomic.h>

/** What clients ask for. */
typedef enum {
    LOCKS_ENDPOINT_LIST,
    LOCKS_ENDPOINT_ACQUIRE,
    LOCKS_ENDPOINT_RELEASE,
    /** OPTIONS, unknown paths and methods, and what httpd refused before it
     *  was known what was asked for. */
    LOCKS_ENDPOINT_OTHER,
    LOCKS_ENDPOINTS
} locks_endpoint_e;

/** What they were answered. */
typedef enum {
    LOCKS_OUTCOME_DONE,
    LOCKS_OUTCOME_BAD_REQUEST,
    LOCKS_OUTCOME_UNAUTHENTICATED,
    LOCKS_OUTCOME_FORBIDDEN,
    /** Another user holds the gadget. */
    LOCKS_OUTCOME_LOCKED,
    LOCKS_OUTCOME_NOT_FOUND,
    LOCKS_OUTCOME_COURSE_FULL,
    LOCKS_OUTCOME_STORE_UNAVAILABLE,
    LOCKS_OUTCOME_CATALOG_UNAVAILABLE,
    /** Any other refusal; the access log has its status. */
    LOCKS_OUTCOME_REFUSED,
    /** The client did not wait for the answer, or sent half a request. */
    LOCKS_OUTCOME_BROKEN_OFF,
    LOCKS_OUTCOMES
} locks_outcome_e;

/** What the protocol and the store came to. */
typedef enum {
    LOCKS_EVENT_GRANT,
    LOCKS_EVENT_RENEWAL,
    /** A grant to a user who held another lock. */
    LOCKS_EVENT_MOVE,
    /** A grant of a gadget whose last holder's lock had run out, or who had
     *  died before it was granted. */
    LOCKS_EVENT_TAKEOVER,
    LOCKS_EVENT_RELEASE,
    /** A lock that an operator ended. */
    LOCKS_EVENT_BREAK,
    LOCKS_EVENT_FENCE,
    /** A write that came second. */
    LOCKS_EVENT_CONFLICT,
    /** An operation that started again. */
    LOCKS_EVENT_RETRY,
    /** A write whose answer was lost. */
    LOCKS_EVENT_AMBIGUOUS_WRITE,
    LOCKS_EVENT_BREAKER_OPENED,
    LOCKS_EVENT_BREAKER_CLOSED,
    /** A server that lost its data. */
    LOCKS_EVENT_DATA_LOSS,
    /** A session that was known from an earlier request, and one that the
     *  store had to be asked for though sessions are kept. */
    LOCKS_EVENT_SESSION_CACHE_HIT,
    LOCKS_EVENT_SESSION_CACHE_MISS,
    LOCKS_EVENTS
} locks_event_e;

/** What takes time. */
typedef enum {
    LOCKS_TIMED_LIST,
    LOCKS_TIMED_ACQUIRE,
    LOCKS_TIMED_RELEASE,
    LOCKS_TIMED_GUARD,
    /** One round trip to the store. */
    LOCKS_TIMED_ROUND_TRIP,
    LOCKS_TIMED
} locks_timed_e;

/** What the guard decided about writes. */
typedef enum {
    LOCKS_DECISION_PASSED,
    LOCKS_DECISION_LOCKED,
    LOCKS_DECISION_LOCK_LOST,
    LOCKS_DECISION_LOCK_REQUIRED,
    /** Nobody could tell, and it was let through. */
    LOCKS_DECISION_OPEN,
    /** Nobody could tell, and it was refused. */
    LOCKS_DECISION_CLOSED,
    /** Not named for certain, not permitted, or not readable. */
    LOCKS_DECISION_REFUSED,
    LOCKS_DECISIONS
} locks_decision_e;

/** How many durations are told apart, those over the last bound too. */
#define LOCKS_BUCKETS 15

/** The upper bounds of the buckets but the last, in microseconds. */
extern const apr_interval_time_t locks_bucket_bounds[LOCKS_BUCKETS - 1];

/** Durations. */
typedef struct locks_histogram_t {
    /** How many there were up to each bound, over the one before. */
    apr_uint64_t buckets[LOCKS_BUCKETS];
    /** Their sum in microseconds. */
    apr_uint64_t sum;
} locks_histogram_t;

/** Everything that is counted; numbers alone. */
typedef struct locks_counts_t {
    apr_uint64_t requests[LOCKS_ENDPOINTS][LOCKS_OUTCOMES];
    apr_uint64_t events[LOCKS_EVENTS];
    apr_uint64_t store_failures[LOCKS_STORE_FAILURES];
    apr_uint64_t decisions[LOCKS_DECISIONS];
    locks_histogram_t durations[LOCKS_TIMED];
} locks_counts_t;

/** The minutes that are looked back on. */
#define LOCKS_MINUTES 60

/** Counters in shared memory. All zero, nothing was counted. */
typedef struct locks_counters_t locks_counters_t;

/** The bytes that counters take, wherever they begin. */
apr_size_t locks_counters_size(void);

/** The counters in memory of this size, which need not begin where a cache
 *  line does: they do. */
locks_counters_t *locks_counters_in(void *memory);

/** @name Counting
 * @{ */
void locks_count_request(locks_counters_t *counters, locks_endpoint_e endpoint,
                         locks_outcome_e outcome);
void locks_count_event(locks_counters_t *counters, locks_event_e event,
                       apr_uint32_t times);
void locks_count_store_failure(locks_counters_t *counters,
                               locks_store_failure_e kind);
void locks_count_decision(locks_counters_t *counters,
                          locks_decision_e decision);
void locks_count_duration(locks_counters_t *counters, locks_timed_e timed,
                          apr_interval_time_t duration);
/** Notes what was counted before this minute, if nobody has yet. To be called
 *  before counting.
 *  @param now the wall clock, or the beginning of the request */
void locks_counters_note_minute(locks_counters_t *counters, apr_time_t now);
/** @} */

/** @name Reading
 * @{ */
/** Adds up what was counted. */
void locks_counters_read(const locks_counters_t *counters,
                         locks_counts_t *counts);

/**
 * Tells what had been counted when each of the last minutes began.
 * @param starts LOCKS_MINUTES + 1 of them: the one that lasts is the last
 *               minute's, begun at starts[LOCKS_MINUTES - 1]; starts[
 *               LOCKS_MINUTES] is what is counted now
 * @return how many of the minutes the server has seen; the others, which come
 *         first, are as the first of these
 */
int locks_counters_minutes(const locks_counters_t *counters, apr_time_t now,
                           locks_counts_t *starts);

/** How many durations a histogram has. */
apr_uint64_t locks_histogram_count(const locks_histogram_t *histogram);

/**
 * Estimates a quantile, evenly within a bucket.
 * @param quantile between 0 and 1
 * @return microseconds; 0 if there are no durations; the last bound for what
 *         lies beyond it
 */
double locks_histogram_quantile(const locks_histogram_t *histogram,
                                double quantile);
/** What came to later since earlier. */
locks_histogram_t locks_histogram_since(const locks_histogram_t *later,
                                        const locks_histogram_t *earlier);
/** @} */

/** @name Names, as in reports
 * @{ */
extern const char *const locks_endpoint_names[LOCKS_ENDPOINTS];
extern const char *const locks_outcome_names[LOCKS_OUTCOMES];
extern const char *const locks_event_names[LOCKS_EVENTS];
extern const char *const locks_timed_names[LOCKS_TIMED];
extern const char *const locks_decision_names[LOCKS_DECISIONS];
extern const char *const locks_store_failure_names[LOCKS_STORE_FAILURES];
/** @} */

#endif
