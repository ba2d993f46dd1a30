/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_uri_template.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

static const char *const places[LOCKS_URI_NAMES] = {
    [LOCKS_URI_COURSE] = "%{course}",
    [LOCKS_URI_GADGET] = "%{gadget}",
    [LOCKS_URI_USER] = "%{user}",
};

/** Which name's place a percent sign begins; LOCKS_URI_NAMES for none. */
static locks_uri_name_e name_at(const char *text)
{
    int i;

    for (i = 0; i < LOCKS_URI_NAMES; i++) {
        if (strncmp(text, places[i], strlen(places[i])) == 0) {
            break;
        }
    }
    return (locks_uri_name_e)i;
}

/** Checks one character of a template, and goes to the next. */
static const char *check_next(const char **text, int seen[LOCKS_URI_NAMES],
                              const locks_uri_form_t *form, apr_pool_t *pool)
{
    const char *at = *text;
    locks_uri_name_e name = *at == '%' ? name_at(at) : LOCKS_URI_NAMES;

    *text = at + 1;
    if (name != LOCKS_URI_NAMES) {
        if (!form->allowed[name]) {
            return apr_psprintf(pool,
                                "cannot have %s in it: that is not "
                                "known when it is asked",
                                places[name]);
        }
        seen[name] = 1;
        *text = at + strlen(places[name]);
    } else if (*at == '%' && !(apr_isxdigit(at[1]) && apr_isxdigit(at[2]))) {
        return apr_psprintf(pool,
                            "has a %% at \"%.12s\" that begins none of "
                            "%%{course}, %%{gadget} and %%{user}; write "
                            "%%25 for a percent sign",
                            at);
    } else if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f ||
               strchr("#\\\"<>^`{|}", *at) != NULL) {
        return apr_psprintf(pool,
                            "has a character at \"%.12s\" that no URI "
                            "has; write it as %%%02X",
                            at, (unsigned char)*at);
    }
    return NULL;
}

const char *locks_uri_check(const char *template, const locks_uri_form_t *form,
                            apr_pool_t *pool)
{
    int seen[LOCKS_URI_NAMES] = {0};
    const char *wrong = NULL;
    const char *text = template;
    int i;

    if (template[0] != '/' || template[1] == '/') {
        return "takes a path of this site that begins with one slash, without "
               "scheme and host; let ProxyPass lead it elsewhere";
    }
    while (*text != '\0' && wrong == NULL) {
        wrong = check_next(&text, seen, form, pool);
    }
    for (i = 0; i < LOCKS_URI_NAMES && wrong == NULL; i++) {
        if (form->needed[i] && !seen[i]) {
            wrong = apr_pstrcat(pool, "needs ", places[i], " in it", NULL);
        }
    }
    return wrong;
}

/** Would these bytes of a path lead elsewhere, once they are decoded? */
static int leads_elsewhere(const char *value)
{
    apr_size_t length;

    for (;; value += length + 1) {
        length = strcspn(value, "/");
        if (length == 0 || (length <= 2 && strspn(value, ".") >= length)) {
            return 1;
        }
        if (value[length] == '\0') {
            return 0;
        }
    }
}

static int is_unreserved(char character)
{
    return apr_isalnum(character) ||
           (character != '\0' && strchr("-._~", character) != NULL);
}

static char *put_escaped(char *out, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;

        if (is_unreserved(*value)) {
            *out++ = *value;
        } else {
            *out++ = '%';
            *out++ = hex[byte >> 4];
            *out++ = hex[byte & 0xf];
        }
    }
    return out;
}

/** Room for the URI that a template makes, its NUL byte included. */
static apr_size_t room_for(const char *template,
                           const locks_uri_values_t values)
{
    apr_size_t room = strlen(template) + 1;
    const char *place;

    for (place = strchr(template, '%'); place != NULL;
         place = strchr(place + 1, '%')) {
        locks_uri_name_e name = name_at(place);

        if (name != LOCKS_URI_NAMES && values[name] != NULL) {
            room += 3 * strlen(values[name]);
        }
    }
    return room;
}

const char *locks_uri_expand(const char *template,
                             const locks_uri_values_t values, apr_pool_t *pool)
{
    char *uri = apr_palloc(pool, room_for(template, values));
    char *out = uri;
    int in_path = 1;

    while (*template != '\0') {
        locks_uri_name_e name = name_at(template);

        if (name == LOCKS_URI_NAMES) {
            in_path = in_path && *template != '?';
            *out++ = *template ++;
            continue;
        }
        template += strlen(places[name]);
        if (values[name] != NULL) {
            if (in_path && leads_elsewhere(values[name])) {
                return NULL;
            }
            out = put_escaped(out, values[name]);
        }
    }
    *out = '\0';
    return uri;
}
