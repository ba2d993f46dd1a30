/* SPDX-License-Identifier: Apache-2.0 */
/* What the store on memcached says when servers fail, stop, lie or trickle:
 * never "absent" for what was not answered, never another's answer, and no
 * wait longer than the timeout. */
#include "faults.h"
#include "locks_breaker.h"
#include "locks_memcached.h"
#include "locks_memcached_client.h"

#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <libmemcached/memcached.h>

#include <string.h>

/* ---- Answers that are none ---- */

static const fake_step_t bad_answers[] = {
    {.answer = "SERVER_ERROR\r\n"},
    {.answer = "SERVER_ERROR out of memory writing get response\r\n"},
    {.answer = "SERVER_ERROR something else\r\n"},
    {.answer = "SERVER_ERROR object too large for cache\r\n"},
    {.answer = "ERROR\r\n"},
    {.answer = "ERROR Too many open connections\r\n", .close = 1},
    {.answer = "CLIENT_ERROR line too long\r\n"},
    {.answer = "CLIENT_ERROR\r\n"},
    {.answer = "garbage\r\n"},
    {.answer = "STORED\r\n"},
    {.answer = "EXISTS\r\n"},
    {.answer = "NOT_STORED\r\n"},
    {.answer = "OK\r\n"},
    {.answer = "17\r\n"},
    {.answer = "\r\n"},
    {.answer = "VALUE b 0 1 7\r\nv\r\nEND\r\n"},
    {.answer = "VALUE a 0 1 7\r\nv\r\nVALUE a 0 1 7\r\nv\r\nEND\r\n"},
    {.answer = "VALUE a 0 1 7\r\nv\r\nSERVER_ERROR x\r\n"},
    {.answer = "VALUE a 0 1 7\r\nv\r\n", .close = 1},
    {.answer = "VALUE a 0 9 7\r\nhalf", .close = 1},
    {.answer = "VALUE a 0 x 7\r\nv\r\nEND\r\n"},
    {.answer = "", .close = 1},
    {.answer = "EN", .close = 1},
    {.answer = "VALUE a 0 1 7\r\nv\r\nEN", .close = 1},
};

START_TEST(no_answer_is_not_an_absent_key)
{
    fake_step_t steps[2] = {bad_answers[_i], {.answer = "END\r\n"}};
    fake_t *fake = fake_start(pool, steps, 2);
    locks_store_item_t item;

    use(fake_address(fake), 1);
    item = fetched("a", LOCKS_STORE_ORDINARY);
    ck_assert_msg(item.status == LOCKS_STORE_UNREACHABLE, "%s: %d",
                  bad_answers[_i].answer, item.status);
    ck_assert_ptr_null(item.value);
    ck_assert_uint_eq(item.cas, 0);
    ck_assert_ptr_nonnull(strstr(reason(), fake_address(fake)));
    /* The connection was given up; the next one serves. */
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    ck_assert_int_eq(fake_connections(fake), 2);
    ck_assert_int_eq(fake_requests(fake), 2);
}
END_TEST

START_TEST(no_answer_leaves_a_write_unknown)
{
    /* Without those that make libmemcached's own assertions end the process:
     * an answer that is a success, but not a write's. */
    static const char *const answers[] = {
        "SERVER_ERROR\r\n",
        "SERVER_ERROR x\r\n",
        "ERROR\r\n",
        "CLIENT_ERROR bad\r\n",
        "garbage\r\n",
        "NOT_FOUND\r\n",
        "",
    };
    fake_step_t steps[2] = {{.close = 1}, {.answer = "STORED\r\n"}};
    fake_t *fake;

    steps[0].answer = answers[_i];
    fake = fake_start(pool, steps, 2);
    use(fake_address(fake), 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_UNKNOWN);
    ck_assert_str_ne(reason(), "");
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    ck_assert_int_eq(fake_requests(fake), 2);
}
END_TEST

START_TEST(answers_to_writes_are_told_apart)
{
    static const fake_step_t steps[] = {
        {.answer = "STORED\r\n"},
        {.answer = "NOT_STORED\r\n"},
        {.answer = "SERVER_ERROR out of memory storing object\r\n"},
        {.answer = "SERVER_ERROR object too large for cache\r\n"},
        {.answer = "VALUE a 0 1 7\r\nv\r\nEND\r\n"},
        {.answer = "STORED\r\n"},
        {.answer = "EXISTS\r\n"},
        {.answer = "NOT_FOUND\r\n"},
        {.answer = "SERVER_ERROR out of memory storing object\r\n"},
    };
    fake_t *fake = fake_start(pool, steps, COUNT(steps));
    apr_uint64_t seen;

    use(fake_address(fake), 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_LOST);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(reason(), "out of memory"));
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_REFUSED);
    seen = fetched("a", LOCKS_STORE_ORDINARY).cas;
    ck_assert_int_eq(cas("a", "v", seen), LOCKS_STORE_DONE);
    ck_assert_int_eq(cas("a", "v", seen), LOCKS_STORE_LOST);
    ck_assert_int_eq(cas("a", "v", seen), LOCKS_STORE_ABSENT);
    ck_assert_int_eq(cas("a", "v", seen), LOCKS_STORE_REFUSED);
    /* None of them puts the connection in doubt. */
    ck_assert_int_eq(fake_connections(fake), 1);
}
END_TEST

