/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_memcached_session.h
 * @brief What the operations of the store on memcached have in common: its
 * connections, a session's time, and the reasons of its failures.
 *
 * An operation begins, makes ready the clients that it needs, talks to them
 * between arm and disarm, and ends.
 */
#ifndef LOCKS_MEMCACHED_SESSION_H
#define LOCKS_MEMCACHED_SESSION_H

#include "locks_bitmap.h"
#include "locks_breaker.h"
#include "locks_deadline.h"
#include "locks_memcached_client.h"
#include "locks_store.h"

#include <stdatomic.h>

/** How many timeouts a session may wait in all. */
#define LOCKS_MEMCACHED_BUDGET 4

/** A store; all but what was made stays as it is while threads use it. */
typedef struct locks_memcached_store_t {
    locks_store_t base;
    /** Of locks_address_t; a server is known by its index. */
    const apr_array_header_t *addresses;
    apr_interval_time_t timeout;
    /** The most sets that may be in use at once. */
    int threads;
    /** By server; shared by all threads. */
    locks_breaker_t *breakers;
    /* Below: NULL unless the store was started in this process. */
    /** One for each thread, and which of them are free. Their connections are
     *  made when they are needed; the lowest is taken, so that no more are
     *  made than were ever in use at once. */
    struct locks_memcached_set_t *sets;
    locks_bitmap_t *free;
    locks_deadline_watch_t *watch;
    locks_memcached_ring_t *ring;
} locks_memcached_store_t;

/** The connections that one session uses: one client for each server. */
typedef struct locks_memcached_set_t {
    locks_memcached_client_t **clients;
    int count;
    locks_deadline_slot_t *slot;
} locks_memcached_set_t;

typedef struct locks_memcached_session_t {
    locks_store_session_t base;
    locks_memcached_store_t *store;
    apr_pool_t *pool;
    /** NULL until the first operation and after closing. */
    locks_memcached_set_t *set;
    /** When the operation under way began and has to end. */
    apr_time_t began;
    apr_time_t deadline;
    /** When its round trip began. */
    apr_time_t departed;
    /** Was a failure of our own side told of the operation under way? */
    int own_failure_told;
    /** Was a reason given for the operation under way? The first one is
     *  kept, since others often follow from it. */
    int blamed;
    const char *reason;
    /** By server: did an operation time out on it? */
    char *timed_out;
} locks_memcached_session_t;

/** Starts the pool of sets and the watch; see locks_store.h. */
apr_status_t locks_memcached_start(locks_memcached_store_t *store, int threads,
                                   apr_pool_t *pool);

/** Gives back the session's set. */
void locks_memcached_release(locks_memcached_session_t *session);

/** May this be a key on memcached's wire? */
int locks_memcached_key_valid(const char *key);

/** The index of the server that has a key. */
int locks_memcached_server(const locks_memcached_store_t *store,
                           const char *key);

/** Forgets whom the last operation blamed; first thing in an operation. */
void locks_memcached_clear(locks_memcached_session_t *session);

/** Gives the reason of a failure that no server is to blame for, and tells
 *  of the first one in an operation. */
void locks_memcached_blame(locks_memcached_session_t *session,
                           locks_store_failure_e kind, const char *reason);

/** May this server be asked, or did it time out before, for this session or
 *  for too many others? */
int locks_memcached_may_ask(locks_memcached_session_t *session, int server,
                            locks_store_purpose_e purpose);

/** Begins an operation: takes a set and a share of the session's time.
 *  #LOCKS_STORE_UNREACHABLE if there is none, and then it has ended. */
apr_status_t locks_memcached_begin(locks_memcached_session_t *session);

/** Shortens the operation that has begun, so that the session has time for
 *  some more, each as long as this one. */
void locks_memcached_leave_time(locks_memcached_session_t *session, int more);

/** Notes that a round trip of the operation under way ended, and that
 *  another begins. */
void locks_memcached_returned(locks_memcached_session_t *session);

/** Ends an operation; sent tells whether it asked any server, and so a
 *  round trip ended. */
void locks_memcached_end(locks_memcached_session_t *session, int sent);

/** Opens a server's client and tells it how much time there is; NULL, and a
 *  reason, without memory. Not between arm and disarm. */
locks_memcached_client_t *
locks_memcached_ready(locks_memcached_session_t *session, int server);

/** Begins and ends the time in which clients talk to their servers. */
void locks_memcached_arm(locks_memcached_session_t *session);
void locks_memcached_disarm(locks_memcached_session_t *session);

/** Notes that a server answered, whatever it said. */
void locks_memcached_heard(locks_memcached_session_t *session, int server);

/**
 * Notes that a step failed: gives the reason, tells of it, remembers a timeout,
 * and closes the client unless its connection is in order (REFUSED).
 */
void locks_memcached_failed(locks_memcached_session_t *session, int server,
                            locks_memcached_result_e result);

#endif
