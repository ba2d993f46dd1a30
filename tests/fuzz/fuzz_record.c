/* SPDX-License-Identifier: Apache-2.0 */
/* Stored records: what is decoded says the same when it was encoded again. */
#include "fuzz.h"

#include "locks_record.h"

/** The keys that the corpus's records carry. */
#define LEASE_KEY "k:lease"
#define SLOTS_KEY "k:slots"
#define INDEX_KEY "k:index"
#define FINDING_KEY "k:finding"
#define EPOCH_KEY "k:epoch"

static void check_nonce(const char *value, size_t size, const char *key,
                        locks_nonce_t *nonce)
{
    MUST(locks_record_nonce(nonce, value, size, key) == APR_SUCCESS);
}

static void try_lease(const char *value, size_t size, apr_pool_t *pool)
{
    locks_lease_t lease;
    locks_lease_t again;
    locks_nonce_t nonce;
    const char *copy;
    apr_size_t length;

    if (locks_lease_decode(&lease, value, size, LEASE_KEY, pool) !=
        APR_SUCCESS) {
        return;
    }
    check_nonce(value, size, LEASE_KEY, &nonce);
    MUST(lease.id <= lease.last);
    copy = locks_lease_encode(&length, &lease, LEASE_KEY, nonce, pool);
    MUST(locks_lease_decode(&again, copy, length, LEASE_KEY, pool) ==
         APR_SUCCESS);
    MUST(again.id == lease.id && again.last == lease.last);
    MUST(again.granted == lease.granted && again.deadline == lease.deadline);
    MUST(strcmp(again.owner, lease.owner) == 0);
    MUST(strcmp(again.course, lease.course) == 0);
    MUST(strcmp(again.resource, lease.resource) == 0);
}

static void try_slots(const char *value, size_t size, apr_pool_t *pool)
{
    locks_slots_t slots;
    locks_slots_t again;
    locks_nonce_t nonce;
    const char *copy;
    apr_size_t length;
    int i;

    if (locks_slots_decode(&slots, value, size, SLOTS_KEY, pool) !=
        APR_SUCCESS) {
        return;
    }
    check_nonce(value, size, SLOTS_KEY, &nonce);
    copy = locks_slots_encode(&length, &slots, SLOTS_KEY, nonce, pool);
    MUST(locks_slots_decode(&again, copy, length, SLOTS_KEY, pool) ==
         APR_SUCCESS);
    MUST(again.last == slots.last && again.written == slots.written);
    MUST(again.indexed == slots.indexed && again.settled == slots.settled);
    MUST(again.entries->nelts == slots.entries->nelts);
    for (i = 0; i < slots.entries->nelts; i++) {
        const locks_slot_t *one =
            &APR_ARRAY_IDX(slots.entries, i, locks_slot_t);
        const locks_slot_t *two =
            &APR_ARRAY_IDX(again.entries, i, locks_slot_t);

        MUST(one->id == two->id && one->id <= slots.last);
        MUST(strcmp(one->owner, two->owner) == 0);
        MUST(strcmp(one->resource, two->resource) == 0);
    }
}

static void try_index(const char *value, size_t size, apr_pool_t *pool)
{
    apr_array_header_t *entries;
    apr_array_header_t *again;
    locks_nonce_t nonce;
    const char *copy;
    apr_size_t length;
    int i;

    if (locks_index_decode(&entries, value, size, INDEX_KEY, pool) !=
        APR_SUCCESS) {
        return;
    }
    check_nonce(value, size, INDEX_KEY, &nonce);
    copy = locks_index_encode(&length, entries, INDEX_KEY, nonce, pool);
    MUST(locks_index_decode(&again, copy, length, INDEX_KEY, pool) ==
         APR_SUCCESS);
    MUST(again->nelts == entries->nelts);
    for (i = 0; i < entries->nelts; i++) {
        const locks_index_entry_t *one =
            &APR_ARRAY_IDX(entries, i, locks_index_entry_t);
        const locks_index_entry_t *two =
            &APR_ARRAY_IDX(again, i, locks_index_entry_t);

        MUST(one->written == two->written);
        MUST(strcmp(one->course, two->course) == 0);
    }
}

static void try_finding(const char *value, size_t size, apr_pool_t *pool)
{
    locks_finding_t finding;
    locks_finding_t again;
    const char *copy;
    apr_size_t length;

    if (locks_finding_decode(&finding, value, size, FINDING_KEY, pool) !=
        APR_SUCCESS) {
        return;
    }
    copy = locks_finding_encode(&length, &finding, FINDING_KEY, pool);
    MUST(locks_finding_decode(&again, copy, length, FINDING_KEY, pool) ==
         APR_SUCCESS);
    MUST(again.until == finding.until && again.result == finding.result);
    MUST(strcmp(again.question, finding.question) == 0);
    MUST(strcmp(again.principal, finding.principal) == 0);
    MUST(strcmp(again.course, finding.course) == 0);
    MUST(strcmp(again.id, finding.id) == 0);
}

static void try_epoch(const char *value, size_t size, apr_pool_t *pool)
{
    locks_epoch_record_t epoch;
    locks_epoch_record_t again;
    locks_nonce_t nonce;
    const char *copy;
    apr_size_t length;

    if (locks_epoch_decode(&epoch, value, size, EPOCH_KEY, pool) !=
        APR_SUCCESS) {
        return;
    }
    check_nonce(value, size, EPOCH_KEY, &nonce);
    MUST(epoch.number != 0);
    copy = locks_epoch_encode(&length, &epoch, EPOCH_KEY, nonce, pool);
    MUST(locks_epoch_decode(&again, copy, length, EPOCH_KEY, pool) ==
         APR_SUCCESS);
    MUST(again.number == epoch.number);
    MUST(again.began == epoch.began && again.written == epoch.written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *value = fuzz_exactly(data, size);

    try_lease(value, size, pool);
    try_slots(value, size, pool);
    try_index(value, size, pool);
    try_finding(value, size, pool);
    try_epoch(value, size, pool);
    free(value);
    apr_pool_destroy(pool);
    return 0;
}
