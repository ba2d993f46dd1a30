/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_session_cache.h
 * @brief What a session store was found to hold, kept for a while in one
 *        process.
 *
 * Values are kept as they were read, so that whoever judges them does so each
 * time. Ages count from before the store was asked, and use makes nothing
 * younger: no value is found that is older than its finder allows. That a
 * store holds nothing is never kept.
 *
 * A table has a fixed size, #LOCKS_SESSION_CACHE_ENTRIES values of at most
 * #LOCKS_SESSION_CACHE_VALUE_MAX bytes: 128 KiB from the beginning, and 2 MiB
 * that the system gives as they are filled. Where there is no room the oldest
 * goes of those few that could be in the same place.
 */
#ifndef LOCKS_SESSION_CACHE_H
#define LOCKS_SESSION_CACHE_H

#include <apr_pools.h>
#include <apr_time.h>

/** How many values a table keeps, and how many of them share a place. */
#define LOCKS_SESSION_CACHE_ENTRIES 4096
#define LOCKS_SESSION_CACHE_WAYS 8
/** The longest value that is kept. */
#define LOCKS_SESSION_CACHE_VALUE_MAX 512

typedef struct locks_session_cache_t locks_session_cache_t;

/** What a value is of. Values of names that differ in any member are told
 *  apart. Nothing of it is kept but a digest: a key has a SID in it. */
typedef struct locks_session_name_t {
    /** The store's address. */
    const char *store;
    /** The session source that judges the value. */
    const char *source;
    /** The key that the store has it under. */
    const char *key;
} locks_session_name_t;

/** A value that was kept. */
typedef struct locks_session_kept_t {
    /** Followed by a NUL byte that length does not count. */
    const char *value;
    apr_size_t length;
    /** When the store was about to be asked, by locks_deadline_now(). */
    apr_time_t asked;
} locks_session_kept_t;

/**
 * Makes a table, empty.
 * @param created set to it
 * @param pool    lives as long as the process
 */
apr_status_t locks_session_cache_create(locks_session_cache_t **created,
                                        apr_pool_t *pool);

/**
 * Finds a value.
 * @param kept  set if there is one
 * @param since the store must have been asked after this, by
 *              locks_deadline_now()
 * @param pool  where to copy the value to
 * @return whether there is one
 */
int locks_session_cache_find(locks_session_cache_t *cache,
                             locks_session_kept_t *kept,
                             const locks_session_name_t *name, apr_time_t since,
                             apr_pool_t *pool);

/**
 * Notes what a store was found to hold, unless it was asked later and that is
 * noted already. What is too long is not kept, nor is what it replaced.
 * @param value NULL for nothing, or for nothing that is a session
 * @param asked when the store was about to be asked, by locks_deadline_now()
 */
void locks_session_cache_note(locks_session_cache_t *cache,
                              const locks_session_name_t *name,
                              const char *value, apr_size_t length,
                              apr_time_t asked);

#endif
