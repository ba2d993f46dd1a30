/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_turns.h"

#include <apr_hash.h>

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
/** The longest pause before who waits looks again, for each who waits; so that
 *  together they look about as often, however many they are. */
#define PAUSE_EACH 100
#define PAUSES_MAX 32

/** By itself in a cache line. */
typedef struct locks_turn_place_t {
    /** Until when somebody has the turn, by ticks; not in the future if nobody
     *  has. */
    _Atomic apr_int64_t until;
    /** How many turns have begun, and how many were ended, together. */
    _Atomic apr_uint64_t count;
    /** How many wait, or died waiting. */
    _Atomic apr_uint32_t waiting;
    char unused[CACHE_LINE - 3 * sizeof(apr_uint64_t)];
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
    apr_uintptr_t address = (apr_uintptr_t)memory + CACHE_LINE - 1;

    return (locks_turns_t *)(address - address % CACHE_LINE);
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

/** Sleeps for a random time, the longer the more there are who wait. */
static void pause_among(const locks_turn_t *turn)
{
    apr_uint64_t waiting = atomic_fetch_add(&turn->place->waiting, 1) + 1;
    apr_uint64_t pauses = waiting < PAUSES_MAX ? waiting : PAUSES_MAX;

    turn->env->pause(
        turn->env->baton,
        1 + (apr_interval_time_t)(turn->env->random(turn->env->baton) %
                                  (pauses * PAUSE_EACH)));
    atomic_fetch_sub(&turn->place->waiting, 1);
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
        pause_among(turn);
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
    }
}
