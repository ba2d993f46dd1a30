/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_turns.h
 * @brief Turns at writing to a course, for the processes of one host.
 *
 * Two that write to one record at once cost the loser three round trips. So
 * whoever is about to reads and writes in turn. Turns are advice: they last
 * for some milliseconds at the most, whoever waited long enough goes on without
 * one, and hosts know nothing of each other's. What is true is decided by CAS
 * alone.
 */
#ifndef LOCKS_TURNS_H
#define LOCKS_TURNS_H

#include "locks_environment.h"

#include <apr_pools.h>

/** The turns at all courses, in memory that processes may share. */
typedef struct locks_turns_t locks_turns_t;

/** How much memory they take. */
apr_size_t locks_turns_size(void);

/** The turns in memory that was filled with zeros, at any address. */
locks_turns_t *locks_turns_in(void *memory);

/** Makes them ready, once, before any process uses them.
 *  @return an error of sem_init() */
apr_status_t locks_turns_begin(locks_turns_t *turns);

/** What one operation knows of its turn. */
typedef struct locks_turn_t {
    /** NULL where nobody takes turns. */
    struct locks_turn_place_t *place;
    const locks_environment_t *env;
    /** How often turns had begun or ended. */
    apr_uint64_t seen;
    /** Until when this one has the turn, by the environment's ticks; 0 if it
     *  has not. */
    apr_int64_t until;
} locks_turn_t;

/** Notes which course it is about, and how many turns there have been: to be
 *  called before the course's slots are read.
 *  @param turns NULL where nobody takes turns */
void locks_turn_watch(locks_turn_t *turn, locks_turns_t *turns,
                      const locks_environment_t *env, const char *course);

/** Waits for the turn, for some time.
 *  @return Did others have theirs since locks_turn_watch(), or when it was
 *          called? Then what was read since is probably not what there is. */
int locks_turn_take(locks_turn_t *turn);

/** Ends the turn; twice does no harm. */
void locks_turn_give(locks_turn_t *turn);

#endif
