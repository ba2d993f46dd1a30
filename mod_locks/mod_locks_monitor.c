/* SPDX-License-Identifier: Apache-2.0 */
/* Watches the stores' servers: whether they answer, can keep locks safely, and
 * have lost their data. One child looks when it is due, whichever it is; what
 * is new is logged once for all children. */
#include "mod_locks_shared.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "locks_thread.h"
#include "locks_ticker.h"

APLOG_USE_MODULE(locks);

/** How often a child's thread looks whether anything is due. */
#define TICK apr_time_from_sec(1)
/** After how long without a look a server is looked at, by itself and while it
 *  is known not to be of use. Seldom: requests look at it on their way, and
 *  whoever asks locks-status does. */
#define LOOK_PERIOD apr_time_from_sec(60)
#define TROUBLED_LOOK_PERIOD apr_time_from_sec(10)
/** After how long without an examination one that may drop items is examined.
 */
#define EXAMINATION_PERIOD apr_time_from_sec(5 * 60)
/** How often a request reads an epoch along with what it needs. */
#define AHEAD_PERIOD apr_time_from_sec(1)

/* ---- Telling what is new ---- */

/** Says what is wrong and what to do.
 *  @param why the store's own reason, where it gave one */
static void log_trouble(const locks_watched_store_t *watched, const char *name,
                        apr_uint32_t begun, const char *why, apr_pool_t *pool)
{
    if (begun & LOCKS_TROUBLE_UNREACHABLE) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, watched->server,
                     "locks: %s: requests that need it are answered with 503 "
                     "until it is back",
                     strstr(why, name) != NULL
                         ? why
                         : apr_psprintf(pool, "memcached %s: %s", name, why));
    }
    if (begun & LOCKS_TROUBLE_NO_CAS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, watched->server,
                     "locks: memcached %s gives no CAS values, and no lock can "
                     "be taken without: start it without -C (503 until then)",
                     name);
    }
    if (begun & LOCKS_TROUBLE_MAY_EVICT) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, watched->server,
                     "locks: memcached %s may drop locks when its memory is "
                     "full: start it with -M, as an instance for locks and "
                     "sessions alone",
                     name);
    }
    if (begun & LOCKS_TROUBLE_EVICTED) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, watched->server,
                     "locks: memcached %s has dropped items to make room, and "
                     "maybe locks: give it more memory (-m), and start it with "
                     "-M",
                     name);
    }
}

static void log_news(const locks_watched_store_t *watched, const char *name,
                     const locks_watch_news_t *news, const char *why,
                     apr_pool_t *pool)
{
    log_trouble(watched, name, news->begun, why, pool);
    if (news->ended & LOCKS_TROUBLE_UNREACHABLE) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, watched->server,
                     "locks: memcached %s is back", name);
    }
    if (news->ended & LOCKS_TROUBLE_NO_CAS) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, watched->server,
                     "locks: memcached %s gives CAS values now", name);
    }
    if (news->has_lost_data) {
        locks_count_event(locks_counters(watched->server),
                          LOCKS_EVENT_DATA_LOSS, 1);
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, watched->server,
                     "locks: memcached %s has lost its data, and every lock "
                     "that it held: it was restarted or emptied, or it evicts "
                     "(start it with -M); editors go on under new lock IDs",
                     name);
    }
    if (news->is_fresh) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, watched->server,
                     "locks: memcached %s is used for the first time, or since "
                     "it lost its data while httpd was down",
                     name);
    }
}

/* ---- Looking ---- */

const locks_epoch_t *locks_monitor_look(const locks_watched_store_t *watched,
                                        apr_pool_t *pool)
{
    int count = watched->store->servers;
    locks_operation_t *op;
    locks_epoch_t *epochs;
    int i;

    if (watched->epoch_keys == NULL || watched->servers == NULL) {
        return NULL;
    }
    op = locks_operation_open(
        watched->rules, &locks_environment_system, LOCKS_TYPE_GADGET,
        locks_store_open_unasked(watched->store, watched->server, pool), pool);
    epochs = apr_pcalloc(pool, (apr_size_t)count * sizeof(*epochs));
    locks_epochs_look(epochs, watched->epoch_keys, count, op);
    locks_epochs_try(epochs, watched->epoch_keys, count, op);
    op->store->provider->close(op->store);
    for (i = 0; i < count; i++) {
        locks_watch_news_t news =
            locks_watch_epoch(watched->servers[i], &epochs[i], locks_now(op));

        log_news(watched, watched->store->provider->name(watched->store, i),
                 &news, epochs[i].why, pool);
    }
    return epochs;
}

