/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_bitmap.h"

#include <stdatomic.h>

/** The numbers in one word. */
#define WORD_BITS 64

struct locks_bitmap_t {
    int words;
    /** A bit for each free number. */
    _Atomic apr_uint64_t free[];
};

locks_bitmap_t *locks_bitmap_create(int count, apr_pool_t *pool)
{
    int words = (count + WORD_BITS - 1) / WORD_BITS;
    locks_bitmap_t *bitmap = apr_pcalloc(
        pool, sizeof(*bitmap) + (apr_size_t)words * sizeof(*bitmap->free));
    int i;

    bitmap->words = words;
    for (i = 0; i < count; i++) {
        locks_bitmap_give(bitmap, i);
    }
    return bitmap;
}

/** Takes the lowest bit of a word; 0 if there is none. */
static apr_uint64_t take_bit(_Atomic apr_uint64_t *word)
{
    apr_uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
    apr_uint64_t lowest;

    do {
        lowest = before & (~before + 1);
    } while (lowest != 0 && !atomic_compare_exchange_weak_explicit(
                                word, &before, before & ~lowest,
                                memory_order_acquire, memory_order_relaxed));
    return lowest;
}

int locks_bitmap_take(locks_bitmap_t *bitmap)
{
    int i;

    for (i = 0; i < bitmap->words; i++) {
        apr_uint64_t taken = take_bit(&bitmap->free[i]);

        if (taken != 0) {
            return i * WORD_BITS + __builtin_ctzll(taken);
        }
    }
    return -1;
}

void locks_bitmap_give(locks_bitmap_t *bitmap, int number)
{
    atomic_fetch_or_explicit(&bitmap->free[number / WORD_BITS],
                             (apr_uint64_t)1 << (number % WORD_BITS),
                             memory_order_release);
}
