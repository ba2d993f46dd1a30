/* SPDX-License-Identifier: Apache-2.0 */
/* Stores' life: made when the configuration is complete, started in every
 * child. Virtual hosts that name the same store share one. */
#include "mod_locks_shared.h"

#include <ap_mpm.h>
#include <ap_provider.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include <string.h>

APLOG_USE_MODULE(locks);

/** mod_http2 runs requests on workers of its own: by default half as many
 *  again as the child has threads, and H2MaxWorkers may say more. A handle is
 *  made only when it is needed, so this costs nothing. */
#define HTTP2_FACTOR 4

/** The stores that exist already, by address and timeout. */
typedef struct registry_t {
    apr_hash_t *stores;
    apr_pool_t *pool;
    const server_rec *server;
} registry_t;

/** Finds or makes a store; NULL, and a log line, if it cannot be. */
static locks_store_t *store_for(registry_t *registry, const char *address,
                                apr_interval_time_t timeout)
{
    const char *name = apr_psprintf(registry->pool, "%" APR_TIME_T_FMT " %s",
                                    timeout, address);
    locks_store_t *store =
        apr_hash_get(registry->stores, name, APR_HASH_KEY_STRING);
    const char *arguments = strchr(address, ':') + 1;
    const locks_store_provider_t *provider = ap_lookup_provider(
        LOCKS_STORE_PROVIDER_GROUP,
        apr_pstrmemdup(registry->pool, address,
                       (apr_size_t)(arguments - 1 - address)),
        LOCKS_STORE_PROVIDER_VERSION);
    const char *error;

    if (store != NULL) {
        return store;
    }
    error = provider->create(&store, arguments, timeout, registry->pool);
    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, registry->server,
                     "locks: %s: %s", address, error);
        return NULL;
    }
    apr_hash_set(registry->stores, name, APR_HASH_KEY_STRING, store);
    /* httpd configures itself twice when it starts. */
    if (store->caution != NULL &&
        ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, registry->server,
                     "locks: %s", store->caution);
    }
    return store;
}

int locks_stores_configure(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *main_server)
{
    registry_t registry = {.stores = apr_hash_make(ptemp), .pool = pconf};
    server_rec *server;

    (void)plog;
    for (server = main_server; server != NULL; server = server->next) {
        locks_server_config_t *config =
            ap_get_module_config(server->module_config, &locks_module);

        registry.server = server;
        locks_default_server_config(config, pconf);
        if (config->rules.ttl_min > config->rules.ttl ||
            config->rules.ttl_max < config->rules.ttl) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, server,
                         "locks: LocksTTL has to lie between LocksTTLMin and "
                         "LocksTTLMax: correct one of them");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        config->store =
            store_for(&registry, config->store_address, config->store_timeout);
        config->session_store =
            config->session_store_address == NULL
                ? config->store
                : store_for(&registry, config->session_store_address,
                            config->store_timeout);
        if (config->store == NULL || config->session_store == NULL) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/** The most threads of this child that may ask for a store at once. */
static int threads_per_child(void)
{
    int threads = 1;

    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS ||
        threads < 1) {
        threads = 1;
    }
    return ap_find_linked_module("mod_http2.c") != NULL
               ? (threads + 16) * HTTP2_FACTOR
               : threads;
}

/** Starts a store unless it is among those that were. */
static void start_once(apr_hash_t *started, locks_store_t *store,
                       apr_pool_t *pchild, server_rec *server)
{
    apr_status_t rv;

    if (apr_hash_get(started, &store, sizeof(store)) != NULL) {
        return;
    }
    apr_hash_set(started, apr_pmemdup(pchild, &store, sizeof(store)),
                 sizeof(store), store);
    /* One more watches. */
    rv = store->provider->start(store, threads_per_child() + 1, pchild);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, server,
                     "locks: a store could not be started in this child");
    }
}

/** Counts the opening and closing of circuit breakers. */
static void count_news(const server_rec *server, locks_store_news_e news)
{
    locks_count_event(locks_counters(server),
                      news == LOCKS_STORE_ALARM ? LOCKS_EVENT_BREAKER_OPENED
                                                : LOCKS_EVENT_BREAKER_CLOSED,
                      1);
}

static int level_of(locks_store_news_e news)
{
    return news == LOCKS_STORE_ALARM ? APLOG_WARNING : APLOG_NOTICE;
}

/* ---- Sessions of requests ---- */

static void take_news(void *baton, locks_store_news_e news, const char *text)
{
    const request_rec *r = baton;

    count_news(r->server, news);
    ap_log_rerror(APLOG_MARK, level_of(news), 0, r, "locks: %s", text);
}

static void count_round_trip(void *baton, apr_interval_time_t time)
{
    const request_rec *r = baton;

    locks_count_duration(locks_counters(r->server), LOCKS_TIMED_ROUND_TRIP,
                         time);
}

static void count_failure(void *baton, locks_store_failure_e kind)
{
    const request_rec *r = baton;

    locks_count_store_failure(locks_counters(r->server), kind);
}

locks_store_session_t *locks_store_open(locks_store_t *store, request_rec *r)
{
    static const locks_store_observer_t observer = {
        .news = take_news,
        .round_trip = count_round_trip,
        .failure = count_failure,
    };
    locks_store_session_t *session = store->provider->open(store, r->pool);

    session->observer = &observer;
    session->observer_baton = r;
    return session;
}

/* ---- Sessions of our own ---- */

static void take_own_news(void *baton, locks_store_news_e news,
                          const char *text)
{
    server_rec *server = baton;

    count_news(server, news);
    ap_log_error(APLOG_MARK, level_of(news), 0, server, "locks: %s", text);
}

/** What no client waits for is not counted among what clients wait for. */
static void leave_round_trip(void *baton, apr_interval_time_t time)
{
    (void)baton;
    (void)time;
}

static void leave_failure(void *baton, locks_store_failure_e kind)
{
    (void)baton;
    (void)kind;
}

locks_store_session_t *locks_store_open_unasked(locks_store_t *store,
                                                server_rec *server,
                                                apr_pool_t *pool)
{
    static const locks_store_observer_t observer = {
        .news = take_own_news,
        .round_trip = leave_round_trip,
        .failure = leave_failure,
    };
    locks_store_session_t *session = store->provider->open(store, pool);

    session->observer = &observer;
    session->observer_baton = server;
    return session;
}

int locks_store_log_level(const locks_store_session_t *session, const char *why)
{
    return session->is_known_failure &&
                   why == session->provider->reason(session)
               ? APLOG_INFO
               : APLOG_ERR;
}

void locks_stores_start(apr_pool_t *pchild, server_rec *main_server)
{
    apr_hash_t *started = apr_hash_make(pchild);
    server_rec *server;

    for (server = main_server; server != NULL; server = server->next) {
        const locks_server_config_t *config = locks_server_config(server);

        start_once(started, config->store, pchild, server);
        start_once(started, config->session_store, pchild, server);
    }
}
