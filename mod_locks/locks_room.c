/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_room.h"

#include "locks_slot.h"
#include "locks_write.h"

#include <string.h>

/** How many locks one sweep fences. */
#define SWEEP_FENCES 3

/* ---- When ---- */

/** Does the user have a slot in the course, whatever became of its lock? */
static int has_slot(const locks_room_t *room)
{
    const apr_array_header_t *entries = room->snapshot->slots.entries;
    int i;

    for (i = 0; i < entries->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(entries, i, locks_slot_t).owner, room->user) ==
            0) {
            return 1;
        }
    }
    return 0;
}

/**
 * Slots are looked through for dead ones when they are more than half of what
 * the course may have. That takes the leases of all owners: so once nothing
 * more was found to drop, it is not done again until half of the room that was
 * left then is used up, and never for users who replace a slot of their own.
 */
int locks_room_is_sweep_due(const locks_room_t *room)
{
    const locks_slots_t *slots = &room->snapshot->slots;
    int most = room->op->rules->max_per_course;
    int left = most - slots->settled;

    return slots->entries->nelts * 2 > most &&
           (slots->settled == 0 ||
            slots->entries->nelts > slots->settled + left / 2) &&
           !has_slot(room);
}

/* ---- One slot ---- */

/** Reads what a sweep needs and step 1 did not read. What cannot be read now
 *  stays. */
static void read_for_sweep(const locks_room_t *room)
{
    apr_array_header_t *users =
        apr_array_make(room->op->pool, 2, sizeof(const char *));

    locks_snapshot_add_owners(room->snapshot, NULL, users);
    locks_snapshot_read_leases(room->snapshot, users, 0, 0);
}

/** What a sweep decides of one slot. */
typedef enum {
    /** It counts against what the course may have. */
    KEEP_COUNTED,
    /** Nobody knows whether it does. */
    KEEP_UNKNOWN,
    KEEP_UNCOUNTED,
    /** It is past, but left to the next sweep. */
    KEEP_PAST,
    DROP,
    /** How many verdicts there are; none itself. */
    VERDICTS
} verdict_e;

/** A look through all slots, in memory. */
typedef struct sweep_t {
    /** Are other users' slots judged? Otherwise they all count. */
    int judges;
    /** How many may still be fenced. */
    int fences;
    /** How many slots there are of each verdict. */
    int tally[VERDICTS];
    /** What stays. */
    apr_array_header_t *kept;
} sweep_t;

/** What is expired or long pending is fenced and dropped, a few in each sweep.
 *  @param verdict what it is if it is not fenced */
static apr_status_t fence_past(const locks_room_t *room,
                               const locks_slot_t *slot, sweep_t *sweep,
                               verdict_e *verdict)
{
    if (sweep->fences == 0) {
        return APR_SUCCESS;
    }
    --sweep->fences;
    *verdict = DROP;
    return locks_fence(room->op, room->snapshot, slot);
}

/** Judges another user's slot. */
static apr_status_t judge_slot(const locks_room_t *room,
                               const locks_slot_t *slot, sweep_t *sweep,
                               verdict_e *verdict)
{
    const locks_lease_view_t *view =
        locks_snapshot_lease(room->snapshot, slot->owner);

    if (view == NULL) {
        /* It could not be read, or was fenced in this sweep already, and
         * whatever else its owner has here is left to the next one. */
        *verdict = KEEP_UNKNOWN;
        return APR_SUCCESS;
    }
    switch (locks_slot_state(room->op, slot, &view->lease,
                             room->subject->course, locks_now(room->op))) {
    case LOCKS_SLOT_DEAD:
        *verdict = DROP;
        break;
    case LOCKS_SLOT_LIVE:
        *verdict = KEEP_COUNTED;
        break;
    case LOCKS_SLOT_GRACE:
        *verdict = KEEP_UNCOUNTED;
        break;
    case LOCKS_SLOT_PENDING:
        if (locks_slot_is_young(room->op, slot)) {
            *verdict = KEEP_COUNTED;
            break;
        }
        *verdict = KEEP_UNKNOWN;
        return fence_past(room, slot, sweep, verdict);
    case LOCKS_SLOT_EXPIRED:
        *verdict = KEEP_PAST;
        return fence_past(room, slot, sweep, verdict);
    }
    return APR_SUCCESS;
}

/** Is this slot of the user's own past? Needs no more than the own lease,
 *  so it is dropped whenever slots are written. */
