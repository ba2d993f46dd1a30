/* SPDX-License-Identifier: Apache-2.0 */
/* The report as plain text: ?auto for scripts, in the form of mod_status, and
 * ?health for load balancers. */
#include "mod_locks_status.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>

/** A name such as cas_conflicts as CasConflicts. */
static const char *camel(const char *name, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, strlen(name) + 1);
    char *out = text;
    int begins = 1;

    for (; *name != '\0'; name++) {
        if (*name == '_') {
            begins = 1;
        } else {
            *out++ = begins ? (char)apr_toupper(*name) : *name;
            begins = 0;
        }
    }
    *out = '\0';
    return text;
}

static void put(request_rec *r, const char *name, const char *more,
                apr_uint64_t number)
{
    ap_rprintf(r, "Locks%s%s: %" APR_UINT64_T_FMT "\n", name, more, number);
}

void locks_auto_counters(request_rec *r, const locks_counts_t *counts)
{
    int i;
    int j;

    for (i = 0; i < LOCKS_ENDPOINTS; i++) {
        for (j = 0; j < LOCKS_OUTCOMES; j++) {
            put(r, camel(locks_endpoint_names[i], r->pool),
                camel(locks_outcome_names[j], r->pool), counts->requests[i][j]);
        }
    }
    for (i = 0; i < LOCKS_EVENTS; i++) {
        put(r, camel(locks_event_names[i], r->pool), "", counts->events[i]);
    }
    for (i = 0; i < LOCKS_STORE_FAILURES; i++) {
        put(r, "StoreFailures", camel(locks_store_failure_names[i], r->pool),
            counts->store_failures[i]);
    }
    for (i = 0; i < LOCKS_DECISIONS; i++) {
        put(r, "Guard", camel(locks_decision_names[i], r->pool),
            counts->decisions[i]);
    }
    for (i = 0; i < LOCKS_TIMED; i++) {
        put(r, camel(locks_timed_names[i], r->pool), "Count",
            locks_histogram_count(&counts->durations[i]));
        put(r, camel(locks_timed_names[i], r->pool), "Microseconds",
            counts->durations[i].sum);
    }
}

/** The numbers of a store's servers, which are counted from 0. */
static void put_servers(request_rec *r, const locks_report_store_t *store,
                        const char *kind)
{
    int i;

    for (i = 0; i < store->watched->store->servers; i++) {
        const locks_store_server_t *server = &store->servers[i];
        const locks_watched_server_t *watched = locks_report_watched(store, i);
        const char *name = apr_psprintf(r->pool, "%sServer%d", kind, i);

        ap_rprintf(r, "Locks%sName: %s\n", name, server->name);
        put(r, name, "Up", server->status == LOCKS_STORE_DONE);
        if (server->status == LOCKS_STORE_DONE) {
            ap_rprintf(r, "Locks%sVersion: %s\n", name, server->version);
            put(r, name, "Uptime", (apr_uint64_t)apr_time_sec(server->uptime));
            put(r, name, "CasEnabled", (apr_uint64_t)server->gives_cas);
            put(r, name, "EvictionsPossible", (apr_uint64_t)server->may_evict);
            put(r, name, "Evictions", server->evictions);
            put(r, name, "Items", server->items);
            put(r, name, "Bytes", server->bytes);
            put(r, name, "BytesLimit", server->bytes_limit);
            put(r, name, "RoundTripMicroseconds",
                (apr_uint64_t)server->round_trip);
        }
        if (watched != NULL && store->watched->has_locks) {
            put(r, name, "DataLosses", atomic_load(&watched->losses));
        }
    }
}

void locks_auto_send(const locks_report_t *report)
{
    request_rec *r = report->r;
    const locks_survey_t *survey = report->survey;
    int i;

    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rprintf(r, "LocksVersion: %s\n", LOCKS_VERSION);
    put(r, "Uptime", "",
        (apr_uint64_t)apr_time_sec(report->now - report->shared->started));
    put(r, "Healthy", "", locks_report_trouble(report) == NULL);
    if (survey != NULL) {
        put(r, "Active", "", (apr_uint64_t)survey->locks->nelts);
        put(r, "Courses", "", (apr_uint64_t)survey->courses);
    }
    put(r, "Complete", "", survey != NULL && survey->gaps->nelts == 0);
    for (i = 0; i < report->stores->nelts; i++) {
        const locks_report_store_t *store =
            &APR_ARRAY_IDX(report->stores, i, locks_report_store_t);

        put_servers(r, store, store->watched->has_locks ? "" : "Session");
    }
    locks_auto_counters(r, &report->counts);
}

void locks_health_send(const locks_report_t *report)
{
    request_rec *r = report->r;
    const char *trouble = locks_report_trouble(report);

    ap_set_content_type(r, "text/plain; charset=utf-8");
    if (trouble == NULL) {
        ap_rputs("ok\n", r);
        return;
    }
    r->status = HTTP_SERVICE_UNAVAILABLE;
    apr_table_setn(r->headers_out, "Retry-After", LOCKS_RETRY_AFTER);
    ap_rvputs(r, trouble, "\n", NULL);
}
