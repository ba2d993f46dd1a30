/* SPDX-License-Identifier: Apache-2.0 */

#include "memory_store.h"

#include "digest.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

/** What a restart adds to CAS values, so that none comes again. */
#define START_STEP ((apr_uint64_t)1 << 48)

typedef struct record_t {
    const char *value;
    apr_size_t length;
    apr_uint64_t cas;
    apr_time_t expires;
} record_t;

/** A write, as it travels. */
typedef struct write_t {
    memory_store_kind_e kind;
    const locks_store_session_t *sender;
    const char *key;
    const char *value;
    apr_size_t length;
    apr_uint64_t cas;
    apr_uint32_t lifetime;
} write_t;

struct memory_store_t {
    locks_store_t base;
    apr_pool_t *pool;
    apr_hash_t *records;
    /** By key: the CAS value of its last version, also of a forgotten one. */
    apr_hash_t *versions;
    /** Tells CAS values read before a restart from those after it. */
    apr_uint64_t start;
    apr_time_t now;
    /** Of write_t. */
    apr_array_header_t *late;
    apr_uint64_t operations;
    int failures_time_out;
    int splits_fetches;
    memory_store_before_fn *before;
    memory_store_after_fn *after;
    void *baton;
};

typedef struct memory_session_t {
    locks_store_session_t base;
    memory_store_t *store;
    apr_pool_t *pool;
    int timed_out;
    const char *reason;
} memory_session_t;

/* ---- What is stored ---- */

static const record_t *find(memory_store_t *store, const char *key)
{
    const record_t *record =
        apr_hash_get(store->records, key, APR_HASH_KEY_STRING);

    return record != NULL && record->expires > store->now ? record : NULL;
}

/** The CAS value of a key's next version. */
static apr_uint64_t next_version(memory_store_t *store, const char *key)
{
    apr_uint64_t *version =
        apr_hash_get(store->versions, key, APR_HASH_KEY_STRING);

    if (version == NULL) {
        version = apr_pcalloc(store->pool, sizeof(*version));
        apr_hash_set(store->versions, apr_pstrdup(store->pool, key),
                     APR_HASH_KEY_STRING, version);
    }
    return store->start + ++*version;
}

static apr_status_t land(memory_store_t *store, const write_t *write)
{
    const record_t *present = find(store, write->key);
    record_t *record;

    if (write->kind == MEMORY_STORE_ADD && present != NULL) {
        return LOCKS_STORE_LOST;
    }
    if (write->kind == MEMORY_STORE_CAS) {
        if (present == NULL) {
            return LOCKS_STORE_ABSENT;
        }
        if (present->cas != write->cas) {
            return LOCKS_STORE_LOST;
        }
    }
    record = apr_palloc(store->pool, sizeof(*record));
    record->value = apr_pstrmemdup(store->pool, write->value, write->length);
    record->length = write->length;
    record->cas = next_version(store, write->key);
    record->expires =
        store->now + (apr_time_t)write->lifetime * APR_USEC_PER_SEC;
    apr_hash_set(store->records, apr_pstrdup(store->pool, write->key),
                 APR_HASH_KEY_STRING, record);
    return LOCKS_STORE_DONE;
}

static void read_item(memory_session_t *session, locks_store_item_t *item)
{
    const record_t *record = find(session->store, item->key);

    item->status = LOCKS_STORE_ABSENT;
    if (record != NULL) {
        item->status = LOCKS_STORE_DONE;
        item->value =
            apr_pstrmemdup(session->pool, record->value, record->length);
        item->length = record->length;
        item->cas = record->cas;
    }
}

static void forget_items(locks_store_item_t *items, apr_size_t count)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        items[i].status = LOCKS_STORE_UNREACHABLE;
        items[i].value = NULL;
        items[i].length = 0;
        items[i].cas = 0;
    }
}

/* ---- Who watches ---- */

static void tell_failure(memory_session_t *session, locks_store_failure_e kind)
{
    const locks_store_observer_t *observer = session->base.observer;

    if (observer != NULL) {
        observer->failure(session->base.observer_baton, kind);
    }
}

