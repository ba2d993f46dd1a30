/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_ticker.h"

#include "locks_thread.h"

#include <apr_file_io.h>
#include <stdatomic.h>

typedef struct ticker_t {
    apr_thread_t *thread;
    apr_interval_time_t period;
    void (*tick)(void *baton);
    void *baton;
    _Atomic int stopping;
    /** A pipe whose reader waits for a period, by a clock that does not step;
     *  what is written ends a pause. */
    apr_file_t *waiting;
    apr_file_t *waking;
} ticker_t;

/** Pauses, but no longer than until the ticker is stopped. */
static void pause_between(ticker_t *ticker)
{
    char byte;
    apr_size_t length = 1;

    (void)apr_file_read(ticker->waiting, &byte, &length);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    ticker_t *ticker = data;

    (void)thread;
    while (!atomic_load(&ticker->stopping)) {
        ticker->tick(ticker->baton);
        pause_between(ticker);
    }
    return NULL;
}

static apr_status_t stop(void *data)
{
    ticker_t *ticker = data;
    apr_status_t result;

    atomic_store(&ticker->stopping, 1);
    (void)apr_file_putc('.', ticker->waking);
    (void)apr_thread_join(&result, ticker->thread);
    return APR_SUCCESS;
}

static apr_status_t make_pipe(ticker_t *ticker, apr_pool_t *pool)
{
    apr_status_t rv =
        apr_file_pipe_create(&ticker->waiting, &ticker->waking, pool);

    if (rv == APR_SUCCESS) {
        (void)apr_file_inherit_unset(ticker->waiting);
        (void)apr_file_inherit_unset(ticker->waking);
        rv = apr_file_pipe_timeout_set(ticker->waiting, ticker->period);
    }
    return rv;
}

apr_status_t locks_ticker_start(apr_interval_time_t period,
                                void (*tick)(void *baton), void *baton,
                                apr_pool_t *pool)
{
    ticker_t *ticker = apr_pcalloc(pool, sizeof(*ticker));
    apr_status_t rv;

    ticker->period = period;
    ticker->tick = tick;
    ticker->baton = baton;
    rv = make_pipe(ticker, pool);
    if (rv == APR_SUCCESS) {
        rv = locks_thread_start(&ticker->thread, run, ticker, pool);
    }
    if (rv == APR_SUCCESS) {
        apr_pool_pre_cleanup_register(pool, ticker, stop);
    }
    return rv;
}
