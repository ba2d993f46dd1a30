/* SPDX-License-Identifier: Apache-2.0 */
#include "explorer.h"

#include "digest.h"

/** The longest run: longer ones go round in circles. */
#define DEPTH_MAX 600

/* ---- States that were entered ---- */

typedef struct visit_t {
    apr_uint64_t digest;
    double schedules;
} visit_t;

/** A hash table with open addressing; 0 is no digest. */
typedef struct visits_t {
    apr_pool_t *pool;
    visit_t *entries;
    apr_size_t size;
    apr_size_t count;
} visits_t;

static visit_t *find(const visits_t *visits, apr_uint64_t digest)
{
    apr_size_t i = digest & (visits->size - 1);

    while (visits->entries[i].digest != 0 &&
           visits->entries[i].digest != digest) {
        i = (i + 1) & (visits->size - 1);
    }
    return &visits->entries[i];
}

static void resize(visits_t *visits, apr_size_t size)
{
    visits_t larger = {visits->pool,
                       apr_pcalloc(visits->pool, size * sizeof(visit_t)), size,
                       visits->count};
    apr_size_t i;

    for (i = 0; i < visits->size; i++) {
        if (visits->entries[i].digest != 0) {
            *find(&larger, visits->entries[i].digest) = visits->entries[i];
        }
    }
    *visits = larger;
}

static void enter(visits_t *visits, apr_uint64_t digest, double schedules)
{
    visit_t *visit;

    if (visits->count * 2 >= visits->size) {
        resize(visits, visits->size * 2);
    }
    visit = find(visits, digest);
    visits->count += visit->digest == 0;
    *visit = (visit_t){digest, schedules};
}

/* ---- Every way ---- */

/** A state on the way, and how far its moves were explored. */
typedef struct frame_t {
    move_t moves[MOVES_MAX];
    int count;
    int next;
    apr_uint64_t digest;
    double schedules;
} frame_t;

typedef struct exploration_t {
    simulation_t *simulation;
    const scenario_t *scenario;
    explored_t *explored;
    schedule_t *schedule;
    visits_t visits;
    frame_t *frames;
    int depth;
    /** Does the simulation stand in the state of the last frame? */
    int is_there;
} exploration_t;

/** Checks a run that is over. */
static int audit(explored_t *explored, simulation_t *simulation)
{
    simulation_audit(simulation);
    explored->histories++;
    return simulation_violation(simulation) == NULL;
}

/** Goes into the state in which the simulation stands. */
static int descend(exploration_t *exploration, apr_uint64_t digest)
{
    simulation_t *simulation = exploration->simulation;
    frame_t *frame = &exploration->frames[exploration->depth++];

    exploration->explored->states++;
    exploration->is_there = 1;
    frame->digest = digest;
    frame->next = 0;
    frame->schedules = 0;
    frame->count = simulation_moves(simulation, frame->moves, 0);
    simulation_crash(simulation);
    if (simulation_is_over(simulation)) {
        exploration->is_there = 0;
        frame->schedules = 1;
        return audit(exploration->explored, simulation);
    }
    return simulation_violation(simulation) == NULL && frame->count > 0 &&
           exploration->depth < DEPTH_MAX;
}

/** Makes the next move of the last frame. @return whether promises hold */
static int advance(exploration_t *exploration)
{
    simulation_t *simulation = exploration->simulation;
    frame_t *frame = &exploration->frames[exploration->depth - 1];
    move_t move = frame->moves[frame->next++];
    apr_uint64_t digest;
    visit_t *visit;

    if (!exploration->is_there) {
        schedule_replay(exploration->schedule, exploration->depth - 1,
                        simulation, exploration->scenario);
    }
    exploration->schedule->moves[exploration->depth - 1] = move;
    exploration->schedule->count = exploration->depth;
    simulation_move(simulation, move);
    exploration->explored->moves++;
    exploration->is_there = 0;
    if (simulation_violation(simulation) != NULL) {
        return 0;
    }
    digest = simulation_digest(simulation);
    visit = find(&exploration->visits, digest);
    if (visit->digest == digest) {
        frame->schedules += visit->schedules;
        return 1;
    }
    return descend(exploration, digest);
}

static void ascend(exploration_t *exploration)
{
    frame_t *frame = &exploration->frames[--exploration->depth];

    enter(&exploration->visits, frame->digest, frame->schedules);
    exploration->is_there = 0;
    if (exploration->depth > 0) {
        frame[-1].schedules += frame->schedules;
    } else {
        exploration->explored->schedules += frame->schedules;
    }
}

int explore_all(explored_t *explored, schedule_t *schedule,
                simulation_t *simulation, const scenario_t *scenario)
{
    exploration_t exploration = {.simulation = simulation,
                                 .scenario = scenario,
                                 .explored = explored,
                                 .schedule = schedule};
    apr_pool_t *pool;
    int holds;

    apr_pool_create(&pool, NULL);
    exploration.frames = apr_pcalloc(pool, DEPTH_MAX * sizeof(frame_t));
    exploration.visits.pool = pool;
    resize(&exploration.visits, 1 << 16);
    schedule->count = 0;
    simulation_begin(simulation, scenario);
    holds = simulation_violation(simulation) == NULL &&
            descend(&exploration, simulation_digest(simulation));
    while (holds && exploration.depth > 0) {
        const frame_t *frame = &exploration.frames[exploration.depth - 1];

        if (frame->next == frame->count) {
            ascend(&exploration);
        } else {
            holds = advance(&exploration);
        }
    }
    apr_pool_destroy(pool);
    return holds;
}

/* ---- Chance ---- */

/** How likely a kind of move is, beside a step; the order of move_kind_e. */
static const int weights[] = {40, 4, 3, 2, 1, 6, 4, 2, 1, 1, 1, 1, 1};

static move_t choose(const move_t *moves, int count, apr_uint64_t chance)
{
    int sum = 0;
    int i;

    for (i = 0; i < count; i++) {
        sum += weights[moves[i].kind];
    }
    sum = (int)(chance % (apr_uint64_t)sum);
    for (i = 0; sum >= weights[moves[i].kind]; i++) {
        sum -= weights[moves[i].kind];
    }
    return moves[i];
}

int explore_one(explored_t *explored, schedule_t *schedule,
                simulation_t *simulation, const scenario_t *scenario,
                apr_uint64_t seed)
{
    apr_uint64_t chance = digest_add(DIGEST_NONE, seed);
    move_t moves[MOVES_MAX];

    schedule->count = 0;
    simulation_begin(simulation, scenario);
    while (simulation_violation(simulation) == NULL) {
        int count = simulation_moves(simulation, moves, 1);

        if (count == 0) {
            return simulation_is_over(simulation) &&
                   audit(explored, simulation);
        }
        if (schedule->count == SCHEDULE_MAX) {
            return 0;
        }
        chance = digest_add(chance, 1);
        schedule->moves[schedule->count++] = choose(moves, count, chance);
        simulation_move(simulation, schedule->moves[schedule->count - 1]);
        explored->moves++;
    }
    return 0;
}
