/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog on the site's database, through httpd's own mod_dbd.
 *
 * Statements are prepared on the connection that is in hand when they are
 * first needed: mod_dbd's own way, to prepare at the start, closes every
 * connection of a site one of whose tables is missing. */
#include "mod_locks.h"

#include <apr_buckets.h>
#include <apr_dbd.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <http_log.h>
#include <mod_dbd.h>

#include <string.h>

#include "locks_deadline.h"
#include "locks_request.h"

APLOG_USE_MODULE(locks);

/** mod_dbd's function; NULL if it is not loaded. The connection is shared
 *  with every other module that serves the request, so that one request
 *  never waits for a second one. */
static APR_OPTIONAL_FN_TYPE(ap_dbd_acquire) * acquire;

/** Where a connection's pool keeps what it was opened with. */
#define PARAMETERS "mod_locks: DBDParams"

/** mod_dbd calls this for each connection that it opens. */
static apr_status_t note_parameters(apr_pool_t *pool, dbd_cfg_t *config,
                                    ap_dbd_t *connection)
{
    (void)pool;
    return apr_pool_userdata_setn(config->params, PARAMETERS, NULL,
                                  connection->pool);
}

/** The request that a connection is borrowed for: this one, or one that ends
 *  with the question, and with it the loan. */
static request_rec *borrower(request_rec *r)
{
    request_rec *copy;
    apr_pool_t *pool;

    if (!locks_request_notes(r)->borrows_briefly || locks_dbd_is_held(r) ||
        apr_pool_create(&pool, r->pool) != APR_SUCCESS) {
        return r;
    }
    copy = apr_pmemdup(pool, r, sizeof(*copy));
    copy->pool = pool;
    copy->main = copy->prev = NULL;
    copy->request_config = ap_create_request_config(pool);
    return copy;
}

/** Ends a loan.
 *  @param id what was found out, or NULL; it stays with the request */
static void give_back(request_rec *r, const request_rec *borrowed,
                      const char **id)
{
    if (borrowed != r) {
        if (id != NULL && *id != NULL) {
            *id = apr_pstrdup(r->pool, *id);
        }
        apr_pool_destroy(borrowed->pool);
    }
}

void locks_dbd_borrow_briefly(request_rec *r)
{
    locks_request_notes(r)->borrows_briefly = 1;
}

/** mod_dbd keeps a request's connection in the first request of its chain. */
int locks_dbd_is_held(request_rec *r)
{
    module *dbd = ap_find_linked_module("mod_dbd.c");

    return dbd != NULL &&
           ap_get_module_config(locks_first_request(r)->request_config, dbd) !=
               NULL;
}

static void retrieve(void)
{
    acquire = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_acquire);
}

