/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol alone, on a store that does as it is told. */
#include "unit.h"
#include "world.h"

static world_t *world;

static void begin_world(void)
{
    setup();
    world = world_make(pool);
}

/** The everyday requests. */
static apr_status_t take(const char *user, const char *resource)
{
    return world_acquire(world, user, WORLD_COURSE, resource);
}

static const char *course_list(void)
{
    return world_list(world, WORLD_COURSE);
}

START_TEST(a_lock_is_granted_and_listed)
{
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_int_eq(locks_expires_in(&world->lock, world->now),
                     apr_time_as_msec(WORLD_TTL));
    ck_assert_uint_ge(world->lock.id, (apr_uint64_t)world->now * 1000 - 256);
    ck_assert_uint_eq(world->lock.id & 0xff, locks_course_shard(WORLD_COURSE));
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

START_TEST(another_user_is_refused_and_loses_nothing)
{
    take("ann", "g1");
    take("ben", "g2");
    ck_assert_int_eq(take("ben", "g1"), LOCKS_EHELD);
    ck_assert_str_eq(course_list(), "g1=ann g2=ben");
}
END_TEST

START_TEST(asking_again_renews)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    world_pass(world, WORLD_TTL / 2);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_uint_eq(world->lock.id, id);
    ck_assert_int_eq(locks_expires_in(&world->lock, world->now),
                     apr_time_as_msec(WORLD_TTL));
    world_pass(world, WORLD_TTL * 3 / 4);
    ck_assert_str_eq(course_list(), "g1=ann");
}
END_TEST

START_TEST(a_new_lock_releases_the_old)
{
    take("ann", "g1");
    ck_assert_int_eq(take("ann", "g2"), APR_SUCCESS);
    ck_assert_str_eq(course_list(), "g2=ann");
    ck_assert_int_eq(world_acquire(world, "ann", WORLD_OTHER_COURSE, "g1"),
                     APR_SUCCESS);
    ck_assert_str_eq(course_list(), "");
    ck_assert_str_eq(world_list(world, WORLD_OTHER_COURSE), "g1=ann");
    ck_assert_int_eq(take("ben", "g2"), APR_SUCCESS);
}
END_TEST

START_TEST(a_lock_ends_at_its_deadline)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    world_pass(world, WORLD_TTL - 1);
    ck_assert_int_eq(take("ben", "g1"), LOCKS_EHELD);
    world_pass(world, 1);
    ck_assert_str_eq(course_list(), "");
    ck_assert_int_eq(world_release(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EHELD);
}
END_TEST

START_TEST(an_own_expired_lock_gets_a_new_id)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    world_pass(world, WORLD_TTL);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
}
END_TEST

START_TEST(clocks_that_differ_leave_the_owner_time)
{
    apr_uint64_t id;

    world->rules.skew = apr_time_from_sec(5);
    take("ann", "g1");
    id = world->lock.id;
    world_pass(world, WORLD_TTL + apr_time_from_sec(4));
    ck_assert_str_eq(course_list(), "");
    ck_assert_int_eq(world_release(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(take("ben", "g1"), LOCKS_EHELD);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
    world_pass(world, WORLD_TTL + apr_time_from_sec(5));
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
}
END_TEST

START_TEST(release_tells_own_foreign_and_unknown)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    ck_assert_int_eq(world_release(world, "ben", id), LOCKS_EFOREIGN);
    ck_assert_int_eq(world_release(world, "ben", id + 256), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ann", 1), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ann", id), APR_SUCCESS);
    ck_assert_int_eq(world_release(world, "ann", id), APR_NOTFOUND);
    ck_assert_int_eq(world_release(world, "ben", id), APR_NOTFOUND);
    ck_assert_str_eq(course_list(), "");
}
END_TEST

START_TEST(ids_grow_even_after_the_store_forgot)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    memory_store_restart(world->store);
    world_pass(world, 1000);
    ck_assert_str_eq(course_list(), "");
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
}
END_TEST

START_TEST(ids_grow_though_the_clock_stands_still_or_goes_back)
{
    apr_uint64_t last = 0;
    int i;

    for (i = 0; i < 20; i++) {
        ck_assert_int_eq(take("ann", i % 2 ? "g1" : "g2"), APR_SUCCESS);
        ck_assert_uint_gt(world->lock.id, last);
        last = world->lock.id;
        world->now -= 1000;
    }
}
END_TEST

