/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_slot.h"

#include "locks_protocol.h"

#include <string.h>

const char *const locks_slot_state_names[] = {
    [LOCKS_SLOT_DEAD] = "dead",
    [LOCKS_SLOT_LIVE] = "live",
    [LOCKS_SLOT_GRACE] = "past its deadline by less than the clock skew",
    [LOCKS_SLOT_EXPIRED] = "expired",
    [LOCKS_SLOT_PENDING] = "pending",
};

locks_slot_state_e locks_slot_state(const locks_operation_t *op,
                                    const locks_slot_t *slot,
                                    const locks_lease_t *lease,
                                    const char *course, apr_time_t time)
{
    if (lease->id != slot->id) {
        return slot->id <= lease->last ? LOCKS_SLOT_DEAD : LOCKS_SLOT_PENDING;
    }
    if (strcmp(lease->course, course) != 0 ||
        strcmp(lease->resource, slot->resource) != 0) {
        /* Its lease lives elsewhere under this ID, and an ID is given to a
         * user once: here it can never be live. */
        return LOCKS_SLOT_DEAD;
    }
    if (time < lease->deadline) {
        return LOCKS_SLOT_LIVE;
    }
    return time < lease->deadline + op->rules->skew ? LOCKS_SLOT_GRACE
                                                    : LOCKS_SLOT_EXPIRED;
}

int locks_slot_is_young(const locks_operation_t *op, const locks_slot_t *slot)
{
    return (apr_uint64_t)locks_now(op) * 1000 <
           slot->id + LOCKS_PENDING_GRACE * 1000;
}

int locks_slot_is_worth_waiting_for(locks_operation_t *op,
                                    const locks_slot_t *slot)
{
    if (op->pending_id != slot->id) {
        op->pending_id = slot->id;
        op->pending_since = locks_ticks(op);
    }
    return locks_slot_is_young(op, slot) &&
           locks_ticks(op) - op->pending_since < LOCKS_PENDING_GRACE;
}
