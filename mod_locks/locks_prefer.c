/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_prefer.h"

#include <apr_cstr.h>

#include <string.h>

#define BLANKS " \t"
#define DIGITS "0123456789"

/** Where a preference ends: at a comma that is not quoted, or at the end. */
static const char *end_of(const char *preference)
{
    int is_quoted = 0;

    for (; *preference != '\0'; preference++) {
        if (*preference == '"') {
            is_quoted = !is_quoted;
        } else if (*preference == '\\' && is_quoted && preference[1] != '\0') {
            preference++;
        } else if (*preference == ',' && !is_quoted) {
            break;
        }
    }
    return preference;
}

/** Reads seconds, whose digits may be quoted, up to a parameter or the end of
 *  the preference; 0 if they are none. */
static int read_seconds(const char *value)
{
    int is_quoted = *value == '"';
    apr_size_t digits;
    int seconds = 0;

    value += is_quoted;
    for (digits = strspn(value, DIGITS); digits > 0; digits--) {
        seconds = seconds * 10 + (*value++ - '0');
        if (seconds > LOCKS_PREFER_WAIT_MAX) {
            seconds = LOCKS_PREFER_WAIT_MAX;
        }
    }
    if (is_quoted && *value++ != '"') {
        return 0;
    }
    value += strspn(value, BLANKS);
    return *value == '\0' || *value == ',' || *value == ';' ? seconds : 0;
}

int locks_prefer_wait(const char *header)
{
    static const char name[] = "wait";

    while (header != NULL && *header != '\0') {
        const char *end = end_of(header);

        header += strspn(header, BLANKS);
        if (apr_cstr_casecmpn(header, name, strlen(name)) == 0) {
            header += strlen(name);
            header += strspn(header, BLANKS);
            if (*header == '=') {
                header++;
                return read_seconds(header + strspn(header, BLANKS));
            }
        }
        header = end + (*end == ',');
    }
    return 0;
}
