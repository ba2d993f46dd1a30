/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_session_record.h
 * @brief The session record that a site's sign-in writes.
 */
#ifndef LOCKS_SESSION_RECORD_H
#define LOCKS_SESSION_RECORD_H

#include "locks_session.h"

/**
 * Reads a session record: a JSON object with "sessionType" and the member
 * that identifies a session of that type.
 * @param session set to the session, or NULL
 * @param value   the record's bytes
 * @return APR_SUCCESS; APR_EINVAL if it is no record of a session, an empty
 *         user ID or one that could pass for another principal included
 */
apr_status_t locks_session_record_parse(locks_session_t **session,
                                        const char *value, apr_size_t length,
                                        apr_pool_t *pool);

#endif
