/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the site itself, by requests that httpd makes internally. */
#include "mod_locks.h"

#include <apr_buckets.h>
#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include <string.h>

#include "locks_json.h"

#define CAPTURE_FILTER "LOCKS_CAPTURE"

static ap_filter_rec_t *capture_filter;

/** What a subrequest sent so far. */
typedef struct capture_t {
    apr_pool_t *pool;
    char *bytes;
    apr_size_t length;
    apr_size_t room;
    /** Why it is of no use, or NULL. */
    const char *wrong;
} capture_t;

/** Adds bytes, unless they are too many. */
static int keep(capture_t *capture, const char *bytes, apr_size_t length)
{
    apr_size_t needed = capture->length + length;

    if (length > LOCKS_JSON_LENGTH_MAX - capture->length) {
        capture->wrong = "is longer than 1 MiB";
        return 0;
    }
    if (needed > capture->room) {
        char *larger = apr_palloc(capture->pool, 2 * needed);

        memcpy(larger, capture->bytes, capture->length);
        capture->bytes = larger;
        capture->room = 2 * needed;
    }
    memcpy(capture->bytes + capture->length, bytes, length);
    capture->length = needed;
    return 1;
}

/** Keeps a bucket's bytes; an error comes as a bucket too. */
static int keep_bucket(capture_t *capture, apr_bucket *bucket)
{
    const char *bytes;
    apr_size_t length;

    if (AP_BUCKET_IS_ERROR(bucket) || AP_BUCKET_IS_EOC(bucket)) {
        capture->wrong = "broke off";
        return 1;
    }
    if (APR_BUCKET_IS_METADATA(bucket)) {
        return 1;
    }
    if (apr_bucket_read(bucket, &bytes, &length, APR_BLOCK_READ) !=
        APR_SUCCESS) {
        capture->wrong = "could not be read";
        return 0;
    }
    return keep(capture, bytes, length);
}

/** The end of a subrequest's output: nothing of it comes to the client. */
static apr_status_t filter_capture(ap_filter_t *filter,
                                   apr_bucket_brigade *brigade)
{
    capture_t *capture = filter->ctx;
    apr_bucket *bucket;
    int going_on = 1;

    while (going_on && !APR_BRIGADE_EMPTY(brigade)) {
        bucket = APR_BRIGADE_FIRST(brigade);
        going_on = keep_bucket(capture, bucket);
        apr_bucket_delete(bucket);
    }
    apr_brigade_cleanup(brigade);
    return going_on ? APR_SUCCESS : APR_ENOSPC;
}

void locks_subrequest_register_filter(void)
{
    /* What belongs to the subrequest, of any kind, goes before it. */
    capture_filter = ap_register_output_filter(CAPTURE_FILTER, filter_capture,
                                               NULL, AP_FTYPE_CONNECTION);
}

/** Makes the request a question: nothing of the client's body, and no
 *  condition or coding that an answer might be cut short or packed by. */
static void ask_plainly(request_rec *r)
{
    static const char *const unasked[] = {
        "Accept-Encoding",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "Expect",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Range",
        "Request-Range",
        "TE",
        "Transfer-Encoding",
    };
    apr_size_t i;

    r->headers_in = apr_table_copy(r->pool, r->headers_in);
    for (i = 0; i < sizeof(unasked) / sizeof(unasked[0]); i++) {
        apr_table_unset(r->headers_in, unasked[i]);
    }
    apr_table_setn(r->headers_in, "Accept", "application/json");
    r->kept_body = NULL;
}

/** The status that a subrequest ended with. */
static int final_status(const request_rec *r, int result)
{
    if (result != OK) {
        return ap_is_HTTP_VALID_RESPONSE(result) ? result
                                                 : HTTP_INTERNAL_SERVER_ERROR;
    }
    while (r->next != NULL) {
        r = r->next;
    }
    return r->status;
}

/** Makes the subrequest, whose output ends at r's filters. */
static int run(request_rec *r, const char *uri, const char **wrong)
{
    request_rec *sub = ap_sub_req_method_uri("GET", uri, r, r->output_filters);
    int status = sub->status;

    if (locks_location_is_ours(sub)) {
        *wrong = "is a location of this module";
    } else if (status == HTTP_OK) {
        ask_plainly(sub);
        status = final_status(sub, ap_run_sub_req(sub));
    }
    ap_destroy_sub_req(sub);
    return status;
}

void locks_subrequest_get(locks_subrequest_t *answer, request_rec *r,
                          const char *uri)
{
    capture_t capture = {.pool = r->pool, .bytes = ""};
    ap_filter_t end = {
        .frec = capture_filter, .ctx = &capture, .r = r, .c = r->connection};
    ap_filter_t *output_filters = r->output_filters;
    ap_filter_t *proto_output_filters = r->proto_output_filters;

    /* Internal redirects and errors take a subrequest's own filters away, and
     * go on with those of the request that it is part of: so these must not
     * lead to the client for now. */
    r->output_filters = r->proto_output_filters = &end;
    answer->status = run(r, uri, &capture.wrong);
    r->output_filters = output_filters;
    r->proto_output_filters = proto_output_filters;
    answer->body = capture.bytes;
    answer->length = capture.length;
    answer->wrong = capture.wrong;
}
