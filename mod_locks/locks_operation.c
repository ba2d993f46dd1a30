/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_operation.h"

#include <apr_strings.h>

#include <stdarg.h>
#include <string.h>

/** How many records are usually read ahead. */
#define AHEAD_USUAL 8
/** How often an ambiguous write is tried before it stays unknown. */
#define SETTLE_TRIES 3
/** The longest pause after a lost write, doubled up to five times. */
#define CONFLICT_PAUSE apr_time_from_msec(1)
#define CONFLICT_DOUBLINGS 5

locks_operation_t *locks_operation_open(const locks_rules_t *rules,
                                        const locks_environment_t *env,
                                        const locks_type_t *type,
                                        locks_store_session_t *store,
                                        apr_pool_t *pool)
{
    locks_operation_t *op = apr_pcalloc(pool, sizeof(*op));

    op->rules = rules;
    op->env = env;
    op->type = type;
    op->store = store;
    op->pool = pool;
    op->asked = env->now(env->baton);
    op->why = "";
    op->owners_store = "";
    op->ahead = apr_array_make(pool, AHEAD_USUAL, sizeof(locks_store_item_t));
    op->foreseen = apr_array_make(pool, 1, sizeof(locks_foreseen_t));
    return op;
}

apr_status_t locks_store_failed(locks_operation_t *op)
{
    op->why = op->store->provider->reason(op->store);
    return LOCKS_EUNAVAILABLE;
}

apr_status_t locks_record_damaged(locks_operation_t *op, const char *key)
{
    op->why = apr_psprintf(op->pool,
                           "the record %s is damaged, or was written by "
                           "another program or by another version of "
                           "mod_locks; in the last case have all hosts run "
                           "one version and restart memcached, otherwise "
                           "delete the record if LocksKeyPrefix is this "
                           "module's alone",
                           key);
    return LOCKS_EUNAVAILABLE;
}

locks_nonce_t locks_nonce(const locks_operation_t *op)
{
    return op->env->random(op->env->baton);
}

void locks_tell(const locks_operation_t *op, const char *format, ...)
{
    va_list arguments;

    if (op->tell != NULL) {
        va_start(arguments, format);
        op->tell(op->tell_baton, apr_pvsprintf(op->pool, format, arguments));
        va_end(arguments);
    }
}

/* ---- Time, and starting again ---- */

apr_time_t locks_now(const locks_operation_t *op)
{
    return op->env->now(op->env->baton);
}

apr_time_t locks_ticks(const locks_operation_t *op)
{
    return op->env->ticks(op->env->baton);
}

void locks_pause_up_to(const locks_operation_t *op, apr_interval_time_t longest)
{
    op->env->pause(op->env->baton,
                   1 + (apr_interval_time_t)(op->env->random(op->env->baton) %
                                             (apr_uint64_t)longest));
}

int locks_tries_again(locks_operation_t *op, apr_time_t started,
                      apr_status_t *result)
{
    apr_uint32_t doublings = op->deeds.retries < CONFLICT_DOUBLINGS
                                 ? op->deeds.retries
                                 : CONFLICT_DOUBLINGS;

    if (*result != LOCKS_EAGAIN) {
        return 0;
    }
    if (locks_ticks(op) - started >= LOCKS_RETRY_LIMIT) {
        op->why = "other requests kept coming first; if this goes on, the "
                  "store is too slow for its load";
        *result = LOCKS_EUNAVAILABLE;
        return 0;
    }
    op->deeds.retries++;
    locks_pause_up_to(op, CONFLICT_PAUSE << doublings);
    op->asked = locks_now(op);
    return 1;
}

/* ---- Reading ---- */

/** Is the server that has a key asked for one of these items anyway? What is
 *  only foreseen must not hang on a server that may not be needed. */
static int is_on_the_way(const locks_operation_t *op, const char *key,
                         const locks_store_item_t *items, apr_size_t count)
{
    const locks_store_provider_t *store = op->store->provider;
    int server;
    apr_size_t i;

    if (op->base == NULL) {
        return 1;
    }
    server = store->place(op->base, key);
    for (i = 0; i < count; i++) {
        if (store->place(op->base, items[i].key) == server) {
            return 1;
        }
    }
    return 0;
}

