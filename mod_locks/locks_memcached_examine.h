/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_memcached_examine.h
 * @brief Asking memcached servers how they are and how they run.
 */
#ifndef LOCKS_MEMCACHED_EXAMINE_H
#define LOCKS_MEMCACHED_EXAMINE_H

#include "locks_memcached_session.h"

/** See the member of the same name in locks_store.h. */
void locks_memcached_examine(locks_memcached_session_t *session,
                             locks_store_server_t *servers);

#endif
