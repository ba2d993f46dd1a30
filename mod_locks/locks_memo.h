/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_memo.h
 * @brief What was found out once, remembered for a while in one process.
 *
 * What is remembered is bytes, and what they are worth is for their user to
 * say: some look for no value that is older than they allow, some take any for
 * a guess, some remember what follows from the name alone. Use makes nothing
 * younger. That there is nothing is never remembered.
 *
 * A table has a fixed size. Where there is no room the oldest goes of those few
 * that could be in the same place. No table at all (NULL) is one that remembers
 * nothing.
 */
#ifndef LOCKS_MEMO_H
#define LOCKS_MEMO_H

#include <apr_pools.h>
#include <apr_time.h>

/** How many values share a place. */
#define LOCKS_MEMO_WAYS 8

typedef struct locks_memo_t locks_memo_t;

/** The longest name, its three texts together and three bytes more. What has a
 *  longer one is not remembered. */
#define LOCKS_MEMO_NAME_MAX 2048

/** What a value is of. Values of names that differ in any member are told
 *  apart. Nothing of it is kept but a digest: a key may have a SID in it. */
typedef struct locks_memo_name_t {
    /** Where it is from, such as a store's address; or "". */
    const char *store;
    /** What kind of value it is, or who made it. */
    const char *kind;
    /** Which one, such as the key that the store has it under. */
    const char *key;
} locks_memo_name_t;

/** A value that was remembered. */
typedef struct locks_memo_value_t {
    /** Followed by a NUL byte that length does not count. */
    const char *bytes;
    apr_size_t length;
    /** As it was noted with. */
    apr_time_t asked;
} locks_memo_value_t;

/**
 * Makes a table, empty.
 * @param created set to it
 * @param entries how many values it remembers; a multiple of #LOCKS_MEMO_WAYS
 * @param longest the longest value that is remembered
 * @param pool    lives as long as the process
 */
apr_status_t locks_memo_create(locks_memo_t **created, int entries,
                               apr_size_t longest, apr_pool_t *pool);

/**
 * Finds a value.
 * @param value set if there is one
 * @param since it must have been found out after this; 0 where any age will do
 * @param pool  where to copy the value to
 * @return whether there is one
 */
int locks_memo_find(locks_memo_t *memo, locks_memo_value_t *value,
                    const locks_memo_name_t *name, apr_time_t since,
                    apr_pool_t *pool);

/**
 * Notes what was found out, unless something later is noted already. What is
 * too long is not remembered, nor is what it replaced.
 * @param bytes NULL for nothing, or for nothing that is worth it
 * @param asked when a store was about to be asked for it, by
 *              locks_deadline_now(); now, where nobody minds its age
 */
void locks_memo_note(locks_memo_t *memo, const locks_memo_name_t *name,
                     const char *bytes, apr_size_t length, apr_time_t asked);

/**
 * Adds a text with its NUL byte to bytes that are to be remembered.
 * @param length how many there are, counted on
 * @param most   for how many there is room
 * @return 0 if there is no room for it
 */
int locks_memo_add(char *bytes, apr_size_t *length, apr_size_t most,
                   const char *text);

#endif
