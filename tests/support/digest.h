/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file digest.h
 * @brief 64-bit digests, to tell states that a test has been in.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <apr.h>

#include <string.h>

/** The digest of nothing. */
#define DIGEST_NONE ((apr_uint64_t)0x9e3779b97f4a7c15)

/** A digest with a number added; the order of additions counts. (Mixing as in
 *  Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
 *  2014) */
static inline apr_uint64_t digest_add(apr_uint64_t digest, apr_uint64_t number)
{
    apr_uint64_t mixed = (digest ^ number) + DIGEST_NONE;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

static inline apr_uint64_t digest_bytes(const char *bytes, apr_size_t length)
{
    apr_uint64_t digest = digest_add(DIGEST_NONE, length);
    apr_uint64_t word;
    apr_size_t i;

    for (i = 0; i < length; i += sizeof(word)) {
        apr_size_t left = length - i;

        word = 0;
        memcpy(&word, bytes + i, left < sizeof(word) ? left : sizeof(word));
        digest = digest_add(digest, word);
    }
    return digest;
}

static inline apr_uint64_t digest_text(const char *text)
{
    return digest_bytes(text, strlen(text));
}

#endif
