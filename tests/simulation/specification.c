/* SPDX-License-Identifier: Apache-2.0 */
/* The promises as a sequential service.
 *
 * A user has one lock at most; a grant ends the lock that the user had; a
 * resource is granted to nobody while another user's lock on it has not
 * ended. A lock lives until its owner's next grant or release, a forced
 * release, its deadline, or loss, and what has ended is never renewed. It ends
 * at its deadline by the clock of the host that looks at it: hosts whose
 * clocks differ may differ about that.
 *
 * What the loss of records excuses is said in specification_pass(). */
#include "specification.h"

#include <string.h>

/* ---- Clocks ---- */

static apr_time_t clock_after(const history_t *history, int events, int host)
{
    return events == 0 ? history->clocks[host]
                       : history->events[events - 1].clocks[host];
}

/** May the lock have ended for this call? A clock that steps back lets it
 *  end at any reading since the call began. */
static int may_have_ended(const history_t *history, const state_t *state,
                          const call_t *call, const held_t *held,
                          apr_interval_time_t grace)
{
    int i;

    for (i = call->events; i <= state->events; i++) {
        if (clock_after(history, i, call->host) >= held->earliest + grace) {
            return 1;
        }
    }
    return 0;
}

static int may_be_live(const history_t *history, const state_t *state,
                       const call_t *call, const held_t *held,
                       apr_interval_time_t grace)
{
    return clock_after(history, state->events, call->host) <
           held->latest + grace;
}

/** Was the lock live at any moment since the call began? An owner's renewal
 *  that began in time holds, though it arrives after the deadline: nobody
 *  else had the resource in between. */
static int was_live(const history_t *history, const state_t *state,
                    const call_t *call, const held_t *held)
{
    int i;

    for (i = call->events; i <= state->events; i++) {
        if (clock_after(history, i, call->host) < held->latest) {
            return 1;
        }
    }
    return 0;
}

/* ---- IDs ---- */

static apr_uint64_t larger(apr_uint64_t a, apr_uint64_t b)
{
    return a > b ? a : b;
}

/** Is an ID larger than the last one, unless there is an excuse? */
static int grows(apr_uint64_t id, apr_uint64_t last, apr_uint64_t excuse)
{
    return id > last || id <= excuse;
}

/** Is this the lock's ID? One that nobody was told yet becomes known, if it
 *  is larger than all that were granted before. */
static int is_id(state_t *state, int user, apr_uint64_t id)
{
    held_t *held = &state->held[user];

    if (held->id != UNSEEN_ID) {
        return held->id == id;
    }
    if (!grows(id, state->user_last[user], state->user_excuse[user]) ||
        !grows(id, state->place_last[held->place],
               state->course_excuse[COURSE_OF(held->place)])) {
        return 0;
    }
    held->id = id;
    state->user_last[user] = larger(id, state->user_last[user]);
    state->place_last[held->place] = larger(id, state->place_last[held->place]);
    return 1;
}

/* ---- Acquire ---- */

/** Another user's lock that is in force on this place; NULL if none. */
static const held_t *find_holder(const state_t *state, const call_t *call)
{
    int user;

    for (user = 0; user < USERS; user++) {
        const held_t *held = &state->held[user];

        if (user != call->user && held->id != 0 && !held->is_orphan &&
            held->place == call->place) {
            return held;
        }
    }
    return NULL;
}

static int is_own_here(const held_t *own, const call_t *call)
{
    return own->id != 0 && !own->is_orphan && own->place == call->place;
}

/** Sets a granted deadline: as answered, or else counted from any moment
 *  since the call began. */
static void set_deadline(const history_t *history, state_t *state,
                         const call_t *call)
{
    held_t *own = &state->held[call->user];
    int i;

    own->earliest = own->latest = call->deadline;
    if (call->answer == DONE) {
        return;
    }
    own->earliest = own->latest = APR_INT64_MAX / 2;
    for (i = call->events; i <= state->events; i++) {
        apr_time_t deadline = clock_after(history, i, call->host) + TTL;

        own->earliest = deadline < own->earliest ? deadline : own->earliest;
    }
}

