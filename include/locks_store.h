/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_store.h
 * @brief A store: where records live that many processes and hosts share.
 *
 * A store keeps values under keys and gives every stored version of a value a
 * CAS value of its own. It knows nothing of locks. Whatever offers the three
 * operations below, fetch, add and cas, atomically for one key at a time, can
 * carry mod_locks.
 *
 * A module brings its own store by registering a #locks_store_provider_t:
 *
 *     ap_register_provider(p, LOCKS_STORE_PROVIDER_GROUP, "mystore",
 *                          LOCKS_STORE_PROVIDER_VERSION, &my_provider);
 *
 * and is then configured as `LocksStore mystore:arguments`.
 */
#ifndef LOCKS_STORE_H
#define LOCKS_STORE_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOCKS_STORE_PROVIDER_GROUP "locks_store"
#define LOCKS_STORE_PROVIDER_VERSION "0"

/** The longest key in bytes; keys hold no blank and no control character.
 *  (memcached's protocol.txt, section "Keys") */
#define LOCKS_STORE_KEY_MAX 250

/** The longest value in bytes that every store takes. memcached keeps items
 *  of 1 MiB with key and header, so this stays well below. */
#define LOCKS_STORE_VALUE_MAX 1000000

/**
 * @name Outcomes
 * Every operation ends in exactly one of these. None may stand for another:
 * what the protocol promises rests on telling them apart.
 * @{
 */
/** Done: the value was read, or was stored. */
#define LOCKS_STORE_DONE APR_SUCCESS
/** The server that owns the key answered that it has no such key. */
#define LOCKS_STORE_ABSENT APR_NOTFOUND
/** Nothing was stored: the key exists (add), or the CAS value is not its
 *  present one, or can no longer be told to be (cas). */
#define LOCKS_STORE_LOST APR_EEXIST
/** Nothing was read and nothing was stored: the server could not be asked,
 *  or a read was not answered in full and in time. */
#define LOCKS_STORE_UNREACHABLE (APR_OS_START_USERERR + 7301)
/** A write was sent and its answer did not come or cannot be trusted: it may
 *  have happened, or may still happen later. */
#define LOCKS_STORE_UNKNOWN (APR_OS_START_USERERR + 7302)
/** The server answered that it did not store the value (out of memory, too
 *  large, CAS switched off). */
#define LOCKS_STORE_REFUSED (APR_OS_START_USERERR + 7303)
/** @} */

/** What an operation is for. */
typedef enum {
    /** After an operation of this session timed out on a server, further
     *  ordinary ones that need that server are #LOCKS_STORE_UNREACHABLE at
     *  once: a request waits for a hung server only once. */
    LOCKS_STORE_ORDINARY,
    /** Finds out or decides what became of an earlier write of this session
     *  whose outcome is unknown: asks the server all the same. */
    LOCKS_STORE_SETTLE
} locks_store_purpose_e;

/** One key to fetch, and what came of it. */
typedef struct locks_store_item_t {
    /** In: the key, NUL-terminated. Stays the caller's. */
    const char *key;
    /** Out: #LOCKS_STORE_DONE, #LOCKS_STORE_ABSENT or
     *  #LOCKS_STORE_UNREACHABLE; the fields below are set for the first. */
    apr_status_t status;
    /** Out: the value, in the session's pool, followed by a NUL byte that
     *  #length does not count. Never NULL when status is DONE. */
    const char *value;
    /** Out: the value's bytes. */
    apr_size_t length;
    /** Out: the CAS value; 0 if the server gives none, and then no cas will
     *  succeed. It is good in the session that read it, while the server
     *  runs: after a restart, when memcached counts from 1 again, a cas with
     *  it is never #LOCKS_STORE_DONE. */
    apr_uint64_t cas;
} locks_store_item_t;

typedef struct locks_store_provider_t locks_store_provider_t;

/** A configured store. Providers embed this as their first member. Shared by
 *  all threads of a process. */
