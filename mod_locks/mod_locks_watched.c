/* SPDX-License-Identifier: Apache-2.0 */
/* Which stores there are to watch, and where what is known of their servers
 * stands. */
#include "mod_locks_shared.h"

#include <apr_strings.h>
#include <http_log.h>

APLOG_USE_MODULE(locks);

locks_watched_store_t *locks_watched_find(const apr_array_header_t *all,
                                          const locks_store_t *store)
{
    int i;

    for (i = 0; i < all->nelts; i++) {
        locks_watched_store_t *watched =
            APR_ARRAY_IDX(all, i, locks_watched_store_t *);

        if (watched->store == store) {
            return watched;
        }
    }
    return NULL;
}

/** Which records of servers this configuration uses, and the stores found. */
typedef struct registry_t {
    apr_array_header_t *stores;
    locks_shared_t *shared;
    char in_use[LOCKS_SHARED_SERVERS];
    apr_pool_t *pool;
} registry_t;

/** The record of a store's server: known again after a restart if store, prefix
 *  and the server's place in it are the same. */
static locks_watched_server_t *record_for(registry_t *registry,
                                          const locks_watched_store_t *watched,
                                          int number)
{
    const char *text =
        apr_psprintf(registry->pool, "%s\n%s\n%d", watched->address,
                     watched->has_locks ? watched->rules->prefix : "", number);

    return locks_shared_server(
        registry->shared, locks_digest(text, registry->pool), registry->in_use);
}

/** Finds the records of a store's servers; none if there are too many. */
static void find_records(registry_t *registry, locks_watched_store_t *watched)
{
    int count = watched->store->servers;
    int i;

    watched->servers = apr_palloc(
        registry->pool, (apr_size_t)count * sizeof(*watched->servers));
    for (i = 0; i < count; i++) {
        watched->servers[i] = record_for(registry, watched, i);
        if (watched->servers[i] == NULL) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, watched->server,
                         "locks: more than %d servers in all stores: those of "
                         "%s are not watched",
                         LOCKS_SHARED_SERVERS, watched->address);
            watched->servers = NULL;
            return;
        }
        /* What is wrong with it is said again after each restart. */
        atomic_store(&watched->servers[i]->trouble, 0);
        atomic_store(&watched->servers[i]->looked, 0);
        atomic_store(&watched->servers[i]->examined, 0);
    }
}

static void add_store(registry_t *registry, locks_store_t *store,
                      const char *address, int has_locks, server_rec *server)
{
    locks_watched_store_t *watched =
        locks_watched_find(registry->stores, store);
    int is_named =
        !has_locks || !locks_server_config(server)->has_default_store;

    if (watched != NULL) {
        watched->is_named |= is_named;
        return;
    }
    watched = apr_pcalloc(registry->pool, sizeof(*watched));
    watched->store = store;
    watched->address = address;
    watched->rules = &locks_server_config(server)->rules;
    watched->server = server;
    watched->has_locks = has_locks;
    watched->is_named = is_named;
    APR_ARRAY_PUSH(registry->stores, locks_watched_store_t *) = watched;
    find_records(registry, watched);
}

int locks_watched_configure(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server)
{
    registry_t registry = {.shared = locks_shared(main_server), .pool = pconf};
    server_rec *server;

    (void)plog;
    (void)ptemp;
    registry.stores = apr_array_make(pconf, 2, sizeof(locks_watched_store_t *));
    /* Those with locks first: a store that has sessions too counts as one. */
    for (server = main_server; server != NULL; server = server->next) {
        const locks_server_config_t *config = locks_server_config(server);

        add_store(&registry, config->store, config->store_address, 1, server);
    }
    for (server = main_server; server != NULL; server = server->next) {
        locks_server_config_t *config =
            ap_get_module_config(server->module_config, &locks_module);

        if (config->session_store != config->store) {
            add_store(&registry, config->session_store,
                      config->session_store_address, 0, server);
        }
        config->watched_stores = registry.stores;
    }
    return OK;
}

const apr_array_header_t *locks_watched_stores(const server_rec *server,
                                               apr_pool_t *pool)
{
    const locks_server_config_t *config = locks_server_config(server);
    apr_array_header_t *own =
        apr_array_make(pool, 2, sizeof(locks_watched_store_t *));

    APR_ARRAY_PUSH(own, locks_watched_store_t *) =
        locks_watched_find(config->watched_stores, config->store);
    if (config->session_store != config->store) {
        APR_ARRAY_PUSH(own, locks_watched_store_t *) =
            locks_watched_find(config->watched_stores, config->session_store);
    }
    return own;
}