START_TEST(a_reason_holds_no_key)
{
    static const fake_step_t steps[] = {
        {.answer = "CLIENT_ERROR bad session:SECRET\r\n"},
        {.answer = "VALUE session:SECRET2 0 1 7\r\nv\r\nEND\r\n"},
        {.answer = "what session:SECRET\r\n"},
    };
    fake_t *fake = fake_start(pool, steps, COUNT(steps));
    int i;

    use(fake_address(fake), 1);
    for (i = 0; i < COUNT(steps); i++) {
        ck_assert_int_eq(status_of("session:SECRET"), LOCKS_STORE_UNREACHABLE);
        ck_assert_str_ne(reason(), "");
        ck_assert_ptr_null(strstr(reason(), "SECRET"));
        ck_assert_ptr_null(strchr(reason(), '\n'));
    }
}
END_TEST

START_TEST(no_key_breaks_out_of_its_line)
{
    static const char *const bad[] = {"", "a b", "a\r\nflush_all", "a\tb",
                                      "a\x7f"};
    static const fake_step_t steps[] = {{.answer = "END\r\n"}};
    fake_t *fake = fake_start(pool, steps, 1);
    char *longer = apr_palloc(pool, LOCKS_STORE_KEY_MAX + 2);
    int i;

    memset(longer, 'k', LOCKS_STORE_KEY_MAX + 1);
    longer[LOCKS_STORE_KEY_MAX + 1] = '\0';
    use(fake_address(fake), 1);
    for (i = 0; i <= COUNT(bad); i++) {
        const char *key = i < COUNT(bad) ? bad[i] : longer;

        ck_assert_int_eq(status_of(key), LOCKS_STORE_UNREACHABLE);
        ck_assert_int_eq(add(key, "v", LOCKS_STORE_ORDINARY),
                         LOCKS_STORE_REFUSED);
        ck_assert_int_eq(cas(key, "v", 7), LOCKS_STORE_REFUSED);
        ck_assert_str_ne(reason(), "");
    }
    ck_assert_int_eq(fake_requests(fake), 0);
    ck_assert_uint_eq(session->round_trips, 0);
}
END_TEST

/* ---- Time ---- */

START_TEST(a_hung_server_costs_one_timeout)
{
    server_t *server = server_start(pool, NULL);
    apr_time_t began;
    int i;

    use(server->address, 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    server_hang(server);
    began = apr_time_now();
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    assert_one_timeout(began);
    ck_assert_ptr_nonnull(strstr(reason(), "no answer within 250 ms"));
    began = apr_time_now();
    for (i = 0; i < 10; i++) {
        ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
        ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY),
                         LOCKS_STORE_UNREACHABLE);
    }
    ck_assert_int_lt(apr_time_now() - began, 50 * MS);
    server_continue(server);
    use_new_session();
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
}
END_TEST

START_TEST(a_write_to_a_hung_server_is_unknown)
{
    server_t *server = server_start(pool, NULL);
    apr_time_t began;
    int tries = 100;

    use(server->address, 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    server_hang(server);
    began = apr_time_now();
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_UNKNOWN);
    assert_one_timeout(began);
    server_continue(server);
    use_new_session();
    /* It was stored after all. */
    while (status_of("a") != LOCKS_STORE_DONE && --tries > 0) {
        apr_sleep(10 * MS);
    }
    ck_assert_int_gt(tries, 0);
}
END_TEST

