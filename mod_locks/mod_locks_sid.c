/* SPDX-License-Identifier: Apache-2.0 */
/* What a SID stands for: looked up once for a request, with its subrequests
 * and internal redirects. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "locks_session_record.h"

APLOG_USE_MODULE(locks);

/* ---- The built-in session source: the record that the site's sign-in
 *      wrote ---- */

static const char *record_key(const char *sid, const char *key_format,
                              apr_pool_t *pool)
{
    const char *place = strstr(key_format, "%s");

    return apr_pstrcat(
        pool,
        apr_pstrmemdup(pool, key_format, (apr_size_t)(place - key_format)), sid,
        place + 2, NULL);
}

static apr_status_t record_judge(locks_session_t **session,
                                 struct request_rec *r, const char *sid,
                                 const char *value, apr_size_t length)
{
    (void)sid;
    if (value == NULL) {
        return APR_NOTFOUND;
    }
    if (locks_session_record_parse(session, value, length, r->pool) !=
        APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "locks: a session record is not of the documented "
                      "form and counts as no session: check what the site's "
                      "sign-in writes under LocksSessionKey");
        return APR_NOTFOUND;
    }
    return APR_SUCCESS;
}

const locks_session_provider_t locks_session_record_source = {
    .key = record_key,
    .judge = record_judge,
};

/* ---- What is known of a request's SID ---- */

const locks_identity_t *locks_sid_known(request_rec *r, const char *sid)
{
    const locks_identity_t *known =
        locks_request_notes(locks_first_request(r))->identity;

    return known != NULL && strcmp(known->sid, sid) == 0 ? known : NULL;
}

const char *locks_sid_key(const char *sid, const request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);

    return config->sessions->key(sid, config->session_key_format, r->pool);
}

/** Logs why a session's key could not be read, if it could not. */
static void note_failure(const locks_store_item_t *item,
                         const locks_store_session_t *session,
                         const request_rec *r)
{
    const char *why = session->provider->reason(session);

    if (item->status != LOCKS_STORE_DONE &&
        item->status != LOCKS_STORE_ABSENT) {
        ap_log_rerror(APLOG_MARK, locks_store_log_level(session, why), 0, r,
                      "locks: the session store is unavailable: %s", why);
    }
}

static locks_identity_t *keep(request_rec *r, const char *sid,
                              const locks_store_item_t *item,
                              const locks_store_session_t *store)
{
    request_rec *first = locks_first_request(r);
    locks_identity_t *identity = apr_pcalloc(first->pool, sizeof(*identity));
    locks_session_t *session = NULL;
    apr_status_t rv = APR_EGENERAL;
    int found = item->status == LOCKS_STORE_DONE;

    if (store != NULL) {
        note_failure(item, store, r);
    }
    if (found || item->status == LOCKS_STORE_ABSENT) {
        rv = locks_server_config(r->server)->sessions->judge(
            &session, first, sid, found ? item->value : NULL,
            found ? item->length : 0);
    }
    identity->sid = apr_pstrdup(first->pool, sid);
    identity->session = rv == APR_SUCCESS ? session : NULL;
    identity->status = rv == APR_SUCCESS    ? OK
                       : rv == APR_NOTFOUND ? HTTP_UNAUTHORIZED
                                            : HTTP_SERVICE_UNAVAILABLE;
    locks_request_notes(first)->identity = identity;
    return identity;
}

const locks_identity_t *locks_sid_judge(request_rec *r, const char *sid,
                                        const locks_store_item_t *item,
                                        const locks_store_session_t *store)
{
    return keep(r, sid, item, store);
}

/** Asks the session store. */
static const locks_identity_t *look_up(request_rec *r, const char *sid)
{
    request_rec *first = locks_first_request(r);
    locks_store_item_t item = {.key = locks_sid_key(sid, first),
                               .status = LOCKS_STORE_ABSENT};
    locks_store_session_t *session;
    locks_identity_t *identity;

    if (item.key == NULL) {
        return locks_sid_judge(r, sid, &item, NULL);
    }
    session =
        locks_store_open(locks_server_config(r->server)->session_store, first);
    session->provider->fetch(session, &item, 1, LOCKS_STORE_ORDINARY);
    identity = keep(r, sid, &item, session);
    identity->waited = session->waited;
    identity->round_trips = session->round_trips;
    session->provider->close(session);
    return identity;
}

const locks_identity_t *locks_sid_find(request_rec *r, const char *sid)
{
    const locks_identity_t *known = locks_sid_known(r, sid);

    return known != NULL ? known : look_up(r, sid);
}
