/* SPDX-License-Identifier: Apache-2.0 */
#include "simulation.h"

#include "account.h"
#include "digest.h"
#include "request.h"
#include "watch.h"

#include <apr_strings.h>
#include <string.h>

#define PREFIX "t:"
/** When the simulation begins. */
#define BEGINNING apr_time_from_sec(1700000000)
/** What goes by while the store loses something: lost IDs are only grown past
 *  by clocks that went on. */
#define LOSS_TIME apr_time_from_msec(1)
/** Longer than pauses; in less, no lease that was just made comes to its
 *  deadline. */
#define LONG_TIME (TTL / 4)
/** Moments in a move, in which a request may begin and end. */
#define MOMENTS 2
/** A number of locks in a course that is never reached. */
#define PLENTY 1000

/** What may still happen. */
typedef struct left_t {
    int crashes;
    int lost_answers;
    int failed_reads;
    int slow_answers;
    int restarts;
    int record_losses;
    int passes;
    int steps_back;
} left_t;

struct simulation_t {
    const scenario_t *scenario;
    apr_pool_t *pool;
    watch_t *watch;
    const char *index_keys[COURSES];
    surroundings_t surroundings;
    request_t requests[REQUESTS_MAX + PROBES_MAX];
    int count;
    request_t *current;
    left_t left;
    int moment;
    history_t history;
    /** The latest that any host's clock has shown. */
    apr_time_t latest;
    /** Was anything written since the watch last looked? */
    int is_written;
    const char *violation;
};

simulation_t *simulation_make(apr_pool_t *pool)
{
    simulation_t *simulation = apr_pcalloc(pool, sizeof(*simulation));
    int i;

    apr_pool_create(&simulation->pool, pool);
    simulation->watch = watch_make(PREFIX, pool);
    for (i = 0; i < COURSES; i++) {
        simulation->index_keys[i] =
            locks_index_key(PREFIX, LOCKS_TYPE_GADGET,
                            locks_course_shard(course_names[i]), pool);
    }
    for (i = 0; i < REQUESTS_MAX + PROBES_MAX; i++) {
        simulation->requests[i].coroutine = coroutine_make(pool);
    }
    return simulation;
}

static void violate(simulation_t *simulation, const char *what)
{
    if (simulation->violation == NULL) {
        simulation->violation = what;
    }
}

/* ---- Time and events ---- */

static apr_time_t clock_of(const simulation_t *simulation, int host)
{
    return simulation->surroundings.now + simulation->surroundings.ahead[host];
}

static apr_time_t latest_clock(const simulation_t *simulation)
{
    apr_time_t latest = clock_of(simulation, 0);
    int i;

    for (i = 1; i < HOSTS; i++) {
        latest =
            clock_of(simulation, i) > latest ? clock_of(simulation, i) : latest;
    }
    return latest;
}

static void note_event(simulation_t *simulation, event_kind_e kind, int which)
{
    event_t *event;
    int i;

    if (simulation->history.event_count == EVENTS_MAX) {
        violate(simulation, "there are too many events for this test");
        return;
    }
    event = &simulation->history.events[simulation->history.event_count++];
    memset(event, 0, sizeof(*event));
    event->kind = kind;
    event->moment = simulation->moment;
    event->which = which;
    for (i = 0; i < HOSTS; i++) {
        event->clocks[i] = clock_of(simulation, i);
    }
}

/** The history knows of time that passes where that can make a difference:
 *  where a deadline goes by, or may, of a lease that is still on its way to the
 *  store. */
static void let_pass(simulation_t *simulation, apr_interval_time_t time)
{
    surroundings_t *surroundings = &simulation->surroundings;
    apr_time_t latest = simulation->latest;
    int passes_deadline = time >= LONG_TIME;
    int i;

    for (i = 0; i < HOSTS; i++) {
        apr_time_t clock = clock_of(simulation, i);

        passes_deadline |=
            watch_has_deadline(simulation->watch, clock, clock + time);
    }
    surroundings->now += time;
    surroundings->ticks += time;
    memory_store_advance(surroundings->store, time);
    if (latest_clock(simulation) > latest) {
        simulation->latest = latest_clock(simulation);
    }
    if (passes_deadline) {
        note_event(simulation, EVENT_TIME, 0);
    }
}

