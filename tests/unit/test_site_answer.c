/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_json_pointer.h"
#include "locks_site_answer.h"

static const struct {
    const char *body;
    apr_status_t result;
    const char *id;
} ids[] = {
    {"{\"id\": \"course1\"}", APR_SUCCESS, "course1"},
    {"{\"x\": {\"id\": \"other\"}, \"id\": \"\"}", APR_SUCCESS, ""},
    {"{\"id\": 123456}", APR_SUCCESS, "123456"},
    {"{\"id\": \"a\", \"id\": \"b\"}", APR_SUCCESS, "b"},
    {"", APR_NOTFOUND, NULL},
    {"<html>", APR_NOTFOUND, NULL},
    {"{\"id\": \"course1\"", APR_NOTFOUND, NULL},
    {"{\"Id\": \"course1\"}", APR_NOTFOUND, NULL},
    {"[\"id\", \"course1\"]", APR_NOTFOUND, NULL},
    {"\"course1\"", APR_NOTFOUND, NULL},
    {"{\"id\": \"course1\\u0000x\"}", APR_EINVAL, NULL},
    {"{\"id\": null}", APR_EINVAL, NULL},
    {"{\"id\": 1.5}", APR_EINVAL, NULL},
    {"{\"id\": [\"course1\"]}", APR_EINVAL, NULL},
};

START_TEST(an_answer_has_an_id)
{
    apr_size_t length = strlen(ids[_i].body);
    const char *id = NULL;

    ck_assert_int_eq(
        locks_site_answer_id(&id, exactly(ids[_i].body, length), length, pool),
        ids[_i].result);
    if (ids[_i].id != NULL) {
        ck_assert_pstr_eq(id, ids[_i].id);
    }
}
END_TEST

static const struct {
    const char *pointer;
    const char *body;
    apr_status_t result;
} contents[] = {
    {"/permissions/Edit", "{\"permissions\": [\"View\", \"Edit\"]}",
     APR_SUCCESS},
    {"/permissions/Edit", "{\"permissions\": [\"View\", \"Edits\"]}",
     APR_NOTFOUND},
    {"/permissions/Edit", "{\"permissions\": [\"edit\", null, [\"Edit\"]]}",
     APR_NOTFOUND},
    {"/permissions/Edit", "{\"permissions\": [\"Edit\\u0000\"]}", APR_NOTFOUND},
    {"/permissions/Edit", "{\"permissions\": []}", APR_NOTFOUND},
    {"/permissions/1", "{\"permissions\": [\"a\", \"b\"]}", APR_NOTFOUND},
    {"/Edit", "[\"Edit\"]", APR_SUCCESS},
    {"/may/Edit", "{\"may\": {\"Edit\": true}}", APR_SUCCESS},
    {"/may/Edit", "{\"may\": {\"Edit\": false}}", APR_NOTFOUND},
    {"/may/Edit", "{\"may\": {\"Edit\": \"true\"}}", APR_NOTFOUND},
    {"/may/Edit", "{\"may\": {}}", APR_NOTFOUND},
    {"/a/1/b/Edit", "{\"a\": [{}, {\"b\": [\"Edit\"]}]}", APR_SUCCESS},
    {"/a/01/b/Edit", "{\"a\": [{}, {\"b\": [\"Edit\"]}]}", APR_EINVAL},
    {"/a/2/b/Edit", "{\"a\": [{}, {\"b\": [\"Edit\"]}]}", APR_EINVAL},
    {"/a/-/b/Edit", "{\"a\": [{}, {\"b\": [\"Edit\"]}]}", APR_EINVAL},
    {"/a~1b/~0~01", "{\"a/b\": [\"~~1\"]}", APR_SUCCESS},
    {"//Edit", "{\"\": [\"Edit\"]}", APR_SUCCESS},
    {"/permissions/Edit", "{\"permissions\": \"Edit\"}", APR_EINVAL},
    {"/permissions/Edit", "{\"permissions\": null}", APR_EINVAL},
    {"/permissions/Edit", "{}", APR_EINVAL},
    {"/permissions/Edit", "[]", APR_EINVAL},
    {"/permissions/Edit", "null", APR_EINVAL},
    {"/permissions/Edit", "", APR_EINVAL},
    {"/permissions/Edit", "{\"permissions\": [\"Edit\"]", APR_EINVAL},
};

START_TEST(an_answer_contains_what_is_asked_for)
{
    apr_size_t length = strlen(contents[_i].body);
    apr_array_header_t *steps;

    ck_assert_int_eq(
        locks_json_pointer_parse(&steps, contents[_i].pointer, pool),
        APR_SUCCESS);
    ck_assert_int_eq(
        locks_site_answer_contains(exactly(contents[_i].body, length), length,
                                   steps, pool),
        contents[_i].result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("site answer");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, an_answer_has_an_id, 0, COUNT(ids));
    tcase_add_loop_test(tcase, an_answer_contains_what_is_asked_for, 0,
                        COUNT(contents));
    return unit_run(suite);
}
