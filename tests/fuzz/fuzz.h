/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fuzz.h
 * @brief What the fuzz targets share.
 *
 * A target is a program of its own with libFuzzer, or, with replay.c, one
 * that reads its corpus once. It aborts where a property does not hold.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Called with one input. (libFuzzer's entry point) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Ends the program, with the property that does not hold. */
#define MUST(property)                                                 \
    do {                                                               \
        if (!(property)) {                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
                    #property);                                        \
            abort();                                                   \
        }                                                              \
    } while (0)

/** A pool for one input. */
static inline apr_pool_t *fuzz_pool(void)
{
    static int initialized;
    apr_pool_t *pool;

    if (!initialized) {
        initialized = 1;
        MUST(apr_initialize() == APR_SUCCESS);
    }
    MUST(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    return pool;
}

/** The input in memory that ends where it ends, so that whoever reads on is
 *  found by a sanitizer; to be freed. */
static inline char *fuzz_exactly(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);

    MUST(copy != NULL);
    memcpy(copy, data, size);
    return copy;
}

/** The input as a string, up to its first NUL byte; to be freed. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    size_t length = strnlen((const char *)data, size);
    char *copy = malloc(length + 1);

    MUST(copy != NULL);
    memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}

#endif
