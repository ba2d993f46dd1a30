/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_session.h
 * @brief A session source: what a SID stands for.
 *
 * The built-in source "record" reads the JSON record that the site's sign-in
 * wrote to the session store. A module brings its own by registering a
 * #locks_session_provider_t:
 *
 *     ap_register_provider(p, LOCKS_SESSION_PROVIDER_GROUP, "mysource",
 *                          LOCKS_SESSION_PROVIDER_VERSION, &my_provider);
 *
 * and is then configured as `LocksSessionSource mysource`.
 */
#ifndef LOCKS_SESSION_H
#define LOCKS_SESSION_H

#include <apr_errno.h>
#include <apr_pools.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOCKS_SESSION_PROVIDER_GROUP "locks_session"
#define LOCKS_SESSION_PROVIDER_VERSION "0"

/** httpd's request; include httpd.h to look inside. */
struct request_rec;

/** The kinds of session. The first two are user sessions. */
typedef enum {
    LOCKS_SESSION_PLAIN_USER,
    LOCKS_SESSION_VFO_USER,
    LOCKS_SESSION_PARTNER_KEY,
    LOCKS_SESSION_LEGACY_AUTHENTICATOR,
    LOCKS_SESSION_INTERNAL_INTEGRATION_KEY,
    LOCKS_SESSION_VFO_ACCESS_KEY,
    /** How many kinds there are; no kind itself. */
    LOCKS_SESSION_KINDS
} locks_session_kind_e;

/** Whom a valid SID stands for. */
typedef struct locks_session_t {
    locks_session_kind_e kind;
    /** The user's ID; NULL unless the session is a user's. */
    const char *user_id;
    /** The name that permissions are given to: the user ID, or
     *  "<sessionType>:<id>" for other sessions; NULL if the session has no
     *  ID and thus no permission of its own. */
    const char *principal;
} locks_session_t;

/** How sessions are found. Members are called by many threads at once. */
typedef struct locks_session_provider_t {
    /**
     * Names the key of the session store that will decide, so that it is
     * read in the request's first round trip to the store.
     * @param sid        matches [A-Za-z0-9._~-]{1,128}
     * @param key_format the value of LocksSessionKey
     * @param pool       where to allocate the key
     * @return the key, or NULL if this source needs nothing from the store
     */
    const char *(*key)(const char *sid, const char *key_format,
                       apr_pool_t *pool);
    /**
     * Judges a SID.
     * @param session set to the session, allocated from the request's pool
     * @param r       the request
     * @param sid     as above
     * @param value   what the store holds under the key, or held at most
     *                LocksSessionCache ago; NULL if it holds nothing, or if
     *                there was no key
     * @param length  the value's bytes
     * @return APR_SUCCESS; APR_NOTFOUND if the SID stands for no valid
     *         session; anything else if that could not be found out
     */
    apr_status_t (*judge)(locks_session_t **session, struct request_rec *r,
                          const char *sid, const char *value,
                          apr_size_t length);
} locks_session_provider_t;

#ifdef __cplusplus
}
#endif
#endif