START_TEST(lost_slots_are_a_course_without_locks)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    memory_store_evict(world->store, "t:slots:gadget:" WORLD_COURSE);
    ck_assert_str_eq(course_list(), "");
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_uint_gt(world->lock.id, id);
    memory_store_evict(world->store, "t:slots:gadget:" WORLD_COURSE);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    ck_assert_str_eq(course_list(), "g1=ben");
}
END_TEST

START_TEST(a_lost_lease_is_a_lost_lock)
{
    take("ann", "g1");
    memory_store_evict(world->store,
                       locks_lease_key("t:", LOCKS_TYPE_GADGET, "ann", pool));
    ck_assert_str_eq(course_list(), "");
    world_pass(world, apr_time_from_sec(1));
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EHELD);
}
END_TEST

START_TEST(a_full_course_takes_no_more_but_lets_holders_move)
{
    world->rules.max_per_course = 3;
    take("u1", "g1");
    take("u2", "g2");
    take("u3", "g3");
    ck_assert_int_eq(take("u4", "g4"), LOCKS_EFULL);
    ck_assert_int_eq(take("u1", "g5"), APR_SUCCESS);
    ck_assert_int_eq(take("u4", "g4"), LOCKS_EFULL);
    world_release(world, "u1", world->lock.id);
    ck_assert_int_eq(take("u1", "g5"), APR_SUCCESS);
    ck_assert_int_eq(world_release(world, "u1", world->lock.id), APR_SUCCESS);
    ck_assert_int_eq(take("u4", "g4"), APR_SUCCESS);
}
END_TEST

START_TEST(a_limit_that_was_lowered_lets_holders_move)
{
    take("u1", "g1");
    take("u2", "g2");
    take("u3", "g3");
    world->rules.max_per_course = 1;
    ck_assert_int_eq(take("u4", "g4"), LOCKS_EFULL);
    ck_assert_int_eq(take("u1", "g5"), APR_SUCCESS);
}
END_TEST

START_TEST(what_expired_makes_room)
{
    int i;

    world->rules.max_per_course = 8;
    for (i = 0; i < 8; i++) {
        ck_assert_int_eq(take(apr_itoa(pool, i), apr_itoa(pool, i)),
                         APR_SUCCESS);
    }
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EFULL);
    world_pass(world, WORLD_TTL);
    for (i = 10; i < 18; i++) {
        ck_assert_int_eq(take(apr_itoa(pool, i), apr_itoa(pool, i)),
                         APR_SUCCESS);
    }
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EFULL);
}
END_TEST

static int slots_length(void)
{
    const char *value;
    apr_size_t length;

    ck_assert_int_eq(memory_store_peek(world->store,
                                       "t:slots:gadget:" WORLD_COURSE, &value,
                                       &length),
                     APR_SUCCESS);
    return (int)length;
}

START_TEST(slots_do_not_grow_with_what_is_past)
{
    int i;

    world->rules.max_per_course = 10;
    for (i = 0; i < 300; i++) {
        ck_assert_int_eq(take(apr_itoa(pool, i), apr_itoa(pool, i)),
                         APR_SUCCESS);
        ck_assert_int_eq(
            world_release(world, apr_itoa(pool, i), world->lock.id),
            APR_SUCCESS);
    }
    ck_assert_int_lt(slots_length(), 100 + 10 * 25);
}
END_TEST

START_TEST(what_is_in_use_outlives_the_records_lifetime)
{
    apr_uint64_t id;
    int hour;

    world->rules.ttl = apr_time_from_sec(2 * 3600);
    take("ann", "g1");
    id = world->lock.id;
    for (hour = 0; hour < 200; hour++) {
        world_pass(world, apr_time_from_sec(3600));
        ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
        ck_assert_uint_eq(world->lock.id, id);
    }
    ck_assert_int_eq(world_release(world, "ben", id), LOCKS_EFOREIGN);
}
END_TEST

START_TEST(the_index_outlives_its_lifetime_in_a_course_of_changing_locks)
{
    int hour;

    for (hour = 0; hour < 200; hour++) {
        ck_assert_int_eq(take("ann", hour % 2 ? "g1" : "g2"), APR_SUCCESS);
        world_pass(world, apr_time_from_sec(3600));
    }
    take("ann", "g1");
    ck_assert_int_eq(world_release(world, "ben", world->lock.id),
                     LOCKS_EFOREIGN);
}
END_TEST

