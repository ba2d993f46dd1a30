/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a lock, and renewing it. The steps are those of the protocol's
 * description. */
#include "locks_protocol.h"

#include "locks_find.h"
#include "locks_renew.h"
#include "locks_room.h"
#include "locks_slot.h"
#include "locks_write.h"

#include <string.h>

/** The part of a lease that may pass between writing a slot and granting. */
#define GRANT_FRACTION 4
/** The longest pause before a pending slot is looked at again. */
#define PENDING_PAUSE apr_time_from_msec(10)

/** One acquire. */
typedef struct acquire_t {
    locks_operation_t *op;
    const locks_subject_t *subject;
    const char *user;
    const locks_terms_t *terms;
    locks_snapshot_t *snapshot;
    /** The slot that an earlier try wrote and did not come to grant. */
    apr_uint64_t abandoned;
    /** The lock of another user in the resource's slot that a try fenced. */
    apr_uint64_t taken_over;
    /** The live lock that the user takes from another window; 0 if none. Its
     *  slot stays until the next lock is granted. */
    apr_uint64_t inherited;
} acquire_t;

/** Will this probably write to the slots? Where another user has the resource
 *  it is probably refused. */
static int is_about_to_write(const acquire_t *acquire)
{
    const locks_slot_t *slot =
        locks_snapshot_slot(acquire->snapshot, acquire->subject->resource, 0);

    return slot == NULL || strcmp(slot->owner, acquire->user) == 0;
}

/** Reads the slots, and the user's lease where that takes no longer. Who is
 *  about to write them waits for a turn; what was read ahead is read again if
 *  others had theirs since. */
