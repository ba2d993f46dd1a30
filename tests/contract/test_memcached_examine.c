/* SPDX-License-Identifier: Apache-2.0 */
/* What an examination of memcached servers tells: how they run, and nothing
 * of those that fail, hang, lie or trickle, which cost no more than a timeout
 * each and hide nobody. */
#include "faults.h"
#include "locks_breaker.h"
#include "locks_memcached.h"

#include <apr_strings.h>

#include <string.h>

#define VERSION "VERSION 1.6.18\r\n"
#define SETTINGS "STAT evictions on\r\nSTAT cas_enabled yes\r\nEND\r\n"
/** All that is needed of the statistics, but for the limit and the end. */
#define MOST                                                    \
    "STAT pid 7\r\nSTAT uptime 3\r\nSTAT version 1.6.18\r\n"    \
    "STAT evictions 5\r\nSTAT curr_items 6\r\nSTAT bytes 7\r\n" \
    "STAT curr_connections 9\r\n"
#define STATISTICS MOST "STAT limit_maxbytes 8\r\nEND\r\n"

/** Examines all servers; the answers last until the next time. */
static const locks_store_server_t *examined(void)
{
    static locks_store_server_t servers[8];

    ck_assert_int_le(store->servers, COUNT(servers));
    memset(servers, 0x55, sizeof(servers));
    store->provider->examine(session, servers);
    return servers;
}

/** Nothing is told of a server that did not answer. */
static void assert_silent(const locks_store_server_t *server, const char *why)
{
    ck_assert_int_eq(server->status, LOCKS_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(server->reason, server->name));
    ck_assert_msg(strstr(server->reason, why) != NULL, "%s", server->reason);
    ck_assert_str_eq(server->version, "");
    ck_assert_uint_eq(server->bytes_limit, 0);
    ck_assert_uint_eq(server->connections, 0);
    ck_assert_int_eq((int)server->uptime, 0);
    ck_assert(!server->gives_cas && !server->may_evict);
}

