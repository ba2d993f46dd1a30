/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_reply.h"

#include "locks_json.h"

#include <apr_escape.h>
#include <apr_sha1.h>
#include <apr_strings.h>

#include <string.h>

const char *locks_reply_error(int status, const char *message,
                              apr_size_t length, apr_pool_t *pool)
{
    return apr_psprintf(pool, "{\"error\": %d, \"message\": %s}", status,
                        locks_json_quote(message, length, pool));
}

static const char *quote(const char *text, apr_pool_t *pool)
{
    return locks_json_quote(text, strlen(text), pool);
}

const char *locks_reply_lock(const locks_lock_t *lock, apr_time_t now,
                             apr_pool_t *pool)
{
    const char *client =
        *lock->client != '\0'
            ? apr_pstrcat(pool, ", \"clientId\": ", quote(lock->client, pool),
                          NULL)
            : "";

    /* The names of types and of their members need no escapes. */
    return apr_psprintf(
        pool,
        "{\"id\": \"%" APR_UINT64_T_FMT "\", \"type\": \"%s\", "
        "\"subject\": {\"courseId\": %s, \"%s\": %s}, "
        "\"ownerId\": %s, \"expiresIn\": %" APR_INT64_T_FMT "%s}",
        lock->id, lock->subject.type->name, quote(lock->subject.course, pool),
        lock->subject.type->resource_member,
        quote(lock->subject.resource, pool), quote(lock->owner, pool),
        locks_expires_in(lock, now), client);
}

const char *locks_reply_list(const apr_array_header_t *locks, apr_time_t now,
                             apr_pool_t *pool)
{
    apr_array_header_t *pieces =
        apr_array_make(pool, 2 * locks->nelts + 2, sizeof(const char *));

    APR_ARRAY_PUSH(pieces, const char *) = "[";
    for (int i = 0; i < locks->nelts; i++) {
        const locks_lock_t *lock = &APR_ARRAY_IDX(locks, i, const locks_lock_t);

        if (i > 0) {
            APR_ARRAY_PUSH(pieces, const char *) = ", ";
        }
        APR_ARRAY_PUSH(pieces, const char *) =
            locks_reply_lock(lock, now, pool);
    }
    APR_ARRAY_PUSH(pieces, const char *) = "]";
    return apr_array_pstrcat(pool, pieces, '\0');
}

const char *locks_reply_etag(const apr_array_header_t *locks,
                             const char *course, apr_pool_t *pool)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t context;
    int i;

    apr_sha1_init(&context);
    apr_sha1_update(&context, course, (unsigned int)strlen(course) + 1);
    for (i = 0; i < locks->nelts; i++) {
        const apr_uint64_t id = APR_ARRAY_IDX(locks, i, locks_lock_t).id;
        char bytes[sizeof(id)];
        apr_size_t b;

        /* Hosts of one site may keep their bytes in different orders. */
        for (b = 0; b < sizeof(id); b++) {
            bytes[b] = (char)(id >> (8 * b) & 0xff);
        }
        apr_sha1_update(&context, bytes, sizeof(bytes));
    }
    apr_sha1_final(digest, &context);
    return apr_pstrcat(pool, "\"",
                       apr_pescape_hex(pool, digest, sizeof(digest), 0), "\"",
                       NULL);
}

const char *locks_reply_refusal(int status, const char *message,
                                const locks_lock_t *lock, apr_time_t now,
                                apr_pool_t *pool)
{
    return apr_psprintf(pool, "{\"error\": %d, \"message\": %s, \"lock\": %s}",
                        status, quote(message, pool),
                        locks_reply_lock(lock, now, pool));
}
