/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that all processes of this httpd share. It is made before the first
 * child, and kept over restarts, so that counters go on and a store that lost
 * its data in the meantime is noticed. */
#include "mod_locks_shared.h"

#include <apr_escape.h>
#include <apr_general.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

APLOG_USE_MODULE(locks);

/** The name of the memory among what is kept over restarts. Another layout
 *  needs another name: an httpd may load another version of this module at a
 *  restart. */
#define SEGMENT_NAME "mod_locks segment 4"

/** The counters come after the rest. */
static locks_counters_t *counters_in(locks_shared_t *shared)
{
    return locks_counters_in(shared + 1);
}

/** And the turns after those. */
static locks_turns_t *turns_in(locks_shared_t *shared)
{
    return locks_turns_in((char *)(shared + 1) + locks_counters_size());
}

/** Makes a new nonce. */
static apr_status_t make_nonce(locks_shared_t *shared)
{
    unsigned char bytes[LOCKS_NONCE_LENGTH / 2];
    apr_status_t rv = apr_generate_random_bytes(bytes, sizeof(bytes));

    if (rv == APR_SUCCESS) {
        rv = apr_escape_hex(shared->nonce, bytes, sizeof(bytes), 0, NULL);
    }
    return rv;
}

/** Makes the memory. */
static apr_status_t make_segment(locks_shared_t **made, apr_pool_t *pool)
{
    apr_size_t size =
        sizeof(locks_shared_t) + locks_counters_size() + locks_turns_size();
    locks_shared_t *shared;
    apr_shm_t *memory;
    apr_status_t rv = apr_shm_create(&memory, size, NULL, pool);

    *made = NULL;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    shared = apr_shm_baseaddr_get(memory);
    memset(shared, 0, size);
    shared->started = apr_time_now();
    rv = make_nonce(shared);
    if (rv == APR_SUCCESS) {
        rv = locks_turns_begin(turns_in(shared));
    }
    if (rv == APR_SUCCESS) {
        locks_counters_note_minute(counters_in(shared), shared->started);
        *made = shared;
    }
    return rv;
}

/** Finds the memory, or makes it.
 *  @param pool lives as long as httpd's parent process */
static apr_status_t find_segment(locks_shared_t **found, apr_pool_t *pool)
{
    apr_status_t rv;
    void *kept = NULL;

    (void)apr_pool_userdata_get(&kept, SEGMENT_NAME, pool);
    *found = kept;
    if (kept != NULL) {
        return APR_SUCCESS;
    }
    rv = make_segment(found, pool);
    return rv == APR_SUCCESS
               ? apr_pool_userdata_set(*found, SEGMENT_NAME,
                                       apr_pool_cleanup_null, pool)
               : rv;
}

int locks_shared_configure(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *main_server)
{
    locks_shared_t *shared;
    server_rec *server;
    apr_status_t rv = find_segment(&shared, main_server->process->pool);

    (void)pconf;
    (void)plog;
    (void)ptemp;
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, main_server,
                     "locks: no shared memory for counters: does this host "
                     "have memory left?");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (server = main_server; server != NULL; server = server->next) {
        locks_server_config_t *config =
            ap_get_module_config(server->module_config, &locks_module);

        config->shared = shared;
    }
    return OK;
}

locks_shared_t *locks_shared(const server_rec *server)
{
    return locks_server_config(server)->shared;
}

locks_counters_t *locks_counters(const server_rec *server)
{
    return counters_in(locks_shared(server));
}

locks_turns_t *locks_turns(const server_rec *server)
{
    return turns_in(locks_shared(server));
}

/** A record that nobody uses in this configuration; those that were never used
 *  come first. */
static int find_free(const locks_shared_t *shared, const char *in_use)
{
    int unused = -1;
    int i;

    for (i = LOCKS_SHARED_SERVERS - 1; i >= 0; i--) {
        if (!in_use[i] && (unused < 0 || shared->servers[unused].name[0] != 0 ||
                           shared->servers[i].name[0] == '\0')) {
            unused = i;
        }
    }
    return unused;
}

locks_watched_server_t *locks_shared_server(locks_shared_t *shared,
                                            const char *name, char *in_use)
{
    locks_watched_server_t *server;
    int i;

    for (i = 0; i < LOCKS_SHARED_SERVERS; i++) {
        if (strcmp(shared->servers[i].name, name) == 0) {
            in_use[i] = 1;
            return &shared->servers[i];
        }
    }
    i = find_free(shared, in_use);
    if (i < 0) {
        return NULL;
    }
    in_use[i] = 1;
    server = &shared->servers[i];
    memset(server, 0, sizeof(*server));
    apr_cpystrn(server->name, name, sizeof(server->name));
    return server;
}
