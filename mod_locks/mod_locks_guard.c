/* SPDX-License-Identifier: Apache-2.0 */
/* LocksGuard: refuses writes to what another user has locked, whatever
 * application stands behind. It runs before every handler, when the request
 * was authenticated and authorised and its input filters are there. */
#include "mod_locks_target.h"

#include "mod_locks_shared.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_foreseen.h"
#include "locks_protocol.h"
#include "locks_request.h"

APLOG_USE_MODULE(locks);

/** What names the lock that a write relies on, towards us and towards the
 *  application. */
#define LOCK_ID "Lock-Id"
#define LOCK_OWNER "Lock-Owner"

/** What was read before the catalog was asked is believed for so long: a
 *  catalog that takes its time is no reason to look at old locks. */
#define FRESH apr_time_from_msec(20)

/** A guarded request. Steps return OK, or the status of a refusal that they
 *  noted here. */
typedef struct watch_t {
    request_rec *r;
    locks_claim_t claim;
    locks_caller_t caller;
    /** NULL until the store is asked. */
    locks_operation_t *op;
    /** Is it known who the requester is, or that it is nobody? */
    int is_identified;
    /** The requester's lock on what the URL names, or NULL. */
    const locks_lock_t *own;
    int status;
    const char *message;
    /** What is counted, once anything was judged. */
    int is_judged;
    locks_decision_e decision;
} watch_t;

/** What a refusal with this status counts as, unless it is said to be another.
 */
static locks_decision_e decision_of(int status)
{
    switch (status) {
    case HTTP_PRECONDITION_FAILED:
        return LOCKS_DECISION_LOCK_LOST;
    case HTTP_PRECONDITION_REQUIRED:
        return LOCKS_DECISION_LOCK_REQUIRED;
    case HTTP_SERVICE_UNAVAILABLE:
        return LOCKS_DECISION_CLOSED;
    default:
        return LOCKS_DECISION_REFUSED;
    }
}

static int refuse(watch_t *watch, int status, const char *message)
{
    watch->is_judged = 1;
    watch->decision = decision_of(status);
    watch->status = status;
    watch->message = message;
    return status;
}

/** Notes that it could not be found out. */
static int in_doubt(watch_t *watch, const char *message)
{
    return refuse(watch, HTTP_SERVICE_UNAVAILABLE, message);
}

static int is_on(const locks_guard_t *guard)
{
    return guard->mode == LOCKS_GUARD_RESPECT ||
           guard->mode == LOCKS_GUARD_REQUIRE;
}

/** Does the guard look at requests of this method? */
static int minds(const locks_guard_t *guard, const request_rec *r)
{
    if (guard->methods == NULL) {
        return r->method_number != M_GET && r->method_number != M_OPTIONS &&
               r->method_number != M_TRACE;
    }
    return ap_array_str_contains(guard->methods, r->method);
}

static int read_target(watch_t *watch, locks_target_t *target, request_rec *r)
{
    return locks_target_read(target, r) == OK
               ? OK
               : refuse(watch, HTTP_INTERNAL_SERVER_ERROR,
                        "Lock guard is misconfigured");
}

/** Reads what the body names. */
static int read_bulk(watch_t *watch, locks_target_t *target)
{
    locks_bulk_t bulk;

    locks_bulk_read(&bulk, watch->r, target->guard->body);
    target->gadgets = bulk.gadgets;
    target->is_bulk = 1;
    return bulk.status == OK ? OK : refuse(watch, bulk.status, bulk.message);
}

/* ---- Who writes ---- */

/** Names what a course's ID leads to: its slots, and the leases that may be
 *  needed. That is the writer's own, if it is known whose, as where the writer
 *  holds the gadgets nothing is left to be read later; or those of all who hold
 *  something in the course. */
