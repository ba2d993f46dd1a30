/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_json_pointer.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

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

apr_status_t locks_json_pointer_parse(apr_array_header_t **steps,
                                      const char *pointer, apr_pool_t *pool)
{
    *steps = apr_array_make(pool, 2, sizeof(const char *));
    while (*pointer == '/') {
        apr_size_t length = strcspn(++pointer, "/");
        char *step = apr_pstrmemdup(pool, pointer, length);

        if (decode_step(step) != APR_SUCCESS) {
            return APR_EINVAL;
        }
        APR_ARRAY_PUSH(*steps, const char *) = step;
        pointer += length;
    }
    return *pointer == '\0' ? APR_SUCCESS : APR_EINVAL;
}

/** Reads an array's index, in canonical decimal form; APR_EINVAL if the step
 *  is none. */
static apr_status_t read_index(apr_size_t *index, const char *step)
{
    apr_size_t digits = strspn(step, "0123456789");

    if (digits == 0 || digits > 9 || step[digits] != '\0' ||
        (*step == '0' && digits > 1)) {
        return APR_EINVAL;
    }
    *index = (apr_size_t)apr_atoi64(step);
    return APR_SUCCESS;
}

locks_json_t locks_json_pointer_follow(locks_json_t json,
                                       const apr_array_header_t *steps,
                                       int count)
{
    static const locks_json_t nothing = {LOCKS_JSON_ABSENT, NULL};
    apr_size_t index;
    int i;

    for (i = 0; i < count; i++) {
        const char *step = APR_ARRAY_IDX(steps, i, const char *);

        if (json.kind == LOCKS_JSON_OBJECT) {
            json = locks_json_member(json, step);
        } else if (json.kind == LOCKS_JSON_ARRAY &&
                   read_index(&index, step) == APR_SUCCESS &&
                   index < locks_json_length(json)) {
            json = locks_json_element(json, index);
        } else {
            return nothing;
        }
    }
    return json;
}

/* ---- Names that are there twice ----
 *
 * The text was checked before, so every step below finds what it expects. */

typedef struct walk_t {
    const char *at;
    apr_pool_t *pool;
} walk_t;

/** Goes to the next character that is no blank, and to what follows it if it
 *  is the given one. */
static int is_next(walk_t *walk, char character)
{
    walk->at += strspn(walk->at, " \t\r\n");
    if (*walk->at != character) {
        return 0;
    }
    walk->at++;
    return 1;
}

static void skip_string(walk_t *walk)
{
    for (walk->at++; *walk->at != '"'; walk->at++) {
        walk->at += *walk->at == '\\';
    }
    walk->at++;
}

static void skip_value(walk_t *walk)
{
    int depth = 0;

    walk->at += strspn(walk->at, " \t\r\n");
    do {
        if (*walk->at == '"') {
            skip_string(walk);
            continue;
        }
        depth += *walk->at == '{' || *walk->at == '[';
        depth -= *walk->at == '}' || *walk->at == ']';
        walk->at++;
    } while (depth > 0 || strchr(",]} \t\r\n", *walk->at) == NULL);
}

/** Reads a member's name, and passes over its colon. Case is ignored: there
 *  are readers that do. */
static int is_named(walk_t *walk, const char *name)
{
    const char *start = walk->at;
    locks_json_t string;
    apr_size_t length;

    skip_string(walk);
    (void)locks_json_parse(&string, start, (apr_size_t)(walk->at - start), 1,
                           walk->pool);
    (void)is_next(walk, ':');
    return apr_cstr_casecmp(locks_json_string(&length, string), name) == 0;
}

/** Goes through an object's members; how many have this name. The walk ends
 *  at the last one's value. */
static int enter_member(walk_t *walk, const char *name)
{
    const char *found = NULL;
    int count = 0;

    while (is_next(walk, '"')) {
        walk->at--;
        if (is_named(walk, name)) {
            found = walk->at;
            count++;
        }
        skip_value(walk);
        (void)is_next(walk, ',');
    }
    walk->at = found;
    return count;
}

/** Goes to an array's element; 0 if there is none. */
static int enter_element(walk_t *walk, const char *step)
{
    apr_size_t index;

    if (read_index(&index, step) != APR_SUCCESS || is_next(walk, ']')) {
        return 0;
    }
    for (; index > 0; index--) {
        skip_value(walk);
        if (!is_next(walk, ',')) {
            return 0;
        }
    }
    return 1;
}

int locks_json_pointer_is_ambiguous(const char *text, apr_size_t length,
                                    const apr_array_header_t *steps,
                                    apr_pool_t *pool)
{
    walk_t walk = {apr_pstrmemdup(pool, text, length), pool};
    int ways = 1;
    int i;

    for (i = 0; i < steps->nelts && ways == 1; i++) {
        const char *step = APR_ARRAY_IDX(steps, i, const char *);

        if (is_next(&walk, '{')) {
            ways = enter_member(&walk, step);
        } else {
            ways = is_next(&walk, '[') ? enter_element(&walk, step) : 0;
        }
    }
    return ways > 1;
}
