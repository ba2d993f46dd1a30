/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at locks. */
#include "mod_locks_endpoints.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

#include "locks_protocol.h"
#include "locks_reply.h"
#include "locks_request.h"
#include "mod_locks_wait.h"

/** Takes from the ETags that a client sends what mod_deflate and mod_brotli
 *  add to those that they see on their way out: otherwise who is sent
 *  compressed lists would never be told that one is the same. */
static void strip_codings(request_rec *r)
{
    static const char *const codings[] = {"-gzip\"", "-br\""};
    const char *sent = apr_table_get(r->headers_in, "If-None-Match");
    char *tags = apr_pstrdup(r->pool, sent);
    apr_size_t i;

    for (i = 0; tags != NULL && i < sizeof(codings) / sizeof(*codings); i++) {
        char *coding;

        while ((coding = strstr(tags, codings[i])) != NULL) {
            const char *rest = coding + strlen(codings[i]) - 1;

            memmove(coding, rest, strlen(rest) + 1);
        }
    }
    if (tags != NULL) {
        apr_table_setn(r->headers_in, "If-None-Match", tags);
    }
}

/** Answers with a list, or that the client has it already (RFC 9110, section
 *  13.1.2).
 *  @param scope what the list is of */
static int answer_list(locks_exchange_t *exchange,
                       const apr_array_header_t *locks, apr_time_t time,
                       const char *scope)
{
    request_rec *r = exchange->r;

    apr_table_setn(r->headers_out, "ETag",
                   locks_reply_etag(locks, scope, r->pool));
    strip_codings(r);
    /* What has no date of its own takes no condition on it (RFC 9110, sections
     * 13.1.3 and 13.1.4); httpd would take the present for it. */
    if (ap_condition_if_match(r, r->headers_out) == AP_CONDITION_NOMATCH) {
        return locks_refuse(exchange, HTTP_PRECONDITION_FAILED,
                            "Precondition failed");
    }
    if (ap_condition_if_none_match(r, r->headers_out) >= AP_CONDITION_WEAK) {
        locks_exchange_answer(exchange, HTTP_NOT_MODIFIED);
        return OK;
    }
    locks_reply_list(locks_exchange_answer(exchange, HTTP_OK), locks, time);
    return OK;
}

/** Answers with a course's locks as they are now. */
static int list_course(locks_exchange_t *exchange, const char *course)
{
    apr_array_header_t *locks;
    apr_time_t time;

    return locks_list(exchange->op, &locks, &time, course) == APR_SUCCESS
               ? answer_list(exchange, locks, time, course)
               : locks_refuse_operation(exchange);
}

/** Waits as long as the client has what there is. */
static int wait_for_course(locks_exchange_t *exchange, const char *course,
                           int seconds)
{
    request_rec *r = exchange->r;
    locks_stay_t *stay = locks_wait_begin(r, course, seconds);
    int refused;

    if (stay != NULL) {
        /* Changes since then wake it; what was read before knows of none. */
        locks_ahead_forget_stale(exchange->op, 0);
    }
    refused = list_course(exchange, course);

    if (stay == NULL) {
        return refused;
    }
    while (refused == OK && exchange->status == HTTP_NOT_MODIFIED) {
        const locks_awaited_t awaited = {
            .etag = apr_table_get(r->headers_out, "ETag")};

        locks_exchange_close(exchange);
        if (locks_wait_for_change(stay, &awaited) != APR_SUCCESS) {
            break;
        }
        locks_exchange_reopen(exchange);
        refused = list_course(exchange, course);
    }
    locks_wait_end(stay);
    return refused;
}

int locks_get_course(locks_exchange_t *exchange)
{
    request_rec *r = exchange->r;
    int seconds = apr_table_get(r->headers_in, "If-None-Match") != NULL
                      ? locks_exchange_prefers_wait(exchange)
                      : 0;
    const char *course;
    const char *wrong;
    const char *key;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    wrong = locks_request_parse_query(&key, r->args, r->pool);
    if (wrong == NULL) {
        locks_exchange_expect(exchange, key, NULL);
    }
    if ((refused = locks_exchange_judge(exchange)) != OK) {
        return refused;
    }
    if (wrong != NULL) {
        return locks_refuse(exchange, HTTP_BAD_REQUEST, wrong);
    }
    if ((refused = locks_exchange_course(exchange, key, strlen(key),
                                         &course)) != OK) {
        return refused;
    }
    return seconds > 0 && locks_exchange_may_wait(exchange)
               ? wait_for_course(exchange, course, seconds)
               : list_course(exchange, course);
}

int locks_get_own(locks_exchange_t *exchange)
{
    apr_array_header_t *locks =
        apr_array_make(exchange->r->pool, 1, sizeof(locks_lock_t));
    locks_lock_t lock;
    apr_time_t time;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    locks_exchange_expect_lock(exchange, NULL);
    if ((refused = locks_exchange_judge(exchange)) != OK) {
        return refused;
    }
    if (exchange->caller.user == NULL) {
        return locks_refuse_caller(exchange);
    }
    switch (locks_find(exchange->op, &lock, &time, 0, exchange->caller.user)) {
    case APR_SUCCESS:
        APR_ARRAY_PUSH(locks, locks_lock_t) = lock;
        break;
    case APR_NOTFOUND:
        break;
    default:
        return locks_refuse_operation(exchange);
    }
    return answer_list(exchange, locks, time, "");
}

int locks_get_lock(locks_exchange_t *exchange, const char *lock_id)
{
    locks_lock_t lock;
    apr_time_t time;
    apr_uint64_t id;
    apr_status_t rv;
    int refused;

    if ((refused = locks_exchange_claim(exchange)) != OK) {
        return refused;
    }
    locks_exchange_expect_lock(exchange, lock_id);
    locks_exchange_expect_course_of(exchange, lock_id, 0);
    if ((refused = locks_exchange_judge(exchange)) != OK) {
        return refused;
    }
    rv = locks_lock_id_parse(&id, lock_id) == APR_SUCCESS
             ? locks_find(exchange->op, &lock, &time, id, exchange->caller.user)
             : APR_NOTFOUND;
    switch (rv) {
    case APR_SUCCESS:
        break;
    case LOCKS_EFOREIGN:
        refused = locks_exchange_access(exchange, lock.subject.course);
        break;
    case APR_NOTFOUND:
        return locks_refuse_unknown(exchange, "Lock", lock_id, strlen(lock_id));
    default:
        return locks_refuse_operation(exchange);
    }
    if (refused == OK) {
        locks_note_lock(exchange->r, lock.id);
        locks_reply_lock(locks_exchange_answer(exchange, HTTP_OK), &lock, time);
    }
    return refused;
}
