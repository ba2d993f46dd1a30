/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file history.h
 * @brief What clients and the world saw: calls with their answers, and
 *        events, in the order of their moments; and whether one service that
 *        does one thing after the other could have answered so.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "scenario.h"

#include <apr.h>

enum { CALLS_MAX = 64, EVENTS_MAX = 64 };

/** The moment of an answer that nobody got. */
#define NEVER 0x7fffffff

typedef enum {
    /** ACQUIRE: granted or renewed. RELEASE, BREAK: ended. RENEW: renewed.
     *  READ: shown. */
    DONE,
    /** ACQUIRE: another user's lock is in the way. */
    HELD,
    /** ACQUIRE: too many locks in the course. */
    FULL,
    /** RELEASE, BREAK, RENEW: no active lock. READ: not shown. */
    NOT_FOUND,
    /** RELEASE, RENEW: another user's lock. */
    FOREIGN,
    /** ACQUIRE, RENEW: the user's own, but another window's. */
    OTHER_WINDOW,
    /** Not answered, or with 503: it had its effect at any time after it
     *  began, or never. */
    UNKNOWN
} answer_e;

typedef enum {
    CALL_ACQUIRE,
    CALL_RELEASE,
    /** A forced release: ends whatever lock the user has. */
    CALL_BREAK,
    /** By ID. */
    CALL_RENEW,
    /** One user's part of a list. A list is not one look at the whole course,
     *  but one at each user, at moments that may differ. */
    CALL_READ
} call_kind_e;

typedef struct call_t {
    call_kind_e kind;
    int user;
    /** ACQUIRE: of what. READ: where it was shown; else any in the course. */
    int place;
    int host;
    /** ACQUIRE, RENEW: the window that asks; 0 if that is not said. */
    int window;
    /** ACQUIRE: may the lock be taken from another window? */
    int takes_over;
    /** Moments. */
    int begun;
    int ended;
    /** How many events there were when it began. */
    int events;
    answer_e answer;
    /** RELEASE, RENEW: which lock. BREAK: the one that was ended, or, if that
     * is not known, may have been; 0 for any. Otherwise the one granted or
     * shown. */
    apr_uint64_t id;
    apr_time_t deadline;
} call_t;

typedef enum {
    /** Clocks moved. */
    EVENT_TIME,
    /** A user's lease was lost. */
    EVENT_LEASE_LOST,
    /** A course's slots were lost. */
    EVENT_SLOTS_LOST,
    /** Part of the index was lost: from then on a stranger's lock may not be
     *  found. */
    EVENT_INDEX_LOST,
    /** The store lost everything. */
    EVENT_RESTART,
    /** A write that was under way when its record was lost brought a user's
     *  lock back. */
    EVENT_RETURN,
    /** Such a write brought back slots of a course, maybe older ones. */
    EVENT_SLOTS_RETURN
} event_kind_e;

typedef struct event_t {
    event_kind_e kind;
    int moment;
    /** The user or the course. */
    int which;
    /** RETURN: the lock. */
    int place;
    apr_uint64_t id;
    apr_time_t deadline;
    /** All hosts' clocks afterwards. */
    apr_time_t clocks[HOSTS];
} event_t;

typedef struct history_t {
    call_t calls[CALLS_MAX];
    int call_count;
    event_t events[EVENTS_MAX];
    int event_count;
    /** Clocks before the first event. */
    apr_time_t clocks[HOSTS];
    /** Do hosts disagree about the time, or one with its own past? */
    int clocks_differ;
    apr_interval_time_t skew;
    int max_per_course;
} history_t;

/**
 * Is there an order of all calls that were answered, of any that were not,
 * and of the events, that keeps the order of those that did not overlap, and
 * in which the service of specification.c gives the same answers?
 */
int history_is_linearizable(const history_t *history);

/** How many histories were passed as good, so far, because it would have taken
 *  too long to look at all orders: of those with many calls that nobody heard
 *  of. */
int history_undecided(void);

#endif
