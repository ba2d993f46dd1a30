/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "json_text.h"
#include "locks_json.h"
#include "locks_json_escape.h"
#include "locks_json_writer.h"

static const char *parse(const char *text)
{
    locks_json_t json;

    return locks_json_parse(&json, text, strlen(text), 2, pool);
}

static const struct {
    const char *text;
    apr_size_t length;
    const char *quoted;
} quotes[] = {
    {BYTES(""), "\"\""},
    {BYTES("plain"), "\"plain\""},
    {BYTES("a/b"), "\"a/b\""},
    {BYTES("\"\\"), "\"\\\"\\\\\""},
    {BYTES("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {BYTES("\x01\x1F\x7F"), "\"\\u0001\\u001f\x7F\""},
    {BYTES("<b>&'</b>"), "\"<b>&'</b>\""},
    {BYTES("\xC3\xA4\xF0\x9F\x98\x80"), "\"\xC3\xA4\xF0\x9F\x98\x80\""},
    {BYTES("a\xFF\xC3"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {BYTES("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {BYTES("a\0b\0"), "\"a\\u0000b\\u0000\""},
};

START_TEST(strings_are_quoted)
{
    const char *quoted =
        locks_json_quote(quotes[_i].text, quotes[_i].length, pool);
    locks_json_writer_t writer;

    ck_assert_str_eq(quoted, quotes[_i].quoted);
    ck_assert_pstr_eq(parse(quoted), NULL);
    json_text_open(&writer, pool);
    locks_json_write_string(&writer, quotes[_i].text, quotes[_i].length);
    ck_assert_str_eq(json_text(&writer, pool), quoted);
}
END_TEST

/** json-c, which clients' JSON is read with, reads each character back. */
START_TEST(every_character_comes_back)
{
    char text[] = {'<', (char)_i, '>'};
    const char *quoted = locks_json_quote(text, sizeof(text), pool);
    locks_json_t json;
    apr_size_t length;

    ck_assert_pstr_eq(locks_json_parse(&json, quoted, strlen(quoted), 2, pool),
                      NULL);
    ck_assert_int_eq(json.kind, LOCKS_JSON_STRING);
    ck_assert_mem_eq(locks_json_string(&length, json), text, sizeof(text));
    ck_assert_uint_eq(length, sizeof(text));
}
END_TEST

static const struct {
    apr_uint64_t number;
    const char *text;
} numbers[] = {
    {0, "0"},
    {9, "9"},
    {10, "10"},
    {APR_INT64_MAX, "9223372036854775807"},
    {APR_UINT64_MAX, "18446744073709551615"},
};

START_TEST(numbers_are_decimal)
{
    locks_json_writer_t writer;

    json_text_open(&writer, pool);
    locks_json_write_number(&writer, numbers[_i].number);
    ck_assert_str_eq(json_text(&writer, pool), numbers[_i].text);
}
END_TEST

START_TEST(nothing_written_is_nothing)
{
    locks_json_writer_t writer;

    json_text_open(&writer, pool);
    ck_assert_str_eq(json_text(&writer, pool), "");
    ck_assert(APR_BRIGADE_EMPTY(writer.brigade));
}
END_TEST

/* Of pieces that fit into blocks, that do not, and that are longer than any:
 * nothing is lost or doubled where one block ends. */
START_TEST(long_texts_are_whole)
{
    static const apr_size_t lengths[] = {1, 255, 1000, 9000, 70000};
    const apr_size_t length = lengths[_i];
    const char *piece = repeated('\x01', length);
    char *expected = repeated('x', 20 * (6 * length + 3));
    char *end = expected;
    locks_json_writer_t writer;
    int i;

    json_text_open(&writer, pool);
    for (i = 0; i < 20; i++) {
        LOCKS_JSON_WRITE(&writer, ",");
        locks_json_write_string(&writer, piece, length);
        *end++ = ',';
        *end++ = '"';
        end = locks_json_escape(end, piece, length);
        *end++ = '"';
    }
    *end = '\0';
    ck_assert_uint_eq(strlen(expected), 20 * (6 * length + 3));
    ck_assert_str_eq(json_text(&writer, pool), expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_writer");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, strings_are_quoted, 0, COUNT(quotes));
    tcase_add_loop_test(tcase, every_character_comes_back, 0, 0x80);
    tcase_add_loop_test(tcase, numbers_are_decimal, 0, COUNT(numbers));
    tcase_add_test(tcase, nothing_written_is_nothing);
    tcase_add_loop_test(tcase, long_texts_are_whole, 0, 5);
    return unit_run(suite);
}
