/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_reply.h
 * @brief The JSON texts of answers.
 */
#ifndef LOCKS_REPLY_H
#define LOCKS_REPLY_H

#include "locks_lock.h"

#include <apr_pools.h>
#include <apr_tables.h>

/** {"error": status, "message": "..."}; bytes of the message that are not
 *  UTF-8 become U+FFFD, and NUL bytes among its length are U+0000. */
const char *locks_reply_error(int status, const char *message,
                              apr_size_t length, apr_pool_t *pool);

/** One resource lock; expiresIn counts from now. */
const char *locks_reply_lock(const locks_lock_t *lock, apr_time_t now,
                             apr_pool_t *pool);

/** The array of resource locks, in the order given. */
const char *locks_reply_list(const apr_array_header_t *locks, apr_time_t now,
                             apr_pool_t *pool);

/** A text that differs for different sets of locks, in quotes: a strong ETag
 *  (RFC 9110, section 8.8.3) of their list. It stays the same while they run.
 */
const char *locks_reply_etag(const apr_array_header_t *locks,
                             const char *course, apr_pool_t *pool);

/** An error that names the lock which is in the way. */
const char *locks_reply_refusal(int status, const char *message,
                                const locks_lock_t *lock, apr_time_t now,
                                apr_pool_t *pool);

#endif
