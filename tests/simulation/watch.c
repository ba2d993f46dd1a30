/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include "digest.h"
#include "locks_record.h"

#include <apr_strings.h>
#include <string.h>

typedef struct lease_now_t {
    int present;
    apr_uint64_t id;
    apr_uint64_t last;
    int place;
    apr_time_t deadline;
} lease_now_t;

/** How many slots of one owner a resource may have: one is the lock, another
 *  for each window that is about to take it. */
#define SIBLINGS 8

typedef struct slot_now_t {
    apr_uint64_t id;
    int owner;
} slot_now_t;

/** All records at one moment. */
typedef struct records_t {
    lease_now_t leases[USERS];
    /** While windows of a user take a lock from one another, its resource has
     *  more than one. */
    slot_now_t slots[PLACES][SIBLINGS];
    int slots_present[COURSES];
    apr_uint64_t slots_last[COURSES];
} records_t;

struct watch_t {
    const char *lease_keys[USERS];
    const char *slots_keys[COURSES];
    apr_interval_time_t skew;
    records_t now;
    apr_uint64_t largest[PLACES];
    /** Whose lease, and which course's slots, were lost at any time. */
    int lease_lost[USERS];
    int slots_lost[COURSES];
    /** By course: the largest ID that may have been chosen before that. */
    apr_uint64_t chosen_before_loss[COURSES];
    int returned;
};

watch_t *watch_make(const char *prefix, apr_pool_t *pool)
{
    watch_t *watch = apr_pcalloc(pool, sizeof(*watch));
    int i;

    for (i = 0; i < USERS; i++) {
        watch->lease_keys[i] =
            locks_lease_key(prefix, LOCKS_TYPE_GADGET, user_names[i], pool);
    }
    for (i = 0; i < COURSES; i++) {
        watch->slots_keys[i] =
            locks_slots_key(prefix, LOCKS_TYPE_GADGET, course_names[i], pool);
    }
    return watch;
}

const char *watch_lease_key(const watch_t *watch, int user)
{
    return watch->lease_keys[user];
}

const char *watch_slots_key(const watch_t *watch, int course)
{
    return watch->slots_keys[course];
}

void watch_begin(watch_t *watch, apr_interval_time_t skew)
{
    watch->skew = skew;
    memset(&watch->now, 0, sizeof(watch->now));
    memset(watch->largest, 0, sizeof(watch->largest));
    memset(watch->lease_lost, 0, sizeof(watch->lease_lost));
    memset(watch->slots_lost, 0, sizeof(watch->slots_lost));
    memset(watch->chosen_before_loss, 0, sizeof(watch->chosen_before_loss));
}

/* ---- Reading ---- */

static const char *read_lease(const watch_t *watch, records_t *records,
                              int user, memory_store_t *store, apr_pool_t *pool)
{
    lease_now_t *now = &records->leases[user];
    const char *key = watch->lease_keys[user];
    locks_lease_t lease;
    const char *value;
    apr_size_t length;

    if (memory_store_peek(store, key, &value, &length) != APR_SUCCESS) {
        return NULL;
    }
    if (locks_lease_decode(&lease, value, length, key, pool) != APR_SUCCESS ||
        user_number(lease.owner) != user) {
        return "a lease is damaged";
    }
    *now = (lease_now_t){.present = 1,
                         .id = lease.id,
                         .last = lease.last,
                         .place = place_number(lease.course, lease.resource),
                         .deadline = lease.deadline};
    return lease.id > lease.last ? "a lease's ID is larger than its last one"
                                 : NULL;
}

static const char *read_slots(const watch_t *watch, records_t *records,
                              int course, memory_store_t *store,
                              apr_pool_t *pool)
{
    const char *key = watch->slots_keys[course];
    locks_slots_t slots;
    const char *value;
    apr_size_t length;
    int i;

    if (memory_store_peek(store, key, &value, &length) != APR_SUCCESS) {
        return NULL;
    }
    if (locks_slots_decode(&slots, value, length, key, pool) != APR_SUCCESS) {
        return "a course's slots are damaged";
    }
    records->slots_present[course] = 1;
    records->slots_last[course] = slots.last;
    for (i = 0; i < slots.entries->nelts; i++) {
        const locks_slot_t *slot =
            &APR_ARRAY_IDX(slots.entries, i, locks_slot_t);
        slot_now_t *now =
            records->slots[place_number(course_names[course], slot->resource)];
        int n;

        if (now->id != 0 && now->owner != user_number(slot->owner)) {
            return "a resource has slots of two users";
        }
        for (n = 0; n < SIBLINGS && now[n].id != 0; n++) {
        }
        if (n == SIBLINGS) {
            return "a resource has more slots than windows can leave";
        }
        if (slot->id > slots.last) {
            return "a slot's ID is larger than the last one of its course";
        }
        now[n] = (slot_now_t){slot->id, user_number(slot->owner)};
    }
    return NULL;
}

static const char *read_all(const watch_t *watch, records_t *records,
                            memory_store_t *store, apr_pool_t *pool)
{
    const char *wrong = NULL;
    int i;

    memset(records, 0, sizeof(*records));
    for (i = 0; i < USERS && wrong == NULL; i++) {
        wrong = read_lease(watch, records, i, store, pool);
    }
    for (i = 0; i < COURSES && wrong == NULL; i++) {
        wrong = read_slots(watch, records, i, store, pool);
    }
    return wrong;
}

