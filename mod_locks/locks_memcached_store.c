/* SPDX-License-Identifier: Apache-2.0 */

#include "locks_memcached.h"

#include "locks_memcached_examine.h"
#include "locks_memcached_fetch.h"

#include <apr_strings.h>
#include <string.h>

/** The longest lifetime in seconds: memcached takes more for a date. */
#define LIFETIME_MAX (30 * 24 * 3600)

/** A value to store. */
typedef struct write_t {
    const char *key;
    const char *value;
    apr_size_t length;
    /** 0: add; else the CAS value that the present one must have. */
    apr_uint64_t cas;
    apr_uint32_t lifetime;
} write_t;

/** The first server that others than this host may reach; NULL if none. */
static const locks_address_t *exposed(const apr_array_header_t *addresses)
{
    int i;

    for (i = 0; i < addresses->nelts; i++) {
        const locks_address_t *address =
            &APR_ARRAY_IDX(addresses, i, locks_address_t);

        if (!locks_address_is_local(address)) {
            return address;
        }
    }
    return NULL;
}

static const char *caution(const apr_array_header_t *addresses,
                           apr_pool_t *pool)
{
    const locks_address_t *address = exposed(addresses);

    return address == NULL
               ? NULL
               : apr_psprintf(pool,
                              "memcached %s is reached over the network: "
                              "whoever else reaches it can forge sessions and "
                              "locks; let a firewall admit the httpd hosts "
                              "alone, or use a socket or the loopback",
                              address->name);
}

static const char *create(locks_store_t **store, const char *arguments,
                          apr_interval_time_t timeout, apr_pool_t *pool)
{
    locks_memcached_store_t *created = apr_pcalloc(pool, sizeof(*created));
    apr_array_header_t *addresses;
    const char *error =
        locks_address_parse(&addresses, arguments, strlen(arguments), pool);

    *store = NULL;
    if (error == NULL && timeout <= 0) {
        error = "the store's timeout must be greater than 0";
    }
    if (error != NULL) {
        return error;
    }
    created->base.provider = &locks_memcached_provider;
    created->base.servers = addresses->nelts;
    created->base.caution = caution(addresses, pool);
    created->addresses = addresses;
    created->timeout = timeout;
    created->breakers = apr_pcalloc(pool, (apr_size_t)addresses->nelts *
                                              sizeof(*created->breakers));
    *store = &created->base;
    return NULL;
}

static apr_status_t start(locks_store_t *store, int threads, apr_pool_t *pool)
{
    return locks_memcached_start((locks_memcached_store_t *)store, threads,
                                 pool);
}

static apr_status_t clean_up(void *data)
{
    locks_memcached_release(data);
    return APR_SUCCESS;
}

static locks_store_session_t *open_session(locks_store_t *store,
                                           apr_pool_t *pool)
{
    locks_memcached_session_t *session = apr_pcalloc(pool, sizeof(*session));

    session->base.provider = &locks_memcached_provider;
    session->store = (locks_memcached_store_t *)store;
    session->pool = pool;
    session->reason = "";
    session->timed_out =
        apr_pcalloc(pool, (apr_size_t)session->store->addresses->nelts);
    apr_pool_cleanup_register(pool, session, clean_up, apr_pool_cleanup_null);
    return &session->base;
}

static void close_session(locks_store_session_t *session)
{
    locks_memcached_release((locks_memcached_session_t *)session);
}

static void fetch(locks_store_session_t *session, locks_store_item_t *items,
                  apr_size_t count, locks_store_purpose_e purpose)
{
    locks_memcached_fetch((locks_memcached_session_t *)session, items, count,
                          purpose);
}

/** Why a write must not be sent; NULL if it may. Sets the failure's kind. */
static const char *objection(const write_t *write, locks_store_failure_e *kind)
{
    *kind = LOCKS_STORE_FAILURE_LOCAL;
    if (!locks_memcached_key_valid(write->key)) {
        return "memcached: a key is no key of memcached; is LocksKeyPrefix "
               "too long?";
    }
    if (write->length > LOCKS_STORE_VALUE_MAX) {
        *kind = LOCKS_STORE_FAILURE_REFUSED;
        return "memcached: a record is longer than its items may be; lower "
               "LocksMaxPerCourse";
    }
    if (write->lifetime > LIFETIME_MAX) {
        return "memcached: a lifetime is longer than 30 days";
    }
    return NULL;
}

/** What a write's end means once it was sent: without a plain answer it may
 *  have happened, or may still. */
