/* SPDX-License-Identifier: Apache-2.0 */
/* The report as JSON. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include <stddef.h>
#include <string.h>

#include "locks_json_escape.h"

/** Writes a member's name and a colon, after a comma unless it is the first.
 */
static void name_member(request_rec *r, const char *name, int is_first)
{
    ap_rvputs(r, is_first ? "" : ", ", "\"", name, "\": ", NULL);
}

static void put_text(request_rec *r, const char *name, const char *text)
{
    name_member(r, name, 0);
    ap_rputs(text != NULL ? locks_json_quote(text, strlen(text), r->pool)
                          : "null",
             r);
}

static void put_number(request_rec *r, const char *name, apr_uint64_t number)
{
    name_member(r, name, 0);
    ap_rprintf(r, "%" APR_UINT64_T_FMT, number);
}

static void put_truth(request_rec *r, const char *name, int truth)
{
    name_member(r, name, 0);
    ap_rputs(truth ? "true" : "false", r);
}

/** A moment as RFC 3339 has it; null for none. */
static void put_time(request_rec *r, const char *name, apr_time_t time)
{
    apr_time_exp_t parts;
    apr_size_t length;
    char text[32];

    apr_time_exp_gmt(&parts, time);
    (void)apr_strftime(text, &length, sizeof(text), "%Y-%m-%dT%H:%M:%SZ",
                       &parts);
    put_text(r, name, time > 0 ? text : NULL);
}

/* ---- Stores ---- */

static void put_server(request_rec *r, const locks_report_store_t *store,
                       int number)
{
    const locks_store_server_t *server = &store->servers[number];
    const locks_watched_server_t *watched = locks_report_watched(store, number);

    ap_rvputs(r, number > 0 ? ", " : "", "{\"state\": \"",
              server->status == LOCKS_STORE_DONE ? "up"
              : server->is_left_alone            ? "breaker open"
                                                 : "down",
              "\"", NULL);
    put_text(r, "name", server->name);
    put_text(r, "reason", *server->reason != '\0' ? server->reason : NULL);
    if (server->status == LOCKS_STORE_DONE) {
        put_text(r, "version", server->version);
        put_number(r, "uptimeSeconds",
                   (apr_uint64_t)apr_time_sec(server->uptime));
        put_truth(r, "casEnabled", server->gives_cas);
        put_truth(r, "evictionsPossible", server->may_evict);
        put_number(r, "evictions", server->evictions);
        put_number(r, "items", server->items);
        put_number(r, "bytes", server->bytes);
        put_number(r, "bytesLimit", server->bytes_limit);
        put_number(r, "connections", server->connections);
        put_number(r, "roundTripMicroseconds",
                   (apr_uint64_t)server->round_trip);
    }
    if (watched != NULL && store->watched->has_locks) {
        put_time(r, "dataSince", atomic_load(&watched->began));
        put_number(r, "dataLosses", atomic_load(&watched->losses));
        put_time(r, "lastDataLoss", atomic_load(&watched->lost));
    }
    ap_rputs("}", r);
}

static void put_stores(const locks_report_t *report)
{
    request_rec *r = report->r;
    int i;
    int s;

    name_member(r, "stores", 0);
    ap_rputs("[", r);
    for (i = 0; i < report->stores->nelts; i++) {
        const locks_report_store_t *store =
            &APR_ARRAY_IDX(report->stores, i, locks_report_store_t);

        ap_rvputs(r, i > 0 ? ", " : "", "{\"holds\": \"",
                  store->watched->has_locks ? "locks" : "sessions", "\"", NULL);
        put_text(r, "store", store->watched->address);
        name_member(r, "servers", 0);
        ap_rputs("[", r);
        for (s = 0; s < store->watched->store->servers; s++) {
            put_server(r, store, s);
        }
        ap_rputs("]}", r);
    }
    ap_rputs("]", r);
}

/* ---- Counters ---- */

/** An object of numbers, with their names. */
static void put_numbers(request_rec *r, const char *name,
                        const char *const *names, const apr_uint64_t *numbers,
                        int count, int is_first)
{
    int i;

    name_member(r, name, is_first);
    ap_rputs("{", r);
    for (i = 0; i < count; i++) {
        name_member(r, names[i], i == 0);
        ap_rprintf(r, "%" APR_UINT64_T_FMT, numbers[i]);
    }
    ap_rputs("}", r);
}

static void put_durations(request_rec *r, const locks_counts_t *counts)
{
    int i;

    name_member(r, "durations", 0);
    ap_rputs("{", r);
    for (i = 0; i < LOCKS_TIMED; i++) {
        const locks_histogram_t *histogram = &counts->durations[i];

        name_member(r, locks_timed_names[i], i == 0);
        ap_rprintf(r,
                   "{\"count\": %" APR_UINT64_T_FMT
                   ", \"sumMicroseconds\": %" APR_UINT64_T_FMT
                   ", \"p50Microseconds\": %.0f, \"p95Microseconds\": %.0f"
                   ", \"p99Microseconds\": %.0f}",
                   locks_histogram_count(histogram), histogram->sum,
                   locks_histogram_quantile(histogram, 0.5),
                   locks_histogram_quantile(histogram, 0.95),
                   locks_histogram_quantile(histogram, 0.99));
    }
    ap_rputs("}", r);
}

