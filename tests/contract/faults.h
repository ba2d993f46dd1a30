/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file faults.h
 * @brief What the tests of memcached's faults share: a store, and a session
 * of it that is watched.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "locks_store.h"
#include "servers.h"

#include <check.h>

#define MS 1000
#define TIMEOUT (250 * MS)
#define LIFETIME 60
#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/** A test's own; use() sets the others. */
extern apr_pool_t *pool;
extern locks_store_t *store;
extern locks_store_session_t *session;
/** What the session told of servers, line by line; "" for nothing. */
extern const char *alarms;
extern const char *all_clears;
/** What it counted: failures by kind, round trips and their time. */
extern int failures[LOCKS_STORE_FAILURES];
extern apr_uint32_t round_trips;
extern apr_interval_time_t travelled;

/** Makes and starts a store on memcached, and opens a session. */
void use(const char *addresses, int threads);

/** Opens another session; use_new_session() closes the present one first. */
void open_session(void);
void use_new_session(void);

/** The session's operations, and the reason of the last failure. */
locks_store_item_t fetched(const char *key, locks_store_purpose_e purpose);
apr_status_t status_of(const char *key);
apr_status_t add(const char *key, const char *value,
                 locks_store_purpose_e purpose);
apr_status_t cas(const char *key, const char *value, apr_uint64_t seen);
const char *reason(void);

/** What a wait may take beyond its timeout, in microseconds. */
apr_interval_time_t slack(void);

/** Asserts that what began then took one timeout. */
void assert_one_timeout(apr_time_t began);

/** Asserts what was told since the last time: so many failures of one kind,
 *  none of another, and every round trip. */
void assert_told(locks_store_failure_e kind, int times);

/** A store with two sessions, whose server has started anew since the first
 *  of them read a CAS value, and has the same CAS value again.
 *  @return the other session */
locks_store_session_t *outlive(server_t **started, locks_store_item_t *item);

/** Asserts that the value that the other session stored is there. */
void assert_theirs(locks_store_session_t *other);

/** Adds a case whose tests have a pool each. */
TCase *add_case(Suite *suite, const char *name);

/** Runs a suite; what main returns. */
int run_faults(Suite *suite);

#endif
