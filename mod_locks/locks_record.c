/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_record.h"

#include <apr_strings.h>

#include <string.h>

#define MAGIC 'L'
/** Version 1 had leases under other keys. A host that followed the slots of the
 *  other version would find no leases, fence what nobody reads, and grant the
 *  gadget again: so neither reads the other's slots. */
#define VERSION 2

/** The kinds of record, as their second byte. */
typedef enum {
    KIND_LEASE = 'L',
    KIND_SLOTS = 'S',
    KIND_INDEX = 'I',
    KIND_FINDING = 'F',
    KIND_EPOCH = 'E'
} kind_e;

/* ---- Writing ---- */

/** The bytes of fixed length before the key, and of a string's length. */
#define HEADER_SIZE (3 + 8)
#define LENGTH_SIZE 2

/** A record being written into memory that is large enough. */
typedef struct writer_t {
    char *start;
    char *next;
} writer_t;

static apr_size_t string_size(const char *text)
{
    return LENGTH_SIZE + strlen(text);
}

static void put_integer(writer_t *writer, apr_uint64_t value, int bytes)
{
    while (bytes-- > 0) {
        *writer->next++ = (char)(value >> (8 * bytes) & 0xff);
    }
}

static void put_bytes(writer_t *writer, const char *bytes, apr_size_t length)
{
    memcpy(writer->next, bytes, length);
    writer->next += length;
}

static void put_string(writer_t *writer, const char *text)
{
    apr_size_t length = strlen(text);

    put_integer(writer, length, LENGTH_SIZE);
    put_bytes(writer, text, length);
}

/** Begins a record; size is that of its fields. */
static void put_header(writer_t *writer, kind_e kind, const char *key,
                       locks_nonce_t nonce, apr_size_t size, apr_pool_t *pool)
{
    writer->start = apr_palloc(pool, HEADER_SIZE + string_size(key) + size);
    writer->next = writer->start;
    put_integer(writer, MAGIC, 1);
    put_integer(writer, (apr_uint64_t)kind, 1);
    put_integer(writer, VERSION, 1);
    put_integer(writer, nonce, 8);
    put_string(writer, key);
}

static const char *finish(const writer_t *writer, apr_size_t *length)
{
    *length = (apr_size_t)(writer->next - writer->start);
    return writer->start;
}

const char *locks_lease_encode(apr_size_t *length, const locks_lease_t *lease,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool)
{
    writer_t writer;

    put_header(&writer, KIND_LEASE, key, nonce,
               (apr_size_t)4 * 8 + string_size(lease->course) +
                   string_size(lease->resource) + string_size(lease->owner) +
                   string_size(lease->client),
               pool);
    put_integer(&writer, lease->id, 8);
    put_integer(&writer, lease->last, 8);
    put_integer(&writer, (apr_uint64_t)lease->granted, 8);
    put_integer(&writer, (apr_uint64_t)lease->deadline, 8);
    put_string(&writer, lease->course);
    put_string(&writer, lease->resource);
    put_string(&writer, lease->owner);
    put_string(&writer, lease->client);
    return finish(&writer, length);
}

static apr_size_t slot_size(const locks_slot_t *slot)
{
    return slot->bytes != NULL
               ? slot->length
               : 8 + string_size(slot->resource) + string_size(slot->owner);
}

/** Nearly all slots are as they were read. */
static void put_slot(writer_t *writer, const locks_slot_t *slot)
{
    put_integer(writer, slot_size(slot), LENGTH_SIZE);
    if (slot->bytes != NULL) {
        put_bytes(writer, slot->bytes, slot->length);
        return;
    }
    put_integer(writer, slot->id, 8);
    put_string(writer, slot->resource);
    put_string(writer, slot->owner);
}

