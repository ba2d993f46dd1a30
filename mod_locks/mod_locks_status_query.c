/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of locks-status: a query string, or a form. */
#include "mod_locks_status.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_script.h>

#include <string.h>

#include "locks_utf8.h"

APLOG_USE_MODULE(locks);

/** The longest form in bytes, and the most fields it may have. */
#define FORM_MAX 16384
#define FIELDS_MAX 32
/** The last page that may be asked for. */
#define PAGE_MAX 1000000

const char *const locks_break_names[] = {
    [LOCKS_BREAK_NOTHING] = "",
    [LOCKS_BREAK_LOCK] = "lock",
    [LOCKS_BREAK_USER] = "user",
    [LOCKS_BREAK_COURSE] = "course",
};

/** The names that ask for forms other than the page. */
static const char *const form_names[LOCKS_FORMS] = {
    [LOCKS_FORM_JSON] = "json",
    [LOCKS_FORM_AUTO] = "auto",
    [LOCKS_FORM_METRICS] = "metrics",
    [LOCKS_FORM_HEALTH] = "health",
};

/** Takes a parameter or field. NULL, or what is wrong with it. */
static const char *take(locks_status_query_t *query, const char *name,
                        const char *value)
{
    const struct {
        const char *name;
        const char **place;
    } texts[] = {
        {"course", &query->course},
        {"user", &query->filter.owner},
        {"gadget", &query->filter.resource},
        {"id", &query->id},
        {"owner", &query->owner},
        {"reason", &query->reason},
        {"nonce", &query->nonce},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].place = value;
            return NULL;
        }
    }
    for (i = LOCKS_FORM_JSON; i < LOCKS_FORMS; i++) {
        if (strcmp(name, form_names[i]) == 0) {
            query->form = (locks_form_e)i;
            return NULL;
        }
    }
    if (strcmp(name, "break") == 0) {
        for (i = LOCKS_BREAK_LOCK; i <= LOCKS_BREAK_COURSE; i++) {
            if (strcmp(value, locks_break_names[i]) == 0) {
                query->breaks = (locks_break_e)i;
                return NULL;
            }
        }
        return "break is none of lock, user and course";
    }
    if (strcmp(name, "page") == 0 || strcmp(name, "broken") == 0) {
        int *number = *name == 'p' ? &query->page : &query->broken;

        if (*value == '\0' || strlen(value) > 7 ||
            value[strspn(value, "0123456789")] != '\0') {
            return *name == 'p' ? "page is no number" : "broken is no number";
        }
        *number = (int)apr_atoi64(value);
    }
    return NULL;
}

static void begin(locks_status_query_t *query)
{
    memset(query, 0, sizeof(*query));
    query->page = 1;
    query->broken = -1;
}

/** Takes what was decoded, if it is text. */
static const char *take_text(locks_status_query_t *query, const char *name,
                             const char *value)
{
    return locks_utf8_span(value, strlen(value)) == strlen(value)
               ? take(query, name, value)
               : "A value is not UTF-8";
}

/** Is there nothing that cannot be? */
static const char *check(locks_status_query_t *query)
{
    if (query->page < 1 || query->page > PAGE_MAX) {
        return "There is no such page";
    }
    query->filter.course = query->course;
    return NULL;
}

const char *locks_status_read_query(locks_status_query_t *query, request_rec *r)
{
    const char *wrong = NULL;
    char *last = NULL;
    char *pair;

    begin(query);
    for (pair = apr_strtok(apr_pstrdup(r->pool, r->args != NULL ? r->args : ""),
                           "&", &last);
         pair != NULL && wrong == NULL; pair = apr_strtok(NULL, "&", &last)) {
        char *value = strchr(pair, '=');

        if (value != NULL) {
            *value++ = '\0';
        } else {
            value = pair + strlen(pair);
        }
        if (ap_unescape_urlencoded(pair) != OK ||
            ap_unescape_urlencoded(value) != OK) {
            return "A percent escape in the query is malformed";
        }
        wrong = take_text(query, pair, value);
    }
    return wrong != NULL ? wrong : check(query);
}

/** Is it what a browser sends of a form? httpd would leave out another body,
 *  and the refusal would not say what is wrong. */
static int has_form_type(const request_rec *r)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = apr_table_get(r->headers_in, "Content-Type");

    return type != NULL && strcspn(type, "; \t") == sizeof(form) - 1 &&
           ap_cstr_casecmpn(type, form, sizeof(form) - 1) == 0;
}

int locks_status_read_form(locks_status_query_t *query, request_rec *r,
                           const char **wrong)
{
    apr_array_header_t *pairs = NULL;
    int status;
    int i;

    *wrong = locks_status_read_query(query, r);
    if (*wrong != NULL) {
        return HTTP_BAD_REQUEST;
    }
    if (!has_form_type(r)) {
        *wrong = "Content-Type must be application/x-www-form-urlencoded";
        return HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    status = ap_parse_form_data(r, NULL, &pairs, FIELDS_MAX, FORM_MAX);
    if (status != OK) {
        *wrong = "The form could not be read";
        return status;
    }
    for (i = 0; pairs != NULL && i < pairs->nelts && *wrong == NULL; i++) {
        const ap_form_pair_t *pair = &APR_ARRAY_IDX(pairs, i, ap_form_pair_t);
        char *value = NULL;
        apr_size_t length = 0;

        if (apr_brigade_pflatten(pair->value, &value, &length, r->pool) !=
            APR_SUCCESS) {
            *wrong = "The form could not be read";
        } else {
            *wrong = take_text(query, pair->name,
                               apr_pstrmemdup(r->pool, value, length));
        }
    }
    return *wrong == NULL ? OK : HTTP_BAD_REQUEST;
}

/** Adds a parameter to a query string, if it has a value. */
static const char *add(const char *text, const char *name, const char *value,
                       apr_pool_t *pool)
{
    return value == NULL || *value == '\0'
               ? text
               : apr_pstrcat(pool, text, *text != '\0' ? "&" : "", name, "=",
                             ap_escape_urlencoded(pool, value), NULL);
}

const char *locks_status_link(const locks_status_query_t *query, int page,
                              apr_pool_t *pool)
{
    const char *text = "";

    text = add(text, "course", query->filter.course, pool);
    text = add(text, "user", query->filter.owner, pool);
    text = add(text, "gadget", query->filter.resource, pool);
    return page > 1 ? add(text, "page", apr_itoa(pool, page), pool) : text;
}