const locks_store_server_t *
locks_monitor_examine(const locks_watched_store_t *watched, apr_pool_t *pool)
{
    int count = watched->store->servers;
    locks_store_session_t *session =
        locks_store_open_unasked(watched->store, watched->server, pool);
    locks_store_server_t *servers =
        apr_pcalloc(pool, (apr_size_t)count * sizeof(*servers));
    int i;

    session->provider->examine(session, servers);
    session->provider->close(session);
    for (i = 0; watched->servers != NULL && i < count; i++) {
        locks_store_server_t noted = servers[i];
        locks_watch_news_t news;

        if (!watched->has_locks) {
            /* Sessions alone need neither. */
            noted.gives_cas = 1;
            noted.may_evict = 0;
            noted.evictions = 0;
        }
        atomic_store(&watched->servers[i]->examined_at, locks_deadline_now());
        news = locks_watch_examined(watched->servers[i], &noted);
        log_news(watched, servers[i].name, &news, servers[i].reason, pool);
    }
    return servers;
}

/* ---- A thread in each child ---- */

/** What a child's thread needs. */
typedef struct monitor_t {
    const apr_array_header_t *stores;
    apr_pool_t *pool;
} monitor_t;

/** Is a store in use, as far as is known? httpd's main server has one though
 *  all that is served may be in virtual hosts. */
static int is_in_use(const locks_watched_store_t *watched)
{
    int i;

    for (i = 0; watched->servers != NULL && i < watched->store->servers; i++) {
        if (atomic_load(&watched->servers[i]->is_used)) {
            return 1;
        }
    }
    return watched->is_named;
}

/** Is it time for what was done last at that time? Then it is this child's to
 *  do. */
static int is_turn(_Atomic apr_int64_t *last, apr_interval_time_t period)
{
    apr_time_t now = locks_deadline_now();
    apr_int64_t then = atomic_load(last);

    return (then == 0 || now - then >= period) &&
           atomic_compare_exchange_strong(last, &then, now);
}

/** Is a look at a store due? */
static int take_turn(const locks_watched_store_t *watched)
{
    int is_due = 0;
    int i;

    for (i = 0; watched->servers != NULL && i < watched->store->servers; i++) {
        locks_watched_server_t *server = watched->servers[i];
        int is_troubled =
            (atomic_load(&server->trouble) & LOCKS_TROUBLE_UNREACHABLE) != 0;

        is_due |= is_turn(&server->looked,
                          is_troubled ? TROUBLED_LOOK_PERIOD : LOOK_PERIOD);
    }
    return is_due;
}

/** Settings change only when a server starts: it is examined then, and when it
 *  was not seen before. Where there is no epoch, nothing else is looked at. */
static int must_examine(const locks_watched_store_t *watched)
{
    int i;

    for (i = 0; watched->servers != NULL && i < watched->store->servers; i++) {
        const locks_watched_server_t *server = watched->servers[i];

        if (!atomic_load(&server->has_epoch) ||
            atomic_load(&server->examined) == 0 ||
            (atomic_load(&server->trouble) & LOCKS_TROUBLE_UNREACHABLE)) {
            return 1;
        }
    }
    return 0;
}

/** Servers that may drop items do so at any time. */
static int is_examination_due(const locks_watched_store_t *watched)
{
    int is_due = 0;
    int i;

    for (i = 0; watched->servers != NULL && i < watched->store->servers; i++) {
        locks_watched_server_t *server = watched->servers[i];

        is_due |=
            (atomic_load(&server->trouble) & LOCKS_TROUBLE_MAY_EVICT) != 0 &&
            is_turn(&server->examined_at, EXAMINATION_PERIOD);
    }
    return is_due;
}

/** Does what is due for a store. */
static void watch(const locks_watched_store_t *watched, apr_pool_t *pool)
{
    int must = 0;

    if (take_turn(watched)) {
        locks_monitor_look(watched, pool);
        must = must_examine(watched);
    }
    if (must || is_examination_due(watched)) {
        locks_monitor_examine(watched, pool);
    }
}

static void tick(void *baton)
{
    const monitor_t *monitor = baton;
    int i;

    for (i = 0; i < monitor->stores->nelts; i++) {
        const locks_watched_store_t *watched =
            APR_ARRAY_IDX(monitor->stores, i, locks_watched_store_t *);

        if (is_in_use(watched)) {
            watch(watched, monitor->pool);
            apr_pool_clear(monitor->pool);
        }
    }
}

