/* SPDX-License-Identifier: Apache-2.0 */
/* Surveys: the locks of all courses, in few and bounded readings. */
#include "unit.h"
#include "world.h"

#include "locks_survey.h"

/** How many index shards there are. */
#define SHARDS 256

static world_t *world;
static locks_survey_filter_t filter;
/** Of the survey that was made last. */
static locks_survey_t *survey;
static const char *why;
/** Of the world's operations since count() began. */
static int fetches;
static apr_size_t keys;
static int sessions;
static int open_sessions;
static int open_chunks;
static locks_store_provider_t watched_provider;

static void begin_world(void)
{
    setup();
    world = world_make(pool);
    filter = (locks_survey_filter_t){.course = NULL};
    sessions = open_sessions = open_chunks = 0;
}

/** The provider of a survey's sessions: it counts those that are open. */
static void close_session(locks_store_session_t *session)
{
    open_sessions--;
    memory_store_provider.close(session);
}

static apr_status_t end_of_chunk(void *unused)
{
    (void)unused;
    open_chunks--;
    return APR_SUCCESS;
}

/** One session and one chunk's memory at a time. */
static locks_store_session_t *open_session(void *baton, apr_pool_t *chunk)
{
    locks_store_t *base = memory_store_base(world->store);
    locks_store_session_t *session = base->provider->open(base, chunk);

    ck_assert_ptr_eq(baton, &sessions);
    ck_assert_int_eq(open_sessions, 0);
    ck_assert_int_eq(open_chunks, 0);
    sessions++;
    open_sessions++;
    open_chunks++;
    apr_pool_cleanup_register(chunk, NULL, end_of_chunk, apr_pool_cleanup_null);
    watched_provider = memory_store_provider;
    watched_provider.close = close_session;
    session->provider = &watched_provider;
    return session;
}

static apr_status_t make_survey(void)
{
    locks_survey_source_t source = {.rules = &world->rules,
                                    .env = &world->env,
                                    .type = LOCKS_TYPE_GADGET,
                                    .open = open_session,
                                    .baton = &sessions};
    apr_status_t rv = locks_survey(&survey, &why, &source, &filter, pool);

    ck_assert_int_eq(open_sessions, 0);
    ck_assert_int_eq(open_chunks, 0);
    return rv;
}

/** What a survey shows, as "course1/g1=ann course2/g1=ben". */
static const char *all_locks(void)
{
    const char *text = "";
    int i;

    ck_assert_int_eq(make_survey(), APR_SUCCESS);
    for (i = 0; i < survey->locks->nelts; i++) {
        const locks_lock_t *lock =
            &APR_ARRAY_IDX(survey->locks, i, locks_lock_t);

        ck_assert_ptr_eq(lock->subject.type, LOCKS_TYPE_GADGET);
        ck_assert_int_gt(locks_expires_in(lock, survey->time), 0);
        text = apr_pstrcat(pool, text, i > 0 ? " " : "", lock->subject.course,
                           "/", lock->subject.resource, "=", lock->owner, NULL);
    }
    return text;
}

/** Expects this survey, complete. */
static void assert_complete(const char *locks)
{
    ck_assert_str_eq(all_locks(), locks);
    ck_assert_int_eq(survey->gaps->nelts, 0);
}

/** Expects this survey, with one gap that says this. */
static void assert_gap(const char *locks, const char *gap)
{
    ck_assert_str_eq(all_locks(), locks);
    ck_assert_int_eq(survey->gaps->nelts, 1);
    ck_assert_ptr_nonnull(
        strstr(APR_ARRAY_IDX(survey->gaps, 0, const char *), gap));
}

static memory_store_fate_e count(void *baton,
                                 const memory_store_operation_t *operation)
{
    (void)baton;
    ck_assert_int_eq(operation->kind, MEMORY_STORE_FETCH);
    fetches++;
    keys += operation->count;
    return MEMORY_STORE_PASS;
}

