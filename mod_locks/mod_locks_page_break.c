/* SPDX-License-Identifier: Apache-2.0 */
/* The question whether a lock is to be broken, and pages that refuse. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

/** How many locks the question names. */
#define NAMED_MAX 10

/** What is to be broken, in HTML. */
static const char *subject_of(request_rec *r, const locks_status_query_t *query)
{
    switch (query->breaks) {
    case LOCKS_BREAK_COURSE:
        return apr_pstrcat(r->pool, "all locks of the course <strong>",
                           locks_html(r, query->course), "</strong>", NULL);
    case LOCKS_BREAK_USER:
        return apr_pstrcat(r->pool, "every lock of the user <strong>",
                           locks_html(r, query->owner), "</strong>", NULL);
    default:
        return apr_pstrcat(r->pool, "the lock <strong>",
                           locks_html(r, query->id),
                           "</strong> of the user <strong>",
                           locks_html(r, query->owner), "</strong>", NULL);
    }
}

/** Is this one of those that are to be broken? */
static int is_meant(request_rec *r, const locks_lock_t *lock,
                    const locks_status_query_t *query)
{
    switch (query->breaks) {
    case LOCKS_BREAK_COURSE:
        return strcmp(lock->subject.course, query->course) == 0;
    case LOCKS_BREAK_USER:
        return strcmp(lock->owner, query->owner) == 0;
    default:
        return strcmp(lock->owner, query->owner) == 0 &&
               strcmp(apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, lock->id),
                      query->id) == 0;
    }
}

/** Names a lock by what the question does not say of it anyway. */
static void send_named(request_rec *r, const locks_lock_t *lock,
                       int is_of_course, apr_time_t now)
{
    ap_rvputs(r, "<li><strong>", locks_html(r, lock->subject.resource),
              is_of_course ? "</strong>, held by <strong>"
                           : "</strong> in the course <strong>",
              locks_html(r, is_of_course ? lock->owner : lock->subject.course),
              is_of_course ? "</strong> for " : "</strong>, held for ",
              locks_html_span(r, now > lock->granted ? now - lock->granted : 0),
              "</li>\n", NULL);
}

/** Names what is held now of what is to be broken. It may be other locks by
 *  the time that the form is sent. */
static void send_held(request_rec *r, const locks_status_query_t *query)
{
    const locks_survey_filter_t filter = {
        .course = query->breaks == LOCKS_BREAK_COURSE ? query->course : NULL,
        .owner = query->breaks == LOCKS_BREAK_COURSE ? NULL : query->owner};
    locks_report_t report;
    int count = 0;
    int i;

    locks_report_open(&report, r);
    locks_report_survey(&report, &filter);
    if (report.survey == NULL) {
        ap_rvputs(r,
                  "<p class=\"notice bad\">What is held now could not be "
                  "read: ",
                  locks_html(r, report.survey_why), "</p>\n", NULL);
        return;
    }
    ap_rputs("<ul>\n", r);
    for (i = 0; i < report.survey->locks->nelts; i++) {
        const locks_lock_t *lock =
            &APR_ARRAY_IDX(report.survey->locks, i, locks_lock_t);

        if (is_meant(r, lock, query) && ++count <= NAMED_MAX) {
            send_named(r, lock, query->breaks == LOCKS_BREAK_COURSE,
                       report.survey->time);
        }
    }
    if (count == 0) {
        ap_rputs("<li>Nothing of this is held now.</li>\n", r);
    } else if (count > NAMED_MAX) {
        ap_rprintf(r, "<li>and %d more</li>\n", count - NAMED_MAX);
    }
    ap_rputs("</ul>\n", r);
}

static void send_hidden(request_rec *r, const char *name, const char *value)
{
    if (value != NULL) {
        ap_rvputs(r, "<input type=\"hidden\" name=\"", name, "\" value=\"",
                  locks_html(r, value), "\">\n", NULL);
    }
}

static int is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

/** Is it said what is to be broken? */
static int is_complete(const locks_status_query_t *query)
{
    if (query->breaks == LOCKS_BREAK_COURSE) {
        return is_given(query->course);
    }
    return is_given(query->owner) &&
           (query->breaks == LOCKS_BREAK_USER || is_given(query->id));
}

void locks_page_ask(request_rec *r, const locks_status_query_t *query)
{
    if (!is_complete(query)) {
        locks_page_refuse(r, HTTP_BAD_REQUEST,
                          "It is not said what is to be broken");
        return;
    }
    locks_page_begin(r, "Break locks?");
    ap_rvputs(r,
              "<main class=\"question\">\n<h1>Break locks?</h1>\n<p>This ends ",
              subject_of(r, query), ":</p>\n", NULL);
    send_held(r, query);
    ap_rputs("<p>Whoever works under a lock loses it at once: what they save "
             "next is refused, if the site checks locks, and others can take "
             "the gadget. It cannot be undone.</p>\n"
             "<form method=\"post\" action=\"?\">\n",
             r);
    send_hidden(r, "nonce", locks_shared(r->server)->nonce);
    send_hidden(r, "break", locks_break_names[query->breaks]);
    send_hidden(r, "id", query->id);
    send_hidden(r, "owner", query->owner);
    send_hidden(r, "course", query->course);
    ap_rputs("<label>Reason, for the record "
             "<input name=\"reason\" required pattern=\".*\\S.*\" "
             "title=\"Some words\" maxlength=\"250\" autofocus "
             "autocomplete=\"off\"></label>\n"
             "<p class=\"actions\"><button class=\"danger\">Break</button> "
             "<a href=\"?\">Cancel</a></p>\n</form>\n</main>\n",
             r);
    locks_page_end(r);
}

void locks_page_refuse(request_rec *r, int status, const char *message)
{
    r->status = status;
    locks_page_begin(r, ap_get_status_line(status));
    ap_rvputs(r, "<main class=\"question\">\n<h1>",
              locks_html(r, ap_get_status_line(status)), "</h1>\n<p>",
              locks_html(r, message),
              "</p>\n<p><a href=\"?\">Back to the locks</a></p>\n</main>\n",
              NULL);
    locks_page_end(r);
}