const char *locks_slots_encode(apr_size_t *length, const locks_slots_t *slots,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool)
{
    const locks_slot_t *slot = (const locks_slot_t *)slots->entries->elts;
    const locks_slot_t *end = slot + slots->entries->nelts;
    apr_size_t size = 3 * 8 + 4 + 4;
    const locks_slot_t *each;
    writer_t writer;

    for (each = slot; each < end; each++) {
        size += LENGTH_SIZE + slot_size(each);
    }
    put_header(&writer, KIND_SLOTS, key, nonce, size, pool);
    put_integer(&writer, slots->last, 8);
    put_integer(&writer, (apr_uint64_t)slots->written, 8);
    put_integer(&writer, (apr_uint64_t)slots->indexed, 8);
    put_integer(&writer, (apr_uint64_t)slots->entries->nelts, 4);
    for (; slot < end; slot++) {
        put_slot(&writer, slot);
    }
    put_integer(&writer, (apr_uint64_t)slots->settled, 4);
    return finish(&writer, length);
}

static apr_size_t index_entry_size(const locks_index_entry_t *entry)
{
    return 8 + string_size(entry->course);
}

const char *locks_index_encode(apr_size_t *length,
                               const apr_array_header_t *entries,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool)
{
    const locks_index_entry_t *entry =
        (const locks_index_entry_t *)entries->elts;
    const locks_index_entry_t *end = entry + entries->nelts;
    apr_size_t size = 4;
    const locks_index_entry_t *each;
    writer_t writer;

    for (each = entry; each < end; each++) {
        size += LENGTH_SIZE + index_entry_size(each);
    }
    put_header(&writer, KIND_INDEX, key, nonce, size, pool);
    put_integer(&writer, (apr_uint64_t)entries->nelts, 4);
    for (; entry < end; entry++) {
        put_integer(&writer, index_entry_size(entry), LENGTH_SIZE);
        put_integer(&writer, (apr_uint64_t)entry->written, 8);
        put_string(&writer, entry->course);
    }
    return finish(&writer, length);
}

const char *locks_finding_encode(apr_size_t *length,
                                 const locks_finding_t *finding,
                                 const char *key, apr_pool_t *pool)
{
    writer_t writer;

    /* Nobody has to know the write again: it needs no nonce. */
    put_header(&writer, KIND_FINDING, key, 0,
               8 + 1 + string_size(finding->question) +
                   string_size(finding->principal) +
                   string_size(finding->course) + string_size(finding->id),
               pool);
    put_integer(&writer, (apr_uint64_t)finding->until, 8);
    put_integer(&writer, (apr_uint64_t)finding->result, 1);
    put_string(&writer, finding->question);
    put_string(&writer, finding->principal);
    put_string(&writer, finding->course);
    put_string(&writer, finding->id);
    return finish(&writer, length);
}

const char *locks_epoch_encode(apr_size_t *length,
                               const locks_epoch_record_t *epoch,
                               const char *key, locks_nonce_t nonce,
                               apr_pool_t *pool)
{
    writer_t writer;

    put_header(&writer, KIND_EPOCH, key, nonce, (apr_size_t)3 * 8, pool);
    put_integer(&writer, epoch->number, 8);
    put_integer(&writer, (apr_uint64_t)epoch->began, 8);
    put_integer(&writer, (apr_uint64_t)epoch->written, 8);
    return finish(&writer, length);
}

/* ---- Reading ---- */

/** A record being read. Once something is wrong it stays wrong, reads give 0
 *  and "", and the whole record is refused at the end. */
typedef struct reader_t {
    const unsigned char *start;
    const unsigned char *next;
    const unsigned char *end;
    int wrong;
    /** A copy of all bytes, in which strings are ended where they stand: what
     *  follows one is a length or nothing, and is not read from here. */
    char *texts;
} reader_t;

static apr_uint64_t get_integer(reader_t *reader, int bytes)
{
    apr_uint64_t value = 0;

    if (reader->end - reader->next < bytes) {
        reader->wrong = 1;
        return 0;
    }
    while (bytes-- > 0) {
        value = value << 8 | *reader->next++;
    }
    return value;
}

/** The two sizes that a record of a thousand slots has thousands of, written
 *  so that compilers make one load of each. */
