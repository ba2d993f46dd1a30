/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_locks_target.h"

#include <apr_strings.h>
#include <apr_uri.h>
#include <http_log.h>
#include <http_request.h>

#include <string.h>

APLOG_USE_MODULE(locks);

/** Evaluates an expression of LocksSubject; NULL if it cannot be. */
static const char *evaluate(request_rec *r, const ap_expr_info_t *expression)
{
    const char *error = NULL;
    const char *text = ap_expr_str_exec(r, expression, &error);

    if (error != NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "locks: LocksSubject could not be evaluated: %s", error);
        return NULL;
    }
    return text;
}

/** Course IDs have no capital letters, but an application may take them. */
static const char *without_case(const char *key, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, key);

    ap_str_tolower(copy);
    return copy;
}

/** Reads the one gadget that a URL names. What may be left out of the URL
 *  leaves the course. */
static int read_gadget(locks_target_t *target)
{
    const char *gadget = evaluate(target->r, target->guard->gadget);

    if (gadget == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (*gadget != '\0') {
        target->gadgets = apr_array_make(target->r->pool, 1, sizeof(gadget));
        APR_ARRAY_PUSH(target->gadgets, const char *) = gadget;
    }
    return OK;
}

int locks_target_read(locks_target_t *target, request_rec *r)
{
    const locks_guard_t *guard = locks_guard_of(r);

    memset(target, 0, sizeof(*target));
    target->r = r;
    target->guard = guard;
    target->course_key =
        guard->course != NULL ? evaluate(r, guard->course) : NULL;
    if (target->course_key == NULL || *target->course_key == '\0') {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "locks: LocksGuard does not know the course of %s: "
                      "LocksSubject must name it, for example LocksSubject "
                      "\"%%{env:MATCH_COURSE}\" where <LocationMatch> has "
                      "(?<course>...)",
                      r->uri);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    target->course_key = without_case(target->course_key, r->pool);
    return guard->gadget != NULL ? read_gadget(target) : OK;
}

const char *locks_target_text(const locks_target_t *target, apr_pool_t *pool)
{
    /* The number tells a body that names nothing from the whole course. */
    return apr_psprintf(pool, "%d %d %s\n%s", (int)target->guard->mode,
                        target->gadgets != NULL ? target->gadgets->nelts : -1,
                        target->course_key,
                        target->gadgets != NULL
                            ? apr_array_pstrcat(pool, target->gadgets, '\n')
                            : "");
}

/** Does the application read the path as httpd does? mod_proxy sends it so,
 *  if it is not told otherwise, to servers that have no other way to know. */
static int is_sent_as_we_read_it(const request_rec *r)
{
    static const char *const schemes[] = {
        "http:", "https:", "h2:", "h2c:", "ajp:"};
    apr_size_t i;

    if (r->proxyreq != PROXYREQ_REVERSE || r->filename == NULL ||
        apr_table_get(r->notes, "proxy-nocanon") != NULL ||
        apr_table_get(r->notes, "proxy-noencode") != NULL) {
        return 0;
    }
    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(r->filename, "proxy:", 6) == 0 &&
            strncmp(r->filename + 6, schemes[i], strlen(schemes[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

/** The path of a request as it was sent. */
static const char *sent_path(const request_rec *r)
{
    apr_uri_t uri;

    if (*r->unparsed_uri == '/') {
        return r->unparsed_uri;
    }
    return apr_uri_parse(r->pool, r->unparsed_uri, &uri) == APR_SUCCESS &&
                   uri.path != NULL
               ? uri.path
               : "";
}

/** httpd leaves a slash that is escaped as it is only where it is told to. */
int locks_target_is_certain(const request_rec *r)
{
    return is_sent_as_we_read_it(r) ? ap_strcasestr(r->uri, "%2f") == NULL &&
                                          strchr(r->uri, '\\') == NULL
                                    : locks_guard_path_is_plain(sent_path(r));
}

/** The path and query of a Destination, which is a URL or an absolute path;
 *  NULL if it is neither. */
static const char *destination_path(const char *destination, apr_pool_t *pool)
{
    apr_uri_t uri;

    if (*destination == '/') {
        return destination;
    }
    return apr_uri_parse(pool, destination, &uri) == APR_SUCCESS &&
                   uri.path != NULL && *uri.path == '/'
               ? apr_uri_unparse(pool, &uri, APR_URI_UNP_OMITSITEPART)
               : NULL;
}

request_rec *locks_target_destination(request_rec *r, const char *destination)
{
    const char *path = destination_path(destination, r->pool);

    return path != NULL ? ap_sub_req_method_uri("PUT", path, r, NULL) : NULL;
}
