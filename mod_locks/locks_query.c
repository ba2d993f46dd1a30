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

/** Does a part of a query string say this? */
static int says(const char *part, apr_size_t length, const char *text,
                apr_pool_t *pool)
{
    const char *decoded;

    return decode(&decoded, part, length, pool) == APR_SUCCESS &&
           !strcmp(decoded, text);
}

/** The first parameter of this name, from its name on; NULL if there is none.
 */
static const char *find_parameter(const char *query, const char *name,
                                  apr_pool_t *pool)
{
    while (query && *query) {
        if (says(query, strcspn(query, "=&"), name, pool)) {
            return query;
        }
        query += strcspn(query, "&");
        query += *query == '&';
    }
    return NULL;
}

int locks_request_is_own(const char *query, apr_pool_t *pool)
{
    const char *found = find_parameter(query, "ownerId", pool);

    if (!found) {
        return 0;
    }
    found += strcspn(found, "=&");
    found += *found == '=';
    return says(found, strcspn(found, "&"), "me", pool);
}

int locks_request_names_course(const char *query, apr_pool_t *pool)
{
    return find_parameter(query, COURSE_PARAMETER, pool) != NULL;
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
    const char *found;

    *course_key = NULL;
    found = find_parameter(query, COURSE_PARAMETER, pool);
    if (found &&
        find_parameter(found + strcspn(found, "&"), COURSE_PARAMETER, pool)) {
        return COURSE_PARAMETER " must be given once only";
    }
    if (!found) {
        return COURSE_PARAMETER " is missing";
    }
    found += strcspn(found, "=&");
    found += *found == '=';
    return read_value(course_key, found, strcspn(found, "&"), pool);
}
