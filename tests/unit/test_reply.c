/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "json_text.h"
#include "locks_json.h"
#include "locks_reply.h"
#include "locks_request.h"

#define NOW apr_time_from_sec(1000)

static locks_lock_t lock_until(apr_uint64_t id, apr_time_t deadline)
{
    return (locks_lock_t){
        .id = id,
        .subject = {.type = LOCKS_TYPE_GADGET,
                    .course = "course1",
                    .resource = "g1"},
        .owner = "42",
        .client = "",
        .granted = NOW - 1,
        .deadline = deadline,
    };
}

static apr_array_header_t *locks;

static const char *lock_text(const locks_lock_t *lock)
{
    locks_json_writer_t writer;

    json_text_open(&writer, pool);
    locks_reply_lock(&writer, lock, NOW);
    return json_text(&writer, pool);
}

static const char *list_text(void)
{
    locks_json_writer_t writer;

    json_text_open(&writer, pool);
    locks_reply_list(&writer, locks, NOW);
    return json_text(&writer, pool);
}

static const char *error_text(int status, const char *message)
{
    locks_json_writer_t writer;

    json_text_open(&writer, pool);
    locks_reply_error(&writer, status, message, strlen(message));
    return json_text(&writer, pool);
}

static void push(apr_uint64_t id, apr_time_t deadline)
{
    APR_ARRAY_PUSH(locks, locks_lock_t) = lock_until(id, deadline);
}

static void with_locks(void)
{
    locks = apr_array_make(pool, 0, sizeof(locks_lock_t));
}

#define TEXT(id, left)                                                 \
    "{\"id\": \"" #id "\", \"type\": \"gadget\", "                     \
    "\"subject\": {\"courseId\": \"course1\", \"gadgetId\": \"g1\"}, " \
    "\"ownerId\": \"42\", \"expiresIn\": " #left "}"

START_TEST(a_lock_has_its_members)
{
    locks_lock_t lock = lock_until(65536, NOW + 300000999);

    ck_assert_str_eq(lock_text(&lock), TEXT(65536, 300000));
    lock = lock_until(APR_INT64_MAX, NOW + 1000);
    ck_assert_str_eq(lock_text(&lock), TEXT(9223372036854775807, 1));
}
END_TEST

START_TEST(what_users_chose_is_escaped)
{
    locks_lock_t lock = lock_until(1, NOW + 1000);
    const char *text;
    locks_json_t json;

    lock.subject.resource = "g\"\\</\xC3\xA4";
    lock.owner = "o\"\n\xFF";
    text = lock_text(&lock);
    ck_assert_ptr_nonnull(
        strstr(text, "\"gadgetId\": \"g\\\"\\\\</\xC3\xA4\"}"));
    ck_assert_ptr_nonnull(
        strstr(text, "\"ownerId\": \"o\\\"\\n\xEF\xBF\xBD\", "));
    ck_assert_pstr_eq(locks_json_parse(&json, text, strlen(text),
                                       LOCKS_JSON_LEVELS_MAX, pool),
                      NULL);
}
END_TEST

START_TEST(an_empty_list_is_an_array)
{
    with_locks();
    ck_assert_str_eq(list_text(), "[]");
}
END_TEST

START_TEST(a_list_keeps_its_order)
{
    with_locks();
    push(3, NOW + 3000);
    push(1, NOW + 1000);
    push(2, NOW + 2000);
    ck_assert_str_eq(list_text(),
                     "[" TEXT(3, 3) ", " TEXT(1, 1) ", " TEXT(2, 2) "]");
}
END_TEST

START_TEST(a_long_list_is_whole)
{
    const char *text;
    int count = 0;

    with_locks();
    for (apr_uint64_t id = 1; id <= 1000; id++) {
        push(id, NOW + 1000);
    }
    text = list_text();
    for (const char *at = text; (at = strstr(at, "{\"id\"")); at++) {
        count++;
    }
    ck_assert_int_eq(count, 1000);
    ck_assert_str_eq(text + strlen(text) - 2, "}]");
}
END_TEST

