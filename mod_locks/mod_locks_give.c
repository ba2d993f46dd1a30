/* SPDX-License-Identifier: Apache-2.0 */
/* Giving locks back. */
#include "mod_locks_endpoints.h"

#include <string.h>

#include "locks_break.h"
#include "locks_protocol.h"
#include "locks_request.h"
#include "mod_locks_wait.h"

/** Finds out that a user asks for a change.
 *  @param lock_id of what; NULL for whichever lock the user has */
static int require_user(locks_exchange_t *exchange, const char *lock_id)
{
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    locks_exchange_expect_lock(exchange, lock_id);
    if ((refused = locks_exchange_judge(exchange)) != OK) {
        return refused;
    }
    return locks_exchange_require_user(exchange);
}

/** Answers that a lock was given back. */
static int answer_released(locks_exchange_t *exchange, apr_uint64_t id)
{
    locks_note_lock(exchange->r, id);
    locks_wait_wake(exchange->r, exchange->op->deeds.left);
    LOCKS_JSON_WRITE(locks_exchange_answer(exchange, HTTP_OK), "{}");
    return OK;
}

int locks_delete_lock(locks_exchange_t *exchange, const char *lock_id)
{
    apr_status_t rv;
    apr_uint64_t id;
    int refused = require_user(exchange, lock_id);

    if (refused != OK) {
        return refused;
    }
    rv = locks_lock_id_parse(&id, lock_id) == APR_SUCCESS
             ? locks_release(exchange->op, id, exchange->caller.user)
             : APR_NOTFOUND;
    switch (rv) {
    case APR_SUCCESS:
        return answer_released(exchange, id);
    case APR_NOTFOUND:
        return locks_refuse_unknown(exchange, "Lock", lock_id, strlen(lock_id));
    case LOCKS_EFOREIGN:
        return locks_refuse_permission(exchange);
    default:
        return locks_refuse_operation(exchange);
    }
}

/* Whoever signs out wants to be rid of a lock, and need not know whether there
 * is one. */
int locks_delete_own(locks_exchange_t *exchange)
{
    locks_lock_t lock;
    int refused = require_user(exchange, NULL);

    if (refused != OK) {
        return refused;
    }
    switch (locks_break(exchange->op, &lock, 0, exchange->caller.user)) {
    case APR_SUCCESS:
        return answer_released(exchange, lock.id);
    case APR_NOTFOUND:
        exchange->outcome = LOCKS_OUTCOME_NOT_FOUND;
        LOCKS_JSON_WRITE(locks_exchange_answer(exchange, HTTP_OK), "{}");
        return OK;
    default:
        return locks_refuse_operation(exchange);
    }
}
