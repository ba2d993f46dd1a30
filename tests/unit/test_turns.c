/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_turns.h"

#include <setjmp.h>

/** The longest turn and the longest wait, as locks_turns.c has them. */
#define TURN_MAX apr_time_from_msec(10)
#define WAIT_MAX apr_time_from_msec(50)

/** A world where time passes in waits alone. */
static apr_time_t ticks;
static int waits;
/** Gives its turn in the wait of this number. */
static locks_turn_t *leaver;
static int leaves_in;
/** Does who waits die there? */
static int dies;
static jmp_buf death;
static sem_t *died_at;

static apr_time_t tell_ticks(void *baton)
{
    (void)baton;
    return ticks;
}

/** Wakes up at once if somebody posts, and now and then for nothing. */
static void await(void *baton, sem_t *posted, apr_interval_time_t longest)
{
    (void)baton;
    ck_assert_int_gt(longest, 0);
    if (dies) {
        died_at = posted;
        longjmp(death, 1);
    }
    if (++waits == leaves_in) {
        locks_turn_give(leaver);
        ck_assert_int_eq(sem_trywait(posted), 0);
    } else {
        ticks += longest < 1000 ? longest : 1000;
    }
}

static const locks_environment_t env = {
    .now = tell_ticks, .ticks = tell_ticks, .await = await};

static locks_turns_t *turns;
static locks_turn_t ann;
static locks_turn_t ben;

static void begin(void)
{
    char *memory = apr_pcalloc(pool, locks_turns_size() + 1);

    turns = locks_turns_in(memory + 1);
    ck_assert_int_eq(locks_turns_begin(turns), APR_SUCCESS);
    memset(&ann, 0, sizeof(ann));
    memset(&ben, 0, sizeof(ben));
    ticks = apr_time_from_sec(1);
    waits = 0;
    leaves_in = 0;
}

static void watch(locks_turn_t *turn)
{
    locks_turn_watch(turn, turns, &env, "course1");
}

START_TEST(who_is_alone_waits_for_nobody)
{
    begin();
    watch(&ann);
    ck_assert_int_eq(locks_turn_take(&ann), 0);
    locks_turn_give(&ann);
    watch(&ann);
    ck_assert_int_eq(locks_turn_take(&ann), 0);
    ck_assert_int_eq(locks_turn_take(&ann), 0);
    locks_turn_give(&ann);
    ck_assert_int_eq(waits, 0);
}
END_TEST

START_TEST(a_turn_since_is_told)
{
    begin();
    watch(&ben);
    watch(&ann);
    ck_assert_int_eq(locks_turn_take(&ann), 0);
    locks_turn_give(&ann);
    ck_assert_int_ne(locks_turn_take(&ben), 0);
    locks_turn_give(&ben);
    ck_assert_int_eq(waits, 0);
}
END_TEST

START_TEST(a_turn_that_was_under_way_is_told)
{
    begin();
    watch(&ann);
    (void)locks_turn_take(&ann);
    watch(&ben);
    locks_turn_give(&ann);
    ck_assert_int_ne(locks_turn_take(&ben), 0);
    ck_assert_int_eq(waits, 0);
}
END_TEST

START_TEST(who_waits_has_the_turn_when_it_is_given)
{
    begin();
    watch(&ann);
    ck_assert_int_eq(locks_turn_take(&ann), 0);
    leaver = &ann;
    leaves_in = 3;
    watch(&ben);
    ck_assert_int_ne(locks_turn_take(&ben), 0);
    ck_assert_int_eq(waits, 3);
    ck_assert_int_ne(ben.until, 0);
}
END_TEST

START_TEST(a_turn_that_nobody_ends_is_over_soon)
{
    apr_time_t began;

    begin();
    watch(&ann);
    (void)locks_turn_take(&ann);
    began = ticks;
    watch(&ben);
    ck_assert_int_ne(locks_turn_take(&ben), 0);
    ck_assert_int_ne(ben.until, 0);
    ck_assert_int_ge(ticks - began, TURN_MAX);
    ck_assert_int_lt(ticks - began, 2 * TURN_MAX);
    /* Whoever had it does not end the next one's. */
    locks_turn_give(&ann);
    watch(&ann);
    began = ticks;
    (void)locks_turn_take(&ann);
    ck_assert_int_ge(ticks - began, TURN_MAX);
}
END_TEST

/** Takes the turn again and again. */
static void hog(void *baton, sem_t *posted, apr_interval_time_t longest)
{
    (void)baton;
    (void)posted;
    ticks += longest < 1000 ? longest : 1000;
    locks_turn_give(&ann);
    (void)locks_turn_take(&ann);
}

START_TEST(who_waited_long_enough_goes_on_without)
{
    locks_environment_t crowded = env;
    apr_time_t began;

    begin();
    crowded.await = hog;
    watch(&ann);
    (void)locks_turn_take(&ann);
    began = ticks;
    locks_turn_watch(&ben, turns, &crowded, "course1");
    ck_assert_int_ne(locks_turn_take(&ben), 0);
    ck_assert_int_eq(ben.until, 0);
    ck_assert_int_ge(ticks - began, WAIT_MAX);
    ck_assert_int_lt(ticks - began, WAIT_MAX + TURN_MAX);
}
END_TEST

/* One that died waiting counts for ever, and yet nobody is woken for nothing
 * more than once. */
START_TEST(who_died_waiting_wakes_nobody)
{
    int i;

    begin();
    watch(&ann);
    (void)locks_turn_take(&ann);
    dies = 1;
    watch(&ben);
    if (setjmp(death) == 0) {
        (void)locks_turn_take(&ben);
    }
    dies = 0;
    locks_turn_give(&ann);
    for (i = 0; i < 100; i++) {
        watch(&ann);
        (void)locks_turn_take(&ann);
        locks_turn_give(&ann);
    }
    ck_assert_int_eq(sem_trywait(died_at), 0);
    ck_assert_int_ne(sem_trywait(died_at), 0);
}
END_TEST

START_TEST(without_turns_nobody_waits)
{
    begin();
    locks_turn_watch(&ann, NULL, &env, "course1");
    ck_assert_int_eq(locks_turn_take(&ann), 0);
    locks_turn_give(&ann);
    ck_assert_int_eq(waits, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turns");
    TCase *tcase = unit_case(suite);

    tcase_add_test(tcase, who_is_alone_waits_for_nobody);
    tcase_add_test(tcase, a_turn_since_is_told);
    tcase_add_test(tcase, a_turn_that_was_under_way_is_told);
    tcase_add_test(tcase, who_waits_has_the_turn_when_it_is_given);
    tcase_add_test(tcase, a_turn_that_nobody_ends_is_over_soon);
    tcase_add_test(tcase, who_waited_long_enough_goes_on_without);
    tcase_add_test(tcase, who_died_waiting_wakes_nobody);
    tcase_add_test(tcase, without_turns_nobody_waits);
    return unit_run(suite);
}
