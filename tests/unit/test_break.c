/* SPDX-License-Identifier: Apache-2.0 */
/* Ending other users' locks, while they go on. */
#include "unit.h"
#include "world.h"

static world_t *world;
/** What happens before an operation of the store, by its number from 1, and
 *  what befalls that one and all after it. */
static void (*deed)(void);
static int before_operation;
static memory_store_fate_e fate;
static memory_store_fate_e fate_afterwards;

static void begin_world(void)
{
    setup();
    world = world_make(pool);
    deed = NULL;
    before_operation = 0;
    fate = fate_afterwards = MEMORY_STORE_PASS;
}

/** The same where requests know who asks. */
static void begin_knowing(void)
{
    begin_world();
    world->knows = 1;
}

static apr_uint64_t take(const char *user, const char *resource)
{
    ck_assert_int_eq(world_acquire(world, user, WORLD_COURSE, resource),
                     APR_SUCCESS);
    return world->lock.id;
}

static apr_status_t break_lock(const char *user, apr_uint64_t id)
{
    return world_break(world, user, id);
}

static const char *course_list(void)
{
    return world_list(world, WORLD_COURSE);
}

static memory_store_fate_e interfere(void *baton,
                                     const memory_store_operation_t *operation)
{
    (void)baton;
    (void)operation;
    if (--before_operation > 0) {
        return MEMORY_STORE_PASS;
    }
    if (before_operation < 0) {
        return fate_afterwards;
    }
    if (deed != NULL) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        deed();
        memory_store_hook(world->store, interfere, NULL, NULL);
    }
    return fate;
}

/** Breaks a lock while something happens. A break that nobody disturbs reads
 *  the lease, reads it with the index, and writes it. */
static apr_status_t break_amid(void (*what)(void), int number, const char *user,
                               apr_uint64_t id)
{
    apr_status_t rv;

    deed = what;
    before_operation = number;
    memory_store_hook(world->store, interfere, NULL, NULL);
    rv = break_lock(user, id);
    memory_store_hook(world->store, NULL, NULL, NULL);
    return rv;
}

static void assert_nothing_broken(void)
{
    ck_assert_uint_eq(world->lock.id, 0);
    ck_assert_ptr_null(world->lock.owner);
}

/* ---- Alone ---- */

