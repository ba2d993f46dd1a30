/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_wait.h
 * @brief Requests that wait until the locks of a course change.
 *
 * httpd 2.4 cannot take up a request again that left its thread, so a waiting
 * request keeps one. However many wait for a course in a child, one of them
 * alone asks the store for all.
 */
#ifndef MOD_LOCKS_WAIT_H
#define MOD_LOCKS_WAIT_H

#include "mod_locks_shared.h"

typedef struct locks_stay_t locks_stay_t;

/**
 * How long a request prefers to wait (RFC 7240, section 4.3), as far as the
 * configuration lets it.
 * @return whole seconds; 0 not to wait
 */
int locks_wait_preferred(request_rec *r);

/**
 * Begins to wait. To be called before the locks are looked at whose change is
 * waited for: no change after it is missed.
 * @param seconds as preferred
 * @return NULL if too many requests wait already: then answer at once
 */
locks_stay_t *locks_wait_begin(request_rec *r, const char *course, int seconds);

/** What a request waits for. */
typedef struct locks_awaited_t {
    /** The end of this lock; 0 for any change. */
    apr_uint64_t end_of;
    /** The ETag of the locks that were seen; NULL if none were. */
    const char *etag;
    /** After so long it counts as having happened; 0 for never. */
    apr_interval_time_t longest;
} locks_awaited_t;

/**
 * Waits for a change of the course's locks, as far as can be told. Nothing of
 * the store may be held meanwhile.
 * @return APR_SUCCESS if it may have happened; APR_TIMEUP if the time is over,
 *         the client has gone, or the server is about to end
 */
apr_status_t locks_wait_for_change(locks_stay_t *stay,
                                   const locks_awaited_t *awaited);

/** Ends a stay, and says in the answer how long it was to be. */
void locks_wait_end(locks_stay_t *stay);

/** Tells those who wait in this child that a course's locks have changed.
 *  @param course NULL for none */
void locks_wait_wake(const request_rec *r, const char *course);

#endif