static void put_counters(const locks_report_t *report)
{
    request_rec *r = report->r;
    const locks_counts_t *counts = &report->counts;
    int i;

    name_member(r, "counters", 0);
    ap_rputs("{", r);
    name_member(r, "requests", 1);
    ap_rputs("{", r);
    for (i = 0; i < LOCKS_ENDPOINTS; i++) {
        put_numbers(r, locks_endpoint_names[i], locks_outcome_names,
                    counts->requests[i], LOCKS_OUTCOMES, i == 0);
    }
    ap_rputs("}", r);
    put_numbers(r, "events", locks_event_names, counts->events, LOCKS_EVENTS,
                0);
    put_numbers(r, "storeFailures", locks_store_failure_names,
                counts->store_failures, LOCKS_STORE_FAILURES, 0);
    put_numbers(r, "guardDecisions", locks_decision_names, counts->decisions,
                LOCKS_DECISIONS, 0);
    put_durations(r, counts);
    ap_rputs("}", r);
}

/** What happened in a second, lately. */
static void put_rates(const locks_report_t *report)
{
    request_rec *r = report->r;
    int i;

    name_member(r, "ratesPerSecond", 0);
    ap_rputs("{", r);
    for (i = 0; i < LOCKS_EVENTS; i++) {
        name_member(r, locks_event_names[i], i == 0);
        ap_rprintf(
            r, "%.3f",
            locks_report_rate(report, offsetof(locks_counts_t, events[i])));
    }
    ap_rputs("}", r);
}

static void put_hour(const locks_report_t *report)
{
    static const char *const names[LOCKS_SERIES] = {
        [LOCKS_SERIES_GRANTS] = "grants",
        [LOCKS_SERIES_REFUSALS] = "refusals",
        [LOCKS_SERIES_CONFLICTS] = "casConflicts",
        [LOCKS_SERIES_LATENCY] = "p95Milliseconds",
    };
    request_rec *r = report->r;
    int first = LOCKS_MINUTES - report->minutes;
    int minute;
    int i;

    name_member(r, "lastHour", 0);
    ap_rputs("[", r);
    for (minute = first; minute < LOCKS_MINUTES; minute++) {
        ap_rprintf(r, "%s{\"minutesAgo\": %d", minute > first ? ", " : "",
                   LOCKS_MINUTES - 1 - minute);
        for (i = 0; i < LOCKS_SERIES; i++) {
            name_member(r, names[i], 0);
            ap_rprintf(r, i == LOCKS_SERIES_LATENCY ? "%.3f" : "%.0f",
                       locks_report_minute(report, (locks_series_e)i, minute));
        }
        ap_rputs("}", r);
    }
    ap_rputs("]", r);
}

/* ---- Locks ---- */

/** A lock, with the members that it has at /locks, and its age. */
static void put_lock(request_rec *r, const locks_lock_t *lock, apr_time_t now)
{
    ap_rprintf(r, "{\"id\": \"%" APR_UINT64_T_FMT "\", \"type\": \"%s\"",
               lock->id, lock->subject.type->name);
    name_member(r, "subject", 0);
    ap_rvputs(r, "{\"courseId\": ",
              locks_json_quote(lock->subject.course,
                               strlen(lock->subject.course), r->pool),
              NULL);
    put_text(r, lock->subject.type->resource_member, lock->subject.resource);
    ap_rputs("}", r);
    put_text(r, "ownerId", lock->owner);
    if (*lock->client != '\0') {
        put_text(r, "clientId", lock->client);
    }
    put_number(r, "expiresIn", (apr_uint64_t)locks_expires_in(lock, now));
    put_number(r, "age",
               now > lock->granted ? (apr_uint64_t)(now - lock->granted) / 1000
                                   : 0);
    ap_rputs("}", r);
}

static void put_locks(const locks_report_t *report,
                      const locks_status_query_t *query)
{
    request_rec *r = report->r;
    const locks_survey_t *survey = report->survey;
    int first = (query->page - 1) * LOCKS_PAGE_SIZE;
    int i;

    put_number(r, "lockCount", (apr_uint64_t)survey->locks->nelts);
    put_number(r, "courseCount", (apr_uint64_t)survey->courses);
    put_truth(r, "complete", survey->gaps->nelts == 0);
    name_member(r, "gaps", 0);
    ap_rputs("[", r);
    for (i = 0; i < survey->gaps->nelts; i++) {
        const char *gap = APR_ARRAY_IDX(survey->gaps, i, const char *);

        ap_rvputs(r, i > 0 ? ", " : "",
                  locks_json_quote(gap, strlen(gap), r->pool), NULL);
    }
    ap_rputs("]", r);
    put_number(r, "page", (apr_uint64_t)query->page);
    put_number(r, "pages", (apr_uint64_t)locks_status_pages(report));
    name_member(r, "locks", 0);
    ap_rputs("[", r);
    for (i = first; i < survey->locks->nelts && i < first + LOCKS_PAGE_SIZE;
         i++) {
        if (i > first) {
            ap_rputs(", ", r);
        }
        put_lock(r, &APR_ARRAY_IDX(survey->locks, i, locks_lock_t),
                 survey->time);
    }
    ap_rputs("]", r);
}

void locks_json_send(const locks_report_t *report,
                     const locks_status_query_t *query)
{
    request_rec *r = report->r;
    const char *trouble = locks_report_trouble(report);

    ap_set_content_type(r, "application/json");
    ap_rvputs(r, "{\"healthy\": ", trouble == NULL ? "true" : "false", NULL);
    put_text(r, "trouble", trouble);
    put_text(r, "version", LOCKS_VERSION);
    put_text(r, "serverName", ap_get_server_name(r));
    put_time(r, "started", report->shared->started);
    put_time(r, "time", report->now);
    put_stores(report);
    put_counters(report);
    put_rates(report);
    put_hour(report);
    if (report->survey != NULL) {
        put_locks(report, query);
    } else {
        put_truth(r, "complete", 0);
        put_text(r, "locks", NULL);
    }
    ap_rputs("}\n", r);
}
