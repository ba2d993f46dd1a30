/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_session_memo.h
 * @brief What session records say, remembered by their bytes: so that a record
 *        which has not changed is not parsed again. It is read from the store
 *        all the same.
 */
#ifndef LOCKS_SESSION_MEMO_H
#define LOCKS_SESSION_MEMO_H

#include "locks_memo.h"
#include "locks_session.h"

/** The most bytes that a session takes which is remembered. */
#define LOCKS_SESSION_MEMO_MAX 160

/**
 * Finds the session that these bytes were found to be.
 * @param record followed by a NUL byte that length does not count
 * @return NULL if nobody remembers
 */
locks_session_t *locks_session_recall(locks_memo_t *memo, const char *record,
                                      apr_size_t length, apr_pool_t *pool);

/** Notes which session a record is, unless either is too long.
 *  @param asked now, by locks_deadline_now() */
void locks_session_note(locks_memo_t *memo, const char *record,
                        apr_size_t length, const locks_session_t *session,
                        apr_time_t asked);

#endif
