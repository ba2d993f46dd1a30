/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to report: counters, the state of the stores, all locks. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_log.h>

#include <stddef.h>
#include <string.h>

APLOG_USE_MODULE(locks);

/** Rates are of so many minutes. */
#define RATE_MINUTES 5

void locks_report_open(locks_report_t *report, request_rec *r)
{
    const locks_counters_t *counters = locks_counters(r->server);

    memset(report, 0, sizeof(*report));
    report->r = r;
    report->now = apr_time_now();
    report->shared = locks_shared(r->server);
    report->starts =
        apr_palloc(r->pool, (LOCKS_MINUTES + 1) * sizeof(*report->starts));
    locks_counters_note_minute(locks_counters(r->server), report->now);
    report->minutes =
        locks_counters_minutes(counters, report->now, report->starts);
    report->counts = report->starts[LOCKS_MINUTES];
}

/** Do the epochs tell whether locks can be taken? The look that made one saw no
 *  CAS value. */
static int is_enough(const locks_report_store_t *store)
{
    int i;

    for (i = 0; store->epochs != NULL && i < store->watched->store->servers;
         i++) {
        if (store->epochs[i].is_new) {
            return 0;
        }
    }
    return store->epochs != NULL;
}

void locks_report_stores(locks_report_t *report, int thoroughly)
{
    apr_pool_t *pool = report->r->pool;
    const apr_array_header_t *watched =
        locks_watched_stores(report->r->server, pool);
    int i;

    report->stores =
        apr_array_make(pool, watched->nelts, sizeof(locks_report_store_t));
    for (i = 0; i < watched->nelts; i++) {
        locks_report_store_t *store = apr_array_push(report->stores);

        store->watched = APR_ARRAY_IDX(watched, i, locks_watched_store_t *);
        store->epochs = locks_monitor_look(store->watched, pool);
        store->servers = thoroughly || !is_enough(store)
                             ? locks_monitor_examine(store->watched, pool)
                             : NULL;
    }
}

/** Opens a session for one round trip of the survey. */
static locks_store_session_t *open_session(void *baton, apr_pool_t *pool)
{
    const request_rec *r = baton;

    return locks_store_open_unasked(locks_server_config(r->server)->store,
                                    r->server, pool);
}

/** A server of a pool that lost its data took index records along of courses
 *  that other servers still have. They are written anew when a course is next
 *  in use after LOCKS_RECORD_STALE. */
static void note_lost_index(locks_report_t *report)
{
    request_rec *r = report->r;
    const locks_watched_store_t *watched =
        APR_ARRAY_IDX(locks_watched_stores(r->server, r->pool), 0,
                      const locks_watched_store_t *);
    int count = watched->store->servers;
    int i;

    for (i = 0; watched->servers != NULL && count > 1 && i < count; i++) {
        if (atomic_load(&watched->servers[i]->lost) >
            report->now - LOCKS_RECORD_STALE) {
            APR_ARRAY_PUSH(report->survey->gaps, const char *) = apr_psprintf(
                r->pool,
                "%s lost its data within the last day, and with it where to "
                "look for some courses of other servers",
                watched->store->provider->name(watched->store, i));
        }
    }
}

void locks_report_survey(locks_report_t *report,
                         const locks_survey_filter_t *filter)
{
    request_rec *r = report->r;
    const locks_survey_source_t source = {
        .rules = &locks_server_config(r->server)->rules,
        .env = &locks_environment_system,
        .type = LOCKS_TYPE_GADGET,
        .open = open_session,
        .baton = r};
    apr_status_t rv = locks_survey(&report->survey, &report->survey_why,
                                   &source, filter, r->pool);

    if (rv != APR_SUCCESS) {
        report->survey = NULL;
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "locks: the locks could not be listed: %s",
                      report->survey_why);
    } else {
        note_lost_index(report);
    }
}

int locks_status_pages(const locks_report_t *report)
{
    int count = report->survey != NULL ? report->survey->locks->nelts : 0;

    return count > 0 ? (count + LOCKS_PAGE_SIZE - 1) / LOCKS_PAGE_SIZE : 1;
}

const locks_watched_server_t *
locks_report_watched(const locks_report_store_t *store, int server)
{
    return store->watched->servers != NULL ? store->watched->servers[server]
                                           : NULL;
}

/** Why a server is of no use; NULL if it is. What it answers to the question
 *  that requests ask too counts first. */
