/* SPDX-License-Identifier: Apache-2.0 */
/* What operations say that they did: the truth, whatever came of them. */
#include "unit.h"
#include "world.h"

static world_t *world;
/** What happens before an operation of the store, by its number from 1, and
 *  what befalls that one. */
static void (*deed)(void);
static int before_operation;
static memory_store_fate_e fate;

static void begin_world(void)
{
    setup();
    world = world_make(pool);
    deed = NULL;
    fate = MEMORY_STORE_PASS;
}

static apr_status_t take(const char *user, const char *resource)
{
    return world_acquire(world, user, WORLD_COURSE, resource);
}

static memory_store_fate_e interfere(void *baton,
                                     const memory_store_operation_t *operation)
{
    (void)baton;
    (void)operation;
    if (--before_operation > 0) {
        return MEMORY_STORE_PASS;
    }
    memory_store_hook(world->store, NULL, NULL, NULL);
    if (deed != NULL) {
        deed();
    }
    return fate;
}

/** Has something happen during the next request: an acquire that nobody
 *  disturbs, in a course that was used before, reads slots and the own lease,
 *  writes slots and writes the lease. */
static void meanwhile(void (*what)(void), int number)
{
    deed = what;
    before_operation = number;
    memory_store_hook(world->store, interfere, NULL, NULL);
}

static void assert_counted(apr_uint32_t retries, apr_uint32_t fences,
                           apr_uint32_t conflicts, apr_uint32_t ambiguous)
{
    ck_assert_uint_eq(world->deeds.retries, retries);
    ck_assert_uint_eq(world->deeds.fences, fences);
    ck_assert_uint_eq(world->deeds.conflicts, conflicts);
    ck_assert_uint_eq(world->deeds.ambiguous, ambiguous);
}

/** What kind of grant it was; 0 for one of a free resource to a user who held
 *  nothing. */
enum { RENEWAL = 1, MOVE = 2, TAKEOVER = 4 };

static void assert_kind(int kind)
{
    ck_assert_int_eq(world->deeds.is_renewal, (kind & RENEWAL) != 0);
    ck_assert_int_eq(world->deeds.is_move, (kind & MOVE) != 0);
    ck_assert_int_eq(world->deeds.is_takeover, (kind & TAKEOVER) != 0);
}

/* ---- What kind of grant ---- */

START_TEST(a_first_grant_is_nothing_else)
{
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 0, 0, 0);
}
END_TEST

START_TEST(a_refusal_did_nothing)
{
    take("ann", "g1");
    ck_assert_int_eq(take("ben", "g1"), LOCKS_EHELD);
    assert_kind(0);
    assert_counted(0, 0, 0, 0);
}
END_TEST

START_TEST(a_renewal_is_one)
{
    take("ann", "g1");
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(RENEWAL);
    assert_counted(0, 0, 0, 0);
}
END_TEST

START_TEST(a_move_is_one_within_a_course_and_between_courses)
{
    take("ann", "g1");
    ck_assert_int_eq(take("ann", "g2"), APR_SUCCESS);
    assert_kind(MOVE);
    ck_assert_int_eq(world_acquire(world, "ann", WORLD_OTHER_COURSE, "g1"),
                     APR_SUCCESS);
    assert_kind(MOVE);
    assert_counted(0, 0, 0, 0);
}
END_TEST

START_TEST(after_a_release_nobody_moves)
{
    take("ann", "g1");
    world_release(world, "ann", world->lock.id);
    assert_kind(0);
    ck_assert_int_eq(take("ann", "g2"), APR_SUCCESS);
    assert_kind(0);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 0, 0, 0);
}
END_TEST

