/* SPDX-License-Identifier: Apache-2.0 */
/* What requests came to: counted for the status page, noted for the access
 * log, and told at LogLevel debug. */
#include "mod_locks_shared.h"

#include <apr_strings.h>
#include <http_log.h>

APLOG_USE_MODULE(locks);

/** What the access log can show of a request, as %{...}e. */
#define NOTE_OUTCOME "LOCKS_OUTCOME"
#define NOTE_LOCK "LOCKS_ID"
#define NOTE_ROUND_TRIPS "LOCKS_ROUND_TRIPS"
#define NOTE_STORE_TIME "LOCKS_STORE_US"

static void log_step(void *baton, const char *step)
{
    const request_rec *r = baton;

    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "locks: %s", step);
}

locks_operation_t *locks_operation_for(request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);
    locks_operation_t *op = locks_operation_open(
        &config->rules, &locks_environment_system, LOCKS_TYPE_GADGET,
        locks_store_open(config->store, r), r->pool);

    op->turns = locks_turns(r->server);
    locks_memos_lend(op, config);
    if (APLOGrdebug(r)) {
        op->tell = log_step;
        op->tell_baton = r;
    }
    return op;
}

void locks_note_lock(request_rec *r, apr_uint64_t id)
{
    apr_table_setn(r->subprocess_env, NOTE_LOCK,
                   apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, id));
}

/** Notes for the access log how a request ended, and tells it. */
static void note(request_rec *r, const char *outcome,
                 const locks_operation_t *op)
{
    apr_table_setn(r->subprocess_env, NOTE_OUTCOME, outcome);
    if (op == NULL) {
        return;
    }
    apr_table_setn(r->subprocess_env, NOTE_ROUND_TRIPS,
                   apr_psprintf(r->pool, "%u", op->store->round_trips));
    apr_table_setn(
        r->subprocess_env, NOTE_STORE_TIME,
        apr_psprintf(r->pool, "%" APR_TIME_T_FMT, op->store->waited));
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "locks: %s %s: %s after %u round trips to the store in "
                  "%" APR_TIME_T_FMT " us, %u retries, %u fences",
                  r->method, r->uri, outcome, op->store->round_trips,
                  op->store->waited, op->deeds.retries, op->deeds.fences);
}

/** Counts what an operation did, whatever came of it. */
static void count_deeds(locks_counters_t *counters, const locks_deeds_t *deeds)
{
    locks_count_event(counters, LOCKS_EVENT_FENCE, deeds->fences);
    locks_count_event(counters, LOCKS_EVENT_CONFLICT, deeds->conflicts);
    locks_count_event(counters, LOCKS_EVENT_RETRY, deeds->retries);
    locks_count_event(counters, LOCKS_EVENT_AMBIGUOUS_WRITE, deeds->ambiguous);
}

/** Counts what was done for whom asked. */
static void count_done(locks_counters_t *counters, locks_endpoint_e endpoint,
                       const locks_deeds_t *deeds)
{
    if (endpoint == LOCKS_ENDPOINT_RELEASE) {
        locks_count_event(counters, LOCKS_EVENT_RELEASE, 1);
    } else if (endpoint == LOCKS_ENDPOINT_ACQUIRE && deeds->is_renewal) {
        locks_count_event(counters, LOCKS_EVENT_RENEWAL, 1);
    } else if (endpoint == LOCKS_ENDPOINT_ACQUIRE) {
        locks_count_event(counters, LOCKS_EVENT_GRANT, 1);
        locks_count_event(counters, LOCKS_EVENT_MOVE,
                          (apr_uint32_t)deeds->is_move);
        locks_count_event(counters, LOCKS_EVENT_TAKEOVER,
                          (apr_uint32_t)deeds->is_takeover);
    }
}

void locks_count_exchange(request_rec *r, locks_endpoint_e endpoint,
                          locks_outcome_e outcome, const locks_operation_t *op,
                          apr_time_t began)
{
    static const locks_timed_e timed[LOCKS_ENDPOINTS] = {
        [LOCKS_ENDPOINT_LIST] = LOCKS_TIMED_LIST,
        [LOCKS_ENDPOINT_ACQUIRE] = LOCKS_TIMED_ACQUIRE,
        [LOCKS_ENDPOINT_RELEASE] = LOCKS_TIMED_RELEASE,
    };
    locks_counters_t *counters = locks_counters(r->server);

    locks_counters_note_minute(counters, r->request_time);
    locks_count_request(counters, endpoint, outcome);
    if (op != NULL) {
        locks_count_duration(counters, timed[endpoint],
                             locks_deadline_now() - began);
        count_deeds(counters, &op->deeds);
        if (outcome == LOCKS_OUTCOME_DONE) {
            count_done(counters, endpoint, &op->deeds);
        }
    }
    note(r, locks_outcome_names[outcome], op);
}

void locks_count_guarded(request_rec *r, locks_decision_e decision,
                         const locks_operation_t *op, apr_time_t began)
{
    locks_counters_t *counters = locks_counters(r->server);

    locks_counters_note_minute(counters, r->request_time);
    locks_count_decision(counters, decision);
    if (op != NULL) {
        locks_count_duration(counters, LOCKS_TIMED_GUARD,
                             locks_deadline_now() - began);
        count_deeds(counters, &op->deeds);
    }
    note(r, locks_decision_names[decision], op);
}

locks_outcome_e locks_outcome_of(int status)
{
    switch (status) {
    case HTTP_BAD_REQUEST:
        return LOCKS_OUTCOME_BAD_REQUEST;
    case HTTP_UNAUTHORIZED:
        return LOCKS_OUTCOME_UNAUTHENTICATED;
    case HTTP_FORBIDDEN:
        return LOCKS_OUTCOME_FORBIDDEN;
    case HTTP_NOT_FOUND:
        return LOCKS_OUTCOME_NOT_FOUND;
    case AP_FILTER_ERROR:
        return LOCKS_OUTCOME_BROKEN_OFF;
    default:
        return LOCKS_OUTCOME_REFUSED;
    }
}

void locks_count_refusal(request_rec *r)
{
    locks_counters_t *counters = locks_counters(r->server);
    locks_outcome_e outcome = locks_outcome_of(r->status);

    locks_counters_note_minute(counters, r->request_time);
    locks_count_request(counters, LOCKS_ENDPOINT_OTHER, outcome);
    note(r, locks_outcome_names[outcome], NULL);
}
