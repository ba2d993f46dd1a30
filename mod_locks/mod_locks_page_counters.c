/* SPDX-License-Identifier: Apache-2.0 */
/* The page for operators: what was counted. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <stddef.h>
#include <string.h>

/** A name such as cas_conflicts in words. */
static const char *words(request_rec *r, const char *name)
{
    char *text = apr_pstrdup(r->pool, name);
    char *each;

    for (each = text; *each != '\0'; each++) {
        *each = *each == '_' ? ' ' : *each;
    }
    return strncmp(text, "cas ", 4) == 0
               ? apr_pstrcat(r->pool, "CAS", text + 3, NULL)
               : text;
}

/** A cell with a number; one that says nothing is less conspicuous. */
static void send_count(request_rec *r, apr_uint64_t count)
{
    ap_rprintf(r, "<td%s>%" APR_UINT64_T_FMT "</td>",
               count == 0 ? " class=\"zero\"" : "", count);
}

/** The same, with decimals. */
static void send_decimal(request_rec *r, double value)
{
    ap_rprintf(r, "<td%s>%.2f</td>", value < 0.005 ? " class=\"zero\"" : "",
               value);
}

/** A table of names, numbers and rates.
 *  @param offset of the first number in locks_counts_t */
static void send_numbers(const locks_report_t *report, const char *title,
                         const char *const *names, apr_size_t offset, int count)
{
    request_rec *r = report->r;
    const apr_uint64_t *numbers =
        (const apr_uint64_t *)((const char *)&report->counts + offset);
    int i;

    ap_rvputs(r, "<table><caption>", title,
              "</caption>\n<thead><tr><th scope=\"col\">What</th>"
              "<th scope=\"col\">Count</th><th scope=\"col\">Per second</th>"
              "</tr></thead>\n<tbody>\n",
              NULL);
    for (i = 0; i < count; i++) {
        ap_rvputs(r, "<tr><th scope=\"row\">", words(r, names[i]), "</th>",
                  NULL);
        send_count(r, numbers[i]);
        send_decimal(r, locks_report_rate(
                            report, offset + (apr_size_t)i * sizeof(*numbers)));
        ap_rputs("</tr>\n", r);
    }
    ap_rputs("</tbody></table>\n", r);
}

static void send_durations(const locks_report_t *report)
{
    request_rec *r = report->r;
    int i;

    ap_rputs("<table><caption>Durations in milliseconds</caption>\n<thead><tr>"
             "<th scope=\"col\">What</th><th scope=\"col\">Count</th>"
             "<th scope=\"col\">Median</th><th scope=\"col\">95 %</th>"
             "<th scope=\"col\">99 %</th></tr></thead>\n<tbody>\n",
             r);
    for (i = 0; i < LOCKS_TIMED; i++) {
        const locks_histogram_t *histogram = &report->counts.durations[i];

        ap_rvputs(r, "<tr><th scope=\"row\">", words(r, locks_timed_names[i]),
                  "</th>", NULL);
        send_count(r, locks_histogram_count(histogram));
        send_decimal(r, locks_histogram_quantile(histogram, 0.5) / 1000);
        send_decimal(r, locks_histogram_quantile(histogram, 0.95) / 1000);
        send_decimal(r, locks_histogram_quantile(histogram, 0.99) / 1000);
        ap_rputs("</tr>\n", r);
    }
    ap_rputs("</tbody></table>\n", r);
}

/** Requests, by what was asked for and what was answered. */
static void send_requests(const locks_report_t *report)
{
    request_rec *r = report->r;
    int i;
    int j;

    ap_rputs("<table><caption>Requests</caption>\n<thead><tr>"
             "<th scope=\"col\">Answer</th>",
             r);
    for (i = 0; i < LOCKS_ENDPOINTS; i++) {
        ap_rvputs(r, "<th scope=\"col\">", locks_endpoint_names[i], "</th>",
                  NULL);
    }
    ap_rputs("</tr></thead>\n<tbody>\n", r);
    for (j = 0; j < LOCKS_OUTCOMES; j++) {
        ap_rvputs(r, "<tr><th scope=\"row\">", words(r, locks_outcome_names[j]),
                  "</th>", NULL);
        for (i = 0; i < LOCKS_ENDPOINTS; i++) {
            send_count(r, report->counts.requests[i][j]);
        }
        ap_rputs("</tr>\n", r);
    }
    ap_rputs("</tbody></table>\n", r);
}

void locks_page_counters(const locks_report_t *report)
{
    request_rec *r = report->r;

    ap_rputs("<section aria-labelledby=\"counters\">\n"
             "<h2 id=\"counters\">Counters since start</h2>\n"
             "<div id=\"live-counters\" class=\"counters\">\n",
             r);
    send_numbers(report, "Locks", locks_event_names,
                 offsetof(locks_counts_t, events), LOCKS_EVENTS);
    send_requests(report);
    send_durations(report);
    send_numbers(report, "Guarded writes", locks_decision_names,
                 offsetof(locks_counts_t, decisions), LOCKS_DECISIONS);
    send_numbers(report, "Store failures", locks_store_failure_names,
                 offsetof(locks_counts_t, store_failures),
                 LOCKS_STORE_FAILURES);
    ap_rputs(
        "</div>\n<p class=\"note\">Rates are of the last five minutes.</p>\n"
        "</section>\n",
        r);
}
