/* SPDX-License-Identifier: Apache-2.0 */
#include "account.h"

#include <string.h>

#define TOO_MANY_CALLS "there are too many calls for this test"

void account_begin(history_t *history, const scenario_t *scenario)
{
    memset(history, 0, sizeof(*history));
    history->skew = scenario->skew;
    history->clocks_differ =
        scenario->ahead[0] != scenario->ahead[1] || scenario->steps_back > 0;
    history->max_per_course = scenario->max_per_course;
}

/** Is this place, or this course's, acquired by any request? */
static int is_wanted(const scenario_t *scenario, int place, int whole_course)
{
    int i;

    for (i = 0; i < scenario->count; i++) {
        int wanted = scenario->requests[i].place;

        if (scenario->requests[i].act == ACQUIRE &&
            (wanted == place ||
             (whole_course && COURSE_OF(wanted) == COURSE_OF(place)))) {
            return 1;
        }
    }
    return 0;
}

int account_probes(scenario_request_t probes[PROBES_MAX],
                   const scenario_t *scenario)
{
    int stranger = USERS - 1;
    int count = 0;
    int i;

    memset(probes, 0, PROBES_MAX * sizeof(*probes));
    for (i = 0; i < COURSES; i++) {
        if (is_wanted(scenario, PLACE(i, 0), 1)) {
            probes[count].act = LIST;
            probes[count++].place = PLACE(i, 0);
        }
    }
    for (i = 0; i < PLACES && scenario->max_per_course == 0; i++) {
        if (is_wanted(scenario, i, 0)) {
            probes[count].act = ACQUIRE;
            probes[count].user = stranger--;
            probes[count++].place = i;
        }
    }
    return count;
}

static call_t *add_call(history_t *history, call_kind_e kind,
                        const request_t *request)
{
    call_t *call = &history->calls[history->call_count++];

    memset(call, 0, sizeof(*call));
    call->kind = kind;
    call->user = request->what.user;
    call->place = request->what.place;
    call->host = request->what.host;
    call->begun = request->begun;
    call->ended = request->ended;
    call->events = request->events_begun;
    return call;
}

static answer_e answer_of(apr_status_t result)
{
    switch (result) {
    case APR_SUCCESS:
        return DONE;
    case LOCKS_EHELD:
        return HELD;
    case LOCKS_EFULL:
        return FULL;
    case APR_NOTFOUND:
        return NOT_FOUND;
    case LOCKS_EFOREIGN:
        return FOREIGN;
    case LOCKS_EOTHERWINDOW:
        return OTHER_WINDOW;
    default:
        return UNKNOWN;
    }
}

static void add_lock_call(history_t *history, const request_t *request)
{
    static const call_kind_e kinds[] = {[ACQUIRE] = CALL_ACQUIRE,
                                        [RELEASE] = CALL_RELEASE,
                                        [BREAK] = CALL_BREAK,
                                        [RENEW] = CALL_RENEW};
    int is_over = request->state == REQUEST_ENDED;
    call_t *call = add_call(history, kinds[request->what.act], request);

    call->id = request->what.act == RELEASE || request->what.act == RENEW
                   ? request->id
                   : request->lock.id;
    call->window = request->what.window;
    call->takes_over = request->what.takes_over;
    call->deadline = request->lock.deadline;
    call->answer = is_over ? answer_of(request->result) : UNKNOWN;
    if (request->what.act == BREAK && !is_over) {
        /* It may be at any of its tries. */
        call->id = 0;
    }
    if (call->answer == UNKNOWN) {
        call->ended = NEVER;
    }
}

/** Was the lock that was granted over before its owner heard of it? */
static int is_late(const history_t *history, const request_t *request)
{
    const apr_time_t *clocks =
        request->events_ended == 0
            ? history->clocks
            : history->events[request->events_ended - 1].clocks;

    return (request->what.act == ACQUIRE || request->what.act == RENEW) &&
           request->state == REQUEST_ENDED && request->result == APR_SUCCESS &&
           request->lock.deadline <= clocks[request->what.host];
}