START_TEST(a_damaged_record_is_no_answer)
{
    apr_uint64_t id;

    take("ann", "g1");
    id = world->lock.id;
    world_damage(world, "t:slots:gadget:" WORLD_COURSE);
    ck_assert_str_eq(course_list(), "?");
    ck_assert_int_eq(take("ben", "g1"), LOCKS_EUNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(world->why, "t:slots:gadget:"));
    ck_assert_int_eq(world_release(world, "ben", id), LOCKS_EUNAVAILABLE);
    world_damage(world, locks_lease_key("t:", LOCKS_TYPE_GADGET, "ann", pool));
    ck_assert_int_eq(world_release(world, "ann", id), LOCKS_EUNAVAILABLE);
}
END_TEST

START_TEST(a_damaged_index_is_replaced)
{
    apr_uint64_t id;

    world_damage(world,
                 locks_index_key("t:", LOCKS_TYPE_GADGET,
                                 locks_course_shard(WORLD_COURSE), pool));
    ck_assert_int_eq(
        world_release(world, "ben", locks_course_shard(WORLD_COURSE) | 0x100u),
        LOCKS_EUNAVAILABLE);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    id = world->lock.id;
    ck_assert_int_eq(world_release(world, "ben", id), LOCKS_EFOREIGN);
}
END_TEST

/** The index falls due between two round trips of one request. */
static void let_a_moment_pass(void *baton,
                              const memory_store_operation_t *operation)
{
    (void)baton;
    (void)operation;
    world->now += apr_time_from_msec(2);
}

START_TEST(an_index_that_falls_due_meanwhile_is_left_to_the_next)
{
    int ms;

    for (ms = 0; ms < 12; ms++) {
        teardown();
        begin_world();
        take("ann", "g1");
        world_release(world, "ann", world->lock.id);
        /* Ann's lease has to be read to judge her slot: meanwhile ... */
        world->now += LOCKS_RECORD_STALE - apr_time_from_msec(ms);
        memory_store_hook(world->store, NULL, let_a_moment_pass, NULL);
        ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    }
}
END_TEST

/** While two leases are read, ann's old one first, she moves on and ben takes
 *  what she left; his is read after that. */
static void tear(void *baton, const memory_store_operation_t *operation)
{
    locks_store_t *base = memory_store_base(world->store);
    const char *bens = locks_lease_key("t:", LOCKS_TYPE_GADGET, "ben", pool);
    apr_size_t i;

    (void)baton;
    if (operation->kind != MEMORY_STORE_FETCH || operation->count != 2) {
        return;
    }
    memory_store_hook(world->store, NULL, NULL, NULL);
    ck_assert_int_eq(take("ann", "g2"), APR_SUCCESS);
    ck_assert_int_eq(take("ben", "g1"), APR_SUCCESS);
    for (i = 0; i < 2; i++) {
        if (strcmp(operation->items[i].key, bens) == 0) {
            base->provider->fetch(base->provider->open(base, pool),
                                  &operation->items[i], 1,
                                  LOCKS_STORE_ORDINARY);
        }
    }
}

START_TEST(a_torn_list_is_read_again)
{
    take("ben", "g5");
    world_release(world, "ben", world->lock.id);
    take("ann", "g1");
    memory_store_hook(world->store, NULL, tear, NULL);
    ck_assert_str_eq(course_list(), "g2=ann g1=ben");
}
END_TEST

START_TEST(one_resource_can_be_looked_at)
{
    take("ann", "g1");
    take("ben", "g2");
    ck_assert_str_eq(world_look(world, WORLD_COURSE, "g1"), "g1=ann");
    ck_assert_str_eq(world_look(world, WORLD_COURSE, "g2"), "g2=ben");
    ck_assert_str_eq(world_look(world, WORLD_COURSE, "g3"), "");
    ck_assert_str_eq(world_look(world, WORLD_OTHER_COURSE, "g1"), "");
    world_release(world, "ben", world->lock.id);
    ck_assert_str_eq(world_look(world, WORLD_COURSE, "g2"), "");
    world_pass(world, WORLD_TTL);
    ck_assert_str_eq(world_look(world, WORLD_COURSE, "g1"), "");
}
END_TEST

/** The lease of "u1" cannot be read. */
static void hide_u1(void *baton, const memory_store_operation_t *operation)
{
    const char *key = locks_lease_key("t:", LOCKS_TYPE_GADGET, "u1", pool);
    apr_size_t i;

    (void)baton;
    for (i = 0; operation->kind == MEMORY_STORE_FETCH && i < operation->count;
         i++) {
        if (strcmp(operation->items[i].key, key) == 0) {
            operation->items[i].status = LOCKS_STORE_UNREACHABLE;
        }
    }
}

