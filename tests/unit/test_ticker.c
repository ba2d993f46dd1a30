/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does something now and then, and ends when it is told to. */
#include "locks_ticker.h"

#include "locks_deadline.h"
#include "unit.h"

#include <apr_thread_proc.h>

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/** A pause that no test waits for, and one that every test can. */
#define LONG apr_time_from_sec(3600)
#define SHORT apr_time_from_msec(20)
/** What a tick takes that takes its time. */
#define SLOW apr_time_from_msec(200)
/** Much more than a thread needs to be woken, much less than a pause. */
#define SOON apr_time_from_sec(10)

/** What a ticker did. */
typedef struct ticks_t {
    _Atomic int begun;
    _Atomic int ended;
    /** How long a tick takes. */
    apr_interval_time_t takes;
    /** When the last one ended, and the shortest pause since any. */
    apr_time_t last;
    _Atomic apr_int64_t shortest;
    /** Signals that one of them would have taken. */
    _Atomic int open_signals;
} ticks_t;

static ticks_t ticks;
/** What the ticker lives in. */
static apr_pool_t *process;

static void begin(void)
{
    setup();
    apr_pool_create(&process, pool);
    memset(&ticks, 0, sizeof(ticks));
    ticks.shortest = LONG;
}

/** The signals that may be blocked and are not; C's library has more, for its
 *  own ends. */
static int count_open_signals(void)
{
    sigset_t mask;
    int open = 0;
    int number;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (number = 1; number <= SIGSYS; number++) {
        open += number != SIGKILL && number != SIGSTOP &&
                !sigismember(&mask, number);
    }
    return open;
}

static void tick(void *baton)
{
    ticks_t *own = baton;
    apr_time_t now = locks_deadline_now();

    if (own->begun++ > 0 && now - own->last < own->shortest) {
        own->shortest = now - own->last;
    }
    own->open_signals += count_open_signals();
    if (own->takes > 0) {
        apr_sleep(own->takes);
    }
    own->last = locks_deadline_now();
    own->ended++;
}

static void start(apr_interval_time_t period)
{
    ck_assert_int_eq(locks_ticker_start(period, tick, &ticks, process),
                     APR_SUCCESS);
}

/** Waits until something was done so often. @return whether it was */
static int wait_for(const _Atomic int *done, int often)
{
    apr_time_t end = locks_deadline_now() + SOON;

    while (*done < often && locks_deadline_now() < end) {
        apr_sleep(1000);
    }
    return *done >= often;
}

START_TEST(it_ticks_at_once)
{
    start(LONG);
    ck_assert(wait_for(&ticks.ended, 1));
    apr_sleep(SLOW);
    ck_assert_int_eq(ticks.begun, 1);
}
END_TEST

START_TEST(it_ticks_again_after_a_pause)
{
    ticks.takes = SHORT;
    start(SHORT);
    ck_assert(wait_for(&ticks.ended, 4));
    /* The pause counts milliseconds. */
    ck_assert_int_ge(ticks.shortest, SHORT - apr_time_from_msec(1));
}
END_TEST

START_TEST(the_end_does_not_wait_for_a_pause)
{
    apr_time_t began = locks_deadline_now();

    start(LONG);
    ck_assert(wait_for(&ticks.ended, 1));
    apr_sleep(SHORT);
    apr_pool_destroy(process);
    ck_assert_int_lt(locks_deadline_now() - began, SOON);
    ck_assert_int_eq(ticks.begun, 1);
}
END_TEST

START_TEST(the_end_waits_for_a_tick)
{
    ticks.takes = SLOW;
    start(LONG);
    ck_assert(wait_for(&ticks.begun, 1));
    ck_assert_int_eq(ticks.ended, 0);
    apr_pool_destroy(process);
    ck_assert_int_eq(ticks.begun, 1);
    ck_assert_int_eq(ticks.ended, 1);
}
END_TEST

