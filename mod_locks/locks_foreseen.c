/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_foreseen.h"

#include "locks_memo.h"

#include <string.h>

/* What is remembered of a course: each owner's ID with its NUL byte. */

/* ---- Whom to expect ---- */

void locks_foresee(locks_operation_t *op, const char *user)
{
    locks_foreseen_t *foreseen = apr_array_push(op->foreseen);

    memset(foreseen, 0, sizeof(*foreseen));
    foreseen->owner = user;
    foreseen->item.key =
        locks_lease_key(op->rules->prefix, op->type, user, op->pool);
    foreseen->item.status = LOCKS_STORE_UNREACHABLE;
    op->foreseen_is_read = 0;
}

/** What a course's owners are remembered under. */
static locks_memo_name_t name_of(const locks_operation_t *op,
                                 const char *slots_key)
{
    return (locks_memo_name_t){
        .store = op->owners_store, .kind = "owners", .key = slots_key};
}

void locks_foresee_owners(locks_operation_t *op, const char *course)
{
    locks_memo_value_t known;
    locks_memo_name_t name;
    const char *next;
    const char *end;

    apr_array_clear(op->foreseen);
    if (op->owners == NULL) {
        return;
    }
    name = name_of(
        op, locks_slots_key(op->rules->prefix, op->type, course, op->pool));
    if (!locks_memo_find(op->owners, &known, &name, 0, op->pool)) {
        return;
    }
    end = known.bytes + known.length;
    for (next = known.bytes; next < end; next += strlen(next) + 1) {
        locks_foresee(op, next);
    }
}

/** Finds who is foreseen.
 *  @param next where to look first, which is set to where to look next: slots
 *              mostly name owners in the order in which they did before */
static locks_foreseen_t *find(const locks_operation_t *op, const char *owner,
                              int *next)
{
    locks_foreseen_t *foreseen = (locks_foreseen_t *)op->foreseen->elts;
    int count = op->foreseen->nelts;
    int i;

    for (i = 0; i < count; i++) {
        int place = (*next + i) % count;

        if (strcmp(foreseen[place].owner, owner) == 0) {
            *next = place + 1;
            return &foreseen[place];
        }
    }
    return NULL;
}

/* ---- Whom to remember ---- */

/** Do the slots name all who are foreseen, nobody else, and in this order?
 *  Where it was another, looking for each would take longer and longer. */
static int names_the_same(const locks_snapshot_t *snapshot)
{
    const locks_operation_t *op = snapshot->op;
    const locks_foreseen_t *all = (locks_foreseen_t *)op->foreseen->elts;
    const apr_array_header_t *slots = snapshot->slots.entries;
    int named = 0;
    int again = 0;
    int i;

    for (i = 0; i < slots->nelts; i++) {
        const char *owner = APR_ARRAY_IDX(slots, i, locks_slot_t).owner;

        if (named < op->foreseen->nelts &&
            strcmp(all[named].owner, owner) == 0) {
            named++;
        } else {
            /* Somebody who has a slot further up, or the order is another. */
            const locks_foreseen_t *foreseen = find(op, owner, &again);

            if (foreseen == NULL || foreseen >= &all[named]) {
                return 0;
            }
        }
    }
    return named == op->foreseen->nelts;
}

/** Writes down those whom the slots name, each once.
 *  @return how many bytes; 0 if they are more than are remembered */
static apr_size_t write_owners(char bytes[LOCKS_OWNERS_MAX],
                               const locks_snapshot_t *snapshot)
{
    const apr_array_header_t *slots = snapshot->slots.entries;
    apr_hash_t *seen = apr_hash_make(snapshot->op->pool);
    apr_size_t length = 0;
    int i;

    for (i = 0; i < slots->nelts; i++) {
        const char *owner = APR_ARRAY_IDX(slots, i, locks_slot_t).owner;

        if (apr_hash_get(seen, owner, APR_HASH_KEY_STRING) == NULL) {
            if (!locks_memo_add(bytes, &length, LOCKS_OWNERS_MAX, owner)) {
                return 0;
            }
            apr_hash_set(seen, owner, APR_HASH_KEY_STRING, owner);
        }
    }
    return length;
}

void locks_foreseen_note(const locks_snapshot_t *snapshot)
{
    const locks_operation_t *op = snapshot->op;
    locks_memo_name_t name;
    char bytes[LOCKS_OWNERS_MAX];
    apr_size_t length;

    if (op->owners == NULL || names_the_same(snapshot)) {
        return;
    }
    name = name_of(op, snapshot->slots_key);
    length = write_owners(bytes, snapshot);
    locks_memo_note(op->owners, &name, length > 0 ? bytes : NULL, length,
                    locks_ticks(op));
}

/* ---- What was read ---- */

/** Takes what was read of a foreseen lease, unless that was done. */
static void judge(locks_foreseen_t *foreseen, locks_lease_view_t *view,
                  locks_operation_t *op)
{
    apr_status_t rv = LOCKS_EUNAVAILABLE;

    if (foreseen->item.status == LOCKS_STORE_DONE) {
        rv = locks_lease_view(op, view, &foreseen->item, foreseen->owner);
    }
    foreseen->serves = rv == APR_SUCCESS;
    foreseen->is_judged = 1;
}

void locks_foreseen_take(locks_snapshot_t *snapshot)
{
    locks_operation_t *op = snapshot->op;
    locks_foreseen_t *all = (locks_foreseen_t *)op->foreseen->elts;
    const apr_array_header_t *slots = snapshot->slots.entries;
    locks_lease_view_t *views;
    int next = 0;
    int i;

    if (op->foreseen->nelts == 0) {
        return;
    }
    views =
        apr_palloc(op->pool, (apr_size_t)op->foreseen->nelts * sizeof(*views));
    for (i = 0; i < slots->nelts; i++) {
        const locks_slot_t *slot = &APR_ARRAY_IDX(slots, i, locks_slot_t);
        locks_foreseen_t *foreseen = find(op, slot->owner, &next);
        locks_lease_view_t *view;

        if (foreseen == NULL) {
            continue;
        }
        view = &views[foreseen - all];
        if (!foreseen->is_judged) {
            judge(foreseen, view, op);
        }
        foreseen->serves = foreseen->serves && slot->id <= view->lease.last;
    }
    for (i = 0; i < op->foreseen->nelts; i++) {
        if (all[i].serves) {
            apr_hash_set(snapshot->leases, all[i].owner, APR_HASH_KEY_STRING,
                         &views[i]);
        }
    }
    apr_array_clear(op->foreseen);
}