/** Finds the keys of a store's epochs, which is started. A server that hardly
 *  any key is on has none, and then the store is not watched for lost data. */
static void find_keys(locks_watched_store_t *watched, apr_pool_t *pool)
{
    const locks_store_t *store = watched->store;
    const char **keys =
        apr_palloc(pool, (apr_size_t)store->servers * sizeof(*keys));
    int i;

    for (i = 0; i < store->servers; i++) {
        keys[i] = locks_epoch_key(watched->rules->prefix, i,
                                  store->provider->place, store, pool);
        if (keys[i] == NULL) {
            return;
        }
    }
    watched->epoch_keys = keys;
    for (i = 0; watched->servers != NULL && i < store->servers; i++) {
        atomic_store(&watched->servers[i]->has_epoch, 1);
    }
}

void locks_monitor_start(apr_pool_t *pchild, server_rec *main_server)
{
    monitor_t *monitor = apr_pcalloc(pchild, sizeof(*monitor));
    apr_status_t rv;
    int i;

    monitor->stores = locks_server_config(main_server)->watched_stores;
    for (i = 0; i < monitor->stores->nelts; i++) {
        locks_watched_store_t *watched =
            APR_ARRAY_IDX(monitor->stores, i, locks_watched_store_t *);

        if (watched->has_locks) {
            find_keys(watched, pchild);
        }
    }
    rv = locks_thread_pool(&monitor->pool, pchild);
    if (rv == APR_SUCCESS) {
        rv = locks_ticker_start(TICK, tick, monitor, pchild);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server,
                     "locks: the stores are not watched by this child");
    }
}

/* ---- On the way of a request ---- */

/** The request's lock store, if its epochs are watched. */
static const locks_watched_store_t *lock_store(const request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    const locks_watched_store_t *watched =
        locks_watched_find(config->watched_stores, config->store);

    return watched->servers != NULL && watched->epoch_keys != NULL ? watched
                                                                   : NULL;
}

/** The epoch that a request reads along: that of a server which it asks
 *  anyway, so that it depends on no other. */
static int epoch_to_read(const locks_operation_t *op,
                         const locks_watched_store_t *watched)
{
    return op->ahead->nelts == 0
               ? -1
               : watched->store->provider->place(
                     watched->store,
                     APR_ARRAY_IDX(op->ahead, 0, locks_store_item_t).key);
}

int locks_monitor_ahead(locks_operation_t *op, const request_rec *r)
{
    locks_shared_t *shared = locks_shared(r->server);
    apr_time_t now = locks_deadline_now();
    apr_int64_t due =
        atomic_load_explicit(&shared->ahead_due, memory_order_relaxed);
    const locks_watched_store_t *watched;
    int server;

    /* Who reads nothing ahead leaves the turn to the next. */
    if (op->ahead->nelts == 0 || now < due ||
        !atomic_compare_exchange_strong(&shared->ahead_due, &due,
                                        now + AHEAD_PERIOD)) {
        return -1;
    }
    watched = lock_store(r);
    server = watched != NULL ? epoch_to_read(op, watched) : -1;
    if (server >= 0) {
        atomic_store(&watched->servers[server]->is_used, 1);
        locks_ahead_key(op, watched->epoch_keys[server]);
    }
    return server;
}

/** Is a server as it is known to be? If it is not, or is known not to answer
 *  and does, it is looked at soon. */
static int is_as_known(const locks_watched_server_t *server,
                       const locks_store_item_t *item, apr_pool_t *pool)
{
    int is_down = atomic_load(&server->trouble) & LOCKS_TROUBLE_UNREACHABLE;
    locks_epoch_record_t record;

    if (item->status != LOCKS_STORE_DONE) {
        return item->status != LOCKS_STORE_ABSENT && is_down;
    }
    return !is_down &&
           locks_epoch_decode(&record, item->value, item->length, item->key,
                              pool) == APR_SUCCESS &&
           record.number == atomic_load(&server->epoch);
}

void locks_monitor_judge(const locks_operation_t *op, const request_rec *r,
                         int server)
{
    const locks_watched_store_t *watched = server >= 0 ? lock_store(r) : NULL;
    const locks_store_item_t *item;

    if (watched == NULL) {
        return;
    }
    item = locks_ahead_find(op, watched->epoch_keys[server]);
    if (item != NULL) {
        atomic_store(&watched->servers[server]->looked,
                     is_as_known(watched->servers[server], item, op->pool)
                         ? locks_deadline_now()
                         : 0);
    }
}
