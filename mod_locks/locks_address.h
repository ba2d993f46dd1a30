/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_address.h
 * @brief From the text of a server list to the addresses of servers.
 */
#ifndef LOCKS_ADDRESS_H
#define LOCKS_ADDRESS_H

#include <apr_pools.h>
#include <apr_tables.h>

/** memcached's port, taken where none is written. */
#define LOCKS_ADDRESS_DEFAULT_PORT 11211
/** The most servers in one list. */
#define LOCKS_ADDRESS_SERVERS_MAX 64
/** The longest host in bytes (RFC 1035 allows 255). */
#define LOCKS_ADDRESS_HOST_MAX 255
/** The longest path of a socket in bytes: what sun_path holds on Linux
 *  besides its NUL. */
#define LOCKS_ADDRESS_PATH_MAX 107

/** Where one server listens: a host and a port, or a path. */
typedef struct locks_address_t {
    /** A name or an IP address, IPv6 without brackets; NULL if the server
     *  has a path. */
    const char *host;
    /** The path of a Unix socket; NULL if the server has a host. */
    const char *path;
    /** From 1 to 65535; 0 if the server has a path. */
    apr_uint16_t port;
    /** The address in its full form, for messages. */
    const char *name;
} locks_address_t;

/**
 * Reads a list of servers: `host[:port]`, `[IPv6 address][:port]` or
 * `unix:/path`, separated by commas.
 * @param addresses set to an array of locks_address_t in the order written
 * @param text      the list; need not end in a NUL
 * @param length    its bytes
 * @param pool      where to allocate
 * @return NULL, or an error message that names the cure
 */
const char *locks_address_parse(apr_array_header_t **addresses,
                                const char *text, apr_size_t length,
                                apr_pool_t *pool);

/** Can nothing but this host reach the server there? A path, or an address of
 *  the loopback (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3); of names
 *  only localhost (RFC 6761, section 6.3). */
int locks_address_is_local(const locks_address_t *address);

#endif
