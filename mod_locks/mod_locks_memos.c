/* SPDX-License-Identifier: Apache-2.0 */
/* What each child remembers: made when it starts. */
#include "mod_locks.h"

#include <ap_mpm.h>
#include <http_log.h>

#include "locks_foreseen.h"
#include "locks_memo.h"
#include "locks_session_memo.h"

APLOG_USE_MODULE(locks);

/** How many sessions a child keeps, and the longest record that it does. */
#define SESSIONS 4096
#define SESSION_MAX 512
/** How many SIDs' users it knows, and the longest of their IDs. */
#define USERS 16384
#define USER_MAX 128
/** How many locks' courses it knows, and the longest of their IDs. */
#define LOCKS 16384
#define COURSE_MAX 64
/** How many records of sessions it knows, by what they say. */
#define RECORDS 16384
/** Of how many courses it knows the owners. */
#define COURSES 2048
/** How many questions to the catalog it has worded, and the longest wording. */
#define WORDINGS 8192
#define WORDING_MAX 320
/** A child that serves one request at a time is one of very many, and knows by
 *  so much less of all but the first. */
#define SHARE_OF_ONE_THREAD 16

static locks_memo_t *start(int entries, apr_size_t longest, const char *what,
                           server_rec *server, apr_pool_t *pchild)
{
    locks_memo_t *memo;
    apr_status_t rv = locks_memo_create(&memo, entries, longest, pchild);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, server,
                     "locks: this child remembers no %s: does this host have "
                     "memory left?",
                     what);
    }
    return memo;
}

/** Does any server keep sessions? */
static int keeps_sessions(const server_rec *server)
{
    for (; server != NULL; server = server->next) {
        if (locks_server_config(server)->session_cache > 0) {
            return 1;
        }
    }
    return 0;
}

void locks_memos_start(apr_pool_t *pchild, server_rec *main_server)
{
    locks_server_config_t made = {0};
    server_rec *server;
    int threads = 1;
    int share;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    share = threads > 1 ? 1 : SHARE_OF_ONE_THREAD;
    if (keeps_sessions(main_server)) {
        made.kept_sessions =
            start(SESSIONS, SESSION_MAX, "sessions", main_server, pchild);
    }
    made.known_users =
        start(USERS / share, USER_MAX, "users", main_server, pchild);
    made.lock_courses = start(LOCKS / share, COURSE_MAX, "courses of locks",
                              main_server, pchild);
    made.parsed_sessions = start(RECORDS / share, LOCKS_SESSION_MEMO_MAX,
                                 "session records", main_server, pchild);
    made.course_owners =
        start(COURSES / share, LOCKS_OWNERS_MAX, "owners", main_server, pchild);
    made.wordings =
        start(WORDINGS / share, WORDING_MAX, "wordings", main_server, pchild);
    for (server = main_server; server != NULL; server = server->next) {
        locks_server_config_t *config =
            ap_get_module_config(server->module_config, &locks_module);

        config->kept_sessions =
            config->session_cache > 0 ? made.kept_sessions : NULL;
        config->known_users = made.known_users;
        config->lock_courses = made.lock_courses;
        config->parsed_sessions = made.parsed_sessions;
        config->course_owners = made.course_owners;
        config->wordings = made.wordings;
    }
}

void locks_memos_lend(locks_operation_t *op,
                      const locks_server_config_t *config)
{
    op->base = config->store;
    op->owners = config->course_owners;
    op->owners_store = config->store_address;
}
