/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs: a server that lost its data is told from one that kept it. */
#include "unit.h"
#include "world.h"

#include "locks_epoch.h"

#define KEY "t:epoch:0"
#define DAY apr_time_from_sec(24 * 60 * 60)

static world_t *world;
/** What a hook's own look saw. */
static locks_epoch_t others;

static void begin_world(void)
{
    setup();
    world = world_make(pool);
}

static locks_operation_t *begin(void)
{
    locks_store_t *base = memory_store_base(world->store);

    return locks_operation_open(&world->rules, &world->env, LOCKS_TYPE_GADGET,
                                base->provider->open(base, pool), pool);
}

/** Looks with a session of its own, as another host does; sets round_trips. */
static void look_at(locks_epoch_t *epochs, const char *const *keys, int count)
{
    locks_operation_t *op = begin();

    locks_epochs_look(epochs, keys, count, op);
    world->round_trips = op->store->round_trips;
}

static locks_epoch_t look(void)
{
    const char *key = KEY;
    locks_epoch_t epoch;

    /* Each member is set, whatever was there. */
    memset(&epoch, 0xff, sizeof(epoch));
    look_at(&epoch, &key, 1);
    return epoch;
}

static void assert_known(const locks_epoch_t *epoch, apr_uint64_t number)
{
    ck_assert_int_eq(epoch->status, APR_SUCCESS);
    ck_assert_str_eq(epoch->why, "");
    ck_assert_uint_eq(epoch->number, number);
    ck_assert_int_eq(epoch->is_new, 0);
}

static void assert_unknown(const locks_epoch_t *epoch, const char *why)
{
    ck_assert_int_eq(epoch->status, LOCKS_EUNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(epoch->why, why));
    ck_assert_uint_eq(epoch->number, 0);
    ck_assert_int_eq(epoch->is_new, 0);
}

START_TEST(a_new_server_gets_a_number)
{
    locks_epoch_t epoch = look();

    ck_assert_int_eq(epoch.status, APR_SUCCESS);
    ck_assert_str_eq(epoch.why, "");
    ck_assert_uint_ne(epoch.number, 0);
    ck_assert_int_eq(epoch.began, world->now);
    ck_assert_int_eq(epoch.written, world->now);
    ck_assert_int_eq(epoch.is_new, 1);
    ck_assert_uint_eq(world->round_trips, 2);
}
END_TEST

START_TEST(a_number_stays)
{
    locks_epoch_t epoch = look();
    locks_epoch_t later;

    world_pass(world, DAY);
    later = look();
    assert_known(&later, epoch.number);
    ck_assert_int_eq(later.began, epoch.began);
    ck_assert_int_eq(later.lacks_cas, 0);
    ck_assert_uint_eq(world->round_trips, 1);
}
END_TEST

START_TEST(a_restart_brings_another_number)
{
    locks_epoch_t epoch = look();
    locks_epoch_t later;

    world_pass(world, 1000);
    memory_store_restart(world->store);
    later = look();
    ck_assert_int_eq(later.status, APR_SUCCESS);
    ck_assert_int_eq(later.is_new, 1);
    ck_assert_uint_ne(later.number, epoch.number);
    ck_assert_int_eq(later.began, world->now);
}
END_TEST

static apr_uint64_t no_chance(void *baton)
{
    (void)baton;
    return 0;
}

START_TEST(no_number_is_0)
{
    locks_epoch_t epoch;

    world->env.random = no_chance;
    epoch = look();
    ck_assert_uint_ne(epoch.number, 0);
    ck_assert_int_eq(look().status, APR_SUCCESS);
}
END_TEST

/* ---- Two hosts at once ---- */

/** Another host's look comes before this one's add. */
static memory_store_fate_e
look_before_add(void *baton, const memory_store_operation_t *operation)
{
    (void)baton;
    if (operation->kind == MEMORY_STORE_ADD) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        others = look();
    }
    return MEMORY_STORE_PASS;
}

START_TEST(two_hosts_at_once_end_with_one_number)
{
    locks_epoch_t epoch;

    memory_store_hook(world->store, look_before_add, NULL, NULL);
    epoch = look();
    ck_assert_int_eq(others.is_new, 1);
    assert_known(&epoch, others.number);
    ck_assert_uint_eq(world->round_trips, 3);
}
END_TEST

/** The record is there whenever it is to be added, never when it is read. */
static memory_store_fate_e flicker(void *baton,
                                   const memory_store_operation_t *operation)
{
    locks_store_t *base = memory_store_base(world->store);

    (void)baton;
    memory_store_hook(world->store, NULL, NULL, NULL);
    memory_store_evict(world->store, KEY);
    if (operation->kind == MEMORY_STORE_ADD) {
        base->provider->add(base->provider->open(base, pool), KEY, "x", 1, 60,
                            LOCKS_STORE_ORDINARY);
    }
    memory_store_hook(world->store, flicker, NULL, NULL);
    return MEMORY_STORE_PASS;
}

