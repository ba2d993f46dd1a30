/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "locks_record.h"
#include "locks_store.h"

#define KEY "locks:lease:gadget:abc"
#define NONCE 0x0102030405060708u

static apr_pool_t *pool;

static void setup(void)
{
    apr_pool_create(&pool, NULL);
}

static void teardown(void)
{
    apr_pool_destroy(pool);
}

static const locks_lease_t a_lease = {.id = 500,
                                      .last = 700,
                                      .granted = 11,
                                      .deadline = 22,
                                      .course = "course1",
                                      .resource = "g\xc3\xa4",
                                      .owner = "42",
                                      .client = "tab 1"};

static locks_slots_t some_slots(void)
{
    locks_slots_t slots = {
        .last = LOCKS_ID_MAX, .written = 5, .indexed = 6, .settled = 7};
    locks_slot_t *slot;

    slots.entries = apr_array_make(pool, 2, sizeof(*slot));
    slot = apr_array_push(slots.entries);
    *slot = (locks_slot_t){.id = 1, .resource = "g1", .owner = "42"};
    slot = apr_array_push(slots.entries);
    *slot =
        (locks_slot_t){.id = LOCKS_ID_MAX, .resource = "g2", .owner = "a b"};
    return slots;
}

static apr_array_header_t *some_courses(void)
{
    apr_array_header_t *entries =
        apr_array_make(pool, 1, sizeof(locks_index_entry_t));
    locks_index_entry_t *entry = apr_array_push(entries);

    *entry = (locks_index_entry_t){.course = "course1", .written = 9};
    return entries;
}

START_TEST(a_lease_survives_the_store)
{
    locks_lease_t back;
    apr_size_t length;
    const char *value = locks_lease_encode(&length, &a_lease, KEY, NONCE, pool);
    locks_nonce_t nonce;

    ck_assert_int_eq(locks_lease_decode(&back, value, length, KEY, pool),
                     APR_SUCCESS);
    ck_assert_uint_eq(back.id, 500);
    ck_assert_uint_eq(back.last, 700);
    ck_assert_int_eq(back.granted, 11);
    ck_assert_int_eq(back.deadline, 22);
    ck_assert_str_eq(back.course, "course1");
    ck_assert_str_eq(back.resource, "g\xc3\xa4");
    ck_assert_str_eq(back.owner, "42");
    ck_assert_str_eq(back.client, "tab 1");
    ck_assert_int_eq(locks_record_nonce(&nonce, value, length, KEY),
                     APR_SUCCESS);
    ck_assert_uint_eq(nonce, NONCE);
}
END_TEST

START_TEST(slots_survive_the_store)
{
    locks_slots_t slots = some_slots();
    locks_slots_t back;
    apr_size_t length;
    const char *value = locks_slots_encode(&length, &slots, KEY, NONCE, pool);
    const locks_slot_t *slot;

    ck_assert_int_eq(locks_slots_decode(&back, value, length, KEY, pool),
                     APR_SUCCESS);
    ck_assert_uint_eq(back.last, LOCKS_ID_MAX);
    ck_assert_int_eq(back.written, 5);
    ck_assert_int_eq(back.indexed, 6);
    ck_assert_int_eq(back.settled, 7);
    ck_assert_int_eq(back.entries->nelts, 2);
    slot = &APR_ARRAY_IDX(back.entries, 1, locks_slot_t);
    ck_assert_uint_eq(slot->id, LOCKS_ID_MAX);
    ck_assert_str_eq(slot->resource, "g2");
    ck_assert_str_eq(slot->owner, "a b");
}
END_TEST

START_TEST(an_index_shard_survives_the_store)
{
    apr_array_header_t *back;
    apr_size_t length;
    const char *value =
        locks_index_encode(&length, some_courses(), KEY, NONCE, pool);

    ck_assert_int_eq(locks_index_decode(&back, value, length, KEY, pool),
                     APR_SUCCESS);
    ck_assert_int_eq(back->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(back, 0, locks_index_entry_t).course,
                     "course1");
    ck_assert_int_eq(APR_ARRAY_IDX(back, 0, locks_index_entry_t).written, 9);
}
END_TEST

static const locks_finding_t a_finding = {.question = "gadget\nanyone\n42",
                                          .principal = "",
                                          .course = "course1",
                                          .result = LOCKS_FOUND_BARRED,
                                          .id = "g\xC3\xA4",
                                          .until = 11};