/** Whom it shows where; -1 where nobody. */
static const char *read_list(int shown[USERS], const locks_lock_t *locks[USERS],
                             const request_t *request)
{
    int seen[PLACES] = {0};
    int i;

    memset(shown, -1, USERS * sizeof(*shown));
    for (i = 0; i < request->locks->nelts; i++) {
        const locks_lock_t *lock =
            &APR_ARRAY_IDX(request->locks, i, locks_lock_t);
        int user = user_number(lock->owner);
        int place = place_number(lock->subject.course, lock->subject.resource);

        if (user < 0 || place < 0 ||
            COURSE_OF(place) != COURSE_OF(request->what.place)) {
            return "a list shows what was never asked for";
        }
        if (shown[user] >= 0) {
            return "a list shows a user twice";
        }
        if (seen[place]++) {
            return "a list shows a resource twice";
        }
        if (i > 0 && lock->id <= (lock - 1)->id) {
            return "a list is not in the order of its IDs";
        }
        shown[user] = place;
        locks[user] = lock;
    }
    return NULL;
}

/** May the user ever have had a lock in the course? */
static int has_acquired(const history_t *history, int user, int course)
{
    int i;

    for (i = 0; i < history->call_count; i++) {
        const call_t *call = &history->calls[i];

        if (call->kind == CALL_ACQUIRE && call->user == user &&
            COURSE_OF(call->place) == course) {
            return 1;
        }
    }
    return 0;
}

static const char *add_list(history_t *history, const request_t *request)
{
    const locks_lock_t *locks[USERS];
    int shown[USERS];
    const char *wrong;
    int user;

    if (request->state != REQUEST_ENDED || request->result != APR_SUCCESS) {
        return NULL;
    }
    wrong = read_list(shown, locks, request);
    for (user = 0; user < USERS && wrong == NULL; user++) {
        call_t *call;

        if (shown[user] < 0 &&
            !has_acquired(history, user, COURSE_OF(request->what.place))) {
            continue;
        }
        call = add_call(history, CALL_READ, request);
        call->user = user;
        call->answer = shown[user] < 0 ? NOT_FOUND : DONE;
        if (shown[user] >= 0) {
            call->place = shown[user];
            call->id = locks[user]->id;
            call->deadline = locks[user]->deadline;
        }
    }
    return wrong;
}

const char *account_enter(history_t *history, const request_t *requests,
                          int count)
{
    const char *wrong = NULL;
    int i;

    history->call_count = 0;
    for (i = 0; i < count; i++) {
        if (requests[i].state != REQUEST_WAITING &&
            requests[i].what.act != LIST) {
            add_lock_call(history, &requests[i]);
        }
        if (is_late(history, &requests[i])) {
            return "a lock was over before its owner heard of it";
        }
    }
    for (i = 0; i < count && wrong == NULL; i++) {
        if (history->call_count + USERS > CALLS_MAX) {
            return TOO_MANY_CALLS;
        }
        if (requests[i].what.act == LIST) {
            wrong = add_list(history, &requests[i]);
        }
    }
    return wrong;
}

const char *account_read(history_t *history, int user, apr_uint64_t id,
                         int place, apr_time_t deadline, int moment)
{
    apr_time_t now = history->event_count == 0
                         ? history->clocks[0]
                         : history->events[history->event_count - 1].clocks[0];
    int course;

    for (course = 0; course < COURSES; course++) {
        int is_here = id != 0 && COURSE_OF(place) == course && now < deadline;
        call_t *call = &history->calls[history->call_count];

        if (!is_here && !has_acquired(history, user, course)) {
            continue;
        }
        if (++history->call_count >= CALLS_MAX) {
            return TOO_MANY_CALLS;
        }
        *call = (call_t){.kind = CALL_READ,
                         .user = user,
                         .place = is_here ? place : PLACE(course, 0),
                         .begun = moment,
                         .ended = moment + 1,
                         .events = history->event_count,
                         .answer = is_here ? DONE : NOT_FOUND,
                         .id = id,
                         .deadline = deadline};
    }
    return NULL;
}
