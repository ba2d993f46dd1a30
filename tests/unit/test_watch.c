/* SPDX-License-Identifier: Apache-2.0 */
/* News of servers is told once, whoever finds it out. */
#include "locks_watch.h"

#include "unit.h"

#include <apr_thread_proc.h>

#define NOW apr_time_from_sec(1700000000)
#define LATER (NOW + apr_time_from_sec(60))
#define ROUNDS 10000
/** Few, so that they really run at the same time. */
#define RIVALS 2

static locks_watched_server_t server;
static locks_watch_news_t news;

static void begin(void)
{
    setup();
    memset(&server, 0, sizeof(server));
}

static locks_epoch_t epoch_of(apr_uint64_t number)
{
    return (locks_epoch_t){
        .status = APR_SUCCESS, .why = "", .number = number, .began = NOW};
}

/** What an ordinary server says of itself. */
static locks_store_server_t sound(void)
{
    return (locks_store_server_t){
        .status = LOCKS_STORE_DONE, .gives_cas = 1, .evictions = 7};
}

static void assert_news(apr_uint32_t begun, apr_uint32_t ended)
{
    ck_assert_uint_eq(news.begun, begun);
    ck_assert_uint_eq(news.ended, ended);
}

static void assert_quiet(void)
{
    assert_news(0, 0);
    ck_assert(!news.has_lost_data);
    ck_assert(!news.is_fresh);
}

/** Notes an epoch; sets news. */
static void see(apr_uint64_t number)
{
    locks_epoch_t epoch = epoch_of(number);

    news = locks_watch_epoch(&server, &epoch, LATER);
}

static void see_nothing(void)
{
    locks_epoch_t epoch = {.status = LOCKS_EUNAVAILABLE, .why = "it is down"};

    news = locks_watch_epoch(&server, &epoch, LATER);
}

static void examine(const locks_store_server_t *examined)
{
    news = locks_watch_examined(&server, examined);
}

static void examine_in_vain(void)
{
    locks_store_server_t examined = {.status = LOCKS_STORE_UNREACHABLE,
                                     .reason = "it is down"};

    examine(&examined);
}

/* ---- Epochs ---- */

START_TEST(a_new_store_is_told_to_be_fresh_once)
{
    locks_epoch_t epoch = epoch_of(5);

    epoch.is_new = 1;
    news = locks_watch_epoch(&server, &epoch, LATER);
    ck_assert(news.is_fresh);
    ck_assert(!news.has_lost_data);
    assert_news(0, 0);
    ck_assert_uint_eq(server.epoch, 5);
    ck_assert_int_eq(server.began, NOW);
    ck_assert_uint_eq(server.losses, 0);
    see(5);
    assert_quiet();
}
END_TEST

START_TEST(an_old_store_is_no_news)
{
    see(5);
    assert_quiet();
    ck_assert_uint_eq(server.epoch, 5);
    ck_assert_int_eq(server.began, NOW);
    see(5);
    assert_quiet();
    ck_assert_uint_eq(server.losses, 0);
    ck_assert_int_eq(server.lost, 0);
}
END_TEST

START_TEST(lost_data_is_told_once_and_counted)
{
    locks_epoch_t epoch = epoch_of(6);

    see(5);
    epoch.is_new = 1;
    epoch.began = NOW + 1;
    news = locks_watch_epoch(&server, &epoch, LATER);
    ck_assert(news.has_lost_data);
    ck_assert(!news.is_fresh);
    assert_news(0, 0);
    ck_assert_uint_eq(server.losses, 1);
    ck_assert_int_eq(server.lost, LATER);
    ck_assert_int_eq(server.began, NOW + 1);
    see(6);
    assert_quiet();
    see(7);
    ck_assert(news.has_lost_data);
    ck_assert_uint_eq(server.losses, 2);
}
END_TEST

START_TEST(what_nobody_could_read_is_no_loss)
{
    see(5);
    see_nothing();
    ck_assert(!news.has_lost_data);
    ck_assert_uint_eq(server.epoch, 5);
    see(5);
    ck_assert(!news.has_lost_data);
    see_nothing();
    see(6);
    ck_assert(news.has_lost_data);
    assert_news(0, LOCKS_TROUBLE_UNREACHABLE);
}
END_TEST

START_TEST(an_unreachable_server_is_told_once_and_once_when_it_is_back)
{
    see_nothing();
    assert_news(LOCKS_TROUBLE_UNREACHABLE, 0);
    see_nothing();
    assert_quiet();
    examine_in_vain();
    assert_quiet();
    see(5);
    assert_news(0, LOCKS_TROUBLE_UNREACHABLE);
    see(5);
    assert_quiet();
    see_nothing();
    assert_news(LOCKS_TROUBLE_UNREACHABLE, 0);
}
END_TEST

