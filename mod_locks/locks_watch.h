/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_watch.h
 * @brief What is known of the store's servers, in memory that all processes
 *        of an httpd share: so that news is told once, whoever finds it out.
 *
 * Any process may look at a server and note what it saw; each noting says
 * what of it is news. Nothing here waits, and a process that dies between
 * looking and noting leaves the rest to the next one that looks.
 */
#ifndef LOCKS_WATCH_H
#define LOCKS_WATCH_H

#include "locks_epoch.h"
#include "locks_store.h"

#include <stdatomic.h>

/** The bytes of a watched server's name, which is a digest, with a NUL byte. */
#define LOCKS_WATCH_NAME_SIZE 41

/** What is wrong with a server: bits. */
typedef enum {
    /** It does not answer, or not what it should. */
    LOCKS_TROUBLE_UNREACHABLE = 1,
    /** It gives no CAS values: no lock can be taken. */
    LOCKS_TROUBLE_NO_CAS = 2,
    /** It may drop locks when its memory is full. */
    LOCKS_TROUBLE_MAY_EVICT = 4,
    /** It has done so to something since it was looked at last. */
    LOCKS_TROUBLE_EVICTED = 8
} locks_trouble_e;

/** One server. All zero: never looked at. */
typedef struct locks_watched_server_t {
    /** Which server it is; written before processes share it. */
    char name[LOCKS_WATCH_NAME_SIZE];
    /** Did a request use the store that it belongs to? */
    _Atomic apr_uint32_t is_used;
    /** When it was looked at last, by a clock that only goes forward; 0 if it
     *  is to be looked at soon. */
    _Atomic apr_int64_t looked;
    /** The epoch that it was first seen in, the one that it was last seen in,
     *  and when that began. */
    _Atomic apr_uint64_t first;
    _Atomic apr_uint64_t epoch;
    _Atomic apr_int64_t began;
    /** How often it has lost its data, and when that was noticed last. */
    _Atomic apr_uint64_t losses;
    _Atomic apr_int64_t lost;
    /** The trouble it is in: bits. */
    _Atomic apr_uint32_t trouble;
    /** One more than it had evicted when it was examined last; 0 if it is to
     *  be examined. */
    _Atomic apr_uint64_t examined;
    /** When it was examined last, by the clock of looked. */
    _Atomic apr_int64_t examined_at;
    /** Its epoch is looked at, too: that alone says whether it is of use
     *  again, as a server may answer and yet not keep what it is given. */
    _Atomic apr_uint32_t has_epoch;
} locks_watched_server_t;

/** What changed with what was noted. */
typedef struct locks_watch_news_t {
    /** The trouble that is new, and that is over: bits. */
    apr_uint32_t begun;
    apr_uint32_t ended;
    /** The server has lost its data. */
    int has_lost_data;
    /** It is seen for the first time, and it was empty. */
    int is_fresh;
} locks_watch_news_t;

/** Notes the epoch that a server is in.
 *  @param now the wall clock */
locks_watch_news_t locks_watch_epoch(locks_watched_server_t *server,
                                     const locks_epoch_t *epoch,
                                     apr_time_t now);

/** Notes what a server said of itself. */
locks_watch_news_t locks_watch_examined(locks_watched_server_t *server,
                                        const locks_store_server_t *examined);

#endif
