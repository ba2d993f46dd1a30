/* SPDX-License-Identifier: Apache-2.0 */
/* Our own locations: httpd does not look for files there, and whatever core
 * or another module refuses there is answered in JSON. */
#include "mod_locks_shared.h"

#include <ap_expr.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

#define ERROR_FILTER "LOCKS_ERROR"

/** The error bodies of what httpd itself refuses, in the form in which core
 *  keeps a custom response that is a text: with a quotation mark before it. */
#define REFUSAL(status, message)                                           \
    {                                                                      \
        status, "\"{\"error\": " #status ", \"message\": \"" message "\"}" \
    }

static const struct {
    int status;
    const char *text;
} refusals[] = {
    REFUSAL(400, "Bad request"),
    REFUSAL(401, "Invalid credentials"),
    REFUSAL(402, "Payment required"),
    REFUSAL(403, "Insufficient permissions"),
    REFUSAL(404, "Not found"),
    REFUSAL(405, "Method not allowed"),
    REFUSAL(406, "Not acceptable"),
    REFUSAL(407, "Proxy authentication required"),
    REFUSAL(408, "Request timeout"),
    REFUSAL(409, "Conflict"),
    REFUSAL(410, "Gone"),
    REFUSAL(411, "Length required"),
    REFUSAL(412, "Precondition failed"),
    REFUSAL(413, "Request body too large"),
    REFUSAL(414, "Request URI too long"),
    REFUSAL(415, "Unsupported media type"),
    REFUSAL(416, "Range not satisfiable"),
    REFUSAL(417, "Expectation failed"),
    REFUSAL(421, "Misdirected request"),
    REFUSAL(422, "Unprocessable content"),
    REFUSAL(423, "Locked"),
    REFUSAL(424, "Failed dependency"),
    REFUSAL(426, "Upgrade required"),
    REFUSAL(428, "Precondition required"),
    REFUSAL(429, "Too many requests"),
    REFUSAL(431, "Request header fields too large"),
    REFUSAL(451, "Unavailable for legal reasons"),
    REFUSAL(500, "Internal server error"),
    REFUSAL(501, "Not implemented"),
    REFUSAL(502, "Bad gateway"),
    REFUSAL(503, "Service unavailable"),
    REFUSAL(504, "Gateway timeout"),
    REFUSAL(505, "HTTP version not supported"),
    REFUSAL(506, "Variant also negotiates"),
    REFUSAL(507, "Insufficient storage"),
    REFUSAL(508, "Loop detected"),
    REFUSAL(510, "Not extended"),
    REFUSAL(511, "Network authentication required"),
};

/** Which handler does the configuration give this request to? SetHandler's
 *  argument is an expression, even where it is a plain name.
 *  @return "" if there is none */
static const char *handler_here(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *error = NULL;
    const char *handler;

    if (core->expr_handler == NULL) {
        return "";
    }
    handler = ap_expr_str_exec(r, core->expr_handler, &error);
    return error == NULL ? handler : "";
}

locks_request_notes_t *locks_request_notes(request_rec *r)
{
    locks_request_notes_t *notes =
        ap_get_module_config(r->request_config, &locks_module);

    if (notes == NULL) {
        notes = apr_pcalloc(r->pool, sizeof(*notes));
        ap_set_module_config(r->request_config, &locks_module, notes);
    }
    return notes;
}

request_rec *locks_first_request(request_rec *r)
{
    while (r->main != NULL || r->prev != NULL) {
        r = r->main != NULL ? r->main : r->prev;
    }
    return r;
}

int locks_location_is_ours(request_rec *r)
{
    const char *uri = locks_request_notes(r)->uri;

    return uri != NULL && strcmp(uri, r->uri) == 0;
}

/** Is this URL served by one of our handlers? At locks-status httpd's own
 *  refusals stay as they are. */
static int is_served_here(request_rec *r)
{
    const char *uri = locks_request_notes(r)->status_uri;

    return locks_location_is_ours(r) ||
           (uri != NULL && strcmp(uri, r->uri) == 0);
}

