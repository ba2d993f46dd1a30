/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_locks_wait.h"

#include <ap_mpm.h>
#include <apr_hash.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "locks_prefer.h"
#include "locks_protocol.h"
#include "locks_reply.h"
#include "locks_thread.h"

APLOG_USE_MODULE(locks);

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/** The part of a child's threads that may wait. */
#define WAITING_PART 4
/** How long nobody looks up who waits: whether the client is there, and the
 *  server going to stay. */
#define DOZE_MAX apr_time_from_msec(250)
/** The longest ETag with its NUL byte. */
#define ETAG_ROOM 64

/** Those who wait for one course. Guarded by the hall's mutex. */
typedef struct room_t {
    /** The store, the prefix of its keys, and the course. */
    const char *key;
    const char *course;
    apr_pool_t *pool;
    /** By a clock that does not step. */
    pthread_cond_t changed;
    int waiting;
    /** Does one of them ask the store for all, or is about to? */
    int is_led;
    /** Is it to do so at once? */
    int is_poked;
    /** How often it was asked, and what the locks were then; "" if that
     *  could not be found out. */
    apr_uint32_t looks;
    char etag[ETAG_ROOM];
    /** The IDs of the locks then, in a pool of their own. */
    const apr_uint64_t *ids;
    int id_count;
    apr_pool_t *ids_pool;
    /** When it is to be asked next. */
    apr_time_t due;
} room_t;

/** All who wait in this child. */
struct locks_hall_t {
    pthread_mutex_t mutex;
    apr_pool_t *pool;
    /** By key: room_t. */
    apr_hash_t *rooms;
    int waiting;
    int most;
};

typedef struct locks_hall_t hall_t;

struct locks_stay_t {
    request_rec *r;
    hall_t *hall;
    room_t *room;
    int seconds;
    /** When it is over, by locks_deadline_now(). */
    apr_time_t deadline;
    /** The looks at the store that this request knows of, and what it knows
     *  the locks to be; "" for nothing. */
    apr_uint32_t looks;
    char etag[ETAG_ROOM];
};

/* ---- The hall ---- */

static apr_status_t end_hall(void *data)
{
    hall_t *hall = data;

    (void)pthread_mutex_destroy(&hall->mutex);
    return APR_SUCCESS;
}

void locks_wait_start(apr_pool_t *pchild, server_rec *main_server)
{
    hall_t *hall = apr_pcalloc(pchild, sizeof(*hall));
    server_rec *server;
    int threads = 1;

    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS) {
        threads = 1;
    }
    hall->most = threads / WAITING_PART;
    if (pthread_mutex_init(&hall->mutex, NULL) != 0 ||
        locks_thread_pool(&hall->pool, pchild) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, main_server,
                     "locks: no request can wait in this child: does this host "
                     "have memory left?");
        hall->most = 0;
        return;
    }
    hall->rooms = apr_hash_make(hall->pool);
    apr_pool_cleanup_register(pchild, hall, end_hall, apr_pool_cleanup_null);
    for (server = main_server; server != NULL; server = server->next) {
        locks_server_config_t *config =
            ap_get_module_config(server->module_config, &locks_module);

        config->hall = hall;
    }
}

static const char *room_key(const request_rec *r, const char *course)
{
    const locks_server_config_t *config = locks_server_config(r->server);

    return apr_psprintf(r->pool, "%pp\n%s\n%s", (void *)config->store,
                        config->rules.prefix, course);
}

