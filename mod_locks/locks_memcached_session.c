/* SPDX-License-Identifier: Apache-2.0 */

#include "locks_memcached_session.h"

#include "locks_thread.h"

#include <apr_strings.h>
#include <string.h>

/** How often the watch looks within one timeout, and its bounds in
 *  microseconds. */
#define LOOKS_PER_TIMEOUT 8
#define PERIOD_MIN 5000
#define PERIOD_MAX 50000

/** Microseconds as the whole milliseconds that poll() takes, rounded up so
 *  that what is left of them is never taken for nothing. */
static apr_int32_t milliseconds(apr_interval_time_t time)
{
    return time > 0 ? (apr_int32_t)((time + 999) / 1000) : 0;
}

/* ---- Sets of connections ---- */

/** On the watch's thread: the clients of a set that is in use learn how long
 *  they may still wait. */
static void tell_clients(void *baton, apr_interval_time_t left)
{
    locks_memcached_set_t *set = baton;
    int i;

    for (i = 0; i < set->count; i++) {
        locks_memcached_limit(set->clients[i], milliseconds(left));
    }
}

/** Makes a set that is not connected yet. */
static void make_set(locks_memcached_store_t *store, int number,
                     apr_pool_t *pool)
{
    locks_memcached_set_t *set = &store->sets[number];
    int i;

    set->count = store->addresses->nelts;
    set->clients =
        apr_palloc(pool, sizeof(*set->clients) * (apr_size_t)set->count);
    for (i = 0; i < set->count; i++) {
        set->clients[i] = locks_memcached_client(
            &APR_ARRAY_IDX(store->addresses, i, locks_address_t), pool);
    }
    set->slot = locks_deadline_slot(store->watch, number, tell_clients, set);
}

/** Runs before the sets and the watch go with their pool: sessions that are
 *  still open lose their sets here. */
static apr_status_t end_all(void *data)
{
    locks_memcached_store_t *store = data;
    int number;
    int i;

    for (number = 0; number < store->threads; number++) {
        for (i = 0; i < store->sets[number].count; i++) {
            locks_memcached_close(store->sets[number].clients[i]);
        }
    }
    store->sets = NULL;
    store->free = NULL;
    store->watch = NULL;
    store->ring = NULL;
    return APR_SUCCESS;
}

static apr_interval_time_t period(apr_interval_time_t timeout)
{
    apr_interval_time_t part = timeout / LOOKS_PER_TIMEOUT;

    return part < PERIOD_MIN ? PERIOD_MIN
                             : (part > PERIOD_MAX ? PERIOD_MAX : part);
}