/** Makes a round trip. Foreseen leases travel along. */
static void fetch(locks_operation_t *op, locks_store_item_t *items,
                  apr_size_t count)
{
    locks_foreseen_t *foreseen = (locks_foreseen_t *)op->foreseen->elts;
    int most = op->foreseen_is_read ? 0 : op->foreseen->nelts;
    locks_foreseen_t **along;
    locks_store_item_t *all;
    apr_size_t taken = 0;
    apr_size_t j;
    int i;

    if (most == 0) {
        op->store->provider->fetch(op->store, items, count,
                                   LOCKS_STORE_ORDINARY);
        return;
    }
    along = apr_palloc(op->pool, (apr_size_t)most * sizeof(*along));
    all = apr_palloc(op->pool, (count + (apr_size_t)most) * sizeof(*all));
    memcpy(all, items, count * sizeof(*all));
    for (i = 0; i < most; i++) {
        if (is_on_the_way(op, foreseen[i].item.key, items, count)) {
            along[taken] = &foreseen[i];
            all[count + taken++] = foreseen[i].item;
        }
    }
    op->store->provider->fetch(op->store, all, count + taken,
                               LOCKS_STORE_ORDINARY);
    memcpy(items, all, count * sizeof(*all));
    for (j = 0; j < taken; j++) {
        along[j]->item = all[count + j];
    }
    op->foreseen_is_read = 1;
}

