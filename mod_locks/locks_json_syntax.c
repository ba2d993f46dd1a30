/* SPDX-License-Identifier: Apache-2.0 */
/* json-c lets pass what RFC 8259 forbids, even when it is told to be strict:
 * NaN, Infinity, -01, 1., names in single quotes, control characters and
 * halves of surrogate pairs in strings, UTF-8 that is none. So this goes over
 * the bytes first. Every step below returns whether it found what it expects;
 * the NUL byte behind the text is expected nowhere and ends each of them. */
#include "locks_json_syntax.h"

#include "locks_utf8.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

typedef struct scan_t {
    char *text;
    apr_size_t length;
    /** The byte that comes next. */
    apr_size_t at;
    /** The closing brackets that are still to come, outermost first. */
    char *closing;
    apr_size_t open;
    apr_size_t levels;
    /** A value comes next, not what follows one. */
    int wants_value;
    const char *error;
    apr_pool_t *pool;
} scan_t;

static int malformed(scan_t *scan, const char *what)
{
    scan->error = apr_psprintf(
        scan->pool, "Malformed JSON at byte %" APR_SIZE_T_FMT ": %s%s",
        scan->at, what, scan->at == scan->length ? ", not the end" : "");
    return 0;
}

static void skip_blanks(scan_t *scan)
{
    scan->at += strspn(scan->text + scan->at, " \t\n\r");
}

static int scan_character(scan_t *scan, char character, const char *what)
{
    if (scan->text[scan->at] != character) {
        return malformed(scan, what);
    }
    scan->at++;
    return 1;
}

/** Reads the four digits behind \u. */
static int scan_code_unit(scan_t *scan, unsigned int *unit)
{
    static const char digits[] = "0123456789abcdef";

    *unit = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        char character = scan->text[scan->at];

        if (!apr_isxdigit(character)) {
            return malformed(scan, "expected a hexadecimal digit");
        }
        *unit = *unit * 16 +
                (unsigned int)(strchr(digits, apr_tolower(character)) - digits);
    }
    return 1;
}

/** Reads the rest of a character behind "\u": surrogates come in pairs. */
static int scan_unicode_escape(scan_t *scan, int is_name)
{
    apr_size_t start = scan->at;
    unsigned int unit, low = 0;

    if (!scan_code_unit(scan, &unit)) {
        return 0;
    }
    if (unit == 0 && is_name) {
        memcpy(scan->text + start, "fffd", 4);
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return 1;
    }
    if (unit < 0xDC00 && !strncmp(scan->text + scan->at, "\\u", 2)) {
        scan->at += 2;
        if (!scan_code_unit(scan, &low)) {
            return 0;
        }
    }
    if (low < 0xDC00 || low > 0xDFFF) {
        scan->at = start - 2;
        return malformed(scan, "half of a surrogate pair");
    }
    return 1;
}

static int scan_escape(scan_t *scan, int is_name)
{
    char character = scan->text[++scan->at];

    if (!character || !strchr("\"\\/bfnrtu", character)) {
        return malformed(scan, "expected one of \"\\/bfnrtu after \\");
    }
    scan->at++;
    return character != 'u' || scan_unicode_escape(scan, is_name);
}

static int scan_string(scan_t *scan, int is_name)
{
    scan->at++;
    while (scan->text[scan->at] != '"') {
        unsigned char character = (unsigned char)scan->text[scan->at];

        if (scan->at == scan->length) {
            return malformed(scan, "expected '\"'");
        }
        if (character < 0x20) {
            return malformed(scan, "control character in a string");
        }
        if (character != '\\') {
            scan->at++;
        } else if (!scan_escape(scan, is_name)) {
            return 0;
        }
    }
    scan->at++;
    return 1;
}

static int scan_name(scan_t *scan)
{
    skip_blanks(scan);
    if (scan->text[scan->at] != '"') {
        return malformed(scan, "expected a name in double quotes");
    }
    if (!scan_string(scan, 1)) {
        return 0;
    }
    skip_blanks(scan);
    return scan_character(scan, ':', "expected ':'");
}

static int scan_digits(scan_t *scan)
{
    apr_size_t count = strspn(scan->text + scan->at, "0123456789");

    scan->at += count;
    return count > 0 || malformed(scan, "expected a digit");
}

