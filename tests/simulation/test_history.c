/* SPDX-License-Identifier: Apache-2.0 */
/* Histories that the specification must allow, and histories that it must
 * not: what the simulation finds rests on it. */
#include "history.h"

#include "unit.h"

/** A clock, and deadlines, in seconds. */
#define AT(seconds) apr_time_from_sec(seconds)
#define DEADLINE AT(60)

/** Moments; in most histories one call after the other. */
#define G1 PLACE(0, 0)
#define G2 PLACE(0, 1)
#define ELSEWHERE PLACE(1, 0)

static history_t history;

static void begin(void)
{
    setup();
    memset(&history, 0, sizeof(history));
}

static call_t *call(call_kind_e kind, int user, int place, int begun, int ended)
{
    call_t *added = &history.calls[history.call_count++];

    added->kind = kind;
    added->user = user;
    added->place = place;
    added->begun = begun;
    added->ended = ended;
    added->events = history.event_count;
    return added;
}

static void acquired(int user, int place, int begun, int ended, apr_uint64_t id)
{
    call_t *added = call(CALL_ACQUIRE, user, place, begun, ended);

    added->answer = DONE;
    added->id = id;
    added->deadline = DEADLINE;
}

static void refused(int user, int place, int begun, int ended)
{
    call(CALL_ACQUIRE, user, place, begun, ended)->answer = HELD;
}

static void unknown(int user, int place, int begun)
{
    call(CALL_ACQUIRE, user, place, begun, NEVER)->answer = UNKNOWN;
}

static void released(int user, apr_uint64_t id, int begun, int ended,
                     answer_e answer)
{
    call_t *added = call(CALL_RELEASE, user, G1, begun, ended);

    added->id = id;
    added->answer = answer;
}

/** @param id 0 for whichever, where it is not known */
static void broken(int user, apr_uint64_t id, int begun, int ended,
                   answer_e answer)
{
    call_t *added = call(CALL_BREAK, user, G1, begun, ended);

    added->id = id;
    added->answer = answer;
}

static void renewed(int user, apr_uint64_t id, int begun, int ended,
                    answer_e answer)
{
    call_t *added = call(CALL_RENEW, user, G1, begun, ended);

    added->id = id;
    added->answer = answer;
    added->deadline = DEADLINE;
}

/** The call that was added last comes from this window. */
static void from_window(int window, int takes_over)
{
    history.calls[history.call_count - 1].window = window;
    history.calls[history.call_count - 1].takes_over = takes_over;
}

/** @param id 0 for a list that does not show the user */
static void listed(int user, int place, int begun, int ended, apr_uint64_t id)
{
    call_t *added = call(CALL_READ, user, place, begun, ended);

    added->answer = id > 0 ? DONE : NOT_FOUND;
    added->id = id;
    added->deadline = DEADLINE;
}

static void happened(event_kind_e kind, int which, int moment, apr_time_t clock)
{
    event_t *event = &history.events[history.event_count++];
    int i;

    event->kind = kind;
    event->which = which;
    event->moment = moment;
    for (i = 0; i < HOSTS; i++) {
        event->clocks[i] = clock;
    }
}

#define ALLOWED ck_assert(history_is_linearizable(&history))
#define FORBIDDEN ck_assert(!history_is_linearizable(&history))

START_TEST(a_lock_is_granted_listed_refused_and_released)
{
    acquired(ANN, G1, 1, 2, 100);
    listed(ANN, G1, 3, 4, 100);
    refused(BEN, G1, 5, 6);
    released(BEN, 100, 7, 8, FOREIGN);
    acquired(ANN, G1, 9, 10, 100);
    released(ANN, 100, 11, 12, DONE);
    released(ANN, 100, 13, 14, NOT_FOUND);
    listed(ANN, G1, 15, 16, 0);
    acquired(BEN, G1, 17, 18, 200);
    ALLOWED;
}
END_TEST

START_TEST(a_gadget_has_one_holder)
{
    acquired(ANN, G1, 1, 2, 100);
    acquired(BEN, G1, 3, 4, 200);
    FORBIDDEN;
}
END_TEST

START_TEST(nor_two_that_were_granted_at_once)
{
    acquired(ANN, G1, 1, 4, 100);
    acquired(BEN, G1, 2, 3, 200);
    FORBIDDEN;
}
END_TEST

