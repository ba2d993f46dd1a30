/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_operation.h
 * @brief One operation of the protocol: what it reads ahead, and writes whose
 *        outcome is always decided.
 */
#ifndef LOCKS_OPERATION_H
#define LOCKS_OPERATION_H

#include "locks_environment.h"
#include "locks_record.h"
#include "locks_store.h"
#include "locks_turns.h"

#include <apr_hash.h>

/**
 * @name Results of operations
 * Beside APR_SUCCESS and APR_NOTFOUND.
 * @{
 */
/** Another user's lock is in the way. */
#define LOCKS_EHELD (APR_OS_START_USERERR + 7321)
/** The user's own lock, held by another window. */
#define LOCKS_EOTHERWINDOW (APR_OS_START_USERERR + 7327)
/** The course has as many locks as it may have. */
#define LOCKS_EFULL (APR_OS_START_USERERR + 7322)
/** The lock is another user's. */
#define LOCKS_EFOREIGN (APR_OS_START_USERERR + 7323)
/** It could not be found out, or be made certain; the operation's why says
 *  the reason. What was to be done may have happened. */
#define LOCKS_EUNAVAILABLE (APR_OS_START_USERERR + 7324)
/** Another request came first: read again and try again. Stays within the
 *  protocol. */
#define LOCKS_EAGAIN (APR_OS_START_USERERR + 7325)
/** As LOCKS_EAGAIN, after a write that may have happened before another
 *  request's write replaced it. Stays within the protocol. */
#define LOCKS_EDOUBT (APR_OS_START_USERERR + 7326)
/** @} */

/** What is configured. */
typedef struct locks_rules_t {
    /** The prefix of every key. */
    const char *prefix;
    /** The lease. */
    apr_interval_time_t ttl;
    /** How far hosts' clocks may differ. */
    apr_interval_time_t skew;
    /** The shortest and the longest lease that a client may ask for; the same
     *  if it may not. */
    apr_interval_time_t ttl_min;
    apr_interval_time_t ttl_max;
    /** The most locks in one course. */
    int max_per_course;
} locks_rules_t;

/** What an operation did on its way to its result. */
typedef struct locks_deeds_t {
    /** How often it started again, fenced a lock, came second with a write,
     *  and lost the answer to one. */
    apr_uint32_t retries;
    apr_uint32_t fences;
    apr_uint32_t conflicts;
    apr_uint32_t ambiguous;
    /** Of a lock that was taken: the user held it already; the user held
     *  another; it stood in the way of another user's that had ended. */
    int is_renewal;
    int is_move;
    int is_takeover;
    /** The course of the lock that was released, or was by a move; NULL if
     *  there was none. */
    const char *left;
} locks_deeds_t;

/** A lease that is read before it is known that it is needed; see
 *  locks_foreseen.h. */
typedef struct locks_foreseen_t {
    const char *owner;
    locks_store_item_t item;
    /** Was it found out whether it serves, and does it? */
    int is_judged;
    int serves;
} locks_foreseen_t;

/** An operation. Used by one thread. */
typedef struct locks_operation_t {
    const locks_rules_t *rules;
    const locks_environment_t *env;
    const locks_type_t *type;
    locks_store_session_t *store;
    apr_pool_t *pool;
    /** The wall clock before this try asked the store for anything. A lock
     *  whose deadline was still to come then was live at a moment of the
     *  request. By a later time than that of the reading, a lock could seem
     *  to have ended that was renewed since. */
    apr_time_t asked;
    /** After LOCKS_EUNAVAILABLE: the reason and the cure, for the log. */
    const char *why;
    /** What it did, to be counted. */
    locks_deeds_t deeds;
    /** Is told of each step, in words for the log; NULL for nobody. */
    void (*tell)(void *baton, const char *step);
    void *tell_baton;
    /** The pending slot that the operation waits for, and since when. */
    apr_uint64_t pending_id;
    apr_time_t pending_since;
    /** What is or was read ahead: locks_store_item_t, each key once. They are
     *  few, so that looking through them takes less than a hash. */
    apr_array_header_t *ahead;
    /** What travels with the next round trip beside it, or has by now:
     *  locks_foreseen_t. */
    apr_array_header_t *foreseen;
    int foreseen_is_read;
    /** Whom courses' slots named last, and of which store, by its address; the
     *  opener sets both, and NULL is that nobody remembers. */
    struct locks_memo_t *owners;
    const char *owners_store;
    /** The store that the session is of, for what is foreseen to be asked of
     *  no server that is not asked anyway; the opener sets it, and NULL is that
     *  any may be. */
    const locks_store_t *base;
    /** At writing to courses, and the one at the course whose slots were read;
     *  the opener sets the first, and NULL is none. */
    locks_turns_t *turns;
    locks_turn_t turn;
} locks_operation_t;

