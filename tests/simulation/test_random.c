/* SPDX-License-Identifier: Apache-2.0 */
/* Many users, and everything that may go wrong: large scenarios and their
 * schedules, all left to chance.
 *
 *     LOCKS_SIMULATION_SECONDS=n   for so long, others than in any run before;
 *                                  if that is not said, the same in each run
 *     LOCKS_SIMULATION_SEED=n      runs this one alone, and tells of it
 */
#include "digest.h"
#include "explorer.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** How many are tried in each run. */
#define USUAL_SEEDS 20000

typedef struct chance_t {
    apr_uint64_t state;
} chance_t;

/** A number from 0 to one less than the given. */
static int below(chance_t *chance, int limit)
{
    chance->state = digest_add(chance->state, 1);
    return (int)(chance->state % (apr_uint64_t)limit);
}

/** Many clients say which window they are, some take locks from others. */
static void add_window(scenario_request_t *request, chance_t *chance)
{
    if (request->act == ACQUIRE || request->act == RENEW) {
        request->window = below(chance, WINDOWS);
        request->takes_over = request->act == ACQUIRE && below(chance, 2);
    }
}

/** The requests of five users at most, some of them in two tabs, for five
 *  gadgets in three courses. */
static void add_requests(scenario_t *scenario, chance_t *chance)
{
    static const int places[] = {PLACE(0, 0), PLACE(0, 1), PLACE(0, 2),
                                 PLACE(1, 0), PLACE(2, 0)};
    int users = 2 + below(chance, 4);
    int narrow = 2 + below(chance, 4);
    int lists = 0;
    int last[USERS] = {0};
    int acquired = 0;

    scenario->count = 4 + below(chance, 11);
    for (int i = 0; i < scenario->count; i++) {
        scenario_request_t *request = &scenario->requests[i];
        int what = below(chance, 10);

        request->user = below(chance, users);
        request->place = places[below(chance, narrow)];
        request->host = below(chance, HOSTS);
        if (what == 0 && lists++ < 2) {
            request->act = LIST;
        } else if (what <= 3 && acquired > 0) {
            request->act = below(chance, 2) ? RELEASE : RENEW;
            request->of = acquired;
            request->user = below(chance, 5) > 0
                                ? scenario->requests[acquired - 1].user
                                : request->user;
        } else {
            acquired = i + 1;
        }
        add_window(request, chance);
        request->foresees = below(chance, 2) * users;
        if (below(chance, 4) > 0) {
            request->after = last[request->user];
        }
        last[request->user] = i + 1;
    }
}

static void add_hazards(scenario_t *scenario, chance_t *chance)
{
    scenario->crashes = below(chance, 3);
    scenario->lost_answers = below(chance, 4);
    scenario->failed_reads = below(chance, 3);
    scenario->slow_answers = below(chance, 4);
    scenario->splits_fetches = below(chance, 3) - 1;
    scenario->times_out = below(chance, 2);
    scenario->pause = below(chance, 2) ? apr_time_from_msec(50) : 0;
    scenario->restarts = below(chance, 8) == 0;
    if (below(chance, 4) == 0) {
        scenario->record_losses = 1;
        scenario->losable = 1 + below(chance, 7);
    }
    /* A write that lands after a lease was lost can bring back what another one
     * had ended: of that the specification excuses less than is harmless. */
    if (scenario->losable & LOSES_LEASES) {
        scenario->lost_answers = 0;
    }
    if (below(chance, 2)) {
        for (int i = 0; i < PASSES_MAX; i++) {
            scenario->passes[i] = TTL / (1 + below(chance, 3));
        }
    }
    /* IDs grow past those that the store has forgotten only where no clock is
     * behind the one by which they were chosen. */
    if (below(chance, 4) == 0 && !scenario->restarts &&
        scenario->record_losses == 0) {
        scenario->ahead[1] = apr_time_from_sec(below(chance, 20) - 10);
        scenario->skew = apr_time_from_sec(below(chance, 2) * 10);
        scenario->steps_back = apr_time_from_sec(below(chance, 2) * 5);
    }
    if (below(chance, 8) == 0) {
        scenario->max_per_course = 2;
    }
}

static scenario_t draw_scenario(apr_uint64_t seed)
{
    scenario_t scenario = {.name = "chance"};
    chance_t chance = {digest_add(DIGEST_NONE, seed)};

    add_requests(&scenario, &chance);
    add_hazards(&scenario, &chance);
    return scenario;
}

typedef struct run_t {
    simulation_t *simulation;
    schedule_t *schedule;
    apr_pool_t *pool;
    explored_t explored;
    apr_uint64_t schedules;
} run_t;

static void report(run_t *run, apr_uint64_t seed)
{
    scenario_t scenario = draw_scenario(seed);

    printf("LOCKS_SIMULATION_SEED=%" APR_UINT64_T_FMT "\n", seed);
    schedule_report(run->schedule, run->simulation, &scenario, run->pool);
}

static int try_seed(run_t *run, apr_uint64_t seed)
{
    scenario_t scenario = draw_scenario(seed);

    run->schedules++;
    return explore_one(&run->explored, run->schedule, run->simulation,
                       &scenario, seed);
}

/** Tries one seed after the other.
 *  @param seconds for how long; 0 for the usual ones */
static int try_seeds(run_t *run, int seconds)
{
    apr_time_t end = apr_time_now() + apr_time_from_sec(seconds);
    apr_uint64_t seed =
        seconds > 0 ? (apr_uint64_t)apr_time_sec(apr_time_now()) << 24 : 0;
    int holds;

    do {
        holds = try_seed(run, ++seed);
    } while (holds &&
             (seconds > 0 ? apr_time_now() < end : seed < USUAL_SEEDS));
    if (!holds) {
        report(run, seed);
    }
    printf("%" APR_UINT64_T_FMT " schedules, %" APR_UINT64_T_FMT
           " moves, %" APR_UINT64_T_FMT " histories, %d of them undecided\n",
           run->schedules, run->explored.moves, run->explored.histories,
           history_undecided());
    return holds;
}

int main(void)
{
    const char *seed = getenv("LOCKS_SIMULATION_SEED");
    const char *seconds = getenv("LOCKS_SIMULATION_SECONDS");
    run_t run = {0};
    int holds;

    apr_initialize();
    apr_pool_create(&run.pool, NULL);
    run.simulation = simulation_make(run.pool);
    run.schedule = apr_pcalloc(run.pool, sizeof(*run.schedule));
    if (seed != NULL) {
        holds = try_seed(&run, (apr_uint64_t)apr_atoi64(seed));
        report(&run, (apr_uint64_t)apr_atoi64(seed));
    } else {
        holds = try_seeds(&run, seconds != NULL ? (int)apr_atoi64(seconds) : 0);
    }
    apr_pool_destroy(run.pool);
    apr_terminate();
    return holds ? EXIT_SUCCESS : EXIT_FAILURE;
}