START_TEST(a_record_that_comes_and_goes_is_given_up)
{
    locks_epoch_t epoch;

    memory_store_hook(world->store, flicker, NULL, NULL);
    epoch = look();
    assert_unknown(&epoch, KEY);
    ck_assert_uint_eq(world->round_trips, 3);
}
END_TEST

/* ---- Failures ---- */

/** What becomes of operations of one kind. */
typedef struct failure_t {
    memory_store_kind_e kind;
    memory_store_fate_e fate;
} failure_t;

static memory_store_fate_e break_off(void *baton,
                                     const memory_store_operation_t *operation)
{
    const failure_t *failure = baton;

    return operation->kind == failure->kind ? failure->fate : MEMORY_STORE_PASS;
}

static locks_epoch_t look_failing(memory_store_kind_e kind,
                                  memory_store_fate_e fate)
{
    failure_t failure = {.kind = kind, .fate = fate};
    locks_epoch_t epoch;

    memory_store_hook(world->store, break_off, NULL, &failure);
    epoch = look();
    memory_store_hook(world->store, NULL, NULL, NULL);
    return epoch;
}

START_TEST(an_unreachable_server_is_not_a_new_one)
{
    locks_epoch_t known = look();
    locks_epoch_t epoch =
        look_failing(MEMORY_STORE_FETCH, MEMORY_STORE_UNREACHED);

    assert_unknown(&epoch, "the test wills it");
    epoch = look();
    assert_known(&epoch, known.number);
}
END_TEST

START_TEST(an_answer_that_is_lost_is_left_to_the_next_look)
{
    locks_epoch_t epoch =
        look_failing(MEMORY_STORE_ADD, MEMORY_STORE_ANSWER_LOST);

    assert_unknown(&epoch, "the test wills it");
    ck_assert_uint_eq(world->round_trips, 2);
    epoch = look();
    ck_assert_int_eq(epoch.status, APR_SUCCESS);
    ck_assert_int_eq(epoch.is_new, 0);
}
END_TEST

START_TEST(a_write_that_is_lost_is_made_by_the_next_look)
{
    locks_epoch_t epoch =
        look_failing(MEMORY_STORE_ADD, MEMORY_STORE_WRITE_LOST);

    assert_unknown(&epoch, "the test wills it");
    epoch = look();
    ck_assert_int_eq(epoch.is_new, 1);
}
END_TEST

START_TEST(a_write_that_comes_late_changes_nothing)
{
    locks_epoch_t epoch =
        look_failing(MEMORY_STORE_ADD, MEMORY_STORE_WRITE_LATE);
    apr_uint64_t number;

    assert_unknown(&epoch, "the test wills it");
    number = look().number;
    ck_assert_int_eq(memory_store_land(world->store, 0), LOCKS_STORE_LOST);
    epoch = look();
    assert_known(&epoch, number);
}
END_TEST

START_TEST(a_server_that_takes_nothing_has_no_epoch)
{
    locks_epoch_t epoch =
        look_failing(MEMORY_STORE_ADD, MEMORY_STORE_WRITE_REFUSED);

    assert_unknown(&epoch, "the test wills it");
}
END_TEST

