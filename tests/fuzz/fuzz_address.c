/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of LocksStore memcached:... */
#include "fuzz.h"

#include "locks_address.h"

/** The full form of an address names the same server. */
static void check_address(const locks_address_t *address, apr_pool_t *pool)
{
    apr_array_header_t *again;
    const locks_address_t *same;

    MUST((address->host == NULL) != (address->path == NULL));
    MUST((address->port == 0) == (address->host == NULL));
    MUST(locks_address_parse(&again, address->name, strlen(address->name),
                             pool) == NULL);
    MUST(again->nelts == 1);
    same = &APR_ARRAY_IDX(again, 0, locks_address_t);
    MUST(strcmp(same->name, address->name) == 0);
    MUST(same->port == address->port);
    if (address->host != NULL) {
        MUST(strlen(address->host) <= LOCKS_ADDRESS_HOST_MAX);
        MUST(strcmp(same->host, address->host) == 0);
    } else {
        MUST(strlen(address->path) <= LOCKS_ADDRESS_PATH_MAX);
        MUST(*address->path == '/' && strcmp(same->path, address->path) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_exactly(data, size);
    apr_array_header_t *addresses;
    const char *wrong = locks_address_parse(&addresses, text, size, pool);
    int i;

    free(text);
    if (wrong != NULL) {
        MUST(*wrong != '\0');
    } else {
        MUST(addresses->nelts >= 1 &&
             addresses->nelts <= LOCKS_ADDRESS_SERVERS_MAX);
        for (i = 0; i < addresses->nelts; i++) {
            check_address(&APR_ARRAY_IDX(addresses, i, locks_address_t), pool);
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
