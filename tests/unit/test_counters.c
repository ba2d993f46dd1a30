/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, and what can be told of the last hour, whatever clocks and other
 * threads do meanwhile. */
#include "locks_counters.h"

#include "unit.h"

#include <apr_shm.h>
#include <apr_thread_proc.h>

/** A minute of some day, by its number from 0. */
#define MINUTE apr_time_from_sec(60)
#define AT(minute) ((apr_time_t)(28000000 + (minute)) * MINUTE)
#define THREADS 8
#define PROCESSES 3
#define TIMES 20000
/** Few, so that they really run at the same time. */
#define RIVALS 2
#define RACE_MINUTES 30000
#define RACE_TIMES 2
/** The numbers in locks_counts_t. */
#define CELLS (sizeof(locks_counts_t) / sizeof(apr_uint64_t))
/** What counters are aligned to. */
#define CACHE_LINE 64

static locks_counters_t *counters;
static locks_counts_t counts;
static locks_counts_t starts[LOCKS_MINUTES + 1];

static void begin_anew(void)
{
    counters = locks_counters_in(apr_pcalloc(pool, locks_counters_size()));
}

static void begin(void)
{
    setup();
    begin_anew();
}

static void read_counts(void)
{
    /* Each number is set, whatever was there. */
    memset(&counts, 0xff, sizeof(counts));
    locks_counters_read(counters, &counts);
}

static apr_uint64_t number(const locks_counts_t *of, apr_size_t cell)
{
    return ((const apr_uint64_t *)of)[cell];
}

static apr_uint64_t sum_of(const locks_counts_t *of)
{
    apr_uint64_t sum = 0;
    apr_size_t i;

    for (i = 0; i < CELLS; i++) {
        sum += number(of, i);
    }
    return sum;
}

/* ---- Counting ---- */

/** A number of its own for each kind. */
static apr_uint32_t times(int kind)
{
    return 3 + (apr_uint32_t)kind * 7;
}

START_TEST(nothing_is_counted_at_first)
{
    read_counts();
    ck_assert_uint_eq(sum_of(&counts), 0);
}
END_TEST

START_TEST(requests_are_counted_by_what_was_asked_and_answered)
{
    apr_uint64_t sum = 0;
    int e, o;
    apr_uint32_t i;

    for (e = 0; e < LOCKS_ENDPOINTS; e++) {
        for (o = 0; o < LOCKS_OUTCOMES; o++) {
            for (i = 0; i < times(e * LOCKS_OUTCOMES + o); i++) {
                locks_count_request(counters, (locks_endpoint_e)e,
                                    (locks_outcome_e)o);
                sum++;
            }
        }
    }
    read_counts();
    for (e = 0; e < LOCKS_ENDPOINTS; e++) {
        for (o = 0; o < LOCKS_OUTCOMES; o++) {
            ck_assert_uint_eq(counts.requests[e][o],
                              times(e * LOCKS_OUTCOMES + o));
        }
    }
    ck_assert_uint_eq(sum_of(&counts), sum);
}
END_TEST

START_TEST(events_are_counted_as_often_as_they_were)
{
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i < LOCKS_EVENTS; i++) {
        locks_count_event(counters, (locks_event_e)i, times(i));
        locks_count_event(counters, (locks_event_e)i, 0);
        locks_count_event(counters, (locks_event_e)i, 1);
        sum += times(i) + 1;
    }
    read_counts();
    for (i = 0; i < LOCKS_EVENTS; i++) {
        ck_assert_uint_eq(counts.events[i], times(i) + 1);
    }
    ck_assert_uint_eq(sum_of(&counts), sum);
}
END_TEST

