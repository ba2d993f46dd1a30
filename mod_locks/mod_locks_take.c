/* SPDX-License-Identifier: Apache-2.0 */
/* Taking locks, and keeping them. */
#include "mod_locks_endpoints.h"

#include <apr_strings.h>

#include <string.h>

#include "locks_protocol.h"
#include "locks_reply.h"
#include "locks_request.h"
#include "mod_locks_wait.h"

/* ---- Bodies ---- */

/** A request that no SID came with may come from a form on a strange site,
 *  which cannot send this type. */
static int has_json_type(const request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    apr_size_t length;

    if (type == NULL) {
        return 0;
    }
    length = strcspn(type, "; \t");
    return length == strlen("application/json") &&
           ap_cstr_casecmpn(type, "application/json", length) == 0;
}

/** What is known of a request's body before the caller is. */
typedef struct posted_t {
    locks_body_t body;
    /** Why the body is no request of this kind, or NULL. */
    const char *wrong;
    /** Of a renewal the wish alone. */
    locks_request_t request;
} posted_t;

/** Reads the body of a lock request, and names what it will need. */
static void read_request(locks_exchange_t *exchange, posted_t *posted)
{
    request_rec *r = exchange->r;

    memset(posted, 0, sizeof(*posted));
    locks_body_read(&posted->body, r, LOCKS_BODY_MAX);
    if (posted->body.status != OK) {
        return;
    }
    posted->wrong = locks_request_parse_body(
        &posted->request, posted->body.bytes, posted->body.length, r->pool);
    if (posted->wrong == NULL) {
        locks_exchange_expect(exchange, posted->request.course_key,
                              posted->request.resource);
        /* Where the slots cannot be read ahead, the lease travels with them
         * later. */
        if (locks_course_id_valid(posted->request.course_key)) {
            locks_exchange_expect_lock(exchange, NULL);
        }
    }
}

/** Reads the body of a renewal, if there is one, and names what it will
 *  need. */
static void read_renewal(locks_exchange_t *exchange, posted_t *posted,
                         const char *lock_id)
{
    request_rec *r = exchange->r;

    memset(posted, 0, sizeof(*posted));
    locks_body_read(&posted->body, r, LOCKS_BODY_MAX);
    if (posted->body.status == OK) {
        posted->wrong =
            locks_request_parse_wish(&posted->request.wish, posted->body.bytes,
                                     posted->body.length, r->pool);
    }
    locks_exchange_expect_lock(exchange, lock_id);
    locks_exchange_expect_course_of(exchange, lock_id, 1);
}

/** May clients ask for leases of their own length? */
static int takes_lengths(const locks_rules_t *rules)
{
    return rules->ttl_min != rules->ttl_max;
}

/** Checks the form of what was sent. */
static int check_body(locks_exchange_t *exchange, const posted_t *posted)
{
    const locks_rules_t *rules = exchange->op->rules;
    const char *wrong = posted->wrong;

    switch (posted->body.status) {
    case OK:
        if (wrong == NULL && takes_lengths(rules)) {
            wrong = posted->request.wish.expires_in_wrong;
        }
        return wrong == NULL ? OK
                             : locks_refuse(exchange, HTTP_BAD_REQUEST, wrong);
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return locks_refuse(exchange, HTTP_REQUEST_ENTITY_TOO_LARGE,
                            apr_psprintf(exchange->r->pool,
                                         "Request body over %d bytes",
                                         LOCKS_BODY_MAX));
    default:
        return locks_refuse(exchange, posted->body.status,
                            "The request body could not be read");
    }
}

/** Checks that another site's form could not have sent this. */
static int check_type(locks_exchange_t *exchange)
{
    return exchange->claim.sid != NULL || has_json_type(exchange->r)
               ? OK
               : locks_refuse(exchange, HTTP_UNSUPPORTED_MEDIA_TYPE,
                              "Content-Type must be application/json");
}

/** What the client wishes, as far as the configuration lets it. */
static locks_terms_t terms_of(const locks_exchange_t *exchange,
                              const locks_wish_t *wish)
{
    const locks_rules_t *rules = exchange->op->rules;
    locks_terms_t terms = {.client = wish->client,
                           .takes_over = wish->takes_over};

    if (takes_lengths(rules) && wish->expires_in > 0) {
        terms.ttl = wish->expires_in < apr_time_as_msec(rules->ttl_max)
                        ? apr_time_from_msec(wish->expires_in)
                        : rules->ttl_max;
        terms.ttl = terms.ttl > rules->ttl_min ? terms.ttl : rules->ttl_min;
    }
    return terms;
}