/** Counts a round trip; on the test's clock it takes no time. */
static void count_round_trip(memory_session_t *session)
{
    const locks_store_observer_t *observer = session->base.observer;

    session->base.round_trips++;
    if (observer != NULL) {
        observer->round_trip(session->base.observer_baton, 0);
    }
}

/* ---- Operations and their fates ---- */

/** Must the session leave the store alone after a timeout? */
static int gave_up(memory_session_t *session, locks_store_purpose_e purpose)
{
    if (session->timed_out && purpose == LOCKS_STORE_ORDINARY) {
        session->reason = "memory: it timed out before in this session";
        tell_failure(session, LOCKS_STORE_FAILURE_LEFT_ALONE);
        return 1;
    }
    return 0;
}

/** What a fate that is not good looks like from here. */
static void suffer(memory_session_t *session, memory_store_fate_e fate)
{
    session->reason = "memory: the test wills it";
    if (fate == MEMORY_STORE_WRITE_REFUSED) {
        tell_failure(session, LOCKS_STORE_FAILURE_REFUSED);
    } else if (session->store->failures_time_out) {
        session->timed_out = 1;
        tell_failure(session, LOCKS_STORE_FAILURE_TIMEOUT);
    } else {
        tell_failure(session, LOCKS_STORE_FAILURE_CONNECTION);
    }
}

static memory_store_fate_e meet(memory_session_t *session,
                                memory_store_operation_t *operation)
{
    memory_store_t *store = session->store;
    memory_store_fate_e fate = MEMORY_STORE_PASS;

    operation->number = ++store->operations;
    operation->session = &session->base;
    if (store->before != NULL) {
        fate = store->before(store->baton, operation);
    }
    if (fate != MEMORY_STORE_PASS) {
        suffer(session, fate);
    }
    return fate;
}

static void tell(memory_session_t *session,
                 const memory_store_operation_t *operation)
{
    memory_store_t *store = session->store;

    if (store->after != NULL) {
        store->after(store->baton, operation);
    }
}

static void fetch_together(memory_session_t *session, locks_store_item_t *items,
                           apr_size_t count, locks_store_purpose_e purpose)
{
    memory_store_operation_t operation = {.kind = MEMORY_STORE_FETCH,
                                          .purpose = purpose,
                                          .items = items,
                                          .count = count};
    apr_size_t i;

    if (meet(session, &operation) == MEMORY_STORE_PASS) {
        for (i = 0; i < count; i++) {
            read_item(session, &items[i]);
        }
    }
    tell(session, &operation);
}

static void fetch(locks_store_session_t *base, locks_store_item_t *items,
                  apr_size_t count, locks_store_purpose_e purpose)
{
    memory_session_t *session = (memory_session_t *)base;
    int direction = session->store->splits_fetches;
    apr_size_t i;

    forget_items(items, count);
    if (count == 0 || gave_up(session, purpose)) {
        return;
    }
    if (direction == 0) {
        fetch_together(session, items, count, purpose);
    }
    for (i = 0; direction != 0 && i < count; i++) {
        fetch_together(session, items + (direction > 0 ? i : count - 1 - i), 1,
                       purpose);
    }
    count_round_trip(session);
}

static apr_status_t befall(memory_store_t *store, memory_store_fate_e fate,
                           const write_t *write)
{
    write_t *late;

    switch (fate) {
    case MEMORY_STORE_PASS:
        return land(store, write);
    case MEMORY_STORE_ANSWER_LOST:
        (void)land(store, write);
        return LOCKS_STORE_UNKNOWN;
    case MEMORY_STORE_WRITE_LATE:
        late = apr_array_push(store->late);
        *late = *write;
        late->key = apr_pstrdup(store->pool, write->key);
        late->value = apr_pstrmemdup(store->pool, write->value, write->length);
        return LOCKS_STORE_UNKNOWN;
    case MEMORY_STORE_WRITE_LOST:
        return LOCKS_STORE_UNKNOWN;
    case MEMORY_STORE_WRITE_REFUSED:
        return LOCKS_STORE_REFUSED;
    case MEMORY_STORE_UNREACHED:
    default:
        return LOCKS_STORE_UNREACHABLE;
    }
}

