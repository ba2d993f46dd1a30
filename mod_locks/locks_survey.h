/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_survey.h
 * @brief The active locks of all courses, for operators.
 *
 * A survey follows the index from shards to courses, to slots, to their
 * owners' leases. It reads in chunks, each with a store session and memory of
 * its own, both given back before the next, so that requests hardly wait for
 * it, and keeps no more than names: some 300 bytes a lock.
 *
 * It is not of one moment. A lock that is active during the whole survey is
 * in it, unless a gap says otherwise, and none that was active at no moment
 * of it is. Nobody has two locks in it, and no resource has.
 */
#ifndef LOCKS_SURVEY_H
#define LOCKS_SURVEY_H

#include "locks_operation.h"

/** How many courses' slots, and how many users' leases, one round trip reads:
 *  some hundred kilobytes each, in courses of an ordinary size. */
#define LOCKS_SURVEY_COURSES 64
#define LOCKS_SURVEY_LEASES 500
/** The most slots that a survey follows. */
#define LOCKS_SURVEY_SLOTS_MAX 200000
/** How long a survey begins to read further chunks. */
#define LOCKS_SURVEY_TIME_MAX apr_time_from_sec(10)

/** Opens a store session for one round trip of a survey; its memory is the
 *  pool's. */
typedef locks_store_session_t *locks_survey_open_fn(void *baton,
                                                    apr_pool_t *pool);

/** Where to look. */
typedef struct locks_survey_source_t {
    const locks_rules_t *rules;
    const locks_environment_t *env;
    const locks_type_t *type;
    locks_survey_open_fn *open;
    void *baton;
} locks_survey_source_t;

/** What to look for: parts of names, compared byte by byte; NULL or "" for
 *  anything. What a course's or an owner's name rules out is not read. */
typedef struct locks_survey_filter_t {
    const char *course;
    const char *owner;
    const char *resource;
} locks_survey_filter_t;

typedef struct locks_survey_t {
    /** Of locks_lock_t, by course, then by resource, both byte by byte. */
    apr_array_header_t *locks;
    /** How many courses they are in. */
    int courses;
    /** The moment that remaining times count from; every lock ends later. */
    apr_time_t time;
    /** Of const char *: why there may be more locks than these, each a
     *  sentence for an administrator; empty if the survey is complete. */
    apr_array_header_t *gaps;
} locks_survey_t;

/**
 * Makes a survey.
 * @param survey set to it, or to NULL
 * @param why    after LOCKS_EUNAVAILABLE: the reason and the cure
 * @param pool   holds the survey alone; what it took to make is given back
 * @return APR_SUCCESS, though with gaps where parts could not be read;
 *         LOCKS_EUNAVAILABLE if nothing of the index could be
 */
apr_status_t locks_survey(locks_survey_t **survey, const char **why,
                          const locks_survey_source_t *source,
                          const locks_survey_filter_t *filter,
                          apr_pool_t *pool);

#endif