/* ---- Answers ---- */

/** Answers with a lock that the user holds now. */
static int answer_held(locks_exchange_t *exchange, int status,
                       const locks_lock_t *lock)
{
    apr_time_t now = apr_time_now();

    if (locks_expires_in(lock, now) <= 0) {
        exchange->op->why = "the lease ran out before it could be answered: "
                            "LocksTTL is too short for this host";
        return locks_refuse_operation(exchange);
    }
    locks_note_lock(exchange->r, lock->id);
    locks_reply_lock(locks_exchange_answer(exchange, status), lock, now);
    return OK;
}

/** Refuses because another user holds the gadget, and says who, where the site
 *  allows it. */
static int refuse_held(locks_exchange_t *exchange, const locks_lock_t *held)
{
    static const char message[] = "Resource locked";
    request_rec *r = exchange->r;
    apr_time_t now = apr_time_now();
    apr_int64_t left = locks_expires_in(held, now);

    locks_refuse_as(exchange, LOCKS_OUTCOME_LOCKED, HTTP_FORBIDDEN, message);
    if (locks_server_config(r->server)->explains == 1 && left > 0) {
        locks_reply_refusal(locks_exchange_answer(exchange, HTTP_FORBIDDEN),
                            HTTP_FORBIDDEN, message, held, now);
        apr_table_setn(
            r->headers_out, "Retry-After",
            apr_psprintf(r->pool, "%" APR_INT64_T_FMT, (left + 999) / 1000));
    }
    return HTTP_FORBIDDEN;
}

static int refuse_other_window(locks_exchange_t *exchange)
{
    return locks_refuse(exchange, HTTP_CONFLICT, "Locked in another window");
}

/* ---- POST /locks ---- */

/** Finds the gadget in the course, under the ID that locks use. */
static int find_gadget(locks_exchange_t *exchange, const char *course,
                       const char *gadget, const char **canonical)
{
    return locks_exchange_found(exchange,
                                locks_inquiry_gadget(&exchange->inquiry,
                                                     exchange->caller.principal,
                                                     course, gadget, canonical),
                                "Gadget", gadget, strlen(gadget));
}

/** Takes the lock, or notes why not.
 *  @param lock set to it, or to another user's that is in the way */
static int acquire(locks_exchange_t *exchange, locks_lock_t *lock,
                   const locks_subject_t *subject, const locks_terms_t *terms)
{
    request_rec *r = exchange->r;

    switch (locks_acquire(exchange->op, lock, subject, exchange->caller.user,
                          terms)) {
    case APR_SUCCESS:
        break;
    case LOCKS_EHELD:
        return refuse_held(exchange, lock);
    case LOCKS_EOTHERWINDOW:
        return refuse_other_window(exchange);
    case LOCKS_EFULL:
        return locks_refuse_as(
            exchange, LOCKS_OUTCOME_COURSE_FULL, HTTP_SERVICE_UNAVAILABLE,
            apr_psprintf(r->pool, "Too many locks in course '%s'",
                         subject->course));
    default:
        return locks_refuse_operation(exchange);
    }
    if (!exchange->op->deeds.is_renewal) {
        locks_exchange_note_course(exchange, lock);
        locks_wait_wake(r, subject->course);
        locks_wait_wake(r, exchange->op->deeds.left);
    }
    apr_table_setn(r->headers_out, "Location",
                   apr_psprintf(r->pool, "%s/%" APR_UINT64_T_FMT, locks_base(r),
                                lock->id));
    return answer_held(exchange, HTTP_CREATED, lock);
}

/** What one waits for whom a lock stands in the way: its end. Past that, for
 *  as long as hosts' clocks may differ, the lock is in no list, and whatever
 *  changes may have cleared the way. */
static locks_awaited_t end_of(const locks_lock_t *held,
                              apr_interval_time_t skew)
{
    apr_interval_time_t left = held->deadline - apr_time_now();

    return left > 0 ? (locks_awaited_t){.end_of = held->id}
                    : (locks_awaited_t){
                          .longest = left + skew > 0 ? left + skew + 1 : 1};
}

