/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_breaker.h"

#include "unit.h"

#include <apr_thread_proc.h>

#define NOW apr_time_from_sec(1000)
/** What a try takes at most, but where that matters. */
#define PATIENCE apr_time_from_msec(1)
#define THREADS 8
#define ROUNDS 2000
/** Few, so that they really run at the same time. */
#define RUSHERS 2

/** Times out until it opens, and says when it did. */
static int open_at(locks_breaker_t *breaker, apr_time_t now)
{
    int timeouts;

    for (timeouts = 1; !locks_breaker_timed_out(breaker, now); timeouts++) {
        ck_assert_int_lt(timeouts, 100);
    }
    return timeouts;
}

START_TEST(a_new_one_asks)
{
    locks_breaker_t breaker = {0};

    ck_assert_int_eq(locks_breaker_advise(&breaker, NOW, PATIENCE),
                     LOCKS_BREAKER_ASK);
    ck_assert(!locks_breaker_answered(&breaker));
}
END_TEST

START_TEST(timeouts_in_a_row_open_it_once)
{
    locks_breaker_t breaker = {0};

    ck_assert_int_eq(open_at(&breaker, NOW), LOCKS_BREAKER_TIMEOUTS);
    ck_assert(!locks_breaker_timed_out(&breaker, NOW));
    ck_assert_int_eq(locks_breaker_advise(&breaker, NOW, PATIENCE),
                     LOCKS_BREAKER_LEAVE);
}
END_TEST

START_TEST(an_answer_between_starts_the_count_again)
{
    locks_breaker_t breaker = {0};
    int i;

    for (i = 0; i < 10 * LOCKS_BREAKER_TIMEOUTS; i++) {
        ck_assert(!locks_breaker_timed_out(&breaker, NOW));
        ck_assert(!locks_breaker_answered(&breaker));
    }
    ck_assert_int_eq(locks_breaker_advise(&breaker, NOW, PATIENCE),
                     LOCKS_BREAKER_ASK);
}
END_TEST

START_TEST(after_a_pause_one_tries)
{
    locks_breaker_t breaker = {0};
    apr_time_t next = NOW + LOCKS_BREAKER_PAUSE_MIN;

    open_at(&breaker, NOW);
    ck_assert_int_eq(locks_breaker_advise(&breaker, next - 1, PATIENCE),
                     LOCKS_BREAKER_LEAVE);
    ck_assert_int_eq(locks_breaker_advise(&breaker, next, PATIENCE),
                     LOCKS_BREAKER_TRY);
    ck_assert_int_eq(locks_breaker_advise(&breaker, next, PATIENCE),
                     LOCKS_BREAKER_LEAVE);
}
END_TEST

START_TEST(a_try_has_its_time)
{
    locks_breaker_t breaker = {0};
    apr_time_t now = NOW + LOCKS_BREAKER_PAUSE_MIN;
    apr_interval_time_t patience = 20 * LOCKS_BREAKER_PAUSE_MAX;
    int i;

    open_at(&breaker, NOW);
    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(locks_breaker_advise(&breaker, now, patience),
                         LOCKS_BREAKER_TRY);
        now += patience;
        ck_assert_int_eq(locks_breaker_advise(&breaker, now - 1, patience),
                         LOCKS_BREAKER_LEAVE);
    }
}
END_TEST

START_TEST(it_is_open_from_the_last_timeout_to_an_answer)
{
    locks_breaker_t breaker = {0};
    apr_time_t now = NOW + LOCKS_BREAKER_PAUSE_MIN;

    ck_assert(!locks_breaker_timed_out(&breaker, NOW));
    ck_assert(!locks_breaker_is_open(&breaker));
    open_at(&breaker, NOW);
    ck_assert(locks_breaker_is_open(&breaker));
    (void)locks_breaker_advise(&breaker, now, PATIENCE);
    ck_assert(locks_breaker_is_open(&breaker));
    ck_assert(!locks_breaker_timed_out(&breaker, now));
    ck_assert(locks_breaker_is_open(&breaker));
    ck_assert(locks_breaker_answered(&breaker));
    ck_assert(!locks_breaker_is_open(&breaker));
}
END_TEST

START_TEST(an_answer_closes_it_once)
{
    locks_breaker_t breaker = {0};

    open_at(&breaker, NOW);
    ck_assert(locks_breaker_answered(&breaker));
    ck_assert(!locks_breaker_answered(&breaker));
    ck_assert_int_eq(locks_breaker_advise(&breaker, NOW, PATIENCE),
                     LOCKS_BREAKER_ASK);
    ck_assert_int_eq(open_at(&breaker, NOW), LOCKS_BREAKER_TIMEOUTS);
}
END_TEST