apr_status_t locks_memcached_start(locks_memcached_store_t *store, int threads,
                                   apr_pool_t *pool)
{
    apr_pool_t *own;
    /* All that is freed at the end comes from here, whatever other threads do
     * with the process's pools. */
    apr_status_t rv = locks_thread_pool(&own, pool);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    store->threads = threads > 0 ? threads : 1;
    store->ring = locks_memcached_ring(store->addresses, own);
    if (store->ring == NULL) {
        return APR_ENOMEM;
    }
    rv = locks_deadline_watch_create(&store->watch, store->threads,
                                     period(store->timeout), own);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    store->sets =
        apr_pcalloc(own, (apr_size_t)store->threads * sizeof(*store->sets));
    for (i = 0; i < store->threads; i++) {
        make_set(store, i, own);
    }
    store->free = locks_bitmap_create(store->threads, own);
    apr_pool_cleanup_register(own, store, end_all, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

void locks_memcached_release(locks_memcached_session_t *session)
{
    if (session->set != NULL && session->store->sets != NULL) {
        locks_bitmap_give(session->store->free,
                          (int)(session->set - session->store->sets));
    }
    session->set = NULL;
}

/* ---- Keys ---- */

int locks_memcached_key_valid(const char *key)
{
    const char *end = key;

    while ((unsigned char)*end > ' ' && *end != 0x7f) {
        end++;
    }
    return *end == '\0' && end > key && end - key <= LOCKS_STORE_KEY_MAX;
}

int locks_memcached_server(const locks_memcached_store_t *store,
                           const char *key)
{
    return store->addresses->nelts > 1 && store->ring != NULL
               ? (int)locks_memcached_place(store->ring, key)
               : 0;
}

/* ---- Who watches ---- */

static void tell_news(locks_memcached_session_t *session,
                      locks_store_news_e news, const char *text)
{
    const locks_store_observer_t *observer = session->base.observer;

    if (observer != NULL) {
        observer->news(session->base.observer_baton, news, text);
    }
}

static void tell_failure(locks_memcached_session_t *session,
                         locks_store_failure_e kind)
{
    const locks_store_observer_t *observer = session->base.observer;

    if (observer != NULL) {
        observer->failure(session->base.observer_baton, kind);
    }
}

/** Counts a round trip that ended now; the next one begins. */
static void count_round_trip(locks_memcached_session_t *session, apr_time_t now)
{
    const locks_store_observer_t *observer = session->base.observer;

    session->base.round_trips++;
    if (observer != NULL) {
        observer->round_trip(session->base.observer_baton,
                             now - session->departed);
    }
    session->departed = now;
}

/* ---- Reasons ---- */

static const char *name_of(const locks_memcached_session_t *session, int server)
{
    return APR_ARRAY_IDX(session->store->addresses, server, locks_address_t)
        .name;
}

static int timeout_in_ms(const locks_memcached_session_t *session)
{
    return milliseconds(session->store->timeout);
}

void locks_memcached_clear(locks_memcached_session_t *session)
{
    session->blamed = 0;
    session->own_failure_told = 0;
}

/** What the log knows already must not hide what it does not. */
static void blame(locks_memcached_session_t *session, const char *reason,
                  int known)
{
    if (!session->blamed || (session->base.is_known_failure && !known)) {
        session->blamed = 1;
        session->reason = reason;
        session->base.is_known_failure = known;
    }
}

void locks_memcached_blame(locks_memcached_session_t *session,
                           locks_store_failure_e kind, const char *reason)
{
    blame(session, reason, 0);
    if (!session->own_failure_told) {
        session->own_failure_told = 1;
        tell_failure(session, kind);
    }
}

static void blame_server(locks_memcached_session_t *session, int server,
                         const char *what, const char *cure, int known)
{
    blame(session,
          apr_psprintf(session->pool, "memcached %s: %s; %s",
                       name_of(session, server), what, cure),
          known);
}

/* ---- What is known of servers ---- */

int locks_memcached_may_ask(locks_memcached_session_t *session, int server,
                            locks_store_purpose_e purpose)
{
    locks_breaker_t *breaker = &session->store->breakers[server];

    if (purpose != LOCKS_STORE_ORDINARY) {
        return 1;
    }
    if (session->timed_out[server]) {
        blame_server(session, server, "it timed out before in this request",
                     "is it overloaded or stopped?",
                     locks_breaker_is_open(breaker));
        tell_failure(session, LOCKS_STORE_FAILURE_LEFT_ALONE);
        return 0;
    }
    if (locks_breaker_advise(breaker, locks_deadline_now(),
                             session->store->timeout) == LOCKS_BREAKER_LEAVE) {
        blame_server(session, server, "it answers no more, as logged before",
                     "it is asked again from time to time", 1);
        tell_failure(session, LOCKS_STORE_FAILURE_LEFT_ALONE);
        return 0;
    }
    return 1;
}

void locks_memcached_heard(locks_memcached_session_t *session, int server)
{
    if (locks_breaker_answered(&session->store->breakers[server])) {
        tell_news(session, LOCKS_STORE_ALL_CLEAR,
                  apr_psprintf(session->pool, "memcached %s answers again",
                               name_of(session, server)));
    }
}

/** Counts a timeout; the session whose timeout was one too many raises the
 *  alarm. Connections that are refused do not count, since they cost nobody
 *  any time: they are tried each time, so that a server that comes back is
 *  used at once. */
static void note_timeout(locks_memcached_session_t *session, int server)
{
    int timeout = timeout_in_ms(session);
    int pause = milliseconds(LOCKS_BREAKER_PAUSE_MAX);

    session->timed_out[server] = 1;
    if (locks_breaker_timed_out(&session->store->breakers[server],
                                locks_deadline_now())) {
        tell_news(
            session, LOCKS_STORE_ALARM,
            apr_psprintf(session->pool,
                         "memcached %s did not answer %d times in a row "
                         "within %d ms: requests that need it are now "
                         "refused at once, until it answers one that is let "
                         "through every %d ms at least; is it overloaded or "
                         "stopped, or LocksStoreTimeout too short?",
                         name_of(session, server), LOCKS_BREAKER_TIMEOUTS,
                         timeout, pause > timeout ? pause : timeout));
    }
}

void locks_memcached_failed(locks_memcached_session_t *session, int server,
                            locks_memcached_result_e result)
{
    locks_memcached_client_t *client = session->set->clients[server];
    const char *what = locks_memcached_fault(client, session->pool);
    locks_store_failure_e kind;
    const char *cure;
    int known = 0;

    switch (result) {
    case LOCKS_MEMCACHED_REFUSED:
        kind = LOCKS_STORE_FAILURE_REFUSED;
        locks_memcached_heard(session, server);
        cure = "give it more memory (-m) or longer items (-I)";
        break;
    case LOCKS_MEMCACHED_TIMEOUT:
        kind = LOCKS_STORE_FAILURE_TIMEOUT;
        known = locks_breaker_is_open(&session->store->breakers[server]);
        note_timeout(session, server);
        what = apr_psprintf(session->pool, "no answer within %d ms",
                            milliseconds(session->deadline - session->began));
        cure = "is it overloaded or stopped, or LocksStoreTimeout too short?";
        break;
    case LOCKS_MEMCACHED_BROKEN:
        kind = LOCKS_STORE_FAILURE_CONNECTION;
        cure = "is it running, and does LocksStore name its address?";
        break;
    default:
        kind = LOCKS_STORE_FAILURE_ANSWER;
        locks_memcached_heard(session, server);
        cure = "is it a memcached, and what does it log?";
        break;
    }
    blame_server(session, server, what, cure, known);
    tell_failure(session, kind);
    if (result != LOCKS_MEMCACHED_REFUSED) {
        locks_memcached_close(client);
    }
}

/* ---- One operation ---- */

/** How often a free set is looked for, in microseconds, when there was none. */
#define SET_PERIOD apr_time_from_msec(1)

/** Finds a free set, waiting no longer than the store's timeout. There are as
 *  many as threads: who has to wait is one too many, so nobody wakes it.
 *  @return its number, or -1 */
static int find_set(const locks_memcached_store_t *store)
{
    apr_time_t started = locks_deadline_now();
    int number;

    while ((number = locks_bitmap_take(store->free)) < 0 &&
           locks_deadline_now() - started < store->timeout) {
        apr_sleep(SET_PERIOD);
    }
    return number;
}

/** Takes a set unless the session has one. */
static apr_status_t take_set(locks_memcached_session_t *session)
{
    locks_memcached_store_t *store = session->store;
    int number;

    if (session->set != NULL) {
        return APR_SUCCESS;
    }
    if (store->sets == NULL) {
        locks_memcached_blame(session, LOCKS_STORE_FAILURE_LOCAL,
                              "memcached: the store was not started in this "
                              "process; see the error log at its start");
        return LOCKS_STORE_UNREACHABLE;
    }
    number = find_set(store);
    if (number < 0) {
        locks_memcached_blame(
            session, LOCKS_STORE_FAILURE_LOCAL,
            apr_psprintf(session->pool,
                         "memcached: no connection got free within "
                         "%d ms; all %d are in use, so requests "
                         "wait for a slow server",
                         timeout_in_ms(session), store->threads));
        return LOCKS_STORE_UNREACHABLE;
    }
    session->set = &store->sets[number];
    return APR_SUCCESS;
}

/** Charges the time since the operation began. */
static void charge(locks_memcached_session_t *session)
{
    apr_time_t now = locks_deadline_now();

    session->base.waited += now - session->began;
    session->began = now;
}

apr_status_t locks_memcached_begin(locks_memcached_session_t *session)
{
    apr_interval_time_t timeout = session->store->timeout;
    apr_interval_time_t budget = timeout * LOCKS_MEMCACHED_BUDGET;
    apr_interval_time_t left;
    apr_status_t rv;

    session->began = locks_deadline_now();
    if (session->base.waited < budget) {
        rv = take_set(session);
        charge(session);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    left = budget - session->base.waited;
    if (left <= 0) {
        locks_memcached_blame(
            session, LOCKS_STORE_FAILURE_LOCAL,
            apr_psprintf(session->pool,
                         "memcached: the request used up its %d ms for the "
                         "store; are the servers overloaded?",
                         milliseconds(budget)));
        return LOCKS_STORE_UNREACHABLE;
    }
    session->departed = session->began;
    session->deadline = session->began + (left < timeout ? left : timeout);
    return APR_SUCCESS;
}

void locks_memcached_leave_time(locks_memcached_session_t *session, int more)
{
    apr_interval_time_t left =
        session->store->timeout * LOCKS_MEMCACHED_BUDGET - session->base.waited;
    apr_time_t deadline = session->began + left / (more + 1);

    if (session->deadline > deadline) {
        session->deadline = deadline;
    }
}

void locks_memcached_returned(locks_memcached_session_t *session)
{
    count_round_trip(session, locks_deadline_now());
}

void locks_memcached_end(locks_memcached_session_t *session, int sent)
{
    charge(session);
    if (sent) {
        count_round_trip(session, session->began);
    }
}

locks_memcached_client_t *
locks_memcached_ready(locks_memcached_session_t *session, int server)
{
    locks_memcached_client_t *client = session->set->clients[server];

    if (locks_memcached_open(client) != APR_SUCCESS) {
        locks_memcached_blame(
            session, LOCKS_STORE_FAILURE_LOCAL,
            apr_psprintf(session->pool,
                         "memcached %s: no memory for a connection; does this "
                         "host have enough?",
                         name_of(session, server)));
        return NULL;
    }
    locks_memcached_limit(
        client, milliseconds(session->deadline - locks_deadline_now()));
    return client;
}

void locks_memcached_arm(locks_memcached_session_t *session)
{
    locks_deadline_arm(session->set->slot, session->deadline);
}

void locks_memcached_disarm(locks_memcached_session_t *session)
{
    locks_deadline_disarm(session->set->slot);
}
