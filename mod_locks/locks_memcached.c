/* SPDX-License-Identifier: Apache-2.0 */
/* The one file that knows libmemcached, and where its traps are kept. */

#include "locks_memcached_client.h"

#include <apr_errno.h>
#include <apr_strings.h>
#include <libmemcached/memcached.h>
#include <string.h>

struct locks_memcached_client_t {
    const locks_address_t *address;
    /** NULL while the client is closed. */
    memcached_st *library;
    /** Our own memory: a result that the library allocated it also frees at
     *  the end of the answers. */
    memcached_result_st result;
    int connected;
    int answered;
    /** How often the client was opened: tells its connections apart. */
    apr_uint16_t opened;
    /** How the last step that failed ended, and errno's value of it. */
    memcached_return_t code;
    int error;
};

/** Where a CAS value has the number of the connection that it was read on.
 *  memcached counts them from 1 at each start, so its own never get there. */
#define CONNECTION_SHIFT 48

/** More lines of statistics than any memcached has: some 100. */
#define STATISTICS_MAX 1000

/** Statistics on their way to who asked for them. */
typedef struct statistics_t {
    locks_memcached_client_t *client;
    locks_memcached_statistic_fn *take;
    void *baton;
    int count;
} statistics_t;

struct locks_memcached_ring_t {
    memcached_st *library;
};

/** Adds a server under the name that other clients know it by, since on a
 *  ring its name decides a server's place. For sockets that is what the
 *  library's own function for them gives: a port of 0. */
static int add_server(memcached_st *library, const locks_address_t *address)
{
    memcached_return_t code =
        address->path != NULL
            ? memcached_server_add_unix_socket(library, address->path)
            : memcached_server_add(library, address->host, address->port);

    return code == MEMCACHED_SUCCESS;
}

static int set(memcached_st *library, memcached_behavior_t behavior,
               apr_uint64_t value)
{
    return memcached_behavior_set(library, behavior, value) ==
           MEMCACHED_SUCCESS;
}

locks_memcached_client_t *locks_memcached_client(const locks_address_t *address,
                                                 apr_pool_t *pool)
{
    locks_memcached_client_t *client = apr_pcalloc(pool, sizeof(*client));

    client->address = address;
    return client;
}

/** No timeouts for sending and receiving are set: the library's sockets
 *  never block, it waits in poll() alone. */
apr_status_t locks_memcached_open(locks_memcached_client_t *client)
{
    memcached_st *library;

    if (client->library != NULL) {
        return APR_SUCCESS;
    }
    library = memcached_create(NULL);
    if (library == NULL) {
        return APR_ENOMEM;
    }
    if (!add_server(library, client->address) ||
        !set(library, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1) ||
        !set(library, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1) ||
        memcached_result_create(library, &client->result) == NULL) {
        memcached_free(library);
        return APR_ENOMEM;
    }
    client->library = library;
    client->connected = 0;
    client->answered = 0;
    client->opened++;
    return APR_SUCCESS;
}

void locks_memcached_close(locks_memcached_client_t *client)
{
    if (client->library == NULL) {
        return;
    }
    /* Freeing says "quit", and would wait for a server that does not read. */
    locks_memcached_limit(client, 0);
    memcached_result_free(&client->result);
    memcached_free(client->library);
    client->library = NULL;
}

int locks_memcached_answered(const locks_memcached_client_t *client)
{
    return client->library != NULL && client->answered;
}

/** Stores two aligned words that the library reads anew before each wait, so
 *  doing it from another thread takes effect from the next wait on. */
void locks_memcached_limit(locks_memcached_client_t *client,
                           apr_int32_t milliseconds)
{
    if (client->library != NULL) {
        (void)set(client->library, MEMCACHED_BEHAVIOR_POLL_TIMEOUT,
                  (apr_uint64_t)milliseconds);
        (void)set(client->library, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT,
                  (apr_uint64_t)milliseconds);
    }
}

/** What a code of the library means. */
static locks_memcached_result_e meaning(memcached_return_t code)
{
    switch (code) {
    case MEMCACHED_SUCCESS:
    case MEMCACHED_STORED:
        return LOCKS_MEMCACHED_OK;
    case MEMCACHED_NOTFOUND:
        return LOCKS_MEMCACHED_ABSENT;
    case MEMCACHED_NOTSTORED:
    case MEMCACHED_DATA_EXISTS:
        return LOCKS_MEMCACHED_LOST;
    case MEMCACHED_E2BIG:
    case MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE:
        return LOCKS_MEMCACHED_REFUSED;
    case MEMCACHED_TIMEOUT:
        return LOCKS_MEMCACHED_TIMEOUT;
    case MEMCACHED_FAILURE:
    case MEMCACHED_SOME_ERRORS:
    case MEMCACHED_ERRNO:
    case MEMCACHED_CONNECTION_FAILURE:
    case MEMCACHED_WRITE_FAILURE:
    case MEMCACHED_READ_FAILURE:
    case MEMCACHED_HOST_LOOKUP_FAILURE:
    case MEMCACHED_MEMORY_ALLOCATION_FAILURE:
        return LOCKS_MEMCACHED_BROKEN;
    default:
        return LOCKS_MEMCACHED_NONSENSE;
    }
}

