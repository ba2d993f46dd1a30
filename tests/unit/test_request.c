/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_request.h"

static locks_request_t request;

static const char *parse(const char *body, apr_size_t length)
{
    return locks_request_parse_body(&request, exactly(body, length), length,
                                    pool);
}

/* ---- The body ---- */

#define BODY(type, course, gadget)                         \
    "{\"type\":" type ",\"subject\":{\"courseId\":" course \
    ",\"gadgetId\":" gadget "}}"

static const struct {
    const char *body;
    const char *course_key;
    apr_size_t course_key_length;
    const char *resource;
} bodies[] = {
    {"{\"type\": \"gadget\", \"subject\": {\"courseId\": \"course1\", "
     "\"gadgetId\": \"g1\"}}\n",
     BYTES("course1"), "g1"},
    {"{\"subject\":{\"gadgetId\":\"g1\",\"courseId\":\"7\"},"
     "\"type\":\"gadget\"}",
     BYTES("7"), "g1"},
    {BODY("\"\\u0067adget\"", "\"\\u0031\"", "\"\\u00e4\\uD83D\\uDE00 '\""),
     BYTES("1"), "\xC3\xA4\xF0\x9F\x98\x80 '"},
    /* A key of no form is for the 404. */
    {BODY("\"gadget\"", "\"No Such/Course\"", "\"g\""), BYTES("No Such/Course"),
     "g"},
    {BODY("\"gadget\"", "\"course1\\u0000\"", "\"g\""), BYTES("course1\0"),
     "g"},
    {BODY("\"gadget\"", "\"\\u0000\"", "\"g\""), BYTES("\0"), "g"},
    {BODY("\"gadget\"", "\"a\\n\"", "\" \""), BYTES("a\n"), " "},
    /* Unknown fields are ignored. */
    {"{\"ttl\":1e999,\"\":[{}],\"type\":\"gadget\",\"subject\":{\"x\":null,"
     "\"courseId\":\"course1\",\"courseid\":1,\"gadgetId\":\"g\"},"
     "\"Type\":3,\"big\":1000000000000000000000}",
     BYTES("course1"), "g"},
    {"{\"type\":\"gadget\",\"type\\u0000\":\"x\",\"subject\":{\"courseId\":"
     "\"course1\",\"courseId\\u0000x\":\"course2\",\"gadgetId\":\"g\"}}",
     BYTES("course1"), "g"},
    /* Of equal members the last counts, objects too. */
    {"{\"type\":1,\"subject\":{\"courseId\":\"course1\",\"gadgetId\":\"g1\"},"
     "\"subject\":{\"courseId\":\"x\",\"gadgetId\":\"g2\","
     "\"courseId\":\"course2\"},\"type\":\"gadget\"}",
     BYTES("course2"), "g2"},
};

START_TEST(a_body_is_a_request)
{
    ck_assert_pstr_eq(parse(bodies[_i].body, strlen(bodies[_i].body)), NULL);
    ck_assert_ptr_eq(request.type, LOCKS_TYPE_GADGET);
    ck_assert_uint_eq(request.course_key_length, bodies[_i].course_key_length);
    ck_assert_mem_eq(request.course_key, bodies[_i].course_key,
                     bodies[_i].course_key_length + 1);
    ck_assert_str_eq(request.resource, bodies[_i].resource);
}
END_TEST

#define CONTROLS "subject.gadgetId must not have control characters"
#define GADGET(gadget) BODY("\"gadget\"", "\"course1\"", gadget)

