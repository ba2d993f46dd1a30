/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol when requests cross, workers die and answers are lost.
 *
 * One request runs; before each of its store operations in turn another one
 * is run to its end, and before each of that one's operations a third. So the
 * effect of each, which is its last write, comes in the order in which they
 * end, and a model that applies their answers in that order must show just
 * the locks that the lists show. After every single operation no user and no
 * resource may have two locks. */
#include "unit.h"
#include "world.h"

/** What a request does. */
typedef struct action_t {
    const char *user;
    /** NULL to give back what the user was last granted. */
    const char *course;
    const char *resource;
} action_t;

static const action_t actions[] = {
    {"ann", WORLD_COURSE, "g1"},       {"ann", WORLD_COURSE, "g2"},
    {"ann", WORLD_OTHER_COURSE, "g1"}, {"ann", NULL, NULL},
    {"ben", WORLD_COURSE, "g1"},       {"ben", WORLD_COURSE, "g2"},
    {"cat", WORLD_COURSE, "g1"},
};
#define ACTIONS COUNT(actions)
#define USERS 3

/** How the world is before the requests. */
enum {
    START_EMPTY,
    START_ANN_HAS_G1,
    START_BEN_HAS_G1,
    START_ANN_EXPIRED_ON_G1,
    START_BEN_PENDING_ON_G1,
    STARTS
};

/** The most operations that one request is interrupted at. */
#define OPERATIONS_MAX 14
#define DEPTHS 3
/** An operation that no request comes to. */
#define NEVER (OPERATIONS_MAX * 100)

/** What a user holds, as far as the answers say. */
typedef struct held_t {
    const char *course;
    const char *resource;
    apr_uint64_t id;
} held_t;

static world_t *world;
static held_t model[USERS];
/** Whether any request was told that it could not be found out. */
static int unavailable;

/** The requests under way: what each does, the operation that the next one
 *  comes before, and how many operations it has made. */
static struct {
    const action_t *action;
    int interrupt_at;
    int operations;
    /** Whether the subject was another's at any time so far. */
    int was_held;
} running[DEPTHS];
static int depth;
static int is_checking;

/** Whether the leases that there are at the start run out just before the
 *  second request begins. */
static int time_passes;

/** What befalls the outermost request: at which operation, and what. */
static int fault_at;
static memory_store_fate_e fault;
static int is_deadly;

static int number_of(const char *user)
{
    return user[0] - 'a';
}

static void perform(int level);

static void check_now(void)
{
    is_checking = 1;
    world_check(world);
    is_checking = 0;
}

/** Does someone else hold what this action wants, by the model? */
static int is_held_by_other(const action_t *action)
{
    int i;

    for (i = 0; i < USERS; i++) {
        if (i != number_of(action->user) && model[i].course != NULL &&
            action->course != NULL &&
            strcmp(model[i].course, action->course) == 0 &&
            strcmp(model[i].resource, action->resource) == 0) {
            return 1;
        }
    }
    return 0;
}

static void note_holders(void)
{
    int i;

    for (i = 0; i < depth; i++) {
        running[i].was_held |= is_held_by_other(running[i].action);
    }
}

static memory_store_fate_e
before_operation(void *baton, const memory_store_operation_t *operation)
{
    int level = depth - 1;

    (void)baton;
    (void)operation;
    if (is_checking || level < 0) {
        return MEMORY_STORE_PASS;
    }
    check_now();
    running[level].operations++;
    if (running[level].operations == running[level].interrupt_at &&
        level + 1 < DEPTHS && running[level + 1].action != NULL) {
        if (time_passes && level == 0) {
            world->now += WORLD_TTL / 2;
            memset(model, 0, sizeof(model));
        }
        perform(level + 1);
        check_now();
    }
    if (level == 0 && (running[0].operations == fault_at ||
                       (is_deadly && running[0].operations > fault_at))) {
        return fault;
    }
    return MEMORY_STORE_PASS;
}

