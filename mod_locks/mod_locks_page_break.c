/* SPDX-License-Identifier: Apache-2.0 */
/* The question whether a lock is to be broken, and pages that refuse. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

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
              subject_of(r, query),
              ". Whoever works under it loses it at once: what they save next "
              "is refused, if the site checks locks, and others can take the "
              "gadget. It cannot be undone.</p>\n"
              "<form method=\"post\" action=\"?\">\n",
              NULL);
    send_hidden(r, "nonce", locks_shared(r->server)->nonce);
    send_hidden(r, "break", locks_break_names[query->breaks]);
    send_hidden(r, "id", query->id);
    send_hidden(r, "owner", query->owner);
    send_hidden(r, "course", query->course);
    ap_rputs("<label>Reason, for the record "
             "<input name=\"reason\" required maxlength=\"250\" autofocus "
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
