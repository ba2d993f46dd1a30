/* SPDX-License-Identifier: Apache-2.0 */
/* The gadgets that a body names. What is not certain is refused: a body that
 * the application might read in another way would lead past the guard. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_json_pointer.h"
#include "locks_request.h"

/** The most gadgets that a body may name: each is asked about. */
#define GADGETS_MAX 1000

static void refuse(locks_bulk_t *bulk, int status, const char *message)
{
    bulk->status = status;
    bulk->message = message;
}

/** May this be JSON in UTF-8 to the application, and nothing else? */
static int is_json(const request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    apr_size_t length = type != NULL ? strcspn(type, "; \t") : 0;
    const char *parameters;

    if (type == NULL) {
        return 1;
    }
    if (length < 5 || strchr(type, ',') != NULL ||
        (ap_cstr_casecmpn(type, "application/json", length) != 0 &&
         ap_cstr_casecmpn(type + length - 5, "+json", 5) != 0)) {
        return 0;
    }
    parameters = ap_strcasestr(type + length, "charset");
    return parameters == NULL ||
           ap_strcasestr(parameters, "charset=utf-8") == parameters ||
           ap_strcasestr(parameters, "charset=\"utf-8\"") == parameters;
}

/** Adds a gadget's ID, which is a string or an integer; 0 if it is neither. */
static int add_gadget(locks_bulk_t *bulk, locks_json_t json, apr_pool_t *pool)
{
    apr_size_t length;
    const char *id;

    switch (json.kind) {
    case LOCKS_JSON_STRING:
        id = locks_json_string(&length, json);
        if (length != strlen(id)) {
            return 0;
        }
        break;
    case LOCKS_JSON_INTEGER:
        id = locks_json_decimal(json, pool);
        break;
    default:
        return 0;
    }
    APR_ARRAY_PUSH(bulk->gadgets, const char *) = id;
    return 1;
}

/** Takes one gadget, or all of an array. */
static int add_gadgets(locks_bulk_t *bulk, locks_json_t json, apr_pool_t *pool)
{
    apr_size_t i;

    if (json.kind != LOCKS_JSON_ARRAY) {
        return add_gadget(bulk, json, pool);
    }
    for (i = 0; i < locks_json_length(json) && i <= GADGETS_MAX; i++) {
        if (!add_gadget(bulk, locks_json_element(json, i), pool)) {
            return 0;
        }
    }
    return 1;
}

/** Reads what the body says. */
static void parse(locks_bulk_t *bulk, const locks_body_t *body,
                  const apr_array_header_t *steps, apr_pool_t *pool)
{
    locks_json_t json;
    const char *error = locks_json_parse(&json, body->bytes, body->length,
                                         LOCKS_JSON_LEVELS_MAX, pool);

    if (error != NULL) {
        refuse(bulk, HTTP_BAD_REQUEST, error);
    } else if (locks_json_pointer_is_ambiguous(body->bytes, body->length, steps,
                                               pool)) {
        refuse(bulk, HTTP_BAD_REQUEST,
               "A member that leads to the gadget IDs is there twice");
    } else if (!add_gadgets(
                   bulk, locks_json_pointer_follow(json, steps, steps->nelts),
                   pool)) {
        refuse(bulk, HTTP_BAD_REQUEST,
               "The request body has no gadget IDs where they are expected");
    } else if (bulk->gadgets->nelts > GADGETS_MAX) {
        refuse(bulk, HTTP_REQUEST_ENTITY_TOO_LARGE,
               apr_psprintf(pool, "More than %d gadget IDs", GADGETS_MAX));
    }
}

void locks_bulk_read(locks_bulk_t *bulk, request_rec *r,
                     const apr_array_header_t *steps)
{
    locks_body_t body;

    bulk->gadgets = apr_array_make(r->pool, 4, sizeof(const char *));
    bulk->status = OK;
    bulk->message = NULL;
    if (apr_table_get(r->headers_in, "Content-Encoding") != NULL) {
        refuse(bulk, HTTP_UNSUPPORTED_MEDIA_TYPE,
               "Content-Encoding must not be set");
        return;
    }
    if (!is_json(r)) {
        refuse(bulk, HTTP_UNSUPPORTED_MEDIA_TYPE,
               "Content-Type must be application/json");
        return;
    }
    locks_body_read(&body, r, LOCKS_JSON_LENGTH_MAX);
    switch (body.status) {
    case OK:
        locks_replay(r, body.bytes, body.length);
        parse(bulk, &body, steps, r->pool);
        break;
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        refuse(bulk, body.status,
               apr_psprintf(r->pool, "Request body over %d bytes",
                            LOCKS_JSON_LENGTH_MAX));
        break;
    default:
        refuse(bulk, body.status, "The request body could not be read");
    }
}
