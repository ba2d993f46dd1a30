/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_utf8.h"

#include <string.h>

static const char replacement[] = LOCKS_UTF8_REPLACEMENT;
#define REPLACEMENT_LENGTH (sizeof(replacement) - 1)

/** How long a sequence is that begins with this byte; 0 if none does. */
static apr_size_t announced(unsigned char lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2) {
        return 0; /* a continuation, or the long form of an ASCII character */
    }
    if (lead < 0xE0) {
        return 2;
    }
    if (lead < 0xF0) {
        return 3;
    }
    return lead < 0xF5 ? 4 : 0;
}

/** Is this second byte a long form, a surrogate or past U+10FFFF? */
static int out_of_range(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xE0:
        return second < 0xA0;
    case 0xED:
        return second > 0x9F;
    case 0xF0:
        return second < 0x90;
    case 0xF4:
        return second > 0x8F;
    default:
        return 0;
    }
}

apr_size_t locks_utf8_sequence(const char *text, apr_size_t left)
{
    const unsigned char *bytes = (const unsigned char *)text;
    apr_size_t length = announced(bytes[0]);

    if (length > left) {
        return 0;
    }
    for (apr_size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length > 1 && out_of_range(bytes[0], bytes[1]) ? 0 : length;
}

apr_size_t locks_utf8_span(const char *text, apr_size_t length)
{
    apr_size_t at = 0;

    while (at < length) {
        apr_size_t step = locks_utf8_sequence(text + at, length - at);

        if (step == 0) {
            break;
        }
        at += step;
    }
    return at;
}

/** Copies, or only measures where to is NULL. */
static apr_size_t repaired(char *to, const char *text, apr_size_t length)
{
    apr_size_t at = 0, written = 0;

    while (at < length) {
        apr_size_t step =
            text[at] ? locks_utf8_sequence(text + at, length - at) : 0;
        const char *from = step ? text + at : replacement;
        apr_size_t size = step ? step : REPLACEMENT_LENGTH;

        if (to) {
            memcpy(to + written, from, size);
        }
        written += size;
        at += step ? step : 1;
    }
    return written;
}

const char *locks_utf8_repair(const char *text, apr_size_t length,
                              apr_pool_t *pool)
{
    apr_size_t size = repaired(NULL, text, length);
    char *copy = apr_palloc(pool, size + 1);

    repaired(copy, text, length);
    copy[size] = '\0';
    return copy;
}
