/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_session_kind.h"

static const struct {
    const char *name;
    int is_user;
} kinds[LOCKS_SESSION_KINDS] = {
    [LOCKS_SESSION_PLAIN_USER] = {"PlainUserSession", 1},
    [LOCKS_SESSION_VFO_USER] = {"VFOUserSession", 1},
    [LOCKS_SESSION_PARTNER_KEY] = {"PartnerKey", 0},
    [LOCKS_SESSION_LEGACY_AUTHENTICATOR] = {"LegacyAuthenticator", 0},
    [LOCKS_SESSION_INTERNAL_INTEGRATION_KEY] = {"InternalIntegrationKey", 0},
    [LOCKS_SESSION_VFO_ACCESS_KEY] = {"VFOAccessKey", 0},
};

const char *locks_session_kind_name(locks_session_kind_e kind)
{
    return kinds[kind].name;
}

int locks_session_kind_is_user(locks_session_kind_e kind)
{
    return kinds[kind].is_user;
}