START_TEST(failures_and_decisions_are_counted_by_kind)
{
    apr_uint64_t sum = 0;
    apr_uint32_t j;
    int i;

    for (i = 0; i < LOCKS_STORE_FAILURES; i++) {
        for (j = 0; j < times(i); j++) {
            locks_count_store_failure(counters, (locks_store_failure_e)i);
            sum++;
        }
    }
    for (i = 0; i < LOCKS_DECISIONS; i++) {
        for (j = 0; j < times(i) + 1; j++) {
            locks_count_decision(counters, (locks_decision_e)i);
            sum++;
        }
    }
    read_counts();
    for (i = 0; i < LOCKS_STORE_FAILURES; i++) {
        ck_assert_uint_eq(counts.store_failures[i], times(i));
    }
    for (i = 0; i < LOCKS_DECISIONS; i++) {
        ck_assert_uint_eq(counts.decisions[i], times(i) + 1);
    }
    ck_assert_uint_eq(sum_of(&counts), sum);
}
END_TEST

static void assert_named(const char *const *names, int count)
{
    int i, j;

    for (i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(names[i]);
        ck_assert_uint_eq(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"),
                          strlen(names[i]));
        for (j = 0; j < i; j++) {
            ck_assert_str_ne(names[i], names[j]);
        }
    }
}

START_TEST(each_kind_has_a_name_of_its_own)
{
    assert_named(locks_endpoint_names, LOCKS_ENDPOINTS);
    assert_named(locks_outcome_names, LOCKS_OUTCOMES);
    assert_named(locks_event_names, LOCKS_EVENTS);
    assert_named(locks_timed_names, LOCKS_TIMED);
    assert_named(locks_decision_names, LOCKS_DECISIONS);
    assert_named(locks_store_failure_names, LOCKS_STORE_FAILURES);
}
END_TEST

START_TEST(counters_have_cache_lines_of_their_own)
{
    char *memory = apr_pcalloc(pool, locks_counters_size() + CACHE_LINE);
    int i;

    for (i = 0; i < CACHE_LINE; i++) {
        counters = locks_counters_in(memory + i);
        ck_assert_uint_eq((apr_uintptr_t)counters % CACHE_LINE, 0);
        ck_assert(memory + i <= (char *)counters);
        ck_assert((char *)counters < memory + i + CACHE_LINE);
        locks_counters_note_minute(counters, AT(i));
    }
}
END_TEST

/* ---- Durations ---- */

/** The only bucket of a fresh histogram that a duration goes to; counts anew.
 */
static int bucket_of(locks_timed_e timed, apr_interval_time_t duration)
{
    int found = -1;
    int i;

    begin_anew();
    locks_count_duration(counters, timed, duration);
    read_counts();
    for (i = 0; i < LOCKS_BUCKETS; i++) {
        if (counts.durations[timed].buckets[i] > 0) {
            ck_assert_int_eq(found, -1);
            ck_assert_uint_eq(counts.durations[timed].buckets[i], 1);
            found = i;
        }
    }
    ck_assert_uint_eq(counts.durations[timed].sum,
                      duration > 0 ? (apr_uint64_t)duration : 0);
    ck_assert_uint_eq(sum_of(&counts), 1 + counts.durations[timed].sum);
    return found;
}

START_TEST(a_bound_belongs_to_what_is_below_it)
{
    int timed, i;

    for (timed = 0; timed < LOCKS_TIMED; timed++) {
        for (i = 0; i < LOCKS_BUCKETS - 1; i++) {
            apr_interval_time_t bound = locks_bucket_bounds[i];

            ck_assert_int_eq(bucket_of((locks_timed_e)timed, bound), i);
            ck_assert_int_eq(bucket_of((locks_timed_e)timed, bound + 1), i + 1);
            ck_assert(i == 0 || bound > locks_bucket_bounds[i - 1]);
        }
    }
}
END_TEST

START_TEST(the_shortest_and_the_longest_are_durations_too)
{
    ck_assert_int_eq(bucket_of(LOCKS_TIMED_LIST, 0), 0);
    ck_assert_int_eq(bucket_of(LOCKS_TIMED_LIST, -5), 0);
    ck_assert_int_eq(bucket_of(LOCKS_TIMED_LIST, apr_time_from_sec(3600)),
                     LOCKS_BUCKETS - 1);
}
END_TEST

