/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_guard.h"

/** The locks on a subject, by owner and resource; the ID is the place, from
 *  1 on. */
static apr_array_header_t *locks_of(const char *const (*holders)[2], int count)
{
    apr_array_header_t *locks =
        apr_array_make(pool, count + 1, sizeof(locks_lock_t));
    int i;

    for (i = 0; i < count; i++) {
        locks_lock_t *lock = apr_array_push(locks);

        memset(lock, 0, sizeof(*lock));
        lock->id = (apr_uint64_t)i + 1;
        lock->owner = holders[i][0];
        lock->subject.resource = holders[i][1];
    }
    return locks;
}

static const char *const annas[][2] = {{"anna", "1"}};
static const char *const both[][2] = {{"anna", "1"}, {"ben", "2"}};

static const struct {
    locks_guard_mode_e mode;
    const char *user;
    const char *lock_id;
    /** How many of both. */
    int locks;
    int needed;
    locks_verdict_e verdict;
} judgements[] = {
    {LOCKS_GUARD_RESPECT, "anna", NULL, 0, 1, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_RESPECT, NULL, NULL, 0, 1, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_RESPECT, "anna", NULL, 1, 1, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_RESPECT, "ben", NULL, 1, 1, LOCKS_GUARD_LOCKED},
    {LOCKS_GUARD_RESPECT, NULL, NULL, 1, 1, LOCKS_GUARD_LOCKED},
    {LOCKS_GUARD_RESPECT, "anna", NULL, 2, 2, LOCKS_GUARD_LOCKED},
    {LOCKS_GUARD_REQUIRE, "anna", NULL, 0, 1, LOCKS_GUARD_LOCK_REQUIRED},
    {LOCKS_GUARD_REQUIRE, NULL, NULL, 0, 1, LOCKS_GUARD_LOCK_REQUIRED},
    {LOCKS_GUARD_REQUIRE, "anna", NULL, 0, 0, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_REQUIRE, "anna", NULL, 1, 1, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_REQUIRE, "anna", NULL, 1, 2, LOCKS_GUARD_LOCK_REQUIRED},
    {LOCKS_GUARD_REQUIRE, "ben", NULL, 1, 1, LOCKS_GUARD_LOCKED},
    {LOCKS_GUARD_REQUIRE, "anna", NULL, 2, 2, LOCKS_GUARD_LOCKED},
    {LOCKS_GUARD_RESPECT, "anna", "1", 1, 1, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_REQUIRE, "anna", "1", 1, 1, LOCKS_GUARD_PASS},
    {LOCKS_GUARD_RESPECT, "anna", "2", 1, 1, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, "anna", "2", 2, 2, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, "ben", "1", 1, 1, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, NULL, "1", 1, 1, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, "anna", "1", 0, 1, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, "anna", "01", 1, 1, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, "anna", "", 1, 1, LOCKS_GUARD_LOCK_LOST},
    {LOCKS_GUARD_RESPECT, "anna", "1", 2, 2, LOCKS_GUARD_LOCKED},
};

START_TEST(a_write_is_judged)
{
    const locks_write_attempt_t attempt = {
        .mode = judgements[_i].mode,
        .user = judgements[_i].user,
        .lock_id = judgements[_i].lock_id,
        .locks = locks_of(both, judgements[_i].locks),
        .needed = judgements[_i].needed};
    const locks_lock_t *own;

    ck_assert_int_eq(locks_guard_judge(&own, &attempt), judgements[_i].verdict);
    ck_assert_int_eq(own != NULL, judgements[_i].user != NULL &&
                                      judgements[_i].locks > 0 &&
                                      (judgements[_i].locks > 1 ||
                                       !strcmp(judgements[_i].user, "anna")));
}
END_TEST

static const char *const many[][2] = {
    {"a", "10"}, {"b", "b"},   {"anna", "1"},     {"c", "2"},
    {"d", "02"}, {"e", "10a"}, {"f", "B"},        {"g", "99999999999999999999"},
    {"h", "-1"}, {"i", "0"},   {"j", "\xC3\xA4"},
};

START_TEST(a_refusal_names_what_others_hold)
{
    locks_write_attempt_t attempt = {.user = "anna",
                                     .locks = locks_of(many, COUNT(many))};

    ck_assert_str_eq(locks_guard_message(&attempt, pool),
                     "Locked gadget instance IDs: 0, 02, 2, 10, "
                     "99999999999999999999, -1, 10a, B, b, \xC3\xA4");
    attempt.locks = locks_of(annas, 1);
    attempt.user = NULL;
    ck_assert_str_eq(locks_guard_message(&attempt, pool),
                     "Locked gadget instance IDs: 1");
}
END_TEST

static const struct {
    const char *path;
    int plain;
} paths[] = {
    {"/", 1},
    {"/a", 1},
    {"/a/", 1},
    {"/a/b?x=//../%2f", 1},
    {"/%61/...", 1},
    {"/.a/b.", 1},
    {"", 0},
    {"a", 0},
    {"//a", 0},
    {"/a//b", 0},
    {"/a//", 0},
    {"/./a", 0},
    {"/a/..", 0},
    {"/a/../b", 0},
    {"/a/%2e%2E/b", 0},
    {"/a/.%2e?x", 0},
    {"/a%2Fb", 0},
    {"/a%5cb", 0},
    {"/a\\b", 0},
};

START_TEST(a_path_is_plain_or_not)
{
    ck_assert_int_eq(locks_guard_path_is_plain(paths[_i].path),
                     paths[_i].plain);
}
END_TEST

static const struct {
    const char *name;
    int course;
    int gadget;
} names[] = {
    {"course1", 0, 0},   {"290", 0, 0},   {"new", 0, 0},     {"", 0, 0},
    {"0", 0, 0},         {"-290", 0, 0},  {"3f2a-91", 0, 0}, {"1x", 0, 0},
    {"-", 0, 0},         {"1.2.3", 0, 0}, {"0290", 1, 1},    {"0000290", 1, 1},
    {"+290", 1, 1},      {" 290", 1, 1},  {"290 ", 1, 1},    {"290.0", 1, 1},
    {"290.", 1, 1},      {"--1", 1, 1},   {"-0", 1, 1},      {"-01", 1, 1},
    {"course1;x", 1, 1}, {"a%31", 1, 1},  {"a/b", 1, 1},     {"a\\b", 1, 1},
    {"a?", 1, 1},        {"a#", 1, 1},    {"a ", 0, 1},
};

START_TEST(a_name_is_doubtful_or_not)
{
    ck_assert_int_eq(locks_guard_course_is_doubtful(names[_i].name),
                     names[_i].course);
    ck_assert_int_eq(locks_guard_gadget_is_doubtful(names[_i].name),
                     names[_i].gadget);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, a_write_is_judged, 0, COUNT(judgements));
    tcase_add_test(tcase, a_refusal_names_what_others_hold);
    tcase_add_loop_test(tcase, a_path_is_plain_or_not, 0, COUNT(paths));
    tcase_add_loop_test(tcase, a_name_is_doubtful_or_not, 0, COUNT(names));
    return unit_run(suite);
}