START_TEST(after_the_end_there_is_no_tick)
{
    int begun;

    start(1000);
    ck_assert(wait_for(&ticks.ended, 2));
    apr_pool_destroy(process);
    begun = ticks.begun;
    ck_assert_int_eq(ticks.ended, begun);
    apr_sleep(SHORT);
    ck_assert_int_eq(ticks.begun, begun);
}
END_TEST

/** What a tick uses may live in the ticker's pool and those below it. */
static apr_status_t note_end(void *baton)
{
    const ticks_t *own = baton;

    ck_assert_int_eq(own->begun, own->ended);
    return APR_SUCCESS;
}

START_TEST(it_ends_before_what_its_ticks_use)
{
    apr_pool_t *below;

    apr_pool_create(&below, process);
    apr_pool_cleanup_register(below, &ticks, note_end, apr_pool_cleanup_null);
    apr_pool_cleanup_register(process, &ticks, note_end, apr_pool_cleanup_null);
    ticks.takes = SLOW;
    start(LONG);
    ck_assert(wait_for(&ticks.begun, 1));
    apr_pool_destroy(process);
    ck_assert_int_eq(ticks.ended, 1);
}
END_TEST

START_TEST(it_takes_no_signal)
{
    int before = count_open_signals();

    start(SHORT);
    ck_assert(wait_for(&ticks.ended, 2));
    ck_assert_int_eq(ticks.open_signals, 0);
    /* Nor does it take them from the others. */
    ck_assert_int_gt(before, 0);
    ck_assert_int_eq(count_open_signals(), before);
}
END_TEST

/** The life of a child of an httpd; what it exits with. */
static int live(void)
{
    apr_pool_t *child;

    apr_pool_create(&child, pool);
    process = child;
    ticks.takes = SLOW / 4;
    if (locks_ticker_start(SHORT, tick, &ticks, child) != APR_SUCCESS ||
        !wait_for(&ticks.ended, 2)) {
        return EXIT_FAILURE;
    }
    apr_pool_destroy(child);
    return ticks.begun == ticks.ended && ticks.open_signals == 0 ? EXIT_SUCCESS
                                                                 : EXIT_FAILURE;
}

START_TEST(it_works_in_a_forked_child)
{
    apr_proc_t child;
    int code;

    if (apr_proc_fork(&child, pool) == APR_INCHILD) {
        _exit(live());
    }
    ck_assert_int_eq(apr_proc_wait(&child, &code, NULL, APR_WAIT),
                     APR_CHILD_DONE);
    ck_assert_int_eq(code, EXIT_SUCCESS);
    ck_assert_int_eq(ticks.begun, 0);
}
END_TEST

START_TEST(several_tick_side_by_side)
{
    static ticks_t others;

    others.shortest = LONG;
    ticks.takes = SLOW;
    start(LONG);
    ck_assert_int_eq(locks_ticker_start(1000, tick, &others, process),
                     APR_SUCCESS);
    ck_assert(wait_for(&others.ended, 3));
    apr_pool_destroy(process);
    ck_assert_int_eq(ticks.begun, ticks.ended);
    ck_assert_int_eq(others.begun, others.ended);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ticker");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, begin, teardown);
    /* Longer than any of the waits above. */
    tcase_set_timeout(tests, 3 * (double)apr_time_sec(SOON));
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, it_ticks_at_once);
    tcase_add_test(tests, it_ticks_again_after_a_pause);
    tcase_add_test(tests, the_end_does_not_wait_for_a_pause);
    tcase_add_test(tests, the_end_waits_for_a_tick);
    tcase_add_test(tests, after_the_end_there_is_no_tick);
    tcase_add_test(tests, it_ends_before_what_its_ticks_use);
    tcase_add_test(tests, it_takes_no_signal);
    tcase_add_test(tests, it_works_in_a_forked_child);
    tcase_add_test(tests, several_tick_side_by_side);
    return unit_run(suite);
}