/** Once it is known that the location is ours, errors are JSON. These texts
 *  take precedence over the site's ErrorDocuments. Core makes the table with
 *  the first of them, and would copy each of the others for each request. */
static void claim(request_rec *r)
{
    const core_request_config *core;
    apr_size_t i;

    locks_request_notes(r)->uri = apr_pstrdup(r->pool, r->uri);
    ap_custom_response(r, refusals[0].status, refusals[0].text);
    core = ap_get_core_module_config(r->request_config);
    for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        core->response_code_strings[ap_index_of_response(refusals[i].status)] =
            (char *)refusals[i].text;
    }
}

/** Gives a request back to the site that was claimed under another URL. */
static void disclaim(request_rec *r)
{
    core_request_config *core = ap_get_core_module_config(r->request_config);

    locks_request_notes(r)->uri = NULL;
    core->response_code_strings = NULL;
}

void locks_location_refuse(request_rec *r, int status, const char *json)
{
    locks_request_notes(r)->json_status = status;
    ap_custom_response(r, status, json);
}

int locks_location_recognise(request_rec *r)
{
    const char *handler;

    if (locks_location_is_ours(r)) {
        return DECLINED;
    }
    handler = handler_here(r);
    if (ap_cstr_casecmp(handler, LOCKS_HANDLER_NAME) == 0) {
        claim(r);
    } else if (locks_request_notes(r)->uri != NULL) {
        disclaim(r);
    }
    if (strcmp(handler, LOCKS_STATUS_HANDLER_NAME) == 0) {
        locks_request_notes(r)->status_uri = apr_pstrdup(r->pool, r->uri);
    }
    return DECLINED;
}

/** No file stands for our URLs. The name given instead of one has no
 *  extension that another module could take for a type or a language. */
static void name_no_file(request_rec *r)
{
    r->filename = apr_pstrcat(r->pool, locks_base(r), "/-", NULL);
    r->canonical_filename = r->filename;
}

int locks_location_translate(request_rec *r)
{
    if (!is_served_here(r)) {
        return DECLINED;
    }
    name_no_file(r);
    return OK;
}

/** Spares our URLs the walk through the file system, and takes them back
 *  from a ProxyPass for the whole site. */
int locks_location_map(request_rec *r)
{
    if (!is_served_here(r)) {
        return DECLINED;
    }
    if (r->proxyreq == PROXYREQ_REVERSE) {
        r->proxyreq = PROXYREQ_NONE;
        r->handler = NULL;
        name_no_file(r);
    }
    return OK;
}

/** Corrects what core says of an error text: it takes it for HTML. */
static apr_status_t filter_error(ap_filter_t *filter,
                                 apr_bucket_brigade *brigade)
{
    request_rec *r = filter->r;

    if (locks_location_is_ours(r)) {
        locks_count_refusal(r);
    }
    ap_set_content_type(r, "application/json");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (r->status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->headers_out, "Retry-After", LOCKS_RETRY_AFTER);
    }
    /* A login form asks for nothing by a header, but every 401 must (RFC 9110,
     * section 15.5.2); an SID does here in any case. */
    if (r->status == HTTP_UNAUTHORIZED &&
        apr_table_get(r->err_headers_out, "WWW-Authenticate") == NULL &&
        apr_table_get(r->headers_out, "WWW-Authenticate") == NULL) {
        apr_table_setn(r->headers_out, "WWW-Authenticate", LOCKS_AUTH_SCHEME);
    }
    ap_remove_output_filter(filter);
    return ap_pass_brigade(filter->next, brigade);
}

void locks_location_insert_error_filter(request_rec *r)
{
    if (locks_location_is_ours(r) ||
        r->status == locks_request_notes(r)->json_status) {
        ap_add_output_filter(ERROR_FILTER, NULL, r, r->connection);
    }
}

void locks_location_register_filter(void)
{
    ap_register_output_filter(ERROR_FILTER, filter_error, NULL,
                              AP_FTYPE_CONTENT_SET);
}
