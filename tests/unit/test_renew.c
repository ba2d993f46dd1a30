/* SPDX-License-Identifier: Apache-2.0 */
/* Locks that are renewed and found by their IDs, and windows that take them
 * from one another. */
#include "unit.h"
#include "world.h"

#define SLOTS_KEY "t:slots:gadget:" WORLD_COURSE

static world_t *world;

static const locks_terms_t window_1 = {.client = "w1"};
static const locks_terms_t window_2 = {.client = "w2"};
static const locks_terms_t window_2_takes_over = {.client = "w2",
                                                  .takes_over = 1};

static void begin_world(void)
{
    setup();
    world = world_make(pool);
}

/** The same where requests know who asks. */
static void begin_knowing(void)
{
    begin_world();
    world->knows = 1;
}

/** The ID of a new lock. */
static apr_uint64_t take(const char *user, const char *resource)
{
    ck_assert_int_eq(world_acquire(world, user, WORLD_COURSE, resource),
                     APR_SUCCESS);
    return world->lock.id;
}

static apr_uint64_t take_as(const locks_terms_t *terms)
{
    ck_assert_int_eq(world_acquire_on(world, "ann", WORLD_COURSE, "g1", terms),
                     APR_SUCCESS);
    return world->lock.id;
}

static apr_status_t renew(const char *user, apr_uint64_t id)
{
    return world_renew(world, user, id, &locks_usual_terms);
}

static const char *course_list(void)
{
    return world_list(world, WORLD_COURSE);
}

static void lose_lease(const char *user)
{
    memory_store_evict(world->store,
                       locks_lease_key("t:", LOCKS_TYPE_GADGET, user, pool));
}

static apr_int64_t left(void)
{
    return locks_expires_in(&world->lock, world->now);
}

/* ---- Renewing ---- */