static void note_return(simulation_t *simulation, int user)
{
    history_t *history = &simulation->history;
    event_t *event;

    note_event(simulation, EVENT_RETURN, user);
    event = &history->events[history->event_count - 1];
    event->id =
        watch_lock(simulation->watch, user, &event->place, &event->deadline);
}

/** Has the watch look at the records. */
static void look(simulation_t *simulation, int user, int is_loss)
{
    cause_t cause = {
        .user = user, .is_loss = is_loss, .latest = simulation->latest};
    const char *wrong =
        watch_look(simulation->watch, simulation->surroundings.store, &cause,
                   simulation->pool);

    if (wrong != NULL) {
        violate(simulation, wrong);
    } else if (watch_returned(simulation->watch) >= 0) {
        note_return(simulation, watch_returned(simulation->watch));
    }
}

/* ---- Requests ---- */

static memory_store_fate_e before(void *baton,
                                  const memory_store_operation_t *operation)
{
    simulation_t *simulation = baton;

    return request_before(simulation->current, operation);
}

static void after(void *baton, const memory_store_operation_t *operation)
{
    simulation_t *simulation = baton;

    simulation->is_written |= operation->kind != MEMORY_STORE_FETCH;
    request_after(simulation->current, operation);
}

/** Is it about the lock that another request was granted? */
static int names_lock(const request_t *request)
{
    return request->what.act == RELEASE || request->what.act == RENEW;
}

/** Runs a request until it stops next, and notes what is to be noted. */
static void resume(simulation_t *simulation, request_t *request,
                   memory_store_fate_e fate)
{
    int was_waiting = request->state == REQUEST_WAITING;

    if (was_waiting) {
        if (names_lock(request)) {
            request->id = simulation->requests[request->what.of - 1].lock.id;
        }
        request->begun = simulation->moment;
        request->ended = NEVER;
        request->events_begun = simulation->history.event_count;
    }
    simulation->current = request;
    request->fate = fate;
    request_resume(request);
    if (was_waiting && !request->is_slow) {
        /* Nothing that happened before its first operation made a
         * difference. */
        request_resume(request);
    }
    if (request->state == REQUEST_ENDED) {
        request->ended = simulation->moment + 1;
        request->events_ended = simulation->history.event_count;
    }
    if (simulation->is_written) {
        look(simulation, request->what.user, 0);
        simulation->is_written = 0;
    }
}

static int may_begin(const simulation_t *simulation, const request_t *request)
{
    const request_t *first;

    if (request->what.after > 0 &&
        simulation->requests[request->what.after - 1].state != REQUEST_ENDED) {
        return 0;
    }
    if (!names_lock(request)) {
        return 1;
    }
    first = &simulation->requests[request->what.of - 1];
    return first->state == REQUEST_ENDED && first->result == APR_SUCCESS;
}

/** Runs a request to its end while nothing else happens. */
static void run_alone(simulation_t *simulation, request_t *request)
{
    do {
        simulation->moment += MOMENTS;
        if (request->state == REQUEST_PAUSING) {
            let_pass(simulation,
                     request->wake - simulation->surroundings.ticks);
        }
        resume(simulation, request, MEMORY_STORE_PASS);
        if (request->operations == request->what.dies_before &&
            request->state == REQUEST_ASKING) {
            request->state = REQUEST_DEAD;
        }
    } while (request_is_running(request));
}

static request_t *add_request(simulation_t *simulation,
                              const scenario_request_t *what)
{
    request_t *request = &simulation->requests[simulation->count++];

    request_prepare(request, what, &simulation->surroundings,
                    (apr_uint64_t)simulation->count, simulation->pool);
    return request;
}

/* ---- Beginning ---- */