START_TEST(a_user_has_one_lock)
{
    acquired(ANN, G1, 1, 2, 100);
    acquired(ANN, ELSEWHERE, 3, 4, 200);
    listed(ANN, G1, 5, 6, 100);
    FORBIDDEN;
}
END_TEST

START_TEST(a_grant_releases_in_the_same_instant)
{
    acquired(ANN, G1, 1, 2, 100);
    acquired(ANN, G2, 3, 10, 200);
    listed(ANN, G1, 4, 5, 100);
    listed(ANN, G2, 6, 7, 200);
    ALLOWED;
    listed(ANN, G1, 8, 9, 0);
    FORBIDDEN;
}
END_TEST

START_TEST(a_lock_is_not_lost)
{
    acquired(ANN, G1, 1, 2, 100);
    listed(ANN, G1, 3, 4, 0);
    FORBIDDEN;
}
END_TEST

START_TEST(nobody_is_refused_for_nothing)
{
    acquired(ANN, G1, 1, 2, 100);
    released(ANN, 100, 3, 4, DONE);
    refused(BEN, G1, 5, 6);
    FORBIDDEN;
}
END_TEST

START_TEST(a_lock_is_released_once)
{
    acquired(ANN, G1, 1, 2, 100);
    released(ANN, 100, 3, 6, DONE);
    released(ANN, 100, 4, 5, DONE);
    FORBIDDEN;
}
END_TEST

START_TEST(an_operator_ends_whatever_a_user_has)
{
    broken(ANN, 0, 1, 2, NOT_FOUND);
    acquired(ANN, G1, 3, 4, 100);
    acquired(ANN, G2, 5, 6, 200);
    broken(ANN, 200, 7, 8, DONE);
    listed(ANN, G1, 9, 10, 0);
    released(ANN, 200, 11, 12, NOT_FOUND);
    broken(ANN, 0, 13, 14, NOT_FOUND);
    acquired(BEN, G2, 15, 16, 300);
    ALLOWED;
}
END_TEST

START_TEST(what_was_broken_is_not_renewed)
{
    acquired(ANN, G1, 1, 2, 100);
    broken(ANN, 100, 3, 4, DONE);
    acquired(ANN, G1, 5, 6, 200);
    ALLOWED;
    broken(ANN, 200, 7, 8, DONE);
    acquired(ANN, G1, 9, 10, 200);
    FORBIDDEN;
}
END_TEST

START_TEST(a_break_ends_it)
{
    acquired(ANN, G1, 1, 2, 100);
    broken(ANN, 100, 3, 4, DONE);
    refused(BEN, G1, 5, 6);
    FORBIDDEN;
}
END_TEST

START_TEST(and_no_other_one)
{
    acquired(ANN, G1, 1, 2, 100);
    acquired(ANN, G2, 3, 4, 200);
    broken(ANN, 100, 5, 6, DONE);
    FORBIDDEN;
}
END_TEST

START_TEST(who_has_a_lock_is_not_told_to_have_none)
{
    acquired(ANN, G1, 1, 2, 100);
    acquired(ANN, G2, 3, 6, 200);
    broken(ANN, 0, 4, 5, NOT_FOUND);
    FORBIDDEN;
}
END_TEST

START_TEST(an_unknown_break_may_have_ended_what_it_names)
{
    acquired(ANN, G1, 1, 2, 100);
    broken(ANN, 100, 3, NEVER, UNKNOWN);
    listed(ANN, G1, 4, 5, 100);
    listed(ANN, G1, 6, 7, 0);
    acquired(BEN, G1, 8, 9, 200);
    ALLOWED;
    listed(BEN, G1, 10, 11, 0);
    FORBIDDEN;
}
END_TEST

START_TEST(and_nothing_else)
{
    acquired(ANN, G1, 1, 2, 100);
    broken(ANN, 100, 3, NEVER, UNKNOWN);
    acquired(ANN, G2, 4, 5, 200);
    listed(ANN, G2, 6, 7, 0);
    FORBIDDEN;
}
END_TEST

START_TEST(or_anything_if_it_names_nothing)
{
    acquired(ANN, G1, 1, 2, 100);
    broken(ANN, 0, 3, NEVER, UNKNOWN);
    acquired(ANN, G2, 4, 5, 200);
    listed(ANN, G2, 6, 7, 0);
    ALLOWED;
}
END_TEST

