/* SPDX-License-Identifier: Apache-2.0 */
/* /locks: which endpoint, in which order what is checked, and what is
 * answered. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_protocol.h"
#include "locks_reply.h"
#include "locks_request.h"

APLOG_USE_MODULE(locks);

/** One request and what comes of it. Every step below returns OK, or the
 *  status of a refusal that it noted here; the first refusal ends it. */
typedef struct exchange_t {
    request_rec *r;
    locks_claim_t claim;
    locks_caller_t caller;
    /** NULL until there is a claim worth asking the store about. */
    locks_operation_t *op;
    /** What the catalog is asked. */
    locks_inquiry_t inquiry;
    /** The answer: a status, and a message for a refusal or JSON. */
    int status;
    const char *message;
    apr_size_t message_length;
    const char *json;
} exchange_t;

/* ---- Refusals ---- */

static int refuse(exchange_t *exchange, int status, const char *message)
{
    exchange->status = status;
    exchange->message = message;
    exchange->message_length = message != NULL ? strlen(message) : 0;
    return status;
}

static int refuse_caller(exchange_t *exchange)
{
    apr_table_setn(exchange->r->headers_out, "WWW-Authenticate",
                   LOCKS_AUTH_SCHEME);
    return refuse(exchange, HTTP_UNAUTHORIZED, "Invalid credentials");
}

static int refuse_permission(exchange_t *exchange)
{
    return refuse(exchange, HTTP_FORBIDDEN, "Insufficient permissions");
}

/** Refuses because something could not be found. Its name is the client's,
 *  and may have NUL bytes among its length. */
static int refuse_unknown(exchange_t *exchange, const char *what,
                          const char *name, apr_size_t length)
{
    const struct iovec parts[] = {{(void *)what, strlen(what)},
                                  {(void *)" '", 2},
                                  {(void *)name, length},
                                  {(void *)"' not found", 11}};

    exchange->status = HTTP_NOT_FOUND;
    exchange->message =
        apr_pstrcatv(exchange->r->pool, parts, 4, &exchange->message_length);
    return HTTP_NOT_FOUND;
}

static int refuse_for_store(exchange_t *exchange)
{
    return refuse(exchange, HTTP_SERVICE_UNAVAILABLE, "Lock store unavailable");
}

static int refuse_for_catalog(exchange_t *exchange)
{
    return refuse(exchange, HTTP_SERVICE_UNAVAILABLE,
                  "Course catalog unavailable");
}

/** Notes what a failed operation of the protocol is answered with. */
static int refuse_operation(exchange_t *exchange)
{
    const locks_operation_t *op = exchange->op;

    ap_log_rerror(APLOG_MARK, locks_store_log_level(op->store, op->why), 0,
                  exchange->r, "locks: the lock store is unavailable: %s",
                  op->why);
    return refuse_for_store(exchange);
}

/* ---- Steps that several endpoints share ---- */

/** Takes the caller's claim. No claim, no round trip. */
static int take_claim(exchange_t *exchange)
{
    request_rec *r = exchange->r;
    const locks_server_config_t *config = locks_server_config(r->server);

    if (locks_caller_claim(&exchange->claim, r) != OK) {
        return refuse_caller(exchange);
    }
    exchange->op = locks_operation_open(
        &config->rules, &locks_environment_system, LOCKS_TYPE_GADGET,
        locks_store_open(config->store, r), r->pool);
    locks_caller_ahead(&exchange->claim, exchange->op, r);
    return OK;
}

/** Reads all that was named so far, in one round trip, and judges the claim
 *  by it. */
static int judge_caller(exchange_t *exchange)
{
    locks_ahead_read(exchange->op);
    switch (locks_caller_judge(&exchange->caller, &exchange->claim,
                               exchange->op, exchange->r)) {
    case OK:
        return OK;
    case HTTP_UNAUTHORIZED:
        return refuse_caller(exchange);
    default:
        return refuse_for_store(exchange);
    }
}

/** Checks that a user asks for a change, and knows of it: a page of another
 *  site can have a browser send what authenticates its user, but no SID. */
static int require_user(exchange_t *exchange)
{
    if (exchange->caller.user == NULL) {
        return refuse_caller(exchange);
    }
    return exchange->claim.sid != NULL || locks_origin_is_own(exchange->r)
               ? OK
               : refuse(exchange, HTTP_FORBIDDEN,
                        "Requests of other sites are refused");
}

/** Names what a course key probably leads to: the slots of the course whose ID
 *  it is, and what the catalog answered about it before. Where it is an
 *  internal ID the slots are read later.
 *  @param gadget NULL if none is asked for */
