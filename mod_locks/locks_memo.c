/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_memo.h"

#include <apr_sha1.h>
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

/** A value's head. All zero for none. */
typedef struct entry_t {
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_uint32_t length;
    /** 0 for none. */
    apr_time_t asked;
} entry_t;

struct locks_memo_t {
    apr_thread_mutex_t *mutexes[STRIPES];
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
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    int set;
    apr_thread_mutex_t *mutex;
} place_t;

apr_status_t locks_memo_create(locks_memo_t **created, int entries,
                               apr_size_t longest, apr_pool_t *pool)
{
    locks_memo_t *memo = apr_pcalloc(pool, sizeof(*memo));
    int i;

    *created = NULL;
    for (i = 0; i < STRIPES; i++) {
        apr_status_t rv = apr_thread_mutex_create(
            &memo->mutexes[i], APR_THREAD_MUTEX_DEFAULT, pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
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

/** Adds a text with its NUL byte, which no text has within: so texts that are
 *  divided otherwise have another digest. */
static void add_text(apr_sha1_ctx_t *context, const char *text)
{
    apr_sha1_update(context, text, (unsigned int)strlen(text) + 1);
}

/** Two names of one digest would share a value. Somebody may make two SIDs
 *  that collide, but not one that collides with another's. */
static place_t place_of(const locks_memo_t *memo, const locks_memo_name_t *name)
{
    apr_sha1_ctx_t context;
    place_t place;

    apr_sha1_init(&context);
    add_text(&context, name->store);
    add_text(&context, name->kind);
    add_text(&context, name->key);
    apr_sha1_final(place.digest, &context);
    place.set = (place.digest[0] << 8 | place.digest[1]) % memo->sets;
    place.mutex = memo->mutexes[place.set % STRIPES];
    return place;
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
            memcmp(entries[way].digest, place->digest, APR_SHA1_DIGESTSIZE) ==
                0) {
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
    const place_t place = place_of(memo, name);
    int found = 0;
    int oldest;
    int way;

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
        memcpy(entry->digest, place->digest, sizeof(entry->digest));
        entry->length = (apr_uint32_t)length;
        entry->asked = asked;
        memcpy(value_of(memo, place, way), bytes, length);
    }
}

void locks_memo_note(locks_memo_t *memo, const locks_memo_name_t *name,
                     const char *bytes, apr_size_t length, apr_time_t asked)
{
    const place_t place = place_of(memo, name);
    const char *worth = length <= memo->longest ? bytes : NULL;
    int oldest;
    int way;

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
