/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_site_answer.h"

#include "locks_json_pointer.h"
#include "locks_request.h"

#include <apr_strings.h>

#include <string.h>

apr_status_t locks_site_answer_id(const char **id, const char *body,
                                  apr_size_t length, apr_pool_t *pool)
{
    locks_json_t json;
    locks_json_t member;
    apr_size_t id_length;

    if (locks_json_parse(&json, body, length, LOCKS_JSON_LEVELS_MAX, pool) !=
            NULL ||
        json.kind != LOCKS_JSON_OBJECT) {
        return APR_NOTFOUND;
    }
    member = locks_json_member(json, "id");
    switch (member.kind) {
    case LOCKS_JSON_ABSENT:
        return APR_NOTFOUND;
    case LOCKS_JSON_INTEGER:
        *id = locks_json_decimal(member, pool);
        return APR_SUCCESS;
    case LOCKS_JSON_STRING:
        *id = locks_json_string(&id_length, member);
        /* What comes after U+0000 would be lost: another one's ID. */
        return id_length == strlen(*id) ? APR_SUCCESS : APR_EINVAL;
    default:
        return APR_EINVAL;
    }
}

static int is_string(locks_json_t json, const char *text)
{
    apr_size_t length;

    return json.kind == LOCKS_JSON_STRING &&
           strcmp(locks_json_string(&length, json), text) == 0 &&
           length == strlen(text);
}

static int array_has(locks_json_t array, const char *text)
{
    apr_size_t i;

    for (i = 0; i < locks_json_length(array); i++) {
        if (is_string(locks_json_element(array, i), text)) {
            return 1;
        }
    }
    return 0;
}

apr_status_t locks_site_answer_contains(const char *body, apr_size_t length,
                                        const apr_array_header_t *steps,
                                        apr_pool_t *pool)
{
    const char *last = APR_ARRAY_IDX(steps, steps->nelts - 1, const char *);
    locks_json_t json;

    if (locks_json_parse(&json, body, length, LOCKS_JSON_LEVELS_MAX, pool) !=
        NULL) {
        return APR_EINVAL;
    }
    json = locks_json_pointer_follow(json, steps, steps->nelts - 1);
    switch (json.kind) {
    case LOCKS_JSON_ARRAY:
        return array_has(json, last) ? APR_SUCCESS : APR_NOTFOUND;
    case LOCKS_JSON_OBJECT:
        return locks_json_member(json, last).kind == LOCKS_JSON_TRUE
                   ? APR_SUCCESS
                   : APR_NOTFOUND;
    default:
        return APR_EINVAL;
    }
}
