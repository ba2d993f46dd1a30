/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_survey.h"

#include "locks_snapshot.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#define SHARDS 256
/** An index shard above this size will soon take no more courses. */
#define NEARLY_FULL ((apr_size_t)LOCKS_STORE_VALUE_MAX / 10 * 9)

/** Slots alone show nothing: leases have half of the time at least. */
#define SLOTS_TIME_MAX (LOCKS_SURVEY_TIME_MAX / 2)

/** A course of the index. */
typedef struct course_t {
    const char *name;
    /** Its slots were read, and there is a record of them. */
    int has_slots;
    /** The largest ID in them. */
    apr_uint64_t last;
} course_t;

/** Where an owner may have a lock. */
typedef struct place_t {
    struct place_t *next;
    const course_t *course;
    apr_uint64_t id;
    const char *resource;
} place_t;

/** Whoever is named in a slot. */
typedef struct owner_t {
    const char *name;
    place_t *places;
    /** As the lease said when it was read last; NULL for none. */
    const locks_lock_t *lock;
} owner_t;

/** What could not be read: how many, and why the first of them. */
typedef struct failure_t {
    int count;
    const char *reason;
} failure_t;

typedef struct survey_t {
    const locks_survey_source_t *source;
    const locks_survey_filter_t *filter;
    /** By locks_ticks(). */
    apr_time_t started;
    /** Of course_t *, and the same by name. */
    apr_array_header_t *courses;
    apr_hash_t *course_names;
    /** Of owner_t *, and the same by name. */
    apr_array_header_t *owners;
    apr_hash_t *owner_names;
    int slots;
    failure_t lost_shards;
    failure_t lost_courses;
    failure_t lost_leases;
    int full_shards;
    /** What was left out for want of time, and of room. */
    int late_courses;
    int late_leases;
    int has_more_slots;
    /** For what the survey keeps until it is made. */
    apr_pool_t *pool;
} survey_t;

static survey_t *open_survey(const locks_survey_source_t *source,
                             const locks_survey_filter_t *filter,
                             apr_pool_t *pool)
{
    survey_t *survey = apr_pcalloc(pool, sizeof(*survey));

    survey->source = source;
    survey->filter = filter;
    survey->started = source->env->ticks(source->env->baton);
    survey->courses = apr_array_make(pool, SHARDS, sizeof(course_t *));
    survey->course_names = apr_hash_make(pool);
    survey->owners = apr_array_make(pool, SHARDS, sizeof(owner_t *));
    survey->owner_names = apr_hash_make(pool);
    survey->pool = pool;
    return survey;
}

static int matches(const char *name, const char *part)
{
    return part == NULL || strstr(name, part) != NULL;
}

/* ---- Chunks ---- */

/** An operation for one round trip, with a session and a pool of its own. */
static locks_operation_t *open_chunk(const survey_t *survey)
{
    const locks_survey_source_t *source = survey->source;
    apr_pool_t *pool;

    apr_pool_create(&pool, survey->pool);
    return locks_operation_open(source->rules, source->env, source->type,
                                source->open(source->baton, pool), pool);
}

static void close_chunk(const locks_operation_t *op)
{
    op->store->provider->close(op->store);
    apr_pool_destroy(op->pool);
}

static int has_time(const survey_t *survey, apr_interval_time_t limit)
{
    const locks_environment_t *env = survey->source->env;

    return env->ticks(env->baton) - survey->started < limit;
}

static int at_most(int count, int most)
{
    return count < most ? count : most;
}

static void note_failure(const survey_t *survey, failure_t *failure,
                         const locks_operation_t *op)
{
    if (failure->count++ == 0) {
        failure->reason = apr_pstrdup(survey->pool, op->why);
    }
}

/* ---- From the index to courses ---- */

/** A course that two entries name is read once. */
static void add_course(survey_t *survey, const char *name)
{
    course_t *course;

    if (!matches(name, survey->filter->course) ||
        apr_hash_get(survey->course_names, name, APR_HASH_KEY_STRING) != NULL) {
        return;
    }
    course = apr_pcalloc(survey->pool, sizeof(*course));
    course->name = apr_pstrdup(survey->pool, name);
    APR_ARRAY_PUSH(survey->courses, course_t *) = course;
    apr_hash_set(survey->course_names, course->name, APR_HASH_KEY_STRING,
                 course);
}

