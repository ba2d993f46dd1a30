/* SPDX-License-Identifier: Apache-2.0 */
#include "coroutine.h"

#include <stdlib.h>
#include <ucontext.h>

/** Bytes of a coroutine's stack: what an operation needs, with room for the
 *  frames of sanitizers. */
#define STACK_SIZE (256 * 1024)

struct coroutine_t {
    ucontext_t own;
    ucontext_t caller;
    char *stack;
    void (*function)(void *baton);
    void *baton;
    int is_over;
};

/** makecontext() passes ints only, so that the coroutine is told this way. */
static coroutine_t *beginning;

static void run(void)
{
    coroutine_t *coroutine = beginning;

    coroutine->function(coroutine->baton);
    coroutine->is_over = 1;
    swapcontext(&coroutine->own, &coroutine->caller);
    /* It was resumed although it was over. */
    abort();
}

coroutine_t *coroutine_make(apr_pool_t *pool)
{
    coroutine_t *coroutine = apr_pcalloc(pool, sizeof(*coroutine));

    coroutine->stack = apr_palloc(pool, STACK_SIZE);
    return coroutine;
}

void coroutine_begin(coroutine_t *coroutine, void (*function)(void *baton),
                     void *baton)
{
    getcontext(&coroutine->own);
    coroutine->own.uc_stack.ss_sp = coroutine->stack;
    coroutine->own.uc_stack.ss_size = STACK_SIZE;
    coroutine->own.uc_link = NULL;
    coroutine->function = function;
    coroutine->baton = baton;
    coroutine->is_over = 0;
    makecontext(&coroutine->own, run, 0);
}

int coroutine_resume(coroutine_t *coroutine)
{
    beginning = coroutine;
    swapcontext(&coroutine->caller, &coroutine->own);
    return !coroutine->is_over;
}

void coroutine_yield(coroutine_t *coroutine)
{
    swapcontext(&coroutine->own, &coroutine->caller);
}