static apr_status_t refuse(memory_session_t *session, const char *reason)
{
    session->reason = reason;
    tell_failure(session, LOCKS_STORE_FAILURE_REFUSED);
    return LOCKS_STORE_REFUSED;
}

static apr_status_t put(memory_session_t *session, const write_t *write,
                        locks_store_purpose_e purpose)
{
    memory_store_operation_t operation = {.kind = write->kind,
                                          .purpose = purpose,
                                          .key = write->key,
                                          .value = write->value,
                                          .length = write->length,
                                          .cas = write->cas};
    memory_store_fate_e fate;

    if (write->length > LOCKS_STORE_VALUE_MAX) {
        return refuse(session, "memory: the value is too long");
    }
    if (write->kind == MEMORY_STORE_CAS && write->cas == 0) {
        return refuse(session, "memory: a CAS value is 0");
    }
    if (gave_up(session, purpose)) {
        return LOCKS_STORE_UNREACHABLE;
    }
    fate = meet(session, &operation);
    count_round_trip(session);
    operation.outcome = befall(session->store, fate, write);
    tell(session, &operation);
    return operation.outcome;
}

static apr_status_t add(locks_store_session_t *session, const char *key,
                        const char *value, apr_size_t length,
                        apr_uint32_t lifetime, locks_store_purpose_e purpose)
{
    write_t write = {MEMORY_STORE_ADD, session, key,     value,
                     length,           0,       lifetime};

    return put((memory_session_t *)session, &write, purpose);
}

static apr_status_t cas(locks_store_session_t *session, const char *key,
                        const char *value, apr_size_t length,
                        apr_uint64_t cas_value, apr_uint32_t lifetime,
                        locks_store_purpose_e purpose)
{
    write_t write = {MEMORY_STORE_CAS, session,   key,     value,
                     length,           cas_value, lifetime};

    return put((memory_session_t *)session, &write, purpose);
}

/* ---- Stores and sessions ---- */

static const char *create(locks_store_t **store, const char *arguments,
                          apr_interval_time_t timeout, apr_pool_t *pool)
{
    (void)arguments;
    (void)timeout;
    *store = memory_store_base(memory_store_make(pool));
    return NULL;
}

static apr_status_t start(locks_store_t *store, int threads, apr_pool_t *pool)
{
    (void)store;
    (void)threads;
    (void)pool;
    return APR_SUCCESS;
}

static locks_store_session_t *open_session(locks_store_t *store,
                                           apr_pool_t *pool)
{
    memory_session_t *session = apr_pcalloc(pool, sizeof(*session));

    session->base.provider = &memory_store_provider;
    session->store = memory_store_of(store);
    session->pool = pool;
    session->reason = "";
    return &session->base;
}

static void close_session(locks_store_session_t *session)
{
    (void)session;
}

static const char *reason(const locks_store_session_t *session)
{
    return ((const memory_session_t *)session)->reason;
}

/** One server that always answers; the hooks do not see it asked. */
static void examine(locks_store_session_t *base, locks_store_server_t *servers)
{
    memory_session_t *session = (memory_session_t *)base;
    memory_store_t *store = session->store;

    memset(servers, 0, sizeof(*servers));
    servers->name = "memory";
    servers->status = LOCKS_STORE_DONE;
    servers->reason = "";
    servers->version = "memory";
    servers->uptime = store->now;
    servers->gives_cas = 1;
    servers->items = apr_hash_count(store->records);
    servers->connections = 1;
    count_round_trip(session);
}

static int place(const locks_store_t *store, const char *key)
{
    (void)store;
    (void)key;
    return 0;
}

static const char *name(const locks_store_t *store, int server)
{
    (void)store;
    (void)server;
    return "memory";
}

const locks_store_provider_t memory_store_provider = {
    .create = create,
    .start = start,
    .open = open_session,
    .close = close_session,
    .fetch = fetch,
    .add = add,
    .cas = cas,
    .reason = reason,
    .examine = examine,
    .place = place,
    .name = name,
};

