/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_environment.h
 * @brief What the protocol asks of the world beside a store: clocks, chance
 *        and sleep. Tests bring their own.
 */
#ifndef LOCKS_ENVIRONMENT_H
#define LOCKS_ENVIRONMENT_H

#include <apr.h>
#include <apr_time.h>

#include <semaphore.h>

/** Called by many threads at once. */
typedef struct locks_environment_t {
    /** The wall clock, which hosts share more or less. */
    apr_time_t (*now)(void *baton);
    /** A clock that only goes forward, in microseconds from anywhere. */
    apr_time_t (*ticks)(void *baton);
    /** Sleeps. */
    void (*pause)(void *baton, apr_interval_time_t duration);
    /** Sleeps until another thread or process posts the semaphore, and no
     *  longer than so. NULL where nobody else can. */
    void (*await)(void *baton, sem_t *posted, apr_interval_time_t longest);
    /** A random number; no two processes may see the same sequence. */
    apr_uint64_t (*random)(void *baton);
    void *baton;
} locks_environment_t;

/** The real world. */
extern const locks_environment_t locks_environment_system;

#endif