static const struct {
    const char *body;
    const char *error;
} refusals[] = {
    {"", "Malformed JSON at byte 0: expected a value, not the end"},
    {"{\"type\":\"gadget\",", "Malformed JSON at byte 17: expected a name in "
                              "double quotes, not the end"},
    {"\xEF\xBB\xBF{}", "Byte-order mark at byte 0"},
    {"{\"type\":\"\xFF\"}", "Invalid UTF-8 at byte 9"},
    {"[]", "The request must be a JSON object"},
    {"null", "The request must be a JSON object"},
    {"\"gadget\"", "The request must be a JSON object"},
    {"3", "The request must be a JSON object"},
    {"{}", "type is missing"},
    {"{\"subject\":3}", "type is missing"},
    {"{\"type\":null}", "type must be a string"},
    {"{\"type\":{}}", "type must be a string"},
    {"{\"type\":\"gadget\",\"type\":1}", "type must be a string"},
    {"{\"type\":\"x\"}", "type: unknown resource type 'x'; known: gadget"},
    {"{\"type\":\"\"}", "type: unknown resource type ''; known: gadget"},
    {"{\"type\":\"Gadget\"}",
     "type: unknown resource type 'Gadget'; known: gadget"},
    {"{\"type\":\"gadget\\u0000\"}",
     "type: unknown resource type 'gadget\xEF\xBF\xBD'; known: gadget"},
    {"{\"type\":\"gadget\"}", "subject is missing"},
    {"{\"type\":\"gadget\",\"subject\":null}", "subject must be an object"},
    {"{\"type\":\"gadget\",\"subject\":[]}", "subject must be an object"},
    {"{\"type\":\"gadget\",\"subject\":\"course1\"}",
     "subject must be an object"},
    {"{\"type\":\"gadget\",\"subject\":{}}", "subject.courseId is missing"},
    {"{\"type\":\"gadget\",\"courseId\":\"course1\",\"gadgetId\":\"g\","
     "\"subject\":{}}",
     "subject.courseId is missing"},
    {"{\"type\":\"gadget\",\"subject\":{\"courseId\\u0000\":\"course1\"}}",
     "subject.courseId is missing"},
    {BODY("\"gadget\"", "7", "3"), "subject.courseId must be a string"},
    {BODY("\"gadget\"", "null", "3"), "subject.courseId must be a string"},
    {BODY("\"gadget\"", "\"\"", "3"), "subject.courseId must not be empty"},
    {"{\"type\":\"gadget\",\"subject\":{\"courseId\":\"course1\"}}",
     "subject.gadgetId is missing"},
    {GADGET("1"), "subject.gadgetId must be a string"},
    {GADGET("null"), "subject.gadgetId must be a string"},
    {GADGET("[\"g\"]"), "subject.gadgetId must be a string"},
    {GADGET("\"\""), "subject.gadgetId must not be empty"},
    {GADGET("\"\\u0000\""), CONTROLS},
    {GADGET("\"g\\u0000\""), CONTROLS},
    {GADGET("\"g\\n\""), CONTROLS},
    {GADGET("\"\\u001f\""), CONTROLS},
    {GADGET("\"\\u007f\""), CONTROLS},
    {GADGET("\"\x7F\""), CONTROLS},
};

START_TEST(a_body_is_no_request)
{
    ck_assert_pstr_eq(parse(refusals[_i].body, strlen(refusals[_i].body)),
                      refusals[_i].error);
}
END_TEST

START_TEST(a_body_ends_with_its_length)
{
    const char *body = GADGET("\"g\"");

    ck_assert_pstr_eq(parse(body, strlen(body)), NULL);
    ck_assert_pstr_eq(parse(body, strlen(body) + 1),
                      "Malformed JSON at byte 65: expected nothing more");
    ck_assert_pstr_eq(
        parse(body, strlen(body) - 1),
        "Malformed JSON at byte 64: expected ',' or '}', not the end");
}
END_TEST

START_TEST(a_body_has_32_levels)
{
    const char *start = "{\"type\":\"gadget\",\"subject\":{\"courseId\":\"c\","
                        "\"gadgetId\":\"g\"},\"x\":";
    const char *deep = "0", *body;

    for (int level = 2; level <= 32; level++) {
        deep = apr_pstrcat(pool, "[", deep, "]", NULL);
    }
    body = apr_pstrcat(pool, start, deep, "}", NULL);
    ck_assert_pstr_eq(parse(body, strlen(body)), NULL);
    body = apr_pstrcat(pool, start, "[", deep, "]}", NULL);
    ck_assert_pstr_eq(parse(body, strlen(body)),
                      apr_psprintf(pool,
                                   "JSON of more than 32 levels at byte %d",
                                   (int)strlen(start) + 31));
}
END_TEST

START_TEST(a_body_may_fill_its_room)
{
    char *body = repeated(' ', LOCKS_BODY_MAX);

    memcpy(body, BYTES(GADGET("\"g\"")));
    ck_assert_pstr_eq(parse(body, LOCKS_BODY_MAX), NULL);
}
END_TEST

