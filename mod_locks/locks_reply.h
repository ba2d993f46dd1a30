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

#endif
