/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file schedule.h
 * @brief The moves of a run, on paper: "s1 s2 c1 w" and the like.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "simulation.h"

enum { SCHEDULE_MAX = 2000 };

typedef struct schedule_t {
    move_t moves[SCHEDULE_MAX];
    int count;
} schedule_t;

/** A schedule as text. */
const char *schedule_write(const schedule_t *schedule, apr_pool_t *pool);

/** Reads such a text. @return whether it is one */
int schedule_read(schedule_t *schedule, const char *text);

/** Begins the scenario and makes the first moves of a schedule. */
void schedule_replay(const schedule_t *schedule, int count,
                     simulation_t *simulation, const scenario_t *scenario);

/** Prints what happens in a schedule, what was answered, and what was
 *  violated; with the text to do it again. */
void schedule_report(const schedule_t *schedule, simulation_t *simulation,
                     const scenario_t *scenario, apr_pool_t *pool);

#endif