locks_store_item_t *locks_ahead_find(const locks_operation_t *op,
                                     const char *key)
{
    locks_store_item_t *items = (locks_store_item_t *)op->ahead->elts;
    int i;

    for (i = 0; i < op->ahead->nelts; i++) {
        if (strcmp(items[i].key, key) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

void locks_ahead_key(locks_operation_t *op, const char *key)
{
    if (locks_ahead_find(op, key) == NULL) {
        APR_ARRAY_PUSH(op->ahead, locks_store_item_t) =
            (locks_store_item_t){.key = key, .status = LOCKS_STORE_UNREACHABLE};
    }
}

void locks_ahead_slots(locks_operation_t *op, const char *course)
{
    locks_turn_watch(&op->turn, op->turns, op->env, course);
    locks_ahead_key(
        op, locks_slots_key(op->rules->prefix, op->type, course, op->pool));
}

void locks_ahead_lease(locks_operation_t *op, const char *user)
{
    locks_ahead_key(
        op, locks_lease_key(op->rules->prefix, op->type, user, op->pool));
}

void locks_ahead_read(locks_operation_t *op)
{
    if (op->ahead->nelts > 0) {
        fetch(op, (locks_store_item_t *)op->ahead->elts,
              (apr_size_t)op->ahead->nelts);
    }
}

void locks_ahead_forget_stale(locks_operation_t *op, apr_interval_time_t age)
{
    apr_time_t now = locks_now(op);

    if (now - op->asked > age || now < op->asked) {
        apr_array_clear(op->ahead);
        apr_array_clear(op->foreseen);
        op->asked = now;
    }
}

/** Takes an item from what was read ahead; 0 if it is not there. */
static int take_ahead(locks_operation_t *op, locks_store_item_t *item)
{
    locks_store_item_t *ahead = locks_ahead_find(op, item->key);

    if (ahead == NULL) {
        return 0;
    }
    *item = *ahead;
    *ahead = *(locks_store_item_t *)apr_array_pop(op->ahead);
    return 1;
}

void locks_read(locks_operation_t *op, locks_store_item_t *items,
                apr_size_t count)
{
    locks_store_item_t *asked;
    apr_size_t *origin;
    apr_size_t missing = 0;
    apr_size_t i;

    if (op->ahead->nelts == 0) {
        fetch(op, items, count);
        return;
    }
    asked = apr_palloc(op->pool, count * sizeof(*asked));
    origin = apr_palloc(op->pool, count * sizeof(*origin));
    for (i = 0; i < count; i++) {
        if (!take_ahead(op, &items[i])) {
            origin[missing] = i;
            asked[missing++] = items[i];
        }
    }
    if (missing > 0) {
        fetch(op, asked, missing);
    }
    for (i = 0; i < missing; i++) {
        items[origin[i]] = asked[i];
    }
}

/* ---- Writing ---- */

static apr_status_t write_once(locks_operation_t *op, const char *key,
                               const char *value, apr_size_t length,
                               locks_version_t replaced,
                               locks_store_purpose_e purpose)
{
    const locks_store_provider_t *store = op->store->provider;

    return replaced.present
               ? store->cas(op->store, key, value, length, replaced.cas,
                            LOCKS_RECORD_LIFETIME, purpose)
               : store->add(op->store, key, value, length,
                            LOCKS_RECORD_LIFETIME, purpose);
}

/** What a record says of an ambiguous write of ours. */
typedef enum {
    TRACE_OURS,      /* it happened */
    TRACE_UNCHANGED, /* it did not happen yet, but still may */
    TRACE_FOREIGN,   /* it never will, but may have before another's write */
    TRACE_UNREADABLE,
    TRACE_DAMAGED
} trace_e;

/** @param replaced gets the CAS value that it has now, which is another one
 *                  on another connection */
static trace_e read_back(locks_operation_t *op, const char *key,
                         locks_nonce_t nonce, locks_version_t *replaced)
{
    locks_store_item_t item = {.key = key};
    locks_nonce_t stored;

    op->store->provider->fetch(op->store, &item, 1, LOCKS_STORE_SETTLE);
    if (item.status == LOCKS_STORE_ABSENT) {
        return replaced->present ? TRACE_FOREIGN : TRACE_UNCHANGED;
    }
    if (item.status != LOCKS_STORE_DONE) {
        return TRACE_UNREADABLE;
    }
    if (locks_record_nonce(&stored, item.value, item.length, key) !=
        APR_SUCCESS) {
        return TRACE_DAMAGED;
    }
    if (stored == nonce) {
        return TRACE_OURS;
    }
    if (!replaced->present || stored != replaced->nonce) {
        return TRACE_FOREIGN;
    }
    replaced->cas = item.cas;
    return TRACE_UNCHANGED;
}

/**
 * Decides an ambiguous write. Only a write of our own on the same version
 * does: once it is through, or lost, the first one cannot land any more,
 * since it would need that version too.
 */
static apr_status_t settle(locks_operation_t *op, const char *key,
                           const char *value, apr_size_t length,
                           locks_version_t replaced)
{
    locks_nonce_t nonce;
    int tries;

    if (locks_record_nonce(&nonce, value, length, key) != APR_SUCCESS) {
        return locks_record_damaged(op, key);
    }
    for (tries = 1; tries < SETTLE_TRIES; tries++) {
        switch (read_back(op, key, nonce, &replaced)) {
        case TRACE_OURS:
            return APR_SUCCESS;
        case TRACE_FOREIGN:
            return LOCKS_EDOUBT;
        case TRACE_UNREADABLE:
            return locks_store_failed(op);
        case TRACE_DAMAGED:
            return locks_record_damaged(op, key);
        case TRACE_UNCHANGED:
            break;
        }
        /* A lost one is read back if there is another try: the first may
         * have landed. */
        if (write_once(op, key, value, length, replaced, LOCKS_STORE_SETTLE) ==
            LOCKS_STORE_DONE) {
            return APR_SUCCESS;
        }
    }
    return locks_store_failed(op);
}

apr_status_t locks_write(locks_operation_t *op, const char *key,
                         const char *value, apr_size_t length,
                         locks_version_t replaced)
{
    switch (
        write_once(op, key, value, length, replaced, LOCKS_STORE_ORDINARY)) {
    case LOCKS_STORE_DONE:
        return APR_SUCCESS;
    case LOCKS_STORE_LOST:
    case LOCKS_STORE_ABSENT:
        op->deeds.conflicts++;
        locks_tell(op, "another request was first to write %s", key);
        return LOCKS_EAGAIN;
    case LOCKS_STORE_UNKNOWN:
        op->deeds.ambiguous++;
        locks_tell(op, "the answer to writing %s was lost", key);
        return settle(op, key, value, length, replaced);
    default:
        return locks_store_failed(op);
    }
}
