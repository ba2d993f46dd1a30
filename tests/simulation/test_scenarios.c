/* SPDX-License-Identifier: Apache-2.0 */
/* Explores every scenario to the end.
 *
 *     LOCKS_SCENARIO=text     only those whose names contain the text
 *     LOCKS_SCHEDULE=moves    runs one schedule, as printed after a failure
 *     LOCKS_SIMULATION=long   large scenarios too with lost answers: minutes
 */
#include "explorer.h"

#include <apr_general.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct run_t {
    simulation_t *simulation;
    schedule_t *schedule;
    apr_pool_t *pool;
    const char *only;
    const char *again;
    int is_long;
    explored_t sum;
} run_t;

static void print(const char *name, const explored_t *explored)
{
    printf("%-50s %8" APR_UINT64_T_FMT " states %8" APR_UINT64_T_FMT
           " moves %8" APR_UINT64_T_FMT " histories %8.2e schedules\n",
           name, explored->states, explored->moves, explored->histories,
           explored->schedules);
    fflush(stdout);
}

/** @return whether its promises hold */
static int explore(run_t *run, scenario_t scenario)
{
    explored_t explored = {0};
    int holds;

    if (run->again != NULL) {
        if (!schedule_read(run->schedule, run->again)) {
            fprintf(stderr, "LOCKS_SCHEDULE is no schedule\n");
            return 0;
        }
        schedule_report(run->schedule, run->simulation, &scenario, run->pool);
        return simulation_violation(run->simulation) == NULL;
    }
    if (scenario.is_large && !run->is_long) {
        scenario.lost_answers = 0;
    }
    holds = explore_all(&explored, run->schedule, run->simulation, &scenario);
    if (!holds) {
        schedule_report(run->schedule, run->simulation, &scenario, run->pool);
    }
    print(scenario.name, &explored);
    run->sum.states += explored.states;
    run->sum.moves += explored.moves;
    run->sum.histories += explored.histories;
    run->sum.schedules += explored.schedules;
    return holds;
}

int main(void)
{
    const char *length = getenv("LOCKS_SIMULATION");
    run_t run = {.only = getenv("LOCKS_SCENARIO"),
                 .again = getenv("LOCKS_SCHEDULE"),
                 .is_long = length != NULL && strcmp(length, "long") == 0};
    int explored = 0;
    int failed = 0;
    int i;

    apr_initialize();
    apr_pool_create(&run.pool, NULL);
    run.simulation = simulation_make(run.pool);
    run.schedule = apr_pcalloc(run.pool, sizeof(*run.schedule));
    for (i = 0; i < scenario_count; i++) {
        if (run.only == NULL || strstr(scenarios[i].name, run.only) != NULL) {
            failed += !explore(&run, scenarios[i]);
            explored++;
        }
    }
    print("all", &run.sum);
    if (history_undecided() > 0) {
        printf("%d histories could not be decided: make scenarios smaller\n",
               history_undecided());
        failed++;
    }
    apr_pool_destroy(run.pool);
    apr_terminate();
    return failed > 0 || explored == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
