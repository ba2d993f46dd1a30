/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for are memcached's "stats settings" and "stats", as its
 * protocol.txt describes them. */

#include "locks_memcached_examine.h"

#include <apr_strings.h>
#include <stddef.h>
#include <string.h>

/** The longest version in bytes. */
#define VERSION_MAX 32

/** What a server has told of itself so far. */
typedef struct statement_t {
    locks_store_server_t *server;
    apr_pool_t *pool;
    /** A bit for each needed value of the group that was told. */
    unsigned told;
    /** Was a needed value told twice, or is it none? */
    int is_wrong;
} statement_t;

/** A group of statistics: its name, NULL for the general ones, and the bits
 *  of all that is needed of it. */
typedef struct group_t {
    const char *name;
    locks_memcached_statistic_fn *take;
    unsigned needed;
} group_t;

/** The general statistics that are numbers, and where they go. */
static const struct {
    const char *name;
    apr_size_t offset;
} counts[] = {
    {"evictions", offsetof(locks_store_server_t, evictions)},
    {"curr_items", offsetof(locks_store_server_t, items)},
    {"bytes", offsetof(locks_store_server_t, bytes)},
    {"limit_maxbytes", offsetof(locks_store_server_t, bytes_limit)},
    {"curr_connections", offsetof(locks_store_server_t, connections)},
};

#define COUNTS ((int)(sizeof(counts) / sizeof(counts[0])))

/* The bits that the groups' values have in a statement. */
enum { EVICTIONS, CAS_ENABLED, SETTINGS };
enum { VERSION = COUNTS, UPTIME, STATISTICS };

/* ---- Values ---- */

/** Notes that a value was told, and whether it may be believed. */
static void note(statement_t *statement, int bit, int is_fine)
{
    if (!is_fine || (statement->told & 1u << bit) != 0) {
        statement->is_wrong = 1;
    }
    statement->told |= 1u << bit;
}

static int read_switch(int *is_on, const char *value, const char *on,
                       const char *off)
{
    *is_on = strcmp(value, on) == 0;
    return *is_on || strcmp(value, off) == 0;
}

static int read_count(apr_uint64_t *count, const char *value)
{
    const char *c;

    *count = 0;
    for (c = value; *c >= '0' && *c <= '9'; c++) {
        unsigned digit = (unsigned)(*c - '0');

        if (*count > (APR_UINT64_MAX - digit) / 10) {
            return 0;
        }
        *count = *count * 10 + digit;
    }
    return c != value && *c == '\0';
}

/** memcached counts seconds. */
static int read_uptime(apr_interval_time_t *uptime, const char *value)
{
    apr_uint64_t seconds;

    if (!read_count(&seconds, value) ||
        seconds > APR_INT64_MAX / APR_USEC_PER_SEC) {
        return 0;
    }
    *uptime = apr_time_from_sec((apr_interval_time_t)seconds);
    return 1;
}

/** Printable ASCII only: it goes into logs and pages. */
static int read_version(const char **version, const char *value,
                        apr_pool_t *pool)
{
    apr_size_t length;

    for (length = 0; value[length] != '\0'; length++) {
        if (value[length] <= ' ' || value[length] > '~' ||
            length == VERSION_MAX) {
            return 0;
        }
    }
    *version = apr_pstrdup(pool, value);
    return length > 0;
}

static void take_setting(void *baton, const char *name, const char *value)
{
    statement_t *statement = baton;
    locks_store_server_t *server = statement->server;

    if (strcmp(name, "evictions") == 0) {
        note(statement, EVICTIONS,
             read_switch(&server->may_evict, value, "on", "off"));
    } else if (strcmp(name, "cas_enabled") == 0) {
        note(statement, CAS_ENABLED,
             read_switch(&server->gives_cas, value, "yes", "no"));
    }
}

static void take_statistic(void *baton, const char *name, const char *value)
{
    statement_t *statement = baton;
    locks_store_server_t *server = statement->server;
    int i;

    for (i = 0; i < COUNTS; i++) {
        if (strcmp(name, counts[i].name) == 0) {
            void *count = (char *)server + counts[i].offset;

            note(statement, i, read_count(count, value));
        }
    }
    if (strcmp(name, "version") == 0) {
        note(statement, VERSION,
             read_version(&server->version, value, statement->pool));
    } else if (strcmp(name, "uptime") == 0) {
        note(statement, UPTIME, read_uptime(&server->uptime, value));
    }
}

