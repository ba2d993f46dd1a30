/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_protocol.h"

#include "locks_snapshot.h"

#include <apr_strings.h>

#include <string.h>

/** How many locks one acquire fences to make room in a course. */
#define SWEEP_FENCES 3
/** The part of a lease that may pass between writing a slot and granting. */
#define GRANT_FRACTION 4
/** The longest pause before a pending slot is looked at again. */
#define PENDING_PAUSE apr_time_from_msec(10)

/* ---- States of a slot ---- */

typedef enum {
    SLOT_DEAD,
    SLOT_LIVE,
    SLOT_GRACE, /* expired, but maybe not yet by another host's clock */
    SLOT_EXPIRED,
    SLOT_PENDING
} slot_state_e;

/** For the log. */
static const char *const state_names[] = {
    [SLOT_DEAD] = "dead",
    [SLOT_LIVE] = "live",
    [SLOT_GRACE] = "past its deadline by less than the clock skew",
    [SLOT_EXPIRED] = "expired",
    [SLOT_PENDING] = "pending",
};

/** @param time by which deadlines have passed or not */
static slot_state_e slot_state(const locks_operation_t *op,
                               const locks_slot_t *slot,
                               const locks_lease_t *lease, const char *course,
                               apr_time_t time)
{
    if (lease->id != slot->id) {
        return slot->id <= lease->last ? SLOT_DEAD : SLOT_PENDING;
    }
    if (strcmp(lease->course, course) != 0 ||
        strcmp(lease->resource, slot->resource) != 0) {
        /* Its lease lives elsewhere under this ID, and an ID is given to a
         * user once: here it can never be live. */
        return SLOT_DEAD;
    }
    if (time < lease->deadline) {
        return SLOT_LIVE;
    }
    return time < lease->deadline + op->rules->skew ? SLOT_GRACE : SLOT_EXPIRED;
}

/** Is a pending slot so young that its owner may be about to finish it? Its
 *  ID says when it was written. */
static int is_young(const locks_operation_t *op, const locks_slot_t *slot)
{
    return (apr_uint64_t)locks_now(op) * 1000 <
           slot->id + LOCKS_PENDING_GRACE * 1000;
}

/** Is a pending slot to be left alone for now? Its ID may come from a clock
 *  that is ahead, so it is for no longer than this operation has waited. */
static int is_worth_waiting_for(locks_operation_t *op, const locks_slot_t *slot)
{
    if (op->pending_id != slot->id) {
        op->pending_id = slot->id;
        op->pending_since = locks_ticks(op);
    }
    return is_young(op, slot) &&
           locks_ticks(op) - op->pending_since < LOCKS_PENDING_GRACE;
}

/* ---- Writing records ---- */

static apr_status_t write_lease(locks_operation_t *op,
                                const locks_lease_view_t *view,
                                const locks_lease_t *lease)
{
    apr_size_t length;
    const char *value = locks_lease_encode(&length, lease, view->key,
                                           locks_nonce(op), op->pool);

    return locks_write(op, view->key, value, length, view->version);
}

/** LOCKS_EDOUBT is as good as LOCKS_EAGAIN for a write that shows to nobody
 *  or that may be done twice. */
static apr_status_t harmless(apr_status_t rv)
{
    return rv == LOCKS_EDOUBT ? LOCKS_EAGAIN : rv;
}

/** LOCKS_EDOUBT leaves a grant or a release unknown. */
static apr_status_t momentous(locks_operation_t *op, apr_status_t rv)
{
    if (rv == LOCKS_EDOUBT) {
        op->why = "the store's answer to a write was lost, and another "
                  "request wrote the record since";
        return LOCKS_EUNAVAILABLE;
    }
    return rv;
}

/**
 * Makes sure that a slot that is not live can never come alive, by the one
 * record that could make it so: its owner's lease. A lock that the owner
 * holds elsewhere stays.
 */
static apr_status_t fence(locks_operation_t *op, locks_snapshot_t *snapshot,
                          const locks_slot_t *slot)
{
    const locks_lease_view_t *view =
        locks_snapshot_lease(snapshot, slot->owner);
    locks_lease_t lease = view->lease;
    apr_status_t rv;

    if (lease.id == slot->id) {
        lease.id = 0;
        lease.course = lease.resource = "";
    }
    if (lease.last < slot->id) {
        lease.last = slot->id;
    }
    rv = harmless(write_lease(op, view, &lease));
    if (rv == APR_SUCCESS) {
        op->deeds.fences++;
        locks_tell(op, "fenced the lock %" APR_UINT64_T_FMT " of %s", slot->id,
                   slot->owner);
        locks_snapshot_forget(snapshot, slot->owner);
    }
    return rv;
}