void locks_dbd_register_hooks(void)
{
    ap_hook_optional_fn_retrieve(retrieve, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(dbd, post_connect, note_parameters, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

/** A statement prepared on one connection. */
typedef struct statement_t {
    apr_dbd_prepared_t *prepared;
    /** Holds the statement alone: destroying it frees the statement. */
    apr_pool_t *pool;
    /** Its name at a server that names statements. */
    const char *label;
    /** Tells this statement's label from those of its predecessors. */
    unsigned int generation;
} statement_t;

/** One of the three queries, and what it is asked about. */
typedef struct query_t {
    const char *directive;
    const char *sql;
    int count;
    const char **arguments;
} query_t;

/** Whether the connection is one of this driver, or of a later version. */
static int is_driver(const ap_dbd_t *connection, const char *name)
{
    return strncmp(apr_dbd_name(connection->driver), name, strlen(name)) == 0;
}

/** Explains a failure to the administrator. */
static apr_status_t failed(request_rec *r, const ap_dbd_t *connection,
                           const query_t *query, int error)
{
    const char *text =
        connection != NULL
            ? apr_dbd_error(connection->driver, connection->handle, error)
            : (acquire != NULL ? "no connection, for the reason that mod_dbd "
                                 "has just logged"
                               : "mod_dbd is not loaded");

    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "locks: the course database did not answer %s \"%s\": %s; "
                  "check DBDriver, DBDParams and the query, and that the "
                  "tables of schema.sql exist",
                  query->directive, query->sql,
                  text != NULL && *text != '\0' ? text : "unknown error");
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

/** Frees a statement, here and at the server. */
static void forget(const ap_dbd_t *connection, statement_t *statement)
{
    int rows;

    if (statement->prepared != NULL && is_driver(connection, "pgsql")) {
        /* Its driver leaves that to the connection's end, and a connection
         * lives long. A server that was restarted does not know it, which
         * does no harm. */
        apr_dbd_query(connection->driver, connection->handle, &rows,
                      apr_pstrcat(statement->pool, "DEALLOCATE ",
                                  statement->label, NULL));
    }
    statement->prepared = NULL;
    if (statement->pool != NULL) {
        apr_pool_destroy(statement->pool);
        statement->pool = NULL;
    }
}

/** Prepares a statement; 0 or the driver's error. */
static int prepare(const ap_dbd_t *connection, statement_t *statement,
                   const char *query)
{
    int error;

    forget(connection, statement);
    apr_pool_create(&statement->pool, connection->pool);
    /* PostgreSQL wants labels that differ on one connection. */
    statement->label = apr_psprintf(statement->pool, "locks_%pp_%u",
                                    (void *)statement, ++statement->generation);
    error =
        apr_dbd_prepare(connection->driver, statement->pool, connection->handle,
                        query, statement->label, &statement->prepared);
    if (error != 0) {
        statement->prepared = NULL;
    }
    return error;
}

/** Asks once, with a statement that is prepared if it is not yet; 0 or the
 *  driver's error. */
static int ask_once(request_rec *r, const ap_dbd_t *connection,
                    statement_t *statement, const query_t *query,
                    apr_dbd_results_t **rows)
{
    int error = 0;

    if (statement->prepared == NULL) {
        error = prepare(connection, statement, query->sql);
    }
    if (error == 0) {
        /* Random access: without it PostgreSQL's driver sleeps on an empty
         * result. */
        error = apr_dbd_pselect(connection->driver, r->pool, connection->handle,
                                rows, statement->prepared, 1, query->count,
                                query->arguments);
    }
    return error;
}

/** Connects anew if the connection was lost. */
static int is_connected(request_rec *r, const ap_dbd_t *connection)
{
    apr_status_t rv =
        apr_dbd_check_conn(connection->driver, r->pool, connection->handle);

    return rv == APR_SUCCESS || rv == APR_ENOTIMPL;
}

/** What took longer was no statement or connection that was lost before, but
 *  a query that the database gave up: asking again would take as long. */
#define LOST_IS_TOLD_WITHIN apr_time_from_msec(250)

/** Asks on one connection; 0 or the driver's error. Asks twice if the first
 *  time failed at once: a database that was restarted has ended the
 *  connection and forgotten the statements, and nobody noticed since. */
static int ask_on(request_rec *r, const ap_dbd_t *connection,
                  const query_t *query, apr_dbd_results_t **rows)
{
    statement_t *statement = statement_for(connection, query->sql);
    apr_time_t started = locks_deadline_now();
    int error = ask_once(r, connection, statement, query, rows);

    if (error == 0 || locks_deadline_now() - started > LOST_IS_TOLD_WITHIN ||
        !is_connected(r, connection)) {
        return error;
    }
    forget(connection, statement);
    return ask_once(r, connection, statement, query, rows);
}

static apr_status_t close_connection(void *data)
{
    const ap_dbd_t *connection = data;

    apr_dbd_close(connection->driver, connection->handle);
    return APR_SUCCESS;
}

/**
 * Opens a connection for this request alone, where the one from mod_dbd's
 * pool is of no use: SQLite goes on with a file that was replaced under its
 * name, and mod_dbd cannot tell. NULL if there is none to be had. Never for
 * databases that are servers: what those can bear is for DBDMax to say.
 */
static const ap_dbd_t *open_fresh(request_rec *r, const ap_dbd_t *stale)
{
    ap_dbd_t *fresh = apr_pcalloc(r->pool, sizeof(*fresh));
    void *parameters = NULL;

    apr_pool_userdata_get(&parameters, PARAMETERS, stale->pool);
    fresh->driver = stale->driver;
    fresh->prepared = apr_hash_make(r->pool);
    if (parameters == NULL ||
        apr_pool_create(&fresh->pool, r->pool) != APR_SUCCESS ||
        apr_dbd_open_ex(fresh->driver, fresh->pool, parameters, &fresh->handle,
                        NULL) != APR_SUCCESS) {
        return NULL;
    }
    apr_pool_cleanup_register(fresh->pool, fresh, close_connection,
                              apr_pool_cleanup_null);
    return fresh;
}

/** Asks one of the three queries. */
static apr_status_t ask(request_rec *r, const ap_dbd_t **connection,
                        apr_dbd_results_t **rows, const query_t *query)
{
    const ap_dbd_t *fresh;
    int error;

    *rows = NULL;
    *connection = acquire != NULL ? acquire(r) : NULL;
    if (*connection == NULL) {
        (void)failed(r, NULL, query, 0);
        return APR_EGENERAL;
    }
    error = ask_on(r, *connection, query, rows);
    if (error != 0 && is_driver(*connection, "sqlite") &&
        (fresh = open_fresh(r, *connection)) != NULL) {
        *connection = fresh;
        error = ask_on(r, fresh, query, rows);
    }
    return error == 0 ? APR_SUCCESS : failed(r, *connection, query, error);
}

/** What apr_dbd_get_row() returns after the last row. */
#define NO_MORE_ROWS (-1)

/** Copies the first column of a row, where the driver ends it with a 0; NULL
 *  becomes "", which is no ID. */
static const char *ended_text(request_rec *r, const ap_dbd_t *connection,
                              apr_dbd_row_t *row)
{
    const char *entry = apr_dbd_get_entry(connection->driver, row, 0);

    return entry != NULL ? apr_pstrdup(r->pool, entry) : "";
}

/**
 * Copies the first column of a row by its length: the library below MySQL's
 * driver does not end a BLOB, which is followed by whatever was in memory.
 * NULL becomes "", and so does what has a 0 inside; of what is too long for an
 * ID enough is left to tell.
 */
static const char *counted_text(request_rec *r, const ap_dbd_t *connection,
                                apr_dbd_row_t *row)
{
    apr_bucket_brigade *value =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_size_t length = LOCKS_RESOURCE_ID_MAX + 1;
    char *text = apr_palloc(r->pool, length + 1);

    if (apr_dbd_datum_get(connection->driver, row, 0, APR_DBD_TYPE_BLOB,
                          value) != APR_SUCCESS ||
        apr_brigade_flatten(value, text, &length) != APR_SUCCESS ||
        memchr(text, '\0', length) != NULL) {
        length = 0;
    }
    text[length] = '\0';
    apr_brigade_destroy(value);
    return text;
}

/** Reads the first column of a row; APR_NOTFOUND if there is no such row.
 *  Rows count from 1. */
static apr_status_t first_column(request_rec *r, const ap_dbd_t *connection,
                                 apr_dbd_results_t *rows, int number,
                                 const query_t *query, const char **text)
{
    apr_dbd_row_t *row = NULL;
    int error =
        apr_dbd_get_row(connection->driver, r->pool, rows, &row, number);

    if (error != 0) {
        return error == NO_MORE_ROWS ? APR_NOTFOUND
                                     : failed(r, connection, query, error);
    }
    *text = is_driver(connection, "mysql") ? counted_text(r, connection, row)
                                           : ended_text(r, connection, row);
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

static apr_status_t find_course(const char **course_id, request_rec *r,
                                const char *key)
{
    const char *sql = locks_server_config(r->server)->course_query;
    const char *arguments[LOCKS_COURSE_QUERY_ARGUMENTS_MAX];
    const query_t query = {"LocksCourseQuery", sql, locks_count_arguments(sql),
                           arguments};
    const ap_dbd_t *connection;
    apr_dbd_results_t *rows;
    const char *id;
    apr_status_t rv;
    int i;

    for (i = 0; i < LOCKS_COURSE_QUERY_ARGUMENTS_MAX; i++) {
        arguments[i] = key;
    }
    rv = ask(r, &connection, &rows, &query);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = first_column(r, connection, rows, 1, &query, course_id);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* The course whose ID the key is wins over one whose internal ID it is. */
    for (i = 2; (rv = first_column(r, connection, rows, i, &query, &id)) ==
                APR_SUCCESS;
         i++) {
        if (strcmp(id, key) == 0) {
            *course_id = id;
        }
    }
    if (rv != APR_NOTFOUND) {
        return rv;
    }
    return locks_course_id_valid(*course_id)
               ? APR_SUCCESS
               : unusable(r, query.directive,
                          "a course ID, that is 6 to 255 of a-z and 0-9");
}

/** Asks a query about two things. */
static apr_status_t ask_pair(const char **column, request_rec *r,
                             const char *directive, const char *sql,
                             const char *first, const char *second)
{
    const char *arguments[] = {first, second};
    const query_t query = {directive, sql, 2, arguments};
    const ap_dbd_t *connection;
    apr_dbd_results_t *rows;
    apr_status_t rv = ask(r, &connection, &rows, &query);

    return rv == APR_SUCCESS
               ? first_column(r, connection, rows, 1, &query, column)
               : rv;
}

static apr_status_t find_gadget(const char **canonical, request_rec *r,
                                const char *course_id, const char *gadget_id)
{
    const char *directive = "LocksGadgetQuery";
    apr_status_t rv = ask_pair(canonical, r, directive,
                               locks_server_config(r->server)->gadget_query,
                               course_id, gadget_id);

    if (rv == APR_SUCCESS && !locks_resource_id_valid(*canonical)) {
        rv = unusable(r, directive,
                      "a gadget ID, that is 1 to 255 bytes of UTF-8 without "
                      "control characters");
    }
    return rv;
}

/* ---- The provider ---- */

static apr_status_t dbd_course(const char **course_id, struct request_rec *r,
                               const char *key, const char *principal)
{
    request_rec *borrowing = borrower(r);
    apr_status_t rv;

    (void)principal;
    *course_id = NULL;
    rv = find_course(course_id, borrowing, key);
    give_back(r, borrowing, course_id);
    return rv;
}

static apr_status_t dbd_access(struct request_rec *r, const char *course_id,
                               const char *principal)
{
    request_rec *borrowing = borrower(r);
    const char *column;
    apr_status_t rv = ask_pair(&column, borrowing, "LocksAccessQuery",
                               locks_server_config(r->server)->access_query,
                               course_id, principal);

    give_back(r, borrowing, NULL);
    return rv;
}

static apr_status_t dbd_gadget(const char **canonical, struct request_rec *r,
                               const char *course_id, const char *gadget_id,
                               const char *principal)
{
    request_rec *borrowing = borrower(r);
    apr_status_t rv;

    (void)principal;
    *canonical = NULL;
    rv = find_gadget(canonical, borrowing, course_id, gadget_id);
    give_back(r, borrowing, canonical);
    return rv;
}

static const char *dbd_scope(struct request_rec *r)
{
    return locks_server_config(r->server)->queries_digest;
}

const locks_catalog_provider_t locks_dbd_catalog = {
    .course = dbd_course,
    .access = dbd_access,
    .gadget = dbd_gadget,
    .scope = dbd_scope,
};
