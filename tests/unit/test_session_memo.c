/* SPDX-License-Identifier: Apache-2.0 */
/* What records say, remembered by their bytes. */
#include "locks_session_memo.h"

#include "unit.h"

static locks_memo_t *memo;

static void begin(void)
{
    setup();
    ck_assert_int_eq(locks_memo_create(&memo, 64, LOCKS_SESSION_MEMO_MAX, pool),
                     APR_SUCCESS);
}

static void note(const char *record, const locks_session_t *session)
{
    locks_session_note(memo, record, strlen(record), session, 1);
}

static const locks_session_t *recall(const char *record)
{
    return locks_session_recall(memo, record, strlen(record), pool);
}

static const locks_session_t sessions[] = {
    {LOCKS_SESSION_PLAIN_USER, "4711", "4711"},
    {LOCKS_SESSION_VFO_USER, "4712", "4712"},
    {LOCKS_SESSION_PARTNER_KEY, NULL, NULL},
    {LOCKS_SESSION_VFO_ACCESS_KEY, NULL, "VFOAccessKey:9"},
};

static void assert_same(const char *a, const char *b)
{
    ck_assert((a == NULL) == (b == NULL));
    if (a != NULL) {
        ck_assert_str_eq(a, b);
    }
}

START_TEST(a_session_is_recalled_whole)
{
    const locks_session_t *found;

    ck_assert_ptr_null(recall("a"));
    note("a", &sessions[_i]);
    found = recall("a");
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(found->kind, sessions[_i].kind);
    assert_same(found->user_id, sessions[_i].user_id);
    assert_same(found->principal, sessions[_i].principal);
}
END_TEST

START_TEST(another_record_is_another_session)
{
    note("{\"userId\": \"1\"}", &sessions[0]);
    ck_assert_ptr_null(recall("{\"userId\": \"2\"}"));
    ck_assert_ptr_null(recall("{\"userId\": \"1\"} "));
    ck_assert_ptr_null(recall(""));
}
END_TEST

/** Up to a NUL byte it could pass for another. */
START_TEST(what_is_no_text_is_not_remembered)
{
    note("a", &sessions[0]);
    ck_assert_ptr_null(locks_session_recall(memo, "a\0b", 3, pool));
    locks_session_note(memo, "b\0c", 3, &sessions[0], 1);
    ck_assert_ptr_null(recall("b"));
    ck_assert_ptr_null(locks_session_recall(memo, "b\0c", 3, pool));
}
END_TEST

START_TEST(long_names_and_long_records_are_not_remembered)
{
    const char *name = repeated('n', 128);
    locks_session_t session = {LOCKS_SESSION_PLAIN_USER, name, name};

    note("a", &session);
    ck_assert_str_eq(recall("a")->principal, name);
    session.user_id = session.principal = repeated('n', 160);
    note("b", &session);
    ck_assert_ptr_null(recall("b"));
    note(repeated('r', LOCKS_MEMO_NAME_MAX), &sessions[0]);
    ck_assert_ptr_null(recall(repeated('r', LOCKS_MEMO_NAME_MAX)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_memo");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, begin, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_session_is_recalled_whole, 0, COUNT(sessions));
    tcase_add_test(tcase, another_record_is_another_session);
    tcase_add_test(tcase, what_is_no_text_is_not_remembered);
    tcase_add_test(tcase, long_names_and_long_records_are_not_remembered);
    return unit_run(suite);
}