static void expect_course(exchange_t *exchange, const char *key,
                          const char *gadget)
{
    locks_inquiry_t *inquiry = &exchange->inquiry;

    locks_inquiry_open(inquiry, exchange->r, exchange->op, &exchange->claim,
                       key);
    if (locks_course_id_valid(key)) {
        locks_ahead_slots(exchange->op, key);
    }
    locks_inquiry_expect_course(inquiry);
    locks_inquiry_expect_access(inquiry);
    if (gadget != NULL) {
        locks_inquiry_expect_gadget(inquiry, gadget);
    }
}

/** Notes what a question about something named by the client came to. */
static int judge_found(exchange_t *exchange, apr_status_t rv, const char *what,
                       const char *name, apr_size_t length)
{
    switch (rv) {
    case APR_SUCCESS:
        return OK;
    case APR_NOTFOUND:
        return refuse_unknown(exchange, what, name, length);
    case APR_EACCES:
        return refuse_permission(exchange);
    default:
        return refuse_for_catalog(exchange);
    }
}

/** Checks that the caller may update a course. */
static int require_access(exchange_t *exchange, const char *course)
{
    const locks_caller_t *caller = &exchange->caller;

    if (caller->lists_all) {
        return OK;
    }
    if (caller->principal == NULL) {
        return refuse_permission(exchange);
    }
    switch (
        locks_inquiry_access(&exchange->inquiry, caller->principal, course)) {
    case APR_SUCCESS:
        return OK;
    case APR_NOTFOUND:
    case APR_EACCES:
        return refuse_permission(exchange);
    default:
        return refuse_for_catalog(exchange);
    }
}

/** Finds the course of a key, and checks that the caller may update it. */
static int find_course(exchange_t *exchange, const char *key, apr_size_t length,
                       const char **course)
{
    apr_status_t rv =
        strlen(key) == length && locks_course_key_valid(key)
            ? locks_inquiry_course(&exchange->inquiry,
                                   exchange->caller.principal, course)
            : APR_NOTFOUND;
    int refused = judge_found(exchange, rv, "Course", key, length);

    return refused == OK ? require_access(exchange, *course) : refused;
}

/* ---- GET /locks ---- */

static int get_locks(exchange_t *exchange)
{
    request_rec *r = exchange->r;
    apr_array_header_t *locks;
    apr_time_t time;
    const char *course;
    const char *wrong;
    const char *key;
    int refused;

    if ((refused = take_claim(exchange)) != OK) {
        return refused;
    }
    wrong = locks_request_parse_query(&key, r->args, r->pool);
    if (wrong == NULL) {
        expect_course(exchange, key, NULL);
    }
    if ((refused = judge_caller(exchange)) != OK) {
        return refused;
    }
    if (wrong != NULL) {
        return refuse(exchange, HTTP_BAD_REQUEST, wrong);
    }
    if ((refused = find_course(exchange, key, strlen(key), &course)) != OK) {
        return refused;
    }
    if (locks_list(exchange->op, &locks, &time, course) != APR_SUCCESS) {
        return refuse_operation(exchange);
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
static void read_posted(exchange_t *exchange, posted_t *posted)
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
        expect_course(exchange, posted->request.course_key,
                      posted->request.resource);
        if (exchange->claim.user != NULL) {
            locks_ahead_lease(exchange->op, exchange->claim.user);
        }
    }
}

/** Checks the form of what was posted. */
static int check_posted(exchange_t *exchange, const posted_t *posted)
{
    if (exchange->claim.sid == NULL && !has_json_type(exchange->r)) {
        return refuse(exchange, HTTP_UNSUPPORTED_MEDIA_TYPE,
                      "Content-Type must be application/json");
    }
    switch (posted->body.status) {
    case OK:
        return posted->wrong == NULL
                   ? OK
                   : refuse(exchange, HTTP_BAD_REQUEST, posted->wrong);
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return refuse(exchange, HTTP_REQUEST_ENTITY_TOO_LARGE,
                      apr_psprintf(exchange->r->pool,
                                   "Request body over %d bytes",
                                   LOCKS_BODY_MAX));
    default:
        return refuse(exchange, posted->body.status,
                      "The request body could not be read");
    }
}

/** Finds the gadget in the course, under the ID that locks use. */
static int find_gadget(exchange_t *exchange, const char *course,
                       const char *gadget, const char **canonical)
{
    return judge_found(exchange,
                       locks_inquiry_gadget(&exchange->inquiry,
                                            exchange->caller.principal, course,
                                            gadget, canonical),
                       "Gadget", gadget, strlen(gadget));
}

