/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_record.h
 * @brief The records that a store keeps, and their keys.
 *
 * Three kinds of record carry the protocol (see locks_protocol.h), one spares
 * it questions to the catalog, and one tells whether the store kept the rest:
 *
 *     lease    one per type and user    the lock itself
 *     slots    one per type and course  where to look for locks
 *     index    one per type and shard   which courses have slots
 *     finding  one per question         what the catalog answered
 *     epoch    one per server           since when it has kept its data
 *
 * Every record is binary, integers most significant byte first:
 *
 *     'L'  kind  version  nonce(8)  key(2+n)  fields ...
 *
 * A string is its length in two bytes and its bytes. A reader refuses another
 * kind, version or key, and ignores whatever follows the fields it knows: so
 * fields can be added at the end of a record, and at the end of each slot and
 * index entry, whose own lengths stand before them.
 */
#ifndef LOCKS_RECORD_H
#define LOCKS_RECORD_H

#include "locks_lock.h"

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_tables.h>

/** How long stores keep a record that nobody writes, in seconds: longer than
 *  the longest lease, and the same whatever the lease is. */
#define LOCKS_RECORD_LIFETIME (72 * 60 * 60)
/** A record older than this is written anew when it is next in use, so that
 *  what is in use never ends with its lifetime. */
#define LOCKS_RECORD_STALE apr_time_from_sec(24 * 60 * 60)
/** The longest prefix of keys in bytes. */
#define LOCKS_PREFIX_MAX 64
/** The largest lock ID: they are positive signed 64-bit integers. */
#define LOCKS_ID_MAX APR_INT64_MAX

/** One write of a record: tells our own write from another's. */
typedef apr_uint64_t locks_nonce_t;

/** A user's lease of a type. */
typedef struct locks_lease_t {
    /** The lock's ID; 0 when the user holds none. */
    apr_uint64_t id;
    /** The largest ID that was ever used or fenced in this lease. */
    apr_uint64_t last;
    apr_time_t granted;
    apr_time_t deadline;
    /** What the lock is on; "" when id is 0. */
    const char *course;
    const char *resource;
    /** The user. */
    const char *owner;
    /** Which of the user's windows holds it, in the client's words; "" if that
     *  was not said. */
    const char *client;
} locks_lease_t;

/** Where to look for the lock of one resource. */
typedef struct locks_slot_t {
    apr_uint64_t id;
    const char *resource;
    const char *owner;
    /** The bytes that it was read from, which are written again as they are;
     *  NULL for a new one. */
    const char *bytes;
    apr_size_t length;
} locks_slot_t;

/** A course's slots. */
typedef struct locks_slots_t {
    /** The largest ID that was ever written here; 0 in a new record. */
    apr_uint64_t last;
    /** When this record, and this course's index entry, were last written;
     *  0 for never. */
    apr_time_t written;
    apr_time_t indexed;
    /** How many slots the last sweep kept that nobody can drop; 0 if none was
     *  made, or if it left some to the next one. */
    int settled;
    /** Of locks_slot_t. */
    apr_array_header_t *entries;
} locks_slots_t;

/** One course of an index shard. */
typedef struct locks_index_entry_t {
    const char *course;
    /** When the entry was last written. */
    apr_time_t written;
} locks_index_entry_t;

/** What a catalog found, kept for a while. Not part of the protocol: without
 *  it the catalog is asked again. */
typedef struct locks_finding_t {
    /** What was asked, for whom ("" for nobody), and in which course (""
     *  where the question is which one it is). */
    const char *question;
    const char *principal;
    const char *course;
    /** What came of it: one of LOCKS_FOUND_... */
    int result;
    /** The course ID or the gadget ID that was found, or "". */
    const char *id;
    /** When it is to be forgotten. */
    apr_time_t until;
} locks_finding_t;

#define LOCKS_FOUND_NOT 0
#define LOCKS_FOUND 1
#define LOCKS_FOUND_BARRED 2

/** Since when a server of the store has kept its data. Not part of the
 *  protocol (see locks_epoch.h). */
typedef struct locks_epoch_record_t {
    /** A random number; never 0. */
    apr_uint64_t number;
    /** When the record was made, and when it was last written. */
    apr_time_t began;
    apr_time_t written;
} locks_epoch_record_t;

/** @name Keys
 * @{ */
/** The SHA-1 of a text in hexadecimal. */
const char *locks_digest(const char *text, apr_pool_t *pool);
/** The key of a finding, made of its question. */
const char *locks_finding_key(const char *prefix, const char *question,
                              apr_pool_t *pool);
/** The key of a user's lease; user IDs that are long, or have bytes that keys
 *  must not have, are hashed. */
const char *locks_lease_key(const char *prefix, const locks_type_t *type,
                            const char *user, apr_pool_t *pool);
/** The key of a course's slots; over-long course IDs are hashed. */
const char *locks_slots_key(const char *prefix, const locks_type_t *type,
                            const char *course, apr_pool_t *pool);
/** The key of an index shard. */
const char *locks_index_key(const char *prefix, const locks_type_t *type,
                            apr_byte_t shard, apr_pool_t *pool);
/** The shard of a course: the low byte of every ID granted in it. */
apr_byte_t locks_course_shard(const char *course);
/** @} */

/** @name Encoding
 * Returns the record's bytes, allocated from pool, and sets length.
 * @{ */
const char *locks_lease_encode(apr_size_t *length, const locks_lease_t *lease,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool);
const char *locks_slots_encode(apr_size_t *length, const locks_slots_t *slots,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool);
/** @param entries of locks_index_entry_t */
const char *locks_index_encode(apr_size_t *length,
                               const apr_array_header_t *entries,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool);
const char *locks_finding_encode(apr_size_t *length,
                                 const locks_finding_t *finding,
                                 const char *key, apr_pool_t *pool);
const char *locks_epoch_encode(apr_size_t *length,
                               const locks_epoch_record_t *epoch,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool);
/** @} */

/** @name Decoding
 * Returns APR_EINVAL for bytes that are no such record under this key: what
 * a record says is believed only if all of it can be. Strings are copied to
 * pool; slots also keep the bytes that they were read from, where they are.
 * @{ */
apr_status_t locks_lease_decode(locks_lease_t *lease, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool);
apr_status_t locks_slots_decode(locks_slots_t *slots, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool);
apr_status_t locks_index_decode(apr_array_header_t **entries, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool);
/** Reads the nonce of any kind of record. */
apr_status_t locks_record_nonce(locks_nonce_t *nonce, const char *value,
                                apr_size_t length, const char *key);
apr_status_t locks_finding_decode(locks_finding_t *finding, const char *value,
                                  apr_size_t length, const char *key,
                                  apr_pool_t *pool);
apr_status_t locks_epoch_decode(locks_epoch_record_t *epoch, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool);
/** @} */

#endif