static void set_up(simulation_t *simulation, const scenario_t *scenario)
{
    surroundings_t *surroundings = &simulation->surroundings;
    int i;

    apr_pool_clear(simulation->pool);
    simulation->scenario = scenario;
    simulation->count = simulation->moment = 0;
    simulation->violation = NULL;
    simulation->left = (left_t){.crashes = scenario->crashes,
                                .lost_answers = scenario->lost_answers,
                                .failed_reads = scenario->failed_reads,
                                .slow_answers = scenario->slow_answers,
                                .restarts = scenario->restarts,
                                .record_losses = scenario->record_losses,
                                .steps_back = scenario->steps_back > 0};
    memset(surroundings, 0, sizeof(*surroundings));
    surroundings->store = memory_store_make(simulation->pool);
    surroundings->rules = (locks_rules_t){
        .prefix = PREFIX,
        .ttl = TTL,
        .skew = scenario->skew,
        .max_per_course =
            scenario->max_per_course > 0 ? scenario->max_per_course : PLENTY};
    surroundings->pause =
        scenario->pause > 0 ? scenario->pause : LOCKS_RETRY_LIMIT / 2;
    surroundings->now = BEGINNING;
    memcpy(surroundings->ahead, scenario->ahead, sizeof(surroundings->ahead));
    simulation->latest = latest_clock(simulation);
    account_begin(&simulation->history, scenario);
    for (i = 0; i < HOSTS; i++) {
        simulation->history.clocks[i] = clock_of(simulation, i);
    }
}

void simulation_begin(simulation_t *simulation, const scenario_t *scenario)
{
    memory_store_t *store;
    int i;

    set_up(simulation, scenario);
    store = simulation->surroundings.store;
    memory_store_hook(store, before, after, simulation);
    memory_store_failures_time_out(store, scenario->times_out);
    memory_store_splits_fetches(store, scenario->splits_fetches);
    watch_begin(simulation->watch, scenario->skew);
    for (i = 0; i < scenario->count; i++) {
        request_t *request = add_request(simulation, &scenario->requests[i]);

        if (i < scenario->prior) {
            let_pass(simulation, request->what.later);
            run_alone(simulation, request);
        }
    }
}

/* ---- Moves ---- */

typedef struct moves_t {
    move_t *moves;
    int count;
} moves_t;

static void add(moves_t *moves, move_kind_e kind, int which)
{
    moves->moves[moves->count++] = (move_t){kind, which};
}

static void add_requests_moves(simulation_t *simulation, moves_t *moves)
{
    int i;

    for (i = simulation->scenario->prior; i < simulation->scenario->count;
         i++) {
        request_t *request = &simulation->requests[i];

        if (request->state == REQUEST_WAITING
                ? may_begin(simulation, request)
                : request_is_running(request) &&
                      (request->state != REQUEST_PAUSING ||
                       request->wake <= simulation->surroundings.ticks)) {
            add(moves, MOVE_STEP, i);
            if (simulation->left.slow_answers > 0 &&
                (request->state == REQUEST_WAITING ||
                 request->state == REQUEST_ASKING)) {
                add(moves, MOVE_STEP_SLOWLY, i);
            }
        }
        if (request->state == REQUEST_ASKING) {
            if (request->operation != MEMORY_STORE_FETCH) {
                if (simulation->left.lost_answers > 0) {
                    add(moves, MOVE_LOSE_ANSWER, i);
                }
            } else if (simulation->left.failed_reads > 0) {
                add(moves, MOVE_FAIL_READ, i);
            }
        }
    }
}

static void add_crashes(const simulation_t *simulation, moves_t *moves)
{
    int i;

    for (i = simulation->scenario->prior; i < simulation->scenario->count;
         i++) {
        if (request_is_running(&simulation->requests[i])) {
            add(moves, MOVE_CRASH, i);
        }
    }
}

/** When the next pause ends, in ticks; 0 if nobody pauses. */
static apr_time_t next_wake(const simulation_t *simulation)
{
    apr_time_t next = 0;
    int i;

    for (i = 0; i < simulation->count; i++) {
        const request_t *request = &simulation->requests[i];

        if (request->state == REQUEST_PAUSING &&
            request->wake > simulation->surroundings.ticks &&
            (next == 0 || request->wake < next)) {
            next = request->wake;
        }
    }
    return next;
}

/** Only what was stored can be lost. */
static int is_stored(const simulation_t *simulation, const char *key)
{
    const char *value;
    apr_size_t length;

    return memory_store_peek(simulation->surroundings.store, key, &value,
                             &length) == APR_SUCCESS;
}