/** Renews the own lock. */
static void keep(const history_t *history, state_t *state, const call_t *call)
{
    held_t *own = &state->held[call->user];

    own->window = call->window != 0 ? call->window : own->window;
    set_deadline(history, state, call);
}

/** Does another of the user's windows have the lock? */
static int is_other_window(const held_t *own, const call_t *call)
{
    return call->window != 0 && own->window != 0 && call->window != own->window;
}

static int allows_renewal(const history_t *history, state_t *state,
                          const call_t *call)
{
    held_t *own = &state->held[call->user];

    if (!is_own_here(own, call) || is_other_window(own, call) ||
        !was_live(history, state, call, own)) {
        return 0;
    }
    if (call->answer == DONE && !is_id(state, call->user, call->id)) {
        return 0;
    }
    keep(history, state, call);
    return 1;
}

static int allows_grant(const history_t *history, state_t *state,
                        const call_t *call)
{
    held_t *own = &state->held[call->user];
    const held_t *holder = find_holder(state, call);

    if (holder != NULL &&
        !may_have_ended(history, state, call, holder, history->skew)) {
        return 0;
    }
    if (is_own_here(own, call) &&
        !(call->takes_over && is_other_window(own, call)) &&
        !may_have_ended(history, state, call, own, 0)) {
        return 0;
    }
    if (holder != NULL) {
        ((held_t *)holder)->id = 0;
    }
    memset(own, 0, sizeof(*own));
    own->id = UNSEEN_ID;
    own->place = call->place;
    own->window = call->window;
    if (call->answer == DONE && !is_id(state, call->user, call->id)) {
        return 0;
    }
    set_deadline(history, state, call);
    return 1;
}

/** The store restarted during the call: of what it wrote, only what it wrote
 *  last is left, and its answer does not hold. */
static int allows_lost_grant(const history_t *history, state_t *state,
                             const call_t *call)
{
    held_t *own = &state->held[call->user];
    int i;

    for (i = call->events; i < state->events; i++) {
        if (history->events[i].kind == EVENT_RESTART) {
            memset(own, 0, sizeof(*own));
            own->id = call->answer == DONE ? call->id : UNSEEN_ID;
            own->place = call->place;
            own->window = call->window;
            own->is_orphan = 1;
            set_deadline(history, state, call);
            return 1;
        }
    }
    return 0;
}

/** Is the user's own lock in the way, since another window has it? */
static int is_own_in_the_way(const history_t *history, const state_t *state,
                             const call_t *call)
{
    const held_t *own = &state->held[call->user];

    return is_own_here(own, call) && !call->takes_over &&
           is_other_window(own, call) &&
           may_be_live(history, state, call, own, 0);
}

static int is_held(const history_t *history, const state_t *state,
                   const call_t *call)
{
    const held_t *holder = find_holder(state, call);

    return holder != NULL &&
           may_be_live(history, state, call, holder, history->skew);
}

/** Could there be as many locks as may be, those counted that another
 *  request is about to be granted? */
static int may_be_full(const history_t *history, const state_t *state,
                       const call_t *call)
{
    int locks = state->leaseless[COURSE_OF(call->place)];
    int i;

    for (i = 0; i < USERS; i++) {
        locks += i != call->user && state->held[i].id != 0 &&
                 COURSE_OF(state->held[i].place) == COURSE_OF(call->place);
    }
    for (i = 0; i < history->call_count; i++) {
        const call_t *other = &history->calls[i];

        locks += other->kind == CALL_ACQUIRE && other->user != call->user &&
                 COURSE_OF(other->place) == COURSE_OF(call->place) &&
                 (other->answer == UNKNOWN || other->ended > call->begun) &&
                 other->begun < call->ended;
    }
    return locks >= history->max_per_course;
}

