/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_json.h
 * @brief JSON values, read with json-c.
 */
#ifndef LOCKS_JSON_H
#define LOCKS_JSON_H

#include <apr.h>
#include <apr_pools.h>

/** The longest JSON text in bytes. */
#define LOCKS_JSON_LENGTH_MAX (1024 * 1024)

typedef enum {
    /** There is no such value. */
    LOCKS_JSON_ABSENT,
    LOCKS_JSON_OBJECT,
    LOCKS_JSON_ARRAY,
    LOCKS_JSON_STRING,
    /** A number without fraction and exponent that fits in 64 bits, with or
     *  without a sign. */
    LOCKS_JSON_INTEGER,
    LOCKS_JSON_TRUE,
    LOCKS_JSON_FALSE,
    /** Anything else. */
    LOCKS_JSON_OTHER
} locks_json_kind_e;

/** A value; lives as long as the pool that its text was parsed to. */
typedef struct locks_json_t {
    locks_json_kind_e kind;
    /** For locks_json.c alone. */
    const struct json_object *node;
} locks_json_t;

/**
 * Parses bytes as RFC 8259 says.
 * @param bytes  may be NULL if there are none
 * @param levels how deep arrays and objects may nest
 * @return NULL, or a message that says what is wrong and at which byte
 */
const char *locks_json_parse(locks_json_t *json, const char *bytes,
                             apr_size_t length, apr_size_t levels,
                             apr_pool_t *pool);

/** A member of an object; of equal ones the last. Other values have none. */
locks_json_t locks_json_member(locks_json_t object, const char *name);

/** How many elements an array has. */
apr_size_t locks_json_length(locks_json_t array);
/** An element of an array, the first one's index being 0. */
locks_json_t locks_json_element(locks_json_t array, apr_size_t index);
/** A string's bytes, which may have NUL bytes among them. */
const char *locks_json_string(apr_size_t *length, locks_json_t string);

/** A string as a C string: U+0000 becomes U+FFFD. */
const char *locks_json_text(locks_json_t string, apr_pool_t *pool);

/** An integer; the nearest one where it does not fit. */
apr_int64_t locks_json_integer(locks_json_t integer);

/** The nearest integer for one of more than 64 bits, of kind
 *  #LOCKS_JSON_OTHER; 0 for any other value. */
apr_int64_t locks_json_beyond(locks_json_t other);

/** An integer's decimal form. */
const char *locks_json_decimal(locks_json_t integer, apr_pool_t *pool);

#endif
