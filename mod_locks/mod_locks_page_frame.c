/* SPDX-License-Identifier: Apache-2.0 */
/* What all pages of locks-status share: the frame, headers, and texts. */
#include "mod_locks_status.h"

#include <apr_escape.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "mod_locks_assets.h"

/** The bytes of a nonce. */
#define NONCE_SIZE 16

const char *locks_html(request_rec *r, const char *text)
{
    return ap_escape_html(r->pool, text);
}

const char *locks_html_span(request_rec *r, apr_interval_time_t span)
{
    apr_int64_t seconds = apr_time_sec(span);

    if (seconds < 60) {
        return apr_psprintf(r->pool, "%" APR_INT64_T_FMT " s", seconds);
    }
    if (seconds < 3600) {
        return apr_psprintf(r->pool,
                            "%" APR_INT64_T_FMT " min %" APR_INT64_T_FMT " s",
                            seconds / 60, seconds % 60);
    }
    if (seconds < 24 * 3600) {
        return apr_psprintf(r->pool,
                            "%" APR_INT64_T_FMT " h %" APR_INT64_T_FMT " min",
                            seconds / 3600, seconds / 60 % 60);
    }
    return apr_psprintf(r->pool,
                        "%" APR_INT64_T_FMT " d %" APR_INT64_T_FMT " h",
                        seconds / (24 * 3600), seconds / 3600 % 24);
}

/** A nonce that names what of the page may style and run: Content Security
 *  Policy Level 3, section 7.1. NULL without chance. */
static const char *make_nonce(request_rec *r)
{
    unsigned char bytes[NONCE_SIZE];

    return apr_generate_random_bytes(bytes, sizeof(bytes)) == APR_SUCCESS
               ? apr_pescape_hex(r->pool, bytes, sizeof(bytes), 0)
               : NULL;
}

static void set_headers(request_rec *r, const char *nonce)
{
    const char *own = nonce != NULL
                          ? apr_pstrcat(r->pool, "'nonce-", nonce, "'", NULL)
                          : "'none'";

    ap_set_content_type(r, "text/html; charset=utf-8");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   apr_pstrcat(r->pool, "default-src 'none'; style-src ", own,
                               "; script-src ", own,
                               "; img-src data:; connect-src 'self'; "
                               "form-action 'self'; base-uri 'none'; "
                               "frame-ancestors 'none'",
                               NULL));
    apr_table_setn(r->headers_out, "X-Frame-Options", "DENY");
    apr_table_setn(r->headers_out, "Referrer-Policy", "same-origin");
}

void locks_page_begin(request_rec *r, const char *title)
{
    const char *nonce = make_nonce(r);

    set_headers(r, nonce);
    ap_rvputs(r,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
              "<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, "
              "initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n"
              "<link rel=\"icon\" href=\"data:,\">\n<title>",
              locks_html(r, title), "</title>\n", NULL);
    if (nonce != NULL) {
        ap_rvputs(r, "<style nonce=\"", nonce, "\">\n", locks_page_style,
                  "</style>\n<script type=\"module\" nonce=\"", nonce, "\">\n",
                  locks_page_script, "</script>\n", NULL);
    }
    ap_rputs("</head>\n<body>\n", r);
}

void locks_page_end(request_rec *r)
{
    ap_rvputs(r, "</body>\n</html>\n", NULL);
}
