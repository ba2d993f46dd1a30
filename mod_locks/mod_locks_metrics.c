/* SPDX-License-Identifier: Apache-2.0 */
/* The report for Prometheus: its text format 0.0.4, or OpenMetrics 1.0 for
 * who asks for that.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://github.com/OpenObservability/OpenMetrics (specification/) */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#define OPEN_METRICS "application/openmetrics-text"

/** A report being written. */
typedef struct exposition_t {
    const locks_report_t *report;
    request_rec *r;
    int is_open_metrics;
} exposition_t;

/** Begins a family. OpenMetrics names counters without the "_total" that
 *  their samples have. */
static void begin(const exposition_t *to, const char *name, const char *type,
                  const char *help)
{
    const char *suffix =
        strcmp(type, "counter") == 0 && !to->is_open_metrics ? "_total" : "";

    ap_rprintf(to->r, "# HELP mod_locks_%s%s %s\n# TYPE mod_locks_%s%s %s\n",
               name, suffix, help, name, suffix, type);
}

/** A label's value: backslash, quote and line feed are escaped. */
static const char *label(const exposition_t *to, const char *name,
                         const char *value)
{
    char *text = apr_palloc(to->r->pool, 2 * strlen(value) + 1);
    char *out = text;

    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') {
            *out++ = '\\';
        }
        *out++ = *value == '\n' ? 'n' : *value;
    }
    *out = '\0';
    return apr_psprintf(to->r->pool, "{%s=\"%s\"}", name, text);
}

static void sample(const exposition_t *to, const char *name, const char *labels,
                   apr_uint64_t value)
{
    ap_rprintf(to->r, "mod_locks_%s%s %" APR_UINT64_T_FMT "\n", name, labels,
               value);
}

static void gauge(const exposition_t *to, const char *name, const char *help,
                  apr_uint64_t value)
{
    begin(to, name, "gauge", help);
    sample(to, name, "", value);
}

/** A counter with a sample for each of several names. */
static void counters(const exposition_t *to, const char *name,
                     const char *label_name, const char *const *names,
                     const apr_uint64_t *values, int count, const char *help)
{
    const char *total = apr_pstrcat(to->r->pool, name, "_total", NULL);
    int i;

    begin(to, name, "counter", help);
    for (i = 0; i < count; i++) {
        sample(to, total, label(to, label_name, names[i]), values[i]);
    }
}

static void requests(const exposition_t *to)
{
    int i;
    int j;

    begin(to, "requests", "counter",
          "Requests to the endpoints, by what they were answered.");
    for (i = 0; i < LOCKS_ENDPOINTS; i++) {
        for (j = 0; j < LOCKS_OUTCOMES; j++) {
            sample(to, "requests_total",
                   apr_psprintf(to->r->pool, "{endpoint=\"%s\",outcome=\"%s\"}",
                                locks_endpoint_names[i],
                                locks_outcome_names[j]),
                   to->report->counts.requests[i][j]);
        }
    }
}

/** Events have families of their own: each is asked for by its name. */
static void events(const exposition_t *to)
{
    static const char *const help[LOCKS_EVENTS] = {
        [LOCKS_EVENT_GRANT] = "Locks that were granted, without renewals.",
        [LOCKS_EVENT_RENEWAL] = "Locks that were renewed.",
        [LOCKS_EVENT_MOVE] = "Grants to a user who held another lock.",
        [LOCKS_EVENT_TAKEOVER] =
            "Grants of a gadget whose last holder's lock had run out.",
        [LOCKS_EVENT_RELEASE] = "Locks that their owners gave back.",
        [LOCKS_EVENT_BREAK] = "Locks that operators broke.",
        [LOCKS_EVENT_FENCE] = "Ended locks that were fenced.",
        [LOCKS_EVENT_CONFLICT] = "Writes that came second.",
        [LOCKS_EVENT_RETRY] = "Operations that started again.",
        [LOCKS_EVENT_AMBIGUOUS_WRITE] = "Writes whose answer was lost.",
        [LOCKS_EVENT_BREAKER_OPENED] =
            "Times that a child gave up a server that hangs.",
        [LOCKS_EVENT_BREAKER_CLOSED] = "Times that such a server came back.",
        [LOCKS_EVENT_DATA_LOSS] = "Times that a server had lost its data.",
        [LOCKS_EVENT_SESSION_CACHE_HIT] =
            "Sessions that were known from an earlier request.",
        [LOCKS_EVENT_SESSION_CACHE_MISS] =
            "Sessions that were asked for though sessions are kept.",
    };
    int i;

    for (i = 0; i < LOCKS_EVENTS; i++) {
        begin(to, locks_event_names[i], "counter", help[i]);
        sample(to,
               apr_pstrcat(to->r->pool, locks_event_names[i], "_total", NULL),
               "", to->report->counts.events[i]);
    }
}