static void expect_course(const watch_t *watch, const locks_target_t *target)
{
    const char *user = locks_caller_foreseen(&watch->claim);

    if (!locks_course_id_valid(target->course_key)) {
        return;
    }
    locks_ahead_slots(watch->op, target->course_key);
    if (target->gadgets == NULL) {
        locks_foresee_owners(watch->op, target->course_key);
    } else if (user != NULL) {
        locks_foresee(watch->op, user);
    }
}

/** Opens the operation, and names what the first round trip is to read. */
static void open_operation(watch_t *watch, locks_target_t *target)
{
    request_rec *r = watch->r;

    /* Whoever cannot be told holds nothing. */
    if (locks_caller_claim(&watch->claim, r) != OK) {
        memset(&watch->claim, 0, sizeof(watch->claim));
    }
    watch->op = locks_operation_for(r);
    if (watch->claim.sid != NULL) {
        locks_caller_ahead(&watch->claim, watch->op, r);
    }
    expect_course(watch, target);
}

/** Names the kept answers that the first round trip is to read. Those of a
 *  body are not kept anew: a round trip for each would use up what the store
 *  may take of a request. */
static void open_inquiry(const watch_t *watch, locks_target_t *target)
{
    int i;

    locks_inquiry_open(&target->inquiry, target->r, watch->op, &watch->claim,
                       target->course_key);
    target->inquiry.keeps_new = target->inquiry.keeps_new && !target->is_bulk;
    locks_inquiry_expect_course(&target->inquiry);
    for (i = 0; target->gadgets != NULL && i < target->gadgets->nelts; i++) {
        locks_inquiry_expect_gadget(
            &target->inquiry, APR_ARRAY_IDX(target->gadgets, i, const char *));
    }
}

/** Reads for another target of the same request what was read for the first
 *  one while it was found out who writes. */
static void open_another(const watch_t *watch, locks_target_t *target)
{
    locks_ahead_forget_stale(watch->op, 0);
    open_inquiry(watch, target);
    expect_course(watch, target);
    locks_ahead_read(watch->op);
}

/** Finds out who writes; whoever it is not, or is nobody, holds nothing. */
static void identify(watch_t *watch)
{
    int status = OK;

    locks_ahead_read(watch->op);
    if (watch->claim.sid != NULL || watch->claim.user != NULL) {
        status = locks_caller_judge(&watch->caller, &watch->claim, watch->op,
                                    watch->r);
    }
    if (status != OK) {
        memset(&watch->caller, 0, sizeof(watch->caller));
    }
    watch->is_identified = status == OK || status == HTTP_UNAUTHORIZED;
}

/* ---- Judging ---- */

static void add_once(apr_array_header_t *resources, const char *resource)
{
    if (!ap_array_str_contains(resources, resource)) {
        APR_ARRAY_PUSH(resources, const char *) = resource;
    }
}

/** Refuses what the application may read in another way than we do. */
static int refuse_spelling(watch_t *watch)
{
    return refuse(watch, HTTP_BAD_REQUEST,
                  "What is written is not named for certain");
}

/** Finds a course's gadgets as locks know them; those that do not exist are
 *  left out. */
