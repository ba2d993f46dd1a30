/* SPDX-License-Identifier: Apache-2.0 */
/* One piece of the core's work, done over and over, for callgrind to count its
 * instructions: instructions.py runs it, instructions.txt keeps the counts.
 *
 * Without an argument it prints the names of all pieces, with one of them it
 * does that piece and prints how many times. Counted is the work alone: not
 * what prepares it, nor the first time, in which the linker finds functions
 * and pools get their memory, nor the end of a pool. */
#include "locks_foreseen.h"
#include "locks_memo.h"
#include "locks_protocol.h"
#include "locks_record.h"
#include "locks_reply.h"
#include "locks_request.h"
#include "locks_session_memo.h"
#include "locks_session_record.h"
#include "memory_store.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#define COURSE "algebra1"
#define CLIENT "3f0e7c52-9a41-4a1e-8f0b-1c6f2d7b9e55"
#define KEY "locks:slots:gadget:" COURSE
#define NONCE 0x0102030405060708u
#define NOW apr_time_from_sec(1700000000)
#define GRANTED (NOW - apr_time_from_sec(60))
#define DEADLINE (NOW + apr_time_from_sec(240))

/** What a piece of work works on. */
typedef struct bench_t {
    /** What outlives the piece of work, and what it takes memory from. */
    apr_pool_t *forever;
    apr_pool_t *pool;
    /** Blocks for text, used over and over as a connection's are. */
    apr_bucket_alloc_t *buckets;
    /** How many entries there are. */
    int size;
    /** A record. */
    const char *value;
    apr_size_t length;
    locks_slots_t slots;
    /** Of locks_lock_t. */
    apr_array_header_t *locks;
    locks_store_t *store;
    /** Whom the course's slots named; NULL if nobody remembers. */
    locks_memo_t *owners;
    /** What the record of a session says. */
    locks_memo_t *sessions;
} bench_t;

typedef struct work_t {
    const char *name;
    int size;
    void (*prepare)(bench_t *bench);
    /** Once; 0 if it went wrong. */
    int (*perform)(bench_t *bench);
} work_t;

static void die(const char *what)
{
    fprintf(stderr, "instructions: %s\n", what);
    exit(EXIT_FAILURE);
}

static void prepare_nothing(bench_t *bench)
{
    (void)bench;
}

/* ---- What clients and sign-ins write ---- */

static int parse_body(bench_t *bench)
{
    static const char body[] =
        "{\"type\":\"gadget\",\"subject\":{\"courseId\":\"" COURSE
        "\",\"gadgetId\":\"gadget-1042\"},\"clientId\":\"" CLIENT
        "\",\"expiresIn\":300000}";
    locks_request_t request;

    return locks_request_parse_body(&request, body, strlen(body),
                                    bench->pool) == NULL;
}

static int parse_query(bench_t *bench)
{
    const char *course;

    return locks_request_parse_query(&course,
                                     "type=gadget&subject.courseId=" COURSE,
                                     bench->pool) == NULL;
}

static locks_memo_t *make_memo(apr_size_t longest, apr_pool_t *pool)
{
    locks_memo_t *memo;

    if (locks_memo_create(&memo, 64, longest, pool) != APR_SUCCESS) {
        die("no memory can be had");
    }
    return memo;
}

static const char session_record[] =
    "{\"sessionType\":\"PlainUserSession\",\"userId\":\"100042\"}";

static int parse_session(bench_t *bench)
{
    locks_session_t *session;

    return locks_session_record_parse(&session, session_record,
                                      strlen(session_record),
                                      bench->pool) == APR_SUCCESS;
}

static void prepare_session(bench_t *bench)
{
    const locks_session_t session = {LOCKS_SESSION_PLAIN_USER, "100042",
                                     "100042"};

    bench->sessions = make_memo(LOCKS_SESSION_MEMO_MAX, bench->forever);
    locks_session_note(bench->sessions, session_record, strlen(session_record),
                       &session, NOW);
}

/** What takes the place of parsing one that was parsed before. */
static int recall_session(bench_t *bench)
{
    return locks_session_recall(bench->sessions, session_record,
                                strlen(session_record), bench->pool) != NULL;
}

/* ---- Records ---- */

/** What is said of the lock of this number, in all records. */
static locks_lease_t lease_of(int number, apr_pool_t *pool)
{
    apr_uint64_t id = 65536u * ((apr_uint64_t)number + 1);

    return (locks_lease_t){.id = id,
                           .last = id,
                           .granted = GRANTED,
                           .deadline = DEADLINE,
                           .course = COURSE,
                           .resource =
                               apr_psprintf(pool, "gadget-%d", 1000 + number),
                           .owner = apr_psprintf(pool, "%d", 100000 + number),
                           .client = CLIENT};
}

