/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file coroutine.h
 * @brief Functions that stop in the middle and go on when they are told.
 */
#ifndef COROUTINE_H
#define COROUTINE_H

#include <apr_pools.h>

typedef struct coroutine_t coroutine_t;

/** Makes a coroutine with a stack of its own, from the pool. */
coroutine_t *coroutine_make(apr_pool_t *pool);

/** Has the coroutine call a function when it is resumed next. One that is in
 *  the middle of another function gives that up: nothing of it runs again. */
void coroutine_begin(coroutine_t *coroutine, void (*function)(void *baton),
                     void *baton);

/** Runs the coroutine until it yields or its function returns.
 *  @return whether it yielded */
int coroutine_resume(coroutine_t *coroutine);

/** Called within the coroutine: returns when it is resumed. */
void coroutine_yield(coroutine_t *coroutine);

#endif
