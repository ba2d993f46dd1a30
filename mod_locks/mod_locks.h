/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_locks.h
 * @brief What the httpd side of the module shares among its files.
 */
#ifndef MOD_LOCKS_H
#define MOD_LOCKS_H

#include <httpd.h>

#include <ap_expr.h>
#include <http_config.h>

#include "locks_catalog.h"
#include "locks_guard.h"
#include "locks_json_writer.h"
#include "locks_operation.h"
#include "locks_session.h"
#include "locks_store.h"

/** The name that SetHandler takes. */
#define LOCKS_HANDLER_NAME "locks"
/** The same for operators. */
#define LOCKS_STATUS_HANDLER_NAME "locks-status"

extern module AP_MODULE_DECLARE_DATA locks_module;

/* ---- Configuration (mod_locks_config.c, mod_locks_directives.c) ---- */

/** The URIs that the catalog "subrequest" asks. */
typedef enum {
    LOCKS_SITE_COURSE,
    LOCKS_SITE_GADGET,
    LOCKS_SITE_ACCESS,
    LOCKS_SITE_URIS
} locks_site_uri_e;

/** Of a server or virtual host. What no directive set is NULL or
 *  LOCKS_UNSET until the configuration is complete. */
typedef struct locks_server_config_t {
    /** "provider:arguments"; the session store is the lock store if NULL. */
    const char *store_address;
    const char *session_store_address;
    /** Did no directive name the lock store? Then maybe nobody uses it. */
    int has_default_store;
    const char *session_key_format;
    const char *session_source;
    /** How long a child keeps what the session store said; 0 for not at
     *  all. */
    apr_interval_time_t session_cache;
    const char *course_query;
    const char *gadget_query;
    const char *access_query;
    apr_interval_time_t store_timeout;
    /** The longest that requests may wait for changes, and how often one of
     *  them looks. */
    apr_interval_time_t wait_max;
    apr_interval_time_t wait_interval;
    /** Is a refused user told who holds the gadget? */
    int explains;
    /** The rules; prefix NULL, numbers LOCKS_UNSET if not set. */
    locks_rules_t rules;
    /** The first LocksCatalog subrequest of this server, or NULL. */
    const ap_directive_t *site_catalog;
    /** Which URIs were set anywhere in it: bits by locks_site_uri_e. */
    unsigned int site_uris;

    /* Filled in when the configuration is complete. */
    /** Tells these three queries from others. */
    const char *queries_digest;
    const locks_session_provider_t *sessions;
    locks_store_t *store;
    locks_store_t *session_store;
    /** What all processes share, of the whole server; see
     *  mod_locks_shared.h. */
    struct locks_shared_t *shared;
    /** All stores of the whole server: struct locks_watched_store_t *. */
    const apr_array_header_t *watched_stores;
    /** Sessions that this child keeps; NULL if this server keeps none. */
    struct locks_memo_t *kept_sessions;
    /** Whose SIDs were last found to be, in this child; NULL if it has no
     *  memory for that. */
    struct locks_memo_t *known_users;
    /** In which courses locks were, by their IDs, likewise. */
    struct locks_memo_t *lock_courses;
    /** What records of sessions say, likewise. */
    struct locks_memo_t *parsed_sessions;
    /** Whom courses' slots named last, and how questions to the catalog are
     *  worded in the store, likewise. */
    struct locks_memo_t *course_owners;
    struct locks_memo_t *wordings;
    /** Those who wait in this child; see mod_locks_wait.h. */
    struct locks_hall_t *hall;
    /** Where broken locks are recorded beside the error log, or NULL. */
    struct locks_audit_log_t *audit_log;
} locks_server_config_t;

#define LOCKS_UNSET (-1)
#define LOCKS_DEFAULT_STORE_TIMEOUT apr_time_from_msec(250)

/** What the catalog "subrequest" asks; NULL for what is not set. */
typedef struct locks_site_t {
    const char *course_uri;
    const char *gadget_uri;
    const char *access_uri;
    /** The steps of what the answer about access must contain, and how they
     *  were written; NULL for nothing. */
    apr_array_header_t *access_contains;
    const char *access_contains_text;
} locks_site_t;

/** How long the catalog's answers are kept. */
typedef struct locks_cache_t {
    apr_interval_time_t positive;
    apr_interval_time_t negative;
} locks_cache_t;