static apr_uint64_t get_long(reader_t *reader)
{
    const unsigned char *bytes = reader->next;

    if (reader->end - reader->next < 8) {
        reader->wrong = 1;
        return 0;
    }
    reader->next += 8;
    return (apr_uint64_t)bytes[0] << 56 | (apr_uint64_t)bytes[1] << 48 |
           (apr_uint64_t)bytes[2] << 40 | (apr_uint64_t)bytes[3] << 32 |
           (apr_uint64_t)bytes[4] << 24 | (apr_uint64_t)bytes[5] << 16 |
           (apr_uint64_t)bytes[6] << 8 | (apr_uint64_t)bytes[7];
}

static apr_size_t get_length(reader_t *reader)
{
    const unsigned char *bytes = reader->next;

    if (reader->end - reader->next < LENGTH_SIZE) {
        reader->wrong = 1;
        return 0;
    }
    reader->next += LENGTH_SIZE;
    return (apr_size_t)bytes[0] << 8 | bytes[1];
}

/** A lock ID, or 0 for none. */
static apr_uint64_t get_id(reader_t *reader)
{
    apr_uint64_t id = get_long(reader);

    if (id > LOCKS_ID_MAX) {
        reader->wrong = 1;
    }
    return id;
}

static apr_time_t get_time(reader_t *reader)
{
    apr_uint64_t value = get_long(reader);

    if (value > APR_INT64_MAX) {
        reader->wrong = 1;
        return 0;
    }
    return (apr_time_t)value;
}

/** A string where it stands; no NUL may hide in it. */
static const char *get_bytes(reader_t *reader, apr_size_t *length)
{
    const char *bytes;

    *length = get_length(reader);
    if ((apr_size_t)(reader->end - reader->next) < *length ||
        memchr(reader->next, '\0', *length) != NULL) {
        reader->wrong = 1;
        *length = 0;
    }
    bytes = (const char *)reader->next;
    reader->next += *length;
    return bytes;
}

static const char *get_string(reader_t *reader)
{
    apr_size_t length;
    const char *bytes = get_bytes(reader, &length);
    char *text = reader->texts + (bytes - (const char *)reader->start);

    text[length] = '\0';
    return text;
}

/** Opens an entry that tells its own length; the caller reads its fields
 *  from entry and goes on after it in reader. */
static void get_entry(reader_t *reader, reader_t *entry)
{
    apr_size_t length = get_length(reader);

    if ((apr_size_t)(reader->end - reader->next) < length) {
        reader->wrong = 1;
        length = 0;
    }
    *entry = *reader;
    entry->end = entry->next + length;
    reader->next += length;
}

/** Reads the header that all records share, into reader and nonce. The kind
 *  is checked by whoever reads the fields. */
static void get_header(reader_t *reader, kind_e *kind, locks_nonce_t *nonce,
                       const char *value, apr_size_t length, const char *key)
{
    apr_size_t key_length;
    const char *own_key;

    reader->start = reader->next = (const unsigned char *)value;
    reader->end = reader->next + length;
    reader->texts = NULL;
    reader->wrong = 0;
    if (get_integer(reader, 1) != MAGIC) {
        reader->wrong = 1;
    }
    *kind = (kind_e)get_integer(reader, 1);
    if (get_integer(reader, 1) != VERSION) {
        reader->wrong = 1;
    }
    *nonce = get_long(reader);
    own_key = get_bytes(reader, &key_length);
    if (key_length != strlen(key) || memcmp(own_key, key, key_length) != 0) {
        reader->wrong = 1;
    }
}

/** Opens a record of the given kind. */
static void open_record(reader_t *reader, kind_e expected, const char *value,
                        apr_size_t length, const char *key, apr_pool_t *pool)
{
    locks_nonce_t nonce;
    kind_e kind;

    get_header(reader, &kind, &nonce, value, length, key);
    reader->texts = apr_pstrmemdup(pool, value, length);
    if (kind != expected) {
        reader->wrong = 1;
    }
}

apr_status_t locks_record_nonce(locks_nonce_t *nonce, const char *value,
                                apr_size_t length, const char *key)
{
    reader_t reader;
    kind_e kind;

    get_header(&reader, &kind, nonce, value, length, key);
    return reader.wrong ? APR_EINVAL : APR_SUCCESS;
}