static apr_status_t outcome(locks_memcached_result_e result)
{
    switch (result) {
    case LOCKS_MEMCACHED_OK:
        return LOCKS_STORE_DONE;
    case LOCKS_MEMCACHED_ABSENT:
        return LOCKS_STORE_ABSENT;
    case LOCKS_MEMCACHED_LOST:
        return LOCKS_STORE_LOST;
    case LOCKS_MEMCACHED_REFUSED:
        return LOCKS_STORE_REFUSED;
    default:
        return LOCKS_STORE_UNKNOWN;
    }
}

static locks_memcached_result_e send_write(locks_memcached_client_t *client,
                                           const write_t *write)
{
    return write->cas == 0
               ? locks_memcached_add(client, write->key, write->value,
                                     write->length, write->lifetime)
               : locks_memcached_cas(client, write->key, write->value,
                                     write->length, write->cas,
                                     write->lifetime);
}

/** Sends a write to its server, after all that may be found out before. */
static apr_status_t talk(locks_memcached_session_t *session, int server,
                         const write_t *write, int *sent)
{
    locks_memcached_client_t *client = locks_memcached_ready(session, server);
    locks_memcached_result_e result;
    apr_status_t status;

    if (client == NULL) {
        return LOCKS_STORE_UNREACHABLE;
    }
    if (write->cas != 0 && !locks_memcached_is_current(client, write->cas)) {
        return LOCKS_STORE_LOST;
    }
    locks_memcached_arm(session);
    result = locks_memcached_connect(client);
    *sent = result == LOCKS_MEMCACHED_OK;
    if (*sent) {
        result = send_write(client, write);
    }
    locks_memcached_disarm(session);
    status = *sent ? outcome(result) : LOCKS_STORE_UNREACHABLE;
    if (status == LOCKS_STORE_UNREACHABLE || status == LOCKS_STORE_UNKNOWN ||
        status == LOCKS_STORE_REFUSED) {
        locks_memcached_failed(session, server, result);
    } else {
        locks_memcached_heard(session, server);
    }
    return status;
}

static apr_status_t store_value(locks_memcached_session_t *session,
                                const write_t *write,
                                locks_store_purpose_e purpose)
{
    locks_store_failure_e kind;
    const char *reason = objection(write, &kind);
    apr_status_t status;
    int server;
    int sent = 0;

    locks_memcached_clear(session);
    if (reason != NULL) {
        locks_memcached_blame(session, kind, reason);
        return LOCKS_STORE_REFUSED;
    }
    server = locks_memcached_server(session->store, write->key);
    if (!locks_memcached_may_ask(session, server, purpose)) {
        return LOCKS_STORE_UNREACHABLE;
    }
    status = locks_memcached_begin(session);
    if (status == APR_SUCCESS) {
        status = talk(session, server, write, &sent);
        locks_memcached_end(session, sent);
    }
    return status;
}

static apr_status_t add(locks_store_session_t *session, const char *key,
                        const char *value, apr_size_t length,
                        apr_uint32_t lifetime, locks_store_purpose_e purpose)
{
    write_t write = {key, value, length, 0, lifetime};

    return store_value((locks_memcached_session_t *)session, &write, purpose);
}

static apr_status_t cas(locks_store_session_t *base, const char *key,
                        const char *value, apr_size_t length,
                        apr_uint64_t cas_value, apr_uint32_t lifetime,
                        locks_store_purpose_e purpose)
{
    locks_memcached_session_t *session = (locks_memcached_session_t *)base;
    write_t write = {key, value, length, cas_value, lifetime};

    if (cas_value == 0) {
        locks_memcached_clear(session);
        locks_memcached_blame(session, LOCKS_STORE_FAILURE_REFUSED,
                              "memcached gives no CAS values; start it "
                              "without -C");
        return LOCKS_STORE_REFUSED;
    }
    return store_value(session, &write, purpose);
}

static const char *reason(const locks_store_session_t *session)
{
    return ((const locks_memcached_session_t *)session)->reason;
}

static void examine(locks_store_session_t *session,
                    locks_store_server_t *servers)
{
    locks_memcached_examine((locks_memcached_session_t *)session, servers);
}

static int place(const locks_store_t *store, const char *key)
{
    return locks_memcached_server((const locks_memcached_store_t *)store, key);
}

static const char *name(const locks_store_t *store, int server)
{
    return APR_ARRAY_IDX(((const locks_memcached_store_t *)store)->addresses,
                         server, locks_address_t)
        .name;
}

const locks_store_provider_t locks_memcached_provider = {
    .create = create,
    .start = start,
    .open = open_session,
    .close = close_session,
    .fetch = fetch,
    .add = add,
    .cas = cas,
    .reason = reason,
    .examine = examine,
    .place = place,
    .name = name,
};
