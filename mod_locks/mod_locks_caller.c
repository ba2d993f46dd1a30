/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking /locks: a SID, or else the user that httpd authenticated. */
#include "mod_locks.h"

#include <string.h>

#include "locks_deadline.h"
#include "locks_request.h"

int locks_caller_claim(locks_claim_t *claim, request_rec *r)
{
    const char *sid = apr_table_get(r->headers_in, "SID");

    memset(claim, 0, sizeof(*claim));
    if (sid != NULL) {
        /* Two SID headers come as one with a comma, which is none. */
        if (!locks_sid_valid(sid)) {
            return HTTP_UNAUTHORIZED;
        }
        claim->sid = sid;
        claim->identity = locks_sid_known(r, sid);
        if (claim->identity == NULL) {
            claim->session_key = locks_sid_key(sid, r);
            claim->guess = locks_sid_guess(r, claim->session_key);
            claim->made = locks_deadline_now();
        }
        return OK;
    }
    claim->user = locks_user(r);
    return claim->user != NULL && locks_user_id_valid(claim->user)
               ? OK
               : HTTP_UNAUTHORIZED;
}

/** The user whom an identity is of; NULL for none. */
static const char *user_of(const locks_identity_t *identity)
{
    return identity->status == OK ? identity->session->user_id : NULL;
}

const char *locks_caller_foreseen(const locks_claim_t *claim)
{
    if (claim->sid == NULL) {
        return claim->user;
    }
    return claim->identity != NULL ? user_of(claim->identity) : claim->guess;
}

/** Is the session read in the lock store's first round trip? */
static int travels_along(const locks_claim_t *claim, const request_rec *r)
{
    const locks_server_config_t *config = locks_server_config(r->server);

    return claim->session_key != NULL && config->session_store == config->store;
}

void locks_caller_ahead(const locks_claim_t *claim, locks_operation_t *op,
                        const request_rec *r)
{
    if (travels_along(claim, r)) {
        locks_ahead_key(op, claim->session_key);
    }
}

/** Remembers whose the SID is, where that is not what was foreseen. A store
 *  that could not be asked has not said that it is nobody's. */
static void note_user(const locks_claim_t *claim,
                      const locks_identity_t *identity, const request_rec *r)
{
    const char *user = user_of(identity);
    int is_as_guessed = user == NULL || claim->guess == NULL
                            ? user == claim->guess
                            : strcmp(user, claim->guess) == 0;

    if (!is_as_guessed && identity->status != HTTP_SERVICE_UNAVAILABLE) {
        locks_sid_note_user(r, claim->session_key, user, claim->made);
    }
}

/** Asks the session store what the claim's SID stands for, unless that is
 *  known. */
static const locks_identity_t *identify(const locks_claim_t *claim,
                                        locks_operation_t *op, request_rec *r)
{
    const locks_identity_t *identity;

    if (claim->identity == NULL && travels_along(claim, r)) {
        locks_store_item_t item = {.key = claim->session_key};

        locks_read(op, &item, 1);
        return locks_sid_judge(r, claim->sid, &item, op->store, claim->made);
    }
    identity = locks_sid_find(r, claim->sid);
    /* A request has one budget, however many stores it asks. */
    op->store->waited += identity->waited;
    op->store->round_trips += identity->round_trips;
    return identity;
}

int locks_caller_judge(locks_caller_t *caller, const locks_claim_t *claim,
                       locks_operation_t *op, request_rec *r)
{
    const locks_identity_t *identity;

    memset(caller, 0, sizeof(*caller));
    if (claim->sid == NULL) {
        caller->user = caller->principal = claim->user;
        return OK;
    }
    identity = identify(claim, op, r);
    if (claim->identity == NULL) {
        note_user(claim, identity, r);
    }
    if (identity->status == OK) {
        const locks_session_t *session = identity->session;

        if (identity->until != 0) {
            locks_tell(op, "its session is one that this child has kept");
        }
        caller->user = session->user_id;
        caller->principal = session->principal;
        caller->lists_all = session->kind == LOCKS_SESSION_PARTNER_KEY;
    }
    return identity->status;
}
