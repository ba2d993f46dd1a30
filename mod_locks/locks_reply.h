/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_reply.h
 * @brief The JSON texts of answers.
 */
#ifndef LOCKS_REPLY_H
#define LOCKS_REPLY_H

#include "locks_json_writer.h"
#include "locks_lock.h"

#include <apr_pools.h>
#include <apr_tables.h>

/** {"error": status, "message": "..."}; bytes of the message that are not
 *  UTF-8 become U+FFFD, and NUL bytes among its length are U+0000. */
void locks_reply_error(locks_json_writer_t *writer, int status,
                       const char *message, apr_size_t length);

/** One resource lock; expiresIn counts from now. */
void locks_reply_lock(locks_json_writer_t *writer, const locks_lock_t *lock,
                      apr_time_t now);

/** The array of resource locks, in the order given. */
void locks_reply_list(locks_json_writer_t *writer,
                      const apr_array_header_t *locks, apr_time_t now);

/** An error that names the lock which is in the way. */
void locks_reply_refusal(locks_json_writer_t *writer, int status,
                         const char *message, const locks_lock_t *lock,
                         apr_time_t now);

/** A text that differs for different sets of locks, in quotes: a strong ETag
 *  (RFC 9110, section 8.8.3) of their list. It stays the same while they run.
 */
const char *locks_reply_etag(const apr_array_header_t *locks,
                             const char *course, apr_pool_t *pool);

#endif