START_TEST(a_server_without_cas_is_told_once)
{
    locks_epoch_t epoch = epoch_of(5);

    epoch.lacks_cas = 1;
    news = locks_watch_epoch(&server, &epoch, LATER);
    assert_news(LOCKS_TROUBLE_NO_CAS, 0);
    news = locks_watch_epoch(&server, &epoch, LATER);
    assert_quiet();
    /* Nobody knows what it has while it does not answer. */
    see_nothing();
    assert_news(LOCKS_TROUBLE_UNREACHABLE, 0);
    see(5);
    assert_news(0, LOCKS_TROUBLE_UNREACHABLE | LOCKS_TROUBLE_NO_CAS);
}
END_TEST

/* ---- Examinations ---- */

START_TEST(a_sound_server_is_no_news)
{
    locks_store_server_t examined = sound();

    examine(&examined);
    assert_quiet();
    ck_assert_uint_gt(server.examined, 0);
    examine(&examined);
    assert_quiet();
    ck_assert_uint_eq(server.trouble, 0);
}
END_TEST

START_TEST(trouble_that_is_examined_begins_and_ends_once)
{
    locks_store_server_t examined = sound();
    apr_uint32_t both = LOCKS_TROUBLE_NO_CAS | LOCKS_TROUBLE_MAY_EVICT;

    examined.gives_cas = 0;
    examined.may_evict = 1;
    examine(&examined);
    assert_news(both, 0);
    ck_assert_uint_eq(server.trouble, both);
    examine(&examined);
    assert_quiet();
    examined.gives_cas = 1;
    examine(&examined);
    assert_news(0, LOCKS_TROUBLE_NO_CAS);
    examined.may_evict = 0;
    examine(&examined);
    assert_news(0, LOCKS_TROUBLE_MAY_EVICT);
    examine(&examined);
    assert_quiet();
}
END_TEST

START_TEST(an_epoch_says_nothing_of_evictions)
{
    locks_store_server_t examined = sound();

    examined.may_evict = 1;
    examine(&examined);
    see(5);
    assert_quiet();
    ck_assert_uint_eq(server.trouble, LOCKS_TROUBLE_MAY_EVICT);
}
END_TEST

START_TEST(a_server_that_cannot_be_examined_is_unreachable)
{
    locks_store_server_t examined = sound();

    examine_in_vain();
    assert_news(LOCKS_TROUBLE_UNREACHABLE, 0);
    ck_assert_uint_eq(server.examined, 0);
    examine_in_vain();
    assert_quiet();
    examine(&examined);
    assert_news(0, LOCKS_TROUBLE_UNREACHABLE);
}
END_TEST

START_TEST(evictions_are_told_once_and_stay)
{
    locks_store_server_t examined = sound();

    /* What was dropped before is no news. */
    examine(&examined);
    assert_quiet();
    examined.evictions++;
    examine(&examined);
    assert_news(LOCKS_TROUBLE_EVICTED, 0);
    examine(&examined);
    assert_quiet();
    examined.evictions++;
    examine(&examined);
    assert_quiet();
    see(5);
    examine_in_vain();
    ck_assert_uint_eq(server.trouble,
                      LOCKS_TROUBLE_EVICTED | LOCKS_TROUBLE_UNREACHABLE);
    examine(&examined);
    assert_news(0, LOCKS_TROUBLE_UNREACHABLE);
    ck_assert_uint_eq(server.trouble, LOCKS_TROUBLE_EVICTED);
}
END_TEST

START_TEST(a_server_that_never_dropped_anything_may_begin_to)
{
    locks_store_server_t examined = sound();

    examined.evictions = 0;
    examine(&examined);
    assert_quiet();
    examined.evictions = 1;
    examine(&examined);
    assert_news(LOCKS_TROUBLE_EVICTED, 0);
}
END_TEST

START_TEST(after_a_loss_it_is_examined_anew)
{
    locks_store_server_t examined = sound();

    see(5);
    examined.evictions = 0;
    examine(&examined);
    see(5);
    ck_assert_uint_gt(server.examined, 0);
    see(6);
    ck_assert_uint_eq(server.examined, 0);
    /* It has run for a while when somebody comes to look. */
    examined.evictions = 3;
    examine(&examined);
    assert_quiet();
    ck_assert_uint_gt(server.examined, 0);
    /* So does one that counts from 0 again. */
    see(7);
    examined.evictions = 0;
    examine(&examined);
    assert_quiet();
}
END_TEST

/* ---- Several at once ---- */

/** Servers that threads look at at the same time, one after the other. */
typedef struct race_t {
    locks_watched_server_t servers[ROUNDS];
    _Atomic int arrived[ROUNDS];
    locks_epoch_t epochs[RIVALS];
    locks_store_server_t examined[RIVALS];
    /** How often each was told what. */
    _Atomic int begun[ROUNDS];
    _Atomic int ended[ROUNDS];
    _Atomic int lost[ROUNDS];
    _Atomic int fresh[ROUNDS];
    /** Which of the two they note, and the number of the next of them. */
    int by_epoch;
    _Atomic int next;
} race_t;