static apr_status_t find_gadgets(const watch_t *watch, locks_target_t *target,
                                 const char *course,
                                 apr_array_header_t **resources)
{
    apr_status_t rv = APR_SUCCESS;
    const char *canonical;
    int i;

    *resources = apr_array_make(watch->r->pool, target->gadgets->nelts,
                                sizeof(canonical));
    for (i = 0; i < target->gadgets->nelts; i++) {
        const char *gadget = APR_ARRAY_IDX(target->gadgets, i, const char *);

        rv = locks_resource_id_valid(gadget)
                 ? locks_inquiry_gadget(&target->inquiry,
                                        watch->caller.principal, course, gadget,
                                        &canonical)
                 : APR_NOTFOUND;
        if (rv == APR_SUCCESS) {
            add_once(*resources, canonical);
        } else if (rv != APR_NOTFOUND) {
            return rv;
        } else if (locks_guard_gadget_is_doubtful(gadget)) {
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/** Finds what the write is to as locks know it.
 *  @param resources set to what to look for: NULL for the whole course
 *  @return OK, DECLINED if there is no such course, or a refusal */
static int find_subject(watch_t *watch, locks_target_t *target,
                        const char **course, apr_array_header_t **resources)
{
    apr_status_t rv =
        locks_course_key_valid(target->course_key)
            ? locks_inquiry_course(&target->inquiry, watch->caller.principal,
                                   course)
            : APR_NOTFOUND;

    *resources = NULL;
    if (rv == APR_NOTFOUND &&
        locks_guard_course_is_doubtful(target->course_key)) {
        rv = APR_EINVAL;
    }
    if (rv == APR_SUCCESS && target->gadgets != NULL) {
        rv = find_gadgets(watch, target, *course, resources);
    }
    switch (rv) {
    case APR_SUCCESS:
        return OK;
    case APR_EINVAL:
        return refuse_spelling(watch);
    case APR_NOTFOUND:
        return DECLINED;
    case APR_EACCES:
        return refuse(watch, HTTP_FORBIDDEN, "Insufficient permissions");
    default:
        return in_doubt(watch, "Course catalog unavailable");
    }
}

static int refuse_lost(watch_t *watch, const char *lock_id)
{
    return refuse(
        watch, HTTP_PRECONDITION_FAILED,
        apr_psprintf(watch->r->pool, "Lock '%s' is no longer held", lock_id));
}

/** Judges the write by the locks that there are. */
static int judge_locks(watch_t *watch, const locks_target_t *target,
                       const apr_array_header_t *resources,
                       const apr_array_header_t *locks)
{
    const locks_write_attempt_t attempt = {
        .mode = target->guard->mode,
        .user = watch->caller.user,
        .lock_id = target->lock_id,
        .locks = locks,
        .needed = resources != NULL ? resources->nelts : 1};
    const locks_lock_t *own;

    switch (locks_guard_judge(&own, &attempt)) {
    case LOCKS_GUARD_PASS:
        if (target->r == watch->r) {
            watch->own = own;
        }
        return OK;
    case LOCKS_GUARD_LOCK_LOST:
        return refuse_lost(watch, target->lock_id);
    case LOCKS_GUARD_LOCKED:
        refuse(watch, HTTP_FORBIDDEN,
               target->gadgets != NULL && !target->is_bulk
                   ? "Resource locked"
                   : locks_guard_message(&attempt, watch->r->pool));
        watch->decision = LOCKS_DECISION_LOCKED;
        return watch->status;
    default:
        return refuse(watch, HTTP_PRECONDITION_REQUIRED, "Lock required");
    }
}

/** Judges a write by what the catalog and the store say. */
static int ask_stores(watch_t *watch, locks_target_t *target)
{
    apr_array_header_t *resources;
    apr_array_header_t *locks;
    apr_time_t time;
    const char *course;
    int refused;

    if (!watch->is_identified) {
        return in_doubt(watch, "Lock store unavailable");
    }
    refused = find_subject(watch, target, &course, &resources);
    if (refused == DECLINED) {
        /* What does not exist is for the application to refuse, and no lock
         * is on it. */
        return target->lock_id != NULL ? refuse_lost(watch, target->lock_id)
                                       : OK;
    }
    if (refused != OK) {
        return refused;
    }
    locks_ahead_forget_stale(watch->op, FRESH);
    if (locks_look(watch->op, &locks, &time, course, resources) !=
        APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK,
                      locks_store_log_level(watch->op->store, watch->op->why),
                      0, watch->r, "locks: the lock store is unavailable: %s",
                      watch->op->why);
        return in_doubt(watch, "Lock store unavailable");
    }
    return judge_locks(watch, target, resources, locks);
}

/** Judges a write to one target. Where nobody can tell, its location says
 *  what to do. */
static int judge(watch_t *watch, locks_target_t *target)
{
    int refused;

    if (watch->op == NULL) {
        open_operation(watch, target);
        open_inquiry(watch, target);
        identify(watch);
    } else {
        open_another(watch, target);
    }
    refused = ask_stores(watch, target);
    watch->is_judged = 1;
    if (refused != HTTP_SERVICE_UNAVAILABLE || target->guard->fails_open != 1) {
        return refused;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, watch->r,
                  "locks: %s %s was let through unguarded, as "
                  "LocksGuardFailure open has it: %s",
                  watch->r->method, watch->r->uri, watch->message);
    watch->decision = LOCKS_DECISION_OPEN;
    return OK;
}

/* ---- MOVE and COPY ---- */

/** Where a MOVE or COPY leads to; NULL for other requests. */
static const char *destination_header(const request_rec *r)
{
    return strcmp(r->method, "MOVE") == 0 || strcmp(r->method, "COPY") == 0
               ? apr_table_get(r->headers_in, "Destination")
               : NULL;
}

/** Judges a write to what is guarded at the destination. */
static int judge_destination_target(watch_t *watch, request_rec *r)
{
    locks_target_t target;
    int refused = read_target(watch, &target, r);

    return refused == OK ? judge(watch, &target) : refused;
}

/** Judges where a MOVE or COPY leads to, from a guarded location or not. */
static int judge_destination(watch_t *watch)
{
    const char *header = destination_header(watch->r);
    const locks_guard_t *guard;
    request_rec *r;

    if (header == NULL) {
        return OK;
    }
    r = locks_target_destination(watch->r, header);
    if (r == NULL) {
        return is_on(locks_guard_of(watch->r))
                   ? refuse(watch, HTTP_BAD_REQUEST,
                            "Destination must be a URL or an absolute path")
                   : OK;
    }
    guard = locks_guard_of(r);
    if (!is_on(guard) && !is_on(locks_guard_of(watch->r))) {
        return OK;
    }
    /* The application reads the header as it was sent. */
    if (!locks_guard_path_is_plain(r->unparsed_uri)) {
        return refuse_spelling(watch);
    }
    return is_on(guard) && minds(guard, watch->r)
               ? judge_destination_target(watch, r)
               : OK;
}

/* ---- The request ---- */

/** Judges the request, unless it comes by again after a redirect. */
static int judge_request(watch_t *watch, const char *lock_id)
{
    request_rec *first = locks_first_request(watch->r);
    locks_request_notes_t *notes = locks_request_notes(first);
    const char *text;
    locks_target_t target;
    int refused = read_target(watch, &target, watch->r);

    if (refused != OK) {
        return refused;
    }
    if (!locks_target_is_certain(watch->r)) {
        return refuse_spelling(watch);
    }
    target.lock_id = lock_id;
    /* Before the store is asked: what it says is not to age while a slow
     * client sends. */
    if (target.guard->body != NULL &&
        (refused = read_bulk(watch, &target)) != OK) {
        return refused;
    }
    text = locks_target_text(&target, first->pool);
    if (notes->passed != NULL && strcmp(notes->passed, text) == 0) {
        watch->own = notes->passed_lock;
        return OK;
    }
    if ((refused = judge(watch, &target)) == OK) {
        refused = judge_destination(watch);
    }
    /* What a subrequest knows does not live as long as the first one. */
    if (refused == OK && watch->r->main == NULL) {
        notes->passed = text;
        notes->passed_lock = watch->own;
    }
    return refused;
}

/** The names of our headers as the client may have written them: there are
 *  applications that take an underscore for a hyphen. */
static const char *const ours[] = {LOCK_ID, LOCK_OWNER, "Lock_Id",
                                   "Lock_Owner"};

/** Takes what the client wrote under our names: it counts for nothing behind
 *  us. A redirect within httpd comes by again, with what we wrote. */
static const char *take_lock_id(request_rec *r)
{
    locks_request_notes_t *notes = locks_request_notes(locks_first_request(r));
    apr_size_t i;

    if (!notes->lock_id_taken) {
        notes->lock_id_taken = 1;
        notes->lock_id = apr_table_get(r->headers_in, LOCK_ID);
    }
    for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        apr_table_unset(r->headers_in, ours[i]);
    }
    return notes->lock_id;
}

/** Takes our names out of Connection (RFC 9110, section 7.6.1): mod_proxy
 *  would not send on what it names. */
static void send_on_ours(request_rec *r)
{
    const char *connection = apr_table_get(r->headers_in, "Connection");
    const char *rest = "";
    char *option;
    char *last;

    if (connection == NULL || ap_strcasestr(connection, "lock") == NULL) {
        return;
    }
    for (option = apr_strtok(apr_pstrdup(r->pool, connection), ", \t", &last);
         option != NULL; option = apr_strtok(NULL, ", \t", &last)) {
        if (ap_cstr_casecmp(option, LOCK_ID) != 0 &&
            ap_cstr_casecmp(option, LOCK_OWNER) != 0) {
            rest = apr_pstrcat(r->pool, rest, *rest != '\0' ? ", " : "", option,
                               NULL);
        }
    }
    apr_table_setn(r->headers_in, "Connection", rest);
}

/** A user's ID as a header takes it: what is neither visible ASCII nor a blank
 *  within, and the percent sign, is escaped. IDs may have line ends. */
static const char *header_value(const char *user, apr_pool_t *pool)
{
    char *value = apr_palloc(pool, 3 * strlen(user) + 1);
    char *out = value;

    for (; *user != '\0'; user++) {
        unsigned char byte = (unsigned char)*user;
        int is_inner_blank = byte == ' ' && out != value && user[1] != '\0';

        if ((byte > ' ' && byte < 0x7f && byte != '%') || is_inner_blank) {
            *out++ = *user;
        } else {
            out += apr_snprintf(out, 4, "%%%02X", byte);
        }
    }
    *out = '\0';
    return value;
}

/** Tells the application what the write is protected by. */
static void tell_application(const watch_t *watch)
{
    request_rec *r = watch->r;

    if (watch->own != NULL) {
        send_on_ours(r);
        apr_table_setn(
            r->headers_in, LOCK_ID,
            apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, watch->own->id));
        apr_table_setn(r->headers_in, LOCK_OWNER,
                       header_value(watch->own->owner, r->pool));
    }
}

