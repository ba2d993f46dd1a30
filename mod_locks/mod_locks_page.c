/* SPDX-License-Identifier: Apache-2.0 */
/* The page that operators look at. It works without its script, which only
 * loads it anew now and then. What the script renews has an ID that begins
 * with "live-"; what it must not take for another has a data-key in there. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

/* ---- Charts ---- */

static void send_charts(const locks_report_t *report)
{
    request_rec *r = report->r;
    int i;

    ap_rputs("<section aria-labelledby=\"hour\">\n"
             "<h2 id=\"hour\">Last hour</h2>\n"
             "<div id=\"live-hour\" class=\"charts\">\n",
             r);
    for (i = 0; i < LOCKS_SERIES; i++) {
        locks_chart_send(report, (locks_series_e)i);
    }
    ap_rputs("</div>\n</section>\n", r);
}

/* ---- All of it ---- */

/** What became of breaking, just now. It has the focus, so that it is read
 *  out. */
#define RESULT(class) \
    "<p class=\"notice " class "\" role=\"status\" tabindex=\"-1\" autofocus>"
static const char *broken_text(request_rec *r, int broken)
{
    if (broken < 0) {
        return "";
    }
    return broken == 0
               ? RESULT("warn") "Nothing was broken: what you chose had ended "
                                "already.</p>\n"
               : apr_psprintf(r->pool, RESULT("good") "%d %s broken.</p>\n",
                              broken, broken == 1 ? "lock was" : "locks were");
}

void locks_page_send(const locks_report_t *report,
                     const locks_status_query_t *query)
{
    request_rec *r = report->r;
    const char *server = ap_get_server_name(r);

    locks_page_begin(r, apr_pstrcat(r->pool, "Edit locks on ", server, NULL));
    ap_rvputs(r,
              "<a class=\"skip\" href=\"#locks\">Skip to the locks</a>\n"
              "<header>\n<h1>Edit locks</h1>\n<p id=\"live-state\">",
              locks_report_trouble(report) == NULL
                  ? "<strong class=\"state good\">healthy</strong>"
                  : "<strong class=\"state bad\">no lock can be taken</strong>",
              " on ", locks_html(r, server),
              ", mod_locks " LOCKS_VERSION ", counting for ",
              locks_html_span(r, report->now - report->shared->started),
              "</p>\n<p id=\"refresh\"></p>\n</header>\n<main>\n",
              broken_text(r, query->broken), NULL);
    locks_page_stores(report);
    send_charts(report);
    locks_page_locks(report, query);
    locks_page_counters(report);
    ap_rputs("</main>\n<footer>\n<nav aria-label=\"Other forms\">"
             "<a href=\"?json\">JSON</a> <a href=\"?auto\">Text</a> "
             "<a href=\"?metrics\">Metrics</a> <a href=\"?health\">Health</a>"
             "</nav>\n</footer>\n",
             r);
    locks_page_end(r);
}
