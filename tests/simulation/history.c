/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a sequential order (Wing and Gong, "Testing and verifying
 * concurrent objects", 1993; configurations that were tried are remembered,
 * as in Lowe, "Testing for linearizability", 2017). */
#include "history.h"

#include "digest.h"
#include "specification.h"

#include <string.h>

/** Places for configurations that led nowhere; a power of two. */
#define TRIED_SIZE (1 << 18)

/** The most configurations that are looked at: seconds. */
#define LOOKS_MAX 3000000

typedef struct search_t {
    const history_t *history;
    /** Tells this search's configurations from those of others. */
    apr_uint64_t number;
    int looks;
} search_t;

/** Digests of configurations, of all searches: it would take longer to clear
 *  it for each. A full table forgets, which costs time and no more. */
static apr_uint64_t tried[TRIED_SIZE];

/** Was this configuration tried? From now on it was. */
static int was_tried(const search_t *search, apr_uint64_t done,
                     const state_t *state)
{
    apr_uint64_t digest =
        digest_add(digest_add(search->number, done),
                   digest_bytes((const char *)state, sizeof(*state)));
    apr_uint64_t *entry = &tried[digest % TRIED_SIZE];
    int was = *entry == digest;

    *entry = digest;
    return was;
}

/** The earliest answer among calls that are not in the order yet. */
static int earliest_end(const history_t *history, apr_uint64_t done)
{
    int earliest = NEVER;
    int i;

    for (i = 0; i < history->call_count; i++) {
        if (!(done >> i & 1) && history->calls[i].ended < earliest) {
            earliest = history->calls[i].ended;
        }
    }
    return earliest;
}

static int extend(search_t *search, apr_uint64_t done, const state_t *state);

/** Does an order go on with a lock that this call ended on its way? */
static int goes_on_without(search_t *search, apr_uint64_t done,
                           const state_t *state, int number)
{
    const history_t *history = search->history;
    state_t next;
    int user;

    for (user = 0;
         user < USERS && (history->clocks_differ || history->skew > 0);
         user++) {
        next = *state;
        if (specification_ends(history, &next, &history->calls[number], user) &&
            extend(search, done, &next)) {
            return 1;
        }
    }
    return 0;
}

/** Does an order go on with this call? */
static int goes_on_with(search_t *search, apr_uint64_t done,
                        const state_t *state, int number)
{
    const call_t *call = &search->history->calls[number];
    int ways = specification_ways(call);
    state_t next;
    int way;

    for (way = 0; way < ways; way++) {
        next = *state;
        if (specification_allows(search->history, &next, call, (way_e)way) &&
            extend(search, done | (apr_uint64_t)1 << number, &next)) {
            return 1;
        }
    }
    return 0;
}

/** Can what is done so far be extended to an order of all? */
static int extend(search_t *search, apr_uint64_t done, const state_t *state)
{
    const history_t *history = search->history;
    int end = earliest_end(history, done);
    state_t next;
    int i;

    if (end == NEVER || search->looks == LOOKS_MAX) {
        return 1;
    }
    search->looks++;
    if (was_tried(search, done, state)) {
        return 0;
    }
    for (i = 0; i < history->call_count; i++) {
        const call_t *call = &history->calls[i];

        if (!(done >> i & 1) && call->begun < end &&
            call->events <= state->events &&
            (goes_on_with(search, done, state, i) ||
             goes_on_without(search, done, state, i))) {
            return 1;
        }
    }
    if (state->events < history->event_count &&
        history->events[state->events].moment < end) {
        next = *state;
        specification_pass(history, &next);
        return extend(search, done, &next);
    }
    return 0;
}

static int undecided;

int history_undecided(void)
{
    return undecided;
}

int history_is_linearizable(const history_t *history)
{
    static apr_uint64_t searches;
    search_t search = {.history = history,
                       .number = digest_add(DIGEST_NONE, ++searches)};
    state_t state;

    int is;

    memset(&state, 0, sizeof(state));
    is = extend(&search, 0, &state);
    undecided += search.looks == LOOKS_MAX;
    return is;
}
