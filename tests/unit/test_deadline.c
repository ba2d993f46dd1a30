/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_deadline.h"

#include <apr_thread_proc.h>

#include <stdatomic.h>

#define MS 1000
#define PERIOD (5 * MS)

/** One caller, as the watch sees it. */
typedef struct caller_t {
    locks_deadline_slot_t *slot;
    /** Is a call under way? Plain on purpose: that arming and disarming
     *  order it for both threads is what a thread sanitizer checks. */
    int under_way;
    int told;
    /** Read while a call is under way, too. */
    _Atomic int told_late;
    int told_outside;
    /** How long the callback takes. */
    apr_interval_time_t dawdle;
} caller_t;

static void tell(void *baton, apr_interval_time_t left)
{
    caller_t *caller = baton;

    caller->told++;
    if (left <= 0) {
        caller->told_late++;
    }
    if (!caller->under_way) {
        caller->told_outside++;
    }
    if (caller->dawdle > 0) {
        apr_sleep(caller->dawdle);
    }
    if (!caller->under_way) {
        caller->told_outside++;
    }
}

static locks_deadline_watch_t *watch_for(caller_t *callers, int count)
{
    locks_deadline_watch_t *watch;
    int i;

    ck_assert_int_eq(locks_deadline_watch_create(&watch, count, PERIOD, pool),
                     APR_SUCCESS);
    for (i = 0; i < count; i++) {
        callers[i].slot = locks_deadline_slot(watch, i, tell, &callers[i]);
    }
    return watch;
}

static void begin(caller_t *caller, apr_interval_time_t time)
{
    caller->under_way = 1;
    locks_deadline_arm(caller->slot, locks_deadline_now() + time);
}

static void end(caller_t *caller)
{
    locks_deadline_disarm(caller->slot);
    caller->under_way = 0;
}

/** Waits, as long as a busy machine may need, until a call is told. */
static int told_late_since(const caller_t *caller, int before)
{
    int tries;

    for (tries = 0; tries < 1000; tries++) {
        if (caller->told_late != before) {
            return 1;
        }
        apr_sleep(5 * MS);
    }
    return 0;
}

START_TEST(a_call_learns_its_time)
{
    caller_t caller = {.told = 0};

    watch_for(&caller, 1);
    begin(&caller, apr_time_from_sec(100));
    apr_sleep(100 * MS);
    end(&caller);
    ck_assert_int_gt(caller.told, 1);
    ck_assert_int_eq(caller.told_late, 0);
}
END_TEST

START_TEST(a_call_past_its_deadline_is_told_so)
{
    caller_t caller = {.told = 0};

    watch_for(&caller, 1);
    begin(&caller, 20 * MS);
    ck_assert(told_late_since(&caller, 0));
    end(&caller);
}
END_TEST

START_TEST(a_sleeping_watch_wakes)
{
    caller_t caller = {.told = 0};
    int i;

    watch_for(&caller, 1);
    for (i = 0; i < 5; i++) {
        int before = caller.told_late;

        /* Long enough for the watch to fall asleep. */
        apr_sleep(50 * MS);
        begin(&caller, 10 * MS);
        ck_assert(told_late_since(&caller, before));
        end(&caller);
    }
}
END_TEST

START_TEST(nobody_is_told_after_the_end)
{
    caller_t caller = {.dawdle = 3 * MS};
    int told;
    int i;

    watch_for(&caller, 1);
    for (i = 0; i < 100; i++) {
        begin(&caller, 1);
        apr_sleep(4 * MS);
        end(&caller);
    }
    told = caller.told;
    apr_sleep(50 * MS);
    ck_assert_int_gt(told, 0);
    ck_assert_int_eq(caller.told, told);
    ck_assert_int_eq(caller.told_outside, 0);
}
END_TEST

START_TEST(each_slot_has_its_own_deadline)
{
    caller_t callers[3] = {{.told = 0}};

    watch_for(callers, 3);
    begin(&callers[0], 10 * MS);
    begin(&callers[2], apr_time_from_sec(100));
    ck_assert(told_late_since(&callers[0], 0));
    end(&callers[0]);
    end(&callers[2]);
    ck_assert_int_eq(callers[1].told, 0);
    ck_assert_int_gt(callers[2].told, 0);
    ck_assert_int_eq(callers[2].told_late, 0);
}
END_TEST

START_TEST(a_watch_ends_with_its_pool)
{
    int i;

    for (i = 0; i < 20; i++) {
        caller_t caller = {.told = 0};
        apr_pool_t *outer = pool;

        apr_pool_create(&pool, outer);
        watch_for(&caller, 1);
        if (i % 2 == 0) {
            begin(&caller, 1);
            end(&caller);
        }
        apr_sleep((i % 4) * 5 * MS);
        apr_pool_destroy(pool);
        pool = outer;
    }
}
END_TEST

#define THREADS 4
#define CALLS 20000

/** Makes calls so short that the watch meets few of them, and now and then
 *  one past its deadline. */
static void *APR_THREAD_FUNC call_often(apr_thread_t *thread, void *data)
{
    caller_t *caller = data;
    int i;

    for (i = 0; i < CALLS; i++) {
        int before = caller->told_late;

        begin(caller, i % 2);
        if (i % 1000 == 0 && !told_late_since(caller, before)) {
            apr_thread_exit(thread, APR_TIMEUP);
        }
        end(caller);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

START_TEST(no_telling_is_lost_or_misdirected)
{
    caller_t callers[THREADS] = {{.told = 0}};
    apr_thread_t *threads[THREADS];
    int i;

    watch_for(callers, THREADS);
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(
            apr_thread_create(&threads[i], NULL, call_often, &callers[i], pool),
            APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_status_t result;

        apr_thread_join(&result, threads[i]);
        ck_assert_int_eq(result, APR_SUCCESS);
        ck_assert_int_eq(callers[i].told_outside, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deadline");
    TCase *tcase = unit_case(suite);

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_call_learns_its_time);
    tcase_add_test(tcase, a_call_past_its_deadline_is_told_so);
    tcase_add_test(tcase, a_sleeping_watch_wakes);
    tcase_add_test(tcase, nobody_is_told_after_the_end);
    tcase_add_test(tcase, each_slot_has_its_own_deadline);
    tcase_add_test(tcase, a_watch_ends_with_its_pool);
    tcase_add_test(tcase, no_telling_is_lost_or_misdirected);
    return unit_run(suite);
}
