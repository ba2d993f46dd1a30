/* SPDX-License-Identifier: Apache-2.0 */
/* /locks: which endpoint, in which order what is checked, and what is
 * answered. */
#include "mod_locks_exchange.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_protocol.h"
#include "locks_reply.h"
#include "locks_request.h"

APLOG_USE_MODULE(locks);

/* ---- GET /locks ---- */

static int get_locks(locks_exchange_t *exchange)
{
    request_rec *r = exchange->r;
    apr_array_header_t *locks;
    apr_time_t time;
    const char *course;
    const char *wrong;
    const char *key;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    wrong = locks_request_parse_query(&key, r->args, r->pool);
    if (wrong == NULL) {
        locks_exchange_expect(exchange, key, NULL);
    }
    if ((refused = locks_exchange_judge(exchange)) != OK) {
        return refused;
    }
    if (wrong != NULL) {
        return locks_refuse(exchange, HTTP_BAD_REQUEST, wrong);
    }
    if ((refused = locks_exchange_course(exchange, key, strlen(key),
                                         &course)) != OK) {
        return refused;
    }
    if (locks_list(exchange->op, &locks, &time, course) != APR_SUCCESS) {
        return locks_refuse_operation(exchange);
    }
    exchange->status = HTTP_OK;
    exchange->json = locks_reply_list(locks, time, r->pool);
    return OK;
}

/* ---- POST /locks ---- */

/** A request that no SID came with may come from a form on a strange site,
 *  which cannot send this type. */
static int has_json_type(const request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    apr_size_t length;

    if (type == NULL) {
        return 0;
    }
    length = strcspn(type, "; \t");
    return length == strlen("application/json") &&
           ap_cstr_casecmpn(type, "application/json", length) == 0;
}

/** What is known of a request's body before the caller is. */
typedef struct posted_t {
    locks_body_t body;
    /** Why the body is no lock request, or NULL. */
    const char *wrong;
    locks_request_t request;
} posted_t;

/** Reads the body, and names what the request will need. */
static void read_posted(locks_exchange_t *exchange, posted_t *posted)
{
    request_rec *r = exchange->r;

    memset(posted, 0, sizeof(*posted));
    locks_body_read(&posted->body, r, LOCKS_BODY_MAX);
    if (posted->body.status != OK) {
        return;
    }
    posted->wrong = locks_request_parse_body(
        &posted->request, posted->body.bytes, posted->body.length, r->pool);
    if (posted->wrong == NULL) {
        locks_exchange_expect(exchange, posted->request.course_key,
                              posted->request.resource);
        if (exchange->claim.user != NULL) {
            locks_ahead_lease(exchange->op, exchange->claim.user);
        }
    }
}

/** Checks the form of what was posted. */
static int check_posted(locks_exchange_t *exchange, const posted_t *posted)
{
    if (exchange->claim.sid == NULL && !has_json_type(exchange->r)) {
        return locks_refuse(exchange, HTTP_UNSUPPORTED_MEDIA_TYPE,
                            "Content-Type must be application/json");
    }
    switch (posted->body.status) {
    case OK:
        return posted->wrong == NULL
                   ? OK
                   : locks_refuse(exchange, HTTP_BAD_REQUEST, posted->wrong);
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return locks_refuse(exchange, HTTP_REQUEST_ENTITY_TOO_LARGE,
                            apr_psprintf(exchange->r->pool,
                                         "Request body over %d bytes",
                                         LOCKS_BODY_MAX));
    default:
        return locks_refuse(exchange, posted->body.status,
                            "The request body could not be read");
    }
}

/** Finds the gadget in the course, under the ID that locks use. */
static int find_gadget(locks_exchange_t *exchange, const char *course,
                       const char *gadget, const char **canonical)
{
    return locks_exchange_found(exchange,
                                locks_inquiry_gadget(&exchange->inquiry,
                                                     exchange->caller.principal,
                                                     course, gadget, canonical),
                                "Gadget", gadget, strlen(gadget));
}

/** Takes the lock, or notes why not. */
static int acquire(locks_exchange_t *exchange, const locks_subject_t *subject)
{
    request_rec *r = exchange->r;
    locks_lock_t lock;
    apr_time_t now;

    switch (locks_acquire(exchange->op, &lock, subject, exchange->caller.user,
                          &locks_usual_terms)) {
    case APR_SUCCESS:
        break;
    case LOCKS_EHELD:
        return locks_refuse_as(exchange, LOCKS_OUTCOME_LOCKED, HTTP_FORBIDDEN,
                               "Resource locked");
    case LOCKS_EFULL:
        return locks_refuse_as(
            exchange, LOCKS_OUTCOME_COURSE_FULL, HTTP_SERVICE_UNAVAILABLE,
            apr_psprintf(r->pool, "Too many locks in course '%s'",
                         subject->course));
    default:
        return locks_refuse_operation(exchange);
    }
    now = apr_time_now();
    if (locks_expires_in(&lock, now) <= 0) {
        exchange->op->why = "the lease ran out before it could be answered: "
                            "LocksTTL is too short for this host";
        return locks_refuse_operation(exchange);
    }
    apr_table_setn(
        r->headers_out, "Location",
        apr_psprintf(r->pool, "%s/%" APR_UINT64_T_FMT, locks_base(r), lock.id));
    locks_note_lock(r, lock.id);
    exchange->status = HTTP_CREATED;
    exchange->json = locks_reply_lock(&lock, now, r->pool);
    return OK;
}

