/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_session_cache.h"

#include <apr_sha1.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include <string.h>

#define WAYS LOCKS_SESSION_CACHE_WAYS
#define SETS (LOCKS_SESSION_CACHE_ENTRIES / WAYS)
/** How many mutexes the sets share.
 *
 * Whoever finds or notes something holds one of them for a look at eight
 * digests and a copy of half a kilobyte at most. There are more of them than
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

struct locks_session_cache_t {
    apr_thread_mutex_t *mutexes[STRIPES];
    entry_t entries[SETS][WAYS];
    /** In memory of their own, which nobody touches before it is needed. */
    char (*values)[WAYS][LOCKS_SESSION_CACHE_VALUE_MAX];
};

/** A name's place in the table. */
typedef struct place_t {
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    int set;
    apr_thread_mutex_t *mutex;
} place_t;

apr_status_t locks_session_cache_create(locks_session_cache_t **created,
                                        apr_pool_t *pool)
{
    locks_session_cache_t *cache = apr_pcalloc(pool, sizeof(*cache));
    int i;

    *created = NULL;
    for (i = 0; i < STRIPES; i++) {
        apr_status_t rv = apr_thread_mutex_create(
            &cache->mutexes[i], APR_THREAD_MUTEX_DEFAULT, pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    cache->values = apr_palloc(pool, SETS * sizeof(*cache->values));
    *created = cache;
    return APR_SUCCESS;
}

/** Adds a text with its NUL byte, which no text has within: so texts that are
 *  divided otherwise have another digest. */
static void add_text(apr_sha1_ctx_t *context, const char *text)
{
    apr_sha1_update(context, text, (unsigned int)strlen(text) + 1);
}

/** Two names of one digest would share a session. Somebody may make two SIDs
 *  that collide, but not one that collides with another's. */
static place_t place_of(const locks_session_cache_t *cache,
                        const locks_session_name_t *name)
{
    apr_sha1_ctx_t context;
    place_t place;

    apr_sha1_init(&context);
    add_text(&context, name->store);
    add_text(&context, name->source);
    add_text(&context, name->key);
    apr_sha1_final(place.digest, &context);
    place.set = (place.digest[0] << 8 | place.digest[1]) % SETS;
    place.mutex = cache->mutexes[place.set % STRIPES];
    return place;
}

/** Finds which of the set's entries is of the place's digest.
 *  @param oldest set to the one that would make room
 *  @return -1 for none */
static int find_way(const locks_session_cache_t *cache, const place_t *place,
                    int *oldest)
{
    const entry_t *entries = cache->entries[place->set];
    int way;

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

int locks_session_cache_find(locks_session_cache_t *cache,
                             locks_session_kept_t *kept,
                             const locks_session_name_t *name, apr_time_t since,
                             apr_pool_t *pool)
{
    const place_t place = place_of(cache, name);
    char value[LOCKS_SESSION_CACHE_VALUE_MAX];
    int found = 0;
    int oldest;
    int way;

    (void)apr_thread_mutex_lock(place.mutex);
    way = find_way(cache, &place, &oldest);
    if (way >= 0 && cache->entries[place.set][way].asked > since) {
        const entry_t *entry = &cache->entries[place.set][way];

        found = 1;
        kept->length = entry->length;
        kept->asked = entry->asked;
        memcpy(value, cache->values[place.set][way], entry->length);
    }
    (void)apr_thread_mutex_unlock(place.mutex);
    if (found) {
        kept->value = apr_pstrmemdup(pool, value, kept->length);
    }
    return found;
}

/** Writes an entry, or empties it.
 *  @param value NULL for nothing */
static void write_entry(locks_session_cache_t *cache, const place_t *place,
                        int way, const char *value, apr_size_t length,
                        apr_time_t asked)
{
    entry_t *entry = &cache->entries[place->set][way];

    memset(entry, 0, sizeof(*entry));
    if (value != NULL) {
        memcpy(entry->digest, place->digest, sizeof(entry->digest));
        entry->length = (apr_uint32_t)length;
        entry->asked = asked;
        memcpy(cache->values[place->set][way], value, length);
    }
}

void locks_session_cache_note(locks_session_cache_t *cache,
                              const locks_session_name_t *name,
                              const char *value, apr_size_t length,
                              apr_time_t asked)
{
    const place_t place = place_of(cache, name);
    const char *worth = length <= LOCKS_SESSION_CACHE_VALUE_MAX ? value : NULL;
    int oldest;
    int way;

    (void)apr_thread_mutex_lock(place.mutex);
    way = find_way(cache, &place, &oldest);
    if (way < 0) {
        if (worth != NULL) {
            write_entry(cache, &place, oldest, worth, length, asked);
        }
    } else if (asked >= cache->entries[place.set][way].asked) {
        write_entry(cache, &place, way, worth, length, asked);
    }
    (void)apr_thread_mutex_unlock(place.mutex);
}
