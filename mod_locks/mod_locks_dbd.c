/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog on the site's database, through httpd's own mod_dbd.
 *
 * Statements are prepared on the connection that is in hand when they are
 * first needed: mod_dbd's own way, to prepare at the start, closes every
 * connection of a site one of whose tables is missing. */
#include "mod_locks.h"

#include <apr_dbd.h>
#include <apr_strings.h>
#include <http_log.h>
#include <mod_dbd.h>

#include <string.h>

#include "locks_request.h"

APLOG_USE_MODULE(locks);

/** mod_dbd's function; NULL if it is not loaded. The connection is shared
 *  with every other module that serves the request, so that one request
 *  never waits for a second one. */
static APR_OPTIONAL_FN_TYPE(ap_dbd_acquire) * acquire;

void locks_dbd_retrieve(void)
{
    acquire = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_acquire);
}

/** A statement prepared on one connection. */
typedef struct statement_t {
    apr_dbd_prepared_t *prepared;
    /** Holds the statement alone: destroying it frees the statement. */
    apr_pool_t *pool;
    /** Tells this statement's label from those of its predecessors. */
    unsigned int generation;
} statement_t;

/** Explains a failure to the administrator. */
static apr_status_t failed(request_rec *r, const ap_dbd_t *connection,
                           const char *query, int error)
{
    const char *text =
        connection != NULL
            ? apr_dbd_error(connection->driver, connection->handle, error)
            : (acquire != NULL ? "no connection" : "mod_dbd is not loaded");

    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "locks: the course database did not answer \"%s\": %s; "
                  "check DBDriver, DBDParams and the Locks*Query directives, "
                  "and that the tables of schema.sql exist",
                  query, text != NULL ? text : "unknown error");
    return APR_EGENERAL;
}

/** Finds this connection's entry for a query, or makes an empty one. */
static statement_t *statement_for(const ap_dbd_t *connection, const char *query)
{
    statement_t *statement =
        apr_hash_get(connection->prepared, query, APR_HASH_KEY_STRING);

    if (statement == NULL) {
        statement = apr_pcalloc(connection->pool, sizeof(*statement));
        apr_hash_set(connection->prepared, apr_pstrdup(connection->pool, query),
                     APR_HASH_KEY_STRING, statement);
    }
    return statement;
}

/** Prepares a statement anew; 0 or the driver's error. */
static int prepare(const ap_dbd_t *connection, statement_t *statement,
                   const char *query)
{
    const char *label;
    int error;

    if (statement->pool != NULL) {
        apr_pool_destroy(statement->pool);
    }
    statement->prepared = NULL;
    apr_pool_create(&statement->pool, connection->pool);
    /* PostgreSQL wants labels that differ on one connection. */
    label = apr_psprintf(statement->pool, "locks_%pp_%u", (void *)statement,
                         ++statement->generation);
    error =
        apr_dbd_prepare(connection->driver, statement->pool, connection->handle,
                        query, label, &statement->prepared);
    if (error != 0) {
        statement->prepared = NULL;
    }
    return error;
}

static int select_rows(request_rec *r, const ap_dbd_t *connection,
                       const statement_t *statement, int count,
                       const char **arguments, apr_dbd_results_t **rows)
{
    /* Random access: without it PostgreSQL's driver sleeps on an empty
     * result. */
    *rows = NULL;
    return apr_dbd_pselect(connection->driver, r->pool, connection->handle,
                           rows, statement->prepared, 1, count, arguments);
}

/** Asks one of the three queries. After an error it tries once more with a
 *  fresh statement: a database that was restarted has forgotten the old. */