/** Keeps why a step failed, for locks_memcached_fault(). */
static locks_memcached_result_e failed(locks_memcached_client_t *client,
                                       memcached_return_t code,
                                       locks_memcached_result_e result)
{
    client->code = code;
    client->error = memcached_last_error_errno(client->library);
    return result;
}

/** A failed step whose code says only that something failed. */
static locks_memcached_result_e broken(locks_memcached_client_t *client,
                                       memcached_return_t code)
{
    memcached_return_t last = memcached_last_error(client->library);
    locks_memcached_result_e result;

    if (last != MEMCACHED_SUCCESS) {
        code = last;
    }
    result = meaning(code);
    return failed(client, code,
                  result == LOCKS_MEMCACHED_TIMEOUT ? result
                                                    : LOCKS_MEMCACHED_BROKEN);
}

/** The library has no function that connects and no more. To tell the size
 *  of a socket's buffer it must, though; that it has one (never of 0 bytes)
 *  is the proof. So for certain nothing was sent if this fails. */
locks_memcached_result_e
locks_memcached_connect(locks_memcached_client_t *client)
{
    if (!client->connected) {
        if (memcached_behavior_get(client->library,
                                   MEMCACHED_BEHAVIOR_SOCKET_SEND_SIZE) == 0) {
            return broken(client, MEMCACHED_CONNECTION_FAILURE);
        }
        client->connected = 1;
    }
    return LOCKS_MEMCACHED_OK;
}

locks_memcached_result_e locks_memcached_ask(locks_memcached_client_t *client,
                                             const char *const *keys,
                                             const apr_size_t *lengths,
                                             apr_size_t count)
{
    memcached_return_t code =
        memcached_mget(client->library, keys, lengths, count);

    return code == MEMCACHED_SUCCESS ? LOCKS_MEMCACHED_OK
                                     : broken(client, code);
}

/** A server that starts anew counts CAS values from 1 again, and ends its
 *  connections: so a CAS value goes with its connection. 0 for none. */
static apr_uint64_t bind_cas(const locks_memcached_client_t *client,
                             apr_uint64_t cas)
{
    return cas == 0 || cas >> CONNECTION_SHIFT != 0
               ? 0
               : cas | (apr_uint64_t)client->opened << CONNECTION_SHIFT;
}

int locks_memcached_is_current(const locks_memcached_client_t *client,
                               apr_uint64_t cas)
{
    return cas >> CONNECTION_SHIFT == client->opened;
}

/** Is there still an answer to come? If not, the library would call a lost
 *  connection the end of the answers. */
static int expects_answer(const locks_memcached_client_t *client)
{
    return memcached_server_response_count(
               memcached_server_instance_by_position(client->library, 0)) > 0;
}

locks_memcached_result_e
locks_memcached_answer(locks_memcached_client_t *client,
                       locks_memcached_value_t *value)
{
    memcached_result_st *result = &client->result;
    memcached_return_t code = MEMCACHED_CONNECTION_FAILURE;
    locks_memcached_result_e meant;

    if (!expects_answer(client)) {
        return failed(client, code, LOCKS_MEMCACHED_BROKEN);
    }
    /* Before the first value the library turns every error, SERVER_ERROR
     * and garbage too, into "not found"; it tells by the count of values.
     * And lines such as "OK" it takes for a value without setting a key. */
    memcached_result_reset(result);
    result->count = 1;
    result->item_key[0] = '\0';
    if (memcached_fetch_result(client->library, result, &code) != NULL &&
        code == MEMCACHED_SUCCESS) {
        value->key = result->item_key;
        value->bytes = memcached_result_value(result);
        value->length = memcached_result_length(result);
        value->cas = bind_cas(client, memcached_result_cas(result));
        return LOCKS_MEMCACHED_OK;
    }
    if (code == MEMCACHED_END) {
        client->answered = 1;
        return LOCKS_MEMCACHED_ABSENT;
    }
    meant = meaning(code);
    return failed(client, code,
                  meant == LOCKS_MEMCACHED_TIMEOUT ||
                          meant == LOCKS_MEMCACHED_BROKEN
                      ? meant
                      : LOCKS_MEMCACHED_NONSENSE);
}

/** What the answer to a write means. */
static locks_memcached_result_e stored(locks_memcached_client_t *client,
                                       memcached_return_t code)
{
    locks_memcached_result_e result = meaning(code);

    if (result == LOCKS_MEMCACHED_OK || result == LOCKS_MEMCACHED_LOST ||
        result == LOCKS_MEMCACHED_ABSENT) {
        client->answered = 1;
        return result;
    }
    return failed(client, code, result);
}

