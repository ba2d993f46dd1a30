/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_epoch.h"

#include <apr_strings.h>

#include <string.h>

/** How many keys are tried to find one on a server. Where each of 100 servers
 *  gets its share, one is missed once in 10 to the power of 43. */
#define PLACE_TRIES 10000

const char *locks_epoch_key(const char *prefix, int server,
                            locks_epoch_place_fn *place,
                            const locks_store_t *store, apr_pool_t *pool)
{
    char key[LOCKS_STORE_KEY_MAX + 1];
    int number;

    for (number = 0; number < PLACE_TRIES; number++) {
        apr_snprintf(key, sizeof(key), "%sepoch:%d", prefix, number);
        if (place(store, key) == server) {
            return apr_pstrdup(pool, key);
        }
    }
    return NULL;
}

/** Sets an epoch that is not known. */
static void leave(locks_epoch_t *epoch, apr_status_t status, const char *why)
{
    memset(epoch, 0, sizeof(*epoch));
    epoch->status = status;
    epoch->why = why;
}

/** Takes over what a server holds, or is to hold. */
static void take(locks_epoch_t *epoch, const locks_epoch_record_t *record)
{
    leave(epoch, APR_SUCCESS, "");
    epoch->number = record->number;
    epoch->began = record->began;
    epoch->written = record->written;
}

static const char *encode(locks_operation_t *op, apr_size_t *length,
                          const locks_epoch_record_t *record, const char *key)
{
    return locks_epoch_encode(length, record, key, locks_nonce(op), op->pool);
}

/**
 * Writes a record anew long before its lifetime ends, or if a clock that was
 * far ahead wrote it. Whether that succeeds does not matter: another host may
 * have come first, and otherwise the next look tries again.
 */
static void keep(locks_operation_t *op, const locks_epoch_t *epoch,
                 const locks_store_item_t *item)
{
    locks_epoch_record_t record = {.number = epoch->number,
                                   .began = epoch->began,
                                   .written = locks_now(op)};
    apr_time_t age = record.written - epoch->written;
    apr_size_t length;
    const char *value;

    if (item->cas == 0 ||
        (age <= LOCKS_RECORD_STALE && age >= -LOCKS_RECORD_STALE)) {
        return;
    }
    value = encode(op, &length, &record, item->key);
    (void)op->store->provider->cas(op->store, item->key, value, length,
                                   item->cas, LOCKS_EPOCH_LIFETIME,
                                   LOCKS_STORE_ORDINARY);
}

/** Takes an epoch from what was read for it. Its status is APR_NOTFOUND if
 *  there is no record. */
static void view(locks_operation_t *op, locks_epoch_t *epoch,
                 const locks_store_item_t *item)
{
    locks_epoch_record_t record;
    apr_status_t rv;

    if (item->status == LOCKS_STORE_ABSENT) {
        leave(epoch, APR_NOTFOUND, "");
    } else if (item->status != LOCKS_STORE_DONE) {
        rv = locks_store_failed(op);
        leave(epoch, rv, op->why);
    } else if (locks_epoch_decode(&record, item->value, item->length, item->key,
                                  op->pool) != APR_SUCCESS) {
        rv = locks_record_damaged(op, item->key);
        leave(epoch, rv, op->why);
    } else {
        take(epoch, &record);
        epoch->lacks_cas = item->cas == 0;
    }
}

/** Makes the record of a server that has none. LOCKS_STORE_LOST if another
 *  host came first; any other outcome is the epoch's. */
