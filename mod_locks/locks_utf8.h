/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_utf8.h
 * @brief Which bytes are UTF-8 (RFC 3629: no surrogates, nothing past
 *        U+10FFFF, shortest forms only).
 */
#ifndef LOCKS_UTF8_H
#define LOCKS_UTF8_H

#include <apr.h>
#include <apr_pools.h>

/** U+FFFD, the replacement character. */
#define LOCKS_UTF8_REPLACEMENT "\xEF\xBF\xBD"

/** The length of the sequence at text, of which there are left bytes, at least
 *  one; 0 if there is none. */
apr_size_t locks_utf8_sequence(const char *text, apr_size_t left);

/** How many bytes from the start on are UTF-8: length if all are. */
apr_size_t locks_utf8_span(const char *text, apr_size_t length);

/** Makes a C string of any bytes: each byte that is not UTF-8, and each
 *  U+0000, becomes U+FFFD. */
const char *locks_utf8_repair(const char *text, apr_size_t length,
                              apr_pool_t *pool);

#endif
