/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints of /locks have in common: refusals, and the checks that
 * come before what is asked for. */
#include "mod_locks_exchange.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "locks_deadline.h"
#include "locks_find.h"
#include "locks_foreseen.h"
#include "locks_memo.h"
#include "locks_request.h"
#include "mod_locks_wait.h"

APLOG_USE_MODULE(locks);

/* ---- Refusals ---- */

int locks_refuse(locks_exchange_t *exchange, int status, const char *message)
{
    exchange->outcome = locks_outcome_of(status);
    exchange->status = status;
    exchange->message = message;
    exchange->message_length = message != NULL ? strlen(message) : 0;
    return status;
}

int locks_refuse_as(locks_exchange_t *exchange, locks_outcome_e outcome,
                    int status, const char *message)
{
    locks_refuse(exchange, status, message);
    exchange->outcome = outcome;
    return status;
}

int locks_refuse_caller(locks_exchange_t *exchange)
{
    apr_table_setn(exchange->r->headers_out, "WWW-Authenticate",
                   LOCKS_AUTH_SCHEME);
    return locks_refuse(exchange, HTTP_UNAUTHORIZED, "Invalid credentials");
}

int locks_refuse_permission(locks_exchange_t *exchange)
{
    return locks_refuse(exchange, HTTP_FORBIDDEN, "Insufficient permissions");
}

int locks_refuse_unknown(locks_exchange_t *exchange, const char *what,
                         const char *name, apr_size_t length)
{
    const struct iovec parts[] = {{(void *)what, strlen(what)},
                                  {(void *)" '", 2},
                                  {(void *)name, length},
                                  {(void *)"' not found", 11}};

    locks_refuse(exchange, HTTP_NOT_FOUND, NULL);
    exchange->message =
        apr_pstrcatv(exchange->r->pool, parts, 4, &exchange->message_length);
    return HTTP_NOT_FOUND;
}

static int refuse_for_store(locks_exchange_t *exchange)
{
    return locks_refuse_as(exchange, LOCKS_OUTCOME_STORE_UNAVAILABLE,
                           HTTP_SERVICE_UNAVAILABLE, "Lock store unavailable");
}

static int refuse_for_catalog(locks_exchange_t *exchange)
{
    return locks_refuse_as(exchange, LOCKS_OUTCOME_CATALOG_UNAVAILABLE,
                           HTTP_SERVICE_UNAVAILABLE,
                           "Course catalog unavailable");
}

int locks_refuse_operation(locks_exchange_t *exchange)
{
    const locks_operation_t *op = exchange->op;

    ap_log_rerror(APLOG_MARK, locks_store_log_level(op->store, op->why), 0,
                  exchange->r, "locks: the lock store is unavailable: %s",
                  op->why);
    return refuse_for_store(exchange);
}

/* ---- Answers ---- */

locks_json_writer_t *locks_exchange_answer(locks_exchange_t *exchange,
                                           int status)
{
    exchange->status = status;
    exchange->has_json = 1;
    locks_answer_open(&exchange->json, exchange->r);
    return &exchange->json;
}

/** Forgets an answer that is not sent. */
static void drop_answer(locks_exchange_t *exchange)
{
    if (exchange->has_json) {
        locks_json_writer_close(&exchange->json);
        apr_brigade_destroy(exchange->json.brigade);
        exchange->has_json = 0;
    }
}

/* ---- Steps that several endpoints share ---- */

int locks_exchange_claim(locks_exchange_t *exchange)
{
    request_rec *r = exchange->r;

    if (locks_caller_claim(&exchange->claim, r) != OK) {
        return locks_refuse_caller(exchange);
    }
    exchange->op = locks_operation_for(r);
    locks_caller_ahead(&exchange->claim, exchange->op, r);
    return OK;
}

int locks_exchange_judge(locks_exchange_t *exchange)
{
    locks_operation_t *op = exchange->op;
    int epoch = locks_monitor_ahead(op, exchange->r);

    locks_ahead_read(op);
    locks_monitor_judge(op, exchange->r, epoch);
    switch (locks_caller_judge(&exchange->caller, &exchange->claim, op,
                               exchange->r)) {
    case OK:
        locks_tell(op, "it is asked by %s",
                   exchange->caller.principal != NULL
                       ? exchange->caller.principal
                       : "a session without a name of its own");
        return OK;
    case HTTP_UNAUTHORIZED:
        return locks_refuse_caller(exchange);
    default:
        return refuse_for_store(exchange);
    }
}

int locks_exchange_require_user(locks_exchange_t *exchange)
{
    if (exchange->caller.user == NULL) {
        return locks_refuse_caller(exchange);
    }
    return exchange->claim.sid != NULL || locks_origin_is_own(exchange->r)
               ? OK
               : locks_refuse(exchange, HTTP_FORBIDDEN,
                              "Requests of other sites are refused");
}

void locks_exchange_expect(locks_exchange_t *exchange, const char *key,
                           const char *gadget)
{
    locks_inquiry_t *inquiry = &exchange->inquiry;

    locks_inquiry_open(inquiry, exchange->r, exchange->op, &exchange->claim,
                       key);
    if (locks_course_id_valid(key)) {
        locks_ahead_slots(exchange->op, key);
        if (gadget == NULL) {
            locks_foresee_owners(exchange->op, key);
        }
    }
    locks_inquiry_expect_course(inquiry);
    locks_inquiry_expect_access(inquiry);
    if (gadget != NULL) {
        locks_inquiry_expect_gadget(inquiry, gadget);
    }
}

