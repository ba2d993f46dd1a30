/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_snapshot.h
 * @brief What one try of an operation has read: a course's slots and the
 *        leases that they lead to, each with the version that was read.
 */
#ifndef LOCKS_SNAPSHOT_H
#define LOCKS_SNAPSHOT_H

#include "locks_operation.h"

/** A user's lease as it was read. */
typedef struct locks_lease_view_t {
    const char *key;
    locks_version_t version;
    /** All zero and "", but for the owner, if the record is absent. */
    locks_lease_t lease;
} locks_lease_view_t;

typedef struct locks_snapshot_t {
    locks_operation_t *op;
    const char *course;
    const char *slots_key;
    locks_version_t slots_version;
    /** Empty if the record is absent. */
    locks_slots_t slots;
    const char *index_key;
    locks_version_t index_version;
    /** Of locks_index_entry_t; NULL until it was read. */
    apr_array_header_t *index;
    /** By user: locks_lease_view_t. */
    apr_hash_t *leases;
} locks_snapshot_t;

/** A snapshot that has read nothing yet. */
locks_snapshot_t *locks_snapshot_open(locks_operation_t *op,
                                      const char *course);

/**
 * Reads the course's slots, and, as a round trip is made anyway unless they
 * were read ahead, the lease of a user in the same one.
 * @param user may be NULL
 */
apr_status_t locks_snapshot_read_slots(locks_snapshot_t *snapshot,
                                       const char *user);

/**
 * Reads the leases of these users and, if asked, the course's index shard,
 * in one round trip; leases that are there already are not read again.
 * @param users    of const char *; none need differ
 * @param required how many of the first of them have to be read for success;
 *                 of the others, leases that cannot be read are left out
 */
apr_status_t locks_snapshot_read_leases(locks_snapshot_t *snapshot,
                                        const apr_array_header_t *users,
                                        int required, int with_index);

/** The lease of a user; NULL if it was not read. */
locks_lease_view_t *locks_snapshot_lease(const locks_snapshot_t *snapshot,
                                         const char *user);

/** Forgets a lease that has been written since. */
void locks_snapshot_forget(locks_snapshot_t *snapshot, const char *user);

/** The slot of a lock on a resource; NULL if there is none.
 *  @param id of the lock; 0 for whichever comes first: all slots of a resource
 *            are of one owner */
locks_slot_t *locks_snapshot_slot(const locks_snapshot_t *snapshot,
                                  const char *resource, apr_uint64_t id);

/** Is a resource among those that are looked for?
 *  @param resources of const char *; NULL for all */
int locks_is_wanted(const apr_array_header_t *resources, const char *resource);
/** Adds the owners of the slots of these resources to users. */
void locks_snapshot_add_owners(const locks_snapshot_t *snapshot,
                               const apr_array_header_t *resources,
                               apr_array_header_t *users);

/** @name Single records
 * @{ */
/** Takes a lease from what was read for it. */
apr_status_t locks_lease_view(locks_operation_t *op, locks_lease_view_t *view,
                              const locks_store_item_t *item, const char *user);
/** Takes slots from what was read for them. */
apr_status_t locks_slots_view(locks_operation_t *op, locks_slots_t *slots,
                              locks_version_t *version,
                              const locks_store_item_t *item);
/** Takes an index shard from what was read for it. */
apr_status_t locks_index_view(locks_operation_t *op, apr_array_header_t **index,
                              locks_version_t *version,
                              const locks_store_item_t *item);
/** @} */

#endif
