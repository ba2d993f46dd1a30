/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_json_writer.h
 * @brief JSON text (RFC 8259), written into a brigade as it is made: in large
 *        blocks that go to the client as they are.
 */
#ifndef LOCKS_JSON_WRITER_H
#define LOCKS_JSON_WRITER_H

/* Before APR, whose lists else do without offsetof(), in a way that C does not
 * define. */
#include <stddef.h>

#include <apr_buckets.h>

/** Text on its way into a brigade. */
typedef struct locks_json_writer_t {
    apr_bucket_brigade *brigade;
    /** The block under way, where it goes on and where it ends; NULL between
     *  blocks. */
    char *block;
    char *next;
    char *end;
} locks_json_writer_t;

/** Begins to write at the end of a brigade. Nobody else may add to it before
 *  locks_json_writer_close(). */
void locks_json_writer_open(locks_json_writer_t *writer,
                            apr_bucket_brigade *brigade);

/** Hands the last of the text over to the brigade. */
void locks_json_writer_close(locks_json_writer_t *writer);

/** Writes JSON as it stands. */
void locks_json_write(locks_json_writer_t *writer, const char *json,
                      apr_size_t length);

/** The same for a literal. */
#define LOCKS_JSON_WRITE(writer, literal) \
    locks_json_write(writer, "" literal, sizeof(literal) - 1)

/** Writes a string in quotes; see locks_json_escape(). */
void locks_json_write_string(locks_json_writer_t *writer, const char *text,
                             apr_size_t length);

/** Writes a whole number in decimal. */
void locks_json_write_number(locks_json_writer_t *writer, apr_uint64_t number);

#endif
