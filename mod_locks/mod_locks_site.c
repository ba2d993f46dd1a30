/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog "subrequest": the site's own application knows courses, gadgets
 * and permissions. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_log.h>

#include "locks_request.h"
#include "locks_site_answer.h"
#include "locks_uri_template.h"

APLOG_USE_MODULE(locks);

/** A question to the site. */
typedef struct question_t {
    const char *directive;
    const char *template;
    locks_uri_values_t values;
    /** Made of them. */
    const char *uri;
    locks_subrequest_t answer;
} question_t;

/** Reports an answer that decides nothing. */
static apr_status_t undecided(request_rec *r, const question_t *question,
                              const char *why, const char *cure)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "locks: the site answered %s (%s) with %d, which %s; %s",
                  question->uri, question->directive, question->answer.status,
                  why, cure);
    return APR_EGENERAL;
}

/** What the status says. */
static apr_status_t judge_status(request_rec *r, const question_t *question)
{
    const locks_subrequest_t *answer = &question->answer;

    if (answer->wrong != NULL) {
        return undecided(r, question, answer->wrong,
                         "check what the site sends there");
    }
    if (ap_is_HTTP_SUCCESS(answer->status)) {
        return APR_SUCCESS;
    }
    switch (answer->status) {
    case HTTP_NOT_FOUND:
        return APR_NOTFOUND;
    case HTTP_UNAUTHORIZED:
    case HTTP_FORBIDDEN:
        return APR_EACCES;
    default:
        return undecided(r, question, "is neither 2xx, 401, 403 nor 404",
                         "check that the application runs, and what its own "
                         "log says");
    }
}

/** Asks the site. */
static apr_status_t ask(request_rec *r, question_t *question)
{
    if (question->template == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "locks: LocksCatalog subrequest needs %s in this "
                      "location",
                      question->directive);
        return APR_EGENERAL;
    }
    question->uri =
        locks_uri_expand(question->template, question->values, r->pool);
    if (question->uri == NULL) {
        return APR_NOTFOUND;
    }
    locks_subrequest_get(&question->answer, r, question->uri);
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "locks: the site answered %s with %d", question->uri,
                  question->answer.status);
    return judge_status(r, question);
}

static apr_status_t site_course(const char **course_id, struct request_rec *r,
                                const char *key, const char *principal)
{
    question_t question = {
        .directive = "LocksCourseURI",
        .template = locks_site(r)->course_uri,
        .values = {[LOCKS_URI_COURSE] = key, [LOCKS_URI_USER] = principal}};
    apr_status_t rv = ask(r, &question);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (locks_site_answer_id(course_id, question.answer.body,
                             question.answer.length, r->pool) == APR_SUCCESS &&
        locks_course_id_valid(*course_id)) {
        return APR_SUCCESS;
    }
    return undecided(r, &question, "is no JSON object with a course ID",
                     "its member \"id\" must be the course ID, 6 to 255 of "
                     "a-z and 0-9");
}

static apr_status_t site_access(struct request_rec *r, const char *course_id,
                                const char *principal)
{
    const locks_site_t *site = locks_site(r);
    question_t question = {
        .directive = "LocksAccessURI",
        .template = site->access_uri,
        .values = {
            [LOCKS_URI_COURSE] = course_id, [LOCKS_URI_USER] = principal}};
    apr_status_t rv = ask(r, &question);

    if (rv != APR_SUCCESS || site->access_contains == NULL) {
        return rv;
    }
    rv =
        locks_site_answer_contains(question.answer.body, question.answer.length,
                                   site->access_contains, r->pool);
    return rv != APR_EINVAL
               ? rv
               : undecided(r, &question,
                           "has neither a JSON array nor a JSON object "
                           "where contains= looks",
                           "compare the answer with contains=");
}

/** An application need not send JSON for a gadget; if it does, its spelling
 *  of the ID counts. */
static apr_status_t site_gadget(const char **canonical, struct request_rec *r,
                                const char *course_id, const char *gadget_id,
                                const char *principal)
{
    question_t question = {.directive = "LocksGadgetURI",
                           .template = locks_site(r)->gadget_uri,
                           .values = {[LOCKS_URI_COURSE] = course_id,
                                      [LOCKS_URI_GADGET] = gadget_id,
                                      [LOCKS_URI_USER] = principal}};
    apr_status_t rv = ask(r, &question);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = locks_site_answer_id(canonical, question.answer.body,
                              question.answer.length, r->pool);
    if (rv == APR_NOTFOUND) {
        *canonical = gadget_id;
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS && locks_resource_id_valid(*canonical)
               ? APR_SUCCESS
               : undecided(r, &question,
                           "has no gadget ID as its member \"id\"",
                           "it must be 1 to 255 bytes of UTF-8 without "
                           "control characters");
}

static const char *text(const char *directive)
{
    return directive != NULL ? directive : "";
}

static const char *site_scope(struct request_rec *r)
{
    const locks_site_t *site = locks_site(r);

    return apr_pstrcat(r->pool, text(site->course_uri), "\n",
                       text(site->gadget_uri), "\n", text(site->access_uri),
                       "\n", text(site->access_contains_text), NULL);
}

/* ---- Checking the configuration ---- */

/** Reports the first URI that is missing in a server, if any is. */
static int check_server(const server_rec *server, const ap_directive_t *used,
                        unsigned int set)
{
    static const char *const examples[LOCKS_SITE_URIS] = {
        [LOCKS_SITE_COURSE] = "LocksCourseURI /courses/%{course}",
        [LOCKS_SITE_GADGET] =
            "LocksGadgetURI /courses/%{course}/gadgets/%{gadget}",
        [LOCKS_SITE_ACCESS] =
            "LocksAccessURI /permissions?searchType=Course&id=%{course} "
            "contains=/permissions/InsertConfigureDeleteYourOwnGadgetInstances",
    };
    int i;

    for (i = 0; i < LOCKS_SITE_URIS; i++) {
        if ((set & 1u << i) == 0) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, server,
                         "locks: LocksCatalog " LOCKS_SITE_CATALOG_NAME
                         " on line %d of %s needs to know what to ask: add, "
                         "for example, %s",
                         used->line_num, used->filename, examples[i]);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

int locks_site_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server)
{
    unsigned int set_anywhere = 0;
    server_rec *server;
    int result = OK;

    (void)pconf;
    (void)plog;
    (void)ptemp;
    for (server = main_server; server != NULL; server = server->next) {
        set_anywhere |= locks_server_config(server)->site_uris;
    }
    for (server = main_server; server != NULL && result == OK;
         server = server->next) {
        const locks_server_config_t *config = locks_server_config(server);

        /* What the main server says may be completed by virtual hosts. */
        if (config->site_catalog != NULL) {
            result = check_server(server, config->site_catalog,
                                  server->is_virtual ? config->site_uris
                                                     : set_anywhere);
        }
    }
    return result;
}

const locks_catalog_provider_t locks_site_catalog = {
    .course = site_course,
    .access = site_access,
    .gadget = site_gadget,
    .scope = site_scope,
    .personal = 1,
};
