/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file servers.h
 * @brief Servers for tests: memcached itself, and fakes that misbehave.
 *
 * All listen on 127.0.0.1 and ports that were free, or on sockets in a
 * temporary folder.
 */
#ifndef SERVERS_H
#define SERVERS_H

#include <apr_pools.h>

typedef struct server_t {
    /** As LocksStore takes it. */
    const char *address;
    apr_uint16_t port;
    /** The socket's path, or NULL. */
    const char *path;
    int pid;
    apr_pool_t *pool;
    const char *const *options;
} server_t;

/** Starts memcached on a free port; options end in NULL. Aborts the test if
 *  memcached is not there. It ends with the pool. */
server_t *server_start(apr_pool_t *pool, const char *const *options);

/** Starts memcached on a socket, which goes with the pool as well. */
server_t *server_start_unix(apr_pool_t *pool);

/** Kills it, and starts an empty one at the same place. */
void server_stop(server_t *server);
void server_restart(server_t *server);

/** Lets it hang, and go on. */
void server_hang(server_t *server);
void server_continue(server_t *server);

/** A port of 127.0.0.1 where nobody listens. */
apr_uint16_t free_port(void);

/** An address where attempts to connect are not even refused. */
const char *deaf_address(apr_pool_t *pool);

/** How a fake answers one request. */
typedef struct fake_step_t {
    /** What it sends; NULL: nothing. */
    const char *answer;
    /** How long it waits before. */
    int delay_ms;
    /** How long it waits after each byte. */
    int trickle_ms;
    /** Does it close the connection then? */
    int close;
    /** Does it send the same again and again? */
    int endless;
} fake_step_t;

typedef struct fake_t fake_t;

/** Starts a fake that answers each request, on whichever connection, with the
 *  next step, and all further ones with the last. */
fake_t *fake_start(apr_pool_t *pool, const fake_step_t *steps, int count);
const char *fake_address(const fake_t *fake);
/** How many requests and connections there were. */
int fake_requests(fake_t *fake);
int fake_connections(fake_t *fake);

#endif