static int encode_lease(bench_t *bench)
{
    static const locks_lease_t lease = {.id = 65536,
                                        .last = 65536,
                                        .granted = GRANTED,
                                        .deadline = DEADLINE,
                                        .course = COURSE,
                                        .resource = "gadget-1000",
                                        .owner = "100000",
                                        .client = CLIENT};

    bench->value =
        locks_lease_encode(&bench->length, &lease, KEY, NONCE, bench->pool);
    return bench->value != NULL;
}

static void prepare_lease(bench_t *bench)
{
    locks_lease_t lease = lease_of(0, bench->forever);

    bench->value =
        locks_lease_encode(&bench->length, &lease, KEY, NONCE, bench->forever);
}

static int decode_lease(bench_t *bench)
{
    locks_lease_t lease;

    return locks_lease_decode(&lease, bench->value, bench->length, KEY,
                              bench->pool) == APR_SUCCESS;
}

static void prepare_slots(bench_t *bench)
{
    locks_slots_t *slots = &bench->slots;
    int i;

    slots->written = slots->indexed = GRANTED;
    slots->entries =
        apr_array_make(bench->forever, bench->size, sizeof(locks_slot_t));
    for (i = 0; i < bench->size; i++) {
        locks_lease_t lease = lease_of(i, bench->forever);

        APR_ARRAY_PUSH(slots->entries, locks_slot_t) = (locks_slot_t){
            .id = lease.id, .resource = lease.resource, .owner = lease.owner};
        slots->last = lease.id;
    }
    bench->value =
        locks_slots_encode(&bench->length, slots, KEY, NONCE, bench->forever);
}

/** As a writer has them: read before. */
static void prepare_read_slots(bench_t *bench)
{
    prepare_slots(bench);
    if (locks_slots_decode(&bench->slots, bench->value, bench->length, KEY,
                           bench->forever) != APR_SUCCESS) {
        die("slots that cannot be read");
    }
}

static int encode_slots(bench_t *bench)
{
    apr_size_t length;

    return locks_slots_encode(&length, &bench->slots, KEY, NONCE,
                              bench->pool) != NULL &&
           length == bench->length;
}

static int decode_slots(bench_t *bench)
{
    locks_slots_t slots;

    return locks_slots_decode(&slots, bench->value, bench->length, KEY,
                              bench->pool) == APR_SUCCESS &&
           slots.entries->nelts == bench->size;
}

/* ---- Lists: what a store in memory holds, judged ---- */

static apr_time_t now(void *baton)
{
    (void)baton;
    return NOW;
}

static void pause_not(void *baton, apr_interval_time_t duration)
{
    (void)baton;
    (void)duration;
    die("a list tried again");
}

static apr_uint64_t random_not(void *baton)
{
    (void)baton;
    return NONCE;
}

static const locks_rules_t rules = {
    .prefix = "locks:", .ttl = DEADLINE - GRANTED, .max_per_course = 1000};
static const locks_environment_t environment = {
    .now = now, .ticks = now, .pause = pause_not, .random = random_not};

static void store(locks_store_session_t *session, const char *key,
                  const char *value, apr_size_t length)
{
    if (session->provider->add(session, key, value, length,
                               LOCKS_RECORD_LIFETIME,
                               LOCKS_STORE_ORDINARY) != LOCKS_STORE_DONE) {
        die("the store in memory keeps nothing");
    }
}

static void prepare_store(bench_t *bench)
{
    apr_pool_t *pool = bench->forever;
    locks_store_session_t *session;
    int i;

    bench->store = memory_store_base(memory_store_make(pool));
    session = bench->store->provider->open(bench->store, pool);
    prepare_slots(bench);
    store(session, KEY, bench->value, bench->length);
    for (i = 0; i < bench->size; i++) {
        locks_lease_t lease = lease_of(i, pool);
        const char *key =
            locks_lease_key(rules.prefix, LOCKS_TYPE_GADGET, lease.owner, pool);
        apr_size_t length;
        const char *value =
            locks_lease_encode(&length, &lease, key, NONCE, pool);

        store(session, key, value, length);
    }
}