/** How writes to a location are guarded. */
typedef struct locks_guard_t {
    /** LOCKS_UNSET where no directive set it. */
    locks_guard_mode_e mode;
    /** What a write is to; gadget is NULL for the whole course, both are if
     *  no directive set them. */
    const ap_expr_info_t *course;
    const ap_expr_info_t *gadget;
    /** In place of a gadget: the steps to where the body names some; or
     *  NULL. */
    apr_array_header_t *body;
    /** The methods that are looked at, of const char *; NULL for all but the
     *  safe ones. */
    apr_array_header_t *methods;
    /** Do writes pass if nobody can tell? LOCKS_UNSET as above. */
    int fails_open;
} locks_guard_t;

/** Of a location. */
typedef struct locks_location_config_t {
    /** The path that the handler serves, without a slash at its end. */
    const char *base;
    const locks_catalog_provider_t *catalog;
    const char *catalog_name;
    /** Makes the owner's name of the user that httpd authenticated; the
     *  user's name if NULL. */
    const ap_expr_info_t *user_format;
    locks_site_t site;
    /** positive is LOCKS_UNSET if neither is set. */
    locks_cache_t cache;
    locks_guard_t guard;
} locks_location_config_t;

extern const command_rec locks_directives[];

void *locks_create_server_config(apr_pool_t *pool, server_rec *server);
void *locks_merge_server_config(apr_pool_t *pool, void *base, void *added);
void *locks_create_location_config(apr_pool_t *pool, char *path);
void *locks_merge_location_config(apr_pool_t *pool, void *base, void *added);

/** Sets the defaults of whatever no directive set. */
void locks_default_server_config(locks_server_config_t *config,
                                 apr_pool_t *pool);

/** The path that a request's location serves. */
const char *locks_base(const request_rec *r);
/** The user that httpd authenticated, as locks shall know it; NULL if there
 *  is none. */
const char *locks_user(request_rec *r);
/** The catalog of a request's location; never NULL. */
const locks_catalog_provider_t *locks_catalog(const request_rec *r);
/** Its name, as LocksCatalog takes it. */
const char *locks_catalog_name(const request_rec *r);
const locks_site_t *locks_site(const request_rec *r);
const locks_cache_t *locks_cache(const request_rec *r);
const locks_guard_t *locks_guard_of(const request_rec *r);
const locks_server_config_t *locks_server_config(const server_rec *server);

/* ---- Stores' life (mod_locks_stores.c) ---- */

int locks_stores_configure(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *main_server);
void locks_stores_start(apr_pool_t *pchild, server_rec *main_server);

/** Opens a session with a store for a request: what happens in it is counted,
 *  and news of its servers are logged. */
locks_store_session_t *locks_store_open(locks_store_t *store, request_rec *r);
/** The same for what no client asked for, of which only news count. */
locks_store_session_t *locks_store_open_unasked(locks_store_t *store,
                                                server_rec *server,
                                                apr_pool_t *pool);

/** How loud the log is to be about a failure: what follows from news that
 *  were logged already is not said again for every request.
 *  @param why the reason that is logged, the session's own or another */
int locks_store_log_level(const locks_store_session_t *session,
                          const char *why);

/* ---- What each child remembers (mod_locks_memos.c) ---- */

void locks_memos_start(apr_pool_t *pchild, server_rec *main_server);
/** Lets an operation on a server's lock store go by what the child knows of
 *  courses' owners. */
void locks_memos_lend(locks_operation_t *op,
                      const locks_server_config_t *config);

typedef struct locks_identity_t locks_identity_t;

/* ---- What the module keeps about a request (mod_locks_location.c) ---- */

typedef struct locks_request_notes_t {
    /** The URL that was recognised as ours, or NULL. */
    const char *uri;
    /** The URL that was recognised as that of locks-status, or NULL. */
    const char *status_uri;
    /** The status that is answered in JSON where the URL is not ours. */
    int json_status;
    /** Did Require locks-session look at this request? */
    int session_required;
    /** What is known of the SID. Kept by the first request of a chain. */
    const locks_identity_t *identity;
    /** The configuration of the location that the URL is in, if writes to it
     *  are guarded: httpd may exchange it for that of a file. */
    const void *guarded_location;
    /** The Lock-Id that the client sent, or NULL, once the guard has taken it
     *  away. Kept by the first request of a chain. */
    const char *lock_id;
    int lock_id_taken;
    /** What the guard let pass, and on account of which lock, if any: it does
     *  not ask again after a redirect. Kept likewise. */
    const char *passed;
    const locks_lock_t *passed_lock;
    /** Does it borrow connections to the database for each question alone? */
    int borrows_briefly;
    /** The body that the guard has read, or NULL. Kept likewise. */
    const char *body;
    apr_size_t body_length;
} locks_request_notes_t;