static void take_shard(survey_t *survey, locks_operation_t *op,
                       const locks_store_item_t *item)
{
    apr_array_header_t *index;
    locks_version_t version;
    int i;

    if (locks_index_view(op, &index, &version, item) != APR_SUCCESS) {
        note_failure(survey, &survey->lost_shards, op);
        return;
    }
    survey->full_shards += version.present && item->length > NEARLY_FULL;
    for (i = 0; i < index->nelts; i++) {
        add_course(survey, APR_ARRAY_IDX(index, i, locks_index_entry_t).course);
    }
}

static void read_index(survey_t *survey)
{
    locks_operation_t *op = open_chunk(survey);
    locks_store_item_t items[SHARDS] = {{0}};
    int i;

    for (i = 0; i < SHARDS; i++) {
        items[i].key = locks_index_key(op->rules->prefix, op->type,
                                       (apr_byte_t)i, op->pool);
    }
    locks_read(op, items, SHARDS);
    for (i = 0; i < SHARDS; i++) {
        take_shard(survey, op, &items[i]);
    }
    close_chunk(op);
}

/* ---- From courses to owners ---- */

static owner_t *find_owner(survey_t *survey, const char *name)
{
    owner_t *owner =
        apr_hash_get(survey->owner_names, name, APR_HASH_KEY_STRING);

    if (owner == NULL) {
        owner = apr_pcalloc(survey->pool, sizeof(*owner));
        owner->name = apr_pstrdup(survey->pool, name);
        APR_ARRAY_PUSH(survey->owners, owner_t *) = owner;
        apr_hash_set(survey->owner_names, owner->name, APR_HASH_KEY_STRING,
                     owner);
    }
    return owner;
}

static void add_slot(survey_t *survey, const course_t *course,
                     const locks_slot_t *slot)
{
    owner_t *owner = find_owner(survey, slot->owner);
    place_t *place = apr_palloc(survey->pool, sizeof(*place));

    place->next = owner->places;
    place->course = course;
    place->id = slot->id;
    place->resource = apr_pstrdup(survey->pool, slot->resource);
    owner->places = place;
    survey->slots++;
}

static void take_slots(survey_t *survey, locks_operation_t *op,
                       course_t *course, const locks_store_item_t *item)
{
    locks_version_t version;
    locks_slots_t slots;
    int i;

    if (locks_slots_view(op, &slots, &version, item) != APR_SUCCESS) {
        note_failure(survey, &survey->lost_courses, op);
        return;
    }
    course->has_slots = version.present;
    course->last = slots.last;
    for (i = 0; i < slots.entries->nelts; i++) {
        const locks_slot_t *slot =
            &APR_ARRAY_IDX(slots.entries, i, locks_slot_t);

        if (!matches(slot->owner, survey->filter->owner) ||
            !matches(slot->resource, survey->filter->resource)) {
            continue;
        }
        if (survey->slots == LOCKS_SURVEY_SLOTS_MAX) {
            survey->has_more_slots = 1;
            return;
        }
        add_slot(survey, course, slot);
    }
}

static void read_slots_chunk(survey_t *survey, course_t *const *courses,
                             int count)
{
    locks_operation_t *op = open_chunk(survey);
    locks_store_item_t items[LOCKS_SURVEY_COURSES] = {{0}};
    int i;

    for (i = 0; i < count; i++) {
        items[i].key = locks_slots_key(op->rules->prefix, op->type,
                                       courses[i]->name, op->pool);
    }
    locks_read(op, items, (apr_size_t)count);
    for (i = 0; i < count && !survey->has_more_slots; i++) {
        take_slots(survey, op, courses[i], &items[i]);
    }
    close_chunk(op);
}

static void read_slots(survey_t *survey)
{
    int left = survey->courses->nelts;

    while (left > 0 && !survey->has_more_slots) {
        int count = at_most(left, LOCKS_SURVEY_COURSES);

        if (!has_time(survey, SLOTS_TIME_MAX)) {
            survey->late_courses = left;
            return;
        }
        left -= count;
        read_slots_chunk(survey, (course_t **)survey->courses->elts + left,
                         count);
    }
}

/* ---- From owners to locks ---- */

/** The course that a lease has an active lock in, but for the deadline: its
 *  slots say so, or the lock was granted after they were read. NULL if there
 *  is none. */
static const course_t *course_of(const survey_t *survey, const owner_t *owner,
                                 const locks_lease_t *lease)
{
    const course_t *course =
        apr_hash_get(survey->course_names, lease->course, APR_HASH_KEY_STRING);
    const place_t *place;

    if (course == NULL || !course->has_slots) {
        return NULL;
    }
    if (lease->id > course->last) {
        return course;
    }
    for (place = owner->places; place != NULL; place = place->next) {
        if (place->id == lease->id && place->course == course &&
            strcmp(place->resource, lease->resource) == 0) {
            return course;
        }
    }
    return NULL;
}

