/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#define LIFETIME 60
/** How long one test may take, sanitizers and valgrind included. */
#define TEST_SECONDS 60

static const contract_target_t *target;
static apr_pool_t *pool;
static locks_store_t *store;
static locks_store_session_t *session;

static void set_up(void)
{
    apr_pool_create(&pool, NULL);
    store = target->make(pool);
    ck_assert_ptr_nonnull(store);
    session = store->provider->open(store, pool);
    ck_assert_ptr_nonnull(session);
}

static void tear_down(void)
{
    store->provider->close(session);
    apr_pool_destroy(pool);
}

static locks_store_item_t fetched(const char *key)
{
    locks_store_item_t item = {.key = key, .status = LOCKS_STORE_UNKNOWN};

    store->provider->fetch(session, &item, 1, LOCKS_STORE_ORDINARY);
    return item;
}

static apr_status_t add(const char *key, const char *value, apr_size_t length)
{
    return store->provider->add(session, key, value, length, LIFETIME,
                                LOCKS_STORE_ORDINARY);
}

static apr_status_t cas(const char *key, const char *value, apr_uint64_t seen)
{
    return store->provider->cas(session, key, value, strlen(value), seen,
                                LIFETIME, LOCKS_STORE_ORDINARY);
}

static void assert_value(const locks_store_item_t *item, const char *value,
                         apr_size_t length)
{
    ck_assert_int_eq(item->status, LOCKS_STORE_DONE);
    ck_assert_uint_eq(item->length, length);
    ck_assert_ptr_nonnull(item->value);
    ck_assert_mem_eq(item->value, value, length);
    ck_assert_int_eq(item->value[length], '\0');
    ck_assert_uint_ne(item->cas, 0);
}

/** Stores bytes and reads them back. */
static void assert_kept(const char *key, const char *value, apr_size_t length)
{
    locks_store_item_t item;

    ck_assert_int_eq(add(key, value, length), LOCKS_STORE_DONE);
    item = fetched(key);
    assert_value(&item, value, length);
}

START_TEST(what_was_never_stored_is_absent)
{
    locks_store_item_t item = fetched("contract:never");

    ck_assert_int_eq(item.status, LOCKS_STORE_ABSENT);
    ck_assert_ptr_null(item.value);
    ck_assert_str_eq(store->provider->reason(session), "");
}
END_TEST

START_TEST(add_stores_once)
{
    locks_store_item_t item;

    ck_assert_int_eq(add("contract:add", "one", 3), LOCKS_STORE_DONE);
    ck_assert_int_eq(add("contract:add", "two", 3), LOCKS_STORE_LOST);
    item = fetched("contract:add");
    assert_value(&item, "one", 3);
}
END_TEST

START_TEST(cas_replaces_what_was_seen)
{
    locks_store_item_t before;
    locks_store_item_t after;

    ck_assert_int_eq(add("contract:cas", "one", 3), LOCKS_STORE_DONE);
    before = fetched("contract:cas");
    ck_assert_int_eq(cas("contract:cas", "second", before.cas),
                     LOCKS_STORE_DONE);
    after = fetched("contract:cas");
    assert_value(&after, "second", 6);
    ck_assert_uint_ne(after.cas, before.cas);
}
END_TEST

START_TEST(cas_of_an_old_version_is_lost)
{
    locks_store_item_t old;
    locks_store_item_t item;

    ck_assert_int_eq(add("contract:old", "one", 3), LOCKS_STORE_DONE);
    old = fetched("contract:old");
    ck_assert_int_eq(cas("contract:old", "two", old.cas), LOCKS_STORE_DONE);
    ck_assert_int_eq(cas("contract:old", "three", old.cas), LOCKS_STORE_LOST);
    item = fetched("contract:old");
    assert_value(&item, "two", 3);
}
END_TEST

START_TEST(writing_the_same_value_again_changes_its_cas_value)
{
    locks_store_item_t first;
    locks_store_item_t second;

    ck_assert_int_eq(add("contract:same", "v", 1), LOCKS_STORE_DONE);
    first = fetched("contract:same");
    ck_assert_int_eq(cas("contract:same", "v", first.cas), LOCKS_STORE_DONE);
    second = fetched("contract:same");
    ck_assert_uint_ne(first.cas, second.cas);
    ck_assert_uint_eq(second.cas, fetched("contract:same").cas);
}
END_TEST