START_TEST(nor_after_the_deadline)
{
    take("ann", "g1");
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(take("ann", "g2"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 0, 0, 0);
}
END_TEST

START_TEST(an_expired_lock_is_taken_over)
{
    take("ann", "g1");
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(TAKEOVER);
    assert_counted(0, 1, 0, 0);
}
END_TEST

START_TEST(and_moved_to)
{
    take("ann", "g1");
    world_pass(world, WORLD_TTL / 2);
    take("ben", "g2");
    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(MOVE | TAKEOVER);
}
END_TEST

START_TEST(ones_own_is_not)
{
    take("ann", "g1");
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 1, 0, 0);
}
END_TEST

/** Ann's worker dies between her slot and her lease. */
static void leave_a_slot(void)
{
    take("ann", "g2");
    world_release(world, "ann", world->lock.id);
    fate = MEMORY_STORE_UNREACHED;
    meanwhile(NULL, 3);
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EUNAVAILABLE);
    assert_kind(0);
    fate = MEMORY_STORE_PASS;
}

START_TEST(what_a_dead_worker_left_is_taken_over)
{
    leave_a_slot();
    world_pass(world, 2 * LOCKS_PENDING_GRACE);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(TAKEOVER);
    assert_counted(0, 1, 0, 0);
}
END_TEST

START_TEST(after_a_while)
{
    leave_a_slot();
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(TAKEOVER);
    ck_assert_uint_gt(world->deeds.retries, 0);
    assert_counted(world->deeds.retries, 1, 0, 0);
}
END_TEST

START_TEST(ones_own_is_not_then_either)
{
    leave_a_slot();
    world_pass(world, 2 * LOCKS_PENDING_GRACE);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 1, 0, 0);
}
END_TEST

/* ---- When others come first ---- */

static void bens_grant(void)
{
    ck_assert_int_eq(take("ben", "g2"), APR_SUCCESS);
}

START_TEST(who_comes_second_starts_again)
{
    take("cat", "g3");
    take("ann", "g4");
    meanwhile(bens_grant, 2);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(MOVE);
    assert_counted(1, 0, 1, 0);
}
END_TEST

static void bens_grant_of_the_same(void)
{
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
}

START_TEST(who_is_refused_in_the_end_came_second)
{
    take("cat", "g3");
    meanwhile(bens_grant_of_the_same, 2);
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EHELD);
    assert_kind(0);
    assert_counted(1, 0, 1, 0);
}
END_TEST

static void anns_grant(void)
{
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
}

START_TEST(a_move_that_another_tab_made_is_a_renewal)
{
    take("ann", "g3");
    meanwhile(anns_grant, 3);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(RENEWAL);
    ck_assert_uint_gt(world->deeds.conflicts, 0);
}
END_TEST

static void anns_release(void)
{
    locks_lock_t held = world->lock;

    ck_assert_int_eq(world_release(world, "ann", held.id), APR_SUCCESS);
}

START_TEST(a_move_from_what_another_tab_released_is_a_grant)
{
    take("ann", "g3");
    meanwhile(anns_release, 3);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(0);
    ck_assert_uint_eq(world->deeds.conflicts, 1);
}
END_TEST

/** The clock alone ends ann's lock: a slow request would give up. */
static void let_anns_run_out(void)
{
    take("ann", "g1");
    world_pass(world, WORLD_TTL);
    take("cat", "g3");
}

START_TEST(a_takeover_that_starts_again_is_one)
{
    let_anns_run_out();
    /* Ben reads slots, then ann's lease, and writes that one. */
    meanwhile(bens_grant, _i);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(TAKEOVER | MOVE);
    assert_counted(1, 1, 1, 0);
}
END_TEST

START_TEST(a_takeover_that_another_tab_made_is_a_renewal)
{
    let_anns_run_out();
    meanwhile(bens_grant_of_the_same, 4);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(RENEWAL);
}
END_TEST

static void visit(void)
{
    ck_assert_int_eq(take("dan", "g1"), APR_SUCCESS);
    ck_assert_int_eq(world_release(world, "dan", world->lock.id), APR_SUCCESS);
}