typedef struct locks_store_t {
    const locks_store_provider_t *provider;
    /** How many servers it has, at least 1. Set by create(). */
    int servers;
    /** What an administrator should know of this configuration though it
     *  works, and what to do; NULL for nothing. Set by create(), logged once
     *  at each start. */
    const char *caution;
} locks_store_t;

/** News of a store's servers, for an administrator to see once, whatever the
 *  session that learned of it is for. */
typedef enum {
    /** A server answers no more and is left alone. */
    LOCKS_STORE_ALARM,
    /** It answers again. */
    LOCKS_STORE_ALL_CLEAR
} locks_store_news_e;

/** Why an operation failed, or one server's part of it. */
typedef enum {
    /** A server did not answer in time. */
    LOCKS_STORE_FAILURE_TIMEOUT,
    /** A connection could not be made, or broke. */
    LOCKS_STORE_FAILURE_CONNECTION,
    /** A server answered with an error or with what is no answer. */
    LOCKS_STORE_FAILURE_ANSWER,
    /** Nothing was stored: no memory, too large, CAS switched off. */
    LOCKS_STORE_FAILURE_REFUSED,
    /** A server was not asked, since it hangs, or timed out before in this
     *  session. */
    LOCKS_STORE_FAILURE_LEFT_ALONE,
    /** Our own side: the session's time is used up, no connection is free,
     *  a key is no key. */
    LOCKS_STORE_FAILURE_LOCAL,
    /** How many kinds there are; none itself. */
    LOCKS_STORE_FAILURES
} locks_store_failure_e;

/**
 * Who watches a session, to log and to count. All members are required. They
 * are called at once, on the session's thread, in the middle of an operation:
 * they must not use the session.
 *
 * The baton is the one set in the session.
 */
typedef struct locks_store_observer_t {
    /**
     * Takes news of a server.
     * @param text which server, what happened, what to do; in the session's
     *             pool
     */
    void (*news)(void *baton, locks_store_news_e news, const char *text);
    /**
     * Takes note that a sequential round trip ended, well or not; called each
     * time that round_trips is counted up.
     * @param time microseconds that it took, connecting included, waiting for
     *             a free connection not
     */
    void (*round_trip)(void *baton, apr_interval_time_t time);
    /** Takes note of a failure: once for each server in each operation that
     *  failed on it, and once for each operation that our own side failed. */
    void (*failure)(void *baton, locks_store_failure_e kind);
} locks_store_observer_t;

/** One request's dealings with a store: its budget, what timed out, and the
 *  connections in use. Providers embed this as their first member. Used by
 *  one thread at a time. */
typedef struct locks_store_session_t {
    const locks_store_provider_t *provider;
    /** Sequential round trips made so far. */
    apr_uint32_t round_trips;
    /** Time spent waiting so far, in microseconds; counts against the
     *  session's budget. A caller may add what it waited elsewhere. */
    apr_interval_time_t waited;
    /** Who watches; the session's opener may set it, and NULL is nobody. */
    const locks_store_observer_t *observer;
    void *observer_baton;
    /** Does the reason() of the last failure follow from an alarm that was
     *  given before? Then the log need not say so for every request. */
    int is_known_failure;
} locks_store_session_t;

/** What is known of one server of a store. */
typedef struct locks_store_server_t {
    /** As it is configured. */
    const char *name;
    /** #LOCKS_STORE_DONE if it answered, else #LOCKS_STORE_UNREACHABLE; the
     *  fields below reason are set for the first. */
    apr_status_t status;
    /** Does it hang, so that this process leaves it alone? It is asked now
     *  and then all the same. */
    int is_left_alone;
    /** Why it did not answer, and what to do; "" if it did. */
    const char *reason;
    /** At most 32 printable characters of ASCII; "" if it did not answer. */
    const char *version;
    /** Microseconds since it was started. */
    apr_interval_time_t uptime;
    /** If not, every cas is #LOCKS_STORE_REFUSED (memcached -C). */
    int gives_cas;
    /** May it drop values before their lifetime ends, to make room for
     *  others (memcached without -M)? */
    int may_evict;
    /** How many it dropped so since it was started. */
    apr_uint64_t evictions;
    /** What it holds: values, their bytes, and how many bytes it may. */
    apr_uint64_t items;
    apr_uint64_t bytes;
    apr_uint64_t bytes_limit;
    /** How many clients are connected, this process among them. */
    apr_uint64_t connections;
    /** Microseconds that one question took. */
    apr_interval_time_t round_trip;
} locks_store_server_t;

