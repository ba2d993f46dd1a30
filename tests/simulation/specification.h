/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file specification.h
 * @brief The lock service as one that does one thing after the other: what
 *        each answer means, and what each event excuses.
 */
#ifndef SPECIFICATION_H
#define SPECIFICATION_H

#include "history.h"

/** A lock, as far as answers tell. */
typedef struct held_t {
    /** 0 if the user has none; UNSEEN_ID if nobody was told yet. */
    apr_uint64_t id;
    int place;
    /** Its slot was lost: the course is without this lock, and only the
     *  owner's release still finds it. */
    int is_orphan;
    /** The window that has it; 0 if that was not said. */
    int window;
    /** Its deadline, as closely as answers tell. */
    apr_time_t earliest;
    apr_time_t latest;
} held_t;

#define UNSEEN_ID (~(apr_uint64_t)0)

typedef struct state_t {
    held_t held[USERS];
    /** The largest ID that was granted to each user, and in each place. */
    apr_uint64_t user_last[USERS];
    apr_uint64_t place_last[PLACES];
    /** The largest IDs that may have been chosen before the user's lease, or
     *  the course's slots, were lost. Whoever chose one, and then writes the
     *  record anew, has a lock with it, though later ones have been granted
     *  meanwhile. */
    apr_uint64_t user_excuse[USERS];
    apr_uint64_t course_excuse[COURSES];
    int index_lost;
    /** By course: how many locks have lost their leases, whose slots count as
     *  pending for a while. */
    int leaseless[COURSES];
    /** By course: have slots returned that were lost? */
    int slots_returned[COURSES];
    /** How many events there were. */
    int events;
} state_t;

/** How a lock can come of a request for one. */
typedef enum {
    WAY_RENEWAL,
    WAY_GRANT,
    /** Granted, and lost with the rest of the store. */
    WAY_LOST_GRANT,
    WAYS
} way_e;

/** In how many ways the service may come to this answer, counted from 0. */
int specification_ways(const call_t *call);

/** Does the service, in this state, answer the call so, in this way? Then the
 *  state is what it is afterwards. */
int specification_allows(const history_t *history, state_t *state,
                         const call_t *call, way_e way);

/**
 * May this call, by its host's clock, have ended a user's lock on its way,
 * whatever came of it? Then it is ended. So a lock ends early by as much as
 * hosts' clocks differ.
 */
int specification_ends(const history_t *history, state_t *state,
                       const call_t *call, int user);

/** What the next event does. */
void specification_pass(const history_t *history, state_t *state);

#endif