static void add_losses(const simulation_t *simulation, moves_t *moves)
{
    int losable = simulation->scenario->losable;
    int i;

    for (i = 0; (losable & LOSES_LEASES) && i < USERS; i++) {
        if (is_stored(simulation, watch_lease_key(simulation->watch, i))) {
            add(moves, MOVE_LOSE_LEASE, i);
        }
    }
    for (i = 0; (losable & LOSES_SLOTS) && i < COURSES; i++) {
        if (is_stored(simulation, watch_slots_key(simulation->watch, i))) {
            add(moves, MOVE_LOSE_SLOTS, i);
        }
    }
    for (i = 0; (losable & LOSES_INDEX) && i < COURSES; i++) {
        if (is_stored(simulation, simulation->index_keys[i])) {
            add(moves, MOVE_LOSE_INDEX, i);
        }
    }
}

int simulation_moves(simulation_t *simulation, move_t list[MOVES_MAX],
                     int crashes)
{
    const left_t *left = &simulation->left;
    moves_t moves = {list, 0};
    int i;

    add_requests_moves(simulation, &moves);
    if (crashes && left->crashes > 0) {
        add_crashes(simulation, &moves);
    }
    for (i = 0; i < memory_store_late(simulation->surroundings.store); i++) {
        add(&moves, MOVE_LAND, i);
    }
    if (next_wake(simulation) > 0) {
        add(&moves, MOVE_WAKE, 0);
    }
    if (simulation_is_over(simulation)) {
        /* What happens now cannot be told from what happens to the next. */
        return moves.count;
    }
    if (left->passes < PASSES_MAX &&
        simulation->scenario->passes[left->passes] > 0) {
        add(&moves, MOVE_PASS, left->passes);
    }
    if (left->steps_back > 0) {
        add(&moves, MOVE_STEP_BACK, 1);
    }
    if (left->record_losses > 0) {
        add_losses(simulation, &moves);
    }
    if (left->restarts > 0) {
        add(&moves, MOVE_RESTART, 0);
    }
    return moves.count;
}

/** Notes that a write of slots arrives after slots of the course were lost. */
static void note_slots_return(simulation_t *simulation, const char *key)
{
    int course;

    for (course = 0; course < COURSES; course++) {
        if (watch_lost_slots(simulation->watch, course) &&
            strcmp(key, watch_slots_key(simulation->watch, course)) == 0) {
            note_event(simulation, EVENT_SLOTS_RETURN, course);
        }
    }
}

/** A write that was on its way arrives. */
static void land(simulation_t *simulation, int which)
{
    memory_store_t *store = simulation->surroundings.store;
    const locks_store_session_t *sender =
        memory_store_late_sender(store, which);
    int user = -1;
    int i;

    for (i = 0; i < simulation->count; i++) {
        if (simulation->requests[i].session == sender) {
            user = simulation->requests[i].what.user;
        }
    }
    note_slots_return(simulation, memory_store_late_key(store, which));
    (void)memory_store_land(store, which);
    look(simulation, user, 0);
}

static void lose(simulation_t *simulation, const char *key, event_kind_e kind,
                 int which)
{
    simulation->left.record_losses--;
    let_pass(simulation, LOSS_TIME);
    memory_store_evict(simulation->surroundings.store, key);
    note_event(simulation, kind, which);
    look(simulation, -1, 1);
}

static void restart(simulation_t *simulation)
{
    simulation->left.restarts--;
    let_pass(simulation, LOSS_TIME);
    memory_store_restart(simulation->surroundings.store);
    note_event(simulation, EVENT_RESTART, 0);
    look(simulation, -1, 1);
}

static void step_back(simulation_t *simulation, int host)
{
    simulation->left.steps_back--;
    simulation->surroundings.ahead[host] -= simulation->scenario->steps_back;
    note_event(simulation, EVENT_TIME, 0);
}

