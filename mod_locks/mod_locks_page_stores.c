/* SPDX-License-Identifier: Apache-2.0 */
/* The page for operators: how the servers of the stores are. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

static const char *bytes_text(request_rec *r, apr_uint64_t bytes)
{
    return apr_psprintf(r->pool, "%.1f MB", (double)bytes / (1024 * 1024));
}

/** How often something happened. */
static const char *times_text(request_rec *r, apr_uint64_t count)
{
    return count == 1
               ? "once"
               : apr_psprintf(r->pool, "%" APR_UINT64_T_FMT " times", count);
}

/** What is wrong with a server, or that nothing is; in HTML. */
static const char *state_of(request_rec *r, const locks_report_store_t *store,
                            int number)
{
    const locks_store_server_t *server = &store->servers[number];

    if (server->is_left_alone) {
        return "<strong class=\"bad\">breaker open</strong>";
    }
    if (server->status != LOCKS_STORE_DONE) {
        return "<strong class=\"bad\">down</strong>";
    }
    if (store->epochs != NULL && store->epochs[number].status != APR_SUCCESS) {
        return "<strong class=\"bad\">failing</strong>";
    }
    if (!store->watched->has_locks) {
        return "<span class=\"good\">up</span>";
    }
    return apr_pstrcat(
        r->pool,
        server->gives_cas ? "<span class=\"good\">up</span>"
                          : "<strong class=\"bad\">no CAS (-C)</strong>",
        server->may_evict ? ", <strong class=\"warn\">may evict (no -M)"
                            "</strong>"
                          : "",
        NULL);
}

/** Since when a server has its data, and what it lost; in HTML. */
static const char *data_of(const locks_report_t *report,
                           const locks_report_store_t *store, int number)
{
    const locks_watched_server_t *watched = locks_report_watched(store, number);
    request_rec *r = report->r;
    apr_uint64_t losses;

    if (watched == NULL || !store->watched->has_locks ||
        atomic_load(&watched->began) == 0) {
        return "";
    }
    losses = atomic_load(&watched->losses);
    return apr_pstrcat(
        r->pool, locks_html_span(r, report->now - atomic_load(&watched->began)),
        losses > 0
            ? apr_psprintf(
                  r->pool,
                  ", <strong class=\"warn\">lost %s, last %s ago</strong>",
                  times_text(r, losses),
                  locks_html_span(r, report->now - atomic_load(&watched->lost)))
            : "",
        NULL);
}

/** A cell of HTML. Where there is no room for columns, it has its heading
 *  before it. */
static void send_cell(request_rec *r, const char *heading, const char *html)
{
    ap_rvputs(r, "<td data-heading=\"", heading, "\">", html, "</td>", NULL);
}

static void send_server(const locks_report_t *report,
                        const locks_report_store_t *store, int number)
{
    const locks_store_server_t *server = &store->servers[number];
    request_rec *r = report->r;

    ap_rvputs(r, "<tr><th scope=\"row\">", locks_html(r, server->name), "</th>",
              NULL);
    send_cell(r, "Holds", store->watched->has_locks ? "locks" : "sessions");
    send_cell(r, "State", state_of(r, store, number));
    if (server->status != LOCKS_STORE_DONE) {
        ap_rvputs(r, "<td colspan=\"5\">", locks_html(r, server->reason),
                  "</td>", NULL);
    } else {
        send_cell(r, "Version", locks_html(r, server->version));
        send_cell(r, "Uptime", locks_html_span(r, server->uptime));
        send_cell(
            r, "Evictions",
            apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, server->evictions));
        send_cell(r, "Memory",
                  apr_pstrcat(r->pool, bytes_text(r, server->bytes), " of ",
                              bytes_text(r, server->bytes_limit), NULL));
        send_cell(r, "Round trip",
                  apr_psprintf(r->pool, "%.2f ms",
                               (double)server->round_trip / 1000));
    }
    send_cell(r, "Data kept for", data_of(report, store, number));
    ap_rputs("</tr>\n", r);
}

void locks_page_stores(const locks_report_t *report)
{
    const char *trouble = locks_report_trouble(report);
    request_rec *r = report->r;
    int i;
    int s;

    ap_rputs("<section aria-labelledby=\"store\">\n"
             "<h2 id=\"store\">Store</h2>\n" LOCKS_PAGE_LIVE("store"),
             r);
    if (trouble != NULL) {
        ap_rvputs(r, "<p class=\"notice bad\">No lock can be taken: ",
                  locks_html(r, trouble), "</p>\n", NULL);
    }
    ap_rputs(
        LOCKS_PAGE_WIDE("Servers") "<table class=\"stores\" "
                                   "aria-label=\"Servers\">\n<thead><tr><th "
                                   "scope=\"col\">Server</th>"
                                   "<th scope=\"col\">Holds</th><th "
                                   "scope=\"col\">State</th>"
                                   "<th scope=\"col\">Version</th><th "
                                   "scope=\"col\">Uptime</th>"
                                   "<th scope=\"col\">Evictions</th><th "
                                   "scope=\"col\">Memory</th>"
                                   "<th scope=\"col\">Round trip</th>"
                                   "<th scope=\"col\">Data kept "
                                   "for</th></tr></thead>\n<tbody>\n",
        r);
    for (i = 0; i < report->stores->nelts; i++) {
        const locks_report_store_t *store =
            &APR_ARRAY_IDX(report->stores, i, locks_report_store_t);

        for (s = 0; s < store->watched->store->servers; s++) {
            send_server(report, store, s);
        }
    }
    ap_rputs("</tbody></table></div></div>\n</section>\n", r);
}
