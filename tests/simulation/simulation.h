/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file simulation.h
 * @brief A scenario that moves one step at a time, as it is told.
 *
 * The requests run the real protocol and record code, each on a coroutine
 * that stops before every operation of the store and in every pause. What
 * happens next is a move; the same moves always lead to the same state.
 */
#ifndef SIMULATION_H
#define SIMULATION_H

#include "history.h"
#include "scenario.h"

#include <apr_pools.h>

typedef enum {
    /** A request begins, or has its next operation done and answered. */
    MOVE_STEP,
    /** The same, but it stops before it hears of it, or before it asks first.
     */
    MOVE_STEP_SLOWLY,
    /** Its write is under way, and its answer lost. */
    MOVE_LOSE_ANSWER,
    /** Its fetch fails. */
    MOVE_FAIL_READ,
    /** Its worker dies. */
    MOVE_CRASH,
    /** A write whose answer was lost arrives at the store. */
    MOVE_LAND,
    /** Time passes until the next pause ends. */
    MOVE_WAKE,
    /** Time jumps. */
    MOVE_PASS,
    /** The clock of host 1 steps back. */
    MOVE_STEP_BACK,
    /** The store loses a user's lease, a course's slots, a course's part of
     *  the index, or everything. */
    MOVE_LOSE_LEASE,
    MOVE_LOSE_SLOTS,
    MOVE_LOSE_INDEX,
    MOVE_RESTART
} move_kind_e;

typedef struct move_t {
    move_kind_e kind;
    /** The request, write, user or course. */
    int which;
} move_t;

enum { MOVES_MAX = 160 };

typedef struct simulation_t simulation_t;

simulation_t *simulation_make(apr_pool_t *pool);

/** Begins the scenario anew, up to where its prior requests have ended. */
void simulation_begin(simulation_t *simulation, const scenario_t *scenario);

/**
 * Sets what moves there are now, always in the same order; returns their
 * number.
 * @param crashes whether crashes are among them; if not, whoever explores all
 *                schedules tries them by simulation_crash()
 */
int simulation_moves(simulation_t *simulation, move_t moves[MOVES_MAX],
                     int crashes);

void simulation_move(simulation_t *simulation, move_t move);

/** Has every request ended that can? */
int simulation_is_over(const simulation_t *simulation);

/** Asks for everything's state when all is over: lists every course, and has
 *  a stranger try every place. Nothing can be moved afterwards. */
void simulation_audit(simulation_t *simulation);

/**
 * What if all that are under way died at this moment, or any moment since
 * they moved last? Checks the answers so far together with what the records
 * show; changes nothing but the violation. Does nothing if more are under
 * way than the scenario lets die.
 */
void simulation_crash(simulation_t *simulation);

/** A number that two simulations of a scenario share if they cannot differ
 *  any more, and hardly any two others do. */
apr_uint64_t simulation_digest(simulation_t *simulation);

/** The first promise that was broken so far; NULL if none was. */
const char *simulation_violation(simulation_t *simulation);

/** What was asked and answered so far. */
const history_t *simulation_history(simulation_t *simulation);

/** The moment of the last move. */
int simulation_moment(const simulation_t *simulation);

/** How many operations of the store there were. */
apr_uint64_t simulation_operations(const simulation_t *simulation);

/** A move in words. */
const char *simulation_describe(simulation_t *simulation, move_t move);

#endif