static void move_request(simulation_t *simulation, move_t move)
{
    request_t *request = &simulation->requests[move.which];

    request->is_slow = move.kind == MOVE_STEP_SLOWLY;
    switch (move.kind) {
    case MOVE_STEP_SLOWLY:
        simulation->left.slow_answers--;
        resume(simulation, request, MEMORY_STORE_PASS);
        break;
    case MOVE_LOSE_ANSWER:
        simulation->left.lost_answers--;
        resume(simulation, request, MEMORY_STORE_WRITE_LATE);
        break;
    case MOVE_FAIL_READ:
        simulation->left.failed_reads--;
        resume(simulation, request, MEMORY_STORE_UNREACHED);
        break;
    case MOVE_CRASH:
        simulation->left.crashes--;
        request->state = REQUEST_DEAD;
        break;
    default:
        resume(simulation, request, MEMORY_STORE_PASS);
        break;
    }
}

void simulation_move(simulation_t *simulation, move_t move)
{
    const scenario_t *scenario = simulation->scenario;

    simulation->moment += MOMENTS;
    switch (move.kind) {
    case MOVE_STEP:
    case MOVE_STEP_SLOWLY:
    case MOVE_LOSE_ANSWER:
    case MOVE_FAIL_READ:
    case MOVE_CRASH:
        move_request(simulation, move);
        break;
    case MOVE_LAND:
        land(simulation, move.which);
        break;
    case MOVE_WAKE:
        let_pass(simulation,
                 next_wake(simulation) - simulation->surroundings.ticks);
        break;
    case MOVE_PASS:
        let_pass(simulation, scenario->passes[simulation->left.passes++]);
        break;
    case MOVE_STEP_BACK:
        step_back(simulation, move.which);
        break;
    case MOVE_LOSE_LEASE:
        lose(simulation, watch_lease_key(simulation->watch, move.which),
             EVENT_LEASE_LOST, move.which);
        break;
    case MOVE_LOSE_SLOTS:
        lose(simulation, watch_slots_key(simulation->watch, move.which),
             EVENT_SLOTS_LOST, move.which);
        break;
    case MOVE_LOSE_INDEX:
        lose(simulation, simulation->index_keys[move.which], EVENT_INDEX_LOST,
             move.which);
        break;
    case MOVE_RESTART:
        restart(simulation);
        break;
    }
}

int simulation_is_over(const simulation_t *simulation)
{
    int i;

    for (i = simulation->scenario->prior; i < simulation->scenario->count;
         i++) {
        const request_t *request = &simulation->requests[i];

        if (request_is_running(request) || (request->state == REQUEST_WAITING &&
                                            may_begin(simulation, request))) {
            return 0;
        }
    }
    return 1;
}

void simulation_audit(simulation_t *simulation)
{
    scenario_request_t probes[PROBES_MAX];
    int count = account_probes(probes, simulation->scenario);
    int i;

    for (i = 0; i < count; i++) {
        run_alone(simulation, add_request(simulation, &probes[i]));
    }
}

/** How many requests are under way? */
static int count_running(const simulation_t *simulation)
{
    int running = 0;
    int i;

    for (i = simulation->scenario->prior; i < simulation->count; i++) {
        running += request_is_running(&simulation->requests[i]);
    }
    return running;
}

void simulation_crash(simulation_t *simulation)
{
    history_t *history = &simulation->history;
    const char *wrong;
    int user;

    if (count_running(simulation) > simulation->scenario->crashes) {
        return;
    }
    wrong = account_enter(history, simulation->requests, simulation->count);
    for (user = 0; user < USERS && wrong == NULL; user++) {
        int place = 0;
        apr_time_t deadline = 0;
        apr_uint64_t id =
            watch_lock(simulation->watch, user, &place, &deadline);

        wrong = account_read(history, user, id, place, deadline,
                             simulation->moment + MOMENTS);
    }
    if (wrong == NULL && !history_is_linearizable(history)) {
        wrong = ACCOUNT_UNEXPLAINED;
    }
    if (wrong != NULL) {
        violate(simulation, wrong);
    }
}

/* ---- What can be seen ---- */

static apr_uint64_t digest_request(const simulation_t *simulation,
                                   const request_t *request)
{
    apr_uint64_t digest = digest_add(request->observed, request->state);
    int i;

    digest = digest_add(digest, (apr_uint64_t)request->events_begun);
    digest = digest_add(digest, (apr_uint64_t)request->events_ended);
    if (request->state == REQUEST_PAUSING) {
        digest = digest_add(digest, (apr_uint64_t)request->wake);
    }
    for (i = simulation->scenario->prior; i < simulation->count; i++) {
        const request_t *other = &simulation->requests[i];

        digest = digest_add(digest, other->state == REQUEST_ENDED &&
                                        other->ended < request->begun);
    }
    return digest;
}

