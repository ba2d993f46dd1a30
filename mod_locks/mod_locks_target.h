/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_target.h
 * @brief What a guarded write is to, as far as the request says so.
 */
#ifndef MOD_LOCKS_TARGET_H
#define MOD_LOCKS_TARGET_H

#include "mod_locks.h"

/** What a write is to: a course, and one gadget of it or all. */
typedef struct locks_target_t {
    /** The request for it, whose location says how it is guarded. */
    request_rec *r;
    const locks_guard_t *guard;
    const char *course_key;
    /** As the client wrote them: const char *; NULL for the whole course. */
    apr_array_header_t *gadgets;
    /** Does the body name them? */
    int is_bulk;
    /** The lock that the write to it relies on, as the client wrote it, or
     *  NULL. */
    const char *lock_id;
    locks_inquiry_t inquiry;
} locks_target_t;

/** Reads what a location says a request is to. OK, or
 *  HTTP_INTERNAL_SERVER_ERROR for a subject that names no course: it would let
 *  everything pass, and is a mistake, which is logged. */
int locks_target_read(locks_target_t *target, request_rec *r);

/** What is written, in words that no other target has. */
const char *locks_target_text(const locks_target_t *target, apr_pool_t *pool);

/** Does a request's path mean to the application what it means to us? */
int locks_target_is_certain(const request_rec *r);

/** The request that a Destination (RFC 4918, section 10.3) stands for, which
 *  says how that is guarded; NULL if there is none. */
request_rec *locks_target_destination(request_rec *r, const char *destination);

#endif
