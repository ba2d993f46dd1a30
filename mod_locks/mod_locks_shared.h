/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_shared.h
 * @brief What all processes of this httpd share, how requests are counted
 *        there, and who watches the stores.
 */
#ifndef MOD_LOCKS_SHARED_H
#define MOD_LOCKS_SHARED_H

#include "mod_locks.h"

#include "locks_counters.h"
#include "locks_deadline.h"
#include "locks_watch.h"

/* ---- The memory (mod_locks_shared.c) ---- */

/** The most servers of all stores together that are watched. */
#define LOCKS_SHARED_SERVERS 256
/** The hexadecimal digits of the nonce. */
#define LOCKS_NONCE_LENGTH 32

/** In memory that is made when httpd starts and stays over its restarts. */
typedef struct locks_shared_t {
    /** When it was made. */
    apr_time_t started;
    /** Proves that a form was written by this server. */
    char nonce[LOCKS_NONCE_LENGTH + 1];
    /** When a request may look at a server on its way, by
     *  locks_deadline_now(). */
    _Atomic apr_int64_t ahead_due;
    locks_watched_server_t servers[LOCKS_SHARED_SERVERS];
} locks_shared_t;

locks_shared_t *locks_shared(const server_rec *server);
locks_counters_t *locks_counters(const server_rec *server);
locks_turns_t *locks_turns(const server_rec *server);

/** Finds the record of a watched server by its name, or makes one.
 *  @param in_use which records others have: LOCKS_SHARED_SERVERS of them; gets
 *                this one
 *  @return NULL if there are too many */
locks_watched_server_t *locks_shared_server(locks_shared_t *shared,
                                            const char *name, char *in_use);

/* ---- Counting requests, and the access log's notes
 *      (mod_locks_counting.c) ---- */

/** Opens an operation for a request on the lock store; at LogLevel debug it
 *  tells its story in the log. */
locks_operation_t *locks_operation_for(request_rec *r);

/** Counts what a request to /locks came to, and notes it for the access log.
 *  @param op    NULL if the store was not asked
 *  @param began by locks_deadline_now() */
void locks_count_exchange(request_rec *r, locks_endpoint_e endpoint,
                          locks_outcome_e outcome, const locks_operation_t *op,
                          apr_time_t began);
/** The same for what the guard decided. */
void locks_count_guarded(request_rec *r, locks_decision_e decision,
                         const locks_operation_t *op, apr_time_t began);
/** What a refusal with this status counts as, if nothing else is known. */
locks_outcome_e locks_outcome_of(int status);
/** Counts what httpd refused below our own locations. */
void locks_count_refusal(request_rec *r);
/** Notes the lock that a request is about for the access log. */
void locks_note_lock(request_rec *r, apr_uint64_t id);

/* ---- The stores that are watched (mod_locks_watched.c) ---- */

/** A store that is watched. */
typedef struct locks_watched_store_t {
    locks_store_t *store;
    /** As it is configured. */
    const char *address;
    /** Of the first virtual host that uses it. */
    const locks_rules_t *rules;
    server_rec *server;
    /** Has it locks, or sessions alone? */
    int has_locks;
    /** Did a directive name it? If not it is watched once a request uses it. */
    int is_named;
    /** What is known of its servers; NULL where there are too many. */
    locks_watched_server_t **servers;
    /** The keys of their epochs; NULL until the store was started, and where
     *  there are no locks. */
    const char **epoch_keys;
} locks_watched_store_t;

/** How a store is watched; NULL if it is not known.
 *  @param all of locks_watched_store_t * */
locks_watched_store_t *locks_watched_find(const apr_array_header_t *all,
                                          const locks_store_t *store);
/** The stores that this server's requests use: locks_watched_store_t, the lock
 *  store first. */
const apr_array_header_t *locks_watched_stores(const server_rec *server,
                                               apr_pool_t *pool);

/* ---- Watching them (mod_locks_monitor.c) ---- */

/** Looks at a store's servers now, and logs what is new.
 *  @return one for each server; NULL for a store without locks */
const locks_epoch_t *locks_monitor_look(const locks_watched_store_t *watched,
                                        apr_pool_t *pool);
/** The same by what the servers say of themselves. */
const locks_store_server_t *
locks_monitor_examine(const locks_watched_store_t *watched, apr_pool_t *pool);

/** @name On the way of a request
 * Now and then a request reads an epoch along with what it needs, in the same
 * round trip, so that lost data is noticed soon, and no request waits for it.
 * @{ */
/** @return the server whose epoch is read; -1 for none */
int locks_monitor_ahead(locks_operation_t *op, const request_rec *r);
/** @param server as returned by locks_monitor_ahead() */
void locks_monitor_judge(const locks_operation_t *op, const request_rec *r,
                         int server);
/** @} */

#endif