/** Takes the lock, or notes why not. */
static int acquire(exchange_t *exchange, const locks_subject_t *subject)
{
    request_rec *r = exchange->r;
    locks_lock_t lock;
    apr_time_t now;

    switch (
        locks_acquire(exchange->op, &lock, subject, exchange->caller.user)) {
    case APR_SUCCESS:
        break;
    case LOCKS_EHELD:
        return refuse(exchange, HTTP_FORBIDDEN, "Resource locked");
    case LOCKS_EFULL:
        return refuse(exchange, HTTP_SERVICE_UNAVAILABLE,
                      apr_psprintf(r->pool, "Too many locks in course '%s'",
                                   subject->course));
    default:
        return refuse_operation(exchange);
    }
    now = apr_time_now();
    if (locks_expires_in(&lock, now) <= 0) {
        exchange->op->why = "the lease ran out before it could be answered: "
                            "LocksTTL is too short for this host";
        return refuse_operation(exchange);
    }
    apr_table_setn(
        r->headers_out, "Location",
        apr_psprintf(r->pool, "%s/%" APR_UINT64_T_FMT, locks_base(r), lock.id));
    exchange->status = HTTP_CREATED;
    exchange->json = locks_reply_lock(&lock, now, r->pool);
    return OK;
}

static int post_lock(exchange_t *exchange)
{
    locks_subject_t subject;
    posted_t posted;
    int refused;

    if ((refused = take_claim(exchange)) != OK) {
        return refused;
    }
    read_posted(exchange, &posted);
    if (posted.body.status == AP_FILTER_ERROR) {
        return refuse(exchange, AP_FILTER_ERROR, NULL);
    }
    if ((refused = judge_caller(exchange)) != OK ||
        (refused = require_user(exchange)) != OK ||
        (refused = check_posted(exchange, &posted)) != OK) {
        return refused;
    }
    subject.type = posted.request.type;
    if ((refused = find_course(exchange, posted.request.course_key,
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

static int delete_lock(exchange_t *exchange, const char *lock_id)
{
    apr_status_t rv;
    apr_uint64_t id;
    int refused;

    if ((refused = take_claim(exchange)) != OK ||
        (refused = judge_caller(exchange)) != OK ||
        (refused = require_user(exchange)) != OK) {
        return refused;
    }
    rv = locks_lock_id_parse(&id, lock_id) == APR_SUCCESS
             ? locks_release(exchange->op, id, exchange->caller.user)
             : APR_NOTFOUND;
    switch (rv) {
    case APR_SUCCESS:
        exchange->status = HTTP_OK;
        exchange->json = "{}";
        return OK;
    case APR_NOTFOUND:
        return refuse_unknown(exchange, "Lock", lock_id, strlen(lock_id));
    case LOCKS_EFOREIGN:
        return refuse_permission(exchange);
    default:
        return refuse_operation(exchange);
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
static int run_method(exchange_t *exchange, route_e route, const char *lock_id)
{
    request_rec *r = exchange->r;

    if (route == ROUTE_LOCKS && r->method_number == M_GET) {
        return get_locks(exchange);
    }
    if (route == ROUTE_LOCKS && r->method_number == M_POST) {
        return post_lock(exchange);
    }
    if (route == ROUTE_LOCK && r->method_number == M_DELETE) {
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
    return refuse(exchange, HTTP_METHOD_NOT_ALLOWED, "Method not allowed");
}

/** Gives back what the exchange holds, before a slow client is answered. */
static void close_exchange(const exchange_t *exchange)
{
    const locks_operation_t *op = exchange->op;

    if (op != NULL) {
        op->store->provider->close(op->store);
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, exchange->r,
                      "locks: %s %s: %d after %u round trips to the store in "
                      "%" APR_TIME_T_FMT " us, %u retries, %u fences",
                      exchange->r->method, exchange->r->uri, exchange->status,
                      op->store->round_trips, op->store->waited, op->retries,
                      op->fences);
    }
}

int locks_handler(request_rec *r)
{
    exchange_t exchange = {.r = r};
    const char *lock_id = NULL;
    route_e route;

    if (r->handler == NULL || strcmp(r->handler, LOCKS_HANDLER_NAME) != 0) {
        return DECLINED;
    }
    route = find_route(r, &lock_id);
    if (route == ROUTE_UNKNOWN) {
        refuse(&exchange, HTTP_NOT_FOUND, "Not found");
    } else {
        run_method(&exchange, route, lock_id);
    }
    close_exchange(&exchange);
    if (exchange.status == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    return exchange.json != NULL
               ? locks_answer(r, exchange.status, exchange.json)
               : locks_answer_error(r, exchange.status, exchange.message,
                                    exchange.message_length);
}