static double quantile_of(apr_uint64_t first, apr_uint64_t third,
                          apr_uint64_t last, double quantile)
{
    locks_histogram_t histogram = {{0}, 0};

    histogram.buckets[0] = first;
    histogram.buckets[2] = third;
    histogram.buckets[LOCKS_BUCKETS - 1] = last;
    ck_assert_uint_eq(locks_histogram_count(&histogram), first + third + last);
    return locks_histogram_quantile(&histogram, quantile);
}

#define ASSERT_ABOUT(one, other) ck_assert_double_eq_tol(one, other, 1e-6)

START_TEST(quantiles_are_even_within_a_bucket)
{
    double below = (double)locks_bucket_bounds[1];
    double bound = (double)locks_bucket_bounds[2];
    double first = (double)locks_bucket_bounds[0];

    ASSERT_ABOUT(quantile_of(0, 4, 0, 0), below);
    ASSERT_ABOUT(quantile_of(0, 4, 0, 0.25), below + (bound - below) / 4);
    ASSERT_ABOUT(quantile_of(0, 4, 0, 0.5), (below + bound) / 2);
    ASSERT_ABOUT(quantile_of(0, 4, 0, 1), bound);
    ASSERT_ABOUT(quantile_of(1, 0, 0, 0.5), first / 2);
    /* Half of them are in the first bucket, none in the second. */
    ASSERT_ABOUT(quantile_of(2, 2, 0, 0.5), first);
    ASSERT_ABOUT(quantile_of(2, 2, 0, 0.75), (below + bound) / 2);
}
END_TEST

START_TEST(of_no_durations_every_quantile_is_0)
{
    ASSERT_ABOUT(quantile_of(0, 0, 0, 0), 0);
    ASSERT_ABOUT(quantile_of(0, 0, 0, 0.5), 0);
    ASSERT_ABOUT(quantile_of(0, 0, 0, 1), 0);
}
END_TEST

START_TEST(beyond_the_last_bound_it_is_told)
{
    double last = (double)locks_bucket_bounds[LOCKS_BUCKETS - 2];

    ASSERT_ABOUT(quantile_of(0, 0, 1, 0.5), last);
    ASSERT_ABOUT(quantile_of(0, 0, 1, 0), last);
    ASSERT_ABOUT(quantile_of(1, 1, 2, 0.51), last);
    ASSERT_ABOUT(quantile_of(1, 1, 2, 1), last);
    ASSERT_ABOUT(quantile_of(1, 1, 2, 0.5), (double)locks_bucket_bounds[2]);
}
END_TEST

START_TEST(what_came_since_is_the_difference)
{
    locks_histogram_t earlier = {{1, 2, 3}, 40};
    locks_histogram_t later = {{1, 5, 3, 7}, 90};
    locks_histogram_t since = locks_histogram_since(&later, &earlier);

    ck_assert_uint_eq(since.buckets[0], 0);
    ck_assert_uint_eq(since.buckets[1], 3);
    ck_assert_uint_eq(since.buckets[2], 0);
    ck_assert_uint_eq(since.buckets[3], 7);
    ck_assert_uint_eq(since.sum, 50);
    ck_assert_uint_eq(locks_histogram_count(&since), 10);
}
END_TEST

/* ---- Minutes ---- */

/** Counts as a request does that began then. */
static void count_at(apr_time_t now, int how_many)
{
    int i;

    for (i = 0; i < how_many; i++) {
        locks_counters_note_minute(counters, now);
        locks_count_request(counters, LOCKS_ENDPOINT_LIST, LOCKS_OUTCOME_DONE);
    }
}

/** Does nothing become less? */
static int rises(const locks_counts_t *from, const locks_counts_t *to)
{
    int rise = 1;
    apr_size_t i;

    for (i = 0; i < CELLS; i++) {
        rise &= number(from, i) <= number(to, i);
    }
    return rise;
}

/** Nothing that was counted is ever taken back. */
static void assert_rising(void)
{
    int i;

    for (i = 0; i < LOCKS_MINUTES; i++) {
        if (!rises(&starts[i], &starts[i + 1])) {
            ck_abort_msg("%d minutes ago less was counted than before",
                         LOCKS_MINUTES - 1 - i);
        }
    }
}

