/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file unit.h
 * @brief What the tests of parsers and writers share: a pool for each test,
 *        and a main that runs them.
 */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/** A string literal's bytes and their number, NUL bytes inside included. */
#define BYTES(literal) literal, sizeof(literal) - 1
#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static apr_pool_t *pool;

static void setup(void)
{
    apr_pool_create(&pool, NULL);
}

static void teardown(void)
{
    apr_pool_destroy(pool);
}

/** Adds a test case with a pool to a suite. */
static inline TCase *unit_case(Suite *suite)
{
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/** Runs a suite; what main returns. */
static inline int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    apr_initialize();
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/** A text that repeats a character. */
static inline char *repeated(char character, apr_size_t count)
{
    char *text = apr_palloc(pool, count + 1);

    memset(text, character, count);
    text[count] = '\0';
    return text;
}

/** A copy with bytes behind it that would complete characters and texts:
 *  whoever reads past the end finds them. */
static inline char *exactly(const char *bytes, apr_size_t length)
{
    static const char behind[] = "\xBF\xBF\xBF}]\"x";
    char *copy = apr_palloc(pool, length + sizeof(behind));

    memcpy(copy, bytes, length);
    memcpy(copy + length, behind, sizeof(behind));
    return copy;
}

#endif
