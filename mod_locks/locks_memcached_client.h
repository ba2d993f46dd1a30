/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_memcached_client.h
 * @brief A connection to one memcached, and the choice among several.
 *
 * One client talks to one server, so that every answer and every failure has
 * one meaning. A client is used by one thread at a time. After any outcome
 * but OK, ABSENT, LOST and REFUSED its connection is in doubt: answers to
 * what was asked may still arrive. Such a client can only be closed.
 */
#ifndef LOCKS_MEMCACHED_CLIENT_H
#define LOCKS_MEMCACHED_CLIENT_H

#include "locks_address.h"

typedef struct locks_memcached_client_t locks_memcached_client_t;
typedef struct locks_memcached_ring_t locks_memcached_ring_t;

/** How one step ended. */
typedef enum {
    /** As asked: connected, sent, stored, or here is a value. */
    LOCKS_MEMCACHED_OK,
    /** The server has no such key; or, reading answers, no more of them. */
    LOCKS_MEMCACHED_ABSENT,
    /** Not stored: the key exists, or has another CAS value. */
    LOCKS_MEMCACHED_LOST,
    /** Not stored: no memory, or too large. */
    LOCKS_MEMCACHED_REFUSED,
    /** No answer in time. */
    LOCKS_MEMCACHED_TIMEOUT,
    /** The connection could not be made, or broke. */
    LOCKS_MEMCACHED_BROKEN,
    /** The server answered with an error or with what is no answer. */
    LOCKS_MEMCACHED_NONSENSE
} locks_memcached_result_e;

/** One value read. */
typedef struct locks_memcached_value_t {
    /** In the client until its next step; the key is NUL-terminated. */
    const char *key;
    const char *bytes;
    apr_size_t length;
    apr_uint64_t cas;
} locks_memcached_value_t;

/** Makes a client for one server, still closed; its memory is the pool's,
 *  its connection is not. */
locks_memcached_client_t *locks_memcached_client(const locks_address_t *address,
                                                 apr_pool_t *pool);

/** Opens a client that is closed; connects nowhere yet. APR_ENOMEM. */
apr_status_t locks_memcached_open(locks_memcached_client_t *client);

/** Ends the client's connection, if any; never waits. */
void locks_memcached_close(locks_memcached_client_t *client);

/** Has the server answered on this connection before? Then a failure may
 *  just mean that it was closed while nobody used it. */
int locks_memcached_answered(const locks_memcached_client_t *client);

/**
 * Bounds each further wait of an open client; 0 lets none begin, but what
 * has arrived can still be read. Does nothing to a closed one. The one
 * function that another thread may call while the client is in use, though
 * not while it is opened or closed.
 */
void locks_memcached_limit(locks_memcached_client_t *client,
                           apr_int32_t milliseconds);

/** Connects an open client, unless connected. Whatever goes wrong here, nothing
 * was sent. */
locks_memcached_result_e
locks_memcached_connect(locks_memcached_client_t *client);

/** Asks for keys, each once. Then read answers until one is not OK. */
locks_memcached_result_e locks_memcached_ask(locks_memcached_client_t *client,
                                             const char *const *keys,
                                             const apr_size_t *lengths,
                                             apr_size_t count);

/** Reads the next answer; ABSENT after the last, and only then is a key that
 *  was not answered for absent. */
locks_memcached_result_e
locks_memcached_answer(locks_memcached_client_t *client,
                       locks_memcached_value_t *value);

/** Stores a value under an absent key. */
locks_memcached_result_e locks_memcached_add(locks_memcached_client_t *client,
                                             const char *key, const char *value,
                                             apr_size_t length,
                                             apr_uint32_t lifetime);

/** Was this CAS value read on the connection that the open client has? If
 *  not, the server may have been restarted since, and have given the same CAS
 *  value to another record. */
int locks_memcached_is_current(const locks_memcached_client_t *client,
                               apr_uint64_t cas);

/** Replaces a value that still has this CAS value, which must be current. */
locks_memcached_result_e locks_memcached_cas(locks_memcached_client_t *client,
                                             const char *key, const char *value,
                                             apr_size_t length,
                                             apr_uint64_t cas,
                                             apr_uint32_t lifetime);

/** Takes one value of a server's statistics. Both texts are NUL-terminated,
 *  hold no blank, and last for the call. */
typedef void locks_memcached_statistic_fn(void *baton, const char *name,
                                          const char *value);

/**
 * Asks a server about itself. Not even after OK is it certain that the answer
 * was read to its end, or had one: so the caller misses nothing in it, or
 * rejects it, and then closes the client all the same.
 * @param group as in "stats group"; NULL for the general statistics
 * @param take  is given each value in its turn
 */
locks_memcached_result_e
locks_memcached_statistics(locks_memcached_client_t *client, const char *group,
                           locks_memcached_statistic_fn *take, void *baton);

/** Calls what was read no answer, for locks_memcached_fault() to say so.
 *  @return NONSENSE */
locks_memcached_result_e
locks_memcached_reject(locks_memcached_client_t *client);

/** Says what went wrong last, in a few words without any key or value. */
const char *locks_memcached_fault(const locks_memcached_client_t *client,
                                  apr_pool_t *pool);

/** Makes the placement of keys on servers; NULL without memory. It ends with
 *  the pool. */
locks_memcached_ring_t *
locks_memcached_ring(const apr_array_header_t *addresses, apr_pool_t *pool);

/** The number of the server that has a key. Any thread may ask. */
apr_uint32_t locks_memcached_place(const locks_memcached_ring_t *ring,
                                   const char *key);

#endif
