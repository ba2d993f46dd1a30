/* SPDX-License-Identifier: Apache-2.0 */
/* /locks: which endpoint, and what is answered. */
#include "mod_locks_endpoints.h"

#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_request.h"

APLOG_USE_MODULE(locks);

/* ---- Routes ---- */

/** The endpoints, told apart by path. */
typedef enum {
    ROUTE_UNKNOWN,
    ROUTE_LOCKS,
    /** With ?ownerId=me. */
    ROUTE_OWN,
    ROUTE_LOCK
} route_e;

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
        return locks_request_is_own(r->args, r->pool) ? ROUTE_OWN : ROUTE_LOCKS;
    }
    *lock_id = r->uri + length + 1;
    return strchr(*lock_id, '/') == NULL ? ROUTE_LOCK : ROUTE_UNKNOWN;
}

/** Runs the method of a list of locks. */
static int run_on_locks(locks_exchange_t *exchange, int is_own)
{
    switch (exchange->r->method_number) {
    case M_GET:
        exchange->endpoint = LOCKS_ENDPOINT_LIST;
        return is_own && !locks_request_names_course(exchange->r->args,
                                                     exchange->r->pool)
                   ? locks_get_own(exchange)
                   : locks_get_course(exchange);
    case M_POST:
        exchange->endpoint = LOCKS_ENDPOINT_ACQUIRE;
        return locks_post(exchange);
    case M_DELETE:
        exchange->endpoint = LOCKS_ENDPOINT_RELEASE;
        return is_own ? locks_delete_own(exchange) : DECLINED;
    default:
        return DECLINED;
    }
}

/** Runs the method of a lock. */
static int run_on_lock(locks_exchange_t *exchange, const char *lock_id)
{
    switch (exchange->r->method_number) {
    case M_GET:
        exchange->endpoint = LOCKS_ENDPOINT_LIST;
        return locks_get_lock(exchange, lock_id);
    case M_PUT:
        exchange->endpoint = LOCKS_ENDPOINT_ACQUIRE;
        return locks_put(exchange, lock_id);
    case M_DELETE:
        exchange->endpoint = LOCKS_ENDPOINT_RELEASE;
        return locks_delete_lock(exchange, lock_id);
    default:
        return DECLINED;
    }
}

/** Runs the endpoint's method; anything else is 204 for OPTIONS, or 405. */
static int run_method(locks_exchange_t *exchange, route_e route,
                      const char *lock_id)
{
    static const char *const methods[] = {
        [ROUTE_LOCKS] = "GET, HEAD, POST, OPTIONS",
        [ROUTE_OWN] = "GET, HEAD, POST, DELETE, OPTIONS",
        [ROUTE_LOCK] = "GET, HEAD, PUT, DELETE, OPTIONS",
    };
    request_rec *r = exchange->r;
    int result = route == ROUTE_LOCK
                     ? run_on_lock(exchange, lock_id)
                     : run_on_locks(exchange, route == ROUTE_OWN);

    if (result != DECLINED) {
        return result;
    }
    exchange->endpoint = LOCKS_ENDPOINT_OTHER;
    apr_table_setn(r->headers_out, "Allow", methods[route]);
    if (r->method_number == M_OPTIONS) {
        locks_exchange_answer(exchange, HTTP_NO_CONTENT);
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
    return exchange.has_json
               ? locks_answer_send(r, exchange.status, &exchange.json)
               : locks_answer_error(r, exchange.status, exchange.message,
                                    exchange.message_length);
}
