/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of records. They must fit memcached's rules (at most 250 bytes, no
 * blank, no control character) whatever users and courses are called. */
#include "locks_record.h"

#include <apr_sha1.h>
#include <apr_strings.h>

#include <string.h>

/** The longest course ID that a key spells out. */
#define SPELLED_COURSE_MAX 128

/** The SHA-1 of a text. Two users of one digest would share a lease, which
 *  its owner field gives away: then neither is granted anything. Two courses
 *  of over-long IDs and one digest would share their slots, and refuse each
 *  other's gadgets of one name; no lock is granted twice by that. */
static void digest(unsigned char bytes[LOCKS_DIGEST_LENGTH], const char *text)
{
    apr_sha1_ctx_t context;

    apr_sha1_init(&context);
    apr_sha1_update(&context, text, (unsigned int)strlen(text));
    apr_sha1_final(bytes, &context);
}

/** Writes a digest in hexadecimal, and a NUL byte. */
static void write_hex(char hex[2 * LOCKS_DIGEST_LENGTH + 1],
                      const unsigned char bytes[LOCKS_DIGEST_LENGTH])
{
    static const char digits[] = "0123456789abcdef";
    apr_size_t i;

    for (i = 0; i < LOCKS_DIGEST_LENGTH; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    hex[2 * LOCKS_DIGEST_LENGTH] = '\0';
}

const char *locks_digest(const char *text, apr_pool_t *pool)
{
    unsigned char bytes[LOCKS_DIGEST_LENGTH];
    char *hex = apr_palloc(pool, 2 * sizeof(bytes) + 1);

    digest(bytes, text);
    write_hex(hex, bytes);
    return hex;
}

void locks_user_digest(unsigned char bytes[LOCKS_DIGEST_LENGTH],
                       const char *user)
{
    digest(bytes, user);
}

const char *locks_lease_key_of(const char *prefix, const locks_type_t *type,
                               const unsigned char bytes[LOCKS_DIGEST_LENGTH],
                               apr_pool_t *pool)
{
    char hex[2 * LOCKS_DIGEST_LENGTH + 1];

    write_hex(hex, bytes);
    return apr_pstrcat(pool, prefix, "lease:", type->name, ":", hex, NULL);
}

const char *locks_lease_key(const char *prefix, const locks_type_t *type,
                            const char *user, apr_pool_t *pool)
{
    unsigned char bytes[LOCKS_DIGEST_LENGTH];

    locks_user_digest(bytes, user);
    return locks_lease_key_of(prefix, type, bytes, pool);
}

const char *locks_slots_key(const char *prefix, const locks_type_t *type,
                            const char *course, apr_pool_t *pool)
{
    if (strlen(course) > SPELLED_COURSE_MAX) {
        /* "#" is in no course ID, so no spelled-out one looks like this. */
        course = apr_pstrcat(pool, "#", locks_digest(course, pool), NULL);
    }
    return apr_pstrcat(pool, prefix, "slots:", type->name, ":", course, NULL);
}

const char *locks_index_key(const char *prefix, const locks_type_t *type,
                            apr_byte_t shard, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%sindex:%s:%02x", prefix, type->name, shard);
}

const char *locks_finding_key(const char *prefix, const char *question,
                              apr_pool_t *pool)
{
    return apr_pstrcat(pool, prefix, "found:", locks_digest(question, pool),
                       NULL);
}

apr_byte_t locks_course_shard(const char *course)
{
    unsigned char bytes[LOCKS_DIGEST_LENGTH];

    digest(bytes, course);
    return bytes[0];
}
