/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_breaker.h"

locks_breaker_advice_e locks_breaker_advise(locks_breaker_t *breaker,
                                            apr_time_t now,
                                            apr_interval_time_t patience)
{
    apr_int64_t next = atomic_load(&breaker->next);
    apr_int64_t pause;
    apr_int64_t after;

    if (next == 0) {
        return LOCKS_BREAKER_ASK;
    }
    if (now < next) {
        return LOCKS_BREAKER_LEAVE;
    }
    pause = atomic_load(&breaker->pause) * 2;
    if (pause > LOCKS_BREAKER_PAUSE_MAX) {
        pause = LOCKS_BREAKER_PAUSE_MAX;
    }
    /* The next pause begins before it is known whether it is needed: so it
     * does too if this thread never comes back. It lasts until this one has
     * its answer or gave up: with a long timeout, one a pause would in the
     * end be every thread. */
    after = now + (pause > patience ? pause : patience);
    if (!atomic_compare_exchange_strong(&breaker->next, &next, after)) {
        return next == 0 ? LOCKS_BREAKER_ASK : LOCKS_BREAKER_LEAVE;
    }
    atomic_store(&breaker->pause, pause);
    return LOCKS_BREAKER_TRY;
}

int locks_breaker_is_open(const locks_breaker_t *breaker)
{
    return atomic_load(&breaker->next) != 0;
}

int locks_breaker_timed_out(locks_breaker_t *breaker, apr_time_t now)
{
    apr_int64_t closed = 0;

    if (atomic_fetch_add(&breaker->timeouts, 1) + 1 < LOCKS_BREAKER_TIMEOUTS) {
        return 0;
    }
    if (!atomic_compare_exchange_strong(&breaker->next, &closed,
                                        now + LOCKS_BREAKER_PAUSE_MIN)) {
        return 0;
    }
    atomic_store(&breaker->pause, LOCKS_BREAKER_PAUSE_MIN);
    return 1;
}

int locks_breaker_answered(locks_breaker_t *breaker)
{
    /* Most of the time both are 0, and reading them disturbs no other
     * thread. */
    if (atomic_load(&breaker->timeouts) != 0) {
        atomic_store(&breaker->timeouts, 0);
    }
    return atomic_load(&breaker->next) != 0 &&
           atomic_exchange(&breaker->next, 0) != 0;
}
