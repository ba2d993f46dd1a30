/* SPDX-License-Identifier: Apache-2.0 */
/* What a process remembers: which values are found, for how long, which make
 * room, and what threads see of one another's. */
#include "locks_memo.h"

#include "unit.h"

#include <apr_thread_proc.h>

#define ENTRIES 4096
#define LONGEST 512
#define THREADS 8
#define TURNS 20000
/** Few, so that threads meet. */
#define RIVALS 3
#define LETTERS 20

static locks_memo_t *memo;
static locks_memo_value_t kept;

static void begin(void)
{
    setup();
    ck_assert_int_eq(locks_memo_create(&memo, ENTRIES, LONGEST, pool),
                     APR_SUCCESS);
}

static locks_memo_name_t named(const char *key)
{
    return (locks_memo_name_t){
        .store = "memcached:a", .kind = "record", .key = key};
}

static locks_memo_name_t numbered(int number, apr_pool_t *in)
{
    return named(apr_psprintf(in, "session:%d", number));
}

static void note(const char *key, const char *value, apr_time_t asked)
{
    locks_memo_name_t name = named(key);

    locks_memo_note(memo, &name, value, value != NULL ? strlen(value) : 0,
                    asked);
}

static int find(const char *key, apr_time_t since)
{
    locks_memo_name_t name = named(key);

    memset(&kept, 0xff, sizeof(kept));
    return locks_memo_find(memo, &kept, &name, since, pool);
}

static void assert_kept(const char *key, const char *value, apr_time_t asked)
{
    ck_assert(find(key, asked - 1));
    ck_assert_uint_eq(kept.length, strlen(value));
    ck_assert_str_eq(kept.bytes, value);
    ck_assert_int_eq(kept.asked, asked);
}

START_TEST(nothing_is_found_at_first)
{
    ck_assert(!find("a", 0));
    ck_assert(!find("", -1000));
}
END_TEST

START_TEST(what_was_noted_is_found)
{
    note("a", "one", 1000);
    note("b", "two", 2000);
    assert_kept("a", "one", 1000);
    assert_kept("b", "two", 2000);
    ck_assert(!find("c", 0));
}
END_TEST

static const struct {
    const char *bytes;
    apr_size_t length;
} values[] = {{BYTES("")}, {BYTES("\0")}, {BYTES("a\0b")}, {BYTES("a\xff")}};

START_TEST(a_value_is_bytes)
{
    locks_memo_name_t name = named("a");

    locks_memo_note(memo, &name, exactly(values[_i].bytes, values[_i].length),
                    values[_i].length, 1);
    ck_assert(find("a", 0));
    ck_assert_uint_eq(kept.length, values[_i].length);
    ck_assert_mem_eq(kept.bytes, values[_i].bytes, values[_i].length + 1);
}
END_TEST

START_TEST(an_old_value_is_not_found)
{
    note("a", "one", 1000);
    ck_assert(find("a", -5000));
    ck_assert(find("a", 999));
    ck_assert(!find("a", 1000));
    ck_assert(!find("a", 1001));
}
END_TEST

START_TEST(use_makes_nothing_younger)
{
    note("a", "one", 1000);
    ck_assert(find("a", 999));
    ck_assert(find("a", 999));
    ck_assert_int_eq(kept.asked, 1000);
    ck_assert(!find("a", 1000));
}
END_TEST

START_TEST(a_later_value_replaces_an_earlier_one)
{
    note("a", "one", 1000);
    note("a", "three", 2000);
    assert_kept("a", "three", 2000);
    note("a", "x", 2000);
    assert_kept("a", "x", 2000);
}
END_TEST

START_TEST(an_earlier_value_replaces_no_later_one)
{
    note("a", "two", 2000);
    note("a", "one", 1000);
    assert_kept("a", "two", 2000);
    note("a", NULL, 1999);
    assert_kept("a", "two", 2000);
}
END_TEST

START_TEST(what_is_gone_is_forgotten)
{
    note("a", "one", 1000);
    note("b", "two", 1000);
    note("a", NULL, 1000);
    ck_assert(!find("a", 0));
    assert_kept("b", "two", 1000);
    note("a", "three", 3000);
    assert_kept("a", "three", 3000);
}
END_TEST

START_TEST(nothing_is_not_kept)
{
    note("a", NULL, 1000);
    ck_assert(!find("a", 0));
    note("a", "one", 500);
    assert_kept("a", "one", 500);
}
END_TEST

START_TEST(a_long_value_is_not_kept)
{
    note("a", repeated('x', LONGEST), 1000);
    assert_kept("a", repeated('x', LONGEST), 1000);
    note("b", repeated('x', LONGEST + 1), 1000);
    ck_assert(!find("b", 0));
    note("c", "one", 1000);
    note("c", repeated('x', LONGEST + 1), 2000);
    ck_assert(!find("c", 0));
}
END_TEST

static const locks_memo_name_t others[] = {
    {"memcached:b", "record", "session:1"},
    {"memcached:a", "mine", "session:1"},
    {"memcached:a", "record", "session:2"},
    {"memcached:", "arecord", "session:1"},
    {"memcached:arecord", "", "session:1"},
    {"memcached:a", "records", "ession:1"},
    {"memcached:a", "record", ""},
    {"", "", ""},
};

START_TEST(names_are_told_apart)
{
    locks_memo_note(memo, &others[_i], "theirs", 6, 1000);
    ck_assert(!find("session:1", 0));
    note("session:1", "ours", 1000);
    assert_kept("session:1", "ours", 1000);
    ck_assert(locks_memo_find(memo, &kept, &others[_i], 0, pool));
    ck_assert_str_eq(kept.bytes, "theirs");
}
END_TEST