/** The notes of a request; never NULL. */
locks_request_notes_t *locks_request_notes(request_rec *r);
/** The request that the client sent, which this one is part of or was
 *  redirected from. Its memory lives longest. */
request_rec *locks_first_request(request_rec *r);

/* ---- Our own locations, and JSON for what others refuse there
 *      (mod_locks_location.c) ---- */

/** Was this URL recognised as ours? The configuration alone does not say so
 *  in every phase: core takes it away for a while. And a rule may have sent
 *  the request elsewhere since. */
int locks_location_is_ours(request_rec *r);
int locks_location_recognise(request_rec *r);
int locks_location_translate(request_rec *r);
int locks_location_map(request_rec *r);
void locks_location_insert_error_filter(request_rec *r);
void locks_location_register_filter(void);
/** Has a refusal with this status answered by this JSON text, at any URL. */
void locks_location_refuse(request_rec *r, int status, const char *json);

/** The seconds that a 503 asks clients to wait. */
#define LOCKS_RETRY_AFTER "1"

/* ---- Answers (mod_locks_answer.c) ---- */

/** Begins the body of an answer. */
void locks_answer_open(locks_json_writer_t *json, request_rec *r);
/** Sends what was written, with a status. Always OK: the handler is done. */
int locks_answer_send(request_rec *r, int status, locks_json_writer_t *json);
/** Sends the JSON text of an error. */
int locks_answer_error(request_rec *r, int status, const char *message,
                       apr_size_t length);

/* ---- What a SID stands for (mod_locks_sid.c) ---- */

/** What was found out about a request's SID. */
struct locks_identity_t {
    const char *sid;
    /** OK, HTTP_UNAUTHORIZED or HTTP_SERVICE_UNAVAILABLE. */
    int status;
    /** NULL unless the status is OK. */
    const locks_session_t *session;
    /** How long the session store was waited for, and how often asked, ahead
     *  of the handler. */
    apr_interval_time_t waited;
    apr_uint32_t round_trips;
    /** When it counts no more, by locks_deadline_now(), if this child had kept
     *  it; otherwise 0, and it counts for as long as the request lasts. */
    apr_time_t until;
};

/** What is known already of this SID, to this request, to the one that it is
 *  part of or to one that was redirected to it, or to this child; or NULL. */
const locks_identity_t *locks_sid_known(request_rec *r, const char *sid);
/** The key of the session store that decides about a SID, or NULL. */
const char *locks_sid_key(const char *sid, const request_rec *r);
/** The user whom a session of this key was last found to be of, in this child;
 *  NULL if it does not know. A guess, which decides nothing: the user may have
 *  signed out since. */
const char *locks_sid_guess(const request_rec *r, const char *key);
/** Notes whom a session was found to be of, for locks_sid_guess().
 *  @param user  NULL for nobody
 *  @param asked before the store was, by locks_deadline_now() */
void locks_sid_note_user(const request_rec *r, const char *key,
                         const char *user, apr_time_t asked);
/** Judges a SID by what the session store has under its key, and keeps the
 *  result for the request. Failures are logged.
 *  @param asked before the store was, by locks_deadline_now() */
const locks_identity_t *locks_sid_judge(request_rec *r, const char *sid,
                                        const locks_store_item_t *item,
                                        const locks_store_session_t *store,
                                        apr_time_t asked);
/** Finds out what a SID stands for: what is known, or else by a round trip
 *  to the session store. */
const locks_identity_t *locks_sid_find(request_rec *r, const char *sid);

/** The built-in session source. */
extern const locks_session_provider_t locks_session_record_source;

/* ---- AuthType SID and Require locks-session (mod_locks_auth.c) ---- */

/** What AuthType takes, and what WWW-Authenticate asks for. */
#define LOCKS_AUTH_SCHEME "SID"

void locks_auth_register(apr_pool_t *pool);

/* ---- Who is asking /locks (mod_locks_caller.c) ---- */

/** Who a request says it is, before anyone has looked. */
typedef struct locks_claim_t {
    /** A well-formed SID; NULL for a request that httpd authenticated. */
    const char *sid;
    /** The key of the session store that decides about the SID, or NULL. */
    const char *session_key;
    /** What is known of the SID already, or NULL. */
    const locks_identity_t *identity;
    /** Where nothing is: the user whom it may be of, or NULL. */
    const char *guess;
    /** When the claim was made, by locks_deadline_now(), if the store is to
     *  be asked about the SID. */
    apr_time_t made;
    /** The user that httpd authenticated, if there is no SID. */
    const char *user;
} locks_claim_t;

