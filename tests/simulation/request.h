/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file request.h
 * @brief One request: the real protocol on a coroutine, which stops before
 *        each operation of the store, in each pause, and, where wanted,
 *        before an answer is heard.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "coroutine.h"
#include "locks_protocol.h"
#include "memory_store.h"
#include "scenario.h"

/** What the request's host and the store give it. */
typedef struct surroundings_t {
    memory_store_t *store;
    locks_rules_t rules;
    /** The time by which hosts' clocks are set, and the one that only goes
     *  forward. */
    apr_time_t now;
    apr_time_t ticks;
    apr_interval_time_t ahead[HOSTS];
    /** Pauses last a multiple of this, so that fewer differ. */
    apr_interval_time_t pause;
} surroundings_t;

typedef enum {
    REQUEST_WAITING,
    /** Before an operation. */
    REQUEST_ASKING,
    /** After an operation, whose answer travels. */
    REQUEST_HEARING,
    REQUEST_PAUSING,
    REQUEST_ENDED,
    REQUEST_DEAD
} request_state_e;

typedef struct request_t {
    scenario_request_t what;
    const surroundings_t *surroundings;
    coroutine_t *coroutine;
    apr_pool_t *pool;
    request_state_e state;
    /** What the operation that it stands before is, and what befalls it. */
    memory_store_kind_e operation;
    memory_store_fate_e fate;
    /** Does it stop before it hears of that? */
    int is_slow;
    int operations;
    /** When its pause ends, in ticks. */
    apr_time_t wake;
    const locks_store_session_t *session;
    locks_environment_t env;
    apr_uint64_t chance;
    /** Everything that it was told so far: where it stands follows from it. */
    apr_uint64_t observed;
    /** What to release or renew. */
    apr_uint64_t id;
    /** What came of it: the lock is the one granted or broken. */
    apr_status_t result;
    locks_lock_t lock;
    apr_array_header_t *locks;
    /** Moments, of the history, and how many events there were when it
     *  began and when it ended. */
    int begun;
    int ended;
    int events_begun;
    int events_ended;
} request_t;

/** Makes it wait to begin. @param seed of what is chance to it */
void request_prepare(request_t *request, const scenario_request_t *what,
                     const surroundings_t *surroundings, apr_uint64_t seed,
                     apr_pool_t *pool);

/** Runs it until it stops next. */
void request_resume(request_t *request);

/** Hooks for the store. */
memory_store_fate_e request_before(request_t *request,
                                   const memory_store_operation_t *operation);
void request_after(request_t *request,
                   const memory_store_operation_t *operation);

/** Has it begun, and not ended? */
int request_is_running(const request_t *request);

#endif