START_TEST(a_gadget_id_has_255_bytes)
{
    const char *start = "{\"type\":\"gadget\",\"subject\":{\"courseId\":\"c\","
                        "\"gadgetId\":\"";
    const char *body =
        apr_pstrcat(pool, start, repeated('g', 255), "\"}}", NULL);

    ck_assert_pstr_eq(parse(body, strlen(body)), NULL);
    ck_assert_str_eq(request.resource, repeated('g', 255));
    body = apr_pstrcat(pool, start, repeated('g', 256), "\"}}", NULL);
    ck_assert_pstr_eq(parse(body, strlen(body)),
                      "subject.gadgetId must not be longer than 255 bytes");
    /* Bytes, not characters. */
    body = apr_pstrcat(pool, start, repeated('g', 254), "\\u00e4\"}}", NULL);
    ck_assert_pstr_eq(parse(body, strlen(body)),
                      "subject.gadgetId must not be longer than 255 bytes");
}
END_TEST

/* ---- What a request wishes ---- */

#define NO_INTEGER "expiresIn must be an integer"
#define NO_TEXT "clientId must be a string"
#define NO_FLAG "takeOver must be true or false"
#define NO_CONTROLS "clientId must not have control characters"

static const struct {
    /** Members of a body. */
    const char *members;
    apr_int64_t expires_in;
    const char *expires_in_wrong;
    const char *client;
    int takes_over;
    const char *error;
} wishes[] = {
    {"", 0, NULL, "", 0, NULL},
    {"\"x\":1", 0, NULL, "", 0, NULL},
    {"\"expiresin\":1,\"clientid\":2,\"takeover\":3", 0, NULL, "", 0, NULL},
    {"\"expiresIn\":60000", 60000, NULL, "", 0, NULL},
    {"\"expiresIn\":1", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":0", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":-0", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":-60000", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":-9223372036854775808", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":-9223372036854775809", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":-100000000000000000000000000", 1, NULL, "", 0, NULL},
    {"\"expiresIn\":9223372036854775807", APR_INT64_MAX, NULL, "", 0, NULL},
    {"\"expiresIn\":9223372036854775808", APR_INT64_MAX, NULL, "", 0, NULL},
    {"\"expiresIn\":18446744073709551615", APR_INT64_MAX, NULL, "", 0, NULL},
    {"\"expiresIn\":18446744073709551616", APR_INT64_MAX, NULL, "", 0, NULL},
    {"\"expiresIn\":100000000000000000000000000", APR_INT64_MAX, NULL, "", 0,
     NULL},
    {"\"expiresIn\":1.0", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":1e3", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":10000000000000000000000.0", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":1e99", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":\"1\"", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":\"100000000000000000000e0\"", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":null", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":true", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":[1]", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":{}", 0, NO_INTEGER, "", 0, NULL},
    {"\"expiresIn\":null,\"expiresIn\":5", 5, NULL, "", 0, NULL},
    {"\"clientId\":\"w1\"", 0, NULL, "w1", 0, NULL},
    {"\"clientId\":\" \u00e4\\\" \"", 0, NULL, " \xC3\xA4\" ", 0, NULL},
    {"\"clientId\":\"\"", 0, NULL, "", 0, "clientId must not be empty"},
    {"\"clientId\":null", 0, NULL, "", 0, NO_TEXT},
    {"\"clientId\":1", 0, NULL, "", 0, NO_TEXT},
    {"\"clientId\":[\"w\"]", 0, NULL, "", 0, NO_TEXT},
    {"\"clientId\":\"\\u0000\"", 0, NULL, "", 0, NO_CONTROLS},
    {"\"clientId\":\"w\\u0000\"", 0, NULL, "", 0, NO_CONTROLS},
    {"\"clientId\":\"\\n\"", 0, NULL, "", 0, NO_CONTROLS},
    {"\"clientId\":\"\x7F\"", 0, NULL, "", 0, NO_CONTROLS},
    {"\"takeOver\":true", 0, NULL, "", 1, NULL},
    {"\"takeOver\":false", 0, NULL, "", 0, NULL},
    {"\"takeOver\":true,\"takeOver\":false", 0, NULL, "", 0, NULL},
    {"\"takeOver\":null", 0, NULL, "", 0, NO_FLAG},
    {"\"takeOver\":1", 0, NULL, "", 1, NO_FLAG},
    {"\"takeOver\":\"true\"", 0, NULL, "", 0, NO_FLAG},
};

