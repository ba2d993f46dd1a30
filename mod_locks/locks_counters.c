/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_counters.h"

#include <stddef.h>
#include <string.h>

/** How many copies of the counters there are, and their alignment. */
#define STRIPES 8
#define CACHE_LINE 64
/** The numbers in locks_counts_t. */
#define CELLS (sizeof(locks_counts_t) / sizeof(apr_uint64_t))
/** How many beginnings of minutes are kept: some more than are looked at, so
 *  that none is overwritten while it is read. */
#define KEPT (LOCKS_MINUTES + 4)

typedef _Atomic apr_uint64_t cell_t;

/** One copy of the counters. */
typedef struct stripe_t {
    _Alignas(CACHE_LINE) cell_t cells[CELLS];
} stripe_t;

/** What had been counted when a minute began. */
typedef struct beginning_t {
    /** Minutes since the epoch; 0 while it is written. */
    _Atomic apr_int64_t minute;
    cell_t cells[CELLS];
} beginning_t;

struct locks_counters_t {
    stripe_t stripes[STRIPES];
    /** The last minute whose beginning was noted. */
    _Atomic apr_int64_t minute;
    beginning_t beginnings[KEPT];
};

/* ---- Names ---- */

const apr_interval_time_t locks_bucket_bounds[LOCKS_BUCKETS - 1] = {
    50,    100,   250,   500,    1000,   2500,   5000,
    10000, 25000, 50000, 100000, 250000, 500000, 1000000};

const char *const locks_endpoint_names[LOCKS_ENDPOINTS] = {
    [LOCKS_ENDPOINT_LIST] = "list",
    [LOCKS_ENDPOINT_ACQUIRE] = "acquire",
    [LOCKS_ENDPOINT_RELEASE] = "release",
    [LOCKS_ENDPOINT_OTHER] = "other",
};

const char *const locks_outcome_names[LOCKS_OUTCOMES] = {
    [LOCKS_OUTCOME_DONE] = "done",
    [LOCKS_OUTCOME_BAD_REQUEST] = "bad_request",
    [LOCKS_OUTCOME_UNAUTHENTICATED] = "unauthenticated",
    [LOCKS_OUTCOME_FORBIDDEN] = "forbidden",
    [LOCKS_OUTCOME_LOCKED] = "locked",
    [LOCKS_OUTCOME_NOT_FOUND] = "not_found",
    [LOCKS_OUTCOME_COURSE_FULL] = "course_full",
    [LOCKS_OUTCOME_STORE_UNAVAILABLE] = "store_unavailable",
    [LOCKS_OUTCOME_CATALOG_UNAVAILABLE] = "catalog_unavailable",
    [LOCKS_OUTCOME_REFUSED] = "refused",
    [LOCKS_OUTCOME_BROKEN_OFF] = "broken_off",
};

const char *const locks_event_names[LOCKS_EVENTS] = {
    [LOCKS_EVENT_GRANT] = "grants",
    [LOCKS_EVENT_RENEWAL] = "renewals",
    [LOCKS_EVENT_MOVE] = "moves",
    [LOCKS_EVENT_TAKEOVER] = "takeovers",
    [LOCKS_EVENT_RELEASE] = "releases",
    [LOCKS_EVENT_BREAK] = "breaks",
    [LOCKS_EVENT_FENCE] = "fences",
    [LOCKS_EVENT_CONFLICT] = "cas_conflicts",
    [LOCKS_EVENT_RETRY] = "retries",
    [LOCKS_EVENT_AMBIGUOUS_WRITE] = "ambiguous_writes",
    [LOCKS_EVENT_BREAKER_OPENED] = "breaker_openings",
    [LOCKS_EVENT_BREAKER_CLOSED] = "breaker_closings",
    [LOCKS_EVENT_DATA_LOSS] = "data_losses",
    [LOCKS_EVENT_SESSION_CACHE_HIT] = "session_cache_hits",
    [LOCKS_EVENT_SESSION_CACHE_MISS] = "session_cache_misses",
};

const char *const locks_timed_names[LOCKS_TIMED] = {
    [LOCKS_TIMED_LIST] = "list",
    [LOCKS_TIMED_ACQUIRE] = "acquire",
    [LOCKS_TIMED_RELEASE] = "release",
    [LOCKS_TIMED_GUARD] = "guard",
    [LOCKS_TIMED_ROUND_TRIP] = "round_trip",
};