/** Sends a refusal. httpd closes the connection of a client that waits for
 *  "100 Continue": it may send its body or not. */
static int send_refusal(const watch_t *watch)
{
    request_rec *r = watch->r;

    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "locks: %s %s was refused: %d %s", r->method, r->uri,
                  watch->status, watch->message);
    return locks_answer_error(r, watch->status, watch->message,
                              strlen(watch->message));
}

/* FallbackResource and MultiViews put a file in the place of the request,
 * with the configuration of that file's URL: then this still counts. */
int locks_guard_remember(request_rec *r)
{
    if (is_on(locks_guard_of(r))) {
        locks_request_notes(r)->guarded_location =
            ap_get_module_config(r->per_dir_config, &locks_module);
    }
    return DECLINED;
}

int locks_guard_handler(request_rec *r)
{
    const locks_guard_t *guard = locks_guard_of(r);
    watch_t watch = {.r = r, .decision = LOCKS_DECISION_PASSED};
    apr_time_t began = locks_deadline_now();
    int refused;

    locks_replay_after_redirect(r);
    if (is_on(guard)) {
        const char *lock_id = take_lock_id(r);

        refused = minds(guard, r) ? judge_request(&watch, lock_id) : OK;
    } else {
        refused = judge_destination(&watch);
    }
    if (watch.op != NULL) {
        watch.op->store->provider->close(watch.op->store);
    }
    if (watch.is_judged) {
        locks_count_guarded(r, watch.decision, watch.op, began);
    }
    if (refused == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    if (refused != OK) {
        return send_refusal(&watch);
    }
    tell_application(&watch);
    return DECLINED;
}
