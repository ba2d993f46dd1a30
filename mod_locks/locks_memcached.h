/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_memcached.h
 * @brief The store on memcached.
 *
 * Its arguments are a list of servers (locks_address.h). A pool's keys are
 * placed as libmemcached does with MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED and
 * equal weights; no server is ever ejected and nothing is stored twice.
 */
#ifndef LOCKS_MEMCACHED_H
#define LOCKS_MEMCACHED_H

#include "locks_store.h"

/** The provider "memcached". */
extern const locks_store_provider_t locks_memcached_provider;

#endif