locks_memcached_result_e locks_memcached_add(locks_memcached_client_t *client,
                                             const char *key, const char *value,
                                             apr_size_t length,
                                             apr_uint32_t lifetime)
{
    memcached_return_t code = memcached_add(client->library, key, strlen(key),
                                            value, length, (time_t)lifetime, 0);

    /* An add that found nothing is the answer to something else. */
    return code == MEMCACHED_NOTFOUND
               ? failed(client, code, LOCKS_MEMCACHED_NONSENSE)
               : stored(client, code);
}

locks_memcached_result_e locks_memcached_cas(locks_memcached_client_t *client,
                                             const char *key, const char *value,
                                             apr_size_t length,
                                             apr_uint64_t cas,
                                             apr_uint32_t lifetime)
{
    cas &= ((apr_uint64_t)1 << CONNECTION_SHIFT) - 1;
    return stored(client,
                  memcached_cas(client->library, key, strlen(key), value,
                                length, (time_t)lifetime, 0, cas));
}

locks_memcached_result_e
locks_memcached_reject(locks_memcached_client_t *client)
{
    return failed(client, MEMCACHED_PROTOCOL_ERROR, LOCKS_MEMCACHED_NONSENSE);
}

/** The library reads as long as lines come, whatever is returned here, and
 *  while they come fast no limit of a wait ends it: only the end of the
 *  connection does. */
static memcached_return_t take_line(const memcached_instance_st *server,
                                    const char *name, size_t name_length,
                                    const char *value, size_t value_length,
                                    void *context)
{
    statistics_t *statistics = context;

    (void)server;
    (void)name_length;
    (void)value_length;
    if (++statistics->count < STATISTICS_MAX) {
        statistics->take(statistics->baton, name, value);
    } else {
        memcached_quit(statistics->client->library);
    }
    return MEMCACHED_SUCCESS;
}

/**
 * The library asks for the version first, once for each connection. Of what
 * goes wrong its code says nothing, being SUCCESS whatever the server answers:
 * the last error tells.
 *
 * Its parsers take for granted that "VERSION" and "STAT" are followed by
 * blanks and words, and else run on beyond the line: such a line must not come
 * from a server, as no value's key may be longer than keys are. Only a server
 * that means harm sends it, and that one may as well forge sessions and locks.
 */
locks_memcached_result_e
locks_memcached_statistics(locks_memcached_client_t *client, const char *group,
                           locks_memcached_statistic_fn *take, void *baton)
{
    statistics_t statistics = {.client = client, .take = take, .baton = baton};
    memcached_return_t code =
        memcached_stat_execute(client->library, group, take_line, &statistics);
    memcached_return_t last = memcached_last_error(client->library);
    locks_memcached_result_e meant = meaning(last);

    if (meant == LOCKS_MEMCACHED_TIMEOUT || meant == LOCKS_MEMCACHED_BROKEN) {
        return failed(client, last, meant);
    }
    if (code != MEMCACHED_SUCCESS || last != MEMCACHED_SUCCESS ||
        statistics.count >= STATISTICS_MAX) {
        return locks_memcached_reject(client);
    }
    return LOCKS_MEMCACHED_OK;
}

/** The library's own message may quote what the server sent, and so a key
 *  with a session ID in it: only codes are told. */
const char *locks_memcached_fault(const locks_memcached_client_t *client,
                                  apr_pool_t *pool)
{
    char text[128];

    switch (client->code) {
    case MEMCACHED_TIMEOUT:
        return "no answer in time";
    case MEMCACHED_E2BIG:
        return "the value is too large for it";
    case MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE:
        return "it is out of memory";
    case MEMCACHED_HOST_LOOKUP_FAILURE:
        return "its name is not known";
    default:
        break;
    }
    if (meaning(client->code) != LOCKS_MEMCACHED_BROKEN) {
        return apr_pstrcat(pool, "it answered what is no answer (",
                           memcached_strerror(NULL, client->code), ")", NULL);
    }
    if (client->error != 0) {
        return apr_pstrdup(pool, apr_strerror(APR_FROM_OS_ERROR(client->error),
                                              text, sizeof(text)));
    }
    return "it closed the connection";
}

static apr_status_t free_ring(void *data)
{
    locks_memcached_ring_t *ring = data;

    memcached_free(ring->library);
    return APR_SUCCESS;
}

locks_memcached_ring_t *
locks_memcached_ring(const apr_array_header_t *addresses, apr_pool_t *pool)
{
    locks_memcached_ring_t *ring = apr_palloc(pool, sizeof(*ring));
    int fine;
    int i;

    ring->library = memcached_create(NULL);
    if (ring->library == NULL) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, ring, free_ring, apr_pool_cleanup_null);
    fine = set(ring->library, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    for (i = 0; fine && i < addresses->nelts; i++) {
        fine = add_server(ring->library,
                          &APR_ARRAY_IDX(addresses, i, locks_address_t));
    }
    return fine ? ring : NULL;
}

/** Reads the ring without changing it. */
apr_uint32_t locks_memcached_place(const locks_memcached_ring_t *ring,
                                   const char *key)
{
    return memcached_generate_hash(ring->library, key, strlen(key));
}
