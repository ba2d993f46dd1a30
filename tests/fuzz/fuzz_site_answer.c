/* SPDX-License-Identifier: Apache-2.0 */
/* What a site answers, looked at by a pointer: the input is the pointer, a NUL
 * byte and the answer. The pointer serves as a gadget's name too. */
#include "fuzz.h"

#include "locks_json_pointer.h"
#include "locks_request.h"
#include "locks_site_answer.h"
#include "locks_uri_template.h"

#include <apr_escape.h>

#define START "/x/"

static void try_answer(const char *pointer, const char *body, size_t length,
                       apr_pool_t *pool)
{
    apr_array_header_t *steps;
    locks_json_t json;
    const char *id = NULL;

    if (locks_site_answer_id(&id, body, length, pool) == APR_SUCCESS) {
        MUST(id != NULL && strlen(id) <= length);
    }
    if (locks_json_pointer_parse(&steps, pointer, pool) != APR_SUCCESS) {
        return;
    }
    if (steps->nelts > 0) {
        locks_site_answer_contains(body, length, steps, pool);
    }
    if (locks_json_parse(&json, body, length, LOCKS_JSON_LEVELS_MAX, pool) ==
        NULL) {
        locks_json_pointer_is_ambiguous(body, length, steps, pool);
    }
}

/** What a URI has of a name is that name again, and no path of its own. */
static void try_uri(const char *name, apr_pool_t *pool)
{
    const locks_uri_values_t values = {[LOCKS_URI_GADGET] = name};
    const char *uri = locks_uri_expand(START "%{gadget}", values, pool);
    char *decoded;

    if (uri == NULL) {
        return;
    }
    MUST(strncmp(uri, START, strlen(START)) == 0);
    MUST(strpbrk(uri + strlen(START), "/?#\\ ") == NULL);
    MUST(strcmp(uri + strlen(START), ".") != 0);
    MUST(strcmp(uri + strlen(START), "..") != 0);
    decoded = apr_pstrdup(pool, uri + strlen(START));
    apr_unescape_url(decoded, decoded, APR_ESCAPE_STRING, NULL, NULL, 0, NULL);
    MUST(strcmp(decoded, name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *input = fuzz_exactly(data, size);
    const char *end = size > 0 ? memchr(input, '\0', size) : NULL;

    if (end != NULL) {
        locks_uri_form_t form = {.needed = {0}, .allowed = {1, 1, 1}};

        try_answer(input, end + 1, size - (size_t)(end + 1 - input), pool);
        try_uri(input, pool);
        if (locks_uri_check(input, &form, pool) == NULL) {
            const locks_uri_values_t values = {"course1", "g1", "42"};

            MUST(locks_uri_expand(input, values, pool) != NULL);
        }
    }
    free(input);
    apr_pool_destroy(pool);
    return 0;
}