/** Runs one request and applies its answer to the model. */
static void perform(int level)
{
    const action_t *action = running[level].action;
    held_t *held = &model[number_of(action->user)];
    held_t before = *held;
    apr_status_t rv;

    running[level].operations = 0;
    running[level].was_held = is_held_by_other(action);
    depth = level + 1;
    rv = action->course == NULL
             ? world_release(world, action->user, before.id)
             : world_acquire(world, action->user, action->course,
                             action->resource);
    depth = level;
    if (rv == LOCKS_EUNAVAILABLE) {
        unavailable = 1;
    } else if (action->course == NULL) {
        ck_assert(rv == APR_SUCCESS || rv == APR_NOTFOUND);
        if (rv == APR_SUCCESS) {
            ck_assert(held->course == NULL || held->id == before.id);
            held->course = NULL;
        }
    } else if (rv == APR_SUCCESS) {
        ck_assert_uint_ge(world->lock.id, held->id);
        *held = (held_t){action->course, action->resource, world->lock.id};
    } else {
        ck_assert_int_eq(rv, LOCKS_EHELD);
        ck_assert(running[level].was_held);
    }
    note_holders();
}

/** The course's list as the model has it, ordered by ID. */
static const char *model_list(const char *course)
{
    const char *text = "";
    apr_uint64_t last = 0;

    for (;;) {
        int next = -1;
        int i;

        for (i = 0; i < USERS; i++) {
            if (model[i].course != NULL &&
                strcmp(model[i].course, course) == 0 && model[i].id > last &&
                (next < 0 || model[i].id < model[next].id)) {
                next = i;
            }
        }
        if (next < 0) {
            return text;
        }
        text = apr_pstrcat(pool, text, *text != '\0' ? " " : "",
                           model[next].resource, "=",
                           (const char *[]){"ann", "ben", "cat"}[next], NULL);
        last = model[next].id;
    }
}

static void check_lists(void)
{
    depth = 0;
    ck_assert_str_eq(world_list(world, WORLD_COURSE), model_list(WORLD_COURSE));
    ck_assert_str_eq(world_list(world, WORLD_OTHER_COURSE),
                     model_list(WORLD_OTHER_COURSE));
}

/** Has a request outside the exploration happen. */
static void prepare(const action_t *action)
{
    running[0].action = action;
    running[0].interrupt_at = NEVER;
    perform(0);
}

static void begin(int start)
{
    apr_pool_clear(pool);
    world = world_make(pool);
    memset(model, 0, sizeof(model));
    memset(running, 0, sizeof(running));
    depth = unavailable = is_deadly = is_checking = 0;
    fault_at = NEVER;
    fault = MEMORY_STORE_PASS;
    memory_store_hook(world->store, before_operation, NULL, NULL);
    switch (start) {
    case START_ANN_HAS_G1:
        prepare(&actions[0]);
        break;
    case START_BEN_HAS_G1:
        prepare(&actions[4]);
        break;
    case START_ANN_EXPIRED_ON_G1:
        prepare(&actions[0]);
        world_pass(world, WORLD_TTL);
        model[0].course = NULL;
        break;
    case START_BEN_PENDING_ON_G1:
        /* Ben died between his slot, the third operation or later in a new
         * course, and his lease. */
        fault = MEMORY_STORE_UNREACHED;
        is_deadly = 1;
        fault_at = 5;
        prepare(&actions[4]);
        ck_assert(unavailable);
        unavailable = is_deadly = 0;
        fault_at = NEVER;
        world_pass(world, LOCKS_PENDING_GRACE);
        break;
    default:
        break;
    }
    if (time_passes) {
        world_pass(world, WORLD_TTL / 2);
    }
}

/** Runs the outermost request, interrupted as set. */
static void run(const action_t *outer)
{
    running[0].action = outer;
    perform(0);
    check_now();
}

static void explore_crossing(int start)
{
    int outer, middle, inner, i, j;

    for (outer = 0; outer < ACTIONS; outer++) {
        for (middle = 0; middle < ACTIONS; middle++) {
            for (inner = 0; inner < ACTIONS; inner++) {
                for (i = 1; i <= OPERATIONS_MAX; i++) {
                    int comes_so_far = 1;

                    for (j = 1; j <= OPERATIONS_MAX && comes_so_far; j++) {
                        begin(start);
                        running[0].interrupt_at = i;
                        running[1].action = &actions[middle];
                        running[1].interrupt_at = j;
                        running[2].action = &actions[inner];
                        running[2].interrupt_at = NEVER;
                        run(&actions[outer]);
                        ck_assert(!unavailable);
                        check_lists();
                        comes_so_far = running[1].operations >= j;
                    }
                    if (running[0].operations < i) {
                        break;
                    }
                }
            }
        }
    }
}

