/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file explorer.h
 * @brief Runs scenarios in every way there is, or in ways left to chance.
 */
#ifndef EXPLORER_H
#define EXPLORER_H

#include "schedule.h"

/** What was done. */
typedef struct explored_t {
    /** States that differ, and moves that were made from them. */
    apr_uint64_t states;
    apr_uint64_t moves;
    /** Orders of moves, from beginning to end, that the states stand for. */
    double schedules;
    /** Runs that ended, whose histories were checked. */
    apr_uint64_t histories;
} explored_t;

/**
 * Explores every schedule of a scenario. Where two schedules come to the same
 * state, what comes after is explored once.
 * @param schedule set to the one that breaks a promise
 * @return whether all promises hold
 */
int explore_all(explored_t *explored, schedule_t *schedule,
                simulation_t *simulation, const scenario_t *scenario);

/** Runs one schedule left to chance; the same one for the same seed. */
int explore_one(explored_t *explored, schedule_t *schedule,
                simulation_t *simulation, const scenario_t *scenario,
                apr_uint64_t seed);

#endif
