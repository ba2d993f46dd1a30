/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_locks.h"

#include <http_protocol.h>
#include <util_filter.h>

#include "locks_reply.h"

void locks_answer_open(locks_json_writer_t *json, request_rec *r)
{
    locks_json_writer_open(
        json, apr_brigade_create(r->pool, r->connection->bucket_alloc));
}

int locks_answer_send(request_rec *r, int status, locks_json_writer_t *json)
{
    apr_bucket_brigade *body = json->brigade;

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
    locks_json_writer_close(json);
    APR_BRIGADE_INSERT_TAIL(body, apr_bucket_eos_create(body->bucket_alloc));
    /* If this fails the client is gone, and nobody is left to be told. */
    ap_pass_brigade(r->output_filters, body);
    return OK;
}

int locks_answer_error(request_rec *r, int status, const char *message,
                       apr_size_t length)
{
    locks_json_writer_t json;

    locks_answer_open(&json, r);
    locks_reply_error(&json, status, message, length);
    return locks_answer_send(r, status, &json);
}