static int list(bench_t *bench)
{
    locks_operation_t *op = locks_operation_open(
        &rules, &environment, LOCKS_TYPE_GADGET,
        bench->store->provider->open(bench->store, bench->pool), bench->pool);
    apr_time_t time;

    op->owners = bench->owners;
    return locks_list(op, &bench->locks, &time, COURSE) == APR_SUCCESS &&
           bench->locks->nelts == bench->size;
}

/** A list whose course was listed before. */
static void prepare_known(bench_t *bench)
{
    prepare_store(bench);
    bench->owners = make_memo(LOCKS_OWNERS_MAX, bench->forever);
    if (!list(bench)) {
        die("a course cannot be listed");
    }
}

/* ---- Their JSON ---- */

static void prepare_locks(bench_t *bench)
{
    int i;

    bench->locks =
        apr_array_make(bench->forever, bench->size, sizeof(locks_lock_t));
    for (i = 0; i < bench->size; i++) {
        locks_lease_t lease = lease_of(i, bench->forever);

        APR_ARRAY_PUSH(bench->locks, locks_lock_t) =
            (locks_lock_t){.id = lease.id,
                           .subject = {.type = LOCKS_TYPE_GADGET,
                                       .course = lease.course,
                                       .resource = lease.resource},
                           .owner = lease.owner,
                           .client = lease.client,
                           .granted = lease.granted,
                           .deadline = lease.deadline};
    }
}

static int reply(bench_t *bench)
{
    locks_json_writer_t writer;

    locks_json_writer_open(&writer,
                           apr_brigade_create(bench->pool, bench->buckets));
    locks_reply_list(&writer, bench->locks, NOW);
    locks_json_writer_close(&writer);
    return !APR_BRIGADE_EMPTY(writer.brigade);
}

/* ---- All of it ---- */

static const work_t works[] = {
    {"parse-body", 1, prepare_nothing, parse_body},
    {"parse-query", 1, prepare_nothing, parse_query},
    {"parse-session", 1, prepare_nothing, parse_session},
    {"recall-session", 1, prepare_session, recall_session},
    {"encode-lease", 1, prepare_nothing, encode_lease},
    {"encode-slots-10", 10, prepare_read_slots, encode_slots},
    {"encode-slots-100", 100, prepare_read_slots, encode_slots},
    {"encode-slots-1000", 1000, prepare_read_slots, encode_slots},
    {"decode-lease", 1, prepare_lease, decode_lease},
    {"decode-slots-10", 10, prepare_slots, decode_slots},
    {"decode-slots-100", 100, prepare_slots, decode_slots},
    {"decode-slots-1000", 1000, prepare_slots, decode_slots},
    {"list-10", 10, prepare_store, list},
    {"list-10-known", 10, prepare_known, list},
    {"list-100", 100, prepare_store, list},
    {"list-1000", 1000, prepare_store, list},
    {"reply-10", 10, prepare_locks, reply},
    {"reply-100", 100, prepare_locks, reply},
    {"reply-1000", 1000, prepare_locks, reply},
};

#define WORKS (sizeof(works) / sizeof(works[0]))

/** Hash tables are salted anew each time: over so many times that evens out. */
static int times_of(const work_t *work)
{
    return work->size > 100 ? 10 : 100;
}

static void perform(const work_t *work, bench_t *bench)
{
    int done;

    CALLGRIND_TOGGLE_COLLECT;
    done = work->perform(bench);
    CALLGRIND_TOGGLE_COLLECT;
    if (!done) {
        die(work->name);
    }
    apr_pool_clear(bench->pool);
}

static void run(const work_t *work)
{
    bench_t bench = {.size = work->size};
    int i;

    apr_pool_create(&bench.forever, NULL);
    apr_pool_create(&bench.pool, bench.forever);
    bench.buckets = apr_bucket_alloc_create(bench.forever);
    work->prepare(&bench);
    perform(work, &bench);
    CALLGRIND_START_INSTRUMENTATION;
    for (i = 0; i < times_of(work); i++) {
        perform(work, &bench);
    }
    CALLGRIND_STOP_INSTRUMENTATION;
    apr_pool_destroy(bench.forever);
    printf("%d\n", times_of(work));
}

int main(int argc, char **argv)
{
    apr_size_t i;

    apr_initialize();
    for (i = 0; i < WORKS; i++) {
        if (argc < 2) {
            printf("%s\n", works[i].name);
        } else if (strcmp(argv[1], works[i].name) == 0) {
            run(&works[i]);
            return EXIT_SUCCESS;
        }
    }
    if (argc > 1) {
        die("no such work");
    }
    apr_terminate();
    return EXIT_SUCCESS;
}
