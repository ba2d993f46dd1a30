/* SPDX-License-Identifier: Apache-2.0 */
/* Leases that are read beside the slots: what that saves, and when it must not
 * be believed. That it never changes an answer, whatever happens between two
 * readings, is for the simulation to show. */
#include "locks_foreseen.h"

#include "locks_memo.h"
#include "unit.h"
#include "world.h"

static world_t *world;

static void begin(void)
{
    setup();
    world = world_make(pool);
    world->ticks = 1;
    ck_assert_int_eq(
        locks_memo_create(&world->owners, 64, LOCKS_OWNERS_MAX, pool),
        APR_SUCCESS);
}

static void acquire(const char *user, const char *course, const char *resource)
{
    ck_assert_int_eq(world_acquire(world, user, course, resource), APR_SUCCESS);
}

/** @param trips that it takes */
static void assert_lists(const char *course, const char *locks,
                         apr_uint32_t trips)
{
    ck_assert_str_eq(world_list(world, course), locks);
    ck_assert_uint_eq(world->round_trips, trips);
}

static void assert_shows(const char *resource, const char *locks,
                         apr_uint32_t trips)
{
    ck_assert_str_eq(world_look(world, WORLD_COURSE, resource), locks);
    ck_assert_uint_eq(world->round_trips, trips);
}

static const char *lease_key(const char *user)
{
    return locks_lease_key("t:", LOCKS_TYPE_GADGET, user, pool);
}

static void lose_lease(const char *user)
{
    memory_store_evict(world->store, lease_key(user));
}

static void damage_lease(const char *user)
{
    world_damage(world, lease_key(user));
}

static void lose_slots(void)
{
    memory_store_evict(world->store, locks_slots_key("t:", LOCKS_TYPE_GADGET,
                                                     WORLD_COURSE, pool));
}

/* ---- Courses' owners ---- */

START_TEST(a_list_takes_one_where_the_owners_are_known)
{
    acquire("ann", WORLD_COURSE, "g1");
    acquire("ben", WORLD_COURSE, "g2");
    assert_lists(WORLD_COURSE, "g1=ann g2=ben", 2);
    assert_lists(WORLD_COURSE, "g1=ann g2=ben", 1);
    /* The other course has nobody. */
    assert_lists(WORLD_OTHER_COURSE, "", 1);
}
END_TEST

START_TEST(without_memory_it_takes_two)
{
    world->owners = NULL;
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    assert_lists(WORLD_COURSE, "g1=ann", 2);
}
END_TEST

START_TEST(whoever_is_new_is_read_after_the_slots)
{
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    acquire("ben", WORLD_COURSE, "g2");
    assert_lists(WORLD_COURSE, "g1=ann g2=ben", 2);
    assert_lists(WORLD_COURSE, "g1=ann g2=ben", 1);
}
END_TEST

START_TEST(who_has_released_is_no_cost)
{
    acquire("ann", WORLD_COURSE, "g1");
    acquire("ben", WORLD_COURSE, "g2");
    assert_lists(WORLD_COURSE, "g1=ann g2=ben", 2);
    ck_assert_int_eq(world_release(world, "ben", world->lock.id), APR_SUCCESS);
    assert_lists(WORLD_COURSE, "g1=ann", 1);
    acquire("ann", WORLD_OTHER_COURSE, "g1");
    assert_lists(WORLD_COURSE, "", 1);
    assert_lists(WORLD_OTHER_COURSE, "g1=ann", 2);
    assert_lists(WORLD_OTHER_COURSE, "g1=ann", 1);
}
END_TEST

START_TEST(a_move_within_the_course_is_no_cost)
{
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    acquire("ann", WORLD_COURSE, "g2");
    assert_lists(WORLD_COURSE, "g2=ann", 1);
}
END_TEST

