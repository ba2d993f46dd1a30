/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_epoch.h
 * @brief Notices that a server of the store lost its data.
 *
 * Each server holds one record with a random number. Whoever finds none makes
 * one; so a server that shows another number than before, or none, was
 * restarted or emptied in between, or dropped the record for want of memory:
 * either way locks may have been lost with it. Comparing is the caller's
 * business.
 */
#ifndef LOCKS_EPOCH_H
#define LOCKS_EPOCH_H

#include "locks_operation.h"

/** How long stores keep an epoch that nobody writes, in seconds: the longest
 *  that a store must, for an idle site is not to seem to lose its data. */
#define LOCKS_EPOCH_LIFETIME (30 * 24 * 60 * 60)

/** What is known of a server's epoch. */
typedef struct locks_epoch_t {
    /** APR_SUCCESS: number and began are what the server holds.
     *  LOCKS_EUNAVAILABLE: it could not be found out. */
    apr_status_t status;
    /** After LOCKS_EUNAVAILABLE: the reason and the cure; otherwise "". */
    const char *why;
    /** Never 0 after APR_SUCCESS, otherwise 0. */
    apr_uint64_t number;
    /** When the record was made and when it was last written, by the clocks
     *  of the hosts that did. */
    apr_time_t began;
    apr_time_t written;
    /** This look found no record and made it. */
    int is_new;
    /** The server gave no CAS value with the record (memcached -C): no lock
     *  can be granted there. A look that made the record saw none yet. */
    int lacks_cas;
} locks_epoch_t;

/**
 * Tells which server of a store owns a key.
 * @return from 0, below the number of the store's servers
 */
typedef int locks_epoch_place_fn(const locks_store_t *store, const char *key);

/**
 * The key whose record is on a server of the store: the prefix, "epoch:" and
 * the first number from 0 that place puts there.
 * @param server from 0
 * @return NULL if place puts hardly any key there
 */
const char *locks_epoch_key(const char *prefix, int server,
                            locks_epoch_place_fn *place,
                            const locks_store_t *store, apr_pool_t *pool);

/**
 * Looks at the epochs behind the keys in one round trip, and makes those that
 * are missing, in one more for each. Records that are a day old are written
 * anew, in one more for each.
 * @param epochs one for each key; set in all members
 * @param keys   of different servers; texts in the epochs refer to the
 *               operation's pool
 */
void locks_epochs_look(locks_epoch_t *epochs, const char *const *keys,
                       int count, locks_operation_t *op);

/**
 * Finds out whether servers take writes, by an attempt to make the records that
 * they were seen to have: a server whose memory is full refuses it, and any
 * other one too, as there is a record. One round trip for each.
 * @param epochs as locks_epochs_look() set them; those of servers that take
 *               none get LOCKS_EUNAVAILABLE
 */
void locks_epochs_try(locks_epoch_t *epochs, const char *const *keys, int count,
                      locks_operation_t *op);

#endif