START_TEST(a_finding_survives_the_store)
{
    locks_finding_t back;
    apr_size_t length;
    const char *value = locks_finding_encode(&length, &a_finding, KEY, pool);

    ck_assert_int_eq(locks_finding_decode(&back, value, length, KEY, pool),
                     APR_SUCCESS);
    ck_assert_str_eq(back.question, a_finding.question);
    ck_assert_str_eq(back.principal, a_finding.principal);
    ck_assert_str_eq(back.course, a_finding.course);
    ck_assert_str_eq(back.id, a_finding.id);
    ck_assert_int_eq(back.result, a_finding.result);
    ck_assert_int_eq(back.until, a_finding.until);
}
END_TEST

START_TEST(a_finding_of_another_result_is_refused)
{
    locks_finding_t finding = a_finding;
    locks_finding_t back;
    const char *value;
    apr_size_t length;

    finding.result = LOCKS_FOUND_BARRED + 1;
    value = locks_finding_encode(&length, &finding, KEY, pool);
    ck_assert_int_eq(locks_finding_decode(&back, value, length, KEY, pool),
                     APR_EINVAL);
}
END_TEST

static const locks_epoch_record_t an_epoch = {
    .number = ~(apr_uint64_t)0, .began = 11, .written = 22};

START_TEST(an_epoch_survives_the_store)
{
    locks_epoch_record_t back;
    apr_size_t length;
    const char *value =
        locks_epoch_encode(&length, &an_epoch, KEY, NONCE, pool);
    locks_nonce_t nonce;

    ck_assert_int_eq(locks_epoch_decode(&back, value, length, KEY, pool),
                     APR_SUCCESS);
    ck_assert_uint_eq(back.number, an_epoch.number);
    ck_assert_int_eq(back.began, 11);
    ck_assert_int_eq(back.written, 22);
    ck_assert_int_eq(locks_record_nonce(&nonce, value, length, KEY),
                     APR_SUCCESS);
    ck_assert_uint_eq(nonce, NONCE);
}
END_TEST

START_TEST(an_epoch_without_a_number_is_refused)
{
    locks_epoch_record_t epoch = an_epoch;
    locks_epoch_record_t back;
    const char *value;
    apr_size_t length;

    epoch.number = 0;
    value = locks_epoch_encode(&length, &epoch, KEY, NONCE, pool);
    ck_assert_int_eq(locks_epoch_decode(&back, value, length, KEY, pool),
                     APR_EINVAL);
}
END_TEST

#define KINDS 5

/** Encodes one of each kind: a lease, slots, an index shard, a finding, an
 *  epoch. */
static const char *encode_kind(int kind, apr_size_t *length)
{
    locks_slots_t slots = some_slots();

    switch (kind) {
    case 0:
        return locks_lease_encode(length, &a_lease, KEY, NONCE, pool);
    case 1:
        return locks_slots_encode(length, &slots, KEY, NONCE, pool);
    case 2:
        return locks_index_encode(length, some_courses(), KEY, NONCE, pool);
    case 3:
        return locks_finding_encode(length, &a_finding, KEY, pool);
    default:
        return locks_epoch_encode(length, &an_epoch, KEY, NONCE, pool);
    }
}

static apr_status_t decode_kind(int kind, const char *value, apr_size_t length,
                                const char *key)
{
    apr_array_header_t *entries;
    locks_epoch_record_t epoch;
    locks_finding_t finding;
    locks_lease_t lease;
    locks_slots_t slots;

    switch (kind) {
    case 0:
        return locks_lease_decode(&lease, value, length, key, pool);
    case 1:
        return locks_slots_decode(&slots, value, length, key, pool);
    case 2:
        return locks_index_decode(&entries, value, length, key, pool);
    case 3:
        return locks_finding_decode(&finding, value, length, key, pool);
    default:
        return locks_epoch_decode(&epoch, value, length, key, pool);
    }
}

START_TEST(no_cut_record_is_believed)
{
    apr_size_t length;
    const char *value = encode_kind(_i, &length);
    apr_size_t cut;

    for (cut = 0; cut < length; cut++) {
        /* A copy of its own lets memory checkers see a read past the end. */
        const char *part = apr_pmemdup(pool, value, cut);

        ck_assert_int_eq(decode_kind(_i, part, cut, KEY), APR_EINVAL);
    }
}
END_TEST

/* A host of this version writes what one of a later version has to say of a
 * slot that it does not touch. */