/** Who is asking. */
typedef struct locks_caller_t {
    /** The user's ID; NULL if it is no user. */
    const char *user;
    /** Whom permissions are given to; NULL for nobody. */
    const char *principal;
    /** May list every course. */
    int lists_all;
} locks_caller_t;

/** Reads the request's claim. OK, or HTTP_UNAUTHORIZED. */
int locks_caller_claim(locks_claim_t *claim, request_rec *r);
/** The user who asks, as far as can be told before the store is asked; NULL
 *  for nobody. It may turn out to be another one: good for reading ahead, and
 *  for nothing else. */
const char *locks_caller_foreseen(const locks_claim_t *claim);
/** Has what the claim needs from the lock store read ahead. */
void locks_caller_ahead(const locks_claim_t *claim, locks_operation_t *op,
                        const request_rec *r);
/** Judges the claim. OK, HTTP_UNAUTHORIZED or HTTP_SERVICE_UNAVAILABLE;
 *  the last one is logged. */
int locks_caller_judge(locks_caller_t *caller, const locks_claim_t *claim,
                       locks_operation_t *op, request_rec *r);

/* ---- What the catalog knows (mod_locks_inquiry.c) ---- */

/** What the catalog is asked. */
typedef enum {
    LOCKS_ASK_COURSE,
    LOCKS_ASK_ACCESS,
    LOCKS_ASK_GADGET,
    /** How many questions there are; none itself. */
    LOCKS_QUESTIONS
} locks_ask_e;

/** A question in words that no other has, and the key of its kept answer. */
typedef struct locks_wording_t {
    /** About which gadget; NULL for none. */
    const char *gadget;
    /** NULL until the question was put in words. */
    const char *words;
    const char *key;
} locks_wording_t;

/** What a request asks the catalog about: first the course, then the others,
 *  with its ID. */
typedef struct locks_inquiry_t {
    request_rec *r;
    locks_operation_t *op;
    const locks_claim_t *claim;
    /** As the client wrote it. */
    const char *course_key;
    /** Whose answers may serve, and who asks, in words; NULL if none are
     *  kept. */
    const char *scope;
    const char *asker;
    /** The same as the store has them: it is told no SID. NULL until they are
     *  needed. */
    const char *stored_scope;
    const char *stored_asker;
    /** Are new answers kept too? Each costs a round trip. */
    int keeps_new;
    /** What was put in words so far: each question is named ahead, and asked
     *  later. */
    locks_wording_t wordings[LOCKS_QUESTIONS];
} locks_inquiry_t;

/** Opens an inquiry into a course. */
void locks_inquiry_open(locks_inquiry_t *inquiry, request_rec *r,
                        locks_operation_t *op, const locks_claim_t *claim,
                        const char *course_key);

/** @name What will be asked
 * Has the kept answers read ahead.
 * @{ */
void locks_inquiry_expect_course(locks_inquiry_t *inquiry);
void locks_inquiry_expect_access(locks_inquiry_t *inquiry);
void locks_inquiry_expect_gadget(locks_inquiry_t *inquiry, const char *gadget);
/** @} */

/** @name Questions
 * What a kept answer says, or else the catalog; results are those of
 * locks_catalog_provider_t.
 * @{ */
apr_status_t locks_inquiry_course(locks_inquiry_t *inquiry,
                                  const char *principal,
                                  const char **course_id);
apr_status_t locks_inquiry_access(locks_inquiry_t *inquiry,
                                  const char *principal, const char *course_id);
apr_status_t locks_inquiry_gadget(locks_inquiry_t *inquiry,
                                  const char *principal, const char *course_id,
                                  const char *gadget, const char **canonical);
/** @} */

/* ---- Requests of other sites (mod_locks_origin.c) ---- */

/** May this request have been written by this site, or by no page at all? */
int locks_origin_is_own(const request_rec *r);

/* ---- The body (mod_locks_body.c) ---- */

/** A request body. */
typedef struct locks_body_t {
    char *bytes;
    apr_size_t length;
    /** How many bytes were read, those beyond the limit included. */
    apr_size_t total;
    /** How many bytes have room at bytes. */
    apr_size_t room;
    /** OK; a status to answer with, HTTP_REQUEST_ENTITY_TOO_LARGE among
     *  them; or AP_FILTER_ERROR if it was answered already. */
    int status;
} locks_body_t;

