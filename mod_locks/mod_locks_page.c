/* SPDX-License-Identifier: Apache-2.0 */
/* The page that operators look at. It works without its script, which only
 * loads it anew now and then. What the script renews has an ID that begins
 * with "live-"; what it must not take for another has a data-key in there. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include <stddef.h>
#include <string.h>

/** Begins what the script renews, and what scrolls sideways where there is no
 *  room. */
#define LIVE(name) "<div id=\"live-" name "\">\n"
#define WIDE(label)                                                          \
    "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"" label \
    "\">\n"

/* ---- Stores ---- */

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

static void send_stores(const locks_report_t *report)
{
    const char *trouble = locks_report_trouble(report);
    request_rec *r = report->r;
    int i;
    int s;

    ap_rputs("<section aria-labelledby=\"store\">\n"
             "<h2 id=\"store\">Store</h2>\n" LIVE("store"),
             r);
    if (trouble != NULL) {
        ap_rvputs(r, "<p class=\"notice bad\">No lock can be taken: ",
                  locks_html(r, trouble), "</p>\n", NULL);
    }
    ap_rputs(WIDE("Servers") "<table class=\"stores\" "
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

/* ---- Locks ---- */

/** A link to the question whether to break. */
static const char *break_link(request_rec *r, locks_break_e breaks,
                              const locks_lock_t *lock, const char *text)
{
    const char *query;

    switch (breaks) {
    case LOCKS_BREAK_COURSE:
        query = apr_pstrcat(r->pool, "course&amp;course=",
                            ap_escape_urlencoded(r->pool, lock->subject.course),
                            NULL);
        break;
    case LOCKS_BREAK_USER:
        query = apr_pstrcat(r->pool, "user&amp;owner=",
                            ap_escape_urlencoded(r->pool, lock->owner), NULL);
        break;
    default:
        query = apr_psprintf(
            r->pool, "lock&amp;id=%" APR_UINT64_T_FMT "&amp;owner=%s", lock->id,
            ap_escape_urlencoded(r->pool, lock->owner));
    }
    return apr_pstrcat(r->pool, "<a class=\"break\" href=\"?break=", query,
                       "\">", text, "</a>", NULL);
}

static void send_lock(request_rec *r, const locks_lock_t *lock, apr_time_t now)
{
    const char *gadget = locks_html(r, lock->subject.resource);
    apr_interval_time_t left = lock->deadline - now;
    apr_interval_time_t lease = lock->deadline - lock->granted;
    const char *left_text = locks_html_span(r, left);

    /* A renewed lock was granted longer ago than its lease is. */
    lease = lease > locks_server_config(r->server)->rules.ttl
                ? locks_server_config(r->server)->rules.ttl
                : lease;
    ap_rprintf(r, "<tr data-key=\"%" APR_UINT64_T_FMT "\">", lock->id);
    ap_rvputs(r, "<th scope=\"row\">", gadget, "</th><td><a href=\"?user=",
              ap_escape_urlencoded(r->pool, lock->owner), "#locks\">",
              locks_html(r, lock->owner), "</a></td><td>",
              locks_html_span(r, now > lock->granted ? now - lock->granted : 0),
              "</td>", NULL);
    ap_rprintf(r,
               "<td class=\"left\"><meter min=\"0\" max=\"%" APR_INT64_T_FMT
               "\" value=\"%" APR_INT64_T_FMT "\" aria-label=\"Time left: %s\">"
               "</meter> %s</td>",
               apr_time_as_msec(lease), apr_time_as_msec(left), left_text,
               left_text);
    ap_rvputs(r, "<td>",
              break_link(r, LOCKS_BREAK_LOCK, lock,
                         apr_pstrcat(r->pool,
                                     "Break<span class=\"hidden\"> the lock "
                                     "on ",
                                     gadget, "</span>", NULL)),
              "</td></tr>\n", NULL);
}

/** Begins the table of a course, and ends it. */
#define COURSE_END "</tbody></table>\n</div>\n"
static void send_course(request_rec *r, const locks_lock_t *lock)
{
    const char *course = locks_html(r, lock->subject.course);

    ap_rvputs(r, "<div class=\"course\" data-key=\"", course,
              "\">\n<div class=\"title\"><h3>", course, "</h3> ",
              break_link(r, LOCKS_BREAK_COURSE, lock,
                         apr_pstrcat(r->pool,
                                     "Break all<span class=\"hidden\"> locks "
                                     "of the course ",
                                     course, "</span>", NULL)),
              "</div>\n<table class=\"locks\" aria-label=\"Locks of ", course,
              "\">\n<thead><tr>"
              "<th scope=\"col\">Gadget</th><th scope=\"col\">Owner</th>"
              "<th scope=\"col\">Held for</th><th scope=\"col\">Time left</th>"
              "<th scope=\"col\"><span class=\"hidden\">Break</span></th>"
              "</tr></thead>\n<tbody>\n",
              NULL);
}

static void send_page_links(const locks_report_t *report,
                            const locks_status_query_t *query)
{
    request_rec *r = report->r;
    int pages = locks_status_pages(report);
    int page = query->page;

    if (pages == 1 && page == 1) {
        return;
    }
    ap_rputs("<nav class=\"pages\" aria-label=\"Pages\">", r);
    if (page > 1) {
        ap_rvputs(
            r, "<a rel=\"prev\" href=\"?",
            locks_html(r, locks_status_link(
                              query, page > pages ? pages : page - 1, r->pool)),
            "#locks\">Previous</a>", NULL);
    }
    ap_rprintf(r, "<span>Page %d of %d</span>", page, pages);
    if (page < pages) {
        ap_rvputs(r, "<a rel=\"next\" href=\"?",
                  locks_html(r, locks_status_link(query, page + 1, r->pool)),
                  "#locks\">Next</a>", NULL);
    }
    ap_rputs("</nav>\n", r);
}

/** The locks of this page, by course. */
static void send_locks(const locks_report_t *report,
                       const locks_status_query_t *query)
{
    const locks_survey_t *survey = report->survey;
    request_rec *r = report->r;
    int first = (query->page - 1) * LOCKS_PAGE_SIZE;
    const char *course = NULL;
    int i;

    for (i = first; i < survey->locks->nelts && i < first + LOCKS_PAGE_SIZE;
         i++) {
        const locks_lock_t *lock =
            &APR_ARRAY_IDX(survey->locks, i, locks_lock_t);

        if (course == NULL || strcmp(course, lock->subject.course) != 0) {
            ap_rputs(course != NULL ? COURSE_END : "", r);
            send_course(r, lock);
            course = lock->subject.course;
        }
        send_lock(r, lock, survey->time);
    }
    if (course != NULL) {
        ap_rputs(COURSE_END, r);
    } else if (survey->locks->nelts > 0) {
        ap_rprintf(r, "<p class=\"empty\">There is no page %d any more.</p>\n",
                   query->page);
    }
}

static void send_field(request_rec *r, const char *name, const char *title,
                       const char *value)
{
    ap_rvputs(r, "<label>", title, " <input type=\"search\" name=\"", name,
              "\" maxlength=\"512\" autocomplete=\"off\" value=\"",
              value != NULL ? locks_html(r, value) : "", "\"></label>\n", NULL);
}

static int is_search(const locks_survey_filter_t *filter)
{
    return (filter->course != NULL && *filter->course != '\0') ||
           (filter->owner != NULL && *filter->owner != '\0') ||
           (filter->resource != NULL && *filter->resource != '\0');
}

static void send_search(request_rec *r, const locks_survey_filter_t *filter)
{
    ap_rputs("<form role=\"search\" method=\"get\" action=\"#locks\">\n", r);
    send_field(r, "course", "Course", filter->course);
    send_field(r, "user", "User", filter->owner);
    send_field(r, "gadget", "Gadget", filter->resource);
    ap_rvputs(r, "<button>Search</button>\n",
              is_search(filter) ? "<a href=\"?#locks\">Show all</a>\n" : "",
              "</form>\n", NULL);
}

/** A user may have moved on since the page was made: here whatever is held
 *  can be broken. */
static void send_user_link(request_rec *r, const locks_survey_filter_t *filter)
{
    const locks_lock_t lock = {.owner = filter->owner};

    if (filter->owner != NULL && *filter->owner != '\0') {
        ap_rvputs(r, "<p>",
                  break_link(r, LOCKS_BREAK_USER, &lock,
                             apr_pstrcat(r->pool, "Break whatever the user ",
                                         locks_html(r, filter->owner), " holds",
                                         NULL)),
                  "</p>\n", NULL);
    }
}

/** How many locks there are, and whether those are all. */
static void send_summary(const locks_report_t *report,
                         const locks_status_query_t *query)
{
    const locks_survey_t *survey = report->survey;
    request_rec *r = report->r;
    int i;

    if (survey == NULL) {
        ap_rvputs(r, "<p class=\"notice bad\">The locks could not be read: ",
                  locks_html(r, report->survey_why), "</p>\n", NULL);
        return;
    }
    if (survey->locks->nelts == 0) {
        ap_rvputs(r, "<p class=\"empty\">",
                  is_search(&query->filter)
                      ? "No lock matches. Parts of names will do, in upper and "
                        "lower case as they are written."
                      : "Nobody holds a lock.",
                  "</p>\n", NULL);
    } else {
        ap_rprintf(r,
                   "<p class=\"summary\"><strong>%d</strong> %s in "
                   "<strong>%d</strong> %s%s</p>\n",
                   survey->locks->nelts,
                   survey->locks->nelts == 1 ? "lock" : "locks",
                   survey->courses, survey->courses == 1 ? "course" : "courses",
                   is_search(&query->filter) ? " match" : "");
    }
    send_user_link(r, &query->filter);
    for (i = 0; i < survey->gaps->nelts; i++) {
        ap_rvputs(r, "<p class=\"notice warn\">This list may be incomplete: ",
                  locks_html(r, APR_ARRAY_IDX(survey->gaps, i, const char *)),
                  "</p>\n", NULL);
    }
}

static void send_lock_section(const locks_report_t *report,
                              const locks_status_query_t *query)
{
    request_rec *r = report->r;

    ap_rputs("<section aria-labelledby=\"locks\">\n"
             "<h2 id=\"locks\">Active locks</h2>\n",
             r);
    send_search(r, &query->filter);
    ap_rputs(LIVE("locks"), r);
    send_summary(report, query);
    if (report->survey != NULL) {
        send_locks(report, query);
        send_page_links(report, query);
    }
    ap_rputs("</div>\n</section>\n", r);
}

/* ---- Counters ---- */

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

static void send_counters(const locks_report_t *report)
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
    send_stores(report);
    send_charts(report);
    send_lock_section(report, query);
    send_counters(report);
    ap_rputs("</main>\n<footer>\n<nav aria-label=\"Other forms\">"
             "<a href=\"?json\">JSON</a> <a href=\"?auto\">Text</a> "
             "<a href=\"?metrics\">Metrics</a> <a href=\"?health\">Health</a>"
             "</nav>\n</footer>\n",
             r);
    locks_page_end(r);
}
