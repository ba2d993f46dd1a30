/* SPDX-License-Identifier: Apache-2.0 */
/* AuthType SID and Require locks-session: any location may be protected by
 * the site's sessions. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>

#include "locks_request.h"
#include "locks_session_kind.h"

APLOG_USE_MODULE(locks);

/** A request whose SID is none; its status is all that counts. */
static const locks_identity_t malformed = {.sid = "",
                                           .status = HTTP_UNAUTHORIZED};

static int is_sid_location(const request_rec *r)
{
    const char *type = ap_auth_type((request_rec *)r);

    return type != NULL && ap_cstr_casecmp(type, LOCKS_AUTH_SCHEME) == 0;
}

/** Asks for a session. An error's headers stay with what core sends. */
static void challenge(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", LOCKS_AUTH_SCHEME);
    locks_location_refuse(r, HTTP_UNAUTHORIZED,
                          "{\"error\": 401, \"message\": "
                          "\"Invalid credentials\"}");
}

static int refuse(request_rec *r, int status)
{
    if (status == HTTP_UNAUTHORIZED) {
        challenge(r);
    } else {
        locks_location_refuse(
            r, status,
            locks_location_is_ours(r)
                ? "{\"error\": 503, \"message\": \"Lock store unavailable\"}"
                : "{\"error\": 503, \"message\": "
                  "\"Session store unavailable\"}");
    }
    return status;
}

/** What the request's SID stands for; NULL without one. */
static const locks_identity_t *identify(request_rec *r)
{
    const char *sid = apr_table_get(r->headers_in, "SID");

    if (sid == NULL) {
        return NULL;
    }
    return locks_sid_valid(sid) ? locks_sid_find(r, sid) : &malformed;
}

/** The name that httpd knows a session by. What begins with a session kind
 *  and a colon is no user's ID. */
static char *user_name(const request_rec *r, const locks_session_t *session)
{
    return session->principal != NULL
               ? apr_pstrdup(r->pool, session->principal)
               : apr_pstrcat(r->pool, locks_session_kind_name(session->kind),
                             ":", NULL);
}

static void sign_in(request_rec *r, const locks_session_t *session)
{
    r->user = user_name(r, session);
    r->ap_auth_type = apr_pstrdup(r->pool, LOCKS_AUTH_SCHEME);
}

static int is_signed_in(const request_rec *r)
{
    return r->user != NULL && r->ap_auth_type != NULL &&
           ap_cstr_casecmp(r->ap_auth_type, LOCKS_AUTH_SCHEME) == 0;
}

/** Where the location has another AuthType, Require locks-session may have
 *  judged an SID already. Then that is the answer, and no password beside it
 *  can mend it. */
static int judged_before(request_rec *r)
{
    const char *sid = apr_table_get(r->headers_in, "SID");
    const locks_identity_t *identity;

    if (sid == NULL || !locks_request_notes(r)->session_required) {
        return DECLINED;
    }
    if (is_signed_in(r)) {
        return OK;
    }
    identity = identify(r);
    return refuse(r, identity->status == OK ? HTTP_UNAUTHORIZED
                                            : identity->status);
}

static int authenticate(request_rec *r)
{
    const locks_identity_t *identity;

    if (!is_sid_location(r)) {
        return judged_before(r);
    }
    identity = identify(r);
    if (identity == NULL || identity->status != OK) {
        return refuse(r,
                      identity == NULL ? HTTP_UNAUTHORIZED : identity->status);
    }
    sign_in(r, identity->session);
    return OK;
}

/** Core asks for it where an authenticated request is not allowed. */
static int note_failure(request_rec *r, const char *type)
{
    if (ap_cstr_casecmp(type, LOCKS_AUTH_SCHEME) != 0) {
        return DECLINED;
    }
    challenge(r);
    return OK;
}

/* ---- Require locks-session ---- */

/** Which kinds of session are required, by kind. */
typedef struct kinds_t {
    char wanted[LOCKS_SESSION_KINDS];
} kinds_t;

static const char *all_kinds(apr_pool_t *pool)
{
    const char *names = locks_session_kind_name(0);
    int kind;

    for (kind = 1; kind < LOCKS_SESSION_KINDS; kind++) {
        names =
            apr_pstrcat(pool, names, ", ", locks_session_kind_name(kind), NULL);
    }
    return names;
}

static const char *parse_kinds(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    kinds_t *kinds = apr_pcalloc(cmd->pool, sizeof(*kinds));
    int count = 0;
    const char *word;

    while (*(word = ap_getword_conf(cmd->temp_pool, &line)) != '\0') {
        int kind = 0;

        while (kind < LOCKS_SESSION_KINDS &&
               ap_cstr_casecmp(word, locks_session_kind_name(kind)) != 0) {
            kind++;
        }
        if (kind == LOCKS_SESSION_KINDS) {
            return apr_psprintf(cmd->pool,
                                "Require locks-session does not know the kind "
                                "\"%s\"; there are %s",
                                word, all_kinds(cmd->pool));
        }
        kinds->wanted[kind] = 1;
        count++;
    }
    *parsed = kinds;
    return count > 0 ? NULL
                     : apr_pstrcat(cmd->pool,
                                   "Require locks-session takes one or more "
                                   "kinds of session: ",
                                   all_kinds(cmd->pool), NULL);
}

/** Grants who has a session of a kind that is wanted. Until somebody is
 *  authenticated everyone else is "nobody yet": so the refusal comes from
 *  authenticate(), with the status and the challenge that fit. */
static authz_status check_kind(request_rec *r, const char *line,
                               const void *parsed)
{
    const kinds_t *kinds = parsed;
    const locks_identity_t *identity = identify(r);

    (void)line;
    locks_request_notes(r)->session_required = 1;
    if (identity != NULL && identity->status == OK &&
        kinds->wanted[identity->session->kind]) {
        if (r->user == NULL) {
            sign_in(r, identity->session);
        }
        return AUTHZ_GRANTED;
    }
    return r->user == NULL ? AUTHZ_DENIED_NO_USER : AUTHZ_DENIED;
}

static const authz_provider session_authz = {
    .check_authorization = check_kind,
    .parse_require_line = parse_kinds,
};

void locks_auth_register(apr_pool_t *pool)
{
    ap_hook_check_authn(authenticate, NULL, NULL, APR_HOOK_FIRST,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_note_auth_failure(note_failure, NULL, NULL, APR_HOOK_MIDDLE);
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "locks-session",
                              AUTHZ_PROVIDER_VERSION, &session_authz,
                              AP_AUTH_INTERNAL_PER_CONF);
}