/** Reads the body to its end, or as far as it may go.
 *  @param most how many bytes it may have */
void locks_body_read(locks_body_t *body, request_rec *r, apr_size_t most);

/* ---- The catalog on mod_dbd (mod_locks_dbd.c) ---- */

extern const locks_catalog_provider_t locks_dbd_catalog;
/** How often a query asks for an argument with "%s"; -1 if "%" stands for
 *  anything else. As in all of mod_dbd's queries, "%%" is a percent sign. */
int locks_count_arguments(const char *sql);
/** The most arguments that the course query may ask for. */
#define LOCKS_COURSE_QUERY_ARGUMENTS_MAX 8
/** Has this request give back each connection at once that it borrows: it may
 *  wait for long, and others need them. */
void locks_dbd_borrow_briefly(request_rec *r);
/** Does the request hold a connection all the same, for another module? */
int locks_dbd_is_held(request_rec *r);
/** Hooks by which it finds mod_dbd, if that is loaded. */
void locks_dbd_register_hooks(void);

/* ---- The catalog that is the site itself (mod_locks_site.c) ---- */

extern const locks_catalog_provider_t locks_site_catalog;
/** Its name, as LocksCatalog takes it. */
#define LOCKS_SITE_CATALOG_NAME "subrequest"
/** Checks that every server that uses it says what to ask. */
int locks_site_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server);

/* ---- Asking the site itself (mod_locks_subrequest.c) ---- */

/** What the site answered. */
typedef struct locks_subrequest_t {
    int status;
    /** In the request's pool. */
    const char *body;
    apr_size_t length;
    /** Why the answer is of no use whatever its status is, to follow "which";
     *  or NULL. */
    const char *wrong;
} locks_subrequest_t;

/**
 * Gets a URI of this site as the client would, with the request's own
 * credentials. Nothing of the answer comes to the client.
 * @param uri a path from the root, with or without a query
 */
void locks_subrequest_get(locks_subrequest_t *answer, request_rec *r,
                          const char *uri);
void locks_subrequest_register_filter(void);

/* ---- Bodies that are read twice (mod_locks_replay.c) ---- */

/** Has whoever reads the request's body next find these bytes, which live as
 *  long as the request. */
void locks_replay(request_rec *r, const char *bytes, apr_size_t length);
/** The same for a request that was redirected within httpd, which leaves the
 *  filters behind. */
void locks_replay_after_redirect(request_rec *r);
void locks_replay_register_filter(void);

/* ---- The gadgets that a body names (mod_locks_bulk.c) ---- */

/** What a body names, or why it names nothing. */
typedef struct locks_bulk_t {
    /** Gadget IDs as the client wrote them: const char *. */
    apr_array_header_t *gadgets;
    /** OK; a status to answer with; or AP_FILTER_ERROR if it was answered. */
    int status;
    const char *message;
} locks_bulk_t;

/** Reads the gadgets at a JSON pointer of the request's body, which the
 *  application finds again unchanged.
 *  @param steps of the pointer */
void locks_bulk_read(locks_bulk_t *bulk, request_rec *r,
                     const apr_array_header_t *steps);

/* ---- The guard (mod_locks_guard.c) ---- */

/** Has the configuration that guards a request stay with it. */
int locks_guard_remember(request_rec *r);
/** Refuses a write, or declines: then another handler serves it. */
int locks_guard_handler(request_rec *r);

/* ---- Requests that wait (mod_locks_wait.c) ---- */

/** Makes this child's place for them. */
void locks_wait_start(apr_pool_t *pchild, server_rec *main_server);

/* ---- What operators see: see mod_locks_status.h ---- */

/** Opens the audit logs (mod_locks_audit.c). */
int locks_audit_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *main_server);
/** Makes the memory that all processes share, or finds that of before a
 *  restart (mod_locks_shared.c). */
int locks_shared_configure(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *main_server);
/** Finds out which stores there are to watch (mod_locks_watched.c). */
int locks_watched_configure(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server);
/** Starts watching in this child (mod_locks_monitor.c). */
void locks_monitor_start(apr_pool_t *pchild, server_rec *main_server);
/** Serves locks-status (mod_locks_status.c). */
int locks_status_handler(request_rec *r);
/** Adds a section to server-status, if mod_status is there
 *  (mod_locks_server_status.c). */
void locks_server_status_register(void);

/* ---- The handler (mod_locks_handler.c) ---- */

int locks_handler(request_rec *r);

#endif