START_TEST(slots_are_written_again_as_they_were_read)
{
    static const char later[] = "\0\0aaaaaaaa\0\1g\0\1ozz";
    const apr_size_t before = 3 + 8 + 2 + strlen(KEY) + 3 * 8;
    locks_slots_t slots = some_slots();
    apr_size_t length;
    const char *value;
    char *longer;

    slots.entries->nelts = 0;
    value = locks_slots_encode(&length, &slots, KEY, NONCE, pool);
    longer = apr_pcalloc(pool, length + sizeof(later));
    memcpy(longer, value, before + 4);
    longer[before + 3] = 1;
    memcpy(longer + before + 4, later, sizeof(later) - 1);
    longer[before + 4 + 1] = (char)(sizeof(later) - 1 - 2);
    memcpy(longer + before + 4 + sizeof(later) - 1, value + before + 4, 4);
    length += sizeof(later) - 1;
    ck_assert_int_eq(locks_slots_decode(&slots, longer, length, KEY, pool),
                     APR_SUCCESS);
    ck_assert_int_eq(slots.entries->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(slots.entries, 0, locks_slot_t).owner, "o");
    value = locks_slots_encode(&length, &slots, KEY, NONCE, pool);
    ck_assert_mem_eq(value, longer, length);
}
END_TEST

START_TEST(fields_to_come_are_passed_over)
{
    apr_size_t length;
    const char *value = encode_kind(_i, &length);
    char *longer = apr_pcalloc(pool, length + 7);

    memcpy(longer, value, length);
    ck_assert_int_eq(decode_kind(_i, longer, length + 7, KEY), APR_SUCCESS);
}
END_TEST

START_TEST(another_kind_version_or_key_is_refused)
{
    apr_size_t length;
    const char *value = encode_kind(_i, &length);
    int byte;

    for (byte = 0; byte < 3; byte++) {
        char *other = apr_pmemdup(pool, value, length);

        other[byte]++;
        ck_assert_int_eq(decode_kind(_i, other, length, KEY), APR_EINVAL);
    }
    ck_assert_int_eq(decode_kind(_i, value, length, KEY "d"), APR_EINVAL);
    ck_assert_int_eq(decode_kind((_i + 1) % KINDS, value, length, KEY),
                     APR_EINVAL);
}
END_TEST

START_TEST(changed_bytes_never_crash_a_reader)
{
    apr_size_t length;
    const char *value = encode_kind(_i, &length);
    apr_size_t byte;
    int change;

    for (byte = 0; byte < length; byte++) {
        for (change = 1; change < 256; change += 37) {
            char *other = apr_pmemdup(pool, value, length);

            other[byte] = (char)(other[byte] ^ change);
            decode_kind(_i, other, length, KEY);
        }
    }
}
END_TEST

START_TEST(a_lease_that_contradicts_itself_is_refused)
{
    locks_lease_t beyond = a_lease;
    locks_lease_t nowhere = a_lease;
    locks_lease_t nobodys = a_lease;
    const locks_lease_t *leases[] = {&beyond, &nowhere, &nobodys};
    apr_size_t i;

    beyond.last = beyond.id - 1;
    nowhere.course = "";
    nobodys.owner = "";
    for (i = 0; i < 3; i++) {
        locks_lease_t back;
        apr_size_t length;
        const char *value =
            locks_lease_encode(&length, leases[i], KEY, NONCE, pool);

        ck_assert_int_eq(locks_lease_decode(&back, value, length, KEY, pool),
                         APR_EINVAL);
    }
}
END_TEST

START_TEST(keys_fit_any_store)
{
    char *longest = apr_pcalloc(pool, 600);
    char *prefix = apr_pcalloc(pool, LOCKS_PREFIX_MAX + 1);
    const char *keys[6];
    int i;

    memset(longest, 'c', 255);
    memset(prefix, 'p', LOCKS_PREFIX_MAX);
    keys[0] = locks_slots_key(prefix, LOCKS_TYPE_GADGET, longest, pool);
    keys[1] = locks_lease_key(prefix, LOCKS_TYPE_GADGET, "a b\n\xc3\xa4", pool);
    keys[2] = locks_index_key(prefix, LOCKS_TYPE_GADGET, 0xff, pool);
    longest[128] = '\0';
    keys[3] = locks_slots_key(prefix, LOCKS_TYPE_GADGET, longest, pool);
    keys[4] = locks_finding_key(prefix, longest, pool);
    longest[40] = '\0';
    keys[5] = locks_lease_key(prefix, LOCKS_TYPE_GADGET, longest, pool);
    for (i = 0; i < 6; i++) {
        const char *byte;

        ck_assert_uint_le(strlen(keys[i]), LOCKS_STORE_KEY_MAX);
        for (byte = keys[i]; *byte != '\0'; byte++) {
            ck_assert(*byte > ' ' && *byte < 0x7f);
        }
    }
}
END_TEST

