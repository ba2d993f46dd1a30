/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_utf8.h"

#define BAD "\xEF\xBF\xBD"

static const struct {
    const char *text;
    apr_size_t length;
    /** How much of it is UTF-8, and what repairing makes of it. */
    apr_size_t span;
    const char *repaired;
} texts[] = {
    {BYTES(""), 0, ""},
    {BYTES("a\x01\x7F"), 3, "a\x01\x7F"},
    {BYTES("a\0b"), 3, "a" BAD "b"},
    /* The first and the last character of each length. */
    {BYTES("\xC2\x80|\xDF\xBF"), 5, "\xC2\x80|\xDF\xBF"},
    {BYTES("\xE0\xA0\x80|\xEF\xBF\xBF"), 7, "\xE0\xA0\x80|\xEF\xBF\xBF"},
    {BYTES("\xF0\x90\x80\x80|\xF4\x8F\xBF\xBF"), 9,
     "\xF0\x90\x80\x80|\xF4\x8F\xBF\xBF"},
    /* Around the surrogates. */
    {BYTES("\xED\x9F\xBF|\xEE\x80\x80"), 7, "\xED\x9F\xBF|\xEE\x80\x80"},
    {BYTES("a\xED\xA0\x80"), 1, "a" BAD BAD BAD},
    {BYTES("a\xED\xBF\xBF"), 1, "a" BAD BAD BAD},
    /* Long forms. */
    {BYTES("\xC0\x80"), 0, BAD BAD},
    {BYTES("\xC1\xBF"), 0, BAD BAD},
    {BYTES("\xE0\x9F\xBF"), 0, BAD BAD BAD},
    {BYTES("\xF0\x8F\xBF\xBF"), 0, BAD BAD BAD BAD},
    /* Past U+10FFFF. */
    {BYTES("\xF4\x90\x80\x80"), 0, BAD BAD BAD BAD},
    {BYTES("\xF5\x80\x80\x80"), 0, BAD BAD BAD BAD},
    {BYTES("\xFF\xFE"), 0, BAD BAD},
    /* Continuations that are missing, too many, or none. */
    {BYTES("ab\x80"
           "c"),
     2, "ab" BAD "c"},
    {BYTES("ab\xBF"), 2, "ab" BAD},
    {BYTES("\xC3"), 0, BAD},
    {BYTES("\xC3("), 0, BAD "("},
    {BYTES("\xE2\x82"), 0, BAD BAD},
    {BYTES("\xE2\x82("), 0, BAD BAD "("},
    {BYTES("\xE2(\x82"), 0, BAD "(" BAD},
    {BYTES("\xF0\x9F\x98"), 0, BAD BAD BAD},
    {BYTES("\xF0\x9F\x98\xC0"), 0, BAD BAD BAD BAD},
    {BYTES("\xC3\xA4\xC3\xC3\xA4"), 2, "\xC3\xA4" BAD "\xC3\xA4"},
};

START_TEST(a_span_ends_where_utf8_ends)
{
    ck_assert_uint_eq(locks_utf8_span(exactly(texts[_i].text, texts[_i].length),
                                      texts[_i].length),
                      texts[_i].span);
}
END_TEST

START_TEST(repairing_leaves_characters_alone)
{
    ck_assert_str_eq(
        locks_utf8_repair(exactly(texts[_i].text, texts[_i].length),
                          texts[_i].length, pool),
        texts[_i].repaired);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, a_span_ends_where_utf8_ends, 0, COUNT(texts));
    tcase_add_loop_test(tcase, repairing_leaves_characters_alone, 0,
                        COUNT(texts));
    return unit_run(suite);
}