START_TEST(a_long_write_to_a_hung_server_ends_too)
{
    server_t *server = server_start(pool, NULL);
    char *value = apr_pcalloc(pool, LOCKS_STORE_VALUE_MAX);
    apr_time_t began;

    use(server->address, 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    server_hang(server);
    began = apr_time_now();
    ck_assert_int_eq(store->provider->add(session, "a", value,
                                          LOCKS_STORE_VALUE_MAX, LIFETIME,
                                          LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_UNKNOWN);
    assert_one_timeout(began);
}
END_TEST

static const fake_step_t trickles[] = {
    {.answer = "VALUE a 0 8 7\r\n12345678\r\nEND\r\n", .trickle_ms = 100},
    {.answer = "VALUE a 0 8 7\r\n12345678\r\nEND\r\n", .trickle_ms = 240},
    {.answer = "VALUE a 0 8 7\r\n12345678\r\nEND\r\n", .trickle_ms = 20},
};

START_TEST(a_trickling_server_costs_one_timeout)
{
    fake_t *fake = fake_start(pool, &trickles[_i], 1);
    apr_time_t began;

    use(fake_address(fake), 1);
    began = apr_time_now();
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    assert_one_timeout(began);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    ck_assert_int_eq(fake_requests(fake), 1);
    use_new_session();
    began = apr_time_now();
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_UNKNOWN);
    assert_one_timeout(began);
}
END_TEST

START_TEST(a_late_answer_reaches_nobody)
{
    static const fake_step_t steps[] = {
        {.answer = "VALUE a 0 5 7\r\nfirst\r\nEND\r\n", .delay_ms = 350},
        {.answer = "VALUE b 0 6 8\r\nsecond\r\nEND\r\n"},
        {.answer = "STORED\r\n", .delay_ms = 350},
        {.answer = "NOT_STORED\r\n"},
    };
    fake_t *fake = fake_start(pool, steps, COUNT(steps));
    locks_store_item_t item;

    use(fake_address(fake), 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    apr_sleep(200 * MS);
    item = fetched("b", LOCKS_STORE_SETTLE);
    ck_assert_int_eq(item.status, LOCKS_STORE_DONE);
    ck_assert_str_eq(item.value, "second");
    use_new_session();
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_UNKNOWN);
    apr_sleep(200 * MS);
    ck_assert_int_eq(add("b", "v", LOCKS_STORE_SETTLE), LOCKS_STORE_LOST);
}
END_TEST

START_TEST(a_session_waits_four_timeouts_in_all)
{
    static const fake_step_t steps[] = {{.answer = NULL}};
    fake_t *fake = fake_start(pool, steps, 1);
    apr_time_t began = apr_time_now();
    apr_interval_time_t took;
    int i;

    use(fake_address(fake), 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_UNKNOWN);
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(add("a", "v", LOCKS_STORE_SETTLE),
                         LOCKS_STORE_UNKNOWN);
    }
    for (i = 0; i < 20; i++) {
        ck_assert_int_eq(fetched("a", LOCKS_STORE_SETTLE).status,
                         LOCKS_STORE_UNREACHABLE);
    }
    took = apr_time_now() - began;
    ck_assert_int_ge(took, 4 * TIMEOUT - 10 * MS);
    ck_assert_int_le(took, 4 * TIMEOUT + 2 * slack());
    ck_assert_int_le(session->waited, 4 * TIMEOUT + 2 * slack());
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_SETTLE),
                     LOCKS_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(reason(), "used up"));
    use_new_session();
    ck_assert_int_eq(session->waited, 0);
}
END_TEST

START_TEST(a_wait_for_a_connection_ends)
{
    server_t *server = server_start(pool, NULL);
    locks_store_session_t *first;
    apr_time_t began;

    use(server->address, 1);
    first = session;
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    session = store->provider->open(store, pool);
    began = apr_time_now();
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    assert_one_timeout(began);
    ck_assert_ptr_nonnull(strstr(reason(), "no connection got free"));
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_UNREACHABLE);
    store->provider->close(first);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
}
END_TEST

/* ---- Servers that go away ---- */

START_TEST(nobody_listening_is_unreachable)
{
    const char *address = apr_psprintf(pool, "127.0.0.1:%u", free_port());

    use(address, 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(reason(), address));
    ck_assert_ptr_nonnull(strstr(reason(), "Connection refused"));
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_UNREACHABLE);
    ck_assert_uint_eq(session->round_trips, 0);
    use("unix:/nonexistent/memcached.sock", 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(reason(), "No such file"));
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_UNREACHABLE);
    use("host.invalid", 1);
    ck_assert_int_ne(status_of("a"), LOCKS_STORE_ABSENT);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_SETTLE),
                     LOCKS_STORE_UNREACHABLE);
}
END_TEST

START_TEST(a_server_that_comes_is_used_at_once)
{
    server_t *server = server_start(pool, NULL);
    int i;

    server_stop(server);
    use(server->address, 1);
    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    }
    server_restart(server);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
}
END_TEST

START_TEST(a_restart_while_idle_does_not_fail_a_read)
{
    server_t *server =
        _i == 0 ? server_start(pool, NULL) : server_start_unix(pool);

    use(server->address, 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_DONE);
    server_restart(server);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    ck_assert_str_eq(reason(), "");
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
}
END_TEST

START_TEST(a_read_is_repeated_only_once)
{
    static const fake_step_t steps[] = {{.answer = "END\r\n"},
                                        {.answer = "", .close = 1}};
    fake_t *fake = fake_start(pool, steps, COUNT(steps));

    use(fake_address(fake), 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    ck_assert_int_eq(fake_requests(fake), 3);
    ck_assert_int_eq(failures[LOCKS_STORE_FAILURE_CONNECTION], 1);
}
END_TEST

START_TEST(a_write_on_a_dead_connection_is_unknown)
{
    server_t *server = server_start(pool, NULL);

    use(server->address, 1);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    server_restart(server);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_UNKNOWN);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
}
END_TEST

/* ---- Pools ---- */