static int allows_acquire(const history_t *history, state_t *state,
                          const call_t *call, way_e way)
{
    switch (call->answer) {
    case DONE:
    case UNKNOWN:
        switch (way) {
        case WAY_RENEWAL:
            return allows_renewal(history, state, call);
        case WAY_GRANT:
            return allows_grant(history, state, call);
        default:
            return allows_lost_grant(history, state, call);
        }
    case HELD:
        return is_held(history, state, call);
    case OTHER_WINDOW:
        return is_own_in_the_way(history, state, call);
    case FULL:
        return may_be_full(history, state, call);
    case NOT_FOUND:
    case FOREIGN:
    default:
        return 0;
    }
}

/* ---- Release ---- */

/** Whose lock has this ID, among the locks that a stranger can find? */
static const held_t *find_foreign(const state_t *state, const call_t *call)
{
    int user;

    for (user = 0; user < USERS; user++) {
        if (user != call->user && state->held[user].id == call->id &&
            !state->held[user].is_orphan) {
            return &state->held[user];
        }
    }
    return NULL;
}

static int allows_not_found(const history_t *history, const state_t *state,
                            const call_t *call)
{
    const held_t *own = &state->held[call->user];
    const held_t *foreign = find_foreign(state, call);

    if (own->id == call->id && !may_have_ended(history, state, call, own, 0)) {
        return 0;
    }
    return foreign == NULL || state->index_lost ||
           may_have_ended(history, state, call, foreign, 0);
}

static int allows_release(const history_t *history, state_t *state,
                          const call_t *call)
{
    held_t *own = &state->held[call->user];
    const held_t *foreign = find_foreign(state, call);

    switch (call->answer) {
    case DONE:
    case UNKNOWN:
        if (own->id == 0 || !is_id(state, call->user, call->id) ||
            !may_be_live(history, state, call, own, 0)) {
            return 0;
        }
        own->id = 0;
        return 1;
    case NOT_FOUND:
        return allows_not_found(history, state, call);
    case FOREIGN:
        return foreign != NULL && may_be_live(history, state, call, foreign, 0);
    case HELD:
    case FULL:
    case OTHER_WINDOW:
    default:
        return 0;
    }
}

/* ---- Renew, by ID ---- */

/** Is it the user's lock, and in its course too? */
static int is_own_lock(const held_t *own, const call_t *call)
{
    return own->id == call->id && !own->is_orphan;
}

static int allows_renew(const history_t *history, state_t *state,
                        const call_t *call)
{
    const held_t *own = &state->held[call->user];
    const held_t *foreign = find_foreign(state, call);

    switch (call->answer) {
    case DONE:
    case UNKNOWN:
        if (!is_own_lock(own, call) || is_other_window(own, call) ||
            !was_live(history, state, call, own)) {
            return 0;
        }
        keep(history, state, call);
        return 1;
    case OTHER_WINDOW:
        return is_own_lock(own, call) && is_other_window(own, call) &&
               may_be_live(history, state, call, own, 0);
    case NOT_FOUND:
        return own->is_orphan && own->id == call->id
                   ? 1
                   : allows_not_found(history, state, call);
    case FOREIGN:
        return foreign != NULL && may_be_live(history, state, call, foreign, 0);
    case HELD:
    case FULL:
    default:
        return 0;
    }
}

/* ---- Forced release ---- */

static int allows_break(const history_t *history, state_t *state,
                        const call_t *call)
{
    held_t *own = &state->held[call->user];

    switch (call->answer) {
    case DONE:
    case UNKNOWN:
        if (own->id == 0 || !may_be_live(history, state, call, own, 0) ||
            (call->id != 0 && !is_id(state, call->user, call->id))) {
            return 0;
        }
        own->id = 0;
        return call->id != 0 || call->answer == UNKNOWN;
    case NOT_FOUND:
        return own->id == 0 || may_have_ended(history, state, call, own, 0);
    case HELD:
    case FULL:
    case FOREIGN:
    default:
        return 0;
    }
}

/* ---- Read ---- */

