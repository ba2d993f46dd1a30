/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a browser sent a request on behalf of another site. A request that
 * is authenticated by what browsers add on their own (a cookie, a password, a
 * client certificate) may have been written by any page that the user looks
 * at. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <apr_uri.h>

#include <string.h>

/** Is this Origin the site's own? Only host and port count: where a proxy
 *  ends TLS the scheme that we see is another, and so a Host without a port
 *  means either scheme's.
 *  Origin: RFC 6454, section 7; "null" has no host. */
static int is_own_origin(const request_rec *r, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    apr_uri_t theirs;
    apr_uri_t ours;
    apr_port_t usual;
    apr_port_t port;

    if (host == NULL ||
        apr_uri_parse(r->pool, apr_pstrcat(r->pool, "//", host, NULL), &ours) !=
            APR_SUCCESS ||
        apr_uri_parse(r->pool, origin, &theirs) != APR_SUCCESS ||
        ours.hostname == NULL || theirs.hostname == NULL ||
        theirs.scheme == NULL ||
        ap_cstr_casecmp(theirs.hostname, ours.hostname) != 0) {
        return 0;
    }
    usual = apr_uri_port_of_scheme(theirs.scheme);
    port = theirs.port_str != NULL ? theirs.port : usual;
    return port == (ours.port_str != NULL ? ours.port : usual);
}

int locks_origin_is_own(const request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    /* A page cannot set either header: Fetch Metadata Request Headers,
     * section 2.3. "none" is what the user typed. */
    if (site != NULL) {
        return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    }
    return origin == NULL || is_own_origin(r, origin);
}
