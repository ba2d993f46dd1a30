/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file watch.h
 * @brief Looks at the stored records after every step, and tells when a step
 *        did what no step may do.
 */
#ifndef WATCH_H
#define WATCH_H

#include "memory_store.h"
#include "scenario.h"

typedef struct watch_t watch_t;

/** Whose doing a step was. */
typedef struct cause_t {
    /** Who wrote; -1 for nobody. */
    int user;
    /** Were records lost? */
    int is_loss;
    /** The latest that any host's clock has ever shown. */
    apr_time_t latest;
} cause_t;

/** @param prefix of the keys */
watch_t *watch_make(const char *prefix, apr_pool_t *pool);

/** The keys that are watched. */
const char *watch_lease_key(const watch_t *watch, int user);
const char *watch_slots_key(const watch_t *watch, int course);

/** Forgets everything; the store is empty. */
void watch_begin(watch_t *watch, apr_interval_time_t skew);

/** Looks at the records after a step.
 *  @return what is wrong, or NULL */
const char *watch_look(watch_t *watch, memory_store_t *store,
                       const cause_t *cause, apr_pool_t *pool);

/** Whose lock the last step brought back after a loss; -1 if nobody's. */
int watch_returned(const watch_t *watch);

/** Were a course's slots lost at any time? */
int watch_lost_slots(const watch_t *watch, int course);

/** The lock that a user's records show, its deadline apart; 0 if none. */
apr_uint64_t watch_lock(const watch_t *watch, int user, int *place,
                        apr_time_t *deadline);

/** Does a lock's deadline lie after one time and not after the other? */
int watch_has_deadline(const watch_t *watch, apr_time_t after,
                       apr_time_t until);

/** The part of a state that records do not show: the largest ID that was
 *  ever live in each place. */
apr_uint64_t watch_digest(const watch_t *watch);

#endif
