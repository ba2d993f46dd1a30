/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the catalog, and the answers that are kept in the lock store.
 *
 * The keys of kept answers are made of what the request says alone: so they
 * travel in the first round trip, before anyone knows whose the SID is, or
 * which course's internal ID a key is. That the answer is for the same
 * principal and course is checked afterwards. */
#include "mod_locks.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "locks_deadline.h"
#include "locks_memo.h"
#include "locks_request.h"

APLOG_USE_MODULE(locks);

static const char *const names[] = {
    [LOCKS_ASK_COURSE] = "course",
    [LOCKS_ASK_ACCESS] = "access",
    [LOCKS_ASK_GADGET] = "gadget",
};

/** A question: about a gadget, or with NULL in its place. */
typedef struct question_t {
    locks_ask_e ask;
    const char *gadget;
} question_t;

/** Are answers kept at all? What is told to somebody without a name may be
 *  for the next one to hear or not. */
static int keeps_answers(request_rec *r, const locks_claim_t *claim)
{
    const locks_cache_t *cache = locks_cache(r);
    int has_name = claim->sid != NULL || claim->user != NULL;

    return (cache->positive > 0 || cache->negative > 0) &&
           (has_name || !locks_catalog(r)->personal);
}

/** Whose answers the kept ones are: those of one virtual host and catalog.
 *  Hosts of one site have both in common. */
static const char *scope_of(request_rec *r)
{
    const locks_catalog_provider_t *catalog = locks_catalog(r);
    const server_rec *server = r->server;
    char port[sizeof("65535")];

    apr_snprintf(port, sizeof(port), "%hu", server->addrs->host_port);
    return apr_pstrcat(
        r->pool, server->server_hostname != NULL ? server->server_hostname : "",
        "\n", server->addrs->virthost, ":", port, "\n", locks_catalog_name(r),
        "\n", catalog->scope != NULL ? catalog->scope(r) : "", NULL);
}

/** Who asks, as far as the request says so.
 *  @param sid the SID or what stands for it; NULL if there is none */
static const char *asker_of(const locks_claim_t *claim, const char *sid,
                            apr_pool_t *pool)
{
    if (sid != NULL) {
        return apr_pstrcat(pool, "SID ", sid, NULL);
    }
    return claim->user != NULL ? apr_pstrcat(pool, "user ", claim->user, NULL)
                               : "nobody";
}

void locks_inquiry_open(locks_inquiry_t *inquiry, request_rec *r,
                        locks_operation_t *op, const locks_claim_t *claim,
                        const char *course_key)
{
    memset(inquiry, 0, sizeof(*inquiry));
    inquiry->r = r;
    inquiry->op = op;
    inquiry->claim = claim;
    inquiry->course_key = course_key;
    if (locks_course_key_valid(course_key) && keeps_answers(r, claim)) {
        inquiry->scope = scope_of(r);
        inquiry->asker = asker_of(claim, claim->sid, r->pool);
        inquiry->keeps_new = 1;
    }
}

/** Does the answer depend on who asks? */
static int is_personal(const locks_inquiry_t *inquiry, locks_ask_e ask)
{
    return ask == LOCKS_ASK_ACCESS || locks_catalog(inquiry->r)->personal;
}

/** What is asked, in words that no other question has. */
static const char *words_of(const locks_inquiry_t *inquiry,
                            const question_t *question, const char *scope,
                            const char *asker)
{
    return apr_pstrcat(
        inquiry->r->pool, names[question->ask], "\n", scope, "\n",
        is_personal(inquiry, question->ask) ? asker : "anyone", "\n",
        inquiry->course_key, question->gadget != NULL ? "\n" : NULL,
        question->gadget, NULL);
}

/** What is asked as the store has it. The SID is a secret, which has no place
 * in more records than its own. */
static const char *stored_words_of(locks_inquiry_t *inquiry,
                                   const question_t *question)
{
    const locks_claim_t *claim = inquiry->claim;
    apr_pool_t *pool = inquiry->r->pool;

    if (inquiry->stored_scope == NULL) {
        inquiry->stored_scope = locks_digest(inquiry->scope, pool);
        inquiry->stored_asker = asker_of(
            claim, claim->sid != NULL ? locks_digest(claim->sid, pool) : NULL,
            pool);
    }
    return words_of(inquiry, question, inquiry->stored_scope,
                    inquiry->stored_asker);
}

