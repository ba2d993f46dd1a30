/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_guard.h
 * @brief May this request write, given who holds what?
 */
#ifndef LOCKS_GUARD_H
#define LOCKS_GUARD_H

#include "locks_lock.h"

#include <apr_pools.h>
#include <apr_tables.h>

/** What a guarded write needs. */
typedef enum {
    LOCKS_GUARD_UNSET = -1,
    LOCKS_GUARD_OFF,
    /** That nobody else holds a lock on the subject. */
    LOCKS_GUARD_RESPECT,
    /** That the requester does. */
    LOCKS_GUARD_REQUIRE
} locks_guard_mode_e;

typedef enum {
    LOCKS_GUARD_PASS,
    /** Another user holds a lock on the subject. */
    LOCKS_GUARD_LOCKED,
    /** Nobody does, and the requester has to. */
    LOCKS_GUARD_LOCK_REQUIRED,
    /** The lock that the requester relies on is not active, not on the
     *  subject, or not the requester's. */
    LOCKS_GUARD_LOCK_LOST
} locks_verdict_e;

/** A write, as far as the guard is concerned. */
typedef struct locks_write_attempt_t {
    locks_guard_mode_e mode;
    /** Who writes; NULL for nobody that could hold a lock. */
    const char *user;
    /** The lock that the write relies on, as the client wrote it, or NULL. */
    const char *lock_id;
    /** The active locks on the subject: locks_lock_t. */
    const apr_array_header_t *locks;
    /** How many locks it would take to hold all of the subject. */
    int needed;
} locks_write_attempt_t;

/**
 * Judges a write.
 * @param own set to the requester's lock on the subject, or NULL
 */
locks_verdict_e locks_guard_judge(const locks_lock_t **own,
                                  const locks_write_attempt_t *attempt);

/**
 * The resources that other users hold, as the message of a refusal: "Locked
 * gadget instance IDs: 2, 10, a"; numbers by value and before other IDs.
 */
const char *locks_guard_message(const locks_write_attempt_t *attempt,
                                apr_pool_t *pool);

/**
 * Does a path mean the same to whoever reads it as it was sent, and to whoever
 * reads it as httpd does? Not if it has empty segments, "." or "..", or
 * slashes and backslashes that are escaped.
 * @param path as the client sent it, up to the query
 */
int locks_guard_path_is_plain(const char *path);

/** @name What is unknown
 * Might an application take a name that the catalog does not know for one
 * that it does? For a number that is written in another way, for what is left
 * of it without path parameters, or when it is decoded once more.
 * @{ */
int locks_guard_course_is_doubtful(const char *key);
int locks_guard_gadget_is_doubtful(const char *gadget);
/** @} */

#endif