START_TEST(a_lease_that_only_a_sweep_wants_refuses_nobody)
{
    world->rules.max_per_course = 4;
    take("u1", "g1");
    take("u2", "g2");
    take("u3", "g3");
    memory_store_hook(world->store, NULL, hide_u1, NULL);
    ck_assert_int_eq(take("u3", "g3"), APR_SUCCESS);
    ck_assert_int_eq(take("u4", "g4"), APR_SUCCESS);
    ck_assert_int_eq(take("u5", "g5"), LOCKS_EUNAVAILABLE);
    ck_assert_int_eq(take("u4", "g1"), LOCKS_EUNAVAILABLE);
    ck_assert_str_eq(course_list(), "?");
}
END_TEST

/** Counts the leases that are fetched. */
static void count_leases(void *baton, const memory_store_operation_t *operation)
{
    int *count = baton;
    apr_size_t i;

    for (i = 0; operation->kind == MEMORY_STORE_FETCH && i < operation->count;
         i++) {
        *count += strstr(operation->items[i].key, "lease:") != NULL;
    }
}

static void take_many(int from, int to)
{
    int i;

    for (i = from; i < to; i++) {
        ck_assert_int_eq(take(apr_itoa(pool, i), apr_itoa(pool, i)),
                         APR_SUCCESS);
    }
}

START_TEST(a_sweep_that_found_nothing_is_not_made_again_at_once)
{
    int count = 0;

    world->rules.max_per_course = 20;
    take_many(0, 12);
    memory_store_hook(world->store, NULL, count_leases, &count);
    take_many(12, 13);
    ck_assert_int_le(count, 2);
    /* More than half of the room that was left is used up. */
    take_many(13, 18);
    ck_assert_int_ge(count, 16);
}
END_TEST

START_TEST(a_sweep_that_left_work_is_made_again_at_once)
{
    world->rules.max_per_course = 20;
    take_many(0, 18);
    world_pass(world, WORLD_TTL);
    take_many(20, 27);
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_int_lt(slots_length(), 100 + 10 * 25);
}
END_TEST

START_TEST(who_has_a_slot_already_needs_no_sweep)
{
    int count = 0;

    world->rules.max_per_course = 10;
    take_many(0, 10);
    memory_store_hook(world->store, NULL, count_leases, &count);
    ck_assert_int_eq(take("3", "g3"), APR_SUCCESS);
    ck_assert_int_eq(take("3", "g4"), APR_SUCCESS);
    ck_assert_int_le(count, 4);
}
END_TEST

/** Has somebody else take another gadget while one reads the slots first. */
static void overtake(void *baton, const memory_store_operation_t *operation)
{
    int *waits = baton;

    if (*waits && operation->kind == MEMORY_STORE_FETCH) {
        *waits = 0;
        ck_assert_int_eq(take("ben", "g2"), APR_SUCCESS);
    }
}

/** Of the acquire that was overtaken. */
static apr_uint32_t conflicts;
static apr_uint32_t trips;

static void take_overtaken(void)
{
    int waits = 1;

    take("eve", "g0");
    memory_store_hook(world->store, NULL, overtake, &waits);
    ck_assert_int_eq(world_acquire_ahead(world, "ann", WORLD_COURSE, "g1"),
                     APR_SUCCESS);
    conflicts = world->deeds.conflicts;
    trips = world->round_trips;
    ck_assert_str_eq(course_list(), "g0=eve g2=ben g1=ann");
}

static void begin_turns(void)
{
    world->turns = locks_turns_in(apr_pcalloc(pool, locks_turns_size()));
    ck_assert_int_eq(locks_turns_begin(world->turns), APR_SUCCESS);
}

START_TEST(who_was_overtaken_starts_again)
{
    take_overtaken();
    ck_assert_uint_eq(conflicts, 1);
}
END_TEST

START_TEST(who_takes_turns_reads_again_and_loses_no_write)
{
    begin_turns();
    take_overtaken();
    ck_assert_uint_eq(conflicts, 0);
    ck_assert_uint_eq(trips, 4);
}
END_TEST

START_TEST(a_turn_of_one_who_died_stops_nobody)
{
    locks_turn_t dead = {.place = NULL};
    apr_time_t began;

    begin_turns();
    locks_turn_watch(&dead, world->turns, &world->env, WORLD_COURSE);
    (void)locks_turn_take(&dead);
    began = world->ticks;
    ck_assert_int_eq(take("ann", "g1"), APR_SUCCESS);
    ck_assert_int_lt(world->ticks - began, apr_time_from_msec(20));
}
END_TEST

