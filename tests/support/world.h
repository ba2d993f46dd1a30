/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file world.h
 * @brief A small world for the protocol: a store in memory, a clock that
 *        moves when told, and requests made by one call each.
 */
#ifndef WORLD_H
#define WORLD_H

#include "locks_break.h"
#include "locks_protocol.h"
#include "memory_store.h"

/** The two courses and the lease that worlds begin with. */
#define WORLD_COURSE "course1"
#define WORLD_OTHER_COURSE "course2"
#define WORLD_TTL apr_time_from_sec(60)

typedef struct world_t {
    apr_pool_t *pool;
    memory_store_t *store;
    locks_rules_t rules;
    locks_environment_t env;
    /** The wall clock, which tests may set, and the one that only goes
     *  forward. */
    apr_time_t now;
    apr_time_t ticks;
    apr_uint64_t chance;
    /** Of the request that ended last. */
    apr_uint32_t round_trips;
    const char *why;
    locks_deeds_t deeds;
    locks_lock_t lock;
    /** Are requests to tell of their steps, and how many the last one told? */
    int listens;
    int steps;
    /** May nobody update any course? And how often was that asked? */
    int is_barred;
    int times_asked;
    /** Is it known who asks before the store is asked, so that what finding a
     *  lock begins with is read ahead? */
    int knows;
    /** At writing to courses; NULL while nobody takes turns. */
    locks_turns_t *turns;
    /** Whom courses' slots named; NULL while nobody remembers. */
    struct locks_memo_t *owners;
    /** Whose lease is read beside the slots when resources are looked at; NULL
     *  for nobody's. */
    const char *foreseen;
} world_t;

world_t *world_make(apr_pool_t *pool);

/** Moves every clock. */
void world_pass(world_t *world, apr_interval_time_t time);

/** A request for a lock; also sets lock. */
apr_status_t world_acquire(world_t *world, const char *user, const char *course,
                           const char *resource);

/** The same, whose first round trip, beside a session, brings the slots. */
apr_status_t world_acquire_ahead(world_t *world, const char *user,
                                 const char *course, const char *resource);

/** The same on these terms. */
apr_status_t world_acquire_on(world_t *world, const char *user,
                              const char *course, const char *resource,
                              const locks_terms_t *terms);

/** A renewal by ID; also sets lock. The user may, unless is_barred is set. */
apr_status_t world_renew(world_t *world, const char *user, apr_uint64_t id,
                         const locks_terms_t *terms);

/** Finds a lock, and sets lock to it.
 *  @param id 0 for whichever the user has */
apr_status_t world_find(world_t *world, const char *user, apr_uint64_t id);

apr_status_t world_release(world_t *world, const char *user, apr_uint64_t id);

/** An operator's request to end a user's lock; also sets lock.
 *  @param id 0 for whichever the user holds */
apr_status_t world_break(world_t *world, const char *user, apr_uint64_t id);

/** What a course's list shows, as "g1=ann g2=ben" by ascending IDs; "?" if
 *  it cannot be read. */
const char *world_list(world_t *world, const char *course);
/** The same of one resource. */
const char *world_look(world_t *world, const char *course,
                       const char *resource);
/** Whose leases would be read with the slots of a course, as "ann ben". */
const char *world_foreseen(world_t *world, const char *course);

/** Stores bytes that are no record under a key that the protocol reads. */
void world_damage(world_t *world, const char *key);

/** Fails the test if a user or a resource has two locks. */
void world_check(world_t *world);

#endif
