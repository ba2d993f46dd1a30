/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_memo.h"

#include <apr_general.h>
#include <apr_siphash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include <string.h>

#define WAYS LOCKS_MEMO_WAYS
/** How many mutexes the sets share.
 *
 * Whoever finds or notes something holds one of them for a look at eight
 * digests and a copy of a few kilobytes at most. There are more of them than
 * most hosts have processors, so two threads seldom want the same, and one that
 * nobody holds costs two atomic instructions, where a round trip costs system
 * calls. Reading without a lock, by a number that writers change before and
 * after, would copy values while they are written, which is a data race in C,
 * even if the copy is thrown away. */
#define STRIPES 64

/** Two names of one digest would share a value. Two hashes of 64 bits with keys
 *  that nobody outside knows, and that are others in each process, leave nobody
 *  a way to look for such names, and chance none to find them. */
typedef struct digest_t {
    apr_uint64_t halves[2];
} digest_t;

/** A value's head. All zero for none. */
typedef struct entry_t {
    digest_t digest;
    apr_uint32_t length;
    /** 0 for none. */
    apr_time_t asked;
} entry_t;

struct locks_memo_t {
    apr_thread_mutex_t *mutexes[STRIPES];
    unsigned char keys[2][APR_SIPHASH_KSIZE];
    int sets;
    apr_size_t longest;
    /** Was this set cleared? Memory that nobody has touched takes no room, so
     *  it is left alone before it is needed. */
    char *cleared;
    entry_t (*entries)[WAYS];
    /** longest bytes for each entry. */
    char *values;
};

/** A name's place in the table. */
typedef struct place_t {
    digest_t digest;
    int set;
    apr_thread_mutex_t *mutex;
} place_t;

apr_status_t locks_memo_create(locks_memo_t **created, int entries,
                               apr_size_t longest, apr_pool_t *pool)
{
    locks_memo_t *memo = apr_pcalloc(pool, sizeof(*memo));
    apr_status_t rv =
        apr_generate_random_bytes(memo->keys[0], sizeof(memo->keys));
    int i;

    *created = NULL;
    for (i = 0; i < STRIPES && rv == APR_SUCCESS; i++) {
        rv = apr_thread_mutex_create(&memo->mutexes[i],
                                     APR_THREAD_MUTEX_DEFAULT, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    memo->sets = entries / WAYS;
    memo->longest = longest;
    memo->cleared = apr_pcalloc(pool, (apr_size_t)memo->sets);
    memo->entries =
        apr_palloc(pool, (apr_size_t)memo->sets * sizeof(*memo->entries));
    memo->values = apr_palloc(pool, (apr_size_t)entries * longest);
    *created = memo;
    return APR_SUCCESS;
}

int locks_memo_add(char *bytes, apr_size_t *length, apr_size_t most,
                   const char *text)
{
    apr_size_t size = strlen(text) + 1;

    if (size > most - *length) {
        return 0;
    }
    memcpy(bytes + *length, text, size);
    *length += size;
    return 1;
}

/** Finds a name's place; 0 for one that is too long to have any. */
static int find_place(place_t *place, const locks_memo_t *memo,
                      const locks_memo_name_t *name)
{
    char bytes[LOCKS_MEMO_NAME_MAX];
    apr_size_t length = 0;
    int i;

    /* With their NUL bytes, which no text has within: texts that are divided
     * otherwise make another name. */
    if (!locks_memo_add(bytes, &length, sizeof(bytes), name->store) ||
        !locks_memo_add(bytes, &length, sizeof(bytes), name->kind) ||
        !locks_memo_add(bytes, &length, sizeof(bytes), name->key)) {
        return 0;
    }
    for (i = 0; i < 2; i++) {
        place->digest.halves[i] = apr_siphash24(bytes, length, memo->keys[i]);
    }
    place->set = (int)(place->digest.halves[0] % (apr_uint64_t)memo->sets);
    place->mutex = memo->mutexes[place->set % STRIPES];
    return 1;
}

/** Finds which of the set's entries is of the place's digest.
 *  @param oldest set to the one that would make room
 *  @return -1 for none */
static int find_way(const locks_memo_t *memo, const place_t *place, int *oldest)
{
    entry_t *entries = memo->entries[place->set];
    int way;

    if (!memo->cleared[place->set]) {
        memset(entries, 0, sizeof(*memo->entries));
        memo->cleared[place->set] = 1;
    }
    *oldest = 0;
    for (way = 0; way < WAYS; way++) {
        if (entries[way].asked != 0 &&
            memcmp(&entries[way].digest, &place->digest,
                   sizeof(place->digest)) == 0) {
            return way;
        }
        if (entries[way].asked < entries[*oldest].asked) {
            *oldest = way;
        }
    }
    return -1;
}

/** Where an entry's value is. */
static char *value_of(const locks_memo_t *memo, const place_t *place, int way)
{
    return memo->values +
           ((apr_size_t)place->set * WAYS + (apr_size_t)way) * memo->longest;
}

int locks_memo_find(locks_memo_t *memo, locks_memo_value_t *value,
                    const locks_memo_name_t *name, apr_time_t since,
                    apr_pool_t *pool)
{
    place_t place;
    int found = 0;
    int oldest;
    int way;

    if (memo == NULL || !find_place(&place, memo, name)) {
        return 0;
    }
    (void)apr_thread_mutex_lock(place.mutex);
    way = find_way(memo, &place, &oldest);
    if (way >= 0 && memo->entries[place.set][way].asked > since) {
        const entry_t *entry = &memo->entries[place.set][way];

        found = 1;
        value->length = entry->length;
        value->asked = entry->asked;
        value->bytes =
            apr_pstrmemdup(pool, value_of(memo, &place, way), entry->length);
    }
    (void)apr_thread_mutex_unlock(place.mutex);
    return found;
}

/** Writes an entry, or empties it.
 *  @param bytes NULL for nothing */
static void write_entry(locks_memo_t *memo, const place_t *place, int way,
                        const char *bytes, apr_size_t length, apr_time_t asked)
{
    entry_t *entry = &memo->entries[place->set][way];

    memset(entry, 0, sizeof(*entry));
    if (bytes != NULL) {
        entry->digest = place->digest;
        entry->length = (apr_uint32_t)length;
        entry->asked = asked;
        memcpy(value_of(memo, place, way), bytes, length);
    }
}

void locks_memo_note(locks_memo_t *memo, const locks_memo_name_t *name,
                     const char *bytes, apr_size_t length, apr_time_t asked)
{
    const char *worth;
    place_t place;
    int oldest;
    int way;

    if (memo == NULL || !find_place(&place, memo, name)) {
        return;
    }
    worth = length <= memo->longest ? bytes : NULL;
    (void)apr_thread_mutex_lock(place.mutex);
    way = find_way(memo, &place, &oldest);
    if (way < 0) {
        if (worth != NULL) {
            write_entry(memo, &place, oldest, worth, length, asked);
        }
    } else if (asked >= memo->entries[place.set][way].asked) {
        write_entry(memo, &place, way, worth, length, asked);
    }
    (void)apr_thread_mutex_unlock(place.mutex);
}
