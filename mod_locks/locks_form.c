/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of names and numbers in requests. */
#include "locks_request.h"

#include "locks_session_kind.h"
#include "locks_utf8.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Are there least to most characters, all of these? */
static int consists_of(const char *text, const char *characters,
                       apr_size_t least, apr_size_t most)
{
    apr_size_t length = strspn(text, characters);

    return !text[length] && length >= least && length <= most;
}

int locks_course_id_valid(const char *text)
{
    return consists_of(text, DIGITS LOWER, LOCKS_COURSE_ID_MIN,
                       LOCKS_COURSE_ID_MAX);
}

int locks_sid_valid(const char *text)
{
    return consists_of(text, DIGITS LOWER UPPER "._~-", 1, LOCKS_SID_MAX);
}

/** Is this the canonical decimal form of an integer from 0 to the limit, which
 *  is in this form itself? */
static int canonical(const char *text, const char *limit)
{
    apr_size_t length = strlen(text), longest = strlen(limit);

    if (!consists_of(text, DIGITS, 1, longest)) {
        return 0;
    }
    if (*text == '0' && length > 1) {
        return 0;
    }
    return length < longest || strcmp(text, limit) <= 0;
}

int locks_course_key_valid(const char *text)
{
    if (locks_course_id_valid(text)) {
        return 1;
    }
    if (*text == '-') {
        return text[1] != '0' && canonical(text + 1, "9223372036854775808");
    }
    return canonical(text, "9223372036854775807");
}

int locks_resource_id_valid(const char *text)
{
    apr_size_t length = strlen(text);

    if (length == 0 || length > LOCKS_RESOURCE_ID_MAX) {
        return 0;
    }
    for (apr_size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
            return 0;
        }
    }
    return locks_utf8_span(text, length) == length;
}

int locks_user_id_valid(const char *text)
{
    apr_size_t length = strlen(text);

    if (length == 0 || length > LOCKS_USER_ID_MAX) {
        return 0;
    }
    for (int kind = 0; kind < LOCKS_SESSION_KINDS; kind++) {
        const char *name = locks_session_kind_name((locks_session_kind_e)kind);

        if (!strncmp(text, name, strlen(name)) && text[strlen(name)] == ':') {
            return 0;
        }
    }
    return locks_utf8_span(text, length) == length;
}

apr_status_t locks_lock_id_parse(apr_uint64_t *id, const char *text)
{
    *id = 0;
    if (*text == '0' || !canonical(text, "9223372036854775807")) {
        return APR_EINVAL;
    }
    *id = (apr_uint64_t)apr_atoi64(text);
    return APR_SUCCESS;
}
