/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_exchange.h
 * @brief One request to /locks and what comes of it: what its endpoints have
 *        in common.
 */
#ifndef MOD_LOCKS_EXCHANGE_H
#define MOD_LOCKS_EXCHANGE_H

#include "mod_locks_shared.h"

/** One request and what comes of it. Every step below returns OK, or the
 *  status of a refusal that it noted here; the first refusal ends it. */
typedef struct locks_exchange_t {
    request_rec *r;
    locks_claim_t claim;
    locks_caller_t caller;
    /** NULL until there is a claim worth asking the store about. */
    locks_operation_t *op;
    /** What the catalog is asked. */
    locks_inquiry_t inquiry;
    /** The course that the lock was in which the request names, as far as this
     *  child remembers; NULL if it does not. */
    const char *course_guess;
    /** The answer: a status, and a message for a refusal or JSON. */
    int status;
    const char *message;
    apr_size_t message_length;
    int has_json;
    locks_json_writer_t json;
    /** What is counted: the endpoint, and how it ended. */
    locks_endpoint_e endpoint;
    locks_outcome_e outcome;
} locks_exchange_t;

/* ---- Refusals; each returns its status ---- */

/** @param message NULL if the answer was sent already */
int locks_refuse(locks_exchange_t *exchange, int status, const char *message);
/** The same for a refusal that its status does not tell from others. */
int locks_refuse_as(locks_exchange_t *exchange, locks_outcome_e outcome,
                    int status, const char *message);
int locks_refuse_caller(locks_exchange_t *exchange);
int locks_refuse_permission(locks_exchange_t *exchange);
/** Refuses because something could not be found. Its name is the client's,
 *  and may have NUL bytes among its length. */
int locks_refuse_unknown(locks_exchange_t *exchange, const char *what,
                         const char *name, apr_size_t length);
/** Notes what a failed operation of the protocol is answered with. */
int locks_refuse_operation(locks_exchange_t *exchange);

/* ---- Answers ---- */

/** Begins an answer in JSON with a status; what is written there is its body.
 */
locks_json_writer_t *locks_exchange_answer(locks_exchange_t *exchange,
                                           int status);

/* ---- Steps that endpoints share ---- */

/** Takes the caller's claim. No claim, no round trip. */
int locks_exchange_claim(locks_exchange_t *exchange);

/** Reads all that was named so far, in one round trip, and judges the claim
 *  by it. */
int locks_exchange_judge(locks_exchange_t *exchange);

/** Checks that a user asks for a change, and knows of it: a page of another
 *  site can have a browser send what authenticates its user, but no SID. */
int locks_exchange_require_user(locks_exchange_t *exchange);

/** Names what a course key probably leads to: the slots of the course whose ID
 *  it is, and what the catalog answered about it before. Where it is an
 *  internal ID the slots are read later.
 *  @param gadget NULL if none is asked for */
void locks_exchange_expect(locks_exchange_t *exchange, const char *key,
                           const char *gadget);

/** Names what finding a lock begins with, if it is foreseen who asks: the
 *  user's own lease, and what leads to others' locks.
 *  @param lock_id as the client wrote it; NULL for whichever the user has */
void locks_exchange_expect_lock(locks_exchange_t *exchange,
                                const char *lock_id);

/** Names what will be needed of the course that a lock is in, where this child
 *  remembers which one that was: its slots.
 *  @param lock_id      as the client wrote it
 *  @param needs_access is it asked whether the caller may update the course? */
void locks_exchange_expect_course_of(locks_exchange_t *exchange,
                                     const char *lock_id, int needs_access);
/** Remembers which course a lock is in. */
void locks_exchange_note_course(const locks_exchange_t *exchange,
                                const locks_lock_t *lock);

/** Notes what a question about something named by the client came to. */
int locks_exchange_found(locks_exchange_t *exchange, apr_status_t rv,
                         const char *what, const char *name, apr_size_t length);

/** Finds the course of a key, and checks that the caller may update it. */
int locks_exchange_course(locks_exchange_t *exchange, const char *key,
                          apr_size_t length, const char **course);

/** Checks that the caller may update a course that is known by its ID. */
int locks_exchange_access(locks_exchange_t *exchange, const char *course);

/** How many seconds the client prefers to wait, if it may. To be asked before
 *  the catalog is: whoever waits must hold no connection of its. */
int locks_exchange_prefers_wait(locks_exchange_t *exchange);
/** May the request wait, with all that it holds by now? */
int locks_exchange_may_wait(const locks_exchange_t *exchange);
/** Opens the exchange again that was closed to wait, with time of its own at
 *  the store, and forgets what it was to be answered. */
void locks_exchange_reopen(locks_exchange_t *exchange);

/** Gives back what the exchange holds, before a slow client is answered. */
void locks_exchange_close(const locks_exchange_t *exchange);

#endif
