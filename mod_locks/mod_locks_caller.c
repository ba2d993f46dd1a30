/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: a SID, or else the user that httpd authenticated. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "locks_request.h"
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

/* ---- Claims ---- */

int locks_caller_claim(locks_claim_t *claim, const request_rec *r)
{
    const char *sid = apr_table_get(r->headers_in, "SID");

    memset(claim, 0, sizeof(*claim));
    if (sid != NULL) {
        const locks_server_config_t *config = locks_server_config(r->server);

        /* Two SID headers come as one with a comma, which is none. */
        if (!locks_sid_valid(sid)) {
            return HTTP_UNAUTHORIZED;
        }
        claim->sid = sid;
        claim->session_key =
            config->sessions->key(sid, config->session_key_format, r->pool);
        return OK;
    }
    if (r->user == NULL || !locks_user_id_valid(r->user)) {
        return HTTP_UNAUTHORIZED;
    }
    claim->user = r->user;
    return OK;
}

void locks_caller_ahead(const locks_claim_t *claim, locks_operation_t *op,
                        const request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);

    if (claim->session_key != NULL && config->session_store == config->store) {
        locks_ahead_key(op, claim->session_key);
    }
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

/** Reads the session's key: from the lock store it travelled with the first
 *  round trip. */
static void read_session(locks_store_item_t *item, locks_operation_t *op,
                         request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    locks_store_t *store = config->session_store;
    locks_store_session_t *session;

    if (store == config->store) {
        locks_read(op, item, 1);
        note_failure(item, op->store, r);
        return;
    }
    session = locks_store_open(store, r);
    store->provider->fetch(session, item, 1, LOCKS_STORE_ORDINARY);
    note_failure(item, session, r);
    /* A request has one budget, however many stores it asks. */
    op->store->waited += session->waited;
    op->store->round_trips += session->round_trips;
    store->provider->close(session);
}

static int judge_sid(locks_caller_t *caller, const locks_claim_t *claim,
                     locks_operation_t *op, request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    locks_store_item_t item = {.key = claim->session_key,
                               .status = LOCKS_STORE_ABSENT};
    locks_session_t *session = NULL;
    apr_status_t rv;

    if (item.key != NULL) {
        read_session(&item, op, r);
    }
    if (item.status != LOCKS_STORE_DONE && item.status != LOCKS_STORE_ABSENT) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    rv = config->sessions->judge(
        &session, r, claim->sid,
        item.status == LOCKS_STORE_DONE ? item.value : NULL,
        item.status == LOCKS_STORE_DONE ? item.length : 0);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? HTTP_UNAUTHORIZED
                                  : HTTP_SERVICE_UNAVAILABLE;
    }
    caller->user = session->user_id;
    caller->principal = session->principal;
    caller->lists_all = session->kind == LOCKS_SESSION_PARTNER_KEY;
    return OK;
}

int locks_caller_judge(locks_caller_t *caller, const locks_claim_t *claim,
                       locks_operation_t *op, request_rec *r)
{
    memset(caller, 0, sizeof(*caller));
    if (claim->sid != NULL) {
        return judge_sid(caller, claim, op, r);
    }
    caller->user = caller->principal = claim->user;
    return OK;
}