static void check_wish(const locks_wish_t *wish, int number)
{
    ck_assert_int_eq(wish->expires_in, wishes[number].expires_in);
    ck_assert_pstr_eq(wish->expires_in_wrong, wishes[number].expires_in_wrong);
    ck_assert_str_eq(wish->client, wishes[number].client);
    ck_assert_int_eq(!!wish->takes_over, wishes[number].takes_over);
}

START_TEST(wishes_are_read)
{
    const char *members = wishes[_i].members;
    const char *body = apr_pstrcat(pool, "{", members, "}", NULL);
    locks_wish_t wish;

    ck_assert_pstr_eq(locks_request_parse_wish(&wish,
                                               exactly(body, strlen(body)),
                                               strlen(body), pool),
                      wishes[_i].error);
    if (wishes[_i].error == NULL) {
        check_wish(&wish, _i);
    }
    body = apr_pstrcat(pool,
                       "{\"type\":\"gadget\",\"subject\":{\"courseId\":"
                       "\"course1\",\"gadgetId\":\"g\"}",
                       *members != '\0' ? "," : "", members, "}", NULL);
    ck_assert_pstr_eq(parse(body, strlen(body)), wishes[_i].error);
    if (wishes[_i].error == NULL) {
        check_wish(&request.wish, _i);
    }
}
END_TEST

START_TEST(a_renewal_may_wish_nothing)
{
    locks_wish_t wish;

    ck_assert_pstr_eq(locks_request_parse_wish(&wish, NULL, 0, pool), NULL);
    check_wish(&wish, 0);
    ck_assert_pstr_ne(locks_request_parse_wish(&wish, " ", 1, pool), NULL);
    ck_assert_pstr_eq(locks_request_parse_wish(&wish, "[]", 2, pool),
                      "The request must be a JSON object");
}
END_TEST

START_TEST(a_client_id_has_64_bytes)
{
    const char *body =
        apr_pstrcat(pool, "{\"clientId\":\"", repeated('w', 64), "\"}", NULL);
    locks_wish_t wish;

    ck_assert_pstr_eq(locks_request_parse_wish(&wish, body, strlen(body), pool),
                      NULL);
    ck_assert_str_eq(wish.client, repeated('w', 64));
    body = apr_pstrcat(pool, "{\"clientId\":\"", repeated('w', 63),
                       "\\u00e4\"}", NULL);
    ck_assert_pstr_eq(locks_request_parse_wish(&wish, body, strlen(body), pool),
                      "clientId must not be longer than 64 bytes");
}
END_TEST

/* ---- The query string ---- */

static const struct {
    const char *query;
    int is_own;
    int names_course;
} own_queries[] = {
    {NULL, 0, 0},
    {"", 0, 0},
    {"ownerId=me", 1, 0},
    {"%6fwnerId=%6de", 1, 0},
    {"x&ownerId=me&y=%zz", 1, 0},
    {"ownerId=me&ownerId=you", 1, 0},
    {"ownerId=you&ownerId=me", 0, 0},
    {"ownerId=me&subject.courseId", 1, 1},
    {"subject.courseId=1&ownerId=me", 1, 1},
    {"ownerId", 0, 0},
    {"ownerId=", 0, 0},
    {"ownerId=ME", 0, 0},
    {"ownerId=me%00", 0, 0},
    {"ownerId=me+", 0, 0},
    {"ownerId=%zz", 0, 0},
    {"ownerid=me", 0, 0},
    {"xownerId=me", 0, 0},
    {"ownerId=me=", 0, 0},
};

START_TEST(a_query_asks_for_the_own)
{
    ck_assert_int_eq(!!locks_request_is_own(own_queries[_i].query, pool),
                     own_queries[_i].is_own);
    ck_assert_int_eq(!!locks_request_names_course(own_queries[_i].query, pool),
                     own_queries[_i].names_course);
}
END_TEST