START_TEST(cas_of_an_absent_key_is_absent)
{
    locks_store_item_t item;

    ck_assert_int_eq(store->provider->add(session, "contract:absent", "v", 1, 3,
                                          LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
    item = fetched("contract:absent");
    target->pass(store, 4);
    ck_assert_int_eq(cas("contract:absent", "v", item.cas), LOCKS_STORE_ABSENT);
    ck_assert_int_eq(fetched("contract:absent").status, LOCKS_STORE_ABSENT);
}
END_TEST

START_TEST(cas_of_0_is_refused)
{
    apr_uint32_t trips;

    ck_assert_int_eq(add("contract:zero", "one", 3), LOCKS_STORE_DONE);
    trips = session->round_trips;
    ck_assert_int_eq(cas("contract:zero", "two", 0), LOCKS_STORE_REFUSED);
    ck_assert_uint_eq(session->round_trips, trips);
    ck_assert_str_ne(store->provider->reason(session), "");
}
END_TEST

START_TEST(two_sessions_see_one_store)
{
    locks_store_session_t *other = store->provider->open(store, pool);
    locks_store_item_t item = {.key = "contract:shared"};

    ck_assert_int_eq(add("contract:shared", "v", 1), LOCKS_STORE_DONE);
    store->provider->fetch(other, &item, 1, LOCKS_STORE_ORDINARY);
    assert_value(&item, "v", 1);
    ck_assert_int_eq(store->provider->cas(other, item.key, "w", 1, item.cas,
                                          LIFETIME, LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
    ck_assert_int_eq(cas("contract:shared", "x", item.cas), LOCKS_STORE_LOST);
    store->provider->close(other);
}
END_TEST

START_TEST(a_fetch_tells_hits_from_misses)
{
    enum { KEYS = 9 };
    locks_store_item_t items[KEYS];
    apr_uint32_t trips;
    int i;

    for (i = 0; i < KEYS; i++) {
        items[i].key = apr_psprintf(pool, "contract:mixed:%d", i);
        if (i % 3 == 1) {
            ck_assert_int_eq(add(items[i].key, items[i].key, 16),
                             LOCKS_STORE_DONE);
        }
    }
    trips = session->round_trips;
    store->provider->fetch(session, items, KEYS, LOCKS_STORE_ORDINARY);
    ck_assert_uint_eq(session->round_trips, trips + 1);
    for (i = 0; i < KEYS; i++) {
        if (i % 3 == 1) {
            assert_value(&items[i], items[i].key, 16);
        } else {
            ck_assert_int_eq(items[i].status, LOCKS_STORE_ABSENT);
        }
    }
}
END_TEST

START_TEST(a_fetch_of_nothing_is_nothing)
{
    store->provider->fetch(session, NULL, 0, LOCKS_STORE_ORDINARY);
    ck_assert_uint_eq(session->round_trips, 0);
}
END_TEST

START_TEST(a_fetch_takes_a_thousand_long_keys)
{
    enum { KEYS = 1000 };
    locks_store_item_t *items = apr_pcalloc(pool, KEYS * sizeof(*items));
    int i;

    for (i = 0; i < KEYS; i++) {
        items[i].key = apr_psprintf(pool, "contract:%0241d", i);
        ck_assert_uint_eq(strlen(items[i].key), LOCKS_STORE_KEY_MAX);
        if (i % 2 == 0) {
            ck_assert_int_eq(
                add(items[i].key, items[i].key, LOCKS_STORE_KEY_MAX),
                LOCKS_STORE_DONE);
        }
    }
    store->provider->fetch(session, items, KEYS, LOCKS_STORE_ORDINARY);
    for (i = 0; i < KEYS; i++) {
        if (i % 2 == 0) {
            assert_value(&items[i], items[i].key, LOCKS_STORE_KEY_MAX);
        } else {
            ck_assert_int_eq(items[i].status, LOCKS_STORE_ABSENT);
        }
    }
}
END_TEST

START_TEST(any_bytes_are_kept)
{
    static const char nasty[] = "a\0b\r\nEND\r\nSTORED\r\n\0\xff";
    char *all = apr_palloc(pool, 256);
    int i;

    for (i = 0; i < 256; i++) {
        all[i] = (char)i;
    }
    assert_kept("contract:nasty", nasty, sizeof(nasty) - 1);
    assert_kept("contract:all", all, 256);
    assert_kept("contract:empty", "", 0);
    assert_kept("contract:newline", "\r\n", 2);
}
END_TEST

START_TEST(the_longest_value_is_kept)
{
    char *value = apr_palloc(pool, LOCKS_STORE_VALUE_MAX);
    locks_store_item_t item;
    apr_size_t i;

    for (i = 0; i < LOCKS_STORE_VALUE_MAX; i++) {
        value[i] = (char)(i * 7 + i / 251);
    }
    assert_kept("contract:long", value, LOCKS_STORE_VALUE_MAX);
    item = fetched("contract:long");
    ck_assert_int_eq(cas("contract:long", "short", item.cas), LOCKS_STORE_DONE);
    item = fetched("contract:long");
    assert_value(&item, "short", 5);
}
END_TEST

START_TEST(a_longer_value_is_refused)
{
    apr_size_t length = LOCKS_STORE_VALUE_MAX + 1;
    char *value = apr_pcalloc(pool, length);

    ck_assert_int_eq(add("contract:longer", value, length),
                     LOCKS_STORE_REFUSED);
    ck_assert_str_ne(store->provider->reason(session), "");
    ck_assert_uint_eq(session->round_trips, 0);
    ck_assert_int_eq(fetched("contract:longer").status, LOCKS_STORE_ABSENT);
}
END_TEST

START_TEST(the_longest_key_is_a_key)
{
    char *key = apr_palloc(pool, LOCKS_STORE_KEY_MAX + 1);
    char *other = apr_palloc(pool, LOCKS_STORE_KEY_MAX + 1);
    locks_store_item_t item;

    memset(key, 'k', LOCKS_STORE_KEY_MAX);
    key[LOCKS_STORE_KEY_MAX] = '\0';
    memcpy(other, key, LOCKS_STORE_KEY_MAX + 1);
    other[LOCKS_STORE_KEY_MAX - 1] = 'l';
    assert_kept(key, "v", 1);
    ck_assert_int_eq(fetched(other).status, LOCKS_STORE_ABSENT);
    item = fetched(key);
    ck_assert_int_eq(cas(key, "w", item.cas), LOCKS_STORE_DONE);
}
END_TEST

START_TEST(a_lifetime_ends)
{
    ck_assert_int_eq(store->provider->add(session, "contract:brief", "v", 1, 2,
                                          LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
    ck_assert_int_eq(fetched("contract:brief").status, LOCKS_STORE_DONE);
    target->pass(store, 4);
    ck_assert_int_eq(fetched("contract:brief").status, LOCKS_STORE_ABSENT);
    ck_assert_int_eq(add("contract:brief", "w", 1), LOCKS_STORE_DONE);
}
END_TEST

START_TEST(a_cas_begins_a_new_lifetime)
{
    locks_store_item_t item;

    ck_assert_int_eq(store->provider->add(session, "contract:renewed", "v", 1,
                                          2, LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
    item = fetched("contract:renewed");
    ck_assert_int_eq(cas("contract:renewed", "w", item.cas), LOCKS_STORE_DONE);
    target->pass(store, 4);
    item = fetched("contract:renewed");
    assert_value(&item, "w", 1);
}
END_TEST

START_TEST(values_outlive_their_session)
{
    locks_store_item_t item;

    ck_assert_int_eq(add("contract:close", "v", 1), LOCKS_STORE_DONE);
    item = fetched("contract:close");
    store->provider->close(session);
    store->provider->close(session);
    assert_value(&item, "v", 1);
}
END_TEST

START_TEST(a_session_may_end_with_its_pool)
{
    apr_pool_t *request;
    locks_store_session_t *other;
    locks_store_item_t item = {.key = "contract:pool"};
    int i;

    for (i = 0; i < 20; i++) {
        apr_pool_create(&request, pool);
        other = store->provider->open(store, request);
        store->provider->fetch(other, &item, 1, LOCKS_STORE_ORDINARY);
        ck_assert_int_eq(item.status, LOCKS_STORE_ABSENT);
        if (i % 2 == 0) {
            store->provider->close(other);
        }
        apr_pool_destroy(request);
    }
}
END_TEST

START_TEST(a_session_counts_round_trips_and_time)
{
    ck_assert_uint_eq(session->round_trips, 0);
    ck_assert_int_eq((int)session->waited, 0);
    (void)fetched("contract:count");
    ck_assert_uint_eq(session->round_trips, 1);
    (void)add("contract:count", "v", 1);
    ck_assert_uint_eq(session->round_trips, 2);
    ck_assert(session->waited >= 0);
    ck_assert_ptr_eq(session->provider, store->provider);
}
END_TEST

START_TEST(every_server_can_be_examined)
{
    apr_size_t size = (apr_size_t)store->servers * sizeof(locks_store_server_t);
    locks_store_server_t *servers = apr_palloc(pool, size);
    apr_uint64_t items = 0;
    apr_uint32_t trips;
    int i;

    ck_assert_int_ge(store->servers, 1);
    ck_assert_int_eq(add("contract:examined", "v", 1), LOCKS_STORE_DONE);
    trips = session->round_trips;
    memset(servers, 0x55, size);
    store->provider->examine(session, servers);
    ck_assert_uint_ge(session->round_trips,
                      trips + (apr_uint32_t)store->servers);
    for (i = 0; i < store->servers; i++) {
        ck_assert_str_ne(servers[i].name, "");
        ck_assert_int_eq(servers[i].status, LOCKS_STORE_DONE);
        ck_assert_int_eq(servers[i].is_left_alone, 0);
        ck_assert_str_eq(servers[i].reason, "");
        ck_assert_str_ne(servers[i].version, "");
        ck_assert_int_eq(servers[i].gives_cas, 1);
        ck_assert_uint_ge(servers[i].connections, 1);
        ck_assert(servers[i].uptime >= 0 && servers[i].round_trip >= 0);
        items += servers[i].items;
    }
    ck_assert_uint_ge(items, 1);
    ck_assert_str_eq(store->provider->reason(session), "");
}
END_TEST

START_TEST(an_examination_leaves_cas_values_good)
{
    locks_store_server_t *servers = apr_palloc(
        pool, (apr_size_t)store->servers * sizeof(locks_store_server_t));
    locks_store_item_t item;

    ck_assert_int_eq(add("contract:between", "v", 1), LOCKS_STORE_DONE);
    item = fetched("contract:between");
    store->provider->examine(session, servers);
    ck_assert_int_eq(cas("contract:between", "w", item.cas), LOCKS_STORE_DONE);
    item = fetched("contract:between");
    assert_value(&item, "w", 1);
}
END_TEST

START_TEST(every_key_has_a_place)
{
    int *keys = apr_pcalloc(pool, (apr_size_t)store->servers * sizeof(*keys));
    int i;

    for (i = 0; i < 1000; i++) {
        const char *key = apr_psprintf(pool, "contract:place:%d", i);
        int place = store->provider->place(store, key);

        ck_assert_int_ge(place, 0);
        ck_assert_int_lt(place, store->servers);
        ck_assert_int_eq(store->provider->place(store, key), place);
        keys[place]++;
    }
    for (i = 0; i < store->servers; i++) {
        ck_assert_int_gt(keys[i], 0);
    }
}
END_TEST

Suite *contract_suite(const contract_target_t *against)
{
    Suite *suite = suite_create(against->name);
    TCase *tcase = tcase_create("contract");

    target = against;
    tcase_set_timeout(tcase, TEST_SECONDS);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_was_never_stored_is_absent);
    tcase_add_test(tcase, add_stores_once);
    tcase_add_test(tcase, cas_replaces_what_was_seen);
    tcase_add_test(tcase, cas_of_an_old_version_is_lost);
    tcase_add_test(tcase, writing_the_same_value_again_changes_its_cas_value);
    tcase_add_test(tcase, cas_of_an_absent_key_is_absent);
    tcase_add_test(tcase, cas_of_0_is_refused);
    tcase_add_test(tcase, two_sessions_see_one_store);
    tcase_add_test(tcase, a_fetch_tells_hits_from_misses);
    tcase_add_test(tcase, a_fetch_of_nothing_is_nothing);
    tcase_add_test(tcase, a_fetch_takes_a_thousand_long_keys);
    tcase_add_test(tcase, any_bytes_are_kept);
    tcase_add_test(tcase, the_longest_value_is_kept);
    tcase_add_test(tcase, a_longer_value_is_refused);
    tcase_add_test(tcase, the_longest_key_is_a_key);
    tcase_add_test(tcase, a_lifetime_ends);
    tcase_add_test(tcase, a_cas_begins_a_new_lifetime);
    tcase_add_test(tcase, values_outlive_their_session);
    tcase_add_test(tcase, a_session_may_end_with_its_pool);
    tcase_add_test(tcase, a_session_counts_round_trips_and_time);
    tcase_add_test(tcase, every_server_can_be_examined);
    tcase_add_test(tcase, an_examination_leaves_cas_values_good);
    tcase_add_test(tcase, every_key_has_a_place);
    suite_add_tcase(suite, tcase);
    return suite;
}

int contract_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