/* ---- Comparing ---- */

/** Is the user's lease a lock, its deadline apart? */
static int is_lock(const records_t *records, int user)
{
    const lease_now_t *lease = &records->leases[user];
    const slot_now_t *slots = lease->id != 0 && lease->place >= 0
                                  ? records->slots[lease->place]
                                  : NULL;

    for (int n = 0; slots != NULL && n < SIBLINGS; n++) {
        if (slots[n].owner == user && slots[n].id == lease->id) {
            return 1;
        }
    }
    return 0;
}

static int is_same_lock(const records_t *one, const records_t *other, int user)
{
    return is_lock(one, user) && is_lock(other, user) &&
           one->leases[user].id == other->leases[user].id;
}

/** A lock that ended although nobody may have ended it. */
static const char *find_lost(const watch_t *watch, const records_t *after,
                             const cause_t *cause)
{
    int user;

    for (user = 0; user < USERS; user++) {
        const lease_now_t *lease = &watch->now.leases[user];

        if (!is_lock(&watch->now, user) ||
            is_same_lock(&watch->now, after, user) ||
            cause->latest >= lease->deadline + watch->skew) {
            continue;
        }
        if (after->leases[user].id == lease->id) {
            return "a live lock lost its slot";
        }
        if (cause->user != user) {
            return "a live lock was ended by another user's request";
        }
    }
    return NULL;
}

static const char *find_shrunk(const watch_t *watch, const records_t *after)
{
    int i;

    for (i = 0; i < USERS; i++) {
        if (after->leases[i].last < watch->now.leases[i].last) {
            return "the last ID of a lease went back";
        }
    }
    for (i = 0; i < COURSES; i++) {
        if (after->slots_last[i] < watch->now.slots_last[i]) {
            return "the last ID of a course went back";
        }
    }
    return NULL;
}

static void note_losses(watch_t *watch, const records_t *after,
                        const cause_t *cause)
{
    int i;

    for (i = 0; i < USERS; i++) {
        watch->lease_lost[i] |=
            watch->now.leases[i].present && !after->leases[i].present;
    }
    for (i = 0; i < COURSES; i++) {
        if (watch->now.slots_present[i] && !after->slots_present[i]) {
            watch->slots_lost[i] = 1;
            watch->chosen_before_loss[i] =
                ((apr_uint64_t)cause->latest * 1000) | 0xff;
        }
    }
}

/** Locks that are there for the first time have IDs larger than all before
 *  them: so one that ended never comes back either, but for one whose record
 *  was lost while a write of it was under way. A request that chose its ID
 *  before the slots were lost may also come after others that chose theirs
 *  later. */
static const char *note_new(watch_t *watch, const records_t *after)
{
    int user;

    watch->returned = -1;
    for (user = 0; user < USERS; user++) {
        const lease_now_t *lease = &after->leases[user];

        if (is_lock(after, user) && !is_same_lock(&watch->now, after, user)) {
            if (lease->id == watch->largest[lease->place] &&
                (watch->lease_lost[user] ||
                 watch->slots_lost[COURSE_OF(lease->place)])) {
                watch->returned = user;
                continue;
            }
            if (lease->id <= watch->largest[lease->place] &&
                lease->id >
                    watch->chosen_before_loss[COURSE_OF(lease->place)]) {
                return "a lock came alive whose ID is not the largest of its "
                       "resource";
            }
            if (lease->id > watch->largest[lease->place]) {
                watch->largest[lease->place] = lease->id;
            }
        }
    }
    return NULL;
}

const char *watch_look(watch_t *watch, memory_store_t *store,
                       const cause_t *cause, apr_pool_t *pool)
{
    records_t after;
    const char *wrong = read_all(watch, &after, store, pool);

    if (wrong == NULL && !cause->is_loss) {
        wrong = find_lost(watch, &after, cause);
    }
    if (wrong == NULL && !cause->is_loss) {
        wrong = find_shrunk(watch, &after);
    }
    note_losses(watch, &after, cause);
    if (wrong == NULL) {
        wrong = note_new(watch, &after);
    }
    watch->now = after;
    return wrong;
}

int watch_returned(const watch_t *watch)
{
    return watch->returned;
}

int watch_lost_slots(const watch_t *watch, int course)
{
    return watch->slots_lost[course];
}

apr_uint64_t watch_lock(const watch_t *watch, int user, int *place,
                        apr_time_t *deadline)
{
    const lease_now_t *lease = &watch->now.leases[user];

    if (!is_lock(&watch->now, user)) {
        return 0;
    }
    *place = lease->place;
    *deadline = lease->deadline;
    return lease->id;
}

int watch_has_deadline(const watch_t *watch, apr_time_t after, apr_time_t until)
{
    int user;

    for (user = 0; user < USERS; user++) {
        const lease_now_t *lease = &watch->now.leases[user];

        if (lease->id != 0 &&
            ((lease->deadline > after && lease->deadline <= until) ||
             (lease->deadline + watch->skew > after &&
              lease->deadline + watch->skew <= until))) {
            return 1;
        }
    }
    return 0;
}

apr_uint64_t watch_digest(const watch_t *watch)
{
    return digest_bytes((const char *)watch->largest, sizeof(watch->largest));
}
