/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file contract.h
 * @brief What every store must do (locks_store.h), whatever it is built on.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "locks_store.h"

#include <check.h>

/** A store to hold against the contract. */
typedef struct contract_target_t {
    const char *name;
    /** Makes and starts a store; it may hold other keys than the suite's,
     *  which are its own in each test. */
    locks_store_t *(*make)(apr_pool_t *pool);
    /** Lets so many seconds pass for the store's lifetimes. */
    void (*pass)(locks_store_t *store, int seconds);
} contract_target_t;

/** The contract's tests of one store, to be run before another suite of them
 *  is made. The target stays the caller's. */
Suite *contract_suite(const contract_target_t *target);

/** Runs a suite; what main returns. */
int contract_run(Suite *suite);

#endif