static apr_status_t ask(request_rec *r, const ap_dbd_t **connection,
                        apr_dbd_results_t **rows, const char *query, int count,
                        const char **arguments)
{
    const ap_dbd_t *dbd = acquire != NULL ? acquire(r) : NULL;
    statement_t *statement;
    int error = 0;

    *connection = dbd;
    if (dbd == NULL) {
        return failed(r, NULL, query, 0);
    }
    statement = statement_for(dbd, query);
    if (statement->prepared != NULL) {
        error = select_rows(r, dbd, statement, count, arguments, rows);
        if (error == 0) {
            return APR_SUCCESS;
        }
        apr_dbd_check_conn(dbd->driver, r->pool, dbd->handle);
    }
    error = prepare(dbd, statement, query);
    if (error == 0) {
        error = select_rows(r, dbd, statement, count, arguments, rows);
    }
    return error == 0 ? APR_SUCCESS : failed(r, dbd, query, error);
}

/** Reads the first column of a row; APR_NOTFOUND if there is no such row.
 *  Rows count from 1. */
static apr_status_t first_column(request_rec *r, const ap_dbd_t *connection,
                                 apr_dbd_results_t *rows, int number,
                                 const char **text)
{
    apr_dbd_row_t *row = NULL;
    const char *entry;

    if (apr_dbd_get_row(connection->driver, r->pool, rows, &row, number) != 0) {
        return APR_NOTFOUND;
    }
    entry = apr_dbd_get_entry(connection->driver, row, 0);
    *text = entry != NULL ? apr_pstrdup(r->pool, entry) : "";
    return APR_SUCCESS;
}

/** Reports an answer that no lock can be made of. */
static apr_status_t unusable(request_rec *r, const char *directive,
                             const char *expected)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "locks: the first column of %s is not %s; correct the "
                  "query or the data",
                  directive, expected);
    return APR_EGENERAL;
}

static apr_status_t dbd_course(const char **course_id, struct request_rec *r,
                               const char *key)
{
    const char *query = locks_server_config(r->server)->course_query;
    const char *arguments[LOCKS_COURSE_QUERY_ARGUMENTS_MAX];
    const ap_dbd_t *connection;
    apr_dbd_results_t *rows;
    const char *id;
    apr_status_t rv;
    int i;

    for (i = 0; i < LOCKS_COURSE_QUERY_ARGUMENTS_MAX; i++) {
        arguments[i] = key;
    }
    rv = ask(r, &connection, &rows, query, locks_count_arguments(query),
             arguments);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = first_column(r, connection, rows, 1, course_id);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* The course whose ID the key is wins over one whose internal ID it is. */
    for (i = 2; first_column(r, connection, rows, i, &id) == APR_SUCCESS; i++) {
        if (strcmp(id, key) == 0) {
            *course_id = id;
        }
    }
    return locks_course_id_valid(*course_id)
               ? APR_SUCCESS
               : unusable(r, "LocksCourseQuery",
                          "a course ID, that is 6 to 255 of a-z and 0-9");
}

/** Asks a query about two things. */
static apr_status_t ask_pair(const char **column, request_rec *r,
                             const char *query, const char *first,
                             const char *second)
{
    const char *arguments[] = {first, second};
    const ap_dbd_t *connection;
    apr_dbd_results_t *rows;
    apr_status_t rv = ask(r, &connection, &rows, query, 2, arguments);

    return rv == APR_SUCCESS ? first_column(r, connection, rows, 1, column)
                             : rv;
}

static apr_status_t dbd_access(struct request_rec *r, const char *course_id,
                               const char *principal)
{
    const char *column;

    return ask_pair(&column, r, locks_server_config(r->server)->access_query,
                    course_id, principal);
}

static apr_status_t dbd_gadget(const char **canonical, struct request_rec *r,
                               const char *course_id, const char *gadget_id)
{
    apr_status_t rv =
        ask_pair(canonical, r, locks_server_config(r->server)->gadget_query,
                 course_id, gadget_id);

    if (rv == APR_SUCCESS && !locks_resource_id_valid(*canonical)) {
        rv = unusable(r, "LocksGadgetQuery",
                      "a gadget ID, that is 1 to 255 bytes of UTF-8 without "
                      "control characters");
    }
    return rv;
}

const locks_catalog_provider_t locks_dbd_catalog = {
    .course = dbd_course,
    .access = dbd_access,
    .gadget = dbd_gadget,
};