const char *const locks_decision_names[LOCKS_DECISIONS] = {
    [LOCKS_DECISION_PASSED] = "passed",
    [LOCKS_DECISION_LOCKED] = "locked",
    [LOCKS_DECISION_LOCK_LOST] = "lock_lost",
    [LOCKS_DECISION_LOCK_REQUIRED] = "lock_required",
    [LOCKS_DECISION_OPEN] = "failed_open",
    [LOCKS_DECISION_CLOSED] = "failed_closed",
    [LOCKS_DECISION_REFUSED] = "refused",
};

const char *const locks_store_failure_names[LOCKS_STORE_FAILURES] = {
    [LOCKS_STORE_FAILURE_TIMEOUT] = "timeout",
    [LOCKS_STORE_FAILURE_CONNECTION] = "connection",
    [LOCKS_STORE_FAILURE_ANSWER] = "answer",
    [LOCKS_STORE_FAILURE_REFUSED] = "refused",
    [LOCKS_STORE_FAILURE_LEFT_ALONE] = "left_alone",
    [LOCKS_STORE_FAILURE_LOCAL] = "local",
};

/* ---- Counting ---- */

apr_size_t locks_counters_size(void)
{
    return CACHE_LINE - 1 + sizeof(locks_counters_t);
}

locks_counters_t *locks_counters_in(void *memory)
{
    apr_uintptr_t beyond = (apr_uintptr_t)memory % CACHE_LINE;

    return (locks_counters_t *)((char *)memory +
                                (CACHE_LINE - beyond) % CACHE_LINE);
}

/** The copy that this thread counts on: its stack lies elsewhere than those
 *  of others, which needs no number to be given out and remembered. */
static stripe_t *own_stripe(locks_counters_t *counters)
{
    char here;
    apr_uint64_t place = (apr_uint64_t)(apr_uintptr_t)&here >> 16;

    return &counters->stripes[(place * 0x9e3779b97f4a7c15u >> 32) % STRIPES];
}

/** Adds to a number of locks_counts_t.
 *  @param offset where it is there, in bytes */
static void add(locks_counters_t *counters, apr_size_t offset,
                apr_uint64_t count)
{
    atomic_fetch_add_explicit(
        &own_stripe(counters)->cells[offset / sizeof(apr_uint64_t)], count,
        memory_order_relaxed);
}

void locks_count_request(locks_counters_t *counters, locks_endpoint_e endpoint,
                         locks_outcome_e outcome)
{
    add(counters, offsetof(locks_counts_t, requests[endpoint][outcome]), 1);
}

void locks_count_event(locks_counters_t *counters, locks_event_e event,
                       apr_uint32_t times)
{
    if (times > 0) {
        add(counters, offsetof(locks_counts_t, events[event]), times);
    }
}

void locks_count_store_failure(locks_counters_t *counters,
                               locks_store_failure_e kind)
{
    add(counters, offsetof(locks_counts_t, store_failures[kind]), 1);
}

void locks_count_decision(locks_counters_t *counters, locks_decision_e decision)
{
    add(counters, offsetof(locks_counts_t, decisions[decision]), 1);
}

void locks_count_duration(locks_counters_t *counters, locks_timed_e timed,
                          apr_interval_time_t duration)
{
    apr_uint64_t microseconds = duration > 0 ? (apr_uint64_t)duration : 0;
    int bucket = 0;

    while (bucket < LOCKS_BUCKETS - 1 &&
           duration > locks_bucket_bounds[bucket]) {
        bucket++;
    }
    add(counters, offsetof(locks_counts_t, durations[timed].buckets[bucket]),
        1);
    add(counters, offsetof(locks_counts_t, durations[timed].sum), microseconds);
}

/* ---- Reading ---- */

void locks_counters_read(const locks_counters_t *counters,
                         locks_counts_t *counts)
{
    apr_uint64_t *numbers = (apr_uint64_t *)counts;
    apr_size_t i;
    int s;

    memset(counts, 0, sizeof(*counts));
    for (s = 0; s < STRIPES; s++) {
        for (i = 0; i < CELLS; i++) {
            numbers[i] += atomic_load_explicit(&counters->stripes[s].cells[i],
                                               memory_order_relaxed);
        }
    }
}

/* ---- Minutes ---- */

static apr_int64_t minute_of(apr_time_t time)
{
    return apr_time_sec(time) / 60;
}

/** Is this minute to be begun, after that one? The clock may also have been
 *  far ahead, or was not set yet: no minute before 1970 has a place. */
static int is_next(apr_int64_t minute, apr_int64_t last)
{
    return minute > 0 && (minute > last || minute < last - LOCKS_MINUTES);
}

