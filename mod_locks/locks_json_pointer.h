/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_json_pointer.h
 * @brief JSON pointers (RFC 6901).
 */
#ifndef LOCKS_JSON_POINTER_H
#define LOCKS_JSON_POINTER_H

#include "locks_json.h"

#include <apr_errno.h>
#include <apr_tables.h>

/**
 * Reads a pointer.
 * @param steps set to its reference tokens, decoded: const char *; none for
 *              "", the whole text
 * @return APR_EINVAL if it is none
 */
apr_status_t locks_json_pointer_parse(apr_array_header_t **steps,
                                      const char *pointer, apr_pool_t *pool);

/** Where the first steps lead to; LOCKS_JSON_ABSENT if to nothing. */
locks_json_t locks_json_pointer_follow(locks_json_t json,
                                       const apr_array_header_t *steps,
                                       int count);

/**
 * Has an object on the way the member that is next twice, or another that
 * differs in case alone? Readers differ in which of them counts.
 * @param text JSON, as locks_json_parse() takes it
 */
int locks_json_pointer_is_ambiguous(const char *text, apr_size_t length,
                                    const apr_array_header_t *steps,
                                    apr_pool_t *pool);

#endif