/** Waits for the other, awake for a while: who sleeps comes late. */
static void meet(_Atomic int *arrived)
{
    int spins = 0;

    ++*arrived;
    while (*arrived < RIVALS) {
        if (++spins % 1000 == 0) {
            apr_thread_yield();
        }
    }
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    race_t *race = data;
    int own = race->next++;
    int i;

    (void)thread;
    for (i = 0; i < ROUNDS; i++) {
        locks_watch_news_t told;

        meet(&race->arrived[i]);
        told = race->by_epoch ? locks_watch_epoch(&race->servers[i],
                                                  &race->epochs[own], LATER)
                              : locks_watch_examined(&race->servers[i],
                                                     &race->examined[own]);
        race->begun[i] += told.begun != 0;
        race->ended[i] += told.ended != 0;
        race->lost[i] += told.has_lost_data;
        race->fresh[i] += told.is_fresh;
    }
    return NULL;
}

/** A race of looks at servers that are as the one server is now. */
static race_t *prepare(int by_epoch)
{
    race_t *race = apr_pcalloc(pool, sizeof(*race));
    int i;

    for (i = 0; i < ROUNDS; i++) {
        memcpy(&race->servers[i], &server, sizeof(server));
    }
    for (i = 0; i < RIVALS; i++) {
        race->epochs[i] = epoch_of(6);
        race->examined[i] = sound();
    }
    race->by_epoch = by_epoch;
    return race;
}

static void run_race(race_t *race)
{
    apr_thread_t *threads[RIVALS];
    apr_status_t status;
    int i;

    for (i = 0; i < RIVALS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, run, race, pool),
                         APR_SUCCESS);
    }
    for (i = 0; i < RIVALS; i++) {
        apr_thread_join(&status, threads[i]);
    }
}

static void assert_told(const race_t *race, int begun, int ended, int lost,
                        int fresh)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(race->begun[i], begun);
        ck_assert_int_eq(race->ended[i], ended);
        ck_assert_int_eq(race->lost[i], lost);
        ck_assert_int_eq(race->fresh[i], fresh);
        ck_assert_uint_eq(race->servers[i].losses, (apr_uint64_t)lost);
    }
}

START_TEST(of_several_that_find_a_loss_one_is_told)
{
    race_t *race;

    see(5);
    race = prepare(1);
    run_race(race);
    assert_told(race, 0, 0, 1, 0);
}
END_TEST

START_TEST(of_several_that_cannot_reach_it_one_is_told)
{
    race_t *race = prepare(1);
    int i;

    for (i = 0; i < RIVALS; i++) {
        race->epochs[i] = (locks_epoch_t){.status = LOCKS_EUNAVAILABLE};
    }
    run_race(race);
    assert_told(race, 1, 0, 0, 0);
}
END_TEST

START_TEST(of_several_that_find_it_back_one_is_told)
{
    race_t *race;

    see(6);
    see_nothing();
    race = prepare(_i);
    run_race(race);
    assert_told(race, 0, 1, 0, 0);
}
END_TEST

START_TEST(of_several_that_examine_it_first_nobody_is_told_of_evictions)
{
    race_t *race = prepare(0);

    run_race(race);
    assert_told(race, 0, 0, 0, 0);
}
END_TEST

START_TEST(of_several_that_find_evictions_one_is_told)
{
    locks_store_server_t examined = sound();
    race_t *race;
    int i;

    examine(&examined);
    race = prepare(0);
    for (i = 0; i < RIVALS; i++) {
        race->examined[i].evictions++;
    }
    run_race(race);
    assert_told(race, 1, 0, 0, 0);
}
END_TEST

/** One of them made the record, and may be the last to note it. */
START_TEST(of_several_that_find_it_fresh_one_is_told)
{
    race_t *race = prepare(1);

    race->epochs[0].is_new = 1;
    run_race(race);
    assert_told(race, 0, 0, 0, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, begin, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_new_store_is_told_to_be_fresh_once);
    tcase_add_test(tests, an_old_store_is_no_news);
    tcase_add_test(tests, lost_data_is_told_once_and_counted);
    tcase_add_test(tests, what_nobody_could_read_is_no_loss);
    tcase_add_test(tests,
                   an_unreachable_server_is_told_once_and_once_when_it_is_back);
    tcase_add_test(tests, a_server_without_cas_is_told_once);
    tcase_add_test(tests, a_sound_server_is_no_news);
    tcase_add_test(tests, trouble_that_is_examined_begins_and_ends_once);
    tcase_add_test(tests, an_epoch_says_nothing_of_evictions);
    tcase_add_test(tests, a_server_that_cannot_be_examined_is_unreachable);
    tcase_add_test(tests, evictions_are_told_once_and_stay);
    tcase_add_test(tests, a_server_that_never_dropped_anything_may_begin_to);
    tcase_add_test(tests, after_a_loss_it_is_examined_anew);
    tcase_add_test(tests, of_several_that_find_a_loss_one_is_told);
    tcase_add_test(tests, of_several_that_cannot_reach_it_one_is_told);
    tcase_add_loop_test(tests, of_several_that_find_it_back_one_is_told, 0, 2);
    tcase_add_test(
        tests, of_several_that_examine_it_first_nobody_is_told_of_evictions);
    tcase_add_test(tests, of_several_that_find_evictions_one_is_told);
    tcase_add_test(tests, of_several_that_find_it_fresh_one_is_told);
    return unit_run(suite);
}