/** A bucket's bound in seconds, written as everywhere else, so that it is found
 *  by its text: APR's "%g" leaves out the zero before the point. Below a tenth
 *  of a millisecond that is with an exponent. */
static const char *bound_text(const exposition_t *to,
                              apr_interval_time_t microseconds)
{
    char *text;
    char *end;

    if (microseconds < 100) {
        return apr_psprintf(to->r->pool, "%" APR_TIME_T_FMT "e-05",
                            microseconds / 10);
    }
    if (microseconds % APR_USEC_PER_SEC == 0) {
        return apr_psprintf(to->r->pool, "%" APR_TIME_T_FMT "%s",
                            apr_time_sec(microseconds),
                            to->is_open_metrics ? ".0" : "");
    }
    text = apr_psprintf(to->r->pool, "%" APR_TIME_T_FMT ".%06" APR_TIME_T_FMT,
                        apr_time_sec(microseconds),
                        microseconds % APR_USEC_PER_SEC);
    for (end = text + strlen(text); end[-1] == '0'; end--) {
    }
    *end = '\0';
    return text;
}

/** A histogram's samples; buckets are cumulative, in seconds.
 *  @param labels without braces, ended by a comma unless empty */
static void histogram(const exposition_t *to, const char *name,
                      const char *labels, const locks_histogram_t *values)
{
    apr_pool_t *pool = to->r->pool;
    const char *bare =
        *labels == '\0'
            ? ""
            : apr_psprintf(pool, "{%.*s}", (int)strlen(labels) - 1, labels);
    apr_uint64_t count = 0;
    int i;

    for (i = 0; i < LOCKS_BUCKETS; i++) {
        const char *bound = i < LOCKS_BUCKETS - 1
                                ? bound_text(to, locks_bucket_bounds[i])
                                : "+Inf";

        count += values->buckets[i];
        ap_rprintf(to->r,
                   "mod_locks_%s_bucket{%sle=\"%s\"} %" APR_UINT64_T_FMT "\n",
                   name, labels, bound, count);
    }
    ap_rprintf(to->r, "mod_locks_%s_sum%s %.6f\n", name, bare,
               (double)values->sum / APR_USEC_PER_SEC);
    ap_rprintf(to->r, "mod_locks_%s_count%s %" APR_UINT64_T_FMT "\n", name,
               bare, count);
}

static void durations(const exposition_t *to)
{
    const locks_counts_t *counts = &to->report->counts;
    int i;

    begin(to, "operation_duration_seconds", "histogram",
          "How long requests took that asked the store, without sending the "
          "answer.");
    for (i = 0; i < LOCKS_TIMED_ROUND_TRIP; i++) {
        histogram(to, "operation_duration_seconds",
                  apr_psprintf(to->r->pool, "operation=\"%s\",",
                               locks_timed_names[i]),
                  &counts->durations[i]);
    }
    begin(to, "store_round_trip_duration_seconds", "histogram",
          "How long round trips to the store took.");
    histogram(to, "store_round_trip_duration_seconds", "",
              &counts->durations[LOCKS_TIMED_ROUND_TRIP]);
}

/* ---- Servers ---- */

/** What is told of each server. */
static const struct {
    const char *name;
    const char *type;
    const char *help;
} server_families[] = {
    {"store_up", "gauge", "Does the server answer?"},
    {"store_cas_enabled", "gauge", "Does it give CAS values?"},
    {"store_evictions_possible", "gauge", "May it drop locks when it is full?"},
    {"store_evictions", "counter", "Items that the server dropped."},
    {"store_items", "gauge", "Items that it has."},
    {"store_memory_bytes", "gauge", "Memory that its items take."},
    {"store_memory_limit_bytes", "gauge", "Memory that they may take."},
    {"store_uptime_seconds", "gauge", "How long it has run."},
    {"store_data_losses", "counter",
     "Times that it was noticed to have lost its data."},
};

