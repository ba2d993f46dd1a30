/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_subrequest.h
 * @brief Asking the site itself, by requests that httpd makes internally.
 */
#ifndef MOD_LOCKS_SUBREQUEST_H
#define MOD_LOCKS_SUBREQUEST_H

#include "mod_locks.h"

/** What the site answered. */
typedef struct locks_subrequest_t {
    int status;
    /** In the request's pool. */
    const char *body;
    apr_size_t length;
    /** Why the answer is of no use whatever its status is, or NULL. */
    const char *wrong;
} locks_subrequest_t;

/**
 * Gets a URI of this site as the client would, with the request's own
 * credentials. Nothing of the answer comes to the client.
 * @param uri a path from the root, with or without a query
 */
void locks_subrequest_get(locks_subrequest_t *answer, request_rec *r,
                          const char *uri);

void locks_subrequest_register_filter(void);

#endif
