/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_lock.h
 * @brief What a lock is: its type, its subject, its owner.
 */
#ifndef LOCKS_LOCK_H
#define LOCKS_LOCK_H

#include <apr.h>
#include <apr_time.h>

/** A type of resource that can be locked. */
typedef struct locks_type_t {
    /** The value of "type" in requests and answers, and part of keys. */
    const char *name;
    /** The member of "subject" that names the resource in its course. */
    const char *resource_member;
} locks_type_t;

/** The types there are, ended by a NULL name. */
extern const locks_type_t locks_types[];

/** The type that lists and releases are about while there is one only. */
#define LOCKS_TYPE_GADGET (&locks_types[0])

/** Finds a type by its name; NULL if there is none. */
const locks_type_t *locks_type_find(const char *name);

/** What a lock is on. */
typedef struct locks_subject_t {
    const locks_type_t *type;
    /** The course ID, never another key of the course. */
    const char *course;
    /** The resource's ID in the course. */
    const char *resource;
} locks_subject_t;

/** A lock that was granted. */
typedef struct locks_lock_t {
    apr_uint64_t id;
    locks_subject_t subject;
    const char *owner;
    /** Which of the owner's windows holds it, in the client's words; "" if that
     *  was not said. */
    const char *client;
    /** When it was granted, and when it releases itself. */
    apr_time_t granted;
    apr_time_t deadline;
} locks_lock_t;

/** The whole milliseconds until a lock releases itself; 0 if it has. */
static inline apr_int64_t locks_expires_in(const locks_lock_t *lock,
                                           apr_time_t now)
{
    return lock->deadline > now ? (lock->deadline - now) / 1000 : 0;
}

#endif
