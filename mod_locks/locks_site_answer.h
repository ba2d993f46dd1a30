/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_site_answer.h
 * @brief What a site's JSON says of a course, a gadget or a permission.
 */
#ifndef LOCKS_SITE_ANSWER_H
#define LOCKS_SITE_ANSWER_H

#include <apr_errno.h>
#include <apr_tables.h>

/**
 * Reads the member "id" of an answer, a string or an integer.
 * @return APR_NOTFOUND if the answer is no JSON object or has no such member,
 *         APR_EINVAL if that is something else
 */
apr_status_t locks_site_answer_id(const char **id, const char *body,
                                  apr_size_t length, apr_pool_t *pool);

/**
 * Does an answer contain what the last step names: as a string in the array
 * that the steps before lead to, or as a member that is true of the object?
 * @return APR_SUCCESS, APR_NOTFOUND, or APR_EINVAL if the answer is no JSON or
 *         the steps before lead to neither
 * @param steps of a pointer, at least one
 */
apr_status_t locks_site_answer_contains(const char *body, apr_size_t length,
                                        const apr_array_header_t *steps,
                                        apr_pool_t *pool);

#endif