/** Words a question for the store. What it takes for that, some digests, takes
 *  longer than to remember the last time. */
static void word(locks_inquiry_t *inquiry, locks_wording_t *wording,
                 const question_t *question)
{
    const request_rec *r = inquiry->r;
    locks_memo_t *memo = locks_server_config(r->server)->wordings;
    const locks_memo_name_t name = {
        .store = inquiry->op->rules->prefix,
        .kind = "wording",
        .key = words_of(inquiry, question, inquiry->scope, inquiry->asker)};
    locks_memo_value_t value;

    if (locks_memo_find(memo, &value, &name, 0, r->pool)) {
        wording->key = value.bytes;
        wording->words = value.bytes + strlen(value.bytes) + 1;
        return;
    }
    wording->words = stored_words_of(inquiry, question);
    wording->key =
        locks_finding_key(inquiry->op->rules->prefix, wording->words, r->pool);
    if (inquiry->keeps_new) {
        char *both =
            apr_pstrcat(r->pool, wording->key, "\n", wording->words, NULL);
        apr_size_t length = strlen(both);

        both[strlen(wording->key)] = '\0';
        locks_memo_note(memo, &name, both, length, locks_deadline_now());
    }
}

/** Puts a question in words, unless that was done. */
static const locks_wording_t *wording_of(locks_inquiry_t *inquiry,
                                         const question_t *question)
{
    locks_wording_t *wording = &inquiry->wordings[question->ask];

    if (wording->words == NULL || wording->gadget != question->gadget) {
        wording->gadget = question->gadget;
        word(inquiry, wording, question);
    }
    return wording;
}

static void expect(locks_inquiry_t *inquiry, const question_t *question)
{
    if (inquiry->scope != NULL) {
        locks_ahead_key(inquiry->op, wording_of(inquiry, question)->key);
    }
}

void locks_inquiry_expect_course(locks_inquiry_t *inquiry)
{
    expect(inquiry, &(question_t){LOCKS_ASK_COURSE, NULL});
}

void locks_inquiry_expect_access(locks_inquiry_t *inquiry)
{
    expect(inquiry, &(question_t){LOCKS_ASK_ACCESS, NULL});
}

void locks_inquiry_expect_gadget(locks_inquiry_t *inquiry, const char *gadget)
{
    expect(inquiry, &(question_t){LOCKS_ASK_GADGET, gadget});
}

/** Asks the catalog itself.
 *  @param wanted says for whom and in which course; gets the result and the
 *                ID */
static apr_status_t ask_catalog(const locks_inquiry_t *inquiry,
                                const question_t *question,
                                locks_finding_t *wanted, const char *principal)
{
    const locks_catalog_provider_t *catalog = locks_catalog(inquiry->r);
    apr_status_t rv;

    switch (question->ask) {
    case LOCKS_ASK_COURSE:
        rv = catalog->course(&wanted->id, inquiry->r, inquiry->course_key,
                             principal);
        break;
    case LOCKS_ASK_ACCESS:
        rv = catalog->access(inquiry->r, wanted->course, principal);
        break;
    default:
        rv = catalog->gadget(&wanted->id, inquiry->r, wanted->course,
                             question->gadget, principal);
    }
    wanted->result = rv == APR_SUCCESS    ? LOCKS_FOUND
                     : rv == APR_NOTFOUND ? LOCKS_FOUND_NOT
                                          : LOCKS_FOUND_BARRED;
    if (rv != APR_SUCCESS) {
        wanted->id = "";
    }
    return rv;
}

/** How long a result is kept. */
static apr_interval_time_t lifetime_of(const locks_inquiry_t *inquiry,
                                       const locks_finding_t *finding)
{
    const locks_cache_t *cache = locks_cache(inquiry->r);

    return finding->result == LOCKS_FOUND ? cache->positive : cache->negative;
}

/** Is this a kept answer to what is wanted? One that would be kept for longer
 *  than it may is of a clock that was ahead, or of an earlier configuration. */
static int answers(const locks_inquiry_t *inquiry,
                   const locks_finding_t *wanted, locks_finding_t *kept,
                   const locks_store_item_t *item)
{
    apr_time_t now = apr_time_now();

    return item->status == LOCKS_STORE_DONE &&
           locks_finding_decode(kept, item->value, item->length, item->key,
                                inquiry->r->pool) == APR_SUCCESS &&
           strcmp(kept->question, wanted->question) == 0 &&
           strcmp(kept->principal, wanted->principal) == 0 &&
           strcmp(kept->course, wanted->course) == 0 && now < kept->until &&
           kept->until <= now + lifetime_of(inquiry, kept);
}

