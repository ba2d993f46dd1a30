/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_json_escape.h"

#include "locks_utf8.h"

#include <string.h>

/** What follows the backslash of the characters that have an escape of two
 *  characters; the other control characters have none. */
static const char short_escapes[0x80] = {
    ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
    ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
};

/** How many bytes from the start on stand for themselves. Nearly all that is
 *  written here is of this kind. */
static apr_size_t plain_span(const char *text, apr_size_t length)
{
    apr_size_t at = 0;

    while (at < length && text[at] >= ' ' && text[at] <= '~' &&
           text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}

/** Copies bytes and says where they end. */
static char *put(char *to, const char *bytes, apr_size_t length)
{
    memcpy(to, bytes, length);
    return to + length;
}

/** Writes one character of ASCII, escaped where it has to be. */
static char *put_ascii(char *to, char c)
{
    static const char digits[] = "0123456789abcdef";
    char escape = short_escapes[(unsigned char)c];

    if (escape != '\0') {
        *to++ = '\\';
        *to++ = escape;
    } else if (c < ' ') {
        to = put(to, "\\u00", 4);
        *to++ = digits[c >> 4];
        *to++ = digits[c & 0xf];
    } else {
        *to++ = c;
    }
    return to;
}

char *locks_json_escape(char *to, const char *text, apr_size_t length)
{
    apr_size_t at = 0;

    while (at < length) {
        apr_size_t plain = plain_span(text + at, length - at);
        apr_size_t sequence;

        to = put(to, text + at, plain);
        at += plain;
        if (at == length) {
            break;
        }
        sequence = locks_utf8_sequence(text + at, length - at);
        if (sequence == 1) {
            to = put_ascii(to, text[at]);
        } else if (sequence > 1) {
            to = put(to, text + at, sequence);
        } else {
            to = put(to, LOCKS_UTF8_REPLACEMENT,
                     sizeof(LOCKS_UTF8_REPLACEMENT) - 1);
            sequence = 1;
        }
        at += sequence;
    }
    return to;
}

const char *locks_json_quote(const char *text, apr_size_t length,
                             apr_pool_t *pool)
{
    char *quoted =
        apr_palloc(pool, length * LOCKS_JSON_ESCAPED_MAX + sizeof("\"\""));
    char *end = quoted;

    *end++ = '"';
    end = locks_json_escape(end, text, length);
    *end++ = '"';
    *end = '\0';
    return quoted;
}
