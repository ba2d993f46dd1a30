/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_json_escape.h
 * @brief The one place where strings are made fit for JSON.
 */
#ifndef LOCKS_JSON_ESCAPE_H
#define LOCKS_JSON_ESCAPE_H

#include <apr.h>
#include <apr_pools.h>

/** The most bytes that one byte becomes: \\u0001. */
#define LOCKS_JSON_ESCAPED_MAX 6

/**
 * Writes what stands between the quotes of a JSON string (RFC 8259, section
 * 7). Bytes that are not UTF-8 become U+FFFD, each for itself.
 * @param to     room for #LOCKS_JSON_ESCAPED_MAX bytes for each of text
 * @param text   may have NUL bytes among its length, which are U+0000
 * @return the end of what was written; no NUL follows
 */
char *locks_json_escape(char *to, const char *text, apr_size_t length);

/** Writes a JSON string, quotes included, as locks_json_escape() does. */
const char *locks_json_quote(const char *text, apr_size_t length,
                             apr_pool_t *pool);

#endif
