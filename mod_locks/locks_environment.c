/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_environment.h"

#include <apr_general.h>

#include <errno.h>
#include <time.h>

/** The longest sleep that nobody can end. */
#define SLEEP_MAX 200

static apr_time_t system_now(void *baton)
{
    (void)baton;
    return apr_time_now();
}

static apr_time_t system_ticks(void *baton)
{
    struct timespec ticks;

    (void)baton;
    clock_gettime(CLOCK_MONOTONIC, &ticks);
    return apr_time_from_sec((apr_time_t)ticks.tv_sec) + ticks.tv_nsec / 1000;
}

static void system_pause(void *baton, apr_interval_time_t duration)
{
    (void)baton;
    apr_sleep(duration);
}

/** The wait must not follow the wall clock, which may step: without a way to
 *  wait by another one this sleeps for a while, whoever posts. */
static void system_await(void *baton, sem_t *posted,
                         apr_interval_time_t longest)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30)
    apr_time_t until = system_ticks(baton) + longest;
    struct timespec deadline = {
        .tv_sec = (time_t)apr_time_sec(until),
        .tv_nsec = (long)apr_time_usec(until) * 1000,
    };

    while (sem_clockwait(posted, CLOCK_MONOTONIC, &deadline) != 0 &&
           errno == EINTR) {
    }
#else
    (void)posted;
    system_pause(baton, longest < SLEEP_MAX ? longest : SLEEP_MAX);
#endif
}

static apr_uint64_t system_random(void *baton)
{
    apr_uint64_t number;

    (void)baton;
    if (apr_generate_random_bytes((unsigned char *)&number, sizeof(number)) !=
        APR_SUCCESS) {
        /* Nonces need only differ: clock and stack address do, between
         * threads and between writes. */
        number = (apr_uint64_t)apr_time_now() * 0x9e3779b97f4a7c15u ^
                 (apr_uint64_t)(apr_uintptr_t)&number;
    }
    return number;
}

const locks_environment_t locks_environment_system = {
    .now = system_now,
    .ticks = system_ticks,
    .pause = system_pause,
    .await = system_await,
    .random = system_random,
    .baton = NULL,
};
