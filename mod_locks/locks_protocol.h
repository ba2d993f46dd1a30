/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_protocol.h
 * @brief Acquire, renew, release, list: the lock protocol.
 *
 * It gives, on any store that compares and swaps single keys: no two users
 * hold live locks on one resource at once; a user never holds two live locks
 * of a type; a granted lock stays live until its owner's next grant or
 * release, a forced release, its deadline, or loss of the store's data; a
 * worker that dies at any point leaves all this intact.
 *
 * The lease is the lock itself; slots say where to look. A lock L on
 * resource g by user o is
 *
 *     live     if slots[g] = (L, o), o's lease has id = L on g in this
 *              course, and its deadline has not passed
 *     expired  if it would be live but for the deadline
 *     dead     if L <= lease.last and lease.id != L: it can never come alive
 *     pending  otherwise: its owner is between two writes, or died there
 *
 * A resource has one slot, or two of one owner: a lock that another window
 * takes over keeps its slot beside the pending one, and so stays live until
 * the next is granted, whoever dies.
 *
 * The IDs of a resource's locks grow, as far as the store keeps its data: a
 * request that chose its ID before the course's slots were lost may be granted
 * after another one that chose a larger ID since.
 *
 * Every result is one of operation.h's, or as said below.
 */
#ifndef LOCKS_PROTOCOL_H
#define LOCKS_PROTOCOL_H

#include "locks_operation.h"

/** How long a pending slot is left alone, for its owner to finish. */
#define LOCKS_PENDING_GRACE apr_time_from_msec(50)

/** What a user wants of a lock beside its subject. */
typedef struct locks_terms_t {
    /** How long the lease is to be; 0 for as long as the rules say. */
    apr_interval_time_t ttl;
    /** Which of the user's windows asks, in the client's words; "" if that is
     *  not said. */
    const char *client;
    /** May the lock be taken from another of the user's windows? */
    int takes_over;
} locks_terms_t;

/** Nothing in particular. */
extern const locks_terms_t locks_usual_terms;

/** Says whether something may be done in a course. */
typedef apr_status_t locks_permits_fn(void *baton, const char *course);

/**
 * Takes a lock for a user, or renews the one that the user holds there. A
 * new grant releases the user's other lock of the type in the same instant.
 * @param lock set to the lock, or, after LOCKS_EHELD, to the one that is in the
 *             way; its texts live as long as the arguments and the operation's
 *             pool
 * @return APR_SUCCESS, LOCKS_EHELD, LOCKS_EOTHERWINDOW, LOCKS_EFULL,
 *         LOCKS_EUNAVAILABLE
 */
apr_status_t locks_acquire(locks_operation_t *op, locks_lock_t *lock,
                           const locks_subject_t *subject, const char *user,
                           const locks_terms_t *terms);

/**
 * Renews a lock that the user holds. It is never taken anew.
 * @param lock    set to the lock
 * @param permits asked whether the user may still, once it is known which
 *                course the lock is in; whatever else than APR_SUCCESS it
 *                returns is the result
 * @return APR_SUCCESS; APR_NOTFOUND if no active lock has this ID;
 *         LOCKS_EFOREIGN if another user's has; LOCKS_EOTHERWINDOW;
 *         LOCKS_EUNAVAILABLE
 */
apr_status_t locks_renew(locks_operation_t *op, locks_lock_t *lock,
                         apr_uint64_t id, const char *user,
                         const locks_terms_t *terms, locks_permits_fn *permits,
                         void *baton);

/**
 * Finds an active lock.
 * @param lock set to the lock
 * @param time set to the moment that its remaining time counts from
 * @param id   of the lock; 0 for whichever the user has
 * @param user who asks; NULL for nobody that could hold a lock
 * @return APR_SUCCESS if it is the user's own; LOCKS_EFOREIGN if it is
 *         another's; APR_NOTFOUND; LOCKS_EUNAVAILABLE
 */
apr_status_t locks_find(locks_operation_t *op, locks_lock_t *lock,
                        apr_time_t *time, apr_uint64_t id, const char *user);

/**
 * Gives a lock back.
 * @return APR_SUCCESS; APR_NOTFOUND if no active lock has this ID;
 *         LOCKS_EFOREIGN if another user's has; LOCKS_EUNAVAILABLE
 */
apr_status_t locks_release(locks_operation_t *op, apr_uint64_t id,
                           const char *user);

/**
 * Lists a course's active locks by ascending ID: each lock that is active
 * during the whole operation, and none that is active at no moment of it.
 * @param locks set to an array of locks_lock_t
 * @param time  set to the moment that the list is of; all locks end later
 * @return APR_SUCCESS, LOCKS_EUNAVAILABLE
 */
apr_status_t locks_list(locks_operation_t *op, apr_array_header_t **locks,
                        apr_time_t *time, const char *course);

/**
 * Looks for active locks on some of a course's resources. As locks_list(),
 * but it reads only the leases that it needs.
 * @param resources of const char *; NULL for all
 */
apr_status_t locks_look(locks_operation_t *op, apr_array_header_t **locks,
                        apr_time_t *time, const char *course,
                        const apr_array_header_t *resources);

#endif