START_TEST(a_renewal_keeps_the_lock_and_its_grant)
{
    apr_uint64_t id = take("ann", "g1");
    apr_time_t granted = world->lock.granted;

    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_int_eq(world->lock.granted, granted);
    ck_assert_int_eq(left(), apr_time_as_msec(WORLD_TTL));
    ck_assert_str_eq(world->lock.subject.resource, "g1");
    ck_assert_str_eq(world->lock.subject.course, WORLD_COURSE);
    ck_assert_str_eq(world->lock.owner, "ann");
    world_pass(world, WORLD_TTL - 1000);
    ck_assert_str_eq(course_list(), "g1=ann");
    world_pass(world, 1000);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(a_lock_that_is_gone_is_not_renewed)
{
    apr_uint64_t id = take("ann", "g1");
    apr_uint64_t next;

    ck_assert_int_eq(renew("ann", id + 256), APR_NOTFOUND);
    ck_assert_int_eq(renew("ann", 1), APR_NOTFOUND);
    next = take("ann", "g2");
    ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
    ck_assert_int_eq(renew("ann", next), APR_SUCCESS);
    world_release(world, "ann", next);
    ck_assert_int_eq(renew("ann", next), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "");
    next = take("ann", "g2");
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(renew("ann", next), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(another_users_lock_is_not_renewed)
{
    apr_uint64_t id = take("ann", "g1");

    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(renew("ben", id), LOCKS_EFOREIGN);
    take("ben", "g2");
    ck_assert_int_eq(renew("ben", id), LOCKS_EFOREIGN);
    ck_assert_int_eq(world->times_asked, 0);
    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(renew("ben", id), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "g2=ben");
}
END_TEST

START_TEST(who_may_not_any_more_does_not_renew)
{
    apr_uint64_t id = take("ann", "g1");

    world->is_barred = 1;
    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(renew("ann", id), APR_EACCES);
    ck_assert_int_eq(world->times_asked, 1);
    world_pass(world, WORLD_TTL / 2);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(what_the_store_forgot_is_not_renewed)
{
    apr_uint64_t id = take("ann", "g1");

    memory_store_evict(world->store, SLOTS_KEY);
    ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ann", 0), APR_NOTFOUND);
    ck_assert_int_eq(renew("ben", id), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ann", id), APR_SUCCESS);
    id = take("ann", "g1");
    lose_lease("ann");
    ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ann", 0), APR_NOTFOUND);
    id = take("ann", "g1");
    memory_store_restart(world->store);
    ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(a_slot_of_somebody_else_is_not_renewed)
{
    apr_uint64_t id = take("ann", "g1");

    memory_store_evict(world->store, SLOTS_KEY);
    take("ben", "g1");
    ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "g1=ben");
}
END_TEST

START_TEST(the_index_is_needed_for_strangers_alone)
{
    apr_uint64_t id = take("ann", "g1");

    memory_store_evict(world->store,
                       locks_index_key("t:", LOCKS_TYPE_GADGET,
                                       locks_course_shard(WORLD_COURSE), pool));
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_int_eq(world_find(world, "ann", id), APR_SUCCESS);
    ck_assert_int_eq(renew("ben", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ben", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, NULL, id), APR_NOTFOUND);
}
END_TEST

START_TEST(a_renewal_keeps_old_records_alive)
{
    apr_uint64_t id;
    int hour;

    world->rules.ttl = apr_time_from_sec(2 * 3600);
    id = take("ann", "g1");
    for (hour = 0; hour < 200; hour++) {
        world_pass(world, apr_time_from_sec(3600));
        ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
        ck_assert_uint_eq(world->lock.id, id);
    }
    ck_assert_str_eq(course_list(), "g1=ann");
    ck_assert_int_eq(renew("ben", id), LOCKS_EFOREIGN);
}
END_TEST

START_TEST(a_lease_may_be_of_a_length_of_its_own)
{
    const locks_terms_t terms = {.client = "", .ttl = apr_time_from_sec(600)};
    apr_uint64_t id = take_as(&terms);

    ck_assert_int_eq(left(), 600000);
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_int_eq(left(), apr_time_as_msec(WORLD_TTL));
    ck_assert_int_eq(world_renew(world, "ann", id, &terms), APR_SUCCESS);
    ck_assert_int_eq(left(), 600000);
}
END_TEST

/* ---- Renewing while something befalls the store ---- */

/** What befalls the operation of this number, counted from 1. */
static struct {
    int number;
    memory_store_fate_e fate;
    void (*act)(void);
    int count;
} plan;

static memory_store_fate_e befall(void *baton,
                                  const memory_store_operation_t *operation)
{
    (void)baton;
    (void)operation;
    if (++plan.count != plan.number) {
        return MEMORY_STORE_PASS;
    }
    if (plan.act != NULL) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        plan.act();
        memory_store_hook(world->store, befall, NULL, NULL);
    }
    return plan.fate;
}

static void plan_for(int number, memory_store_fate_e fate, void (*act)(void))
{
    plan.number = number;
    plan.fate = fate;
    plan.act = act;
    plan.count = 0;
    memory_store_hook(world->store, befall, NULL, NULL);
}

START_TEST(no_read_may_fail)
{
    apr_uint64_t id = take("ann", "g1");
    int number;

    for (number = 1; number <= 2; number++) {
        plan_for(number, MEMORY_STORE_UNREACHED, NULL);
        ck_assert_int_eq(renew("ann", id), LOCKS_EUNAVAILABLE);
        plan_for(number, MEMORY_STORE_UNREACHED, NULL);
        ck_assert_int_eq(world_find(world, "ann", id), LOCKS_EUNAVAILABLE);
    }
    for (number = 1; number <= 3; number++) {
        plan_for(number, MEMORY_STORE_UNREACHED, NULL);
        ck_assert_int_eq(renew("ben", id), LOCKS_EUNAVAILABLE);
        plan_for(number, MEMORY_STORE_UNREACHED, NULL);
        ck_assert_int_eq(world_find(world, "ben", id), LOCKS_EUNAVAILABLE);
        plan_for(number, MEMORY_STORE_UNREACHED, NULL);
        ck_assert_int_eq(world_find(world, NULL, id), LOCKS_EUNAVAILABLE);
    }
}
END_TEST

START_TEST(a_lost_answer_to_a_renewal_is_found_out)
{
    apr_uint64_t id = take("ann", "g1");

    world_pass(world, WORLD_TTL / 2);
    plan_for(3, MEMORY_STORE_ANSWER_LOST, NULL);
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_int_eq(left(), apr_time_as_msec(WORLD_TTL));
    world_pass(world, WORLD_TTL / 2);
    plan_for(3, MEMORY_STORE_WRITE_LOST, NULL);
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_int_eq(left(), apr_time_as_msec(WORLD_TTL));
    plan_for(3, MEMORY_STORE_WRITE_REFUSED, NULL);
    ck_assert_int_eq(renew("ann", id), LOCKS_EUNAVAILABLE);
    plan_for(3, MEMORY_STORE_UNREACHED, NULL);
    ck_assert_int_eq(renew("ann", id), LOCKS_EUNAVAILABLE);
}
END_TEST

static void release_it(void)
{
    ck_assert_int_eq(world_release(world, "ann", world->lock.id), APR_SUCCESS);
}

static void expire_and_lose_it_to_ben(void)
{
    world->now += WORLD_TTL;
    take("ben", "g1");
}

static void move_away(void)
{
    take("ann", "g3");
}

static void lose_slots(void)
{
    memory_store_evict(world->store, SLOTS_KEY);
}

static void lose_her_lease(void)
{
    lose_lease("ann");
}

/** What happens before the renewal writes, and what it comes to. */
static const struct {
    void (*act)(void);
    const char *list;
} meanwhile[] = {
    {release_it, ""},
    {expire_and_lose_it_to_ben, "g1=ben"},
    {move_away, "g3=ann"},
    {lose_her_lease, ""},
};

START_TEST(what_comes_first_counts)
{
    apr_uint64_t id = take("ann", "g1");
    int number;

    for (number = 1; number <= 3; number++) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        memory_store_restart(world->store);
        world_pass(world, WORLD_TTL);
        id = take("ann", "g1");
        plan_for(number, MEMORY_STORE_PASS, meanwhile[_i].act);
        ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
        ck_assert_str_eq(course_list(), meanwhile[_i].list);
    }
}
END_TEST

START_TEST(slots_that_are_lost_during_a_renewal_stay_lost)
{
    apr_uint64_t id = take("ann", "g1");

    plan_for(3, MEMORY_STORE_PASS, lose_slots);
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_str_eq(course_list(), "");
    ck_assert_int_eq(renew("ann", id), APR_NOTFOUND);
}
END_TEST

/* ---- Finding ---- */

START_TEST(locks_are_found_by_id_and_by_owner)
{
    apr_uint64_t id = take("ann", "g1");

    ck_assert_int_eq(world_find(world, "ann", id), APR_SUCCESS);
    ck_assert_str_eq(world->lock.owner, "ann");
    ck_assert_int_eq(world_find(world, "ann", 0), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_int_eq(world_find(world, "ben", id), LOCKS_EFOREIGN);
    ck_assert_str_eq(world->lock.owner, "ann");
    ck_assert_str_eq(world->lock.subject.course, WORLD_COURSE);
    ck_assert_int_eq(world_find(world, NULL, id), LOCKS_EFOREIGN);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_int_eq(world_find(world, "ben", 0), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ann", id + 256), APR_NOTFOUND);
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(world_find(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ann", 0), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ben", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, NULL, id), APR_NOTFOUND);
}
END_TEST

static void pass_the_deadline(void)
{
    world->now += WORLD_TTL;
}

START_TEST(a_lock_that_ends_while_it_is_looked_for_is_not_found)
{
    apr_uint64_t id = take("ann", "g1");

    plan_for(2, MEMORY_STORE_PASS, pass_the_deadline);
    ck_assert_int_eq(world_find(world, "ann", id), APR_NOTFOUND);
}
END_TEST

START_TEST(finding_costs_little)
{
    apr_uint64_t id = take("ann", "g1");

    world_find(world, "ann", id);
    ck_assert_uint_le(world->round_trips, 2);
    world_find(world, "ann", 0);
    ck_assert_uint_le(world->round_trips, 2);
    world_find(world, "ben", id);
    ck_assert_uint_le(world->round_trips, 3);
    renew("ann", id);
    ck_assert_uint_le(world->round_trips, 3);
}
END_TEST

/* ---- Windows ---- */

START_TEST(another_window_is_told_so)
{
    apr_uint64_t id = take_as(&window_1);

    ck_assert_str_eq(world->lock.client, "w1");
    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(
        world_acquire_on(world, "ann", WORLD_COURSE, "g1", &window_2),
        LOCKS_EOTHERWINDOW);
    ck_assert_int_eq(world_renew(world, "ann", id, &window_2),
                     LOCKS_EOTHERWINDOW);
    ck_assert_int_eq(world_renew(world, "ann", id, &window_2_takes_over),
                     LOCKS_EOTHERWINDOW);
    world_pass(world, WORLD_TTL / 2);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(the_same_window_and_one_without_a_name_renew)
{
    apr_uint64_t id = take_as(&window_1);

    ck_assert_uint_eq(take_as(&window_1), id);
    ck_assert_uint_eq(take_as(&locks_usual_terms), id);
    ck_assert_str_eq(world->lock.client, "w1");
    ck_assert_int_eq(renew("ann", id), APR_SUCCESS);
    ck_assert_str_eq(world->lock.client, "w1");
    ck_assert_int_eq(world_find(world, "ann", id), APR_SUCCESS);
    ck_assert_str_eq(world->lock.client, "w1");
}
END_TEST

START_TEST(a_lock_without_a_window_gets_the_one_that_renews)
{
    apr_uint64_t id = take_as(&locks_usual_terms);

    ck_assert_str_eq(world->lock.client, "");
    ck_assert_uint_eq(take_as(&window_2_takes_over), id);
    ck_assert_str_eq(world->lock.client, "w2");
    ck_assert_int_eq(world_renew(world, "ann", id, &window_1),
                     LOCKS_EOTHERWINDOW);
}
END_TEST

START_TEST(a_takeover_is_a_new_lock)
{
    apr_uint64_t id = take_as(&window_1);
    apr_uint64_t next = take_as(&window_2_takes_over);

    ck_assert_uint_gt(next, id);
    ck_assert_str_eq(world->lock.client, "w2");
    ck_assert_str_eq(course_list(), "g1=ann");
    ck_assert_int_eq(world_renew(world, "ann", id, &window_1), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ben", id), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_find(world, "ben", next), LOCKS_EFOREIGN);
    ck_assert_int_eq(world_renew(world, "ann", next, &window_2), APR_SUCCESS);
    ck_assert_int_eq(world_release(world, "ann", next), APR_SUCCESS);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(a_window_moves_whatever_another_has)
{
    take_as(&window_1);
    ck_assert_int_eq(
        world_acquire_on(world, "ann", WORLD_COURSE, "g2", &window_2),
        APR_SUCCESS);
    ck_assert_str_eq(course_list(), "g2=ann");
}
END_TEST

/** Everybody looks while the slot of the lock to come is written, and the
 *  lease is not: "w2" has not taken over yet. */
static void look_at_a_takeover(void)
{
    apr_uint64_t id;

    ck_assert_str_eq(course_list(), "g1=ann");
    ck_assert_int_eq(world_find(world, "ann", 0), APR_SUCCESS);
    id = world->lock.id;
    ck_assert_str_eq(world->lock.client, "w1");
    ck_assert_int_eq(world_find(world, "ben", id), LOCKS_EFOREIGN);
    ck_assert_int_eq(world_acquire(world, "ben", WORLD_COURSE, "g1"),
                     LOCKS_EHELD);
    ck_assert_int_eq(world_acquire(world, "cat", WORLD_COURSE, "g2"),
                     APR_SUCCESS);
    ck_assert_int_eq(world_find(world, "ann", id), APR_SUCCESS);
}

START_TEST(nobody_steps_in_while_a_window_takes_over)
{
    apr_uint64_t id = take_as(&window_1);

    plan_for(3, MEMORY_STORE_PASS, look_at_a_takeover);
    ck_assert_uint_gt(take_as(&window_2_takes_over), id);
    ck_assert_str_eq(world->lock.client, "w2");
    ck_assert_int_eq(world_find(world, "ann", id), APR_NOTFOUND);
}
END_TEST

static void renew_it(void)
{
    ck_assert_int_eq(world_find(world, "ann", 0), APR_SUCCESS);
    ck_assert_int_eq(world_renew(world, "ann", world->lock.id, &window_1),
                     APR_SUCCESS);
}

START_TEST(a_renewal_during_a_takeover_delays_it)
{
    apr_uint64_t id = take_as(&window_1);

    plan_for(3, MEMORY_STORE_PASS, renew_it);
    ck_assert_uint_gt(take_as(&window_2_takes_over), id);
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

/** A worker dies that takes over, between its two writes. */
static apr_uint64_t die_taking_over(void)
{
    apr_uint64_t id = take_as(&window_1);

    plan_for(3, MEMORY_STORE_UNREACHED, NULL);
    ck_assert_int_eq(world_acquire_on(world, "ann", WORLD_COURSE, "g1",
                                      &window_2_takes_over),
                     LOCKS_EUNAVAILABLE);
    memory_store_hook(world->store, NULL, NULL, NULL);
    return id;
}

START_TEST(a_takeover_that_is_not_finished_leaves_the_lock)
{
    apr_uint64_t id = die_taking_over();

    world_pass(world, LOCKS_PENDING_GRACE * 2);
    ck_assert_str_eq(course_list(), "g1=ann");
    ck_assert_int_eq(world_acquire(world, "ben", WORLD_COURSE, "g1"),
                     LOCKS_EHELD);
    ck_assert_int_eq(world_renew(world, "ann", id, &window_1), APR_SUCCESS);
    ck_assert_uint_gt(take_as(&window_2_takes_over), id);
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

START_TEST(what_such_a_takeover_left_is_cleared_away)
{
    apr_uint64_t id = die_taking_over();

    world_pass(world, WORLD_TTL);
    ck_assert_str_eq(course_list(), "");
    ck_assert_int_eq(world_acquire(world, "ben", WORLD_COURSE, "g1"),
                     APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
    ck_assert_str_eq(course_list(), "g1=ben");
    ck_assert_int_eq(world_renew(world, "ann", id, &window_1), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ann", id), APR_NOTFOUND);
}
END_TEST

START_TEST(a_full_course_lets_windows_take_over)
{
    world->rules.max_per_course = 1;
    take_as(&window_1);
    take_as(&window_2_takes_over);
    ck_assert_int_eq(world_acquire(world, "ben", WORLD_COURSE, "g2"),
                     LOCKS_EFULL);
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

static void add_tests(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_renewal_keeps_the_lock_and_its_grant);
    tcase_add_test(tests, a_lock_that_is_gone_is_not_renewed);
    tcase_add_test(tests, another_users_lock_is_not_renewed);
    tcase_add_test(tests, who_may_not_any_more_does_not_renew);
    tcase_add_test(tests, what_the_store_forgot_is_not_renewed);
    tcase_add_test(tests, a_slot_of_somebody_else_is_not_renewed);
    tcase_add_test(tests, the_index_is_needed_for_strangers_alone);
    tcase_add_test(tests, a_renewal_keeps_old_records_alive);
    tcase_add_test(tests, a_lease_may_be_of_a_length_of_its_own);
    tcase_add_test(tests, no_read_may_fail);
    tcase_add_test(tests, a_lost_answer_to_a_renewal_is_found_out);
    tcase_add_loop_test(tests, what_comes_first_counts, 0, COUNT(meanwhile));
    tcase_add_test(tests, slots_that_are_lost_during_a_renewal_stay_lost);
    tcase_add_test(tests, locks_are_found_by_id_and_by_owner);
    tcase_add_test(tests, a_lock_that_ends_while_it_is_looked_for_is_not_found);
    tcase_add_test(tests, finding_costs_little);
    tcase_add_test(tests, another_window_is_told_so);
    tcase_add_test(tests, the_same_window_and_one_without_a_name_renew);
    tcase_add_test(tests, a_lock_without_a_window_gets_the_one_that_renews);
    tcase_add_test(tests, a_takeover_is_a_new_lock);
    tcase_add_test(tests, a_window_moves_whatever_another_has);
    tcase_add_test(tests, nobody_steps_in_while_a_window_takes_over);
    tcase_add_test(tests, a_renewal_during_a_takeover_delays_it);
    tcase_add_test(tests, a_takeover_that_is_not_finished_leaves_the_lock);
    tcase_add_test(tests, what_such_a_takeover_left_is_cleared_away);
    tcase_add_test(tests, a_full_course_lets_windows_take_over);
}

int main(void)
{
    Suite *suite = suite_create("renew");

    add_tests(suite, "renew", begin_world);
    add_tests(suite, "who asks is known", begin_knowing);
    return unit_run(suite);
}
