/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file scenario.h
 * @brief Small worlds in which every order of events can be tried: who asks
 *        for what, and what may go wrong meanwhile.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <apr_time.h>

/** The most of each. A place is a resource in a course. */
enum {
    USERS = 12,
    COURSES = 3,
    RESOURCES = 3,
    PLACES = COURSES * RESOURCES,
    HOSTS = 2,
    REQUESTS_MAX = 32,
    PASSES_MAX = 4,
    WINDOWS = 3
};

#define PLACE(course, resource) ((course)*RESOURCES + (resource))
#define COURSE_OF(place) ((place) / RESOURCES)

/** The lease, in every scenario. */
#define TTL apr_time_from_sec(60)

enum { ANN, BEN, CAT, DAN, EVE, FAY };

typedef enum {
    ACQUIRE,
    RELEASE,
    /** An operator ends whatever lock the user has. */
    BREAK,
    LIST,
    /** By ID. */
    RENEW
} act_e;

/** A request. */
typedef struct scenario_request_t {
    act_e act;
    /** Who; whose lock in a break; nobody in a list. */
    int user;
    /** What to acquire; in a list, any place of the course; in a renewal, of
     *  the one that it guesses the lock to be in. */
    int place;
    /** What to release or renew: what the request of this number was granted.
     *  Numbers count from 1. */
    int of;
    /** Which of the user's windows asks to acquire or renew; 0 if that is not
     *  said. */
    int window;
    /** May a lock be taken from another of the user's windows? */
    int takes_over;
    /** What it reads before it is known to be needed: a list the leases of so
     *  many users, beside the slots; others, if not 0, the user's own, and a
     *  renewal the slots of place's course too. */
    int foresees;
    /** The request of this number ends before this one begins; 0 if none. */
    int after;
    /** The host that serves it. */
    int host;
    /** Of the requests before the exploration: the operation before which it
     *  dies; 0 if none. */
    int dies_before;
    /** Of the requests before the exploration: the time that passes first. */
    apr_interval_time_t later;
} scenario_request_t;

/** What records may be lost, one of them at a time. */
enum { LOSES_LEASES = 1, LOSES_SLOTS = 2, LOSES_INDEX = 4 };

typedef struct scenario_t {
    const char *name;
    scenario_request_t requests[REQUESTS_MAX];
    int count;
    /** How many of them run one after the other before the exploration. */
    int prior;

    /** How often each may happen, at any moment. */
    int crashes;
    /** Writes whose answer is lost; they land at any moment, or never. */
    int lost_answers;
    /** Fetches that fail. */
    int failed_reads;
    int restarts;
    int record_losses;
    /** Of LOSES_... */
    int losable;
    /** How far time jumps, each at any moment, in this order. */
    apr_interval_time_t passes[PASSES_MAX];

    /** How far each host's clock is ahead. */
    apr_interval_time_t ahead[HOSTS];
    /** How far the clock of host 1 steps back, once, at any moment. */
    apr_interval_time_t steps_back;
    /** LocksClockSkew. */
    apr_interval_time_t skew;
    /** LocksMaxPerCourse; 0 for one that is never reached. */
    int max_per_course;

    /** Is a fetch of several keys one step for each key? If so, 1 for the
     *  first key first, -1 for the last. */
    int splits_fetches;
    /** How many answers may take their time, so that others act and time
     *  passes between what the store did and when it is heard of; beginning
     *  and asking first is such an answer too. */
    int slow_answers;
    /** How long pauses last: at least so long, as they always may. 0 for half
     *  of what an operation goes on trying, so that it tries thrice. */
    apr_interval_time_t pause;
    /** Are there so many schedules that answers are lost in the long run
     *  only? */
    int is_large;
    /** Does a lost answer count as a timeout, after which the session asks
     *  the store nothing more but to settle? */
    int times_out;
} scenario_t;

/** The scenarios that are explored to the end. */
extern const scenario_t scenarios[];
extern const int scenario_count;

/** @name Names, in records and on paper
 * @{ */
extern const char *const user_names[USERS];
extern const char *const course_names[COURSES];
extern const char *const resource_names[RESOURCES];
extern const char *const window_names[WINDOWS];
/** The number of a name; -1 if there is none. */
int user_number(const char *name);
int place_number(const char *course, const char *resource);
/** @} */

#endif
