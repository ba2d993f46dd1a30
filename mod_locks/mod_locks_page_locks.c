/* SPDX-License-Identifier: Apache-2.0 */
/* The page for operators: the locks, and the search for some. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

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

void locks_page_locks(const locks_report_t *report,
                      const locks_status_query_t *query)
{
    request_rec *r = report->r;

    ap_rputs("<section aria-labelledby=\"locks\">\n"
             "<h2 id=\"locks\">Active locks</h2>\n",
             r);
    send_search(r, &query->filter);
    ap_rputs(LOCKS_PAGE_LIVE("locks"), r);
    send_summary(report, query);
    if (report->survey != NULL) {
        send_locks(report, query);
        send_page_links(report, query);
    }
    ap_rputs("</div>\n</section>\n", r);
}