/** Stores a value, whatever was there. */
static void put(const char *value, apr_size_t length)
{
    locks_store_t *base = memory_store_base(world->store);

    memory_store_evict(world->store, KEY);
    ck_assert_int_eq(base->provider->add(base->provider->open(base, pool), KEY,
                                         value, length, LOCKS_EPOCH_LIFETIME,
                                         LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
}

START_TEST(a_damaged_record_stays_and_is_told)
{
    locks_epoch_t epoch;

    put("garbage", 7);
    epoch = look();
    assert_unknown(&epoch, "the record " KEY " is damaged");
    epoch = look();
    assert_unknown(&epoch, "the record " KEY " is damaged");
}
END_TEST

static void hide_cas(void *baton, const memory_store_operation_t *operation)
{
    (void)baton;
    if (operation->kind == MEMORY_STORE_FETCH) {
        operation->items[0].cas = 0;
    }
}

START_TEST(a_server_without_cas_is_told)
{
    apr_uint64_t number = look().number;
    locks_epoch_t epoch;

    memory_store_hook(world->store, NULL, hide_cas, NULL);
    epoch = look();
    assert_known(&epoch, number);
    ck_assert_int_eq(epoch.lacks_cas, 1);
}
END_TEST

/* ---- Lifetime ---- */

START_TEST(a_number_outlives_the_records_lifetime)
{
    locks_epoch_t epoch = look();
    int day;

    for (day = 0; day < 100; day++) {
        locks_epoch_t later;

        world_pass(world, DAY + 1);
        later = look();
        assert_known(&later, epoch.number);
        ck_assert_int_eq(later.began, epoch.began);
        ck_assert_uint_eq(world->round_trips, 2);
        later = look();
        ck_assert_int_eq(later.written, world->now);
        ck_assert_uint_eq(world->round_trips, 1);
    }
}
END_TEST

START_TEST(a_number_that_nobody_asks_for_is_kept_for_30_days)
{
    apr_uint64_t number = look().number;
    locks_epoch_t epoch;

    world_pass(world, 30 * DAY - 1);
    epoch = look();
    assert_known(&epoch, number);
    world_pass(world, 30 * DAY);
    epoch = look();
    ck_assert_int_eq(epoch.is_new, 1);
}
END_TEST

START_TEST(a_record_of_a_clock_far_ahead_is_written_anew)
{
    locks_epoch_t epoch;
    locks_epoch_t later;

    world->now += 10 * DAY;
    epoch = look();
    world->now -= 10 * DAY;
    look();
    ck_assert_uint_eq(world->round_trips, 2);
    later = look();
    assert_known(&later, epoch.number);
    ck_assert_int_eq(later.written, world->now);
    ck_assert_int_eq(later.began, epoch.began);
    ck_assert_uint_eq(world->round_trips, 1);
}
END_TEST

START_TEST(a_rewrite_that_fails_is_no_failure)
{
    apr_uint64_t number = look().number;
    locks_epoch_t epoch;

    world_pass(world, DAY + 1);
    epoch = look_failing(MEMORY_STORE_CAS, MEMORY_STORE_UNREACHED);
    assert_known(&epoch, number);
}
END_TEST

/* ---- Several servers ---- */

/** Three servers: a key is on the one that its last digit, halved, names, and
 *  a fourth that gets no key. */
static int place(const locks_store_t *store, const char *key)
{
    ck_assert_ptr_eq(store, memory_store_base(world->store));
    return (key[strlen(key) - 1] - '0') / 2 % 3;
}

static const char *key_of(int server)
{
    return locks_epoch_key("t:", server, place, memory_store_base(world->store),
                           pool);
}

START_TEST(each_server_has_a_key)
{
    ck_assert_str_eq(key_of(0), "t:epoch:0");
    ck_assert_str_eq(key_of(1), "t:epoch:2");
    ck_assert_str_eq(key_of(2), "t:epoch:4");
    ck_assert_ptr_null(key_of(3));
}
END_TEST

/** The second server cannot be asked. */
static void hide_second(void *baton, const memory_store_operation_t *operation)
{
    (void)baton;
    if (operation->kind == MEMORY_STORE_FETCH) {
        operation->items[1].status = LOCKS_STORE_UNREACHABLE;
    }
}

START_TEST(servers_have_epochs_of_their_own)
{
    const char *keys[] = {key_of(0), key_of(1), key_of(2)};
    locks_epoch_t first[3];
    locks_epoch_t later[3];

    look_at(first, keys, 3);
    ck_assert_uint_eq(world->round_trips, 4);
    ck_assert_uint_ne(first[0].number, first[1].number);
    ck_assert_uint_ne(first[1].number, first[2].number);
    memory_store_evict(world->store, keys[2]);
    memory_store_hook(world->store, NULL, hide_second, NULL);
    look_at(later, keys, 3);
    assert_known(&later[0], first[0].number);
    assert_unknown(&later[1], "");
    ck_assert_int_eq(later[2].is_new, 1);
    memory_store_hook(world->store, NULL, NULL, NULL);
    look_at(later, keys, 3);
    assert_known(&later[1], first[1].number);
}
END_TEST

START_TEST(no_servers_are_no_question)
{
    look_at(NULL, NULL, 0);
    ck_assert_uint_eq(world->round_trips, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("epoch");
    TCase *tests = tcase_create("epoch");

    tcase_add_checked_fixture(tests, begin_world, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_new_server_gets_a_number);
    tcase_add_test(tests, a_number_stays);
    tcase_add_test(tests, a_restart_brings_another_number);
    tcase_add_test(tests, no_number_is_0);
    tcase_add_test(tests, two_hosts_at_once_end_with_one_number);
    tcase_add_test(tests, a_record_that_comes_and_goes_is_given_up);
    tcase_add_test(tests, an_unreachable_server_is_not_a_new_one);
    tcase_add_test(tests, an_answer_that_is_lost_is_left_to_the_next_look);
    tcase_add_test(tests, a_write_that_is_lost_is_made_by_the_next_look);
    tcase_add_test(tests, a_write_that_comes_late_changes_nothing);
    tcase_add_test(tests, a_server_that_takes_nothing_has_no_epoch);
    tcase_add_test(tests, a_damaged_record_stays_and_is_told);
    tcase_add_test(tests, a_server_without_cas_is_told);
    tcase_add_test(tests, a_number_outlives_the_records_lifetime);
    tcase_add_test(tests, a_number_that_nobody_asks_for_is_kept_for_30_days);
    tcase_add_test(tests, a_record_of_a_clock_far_ahead_is_written_anew);
    tcase_add_test(tests, a_rewrite_that_fails_is_no_failure);
    tcase_add_test(tests, each_server_has_a_key);
    tcase_add_test(tests, servers_have_epochs_of_their_own);
    tcase_add_test(tests, no_servers_are_no_question);
    return unit_run(suite);
}