static int post_lock(locks_exchange_t *exchange)
{
    locks_subject_t subject;
    posted_t posted;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    read_posted(exchange, &posted);
    if (posted.body.status == AP_FILTER_ERROR) {
        return locks_refuse(exchange, AP_FILTER_ERROR, NULL);
    }
    if ((refused = locks_exchange_judge(exchange)) != OK ||
        (refused = locks_exchange_require_user(exchange)) != OK ||
        (refused = check_posted(exchange, &posted)) != OK) {
        return refused;
    }
    subject.type = posted.request.type;
    if ((refused = locks_exchange_course(exchange, posted.request.course_key,
                                         posted.request.course_key_length,
                                         &subject.course)) != OK ||
        (refused = find_gadget(exchange, subject.course,
                               posted.request.resource, &subject.resource)) !=
            OK) {
        return refused;
    }
    return acquire(exchange, &subject);
}

/* ---- DELETE /locks/{lockId} ---- */

static int delete_lock(locks_exchange_t *exchange, const char *lock_id)
{
    apr_status_t rv;
    apr_uint64_t id;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK ||
        (refused = locks_exchange_judge(exchange)) != OK ||
        (refused = locks_exchange_require_user(exchange)) != OK) {
        return refused;
    }
    rv = locks_lock_id_parse(&id, lock_id) == APR_SUCCESS
             ? locks_release(exchange->op, id, exchange->caller.user)
             : APR_NOTFOUND;
    switch (rv) {
    case APR_SUCCESS:
        locks_note_lock(exchange->r, id);
        exchange->status = HTTP_OK;
        exchange->json = "{}";
        return OK;
    case APR_NOTFOUND:
        return locks_refuse_unknown(exchange, "Lock", lock_id, strlen(lock_id));
    case LOCKS_EFOREIGN:
        return locks_refuse_permission(exchange);
    default:
        return locks_refuse_operation(exchange);
    }
}

/* ---- Routes ---- */

/** The endpoints, told apart by path. */
typedef enum { ROUTE_UNKNOWN, ROUTE_LOCKS, ROUTE_LOCK } route_e;

/** Finds the endpoint of a request, and the lock ID in its path. */
static route_e find_route(const request_rec *r, const char **lock_id)
{
    const char *base = locks_base(r);
    apr_size_t length = strlen(base);

    if (strncmp(r->uri, base, length) != 0 ||
        (r->uri[length] != '/' && r->uri[length] != '\0')) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "locks: %s is not below %s: set LocksBase in this "
                      "location to the path that it serves",
                      r->uri, *base != '\0' ? base : "/");
        return ROUTE_UNKNOWN;
    }
    if (r->uri[length] == '\0' || r->uri[length + 1] == '\0') {
        return ROUTE_LOCKS;
    }
    *lock_id = r->uri + length + 1;
    return strchr(*lock_id, '/') == NULL ? ROUTE_LOCK : ROUTE_UNKNOWN;
}

/** Runs the endpoint's method; anything else is 204 for OPTIONS, or 405. */
static int run_method(locks_exchange_t *exchange, route_e route,
                      const char *lock_id)
{
    request_rec *r = exchange->r;

    if (route == ROUTE_LOCKS && r->method_number == M_GET) {
        exchange->endpoint = LOCKS_ENDPOINT_LIST;
        return get_locks(exchange);
    }
    if (route == ROUTE_LOCKS && r->method_number == M_POST) {
        exchange->endpoint = LOCKS_ENDPOINT_ACQUIRE;
        return post_lock(exchange);
    }
    if (route == ROUTE_LOCK && r->method_number == M_DELETE) {
        exchange->endpoint = LOCKS_ENDPOINT_RELEASE;
        return delete_lock(exchange, lock_id);
    }
    apr_table_setn(r->headers_out, "Allow",
                   route == ROUTE_LOCKS ? "GET, HEAD, POST, OPTIONS"
                                        : "DELETE, OPTIONS");
    if (r->method_number == M_OPTIONS) {
        exchange->status = HTTP_NO_CONTENT;
        exchange->json = "";
        return OK;
    }
    return locks_refuse(exchange, HTTP_METHOD_NOT_ALLOWED,
                        "Method not allowed");
}

int locks_handler(request_rec *r)
{
    locks_exchange_t exchange = {.r = r, .endpoint = LOCKS_ENDPOINT_OTHER};
    apr_time_t began = locks_deadline_now();
    const char *lock_id = NULL;
    route_e route;

    if (r->handler == NULL || strcmp(r->handler, LOCKS_HANDLER_NAME) != 0) {
        return DECLINED;
    }
    route = find_route(r, &lock_id);
    if (route == ROUTE_UNKNOWN) {
        locks_refuse(&exchange, HTTP_NOT_FOUND, "Not found");
    } else {
        run_method(&exchange, route, lock_id);
    }
    locks_exchange_close(&exchange);
    locks_count_exchange(r, exchange.endpoint, exchange.outcome, exchange.op,
                         began);
    if (exchange.status == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    return exchange.json != NULL
               ? locks_answer(r, exchange.status, exchange.json)
               : locks_answer_error(r, exchange.status, exchange.message,
                                    exchange.message_length);
}
