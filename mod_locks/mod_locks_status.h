/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_status.h
 * @brief SetHandler locks-status: what operators see, in every form, and how
 *        they break locks.
 */
#ifndef MOD_LOCKS_STATUS_H
#define MOD_LOCKS_STATUS_H

#include "mod_locks_shared.h"

#include "locks_survey.h"

/* ---- What there is to report (mod_locks_report.c) ---- */

/** A store, as it is now. */
typedef struct locks_report_store_t {
    const locks_watched_store_t *watched;
    /** One for each server; NULL if they were not examined. */
    const locks_store_server_t *servers;
    /** The same; NULL for a store without locks, or one that is not watched.
     */
    const locks_epoch_t *epochs;
} locks_report_store_t;

/** Everything that is reported at one moment. Parts are found out when they are
 *  asked for. */
typedef struct locks_report_t {
    request_rec *r;
    apr_time_t now;
    const locks_shared_t *shared;
    /** Of locks_report_store_t, the lock store first. */
    apr_array_header_t *stores;
    locks_counts_t counts;
    /** When each of the last minutes began; see locks_counters_minutes(). */
    locks_counts_t *starts;
    int minutes;
    /** The locks that were searched for; NULL if they could not be read. */
    locks_survey_t *survey;
    const char *survey_why;
} locks_report_t;

/** Opens a report; its memory is the request's. */
void locks_report_open(locks_report_t *report, request_rec *r);
/** Finds out how the stores are, by asking them.
 *  @param thoroughly if not, whether locks can be taken is all that is found
 *                    out, at the cost of one request */
void locks_report_stores(locks_report_t *report, int thoroughly);
/** Lists the locks of all courses. */
void locks_report_survey(locks_report_t *report,
                         const locks_survey_filter_t *filter);

/** Why locks cannot be taken here; NULL if they can. */
const char *locks_report_trouble(const locks_report_t *report);
/** When a server's data began, and how often it was lost; NULL if it is not
 *  watched. */
const locks_watched_server_t *
locks_report_watched(const locks_report_store_t *store, int server);

/** @name Numbers of a minute
 * @param minute 0 to LOCKS_MINUTES - 1, the last of which lasts
 * @{ */
typedef enum {
    LOCKS_SERIES_GRANTS,
    LOCKS_SERIES_REFUSALS,
    LOCKS_SERIES_CONFLICTS,
    /** Milliseconds that nineteen of twenty requests do not exceed. */
    LOCKS_SERIES_LATENCY,
    LOCKS_SERIES
} locks_series_e;
double locks_report_minute(const locks_report_t *report, locks_series_e series,
                           int minute);
/** @} */

/** How much of a number was counted in a second, over the last five minutes.
 *  @param offset of the number in locks_counts_t */
double locks_report_rate(const locks_report_t *report, apr_size_t offset);

/** The sum of the durations of all requests to /locks. */
locks_histogram_t locks_report_requests(const locks_counts_t *counts);

/* ---- What was asked for (mod_locks_status_query.c) ---- */

/** What a lock is broken by. */
typedef enum {
    LOCKS_BREAK_NOTHING,
    LOCKS_BREAK_LOCK,
    LOCKS_BREAK_USER,
    LOCKS_BREAK_COURSE
} locks_break_e;

extern const char *const locks_break_names[];

/** The forms of the report. */
typedef enum {
    LOCKS_FORM_PAGE,
    LOCKS_FORM_JSON,
    LOCKS_FORM_AUTO,
    LOCKS_FORM_METRICS,
    LOCKS_FORM_HEALTH,
    LOCKS_FORMS
} locks_form_e;

/** The query, or the form that was posted. */
typedef struct locks_status_query_t {
    locks_form_e form;
    locks_survey_filter_t filter;
    /** From 1. */
    int page;
    /** What to break, and what it is called; NULL where it is not said. */
    locks_break_e breaks;
    const char *id;
    const char *owner;
    const char *course;
    const char *reason;
    const char *nonce;
    /** How many locks were broken just now; -1 if none was asked for. */
    int broken;
} locks_status_query_t;

/** Reads the query. NULL, or what is wrong with it. */
const char *locks_status_read_query(locks_status_query_t *query,
                                    request_rec *r);
/** Reads the form that was posted. OK, or a status to answer with. */
int locks_status_read_form(locks_status_query_t *query, request_rec *r,
                           const char **wrong);
/** The query string of a page of what was searched for, without "?". */
const char *locks_status_link(const locks_status_query_t *query, int page,
                              apr_pool_t *pool);

/** How many locks a page has. */
#define LOCKS_PAGE_SIZE 100
/** How many pages a report has, at least 1. */
int locks_status_pages(const locks_report_t *report);

/* ---- Forms of the report ---- */

/** The page (mod_locks_page.c). */
void locks_page_send(const locks_report_t *report,
                     const locks_status_query_t *query);
/** The question whether to break what was asked for (mod_locks_page_break.c).
 */
void locks_page_ask(request_rec *r, const locks_status_query_t *query);
/** A refusal as a page. */
void locks_page_refuse(request_rec *r, int status, const char *message);

/** @name What all pages share (mod_locks_page_frame.c)
 * @{ */
/** Begins a page, with headers that let nothing but its own style and script
 *  take part. */
void locks_page_begin(request_rec *r, const char *title);
void locks_page_end(request_rec *r);
/** A text as it stands in HTML, in text and in attributes in double quotes. */
const char *locks_html(request_rec *r, const char *text);
/** A time span in words of its largest unit or two. */
const char *locks_html_span(request_rec *r, apr_interval_time_t span);
/** @} */

/** @name Sections of the page
 * (mod_locks_page_stores.c, mod_locks_page_locks.c, mod_locks_page_counters.c)
 * @{ */
void locks_page_stores(const locks_report_t *report);
void locks_page_locks(const locks_report_t *report,
                      const locks_status_query_t *query);
void locks_page_counters(const locks_report_t *report);
/** Begins what the script of the page renews, and what scrolls sideways where
 *  there is no room. */
#define LOCKS_PAGE_LIVE(name) "<div id=\"live-" name "\">\n"
#define LOCKS_PAGE_WIDE(label)                                               \
    "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"" label \
    "\">\n"
/** @} */

/** A chart (mod_locks_chart.c). */
void locks_chart_send(const locks_report_t *report, locks_series_e series);

/** Others (mod_locks_status_json.c, mod_locks_status_text.c,
 *  mod_locks_metrics.c). */
void locks_json_send(const locks_report_t *report,
                     const locks_status_query_t *query);
void locks_auto_send(const locks_report_t *report);
/** The lines of the counters alone. */
void locks_auto_counters(request_rec *r, const locks_counts_t *counts);
void locks_health_send(const locks_report_t *report);
void locks_metrics_send(const locks_report_t *report);

/* ---- Breaking (mod_locks_break.c) ---- */

/** Breaks what was asked for, and answers. */
int locks_status_break(request_rec *r);

/* ---- The record of it (mod_locks_audit.c) ---- */

/** Where it is written, beside the error log. */
typedef struct locks_audit_log_t {
    /** A file, or "|" and a program. */
    const char *name;
    apr_file_t *file;
} locks_audit_log_t;

/** Records that a lock was broken, or what else came of it.
 *  @param outcome in a word */
void locks_audit(request_rec *r, const locks_lock_t *lock, const char *outcome,
                 const char *reason);

/** Refuses, by a page or in JSON. */
void locks_status_refuse(request_rec *r, int status, const char *message,
                         int as_json);

#endif