START_TEST(what_was_released_meanwhile_is_not_taken_over)
{
    let_anns_run_out();
    meanwhile(visit, 4);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(0);
}
END_TEST

static void bens_other_release(void)
{
    locks_lock_t held = world->lock;

    ck_assert_int_eq(world_release(world, "ben", held.id), APR_SUCCESS);
}

START_TEST(a_takeover_that_came_to_its_slot_is_one)
{
    let_anns_run_out();
    take("ben", "g2");
    meanwhile(bens_other_release, 5);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    assert_kind(TAKEOVER);
    ck_assert_uint_eq(world->deeds.conflicts, 1);
}
END_TEST

/* ---- Releases, answers that are lost, and steps ---- */

START_TEST(a_release_that_comes_second_starts_again)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    meanwhile(anns_grant, 2);
    ck_assert_int_eq(world_release(world, "ann", id), APR_SUCCESS);
    assert_counted(1, 0, 1, 0);
    assert_kind(0);
}
END_TEST

/** Whether the write was done or lost. */
START_TEST(a_lost_answer_is_counted)
{
    take("cat", "g3");
    fate = _i ? MEMORY_STORE_ANSWER_LOST : MEMORY_STORE_WRITE_LOST;
    memory_store_failures_time_out(world->store, 0);
    meanwhile(NULL, 2);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 0, 0, 1);
}
END_TEST

START_TEST(a_full_course_is_swept_by_fences)
{
    world->rules.max_per_course = 2;
    take("ann", "g1");
    take("ben", "g2");
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(take("cat", "g3"), APR_SUCCESS);
    assert_kind(0);
    assert_counted(0, 2, 0, 0);
}
END_TEST

START_TEST(steps_are_told_to_who_listens)
{
    take("ann", "g1");
    ck_assert_int_eq(world->steps, 0);
    world_pass(world, WORLD_TTL);
    world->listens = 1;
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    /* Whose slot it is, that it is fenced, and what comes next. */
    ck_assert_int_eq(world->steps, 3);
    world->listens = 0;
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(take("cat", "g1"), APR_SUCCESS);
    ck_assert_int_eq(world->steps, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deeds");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, begin_world, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_first_grant_is_nothing_else);
    tcase_add_test(tests, a_refusal_did_nothing);
    tcase_add_test(tests, a_renewal_is_one);
    tcase_add_test(tests, a_move_is_one_within_a_course_and_between_courses);
    tcase_add_test(tests, after_a_release_nobody_moves);
    tcase_add_test(tests, nor_after_the_deadline);
    tcase_add_test(tests, an_expired_lock_is_taken_over);
    tcase_add_test(tests, and_moved_to);
    tcase_add_test(tests, ones_own_is_not);
    tcase_add_test(tests, what_a_dead_worker_left_is_taken_over);
    tcase_add_test(tests, after_a_while);
    tcase_add_test(tests, ones_own_is_not_then_either);
    tcase_add_test(tests, who_comes_second_starts_again);
    tcase_add_test(tests, who_is_refused_in_the_end_came_second);
    tcase_add_test(tests, a_move_that_another_tab_made_is_a_renewal);
    tcase_add_test(tests, a_move_from_what_another_tab_released_is_a_grant);
    tcase_add_loop_test(tests, a_takeover_that_starts_again_is_one, 4, 5);
    tcase_add_test(tests, a_takeover_that_another_tab_made_is_a_renewal);
    tcase_add_test(tests, what_was_released_meanwhile_is_not_taken_over);
    tcase_add_test(tests, a_takeover_that_came_to_its_slot_is_one);
    tcase_add_test(tests, a_release_that_comes_second_starts_again);
    tcase_add_loop_test(tests, a_lost_answer_is_counted, 0, 2);
    tcase_add_test(tests, a_full_course_is_swept_by_fences);
    tcase_add_test(tests, steps_are_told_to_who_listens);
    return unit_run(suite);
}
