/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory, which other tests build on, keeps the contract. */
#include "contract.h"
#include "memory_store.h"

#include <apr_general.h>

static locks_store_t *make(apr_pool_t *pool)
{
    return memory_store_base(memory_store_make(pool));
}

static void pass(locks_store_t *store, int seconds)
{
    memory_store_advance(memory_store_of(store), apr_time_from_sec(seconds));
}

static const contract_target_t memory = {"memory", make, pass};

int main(void)
{
    int status;

    apr_initialize();
    status = contract_run(contract_suite(&memory));
    apr_terminate();
    return status;
}