/** How a store is provided. All members are required. */
struct locks_store_provider_t {
    /**
     * Makes a store from its configuration; called while the configuration
     * is read, so it connects nowhere.
     * @param store     set to the new store, allocated from pool
     * @param arguments what follows "provider:" in the directive
     * @param timeout   the longest that one operation may take, in
     *                  microseconds; a session may take four times as long
     *                  in all
     * @param pool      lives as long as the configuration
     * @return NULL, or an error message that names the cure
     */
    const char *(*create)(locks_store_t **store, const char *arguments,
                          apr_interval_time_t timeout, apr_pool_t *pool);
    /**
     * Makes the store usable in this process; called once in every child,
     * after the fork and before its threads. Must not fail because a server
     * is down.
     * @param threads the most threads that will use the store at once
     * @param pool    lives as long as the process
     */
    apr_status_t (*start)(locks_store_t *store, int threads, apr_pool_t *pool);
    /**
     * Opens a session; connects nowhere yet.
     * @param pool holds the session and every value that it fetches
     */
    locks_store_session_t *(*open)(locks_store_t *store, apr_pool_t *pool);
    /**
     * Gives back what the session holds. Values that it fetched stay. Called
     * twice, or not at all, it does no harm: clearing the pool closes too.
     */
    void (*close)(locks_store_session_t *session);
    /**
     * Reads many keys in one round trip, those of several servers side by
     * side. Sets the outcome in each item; one server's failure touches only
     * the items that it owns. A key may appear once.
     */
    void (*fetch)(locks_store_session_t *session, locks_store_item_t *items,
                  apr_size_t count, locks_store_purpose_e purpose);
    /**
     * Stores a value if the key is absent.
     * @param lifetime whole seconds after which the store may drop the value;
     *                 at most 30 days
     * @return any outcome but #LOCKS_STORE_ABSENT
     */
    apr_status_t (*add)(locks_store_session_t *session, const char *key,
                        const char *value, apr_size_t length,
                        apr_uint32_t lifetime, locks_store_purpose_e purpose);
    /**
     * Replaces a value if its CAS value is still the given one.
     * @param cas as fetched; 0 is #LOCKS_STORE_REFUSED and sends nothing
     * @return any outcome
     */
    apr_status_t (*cas)(locks_store_session_t *session, const char *key,
                        const char *value, apr_size_t length, apr_uint64_t cas,
                        apr_uint32_t lifetime, locks_store_purpose_e purpose);
    /**
     * Says why the last operation that was not DONE, ABSENT or LOST failed,
     * for an administrator: which server, what happened, what to do.
     * @return a text in the session's pool; "" if nothing failed yet
     */
    const char *(*reason)(const locks_store_session_t *session);
    /**
     * Asks every server of the store how it is, each for itself: one that
     * fails costs the others nothing but time. Each is an ordinary operation,
     * with its round trips and failures, and all of them together stay within
     * the session's time. CAS values that were fetched before stay good.
     * @param servers one for each of the store's servers, in their order; its
     *                texts live as long as the session
     */
    void (*examine)(locks_store_session_t *session,
                    locks_store_server_t *servers);
    /**
     * Says which server has a key. Any thread may ask, and none is asked.
     * @param store a store that was started
     * @return its index, from 0 up to the number of servers
     */
    int (*place)(const locks_store_t *store, const char *key);
    /**
     * Says what a server is called where it is configured. Any thread may ask,
     * and none is asked.
     * @param server its index
     */
    const char *(*name)(const locks_store_t *store, int server);
};

#ifdef __cplusplus
}
#endif
#endif
