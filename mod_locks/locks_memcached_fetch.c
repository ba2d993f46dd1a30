/* SPDX-License-Identifier: Apache-2.0 */

#include "locks_memcached_fetch.h"

#include <apr_strings.h>
#include <string.h>

/** What one server is asked for. */
typedef struct share_t {
    int server;
    locks_store_item_t **items;
    const char **keys;
    apr_size_t *lengths;
    apr_size_t count;
    /** Is the server still to be asked, for the first or the second time? */
    int pending;
    /** Had it answered on its connection before? */
    int reused;
    locks_memcached_client_t *client;
    locks_memcached_result_e result;
} share_t;

/** All shares of one fetch; those without items stay empty. */
typedef struct plan_t {
    locks_memcached_session_t *session;
    share_t *shares;
    int count;
    int sent;
} plan_t;

/** Nothing is known of an item until its server has answered for all. */
static void forget(locks_store_item_t *item)
{
    item->status = LOCKS_STORE_UNREACHABLE;
    item->value = NULL;
    item->length = 0;
    item->cas = 0;
}

/** Gives a share room for as many items as it was counted to have. */
static void allot(share_t *share, apr_pool_t *pool)
{
    share->items = apr_palloc(pool, share->count * sizeof(*share->items));
    share->keys = apr_palloc(pool, share->count * sizeof(*share->keys));
    share->lengths = apr_palloc(pool, share->count * sizeof(*share->lengths));
    share->count = 0;
}

/** Divides the items among the servers, each share in the items' order. */
static void divide(plan_t *plan, locks_store_item_t *items, apr_size_t count)
{
    locks_memcached_session_t *session = plan->session;
    int *servers = apr_palloc(session->pool, count * sizeof(*servers));
    apr_size_t i;
    int s;

    for (i = 0; i < count; i++) {
        forget(&items[i]);
        servers[i] = -1;
        if (locks_memcached_key_valid(items[i].key)) {
            servers[i] = locks_memcached_server(session->store, items[i].key);
            plan->shares[servers[i]].count++;
        } else {
            locks_memcached_blame(session, LOCKS_STORE_FAILURE_LOCAL,
                                  "memcached: a key is no key of "
                                  "memcached; is LocksSessionKey or "
                                  "LocksKeyPrefix too long?");
        }
    }
    for (s = 0; s < plan->count; s++) {
        plan->shares[s].server = s;
        allot(&plan->shares[s], session->pool);
    }
    for (i = 0; i < count; i++) {
        if (servers[i] >= 0) {
            share_t *share = &plan->shares[servers[i]];

            share->items[share->count] = &items[i];
            share->keys[share->count] = items[i].key;
            share->lengths[share->count] = strlen(items[i].key);
            share->count++;
        }
    }
}

/** Drops the servers that are not to be asked; says whether one is left. */
static int choose(plan_t *plan, locks_store_purpose_e purpose)
{
    int any = 0;
    int s;

    for (s = 0; s < plan->count; s++) {
        share_t *share = &plan->shares[s];

        share->pending =
            share->count > 0 &&
            locks_memcached_may_ask(plan->session, share->server, purpose);
        any = any || share->pending;
    }
    return any;
}

static void fill(locks_store_item_t *item, const locks_memcached_value_t *value,
                 apr_pool_t *pool)
{
    item->status = LOCKS_STORE_DONE;
    item->value = apr_pstrmemdup(pool, value->bytes, value->length);
    item->length = value->length;
    item->cas = value->cas;
}

/**
 * Reads a server's answers. It gives them in the order of the request, and
 * leaves out what it does not have; so an answer that is not for a later item
 * is for no request of ours.
 */
static locks_memcached_result_e read_share(share_t *share, apr_pool_t *pool)
{
    locks_memcached_value_t value = {.key = NULL};
    locks_memcached_result_e result;
    apr_size_t next = 0;

    while ((result = locks_memcached_answer(share->client, &value)) ==
           LOCKS_MEMCACHED_OK) {
        while (next < share->count &&
               strcmp(share->keys[next], value.key) != 0) {
            share->items[next++]->status = LOCKS_STORE_ABSENT;
        }
        if (next == share->count) {
            return locks_memcached_reject(share->client);
        }
        fill(share->items[next++], &value, pool);
    }
    if (result != LOCKS_MEMCACHED_ABSENT) {
        return result;
    }
    while (next < share->count) {
        share->items[next++]->status = LOCKS_STORE_ABSENT;
    }
    return LOCKS_MEMCACHED_OK;
}

/** Sends all requests before it reads an answer, so that servers work side by
 *  side and their round trips are one. */
static void talk(plan_t *plan)
{
    int s;

    for (s = 0; s < plan->count; s++) {
        share_t *share = &plan->shares[s];

        if (share->pending) {
            share->result = locks_memcached_connect(share->client);
            if (share->result == LOCKS_MEMCACHED_OK) {
                plan->sent = 1;
                share->result = locks_memcached_ask(
                    share->client, share->keys, share->lengths, share->count);
            }
        }
    }
    for (s = 0; s < plan->count; s++) {
        share_t *share = &plan->shares[s];

        if (share->pending && share->result == LOCKS_MEMCACHED_OK) {
            share->result = read_share(share, plan->session->pool);
        }
    }
}

/** Judges what came of a share; says whether to ask once more. A server that
 *  was restarted while its connection idled shows only when the connection
 *  is used; asking anew for values changes nothing. */
static int settle(plan_t *plan, share_t *share)
{
    apr_size_t i;

    share->pending = 0;
    if (share->result == LOCKS_MEMCACHED_OK) {
        locks_memcached_heard(plan->session, share->server);
        return 0;
    }
    for (i = 0; i < share->count; i++) {
        forget(share->items[i]);
    }
    if (share->result == LOCKS_MEMCACHED_BROKEN && share->reused) {
        locks_memcached_close(share->client);
        share->pending = 1;
        return 1;
    }
    locks_memcached_failed(plan->session, share->server, share->result);
    return 0;
}

/** Asks all that is pending; says whether some of it is so again. */
static int ask_pending(plan_t *plan)
{
    int again = 0;
    int s;

    for (s = 0; s < plan->count; s++) {
        share_t *share = &plan->shares[s];

        if (share->pending) {
            share->client = locks_memcached_ready(plan->session, s);
            share->pending = share->client != NULL;
        }
        share->reused =
            share->pending && locks_memcached_answered(share->client);
    }
    locks_memcached_arm(plan->session);
    talk(plan);
    locks_memcached_disarm(plan->session);
    for (s = 0; s < plan->count; s++) {
        if (plan->shares[s].pending) {
            again = settle(plan, &plan->shares[s]) || again;
        }
    }
    return again;
}

void locks_memcached_fetch(locks_memcached_session_t *session,
                           locks_store_item_t *items, apr_size_t count,
                           locks_store_purpose_e purpose)
{
    plan_t plan = {.session = session,
                   .count = session->store->addresses->nelts};

    locks_memcached_clear(session);
    plan.shares =
        apr_pcalloc(session->pool, (apr_size_t)plan.count * sizeof(share_t));
    divide(&plan, items, count);
    if (!choose(&plan, purpose) ||
        locks_memcached_begin(session) != APR_SUCCESS) {
        return;
    }
    while (ask_pending(&plan)) {
    }
    locks_memcached_end(session, plan.sent);
}
