/* SPDX-License-Identifier: Apache-2.0 */
/* A small chart of the last hour, as SVG in the page: a bar for each minute.
 * Its scale is text beside it, as the SVG is stretched to its place. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

/** The chart in its own units: 5 for each minute, of which the bar takes 4. */
#define STEP 5
#define BAR 4
#define HEIGHT 60

/** What a chart is called, and what its numbers are. */
static const struct {
    const char *name;
    const char *title;
    const char *unit;
    /** Is the sum of its minutes a number of its own? */
    int adds_up;
} charts[LOCKS_SERIES] = {
    [LOCKS_SERIES_GRANTS] = {"grants", "Grants", "", 1},
    [LOCKS_SERIES_REFUSALS] = {"refusals", "Refused: locked", "", 1},
    [LOCKS_SERIES_CONFLICTS] = {"conflicts", "CAS conflicts", "", 1},
    [LOCKS_SERIES_LATENCY] = {"latency", "Latency, 95th percentile", " ms", 0},
};

/** A number in as few digits as say something. */
static const char *number(double value, apr_pool_t *pool)
{
    return apr_psprintf(pool,
                        value == (double)(apr_int64_t)value || value >= 100
                            ? "%.0f"
                            : (value >= 10 ? "%.1f" : "%.2f"),
                        value);
}

static void send_bars(const locks_report_t *report, locks_series_e series,
                      double highest)
{
    request_rec *r = report->r;
    int minute;

    if (report->minutes < LOCKS_MINUTES) {
        ap_rprintf(r,
                   "<rect class=\"unknown\" x=\"0\" y=\"0\" width=\"%d\" "
                   "height=\"%d\"><title>not counted yet</title></rect>",
                   (LOCKS_MINUTES - report->minutes) * STEP, HEIGHT);
    }
    for (minute = LOCKS_MINUTES - report->minutes; minute < LOCKS_MINUTES;
         minute++) {
        double value = locks_report_minute(report, series, minute);
        double height = highest > 0 ? value / highest * HEIGHT : 0;

        if (value > 0) {
            height = height < 1 ? 1 : height;
            ap_rprintf(r,
                       "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" "
                       "height=\"%.1f\"><title>%d min ago: %s%s</title></rect>",
                       minute * STEP, HEIGHT - height, BAR, height,
                       LOCKS_MINUTES - 1 - minute, number(value, r->pool),
                       charts[series].unit);
        }
    }
}

void locks_chart_send(const locks_report_t *report, locks_series_e series)
{
    request_rec *r = report->r;
    const char *unit = charts[series].unit;
    double highest = 0;
    double sum = 0;
    const char *summary;
    int minute;

    for (minute = 0; minute < LOCKS_MINUTES; minute++) {
        double value = locks_report_minute(report, series, minute);

        highest = value > highest ? value : highest;
        sum += value;
    }
    summary = sum == 0 ? "none in the last hour"
              : charts[series].adds_up
                  ? apr_psprintf(r->pool,
                                 "%s in the last hour, at most %s in "
                                 "a minute",
                                 number(sum, r->pool), number(highest, r->pool))
                  : apr_psprintf(r->pool, "at most %s%s in a minute",
                                 number(highest, r->pool), unit);
    ap_rprintf(r,
               "<figure class=\"%s\"><figcaption>%s <small>%s</small>"
               "</figcaption>"
               "<div class=\"top\" aria-hidden=\"true\">%s%s</div>"
               "<svg role=\"img\" aria-label=\"%s: %s\" viewBox=\"0 0 %d %d\" "
               "preserveAspectRatio=\"none\">"
               "<line x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
               "<line x1=\"0\" y1=\"0\" x2=\"%d\" y2=\"0\"/>",
               charts[series].name, charts[series].title, summary,
               sum > 0 ? number(highest, r->pool) : "", sum > 0 ? unit : "",
               charts[series].title, summary, LOCKS_MINUTES * STEP, HEIGHT + 1,
               HEIGHT, LOCKS_MINUTES * STEP, HEIGHT, LOCKS_MINUTES * STEP);
    send_bars(report, series, highest);
    ap_rprintf(r,
               "</svg><div class=\"axis\" aria-hidden=\"true\">"
               "<span>%d min ago</span><span>now</span></div></figure>\n",
               LOCKS_MINUTES);
}
