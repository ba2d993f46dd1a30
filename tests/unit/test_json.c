/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_json.h"

#define LEVELS 32

static locks_json_t json;

static const char *parse(const char *bytes, apr_size_t length)
{
    return locks_json_parse(&json, exactly(bytes, length), length, LEVELS,
                            pool);
}

static locks_json_t member(const char *name)
{
    return locks_json_member(json, name);
}

static const struct {
    const char *text;
    locks_json_kind_e kind;
} values[] = {
    {"{}", LOCKS_JSON_OBJECT},
    {" \t\r\n{ \t\r\n} \t\r\n", LOCKS_JSON_OBJECT},
    {"{\"\":[{\"a\":[],\"b\":{}},null , true,false]}", LOCKS_JSON_OBJECT},
    {"{\"a\" : 1 , \"a\" : [ 1 , 2 ] }", LOCKS_JSON_OBJECT},
    {"\"\"", LOCKS_JSON_STRING},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\x7F\"",
     LOCKS_JSON_STRING},
    {"\"/*'{[\"", LOCKS_JSON_STRING},
    {"\"\\uD7FF\\uE000\\uFFFF\"", LOCKS_JSON_STRING},
    {"\"\\uD800\\uDC00\\udbff\\udfff\"", LOCKS_JSON_STRING},
    {"0", LOCKS_JSON_INTEGER},
    {"-0", LOCKS_JSON_INTEGER},
    {" 1234567890 ", LOCKS_JSON_INTEGER},
    {"18446744073709551615", LOCKS_JSON_INTEGER},
    {"-9223372036854775808", LOCKS_JSON_INTEGER},
    {"18446744073709551616", LOCKS_JSON_OTHER},
    {"-9223372036854775809", LOCKS_JSON_OTHER},
    {"100000000000000000000", LOCKS_JSON_OTHER},
    {"-100000000000000000000000000000", LOCKS_JSON_OTHER},
    {"0.0", LOCKS_JSON_OTHER},
    {"-1.50", LOCKS_JSON_OTHER},
    {"1e2", LOCKS_JSON_OTHER},
    {"-0E-07", LOCKS_JSON_OTHER},
    {"1.5e+999", LOCKS_JSON_OTHER},
    {"null", LOCKS_JSON_OTHER},
    {"true", LOCKS_JSON_TRUE},
    {"false", LOCKS_JSON_FALSE},
    {"[[1,-2.5e3,\"x\",null,true,false,{},[]]]", LOCKS_JSON_ARRAY},
};

START_TEST(json_is_taken)
{
    ck_assert_pstr_eq(parse(values[_i].text, strlen(values[_i].text)), NULL);
    ck_assert_int_eq(json.kind, values[_i].kind);
}
END_TEST

#define AT(offset, what) "Malformed JSON at byte " #offset ": " what
#define END ", not the end"

