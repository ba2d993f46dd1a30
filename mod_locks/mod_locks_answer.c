/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_locks.h"

#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

#include "locks_reply.h"

int locks_answer(request_rec *r, int status, const char *json)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, alloc);

    r->status = status;
    /* Half a list is no list, and what was done must not be called
     * unsatisfiable: httpd would cut any 200 to the range asked for. */
    apr_table_unset(r->headers_in, "Range");
    ap_set_content_type(r, "application/json");
    /* Whatever another module read out of the URL's last segment. */
    r->content_encoding = NULL;
    r->content_languages = NULL;
    apr_table_setn(r->headers_out, "Cache-Control",
                   ap_is_HTTP_ERROR(status) || r->method_number != M_GET
                       ? "no-store"
                       : "private, no-cache");
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->headers_out, "Retry-After", LOCKS_RETRY_AFTER);
    }
    APR_BRIGADE_INSERT_TAIL(
        brigade, apr_bucket_pool_create(json, strlen(json), r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(alloc));
    /* If this fails the client is gone, and nobody is left to be told. */
    ap_pass_brigade(r->output_filters, brigade);
    return OK;
}

int locks_answer_error(request_rec *r, int status, const char *message,
                       apr_size_t length)
{
    return locks_answer(r, status,
                        locks_reply_error(status, message, length, r->pool));
}
