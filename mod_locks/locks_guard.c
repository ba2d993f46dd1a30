/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_guard.h"

#include "locks_request.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

static int is_own(const locks_write_attempt_t *attempt,
                  const locks_lock_t *lock)
{
    return attempt->user != NULL && strcmp(lock->owner, attempt->user) == 0;
}

/** Does the write rely on this lock, or on none in particular? */
static int is_relied_on(const locks_write_attempt_t *attempt,
                        const locks_lock_t *own)
{
    apr_uint64_t id;

    if (attempt->lock_id == NULL) {
        return 1;
    }
    return own != NULL &&
           locks_lock_id_parse(&id, attempt->lock_id) == APR_SUCCESS &&
           own->id == id;
}

locks_verdict_e locks_guard_judge(const locks_lock_t **own,
                                  const locks_write_attempt_t *attempt)
{
    int others = 0;
    int i;

    *own = NULL;
    for (i = 0; i < attempt->locks->nelts; i++) {
        const locks_lock_t *lock =
            &APR_ARRAY_IDX(attempt->locks, i, locks_lock_t);

        if (is_own(attempt, lock)) {
            *own = lock;
        } else {
            others++;
        }
    }
    if (!is_relied_on(attempt, *own)) {
        return LOCKS_GUARD_LOCK_LOST;
    }
    if (others > 0) {
        return LOCKS_GUARD_LOCKED;
    }
    return attempt->mode == LOCKS_GUARD_REQUIRE &&
                   attempt->needed > (*own != NULL)
               ? LOCKS_GUARD_LOCK_REQUIRED
               : LOCKS_GUARD_PASS;
}

/** The digits of a number without the zeros that it begins with; NULL for
 *  what is none. */
static const char *number(const char *text)
{
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return NULL;
    }
    return text + strspn(text, "0");
}

/** Compares numbers of any length by value. */
static int compare_numbers(const char *left, const char *right)
{
    size_t left_length = strlen(left), right_length = strlen(right);

    if (left_length != right_length) {
        return left_length < right_length ? -1 : 1;
    }
    return strcmp(left, right);
}

static int compare_ids(const void *left, const void *right)
{
    const char *a = *(const char *const *)left;
    const char *b = *(const char *const *)right;
    const char *number_a = number(a);
    const char *number_b = number(b);
    int order = 0;

    if (number_a != NULL && number_b != NULL) {
        order = compare_numbers(number_a, number_b);
    } else if (number_a != NULL || number_b != NULL) {
        order = number_a != NULL ? -1 : 1;
    }
    return order != 0 ? order : strcmp(a, b);
}

const char *locks_guard_message(const locks_write_attempt_t *attempt,
                                apr_pool_t *pool)
{
    apr_array_header_t *ids =
        apr_array_make(pool, attempt->locks->nelts, sizeof(const char *));
    apr_array_header_t *pieces =
        apr_array_make(pool, 2 * attempt->locks->nelts, sizeof(const char *));
    int i;

    for (i = 0; i < attempt->locks->nelts; i++) {
        const locks_lock_t *lock =
            &APR_ARRAY_IDX(attempt->locks, i, locks_lock_t);

        if (!is_own(attempt, lock)) {
            APR_ARRAY_PUSH(ids, const char *) = lock->subject.resource;
        }
    }
    qsort(ids->elts, (size_t)ids->nelts, sizeof(const char *), compare_ids);
    for (i = 0; i < ids->nelts; i++) {
        APR_ARRAY_PUSH(pieces, const char *) =
            i == 0 ? "Locked gadget instance IDs: " : ", ";
        APR_ARRAY_PUSH(pieces, const char *) =
            APR_ARRAY_IDX(ids, i, const char *);
    }
    return apr_array_pstrcat(pool, pieces, '\0');
}

/** Reads an escape; the character itself if it is none. */
static char decoded(const char *text, apr_size_t *length)
{
    char digits[3] = {0};

    *length = 1;
    if (*text != '%' || !apr_isxdigit(text[1]) || !apr_isxdigit(text[2])) {
        return *text;
    }
    *length = 3;
    memcpy(digits, text + 1, 2);
    return (char)strtol(digits, NULL, 16);
}

int locks_guard_path_is_plain(const char *path)
{
    apr_size_t in_segment = 0;
    apr_size_t dots = 0;

    if (*path != '/') {
        return 0;
    }
    for (path++; *path != '\0' && *path != '?' && *path != '#';) {
        apr_size_t length;
        char character = decoded(path, &length);

        if (character == '\\' || (character == '/' && length > 1)) {
            return 0;
        }
        if (character == '/') {
            if (in_segment == 0 || (in_segment <= 2 && dots == in_segment)) {
                return 0;
            }
            in_segment = dots = 0;
        } else {
            in_segment++;
            dots += character == '.';
        }
        path += length;
    }
    return in_segment == 0 || in_segment > 2 || dots != in_segment;
}

/** Has a name what some readers end it at, or decode? */
static int has_odd_characters(const char *name)
{
    return strpbrk(name, ";%\\/?#") != NULL;
}

/** Is this a number, but not in its usual form: "007", "+7", "7.0", " 7"? */
static int is_odd_number(const char *name)
{
    const char *digits = name + strspn(name, " \t+-");
    const char *rest = digits + strspn(digits, "0123456789");

    if (rest == digits) {
        return 0;
    }
    rest += *rest == '.' ? 1 + strspn(rest + 1, "0123456789") : 0;
    rest += strspn(rest, " \t");
    if (*rest != '\0') {
        return 0;
    }
    digits = name + (*name == '-');
    return digits[strspn(digits, "0123456789")] != '\0' ||
           (*digits == '0' && (digits[1] != '\0' || *name == '-'));
}

int locks_guard_course_is_doubtful(const char *key)
{
    return has_odd_characters(key) || is_odd_number(key);
}

int locks_guard_gadget_is_doubtful(const char *gadget)
{
    apr_size_t length = strlen(gadget);

    return has_odd_characters(gadget) || is_odd_number(gadget) ||
           (length > 0 &&
            (apr_isspace(*gadget) || apr_isspace(gadget[length - 1])));
}