static const struct {
    const char *text;
    apr_size_t length;
    const char *error;
} mistakes[] = {
    {BYTES(""), AT(0, "expected a value" END)},
    {BYTES(" \n "), AT(3, "expected a value" END)},
    {BYTES("\xEF\xBB\xBF{}"), "Byte-order mark at byte 0"},
    {BYTES("{}\xEF\xBB\xBF"), AT(2, "expected nothing more")},
    {BYTES("\xFF\xFE{\0}\0"), "Invalid UTF-8 at byte 0"},
    {BYTES("[\"a\xC3\"]"), "Invalid UTF-8 at byte 3"},
    {BYTES("[\"\xED\xA0\x80\"]"), "Invalid UTF-8 at byte 2"},
    {BYTES("[\"\xC0\x80\"]"), "Invalid UTF-8 at byte 2"},
    {BYTES("{} x"), AT(3, "expected nothing more")},
    {BYTES("{}{}"), AT(2, "expected nothing more")},
    {BYTES("{}]"), AT(2, "expected nothing more")},
    {BYTES("{}\0"), AT(2, "expected nothing more")},
    {BYTES("1 2"), AT(2, "expected nothing more")},
    {BYTES("\0{}"), AT(0, "expected a value")},
    {BYTES("[\0]"), AT(1, "expected a value")},
    {BYTES("[\"\0\"]"), AT(2, "control character in a string")},
    {BYTES("[\"a\tb\"]"), AT(3, "control character in a string")},
    {BYTES("[\"a\nb\"]"), AT(3, "control character in a string")},
    {BYTES("[\"a\x1F\"]"), AT(3, "control character in a string")},
    {BYTES("{\"a\tb\":1}"), AT(3, "control character in a string")},
    {BYTES("\""), AT(1, "expected '\"'" END)},
    {BYTES("[\"abc"), AT(5, "expected '\"'" END)},
    {BYTES("[\"abc\\\""), AT(7, "expected '\"'" END)},
    {BYTES("[\"\\"), AT(3, "expected one of \"\\/bfnrtu after \\" END)},
    {BYTES("[\"\\\0\"]"), AT(3, "expected one of \"\\/bfnrtu after \\")},
    {BYTES("[\"\\x41\"]"), AT(3, "expected one of \"\\/bfnrtu after \\")},
    {BYTES("[\"\\U0041\"]"), AT(3, "expected one of \"\\/bfnrtu after \\")},
    {BYTES("[\"\\'\"]"), AT(3, "expected one of \"\\/bfnrtu after \\")},
    {BYTES("[\"\\u00g0\"]"), AT(6, "expected a hexadecimal digit")},
    {BYTES("[\"\\u12\"]"), AT(6, "expected a hexadecimal digit")},
    {BYTES("[\"\\u12"), AT(6, "expected a hexadecimal digit" END)},
    {BYTES("[\"\\ud800\\u12"), AT(12, "expected a hexadecimal digit" END)},
    {BYTES("[\"\\ud800\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\udfff\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\udc00\\udc00\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\udc00\\ud800\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\ud800\\u0041\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\ud800\\ud800\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\ud800\\ue000\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("[\"\\ud800\\n\"]"), AT(2, "half of a surrogate pair")},
    {BYTES("{\"\\udbff\":1}"), AT(2, "half of a surrogate pair")},
    {BYTES("NaN"), AT(0, "expected a value")},
    {BYTES("[Infinity]"), AT(1, "expected a value")},
    {BYTES("[-Infinity]"), AT(2, "expected a digit")},
    {BYTES("[-NaN]"), AT(2, "expected a digit")},
    {BYTES("[01]"), AT(2, "expected ',' or ']'")},
    {BYTES("[-01]"), AT(3, "expected ',' or ']'")},
    {BYTES("[00]"), AT(2, "expected ',' or ']'")},
    {BYTES("[1.]"), AT(3, "expected a digit")},
    {BYTES("[1.e1]"), AT(3, "expected a digit")},
    {BYTES("[.5]"), AT(1, "expected a value")},
    {BYTES("[+1]"), AT(1, "expected a value")},
    {BYTES("[--1]"), AT(2, "expected a digit")},
    {BYTES("[- 1]"), AT(2, "expected a digit")},
    {BYTES("[1e]"), AT(3, "expected a digit")},
    {BYTES("[1e+]"), AT(4, "expected a digit")},
    {BYTES("[1E-"), AT(4, "expected a digit" END)},
    {BYTES("[1e1.5]"), AT(4, "expected ',' or ']'")},
    {BYTES("[0x10]"), AT(2, "expected ',' or ']'")},
    {BYTES("[1_000]"), AT(2, "expected ',' or ']'")},
    {BYTES("-"), AT(1, "expected a digit" END)},
    {BYTES("[True]"), AT(1, "expected a value")},
    {BYTES("[NULL]"), AT(1, "expected a value")},
    {BYTES("[falsE]"), AT(1, "expected a value")},
    {BYTES("tru"), AT(0, "expected a value")},
    {BYTES("nulll"), AT(4, "expected nothing more")},
    {BYTES("['a']"), AT(1, "expected a value")},
    {BYTES("{'a':1}"), AT(1, "expected a name in double quotes")},
    {BYTES("{a:1}"), AT(1, "expected a name in double quotes")},
    {BYTES("{1:1}"), AT(1, "expected a name in double quotes")},
    {BYTES("{,}"), AT(1, "expected a name in double quotes")},
    {BYTES("{"), AT(1, "expected a name in double quotes" END)},
    {BYTES("{\"a\":1,}"), AT(7, "expected a name in double quotes")},
    {BYTES("{\"a\":1,"), AT(7, "expected a name in double quotes" END)},
    {BYTES("{\"a\"}"), AT(4, "expected ':'")},
    {BYTES("{\"a\" 1}"), AT(5, "expected ':'")},
    {BYTES("{\"a\"=1}"), AT(4, "expected ':'")},
    {BYTES("{\"a\""), AT(4, "expected ':'" END)},
    {BYTES("{\"a\":"), AT(5, "expected a value" END)},
    {BYTES("{\"a\":}"), AT(5, "expected a value")},
    {BYTES("{\"a\"::1}"), AT(5, "expected a value")},
    {BYTES("{\"a\":1 \"b\":2}"), AT(7, "expected ',' or '}'")},
    {BYTES("{\"a\":1;\"b\":2}"), AT(6, "expected ',' or '}'")},
    {BYTES("{\"a\":1]"), AT(6, "expected ',' or '}'")},
    {BYTES("{\"a\":1"), AT(6, "expected ',' or '}'" END)},
    {BYTES("["), AT(1, "expected a value" END)},
    {BYTES("[1"), AT(2, "expected ',' or ']'" END)},
    {BYTES("[1}"), AT(2, "expected ',' or ']'")},
    {BYTES("[}"), AT(1, "expected a value")},
    {BYTES("]"), AT(0, "expected a value")},
    {BYTES("[,1]"), AT(1, "expected a value")},
    {BYTES("[1,]"), AT(3, "expected a value")},
    {BYTES("[1,,2]"), AT(3, "expected a value")},
    {BYTES("[1 2]"), AT(3, "expected ',' or ']'")},
    {BYTES("[/*x*/1]"), AT(1, "expected a value")},
    {BYTES("[1//x\n]"), AT(2, "expected ',' or ']'")},
    {BYTES("[1]#x"), AT(3, "expected nothing more")},
    {BYTES("[\v1]"), AT(1, "expected a value")},
    {BYTES("[1\f]"), AT(2, "expected ',' or ']'")},
    {BYTES("[\xC2\xA0"
           "1]"),
     AT(1, "expected a value")},
};

START_TEST(what_is_no_json_is_refused)
{
    ck_assert_pstr_eq(parse(mistakes[_i].text, mistakes[_i].length),
                      mistakes[_i].error);
    ck_assert_int_eq(json.kind, LOCKS_JSON_ABSENT);
}
END_TEST

static const struct {
    const char *open, *inside, *close;
    int levels;
    const char *error;
} depths[] = {
    {"[", "", "]", 32, NULL},
    {"[", "0", "]", 32, NULL},
    {"{\"a\":", "0", "}", 32, NULL},
    {"{\"a\":", "{}", "}", 31, NULL},
    {"[0,", "[0],[\"\"],{}", "]", 31, NULL},
    {"[", "", "]", 33, "JSON of more than 32 levels at byte 32"},
    {"[", "", "", 33, "JSON of more than 32 levels at byte 32"},
    {"[", "", "", 32, "Malformed JSON at byte 32: expected a value" END},
    {"{\"a\":", "{}", "}", 32, "JSON of more than 32 levels at byte 160"},
    {"{\"a\":", "[]", "}", 32, "JSON of more than 32 levels at byte 160"},
};

START_TEST(levels_are_limited)
{
    const char *text = depths[_i].inside;

    for (int level = 0; level < depths[_i].levels; level++) {
        text = apr_pstrcat(pool, depths[_i].open, text, depths[_i].close, NULL);
    }
    ck_assert_pstr_eq(parse(text, strlen(text)), depths[_i].error);
}
END_TEST

START_TEST(the_length_is_limited)
{
    char *text = repeated(' ', LOCKS_JSON_LENGTH_MAX + 1);

    text[0] = '1';
    ck_assert_pstr_eq(parse(text, LOCKS_JSON_LENGTH_MAX), NULL);
    ck_assert_pstr_eq(parse(text, LOCKS_JSON_LENGTH_MAX + 1),
                      "JSON of more than 1048576 bytes");
}
END_TEST

START_TEST(no_bytes_are_no_value)
{
    ck_assert_pstr_eq(locks_json_parse(&json, NULL, 0, LEVELS, pool),
                      AT(0, "expected a value" END));
}
END_TEST

START_TEST(a_long_string_is_taken)
{
    char *text = repeated('a', LOCKS_JSON_LENGTH_MAX);
    apr_size_t length;

    text[0] = text[LOCKS_JSON_LENGTH_MAX - 1] = '"';
    ck_assert_pstr_eq(parse(text, LOCKS_JSON_LENGTH_MAX), NULL);
    locks_json_string(&length, json);
    ck_assert_uint_eq(length, LOCKS_JSON_LENGTH_MAX - 2);
}
END_TEST

START_TEST(the_input_stays_as_it_was)
{
    static const char text[] = "{\"a\\u0000\":18446744073709551616}";

    ck_assert_pstr_eq(
        locks_json_parse(&json, text, sizeof(text) - 1, LEVELS, pool), NULL);
    ck_assert_str_eq(text, "{\"a\\u0000\":18446744073709551616}");
}
END_TEST

START_TEST(members_are_found_by_name)
{
    ck_assert_pstr_eq(
        parse(BYTES("{\"o\":{\"s\":\"t\"},\"s\":\"x\",\"i\":7,\"n\":null,"
                    "\"\\u0061b\":1,\"\":2}")),
        NULL);
    ck_assert_int_eq(member("o").kind, LOCKS_JSON_OBJECT);
    ck_assert_str_eq(locks_json_text(member("s"), pool), "x");
    ck_assert_str_eq(locks_json_text(locks_json_member(member("o"), "s"), pool),
                     "t");
    ck_assert_int_eq(member("i").kind, LOCKS_JSON_INTEGER);
    ck_assert_int_eq(member("n").kind, LOCKS_JSON_OTHER);
    ck_assert_int_eq(member("ab").kind, LOCKS_JSON_INTEGER);
    ck_assert_str_eq(locks_json_decimal(member(""), pool), "2");
    ck_assert_int_eq(member("S").kind, LOCKS_JSON_ABSENT);
    ck_assert_int_eq(member("t").kind, LOCKS_JSON_ABSENT);
}
END_TEST

START_TEST(of_equal_members_the_last_counts)
{
    ck_assert_pstr_eq(
        parse(BYTES("{\"a\":{\"b\":1},\"c\":0,\"\\u0061\":{\"c\":1}}")), NULL);
    ck_assert_int_eq(locks_json_member(member("a"), "b").kind,
                     LOCKS_JSON_ABSENT);
    ck_assert_int_eq(locks_json_member(member("a"), "c").kind,
                     LOCKS_JSON_INTEGER);
    ck_assert_pstr_eq(parse(BYTES("{\"a\":\"x\",\"a\":null}")), NULL);
    ck_assert_int_eq(member("a").kind, LOCKS_JSON_OTHER);
}
END_TEST

START_TEST(a_name_does_not_end_at_nul)
{
    ck_assert_pstr_eq(parse(BYTES("{\"a\":\"good\",\"a\\u0000b\":\"bad\","
                                  "\"a\\u0000\":\"bad\",\"\\u0000\":1}")),
                      NULL);
    ck_assert_str_eq(locks_json_text(member("a"), pool), "good");
    ck_assert_int_eq(member("").kind, LOCKS_JSON_ABSENT);
}
END_TEST

START_TEST(strings_have_any_characters)
{
    apr_size_t length;
    const char *bytes;

    ck_assert_pstr_eq(
        parse(BYTES("\"\\u00e4\\uD83D\\uDE00\\u0000\\\"\\/\xC3\xA4\"")), NULL);
    bytes = locks_json_string(&length, json);
    ck_assert_uint_eq(length, 11);
    ck_assert_mem_eq(bytes, "\xC3\xA4\xF0\x9F\x98\x80\0\"/\xC3\xA4", 11);
    ck_assert_str_eq(locks_json_text(json, pool),
                     "\xC3\xA4\xF0\x9F\x98\x80\xEF\xBF\xBD\"/\xC3\xA4");
    ck_assert_pstr_eq(parse(BYTES("\"\"")), NULL);
    ck_assert_str_eq(locks_json_string(&length, json), "");
    ck_assert_uint_eq(length, 0);
}
END_TEST

static const char *const decimals[] = {
    "0",
    "7",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
};

START_TEST(integers_keep_their_digits)
{
    ck_assert_pstr_eq(parse(decimals[_i], strlen(decimals[_i])), NULL);
    ck_assert_int_eq(json.kind, LOCKS_JSON_INTEGER);
    ck_assert_str_eq(locks_json_decimal(json, pool), decimals[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, json_is_taken, 0, COUNT(values));
    tcase_add_loop_test(tcase, what_is_no_json_is_refused, 0, COUNT(mistakes));
    tcase_add_loop_test(tcase, levels_are_limited, 0, COUNT(depths));
    tcase_add_test(tcase, the_length_is_limited);
    tcase_add_test(tcase, no_bytes_are_no_value);
    tcase_add_test(tcase, a_long_string_is_taken);
    tcase_add_test(tcase, the_input_stays_as_it_was);
    tcase_add_test(tcase, members_are_found_by_name);
    tcase_add_test(tcase, of_equal_members_the_last_counts);
    tcase_add_test(tcase, a_name_does_not_end_at_nul);
    tcase_add_test(tcase, strings_have_any_characters);
    tcase_add_loop_test(tcase, integers_keep_their_digits, 0, COUNT(decimals));
    return unit_run(suite);
}
