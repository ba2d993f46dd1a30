/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file json_text.h
 * @brief What was written to a brigade, as one text.
 */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include "locks_json_writer.h"

#include <apr_strings.h>

/** Begins a text. */
static inline void json_text_open(locks_json_writer_t *writer,
                                  apr_pool_t *memory)
{
    locks_json_writer_open(
        writer, apr_brigade_create(memory, apr_bucket_alloc_create(memory)));
}

/** Ends a text and gives it; NULL if it cannot be read. */
static inline const char *json_text(locks_json_writer_t *writer,
                                    apr_pool_t *memory)
{
    apr_size_t length;
    char *bytes;

    locks_json_writer_close(writer);
    return apr_brigade_pflatten(writer->brigade, &bytes, &length, memory) ==
                   APR_SUCCESS
               ? apr_pstrmemdup(memory, bytes, length)
               : NULL;
}

#endif
