/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_memcached_fetch.h
 * @brief Reading many keys from several memcached servers side by side.
 */
#ifndef LOCKS_MEMCACHED_FETCH_H
#define LOCKS_MEMCACHED_FETCH_H

#include "locks_memcached_session.h"

/** See the member of the same name in locks_store.h. */
void locks_memcached_fetch(locks_memcached_session_t *session,
                           locks_store_item_t *items, apr_size_t count,
                           locks_store_purpose_e purpose);

#endif