/** A client as others make it. */
static memcached_st *plain_client(server_t *const *servers, int count)
{
    memcached_st *client = memcached_create(NULL);
    int i;

    memcached_behavior_set(client, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    for (i = 0; i < count; i++) {
        ck_assert_int_eq(
            memcached_server_add(client, "127.0.0.1", servers[i]->port),
            MEMCACHED_SUCCESS);
    }
    return client;
}

START_TEST(a_cas_value_ends_with_its_server)
{
    locks_store_item_t item;
    server_t *server;
    locks_store_session_t *other = outlive(&server, &item);

    ck_assert_int_eq(cas("a", "again", item.cas), LOCKS_STORE_UNKNOWN);
    assert_theirs(other);
}
END_TEST

START_TEST(a_cas_value_is_not_used_on_another_connection)
{
    locks_store_item_t item;
    server_t *server;
    locks_store_session_t *other = outlive(&server, &item);

    ck_assert_int_eq(status_of("b"), LOCKS_STORE_ABSENT);
    ck_assert_int_eq(cas("a", "again", item.cas), LOCKS_STORE_LOST);
    assert_theirs(other);
}
END_TEST

START_TEST(keys_lie_where_other_clients_look)
{
    enum { SERVERS = 3, KEYS = 1000 };
    server_t *servers[SERVERS];
    memcached_st *client;
    int i;

    for (i = 0; i < SERVERS; i++) {
        servers[i] = server_start(pool, NULL);
    }
    use(apr_pstrcat(pool, servers[0]->address, ",", servers[1]->address, ",",
                    servers[2]->address, NULL),
        1);
    client = plain_client(servers, SERVERS);
    for (i = 0; i < KEYS; i++) {
        const char *key = apr_psprintf(pool, "key:%d", i);

        use_new_session();
        ck_assert_int_eq(add(key, key, LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
        ck_assert_msg(memcached_exist(client, key, strlen(key)) ==
                          MEMCACHED_SUCCESS,
                      "%s is elsewhere", key);
    }
    memcached_free(client);
}
END_TEST

START_TEST(a_dead_server_leaves_the_others_keys)
{
    enum { KEYS = 60 };
    server_t *alive = server_start(pool, NULL);
    server_t *dying = server_start(pool, NULL);
    locks_store_item_t items[KEYS];
    int unreachable = 0;
    int i;

    use(apr_pstrcat(pool, alive->address, ",", dying->address, NULL), 1);
    for (i = 0; i < KEYS; i++) {
        items[i].key = apr_psprintf(pool, "key:%d", i);
        if (i % 2 == 0) {
            ck_assert_int_eq(add(items[i].key, "v", LOCKS_STORE_ORDINARY),
                             LOCKS_STORE_DONE);
        }
    }
    use_new_session();
    if (_i == 0) {
        server_stop(dying);
    } else {
        server_hang(dying);
    }
    store->provider->fetch(session, items, KEYS, LOCKS_STORE_ORDINARY);
    for (i = 0; i < KEYS; i++) {
        if (items[i].status == LOCKS_STORE_UNREACHABLE) {
            unreachable++;
        } else {
            ck_assert_int_eq(items[i].status, i % 2 == 0 ? LOCKS_STORE_DONE
                                                         : LOCKS_STORE_ABSENT);
        }
    }
    ck_assert_int_gt(unreachable, 0);
    ck_assert_int_lt(unreachable, KEYS);
    ck_assert_ptr_nonnull(strstr(reason(), dying->address));
    ck_assert_uint_eq(session->round_trips, 1);
}
END_TEST

/** Asks for a key in a new session; 0 if that was news. */
static int asks_quietly(const char *key)
{
    use_new_session();
    (void)status_of(key);
    return *alarms == '\0' && *all_clears == '\0';
}

/** Lets a server hang until nobody asks it any more. */
static void open_breaker(server_t *server, const char *key)
{
    int i;

    server_hang(server);
    for (i = 1; i < LOCKS_BREAKER_TIMEOUTS; i++) {
        ck_assert(asks_quietly(key));
    }
    ck_assert(!asks_quietly(key));
    ck_assert_ptr_nonnull(strstr(alarms, server->address));
    ck_assert(!session->is_known_failure);
}

START_TEST(a_hung_server_is_left_alone_after_some_timeouts)
{
    static const char *const options[] = {NULL};
    server_t *server = server_start(pool, options);
    apr_time_t began;

    use(server->address, 1);
    open_breaker(server, "a");
    began = apr_time_now();
    ck_assert(asks_quietly("a"));
    ck_assert(session->is_known_failure);
    ck_assert_ptr_nonnull(strstr(reason(), "answers no more"));
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_UNREACHABLE);
    ck_assert_msg(apr_time_now() - began < TIMEOUT / 2, "it was asked");
    server_continue(server);
}
END_TEST

START_TEST(a_server_that_goes_on_is_found_within_the_longest_pause)
{
    static const char *const options[] = {NULL};
    server_t *server = server_start(pool, options);
    apr_time_t end;

    use(server->address, 1);
    open_breaker(server, "a");
    /* Some pauses, so that they have become longer. */
    apr_sleep(LOCKS_BREAKER_PAUSE_MIN);
    ck_assert(asks_quietly("a"));
    ck_assert_ptr_nonnull(strstr(reason(), "no answer within"));
    ck_assert(session->is_known_failure);
    server_continue(server);
    end = apr_time_now() + LOCKS_BREAKER_PAUSE_MAX + slack();
    while (status_of("a") != LOCKS_STORE_ABSENT) {
        ck_assert(apr_time_now() < end);
        apr_sleep(10 * MS);
        use_new_session();
    }
    ck_assert_ptr_nonnull(strstr(all_clears, "answers again"));
    ck_assert(asks_quietly("a"));
}
END_TEST

START_TEST(what_became_of_a_write_is_asked_all_the_same)
{
    static const char *const options[] = {NULL};
    server_t *server = server_start(pool, options);

    use(server->address, 1);
    open_breaker(server, "a");
    server_continue(server);
    use_new_session();
    ck_assert_int_eq(fetched("a", LOCKS_STORE_SETTLE).status,
                     LOCKS_STORE_ABSENT);
    ck_assert_str_ne(all_clears, "");
}
END_TEST

START_TEST(slow_answers_between_good_ones_open_nothing)
{
    static const char *const options[] = {NULL};
    server_t *server = server_start(pool, options);
    int i;

    use(server->address, 1);
    for (i = 0; i < 2 * LOCKS_BREAKER_TIMEOUTS; i++) {
        server_hang(server);
        ck_assert(asks_quietly("a"));
        server_continue(server);
        use_new_session();
        ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    }
}
END_TEST

START_TEST(a_write_that_is_not_sent_says_nothing_of_its_server)
{
    locks_store_item_t item;
    server_t *server;
    locks_store_session_t *other = outlive(&server, &item);
    locks_store_session_t *holder;
    int i;

    store->provider->close(other);
    ck_assert_int_eq(status_of("b"), LOCKS_STORE_ABSENT);
    holder = session;
    open_session();
    server_hang(server);
    for (i = 1; i < LOCKS_BREAKER_TIMEOUTS; i++) {
        ck_assert(asks_quietly("a"));
        ck_assert_int_eq(store->provider->cas(holder, "a", "again", 5, item.cas,
                                              LIFETIME, LOCKS_STORE_ORDINARY),
                         LOCKS_STORE_LOST);
    }
    ck_assert(!asks_quietly("a"));
    server_continue(server);
}
END_TEST

/** Two servers, and a key on each of them. */
static void use_two(const char *first, const char *second,
                    const char *(*keys)[2])
{
    const char *found[2] = {NULL, NULL};
    apr_array_header_t *addresses;
    locks_memcached_ring_t *ring;
    const char *both = apr_pstrcat(pool, first, ",", second, NULL);
    int i;

    use(both, 2);
    ck_assert_ptr_null(
        locks_address_parse(&addresses, both, strlen(both), pool));
    ring = locks_memcached_ring(addresses, pool);
    for (i = 0; found[0] == NULL || found[1] == NULL; i++) {
        const char *key = apr_psprintf(pool, "key:%d", i);

        found[locks_memcached_place(ring, key)] = key;
    }
    memcpy(*keys, found, sizeof(found));
}

START_TEST(a_known_failure_hides_no_new_one)
{
    server_t *hung = server_start(pool, NULL);
    const char *nobody = apr_psprintf(pool, "127.0.0.1:%u", free_port());
    const char *keys[2];
    locks_store_item_t items[2] = {{.key = NULL}};

    use_two(hung->address, nobody, &keys);
    open_breaker(hung, keys[0]);
    use_new_session();
    items[0].key = keys[0];
    items[1].key = keys[1];
    store->provider->fetch(session, items, 2, LOCKS_STORE_ORDINARY);
    ck_assert_ptr_nonnull(strstr(reason(), nobody));
    ck_assert(!session->is_known_failure);
    server_continue(hung);
}
END_TEST

START_TEST(a_known_failure_stays_known)
{
    server_t *hung = server_start(pool, NULL);
    server_t *well = server_start(pool, NULL);
    const char *keys[2];

    use_two(hung->address, well->address, &keys);
    open_breaker(hung, keys[0]);
    ck_assert(asks_quietly(keys[0]));
    ck_assert_int_eq(status_of(keys[1]), LOCKS_STORE_ABSENT);
    ck_assert_ptr_nonnull(strstr(reason(), hung->address));
    ck_assert(session->is_known_failure);
    server_continue(hung);
}
END_TEST

START_TEST(each_server_that_hangs_is_told_of)
{
    static const fake_step_t steps[] = {{.answer = NULL}};
    fake_t *first = fake_start(pool, steps, 1);
    fake_t *second = fake_start(pool, steps, 1);
    const char *keys[2];
    int i;

    use_two(fake_address(first), fake_address(second), &keys);
    for (i = 0; i < LOCKS_BREAKER_TIMEOUTS; i++) {
        locks_store_item_t items[2] = {{.key = keys[0]}, {.key = keys[1]}};

        ck_assert_str_eq(alarms, "");
        use_new_session();
        store->provider->fetch(session, items, 2, LOCKS_STORE_ORDINARY);
    }
    ck_assert_ptr_nonnull(strstr(alarms, fake_address(first)));
    ck_assert_ptr_nonnull(strstr(alarms, fake_address(second)));
}
END_TEST

/** Its queue of connections is full: what comes more is not answered, as by a
 *  host that a firewall has cut off. */
START_TEST(a_host_that_drops_connections_is_left_alone)
{
    const char *address = deaf_address(pool);
    apr_time_t began = apr_time_now();
    int i;

    use(address, 1);
    for (i = 0; i < LOCKS_BREAKER_TIMEOUTS; i++) {
        ck_assert_str_eq(alarms, "");
        use_new_session();
        ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    }
    ck_assert_int_ge(apr_time_now() - began,
                     LOCKS_BREAKER_TIMEOUTS * (TIMEOUT - 2 * MS));
    ck_assert_ptr_nonnull(strstr(alarms, address));
    ck_assert(asks_quietly("a"));
    ck_assert_ptr_nonnull(strstr(reason(), "answers no more"));
}
END_TEST

START_TEST(a_server_that_refuses_is_not_left_alone)
{
    int i;

    use(apr_psprintf(pool, "127.0.0.1:%u", free_port()), 1);
    for (i = 0; i < 3 * LOCKS_BREAKER_TIMEOUTS; i++) {
        ck_assert(asks_quietly("a"));
        ck_assert_ptr_nonnull(strstr(reason(), "refused"));
        ck_assert(!session->is_known_failure);
    }
}
END_TEST

START_TEST(two_hung_servers_cost_one_timeout)
{
    enum { KEYS = 20 };
    static const fake_step_t steps[] = {{.answer = NULL}};
    fake_t *fakes[2];
    locks_store_item_t items[KEYS];
    apr_time_t began;
    int i;

    fakes[0] = fake_start(pool, steps, 1);
    fakes[1] = fake_start(pool, steps, 1);
    use(apr_pstrcat(pool, fake_address(fakes[0]), ",", fake_address(fakes[1]),
                    NULL),
        1);
    for (i = 0; i < KEYS; i++) {
        items[i].key = apr_psprintf(pool, "key:%d", i);
    }
    began = apr_time_now();
    store->provider->fetch(session, items, KEYS, LOCKS_STORE_ORDINARY);
    assert_one_timeout(began);
    for (i = 0; i < KEYS; i++) {
        ck_assert_int_eq(items[i].status, LOCKS_STORE_UNREACHABLE);
    }
    ck_assert_int_eq(fake_requests(fakes[0]), 1);
    ck_assert_int_eq(fake_requests(fakes[1]), 1);
}
END_TEST

/* ---- Who watches ---- */

START_TEST(a_server_s_failures_are_told_by_kind)
{
    static const fake_step_t steps[] = {
        {.answer = "END\r\n"},
        {.answer = "SERVER_ERROR out of memory storing object\r\n"},
        {.answer = "", .close = 1},
        {.answer = "garbage\r\n"},
        {.answer = NULL},
    };
    fake_t *fake = fake_start(pool, steps, COUNT(steps));

    use(fake_address(fake), 1);
    (void)status_of("a");
    assert_told(LOCKS_STORE_FAILURES, 0);
    (void)add("a", "v", LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_REFUSED, 1);
    (void)add("a", "v", LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_CONNECTION, 1);
    (void)status_of("a");
    assert_told(LOCKS_STORE_FAILURE_ANSWER, 1);
    ck_assert(travelled < TIMEOUT / 2 + slack());
    (void)status_of("a");
    assert_told(LOCKS_STORE_FAILURE_TIMEOUT, 1);
    ck_assert(travelled >= TIMEOUT - 2 * MS);
    ck_assert_uint_eq(round_trips, 5);
    (void)status_of("a");
    assert_told(LOCKS_STORE_FAILURE_LEFT_ALONE, 1);
    (void)add("a", "v", LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_LEFT_ALONE, 1);
    ck_assert_uint_eq(round_trips, 5);
}
END_TEST

START_TEST(failures_of_our_own_side_are_told)
{
    static const fake_step_t steps[] = {{.answer = NULL}};
    fake_t *fake = fake_start(pool, steps, 1);
    locks_store_item_t items[2] = {{.key = "no key"}, {.key = "nor this"}};
    char *value = apr_pcalloc(pool, LOCKS_STORE_VALUE_MAX + 1);

    use(fake_address(fake), 1);
    store->provider->fetch(session, items, 2, LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_LOCAL, 1);
    (void)add("no key", "v", LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_LOCAL, 1);
    (void)store->provider->add(session, "a", value, LOCKS_STORE_VALUE_MAX + 1,
                               LIFETIME, LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_REFUSED, 1);
    (void)cas("a", "v", 0);
    assert_told(LOCKS_STORE_FAILURE_REFUSED, 1);
    session->waited = 4 * TIMEOUT;
    (void)status_of("a");
    assert_told(LOCKS_STORE_FAILURE_LOCAL, 1);
    ck_assert_uint_eq(round_trips, 0);
}
END_TEST

START_TEST(a_connection_that_is_refused_is_no_round_trip)
{
    use(apr_psprintf(pool, "127.0.0.1:%u", free_port()), 1);
    (void)status_of("a");
    assert_told(LOCKS_STORE_FAILURE_CONNECTION, 1);
    (void)add("a", "v", LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_CONNECTION, 1);
    ck_assert_uint_eq(round_trips, 0);
}
END_TEST

START_TEST(a_failure_is_told_for_each_server)
{
    static const fake_step_t steps[] = {{.answer = NULL}};
    fake_t *first = fake_start(pool, steps, 1);
    fake_t *second = fake_start(pool, steps, 1);
    const char *keys[2];
    locks_store_item_t items[3] = {{.key = "third"}};

    use_two(fake_address(first), fake_address(second), &keys);
    items[1].key = keys[0];
    items[2].key = keys[1];
    store->provider->fetch(session, items, 3, LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_TIMEOUT, 2);
    store->provider->fetch(session, items, 3, LOCKS_STORE_ORDINARY);
    assert_told(LOCKS_STORE_FAILURE_LEFT_ALONE, 2);
    ck_assert_uint_eq(round_trips, 1);
}
END_TEST

static void *APR_THREAD_FUNC close_later(apr_thread_t *thread, void *data)
{
    (void)thread;
    apr_sleep(TIMEOUT / 2);
    store->provider->close(data);
    return NULL;
}

START_TEST(waiting_for_a_connection_is_no_part_of_a_round_trip)
{
    server_t *server = server_start(pool, NULL);
    locks_store_session_t *first;
    apr_thread_t *thread;
    apr_status_t ignored;

    use(server->address, 1);
    (void)status_of("a");
    first = session;
    open_session();
    ck_assert_int_eq(apr_thread_create(&thread, NULL, close_later, first, pool),
                     APR_SUCCESS);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
    apr_thread_join(&ignored, thread);
    assert_told(LOCKS_STORE_FAILURES, 0);
    ck_assert_uint_eq(round_trips, 1);
    ck_assert(session->waited >= TIMEOUT / 2 - 2 * MS);
    ck_assert(travelled < slack());
}
END_TEST

START_TEST(a_session_may_go_unwatched)
{
    use(apr_psprintf(pool, "127.0.0.1:%u", free_port()), 1);
    session->observer = NULL;
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    ck_assert_int_eq(add("no key", "v", LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_REFUSED);
}
END_TEST

/* ---- How memcached runs ---- */

START_TEST(memcached_without_cas_is_told)
{
    static const char *const options[] = {"-C", NULL};
    server_t *server = server_start(pool, options);
    locks_store_item_t item;

    use(server->address, 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    item = fetched("a", LOCKS_STORE_ORDINARY);
    ck_assert_int_eq(item.status, LOCKS_STORE_DONE);
    ck_assert_uint_eq(item.cas, 0);
    ck_assert_int_eq(cas("a", "w", item.cas), LOCKS_STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(reason(), "-C"));
}
END_TEST

START_TEST(a_full_memcached_refuses)
{
    static const char *const options[] = {"-M", "-m", "2", NULL};
    server_t *server = server_start(pool, options);
    char *value = apr_pcalloc(pool, 100000);
    apr_status_t status = LOCKS_STORE_DONE;
    int i;

    use(server->address, 1);
    for (i = 0; status == LOCKS_STORE_DONE && i < 2000; i++) {
        status =
            store->provider->add(session, apr_psprintf(pool, "key:%d", i),
                                 value, 100000, LIFETIME, LOCKS_STORE_ORDINARY);
        use_new_session();
    }
    ck_assert_int_eq(status, LOCKS_STORE_REFUSED);
    /* What it has can still be read, on the same connection. */
    ck_assert_int_eq(status_of("key:0"), LOCKS_STORE_DONE);
}
END_TEST

START_TEST(a_store_that_was_not_started_is_unreachable)
{
    ck_assert_ptr_null(
        locks_memcached_provider.create(&store, "127.0.0.1", TIMEOUT, pool));
    session = store->provider->open(store, pool);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(reason(), "not started"));
}
END_TEST

START_TEST(wrong_arguments_are_told)
{
    ck_assert_ptr_nonnull(
        locks_memcached_provider.create(&store, "a,,b", TIMEOUT, pool));
    ck_assert_ptr_nonnull(
        locks_memcached_provider.create(&store, "127.0.0.1", 0, pool));
}
END_TEST

/* ---- Threads ---- */

#define THREADS 8

/** Reads and writes a key of its own, and reads one that all read. */
static apr_status_t hammer(const char *name, apr_pool_t *own)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; rv == APR_SUCCESS && i < 300; i++) {
        locks_store_item_t items[2] = {{.key = name}, {.key = "shared"}};
        apr_size_t length = strlen(name);
        locks_store_session_t *mine;
        apr_pool_t *request;

        apr_pool_create(&request, own);
        mine = store->provider->open(store, request);
        store->provider->fetch(mine, items, 2, LOCKS_STORE_ORDINARY);
        rv = items[0].status == LOCKS_STORE_ABSENT
                 ? store->provider->add(mine, name, name, length, LIFETIME,
                                        LOCKS_STORE_ORDINARY)
                 : store->provider->cas(mine, name, name, length, items[0].cas,
                                        LIFETIME, LOCKS_STORE_ORDINARY);
        if (items[0].status == LOCKS_STORE_DONE &&
            strcmp(items[0].value, name) != 0) {
            rv = APR_EGENERAL;
        }
        apr_pool_destroy(request);
    }
    return rv;
}

typedef struct hammer_t {
    apr_thread_t *thread;
    apr_pool_t *pool;
    const char *name;
    apr_status_t result;
} hammer_t;

static void *APR_THREAD_FUNC run_hammer(apr_thread_t *thread, void *data)
{
    hammer_t *mine = data;

    (void)thread;
    mine->result = hammer(mine->name, mine->pool);
    return NULL;
}

START_TEST(threads_share_a_store)
{
    server_t *first = server_start(pool, NULL);
    server_t *second = server_start(pool, NULL);
    hammer_t hammers[THREADS];
    apr_status_t ignored;
    int i;

    /* Fewer connections than threads: they take turns. */
    use(apr_pstrcat(pool, first->address, ",", second->address, NULL),
        THREADS / 2);
    for (i = 0; i < THREADS; i++) {
        apr_allocator_t *allocator;

        ck_assert_int_eq(apr_allocator_create(&allocator), APR_SUCCESS);
        apr_pool_create_ex(&hammers[i].pool, NULL, NULL, allocator);
        apr_allocator_owner_set(allocator, hammers[i].pool);
        hammers[i].name = apr_psprintf(pool, "thread:%d", i);
        ck_assert_int_eq(apr_thread_create(&hammers[i].thread, NULL, run_hammer,
                                           &hammers[i], pool),
                         APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&ignored, hammers[i].thread);
        apr_pool_destroy(hammers[i].pool);
        ck_assert_int_eq(hammers[i].result, APR_SUCCESS);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("memcached's faults");
    TCase *tcase = add_case(suite, "answers");

    tcase_add_loop_test(tcase, no_answer_is_not_an_absent_key, 0,
                        COUNT(bad_answers));
    tcase_add_loop_test(tcase, no_answer_leaves_a_write_unknown, 0, 7);
    tcase_add_test(tcase, answers_to_writes_are_told_apart);
    tcase_add_test(tcase, a_reason_holds_no_key);
    tcase_add_test(tcase, no_key_breaks_out_of_its_line);
    tcase = add_case(suite, "time");
    tcase_add_test(tcase, a_hung_server_costs_one_timeout);
    tcase_add_test(tcase, a_write_to_a_hung_server_is_unknown);
    tcase_add_test(tcase, a_long_write_to_a_hung_server_ends_too);
    tcase_add_loop_test(tcase, a_trickling_server_costs_one_timeout, 0,
                        COUNT(trickles));
    tcase_add_test(tcase, a_late_answer_reaches_nobody);
    tcase_add_test(tcase, a_session_waits_four_timeouts_in_all);
    tcase_add_test(tcase, a_wait_for_a_connection_ends);
    tcase = add_case(suite, "servers that go away");
    tcase_add_test(tcase, nobody_listening_is_unreachable);
    tcase_add_test(tcase, a_server_that_comes_is_used_at_once);
    tcase_add_loop_test(tcase, a_restart_while_idle_does_not_fail_a_read, 0, 2);
    tcase_add_test(tcase, a_read_is_repeated_only_once);
    tcase_add_test(tcase, a_write_on_a_dead_connection_is_unknown);
    tcase = add_case(suite, "pools");
    tcase_add_test(tcase, a_cas_value_ends_with_its_server);
    tcase_add_test(tcase, a_cas_value_is_not_used_on_another_connection);
    tcase_add_test(tcase, keys_lie_where_other_clients_look);
    tcase_add_loop_test(tcase, a_dead_server_leaves_the_others_keys, 0, 2);
    tcase_add_test(tcase, a_hung_server_is_left_alone_after_some_timeouts);
    tcase_add_test(tcase,
                   a_server_that_goes_on_is_found_within_the_longest_pause);
    tcase_add_test(tcase, what_became_of_a_write_is_asked_all_the_same);
    tcase_add_test(tcase, a_write_that_is_not_sent_says_nothing_of_its_server);
    tcase_add_test(tcase, slow_answers_between_good_ones_open_nothing);
    tcase_add_test(tcase, a_known_failure_hides_no_new_one);
    tcase_add_test(tcase, a_known_failure_stays_known);
    tcase_add_test(tcase, each_server_that_hangs_is_told_of);
    tcase_add_test(tcase, a_host_that_drops_connections_is_left_alone);
    tcase_add_test(tcase, a_server_that_refuses_is_not_left_alone);
    tcase_add_test(tcase, two_hung_servers_cost_one_timeout);
    tcase = add_case(suite, "who watches");
    tcase_add_test(tcase, a_server_s_failures_are_told_by_kind);
    tcase_add_test(tcase, failures_of_our_own_side_are_told);
    tcase_add_test(tcase, a_connection_that_is_refused_is_no_round_trip);
    tcase_add_test(tcase, a_failure_is_told_for_each_server);
    tcase_add_test(tcase, waiting_for_a_connection_is_no_part_of_a_round_trip);
    tcase_add_test(tcase, a_session_may_go_unwatched);
    tcase = add_case(suite, "how memcached and the store run");
    tcase_add_test(tcase, memcached_without_cas_is_told);
    tcase_add_test(tcase, a_full_memcached_refuses);
    tcase_add_test(tcase, a_store_that_was_not_started_is_unreachable);
    tcase_add_test(tcase, wrong_arguments_are_told);
    tcase_add_test(tcase, threads_share_a_store);
    return suite;
}

int main(void)
{
    return run_faults(make_suite());
}
