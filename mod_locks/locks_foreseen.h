/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_foreseen.h
 * @brief Leases that are read before it is known that they are needed, so that
 *        slots and leases take one round trip in place of two.
 *
 * The protocol reads slots first and then the leases that they lead to. Whose
 * these will be can mostly be told before: the caller's, and those of the users
 * whom the course's slots named the last time. Their leases travel with the
 * slots, may be read before them, and serve only if that made no difference:
 * if none of the owner's slots has an ID past the lease's last. A slot is
 * written before the grant; so whatever was granted between the two readings
 * shows by its slot, and the lease is then read again. A lock that is told of
 * was live when its lease was read, and one that was live all the time is told
 * of: as if the lease had been read later.
 *
 * Where a store has several servers, only those are asked that have to be asked
 * for something else in the same round trip.
 */
#ifndef LOCKS_FORESEEN_H
#define LOCKS_FORESEEN_H

#include "locks_snapshot.h"

/** The longest list of owners that is remembered of a course, in bytes: some
 *  340 users with IDs of five digits, or 55 with UUIDs. */
#define LOCKS_OWNERS_MAX 2048

/** Has a user's lease read with the next records. */
void locks_foresee(locks_operation_t *op, const char *user);

/** Has the leases of those read with the next records, and of nobody else, who
 *  were noted as a course's owners, if op->owners is set. */
void locks_foresee_owners(locks_operation_t *op, const char *course);

/** Takes into a snapshot whose slots were read those foreseen leases that serve
 *  it, and forgets the others. */
void locks_foreseen_take(locks_snapshot_t *snapshot);

/** Notes whom the slots of a snapshot name, for locks_foresee_owners(), unless
 *  these are whom it told of. To be called before the leases are taken. */
void locks_foreseen_note(const locks_snapshot_t *snapshot);

#endif