/** Takes the lock, and waits for it as long as another user holds it. */
static int acquire_waiting(locks_exchange_t *exchange,
                           const locks_subject_t *subject,
                           const locks_terms_t *terms, int seconds)
{
    locks_stay_t *stay =
        locks_wait_begin(exchange->r, subject->course, seconds);
    locks_lock_t lock;
    int refused = acquire(exchange, &lock, subject, terms);

    while (stay != NULL && refused == HTTP_FORBIDDEN) {
        const locks_awaited_t awaited =
            end_of(&lock, exchange->op->rules->skew);

        locks_exchange_close(exchange);
        if (locks_wait_for_change(stay, &awaited) != APR_SUCCESS) {
            break;
        }
        locks_exchange_reopen(exchange);
        refused = acquire(exchange, &lock, subject, terms);
    }
    if (stay != NULL) {
        locks_wait_end(stay);
    }
    return refused;
}

int locks_post(locks_exchange_t *exchange)
{
    int seconds = locks_exchange_prefers_wait(exchange);
    locks_subject_t subject;
    locks_terms_t terms;
    locks_lock_t lock;
    posted_t posted;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    read_request(exchange, &posted);
    if (posted.body.status == AP_FILTER_ERROR) {
        return locks_refuse(exchange, AP_FILTER_ERROR, NULL);
    }
    if ((refused = locks_exchange_judge(exchange)) != OK ||
        (refused = locks_exchange_require_user(exchange)) != OK ||
        (refused = check_type(exchange)) != OK ||
        (refused = check_body(exchange, &posted)) != OK) {
        return refused;
    }
    subject.type = posted.request.type;
    if ((refused = locks_exchange_course(exchange, posted.request.course_key,
                                         posted.request.course_key_length,
                                         &subject.course)) != OK ||
        (refused = find_gadget(exchange, subject.course,
                               posted.request.resource, &subject.resource)) !=
            OK) {
        return refused;
    }
    terms = terms_of(exchange, &posted.request.wish);
    return seconds > 0 && locks_exchange_may_wait(exchange)
               ? acquire_waiting(exchange, &subject, &terms, seconds)
               : acquire(exchange, &lock, &subject, &terms);
}

/* ---- PUT /locks/{id} ---- */

/** May the user still update the course of the lock? What is refused is noted
 *  in the exchange. */
static apr_status_t permit_renewal(void *baton, const char *course)
{
    return locks_exchange_access(baton, course) == OK ? APR_SUCCESS
                                                      : APR_EACCES;
}

/** Renews the lock, or notes why not. */
static int renew(locks_exchange_t *exchange, const char *lock_id,
                 const locks_terms_t *terms)
{
    locks_lock_t lock;
    apr_uint64_t id;
    apr_status_t rv =
        locks_lock_id_parse(&id, lock_id) == APR_SUCCESS
            ? locks_renew(exchange->op, &lock, id, exchange->caller.user, terms,
                          permit_renewal, exchange)
            : APR_NOTFOUND;

    switch (rv) {
    case APR_SUCCESS:
        if (exchange->course_guess == NULL) {
            locks_exchange_note_course(exchange, &lock);
        }
        return answer_held(exchange, HTTP_OK, &lock);
    case APR_EACCES:
        return exchange->status;
    case APR_NOTFOUND:
        return locks_refuse_unknown(exchange, "Lock", lock_id, strlen(lock_id));
    case LOCKS_EFOREIGN:
        return locks_refuse_permission(exchange);
    case LOCKS_EOTHERWINDOW:
        return refuse_other_window(exchange);
    default:
        return locks_refuse_operation(exchange);
    }
}

int locks_put(locks_exchange_t *exchange, const char *lock_id)
{
    locks_terms_t terms;
    posted_t posted;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    read_renewal(exchange, &posted, lock_id);
    if (posted.body.status == AP_FILTER_ERROR) {
        return locks_refuse(exchange, AP_FILTER_ERROR, NULL);
    }
    if ((refused = locks_exchange_judge(exchange)) != OK ||
        (refused = locks_exchange_require_user(exchange)) != OK ||
        (posted.body.length > 0 && (refused = check_type(exchange)) != OK) ||
        (refused = check_body(exchange, &posted)) != OK) {
        return refused;
    }
    terms = terms_of(exchange, &posted.request.wish);
    return renew(exchange, lock_id, &terms);
}
