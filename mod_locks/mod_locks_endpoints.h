/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks_endpoints.h
 * @brief The endpoints below /locks. Each runs one exchange: OK, or the status
 *        of a refusal that was noted there.
 */
#ifndef MOD_LOCKS_ENDPOINTS_H
#define MOD_LOCKS_ENDPOINTS_H

#include "mod_locks_exchange.h"

/* ---- Looking (mod_locks_get.c) ---- */

/** GET /locks?subject.courseId=KEY */
int locks_get_course(locks_exchange_t *exchange);
/** GET /locks?ownerId=me */
int locks_get_own(locks_exchange_t *exchange);
/** GET /locks/{id} */
int locks_get_lock(locks_exchange_t *exchange, const char *lock_id);

/* ---- Taking and keeping (mod_locks_take.c) ---- */

/** POST /locks */
int locks_post(locks_exchange_t *exchange);
/** PUT /locks/{id} */
int locks_put(locks_exchange_t *exchange, const char *lock_id);

/* ---- Giving back (mod_locks_give.c) ---- */

/** DELETE /locks/{id} */
int locks_delete_lock(locks_exchange_t *exchange, const char *lock_id);
/** DELETE /locks?ownerId=me */
int locks_delete_own(locks_exchange_t *exchange);

#endif