static const char *trouble_of_server(const locks_report_store_t *store,
                                     int number, apr_pool_t *pool)
{
    const locks_watched_store_t *watched = store->watched;
    int lacks_cas = 0;

    if (store->epochs != NULL) {
        if (store->epochs[number].status != APR_SUCCESS) {
            return store->epochs[number].why;
        }
        lacks_cas = store->epochs[number].lacks_cas;
    }
    if (store->servers != NULL) {
        if (store->servers[number].status != LOCKS_STORE_DONE) {
            return store->servers[number].reason;
        }
        lacks_cas |= !store->servers[number].gives_cas;
    }
    return lacks_cas && watched->has_locks
               ? apr_psprintf(
                     pool,
                     "memcached %s: it gives no CAS values; start it without "
                     "-C",
                     watched->store->provider->name(watched->store, number))
               : NULL;
}

/** Why locks cannot be taken on account of a store; NULL if they can. */
static const char *trouble_of(const locks_report_store_t *store,
                              apr_pool_t *pool)
{
    const char *why = NULL;
    int i;

    for (i = 0; i < store->watched->store->servers && why == NULL; i++) {
        why = trouble_of_server(store, i, pool);
    }
    return why;
}

const char *locks_report_trouble(const locks_report_t *report)
{
    const char *why = NULL;
    int i;

    for (i = 0; i < report->stores->nelts && why == NULL; i++) {
        why =
            trouble_of(&APR_ARRAY_IDX(report->stores, i, locks_report_store_t),
                       report->r->pool);
    }
    return why;
}

/* ---- Numbers over time ---- */

locks_histogram_t locks_report_requests(const locks_counts_t *counts)
{
    static const locks_timed_e requests[] = {
        LOCKS_TIMED_LIST, LOCKS_TIMED_ACQUIRE, LOCKS_TIMED_RELEASE};
    locks_histogram_t all = {.sum = 0};
    apr_size_t i;
    int b;

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const locks_histogram_t *one = &counts->durations[requests[i]];

        all.sum += one->sum;
        for (b = 0; b < LOCKS_BUCKETS; b++) {
            all.buckets[b] += one->buckets[b];
        }
    }
    return all;
}

static double difference(apr_uint64_t later, apr_uint64_t earlier)
{
    return (double)(later - earlier);
}

double locks_report_minute(const locks_report_t *report, locks_series_e series,
                           int minute)
{
    const locks_counts_t *before = &report->starts[minute];
    const locks_counts_t *after = &report->starts[minute + 1];
    locks_histogram_t earlier;
    locks_histogram_t later;

    switch (series) {
    case LOCKS_SERIES_GRANTS:
        return difference(after->events[LOCKS_EVENT_GRANT],
                          before->events[LOCKS_EVENT_GRANT]);
    case LOCKS_SERIES_REFUSALS:
        return difference(
            after->requests[LOCKS_ENDPOINT_ACQUIRE][LOCKS_OUTCOME_LOCKED],
            before->requests[LOCKS_ENDPOINT_ACQUIRE][LOCKS_OUTCOME_LOCKED]);
    case LOCKS_SERIES_CONFLICTS:
        return difference(after->events[LOCKS_EVENT_CONFLICT],
                          before->events[LOCKS_EVENT_CONFLICT]);
    default:
        later = locks_report_requests(after);
        earlier = locks_report_requests(before);
        later = locks_histogram_since(&later, &earlier);
        return locks_histogram_quantile(&later, 0.95) / 1000;
    }
}

double locks_report_rate(const locks_report_t *report, apr_size_t offset)
{
    int seen = report->minutes < RATE_MINUTES ? report->minutes : RATE_MINUTES;
    const locks_counts_t *then = &report->starts[LOCKS_MINUTES - seen];
    apr_time_t since = report->now - report->now % apr_time_from_sec(60) -
                       apr_time_from_sec(60) * (seen - 1);
    double seconds;
    apr_uint64_t count =
        *(const apr_uint64_t *)((const char *)&report->counts + offset) -
        *(const apr_uint64_t *)((const char *)then + offset);

    since = since > report->shared->started ? since : report->shared->started;
    seconds = (double)(report->now - since) / APR_USEC_PER_SEC;
    return seen > 0 && seconds >= 1 ? (double)count / seconds : 0;
}