static const struct {
    int status;
    const char *message;
    const char *text;
} errors[] = {
    {404, "Not found", "{\"error\": 404, \"message\": \"Not found\"}"},
    {404, "Course '\"<x>/\\' not found",
     "{\"error\": 404, \"message\": \"Course '\\\"<x>/\\\\' not found\"}"},
    {400, "%s\x01", "{\"error\": 400, \"message\": \"%s\\u0001\"}"},
    {404, "Lock '\xFF' not found",
     "{\"error\": 404, \"message\": \"Lock '\xEF\xBF\xBD' not found\"}"},
    {503, "", "{\"error\": 503, \"message\": \"\"}"},
};

START_TEST(an_error_is_an_object)
{
    ck_assert_str_eq(error_text(errors[_i].status, errors[_i].message),
                     errors[_i].text);
}
END_TEST

/* ---- What the set of locks is ---- */

static const char *etag(const char *course)
{
    return locks_reply_etag(locks, course, pool);
}

START_TEST(an_etag_stays_while_locks_run)
{
    const char *first;

    with_locks();
    push(1, NOW + 1000);
    push(2, NOW + 2000);
    first = etag("course1");
    ck_assert_uint_eq(strlen(first), 42);
    ck_assert_int_eq(*first, '"');
    ck_assert_int_eq(first[41], '"');
    with_locks();
    push(1, NOW + 9000);
    push(2, NOW + 1);
    APR_ARRAY_IDX(locks, 1, locks_lock_t).client = "w1";
    ck_assert_str_eq(etag("course1"), first);
}
END_TEST

START_TEST(an_etag_is_the_same_on_every_host)
{
    with_locks();
    ck_assert_str_eq(etag("course1"),
                     "\"36135fdf7d6ac27aa985648c052682d71227042d\"");
    push(0x0102030405060708, NOW);
    ck_assert_str_eq(etag("course1"),
                     "\"eaeb8bb74676f3fd823c31196634d61993815486\"");
}
END_TEST

START_TEST(an_etag_changes_with_the_set)
{
    const char *seen[5];
    int i, j;

    with_locks();
    seen[0] = etag("course1");
    seen[1] = etag("course2");
    push(1, NOW);
    seen[2] = etag("course1");
    push(2, NOW);
    seen[3] = etag("course1");
    with_locks();
    push(2, NOW);
    seen[4] = etag("course1");
    for (i = 0; i < 5; i++) {
        for (j = 0; j < i; j++) {
            ck_assert_str_ne(seen[i], seen[j]);
        }
    }
}
END_TEST

START_TEST(a_window_is_shown)
{
    locks_lock_t lock = lock_until(65536, NOW + 1000);

    lock.client = "w\"1\xFF";
    ck_assert_ptr_nonnull(
        strstr(lock_text(&lock),
               ", \"expiresIn\": 1, \"clientId\": \"w\\\"1\xEF\xBF\xBD\"}"));
}
END_TEST

START_TEST(a_refusal_names_what_is_in_the_way)
{
    locks_lock_t lock = lock_until(7, NOW + 2000);
    locks_json_writer_t writer;

    json_text_open(&writer, pool);
    locks_reply_refusal(&writer, 403, "Resource locked", &lock, NOW);
    ck_assert_str_eq(json_text(&writer, pool),
                     "{\"error\": 403, \"message\": \"Resource locked\", "
                     "\"lock\": " TEXT(7, 2) "}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reply");
    TCase *tcase = unit_case(suite);

    tcase_add_test(tcase, a_lock_has_its_members);
    tcase_add_test(tcase, what_users_chose_is_escaped);
    tcase_add_test(tcase, an_empty_list_is_an_array);
    tcase_add_test(tcase, a_list_keeps_its_order);
    tcase_add_test(tcase, a_long_list_is_whole);
    tcase_add_test(tcase, an_etag_stays_while_locks_run);
    tcase_add_test(tcase, an_etag_is_the_same_on_every_host);
    tcase_add_test(tcase, an_etag_changes_with_the_set);
    tcase_add_test(tcase, a_window_is_shown);
    tcase_add_test(tcase, a_refusal_names_what_is_in_the_way);
    tcase_add_loop_test(tcase, an_error_is_an_object, 0, COUNT(errors));
    return unit_run(suite);
}
