/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file locks_session_kind.h
 * @brief What the kinds of session are called, and which are users'.
 */
#ifndef LOCKS_SESSION_KIND_H
#define LOCKS_SESSION_KIND_H

#include "locks_session.h"

/** The name of a session kind as records and principals spell it. */
const char *locks_session_kind_name(locks_session_kind_e kind);

/** Is this kind a user's? */
int locks_session_kind_is_user(locks_session_kind_e kind);

#endif
