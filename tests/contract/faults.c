/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include "locks_memcached.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/** What a wait may take beyond its timeout: a look of the watch, and what a
 *  busy machine adds. LOCKS_TEST_SLACK_MS says more where tools slow it. */
#define SLACK_MS 60

apr_pool_t *pool;
locks_store_t *store;
locks_store_session_t *session;
const char *alarms;
const char *all_clears;
int failures[LOCKS_STORE_FAILURES];
apr_uint32_t round_trips;
apr_interval_time_t travelled;

static void set_up(void)
{
    apr_pool_create(&pool, NULL);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
}

static void hear(void *baton, locks_store_news_e news, const char *text)
{
    const char **lines = news == LOCKS_STORE_ALARM ? &alarms : &all_clears;

    ck_assert_ptr_eq(baton, pool);
    *lines = apr_pstrcat(pool, *lines, text, "\n", NULL);
}

static void count_round_trip(void *baton, apr_interval_time_t time)
{
    ck_assert_ptr_eq(baton, pool);
    round_trips++;
    travelled += time;
}

static void count_failure(void *baton, locks_store_failure_e kind)
{
    ck_assert_ptr_eq(baton, pool);
    ck_assert_int_lt(kind, LOCKS_STORE_FAILURES);
    failures[kind]++;
}

void open_session(void)
{
    static const locks_store_observer_t observer = {
        .news = hear,
        .round_trip = count_round_trip,
        .failure = count_failure,
    };

    session = store->provider->open(store, pool);
    session->observer = &observer;
    session->observer_baton = pool;
    alarms = all_clears = "";
    memset(failures, 0, sizeof(failures));
    round_trips = 0;
    travelled = 0;
}

void use(const char *addresses, int threads)
{
    ck_assert_ptr_null(
        locks_memcached_provider.create(&store, addresses, TIMEOUT, pool));
    ck_assert_int_eq(store->provider->start(store, threads, pool), APR_SUCCESS);
    open_session();
}

void use_new_session(void)
{
    store->provider->close(session);
    open_session();
}

locks_store_item_t fetched(const char *key, locks_store_purpose_e purpose)
{
    locks_store_item_t item = {.key = key, .status = LOCKS_STORE_UNKNOWN};

    store->provider->fetch(session, &item, 1, purpose);
    return item;
}

apr_status_t status_of(const char *key)
{
    return fetched(key, LOCKS_STORE_ORDINARY).status;
}

apr_status_t add(const char *key, const char *value,
                 locks_store_purpose_e purpose)
{
    return store->provider->add(session, key, value, strlen(value), LIFETIME,
                                purpose);
}

apr_status_t cas(const char *key, const char *value, apr_uint64_t seen)
{
    return store->provider->cas(session, key, value, strlen(value), seen,
                                LIFETIME, LOCKS_STORE_ORDINARY);
}

const char *reason(void)
{
    return store->provider->reason(session);
}

apr_interval_time_t slack(void)
{
    const char *text = getenv("LOCKS_TEST_SLACK_MS");

    return (text != NULL ? apr_atoi64(text) : SLACK_MS) * MS;
}

void assert_one_timeout(apr_time_t began)
{
    apr_interval_time_t took = apr_time_now() - began;

    ck_assert_msg(took >= TIMEOUT - 2 * MS && took <= TIMEOUT + slack(),
                  "took %d ms", (int)(took / MS));
}

locks_store_session_t *outlive(server_t **started, locks_store_item_t *item)
{
    static const char *const options[] = {NULL};
    server_t *server = server_start(pool, options);
    locks_store_session_t *other;

    use(server->address, 2);
    ck_assert_int_eq(add("a", "ours", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    *item = fetched("a", LOCKS_STORE_ORDINARY);
    server_restart(server);
    other = store->provider->open(store, pool);
    ck_assert_int_eq(store->provider->add(other, "a", "theirs", 6, LIFETIME,
                                          LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
    *started = server;
    return other;
}

void assert_theirs(locks_store_session_t *other)
{
    locks_store_item_t item = {.key = "a"};

    store->provider->fetch(other, &item, 1, LOCKS_STORE_ORDINARY);
    ck_assert_int_eq(item.status, LOCKS_STORE_DONE);
    ck_assert_str_eq(item.value, "theirs");
}

void assert_told(locks_store_failure_e kind, int times)
{
    int i;

    for (i = 0; i < LOCKS_STORE_FAILURES; i++) {
        ck_assert_msg(failures[i] == (i == (int)kind ? times : 0),
                      "%d failures of kind %d, not of %d", failures[i], i,
                      kind);
    }
    memset(failures, 0, sizeof(failures));
    ck_assert_uint_eq(round_trips, session->round_trips);
    ck_assert(travelled <= session->waited);
}

TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int run_faults(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    apr_initialize();
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
