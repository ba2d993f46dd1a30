/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_locks.h"

#include <apr_buckets.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

#include "locks_request.h"

/** How much is read at a time. */
#define READ_SIZE 8192

/** How much more of a body that is too large is read all the same: a client
 * that is cut off while it sends may never see the answer. */
#define DRAIN_MAX (1024 * 1024)

/** A client that asks before it sends is told at once. */
static int may_refuse_unsent(const request_rec *r, apr_size_t most)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return r->expecting_100 && length != NULL &&
           apr_atoi64(length) > (apr_int64_t)most;
}

/** Adds bytes to the body, which grows by doubling. */
static void append(locks_body_t *body, const char *bytes, apr_size_t length,
                   apr_pool_t *pool)
{
    if (length > body->room - body->length) {
        apr_size_t room = 2 * (body->length + length);
        char *grown = apr_palloc(pool, room);

        memcpy(grown, body->bytes, body->length);
        body->bytes = grown;
        body->room = room;
    }
    memcpy(body->bytes + body->length, bytes, length);
    body->length += length;
}

/** Takes over what one read brought. Sets done at the body's end. */
static int take(locks_body_t *body, apr_bucket_brigade *brigade,
                apr_size_t most, apr_pool_t *pool, int *done)
{
    apr_bucket *bucket;

    for (bucket = APR_BRIGADE_FIRST(brigade);
         bucket != APR_BRIGADE_SENTINEL(brigade);
         bucket = APR_BUCKET_NEXT(bucket)) {
        const char *bytes;
        apr_size_t length;

        if (APR_BUCKET_IS_EOS(bucket)) {
            *done = 1;
            return OK;
        }
        if (APR_BUCKET_IS_METADATA(bucket)) {
            continue;
        }
        if (apr_bucket_read(bucket, &bytes, &length, APR_BLOCK_READ) !=
            APR_SUCCESS) {
            return HTTP_BAD_REQUEST;
        }
        body->total += length;
        if (body->total <= most) {
            append(body, bytes, length, pool);
        }
    }
    return OK;
}

void locks_body_read(locks_body_t *body, request_rec *r, apr_size_t most)
{
    apr_bucket_brigade *brigade;
    int done = 0;

    memset(body, 0, sizeof(*body));
    body->bytes = apr_pstrdup(r->pool, "");
    if (may_refuse_unsent(r, most)) {
        body->status = HTTP_REQUEST_ENTITY_TOO_LARGE;
        return;
    }
    brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (!done && body->status == OK && body->total <= most + DRAIN_MAX) {
        apr_status_t rv =
            ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES,
                           APR_BLOCK_READ, READ_SIZE);

        body->status = rv == APR_SUCCESS
                           ? take(body, brigade, most, r->pool, &done)
                           : ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        apr_brigade_cleanup(brigade);
    }
    if (body->status == OK && body->total > most) {
        body->status = HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
}