static const struct {
    const char *query;
    const char *course_key;
    const char *error;
} queries[] = {
    {"subject.courseId=course1", "course1", NULL},
    {"subject%2EcourseId=course1", "course1", NULL},
    {"%73ubject.course%49d=%63ourse1", "course1", NULL},
    {"a=1&subject.courseId=-7&b", "-7", NULL},
    {"&&subject.courseId=7&&", "7", NULL},
    {"subject.courseId=a+b%2Bc%20d", "a b+c d", NULL},
    {"subject.courseId=+", " ", NULL},
    {"subject.courseId=a=b", "a=b", NULL},
    {"subject.courseId==", "=", NULL},
    {"subject.courseId=a;b", "a;b", NULL},
    {"subject.courseId=a%26b%3d%25", "a&b=%", NULL},
    {"subject.courseId=%c3%A4", "\xC3\xA4", NULL},
    {"subject.courseId=\xC3\xA4", "\xC3\xA4", NULL},
    {"subject.courseId=%0a%2f", "\n/", NULL},
    /* Other parameters are ignored, whatever they are. */
    {"%zz=%zz&%00=%&\xFF=%ff&x&=&subject.courseId=course1&%", "course1", NULL},
    {"courseId=2&subject.courseid=3&subject.courseId=1&subject=4", "1", NULL},
    {"subject.courseId%00=2&subject.courseId=1", "1", NULL},
    {"subject.courseId%=2&subject.courseId=1", "1", NULL},
    {"subject.courseId[]=2&subject.courseId=1&subject.courseId2=3", "1", NULL},
    {"+subject.courseId=2&subject.courseId=1", "1", NULL},
    {NULL, NULL, "subject.courseId is missing"},
    {"", NULL, "subject.courseId is missing"},
    {"&", NULL, "subject.courseId is missing"},
    {"x=subject.courseId=1", NULL, "subject.courseId is missing"},
    {"subject.courseid=1", NULL, "subject.courseId is missing"},
    {"subject.courseId%zz=1", NULL, "subject.courseId is missing"},
    {"?subject.courseId=1", NULL, "subject.courseId is missing"},
    {"subject.courseId", NULL, "subject.courseId must not be empty"},
    {"subject.courseId=", NULL, "subject.courseId must not be empty"},
    {"a&subject.courseId&b=1", NULL, "subject.courseId must not be empty"},
    {"subject.courseId=&b=1", NULL, "subject.courseId must not be empty"},
    {"subject.courseId=1&subject.courseId=2", NULL,
     "subject.courseId must be given once only"},
    {"subject.courseId=1&x&subject.courseI%64=1", NULL,
     "subject.courseId must be given once only"},
    {"subject.courseId&subject.courseId=1", NULL,
     "subject.courseId must be given once only"},
    {"subject.courseId=1&subject.courseId", NULL,
     "subject.courseId must be given once only"},
    {"subject.courseId=%", NULL,
     "subject.courseId has a malformed percent escape"},
    {"subject.courseId=a%4&b=1", NULL,
     "subject.courseId has a malformed percent escape"},
    {"subject.courseId=%4&1", NULL,
     "subject.courseId has a malformed percent escape"},
    {"subject.courseId=a%g1", NULL,
     "subject.courseId has a malformed percent escape"},
    {"subject.courseId=%u0041", NULL,
     "subject.courseId has a malformed percent escape"},
    {"subject.courseId=%00", NULL, "subject.courseId must not have U+0000"},
    {"subject.courseId=course1%00", NULL,
     "subject.courseId must not have U+0000"},
    {"subject.courseId=%ff", NULL, "subject.courseId is not UTF-8"},
    {"subject.courseId=a\xFF", NULL, "subject.courseId is not UTF-8"},
    {"subject.courseId=%c3", NULL, "subject.courseId is not UTF-8"},
    {"subject.courseId=%ed%a0%80", NULL, "subject.courseId is not UTF-8"},
    {"subject.courseId=%c0%80", NULL, "subject.courseId is not UTF-8"},
};

START_TEST(a_query_names_a_course)
{
    const char *course_key = "not set";

    ck_assert_pstr_eq(
        locks_request_parse_query(&course_key, queries[_i].query, pool),
        queries[_i].error);
    ck_assert_pstr_eq(course_key, queries[_i].course_key);
}
END_TEST

/* ---- Forms ---- */

typedef int (*valid_fn)(const char *text);