/** Keeps an answer. Nothing is lost if it cannot be: it is asked for again. */
static void keep(const locks_inquiry_t *inquiry, const locks_finding_t *finding,
                 const locks_store_item_t *before, apr_interval_time_t lifetime)
{
    locks_store_session_t *store = inquiry->op->store;
    apr_uint32_t seconds =
        (apr_uint32_t)apr_time_sec(lifetime + APR_USEC_PER_SEC - 1);
    apr_size_t length;
    const char *value =
        locks_finding_encode(&length, finding, before->key, inquiry->r->pool);
    apr_status_t rv =
        before->status == LOCKS_STORE_ABSENT
            ? store->provider->add(store, before->key, value, length, seconds,
                                   LOCKS_STORE_ORDINARY)
            : store->provider->cas(store, before->key, value, length,
                                   before->cas, seconds, LOCKS_STORE_ORDINARY);

    if (rv != LOCKS_STORE_DONE && rv != LOCKS_STORE_LOST &&
        rv != LOCKS_STORE_ABSENT) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, inquiry->r,
                      "locks: the catalog's answer could not be kept: %s",
                      store->provider->reason(store));
    }
}

/** Asks the catalog, and keeps what it answers. */
static apr_status_t ask_and_keep(const locks_inquiry_t *inquiry,
                                 const question_t *question,
                                 locks_finding_t *wanted, const char *principal,
                                 const locks_store_item_t *before)
{
    apr_time_t asked = apr_time_now();
    apr_status_t rv = ask_catalog(inquiry, question, wanted, principal);
    apr_interval_time_t lifetime = lifetime_of(inquiry, wanted);

    wanted->until = asked + lifetime;
    if (inquiry->keeps_new &&
        (rv == APR_SUCCESS || rv == APR_NOTFOUND || rv == APR_EACCES) &&
        (before->status == LOCKS_STORE_DONE ||
         before->status == LOCKS_STORE_ABSENT) &&
        apr_time_now() < wanted->until) {
        keep(inquiry, wanted, before, lifetime);
    }
    return rv;
}

/** Answers a question. */
static apr_status_t find(locks_inquiry_t *inquiry, const question_t *question,
                         const char *principal, const char *course,
                         const char **id)
{
    static const apr_status_t results[] = {
        [LOCKS_FOUND_NOT] = APR_NOTFOUND,
        [LOCKS_FOUND] = APR_SUCCESS,
        [LOCKS_FOUND_BARRED] = APR_EACCES,
    };
    int personal = is_personal(inquiry, question->ask);
    locks_finding_t wanted = {
        .principal = principal != NULL && personal ? principal : "",
        .course = course,
        .id = ""};
    locks_finding_t kept;
    locks_store_item_t item = {.key = NULL};
    const locks_wording_t *wording;
    apr_status_t rv;

    if (inquiry->scope == NULL) {
        rv = ask_catalog(inquiry, question, &wanted, principal);
        *id = wanted.id;
        return rv;
    }
    wording = wording_of(inquiry, question);
    wanted.question = wording->words;
    item.key = wording->key;
    locks_read(inquiry->op, &item, 1);
    if (answers(inquiry, &wanted, &kept, &item)) {
        *id = kept.id;
        return results[kept.result];
    }
    rv = ask_and_keep(inquiry, question, &wanted, principal, &item);
    *id = wanted.id;
    return rv;
}

apr_status_t locks_inquiry_course(locks_inquiry_t *inquiry,
                                  const char *principal, const char **course_id)
{
    return find(inquiry, &(question_t){LOCKS_ASK_COURSE, NULL}, principal, "",
                course_id);
}

apr_status_t locks_inquiry_access(locks_inquiry_t *inquiry,
                                  const char *principal, const char *course_id)
{
    const char *nothing;

    return find(inquiry, &(question_t){LOCKS_ASK_ACCESS, NULL}, principal,
                course_id, &nothing);
}

apr_status_t locks_inquiry_gadget(locks_inquiry_t *inquiry,
                                  const char *principal, const char *course_id,
                                  const char *gadget, const char **canonical)
{
    return find(inquiry, &(question_t){LOCKS_ASK_GADGET, gadget}, principal,
                course_id, canonical);
}
