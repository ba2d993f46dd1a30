/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_bitmap.h
 * @brief Numbers that threads take and give back, without a lock between them.
 */
#ifndef LOCKS_BITMAP_H
#define LOCKS_BITMAP_H

#include <apr_pools.h>

typedef struct locks_bitmap_t locks_bitmap_t;

/** Makes the numbers from 0 up to count; all are free. */
locks_bitmap_t *locks_bitmap_create(int count, apr_pool_t *pool);

/** Takes the lowest number that is free; -1 if none is. */
int locks_bitmap_take(locks_bitmap_t *bitmap);

/** Gives back a number that was taken. What its taker wrote before, the next
 *  one sees. */
void locks_bitmap_give(locks_bitmap_t *bitmap, int number);

#endif