START_TEST(an_examination_tells_how_memcached_runs)
{
    static const char *const options[][4] = {
        {"-m", "100", NULL},
        {"-m", "100", "-C", NULL},
        {"-m", "100", "-M", NULL},
        {NULL},
    };
    server_t *server =
        _i < 3 ? server_start(pool, options[_i]) : server_start_unix(pool);
    const locks_store_server_t *found;

    use(server->address, 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    found = examined();
    ck_assert_int_eq(found->status, LOCKS_STORE_DONE);
    ck_assert_ptr_nonnull(strstr(server->address, found->name));
    ck_assert_str_eq(found->reason, "");
    ck_assert(found->version[0] >= '1' && found->version[0] <= '9');
    ck_assert_int_eq(found->gives_cas, _i != 1);
    ck_assert_int_eq(found->may_evict, _i != 2);
    ck_assert(found->uptime >= 0 && found->uptime < apr_time_from_sec(60));
    ck_assert_uint_eq(found->evictions, 0);
    ck_assert_uint_eq(found->items, 1);
    ck_assert_uint_gt(found->bytes, 1);
    ck_assert_uint_eq(found->bytes_limit, (_i < 3 ? 100 : 64) * 1024 * 1024);
    ck_assert_uint_ge(found->connections, 2);
    ck_assert(found->round_trip > 0 && found->round_trip <= travelled);
    ck_assert_uint_eq(round_trips, 3);
    assert_told(LOCKS_STORE_FAILURES, 0);
}
END_TEST

START_TEST(an_examination_tells_of_evictions)
{
    static const char *const options[] = {"-m", "2", NULL};
    server_t *server = server_start(pool, options);
    char *value = apr_pcalloc(pool, 100000);
    int i;

    use(server->address, 1);
    for (i = 0; i < 200; i++) {
        ck_assert_int_eq(
            store->provider->add(session, apr_psprintf(pool, "key:%d", i),
                                 value, 100000, LIFETIME, LOCKS_STORE_ORDINARY),
            LOCKS_STORE_DONE);
        session->waited = 0;
    }
    ck_assert_uint_gt(examined()->evictions, 0);
}
END_TEST

START_TEST(statistics_are_read_as_they_stand)
{
    static const fake_step_t steps[] = {
        {.answer = VERSION}, {.answer = SETTINGS}, {.answer = STATISTICS}};
    fake_t *fake = fake_start(pool, steps, COUNT(steps));
    const locks_store_server_t *found;

    use(fake_address(fake), 1);
    found = examined();
    ck_assert_int_eq(found->status, LOCKS_STORE_DONE);
    ck_assert_str_eq(found->version, "1.6.18");
    ck_assert(found->uptime == apr_time_from_sec(3));
    ck_assert_uint_eq(found->evictions, 5);
    ck_assert_uint_eq(found->items, 6);
    ck_assert_uint_eq(found->bytes, 7);
    ck_assert_uint_eq(found->bytes_limit, 8);
    ck_assert_uint_eq(found->connections, 9);
    ck_assert(found->gives_cas && found->may_evict);
    ck_assert_int_eq(fake_connections(fake), 1);
}
END_TEST

/** What a server says to "version", "stats settings" and "stats", and what
 *  kind of failure that is; where it breaks, the last answer is cut off. */
static const struct {
    const char *answers[3];
    locks_store_failure_e kind;
} lies[] = {
#define SAYS(...)                                 \
    {                                             \
        {__VA_ARGS__}, LOCKS_STORE_FAILURE_ANSWER \
    }
#define BREAKS(...)                                   \
    {                                                 \
        {__VA_ARGS__}, LOCKS_STORE_FAILURE_CONNECTION \
    }
#define STAT(line) \
    SAYS(VERSION, SETTINGS, MOST "STAT limit_maxbytes 8\r\n" line "\r\nEND\r\n")
#define LIMIT(limit) \
    SAYS(VERSION, SETTINGS, MOST "STAT limit_maxbytes " limit "\r\nEND\r\n")
    /* No memcached. */
    SAYS("garbage\r\n"),
    SAYS("ERROR\r\n"),
    SAYS("SERVER_ERROR out of memory\r\n"),
    SAYS("END\r\n", "END\r\n", "END\r\n"),
    SAYS("VERSION none\r\n"),
    SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"),
    SAYS("ERROR Too many open connections\r\n"),
    BREAKS(""),
    BREAKS("VERS"),
    /* Other settings. */
    SAYS(VERSION, "garbage\r\n"),
    SAYS(VERSION, "ERROR\r\n"),
    SAYS(VERSION, "CLIENT_ERROR no stats\r\n"),
    SAYS(VERSION, "SERVER_ERROR out of memory writing stats\r\n"),
    SAYS(VERSION, "END\r\n", STATISTICS),
    SAYS(VERSION, "OK\r\n", STATISTICS),
    SAYS(VERSION, "STAT evictions on\r\nEND\r\n", STATISTICS),
    SAYS(VERSION, "STAT cas_enabled yes\r\nEND\r\n", STATISTICS),
    SAYS(VERSION, "STAT evictions 0\r\nSTAT cas_enabled yes\r\nEND\r\n",
         STATISTICS),
    SAYS(VERSION, "STAT evictions on\r\nSTAT cas_enabled 1\r\nEND\r\n",
         STATISTICS),
    SAYS(VERSION, "STAT evictions on\r\n" SETTINGS, STATISTICS),
    BREAKS(VERSION, "STAT evictions on\r\nSTAT cas_ena"),
    /* Other statistics. */
    SAYS(VERSION, SETTINGS, "END\r\n"),
    SAYS(VERSION, SETTINGS, MOST "END\r\n"),
    SAYS(VERSION, SETTINGS, SETTINGS),
    SAYS(VERSION, SETTINGS, MOST "SERVER_ERROR x\r\n"),
    BREAKS(VERSION, SETTINGS, ""),
    BREAKS(VERSION, SETTINGS, MOST),
    BREAKS(VERSION, SETTINGS, MOST "STAT limit_maxb"),
    LIMIT(""),
    LIMIT("x"),
    LIMIT("-1"),
    LIMIT("+1"),
    LIMIT("1.5"),
    LIMIT("0x10"),
    LIMIT("8k"),
    LIMIT("18446744073709551616"),
    LIMIT("99999999999999999999999999"),
    STAT("STAT bytes 1"),
    STAT("STAT version 1.6.19"),
    STAT("STAT uptime -3"),
    SAYS(VERSION, SETTINGS, "STAT uptime 9223372036855\r\n" STATISTICS),
#undef LIMIT
#undef STAT
#undef BREAKS
#undef SAYS
};

START_TEST(no_lie_is_believed)
{
    fake_step_t steps[3] = {{.answer = NULL}};
    apr_time_t began = apr_time_now();
    int count = 0;

    while (count < 3 && lies[_i].answers[count] != NULL) {
        steps[count].answer = lies[_i].answers[count];
        count++;
    }
    steps[count - 1].close = lies[_i].kind == LOCKS_STORE_FAILURE_CONNECTION;
    use(fake_address(fake_start(pool, steps, count)), 1);
    assert_silent(examined(), "");
    ck_assert_str_eq(alarms, "");
    assert_told(lies[_i].kind, 1);
    ck_assert(apr_time_now() - began < TIMEOUT / 2 + slack());
}
END_TEST

/** Statistics with a version and an uptime of one's own. */
static const char *statistics_with(const char *version, const char *uptime)
{
    return apr_pstrcat(pool, "STAT uptime ", uptime, "\r\nSTAT version ",
                       version,
                       "\r\nSTAT evictions 18446744073709551615\r\n"
                       "STAT curr_items 6\r\nSTAT bytes 7\r\n"
                       "STAT curr_connections 9\r\n"
                       "STAT limit_maxbytes 8\r\nEND\r\n",
                       NULL);
}

START_TEST(values_have_bounds)
{
    static const struct {
        const char *version;
        const char *uptime;
        int is_fine;
    } cases[] = {
        {"12345678901234567890123456789012", "1", 1},
        {"123456789012345678901234567890123", "1", 0},
        {"1.6\x7f", "1", 0},
        {"1.6\xc3\xa4", "1", 0},
        {"1.6\x1b[2J", "1", 0},
        {"!~", "1", 1},
        {"1.6", "9223372036854", 1},
        {"1.6", "9223372036855", 0},
    };
    fake_step_t steps[] = {
        {.answer = VERSION}, {.answer = SETTINGS}, {.answer = NULL}};
    const locks_store_server_t *found;

    steps[2].answer = statistics_with(cases[_i].version, cases[_i].uptime);
    use(fake_address(fake_start(pool, steps, 3)), 1);
    found = examined();
    if (cases[_i].is_fine) {
        ck_assert_int_eq(found->status, LOCKS_STORE_DONE);
        ck_assert_str_eq(found->version, cases[_i].version);
        ck_assert(found->evictions == APR_UINT64_MAX);
        ck_assert(found->uptime ==
                  apr_time_from_sec(apr_atoi64(cases[_i].uptime)));
    } else {
        assert_silent(found, "no answer (");
    }
}
END_TEST

START_TEST(a_reason_quotes_no_statistics)
{
    static const fake_step_t steps[] = {{.answer = "SECRET what\r\n"}};

    use(fake_address(fake_start(pool, steps, 1)), 1);
    ck_assert_ptr_null(strstr(examined()->reason, "SECRET"));
}
END_TEST

/** Servers that take their time at one of the three answers. */
static const fake_step_t slow[][3] = {
    {{.answer = NULL}},
    {{.answer = VERSION}, {.answer = NULL}},
    {{.answer = VERSION}, {.answer = SETTINGS}, {.answer = NULL}},
    {{.answer = VERSION, .trickle_ms = 50}},
    {{.answer = VERSION}, {.answer = SETTINGS, .trickle_ms = 50}},
    {{.answer = VERSION},
     {.answer = SETTINGS},
     {.answer = STATISTICS, .trickle_ms = 20}},
    {{.answer = VERSION, .delay_ms = 150},
     {.answer = SETTINGS, .delay_ms = 150},
     {.answer = STATISTICS}},
    {{.answer = VERSION},
     {.answer = "STAT x y\r\n", .trickle_ms = 5, .endless = 1}},
};

START_TEST(an_examination_costs_one_timeout)
{
    fake_t *fake = fake_start(pool, slow[_i], 3);
    apr_time_t began;

    use(fake_address(fake), 1);
    began = apr_time_now();
    assert_silent(examined(), "no answer within 250 ms");
    assert_one_timeout(began);
    assert_told(LOCKS_STORE_FAILURE_TIMEOUT, 1);
    assert_silent(examined(), "timed out before");
    assert_told(LOCKS_STORE_FAILURE_LEFT_ALONE, 1);
    ck_assert_int_eq(fake_connections(fake), 1);
}
END_TEST

START_TEST(statistics_without_end_end)
{
    fake_step_t steps[] = {
        {.answer = VERSION},
        {.answer = SETTINGS},
        {.answer = "STAT x y\r\nSTAT z 1\r\n", .endless = 1}};
    apr_time_t began;

    steps[2 - _i] = steps[2];
    use(fake_address(fake_start(pool, steps, 3)), 1);
    began = apr_time_now();
    assert_silent(examined(), "no answer (");
    ck_assert(apr_time_now() - began < TIMEOUT / 2 + slack());
    assert_told(LOCKS_STORE_FAILURE_ANSWER, 1);
}
END_TEST

START_TEST(more_statistics_than_any_server_has_are_none)
{
    fake_step_t steps[] = {
        {.answer = VERSION}, {.answer = SETTINGS}, {.answer = NULL}};
    const char *more = "STAT x y\r\n";
    int i;

    for (i = 0; i < 10; i++) {
        more = apr_pstrcat(pool, more, more, NULL);
    }
    steps[2].answer = apr_pstrcat(pool, MOST "STAT limit_maxbytes 8\r\n", more,
                                  "END\r\n", NULL);
    use(fake_address(fake_start(pool, steps, 3)), 1);
    assert_silent(examined(), "no answer (");
    assert_told(LOCKS_STORE_FAILURE_ANSWER, 1);
}
END_TEST

START_TEST(hung_servers_do_not_hide_one_that_is_well)
{
    enum { HUNG = 7 };
    static const fake_step_t steps[] = {{.answer = NULL}};
    server_t *well = server_start(pool, NULL);
    const char *addresses = well->address;
    const locks_store_server_t *found;
    fake_t *fakes[HUNG];
    apr_time_t began;
    int i;

    for (i = 0; i < HUNG; i++) {
        fakes[i] = fake_start(pool, steps, 1);
        addresses =
            apr_pstrcat(pool, fake_address(fakes[i]), ",", addresses, NULL);
    }
    use(addresses, 1);
    began = apr_time_now();
    found = examined();
    ck_assert_int_le(apr_time_now() - began, 4 * TIMEOUT + slack());
    for (i = 0; i < HUNG; i++) {
        assert_silent(&found[i], "no answer within");
        ck_assert_int_eq(fake_requests(fakes[i]), 1);
    }
    ck_assert_str_eq(found[HUNG].name, well->address);
    ck_assert_int_eq(found[HUNG].status, LOCKS_STORE_DONE);
    assert_told(LOCKS_STORE_FAILURE_TIMEOUT, HUNG);
}
END_TEST

START_TEST(a_server_that_is_left_alone_is_not_examined)
{
    server_t *server = server_start(pool, NULL);
    const locks_store_server_t *found;
    apr_time_t began;
    int i;

    use(server->address, 1);
    server_hang(server);
    for (i = 1; i <= LOCKS_BREAKER_TIMEOUTS; i++) {
        use_new_session();
        ck_assert_int_eq(examined()->is_left_alone,
                         i == LOCKS_BREAKER_TIMEOUTS);
    }
    ck_assert_str_ne(alarms, "");
    use_new_session();
    began = apr_time_now();
    found = examined();
    ck_assert(apr_time_now() - began < TIMEOUT / 2);
    assert_silent(found, "answers no more");
    ck_assert(found->is_left_alone);
    assert_told(LOCKS_STORE_FAILURE_LEFT_ALONE, 1);
    server_continue(server);
    apr_sleep(LOCKS_BREAKER_PAUSE_MAX + TIMEOUT);
    use_new_session();
    found = examined();
    ck_assert_int_eq(found->status, LOCKS_STORE_DONE);
    ck_assert(!found->is_left_alone);
    ck_assert_ptr_nonnull(strstr(all_clears, "answers again"));
}
END_TEST

START_TEST(a_server_that_is_down_says_nothing)
{
    const char *nobody = apr_psprintf(pool, "127.0.0.1:%u", free_port());
    server_t *well = server_start(pool, NULL);
    const locks_store_server_t *found;

    use(apr_pstrcat(pool, nobody, ",", well->address, NULL), 1);
    found = examined();
    assert_silent(&found[0], "Connection refused");
    ck_assert_ptr_nonnull(strstr(found[0].reason, nobody));
    ck_assert(!found[0].is_left_alone);
    ck_assert_int_eq(found[1].status, LOCKS_STORE_DONE);
    assert_told(LOCKS_STORE_FAILURE_CONNECTION, 1);
    ck_assert_uint_eq(round_trips, 2);
}
END_TEST

START_TEST(a_restart_while_idle_does_not_fail_an_examination)
{
    server_t *server =
        _i == 0 ? server_start(pool, NULL) : server_start_unix(pool);

    use(server->address, 1);
    ck_assert_int_eq(add("a", "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
    ck_assert_uint_eq(examined()->items, 1);
    server_restart(server);
    ck_assert_int_eq(examined()->status, LOCKS_STORE_DONE);
    ck_assert_uint_eq(examined()->items, 0);
    assert_told(LOCKS_STORE_FAILURES, 0);
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_ABSENT);
}
END_TEST

START_TEST(an_examination_makes_no_old_cas_value_good)
{
    locks_store_item_t item;
    server_t *server;
    locks_store_session_t *other = outlive(&server, &item);

    ck_assert_int_eq(examined()->status, LOCKS_STORE_DONE);
    ck_assert_int_eq(cas("a", "again", item.cas), LOCKS_STORE_UNKNOWN);
    assert_theirs(other);
}
END_TEST

START_TEST(what_is_left_of_an_examination_reaches_nobody)
{
    static const fake_step_t steps[] = {
        {.answer = VERSION},
        {.answer = SETTINGS},
        {.answer = MOST "STAT limit_maxbytes 8\r\nOK\r\nEND\r\nEND\r\n"},
        {.answer = "VALUE a 0 1 7\r\nv\r\nEND\r\n"},
    };
    fake_t *fake = fake_start(pool, steps, COUNT(steps));

    use(fake_address(fake), 1);
    (void)examined();
    ck_assert_int_eq(status_of("a"), LOCKS_STORE_DONE);
}
END_TEST

START_TEST(keys_lie_where_they_are_placed)
{
    enum { SERVERS = 3, KEYS = 60 };
    server_t *servers[SERVERS];
    apr_uint64_t placed[SERVERS] = {0};
    const locks_store_server_t *found;
    int i;

    for (i = 0; i < SERVERS; i++) {
        servers[i] = server_start(pool, NULL);
    }
    use(apr_pstrcat(pool, servers[0]->address, ",", servers[1]->address, ",",
                    servers[2]->address, NULL),
        1);
    ck_assert_int_eq(store->servers, SERVERS);
    for (i = 0; i < KEYS; i++) {
        const char *key = apr_psprintf(pool, "key:%d", i);

        ck_assert_int_eq(add(key, "v", LOCKS_STORE_ORDINARY), LOCKS_STORE_DONE);
        placed[store->provider->place(store, key)]++;
    }
    found = examined();
    for (i = 0; i < SERVERS; i++) {
        ck_assert_str_eq(found[i].name, servers[i]->address);
        ck_assert_uint_gt(placed[i], 0);
        ck_assert_uint_eq(found[i].items, placed[i]);
    }
}
END_TEST

START_TEST(a_session_without_time_examines_nothing)
{
    server_t *server = server_start(pool, NULL);

    use(apr_pstrcat(pool, server->address, ",127.0.0.1:1", NULL), 1);
    session->waited = 4 * TIMEOUT;
    ck_assert_ptr_nonnull(strstr(examined()[0].reason, "used up"));
    ck_assert_ptr_nonnull(strstr(examined()[1].reason, "used up"));
    assert_told(LOCKS_STORE_FAILURE_LOCAL, 4);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("examining memcached");
    TCase *tcase = add_case(suite, "examining");

    tcase_add_loop_test(tcase, an_examination_tells_how_memcached_runs, 0, 4);
    tcase_add_test(tcase, an_examination_tells_of_evictions);
    tcase_add_test(tcase, statistics_are_read_as_they_stand);
    tcase_add_loop_test(tcase, no_lie_is_believed, 0, COUNT(lies));
    tcase_add_loop_test(tcase, values_have_bounds, 0, 8);
    tcase_add_test(tcase, a_reason_quotes_no_statistics);
    tcase_add_loop_test(tcase, an_examination_costs_one_timeout, 0,
                        COUNT(slow));
    tcase_add_loop_test(tcase, statistics_without_end_end, 0, 2);
    tcase_add_test(tcase, more_statistics_than_any_server_has_are_none);
    tcase_add_test(tcase, hung_servers_do_not_hide_one_that_is_well);
    tcase_add_test(tcase, a_server_that_is_left_alone_is_not_examined);
    tcase_add_test(tcase, a_server_that_is_down_says_nothing);
    tcase_add_loop_test(
        tcase, a_restart_while_idle_does_not_fail_an_examination, 0, 2);
    tcase_add_test(tcase, an_examination_makes_no_old_cas_value_good);
    tcase_add_test(tcase, what_is_left_of_an_examination_reaches_nobody);
    tcase_add_test(tcase, keys_lie_where_they_are_placed);
    tcase_add_test(tcase, a_session_without_time_examines_nothing);
    return suite;
}

int main(void)
{
    return run_faults(make_suite());
}
