/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_request.h
 * @brief From a client's bytes to a validated request.
 *
 * Parsers take bytes and a length and return NULL for success or the message
 * of the 400 that names what is wrong; results live in the given pool.
 */
#ifndef LOCKS_REQUEST_H
#define LOCKS_REQUEST_H

#include "locks_lock.h"

#include <apr_errno.h>
#include <apr_pools.h>

/** The longest request body in bytes. */
#define LOCKS_BODY_MAX 65536
/** How deep JSON may nest; the outermost object is the first level. */
#define LOCKS_JSON_LEVELS_MAX 32
/** The longest resource ID, course ID and user ID in bytes. */
#define LOCKS_RESOURCE_ID_MAX 255
#define LOCKS_COURSE_ID_MAX 255
#define LOCKS_USER_ID_MAX 512
/** The shortest course ID. */
#define LOCKS_COURSE_ID_MIN 6
/** The longest SID. */
#define LOCKS_SID_MAX 128

/** The longest client ID in bytes. */
#define LOCKS_CLIENT_ID_MAX 64

/** What a request wants of a lock beside its subject. */
typedef struct locks_wish_t {
    /** The lease in milliseconds; 0 if it is not said. */
    apr_int64_t expires_in;
    /** Why the lease that is asked for is none, where anyone cares; or NULL. */
    const char *expires_in_wrong;
    /** Which of the user's windows asks; "" if it is not said. */
    const char *client;
    int takes_over;
} locks_wish_t;

/** A lock request whose form is right; what it names may not exist. */
typedef struct locks_request_t {
    const locks_type_t *type;
    /** Not empty, but maybe of no form that a course key has. */
    const char *course_key;
    /** Its bytes: a key with U+0000 in it goes on after the C string. */
    apr_size_t course_key_length;
    const char *resource;
    locks_wish_t wish;
} locks_request_t;

/** Reads the body of PUT /locks/{id}, which may be empty. */
const char *locks_request_parse_wish(locks_wish_t *wish, const char *body,
                                     apr_size_t length, apr_pool_t *pool);

/** Reads the body of POST /locks. */
const char *locks_request_parse_body(locks_request_t *request, const char *body,
                                     apr_size_t length, apr_pool_t *pool);

/**
 * Reads the query string of GET /locks.
 * @param course_key set to the one value of subject.courseId, decoded
 * @param query      without the "?", may be NULL
 */
const char *locks_request_parse_query(const char **course_key,
                                      const char *query, apr_pool_t *pool);

/** Does a query string ask for the requester's own locks, by ownerId=me? */
int locks_request_is_own(const char *query, apr_pool_t *pool);

/** Does it name a course? */
int locks_request_names_course(const char *query, apr_pool_t *pool);

/** Is this a course ID: 6 to 255 of a-z and 0-9? */
int locks_course_id_valid(const char *text);

/** Is this a course key: a course ID, or the canonical decimal form of a
 *  signed 64-bit integer? */
int locks_course_key_valid(const char *text);

/** Is this a resource ID: 1 to 255 bytes of UTF-8 without U+0000 to U+001F
 *  and U+007F? */
int locks_resource_id_valid(const char *text);

/** Is this a user ID that may own locks: 1 to 512 bytes of UTF-8 that do not
 *  begin with a session kind and a colon? */
int locks_user_id_valid(const char *text);

/** Is this a SID: [A-Za-z0-9._~-]{1,128}? */
int locks_sid_valid(const char *text);

/** Reads a lock ID: the canonical decimal form of a positive signed 64-bit
 *  integer. APR_EINVAL, and 0, if it is none. */
apr_status_t locks_lock_id_parse(apr_uint64_t *id, const char *text);

#endif