/** Opens a room; NULL without memory. */
static room_t *open_room(hall_t *hall, const char *key, const char *course)
{
    pthread_condattr_t attributes;
    apr_pool_t *pool;
    room_t *room;
    int error;

    if (apr_pool_create(&pool, hall->pool) != APR_SUCCESS) {
        return NULL;
    }
    room = apr_pcalloc(pool, sizeof(*room));
    room->pool = pool;
    if (apr_pool_create(&room->ids_pool, pool) != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return NULL;
    }
    room->key = apr_pstrdup(pool, key);
    room->course = apr_pstrdup(pool, course);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(&room->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (error != 0) {
        apr_pool_destroy(pool);
        return NULL;
    }
    apr_hash_set(hall->rooms, room->key, APR_HASH_KEY_STRING, room);
    return room;
}

/** Closes a room that the last one has left. */
static void close_room(hall_t *hall, room_t *room)
{
    apr_hash_set(hall->rooms, room->key, APR_HASH_KEY_STRING, NULL);
    (void)pthread_cond_destroy(&room->changed);
    apr_pool_destroy(room->pool);
}

/* ---- Beginning and ending ---- */

int locks_wait_preferred(request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    int most = (int)apr_time_sec(config->wait_max);
    int seconds;

    if (most == 0 || config->hall == NULL) {
        return 0;
    }
    seconds = locks_prefer_wait(apr_table_get(r->headers_in, "Prefer"));
    return seconds < most ? seconds : most;
}

locks_stay_t *locks_wait_begin(request_rec *r, const char *course, int seconds)
{
    hall_t *hall = locks_server_config(r->server)->hall;
    const char *key = room_key(r, course);
    locks_stay_t *stay = NULL;
    room_t *room;

    (void)pthread_mutex_lock(&hall->mutex);
    room = hall->waiting < hall->most
               ? apr_hash_get(hall->rooms, key, APR_HASH_KEY_STRING)
               : NULL;
    if (room == NULL && hall->waiting < hall->most) {
        room = open_room(hall, key, course);
    }
    if (room != NULL) {
        hall->waiting++;
        room->waiting++;
        stay = apr_pcalloc(r->pool, sizeof(*stay));
        stay->r = r;
        stay->hall = hall;
        stay->room = room;
        stay->seconds = seconds;
        stay->deadline = locks_deadline_now() + apr_time_from_sec(seconds);
        stay->looks = room->looks;
        if (room->waiting == 1) {
            room->due = locks_deadline_now() +
                        locks_server_config(r->server)->wait_interval;
        }
    }
    (void)pthread_mutex_unlock(&hall->mutex);
    return stay;
}

void locks_wait_end(locks_stay_t *stay)
{
    hall_t *hall = stay->hall;

    (void)pthread_mutex_lock(&hall->mutex);
    hall->waiting--;
    if (--stay->room->waiting == 0) {
        close_room(hall, stay->room);
    }
    (void)pthread_mutex_unlock(&hall->mutex);
    apr_table_setn(stay->r->headers_out, "Preference-Applied",
                   apr_psprintf(stay->r->pool, "wait=%d", stay->seconds));
}

void locks_wait_wake(const request_rec *r, const char *course)
{
    hall_t *hall = locks_server_config(r->server)->hall;
    room_t *room;

    if (course == NULL || hall == NULL ||
        locks_server_config(r->server)->wait_max == 0) {
        return;
    }
    (void)pthread_mutex_lock(&hall->mutex);
    room = hall->waiting > 0 ? apr_hash_get(hall->rooms, room_key(r, course),
                                            APR_HASH_KEY_STRING)
                             : NULL;
    if (room != NULL) {
        room->is_poked = 1;
        (void)pthread_cond_broadcast(&room->changed);
    }
    (void)pthread_mutex_unlock(&hall->mutex);
}

/* ---- Waiting ---- */

/** Is the server about to end, gracefully or not? */
static int is_stopping(void)
{
    int state = AP_MPMQ_RUNNING;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS &&
           state == AP_MPMQ_STOPPING;
}

/** Has the client hung up? A stream of HTTP/2 is told so by its connection. */
static int is_gone(const request_rec *r)
{
    conn_rec *connection = r->connection;
    struct pollfd socket = {.events = POLLRDHUP};
    apr_socket_t *own;

    if (connection->aborted ||
        (connection->master != NULL && connection->master->aborted)) {
        return 1;
    }
    own = connection->master == NULL ? ap_get_conn_socket(connection) : NULL;
    return own != NULL && apr_os_sock_get(&socket.fd, own) == APR_SUCCESS &&
           poll(&socket, 1, 0) > 0 &&
           (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/** Sleeps until something happens in the room, at most so long. */
static void doze(hall_t *hall, room_t *room, apr_interval_time_t longest)
{
    struct timespec end;

    longest = longest < DOZE_MAX ? longest : DOZE_MAX;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)apr_time_sec(longest);
    end.tv_nsec += (long)apr_time_usec(longest) * 1000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    (void)pthread_cond_timedwait(&room->changed, &hall->mutex, &end);
}

/** Asks the store what the locks are; NULL if it cannot be found out. */
static const apr_array_header_t *look(const locks_stay_t *stay,
                                      apr_pool_t *pool)
{
    server_rec *server = stay->r->server;
    const locks_server_config_t *config = locks_server_config(server);
    locks_operation_t *op = locks_operation_open(
        &config->rules, &locks_environment_system, LOCKS_TYPE_GADGET,
        locks_store_open_unasked(config->store, server, pool), pool);
    apr_array_header_t *locks;
    apr_time_t time;
    apr_status_t rv;

    locks_memos_lend(op, config);
    rv = locks_list(op, &locks, &time, stay->room->course);
    op->store->provider->close(op->store);
    return rv == APR_SUCCESS ? locks : NULL;
}

/** Notes what was found out.
 *  @param locks NULL if nothing was */
static void note_look(room_t *room, const apr_array_header_t *locks,
                      apr_pool_t *pool)
{
    apr_uint64_t *ids;
    int i;

    room->looks++;
    *room->etag = '\0';
    room->id_count = 0;
    apr_pool_clear(room->ids_pool);
    if (locks == NULL) {
        return;
    }
    apr_cpystrn(room->etag, locks_reply_etag(locks, room->course, pool),
                sizeof(room->etag));
    ids = apr_palloc(room->ids_pool,
                     ((apr_size_t)locks->nelts + 1) * sizeof(*ids));
    for (i = 0; i < locks->nelts; i++) {
        ids[i] = APR_ARRAY_IDX(locks, i, locks_lock_t).id;
    }
    room->ids = ids;
    room->id_count = locks->nelts;
}

/** Is there no sense in going on? */
static int is_over(const locks_stay_t *stay)
{
    return is_stopping() || is_gone(stay->r);
}

/** Sleeps until the store is to be asked.
 *  @param longest at most so long
 *  @return whether to ask it */
static int await_look(const locks_stay_t *stay, apr_interval_time_t longest)
{
    room_t *room = stay->room;
    apr_time_t until = locks_deadline_now() + longest;
    apr_time_t now;

    until = room->due < until ? room->due : until;
    while (!room->is_poked && (now = locks_deadline_now()) < until) {
        if (is_over(stay)) {
            return 0;
        }
        doze(stay->hall, room, until - now);
    }
    room->is_poked = 0;
    return 1;
}

/** Asks for all who are in the room. The mutex is held before and after. */
static void lead(const locks_stay_t *stay, apr_interval_time_t longest)
{
    hall_t *hall = stay->hall;
    room_t *room = stay->room;
    apr_pool_t *pool;

    room->is_led = 1;
    if (await_look(stay, longest) &&
        apr_pool_create(&pool, stay->r->pool) == APR_SUCCESS) {
        const apr_array_header_t *locks;

        (void)pthread_mutex_unlock(&hall->mutex);
        locks = look(stay, pool);
        (void)pthread_mutex_lock(&hall->mutex);
        note_look(room, locks, pool);
        room->due = locks_deadline_now() +
                    locks_server_config(stay->r->server)->wait_interval;
        apr_pool_destroy(pool);
    }
    room->is_led = 0;
    (void)pthread_cond_broadcast(&room->changed);
}

/** Did the last look find this lock? */
static int is_listed(const room_t *room, apr_uint64_t id)
{
    int i;

    for (i = 0; i < room->id_count; i++) {
        if (room->ids[i] == id) {
            return 1;
        }
    }
    return 0;
}

/** Did a look since the last one that this request knows of find what it waits
 *  for? A failed look is for the request to find out about. */
static int has_news(locks_stay_t *stay, const locks_awaited_t *awaited)
{
    const room_t *room = stay->room;

    if (stay->looks == room->looks) {
        return 0;
    }
    stay->looks = room->looks;
    if (*room->etag == '\0') {
        return 1;
    }
    if (awaited->end_of != 0) {
        return !is_listed(room, awaited->end_of);
    }
    if (strcmp(room->etag, stay->etag) == 0) {
        return 0;
    }
    apr_cpystrn(stay->etag, room->etag, sizeof(stay->etag));
    return 1;
}

/** How long to wait now.
 *  @param since when the wait began
 *  @return 0 or less if it is over */
static apr_interval_time_t pause_left(const locks_stay_t *stay,
                                      apr_time_t since,
                                      apr_interval_time_t longest)
{
    apr_interval_time_t interval =
        locks_server_config(stay->r->server)->wait_interval;
    apr_time_t now = locks_deadline_now();
    apr_interval_time_t left = stay->deadline - now;

    if (is_over(stay)) {
        return 0;
    }
    if (longest > 0 && since + longest - now < left) {
        left = since + longest - now;
    }
    return left < interval ? left : interval;
}

apr_status_t locks_wait_for_change(locks_stay_t *stay,
                                   const locks_awaited_t *awaited)
{
    apr_time_t since = locks_deadline_now();
    apr_interval_time_t longest = awaited->longest;
    hall_t *hall = stay->hall;
    room_t *room = stay->room;
    apr_status_t rv = APR_SUCCESS;

    if (awaited->etag != NULL) {
        apr_cpystrn(stay->etag, awaited->etag, sizeof(stay->etag));
    }
    (void)pthread_mutex_lock(&hall->mutex);
    while (!has_news(stay, awaited)) {
        apr_interval_time_t left = pause_left(stay, since, longest);

        if (left <= 0) {
            rv = longest > 0 && locks_deadline_now() < stay->deadline &&
                         !is_over(stay)
                     ? APR_SUCCESS
                     : APR_TIMEUP;
            break;
        }
        if (room->is_led) {
            doze(hall, room, left);
        } else {
            lead(stay, left);
        }
    }
    (void)pthread_mutex_unlock(&hall->mutex);
    return rv;
}
