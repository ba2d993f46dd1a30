/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_session_record.h"

#include "locks_json.h"
#include "locks_request.h"

#include <apr_strings.h>

#include <string.h>

/** What there is to know about each kind of session. */
static const struct {
    /** The value of "sessionType". */
    const char *name;
    /** The member that says who it is; NULL if nobody is asked for. */
    const char *member;
    int is_user;
} kinds[LOCKS_SESSION_KINDS] = {
    [LOCKS_SESSION_PLAIN_USER] = {"PlainUserSession", "userId", 1},
    [LOCKS_SESSION_VFO_USER] = {"VFOUserSession", "userId", 1},
    [LOCKS_SESSION_PARTNER_KEY] = {"PartnerKey", NULL, 0},
    [LOCKS_SESSION_LEGACY_AUTHENTICATOR] = {"LegacyAuthenticator",
                                            "authenticatorId", 0},
    [LOCKS_SESSION_INTERNAL_INTEGRATION_KEY] = {"InternalIntegrationKey", "id",
                                                0},
    [LOCKS_SESSION_VFO_ACCESS_KEY] = {"VFOAccessKey", "vfoRootOrgId", 0},
};

const char *locks_session_kind_name(locks_session_kind_e kind)
{
    return kinds[kind].name;
}

int locks_session_kind_is_user(locks_session_kind_e kind)
{
    return kinds[kind].is_user;
}

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
        if (!strcmp(kinds[i].name, name)) {
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
        return length == strlen(*id) ? APR_SUCCESS : APR_NOTFOUND;
    default:
        return APR_EINVAL;
    }
}

/** Sets whom the session stands for. */
static apr_status_t identify(locks_session_t *session, const char *id,
                             apr_pool_t *pool)
{
    if (!kinds[session->kind].is_user) {
        if (id && *id) {
            session->principal =
                apr_pstrcat(pool, kinds[session->kind].name, ":", id, NULL);
        }
        return APR_SUCCESS;
    }
    if (!id) {
        return APR_EINVAL;
    }
    if (!locks_user_id_valid(id)) {
        return APR_NOTFOUND;
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
    if (kinds[parsed->kind].member) {
        rv = read_id(&id, locks_json_member(json, kinds[parsed->kind].member),
                     pool);
    }
    if (rv == APR_SUCCESS) {
        rv = identify(parsed, id, pool);
    }
    if (rv == APR_SUCCESS) {
        *session = parsed;
    }
    return rv;
}