/** Enters the course in the index. Whoever is not in it is not found by a
 *  stranger's release, and no worse. */
static apr_status_t write_index(locks_operation_t *op,
                                locks_snapshot_t *snapshot)
{
    const locks_index_entry_t *old =
        (const locks_index_entry_t *)snapshot->index->elts;
    apr_time_t forgotten = locks_now(op) - LOCKS_RECORD_STALE -
                           apr_time_from_sec(LOCKS_RECORD_LIFETIME);
    apr_array_header_t *entries = apr_array_make(
        op->pool, snapshot->index->nelts + 1, sizeof(locks_index_entry_t));
    locks_index_entry_t *entry = apr_array_push(entries);
    apr_size_t length;
    const char *value;
    int i;

    entry->course = snapshot->course;
    entry->written = locks_now(op);
    for (i = 0; i < snapshot->index->nelts; i++) {
        if (old[i].written > forgotten &&
            strcmp(old[i].course, snapshot->course) != 0) {
            *(locks_index_entry_t *)apr_array_push(entries) = old[i];
        }
    }
    value = locks_index_encode(&length, entries, snapshot->index_key,
                               locks_nonce(op), op->pool);
    if (length > LOCKS_STORE_VALUE_MAX) {
        return APR_SUCCESS;
    }
    return harmless(locks_write(op, snapshot->index_key, value, length,
                                snapshot->index_version));
}

/** Was this long ago, or by a clock that was far ahead? */
static int is_stale(const locks_operation_t *op, apr_time_t written)
{
    apr_time_t age = locks_now(op) - written;

    return age > LOCKS_RECORD_STALE || age < -LOCKS_RECORD_STALE;
}

/** Writes the index if this course's entry was due when the course was read,
 *  as it is before the first slots of a course are written. The clock is not
 *  asked again: the index that is written has to have been read. */
static apr_status_t keep_index(locks_operation_t *op,
                               locks_snapshot_t *snapshot)
{
    apr_status_t rv = APR_SUCCESS;

    if (snapshot->index != NULL) {
        rv = write_index(op, snapshot);
        snapshot->slots.indexed = locks_now(op);
    }
    return rv;
}

static apr_status_t write_slots(locks_operation_t *op,
                                locks_snapshot_t *snapshot)
{
    apr_size_t length;
    const char *value;

    snapshot->slots.written = locks_now(op);
    value = locks_slots_encode(&length, &snapshot->slots, snapshot->slots_key,
                               locks_nonce(op), op->pool);
    if (length > LOCKS_STORE_VALUE_MAX) {
        return LOCKS_EFULL;
    }
    return harmless(locks_write(op, snapshot->slots_key, value, length,
                                snapshot->slots_version));
}

/* ---- Acquire ---- */

/** One acquire. */
typedef struct acquire_t {
    locks_operation_t *op;
    const locks_subject_t *subject;
    const char *user;
    locks_snapshot_t *snapshot;
    /** The slot that an earlier try wrote and did not come to grant. */
    apr_uint64_t abandoned;
    /** The lock of another user in the resource's slot that a try fenced. */
    apr_uint64_t taken_over;
} acquire_t;

/** Slots are looked through for dead ones when they are more than half of
 *  what the course may have. */
static int is_sweep_due(const acquire_t *acquire)
{
    return acquire->snapshot->slots.entries->nelts * 2 >
           acquire->op->rules->max_per_course;
}

static apr_status_t read_own_lease(const acquire_t *acquire)
{
    apr_array_header_t *users =
        apr_array_make(acquire->op->pool, 1, sizeof(const char *));

    APR_ARRAY_PUSH(users, const char *) = acquire->user;
    return locks_snapshot_read_leases(acquire->snapshot, users, users->nelts,
                                      0);
}

/** Step 1: the slots, the user's lease, and the lease of whoever has the
 *  resource. If a sweep is due, and this does not look like a renewal, which
 *  needs none, all owners' leases travel with them. */