START_TEST(requests_that_cross_do_as_if_one_came_after_the_other)
{
    time_passes = 0;
    explore_crossing(_i);
}
END_TEST

START_TEST(a_deadline_may_pass_at_any_operation)
{
    time_passes = 1;
    explore_crossing(_i);
}
END_TEST

/** A list that is interrupted by another request. */
START_TEST(a_list_shows_a_mover_once)
{
    int first, i;

    for (first = 0; first < ACTIONS; first++) {
        for (i = 1; i <= 2; i++) {
            const char *list;
            const char *found;

            begin(START_ANN_HAS_G1);
            running[0].action = &actions[first];
            running[0].operations = 0;
            running[0].interrupt_at = i;
            running[1].action = &actions[first];
            running[1].interrupt_at = NEVER;
            depth = 1;
            list = world_list(world, WORLD_COURSE);
            depth = 0;
            found = strstr(list, "=ann");
            if (actions[first].course == NULL ||
                strcmp(actions[first].course, WORLD_COURSE) != 0) {
                /* She left while the list was read: there or not. */
                continue;
            }
            ck_assert_ptr_nonnull(found);
            ck_assert_ptr_null(strstr(found + 1, "=ann"));
        }
    }
}
END_TEST

START_TEST(a_worker_may_die_at_any_operation)
{
    int outer, later, i;

    for (outer = 0; outer < ACTIONS; outer++) {
        for (later = 0; later < ACTIONS; later++) {
            for (i = 1; i <= OPERATIONS_MAX; i++) {
                begin(_i);
                running[0].interrupt_at = NEVER;
                is_deadly = 1;
                fault_at = i;
                fault = MEMORY_STORE_UNREACHED;
                run(&actions[outer]);
                is_deadly = 0;
                fault_at = NEVER;
                /* Its last operation is the one with an effect: who dies
                 * before has changed nothing, and stands in nobody's way. */
                check_lists();
                unavailable = 0;
                prepare(&actions[later]);
                ck_assert(!unavailable);
                check_lists();
                world_pass(world, WORLD_TTL);
                memset(model, 0, sizeof(model));
                prepare(&actions[6]);
                ck_assert(!unavailable);
                check_lists();
            }
        }
    }
}
END_TEST

/** Every way in which a write's answer is lost, at every operation. */
START_TEST(a_lost_answer_is_settled_or_unknown_but_never_wrong)
{
    static const memory_store_fate_e fates[] = {MEMORY_STORE_ANSWER_LOST,
                                                MEMORY_STORE_WRITE_LOST,
                                                MEMORY_STORE_WRITE_LATE};
    int outer, later, i, f;

    for (f = 0; f < COUNT(fates); f++) {
        for (outer = 0; outer < ACTIONS; outer++) {
            for (later = 0; later < ACTIONS; later++) {
                for (i = 1; i <= OPERATIONS_MAX; i++) {
                    begin(_i);
                    memory_store_failures_time_out(world->store, 0);
                    running[0].interrupt_at = NEVER;
                    fault_at = i;
                    fault = fates[f];
                    run(&actions[outer]);
                    if (!unavailable) {
                        check_lists();
                    }
                    fault_at = NEVER;
                    running[0].action = &actions[later];
                    if (!unavailable) {
                        perform(0);
                    }
                    while (memory_store_late(world->store) > 0) {
                        memory_store_land(world->store, 0);
                        check_now();
                    }
                    if (!unavailable) {
                        check_lists();
                    }
                }
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interleaving");
    TCase *tests = unit_case(suite);

    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests,
                        requests_that_cross_do_as_if_one_came_after_the_other,
                        0, STARTS);
    tcase_add_loop_test(tests, a_deadline_may_pass_at_any_operation, 0, STARTS);
    tcase_add_test(tests, a_list_shows_a_mover_once);
    tcase_add_loop_test(tests, a_worker_may_die_at_any_operation, 0, STARTS);
    tcase_add_loop_test(
        tests, a_lost_answer_is_settled_or_unknown_but_never_wrong, 0, STARTS);
    return unit_run(suite);
}