/** Makes a survey, complete, and expects these readings. */
static void assert_readings(int expected_fetches, apr_size_t expected_keys)
{
    fetches = sessions = 0;
    keys = 0;
    memory_store_hook(world->store, count, NULL, NULL);
    ck_assert_int_eq(make_survey(), APR_SUCCESS);
    ck_assert_int_eq(survey->gaps->nelts, 0);
    ck_assert_int_eq(fetches, expected_fetches);
    ck_assert_int_eq(sessions, expected_fetches);
    ck_assert_uint_eq(keys, expected_keys);
}

static void take(const char *user, const char *course, const char *resource)
{
    ck_assert_int_eq(world_acquire(world, user, course, resource), APR_SUCCESS);
}

static const char *lease_key(const char *user)
{
    return locks_lease_key("t:", LOCKS_TYPE_GADGET, user, pool);
}

static const char *slots_key(const char *course)
{
    return locks_slots_key("t:", LOCKS_TYPE_GADGET, course, pool);
}

static const char *index_key(const char *course)
{
    return locks_index_key("t:", LOCKS_TYPE_GADGET, locks_course_shard(course),
                           pool);
}

/** Stores a value, whatever was there. */
static void put(const char *key, const char *value, apr_size_t length)
{
    locks_store_t *base = memory_store_base(world->store);

    memory_store_evict(world->store, key);
    ck_assert_int_eq(base->provider->add(base->provider->open(base, pool), key,
                                         value, length, 3600,
                                         LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
}

static void put_lease(const locks_lease_t *lease)
{
    const char *key = lease_key(lease->owner);
    apr_size_t length;
    const char *value = locks_lease_encode(&length, lease, key, 1, pool);

    put(key, value, length);
}

static void put_index(const char *course, const apr_array_header_t *entries)
{
    apr_size_t length;
    const char *value =
        locks_index_encode(&length, entries, index_key(course), 1, pool);

    put(index_key(course), value, length);
}

static void put_slots(const char *course, apr_array_header_t *entries,
                      apr_uint64_t last)
{
    locks_slots_t slots = {.last = last, .entries = entries};
    apr_size_t length;
    const char *value =
        locks_slots_encode(&length, &slots, slots_key(course), 1, pool);

    put(slots_key(course), value, length);
}

/* ---- What is listed ---- */

START_TEST(nothing_is_nothing)
{
    assert_complete("");
    ck_assert_int_eq(survey->courses, 0);
    ck_assert_int_eq(survey->time, world->now);
    ck_assert_uint_eq(memory_store_operations(world->store), 1);
}
END_TEST

START_TEST(locks_of_a_course_are_listed)
{
    const locks_lock_t *lock;

    take("cid", "course1", "g3");
    take("ann", "course1", "g10");
    take("ben", "course1", "G\xc3\xa4");
    assert_complete("course1/G\xc3\xa4=ben course1/g10=ann course1/g3=cid");
    ck_assert_int_eq(survey->courses, 1);
    lock = &APR_ARRAY_IDX(survey->locks, 0, locks_lock_t);
    ck_assert_uint_eq(lock->id, world->lock.id);
    ck_assert_int_eq(lock->granted, world->lock.granted);
    ck_assert_int_eq(lock->deadline, world->lock.deadline);
}
END_TEST

START_TEST(locks_of_all_courses_are_listed)
{
    take("dan", "course2", "g1");
    take("ann", "course1", "g1");
    take("eve", "\xc3\xa4", "g1");
    take("ben", "course10", "g1");
    take("cid", "course1", "g0");
    assert_complete("course1/g0=cid course1/g1=ann course10/g1=ben "
                    "course2/g1=dan \xc3\xa4/g1=eve");
    ck_assert_int_eq(survey->courses, 4);
}
END_TEST

START_TEST(what_is_past_is_not_listed)
{
    apr_uint64_t id;

    take("ann", "course1", "g1");
    id = world->lock.id;
    take("ben", "course1", "g2");
    take("cid", "course2", "g1");
    ck_assert_int_eq(world_release(world, "ann", id), APR_SUCCESS);
    assert_complete("course1/g2=ben course2/g1=cid");
    world_pass(world, WORLD_TTL / 2);
    take("ben", "course1", "g2");
    world_pass(world, WORLD_TTL / 2);
    assert_complete("course1/g2=ben");
    world_pass(world, WORLD_TTL / 2);
    assert_complete("");
    /* Nor is it asked after again. */
    assert_readings(3, SHARDS + 2 + 3);
}
END_TEST

START_TEST(a_user_who_moved_is_listed_once)
{
    take("ann", "course1", "g1");
    take("ann", "course2", "g2");
    take("ben", "course1", "g3");
    take("ben", "course1", "g4");
    assert_complete("course1/g4=ben course2/g2=ann");
    ck_assert_int_eq(survey->courses, 2);
    /* Whoever has several slots has one lease. */
    assert_readings(3, SHARDS + 2 + 2);
}
END_TEST

/** Refuses or loses what is written to a lease. */
static memory_store_fate_e
lose_lease_writes(void *baton, const memory_store_operation_t *operation)
{
    (void)baton;
    return operation->kind != MEMORY_STORE_FETCH &&
                   strstr(operation->key, "lease:") != NULL
               ? MEMORY_STORE_WRITE_REFUSED
               : MEMORY_STORE_PASS;
}

START_TEST(a_slot_that_is_pending_is_not_listed)
{
    take("ann", "course1", "g1");
    memory_store_hook(world->store, lose_lease_writes, NULL, NULL);
    ck_assert_int_eq(world_acquire(world, "ann", "course1", "g2"),
                     LOCKS_EUNAVAILABLE);
    ck_assert_int_eq(world_acquire(world, "ben", "course1", "g3"),
                     LOCKS_EUNAVAILABLE);
    memory_store_hook(world->store, NULL, NULL, NULL);
    assert_complete("course1/g1=ann");
}
END_TEST

START_TEST(what_the_store_forgot_is_not_listed)
{
    take("ann", "course2", "g3");
    take("ann", "course1", "g1");
    take("ben", "course2", "g1");
    take("cid", "course2", "g2");
    memory_store_evict(world->store, slots_key("course1"));
    memory_store_evict(world->store, lease_key("ben"));
    assert_complete("course2/g2=cid");
    memory_store_evict(world->store, index_key("course2"));
    assert_complete("");
}
END_TEST

/** A lease that the slots do not bear out. */
static void assert_no_lock(const char *course, const char *resource,
                           apr_uint64_t id)
{
    put_lease(&(locks_lease_t){.id = id,
                               .last = id,
                               .deadline = world->now + WORLD_TTL,
                               .course = course,
                               .resource = resource,
                               .owner = "ann",
                               .client = ""});
    assert_complete("course1/g2=ben course2/g3=cid");
}

START_TEST(a_lease_that_slots_do_not_bear_out_is_not_listed)
{
    apr_uint64_t id;

    take("ann", "course1", "g1");
    id = world->lock.id;
    take("ben", "course1", "g2");
    take("cid", "course2", "g3");
    assert_no_lock("course1", "g1", id - 256);
    assert_no_lock("course1", "g9", id);
    assert_no_lock("course2", "g1", id);
    assert_no_lock("nowhere", "g1", LOCKS_ID_MAX);
    put_lease(&(locks_lease_t){.last = id,
                               .deadline = world->now + WORLD_TTL,
                               .course = "course1",
                               .resource = "g1",
                               .owner = "ann",
                               .client = ""});
    assert_complete("course1/g2=ben course2/g3=cid");
}
END_TEST

/* ---- What happens meanwhile ---- */

/** What is to happen right before or after one reading. */
typedef struct event_t {
    /** Part of the first key that is read. */
    const char *when;
    void (*happen)(void);
} event_t;

static int is_due(const event_t *event,
                  const memory_store_operation_t *operation)
{
    return operation->kind == MEMORY_STORE_FETCH &&
           strstr(operation->items[0].key, event->when) != NULL;
}

/** A whole reading fails. */
static memory_store_fate_e break_off(void *baton,
                                     const memory_store_operation_t *operation)
{
    return is_due(baton, operation) ? MEMORY_STORE_UNREACHED
                                    : MEMORY_STORE_PASS;
}

static memory_store_fate_e
happen_before(void *baton, const memory_store_operation_t *operation)
{
    const event_t *event = baton;

    if (is_due(event, operation)) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        event->happen();
    }
    return MEMORY_STORE_PASS;
}

static void happen_after(void *baton, const memory_store_operation_t *operation)
{
    const event_t *event = baton;

    if (is_due(event, operation)) {
        memory_store_hook(world->store, NULL, NULL, NULL);
        event->happen();
    }
}

static const char *locks_when(const char *when, void (*happen)(void))
{
    event_t event = {.when = when, .happen = happen};
    const char *locks;

    memory_store_hook(world->store, happen_before, NULL, &event);
    locks = all_locks();
    memory_store_hook(world->store, NULL, NULL, NULL);
    ck_assert_int_eq(survey->gaps->nelts, 0);
    return locks;
}

static const char *locks_after(const char *when, void (*happen)(void))
{
    event_t event = {.when = when, .happen = happen};
    const char *locks;

    memory_store_hook(world->store, NULL, happen_after, &event);
    locks = all_locks();
    memory_store_hook(world->store, NULL, NULL, NULL);
    ck_assert_int_eq(survey->gaps->nelts, 0);
    return locks;
}

static void move_ann(void)
{
    take("ann", "course2", "g1");
}

static void move_ann_back(void)
{
    take("ann", "course1", "g1");
}

START_TEST(a_user_who_moves_meanwhile_is_listed_once)
{
    take("ann", "course1", "g1");
    take("ben", "course2", "g2");
    ck_assert_str_eq(locks_when("slots:", move_ann),
                     "course2/g1=ann course2/g2=ben");
    ck_assert_str_eq(locks_after("slots:", move_ann_back),
                     "course1/g1=ann course2/g2=ben");
    ck_assert_str_eq(locks_when("lease:", move_ann),
                     "course2/g1=ann course2/g2=ben");
    ck_assert_str_eq(locks_after("lease:", move_ann_back),
                     "course2/g1=ann course2/g2=ben");
}
END_TEST

static void restart(void)
{
    memory_store_restart(world->store);
}

static void start_anew(void)
{
    memory_store_restart(world->store);
    take("ben", "course1", "g1");
}

START_TEST(a_store_that_loses_all_meanwhile_has_no_lost_locks)
{
    take("ann", "course1", "g1");
    ck_assert_str_eq(locks_when("slots:", restart), "");
    take("ann", "course1", "g1");
    ck_assert_str_eq(locks_when("lease:", restart), "");
    take("ann", "course1", "g1");
    ck_assert_str_eq(locks_when("lease:", start_anew), "");
    assert_complete("course1/g1=ben");
    ck_assert_str_eq(locks_after("slots:", start_anew), "course1/g1=ben");
}
END_TEST

/** While two leases are read, ann's first, she moves to another course and
 *  ben takes what she left; his is read after that. */
static void tear(void *baton, const memory_store_operation_t *operation)
{
    locks_store_t *base = memory_store_base(world->store);
    apr_size_t i;

    if (!is_due(baton, operation)) {
        return;
    }
    memory_store_hook(world->store, NULL, NULL, NULL);
    move_ann();
    take("ben", "course1", "g1");
    for (i = 0; i < operation->count; i++) {
        if (strcmp(operation->items[i].key, lease_key("ben")) == 0) {
            base->provider->fetch(base->provider->open(base, pool),
                                  &operation->items[i], 1,
                                  LOCKS_STORE_ORDINARY);
        }
    }
}

START_TEST(a_resource_that_changes_hands_meanwhile_is_listed_once)
{
    event_t event = {.when = "lease:"};

    take("cid", "course2", "g2");
    take("ben", "course2", "g5");
    world_release(world, "ben", world->lock.id);
    take("ann", "course1", "g1");
    memory_store_hook(world->store, NULL, tear, &event);
    assert_complete("course1/g1=ben course2/g1=ann course2/g2=cid");
}
END_TEST

static void let_a_second_pass(void)
{
    world_pass(world, apr_time_from_sec(1));
}

static void renew_anns_in_time(void)
{
    take("ann", "course1", "g1");
    let_a_second_pass();
}

START_TEST(what_ends_meanwhile_is_not_listed_unless_it_was_renewed)
{
    take("ann", "course1", "g1");
    world_pass(world, WORLD_TTL / 2);
    take("ben", "course1", "g2");
    world_pass(world, WORLD_TTL / 2 - apr_time_from_msec(500));
    ck_assert_str_eq(locks_after("lease:", renew_anns_in_time),
                     "course1/g1=ann course1/g2=ben");
    ck_assert_int_eq(survey->time, world->now);
    world_pass(world, WORLD_TTL / 2 - apr_time_from_sec(1));
    ck_assert_str_eq(locks_when("lease:", let_a_second_pass), "course1/g1=ann");
    world_pass(world, WORLD_TTL / 2 - apr_time_from_sec(1));
    ck_assert_str_eq(locks_after("lease:", let_a_second_pass), "");
    ck_assert_int_eq(survey->time, world->now);
}
END_TEST

static void end_anns_out_of_reach(void)
{
    static event_t event = {.when = "lease:"};

    let_a_second_pass();
    memory_store_hook(world->store, break_off, NULL, &event);
}

START_TEST(what_ends_and_cannot_be_asked_after_is_not_listed)
{
    event_t event = {.when = "lease:", .happen = end_anns_out_of_reach};

    take("ann", "course1", "g1");
    take("cid", "course2", "g1");
    world_pass(world, WORLD_TTL / 2);
    take("cid", "course2", "g1");
    world_pass(world, WORLD_TTL / 2 - apr_time_from_msec(500));
    memory_store_hook(world->store, NULL, happen_after, &event);
    assert_gap("course2/g1=cid", "leases of some users");
}
END_TEST

/* ---- What is looked for ---- */

START_TEST(parts_of_names_are_looked_for)
{
    take("ann", "course1", "g1");
    take("anna", "course12", "g12");
    take("ben", "Course1", "g2");
    filter.course = "course1";
    assert_complete("course1/g1=ann course12/g12=anna");
    filter.owner = "na";
    assert_complete("course12/g12=anna");
    filter = (locks_survey_filter_t){.owner = "nn", .resource = "g1"};
    assert_complete("course1/g1=ann course12/g12=anna");
    filter = (locks_survey_filter_t){.resource = "2"};
    assert_complete("Course1/g2=ben course12/g12=anna");
    ck_assert_int_eq(survey->courses, 2);
    filter = (locks_survey_filter_t){.course = "", .owner = "", .resource = ""};
    assert_complete("Course1/g2=ben course1/g1=ann course12/g12=anna");
    filter.owner = "nobody";
    assert_complete("");
}
END_TEST

static void move_ann_within(void)
{
    take("ann", "course1", "other");
}

START_TEST(what_moves_away_from_what_is_looked_for_is_not_listed)
{
    filter.resource = "g";
    take("ann", "course1", "g1");
    ck_assert_str_eq(locks_when("lease:", move_ann_within), "");
    filter = (locks_survey_filter_t){.course = "course1"};
    ck_assert_str_eq(locks_when("lease:", move_ann), "");
}
END_TEST

/* ---- Many locks ---- */

#define COURSES 300
#define LOCKS 10000

static const char *nth(const char *what, int n)
{
    return apr_psprintf(pool, "%s%05d", what, n);
}

/** Stores slots and leases for locks of one course. */
static void fill_course(const char *course, int first, int count)
{
    apr_array_header_t *slots =
        apr_array_make(pool, count, sizeof(locks_slot_t));
    int i;

    for (i = first; i < first + count; i++) {
        locks_slot_t *slot = apr_array_push(slots);

        *slot = (locks_slot_t){.id = (apr_uint64_t)i + 1,
                               .resource = nth("g", i),
                               .owner = nth("u", i)};
        put_lease(&(locks_lease_t){.id = slot->id,
                                   .last = slot->id,
                                   .deadline = world->now + WORLD_TTL,
                                   .course = course,
                                   .resource = slot->resource,
                                   .owner = slot->owner,
                                   .client = ""});
    }
    put_slots(course, slots, (apr_uint64_t)(first + count));
}

/** Stores many courses' locks and their index. */
static void fill(void)
{
    apr_array_header_t *shards[SHARDS] = {NULL};
    int first = 0;
    int i;

    for (i = 0; i < COURSES; i++) {
        const char *course = nth("course", i);
        apr_byte_t shard = locks_course_shard(course);
        int end = LOCKS * (i + 1) / COURSES;
        locks_index_entry_t *entry;

        if (shards[shard] == NULL) {
            shards[shard] = apr_array_make(pool, 4, sizeof(*entry));
        }
        entry = apr_array_push(shards[shard]);
        *entry = (locks_index_entry_t){.course = course, .written = 1};
        put_index(course, shards[shard]);
        fill_course(course, first, end - first);
        first = end;
    }
}

START_TEST(many_locks_are_read_in_chunks)
{
    int i;

    fill();
    assert_readings(
        1 + (COURSES + LOCKS_SURVEY_COURSES - 1) / LOCKS_SURVEY_COURSES +
            (LOCKS + LOCKS_SURVEY_LEASES - 1) / LOCKS_SURVEY_LEASES,
        SHARDS + COURSES + LOCKS);
    ck_assert_int_eq(survey->courses, COURSES);
    ck_assert_int_eq(survey->locks->nelts, LOCKS);
    for (i = 0; i < LOCKS; i++) {
        ck_assert_str_eq(
            APR_ARRAY_IDX(survey->locks, i, locks_lock_t).subject.resource,
            nth("g", i));
    }
}
END_TEST

START_TEST(what_names_rule_out_is_not_read)
{
    fill();
    filter.course = "course00000";
    assert_readings(3, SHARDS + 1 + LOCKS / COURSES);
    ck_assert_int_eq(survey->locks->nelts, LOCKS / COURSES);
    filter.owner = "u00004";
    assert_readings(3, SHARDS + 1 + 1);
    ck_assert_int_eq(survey->locks->nelts, 1);
    filter = (locks_survey_filter_t){.resource = "g09999"};
    assert_readings(2 + (COURSES + LOCKS_SURVEY_COURSES - 1) /
                            LOCKS_SURVEY_COURSES,
                    SHARDS + COURSES + 1);
    ck_assert_int_eq(survey->locks->nelts, 1);
    filter.course = "nowhere";
    assert_readings(1, SHARDS);
}
END_TEST

/** Each reading takes three seconds. */
static void be_slow(void *baton, const memory_store_operation_t *operation)
{
    (void)baton;
    (void)operation;
    world_pass(world, apr_time_from_sec(3));
}

START_TEST(a_slow_store_is_given_up)
{
    apr_time_t started = world->ticks;

    fill();
    memory_store_hook(world->store, NULL, be_slow, NULL);
    ck_assert_int_eq(make_survey(), APR_SUCCESS);
    ck_assert_int_le(world->ticks - started,
                     LOCKS_SURVEY_TIME_MAX + apr_time_from_sec(3));
    /* Some is better than nothing: there was time for one chunk of courses
     * and two of leases. */
    ck_assert_int_eq(survey->locks->nelts, 2 * LOCKS_SURVEY_LEASES);
    ck_assert_int_eq(survey->gaps->nelts, 1);
    ck_assert_ptr_nonnull(
        strstr(APR_ARRAY_IDX(survey->gaps, 0, const char *),
               apr_psprintf(pool, "slots of %d courses and the leases of ",
                            COURSES - LOCKS_SURVEY_COURSES)));
}
END_TEST

START_TEST(no_more_slots_are_followed_than_there_is_room_for)
{
    const int courses = 21;
    const int each = LOCKS_SURVEY_SLOTS_MAX / (courses - 1);
    apr_array_header_t *index =
        apr_array_make(pool, courses, sizeof(locks_index_entry_t));
    apr_array_header_t *slots =
        apr_array_make(pool, each, sizeof(locks_slot_t));
    int i;

    for (i = 0; i < each; i++) {
        *(locks_slot_t *)apr_array_push(slots) = (locks_slot_t){
            .id = 1, .resource = i == 0 ? "g" : "r", .owner = "ann"};
    }
    for (i = 0; i < courses; i++) {
        const char *course = nth("course", i);

        *(locks_index_entry_t *)apr_array_push(index) =
            (locks_index_entry_t){.course = course};
        put_slots(course, slots, 1);
    }
    put_index("course1", index);
    assert_gap("", "more than 200000 slots");
    filter.resource = "g";
    assert_complete("");
}
END_TEST

/* ---- Gaps ---- */

static void damage(const char *key)
{
    put(key, "garbage", 7);
}

START_TEST(what_is_damaged_is_a_gap)
{
    take("ann", "course1", "g1");
    take("ben", "course1", "g2");
    take("cid", "course2", "g1");
    take("dan", "course3", "g1");
    damage(lease_key("ann"));
    assert_gap("course1/g2=ben course2/g1=cid course3/g1=dan",
               "leases of some users could not be read, so locks may be "
               "missing (1 of 4): the record t:lease:gadget:");
    damage(slots_key("course2"));
    ck_assert_str_eq(all_locks(), "course1/g2=ben course3/g1=dan");
    ck_assert_int_eq(survey->gaps->nelts, 2);
    ck_assert_ptr_nonnull(strstr(APR_ARRAY_IDX(survey->gaps, 0, const char *),
                                 "(1 of 3): the record t:slots:gadget:"));
    damage(index_key("course1"));
    damage(index_key("course2"));
    assert_gap("course3/g1=dan", "(2 of 256): the record t:index:gadget:");
}
END_TEST

START_TEST(an_id_that_is_anothers_lease_is_a_gap)
{
    locks_lease_t lease = {
        .course = "course1", .resource = "g1", .owner = "ben", .client = ""};
    apr_size_t length;
    const char *value;

    take("ann", "course1", "g1");
    lease.id = lease.last = world->lock.id;
    lease.deadline = world->lock.deadline;
    value = locks_lease_encode(&length, &lease, lease_key("ann"), 1, pool);
    put(lease_key("ann"), value, length);
    assert_gap("", "leases of some users");
}
END_TEST

/** Whatever is read by a key with this part is out of reach. */
static void hide(void *baton, const memory_store_operation_t *operation)
{
    apr_size_t i;

    for (i = 0; i < operation->count; i++) {
        if (strstr(operation->items[i].key, baton) != NULL) {
            operation->items[i].status = LOCKS_STORE_UNREACHABLE;
        }
    }
}

START_TEST(what_is_out_of_reach_is_a_gap)
{
    char anns[64];
    char course[] = ":course1";
    char shard[64];

    take("ann", "course1", "g1");
    take("ben", "course2", "g1");
    apr_cpystrn(anns, lease_key("ann"), sizeof(anns));
    memory_store_hook(world->store, NULL, hide, anns);
    assert_gap("course2/g1=ben", "leases of some users");
    memory_store_hook(world->store, NULL, hide, course);
    assert_gap("course2/g1=ben", "slots of some courses");
    apr_cpystrn(shard, index_key("course1"), sizeof(shard));
    memory_store_hook(world->store, NULL, hide, shard);
    assert_gap("course2/g1=ben", "some index shards");
}
END_TEST

START_TEST(readings_that_fail_are_one_gap_a_kind)
{
    event_t leases = {.when = "lease:"};
    event_t slots = {.when = "slots:"};

    fill();
    memory_store_hook(world->store, break_off, NULL, &leases);
    assert_gap("", "(10000 of 10000): memory: the test wills it");
    memory_store_hook(world->store, break_off, NULL, &slots);
    assert_gap("", "(300 of 300): memory: the test wills it");
}
END_TEST

START_TEST(without_any_index_there_is_no_survey)
{
    event_t index = {.when = "index:"};

    take("ann", "course1", "g1");
    memory_store_hook(world->store, break_off, NULL, &index);
    ck_assert_int_eq(make_survey(), LOCKS_EUNAVAILABLE);
    ck_assert_str_eq(why, "memory: the test wills it");
    ck_assert_ptr_null(survey);
}
END_TEST

START_TEST(an_index_that_is_nearly_full_is_a_gap)
{
    const apr_size_t name = 250;
    apr_array_header_t *index =
        apr_array_make(pool, 4000, sizeof(locks_index_entry_t));
    apr_size_t size;

    take("ann", "course2", "g1");
    /* An entry is its name and 12 bytes. */
    for (size = 0; size < LOCKS_STORE_VALUE_MAX / 10 * 9; size += name + 12) {
        char *course = repeated('c', name);

        memcpy(course, nth("", index->nelts), 5);
        *(locks_index_entry_t *)apr_array_push(index) =
            (locks_index_entry_t){.course = course};
    }
    put_index("course1", index);
    filter.course = "course";
    assert_gap("course2/g1=ann", "the index of 1 shards is nearly full");
    index->nelts -= 2;
    put_index("course1", index);
    assert_complete("course2/g1=ann");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("survey");
    TCase *tests = tcase_create("survey");

    tcase_add_checked_fixture(tests, begin_world, teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, nothing_is_nothing);
    tcase_add_test(tests, locks_of_a_course_are_listed);
    tcase_add_test(tests, locks_of_all_courses_are_listed);
    tcase_add_test(tests, what_is_past_is_not_listed);
    tcase_add_test(tests, a_user_who_moved_is_listed_once);
    tcase_add_test(tests, a_slot_that_is_pending_is_not_listed);
    tcase_add_test(tests, what_the_store_forgot_is_not_listed);
    tcase_add_test(tests, a_lease_that_slots_do_not_bear_out_is_not_listed);
    tcase_add_test(tests, a_user_who_moves_meanwhile_is_listed_once);
    tcase_add_test(tests, a_store_that_loses_all_meanwhile_has_no_lost_locks);
    tcase_add_test(tests,
                   a_resource_that_changes_hands_meanwhile_is_listed_once);
    tcase_add_test(tests,
                   what_ends_meanwhile_is_not_listed_unless_it_was_renewed);
    tcase_add_test(tests, what_ends_and_cannot_be_asked_after_is_not_listed);
    tcase_add_test(tests, parts_of_names_are_looked_for);
    tcase_add_test(tests,
                   what_moves_away_from_what_is_looked_for_is_not_listed);
    tcase_add_test(tests, many_locks_are_read_in_chunks);
    tcase_add_test(tests, what_names_rule_out_is_not_read);
    tcase_add_test(tests, a_slow_store_is_given_up);
    tcase_add_test(tests, no_more_slots_are_followed_than_there_is_room_for);
    tcase_add_test(tests, what_is_damaged_is_a_gap);
    tcase_add_test(tests, an_id_that_is_anothers_lease_is_a_gap);
    tcase_add_test(tests, what_is_out_of_reach_is_a_gap);
    tcase_add_test(tests, readings_that_fail_are_one_gap_a_kind);
    tcase_add_test(tests, without_any_index_there_is_no_survey);
    tcase_add_test(tests, an_index_that_is_nearly_full_is_a_gap);
    return unit_run(suite);
}
