/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_prefer.h"

static const struct {
    const char *header;
    int seconds;
} headers[] = {
    {NULL, 0},
    {"", 0},
    {"wait=1", 1},
    {"wait=0", 0},
    {"wait=30", 30},
    {"Wait=30", 30},
    {"WAIT = 30", 30},
    {" wait\t=\t30 ", 30},
    {"wait=\"30\"", 30},
    {"wait=30;x", 30},
    {"wait=30 ; x=\"y\"", 30},
    {"respond-async, wait=10", 10},
    {"wait=10, respond-async", 10},
    {"respond-async,wait=10", 10},
    {",, wait=10,", 10},
    {"return=minimal; wait=5, wait=10", 10},
    {"wait=10, wait=20", 10},
    {"wait=x, wait=20", 0},
    {"waiting=5, wait=10", 10},
    {"await=5", 0},
    {"wait", 0},
    {"wait, wait=7", 7},
    {"wait=", 0},
    {"wait=, x", 0},
    {"wait=\"\"", 0},
    {"wait=\"7", 0},
    {"wait=7\"", 0},
    {"wait=-1", 0},
    {"wait=+1", 0},
    {"wait=1.5", 0},
    {"wait=1e3", 0},
    {"wait=10x", 0},
    {"wait=1 0", 0},
    {"wait=0000000005", 5},
    {"wait=999999", 999999},
    {"wait=1000000", LOCKS_PREFER_WAIT_MAX},
    {"wait=99999999999999999999999999999", LOCKS_PREFER_WAIT_MAX},
    {"x=\"a, wait=5\"", 0},
    {"x=\"a, wait=5\", wait=6", 6},
    {"x=\"a\\\", wait=5\", wait=6", 6},
    {"x=\"a, wait=5", 0},
    {"x=\"\\", 0},
};

START_TEST(a_wait_is_read)
{
    ck_assert_int_eq(locks_prefer_wait(headers[_i].header),
                     headers[_i].seconds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prefer");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, a_wait_is_read, 0, COUNT(headers));
    return unit_run(suite);
}
