/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file account.h
 * @brief From requests to a history: who was told what, and whether that can
 *        be true.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "history.h"
#include "request.h"

/** The most requests of an audit: a list of every course, and a stranger at
 *  every place. */
enum { PROBES_MAX = COURSES + PLACES };

void account_begin(history_t *history, const scenario_t *scenario);

/** Sets the requests of an audit of what the scenario is about. */
int account_probes(scenario_request_t probes[PROBES_MAX],
                   const scenario_t *scenario);

/** What to say of a history that is not linearizable. */
#define ACCOUNT_UNEXPLAINED "no order of the requests explains their answers"

/** Enters all requests that have begun, in place of what was entered before.
 *  @return what cannot be true, or NULL */
const char *account_enter(history_t *history, const request_t *requests,
                          int count);

/** Enters what the records show of a user's lock; 0 for none.
 *  @return what cannot be done, or NULL */
const char *account_read(history_t *history, int user, apr_uint64_t id,
                         int place, apr_time_t deadline, int moment);

#endif