static apr_status_t read_slots(acquire_t *acquire)
{
    locks_operation_t *op = acquire->op;
    const char *course = acquire->subject->course;
    apr_status_t rv;

    acquire->snapshot = locks_snapshot_open(op, course);
    if (locks_ahead_find(op, acquire->snapshot->slots_key) == NULL) {
        locks_turn_watch(&op->turn, op->turns, op->env, course);
        (void)locks_turn_take(&op->turn);
        return locks_snapshot_read_slots(acquire->snapshot, acquire->user);
    }
    rv = locks_snapshot_read_slots(acquire->snapshot, acquire->user);
    if (rv == APR_SUCCESS && is_about_to_write(acquire) &&
        locks_turn_take(&op->turn)) {
        acquire->snapshot = locks_snapshot_open(op, course);
        rv = locks_snapshot_read_slots(acquire->snapshot, acquire->user);
    }
    return rv;
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
 *  resource. If a sweep is due all owners' leases travel with them. */
static apr_status_t read_all(acquire_t *acquire)
{
    locks_operation_t *op = acquire->op;
    apr_status_t rv = read_slots(acquire);
    locks_snapshot_t *snapshot = acquire->snapshot;
    apr_array_header_t *resource =
        apr_array_make(op->pool, 1, sizeof(const char *));
    apr_array_header_t *users;
    int required;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    users = apr_array_make(op->pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(users, const char *) = acquire->user;
    APR_ARRAY_PUSH(resource, const char *) = acquire->subject->resource;
    locks_snapshot_add_owners(snapshot, resource, users);
    required = users->nelts;
    if (locks_room_is_sweep_due(&(locks_room_t){
            .op = op, .snapshot = snapshot, .user = acquire->user})) {
        locks_snapshot_add_owners(snapshot, NULL, users);
    }
    return locks_snapshot_read_leases(
        snapshot, users, required, locks_is_stale(op, snapshot->slots.indexed));
}

/** Step 3: a slot that is pending or expired is fenced before it is
 *  replaced; the user's own lease is then read again, to write to it. */
static apr_status_t fence_slot(acquire_t *acquire, const locks_slot_t *slot)
{
    apr_status_t rv = locks_fence(acquire->op, acquire->snapshot, slot);
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

/** Does the resource still have what an earlier try fenced, or wrote in its
 *  place? */
static int is_left_by_us(const acquire_t *acquire)
{
    const char *resource = acquire->subject->resource;

    return (acquire->taken_over != 0 &&
            locks_snapshot_slot(acquire->snapshot, resource,
                                acquire->taken_over) != NULL) ||
           (acquire->abandoned != 0 &&
            locks_snapshot_slot(acquire->snapshot, resource,
                                acquire->abandoned) != NULL);
}

/** Step 2, the user's own live lock: a new deadline for the same lock, unless
 *  another window has it. Taken from that, it gets a new ID, so that the other
 *  window's is worth nothing. Until then it keeps its slot beside the new one:
 *  nobody else can step in between, though this worker may die. */
static apr_status_t keep_own(acquire_t *acquire, const locks_slot_t *slot,
                             locks_lock_t *lock)
{
    const locks_lease_view_t *view =
        locks_snapshot_lease(acquire->snapshot, acquire->user);

    if (!locks_is_other_window(&view->lease, acquire->terms)) {
        locks_turn_give(&acquire->op->turn);
        return locks_renew_lease(acquire->op, acquire->snapshot, view,
                                 acquire->terms, lock);
    }
    acquire->inherited = slot->id;
    return acquire->terms->takes_over ? APR_SUCCESS : LOCKS_EOTHERWINDOW;
}

/** Step 2, another user's lock: it is in the way. */
static apr_status_t held(const acquire_t *acquire, locks_lock_t *lock,
                         const locks_slot_t *slot)
{
    locks_lock_of(acquire->op, lock,
                  &locks_snapshot_lease(acquire->snapshot, slot->owner)->lease);
    return LOCKS_EHELD;
}

/** Finds the slot of the resource that is to be dealt with first: the one whose
 *  state is the least, by the order of locks_slot_state_e, where dead slots
 *  need not be dealt with.
 *  @param undead set to how many there are
 *  @return NULL if there are none */
static const locks_slot_t *find_obstacle(const acquire_t *acquire,
                                         locks_slot_state_e *state, int *undead)
{
    const apr_array_header_t *entries = acquire->snapshot->slots.entries;
    const locks_slot_t *obstacle = NULL;
    int i;

    *undead = 0;
    for (i = 0; i < entries->nelts; i++) {
        const locks_slot_t *slot = &APR_ARRAY_IDX(entries, i, locks_slot_t);
        locks_slot_state_e its;

        if (strcmp(slot->resource, acquire->subject->resource) != 0) {
            continue;
        }
        its = locks_slot_state(
            acquire->op, slot,
            &locks_snapshot_lease(acquire->snapshot, slot->owner)->lease,
            acquire->subject->course, locks_now(acquire->op));
        if (its != LOCKS_SLOT_DEAD) {
            ++*undead;
            if (obstacle == NULL || its < *state) {
                obstacle = slot;
                *state = its;
            }
        }
    }
    return obstacle;
}

/** Steps 2 and 3 for one slot of the resource. */
static apr_status_t deal_with(acquire_t *acquire, const locks_slot_t *slot,
                              locks_slot_state_e state, locks_lock_t *lock)
{
    int own = strcmp(slot->owner, acquire->user) == 0;

    locks_tell(
        acquire->op,
        "the slot of %s has the lock %" APR_UINT64_T_FMT " of %s, which is %s",
        slot->resource, slot->id, slot->owner, locks_slot_state_names[state]);
    switch (state) {
    case LOCKS_SLOT_LIVE:
        return own ? keep_own(acquire, slot, lock) : held(acquire, lock, slot);
    case LOCKS_SLOT_GRACE:
        return own ? fence_slot(acquire, slot) : held(acquire, lock, slot);
    case LOCKS_SLOT_PENDING:
        if (slot->id != acquire->abandoned &&
            locks_slot_is_worth_waiting_for(acquire->op, slot)) {
            locks_turn_give(&acquire->op->turn);
            locks_pause_up_to(acquire->op, PENDING_PAUSE);
            return LOCKS_EAGAIN;
        }
        return fence_slot(acquire, slot);
    case LOCKS_SLOT_EXPIRED:
        return fence_slot(acquire, slot);
    case LOCKS_SLOT_DEAD:
        break;
    }
    return APR_SUCCESS;
}

/** Steps 2 and 3. LOCKS_EHELD; or APR_SUCCESS, with lock set if the user's
 *  own was renewed, otherwise with the resource free to take. */
static apr_status_t clear_the_way(acquire_t *acquire, locks_lock_t *lock)
{
    locks_slot_state_e state = LOCKS_SLOT_DEAD;
    int undead;
    const locks_slot_t *slot = find_obstacle(acquire, &state, &undead);
    apr_status_t rv;

    if (!is_left_by_us(acquire)) {
        /* Somebody else took it in between. */
        acquire->op->deeds.is_takeover = 0;
    }
    acquire->inherited = 0;
    if (slot == NULL) {
        return APR_SUCCESS;
    }
    rv = deal_with(acquire, slot, state, lock);
    /* Where one was fenced there may be another: a lock that expired while its
     * owner took it from another window. */
    return rv == APR_SUCCESS && undead > 1 && state != LOCKS_SLOT_LIVE
               ? LOCKS_EAGAIN
               : rv;
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

    *slot = (locks_slot_t){.id = id,
                           .resource = acquire->subject->resource,
                           .owner = acquire->user};
    slots->last = id;
    return locks_write_slots(acquire->op, acquire->snapshot);
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
                           .owner = acquire->user,
                           .client = acquire->terms->client};
    const locks_lease_view_t *view =
        locks_snapshot_lease(acquire->snapshot, acquire->user);
    apr_status_t rv;

    lease.deadline = lease.granted + locks_terms_ttl(op, acquire->terms);
    op->deeds.is_move =
        view->lease.id != 0 && lease.granted < view->lease.deadline;
    op->deeds.left = op->deeds.is_move ? view->lease.course : NULL;
    rv = locks_write_momentous(op, locks_write_lease(op, view, &lease));
    return rv == APR_SUCCESS ? locks_granted(op, lock, &lease) : rv;
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
    rv = locks_room_make(&(locks_room_t){.op = op,
                                         .snapshot = acquire->snapshot,
                                         .subject = acquire->subject,
                                         .user = acquire->user,
                                         .inherited = acquire->inherited});
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = locks_keep_index(op, acquire->snapshot);
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
    locks_turn_give(&op->turn);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (locks_ticks(op) - slot_written >
        locks_terms_ttl(op, acquire->terms) / GRANT_FRACTION) {
        return LOCKS_EAGAIN;
    }
    return grant(acquire, id, lock);
}

apr_status_t locks_acquire(locks_operation_t *op, locks_lock_t *lock,
                           const locks_subject_t *subject, const char *user,
                           const locks_terms_t *terms)
{
    acquire_t acquire = {
        .op = op, .subject = subject, .user = user, .terms = terms};
    apr_time_t started = locks_ticks(op);
    apr_status_t rv;

    memset(lock, 0, sizeof(*lock));
    do {
        rv = try_acquire(&acquire, lock);
        locks_turn_give(&op->turn);
    } while (locks_tries_again(op, started, &rv));
    return rv;
}
