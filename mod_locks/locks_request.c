/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /locks. */
#include "locks_request.h"

#include "locks_json.h"
#include "locks_utf8.h"

#include <apr_strings.h>

#include <string.h>

/** Says what is wrong with a member unless it is of this kind. */
static const char *check_kind(locks_json_t json, locks_json_kind_e kind,
                              const char *field, apr_pool_t *pool)
{
    if (json.kind == kind) {
        return NULL;
    }
    if (json.kind == LOCKS_JSON_ABSENT) {
        return apr_pstrcat(pool, field, " is missing", NULL);
    }
    return apr_pstrcat(pool, field, " must be ",
                       kind == LOCKS_JSON_OBJECT ? "an object" : "a string",
                       NULL);
}

static const char *known_types(apr_pool_t *pool)
{
    const char *names = locks_types[0].name;

    for (const locks_type_t *type = locks_types + 1; type->name; type++) {
        names = apr_pstrcat(pool, names, ", ", type->name, NULL);
    }
    return names;
}

static const char *read_type(const locks_type_t **type, locks_json_t json,
                             apr_pool_t *pool)
{
    const char *error = check_kind(json, LOCKS_JSON_STRING, "type", pool);
    const char *name;

    if (error) {
        return error;
    }
    name = locks_json_text(json, pool);
    *type = locks_type_find(name);
    if (!*type) {
        return apr_psprintf(pool, "type: unknown resource type '%s'; known: %s",
                            name, known_types(pool));
    }
    return NULL;
}

static const char *read_course_key(locks_request_t *request, locks_json_t json,
                                   apr_pool_t *pool)
{
    const char *field = "subject.courseId";
    const char *error = check_kind(json, LOCKS_JSON_STRING, field, pool);

    if (error) {
        return error;
    }
    request->course_key = locks_json_string(&request->course_key_length, json);
    return request->course_key_length > 0
               ? NULL
               : apr_pstrcat(pool, field, " must not be empty", NULL);
}

static const char *read_resource(const char **resource, locks_json_t json,
                                 const char *field, apr_pool_t *pool)
{
    const char *error = check_kind(json, LOCKS_JSON_STRING, field, pool);
    const char *id;
    apr_size_t length;

    if (error) {
        return error;
    }
    id = locks_json_string(&length, json);
    if (length == strlen(id) && locks_resource_id_valid(id)) {
        *resource = id;
        return NULL;
    }
    if (length == 0) {
        return apr_pstrcat(pool, field, " must not be empty", NULL);
    }
    if (length > LOCKS_RESOURCE_ID_MAX) {
        return apr_psprintf(pool, "%s must not be longer than %d bytes", field,
                            LOCKS_RESOURCE_ID_MAX);
    }
    return apr_pstrcat(pool, field, " must not have control characters", NULL);
}

/** Reads the subject of a request whose type is known. */
static const char *read_subject(locks_request_t *request, locks_json_t json,
                                apr_pool_t *pool)
{
    const char *member = request->type->resource_member;
    const char *error = check_kind(json, LOCKS_JSON_OBJECT, "subject", pool);

    if (!error) {
        error =
            read_course_key(request, locks_json_member(json, "courseId"), pool);
    }
    if (!error) {
        error =
            read_resource(&request->resource, locks_json_member(json, member),
                          apr_pstrcat(pool, "subject.", member, NULL), pool);
    }
    return error;
}

/** Reads how long the lease is to be. Nothing and less are the shortest. */
static void read_expires_in(locks_wish_t *wish, locks_json_t json)
{
    apr_int64_t number = 0;

    if (json.kind == LOCKS_JSON_OTHER) {
        number = locks_json_beyond(json);
    }
    if (json.kind == LOCKS_JSON_INTEGER) {
        number = locks_json_integer(json);
    }
    if (json.kind == LOCKS_JSON_INTEGER || number != 0) {
        wish->expires_in = number > 0 ? number : 1;
    } else if (json.kind != LOCKS_JSON_ABSENT) {
        wish->expires_in_wrong = "expiresIn must be an integer";
    }
}

static const char *read_client(const char **client, locks_json_t json,
                               apr_pool_t *pool)
{
    apr_size_t length;
    const char *text;

    *client = "";
    if (json.kind == LOCKS_JSON_ABSENT) {
        return NULL;
    }
    if (json.kind != LOCKS_JSON_STRING) {
        return "clientId must be a string";
    }
    text = locks_json_string(&length, json);
    if (length == 0) {
        return "clientId must not be empty";
    }
    if (length > LOCKS_CLIENT_ID_MAX) {
        return apr_psprintf(pool, "clientId must not be longer than %d bytes",
                            LOCKS_CLIENT_ID_MAX);
    }
    if (length != strlen(text) || !locks_resource_id_valid(text)) {
        return "clientId must not have control characters";
    }
    *client = text;
    return NULL;
}

static const char *read_wish(locks_wish_t *wish, locks_json_t json,
                             apr_pool_t *pool)
{
    locks_json_t takes_over = locks_json_member(json, "takeOver");

    read_expires_in(wish, locks_json_member(json, "expiresIn"));
    wish->takes_over = takes_over.kind == LOCKS_JSON_TRUE;
    if (takes_over.kind != LOCKS_JSON_TRUE &&
        takes_over.kind != LOCKS_JSON_FALSE &&
        takes_over.kind != LOCKS_JSON_ABSENT) {
        return "takeOver must be true or false";
    }
    return read_client(&wish->client, locks_json_member(json, "clientId"),
                       pool);
}

/** Parses a body that has to be an object. */
static const char *parse_object(locks_json_t *json, const char *body,
                                apr_size_t length, apr_pool_t *pool)
{
    const char *error =
        locks_json_parse(json, body, length, LOCKS_JSON_LEVELS_MAX, pool);

    return error == NULL && json->kind != LOCKS_JSON_OBJECT
               ? "The request must be a JSON object"
               : error;
}

const char *locks_request_parse_wish(locks_wish_t *wish, const char *body,
                                     apr_size_t length, apr_pool_t *pool)
{
    locks_json_t json;
    const char *error;

    *wish = (locks_wish_t){.client = ""};
    if (length == 0) {
        return NULL;
    }
    error = parse_object(&json, body, length, pool);
    return error == NULL ? read_wish(wish, json, pool) : error;
}

const char *locks_request_parse_body(locks_request_t *request, const char *body,
                                     apr_size_t length, apr_pool_t *pool)
{
    locks_json_t json;
    const char *error = parse_object(&json, body, length, pool);

    *request = (locks_request_t){.type = NULL};
    if (!error) {
        error =
            read_type(&request->type, locks_json_member(json, "type"), pool);
    }
    if (!error) {
        error = read_subject(request, locks_json_member(json, "subject"), pool);
    }
    if (!error) {
        error = read_wish(&request->wish, json, pool);
    }
    return error;
}