/** Looks back from a minute. */
static int look_back(apr_time_t now)
{
    int seen;

    memset(starts, 0xff, sizeof(starts));
    seen = locks_counters_minutes(counters, now, starts);
    assert_rising();
    read_counts();
    ck_assert_mem_eq(&starts[LOCKS_MINUTES], &counts, sizeof(counts));
    return seen;
}

/** How many requests were counted so many minutes ago; 0 is the last. */
static apr_uint64_t counted(int ago)
{
    int i = LOCKS_MINUTES - ago;

    return sum_of(&starts[i]) - sum_of(&starts[i - 1]);
}

/** How many in all the minutes that are looked back on. */
static apr_uint64_t counted_in_all(void)
{
    return sum_of(&starts[LOCKS_MINUTES]) - sum_of(&starts[0]);
}

START_TEST(a_server_that_nobody_asked_has_seen_no_minute)
{
    ck_assert_int_eq(look_back(AT(0)), 0);
    ck_assert_uint_eq(sum_of(&starts[0]), 0);
    ck_assert_uint_eq(counted_in_all(), 0);
}
END_TEST

START_TEST(a_minute_lasts_to_its_end)
{
    count_at(AT(0), 1);
    count_at(AT(1) - 1, 2);
    ck_assert_int_eq(look_back(AT(1) - 1), 1);
    ck_assert_uint_eq(counted(0), 3);
    ck_assert_int_eq(look_back(AT(1)), 2);
    ck_assert_uint_eq(counted(0), 0);
    ck_assert_uint_eq(counted(1), 3);
    count_at(AT(1), 4);
    look_back(AT(1));
    ck_assert_uint_eq(counted(0), 4);
    ck_assert_uint_eq(counted(1), 3);
}
END_TEST

START_TEST(minutes_without_requests_are_empty)
{
    count_at(AT(0), 2);
    count_at(AT(1), 3);
    count_at(AT(5), 4);
    ck_assert_int_eq(look_back(AT(8)), 9);
    ck_assert_uint_eq(counted(8), 2);
    ck_assert_uint_eq(counted(7), 3);
    ck_assert_uint_eq(counted(3), 4);
    ck_assert_uint_eq(counted_in_all(), 9);
    ck_assert_uint_eq(sum_of(&starts[0]), 0);
}
END_TEST

START_TEST(an_hour_is_looked_back_on)
{
    int minute;

    for (minute = 0; minute < 3 * LOCKS_MINUTES; minute++) {
        int seen = minute + 1;
        int ago;

        count_at(AT(minute), minute % 7 + 1);
        ck_assert_int_eq(look_back(AT(minute)),
                         seen < LOCKS_MINUTES ? seen : LOCKS_MINUTES);
        for (ago = 0; ago < LOCKS_MINUTES && ago <= minute; ago++) {
            ck_assert_uint_eq(counted(ago),
                              (apr_uint64_t)((minute - ago) % 7 + 1));
        }
    }
}
END_TEST

START_TEST(what_was_counted_longer_ago_is_in_no_minute)
{
    count_at(AT(0), 5);
    look_back(AT(LOCKS_MINUTES - 1));
    ck_assert_uint_eq(counted(LOCKS_MINUTES - 1), 5);
    ck_assert_int_eq(look_back(AT(LOCKS_MINUTES)), 0);
    ck_assert_uint_eq(counted_in_all(), 0);
    ck_assert_uint_eq(sum_of(&starts[0]), 5);
    count_at(AT(10 * LOCKS_MINUTES), 2);
    look_back(AT(10 * LOCKS_MINUTES));
    ck_assert_uint_eq(counted(0), 2);
    ck_assert_uint_eq(counted_in_all(), 2);
}
END_TEST

START_TEST(a_request_that_began_in_the_minute_before_is_late)
{
    count_at(AT(0), 1);
    count_at(AT(1), 1);
    count_at(AT(1) - 1, 3);
    look_back(AT(1));
    ck_assert_uint_eq(counted(0), 4);
    ck_assert_uint_eq(counted(1), 1);
}
END_TEST

