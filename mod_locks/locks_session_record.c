/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_session_record.h"

#include "locks_json.h"
#include "locks_request.h"
#include "locks_session_kind.h"

#include <apr_strings.h>

#include <string.h>

/** The member that says whose a session of each kind is; NULL if nobody is
 *  asked for. */
static const char *const members[LOCKS_SESSION_KINDS] = {
    [LOCKS_SESSION_PLAIN_USER] = "userId",
    [LOCKS_SESSION_VFO_USER] = "userId",
    [LOCKS_SESSION_LEGACY_AUTHENTICATOR] = "authenticatorId",
    [LOCKS_SESSION_INTERNAL_INTEGRATION_KEY] = "id",
    [LOCKS_SESSION_VFO_ACCESS_KEY] = "vfoRootOrgId",
};

/** Reads "sessionType"; false if it names no kind. */
static int read_kind(locks_session_kind_e *kind, locks_json_t json,
                     apr_pool_t *pool)
{
    const char *name;

    if (json.kind != LOCKS_JSON_STRING) {
        return 0;
    }
    name = locks_json_text(json, pool);
    for (int i = 0; i < LOCKS_SESSION_KINDS; i++) {
        if (!strcmp(locks_session_kind_name((locks_session_kind_e)i), name)) {
            *kind = (locks_session_kind_e)i;
            return 1;
        }
    }
    return 0;
}

/** Reads the member that says who it is. Without it the ID stays NULL. */
static apr_status_t read_id(const char **id, locks_json_t json,
                            apr_pool_t *pool)
{
    apr_size_t length;

    switch (json.kind) {
    case LOCKS_JSON_ABSENT:
        return APR_SUCCESS;
    case LOCKS_JSON_INTEGER:
        *id = locks_json_decimal(json, pool);
        return APR_SUCCESS;
    case LOCKS_JSON_STRING:
        *id = locks_json_string(&length, json);
        /* What comes after U+0000 would be lost: another one's ID. */
        return length == strlen(*id) ? APR_SUCCESS : APR_EINVAL;
    default:
        return APR_EINVAL;
    }
}

/** Sets whom the session stands for. */
static apr_status_t identify(locks_session_t *session, const char *id,
                             apr_pool_t *pool)
{
    if (!locks_session_kind_is_user(session->kind)) {
        if (id && *id) {
            session->principal = apr_pstrcat(
                pool, locks_session_kind_name(session->kind), ":", id, NULL);
        }
        return APR_SUCCESS;
    }
    if (!id || !locks_user_id_valid(id)) {
        return APR_EINVAL;
    }
    session->user_id = id;
    session->principal = id;
    return APR_SUCCESS;
}

apr_status_t locks_session_record_parse(locks_session_t **session,
                                        const char *value, apr_size_t length,
                                        apr_pool_t *pool)
{
    locks_json_t json;
    locks_session_t *parsed = apr_pcalloc(pool, sizeof(*parsed));
    const char *id = NULL;
    apr_status_t rv = APR_SUCCESS;

    *session = NULL;
    if (locks_json_parse(&json, value, length, LOCKS_JSON_LEVELS_MAX, pool) ||
        !read_kind(&parsed->kind, locks_json_member(json, "sessionType"),
                   pool)) {
        return APR_EINVAL;
    }
    if (members[parsed->kind]) {
        rv = read_id(&id, locks_json_member(json, members[parsed->kind]), pool);
    }
    if (rv == APR_SUCCESS) {
        rv = identify(parsed, id, pool);
    }
    if (rv == APR_SUCCESS) {
        *session = parsed;
    }
    return rv;
}