START_TEST(a_lock_is_broken)
{
    locks_lock_t held;

    take("ben", "g2");
    take("ann", "g1");
    held = world->lock;
    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(break_lock("ann", _i ? held.id : 0), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, held.id);
    ck_assert_str_eq(world->lock.owner, "ann");
    ck_assert_ptr_eq(world->lock.subject.type, LOCKS_TYPE_GADGET);
    ck_assert_str_eq(world->lock.subject.course, WORLD_COURSE);
    ck_assert_str_eq(world->lock.subject.resource, "g1");
    ck_assert_int_eq(world->lock.granted, held.granted);
    ck_assert_int_eq(world->lock.deadline, held.deadline);
    ck_assert_uint_eq(world->round_trips, 3);
    ck_assert_str_eq(course_list(), "g2=ben");
    ck_assert_str_eq(world_look(world, WORLD_COURSE, "g1"), "");
    ck_assert_int_eq(world_release(world, "ann", held.id), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ben", held.id), APR_NOTFOUND);
    ck_assert_int_eq(break_lock("ann", held.id), APR_NOTFOUND);
    assert_nothing_broken();
    take("ben", "g1");
}
END_TEST

START_TEST(whoever_has_no_lock_loses_none)
{
    ck_assert_int_eq(break_lock("ann", 0), APR_NOTFOUND);
    assert_nothing_broken();
    world_release(world, "ann", take("ann", "g1"));
    ck_assert_int_eq(break_lock("ann", 0), APR_NOTFOUND);
    assert_nothing_broken();
}
END_TEST

START_TEST(another_lock_is_left_alone)
{
    apr_uint64_t anns = take("ann", "g1");
    apr_uint64_t bens = take("ben", "g2");

    ck_assert_int_eq(break_lock("ann", bens), APR_NOTFOUND);
    assert_nothing_broken();
    ck_assert_int_eq(break_lock("cat", bens), APR_NOTFOUND);
    take("ann", "g3");
    ck_assert_int_eq(break_lock("ann", anns), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "g2=ben g3=ann");
}
END_TEST

START_TEST(an_expired_lock_is_none)
{
    apr_uint64_t id;

    world->rules.skew = apr_time_from_sec(5);
    id = take("ann", "g1");
    world_pass(world, WORLD_TTL - 1);
    ck_assert_int_eq(break_lock("ann", id + 256), APR_NOTFOUND);
    world_pass(world, 1);
    ck_assert_int_eq(break_lock("ann", id), APR_NOTFOUND);
    assert_nothing_broken();
    ck_assert_int_eq(break_lock("ann", 0), APR_NOTFOUND);
    assert_nothing_broken();
}
END_TEST

START_TEST(ids_grow_afterwards)
{
    apr_uint64_t id = take("ann", "g1");

    /* The clock cannot have helped. */
    world->now -= apr_time_from_sec(10);
    ck_assert_int_eq(break_lock("ann", 0), APR_SUCCESS);
    if (_i == 0) {
        ck_assert_uint_gt(take("ann", "g1"), id);
    } else if (_i == 1) {
        ck_assert_uint_gt(take("ben", "g1"), id);
    } else {
        ck_assert_int_eq(world_acquire(world, "ann", WORLD_OTHER_COURSE, "g1"),
                         APR_SUCCESS);
        ck_assert_uint_gt(world->lock.id, id);
    }
    ck_assert_int_eq(break_lock("ann", id), APR_NOTFOUND);
    world_check(world);
}
END_TEST

START_TEST(the_former_holder_gets_a_new_id)
{
    apr_uint64_t id = take("ann", "g1");

    break_lock("ann", id);
    ck_assert_uint_gt(take("ann", "g1"), id);
    ck_assert(!world->deeds.is_renewal);
    ck_assert(!world->deeds.is_move);
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

START_TEST(a_lock_that_only_its_lease_knows_of_is_broken)
{
    apr_uint64_t id = take("ann", "g1");

    memory_store_evict(world->store, "t:slots:gadget:" WORLD_COURSE);
    ck_assert_int_eq(break_lock("ann", 0), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
}
END_TEST

/* ---- While others act ---- */

/** Only the wall clock moves in these: by the other one, a break that took so
 *  long would give up. */
static void anns_renewal(void)
{
    world->now += WORLD_TTL / 2;
    take("ann", "g1");
    ck_assert(world->deeds.is_renewal);
}

START_TEST(a_lock_that_is_renewed_meanwhile_is_broken)
{
    apr_uint64_t id = take("ann", "g1");

    ck_assert_int_eq(break_amid(anns_renewal, _i, "ann", id), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_str_eq(course_list(), "");
    ck_assert_uint_gt(take("ann", "g1"), id);
}
END_TEST

static void pass_the_deadline(void)
{
    world->now += WORLD_TTL;
}

START_TEST(a_lock_that_ends_meanwhile_is_broken)
{
    apr_uint64_t id = take("ann", "g1");

    ck_assert_int_eq(break_amid(pass_the_deadline, 1, "ann", 0), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
}
END_TEST

static void anns_move(void)
{
    take("ann", "g2");
}

START_TEST(a_certain_lock_is_not_followed)
{
    apr_uint64_t id = take("ann", "g1");

    ck_assert_int_eq(break_amid(anns_move, _i, "ann", id), APR_NOTFOUND);
    assert_nothing_broken();
    ck_assert_str_eq(course_list(), "g2=ann");
}
END_TEST

START_TEST(a_user_is_followed)
{
    apr_uint64_t id = take("ann", "g1");

    ck_assert_int_eq(break_amid(anns_move, _i, "ann", 0), APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
    ck_assert_str_eq(world->lock.subject.resource, "g2");
    ck_assert_str_eq(course_list(), "");
}
END_TEST

static void anns_release(void)
{
    locks_lock_t held = world->lock;

    ck_assert_int_eq(world_release(world, "ann", held.id), APR_SUCCESS);
}

START_TEST(what_is_released_meanwhile_is_not_broken)
{
    take("ann", "g1");
    ck_assert_int_eq(break_amid(anns_release, _i, "ann", 0), APR_NOTFOUND);
    assert_nothing_broken();
}
END_TEST

static void bens_takeover(void)
{
    world->now += WORLD_TTL;
    take("ben", "g1");
}

START_TEST(what_was_taken_over_meanwhile_is_left_alone)
{
    take("ann", "g1");
    ck_assert_int_eq(break_amid(bens_takeover, _i, "ann", 0), APR_NOTFOUND);
    assert_nothing_broken();
    ck_assert_str_eq(course_list(), "g1=ben");
}
END_TEST

/** Moves on before each time that anything is read. */
static memory_store_fate_e
keep_moving(void *baton, const memory_store_operation_t *operation)
{
    static int moves;

    (void)baton;
    if (operation->kind == MEMORY_STORE_FETCH && operation->count == 2) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        take("ann", moves++ % 2 ? "g1" : "g2");
        memory_store_hook(world->store, keep_moving, NULL, NULL);
    }
    return MEMORY_STORE_PASS;
}

START_TEST(a_user_who_gets_away_is_not_told_to_hold_nothing)
{
    take("ann", "g1");
    memory_store_hook(world->store, keep_moving, NULL, NULL);
    ck_assert_int_eq(break_lock("ann", 0), LOCKS_EUNAVAILABLE);
    assert_nothing_broken();
    ck_assert_str_ne(world->why, "");
    memory_store_hook(world->store, NULL, NULL, NULL);
    ck_assert_int_eq(break_lock("ann", 0), APR_SUCCESS);
}
END_TEST

/* ---- A store that fails ---- */

START_TEST(a_lost_answer_is_settled)
{
    apr_uint64_t id = take("ann", "g1");

    fate = _i ? MEMORY_STORE_ANSWER_LOST : MEMORY_STORE_WRITE_LOST;
    ck_assert_int_eq(break_amid(NULL, 3, "ann", 0), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_uint_eq(world->deeds.ambiguous, 1);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(what_stays_unknown_is_named)
{
    apr_uint64_t id = take("ann", "g1");

    fate = _i ? MEMORY_STORE_ANSWER_LOST : MEMORY_STORE_WRITE_LOST;
    fate_afterwards = MEMORY_STORE_UNREACHED;
    ck_assert_int_eq(break_amid(NULL, 3, "ann", 0), LOCKS_EUNAVAILABLE);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_str_eq(world->lock.owner, "ann");
    ck_assert_str_eq(world->lock.subject.resource, "g1");
    ck_assert_str_ne(world->why, "");
    ck_assert_str_eq(course_list(), _i ? "" : "g1=ann");
    /* Who asks again finds out. */
    ck_assert_int_eq(break_lock("ann", id), _i ? APR_NOTFOUND : APR_SUCCESS);
}
END_TEST

/** The write of which nothing is known lands, or the owner's comes first. */
static void anns_move_amid_doubt(void)
{
    memory_store_land(world->store, 0);
    take("ann", "g1");
}

static memory_store_fate_e hold_up(void *baton,
                                   const memory_store_operation_t *operation)
{
    (void)baton;
    if (operation->kind == MEMORY_STORE_CAS) {
        memory_store_hook(world->store, interfere, NULL, NULL);
        deed = anns_move_amid_doubt;
        before_operation = 1;
        return MEMORY_STORE_WRITE_LATE;
    }
    return MEMORY_STORE_PASS;
}

START_TEST(a_write_that_may_have_been_replaced_stays_unknown)
{
    apr_uint64_t id = take("ann", "g1");

    memory_store_hook(world->store, hold_up, NULL, NULL);
    ck_assert_int_eq(break_lock("ann", 0), LOCKS_EUNAVAILABLE);
    memory_store_hook(world->store, NULL, NULL, NULL);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_str_eq(course_list(), "g1=ann");
    ck_assert_uint_gt(take("ann", "g1"), id);
}
END_TEST

START_TEST(without_the_store_nothing_is_known)
{
    apr_uint64_t id = take("ann", "g1");

    fate = fate_afterwards = MEMORY_STORE_UNREACHED;
    ck_assert_int_eq(break_amid(NULL, _i, "ann", id), LOCKS_EUNAVAILABLE);
    /* Which it is, the first reading says. */
    ck_assert_uint_eq(world->lock.id, _i == 1 ? 0 : id);
    ck_assert_str_ne(world->why, "");
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

START_TEST(a_damaged_lease_is_no_answer)
{
    locks_store_t *base = memory_store_base(world->store);
    locks_store_session_t *session = base->provider->open(base, pool);
    const char *key = locks_lease_key("t:", LOCKS_TYPE_GADGET, "ann", pool);

    base->provider->add(session, key, "garbage", 7, 3600, LOCKS_STORE_ORDINARY);
    ck_assert_int_eq(break_lock("ann", 0), LOCKS_EUNAVAILABLE);
    assert_nothing_broken();
    ck_assert_ptr_nonnull(strstr(world->why, key));
}
END_TEST

static void add_tests(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, a_lock_is_broken, 0, 2);
    tcase_add_test(tests, whoever_has_no_lock_loses_none);
    tcase_add_test(tests, another_lock_is_left_alone);
    tcase_add_test(tests, an_expired_lock_is_none);
    tcase_add_loop_test(tests, ids_grow_afterwards, 0, 3);
    tcase_add_test(tests, the_former_holder_gets_a_new_id);
    tcase_add_test(tests, a_lock_that_only_its_lease_knows_of_is_broken);
    tcase_add_loop_test(tests, a_lock_that_is_renewed_meanwhile_is_broken, 1,
                        4);
    tcase_add_test(tests, a_lock_that_ends_meanwhile_is_broken);
    tcase_add_loop_test(tests, a_certain_lock_is_not_followed, 1, 4);
    tcase_add_loop_test(tests, a_user_is_followed, 1, 4);
    tcase_add_loop_test(tests, what_is_released_meanwhile_is_not_broken, 1, 4);
    tcase_add_loop_test(tests, what_was_taken_over_meanwhile_is_left_alone, 1,
                        4);
    tcase_add_test(tests, a_user_who_gets_away_is_not_told_to_hold_nothing);
    tcase_add_loop_test(tests, a_lost_answer_is_settled, 0, 2);
    tcase_add_loop_test(tests, what_stays_unknown_is_named, 0, 2);
    tcase_add_test(tests, a_write_that_may_have_been_replaced_stays_unknown);
    tcase_add_loop_test(tests, without_the_store_nothing_is_known, 1, 4);
    tcase_add_test(tests, a_damaged_lease_is_no_answer);
}

int main(void)
{
    Suite *suite = suite_create("break");

    add_tests(suite, "all", begin_world);
    add_tests(suite, "who asks is known", begin_knowing);
    return unit_run(suite);
}
