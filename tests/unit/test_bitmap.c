/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_bitmap.h"

#include <apr_thread_proc.h>

#include <stdatomic.h>

static const int counts[] = {1, 2, 63, 64, 65, 130};

START_TEST(each_number_is_taken_once)
{
    locks_bitmap_t *bitmap = locks_bitmap_create(counts[_i], pool);
    int i;

    for (i = 0; i < counts[_i]; i++) {
        ck_assert_int_eq(locks_bitmap_take(bitmap), i);
    }
    ck_assert_int_eq(locks_bitmap_take(bitmap), -1);
}
END_TEST

START_TEST(the_lowest_that_was_given_back_comes_first)
{
    locks_bitmap_t *bitmap = locks_bitmap_create(counts[_i], pool);
    int last = counts[_i] - 1;

    while (locks_bitmap_take(bitmap) >= 0) {
    }
    locks_bitmap_give(bitmap, last);
    ck_assert_int_eq(locks_bitmap_take(bitmap), last);
    locks_bitmap_give(bitmap, last);
    if (last > 0) {
        locks_bitmap_give(bitmap, 0);
        ck_assert_int_eq(locks_bitmap_take(bitmap), 0);
    }
    ck_assert_int_eq(locks_bitmap_take(bitmap), last);
    ck_assert_int_eq(locks_bitmap_take(bitmap), -1);
}
END_TEST

/* ---- Many threads ---- */

#define THREADS 8
/** Fewer than threads, and in two words. */
#define NUMBERS 66
#define ROUNDS 20000

typedef struct crowd_t {
    locks_bitmap_t *bitmap;
    /** By number: how many have it. */
    _Atomic int holders[NUMBERS];
    /** Written by whoever has the number, with no other order than that. */
    int plain[NUMBERS];
    _Atomic int doubled;
} crowd_t;

static void *APR_THREAD_FUNC take_and_give(apr_thread_t *thread, void *data)
{
    crowd_t *crowd = data;
    int i;

    (void)thread;
    for (i = 0; i < ROUNDS; i++) {
        int number = locks_bitmap_take(crowd->bitmap);

        if (number < 0) {
            continue;
        }
        if (atomic_fetch_add(&crowd->holders[number], 1) != 0) {
            atomic_store(&crowd->doubled, 1);
        }
        crowd->plain[number]++;
        atomic_fetch_sub(&crowd->holders[number], 1);
        locks_bitmap_give(crowd->bitmap, number);
    }
    return NULL;
}

START_TEST(no_two_threads_have_one_number)
{
    crowd_t *crowd = apr_pcalloc(pool, sizeof(*crowd));
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    int i;

    crowd->bitmap = locks_bitmap_create(NUMBERS, pool);
    /* The first word is all but used up, so that both are fought for. */
    for (i = 0; i < NUMBERS - 4; i++) {
        (void)locks_bitmap_take(crowd->bitmap);
    }
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(
            apr_thread_create(&threads[i], NULL, take_and_give, crowd, pool),
            APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        (void)apr_thread_join(&rv, threads[i]);
    }
    ck_assert_int_eq(atomic_load(&crowd->doubled), 0);
    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(locks_bitmap_take(crowd->bitmap), NUMBERS - 4 + i);
    }
    ck_assert_int_eq(locks_bitmap_take(crowd->bitmap), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bitmap");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, each_number_is_taken_once, 0, COUNT(counts));
    tcase_add_loop_test(tcase, the_lowest_that_was_given_back_comes_first, 0,
                        COUNT(counts));
    tcase_add_test(tcase, no_two_threads_have_one_number);
    return unit_run(suite);
}