/** Opens an operation on an open store session. */
locks_operation_t *locks_operation_open(const locks_rules_t *rules,
                                        const locks_environment_t *env,
                                        const locks_type_t *type,
                                        locks_store_session_t *store,
                                        apr_pool_t *pool);

/** Tells of a step. The words are made only if somebody listens. */
void locks_tell(const locks_operation_t *op, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** How long an operation goes on starting again. */
#define LOCKS_RETRY_LIMIT apr_time_from_sec(1)

/** @name Time
 * @{ */
/** The wall clock. */
apr_time_t locks_now(const locks_operation_t *op);
/** The clock that never goes back. */
apr_time_t locks_ticks(const locks_operation_t *op);
/** Pauses for a random part of the longest, so that rivals part ways. */
void locks_pause_up_to(const locks_operation_t *op,
                       apr_interval_time_t longest);
/**
 * Is there to be another try after this result? Then it has paused.
 * @param started by locks_ticks()
 * @param result  becomes LOCKS_EUNAVAILABLE where there were enough
 */
int locks_tries_again(locks_operation_t *op, apr_time_t started,
                      apr_status_t *result);
/** @} */

/** @name Reading ahead
 * What is known from the request alone travels in the first round trip
 * together. Each record that was read ahead serves its first reader; later
 * ones ask the store again.
 * @{ */
void locks_ahead_key(locks_operation_t *op, const char *key);
void locks_ahead_slots(locks_operation_t *op, const char *course);
void locks_ahead_lease(locks_operation_t *op, const char *user);
/** Makes the round trip, if anything was named. */
void locks_ahead_read(locks_operation_t *op);
/** What was named, or read, of a key; NULL if nothing was, or if it has served
 *  its reader. Good until the next call of this kind. */
locks_store_item_t *locks_ahead_find(const locks_operation_t *op,
                                     const char *key);
/** Forgets what was read ahead if it is older than this: the operation begins
 *  now. */
void locks_ahead_forget_stale(locks_operation_t *op, apr_interval_time_t age);
/** @} */

/** Reads records, in one round trip at most: what was read ahead is taken
 *  from there. Outcomes are in the items. */
void locks_read(locks_operation_t *op, locks_store_item_t *items,
                apr_size_t count);

/** The stored version that a write replaces. */
typedef struct locks_version_t {
    /** The record was there, with this CAS value. */
    int present;
    apr_uint64_t cas;
    /** The nonce of the write that made it: known again where the CAS value
     *  is not, after a lost connection. */
    locks_nonce_t nonce;
} locks_version_t;

/**
 * Writes a record if the store still holds the given version of it, and
 * finds out what became of the write if its answer is lost.
 * @return APR_SUCCESS: it is written; LOCKS_EAGAIN: it is not, nor will it
 *         be; LOCKS_EDOUBT; LOCKS_EUNAVAILABLE
 */
apr_status_t locks_write(locks_operation_t *op, const char *key,
                         const char *value, apr_size_t length,
                         locks_version_t replaced);

/** A number for one write of a record. */
locks_nonce_t locks_nonce(const locks_operation_t *op);

/** Gives up because of the store: takes over its reason. */
apr_status_t locks_store_failed(locks_operation_t *op);

/** Gives up because a record cannot be believed. */
apr_status_t locks_record_damaged(locks_operation_t *op, const char *key);

#endif
