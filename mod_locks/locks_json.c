/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_json.h"

#include "locks_json_syntax.h"
#include "locks_utf8.h"

#include <apr_strings.h>

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/** What is left of the digits of an integer that has more than 64 bits, at
 *  least, once it was made a number that is none. */
#define BEYOND_DIGITS 17

/** json-c's allocations fail quietly; here memory ends as it does for APR's
 *  pools in httpd. */
static void *allocated(void *memory)
{
    if (!memory) {
        abort();
    }
    return memory;
}

static apr_status_t put_node(void *node)
{
    json_object_put(node);
    return APR_SUCCESS;
}

static locks_json_t value_of(const struct json_object *node)
{
    locks_json_t json = {LOCKS_JSON_OTHER, node};

    switch (json_object_get_type(node)) {
    case json_type_object:
        json.kind = LOCKS_JSON_OBJECT;
        break;
    case json_type_array:
        json.kind = LOCKS_JSON_ARRAY;
        break;
    case json_type_string:
        json.kind = LOCKS_JSON_STRING;
        break;
    case json_type_int:
        json.kind = LOCKS_JSON_INTEGER;
        break;
    case json_type_boolean:
        json.kind =
            json_object_get_boolean(node) ? LOCKS_JSON_TRUE : LOCKS_JSON_FALSE;
        break;
    default:
        break;
    }
    return json;
}

const char *locks_json_parse(locks_json_t *json, const char *bytes,
                             apr_size_t length, apr_size_t levels,
                             apr_pool_t *pool)
{
    const char *error;
    struct json_tokener *tokener;
    struct json_object *node;
    char *text;

    *json = (locks_json_t){LOCKS_JSON_ABSENT, NULL};
    if (length > LOCKS_JSON_LENGTH_MAX) {
        return apr_psprintf(pool, "JSON of more than %d bytes",
                            LOCKS_JSON_LENGTH_MAX);
    }
    text = apr_pstrmemdup(pool, bytes ? bytes : "", length);
    error = locks_json_check(text, length, levels, pool);
    if (error) {
        return error;
    }
    /* json-c counts a level more, for what the innermost container holds. It
     * reads the NUL byte as well: it tells it where a number ends. */
    tokener = allocated(json_tokener_new_ex((int)levels + 1));
    node = json_tokener_parse_ex(tokener, text, (int)length + 1);
    if (json_tokener_get_error(tokener) != json_tokener_success) {
        error = apr_psprintf(
            pool, "Malformed JSON at byte %" APR_SIZE_T_FMT ": %s",
            json_tokener_get_parse_end(tokener),
            json_tokener_error_desc(json_tokener_get_error(tokener)));
    } else {
        apr_pool_cleanup_register(pool, node, put_node, apr_pool_cleanup_null);
        *json = value_of(node);
    }
    json_tokener_free(tokener);
    return error;
}

locks_json_t locks_json_member(locks_json_t object, const char *name)
{
    struct json_object *node;

    if (!json_object_object_get_ex(object.node, name, &node)) {
        return (locks_json_t){LOCKS_JSON_ABSENT, NULL};
    }
    return value_of(node);
}

apr_size_t locks_json_length(locks_json_t array)
{
    return json_object_array_length(array.node);
}

locks_json_t locks_json_element(locks_json_t array, apr_size_t index)
{
    return value_of(json_object_array_get_idx(array.node, index));
}

/** json-c keeps texts that it makes inside the value: reading changes it. */
static struct json_object *writable(locks_json_t json)
{
    return (struct json_object *)json.node;
}

const char *locks_json_string(apr_size_t *length, locks_json_t string)
{
    *length = (apr_size_t)json_object_get_string_len(string.node);
    return json_object_get_string(writable(string));
}

const char *locks_json_text(locks_json_t string, apr_pool_t *pool)
{
    apr_size_t length;
    const char *bytes = locks_json_string(&length, string);

    return locks_utf8_repair(bytes, length, pool);
}

apr_int64_t locks_json_integer(locks_json_t integer)
{
    return json_object_get_int64(integer.node);
}

apr_int64_t locks_json_beyond(locks_json_t other)
{
    const char *text;
    apr_size_t digits;

    if (json_object_get_type(other.node) != json_type_double) {
        return 0;
    }
    /* As locks_json_check() has written it. */
    text = json_object_get_string(writable(other));
    digits = strspn(text + (*text == '-'), "0123456789");
    if (digits < BEYOND_DIGITS ||
        strcmp(text + (*text == '-') + digits, "e0") != 0) {
        return 0;
    }
    return *text == '-' ? APR_INT64_MIN : APR_INT64_MAX;
}

const char *locks_json_decimal(locks_json_t integer, apr_pool_t *pool)
{
    return apr_pstrdup(pool, json_object_get_string(writable(integer)));
}
