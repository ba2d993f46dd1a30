/* SPDX-License-Identifier: Apache-2.0 */
/* A server list is part of a pool's identity: it decides where every key
 * lives. So whatever is not plainly an address is refused here, rather than
 * guessed at when the first request comes. */

#include "locks_address.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define UNIX_PREFIX "unix:"
#define FORMS "write host[:port], [IPv6 address][:port] or unix:/path"

/** Bytes that belong to the list's text. */
typedef struct span_t {
    const char *start;
    apr_size_t length;
} span_t;

/** What the span says, for a message; only safe once it is known to hold no
 *  control characters. */
static const char *text_of(span_t span, apr_pool_t *pool)
{
    return apr_pstrmemdup(pool, span.start, span.length);
}

static int begins_with(span_t span, const char *prefix)
{
    apr_size_t length = strlen(prefix);

    return span.length >= length && memcmp(span.start, prefix, length) == 0;
}

/** Is this a socket's address? The mere word is one whose path was forgotten:
 *  as a host, with its port, it would read as a socket again. */
static int names_socket(span_t entry)
{
    return begins_with(entry, UNIX_PREFIX) ||
           (entry.length == strlen(UNIX_PREFIX) - 1 &&
            memcmp(entry.start, UNIX_PREFIX, entry.length) == 0);
}

/** Names a byte that no address holds. */
static const char *check_bytes(span_t list, apr_pool_t *pool)
{
    apr_size_t i;

    for (i = 0; i < list.length; i++) {
        unsigned char c = (unsigned char)list.start[i];

        if (c <= ' ' || c >= 0x7f) {
            return apr_psprintf(
                pool,
                "byte %" APR_SIZE_T_FMT " of the server list is a blank, a "
                "control character or not ASCII: separate servers by commas "
                "alone",
                i + 1);
        }
    }
    return NULL;
}

/** Reads ":port", or takes the default where nothing is written. */
static const char *parse_port(apr_uint16_t *port, span_t rest, span_t entry,
                              apr_pool_t *pool)
{
    apr_uint32_t value = 0;
    apr_size_t i;

    *port = LOCKS_ADDRESS_DEFAULT_PORT;
    if (rest.length == 0) {
        return NULL;
    }
    for (i = 1; i < rest.length && apr_isdigit(rest.start[i]) && i <= 5; i++) {
        value = value * 10 + (apr_uint32_t)(rest.start[i] - '0');
    }
    if (i < 2 || i != rest.length || value < 1 || value > 65535) {
        return apr_psprintf(pool,
                            "'%s': the port is no number from 1 to 65535; "
                            "leave out ':' and port for %d",
                            text_of(entry, pool), LOCKS_ADDRESS_DEFAULT_PORT);
    }
    *port = (apr_uint16_t)value;
    return NULL;
}

static const char *parse_path(locks_address_t *address, span_t entry,
                              apr_pool_t *pool)
{
    span_t path = {NULL, 0};

    if (begins_with(entry, UNIX_PREFIX)) {
        path.start = entry.start + strlen(UNIX_PREFIX);
        path.length = entry.length - strlen(UNIX_PREFIX);
    }
    if (path.length < 2 || path.start[0] != '/') {
        return apr_psprintf(pool,
                            "'%s': 'unix:' needs the absolute path of "
                            "memcached's socket, as in unix:/run/memcached/"
                            "memcached.sock",
                            text_of(entry, pool));
    }
    if (path.length > LOCKS_ADDRESS_PATH_MAX) {
        return apr_psprintf(pool,
                            "'%s': a socket's path has at most %d bytes; let "
                            "memcached listen at a shorter one",
                            text_of(entry, pool), LOCKS_ADDRESS_PATH_MAX);
    }
    address->path = text_of(path, pool);
    address->name = text_of(entry, pool);
    return NULL;
}

/** Is this an IPv6 address, maybe with a zone (fe80::1%eth0)? */
static int is_ipv6(const char *text, apr_pool_t *pool)
{
    const char *zone = strchr(text, '%');
    struct in6_addr unused;

    if (zone != NULL) {
        text = apr_pstrmemdup(pool, text, (apr_size_t)(zone - text));
        if (zone[1] == '\0') {
            return 0;
        }
    }
    return inet_pton(AF_INET6, text, &unused) == 1;
}

static const char *parse_ipv6(locks_address_t *address, span_t entry,
                              apr_pool_t *pool)
{
    const char *end = memchr(entry.start, ']', entry.length);
    span_t rest;
    const char *error;

    if (end != NULL) {
        span_t host = {entry.start + 1, (apr_size_t)(end - entry.start) - 1};

        rest.start = end + 1;
        rest.length = entry.length - host.length - 2;
        address->host = text_of(host, pool);
    }
    if (end == NULL || strlen(address->host) > LOCKS_ADDRESS_HOST_MAX ||
        !is_ipv6(address->host, pool) ||
        (rest.length > 0 && rest.start[0] != ':')) {
        return apr_psprintf(pool,
                            "'%s' is no IPv6 address in brackets: write "
                            "[::1] or [::1]:11211",
                            text_of(entry, pool));
    }
    error = parse_port(&address->port, rest, entry, pool);
    if (error == NULL) {
        address->name =
            apr_psprintf(pool, "[%s]:%u", address->host, address->port);
    }
    return error;
}