apr_uint64_t simulation_digest(simulation_t *simulation)
{
    const surroundings_t *surroundings = &simulation->surroundings;
    apr_uint64_t digest = memory_store_digest(surroundings->store);
    int i;

    digest = digest_add(digest, watch_digest(simulation->watch));
    digest = digest_add(digest, (apr_uint64_t)surroundings->now);
    digest = digest_add(digest, (apr_uint64_t)simulation->latest);
    digest = digest_add(digest, digest_bytes((const char *)surroundings->ahead,
                                             sizeof(surroundings->ahead)));
    digest = digest_add(digest, digest_bytes((const char *)&simulation->left,
                                             sizeof(simulation->left)));
    for (i = 0; i < simulation->history.event_count; i++) {
        const event_t *event = &simulation->history.events[i];

        digest = digest_add(digest, event->kind);
        digest = digest_add(digest, (apr_uint64_t)event->which);
        digest = digest_add(digest, (apr_uint64_t)event->clocks[0]);
        digest = digest_add(digest, event->id);
    }
    for (i = simulation->scenario->prior; i < simulation->count; i++) {
        digest = digest_add(
            digest, digest_request(simulation, &simulation->requests[i]));
    }
    return digest;
}

const char *simulation_violation(simulation_t *simulation)
{
    if (simulation->violation == NULL &&
        simulation->count > simulation->scenario->count) {
        violate(simulation,
                account_enter(&simulation->history, simulation->requests,
                              simulation->count));
        if (!history_is_linearizable(&simulation->history)) {
            violate(simulation, ACCOUNT_UNEXPLAINED);
        }
    }
    return simulation->violation;
}

const history_t *simulation_history(simulation_t *simulation)
{
    return &simulation->history;
}

static const char *describe_request(const simulation_t *simulation, int number)
{
    static const char *const acts[] = {"acquire", "release", "broken", "list",
                                       "renew"};
    const request_t *request = &simulation->requests[number];
    int place = request->what.place;

    return apr_psprintf(
        simulation->pool, "%d:%s%s %s%s %s/%s on host %d", number + 1,
        request->what.act == LIST ? "-" : user_names[request->what.user],
        window_names[request->what.window], acts[request->what.act],
        request->what.takes_over ? ", taking over," : "",
        course_names[COURSE_OF(place)], resource_names[place % RESOURCES],
        request->what.host);
}

const char *simulation_describe(simulation_t *simulation, move_t move)
{
    static const char *const kinds[] = {"goes on",
                                        "goes on slowly",
                                        "loses a write's answer",
                                        "fails to read",
                                        "dies",
                                        "a write lands",
                                        "the next pause ends",
                                        "time jumps",
                                        "host 1 steps back",
                                        "lost: the lease of",
                                        "lost: the slots of",
                                        "lost: the index of",
                                        "the store restarts"};
    const char *kind = kinds[move.kind];

    switch (move.kind) {
    case MOVE_STEP:
    case MOVE_STEP_SLOWLY:
    case MOVE_LOSE_ANSWER:
    case MOVE_FAIL_READ:
    case MOVE_CRASH:
        return apr_pstrcat(simulation->pool,
                           describe_request(simulation, move.which), " ", kind,
                           NULL);
    case MOVE_LAND:
        return apr_pstrcat(
            simulation->pool, kind, ": ",
            memory_store_late_key(simulation->surroundings.store, move.which),
            NULL);
    case MOVE_LOSE_LEASE:
        return apr_pstrcat(simulation->pool, kind, " ", user_names[move.which],
                           NULL);
    case MOVE_LOSE_SLOTS:
    case MOVE_LOSE_INDEX:
        return apr_pstrcat(simulation->pool, kind, " ",
                           course_names[move.which], NULL);
    default:
        return kind;
    }
}

int simulation_moment(const simulation_t *simulation)
{
    return simulation->moment;
}

apr_uint64_t simulation_operations(const simulation_t *simulation)
{
    return memory_store_operations(simulation->surroundings.store);
}