START_TEST(a_clock_that_steps_back_a_little_loses_nothing)
{
    int minute;

    for (minute = 0; minute <= 20; minute++) {
        count_at(AT(minute), 2);
    }
    for (minute = 10; minute <= 30; minute++) {
        count_at(AT(minute), 1);
        look_back(AT(minute));
        ck_assert_uint_eq(sum_of(&starts[LOCKS_MINUTES]),
                          (apr_uint64_t)(21 * 2 + minute - 9));
    }
    ck_assert_uint_eq(counted(0), 1);
    ck_assert_uint_eq(counted(9), 1);
    /* In the twentieth it stayed for as long as it took to come again. */
    ck_assert_uint_eq(counted(10), 2 + 11);
    ck_assert_uint_eq(counted(11), 2);
    ck_assert_uint_eq(counted_in_all(), 21 * 2 + 21);
}
END_TEST

/** By how much, and which minutes nobody asks in afterwards, are the test's
 *  own number's. */
START_TEST(a_clock_that_steps_back_far_begins_anew)
{
    int back = LOCKS_MINUTES + 1 + _i;
    int every = 1 + _i % 4;
    int minute;

    for (minute = 0; minute < 200; minute++) {
        count_at(AT(minute), 2);
    }
    for (minute = 200 - back; minute < 300; minute++) {
        if (minute % every == 0) {
            count_at(AT(minute), 3);
        }
        look_back(AT(minute));
    }
    ck_assert_uint_eq(counted_in_all(),
                      (apr_uint64_t)(LOCKS_MINUTES / every * 3));
}
END_TEST

START_TEST(a_clock_that_was_far_ahead_is_right_again)
{
    count_at(AT(0), 1);
    count_at(AT(100000), 2);
    count_at(AT(100001), 2);
    count_at(AT(1), 3);
    count_at(AT(3), 4);
    look_back(AT(3));
    ck_assert_uint_eq(counted(0), 4);
    ck_assert_uint_eq(counted(2), 3);
    ck_assert_uint_eq(counted(3), 1 + 2 + 2);
}
END_TEST

START_TEST(a_clock_that_was_never_set_does_no_harm)
{
    count_at(0, 1);
    ck_assert_int_eq(look_back(0), 0);
    count_at(MINUTE, 1);
    ck_assert_int_eq(look_back(MINUTE), 1);
    ck_assert_uint_eq(counted(0), 1);
    count_at(-MINUTE, 1);
    look_back(-MINUTE);
    count_at(AT(0), 1);
    look_back(AT(0));
    ck_assert_uint_eq(counted(0), 1);
}
END_TEST

/* ---- Many at once ---- */

/** A thread of a race, and which it is. */
typedef struct racer_t {
    struct race_t *race;
    int number;
    apr_thread_t *thread;
} racer_t;

typedef struct race_t {
    racer_t racers[THREADS];
    locks_counters_t *counters;
    /** The minute that lasts, and how many have come to it. */
    _Atomic int minute;
    _Atomic int arrived;
    /** Are all requests counted? */
    _Atomic int is_over;
} race_t;

static race_t *start(apr_thread_start_t run, int count)
{
    race_t *race = apr_pcalloc(pool, sizeof(*race));
    int i;

    race->counters = counters;
    for (i = 0; i < count; i++) {
        race->racers[i] = (racer_t){.race = race, .number = i};
        ck_assert_int_eq(apr_thread_create(&race->racers[i].thread, NULL, run,
                                           &race->racers[i], pool),
                         APR_SUCCESS);
    }
    return race;
}

static void join(race_t *race, int count)
{
    apr_status_t status;
    int i;

    for (i = 0; i < count; i++) {
        apr_thread_join(&status, race->racers[i].thread);
    }
}

/** Counts some of each kind, as often as said. */
static void count_a_lot(locks_counters_t *shared, int often)
{
    int i;

    for (i = 0; i < often; i++) {
        locks_counters_note_minute(shared, AT(i / (TIMES / 50)));
        locks_count_request(shared, LOCKS_ENDPOINT_ACQUIRE,
                            LOCKS_OUTCOME_LOCKED);
        locks_count_event(shared, LOCKS_EVENT_RETRY, 3);
        locks_count_decision(shared, LOCKS_DECISION_PASSED);
        locks_count_store_failure(shared, LOCKS_STORE_FAILURE_TIMEOUT);
        locks_count_duration(shared, LOCKS_TIMED_GUARD, 75);
    }
}