memory_store_t *memory_store_make(apr_pool_t *pool)
{
    memory_store_t *store = apr_pcalloc(pool, sizeof(*store));

    store->base.provider = &memory_store_provider;
    store->base.servers = 1;
    store->pool = pool;
    store->failures_time_out = 1;
    memory_store_restart(store);
    return store;
}

locks_store_t *memory_store_base(memory_store_t *store)
{
    return &store->base;
}

memory_store_t *memory_store_of(locks_store_t *base)
{
    return (memory_store_t *)base;
}

/* ---- The test's part ---- */

void memory_store_hook(memory_store_t *store, memory_store_before_fn *before,
                       memory_store_after_fn *after, void *baton)
{
    store->before = before;
    store->after = after;
    store->baton = baton;
}

void memory_store_failures_time_out(memory_store_t *store, int yes)
{
    store->failures_time_out = yes;
}

void memory_store_splits_fetches(memory_store_t *store, int direction)
{
    store->splits_fetches = direction;
}

void memory_store_advance(memory_store_t *store, apr_interval_time_t time)
{
    store->now += time;
}

int memory_store_late(const memory_store_t *store)
{
    return store->late->nelts;
}

const char *memory_store_late_key(const memory_store_t *store, int index)
{
    return APR_ARRAY_IDX(store->late, index, write_t).key;
}

const locks_store_session_t *
memory_store_late_sender(const memory_store_t *store, int index)
{
    return APR_ARRAY_IDX(store->late, index, write_t).sender;
}

apr_status_t memory_store_land(memory_store_t *store, int index)
{
    write_t write = APR_ARRAY_IDX(store->late, index, write_t);
    int i;

    for (i = index + 1; i < store->late->nelts; i++) {
        APR_ARRAY_IDX(store->late, i - 1, write_t) =
            APR_ARRAY_IDX(store->late, i, write_t);
    }
    store->late->nelts--;
    return land(store, &write);
}

void memory_store_evict(memory_store_t *store, const char *key)
{
    apr_hash_set(store->records, key, APR_HASH_KEY_STRING, NULL);
}

void memory_store_restart(memory_store_t *store)
{
    store->records = apr_hash_make(store->pool);
    store->late = apr_array_make(store->pool, 4, sizeof(write_t));
    store->versions = apr_hash_make(store->pool);
    store->start += START_STEP;
}

apr_uint64_t memory_store_operations(const memory_store_t *store)
{
    return store->operations;
}

apr_status_t memory_store_peek(memory_store_t *store, const char *key,
                               const char **value, apr_size_t *length)
{
    const record_t *record = find(store, key);

    *value = record != NULL ? record->value : NULL;
    *length = record != NULL ? record->length : 0;
    return record != NULL ? APR_SUCCESS : APR_NOTFOUND;
}

/* ---- Digest ---- */

static apr_uint64_t digest_write(const write_t *write)
{
    return digest_add(digest_add(digest_text(write->key), write->cas),
                      digest_bytes(write->value, write->length));
}

apr_uint64_t memory_store_digest(memory_store_t *store)
{
    apr_uint64_t sum = store->start;
    apr_hash_index_t *index;
    int i;

    for (index = apr_hash_first(NULL, store->records); index != NULL;
         index = apr_hash_next(index)) {
        const record_t *record = apr_hash_this_val(index);
        apr_uint64_t digest = digest_text(apr_hash_this_key(index));

        digest = digest_add(digest, (apr_uint64_t)record->expires);
        sum += digest_add(digest, digest_bytes(record->value, record->length));
    }
    for (index = apr_hash_first(NULL, store->versions); index != NULL;
         index = apr_hash_next(index)) {
        sum += digest_add(digest_text(apr_hash_this_key(index)),
                          *(apr_uint64_t *)apr_hash_this_val(index));
    }
    for (i = 0; i < store->late->nelts; i++) {
        sum += digest_add(digest_write(&APR_ARRAY_IDX(store->late, i, write_t)),
                          1);
    }
    return digest_add(sum, (apr_uint64_t)store->now);
}
