/* SPDX-License-Identifier: Apache-2.0 */

#include "locks_deadline.h"

#include "locks_thread.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

/** Keeps slots that different threads write on cache lines of their own. */
#define CACHE_LINE 64

/* A slot's state is one word: no call is under way, or the watch is inside
 * the callback, or else the deadline of the call that is under way. */
#define IDLE ((apr_time_t)0)
#define CALLING ((apr_time_t)-1)

struct locks_deadline_slot_t {
    _Alignas(CACHE_LINE) _Atomic apr_time_t state;
    /** The deadline that the state had when armed; the owner's alone. */
    apr_time_t deadline;
    locks_deadline_watch_t *watch;
    locks_deadline_fn *callback;
    void *baton;
};

struct locks_deadline_watch_t {
    locks_deadline_slot_t *slots;
    int count;
    apr_interval_time_t period;
    apr_thread_t *thread;
    /** Was a call made since the watch last looked? */
    _Atomic int active;
    /** Is the watch about to wait, or waiting, for somebody to wake it? A
     *  semaphore and no mutex, since an arming thread may be interrupted by
     *  a signal whose handler ends the process and with it the watch. */
    _Atomic int asleep;
    _Atomic int stopping;
    sem_t wake;
};

apr_time_t locks_deadline_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_time_t)now.tv_sec * APR_USEC_PER_SEC +
           (apr_time_t)now.tv_nsec / 1000;
}

static void wake(locks_deadline_watch_t *watch)
{
    if (atomic_exchange(&watch->asleep, 0)) {
        (void)sem_post(&watch->wake);
    }
}

/** Calls back for every call under way; says whether there is one. */
static int look(locks_deadline_watch_t *watch)
{
    apr_time_t now = locks_deadline_now();
    int armed = 0;
    int i;

    for (i = 0; i < watch->count; i++) {
        locks_deadline_slot_t *slot = &watch->slots[i];
        apr_time_t deadline = atomic_load(&slot->state);

        if (deadline == IDLE) {
            continue;
        }
        armed = 1;
        /* Fails if the call ended meanwhile, and perhaps another began: that
         * one is for the next look. */
        if (atomic_compare_exchange_strong(&slot->state, &deadline, CALLING)) {
            slot->callback(slot->baton, deadline - now);
            atomic_store(&slot->state, deadline);
        }
    }
    return armed;
}

/** Sleeps until a call is made. A caller stores its slot's state and then
 *  reads `asleep`; the watch does it the other way round, so that one of the
 *  two always sees the other. */
static void sleep_until_woken(locks_deadline_watch_t *watch)
{
    atomic_store(&watch->asleep, 1);
    if ((look(watch) || atomic_load(&watch->stopping)) &&
        atomic_exchange(&watch->asleep, 0)) {
        return;
    }
    while (sem_wait(&watch->wake) != 0 && errno == EINTR) {
    }
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    locks_deadline_watch_t *watch = data;

    (void)thread;
    while (!atomic_load(&watch->stopping)) {
        if (!look(watch) && !atomic_exchange(&watch->active, 0)) {
            sleep_until_woken(watch);
        }
        /* Relative and so monotonic: a condition variable's timed wait
         * would follow the wall clock, which may step. */
        apr_sleep(watch->period);
    }
    return NULL;
}

static apr_status_t stop(void *data)
{
    locks_deadline_watch_t *watch = data;
    apr_status_t result;

    atomic_store(&watch->stopping, 1);
    wake(watch);
    (void)apr_thread_join(&result, watch->thread);
    (void)sem_destroy(&watch->wake);
    return APR_SUCCESS;
}

apr_status_t locks_deadline_watch_create(locks_deadline_watch_t **created,
                                         int slots, apr_interval_time_t period,
                                         apr_pool_t *pool)
{
    locks_deadline_watch_t *watch = apr_pcalloc(pool, sizeof(*watch));
    apr_size_t size = (apr_size_t)slots * sizeof(locks_deadline_slot_t);
    apr_uintptr_t raw;
    apr_status_t rv;

    *created = NULL;
    raw = (apr_uintptr_t)apr_pcalloc(pool, size + CACHE_LINE);
    raw = (raw + CACHE_LINE - 1) & ~(apr_uintptr_t)(CACHE_LINE - 1);
    watch->slots = (locks_deadline_slot_t *)raw;
    watch->count = slots;
    watch->period = period;
    if (sem_init(&watch->wake, 0, 0) != 0) {
        return errno;
    }
    rv = locks_thread_start(&watch->thread, run, watch, pool);
    if (rv != APR_SUCCESS) {
        (void)sem_destroy(&watch->wake);
        return rv;
    }
    apr_pool_pre_cleanup_register(pool, watch, stop);
    *created = watch;
    return APR_SUCCESS;
}

locks_deadline_slot_t *locks_deadline_slot(locks_deadline_watch_t *watch,
                                           int number,
                                           locks_deadline_fn *callback,
                                           void *baton)
{
    locks_deadline_slot_t *slot = &watch->slots[number];

    slot->watch = watch;
    slot->callback = callback;
    slot->baton = baton;
    return slot;
}

void locks_deadline_arm(locks_deadline_slot_t *slot, apr_time_t deadline)
{
    locks_deadline_watch_t *watch = slot->watch;

    slot->deadline = deadline;
    atomic_store(&slot->state, deadline);
    if (!atomic_load_explicit(&watch->active, memory_order_relaxed)) {
        atomic_store_explicit(&watch->active, 1, memory_order_relaxed);
    }
    if (atomic_load(&watch->asleep)) {
        wake(watch);
    }
}

void locks_deadline_disarm(locks_deadline_slot_t *slot)
{
    apr_time_t expected = slot->deadline;

    while (!atomic_compare_exchange_strong(&slot->state, &expected, IDLE)) {
        expected = slot->deadline;
        apr_thread_yield();
    }
}
