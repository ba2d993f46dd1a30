/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "digest.h"
#include "locks_break.h"
#include "locks_find.h"
#include "locks_foreseen.h"

#include <string.h>

/* ---- The environment ---- */

static apr_time_t now(void *baton)
{
    const request_t *request = baton;

    return request->surroundings->now +
           request->surroundings->ahead[request->what.host];
}

static apr_time_t ticks(void *baton)
{
    return ((const request_t *)baton)->surroundings->ticks;
}

static void pause_here(void *baton, apr_interval_time_t duration)
{
    request_t *request = baton;
    apr_interval_time_t step = request->surroundings->pause;

    request->wake = ticks(request) + (duration + step - 1) / step * step;
    request->state = REQUEST_PAUSING;
    coroutine_yield(request->coroutine);
}

static apr_uint64_t chance(void *baton)
{
    request_t *request = baton;

    request->chance = digest_add(request->chance, 1);
    return request->chance;
}

/* ---- What it does ---- */

static locks_terms_t terms_of(const scenario_request_t *what)
{
    return (locks_terms_t){.client = window_names[what->window],
                           .takes_over = what->takes_over};
}

static apr_status_t permit(void *baton, const char *course)
{
    (void)baton;
    (void)course;
    return APR_SUCCESS;
}

static void renew(request_t *request, locks_operation_t *op)
{
    locks_terms_t terms = terms_of(&request->what);

    if (request->what.foresees) {
        locks_find_ahead(op, request->id, user_names[request->what.user]);
        locks_ahead_key(
            op, locks_slots_key(op->rules->prefix, op->type,
                                course_names[COURSE_OF(request->what.place)],
                                op->pool));
        locks_ahead_read(op);
    }
    request->result =
        locks_renew(op, &request->lock, request->id,
                    user_names[request->what.user], &terms, permit, NULL);
}

static void acquire(request_t *request, locks_operation_t *op)
{
    int place = request->what.place;
    locks_subject_t subject = {
        .type = LOCKS_TYPE_GADGET,
        .course = course_names[COURSE_OF(place)],
        .resource = resource_names[place % RESOURCES],
    };
    locks_terms_t terms = terms_of(&request->what);

    locks_ahead_slots(op, subject.course);
    if (request->what.foresees) {
        locks_ahead_lease(op, user_names[request->what.user]);
    }
    locks_ahead_read(op);
    request->result = locks_acquire(op, &request->lock, &subject,
                                    user_names[request->what.user], &terms);
}

static void list(request_t *request, locks_operation_t *op)
{
    const char *course = course_names[COURSE_OF(request->what.place)];
    apr_time_t time;
    int user;

    locks_ahead_slots(op, course);
    for (user = 0; user < request->what.foresees; user++) {
        locks_foresee(op, user_names[user]);
    }
    locks_ahead_read(op);
    request->result = locks_list(op, &request->locks, &time, course);
}

static void run(void *baton)
{
    request_t *request = baton;
    locks_store_t *store = memory_store_base(request->surroundings->store);
    locks_operation_t *op;

    op = locks_operation_open(
        &request->surroundings->rules, &request->env, LOCKS_TYPE_GADGET,
        store->provider->open(store, request->pool), request->pool);
    request->session = op->store;
    switch (request->what.act) {
    case ACQUIRE:
        acquire(request, op);
        break;
    case RELEASE:
        if (request->what.foresees) {
            locks_find_ahead(op, request->id, user_names[request->what.user]);
            locks_ahead_read(op);
        }
        request->result =
            locks_release(op, request->id, user_names[request->what.user]);
        break;
    case BREAK:
        request->result =
            locks_break(op, &request->lock, 0, user_names[request->what.user]);
        break;
    case RENEW:
        renew(request, op);
        break;
    case LIST:
    default:
        list(request, op);
        break;
    }
    request->state = REQUEST_ENDED;
}

void request_prepare(request_t *request, const scenario_request_t *what,
                     const surroundings_t *surroundings, apr_uint64_t seed,
                     apr_pool_t *pool)
{
    coroutine_t *coroutine = request->coroutine;

    memset(request, 0, sizeof(*request));
    request->what = *what;
    request->surroundings = surroundings;
    request->coroutine = coroutine;
    request->pool = pool;
    request->chance = seed;
    request->env = (locks_environment_t){.now = now,
                                         .ticks = ticks,
                                         .pause = pause_here,
                                         .random = chance,
                                         .baton = request};
}

void request_resume(request_t *request)
{
    if (request->state == REQUEST_WAITING) {
        coroutine_begin(request->coroutine, run, request);
    }
    request->observed =
        digest_add(request->observed, (apr_uint64_t)now(request));
    request->observed =
        digest_add(request->observed, (apr_uint64_t)ticks(request));
    (void)coroutine_resume(request->coroutine);
}

/* ---- Hooks ---- */

memory_store_fate_e request_before(request_t *request,
                                   const memory_store_operation_t *operation)
{
    request->operations++;
    request->operation = operation->kind;
    request->state = REQUEST_ASKING;
    coroutine_yield(request->coroutine);
    return request->fate;
}

void request_after(request_t *request,
                   const memory_store_operation_t *operation)
{
    apr_uint64_t observed = digest_add(request->observed, operation->kind);
    apr_size_t i;

    observed = digest_add(observed, (apr_uint64_t)operation->outcome);
    for (i = 0; i < operation->count; i++) {
        const locks_store_item_t *item = &operation->items[i];
        apr_uint64_t told = digest_text(item->key);

        told = digest_add(told, (apr_uint64_t)item->status);
        told = digest_add(told, item->cas);
        /* A sum, since some items come in the order of a hash table. */
        observed += digest_add(told, digest_bytes(item->value, item->length));
    }
    request->observed = observed;
    if (request->is_slow) {
        request->state = REQUEST_HEARING;
        coroutine_yield(request->coroutine);
    }
}

int request_is_running(const request_t *request)
{
    return request->state == REQUEST_ASKING ||
           request->state == REQUEST_HEARING ||
           request->state == REQUEST_PAUSING;
}