START_TEST(ids_grow)
{
    acquired(ANN, G1, 1, 2, 100);
    released(ANN, 100, 3, 4, DONE);
    acquired(BEN, G1, 5, 6, 100);
    FORBIDDEN;
}
END_TEST

START_TEST(a_renewal_keeps_its_id)
{
    acquired(ANN, G1, 1, 2, 100);
    acquired(ANN, G1, 3, 4, 200);
    FORBIDDEN;
}
END_TEST

START_TEST(what_was_not_answered_may_have_happened)
{
    unknown(ANN, G1, 1);
    listed(ANN, G1, 2, 3, 100);
    refused(BEN, G1, 4, 5);
    ALLOWED;
}
END_TEST

START_TEST(or_not_or_happen_later)
{
    unknown(ANN, G1, 1);
    listed(ANN, G1, 2, 3, 0);
    acquired(BEN, G1, 4, 5, 100);
    released(BEN, 100, 6, 7, DONE);
    ALLOWED;
    refused(BEN, G1, 8, 9);
    ALLOWED;
}
END_TEST

START_TEST(but_not_twice)
{
    unknown(ANN, G1, 1);
    listed(ANN, G1, 2, 3, 100);
    released(ANN, 100, 4, 5, DONE);
    refused(BEN, G1, 6, 7);
    FORBIDDEN;
}
END_TEST

START_TEST(a_lock_ends_at_its_deadline)
{
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_TIME, 0, 3, DEADLINE);
    listed(ANN, G1, 4, 5, 0);
    acquired(BEN, G1, 6, 7, 200);
    ALLOWED;
}
END_TEST

START_TEST(but_not_before)
{
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_TIME, 0, 3, DEADLINE - 1);
    listed(ANN, G1, 4, 5, 0);
    FORBIDDEN;
}
END_TEST

START_TEST(nor_is_it_listed_after_it)
{
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_TIME, 0, 3, DEADLINE);
    listed(ANN, G1, 4, 5, 100);
    FORBIDDEN;
}
END_TEST

START_TEST(skew_keeps_others_away_and_nothing_else)
{
    history.skew = AT(10);
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_TIME, 0, 3, DEADLINE + AT(10) - 1);
    listed(ANN, G1, 4, 5, 0);
    released(ANN, 100, 6, 7, NOT_FOUND);
    refused(BEN, G1, 8, 9);
    ALLOWED;
    acquired(BEN, G1, 10, 11, 200);
    FORBIDDEN;
}
END_TEST

START_TEST(within_the_skew_its_owner_gets_a_new_id)
{
    history.skew = AT(10);
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_TIME, 0, 3, DEADLINE);
    acquired(ANN, G1, 4, 5, 200);
    ALLOWED;
}
END_TEST

START_TEST(a_lost_lease_is_a_lost_lock)
{
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_LEASE_LOST, ANN, 3, 0);
    listed(ANN, G1, 4, 5, 0);
    acquired(BEN, G1, 6, 7, 200);
    ALLOWED;
}
END_TEST

START_TEST(lost_slots_leave_the_release_alone)
{
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_SLOTS_LOST, 0, 3, 0);
    listed(ANN, G1, 4, 5, 0);
    acquired(BEN, G1, 6, 7, 200);
    released(ANN, 100, 8, 9, DONE);
    ALLOWED;
}
END_TEST

START_TEST(a_restart_voids_what_it_interrupts)
{
    call_t *added = call(CALL_ACQUIRE, ANN, G1, 1, 4);

    added->id = 100;
    added->deadline = DEADLINE;
    happened(EVENT_RESTART, 0, 2, 0);
    listed(ANN, G1, 6, 7, 0);
    acquired(BEN, G1, 8, 9, 200);
    ALLOWED;
}
END_TEST

START_TEST(and_nothing_that_came_after_it)
{
    happened(EVENT_RESTART, 0, 1, 0);
    acquired(ANN, G1, 2, 3, 100);
    listed(ANN, G1, 6, 7, 0);
    FORBIDDEN;
}
END_TEST

START_TEST(a_renewal_by_id_finds_what_is_held)
{
    acquired(ANN, G1, 1, 2, 100);
    renewed(ANN, 100, 3, 4, DONE);
    renewed(BEN, 100, 5, 6, FOREIGN);
    renewed(ANN, 99, 7, 8, NOT_FOUND);
    released(ANN, 100, 9, 10, DONE);
    renewed(ANN, 100, 11, 12, NOT_FOUND);
    ALLOWED;
    renewed(ANN, 100, 13, 14, DONE);
    FORBIDDEN;
}
END_TEST