apr_status_t locks_lease_decode(locks_lease_t *lease, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool)
{
    reader_t reader;

    open_record(&reader, KIND_LEASE, value, length, key, pool);
    lease->id = get_id(&reader);
    lease->last = get_id(&reader);
    lease->granted = get_time(&reader);
    lease->deadline = get_time(&reader);
    lease->course = get_string(&reader);
    lease->resource = get_string(&reader);
    lease->owner = get_string(&reader);
    lease->client = get_string(&reader);
    if (lease->id > lease->last || *lease->owner == '\0' ||
        (lease->id != 0 &&
         (*lease->course == '\0' || *lease->resource == '\0'))) {
        reader.wrong = 1;
    }
    return reader.wrong ? APR_EINVAL : APR_SUCCESS;
}

/** How many entries to make room for: no more than the bytes could hold,
 *  whatever a damaged count says. */
static int entry_room(const reader_t *reader, apr_uint64_t count)
{
    apr_uint64_t most = (apr_uint64_t)(reader->end - reader->next) / 8;

    return (int)(count < most ? count : most) + 1;
}

apr_status_t locks_slots_decode(locks_slots_t *slots, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool)
{
    apr_uint64_t count;
    reader_t reader;

    open_record(&reader, KIND_SLOTS, value, length, key, pool);
    slots->last = get_id(&reader);
    slots->written = get_time(&reader);
    slots->indexed = get_time(&reader);
    count = get_integer(&reader, 4);
    slots->entries =
        apr_array_make(pool, entry_room(&reader, count), sizeof(locks_slot_t));
    while (count-- > 0 && !reader.wrong) {
        locks_slot_t *slot = apr_array_push(slots->entries);
        reader_t entry;

        get_entry(&reader, &entry);
        slot->bytes = (const char *)entry.next;
        slot->length = (apr_size_t)(entry.end - entry.next);
        slot->id = get_id(&entry);
        slot->resource = get_string(&entry);
        slot->owner = get_string(&entry);
        if (entry.wrong || slot->id == 0 || slot->id > slots->last ||
            *slot->resource == '\0' || *slot->owner == '\0') {
            reader.wrong = 1;
        }
    }
    slots->settled = (int)(get_integer(&reader, 4) & APR_INT32_MAX);
    return reader.wrong ? APR_EINVAL : APR_SUCCESS;
}

apr_status_t locks_index_decode(apr_array_header_t **entries, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool)
{
    apr_uint64_t count;
    reader_t reader;

    open_record(&reader, KIND_INDEX, value, length, key, pool);
    count = get_integer(&reader, 4);
    *entries = apr_array_make(pool, entry_room(&reader, count),
                              sizeof(locks_index_entry_t));
    while (count-- > 0 && !reader.wrong) {
        locks_index_entry_t *course = apr_array_push(*entries);
        reader_t entry;

        get_entry(&reader, &entry);
        course->written = get_time(&entry);
        course->course = get_string(&entry);
        if (entry.wrong || *course->course == '\0') {
            reader.wrong = 1;
        }
    }
    return reader.wrong ? APR_EINVAL : APR_SUCCESS;
}

apr_status_t locks_finding_decode(locks_finding_t *finding, const char *value,
                                  apr_size_t length, const char *key,
                                  apr_pool_t *pool)
{
    reader_t reader;

    open_record(&reader, KIND_FINDING, value, length, key, pool);
    finding->until = get_time(&reader);
    finding->result = (int)get_integer(&reader, 1);
    finding->question = get_string(&reader);
    finding->principal = get_string(&reader);
    finding->course = get_string(&reader);
    finding->id = get_string(&reader);
    return reader.wrong || finding->result > LOCKS_FOUND_BARRED ? APR_EINVAL
                                                                : APR_SUCCESS;
}

apr_status_t locks_epoch_decode(locks_epoch_record_t *epoch, const char *value,
                                apr_size_t length, const char *key,
                                apr_pool_t *pool)
{
    reader_t reader;

    open_record(&reader, KIND_EPOCH, value, length, key, pool);
    epoch->number = get_long(&reader);
    epoch->began = get_time(&reader);
    epoch->written = get_time(&reader);
    return reader.wrong || epoch->number == 0 ? APR_EINVAL : APR_SUCCESS;
}
