/* SPDX-License-Identifier: Apache-2.0 */
/* The query string of GET /locks. */
#include "locks_request.h"

#include "locks_utf8.h"

#include <apr_escape.h>
#include <apr_strings.h>

#include <string.h>

#define COURSE_PARAMETER "subject.courseId"

/** Decodes a part of a query string, which has no bytes U+0000 afterwards.
 *  APR_EINVAL for an escape that is none, APR_BADCH for U+0000. */
static apr_status_t decode(const char **decoded, const char *text,
                           apr_size_t length, apr_pool_t *pool)
{
    char *copy = apr_pstrmemdup(pool, text, length);
    apr_status_t rv =
        apr_unescape_url(copy, copy, APR_ESCAPE_STRING, NULL, NULL, 1, NULL);

    *decoded = copy;
    /* That is what it says when there was nothing to decode. */
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

static int is_course_parameter(const char *name, apr_size_t length,
                               apr_pool_t *pool)
{
    const char *decoded;

    return decode(&decoded, name, length, pool) == APR_SUCCESS &&
           !strcmp(decoded, COURSE_PARAMETER);
}

static const char *read_value(const char **course_key, const char *value,
                              apr_size_t length, apr_pool_t *pool)
{
    const char *decoded;

    switch (decode(&decoded, value, length, pool)) {
    case APR_SUCCESS:
        break;
    case APR_BADCH:
        return COURSE_PARAMETER " must not have U+0000";
    default:
        return COURSE_PARAMETER " has a malformed percent escape";
    }
    if (!*decoded) {
        return COURSE_PARAMETER " must not be empty";
    }
    if (locks_utf8_span(decoded, strlen(decoded)) < strlen(decoded)) {
        return COURSE_PARAMETER " is not UTF-8";
    }
    *course_key = decoded;
    return NULL;
}

const char *locks_request_parse_query(const char **course_key,
                                      const char *query, apr_pool_t *pool)
{
    const char *found = NULL;

    *course_key = NULL;
    while (query && *query) {
        if (is_course_parameter(query, strcspn(query, "=&"), pool)) {
            if (found) {
                return COURSE_PARAMETER " must be given once only";
            }
            found = query + strcspn(query, "=&");
        }
        query += strcspn(query, "&");
        query += *query == '&';
    }
    if (!found) {
        return COURSE_PARAMETER " is missing";
    }
    found += *found == '=';
    return read_value(course_key, found, strcspn(found, "&"), pool);
}
