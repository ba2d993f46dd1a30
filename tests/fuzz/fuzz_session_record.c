/* SPDX-License-Identifier: Apache-2.0 */
/* A session record, as a site's sign-in may have written it. */
#include "fuzz.h"

#include "locks_request.h"
#include "locks_session_kind.h"
#include "locks_session_record.h"
#include "locks_utf8.h"

static void check_session(const locks_session_t *session)
{
    const char *name;

    MUST((unsigned int)session->kind < LOCKS_SESSION_KINDS);
    name = locks_session_kind_name(session->kind);
    if (session->kind <= LOCKS_SESSION_VFO_USER) {
        MUST(session->user_id != NULL && session->principal != NULL);
        MUST(locks_user_id_valid(session->user_id));
        MUST(strcmp(session->principal, session->user_id) == 0);
        return;
    }
    MUST(session->user_id == NULL);
    if (session->principal != NULL) {
        MUST(strncmp(session->principal, name, strlen(name)) == 0);
        MUST(session->principal[strlen(name)] == ':');
        MUST(locks_utf8_span(session->principal, strlen(session->principal)) ==
             strlen(session->principal));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *value = fuzz_exactly(data, size);
    locks_session_t *session = NULL;

    if (locks_session_record_parse(&session, value, size, pool) ==
        APR_SUCCESS) {
        check_session(session);
    }
    free(value);
    apr_pool_destroy(pool);
    return 0;
}