/** What a lease says counts in place of what it said before; one that cannot
 *  be read says nothing. */
static void take_lease(survey_t *survey, locks_operation_t *op, owner_t *owner,
                       const locks_store_item_t *item)
{
    const course_t *course;
    locks_lease_view_t view;
    locks_lock_t *lock;

    if (locks_lease_view(op, &view, item, owner->name) != APR_SUCCESS) {
        note_failure(survey, &survey->lost_leases, op);
        return;
    }
    owner->lock = NULL;
    course = course_of(survey, owner, &view.lease);
    if (course == NULL || op->asked >= view.lease.deadline ||
        !matches(view.lease.resource, survey->filter->resource)) {
        return;
    }
    lock = apr_palloc(survey->pool, sizeof(*lock));
    lock->id = view.lease.id;
    lock->subject.type = op->type;
    lock->subject.course = course->name;
    lock->subject.resource = apr_pstrdup(survey->pool, view.lease.resource);
    lock->owner = owner->name;
    lock->client = apr_pstrdup(survey->pool, view.lease.client);
    lock->granted = view.lease.granted;
    lock->deadline = view.lease.deadline;
    owner->lock = lock;
}

static void read_leases_chunk(survey_t *survey, owner_t *const *owners,
                              int count)
{
    locks_operation_t *op = open_chunk(survey);
    locks_store_item_t *items =
        apr_pcalloc(op->pool, LOCKS_SURVEY_LEASES * sizeof(*items));
    int i;

    for (i = 0; i < count; i++) {
        items[i].key = locks_lease_key(op->rules->prefix, op->type,
                                       owners[i]->name, op->pool);
    }
    locks_read(op, items, (apr_size_t)count);
    for (i = 0; i < count; i++) {
        take_lease(survey, op, owners[i], &items[i]);
    }
    close_chunk(op);
}

/** @param owners of owner_t * */
static void read_leases(survey_t *survey, const apr_array_header_t *owners)
{
    int left = owners->nelts;

    while (left > 0) {
        int count = at_most(left, LOCKS_SURVEY_LEASES);

        if (!has_time(survey, LOCKS_SURVEY_TIME_MAX)) {
            survey->late_leases += left;
            return;
        }
        left -= count;
        read_leases_chunk(survey, (owner_t **)owners->elts + left, count);
    }
}

/* ---- From locks to a survey ---- */

/** By course, by resource, by ID. */
static int compare_owners(const void *left, const void *right)
{
    const locks_lock_t *a = (*(owner_t *const *)left)->lock;
    const locks_lock_t *b = (*(owner_t *const *)right)->lock;
    int order = strcmp(a->subject.course, b->subject.course);

    if (order == 0) {
        order = strcmp(a->subject.resource, b->subject.resource);
    }
    if (order == 0) {
        order = a->id < b->id ? -1 : a->id > b->id;
    }
    return order;
}

/** Those who have a lock, in the survey's order: owner_t *. */
static apr_array_header_t *holders(const survey_t *survey)
{
    apr_array_header_t *found = apr_array_make(
        survey->pool, survey->owners->nelts + 1, sizeof(owner_t *));
    int i;

    for (i = 0; i < survey->owners->nelts; i++) {
        owner_t *owner = APR_ARRAY_IDX(survey->owners, i, owner_t *);

        if (owner->lock != NULL) {
            APR_ARRAY_PUSH(found, owner_t *) = owner;
        }
    }
    qsort(found->elts, (size_t)found->nelts, sizeof(owner_t *), compare_owners);
    return found;
}

/** Has a lock ended since its lease was read? It has run out by now; or its
 *  resource has a later lock, which was granted after this one had ended. */
static int is_past(const apr_array_header_t *holders, int i, apr_time_t time)
{
    const locks_lock_t *lock = APR_ARRAY_IDX(holders, i, owner_t *)->lock;
    const locks_lock_t *next;

    if (locks_expires_in(lock, time) <= 0) {
        return 1;
    }
    if (i + 1 == holders->nelts) {
        return 0;
    }
    next = APR_ARRAY_IDX(holders, i + 1, owner_t *)->lock;
    return next->subject.course == lock->subject.course &&
           strcmp(next->subject.resource, lock->subject.resource) == 0;
}

