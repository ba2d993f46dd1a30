/* SPDX-License-Identifier: Apache-2.0 */
/* What a SID stands for: looked up once for a request, with its subrequests
 * and internal redirects. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "locks_deadline.h"
#include "locks_memo.h"
#include "locks_session_memo.h"
#include "locks_session_record.h"
#include "mod_locks_shared.h"

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
    locks_memo_t *memo = locks_server_config(r->server)->parsed_sessions;

    (void)sid;
    if (value == NULL) {
        return APR_NOTFOUND;
    }
    *session = locks_session_recall(memo, value, length, r->pool);
    if (*session != NULL) {
        return APR_SUCCESS;
    }
    if (locks_session_record_parse(session, value, length, r->pool) !=
        APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "locks: a session record is not of the documented "
                      "form and counts as no session: check what the site's "
                      "sign-in writes under LocksSessionKey");
        return APR_NOTFOUND;
    }
    locks_session_note(memo, value, length, *session, locks_deadline_now());
    return APR_SUCCESS;
}

const locks_session_provider_t locks_session_record_source = {
    .key = record_key,
    .judge = record_judge,
};

/* ---- What this child keeps ---- */

/** What is kept of a session is kept under this: what decides which it is.
 *  Virtual hosts that agree in all of that may share it, and judge it each by
 *  itself. */
static locks_memo_name_t name_of(const locks_server_config_t *config,
                                 const char *key)
{
    return (locks_memo_name_t){.store = config->session_store_address != NULL
                                            ? config->session_store_address
                                            : config->store_address,
                               .kind = config->session_source,
                               .key = key};
}

/** Keeps what the store was found to hold, if it is a session. */
static void remember(request_rec *r, const locks_store_item_t *item,
                     int is_session, apr_time_t asked)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    locks_memo_name_t name;

    if (config->kept_sessions == NULL || item->key == NULL) {
        return;
    }
    name = name_of(config, item->key);
    locks_memo_note(config->kept_sessions, &name,
                    is_session ? item->value : NULL,
                    is_session ? item->length : 0, asked);
    locks_count_event(locks_counters(r->server), LOCKS_EVENT_SESSION_CACHE_MISS,
                      1);
}

const char *locks_sid_guess(const request_rec *r, const char *key)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    locks_memo_value_t known;
    locks_memo_name_t name;

    if (key == NULL) {
        return NULL;
    }
    name = name_of(config, key);
    return locks_memo_find(config->known_users, &known, &name, 0, r->pool)
               ? known.bytes
               : NULL;
}

void locks_sid_note_user(const request_rec *r, const char *key,
                         const char *user, apr_time_t asked)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    locks_memo_name_t name;

    if (key != NULL) {
        name = name_of(config, key);
        locks_memo_note(config->known_users, &name, user,
                        user != NULL ? strlen(user) : 0, asked);
    }
}

/* ---- What is known of a request's SID ---- */

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

/** Has the session source judge what the store holds.
 *  @param value NULL for nothing */
static apr_status_t judge(locks_session_t **session, request_rec *r,
                          const char *sid, const char *value, apr_size_t length)
{
    return locks_server_config(r->server)->sessions->judge(
        session, locks_first_request(r), sid, value, length);
}

/** Notes for the request what a SID was found to stand for. */
static locks_identity_t *note_identity(request_rec *r, const char *sid,
                                       locks_session_t *session,
                                       apr_status_t rv)
{
    request_rec *first = locks_first_request(r);
    locks_identity_t *identity = apr_pcalloc(first->pool, sizeof(*identity));

    identity->sid = apr_pstrdup(first->pool, sid);
    identity->session = rv == APR_SUCCESS ? session : NULL;
    identity->status = rv == APR_SUCCESS    ? OK
                       : rv == APR_NOTFOUND ? HTTP_UNAUTHORIZED
                                            : HTTP_SERVICE_UNAVAILABLE;
    locks_request_notes(first)->identity = identity;
    return identity;
}

/** What a session that this child keeps says of the SID. NULL if none is kept,
 *  or if it would be refused by now: that is for the store to say. */
static const locks_identity_t *find_kept(request_rec *r, const char *sid)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    const char *key =
        config->kept_sessions != NULL ? locks_sid_key(sid, r) : NULL;
    locks_session_t *session = NULL;
    locks_identity_t *identity;
    locks_memo_value_t kept;
    locks_memo_name_t name;

    if (key == NULL) {
        return NULL;
    }
    name = name_of(config, key);
    if (!locks_memo_find(config->kept_sessions, &kept, &name,
                         locks_deadline_now() - config->session_cache,
                         locks_first_request(r)->pool) ||
        judge(&session, r, sid, kept.bytes, kept.length) != APR_SUCCESS) {
        return NULL;
    }
    identity = note_identity(r, sid, session, APR_SUCCESS);
    identity->until = kept.asked + config->session_cache;
    locks_count_event(locks_counters(r->server), LOCKS_EVENT_SESSION_CACHE_HIT,
                      1);
    return identity;
}

const locks_identity_t *locks_sid_known(request_rec *r, const char *sid)
{
    const locks_identity_t *known =
        locks_request_notes(locks_first_request(r))->identity;

    /* One that was kept may be over before a slow body has come. */
    return known != NULL && strcmp(known->sid, sid) == 0 &&
                   (known->until == 0 || locks_deadline_now() < known->until)
               ? known
               : find_kept(r, sid);
}

static locks_identity_t *judge_item(request_rec *r, const char *sid,
                                    const locks_store_item_t *item,
                                    const locks_store_session_t *store,
                                    apr_time_t asked)
{
    locks_session_t *session = NULL;
    apr_status_t rv = APR_EGENERAL;
    int found = item->status == LOCKS_STORE_DONE;

    if (store != NULL) {
        note_failure(item, store, r);
    }
    if (found || item->status == LOCKS_STORE_ABSENT) {
        rv = judge(&session, r, sid, found ? item->value : NULL,
                   found ? item->length : 0);
        remember(r, item, found && rv == APR_SUCCESS, asked);
    }
    return note_identity(r, sid, session, rv);
}

const locks_identity_t *locks_sid_judge(request_rec *r, const char *sid,
                                        const locks_store_item_t *item,
                                        const locks_store_session_t *store,
                                        apr_time_t asked)
{
    return judge_item(r, sid, item, store, asked);
}

/** Asks the session store. */
static const locks_identity_t *look_up(request_rec *r, const char *sid)
{
    request_rec *first = locks_first_request(r);
    locks_store_item_t item = {.key = locks_sid_key(sid, first),
                               .status = LOCKS_STORE_ABSENT};
    apr_time_t asked = locks_deadline_now();
    locks_store_session_t *session;
    locks_identity_t *identity;

    if (item.key == NULL) {
        return judge_item(r, sid, &item, NULL, asked);
    }
    session =
        locks_store_open(locks_server_config(r->server)->session_store, first);
    session->provider->fetch(session, &item, 1, LOCKS_STORE_ORDINARY);
    identity = judge_item(r, sid, &item, session, asked);
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