START_TEST(ids_never_pass_their_largest)
{
    locks_store_t *base = memory_store_base(world->store);
    locks_lease_t lease = {.id = 0,
                           .last = LOCKS_ID_MAX,
                           .course = "",
                           .resource = "",
                           .owner = "ann",
                           .client = ""};
    const char *key = locks_lease_key("t:", LOCKS_TYPE_GADGET, "ann", pool);
    apr_size_t length;
    const char *value = locks_lease_encode(&length, &lease, key, 1, pool);

    base->provider->add(base->provider->open(base, pool), key, value, length,
                        3600, LOCKS_STORE_ORDINARY);
    ck_assert_int_eq(take("ann", "g1"), LOCKS_EUNAVAILABLE);
}
END_TEST

START_TEST(round_trips_are_counted)
{
    apr_uint64_t id;

    world_acquire_ahead(world, "ann", WORLD_COURSE, "g0");
    ck_assert_uint_le(world->round_trips, 5);
    world_acquire_ahead(world, "ben", WORLD_COURSE, "g1");
    ck_assert_uint_eq(world->round_trips, 4);
    world_acquire_ahead(world, "ben", WORLD_COURSE, "g1");
    ck_assert_uint_eq(world->round_trips, 3);
    world_acquire_ahead(world, "ben", WORLD_COURSE, "g2");
    ck_assert_uint_eq(world->round_trips, 4);
    id = world->lock.id;
    course_list();
    ck_assert_uint_eq(world->round_trips, 2);
    world_release(world, "ann", id);
    ck_assert_uint_eq(world->round_trips, 3);
    world_release(world, "ben", id);
    ck_assert_uint_eq(world->round_trips, 2);
    world_acquire_ahead(world, "ben", WORLD_COURSE, "g2");
    world_pass(world, WORLD_TTL);
    world_acquire_ahead(world, "ann", WORLD_COURSE, "g2");
    ck_assert_uint_eq(world->round_trips, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol");
    TCase *tests = tcase_create("protocol");

    tcase_add_checked_fixture(tests, begin_world, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_lock_is_granted_and_listed);
    tcase_add_test(tests, another_user_is_refused_and_loses_nothing);
    tcase_add_test(tests, asking_again_renews);
    tcase_add_test(tests, a_new_lock_releases_the_old);
    tcase_add_test(tests, a_lock_ends_at_its_deadline);
    tcase_add_test(tests, an_own_expired_lock_gets_a_new_id);
    tcase_add_test(tests, clocks_that_differ_leave_the_owner_time);
    tcase_add_test(tests, release_tells_own_foreign_and_unknown);
    tcase_add_test(tests, ids_grow_even_after_the_store_forgot);
    tcase_add_test(tests, ids_grow_though_the_clock_stands_still_or_goes_back);
    tcase_add_test(tests, lost_slots_are_a_course_without_locks);
    tcase_add_test(tests, a_lost_lease_is_a_lost_lock);
    tcase_add_test(tests, a_full_course_takes_no_more_but_lets_holders_move);
    tcase_add_test(tests, a_limit_that_was_lowered_lets_holders_move);
    tcase_add_test(tests, what_expired_makes_room);
    tcase_add_test(tests, slots_do_not_grow_with_what_is_past);
    tcase_add_test(tests, what_is_in_use_outlives_the_records_lifetime);
    tcase_add_test(
        tests, the_index_outlives_its_lifetime_in_a_course_of_changing_locks);
    tcase_add_test(tests, a_damaged_record_is_no_answer);
    tcase_add_test(tests, a_damaged_index_is_replaced);
    tcase_add_test(tests,
                   an_index_that_falls_due_meanwhile_is_left_to_the_next);
    tcase_add_test(tests, a_torn_list_is_read_again);
    tcase_add_test(tests, one_resource_can_be_looked_at);
    tcase_add_test(tests, a_lease_that_only_a_sweep_wants_refuses_nobody);
    tcase_add_test(tests, a_sweep_that_found_nothing_is_not_made_again_at_once);
    tcase_add_test(tests, a_sweep_that_left_work_is_made_again_at_once);
    tcase_add_test(tests, who_has_a_slot_already_needs_no_sweep);
    tcase_add_test(tests, who_was_overtaken_starts_again);
    tcase_add_test(tests, who_takes_turns_reads_again_and_loses_no_write);
    tcase_add_test(tests, a_turn_of_one_who_died_stops_nobody);
    tcase_add_test(tests, ids_never_pass_their_largest);
    tcase_add_test(tests, round_trips_are_counted);
    return unit_run(suite);
}