static apr_status_t read_all(acquire_t *acquire)
{
    locks_operation_t *op = acquire->op;
    locks_snapshot_t *snapshot =
        locks_snapshot_open(op, acquire->subject->course);
    apr_status_t rv = locks_snapshot_read_slots(snapshot, acquire->user);
    apr_array_header_t *users;
    const locks_slot_t *slot;
    int required;

    acquire->snapshot = snapshot;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    users = apr_array_make(op->pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(users, const char *) = acquire->user;
    slot = locks_snapshot_slot(snapshot, acquire->subject->resource);
    if (slot != NULL) {
        APR_ARRAY_PUSH(users, const char *) = slot->owner;
    }
    required = users->nelts;
    if (is_sweep_due(acquire) &&
        (slot == NULL || strcmp(slot->owner, acquire->user) != 0)) {
        locks_snapshot_add_owners(snapshot, NULL, users);
    }
    return locks_snapshot_read_leases(snapshot, users, required,
                                      is_stale(op, snapshot->slots.indexed));
}

/** Reads what a sweep needs and step 1 did not read. What cannot be read now
 *  is counted as if it were live, and stays. */
static void read_for_sweep(const acquire_t *acquire)
{
    apr_array_header_t *users =
        apr_array_make(acquire->op->pool, 2, sizeof(const char *));

    locks_snapshot_add_owners(acquire->snapshot, NULL, users);
    locks_snapshot_read_leases(acquire->snapshot, users, 0, 0);
}

/** What to tell the user of a lock that was granted or renewed. */
static apr_status_t granted(const acquire_t *acquire, locks_lock_t *lock,
                            const locks_lease_t *lease)
{
    lock->id = lease->id;
    lock->subject = *acquire->subject;
    lock->owner = acquire->user;
    lock->granted = lease->granted;
    lock->deadline = lease->deadline;
    if (locks_expires_in(lock, locks_now(acquire->op)) <= 0) {
        acquire->op->why = "the lease ran out while it was being granted: "
                           "LocksTTL is too short for this store";
        return LOCKS_EUNAVAILABLE;
    }
    return APR_SUCCESS;
}

/** Step 2, the user's own live lock: a new deadline for the same lock. */
static apr_status_t renew(acquire_t *acquire, locks_lock_t *lock)
{
    locks_operation_t *op = acquire->op;
    const locks_lease_view_t *view =
        locks_snapshot_lease(acquire->snapshot, acquire->user);
    locks_lease_t lease = view->lease;
    apr_status_t rv = APR_SUCCESS;

    if (is_stale(op, acquire->snapshot->slots.written)) {
        rv = keep_index(op, acquire->snapshot);
        if (rv == APR_SUCCESS) {
            rv = write_slots(op, acquire->snapshot);
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    lease.deadline = locks_now(op) + op->rules->ttl;
    rv = harmless(write_lease(op, view, &lease));
    op->deeds.is_renewal = rv == APR_SUCCESS;
    /* An earlier try may have been about to move. */
    op->deeds.is_move = 0;
    return rv == APR_SUCCESS ? granted(acquire, lock, &lease) : rv;
}

/** Step 3: a slot that is pending or expired is fenced before it is
 *  replaced; the user's own lease is then read again, to write to it. */
static apr_status_t fence_slot(acquire_t *acquire, const locks_slot_t *slot)
{
    apr_status_t rv = fence(acquire->op, acquire->snapshot, slot);
    int own = strcmp(slot->owner, acquire->user) == 0;

    if (rv == APR_SUCCESS && own) {
        rv = read_own_lease(acquire);
    }
    if (rv == APR_SUCCESS && !own) {
        acquire->taken_over = slot->id;
        acquire->op->deeds.is_takeover = 1;
    }
    return rv;
}

/** Does a slot have what an earlier try fenced, or wrote in its place? */
static int is_left_by_us(const acquire_t *acquire, const locks_slot_t *slot)
{
    return slot != NULL &&
           (slot->id == acquire->taken_over || slot->id == acquire->abandoned);
}

/** Steps 2 and 3. LOCKS_EHELD; or APR_SUCCESS, with lock set if the user's
 *  own was renewed, otherwise with the resource free to take. */
static apr_status_t clear_the_way(acquire_t *acquire, locks_lock_t *lock)
{
    const locks_slot_t *slot =
        locks_snapshot_slot(acquire->snapshot, acquire->subject->resource);
    slot_state_e state;
    int own;

    if (!is_left_by_us(acquire, slot)) {
        /* Somebody else took it in between. */
        acquire->op->deeds.is_takeover = 0;
    }
    if (slot == NULL) {
        return APR_SUCCESS;
    }
    own = strcmp(slot->owner, acquire->user) == 0;
    state =
        slot_state(acquire->op, slot,
                   &locks_snapshot_lease(acquire->snapshot, slot->owner)->lease,
                   acquire->subject->course, locks_now(acquire->op));
    locks_tell(acquire->op,
               "the slot of %s has the lock %" APR_UINT64_T_FMT
               " of %s, which is %s",
               slot->resource, slot->id, slot->owner, state_names[state]);
    switch (state) {
    case SLOT_LIVE:
        return own ? renew(acquire, lock) : LOCKS_EHELD;
    case SLOT_GRACE:
        return own ? fence_slot(acquire, slot) : LOCKS_EHELD;
    case SLOT_PENDING:
        if (slot->id != acquire->abandoned &&
            is_worth_waiting_for(acquire->op, slot)) {
            locks_pause_up_to(acquire->op, PENDING_PAUSE);
            return LOCKS_EAGAIN;
        }
        return fence_slot(acquire, slot);
    case SLOT_EXPIRED:
        return fence_slot(acquire, slot);
    case SLOT_DEAD:
        break;
    }
    return APR_SUCCESS;
}

/** What a sweep decides of one slot. */
typedef enum { KEEP_COUNTED, KEEP_UNCOUNTED, DROP } verdict_e;

/** Judges a slot of a course that is more than half full. What is expired or
 *  long pending is fenced and dropped, a few in each acquire. */
static apr_status_t judge_slot(acquire_t *acquire, const locks_slot_t *slot,
                               int *fences, verdict_e *verdict)
{
    const locks_lease_view_t *view =
        locks_snapshot_lease(acquire->snapshot, slot->owner);
    slot_state_e state;
    apr_status_t rv;

    if (view == NULL) {
        /* It could not be read, or was fenced in this sweep already, and
         * whatever else its owner has here is left to the next one. */
        *verdict = KEEP_COUNTED;
        return APR_SUCCESS;
    }
    *verdict = KEEP_UNCOUNTED;
    state = slot_state(acquire->op, slot, &view->lease,
                       acquire->subject->course, locks_now(acquire->op));
    if (state == SLOT_DEAD) {
        *verdict = DROP;
    } else if (state == SLOT_LIVE ||
               (state == SLOT_PENDING && is_young(acquire->op, slot))) {
        *verdict = KEEP_COUNTED;
    } else if (state != SLOT_GRACE) {
        if (*fences == 0) {
            *verdict = state == SLOT_PENDING ? KEEP_COUNTED : KEEP_UNCOUNTED;
            return APR_SUCCESS;
        }
        rv = fence(acquire->op, acquire->snapshot, slot);
        --*fences;
        *verdict = DROP;
        return rv;
    }
    return APR_SUCCESS;
}

/** Is this slot of the user's own past? Needs no more than the own lease,
 *  so it is dropped whenever slots are written. */
static int is_own_dead(const acquire_t *acquire, const locks_slot_t *slot)
{
    return strcmp(slot->owner, acquire->user) == 0 &&
           slot_state(
               acquire->op, slot,
               &locks_snapshot_lease(acquire->snapshot, acquire->user)->lease,
               acquire->subject->course, locks_now(acquire->op)) == SLOT_DEAD;
}

/** Does the user hold a live lock in this course? */
static int holds_here(const acquire_t *acquire)
{
    const locks_lease_t *lease =
        &locks_snapshot_lease(acquire->snapshot, acquire->user)->lease;
    const locks_slot_t *slot =
        lease->id == 0
            ? NULL
            : locks_snapshot_slot(acquire->snapshot, lease->resource);

    return slot != NULL && strcmp(slot->owner, acquire->user) == 0 &&
           slot_state(acquire->op, slot, lease, acquire->subject->course,
                      locks_now(acquire->op)) == SLOT_LIVE;
}

/**
 * Steps 4 and 5, in memory: leaves out the slot that is replaced and the
 * dead, and counts what stays against what the course may have.
 * @return APR_SUCCESS, LOCKS_EFULL, or what fencing came to
 */
static apr_status_t sweep(acquire_t *acquire)
{
    apr_array_header_t *entries = acquire->snapshot->slots.entries;
    apr_array_header_t *kept = apr_array_make(
        acquire->op->pool, entries->nelts + 1, sizeof(locks_slot_t));
    int due = is_sweep_due(acquire);
    int fences = SWEEP_FENCES;
    int others = 0;
    int i;

    if (due) {
        read_for_sweep(acquire);
    }
    for (i = 0; i < entries->nelts; i++) {
        const locks_slot_t *slot = &APR_ARRAY_IDX(entries, i, locks_slot_t);
        int own = strcmp(slot->owner, acquire->user) == 0;
        verdict_e verdict = KEEP_COUNTED;

        if (strcmp(slot->resource, acquire->subject->resource) == 0) {
            continue;
        }
        if (own) {
            verdict = is_own_dead(acquire, slot) ? DROP : KEEP_UNCOUNTED;
        } else if (due) {
            apr_status_t rv = judge_slot(acquire, slot, &fences, &verdict);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        if (verdict != DROP) {
            *(locks_slot_t *)apr_array_push(kept) = *slot;
        }
        others += verdict == KEEP_COUNTED;
    }
    if (others >= acquire->op->rules->max_per_course && !holds_here(acquire)) {
        return LOCKS_EFULL;
    }
    acquire->snapshot->slots.entries = kept;
    return APR_SUCCESS;
}

/** Step 4: an ID larger than every earlier one of this user and of this
 *  course, no smaller than the clock, the course's shard in the low byte.
 *  0 if there is none left. */
static apr_uint64_t next_id(const acquire_t *acquire)
{
    const locks_lease_t *lease =
        &locks_snapshot_lease(acquire->snapshot, acquire->user)->lease;
    apr_uint64_t shard = locks_course_shard(acquire->subject->course);
    apr_uint64_t floor = acquire->snapshot->slots.last > lease->last
                             ? acquire->snapshot->slots.last
                             : lease->last;
    /* The clock counts microseconds; chance fills the nanoseconds, so that
     * two courses of a shard hardly ever come to the same ID. */
    apr_uint64_t clock = (apr_uint64_t)locks_now(acquire->op) * 1000 +
                         locks_nonce(acquire->op) % 1000;
    apr_uint64_t id =
        ((clock > floor ? clock : floor) & ~(apr_uint64_t)0xff) | shard;

    if (id <= floor) {
        id += 0x100;
    }
    return id <= LOCKS_ID_MAX ? id : 0;
}

/** Step 5: the new slot. It is pending until step 6. */
static apr_status_t write_new_slot(acquire_t *acquire, apr_uint64_t id)
{
    locks_slots_t *slots = &acquire->snapshot->slots;
    locks_slot_t *slot = apr_array_push(slots->entries);

    slot->id = id;
    slot->resource = acquire->subject->resource;
    slot->owner = acquire->user;
    slots->last = id;
    return write_slots(acquire->op, acquire->snapshot);
}

/** Step 6: the grant and, in the same instant, the release of the lock that
 *  the user had. */
static apr_status_t grant(acquire_t *acquire, apr_uint64_t id,
                          locks_lock_t *lock)
{
    locks_operation_t *op = acquire->op;
    locks_lease_t lease = {.id = id,
                           .last = id,
                           .granted = locks_now(op),
                           .course = acquire->subject->course,
                           .resource = acquire->subject->resource,
                           .owner = acquire->user};
    const locks_lease_view_t *view =
        locks_snapshot_lease(acquire->snapshot, acquire->user);
    apr_status_t rv;

    lease.deadline = lease.granted + op->rules->ttl;
    op->deeds.is_move =
        view->lease.id != 0 && lease.granted < view->lease.deadline;
    rv = momentous(op, write_lease(op, view, &lease));
    return rv == APR_SUCCESS ? granted(acquire, lock, &lease) : rv;
}

/** One try, steps 1 to 6. */
static apr_status_t try_acquire(acquire_t *acquire, locks_lock_t *lock)
{
    locks_operation_t *op = acquire->op;
    apr_time_t slot_written;
    apr_status_t rv;
    apr_uint64_t id;

    rv = read_all(acquire);
    if (rv == APR_SUCCESS) {
        rv = clear_the_way(acquire, lock);
    }
    if (rv != APR_SUCCESS || lock->id != 0) {
        return rv;
    }
    rv = sweep(acquire);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = keep_index(op, acquire->snapshot);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    id = next_id(acquire);
    if (id == 0) {
        op->why = "lock IDs have run out: a record or a host's clock is far "
                  "in the future";
        return LOCKS_EUNAVAILABLE;
    }
    locks_tell(op,
               "the way is clear: slot %" APR_UINT64_T_FMT
               " first, then the lease",
               id);
    slot_written = locks_ticks(op);
    acquire->abandoned = id;
    rv = write_new_slot(acquire, id);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (locks_ticks(op) - slot_written > op->rules->ttl / GRANT_FRACTION) {
        return LOCKS_EAGAIN;
    }
    return grant(acquire, id, lock);
}

apr_status_t locks_acquire(locks_operation_t *op, locks_lock_t *lock,
                           const locks_subject_t *subject, const char *user)
{
    acquire_t acquire = {.op = op, .subject = subject, .user = user};
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    memset(lock, 0, sizeof(*lock));
    do {
        rv = try_acquire(&acquire, lock);
    } while (locks_tries_again(op, started, &rv));
    return rv;
}

/* ---- Release ---- */

/** Reads the slots of these courses and finds the one with this ID.
 *  APR_NOTFOUND if there is none. */
static apr_status_t find_slot(locks_operation_t *op,
                              const apr_array_header_t *index, apr_uint64_t id,
                              locks_slot_t *found, const char **course)
{
    apr_size_t courses = (apr_size_t)index->nelts;
    locks_store_item_t *items =
        apr_pcalloc(op->pool, (courses + 1) * sizeof(*items));
    apr_size_t i;
    int j;

    for (i = 0; i < courses; i++) {
        items[i].key = locks_slots_key(
            op->rules->prefix, op->type,
            APR_ARRAY_IDX(index, i, locks_index_entry_t).course, op->pool);
    }
    locks_read(op, items, courses);
    for (i = 0; i < courses; i++) {
        locks_version_t version;
        locks_slots_t slots;
        apr_status_t rv = locks_slots_view(op, &slots, &version, &items[i]);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        for (j = 0; j < slots.entries->nelts; j++) {
            *found = APR_ARRAY_IDX(slots.entries, j, locks_slot_t);
            if (found->id == id) {
                *course = APR_ARRAY_IDX(index, i, locks_index_entry_t).course;
                return APR_SUCCESS;
            }
        }
    }
    return APR_NOTFOUND;
}

/** Looks for a lock that is not the user's, to tell whose it is: from the
 *  shard in its ID to courses, to slots, to its owner's lease. */
static apr_status_t find_foreign(locks_operation_t *op, apr_uint64_t id,
                                 const char *user,
                                 const locks_store_item_t *index_item)
{
    locks_store_item_t item = {0};
    apr_array_header_t *index;
    locks_version_t version;
    locks_lease_view_t view;
    locks_slot_t slot;
    const char *course;
    apr_status_t rv = locks_index_view(op, &index, &version, index_item);

    if (rv == APR_SUCCESS) {
        rv = find_slot(op, index, id, &slot, &course);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    item.key =
        locks_lease_key(op->rules->prefix, op->type, slot.owner, op->pool);
    locks_read(op, &item, 1);
    rv = locks_lease_view(op, &view, &item, slot.owner);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (slot_state(op, &slot, &view.lease, course, op->asked) != SLOT_LIVE) {
        return APR_NOTFOUND;
    }
    /* The user's own lease has come back since it was read: a write of it was
     * under way when the store lost it. */
    return strcmp(slot.owner, user) == 0 ? LOCKS_EAGAIN : LOCKS_EFOREIGN;
}

/** One try. */
static apr_status_t try_release(locks_operation_t *op, apr_uint64_t id,
                                const char *user)
{
    locks_store_item_t items[2] = {
        {.key = locks_lease_key(op->rules->prefix, op->type, user, op->pool)},
        {.key = locks_index_key(op->rules->prefix, op->type,
                                (apr_byte_t)(id & 0xff), op->pool)}};
    locks_lease_view_t view;
    locks_lease_t lease;
    apr_status_t rv;

    locks_read(op, items, 2);
    rv = locks_lease_view(op, &view, &items[0], user);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (view.lease.id != id) {
        /* The user's last ID was the user's own, whatever became of it. */
        return view.lease.last == id ? APR_NOTFOUND
                                     : find_foreign(op, id, user, &items[1]);
    }
    if (op->asked >= view.lease.deadline) {
        return APR_NOTFOUND;
    }
    lease = view.lease;
    lease.id = 0;
    lease.course = lease.resource = "";
    return momentous(op, write_lease(op, &view, &lease));
}

apr_status_t locks_release(locks_operation_t *op, apr_uint64_t id,
                           const char *user)
{
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    do {
        rv = try_release(op, id, user);
    } while (locks_tries_again(op, started, &rv));
    return rv;
}
