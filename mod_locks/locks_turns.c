/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_turns.h"

#include <apr_hash.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

/** How many turns there are at once; courses that share a place wait for each
 *  other. */
#define PLACES 256
#define CACHE_LINE 64

/** The longest turn: two round trips take less by far. A process that dies in
 *  its turn keeps others waiting no longer. */
#define TURN_MAX apr_time_from_msec(10)
/** The longest wait for one. */
#define WAIT_MAX apr_time_from_msec(50)
/** By itself in a cache line. */
typedef struct locks_turn_place_t {
    /** Until when somebody has the turn, by ticks; not in the future if nobody
     *  has. */
    _Atomic apr_int64_t until;
    /** How many turns have begun, and how many were ended, together. */
    _Atomic apr_uint64_t count;
    /** How many wait, or died waiting. */
    _Atomic apr_uint32_t waiting;
    /** Posted for one of those who wait when a turn ends. That it was posted
     *  means no more than that it is time to look. */
    sem_t ended;
    char unused[CACHE_LINE - (2 * sizeof(apr_uint64_t) + sizeof(apr_uint32_t) +
                              sizeof(sem_t)) %
                                 CACHE_LINE];
} locks_turn_place_t;

struct locks_turns_t {
    locks_turn_place_t places[PLACES];
};

apr_size_t locks_turns_size(void)
{
    return CACHE_LINE - 1 + sizeof(locks_turns_t);
}

locks_turns_t *locks_turns_in(void *memory)
{
    apr_uintptr_t beyond = (apr_uintptr_t)memory % CACHE_LINE;

    return (locks_turns_t *)((char *)memory +
                             (CACHE_LINE - beyond) % CACHE_LINE);
}

apr_status_t locks_turns_begin(locks_turns_t *turns)
{
    int i;

    for (i = 0; i < PLACES; i++) {
        if (sem_init(&turns->places[i].ended, 1, 0) != 0) {
            return errno;
        }
    }
    return APR_SUCCESS;
}

void locks_turn_watch(locks_turn_t *turn, locks_turns_t *turns,
                      const locks_environment_t *env, const char *course)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;

    locks_turn_give(turn);
    turn->env = env;
    turn->place =
        turns != NULL
            ? &turns->places[apr_hashfunc_default(course, &length) % PLACES]
            : NULL;
    turn->seen = turns != NULL ? atomic_load(&turn->place->count) : 0;
}

/** Takes the turn if nobody has it. */
static int try_take(locks_turn_t *turn, apr_time_t now)
{
    apr_int64_t until = atomic_load(&turn->place->until);

    if (until > now || !atomic_compare_exchange_strong(
                           &turn->place->until, &until, now + TURN_MAX)) {
        return 0;
    }
    turn->until = now + TURN_MAX;
    return 1;
}

/** Sleeps until a turn ends, or is over. Who waits says so and then looks
 *  whether it ended, who ends it does it the other way round: so one of the two
 *  always sees the other. */
static void await_end(const locks_turn_t *turn, apr_time_t now)
{
    apr_interval_time_t left;

    (void)atomic_fetch_add(&turn->place->waiting, 1);
    left = atomic_load(&turn->place->until) - now;
    if (left > 0) {
        turn->env->await(turn->env->baton, &turn->place->ended, left);
    }
    (void)atomic_fetch_sub(&turn->place->waiting, 1);
}

/** Wakes one of those who wait. Once is enough until somebody woke up: who died
 *  waiting never does. */
static void wake(locks_turn_place_t *place)
{
    int posted;

    if (atomic_load(&place->waiting) > 0 &&
        sem_getvalue(&place->ended, &posted) == 0 && posted == 0) {
        (void)sem_post(&place->ended);
    }
}

int locks_turn_take(locks_turn_t *turn)
{
    apr_time_t started;
    apr_time_t now;
    int waited = 0;

    if (turn->place == NULL || turn->until != 0) {
        return 0;
    }
    started = now = turn->env->ticks(turn->env->baton);
    while (!try_take(turn, now)) {
        if (now - started >= WAIT_MAX) {
            return 1;
        }
        waited = 1;
        await_end(turn, now);
        now = turn->env->ticks(turn->env->baton);
    }
    return atomic_fetch_add(&turn->place->count, 1) != turn->seen || waited;
}

void locks_turn_give(locks_turn_t *turn)
{
    apr_int64_t until = turn->until;

    if (until != 0) {
        turn->until = 0;
        (void)atomic_fetch_add(&turn->place->count, 1);
        /* Fails if it lasted too long, and another has it by now. */
        (void)atomic_compare_exchange_strong(&turn->place->until, &until, 0);
        wake(turn->place);
    }
}