static const struct {
    valid_fn valid;
    /** The text is this and as often this character. */
    const char *start;
    char fill;
    int count;
    int expected;
} forms[] = {
    {locks_course_id_valid, "", 'a', 0, 0},
    {locks_course_id_valid, "", 'a', 5, 0},
    {locks_course_id_valid, "", 'a', 6, 1},
    {locks_course_id_valid, "", 'z', 255, 1},
    {locks_course_id_valid, "", 'a', 256, 0},
    {locks_course_id_valid, "09azbc", 'a', 0, 1},
    {locks_course_id_valid, "", '0', 6, 1},
    {locks_course_id_valid, "courseA", 'a', 0, 0},
    {locks_course_id_valid, "course-1", 'a', 0, 0},
    {locks_course_id_valid, "course1 ", 'a', 0, 0},
    {locks_course_id_valid, "course\xC3\xA4", 'a', 0, 0},
    {locks_course_key_valid, "course1", 'a', 0, 1},
    {locks_course_key_valid, "", 'a', 5, 0},
    {locks_course_key_valid, "", 'a', 255, 1},
    {locks_course_key_valid, "", 'a', 256, 0},
    {locks_course_key_valid, "", '0', 0, 0},
    {locks_course_key_valid, "0", '0', 0, 1},
    {locks_course_key_valid, "7", '0', 0, 1},
    {locks_course_key_valid, "00", '0', 0, 0},
    {locks_course_key_valid, "07", '0', 0, 0},
    /* An integer of six digits and more is a course ID as well. */
    {locks_course_key_valid, "000007", '0', 0, 1},
    {locks_course_key_valid, "9223372036854775808", '0', 0, 1},
    {locks_course_key_valid, "+7", '0', 0, 0},
    {locks_course_key_valid, "-", '0', 0, 0},
    {locks_course_key_valid, "--7", '0', 0, 0},
    {locks_course_key_valid, "-0", '0', 0, 0},
    {locks_course_key_valid, "-07", '0', 0, 0},
    {locks_course_key_valid, "-1", '0', 0, 1},
    {locks_course_key_valid, "-1", '0', 17, 1},
    {locks_course_key_valid, "-1", '0', 18, 1},
    {locks_course_key_valid, "-1", '0', 19, 0},
    {locks_course_key_valid, "-9223372036854775807", '0', 0, 1},
    {locks_course_key_valid, "-9223372036854775808", '0', 0, 1},
    {locks_course_key_valid, "-9223372036854775809", '0', 0, 0},
    {locks_course_key_valid, "-9300000000000000000", '0', 0, 0},
    {locks_course_key_valid, "7 ", '0', 0, 0},
    {locks_course_key_valid, " 7", '0', 0, 0},
    {locks_course_key_valid, "1e3", '0', 0, 0},
    {locks_course_key_valid, "7.0", '0', 0, 0},
    {locks_resource_id_valid, "", 'g', 0, 0},
    {locks_resource_id_valid, "", 'g', 1, 1},
    {locks_resource_id_valid, "", 'g', 255, 1},
    {locks_resource_id_valid, "", 'g', 256, 0},
    {locks_resource_id_valid, "\xC3\xA4", 'g', 253, 1},
    {locks_resource_id_valid, "\xC3\xA4", 'g', 254, 0},
    {locks_resource_id_valid, " ~\"\\/\xC2\x80", 'g', 0, 1},
    {locks_resource_id_valid, "\x01", 'g', 1, 0},
    {locks_resource_id_valid, "g\x1F", 'g', 1, 0},
    {locks_resource_id_valid, "g\x7F", 'g', 0, 0},
    {locks_resource_id_valid, "g\xFF", 'g', 0, 0},
    {locks_resource_id_valid, "g\xC3", 'g', 0, 0},
    {locks_user_id_valid, "", 'u', 0, 0},
    {locks_user_id_valid, "42", 'u', 0, 1},
    {locks_user_id_valid, "", 'u', 512, 1},
    {locks_user_id_valid, "", 'u', 513, 0},
    {locks_user_id_valid, "j\xC3\xB6rg@a b:\n", 'u', 0, 1},
    {locks_user_id_valid, "j\xF6rg", 'u', 0, 0},
    {locks_user_id_valid, "PlainUserSession:", 'u', 0, 0},
    {locks_user_id_valid, "PlainUserSession:x", 'u', 0, 0},
    {locks_user_id_valid, "VFOUserSession:1", 'u', 0, 0},
    {locks_user_id_valid, "PartnerKey:1", 'u', 0, 0},
    {locks_user_id_valid, "LegacyAuthenticator:7", 'u', 0, 0},
    {locks_user_id_valid, "InternalIntegrationKey:1", 'u', 0, 0},
    {locks_user_id_valid, "VFOAccessKey:5", 'u', 0, 0},
    {locks_user_id_valid, "VFOAccessKey", 'u', 0, 1},
    {locks_user_id_valid, "VFOAccessKeys:5", 'u', 0, 1},
    {locks_user_id_valid, "vfoaccesskey:5", 'u', 0, 1},
    {locks_user_id_valid, "xVFOAccessKey:5", 'u', 0, 1},
    {locks_sid_valid, "", 's', 0, 0},
    {locks_sid_valid, "", 's', 1, 1},
    {locks_sid_valid, "", 's', 128, 1},
    {locks_sid_valid, "", 's', 129, 0},
    {locks_sid_valid, "AZaz09._~-", 's', 0, 1},
    {locks_sid_valid, "a b", 's', 0, 0},
    {locks_sid_valid, "a\n", 's', 0, 0},
    {locks_sid_valid, "a+b", 's', 0, 0},
    {locks_sid_valid, "a/b", 's', 0, 0},
    {locks_sid_valid, "a,b", 's', 0, 0},
    {locks_sid_valid, "\xC3\xA4", 's', 0, 0},
};

