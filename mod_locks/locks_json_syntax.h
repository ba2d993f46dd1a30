/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_json_syntax.h
 * @brief Is this JSON, to the letter of RFC 8259?
 */
#ifndef LOCKS_JSON_SYNTAX_H
#define LOCKS_JSON_SYNTAX_H

#include <apr.h>
#include <apr_pools.h>

/**
 * Checks that bytes are one JSON text, UTF-8 without a byte-order mark, whose
 * escapes make whole characters.
 *
 * Rewrites in place, byte for byte, what json-c would take for something
 * else: U+0000 in a member's name, where json-c ends the name, becomes
 * U+FFFD; an integer of more than 64 bits, which json-c turns into the
 * nearest that fits, becomes some number that is no integer.
 *
 * @param text   followed by a NUL byte that length does not count
 * @param levels how deep arrays and objects may nest
 * @return NULL, or a message that says what is wrong and at which byte, from
 *         0 on
 */
const char *locks_json_check(char *text, apr_size_t length, apr_size_t levels,
                             apr_pool_t *pool);

#endif
