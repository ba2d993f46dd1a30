/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_prefer.h
 * @brief The Prefer header (RFC 7240).
 */
#ifndef LOCKS_PREFER_H
#define LOCKS_PREFER_H

/** The most seconds that locks_prefer_wait() tells. */
#define LOCKS_PREFER_WAIT_MAX 999999

/**
 * How long a request prefers to wait: the first preference "wait" counts.
 * @param header all Prefer headers, joined by commas; may be NULL
 * @return seconds; 0 if there is no such preference, or it is no number
 */
int locks_prefer_wait(const char *header);

#endif
