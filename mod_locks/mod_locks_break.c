/* SPDX-License-Identifier: Apache-2.0 */
/* Breaking locks: a form that this server wrote, posted from this site. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_break.h"
#include "locks_protocol.h"
#include "locks_request.h"

APLOG_USE_MODULE(locks);

/** The longest reason in bytes. */
#define REASON_MAX 1000

/** What came of it. */
typedef struct result_t {
    int broken;
    /** Locks that may have been broken or not. */
    int unknown;
} result_t;

/** Are these the same, however much of them is? A guess must not tell by its
 *  time how good it was. */
static int is_equal_secret(const char *given, const char *secret)
{
    apr_size_t length = strlen(secret);
    apr_size_t i;
    int differences = strlen(given) != length;

    for (i = 0; i < length; i++) {
        differences |= given[differences ? 0 : i] ^ secret[i];
    }
    return differences == 0;
}

/** Why the form is not done; NULL if it is. */
static const char *objection(request_rec *r, const locks_status_query_t *query,
                             int *status)
{
    *status = HTTP_FORBIDDEN;
    if (!locks_origin_is_own(r)) {
        return "Forms of other sites are refused";
    }
    if (query->nonce == NULL ||
        !is_equal_secret(query->nonce, locks_shared(r->server)->nonce)) {
        return "This form is not from this server, or from before its last "
               "start: open the page again";
    }
    *status = HTTP_BAD_REQUEST;
    if (query->reason == NULL ||
        query->reason[strspn(query->reason, " \t\r\n")] == '\0') {
        return "Say why: the reason is recorded";
    }
    if (strlen(query->reason) > REASON_MAX) {
        return "The reason is too long";
    }
    return NULL;
}

/** Notes that it is not known what became of a lock, or of a course's. */
static void note_failure(request_rec *r, result_t *result,
                         const locks_operation_t *op)
{
    result->unknown++;
    ap_log_rerror(APLOG_MARK, locks_store_log_level(op->store, op->why), 0, r,
                  "locks: the lock store is unavailable: %s", op->why);
}

/** Breaks one lock, on a store session of its own: a course may have more than
 *  one session has time for. */
static void break_one(request_rec *r, result_t *result, apr_uint64_t id,
                      const char *owner, const char *reason)
{
    locks_operation_t *op = locks_operation_for(r);
    locks_lock_t lock;
    apr_status_t rv = locks_break(op, &lock, id, owner);

    op->store->provider->close(op->store);
    if (rv == APR_SUCCESS) {
        result->broken++;
        locks_count_event(locks_counters(r->server), LOCKS_EVENT_BREAK, 1);
        locks_audit(r, &lock, "done", reason);
    } else if (rv != APR_NOTFOUND) {
        note_failure(r, result, op);
        if (lock.id != 0) {
            locks_audit(r, &lock, "unknown", reason);
        }
    }
}

/** Breaks the locks that a course has now. */
static void break_course(request_rec *r, result_t *result,
                         const locks_status_query_t *query)
{
    locks_operation_t *op = locks_operation_for(r);
    apr_array_header_t *locks;
    apr_time_t time;
    apr_status_t rv = locks_list(op, &locks, &time, query->course);
    int i;

    op->store->provider->close(op->store);
    if (rv != APR_SUCCESS) {
        note_failure(r, result, op);
        return;
    }
    for (i = 0; i < locks->nelts; i++) {
        const locks_lock_t *lock = &APR_ARRAY_IDX(locks, i, locks_lock_t);

        break_one(r, result, lock->id, lock->owner, query->reason);
    }
}

/** Breaks the lock of a user: a certain one, or whichever it is. */
static const char *run_lock(request_rec *r, result_t *result,
                            const locks_status_query_t *query)
{
    apr_uint64_t id = 0;

    if (query->breaks == LOCKS_BREAK_LOCK &&
        (query->id == NULL ||
         locks_lock_id_parse(&id, query->id) != APR_SUCCESS)) {
        return "id is no lock ID";
    }
    if (query->owner == NULL || *query->owner == '\0') {
        return "owner is missing";
    }
    break_one(r, result, id, query->owner, query->reason);
    return NULL;
}

/** Does it. Returns what is wrong with what was asked for, or NULL. */
static const char *run(request_rec *r, result_t *result,
                       const locks_status_query_t *query)
{
    switch (query->breaks) {
    case LOCKS_BREAK_LOCK:
    case LOCKS_BREAK_USER:
        return run_lock(r, result, query);
    case LOCKS_BREAK_COURSE:
        if (query->course == NULL || !locks_course_id_valid(query->course)) {
            return "course is no course ID";
        }
        break_course(r, result, query);
        return NULL;
    default:
        return "break is none of lock, user and course";
    }
}

/** Answers a browser by the page, and a script in JSON. */
static void answer(request_rec *r, const result_t *result, int as_json)
{
    if (result->unknown > 0) {
        const char *message = apr_psprintf(
            r->pool,
            "%d broken; of %d it is not known, as the lock store did not "
            "answer: look at the page again",
            result->broken, result->unknown);

        apr_table_setn(r->headers_out, "Retry-After", LOCKS_RETRY_AFTER);
        locks_status_refuse(r, HTTP_SERVICE_UNAVAILABLE, message, as_json);
    } else if (as_json) {
        locks_json_writer_t json;

        locks_answer_open(&json, r);
        LOCKS_JSON_WRITE(&json, "{\"broken\": ");
        locks_json_write_number(&json, (apr_uint64_t)result->broken);
        LOCKS_JSON_WRITE(&json, "}");
        locks_answer_send(r, HTTP_OK, &json);
    } else {
        /* So that loading the page again does not post again: RFC 9110,
         * section 15.4.4. */
        r->status = HTTP_SEE_OTHER;
        apr_table_setn(r->headers_out, "Location",
                       apr_psprintf(r->pool, "%s?broken=%d",
                                    ap_escape_uri(r->pool, r->uri),
                                    result->broken));
        ap_set_content_type(r, "text/plain; charset=utf-8");
        ap_rprintf(r, "%d broken\n", result->broken);
    }
}

int locks_status_break(request_rec *r)
{
    locks_status_query_t query;
    result_t result = {0};
    const char *wrong = NULL;
    int as_json;
    int status = locks_status_read_form(&query, r, &wrong);

    as_json = query.form == LOCKS_FORM_JSON;
    if (wrong == NULL) {
        wrong = objection(r, &query, &status);
        if (wrong != NULL && status == HTTP_FORBIDDEN) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                          "locks: no lock was broken: %s", wrong);
        }
    }
    if (wrong == NULL) {
        wrong = run(r, &result, &query);
        status = HTTP_BAD_REQUEST;
    }
    if (wrong != NULL) {
        locks_status_refuse(r, status, wrong, as_json);
    } else {
        answer(r, &result, as_json);
    }
    return OK;
}
