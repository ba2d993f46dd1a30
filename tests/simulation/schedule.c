/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A letter for each kind of move, in the order of move_kind_e. */
static const char letters[] = "soarclwpbLSIR";

const char *schedule_write(const schedule_t *schedule, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, (apr_size_t)schedule->count * 8 + 1);
    char *end = text;
    int i;

    *text = '\0';
    for (i = 0; i < schedule->count; i++) {
        end += apr_snprintf(end, 8, "%s%c%d", i > 0 ? " " : "",
                            letters[schedule->moves[i].kind],
                            schedule->moves[i].which);
    }
    return text;
}

int schedule_read(schedule_t *schedule, const char *text)
{
    schedule->count = 0;
    while (*text != '\0') {
        const char *letter = strchr(letters, *text);
        char *end;
        long which;

        if (letter == NULL || schedule->count == SCHEDULE_MAX) {
            return 0;
        }
        which = strtol(text + 1, &end, 10);
        if (end == text + 1 || which < 0 || which >= CALLS_MAX) {
            return 0;
        }
        schedule->moves[schedule->count].kind = (move_kind_e)(letter - letters);
        schedule->moves[schedule->count++].which = (int)which;
        text = end + strspn(end, " ");
    }
    return 1;
}

void schedule_replay(const schedule_t *schedule, int count,
                     simulation_t *simulation, const scenario_t *scenario)
{
    int i;

    simulation_begin(simulation, scenario);
    for (i = 0; i < count; i++) {
        simulation_move(simulation, schedule->moves[i]);
    }
}

static void print_call(const history_t *history, const call_t *call)
{
    static const char *const kinds[] = {"acquires", "releases", "is broken",
                                        "renews", "is read"};
    static const char *const answers[] = {
        "done",   "held", "full", "not found", "foreign", "another window's",
        "unknown"};

    printf("  %4d to %4d: %s %s %s/%s: %s, id ...%09" APR_UINT64_T_FMT
           ", %.3f s to live\n",
           call->begun, call->ended == NEVER ? -1 : call->ended,
           user_names[call->user], kinds[call->kind],
           course_names[COURSE_OF(call->place)],
           resource_names[call->place % RESOURCES], answers[call->answer],
           call->id % 1000000000,
           call->deadline == 0
               ? 0.0
               : (double)(call->deadline - history->clocks[0]) / 1e6);
}

void schedule_report(const schedule_t *schedule, simulation_t *simulation,
                     const scenario_t *scenario, apr_pool_t *pool)
{
    const history_t *history;
    int i;

    printf("%s\n", scenario->name);
    schedule_replay(schedule, 0, simulation, scenario);
    for (i = 0; i < schedule->count; i++) {
        printf("  %4d %s\n", simulation_moment(simulation) + 2,
               simulation_describe(simulation, schedule->moves[i]));
        simulation_move(simulation, schedule->moves[i]);
    }
    simulation_crash(simulation);
    if (simulation_violation(simulation) == NULL &&
        simulation_is_over(simulation)) {
        simulation_audit(simulation);
    }
    printf("  VIOLATION: %s\n", simulation_violation(simulation) == NULL
                                    ? "none"
                                    : simulation_violation(simulation));
    history = simulation_history(simulation);
    for (i = 0; i < history->call_count; i++) {
        print_call(history, &history->calls[i]);
    }
    printf("  again: LOCKS_SCENARIO='%s' LOCKS_SCHEDULE='%s'\n", scenario->name,
           schedule_write(schedule, pool));
}
