/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_catalog.h
 * @brief A catalog: who knows courses, gadgets and permissions.
 *
 * The built-in catalog "dbd" asks the site's database, and "subrequest" the
 * site itself. A module brings its own by registering a
 * #locks_catalog_provider_t:
 *
 *     ap_register_provider(p, LOCKS_CATALOG_PROVIDER_GROUP, "mycatalog",
 *                          LOCKS_CATALOG_PROVIDER_VERSION, &my_provider);
 *
 * and is then configured as `LocksCatalog mycatalog`.
 */
#ifndef LOCKS_CATALOG_H
#define LOCKS_CATALOG_H

#include <apr_errno.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOCKS_CATALOG_PROVIDER_GROUP "locks_catalog"
#define LOCKS_CATALOG_PROVIDER_VERSION "1"

/** httpd's request; include httpd.h to look inside. */
struct request_rec;

/**
 * How a catalog is asked. Members are called by many threads at once. Each
 * returns APR_SUCCESS for yes, APR_NOTFOUND for no, APR_EACCES if whoever
 * asks may not know, and anything else if the answer could not be found out;
 * then it has logged why, and what to do. Results are allocated from the
 * request's pool. A principal is as in locks_session_t; NULL for nobody.
 *
 * With LocksCatalogCache, answers of the first two kinds are kept and serve
 * other requests.
 */
typedef struct locks_catalog_provider_t {
    /**
     * Finds a course.
     * @param course_id set to the course ID: 6 to 255 of a-z and 0-9
     * @param key       a course ID, or an internal ID in canonical decimal
     *                  form; if two courses match, the one whose course ID
     *                  it is wins
     * @param principal who wants to know
     */
    apr_status_t (*course)(const char **course_id, struct request_rec *r,
                           const char *key, const char *principal);
    /**
     * May this principal update this course?
     * @param principal not NULL
     */
    apr_status_t (*access)(struct request_rec *r, const char *course_id,
                           const char *principal);
    /**
     * Finds a gadget in a course.
     * @param canonical set to the gadget ID as locks shall use it: where a
     *                  catalog takes several spellings for one gadget, each
     *                  must lead to the same canonical one
     * @param gadget_id 1 to 255 bytes of UTF-8 without control characters
     * @param principal who wants to know
     */
    apr_status_t (*gadget)(const char **canonical, struct request_rec *r,
                           const char *course_id, const char *gadget_id,
                           const char *principal);
    /**
     * Says what the answers depend on beside the virtual host and the
     * arguments above, such as queries: answers are kept for requests of the
     * same scope. NULL if on nothing.
     */
    const char *(*scope)(struct request_rec *r);
    /** Do answers about courses and gadgets depend on who asks? */
    int personal;
} locks_catalog_provider_t;

#ifdef __cplusplus
}
#endif
#endif
