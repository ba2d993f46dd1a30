/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_uri_template.h
 * @brief URIs of the site with %{course}, %{gadget} and %{user} in them.
 */
#ifndef LOCKS_URI_TEMPLATE_H
#define LOCKS_URI_TEMPLATE_H

#include <apr_pools.h>

/** What a template may name. */
typedef enum {
    LOCKS_URI_COURSE,
    LOCKS_URI_GADGET,
    LOCKS_URI_USER,
    LOCKS_URI_NAMES
} locks_uri_name_e;

/** What stands for each name; NULL stands as nothing. */
typedef const char *locks_uri_values_t[LOCKS_URI_NAMES];

/** How a template has to be. */
typedef struct locks_uri_form_t {
    /** Must the name be there? May it be? By locks_uri_name_e. */
    int needed[LOCKS_URI_NAMES];
    int allowed[LOCKS_URI_NAMES];
} locks_uri_form_t;

/**
 * Checks a template: a path from the root, with or without a query, in which
 * every other percent sign begins an escape (RFC 3986, section 2.1).
 * @return NULL, or what is wrong, to follow "LocksCourseURI "
 */
const char *locks_uri_check(const char *template, const locks_uri_form_t *form,
                            apr_pool_t *pool);

/**
 * Makes the URI of a checked template. All but unreserved characters (RFC
 * 3986, section 2.3) of a value are escaped.
 * @return NULL if a value would become an empty path segment, "." or "..",
 *         whatever was escaped: the URI would lead elsewhere
 */
const char *locks_uri_expand(const char *template,
                             const locks_uri_values_t values, apr_pool_t *pool);

#endif