START_TEST(a_renewal_by_id_does_not_miss_what_is_held)
{
    acquired(ANN, G1, 1, 2, 100);
    renewed(ANN, 100, 3, 4, NOT_FOUND);
    FORBIDDEN;
}
END_TEST

START_TEST(lost_slots_leave_nothing_to_renew)
{
    acquired(ANN, G1, 1, 2, 100);
    happened(EVENT_SLOTS_LOST, 0, 3, 0);
    renewed(ANN, 100, 4, 5, NOT_FOUND);
    ALLOWED;
    renewed(ANN, 100, 6, 7, DONE);
    FORBIDDEN;
}
END_TEST

START_TEST(another_window_is_refused_or_takes_over)
{
    acquired(ANN, G1, 1, 2, 100);
    from_window(1, 0);
    call(CALL_ACQUIRE, ANN, G1, 3, 4)->answer = OTHER_WINDOW;
    from_window(2, 0);
    renewed(ANN, 100, 5, 6, OTHER_WINDOW);
    from_window(2, 0);
    acquired(ANN, G1, 7, 8, 200);
    from_window(2, 1);
    renewed(ANN, 100, 9, 10, NOT_FOUND);
    renewed(ANN, 200, 11, 12, OTHER_WINDOW);
    from_window(1, 0);
    acquired(ANN, G1, 13, 14, 200);
    from_window(0, 0);
    ALLOWED;
    acquired(ANN, G1, 15, 16, 200);
    from_window(1, 1);
    FORBIDDEN;
}
END_TEST

START_TEST(nobody_takes_over_unasked)
{
    acquired(ANN, G1, 1, 2, 100);
    from_window(1, 0);
    acquired(ANN, G1, 3, 4, 200);
    from_window(2, 0);
    FORBIDDEN;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, begin, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_lock_is_granted_listed_refused_and_released);
    tcase_add_test(tests, a_gadget_has_one_holder);
    tcase_add_test(tests, nor_two_that_were_granted_at_once);
    tcase_add_test(tests, a_user_has_one_lock);
    tcase_add_test(tests, a_grant_releases_in_the_same_instant);
    tcase_add_test(tests, a_lock_is_not_lost);
    tcase_add_test(tests, nobody_is_refused_for_nothing);
    tcase_add_test(tests, a_lock_is_released_once);
    tcase_add_test(tests, an_operator_ends_whatever_a_user_has);
    tcase_add_test(tests, what_was_broken_is_not_renewed);
    tcase_add_test(tests, a_break_ends_it);
    tcase_add_test(tests, and_no_other_one);
    tcase_add_test(tests, who_has_a_lock_is_not_told_to_have_none);
    tcase_add_test(tests, an_unknown_break_may_have_ended_what_it_names);
    tcase_add_test(tests, and_nothing_else);
    tcase_add_test(tests, or_anything_if_it_names_nothing);
    tcase_add_test(tests, ids_grow);
    tcase_add_test(tests, a_renewal_keeps_its_id);
    tcase_add_test(tests, what_was_not_answered_may_have_happened);
    tcase_add_test(tests, or_not_or_happen_later);
    tcase_add_test(tests, but_not_twice);
    tcase_add_test(tests, a_lock_ends_at_its_deadline);
    tcase_add_test(tests, but_not_before);
    tcase_add_test(tests, nor_is_it_listed_after_it);
    tcase_add_test(tests, skew_keeps_others_away_and_nothing_else);
    tcase_add_test(tests, within_the_skew_its_owner_gets_a_new_id);
    tcase_add_test(tests, a_lost_lease_is_a_lost_lock);
    tcase_add_test(tests, lost_slots_leave_the_release_alone);
    tcase_add_test(tests, a_restart_voids_what_it_interrupts);
    tcase_add_test(tests, and_nothing_that_came_after_it);
    tcase_add_test(tests, a_renewal_by_id_finds_what_is_held);
    tcase_add_test(tests, a_renewal_by_id_does_not_miss_what_is_held);
    tcase_add_test(tests, lost_slots_leave_nothing_to_renew);
    tcase_add_test(tests, another_window_is_refused_or_takes_over);
    tcase_add_test(tests, nobody_takes_over_unasked);
    return unit_run(suite);
}