START_TEST(owners_are_remembered_in_the_order_of_their_slots)
{
    acquire("ann", WORLD_COURSE, "g1");
    acquire("ben", WORLD_COURSE, "g2");
    assert_lists(WORLD_COURSE, "g1=ann g2=ben", 2);
    ck_assert_str_eq(world_foreseen(world, WORLD_COURSE), "ann ben");
    /* The slot of the lock that a move left goes with the next move. */
    acquire("ann", WORLD_COURSE, "g3");
    acquire("ann", WORLD_COURSE, "g4");
    assert_lists(WORLD_COURSE, "g2=ben g4=ann", 1);
    ck_assert_str_eq(world_foreseen(world, WORLD_COURSE), "ben ann");
}
END_TEST

START_TEST(those_who_are_gone_from_the_slots_are_forgotten)
{
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    ck_assert_int_eq(world_release(world, "ann", world->lock.id), APR_SUCCESS);
    acquire("ben", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ben", 2);
    assert_lists(WORLD_COURSE, "g1=ben", 1);
    /* Ann's lease is read no more: it cannot hurt. */
    damage_lease("ann");
    assert_lists(WORLD_COURSE, "g1=ben", 1);
}
END_TEST

START_TEST(names_of_any_form_are_remembered)
{
    const char *names[] = {"", " ", "a:b\nc",
                           "PartnerKey:", repeated('n', 255)};
    apr_size_t i;

    for (i = 1; i < sizeof(names) / sizeof(*names); i++) {
        acquire(names[i], WORLD_COURSE, apr_psprintf(pool, "g%d", (int)i));
    }
    world_list(world, WORLD_COURSE);
    assert_lists(WORLD_COURSE,
                 apr_pstrcat(pool, "g1=", names[1], " g2=", names[2],
                             " g3=", names[3], " g4=", names[4], NULL),
                 1);
}
END_TEST

/** Many users, whose IDs have as many bytes each. */
#define LONG_USER "a-user-of-a-long-name-%03d"
#define LONG_USER_SIZE sizeof("a-user-of-a-long-name-000")

static void acquire_many(int from, int to)
{
    int i;

    for (i = from; i < to; i++) {
        acquire(apr_psprintf(pool, LONG_USER, i), WORLD_COURSE,
                apr_psprintf(pool, "g%03d", i));
    }
}

START_TEST(a_long_list_of_owners_is_not_remembered)
{
    const int most = LOCKS_OWNERS_MAX / LONG_USER_SIZE;

    acquire_many(0, most);
    world_list(world, WORLD_COURSE);
    world_list(world, WORLD_COURSE);
    ck_assert_uint_eq(world->round_trips, 1);
    acquire_many(most, most + 1);
    world_list(world, WORLD_COURSE);
    world_list(world, WORLD_COURSE);
    ck_assert_uint_eq(world->round_trips, 2);
}
END_TEST

/* ---- What must not be believed ---- */

START_TEST(a_slot_without_a_lease_is_looked_at_twice)
{
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    lose_lease("ann");
    assert_lists(WORLD_COURSE, "", 2);
}
END_TEST

START_TEST(a_damaged_lease_is_a_failure_all_the_same)
{
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    damage_lease("ann");
    assert_lists(WORLD_COURSE, "?", 2);
    ck_assert(strstr(world->why, "damaged") != NULL);
}
END_TEST

START_TEST(slots_that_were_lost_are_a_course_without_locks)
{
    acquire("ann", WORLD_COURSE, "g1");
    assert_lists(WORLD_COURSE, "g1=ann", 2);
    lose_slots();
    assert_lists(WORLD_COURSE, "", 1);
    assert_lists(WORLD_COURSE, "", 1);
}
END_TEST

/* ---- One's own lease ---- */

START_TEST(a_holder_is_seen_in_one)
{
    acquire("ann", WORLD_COURSE, "g1");
    acquire("ben", WORLD_COURSE, "g2");
    world->foreseen = "ann";
    assert_shows("g1", "g1=ann", 1);
    assert_shows("g2", "g2=ben", 2);
    assert_shows("g3", "", 1);
}
END_TEST

START_TEST(whose_slot_is_newer_is_read_again)
{
    acquire("ann", WORLD_COURSE, "g1");
    world->foreseen = "ann";
    /* As if the lease had been read before it was granted. */
    lose_lease("ann");
    assert_shows("g1", "", 2);
}
END_TEST

/** What slots of its course have forgotten, whoever took something since. */
START_TEST(a_lease_that_slots_do_not_know_shows_nothing)
{
    acquire("ann", WORLD_COURSE, "g1");
    lose_slots();
    world->now -= apr_time_from_sec(30);
    acquire("ben", WORLD_COURSE, "g2");
    world->foreseen = "ann";
    assert_shows("g1", "", 1);
    assert_shows("g2", "g2=ben", 2);
}
END_TEST

/* ---- Several servers ---- */

static int on_one_server(const locks_store_t *store, const char *key)
{
    (void)store;
    (void)key;
    return 0;
}

static int leases_elsewhere(const locks_store_t *store, const char *key)
{
    (void)store;
    return strstr(key, "lease:") != NULL;
}

static int each_elsewhere(const locks_store_t *store, const char *key)
{
    (void)store;
    return (int)strlen(key);
}

static const struct {
    int (*place)(const locks_store_t *store, const char *key);
    apr_uint32_t trips;
} pools[] = {{on_one_server, 1}, {leases_elsewhere, 2}, {each_elsewhere, 2}};

START_TEST(a_guess_asks_no_server_that_is_not_asked_anyway)
{
    locks_store_t *base = memory_store_base(world->store);
    locks_store_provider_t provider = *base->provider;
    apr_array_header_t *resources = apr_array_make(pool, 1, sizeof(char *));
    locks_operation_t *op;
    apr_array_header_t *locks;
    apr_time_t time;

    acquire("ann", WORLD_COURSE, "g1");
    op = locks_operation_open(&world->rules, &world->env, LOCKS_TYPE_GADGET,
                              base->provider->open(base, pool), pool);
    provider.place = pools[_i].place;
    op->store->provider = &provider;
    op->base = base;
    locks_foresee(op, "ann");
    APR_ARRAY_PUSH(resources, const char *) = "g1";
    ck_assert_int_eq(locks_look(op, &locks, &time, WORLD_COURSE, resources),
                     APR_SUCCESS);
    ck_assert_int_eq(locks->nelts, 1);
    ck_assert_uint_eq(op->store->round_trips, pools[_i].trips);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreseen");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, begin, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_list_takes_one_where_the_owners_are_known);
    tcase_add_test(tcase, without_memory_it_takes_two);
    tcase_add_test(tcase, whoever_is_new_is_read_after_the_slots);
    tcase_add_test(tcase, who_has_released_is_no_cost);
    tcase_add_test(tcase, a_move_within_the_course_is_no_cost);
    tcase_add_test(tcase, owners_are_remembered_in_the_order_of_their_slots);
    tcase_add_test(tcase, those_who_are_gone_from_the_slots_are_forgotten);
    tcase_add_test(tcase, names_of_any_form_are_remembered);
    tcase_add_test(tcase, a_long_list_of_owners_is_not_remembered);
    tcase_add_test(tcase, a_slot_without_a_lease_is_looked_at_twice);
    tcase_add_test(tcase, a_damaged_lease_is_a_failure_all_the_same);
    tcase_add_test(tcase, slots_that_were_lost_are_a_course_without_locks);
    tcase_add_test(tcase, a_holder_is_seen_in_one);
    tcase_add_test(tcase, whose_slot_is_newer_is_read_again);
    tcase_add_test(tcase, a_lease_that_slots_do_not_know_shows_nothing);
    tcase_add_loop_test(tcase, a_guess_asks_no_server_that_is_not_asked_anyway,
                        0, COUNT(pools));
    return unit_run(suite);
}
