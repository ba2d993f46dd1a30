/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_session_memo.h"

#include <string.h>

/* A head, then those of the two texts that there are, each with its NUL byte;
 * one where they are the same. */

typedef struct head_t {
    locks_session_kind_e kind;
    int has_user;
    int has_principal;
    int are_same;
} head_t;

/** A record's name is its bytes; 0 for one that is no text. */
static int name_record(locks_memo_name_t *name, const char *record,
                       apr_size_t length)
{
    *name = (locks_memo_name_t){.store = "", .kind = "record", .key = record};
    return strlen(record) == length;
}

/** Takes a text and goes past it. */
static const char *take_text(const char **next, int is_there)
{
    const char *text = *next;

    if (!is_there) {
        return NULL;
    }
    *next += strlen(text) + 1;
    return text;
}

locks_session_t *locks_session_recall(locks_memo_t *memo, const char *record,
                                      apr_size_t length, apr_pool_t *pool)
{
    locks_memo_value_t value;
    locks_memo_name_t name;
    locks_session_t *session;
    const char *next;
    head_t head;

    if (!name_record(&name, record, length) ||
        !locks_memo_find(memo, &value, &name, 0, pool)) {
        return NULL;
    }
    memcpy(&head, value.bytes, sizeof(head));
    next = value.bytes + sizeof(head);
    session = apr_pcalloc(pool, sizeof(*session));
    session->kind = head.kind;
    session->user_id = take_text(&next, head.has_user);
    session->principal =
        head.are_same ? session->user_id : take_text(&next, head.has_principal);
    return session;
}

/** Adds a text, if there is one; 0 if there is no room. */
static int add_text(char *bytes, apr_size_t *length, const char *text)
{
    return text == NULL ||
           locks_memo_add(bytes, length, LOCKS_SESSION_MEMO_MAX, text);
}

void locks_session_note(locks_memo_t *memo, const char *record,
                        apr_size_t length, const locks_session_t *session,
                        apr_time_t asked)
{
    const head_t head = {
        .kind = session->kind,
        .has_user = session->user_id != NULL,
        .has_principal = session->principal != NULL,
        .are_same = session->user_id != NULL && session->principal != NULL &&
                    strcmp(session->user_id, session->principal) == 0};
    char bytes[LOCKS_SESSION_MEMO_MAX];
    apr_size_t taken = sizeof(head);
    locks_memo_name_t name;

    memcpy(bytes, &head, sizeof(head));
    if (name_record(&name, record, length) &&
        add_text(bytes, &taken, session->user_id) &&
        (head.are_same || add_text(bytes, &taken, session->principal))) {
        locks_memo_note(memo, &name, bytes, taken, asked);
    }
}