/**
 * Asks again after those whose lock ended while others were read: they may
 * have renewed it in time, or have moved on. Once is enough: they are few and
 * this takes a moment, and whose lock ends in that moment is left out.
 */
static void look_again(survey_t *survey)
{
    apr_time_t time = survey->source->env->now(survey->source->env->baton);
    apr_array_header_t *all = holders(survey);
    apr_array_header_t *past =
        apr_array_make(survey->pool, 1, sizeof(owner_t *));
    int i;

    for (i = 0; i < all->nelts; i++) {
        if (is_past(all, i, time)) {
            APR_ARRAY_PUSH(past, owner_t *) = APR_ARRAY_IDX(all, i, owner_t *);
        }
    }
    read_leases(survey, past);
}

/** Copies the locks that stand to the survey. */
static void list_locks(const survey_t *survey, locks_survey_t *made,
                       apr_pool_t *pool)
{
    apr_array_header_t *all = holders(survey);
    const char *course = NULL;
    const char *copy = NULL;
    int i;

    made->locks = apr_array_make(pool, all->nelts + 1, sizeof(locks_lock_t));
    made->time = survey->source->env->now(survey->source->env->baton);
    for (i = 0; i < all->nelts; i++) {
        const locks_lock_t *lock = APR_ARRAY_IDX(all, i, owner_t *)->lock;
        locks_lock_t *listed;

        if (is_past(all, i, made->time)) {
            continue;
        }
        if (lock->subject.course != course) {
            course = lock->subject.course;
            copy = apr_pstrdup(pool, course);
            made->courses++;
        }
        listed = apr_array_push(made->locks);
        *listed = *lock;
        listed->subject.course = copy;
        listed->subject.resource = apr_pstrdup(pool, lock->subject.resource);
        listed->owner = apr_pstrdup(pool, lock->owner);
    }
}

/* ---- Gaps ---- */

static void add_failure(locks_survey_t *made, const failure_t *failure,
                        int total, const char *what)
{
    apr_pool_t *pool = made->gaps->pool;

    if (failure->count > 0) {
        APR_ARRAY_PUSH(made->gaps, const char *) = apr_psprintf(
            pool,
            "%s could not be read, so locks may be missing (%d of %d): %s",
            what, failure->count, total, failure->reason);
    }
}

static void list_gaps(const survey_t *survey, locks_survey_t *made,
                      apr_pool_t *pool)
{
    made->gaps = apr_array_make(pool, 1, sizeof(const char *));
    add_failure(made, &survey->lost_shards, SHARDS, "some index shards");
    add_failure(made, &survey->lost_courses, survey->courses->nelts,
                "the slots of some courses");
    add_failure(made, &survey->lost_leases, survey->owners->nelts,
                "the leases of some users");
    if (survey->full_shards > 0) {
        APR_ARRAY_PUSH(made->gaps, const char *) = apr_psprintf(
            pool,
            "the index of %d shards is nearly full: courses that come new may "
            "be missing",
            survey->full_shards);
    }
    if (survey->has_more_slots) {
        APR_ARRAY_PUSH(made->gaps, const char *) = apr_psprintf(
            pool,
            "there are more than %d slots to follow, and no more were "
            "followed: look for a part of a course's name",
            LOCKS_SURVEY_SLOTS_MAX);
    }
    if (survey->late_courses > 0 || survey->late_leases > 0) {
        APR_ARRAY_PUSH(made->gaps, const char *) = apr_psprintf(
            pool,
            "time ran out before the slots of %d courses and the leases of %d "
            "users were read: the store is slow, or there are too many; look "
            "for a part of a course's name",
            survey->late_courses, survey->late_leases);
    }
}

apr_status_t locks_survey(locks_survey_t **survey, const char **why,
                          const locks_survey_source_t *source,
                          const locks_survey_filter_t *filter, apr_pool_t *pool)
{
    apr_pool_t *work;
    survey_t *making;

    apr_pool_create(&work, pool);
    making = open_survey(source, filter, work);
    *survey = NULL;
    *why = "";
    read_index(making);
    if (making->lost_shards.count == SHARDS) {
        *why = apr_pstrdup(pool, making->lost_shards.reason);
        apr_pool_destroy(work);
        return LOCKS_EUNAVAILABLE;
    }
    read_slots(making);
    read_leases(making, making->owners);
    look_again(making);
    *survey = apr_pcalloc(pool, sizeof(**survey));
    list_locks(making, *survey, pool);
    list_gaps(making, *survey, pool);
    apr_pool_destroy(work);
    return APR_SUCCESS;
}