START_TEST(a_long_name_is_not_remembered)
{
    /* Beside "memcached:a" and "record", and their NUL bytes. */
    apr_size_t longest = LOCKS_MEMO_NAME_MAX - 12 - 7 - 1;

    note(repeated('k', longest), "one", 1000);
    assert_kept(repeated('k', longest), "one", 1000);
    note(repeated('k', longest + 1), "two", 1000);
    ck_assert(!find(repeated('k', longest + 1), 0));
    assert_kept(repeated('k', longest), "one", 1000);
}
END_TEST

/** Notes each number as a value of its own.
 *  @param step between the times when they were asked for */
static void note_numbers(int from, int to, apr_time_t first, apr_time_t step)
{
    int i;

    for (i = from; i < to; i++) {
        note(numbered(i, pool).key, apr_itoa(pool, i),
             first + (i - from) * step);
    }
}

/** How many numbers are kept, each rightly. */
static int count_numbers(int from, int to)
{
    int count = 0;
    int i;

    for (i = from; i < to; i++) {
        if (find(numbered(i, pool).key, 0)) {
            ck_assert_str_eq(kept.bytes, apr_itoa(pool, i));
            count++;
        }
    }
    return count;
}

START_TEST(a_table_has_a_size)
{
    note_numbers(0, 10 * ENTRIES, 1, 1);
    ck_assert_int_le(count_numbers(0, 10 * ENTRIES), ENTRIES);
    /* All of it is used. */
    ck_assert_int_gt(count_numbers(9 * ENTRIES, 10 * ENTRIES), ENTRIES * 3 / 4);
    ck_assert_int_eq(count_numbers(10 * ENTRIES - 100, 10 * ENTRIES), 100);
}
END_TEST

START_TEST(a_table_that_is_half_full_keeps_nearly_all)
{
    note_numbers(0, ENTRIES / 2, 1, 1);
    ck_assert_int_gt(count_numbers(0, ENTRIES / 2), ENTRIES / 2 * 49 / 50);
}
END_TEST

START_TEST(the_oldest_makes_room)
{
    note("newest", "one", 1000000);
    note_numbers(0, 10 * ENTRIES, 1, 1);
    assert_kept("newest", "one", 1000000);
    note_numbers(0, 10 * ENTRIES, 1000001, 1);
    ck_assert(!find("newest", 0));
}
END_TEST

/* ---- Threads ---- */

/** A value that is right as a whole or not at all: its name's number, then as
 *  many bytes of one letter as the letter says. */
static apr_size_t make_value(char *value, int number, int turn)
{
    int letter = turn % LETTERS;
    apr_size_t length = 1 + (apr_size_t)letter * (LONGEST - 1) / LETTERS;

    value[0] = (char)('0' + number);
    memset(value + 1, 'A' + letter, length - 1);
    return length;
}

static int is_right(const locks_memo_value_t *found, int number)
{
    char whole[LONGEST];
    int letter = found->length > 1 ? found->bytes[1] - 'A' : 0;

    return letter >= 0 && letter < LETTERS &&
           make_value(whole, number, letter) == found->length &&
           memcmp(whole, found->bytes, found->length) == 0;
}

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *data)
{
    apr_pool_t *own = apr_thread_pool_get(thread);
    apr_pool_t *turn_pool;
    int *wrong = data;
    int turn;

    apr_pool_create(&turn_pool, own);
    for (turn = 1; turn <= TURNS; turn++) {
        int number = turn / 2 % RIVALS;
        locks_memo_name_t name = numbered(number, turn_pool);
        locks_memo_value_t mine;
        char value[LONGEST];

        if (turn % 3 == 0) {
            locks_memo_note(memo, &name, value, make_value(value, number, turn),
                            turn);
        } else if (turn % 50 == 1) {
            locks_memo_note(memo, &name, NULL, 0, turn);
        } else if (locks_memo_find(memo, &mine, &name, 0, turn_pool)) {
            *wrong += !is_right(&mine, number);
        }
        apr_pool_clear(turn_pool);
    }
    return NULL;
}

START_TEST(threads_see_whole_values)
{
    apr_thread_t *threads[THREADS];
    int wrong[THREADS] = {0};
    apr_status_t result;
    int i;

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(
            apr_thread_create(&threads[i], NULL, work, &wrong[i], pool),
            APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&result, threads[i]);
        ck_assert_int_eq(wrong[i], 0);
    }
    for (i = 0; i < RIVALS; i++) {
        if (find(numbered(i, pool).key, 0)) {
            ck_assert(is_right(&kept, i));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memo");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, begin, teardown);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, nothing_is_found_at_first);
    tcase_add_test(tcase, what_was_noted_is_found);
    tcase_add_loop_test(tcase, a_value_is_bytes, 0, COUNT(values));
    tcase_add_test(tcase, an_old_value_is_not_found);
    tcase_add_test(tcase, use_makes_nothing_younger);
    tcase_add_test(tcase, a_later_value_replaces_an_earlier_one);
    tcase_add_test(tcase, an_earlier_value_replaces_no_later_one);
    tcase_add_test(tcase, what_is_gone_is_forgotten);
    tcase_add_test(tcase, nothing_is_not_kept);
    tcase_add_test(tcase, a_long_value_is_not_kept);
    tcase_add_loop_test(tcase, names_are_told_apart, 0, COUNT(others));
    tcase_add_test(tcase, a_long_name_is_not_remembered);
    tcase_add_test(tcase, a_table_has_a_size);
    tcase_add_test(tcase, a_table_that_is_half_full_keeps_nearly_all);
    tcase_add_test(tcase, the_oldest_makes_room);
    tcase_add_test(tcase, threads_see_whole_values);
    return unit_run(suite);
}
