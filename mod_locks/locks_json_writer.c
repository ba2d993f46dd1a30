/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_json_writer.h"

#include "locks_json_escape.h"

#include <string.h>

/** The bytes of a block: what the bucket allocator takes from one page-sized
 *  piece of memory, as httpd's own filters do. */
#define BLOCK_SIZE APR_BUCKET_BUFF_SIZE

/** The digits of the largest number of 64 bits. */
#define DIGITS_MAX 20

void locks_json_writer_open(locks_json_writer_t *writer,
                            apr_bucket_brigade *brigade)
{
    memset(writer, 0, sizeof(*writer));
    writer->brigade = brigade;
}

void locks_json_writer_close(locks_json_writer_t *writer)
{
    if (writer->block != NULL) {
        APR_BRIGADE_INSERT_TAIL(
            writer->brigade,
            apr_bucket_heap_create(
                writer->block, (apr_size_t)(writer->next - writer->block),
                apr_bucket_free, writer->brigade->bucket_alloc));
    }
    writer->block = writer->next = writer->end = NULL;
}

/** Makes sure that so many bytes fit at writer->next. */
static void reserve(locks_json_writer_t *writer, apr_size_t size)
{
    if ((apr_size_t)(writer->end - writer->next) < size) {
        apr_size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

        locks_json_writer_close(writer);
        writer->block = apr_bucket_alloc(room, writer->brigade->bucket_alloc);
        writer->next = writer->block;
        writer->end = writer->block + room;
    }
}

void locks_json_write(locks_json_writer_t *writer, const char *json,
                      apr_size_t length)
{
    reserve(writer, length);
    memcpy(writer->next, json, length);
    writer->next += length;
}

void locks_json_write_string(locks_json_writer_t *writer, const char *text,
                             apr_size_t length)
{
    reserve(writer, length * LOCKS_JSON_ESCAPED_MAX + 2);
    *writer->next++ = '"';
    writer->next = locks_json_escape(writer->next, text, length);
    *writer->next++ = '"';
}

void locks_json_write_number(locks_json_writer_t *writer, apr_uint64_t number)
{
    char digits[DIGITS_MAX];
    char *first = digits + sizeof(digits);

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    locks_json_write(writer, first,
                     (apr_size_t)(digits + sizeof(digits) - first));
}