static void assert_counted(int often)
{
    apr_uint64_t times_all = (apr_uint64_t)often;

    read_counts();
    ck_assert_uint_eq(
        counts.requests[LOCKS_ENDPOINT_ACQUIRE][LOCKS_OUTCOME_LOCKED],
        times_all);
    ck_assert_uint_eq(counts.events[LOCKS_EVENT_RETRY], 3 * times_all);
    ck_assert_uint_eq(counts.decisions[LOCKS_DECISION_PASSED], times_all);
    ck_assert_uint_eq(counts.store_failures[LOCKS_STORE_FAILURE_TIMEOUT],
                      times_all);
    ck_assert_uint_eq(counts.durations[LOCKS_TIMED_GUARD].buckets[1],
                      times_all);
    ck_assert_uint_eq(counts.durations[LOCKS_TIMED_GUARD].sum, 75 * times_all);
    ck_assert_uint_eq(sum_of(&counts), (1 + 3 + 1 + 1 + 1 + 75) * times_all);
}

static void *APR_THREAD_FUNC run_counting(apr_thread_t *thread, void *data)
{
    const racer_t *racer = data;

    (void)thread;
    count_a_lot(racer->race->counters, TIMES);
    return NULL;
}

START_TEST(threads_that_count_at_once_lose_nothing)
{
    join(start(run_counting, THREADS), THREADS);
    assert_counted(THREADS * TIMES);
}
END_TEST

START_TEST(processes_that_count_at_once_lose_nothing)
{
    apr_shm_t *shm;
    apr_proc_t processes[PROCESSES];
    int code;
    int i;

    ck_assert_int_eq(apr_shm_create(&shm, locks_counters_size(), NULL, pool),
                     APR_SUCCESS);
    counters = locks_counters_in(apr_shm_baseaddr_get(shm));
    for (i = 0; i < PROCESSES; i++) {
        if (apr_proc_fork(&processes[i], pool) == APR_INCHILD) {
            join(start(run_counting, RIVALS), RIVALS);
            _exit(EXIT_SUCCESS);
        }
    }
    for (i = 0; i < PROCESSES; i++) {
        ck_assert_int_eq(apr_proc_wait(&processes[i], &code, NULL, APR_WAIT),
                         APR_CHILD_DONE);
        ck_assert_int_eq(code, EXIT_SUCCESS);
    }
    assert_counted(PROCESSES * RIVALS * TIMES);
}
END_TEST

/** Waits until all have come to a minute. */
static void arrive(race_t *race, int minute)
{
    race->arrived++;
    while (race->arrived < (minute + 1) * RIVALS) {
        apr_thread_yield();
    }
}

static void *APR_THREAD_FUNC run_minutes(apr_thread_t *thread, void *data)
{
    race_t *race = ((const racer_t *)data)->race;
    int minute;

    (void)thread;
    for (minute = 0; minute < LOCKS_MINUTES; minute++) {
        arrive(race, minute);
        locks_counters_note_minute(race->counters, AT(minute));
        locks_count_request(race->counters, LOCKS_ENDPOINT_LIST,
                            LOCKS_OUTCOME_DONE);
    }
    return NULL;
}

/** What one counts while the other notes may be before the minute or in it,
 *  never anywhere else. */
START_TEST(a_minute_that_two_note_at_once_is_noted_once)
{
    int i;

    for (i = 0; i < 50; i++) {
        int minute;

        begin_anew();
        join(start(run_minutes, RIVALS), RIVALS);
        ck_assert_int_eq(look_back(AT(LOCKS_MINUTES - 1)), LOCKS_MINUTES);
        for (minute = 0; minute < LOCKS_MINUTES; minute++) {
            apr_uint64_t before = (apr_uint64_t)minute * RIVALS;

            ck_assert_uint_ge(sum_of(&starts[minute]), before);
            ck_assert_uint_lt(sum_of(&starts[minute]), before + RIVALS);
        }
        ck_assert_uint_eq(sum_of(&starts[LOCKS_MINUTES]),
                          LOCKS_MINUTES * RIVALS);
    }
}
END_TEST