/** Does an integer fit in 64 bits, with or without a sign? */
static int fits(const char *integer, const char *end)
{
    const char *limit =
        *integer == '-' ? "-9223372036854775808" : "18446744073709551615";
    /* Both limits happen to have as many characters. */
    const apr_size_t longest = 20;
    apr_size_t length = (apr_size_t)(end - integer);

    return length < longest ||
           (length == longest && strncmp(integer, limit, longest) <= 0);
}

/** Reads what makes a number no integer, if there is any. */
static int scan_fraction_and_exponent(scan_t *scan)
{
    if (scan->text[scan->at] == '.') {
        scan->at++;
        if (!scan_digits(scan)) {
            return 0;
        }
    }
    if (apr_tolower(scan->text[scan->at]) != 'e') {
        return 1;
    }
    scan->at++;
    if (scan->text[scan->at] == '+' || scan->text[scan->at] == '-') {
        scan->at++;
    }
    return scan_digits(scan);
}

static int scan_number(scan_t *scan)
{
    char *number = scan->text + scan->at;
    apr_size_t end;

    if (*number == '-') {
        scan->at++;
    }
    if (scan->text[scan->at] == '0') {
        scan->at++; /* a further digit would be out of place */
    } else if (!scan_digits(scan)) {
        return 0;
    }
    end = scan->at;
    if (!scan_fraction_and_exponent(scan)) {
        return 0;
    }
    if (scan->at == end && !fits(number, scan->text + end)) {
        scan->text[end - 2] = 'e';
        scan->text[end - 1] = '0';
    }
    return 1;
}

static int scan_close(scan_t *scan)
{
    scan->at++;
    scan->open--;
    scan->wants_value = 0;
    return 1;
}

static int scan_open(scan_t *scan, char closing)
{
    if (scan->open == scan->levels) {
        scan->error = apr_psprintf(scan->pool,
                                   "JSON of more than %" APR_SIZE_T_FMT
                                   " levels at byte %" APR_SIZE_T_FMT,
                                   scan->levels, scan->at);
        return 0;
    }
    scan->closing[scan->open++] = closing;
    scan->at++;
    skip_blanks(scan);
    if (scan->text[scan->at] == closing) {
        return scan_close(scan);
    }
    return closing == ']' || scan_name(scan);
}

/** Reads a scalar, or a container up to where its first value begins. */
static int scan_value(scan_t *scan)
{
    static const char *const literals[] = {"true", "false", "null"};
    const char *text = scan->text + scan->at;

    if (*text == '{' || *text == '[') {
        return scan_open(scan, *text == '{' ? '}' : ']');
    }
    scan->wants_value = 0;
    if (*text == '"') {
        return scan_string(scan, 0);
    }
    if (*text == '-' || apr_isdigit(*text)) {
        return scan_number(scan);
    }
    for (apr_size_t i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
        if (!strncmp(text, literals[i], strlen(literals[i]))) {
            scan->at += strlen(literals[i]);
            return 1;
        }
    }
    return malformed(scan, "expected a value");
}

/** Reads what follows a value in its container. */
static int scan_follower(scan_t *scan)
{
    char closing = scan->closing[scan->open - 1];

    if (scan->text[scan->at] == closing) {
        return scan_close(scan);
    }
    scan->wants_value = 1;
    if (closing == ']') {
        return scan_character(scan, ',', "expected ',' or ']'");
    }
    return scan_character(scan, ',', "expected ',' or '}'") && scan_name(scan);
}

static int scan_text(scan_t *scan)
{
    int going = 1;

    while (going) {
        skip_blanks(scan);
        if (scan->wants_value) {
            going = scan_value(scan);
        } else if (scan->open > 0) {
            going = scan_follower(scan);
        } else {
            break;
        }
    }
    if (going && scan->at < scan->length) {
        return malformed(scan, "expected nothing more");
    }
    return going;
}

const char *locks_json_check(char *text, apr_size_t length, apr_size_t levels,
                             apr_pool_t *pool)
{
    apr_size_t utf8 = locks_utf8_span(text, length);
    scan_t scan = {
        .text = text,
        .length = length,
        .levels = levels,
        .wants_value = 1,
        .pool = pool,
    };

    if (!strncmp(text, "\xEF\xBB\xBF", 3)) {
        return "Byte-order mark at byte 0";
    }
    if (utf8 < length) {
        return apr_psprintf(pool, "Invalid UTF-8 at byte %" APR_SIZE_T_FMT,
                            utf8);
    }
    scan.closing = apr_palloc(pool, levels);
    scan_text(&scan);
    return scan.error;
}
