/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_room.h
 * @brief Room for one more slot in a course: what is past goes, and what stays
 *        counts against what the course may have.
 */
#ifndef LOCKS_ROOM_H
#define LOCKS_ROOM_H

#include "locks_protocol.h"
#include "locks_snapshot.h"

/** Whose slot room is made for. */
typedef struct locks_room_t {
    locks_operation_t *op;
    /** The course's slots, and the user's lease. */
    locks_snapshot_t *snapshot;
    const locks_subject_t *subject;
    const char *user;
    /** The live lock that the user takes from another window; 0 if none. Its
     *  slot stays until the next lock is granted. */
    apr_uint64_t inherited;
} locks_room_t;

/**
 * Is a sweep due? Then the leases of all owners may be read along with others,
 * to save it a round trip.
 * @param room the user's lease need not be there yet
 */
int locks_room_is_sweep_due(const locks_room_t *room);

/**
 * Makes room, in memory: leaves out of the snapshot's slots the one that is
 * replaced and, where a sweep is due or nothing else can tell that there is
 * room, the dead. What is expired or long pending is fenced before, a few in
 * each sweep.
 * @return APR_SUCCESS, LOCKS_EFULL, LOCKS_EAGAIN or LOCKS_EUNAVAILABLE
 */
apr_status_t locks_room_make(const locks_room_t *room);

#endif
