/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_site_answer.h"

#include "locks_json.h"
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

/** Decodes ~0 and ~1 of a reference token in place; APR_EINVAL for any other
 *  tilde. */
static apr_status_t decode_step(char *step)
{
    char *out = step;

    for (; *step != '\0'; step++) {
        if (*step != '~') {
            *out++ = *step;
            continue;
        }
        step++;
        if (*step != '0' && *step != '1') {
            return APR_EINVAL;
        }
        *out++ = *step == '0' ? '~' : '/';
    }
    *out = '\0';
    return APR_SUCCESS;
}

apr_status_t locks_site_pointer_parse(apr_array_header_t **steps,
                                      const char *pointer, apr_pool_t *pool)
{
    *steps = apr_array_make(pool, 2, sizeof(const char *));
    if (*pointer != '/') {
        return APR_EINVAL;
    }
    while (*pointer == '/') {
        apr_size_t length = strcspn(++pointer, "/");
        char *step = apr_pstrmemdup(pool, pointer, length);

        if (decode_step(step) != APR_SUCCESS) {
            return APR_EINVAL;
        }
        APR_ARRAY_PUSH(*steps, const char *) = step;
        pointer += length;
    }
    return pointer[-1] != '/' ? APR_SUCCESS : APR_EINVAL;
}

/** The element or member that a step leads to. */
static locks_json_t follow(locks_json_t json, const char *step)
{
    static const locks_json_t nothing = {LOCKS_JSON_ABSENT, NULL};
    apr_size_t digits = strspn(step, "0123456789");

    if (json.kind == LOCKS_JSON_OBJECT) {
        return locks_json_member(json, step);
    }
    if (json.kind == LOCKS_JSON_ARRAY && digits > 0 && digits <= 9 &&
        step[digits] == '\0' && (*step != '0' || digits == 1)) {
        apr_size_t index = (apr_size_t)apr_atoi64(step);

        return index < locks_json_length(json) ? locks_json_element(json, index)
                                               : nothing;
    }
    return nothing;
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
    int i;

    if (locks_json_parse(&json, body, length, LOCKS_JSON_LEVELS_MAX, pool) !=
        NULL) {
        return APR_EINVAL;
    }
    for (i = 0; i < steps->nelts - 1; i++) {
        json = follow(json, APR_ARRAY_IDX(steps, i, const char *));
    }
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
