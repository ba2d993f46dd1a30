/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_thread.h
 * @brief Threads of our own in a process that httpd's threads run in.
 */
#ifndef LOCKS_THREAD_H
#define LOCKS_THREAD_H

#include <apr_thread_proc.h>

/**
 * Starts a thread with all signals blocked. Its function must return rather
 * than call apr_thread_exit(), which would free memory of the pool on this
 * thread while others may use the pool.
 */
apr_status_t locks_thread_start(apr_thread_t **thread, apr_thread_start_t run,
                                void *data, apr_pool_t *pool);

/** Makes a pool for a thread to use while others allocate from its parent: its
 *  memory is its own. */
apr_status_t locks_thread_pool(apr_pool_t **own, apr_pool_t *parent);

#endif