/** A family's number for a server; 0 if there is none. */
static int server_value(const locks_report_store_t *store, int number,
                        int family, apr_uint64_t *value)
{
    const locks_store_server_t *server = &store->servers[number];
    const locks_watched_server_t *watched = locks_report_watched(store, number);
    const apr_uint64_t values[] = {
        server->status == LOCKS_STORE_DONE,
        (apr_uint64_t)server->gives_cas,
        (apr_uint64_t)server->may_evict,
        server->evictions,
        server->items,
        server->bytes,
        server->bytes_limit,
        (apr_uint64_t)apr_time_sec(server->uptime),
        watched != NULL ? atomic_load(&watched->losses) : 0,
    };
    int is_last = family == (int)(sizeof(values) / sizeof(values[0])) - 1;

    *value = values[family];
    return family == 0 ||
           (is_last ? watched != NULL && store->watched->has_locks
                    : server->status == LOCKS_STORE_DONE);
}

/** One memcached may have locks, and be one of several that have sessions. */
static const char *server_labels(const exposition_t *to,
                                 const locks_report_store_t *store, int number)
{
    const char *server = label(to, "server", store->servers[number].name);

    return apr_pstrcat(to->r->pool, "{holds=\"",
                       store->watched->has_locks ? "locks" : "sessions", "\",",
                       server + 1, NULL);
}

static void server_family(const exposition_t *to, int family)
{
    const char *name = server_families[family].name;
    int i;
    int s;

    begin(to, name, server_families[family].type, server_families[family].help);
    if (strcmp(server_families[family].type, "counter") == 0) {
        name = apr_pstrcat(to->r->pool, name, "_total", NULL);
    }
    for (i = 0; i < to->report->stores->nelts; i++) {
        const locks_report_store_t *store =
            &APR_ARRAY_IDX(to->report->stores, i, locks_report_store_t);

        for (s = 0; s < store->watched->store->servers; s++) {
            apr_uint64_t value;

            if (server_value(store, s, family, &value)) {
                sample(to, name, server_labels(to, store, s), value);
            }
        }
    }
}

/* ---- All of it ---- */

static void everything(const exposition_t *to)
{
    const locks_report_t *report = to->report;
    const locks_survey_t *survey = report->survey;
    int i;

    gauge(to, "healthy", "Can locks be taken here?",
          locks_report_trouble(report) == NULL);
    gauge(to, "start_time_seconds", "When counting began, since the epoch.",
          (apr_uint64_t)apr_time_sec(report->shared->started));
    if (survey != NULL) {
        gauge(to, "active_locks", "Locks that are held now, on all courses.",
              (apr_uint64_t)survey->locks->nelts);
        gauge(to, "active_courses", "Courses with a lock.",
              (apr_uint64_t)survey->courses);
    }
    gauge(to, "listing_complete", "Are those all the locks that there are?",
          survey != NULL && survey->gaps->nelts == 0);
    for (i = 0; i < (int)(sizeof(server_families) / sizeof(server_families[0]));
         i++) {
        server_family(to, i);
    }
    requests(to);
    events(to);
    counters(to, "store_failures", "kind", locks_store_failure_names,
             report->counts.store_failures, LOCKS_STORE_FAILURES,
             "Operations on a server of the store that failed.");
    counters(to, "guard_decisions", "decision", locks_decision_names,
             report->counts.decisions, LOCKS_DECISIONS,
             "What the guard decided about writes.");
    durations(to);
}

void locks_metrics_send(const locks_report_t *report)
{
    const char *accept = apr_table_get(report->r->headers_in, "Accept");
    const exposition_t to = {.report = report,
                             .r = report->r,
                             .is_open_metrics =
                                 accept != NULL &&
                                 strstr(accept, OPEN_METRICS) != NULL};

    apr_table_mergen(report->r->headers_out, "Vary", "Accept");
    ap_set_content_type(report->r,
                        to.is_open_metrics
                            ? OPEN_METRICS "; version=1.0.0; charset=utf-8"
                            : "text/plain; version=0.0.4; charset=utf-8");
    everything(&to);
    if (to.is_open_metrics) {
        ap_rputs("# EOF\n", report->r);
    }
}