static int allows_read(const history_t *history, state_t *state,
                       const call_t *call)
{
    const held_t *held = &state->held[call->user];
    int course = COURSE_OF(call->place);
    int is_here = held->id != 0 && COURSE_OF(held->place) == course &&
                  (!held->is_orphan || state->slots_returned[course]);

    if (call->answer == NOT_FOUND) {
        return !is_here || held->is_orphan ||
               may_have_ended(history, state, call, held, 0);
    }
    return is_here && held->place == call->place &&
           may_be_live(history, state, call, held, 0) &&
           call->deadline >= held->earliest && call->deadline <= held->latest &&
           is_id(state, call->user, call->id);
}

int specification_ways(const call_t *call)
{
    return call->kind == CALL_ACQUIRE &&
                   (call->answer == DONE || call->answer == UNKNOWN)
               ? WAYS
               : 1;
}

int specification_allows(const history_t *history, state_t *state,
                         const call_t *call, way_e way)
{
    switch (call->kind) {
    case CALL_ACQUIRE:
        return allows_acquire(history, state, call, way);
    case CALL_RELEASE:
        return allows_release(history, state, call);
    case CALL_BREAK:
        return allows_break(history, state, call);
    case CALL_RENEW:
        return allows_renew(history, state, call);
    case CALL_READ:
        return allows_read(history, state, call);
    default:
        return 0;
    }
}

/* ---- Clocks that differ ---- */

int specification_ends(const history_t *history, state_t *state,
                       const call_t *call, int user)
{
    held_t *held = &state->held[user];
    apr_interval_time_t grace = user == call->user ? 0 : history->skew;

    if (call->kind != CALL_ACQUIRE || held->id == 0 ||
        COURSE_OF(held->place) != COURSE_OF(call->place) ||
        !may_have_ended(history, state, call, held, grace)) {
        return 0;
    }
    held->id = 0;
    return 1;
}

/* ---- Events ---- */

/** The largest ID that a host chooses by the clock after so many events. */
static apr_uint64_t latest_id(const history_t *history, int events)
{
    apr_time_t latest = 0;
    int host;

    for (host = 0; host < HOSTS; host++) {
        apr_time_t clock = clock_after(history, events, host);

        latest = clock > latest ? clock : latest;
    }
    return ((apr_uint64_t)latest * 1000) | 0xff;
}

static void lose_course(const history_t *history, state_t *state, int course)
{
    int user;

    state->course_excuse[course] = latest_id(history, state->events);
    for (user = 0; user < USERS; user++) {
        if (COURSE_OF(state->held[user].place) == course) {
            state->held[user].is_orphan = 1;
        }
    }
}

void specification_pass(const history_t *history, state_t *state)
{
    const event_t *event = &history->events[state->events++];
    held_t *held;
    int i;

    switch (event->kind) {
    case EVENT_LEASE_LOST:
        /* A missing lease is a lost lock. */
        held = &state->held[event->which];
        state->leaseless[COURSE_OF(held->place)] += held->id != 0;
        held->id = 0;
        state->user_excuse[event->which] = latest_id(history, state->events);
        break;
    case EVENT_SLOTS_LOST:
        /* A missing slots record is a course without locks. */
        lose_course(history, state, event->which);
        break;
    case EVENT_INDEX_LOST:
        state->index_lost = 1;
        break;
    case EVENT_RESTART:
        memset(state->held, 0, sizeof(state->held));
        for (i = 0; i < COURSES; i++) {
            state->course_excuse[i] = latest_id(history, state->events);
        }
        for (i = 0; i < USERS; i++) {
            state->user_excuse[i] = latest_id(history, state->events);
        }
        state->index_lost = 1;
        break;
    case EVENT_RETURN:
        held = &state->held[event->which];
        *held = (held_t){
            .id = event->id,
            .place = event->place,
            .window = held->id == 0 || held->id == event->id ? held->window : 0,
            .earliest = event->deadline,
            .latest = event->deadline};
        break;
    case EVENT_SLOTS_RETURN:
        /* Locks that they do not know may be listed, and stand in nobody's
         * way. */
        state->slots_returned[event->which] = 1;
        break;
    case EVENT_TIME:
    default:
        break;
    }
}