/** Whether the one who tries comes back with a timeout or never. */
START_TEST(pauses_grow_up_to_the_longest)
{
    locks_breaker_t breaker = {0};
    apr_interval_time_t pause = LOCKS_BREAKER_PAUSE_MIN;
    apr_time_t now = NOW;
    int i;

    open_at(&breaker, now);
    for (i = 0; i < 10; i++) {
        now += pause;
        ck_assert_int_eq(locks_breaker_advise(&breaker, now - 1, PATIENCE),
                         LOCKS_BREAKER_LEAVE);
        ck_assert_int_eq(locks_breaker_advise(&breaker, now, PATIENCE),
                         LOCKS_BREAKER_TRY);
        if (_i) {
            ck_assert(!locks_breaker_timed_out(&breaker, now));
        }
        pause = pause * 2 < LOCKS_BREAKER_PAUSE_MAX ? pause * 2
                                                    : LOCKS_BREAKER_PAUSE_MAX;
    }
}
END_TEST

/** Threads that race through one breaker, round after round. */
typedef struct race_t {
    locks_breaker_t breakers[ROUNDS];
    _Atomic int opened[ROUNDS];
    _Atomic int tried[ROUNDS];
    _Atomic int closed[ROUNDS];
} race_t;

static void *APR_THREAD_FUNC run_race(apr_thread_t *thread, void *data)
{
    race_t *race = data;
    int i, j;

    for (i = 0; i < ROUNDS; i++) {
        for (j = 0; j < LOCKS_BREAKER_TIMEOUTS; j++) {
            race->opened[i] += locks_breaker_timed_out(&race->breakers[i], NOW);
        }
    }
    for (i = 0; i < ROUNDS; i++) {
        race->tried[i] += locks_breaker_advise(&race->breakers[i],
                                               NOW + LOCKS_BREAKER_PAUSE_MIN,
                                               PATIENCE) == LOCKS_BREAKER_TRY;
    }
    for (i = ROUNDS - 1; i >= 0; i--) {
        race->closed[i] += locks_breaker_answered(&race->breakers[i]);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

START_TEST(of_many_threads_one_opens_and_one_tries)
{
    race_t *race = apr_pcalloc(pool, sizeof(*race));
    apr_thread_t *threads[THREADS];
    apr_status_t status;
    int i;

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(
            apr_thread_create(&threads[i], NULL, run_race, race, pool),
            APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&status, threads[i]);
    }
    for (i = 0; i < ROUNDS; i++) {
        /* A thread may open it again after another has closed it. */
        ck_assert_int_ge(race->opened[i], 1);
        ck_assert_int_eq(race->opened[i], race->closed[i]);
        ck_assert_int_le(race->tried[i], race->opened[i]);
    }
}
END_TEST

/** Threads that ask one open breaker at the same time, round after round. */
typedef struct rush_t {
    locks_breaker_t breakers[ROUNDS];
    _Atomic int arrived[ROUNDS];
    _Atomic int tries[ROUNDS];
} rush_t;

static void *APR_THREAD_FUNC run_rush(apr_thread_t *thread, void *data)
{
    rush_t *rush = data;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        rush->arrived[i]++;
        while (rush->arrived[i] < RUSHERS) {
            apr_thread_yield();
        }
        rush->tries[i] += locks_breaker_advise(&rush->breakers[i],
                                               NOW + LOCKS_BREAKER_PAUSE_MIN,
                                               PATIENCE) == LOCKS_BREAKER_TRY;
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

START_TEST(of_threads_at_the_same_time_exactly_one_tries)
{
    rush_t *rush = apr_pcalloc(pool, sizeof(*rush));
    apr_thread_t *threads[RUSHERS];
    apr_status_t status;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        open_at(&rush->breakers[i], NOW);
    }
    for (i = 0; i < RUSHERS; i++) {
        ck_assert_int_eq(
            apr_thread_create(&threads[i], NULL, run_rush, rush, pool),
            APR_SUCCESS);
    }
    for (i = 0; i < RUSHERS; i++) {
        apr_thread_join(&status, threads[i]);
    }
    for (i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(rush->tries[i], 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("breaker");
    TCase *tests = unit_case(suite);

    tcase_add_test(tests, a_new_one_asks);
    tcase_add_test(tests, timeouts_in_a_row_open_it_once);
    tcase_add_test(tests, an_answer_between_starts_the_count_again);
    tcase_add_test(tests, after_a_pause_one_tries);
    tcase_add_test(tests, a_try_has_its_time);
    tcase_add_test(tests, it_is_open_from_the_last_timeout_to_an_answer);
    tcase_add_test(tests, an_answer_closes_it_once);
    tcase_add_loop_test(tests, pauses_grow_up_to_the_longest, 0, 2);
    tcase_add_test(tests, of_many_threads_one_opens_and_one_tries);
    tcase_add_test(tests, of_threads_at_the_same_time_exactly_one_tries);
    return unit_run(suite);
}
