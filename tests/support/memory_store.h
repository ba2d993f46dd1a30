/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file memory_store.h
 * @brief A store in memory, with a clock and a fate of the test's making.
 *
 * It keeps the contract of locks_store.h: CAS values count up for each key,
 * lifetimes end on whole seconds, nothing survives a restart. It is
 * deterministic and for one thread, but not for one caller only: a hook may run
 * other sessions, and so other requests, in the middle of an operation's round
 * trip.
 */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include "locks_store.h"

typedef struct memory_store_t memory_store_t;

/** What is to become of an operation. */
typedef enum {
    /** It is done and answered. */
    MEMORY_STORE_PASS,
    /** It never reaches the store: #LOCKS_STORE_UNREACHABLE. */
    MEMORY_STORE_UNREACHED,
    /** A write is done, its answer is lost: #LOCKS_STORE_UNKNOWN. */
    MEMORY_STORE_ANSWER_LOST,
    /** A write is lost on its way: #LOCKS_STORE_UNKNOWN, and never done. */
    MEMORY_STORE_WRITE_LOST,
    /** A write is held up on its way: #LOCKS_STORE_UNKNOWN now, and done or
     *  refused by its condition when the test lets it land. */
    MEMORY_STORE_WRITE_LATE,
    /** A write is answered with #LOCKS_STORE_REFUSED. */
    MEMORY_STORE_WRITE_REFUSED
} memory_store_fate_e;
/* To a fetch, each fate but PASS is UNREACHED. */

typedef enum {
    MEMORY_STORE_FETCH,
    MEMORY_STORE_ADD,
    MEMORY_STORE_CAS
} memory_store_kind_e;

/** An operation, as hooks see it. */
typedef struct memory_store_operation_t {
    memory_store_kind_e kind;
    /** Counts all sessions' operations from 1. */
    apr_uint64_t number;
    locks_store_session_t *session;
    locks_store_purpose_e purpose;
    /** A write's key; NULL for a fetch. */
    const char *key;
    /** A write's value. */
    const char *value;
    apr_size_t length;
    apr_uint64_t cas;
    /** A fetch's items. After it, a hook may set one to
     *  #LOCKS_STORE_UNREACHABLE, as if its server had not answered. */
    locks_store_item_t *items;
    apr_size_t count;
    /** After a write: what its caller will be told. */
    apr_status_t outcome;
} memory_store_operation_t;

/** Decides on an operation before it is done; may use the store. */
typedef memory_store_fate_e
memory_store_before_fn(void *baton, const memory_store_operation_t *operation);

/** Sees an operation after it was done; may use the store. */
typedef void memory_store_after_fn(void *baton,
                                   const memory_store_operation_t *operation);

/** The provider, for whoever makes stores by it. create() takes any
 *  arguments, start() does nothing. */
extern const locks_store_provider_t memory_store_provider;

/** Makes an empty store whose clock stands at 0; it lives in the pool. */
memory_store_t *memory_store_make(apr_pool_t *pool);

/** The store that the contract is about. */
locks_store_t *memory_store_base(memory_store_t *store);

/** The store that such a base belongs to. */
memory_store_t *memory_store_of(locks_store_t *base);

/** Sets the hooks; NULL for none. */
void memory_store_hook(memory_store_t *store, memory_store_before_fn *before,
                       memory_store_after_fn *after, void *baton);

/**
 * Decides whether the fates that leave an operation without an answer count
 * as timeouts, after which a session's ordinary operations are
 * #LOCKS_STORE_UNREACHABLE. They do from the start; 0 for broken connections.
 */
void memory_store_failures_time_out(memory_store_t *store, int yes);

/** Decides whether a fetch of several keys reads one after the other, each an
 *  operation to the hooks, as several servers or threads of one may.
 *  @param direction 0 for all at once, 1 for the first key first, -1 for the
 *                   last one first */
void memory_store_splits_fetches(memory_store_t *store, int direction);

/** Moves the clock by which lifetimes end. */
void memory_store_advance(memory_store_t *store, apr_interval_time_t time);

/** How many late writes are on their way. */
int memory_store_late(const memory_store_t *store);

/** The key of a late write, and who sent it. */
const char *memory_store_late_key(const memory_store_t *store, int index);
const locks_store_session_t *
memory_store_late_sender(const memory_store_t *store, int index);

/**
 * Lets a late write land, if its condition holds now.
 * @param index from 0, in the order in which they were sent
 * @return the outcome that nobody is told
 */
apr_status_t memory_store_land(memory_store_t *store, int index);

/** Forgets a key, as eviction does. */
void memory_store_evict(memory_store_t *store, const char *key);

/** Forgets everything, late writes too. */
void memory_store_restart(memory_store_t *store);

/** How many operations there were, those that fared badly too. */
apr_uint64_t memory_store_operations(const memory_store_t *store);

/** What is stored under a key now: sets value and length; counts as no
 *  operation. APR_NOTFOUND. */
apr_status_t memory_store_peek(memory_store_t *store, const char *key,
                               const char **value, apr_size_t *length);

/** A number that two stores in the same state share, and hardly any two in
 *  different ones. */
apr_uint64_t memory_store_digest(memory_store_t *store);

#endif
