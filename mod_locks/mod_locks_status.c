/* SPDX-License-Identifier: Apache-2.0 */
/* SetHandler locks-status: which form of the report, or what to break. */
#include "mod_locks_status.h"

#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

void locks_status_refuse(request_rec *r, int status, const char *message,
                         int as_json)
{
    if (as_json) {
        locks_answer_error(r, status, message, strlen(message));
    } else {
        locks_page_refuse(r, status, message);
    }
}

/** Finds out what a form tells, and sends it. */
static void send_report(request_rec *r, const locks_status_query_t *query)
{
    locks_report_t report;

    locks_report_open(&report, r);
    locks_report_stores(&report, query->form != LOCKS_FORM_HEALTH);
    if (query->form != LOCKS_FORM_HEALTH) {
        locks_report_survey(&report, &query->filter);
    }
    switch (query->form) {
    case LOCKS_FORM_JSON:
        locks_json_send(&report, query);
        break;
    case LOCKS_FORM_AUTO:
        locks_auto_send(&report);
        break;
    case LOCKS_FORM_METRICS:
        locks_metrics_send(&report);
        break;
    case LOCKS_FORM_HEALTH:
        locks_health_send(&report);
        break;
    default:
        locks_page_send(&report, query);
    }
}

static void answer_get(request_rec *r)
{
    locks_status_query_t query;
    const char *wrong = locks_status_read_query(&query, r);

    if (wrong != NULL) {
        locks_status_refuse(r, HTTP_BAD_REQUEST, wrong,
                            query.form == LOCKS_FORM_JSON);
    } else if (query.breaks != LOCKS_BREAK_NOTHING) {
        locks_page_ask(r, &query);
    } else {
        send_report(r, &query);
    }
}

int locks_status_handler(request_rec *r)
{
    if (r->handler == NULL ||
        strcmp(r->handler, LOCKS_STATUS_HANDLER_NAME) != 0) {
        return DECLINED;
    }
    ap_allow_methods(r, REPLACE_ALLOW, "GET", "POST", NULL);
    if (r->method_number != M_GET && r->method_number != M_POST) {
        return r->method_number == M_OPTIONS ? DECLINED
                                             : HTTP_METHOD_NOT_ALLOWED;
    }
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    /* Names in it are others'. */
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    /* Half a report is none. */
    apr_table_unset(r->headers_in, "Range");
    if (r->method_number == M_POST) {
        return locks_status_break(r);
    }
    answer_get(r);
    return OK;
}