static int is_own_dead(const locks_room_t *room, const locks_slot_t *slot)
{
    return strcmp(slot->owner, room->user) == 0 &&
           locks_slot_state(
               room->op, slot,
               &locks_snapshot_lease(room->snapshot, room->user)->lease,
               room->subject->course, locks_now(room->op)) == LOCKS_SLOT_DEAD;
}

/* ---- All slots ---- */

/** Does the user hold a live lock in this course? */
static int holds_here(const locks_room_t *room)
{
    const locks_lease_t *lease =
        &locks_snapshot_lease(room->snapshot, room->user)->lease;
    const locks_slot_t *slot =
        lease->id == 0
            ? NULL
            : locks_snapshot_slot(room->snapshot, lease->resource, lease->id);

    return slot != NULL && strcmp(slot->owner, room->user) == 0 &&
           locks_slot_state(room->op, slot, lease, room->subject->course,
                            locks_now(room->op)) == LOCKS_SLOT_LIVE;
}

/** Is this slot replaced by the one that is about to be written? Beside a lock
 *  that is taken from another window stays what a third window may be about to
 *  grant itself: it was not fenced. */
static int is_replaced(const locks_room_t *room, const locks_slot_t *slot)
{
    return strcmp(slot->resource, room->subject->resource) == 0 &&
           (room->inherited == 0 || is_own_dead(room, slot));
}

/** Looks through all slots: which stay, and what they are. */
static apr_status_t look_through(const locks_room_t *room, sweep_t *sweep)
{
    const apr_array_header_t *entries = room->snapshot->slots.entries;
    apr_status_t rv = APR_SUCCESS;
    int i;

    sweep->kept = apr_array_make(room->op->pool, entries->nelts + 1,
                                 sizeof(locks_slot_t));
    memset(sweep->tally, 0, sizeof(sweep->tally));
    if (sweep->judges) {
        read_for_sweep(room);
    }
    for (i = 0; i < entries->nelts && rv == APR_SUCCESS; i++) {
        const locks_slot_t *slot = &APR_ARRAY_IDX(entries, i, locks_slot_t);
        verdict_e verdict = KEEP_COUNTED;

        if (is_replaced(room, slot)) {
            continue;
        }
        if (strcmp(slot->owner, room->user) == 0) {
            verdict = is_own_dead(room, slot) ? DROP : KEEP_UNCOUNTED;
        } else if (sweep->judges) {
            rv = judge_slot(room, slot, sweep, &verdict);
        }
        if (verdict != DROP) {
            *(locks_slot_t *)apr_array_push(sweep->kept) = *slot;
        }
        sweep->tally[verdict]++;
    }
    return rv;
}

/** Is there no room for another lock, as far as a sweep can tell? What was not
 *  judged, and of what is past only what may still be granted, counts. */
static int is_full(const locks_room_t *room, const sweep_t *sweep)
{
    return sweep->tally[KEEP_COUNTED] + sweep->tally[KEEP_UNKNOWN] >=
               room->op->rules->max_per_course &&
           !holds_here(room);
}

/** What to answer where there is no room: where that hangs on what nobody
 *  knows, it is not said. */
static apr_status_t refuse_as_full(const locks_room_t *room,
                                   const sweep_t *sweep)
{
    if (sweep->tally[KEEP_COUNTED] >= room->op->rules->max_per_course) {
        return LOCKS_EFULL;
    }
    /* What cannot be read has said why. */
    return sweep->fences < SWEEP_FENCES ? LOCKS_EAGAIN : LOCKS_EUNAVAILABLE;
}

apr_status_t locks_room_make(const locks_room_t *room)
{
    locks_slots_t *slots = &room->snapshot->slots;
    sweep_t sweep = {.judges = locks_room_is_sweep_due(room),
                     .fences = SWEEP_FENCES};
    apr_status_t rv = look_through(room, &sweep);

    if (rv == APR_SUCCESS && !sweep.judges && is_full(room, &sweep)) {
        sweep.judges = 1;
        rv = look_through(room, &sweep);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (is_full(room, &sweep)) {
        return refuse_as_full(room, &sweep);
    }
    slots->entries = sweep.kept;
    if (sweep.judges) {
        slots->settled =
            sweep.tally[KEEP_UNKNOWN] == 0 && sweep.tally[KEEP_PAST] == 0
                ? sweep.kept->nelts
                : 0;
    }
    return APR_SUCCESS;
}
