/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips to memcached and nothing else, before a request is handled: what
 * remains of a server's speed then is the most that a module can reach which
 * takes as many through libmemcached.
 *
 *   BenchStore path key    memcached's unix socket, and what to read there
 *   BenchTrips number      reads it that many times, in a row
 */
#include <httpd.h>

#include <apr_strings.h>
#include <http_config.h>
#include <http_request.h>

#include <libmemcached/memcached.h>

#include <string.h>

module AP_MODULE_DECLARE_DATA bench_trips_module;

typedef struct trips_t {
    int count;
} trips_t;

static const char *store_path = "";
static const char *store_key = "";

/** Each thread has a connection, which ends with the process. */
static __thread memcached_st *store;
/** Of the last trip; one that the library made for itself would be a new one
 *  for each. */
static __thread memcached_result_st result;

static memcached_st *open_store(void)
{
    memcached_st *opened = memcached_create(NULL);

    memcached_server_add_unix_socket(opened, store_path);
    memcached_behavior_set(opened, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
    memcached_result_create(opened, &result);
    return opened;
}

static int make_trip(void)
{
    size_t length = strlen(store_key);
    memcached_return_t code = memcached_mget(store, &store_key, &length, 1);
    int values = 0;

    while (code == MEMCACHED_SUCCESS &&
           memcached_fetch_result(store, &result, &code) != NULL) {
        values++;
    }
    return values == 1;
}

static int fixups(request_rec *r)
{
    const trips_t *trips =
        ap_get_module_config(r->per_dir_config, &bench_trips_module);
    int i;

    if (trips->count > 0 && store == NULL) {
        store = open_store();
    }
    for (i = 0; i < trips->count; i++) {
        if (!make_trip()) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return DECLINED;
}

static void *create_trips(apr_pool_t *pool, char *path)
{
    (void)path;
    return apr_pcalloc(pool, sizeof(trips_t));
}

static const char *set_store(cmd_parms *command, void *config, const char *path,
                             const char *key)
{
    (void)command;
    (void)config;
    store_path = path;
    store_key = key;
    return NULL;
}

static const char *set_trips(cmd_parms *command, void *config,
                             const char *number)
{
    trips_t *trips = config;

    (void)command;
    trips->count = (int)apr_strtoi64(number, NULL, 10);
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE2("BenchStore", set_store, NULL, RSRC_CONF,
                  "memcached's unix socket, and the key to read"),
    AP_INIT_TAKE1("BenchTrips", set_trips, NULL, ACCESS_CONF,
                  "how many round trips"),
    {NULL},
};

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_FIRST);
}

AP_DECLARE_MODULE(bench_trips) = {
    STANDARD20_MODULE_STUFF, create_trips, NULL, NULL, NULL, directives,
    register_hooks,
};