void locks_exchange_expect_lock(locks_exchange_t *exchange, const char *lock_id)
{
    const char *user = locks_caller_foreseen(&exchange->claim);
    apr_uint64_t id = 0;

    if (user != NULL &&
        (lock_id == NULL || locks_lock_id_parse(&id, lock_id) == APR_SUCCESS)) {
        locks_find_ahead(exchange->op, id, user);
    }
}

/** What a lock's course is remembered under; guesses need no more. */
static locks_memo_name_t lock_name(const char *lock_id)
{
    return (locks_memo_name_t){.store = "", .kind = "lock", .key = lock_id};
}

void locks_exchange_expect_course_of(locks_exchange_t *exchange,
                                     const char *lock_id, int needs_access)
{
    request_rec *r = exchange->r;
    locks_operation_t *op = exchange->op;
    locks_memo_t *memo = locks_server_config(r->server)->lock_courses;
    locks_memo_name_t name = lock_name(lock_id);
    locks_memo_value_t course;

    if (!locks_memo_find(memo, &course, &name, 0, r->pool)) {
        return;
    }
    exchange->course_guess = course.bytes;
    locks_ahead_key(op, locks_slots_key(op->rules->prefix, op->type,
                                        course.bytes, op->pool));
    if (needs_access) {
        locks_inquiry_open(&exchange->inquiry, r, op, &exchange->claim,
                           course.bytes);
        locks_inquiry_expect_access(&exchange->inquiry);
    }
}

void locks_exchange_note_course(const locks_exchange_t *exchange,
                                const locks_lock_t *lock)
{
    locks_memo_t *memo = locks_server_config(exchange->r->server)->lock_courses;
    locks_memo_name_t name = lock_name(
        apr_psprintf(exchange->r->pool, "%" APR_UINT64_T_FMT, lock->id));

    locks_memo_note(memo, &name, lock->subject.course,
                    strlen(lock->subject.course), locks_deadline_now());
}

int locks_exchange_found(locks_exchange_t *exchange, apr_status_t rv,
                         const char *what, const char *name, apr_size_t length)
{
    switch (rv) {
    case APR_SUCCESS:
        return OK;
    case APR_NOTFOUND:
        return locks_refuse_unknown(exchange, what, name, length);
    case APR_EACCES:
        return locks_refuse_permission(exchange);
    default:
        return refuse_for_catalog(exchange);
    }
}

/** Checks that the caller may update a course. */
static int require_access(locks_exchange_t *exchange, const char *course)
{
    const locks_caller_t *caller = &exchange->caller;

    if (caller->lists_all) {
        return OK;
    }
    if (caller->principal == NULL) {
        return locks_refuse_permission(exchange);
    }
    switch (
        locks_inquiry_access(&exchange->inquiry, caller->principal, course)) {
    case APR_SUCCESS:
        return OK;
    case APR_NOTFOUND:
    case APR_EACCES:
        return locks_refuse_permission(exchange);
    default:
        return refuse_for_catalog(exchange);
    }
}

int locks_exchange_course(locks_exchange_t *exchange, const char *key,
                          apr_size_t length, const char **course)
{
    apr_status_t rv =
        strlen(key) == length && locks_course_key_valid(key)
            ? locks_inquiry_course(&exchange->inquiry,
                                   exchange->caller.principal, course)
            : APR_NOTFOUND;
    int refused = locks_exchange_found(exchange, rv, "Course", key, length);

    if (refused == OK) {
        locks_tell(exchange->op, "the course is %s", *course);
        refused = require_access(exchange, *course);
    }
    return refused;
}

void locks_exchange_close(const locks_exchange_t *exchange)
{
    const locks_operation_t *op = exchange->op;

    if (op != NULL) {
        op->store->provider->close(op->store);
    }
}

int locks_exchange_access(locks_exchange_t *exchange, const char *course)
{
    locks_inquiry_open(&exchange->inquiry, exchange->r, exchange->op,
                       &exchange->claim, course);
    return require_access(exchange, course);
}

int locks_exchange_prefers_wait(locks_exchange_t *exchange)
{
    int seconds = locks_wait_preferred(exchange->r);

    if (seconds > 0) {
        locks_dbd_borrow_briefly(exchange->r);
    }
    return seconds;
}

int locks_exchange_may_wait(const locks_exchange_t *exchange)
{
    return !locks_dbd_is_held(exchange->r);
}

void locks_exchange_reopen(locks_exchange_t *exchange)
{
    const locks_operation_t *before = exchange->op;
    locks_operation_t *op = locks_operation_for(exchange->r);

    op->store->round_trips = before->store->round_trips;
    op->deeds.retries = before->deeds.retries;
    op->deeds.fences = before->deeds.fences;
    op->deeds.conflicts = before->deeds.conflicts;
    op->deeds.ambiguous = before->deeds.ambiguous;
    exchange->op = op;
    /* What was to be answered before is no longer so. */
    drop_answer(exchange);
    exchange->outcome = LOCKS_OUTCOME_DONE;
    apr_table_unset(exchange->r->headers_out, "ETag");
    apr_table_unset(exchange->r->headers_out, "Retry-After");
}
