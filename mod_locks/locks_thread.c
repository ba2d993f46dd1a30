/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_thread.h"

#include <apr_allocator.h>

#include <signal.h>

/* It inherits the mask. A signal meant for the process's main thread must
 * never run its handler on ours, where ending the process would wait for
 * itself. */
apr_status_t locks_thread_start(apr_thread_t **thread, apr_thread_start_t run,
                                void *data, apr_pool_t *pool)
{
    sigset_t all;
    sigset_t before;
    apr_status_t rv;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rv = apr_thread_create(thread, NULL, run, data, pool);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rv;
}

apr_status_t locks_thread_pool(apr_pool_t **own, apr_pool_t *parent)
{
    apr_allocator_t *allocator;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_ex(own, parent, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *own);
    return APR_SUCCESS;
}
