/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_reply.h"

#include <apr_escape.h>
#include <apr_sha1.h>
#include <apr_strings.h>

#include <string.h>

static void put_string(locks_json_writer_t *writer, const char *text)
{
    locks_json_write_string(writer, text, strlen(text));
}

/** What an error's object begins with; it is left open. */
static void open_error(locks_json_writer_t *writer, int status,
                       const char *message, apr_size_t length)
{
    LOCKS_JSON_WRITE(writer, "{\"error\": ");
    locks_json_write_number(writer, (apr_uint64_t)status);
    LOCKS_JSON_WRITE(writer, ", \"message\": ");
    locks_json_write_string(writer, message, length);
}

void locks_reply_error(locks_json_writer_t *writer, int status,
                       const char *message, apr_size_t length)
{
    open_error(writer, status, message, length);
    LOCKS_JSON_WRITE(writer, "}");
}

void locks_reply_refusal(locks_json_writer_t *writer, int status,
                         const char *message, const locks_lock_t *lock,
                         apr_time_t now)
{
    open_error(writer, status, message, strlen(message));
    LOCKS_JSON_WRITE(writer, ", \"lock\": ");
    locks_reply_lock(writer, lock, now);
    LOCKS_JSON_WRITE(writer, "}");
}

static void put_subject(locks_json_writer_t *writer,
                        const locks_subject_t *subject)
{
    LOCKS_JSON_WRITE(writer, "{\"courseId\": ");
    put_string(writer, subject->course);
    LOCKS_JSON_WRITE(writer, ", ");
    put_string(writer, subject->type->resource_member);
    LOCKS_JSON_WRITE(writer, ": ");
    put_string(writer, subject->resource);
    LOCKS_JSON_WRITE(writer, "}");
}

void locks_reply_lock(locks_json_writer_t *writer, const locks_lock_t *lock,
                      apr_time_t now)
{
    LOCKS_JSON_WRITE(writer, "{\"id\": \"");
    locks_json_write_number(writer, lock->id);
    LOCKS_JSON_WRITE(writer, "\", \"type\": ");
    put_string(writer, lock->subject.type->name);
    LOCKS_JSON_WRITE(writer, ", \"subject\": ");
    put_subject(writer, &lock->subject);
    LOCKS_JSON_WRITE(writer, ", \"ownerId\": ");
    put_string(writer, lock->owner);
    LOCKS_JSON_WRITE(writer, ", \"expiresIn\": ");
    locks_json_write_number(writer, (apr_uint64_t)locks_expires_in(lock, now));
    if (*lock->client != '\0') {
        LOCKS_JSON_WRITE(writer, ", \"clientId\": ");
        put_string(writer, lock->client);
    }
    LOCKS_JSON_WRITE(writer, "}");
}

void locks_reply_list(locks_json_writer_t *writer,
                      const apr_array_header_t *locks, apr_time_t now)
{
    LOCKS_JSON_WRITE(writer, "[");
    for (int i = 0; i < locks->nelts; i++) {
        if (i > 0) {
            LOCKS_JSON_WRITE(writer, ", ");
        }
        locks_reply_lock(writer, &APR_ARRAY_IDX(locks, i, const locks_lock_t),
                         now);
    }
    LOCKS_JSON_WRITE(writer, "]");
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