static const group_t settings = {
    .name = "settings",
    .take = take_setting,
    .needed = (1u << SETTINGS) - 1,
};

static const group_t statistics = {
    .name = NULL,
    .take = take_statistic,
    .needed = (1u << STATISTICS) - 1,
};

/* ---- Questions ---- */

/** Nothing is known of a server until it has told all. */
static void forget(locks_store_server_t *server, const char *name)
{
    memset(server, 0, sizeof(*server));
    server->name = name;
    server->status = LOCKS_STORE_UNREACHABLE;
    server->reason = "";
    server->version = "";
}

static locks_memcached_result_e ask(locks_memcached_client_t *client,
                                    const group_t *group,
                                    statement_t *statement)
{
    locks_memcached_result_e result;

    statement->told = 0;
    statement->is_wrong = 0;
    result =
        locks_memcached_statistics(client, group->name, group->take, statement);
    if (result == LOCKS_MEMCACHED_OK &&
        (statement->is_wrong || statement->told != group->needed)) {
        result = locks_memcached_reject(client);
    }
    return result;
}

static locks_memcached_result_e talk(locks_memcached_session_t *session,
                                     locks_memcached_client_t *client,
                                     statement_t *statement, int *sent)
{
    locks_memcached_result_e result = locks_memcached_connect(client);
    apr_time_t asked;

    *sent = result == LOCKS_MEMCACHED_OK;
    if (result == LOCKS_MEMCACHED_OK) {
        result = ask(client, &settings, statement);
    }
    if (result == LOCKS_MEMCACHED_OK) {
        locks_memcached_returned(session);
        asked = locks_deadline_now();
        result = ask(client, &statistics, statement);
        statement->server->round_trip = locks_deadline_now() - asked;
    }
    return result;
}

/**
 * Asks one server, on a connection of its own: the library does not say
 * whether an answer was read to its end, and what may be left of it must not
 * meet another operation. So the session's own connection stays as it is, and
 * with it the CAS values that were read on it.
 */
static void question(locks_memcached_session_t *session, int number,
                     locks_store_server_t *server)
{
    locks_memcached_client_t **place = &session->set->clients[number];
    locks_memcached_client_t *kept = *place;
    locks_store_server_t found = *server;
    statement_t statement = {.server = &found, .pool = session->pool};
    locks_memcached_result_e result;
    int sent = 0;

    *place = locks_memcached_client(
        &APR_ARRAY_IDX(session->store->addresses, number, locks_address_t),
        session->pool);
    if (locks_memcached_ready(session, number) != NULL) {
        locks_memcached_arm(session);
        result = talk(session, *place, &statement, &sent);
        locks_memcached_disarm(session);
        if (result == LOCKS_MEMCACHED_OK) {
            found.status = LOCKS_STORE_DONE;
            *server = found;
            locks_memcached_heard(session, number);
        } else {
            locks_memcached_failed(session, number, result);
        }
        locks_memcached_close(*place);
    }
    *place = kept;
    locks_memcached_end(session, sent);
}

/** An operation for each server: each is judged for itself. */
void locks_memcached_examine(locks_memcached_session_t *session,
                             locks_store_server_t *servers)
{
    const apr_array_header_t *addresses = session->store->addresses;
    int i;

    for (i = 0; i < addresses->nelts; i++) {
        locks_store_server_t *server = &servers[i];

        forget(server, APR_ARRAY_IDX(addresses, i, locks_address_t).name);
        locks_memcached_clear(session);
        if (locks_memcached_may_ask(session, i, LOCKS_STORE_ORDINARY) &&
            locks_memcached_begin(session) == APR_SUCCESS) {
            locks_memcached_leave_time(session, addresses->nelts - i - 1);
            question(session, i, server);
        }
        server->is_left_alone =
            locks_breaker_is_open(&session->store->breakers[i]);
        if (server->status != LOCKS_STORE_DONE) {
            server->reason = session->reason;
        }
    }
}
