/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_json_pointer.h"

static const char *const refused[] = {
    "permissions", " /a", "/a~", "/a~2/b", "/~/x", "~0",
};

START_TEST(a_pointer_is_refused)
{
    apr_array_header_t *steps;

    ck_assert_int_eq(locks_json_pointer_parse(&steps, refused[_i], pool),
                     APR_EINVAL);
}
END_TEST

/* The text, a pointer, and whether it leads to the string "here". */
static const struct {
    const char *pointer;
    const char *text;
    int leads;
} ways[] = {
    {"", "\"here\"", 1},
    {"/a", "{\"a\": \"here\"}", 1},
    {"/", "{\"\": \"here\"}", 1},
    {"/a/b", "{\"a\": {\"b\": \"here\"}, \"b\": 1}", 1},
    {"/a/1", "{\"a\": [1, \"here\"]}", 1},
    {"/0/0", "[[\"here\"]]", 1},
    {"/a~1b/~0~01", "{\"a/b\": {\"~~1\": \"here\"}}", 1},
    {"/b", "{\"a\": \"here\"}", 0},
    {"/a/01", "{\"a\": [1, \"here\"]}", 0},
    {"/a/-", "{\"a\": [\"here\"]}", 0},
    {"/a/2", "{\"a\": [1, \"here\"]}", 0},
    {"/a/b", "{\"a\": \"here\"}", 0},
    {"/a/b", "{\"a\": null}", 0},
};

static locks_json_t parsed(const char *text)
{
    locks_json_t json;

    ck_assert_pstr_eq(locks_json_parse(&json, text, strlen(text), 32, pool),
                      NULL);
    return json;
}

START_TEST(a_pointer_leads_to_a_value)
{
    apr_array_header_t *steps;
    locks_json_t json;
    apr_size_t length;

    ck_assert_int_eq(locks_json_pointer_parse(&steps, ways[_i].pointer, pool),
                     APR_SUCCESS);
    json =
        locks_json_pointer_follow(parsed(ways[_i].text), steps, steps->nelts);
    ck_assert_int_eq(json.kind == LOCKS_JSON_STRING, ways[_i].leads);
    if (ways[_i].leads) {
        ck_assert_str_eq(locks_json_string(&length, json), "here");
    }
}
END_TEST

static const struct {
    const char *pointer;
    const char *text;
    int ambiguous;
} repeats[] = {
    {"", "{\"a\": 1, \"a\": 2}", 0},
    {"/a", "{\"a\": 1}", 0},
    {"/a", "{\"a\": 1, \"a\": 2}", 1},
    {"/a", "{\"a\": 1 , \"\\u0061\" :2}", 1},
    {"/a", "{\"a\": 1, \"A\": 2}", 1},
    {"/a", "{\"a\":{\"a\":1},\"b\":{\"b\":1,\"b\":2}}", 0},
    {"/a/b", "{\"a\":{\"a\":1,\"b\":[]},\"b\":1}", 0},
    {"/a/b", "{\"a\":{\"b\":[\"}\",\"\\\"\"],\"b\":1}}", 1},
    {"/a/b", "{\"a\":{\"b\":1},\"a\":2}", 1},
    {"/a/b", "{\"a\":2,\"a\":{\"b\":1}}", 1},
    {"/b", "{\"a\":[1,{\"b\":1},-1.5e3,true,null,\"b\\\\\"],\"b\":[]}", 0},
    {"/1/b", "[{\"b\":1,\"b\":2},{\"b\":1}]", 0},
    {"/1/b", " [ {} , { \"b\" : 1 , \"b\" : 2 } ] ", 1},
    {"/2/b", "[{\"b\":1,\"b\":2}]", 0},
    {"/0", "[]", 0},
    {"/a/b", "{\"a\":1}", 0},
    {"/a", "\"a\"", 0},
    {"/a", "12", 0},
    {"/a", "{}", 0},
};

START_TEST(a_name_that_is_there_twice_is_ambiguous)
{
    apr_array_header_t *steps;

    (void)parsed(repeats[_i].text);
    ck_assert_int_eq(
        locks_json_pointer_parse(&steps, repeats[_i].pointer, pool),
        APR_SUCCESS);
    ck_assert_int_eq(locks_json_pointer_is_ambiguous(repeats[_i].text,
                                                     strlen(repeats[_i].text),
                                                     steps, pool),
                     repeats[_i].ambiguous);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("JSON pointer");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, a_pointer_is_refused, 0, COUNT(refused));
    tcase_add_loop_test(tcase, a_pointer_leads_to_a_value, 0, COUNT(ways));
    tcase_add_loop_test(tcase, a_name_that_is_there_twice_is_ambiguous, 0,
                        COUNT(repeats));
    return unit_run(suite);
}