START_TEST(keys_tell_apart)
{
    ck_assert_str_eq(
        locks_slots_key("locks:", LOCKS_TYPE_GADGET, "course1", pool),
        "locks:slots:gadget:course1");
    ck_assert_str_eq(locks_index_key("locks:", LOCKS_TYPE_GADGET, 10, pool),
                     "locks:index:gadget:0a");
}
END_TEST

/* What the keys of users' leases end with. */
static const struct {
    const char *user;
    const char *part;
} users_parts[] = {
    {"42", "42"},
    {"Anna.B+c@example.org", "Anna.B+c@example.org"},
    {"!~", "!~"},
    {"7c9e6679-7425-40de-944b-e07fc1f90ae7",
     "7c9e6679-7425-40de-944b-e07fc1f90ae7"},
    {"1234567890123456789012345678901234567890",
     "1234567890123456789012345678901234567890"},
    {"12345678901234567890123456789012345678901",
     "#a8fa9ca96afd91f93d0fc53ee76dccc1199b20e3"},
    {"a b", "#"},
    {"a\x7f", "#"},
    {"a\xc3\xa4", "#"},
    {"a\t", "#"},
    {"#a8fa9ca96afd91f93d0fc53ee76dccc1199b20e3", "#"},
};

START_TEST(keys_of_users_spell_them_where_they_can)
{
    const char *key =
        locks_lease_key("l:", LOCKS_TYPE_GADGET, users_parts[_i].user, pool);
    const char *part = users_parts[_i].part;

    ck_assert_mem_eq(key, "l:lease:gadget:", strlen("l:lease:gadget:"));
    key += strlen("l:lease:gadget:");
    if (strcmp(part, "#") == 0) {
        part = apr_pstrcat(pool, "#", locks_digest(users_parts[_i].user, pool),
                           NULL);
    }
    ck_assert_str_eq(key, part);
}
END_TEST

/* What the fuzzer begins with, of which it makes all the rest. */
static const struct {
    const char *name;
    int kind;
    const char *key;
} seeds[] = {
    {"lease", 0, "k:lease"}, {"lease-released", 0, "k:lease"},
    {"slots", 1, "k:slots"}, {"slots-empty", 1, "k:slots"},
    {"index", 2, "k:index"}, {"index-empty", 2, "k:index"},
    {"epoch", 4, "k:epoch"},
};

START_TEST(the_seeds_of_the_fuzzer_are_records)
{
    const char *source = getenv("LOCKS_SOURCE");
    char bytes[1024];
    apr_size_t length = sizeof(bytes);
    apr_file_t *file;

    ck_assert_ptr_nonnull(source);
    ck_assert_int_eq(
        apr_file_open(&file,
                      apr_pstrcat(pool, source, "/tests/fuzz/corpus/record/",
                                  seeds[_i].name, NULL),
                      APR_READ | APR_BINARY, 0, pool),
        APR_SUCCESS);
    ck_assert_int_eq(apr_file_read(file, bytes, &length), APR_SUCCESS);
    ck_assert_int_eq(decode_kind(seeds[_i].kind, bytes, length, seeds[_i].key),
                     APR_SUCCESS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tests = tcase_create("record");
    SRunner *runner = srunner_create(suite);
    int failed;

    apr_initialize();
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_lease_survives_the_store);
    tcase_add_test(tests, slots_survive_the_store);
    tcase_add_test(tests, an_index_shard_survives_the_store);
    tcase_add_test(tests, a_finding_survives_the_store);
    tcase_add_test(tests, a_finding_of_another_result_is_refused);
    tcase_add_test(tests, an_epoch_survives_the_store);
    tcase_add_test(tests, an_epoch_without_a_number_is_refused);
    tcase_add_loop_test(tests, no_cut_record_is_believed, 0, KINDS);
    tcase_add_test(tests, slots_are_written_again_as_they_were_read);
    tcase_add_loop_test(tests, fields_to_come_are_passed_over, 0, KINDS);
    tcase_add_loop_test(tests, another_kind_version_or_key_is_refused, 0,
                        KINDS);
    tcase_add_loop_test(tests, changed_bytes_never_crash_a_reader, 0, KINDS);
    tcase_add_test(tests, a_lease_that_contradicts_itself_is_refused);
    tcase_add_test(tests, keys_fit_any_store);
    tcase_add_test(tests, keys_tell_apart);
    tcase_add_loop_test(tests, the_seeds_of_the_fuzzer_are_records, 0,
                        sizeof(seeds) / sizeof(*seeds));
    tcase_add_loop_test(tests, keys_of_users_spell_them_where_they_can, 0,
                        sizeof(users_parts) / sizeof(*users_parts));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