static apr_status_t make(locks_operation_t *op, locks_epoch_t *epoch,
                         const char *key)
{
    locks_epoch_record_t record = {.number = locks_nonce(op),
                                   .began = locks_now(op)};
    apr_size_t length;
    const char *value;
    apr_status_t rv;

    record.number += record.number == 0;
    record.written = record.began;
    value = encode(op, &length, &record, key);
    rv = op->store->provider->add(op->store, key, value, length,
                                  LOCKS_EPOCH_LIFETIME, LOCKS_STORE_ORDINARY);
    if (rv == LOCKS_STORE_DONE) {
        take(epoch, &record);
        epoch->is_new = 1;
    } else if (rv != LOCKS_STORE_LOST) {
        /* A write whose answer was lost may have landed, or may still: the
         * next look sees what stands then. */
        apr_status_t failure = locks_store_failed(op);

        leave(epoch, failure, op->why);
    }
    return rv;
}

/** The epochs that are looked at. */
typedef struct look_t {
    locks_operation_t *op;
    locks_epoch_t **epochs;
    locks_store_item_t *items;
    int count;
} look_t;

static look_t *open_look(locks_operation_t *op, int room)
{
    look_t *look = apr_pcalloc(op->pool, sizeof(*look));
    apr_size_t some = (apr_size_t)room + 1;

    look->op = op;
    look->epochs = apr_pcalloc(op->pool, some * sizeof(*look->epochs));
    look->items = apr_pcalloc(op->pool, some * sizeof(*look->items));
    return look;
}

static void add_to_look(look_t *look, locks_epoch_t *epoch, const char *key)
{
    look->epochs[look->count] = epoch;
    look->items[look->count++].key = key;
}

/** Reads all of them, in one round trip. Views come before anything else
 *  that can fail: the store tells the reason of the last failure alone. */
static void read_look(const look_t *look)
{
    int i;

    locks_read(look->op, look->items, (apr_size_t)look->count);
    for (i = 0; i < look->count; i++) {
        view(look->op, look->epochs[i], &look->items[i]);
    }
}

/** Makes those that are missing, and renews those that are due. Those that
 *  other hosts made meanwhile are added to lost. */
static void write_look(const look_t *look, look_t *lost)
{
    int i;

    for (i = 0; i < look->count; i++) {
        locks_epoch_t *epoch = look->epochs[i];
        const locks_store_item_t *item = &look->items[i];

        if (epoch->status == APR_SUCCESS) {
            keep(look->op, epoch, item);
        } else if (epoch->status == APR_NOTFOUND &&
                   make(look->op, epoch, item->key) == LOCKS_STORE_LOST) {
            add_to_look(lost, epoch, item->key);
        }
    }
}

/** A record that was there for an add and is gone again is not made a second
 *  time: this would never end on a store that keeps nothing. */
static void give_up_missing(const look_t *look)
{
    int i;

    for (i = 0; i < look->count; i++) {
        if (look->epochs[i]->status == APR_NOTFOUND) {
            leave(look->epochs[i], LOCKS_EUNAVAILABLE,
                  apr_psprintf(look->op->pool,
                               "the record %s was there and then was not: the "
                               "store does not keep what it takes; give it "
                               "more memory",
                               look->items[i].key));
        }
    }
}

void locks_epochs_look(locks_epoch_t *epochs, const char *const *keys,
                       int count, locks_operation_t *op)
{
    look_t *look = open_look(op, count);
    look_t *lost = open_look(op, count);
    int i;

    for (i = 0; i < count; i++) {
        add_to_look(look, &epochs[i], keys[i]);
    }
    read_look(look);
    write_look(look, lost);
    read_look(lost);
    give_up_missing(lost);
}

/* Memory for what is added is taken before it is known whether it is there:
 * memcached has no cheaper answer to whether it has any. A record that is gone
 * meanwhile is made. */
void locks_epochs_try(locks_epoch_t *epochs, const char *const *keys, int count,
                      locks_operation_t *op)
{
    int i;

    for (i = 0; i < count; i++) {
        locks_epoch_t tried;

        if (epochs[i].status == APR_SUCCESS && !epochs[i].is_new &&
            make(op, &tried, keys[i]) != LOCKS_STORE_LOST) {
            epochs[i] = tried;
        }
    }
}