void locks_counters_note_minute(locks_counters_t *counters, apr_time_t now)
{
    apr_int64_t minute = minute_of(now);
    apr_int64_t last =
        atomic_load_explicit(&counters->minute, memory_order_relaxed);
    beginning_t *beginning;
    locks_counts_t counts;
    const apr_uint64_t *numbers = (const apr_uint64_t *)&counts;
    apr_size_t i;

    if (!is_next(minute, last) ||
        !atomic_compare_exchange_strong(&counters->minute, &last, minute)) {
        return;
    }
    beginning = &counters->beginnings[minute % KEPT];
    locks_counters_read(counters, &counts);
    atomic_store(&beginning->minute, 0);
    for (i = 0; i < CELLS; i++) {
        /* Whoever reads one of these numbers finds the 0 afterwards. */
        atomic_store_explicit(&beginning->cells[i], numbers[i],
                              memory_order_release);
    }
    atomic_store(&beginning->minute, minute);
}

/** Reads what had been counted when a minute began; 0 if nobody noted it, or
 *  somebody does just now, and then the counts are anything. */
static int read_beginning(const locks_counters_t *counters, apr_int64_t minute,
                          locks_counts_t *counts)
{
    apr_uint64_t *numbers = (apr_uint64_t *)counts;
    const beginning_t *beginning;
    apr_size_t i;

    if (minute <= 0) {
        return 0;
    }
    beginning = &counters->beginnings[minute % KEPT];
    if (atomic_load(&beginning->minute) != minute) {
        return 0;
    }
    for (i = 0; i < CELLS; i++) {
        numbers[i] =
            atomic_load_explicit(&beginning->cells[i], memory_order_acquire);
    }
    return atomic_load(&beginning->minute) == minute;
}

/** Can these be the later counts? */
static int is_later(const locks_counts_t *later, const locks_counts_t *earlier)
{
    const apr_uint64_t *numbers = (const apr_uint64_t *)later;
    const apr_uint64_t *before = (const apr_uint64_t *)earlier;
    apr_size_t i;

    for (i = 0; i < CELLS; i++) {
        if (numbers[i] < before[i]) {
            return 0;
        }
    }
    return 1;
}

/* Nothing was counted in a minute that nobody noted: its beginning is as that
 * of the next one that was. So is one whose counts are less than an earlier
 * minute's: it was noted before the clock stepped back far, or the earlier one
 * by a thread that was held up. What is counted now is read last, since
 * another thread may note a minute meanwhile. */
int locks_counters_minutes(const locks_counters_t *counters, apr_time_t now,
                           locks_counts_t *starts)
{
    apr_int64_t first = minute_of(now) - (LOCKS_MINUTES - 1);
    const locks_counts_t *before = NULL;
    char is_noted[LOCKS_MINUTES] = {0};
    int seen = 0;
    int i;

    for (i = 0; i < LOCKS_MINUTES; i++) {
        if (read_beginning(counters, first + i, &starts[i]) &&
            (before == NULL || is_later(&starts[i], before))) {
            is_noted[i] = 1;
            before = &starts[i];
            seen = seen > 0 ? seen : LOCKS_MINUTES - i;
        }
    }
    locks_counters_read(counters, &starts[LOCKS_MINUTES]);
    for (i = LOCKS_MINUTES - 1; i >= 0; i--) {
        if (!is_noted[i]) {
            starts[i] = starts[i + 1];
        }
    }
    return seen;
}

/* ---- Histograms ---- */

apr_uint64_t locks_histogram_count(const locks_histogram_t *histogram)
{
    apr_uint64_t count = 0;
    int i;

    for (i = 0; i < LOCKS_BUCKETS; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

double locks_histogram_quantile(const locks_histogram_t *histogram,
                                double quantile)
{
    double rank = quantile * (double)locks_histogram_count(histogram);
    double below = 0;
    double before = 0;
    int i;

    for (i = 0; i < LOCKS_BUCKETS - 1; i++) {
        double here = (double)histogram->buckets[i];
        double bound = (double)locks_bucket_bounds[i];

        if (here > 0 && before + here >= rank) {
            return below + (bound - below) * (rank - before) / here;
        }
        before += here;
        below = bound;
    }
    return histogram->buckets[LOCKS_BUCKETS - 1] > 0 ? below : 0;
}

locks_histogram_t locks_histogram_since(const locks_histogram_t *later,
                                        const locks_histogram_t *earlier)
{
    locks_histogram_t since = {.sum = later->sum - earlier->sum};
    int i;

    for (i = 0; i < LOCKS_BUCKETS; i++) {
        since.buckets[i] = later->buckets[i] - earlier->buckets[i];
    }
    return since;
}
