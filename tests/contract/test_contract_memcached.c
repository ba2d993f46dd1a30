/* SPDX-License-Identifier: Apache-2.0 */
/* The store on memcached keeps the contract: over TCP, over a Unix socket,
 * and on a pool of three servers. */
#include "contract.h"
#include "locks_memcached.h"
#include "servers.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

/** Long, so that a busy machine does not fail the suite. */
#define TIMEOUT apr_time_from_sec(5)

static const char *addresses;

static locks_store_t *make(apr_pool_t *pool)
{
    locks_store_t *store = NULL;

    ck_assert_ptr_null(
        locks_memcached_provider.create(&store, addresses, TIMEOUT, pool));
    ck_assert_int_eq(locks_memcached_provider.start(store, 4, pool),
                     APR_SUCCESS);
    return store;
}

static void pass(locks_store_t *store, int seconds)
{
    (void)store;
    apr_sleep(apr_time_from_sec(seconds));
}

static int run(const char *name, const char *arguments)
{
    contract_target_t target = {name, make, pass};

    addresses = arguments;
    return contract_run(contract_suite(&target));
}

int main(void)
{
    static const char *const options[] = {"-m", "64", NULL};
    apr_pool_t *pool;
    server_t *server;
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    server = server_start(pool, options);
    failed = run("memcached over TCP", server->address);
    failed |=
        run("memcached over a Unix socket", server_start_unix(pool)->address);
    server_restart(server);
    failed |= run("a pool of three",
                  apr_pstrcat(pool, server->address, ",",
                              server_start(pool, options)->address, ",",
                              server_start_unix(pool)->address, NULL));
    apr_pool_destroy(pool);
    apr_terminate();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
