/* SPDX-License-Identifier: Apache-2.0 */
/* An input filter that gives a body again that was read already. */
#include "mod_locks.h"

#include <apr_buckets.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <util_filter.h>

static ap_filter_rec_t *replay_filter;

/** Copies what is before a bucket: it will be read once more. */
static apr_status_t copy_until(apr_bucket_brigade *left, const apr_bucket *end,
                               apr_bucket_brigade *out)
{
    apr_bucket *bucket;
    apr_bucket *copy;

    for (bucket = APR_BRIGADE_FIRST(left); bucket != end;
         bucket = APR_BUCKET_NEXT(bucket)) {
        apr_status_t rv = apr_bucket_copy(bucket, &copy);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        APR_BRIGADE_INSERT_TAIL(out, copy);
    }
    return APR_SUCCESS;
}

static void move_until(apr_bucket_brigade *left, const apr_bucket *end,
                       apr_bucket_brigade *out)
{
    while (APR_BRIGADE_FIRST(left) != end) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(left);

        APR_BUCKET_REMOVE(bucket);
        APR_BRIGADE_INSERT_TAIL(out, bucket);
    }
}

/** Gives out of what is left as much as is asked for. */
static apr_status_t give(apr_bucket_brigade *left, apr_bucket_brigade *out,
                         ap_input_mode_t mode, apr_read_type_e block,
                         apr_off_t most)
{
    apr_bucket *end;
    apr_status_t rv;

    switch (mode) {
    case AP_MODE_GETLINE:
        return apr_brigade_split_line(out, left, block, HUGE_STRING_LEN);
    case AP_MODE_EXHAUSTIVE:
        APR_BRIGADE_CONCAT(out, left);
        return APR_SUCCESS;
    case AP_MODE_READBYTES:
    case AP_MODE_SPECULATIVE:
        break;
    default:
        return APR_ENOTIMPL;
    }
    rv = apr_brigade_partition(left, most, &end);
    if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
        return rv;
    }
    if (mode == AP_MODE_SPECULATIVE) {
        return copy_until(left, end, out);
    }
    move_until(left, end, out);
    return APR_SUCCESS;
}

static apr_status_t filter_replay(ap_filter_t *filter, apr_bucket_brigade *out,
                                  ap_input_mode_t mode, apr_read_type_e block,
                                  apr_off_t most)
{
    apr_bucket_brigade *left = filter->ctx;

    if (mode == AP_MODE_INIT) {
        return APR_SUCCESS;
    }
    /* The end of a body is told as often as it is asked for. */
    if (APR_BRIGADE_EMPTY(left)) {
        APR_BRIGADE_INSERT_TAIL(out,
                                apr_bucket_eos_create(filter->c->bucket_alloc));
        return APR_SUCCESS;
    }
    return give(left, out, mode, block, most);
}

static void insert(request_rec *r, const char *bytes, apr_size_t length)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, alloc);

    if (length > 0) {
        APR_BRIGADE_INSERT_TAIL(
            brigade, apr_bucket_pool_create(bytes, length, r->pool, alloc));
    }
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(alloc));
    ap_add_input_filter_handle(replay_filter, brigade, r, r->connection);
}

void locks_replay(request_rec *r, const char *bytes, apr_size_t length)
{
    locks_request_notes_t *notes = locks_request_notes(locks_first_request(r));

    notes->body = bytes;
    notes->body_length = length;
    insert(r, bytes, length);
}

void locks_replay_after_redirect(request_rec *r)
{
    const locks_request_notes_t *notes;

    if (r->prev == NULL || r->main != NULL) {
        return;
    }
    notes = locks_request_notes(locks_first_request(r));
    if (notes->body != NULL) {
        insert(r, notes->body, notes->body_length);
    }
}

void locks_replay_register_filter(void)
{
    /* What was read came through the request's own filters, so this stands
     * before all of them. */
    replay_filter =
        ap_register_input_filter("LOCKS_REPLAY", filter_replay, NULL,
                                 (ap_filter_type)(AP_FTYPE_RESOURCE - 1));
}
