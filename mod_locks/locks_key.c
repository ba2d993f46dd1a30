/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of records. They must fit memcached's rules (at most 250 bytes, no
 * blank, no control character) whatever users and courses are called. */
#include "locks_record.h"

#include <apr_base64.h>
#include <apr_escape.h>
#include <apr_sha1.h>
#include <apr_strings.h>

#include <string.h>

/** The longest course ID and user ID that a key spells out. A user's is spelled
 *  where that is no longer than its digest: to make one takes time, and so does
 *  each byte of a key, for memcached and libmemcached alike. */
#define SPELLED_COURSE_MAX 128
#define SPELLED_USER_MAX (2 * APR_SHA1_DIGESTSIZE)

/** The length of a SHA-1 in Base64, which is shorter than in hexadecimal. */
#define BASE64_LENGTH ((APR_SHA1_DIGESTSIZE + 2) / 3 * 4)

/** The SHA-1 of a text. Two users of one digest would share a lease, which
 *  its owner field gives away: then neither is granted anything. Two courses
 *  of over-long IDs and one digest would share their slots, and refuse each
 *  other's gadgets of one name; no lock is granted twice by that. */
static void digest(unsigned char bytes[APR_SHA1_DIGESTSIZE], const char *text)
{
    apr_sha1_ctx_t context;

    apr_sha1_init(&context);
    apr_sha1_update(&context, text, (unsigned int)strlen(text));
    apr_sha1_final(bytes, &context);
}

const char *locks_digest(const char *text, apr_pool_t *pool)
{
    unsigned char bytes[APR_SHA1_DIGESTSIZE];

    digest(bytes, text);
    return apr_pescape_hex(pool, bytes, sizeof(bytes), 0);
}

/** What stands in a key for an ID that is not spelled out. "#" is in no course
 *  ID, and no user ID that begins so is spelled out, so none of these looks
 *  like this. */
static const char *hashed(const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "#", locks_digest(id, pool), NULL);
}

/** Do memcached's rules allow this user ID in a key? */
static int is_spelled(const char *user)
{
    const char *next;

    if (*user == '#') {
        return 0;
    }
    for (next = user; *next > ' ' && *next < '\x7f'; next++) {
    }
    return *next == '\0' && next - user <= SPELLED_USER_MAX;
}

const char *locks_lease_key(const char *prefix, const locks_type_t *type,
                            const char *user, apr_pool_t *pool)
{
    if (!is_spelled(user)) {
        user = hashed(user, pool);
    }
    return apr_pstrcat(pool, prefix, "lease:", type->name, ":", user, NULL);
}

const char *locks_slots_key(const char *prefix, const locks_type_t *type,
                            const char *course, apr_pool_t *pool)
{
    if (strlen(course) > SPELLED_COURSE_MAX) {
        course = hashed(course, pool);
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
    unsigned char bytes[APR_SHA1_DIGESTSIZE];
    char text[BASE64_LENGTH + 1];

    digest(bytes, question);
    (void)apr_base64_encode_binary(text, bytes, sizeof(bytes));
    return apr_pstrcat(pool, prefix, "found:", text, NULL);
}

apr_byte_t locks_course_shard(const char *course)
{
    unsigned char bytes[APR_SHA1_DIGESTSIZE];

    digest(bytes, course);
    return bytes[0];
}