/** Counts through many minutes, one of two the first to note each. */
static void *APR_THREAD_FUNC run_writing(apr_thread_t *thread, void *data)
{
    race_t *race = ((const racer_t *)data)->race;
    int minute;
    int i;

    (void)thread;
    for (minute = 0; minute < RACE_MINUTES; minute++) {
        race->minute = minute;
        for (i = 0; i < RACE_TIMES; i++) {
            locks_counters_note_minute(race->counters, AT(minute));
            locks_count_duration(race->counters, LOCKS_TIMED_LIST, 75);
        }
    }
    race->is_over++;
    return NULL;
}

START_TEST(reading_while_others_count_takes_nothing_back)
{
    race_t *race = start(run_writing, RIVALS);
    locks_counts_t before = {0};

    while (race->is_over < RIVALS) {
        locks_counters_minutes(counters, AT(race->minute), starts);
        assert_rising();
        ck_assert(rises(&before, &starts[LOCKS_MINUTES]));
        before = starts[LOCKS_MINUTES];
        read_counts();
        ck_assert(rises(&before, &counts));
    }
    join(race, RIVALS);
    read_counts();
    ck_assert_uint_eq(counts.durations[LOCKS_TIMED_LIST].buckets[1],
                      RIVALS * RACE_MINUTES * RACE_TIMES);
}
END_TEST

static void add_tests_of_counting(TCase *tests)
{
    tcase_add_test(tests, nothing_is_counted_at_first);
    tcase_add_test(tests, requests_are_counted_by_what_was_asked_and_answered);
    tcase_add_test(tests, events_are_counted_as_often_as_they_were);
    tcase_add_test(tests, failures_and_decisions_are_counted_by_kind);
    tcase_add_test(tests, each_kind_has_a_name_of_its_own);
    tcase_add_test(tests, counters_have_cache_lines_of_their_own);
    tcase_add_test(tests, a_bound_belongs_to_what_is_below_it);
    tcase_add_test(tests, the_shortest_and_the_longest_are_durations_too);
    tcase_add_test(tests, quantiles_are_even_within_a_bucket);
    tcase_add_test(tests, of_no_durations_every_quantile_is_0);
    tcase_add_test(tests, beyond_the_last_bound_it_is_told);
    tcase_add_test(tests, what_came_since_is_the_difference);
}

static void add_tests_of_minutes(TCase *tests)
{
    tcase_add_test(tests, a_server_that_nobody_asked_has_seen_no_minute);
    tcase_add_test(tests, a_minute_lasts_to_its_end);
    tcase_add_test(tests, minutes_without_requests_are_empty);
    tcase_add_test(tests, an_hour_is_looked_back_on);
    tcase_add_test(tests, what_was_counted_longer_ago_is_in_no_minute);
    tcase_add_test(tests, a_request_that_began_in_the_minute_before_is_late);
    tcase_add_test(tests, a_clock_that_steps_back_a_little_loses_nothing);
    tcase_add_loop_test(tests, a_clock_that_steps_back_far_begins_anew, 0, 12);
    tcase_add_test(tests, a_clock_that_was_far_ahead_is_right_again);
    tcase_add_test(tests, a_clock_that_was_never_set_does_no_harm);
}

int main(void)
{
    Suite *suite = suite_create("counters");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, begin, teardown);
    suite_add_tcase(suite, tests);
    add_tests_of_counting(tests);
    add_tests_of_minutes(tests);
    tcase_add_test(tests, threads_that_count_at_once_lose_nothing);
    tcase_add_test(tests, processes_that_count_at_once_lose_nothing);
    tcase_add_test(tests, a_minute_that_two_note_at_once_is_noted_once);
    tcase_add_test(tests, reading_while_others_count_takes_nothing_back);
    return unit_run(suite);
}