START_TEST(forms_are_checked)
{
    const char *text = apr_pstrcat(
        pool, forms[_i].start,
        repeated(forms[_i].fill, (apr_size_t)forms[_i].count), NULL);

    ck_assert_int_eq(!!forms[_i].valid(text), forms[_i].expected);
}
END_TEST

static const struct {
    const char *text;
    apr_uint64_t id;
} ids[] = {
    {"1", 1},
    {"10", 10},
    {"1700000000000000001", 1700000000000000001u},
    {"9223372036854775807", 9223372036854775807u},
    {"9223372036854775808", 0},
    {"9999999999999999999", 0},
    {"10000000000000000000", 0},
    {"18446744073709551617", 0},
    {"", 0},
    {"0", 0},
    {"00", 0},
    {"01", 0},
    {"+1", 0},
    {"-1", 0},
    {" 1", 0},
    {"1 ", 0},
    {"1\n", 0},
    {"1x", 0},
    {"0x1", 0},
    {"1.0", 0},
    {"1e1", 0},
    {"\xD9\xA1", 0},
};

START_TEST(lock_ids_are_read)
{
    apr_uint64_t id = 77;

    ck_assert_int_eq(locks_lock_id_parse(&id, ids[_i].text),
                     ids[_i].id ? APR_SUCCESS : APR_EINVAL);
    ck_assert_uint_eq(id, ids[_i].id);
}
END_TEST

START_TEST(types_are_found_by_name)
{
    ck_assert_ptr_eq(locks_type_find("gadget"), LOCKS_TYPE_GADGET);
    ck_assert_str_eq(LOCKS_TYPE_GADGET->name, "gadget");
    ck_assert_str_eq(LOCKS_TYPE_GADGET->resource_member, "gadgetId");
    ck_assert_ptr_null(locks_type_find(""));
    ck_assert_ptr_null(locks_type_find("gadgets"));
    ck_assert_ptr_null(locks_type_find("GADGET"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, a_body_is_a_request, 0, COUNT(bodies));
    tcase_add_loop_test(tcase, a_body_is_no_request, 0, COUNT(refusals));
    tcase_add_test(tcase, a_body_ends_with_its_length);
    tcase_add_test(tcase, a_body_has_32_levels);
    tcase_add_test(tcase, a_body_may_fill_its_room);
    tcase_add_test(tcase, a_gadget_id_has_255_bytes);
    tcase_add_loop_test(tcase, wishes_are_read, 0, COUNT(wishes));
    tcase_add_test(tcase, a_renewal_may_wish_nothing);
    tcase_add_test(tcase, a_client_id_has_64_bytes);
    tcase_add_loop_test(tcase, a_query_asks_for_the_own, 0, COUNT(own_queries));
    tcase_add_loop_test(tcase, a_query_names_a_course, 0, COUNT(queries));
    tcase_add_loop_test(tcase, forms_are_checked, 0, COUNT(forms));
    tcase_add_loop_test(tcase, lock_ids_are_read, 0, COUNT(ids));
    tcase_add_test(tcase, types_are_found_by_name);
    return unit_run(suite);
}