static const char *parse_host(locks_address_t *address, span_t entry,
                              apr_pool_t *pool)
{
    const char *colon = memchr(entry.start, ':', entry.length);
    span_t host = {entry.start, entry.length};
    span_t rest = {NULL, 0};
    const char *error;
    apr_size_t i;

    if (colon != NULL) {
        host.length = (apr_size_t)(colon - entry.start);
        rest.start = colon;
        rest.length = entry.length - host.length;
        if (memchr(colon + 1, ':', rest.length - 1) != NULL) {
            return apr_psprintf(pool,
                                "'%s' has several colons: write an IPv6 "
                                "address in brackets, as in [::1]:11211",
                                text_of(entry, pool));
        }
    }
    for (i = 0; i < host.length; i++) {
        if (!apr_isalnum(host.start[i]) &&
            strchr("-._", host.start[i]) == NULL) {
            break;
        }
    }
    if (i != host.length || host.length == 0 ||
        host.length > LOCKS_ADDRESS_HOST_MAX) {
        return apr_psprintf(pool, "'%s' names no host: " FORMS,
                            text_of(entry, pool));
    }
    address->host = text_of(host, pool);
    error = parse_port(&address->port, rest, entry, pool);
    if (error == NULL) {
        address->name =
            apr_psprintf(pool, "%s:%u", address->host, address->port);
    }
    return error;
}

static const char *parse_entry(locks_address_t *address, span_t entry,
                               apr_pool_t *pool)
{
    if (entry.length == 0) {
        return "the server list has an empty entry: " FORMS
               ", separated by single commas";
    }
    if (entry.start[0] == '/') {
        return apr_psprintf(pool,
                            "'%s' is a path: write unix:%s for a Unix socket",
                            text_of(entry, pool), text_of(entry, pool));
    }
    if (names_socket(entry)) {
        return parse_path(address, entry, pool);
    }
    if (entry.start[0] == '[') {
        return parse_ipv6(address, entry, pool);
    }
    return parse_host(address, entry, pool);
}

/** Adds an address unless it is there: a server that is listed twice would
 *  get twice its share of the keys, which no other client would do. */
static const char *append(apr_array_header_t *addresses,
                          const locks_address_t *address, apr_pool_t *pool)
{
    int i;

    for (i = 0; i < addresses->nelts; i++) {
        const locks_address_t *other =
            &APR_ARRAY_IDX(addresses, i, locks_address_t);
        int same = address->path != NULL
                       ? strcmp(other->name, address->name) == 0
                       : apr_cstr_casecmp(other->name, address->name) == 0;

        if (same) {
            return apr_psprintf(pool,
                                "%s is listed twice: name each server once",
                                address->name);
        }
    }
    if (addresses->nelts == LOCKS_ADDRESS_SERVERS_MAX) {
        return apr_psprintf(pool, "more than %d servers: name fewer",
                            LOCKS_ADDRESS_SERVERS_MAX);
    }
    APR_ARRAY_PUSH(addresses, locks_address_t) = *address;
    return NULL;
}

const char *locks_address_parse(apr_array_header_t **addresses,
                                const char *text, apr_size_t length,
                                apr_pool_t *pool)
{
    span_t list = {text, length};
    const char *end = text + length;
    const char *error = check_bytes(list, pool);

    *addresses = apr_array_make(pool, 4, sizeof(locks_address_t));
    if (length == 0) {
        return "no server is named: " FORMS;
    }
    while (error == NULL && text != NULL) {
        const char *comma = memchr(text, ',', (apr_size_t)(end - text));
        span_t entry = {text,
                        (apr_size_t)((comma != NULL ? comma : end) - text)};
        locks_address_t address = {.host = NULL};

        error = parse_entry(&address, entry, pool);
        if (error == NULL) {
            error = append(*addresses, &address, pool);
        }
        text = comma != NULL ? comma + 1 : NULL;
    }
    return error;
}

int locks_address_is_local(const locks_address_t *address)
{
    const char *host = address->host;
    const char *mapped = "::ffff:";

    if (host == NULL || apr_cstr_casecmp(host, "localhost") == 0 ||
        strcmp(host, "::1") == 0) {
        return 1;
    }
    if (apr_cstr_casecmpn(host, mapped, strlen(mapped)) == 0) {
        host += strlen(mapped);
    }
    /* A name may begin like the loopback's numbers, too. */
    return strncmp(host, "127.", 4) == 0 &&
           strspn(host, "0123456789.") == strlen(host);
}
