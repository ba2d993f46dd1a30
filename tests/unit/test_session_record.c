/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_json.h"
#include "locks_session_kind.h"
#include "locks_session_record.h"

static locks_session_t *session;

static apr_status_t parse(const char *bytes, apr_size_t length)
{
    /* Whatever it says, it must set this. */
    session = (locks_session_t *)pool;
    return locks_session_record_parse(&session, exactly(bytes, length), length,
                                      pool);
}

static const struct {
    const char *name;
    locks_session_kind_e kind;
    int is_user;
} kinds[] = {
    {"PlainUserSession", LOCKS_SESSION_PLAIN_USER, 1},
    {"VFOUserSession", LOCKS_SESSION_VFO_USER, 1},
    {"PartnerKey", LOCKS_SESSION_PARTNER_KEY, 0},
    {"LegacyAuthenticator", LOCKS_SESSION_LEGACY_AUTHENTICATOR, 0},
    {"InternalIntegrationKey", LOCKS_SESSION_INTERNAL_INTEGRATION_KEY, 0},
    {"VFOAccessKey", LOCKS_SESSION_VFO_ACCESS_KEY, 0},
};

START_TEST(kinds_have_names)
{
    ck_assert_int_eq(COUNT(kinds), LOCKS_SESSION_KINDS);
    ck_assert_str_eq(locks_session_kind_name(kinds[_i].kind), kinds[_i].name);
    ck_assert_int_eq(locks_session_kind_is_user(kinds[_i].kind),
                     kinds[_i].is_user);
}
END_TEST

#define RECORD(type, members) "{\"sessionType\":\"" type "\"" members "}"

static const struct {
    const char *record;
    locks_session_kind_e kind;
    const char *user_id;
    const char *principal;
} sessions[] = {
    {"{\"sessionType\": \"PlainUserSession\", \"userId\": \"42\"}",
     LOCKS_SESSION_PLAIN_USER, "42", "42"},
    {RECORD("VFOUserSession", ",\"userId\":\"j\xC3\xB6rg\""),
     LOCKS_SESSION_VFO_USER, "j\xC3\xB6rg", "j\xC3\xB6rg"},
    {RECORD("PlainUserSession", ",\"userId\":42"), LOCKS_SESSION_PLAIN_USER,
     "42", "42"},
    {RECORD("PlainUserSession", ",\"userId\":-7"), LOCKS_SESSION_PLAIN_USER,
     "-7", "-7"},
    {RECORD("PlainUserSession", ",\"userId\":18446744073709551615"),
     LOCKS_SESSION_PLAIN_USER, "18446744073709551615", "18446744073709551615"},
    {RECORD("PlainUserSession", ",\"userId\":-9223372036854775808"),
     LOCKS_SESSION_PLAIN_USER, "-9223372036854775808", "-9223372036854775808"},
    /* Of equal members the last counts. */
    {RECORD("PlainUserSession", ",\"userId\":\"1\",\"userId\":\"2\""),
     LOCKS_SESSION_PLAIN_USER, "2", "2"},
    {RECORD("PartnerKey", ",\"userId\":\"1\",\"sessionType\":"
                          "\"PlainUserSession\""),
     LOCKS_SESSION_PLAIN_USER, "1", "1"},
    /* Unknown members are ignored, as are those of other kinds. */
    {RECORD("PlainUserSession", ",\"userId\":\"1\",\"id\":[],\"x\":{\"y\":1},"
                                "\"big\":1000000000000000000000"),
     LOCKS_SESSION_PLAIN_USER, "1", "1"},
    {RECORD("PlainUserSession", ",\"userId\":\"1\",\"userId\\u0000\":\"2\""),
     LOCKS_SESSION_PLAIN_USER, "1", "1"},
    /* Near a kind's name, but none. */
    {RECORD("PlainUserSession", ",\"userId\":\"PartnerKey\""),
     LOCKS_SESSION_PLAIN_USER, "PartnerKey", "PartnerKey"},
    {RECORD("PartnerKey", ""), LOCKS_SESSION_PARTNER_KEY, NULL, NULL},
    {RECORD("PartnerKey", ",\"id\":\"7\",\"userId\":null"),
     LOCKS_SESSION_PARTNER_KEY, NULL, NULL},
    {RECORD("LegacyAuthenticator", ",\"authenticatorId\":\"7\""),
     LOCKS_SESSION_LEGACY_AUTHENTICATOR, NULL, "LegacyAuthenticator:7"},
    {RECORD("LegacyAuthenticator", ",\"authenticatorId\":7,\"userId\":1"),
     LOCKS_SESSION_LEGACY_AUTHENTICATOR, NULL, "LegacyAuthenticator:7"},
    {RECORD("VFOAccessKey", ",\"vfoRootOrgId\":5,\"id\":6"),
     LOCKS_SESSION_VFO_ACCESS_KEY, NULL, "VFOAccessKey:5"},
    {RECORD("InternalIntegrationKey", ",\"id\":\"x y\""),
     LOCKS_SESSION_INTERNAL_INTEGRATION_KEY, NULL,
     "InternalIntegrationKey:x y"},
    {RECORD("LegacyAuthenticator", ""), LOCKS_SESSION_LEGACY_AUTHENTICATOR,
     NULL, NULL},
    {RECORD("LegacyAuthenticator", ",\"authenticatorId\":\"\""),
     LOCKS_SESSION_LEGACY_AUTHENTICATOR, NULL, NULL},
    {RECORD("LegacyAuthenticator", ",\"id\":\"7\""),
     LOCKS_SESSION_LEGACY_AUTHENTICATOR, NULL, NULL},
    {RECORD("VFOAccessKey", ""), LOCKS_SESSION_VFO_ACCESS_KEY, NULL, NULL},
    {RECORD("InternalIntegrationKey", ",\"id\":\"\""),
     LOCKS_SESSION_INTERNAL_INTEGRATION_KEY, NULL, NULL},
};

START_TEST(a_record_is_a_session)
{
    ck_assert_int_eq(parse(sessions[_i].record, strlen(sessions[_i].record)),
                     APR_SUCCESS);
    ck_assert_int_eq(session->kind, sessions[_i].kind);
    ck_assert_pstr_eq(session->user_id, sessions[_i].user_id);
    ck_assert_pstr_eq(session->principal, sessions[_i].principal);
}
END_TEST

static const struct {
    const char *record;
    apr_size_t length;
    apr_status_t status;
} refusals[] = {
    {BYTES(""), APR_EINVAL},
    {BYTES("42"), APR_EINVAL},
    {BYTES("null"), APR_EINVAL},
    {BYTES("[]"), APR_EINVAL},
    {BYTES("\"PartnerKey\""), APR_EINVAL},
    {BYTES("{}"), APR_EINVAL},
    {BYTES("{\"userId\":\"42\"}"), APR_EINVAL},
    {BYTES("{\"sessionType\":null,\"userId\":\"42\"}"), APR_EINVAL},
    {BYTES("{\"sessionType\":0,\"userId\":\"42\"}"), APR_EINVAL},
    {BYTES("{\"sessiontype\":\"PartnerKey\"}"), APR_EINVAL},
    {BYTES(RECORD("", "")), APR_EINVAL},
    {BYTES(RECORD("partnerkey", "")), APR_EINVAL},
    {BYTES(RECORD("PartnerKeys", "")), APR_EINVAL},
    {BYTES(RECORD("PartnerKey\\u0000", "")), APR_EINVAL},
    {BYTES(RECORD("PartnerKey", "") "x"), APR_EINVAL},
    {BYTES(RECORD("PartnerKey", "") "\0"), APR_EINVAL},
    {BYTES("{'sessionType':\"PartnerKey\"}"), APR_EINVAL},
    {BYTES("\xEF\xBB\xBF" RECORD("PartnerKey", "")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", "")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"id\":\"42\"")), APR_EINVAL},
    {BYTES(RECORD("VFOUserSession", ",\"userId\":null")), APR_EINVAL},
    {BYTES(RECORD("VFOUserSession", ",\"userId\":true")), APR_EINVAL},
    {BYTES(RECORD("VFOUserSession", ",\"userId\":{}")), APR_EINVAL},
    {BYTES(RECORD("VFOUserSession", ",\"userId\":[\"1\"]")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":4.0")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":4e1")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":18446744073709551616")),
     APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":-9223372036854775809")),
     APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":\"\xFF\"")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":\"\"")), APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":\"1\\u0000\"")),
     APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":\"\\u0000\"")),
     APR_EINVAL},
    {BYTES(RECORD("PlainUserSession", ",\"userId\":\"VFOAccessKey:5\"")),
     APR_EINVAL},
    {BYTES(RECORD("LegacyAuthenticator", ",\"authenticatorId\":null")),
     APR_EINVAL},
    {BYTES(RECORD("LegacyAuthenticator", ",\"authenticatorId\":1.5")),
     APR_EINVAL},
    {BYTES(RECORD("VFOAccessKey", ",\"vfoRootOrgId\":[]")), APR_EINVAL},
    {BYTES(RECORD("InternalIntegrationKey", ",\"id\":false")), APR_EINVAL},
    {BYTES(RECORD("InternalIntegrationKey", ",\"id\":\"7\\u0000x\"")),
     APR_EINVAL},
};

START_TEST(a_record_is_no_session)
{
    ck_assert_int_eq(parse(refusals[_i].record, refusals[_i].length),
                     refusals[_i].status);
    ck_assert_ptr_null(session);
}
END_TEST

START_TEST(a_record_has_limits)
{
    const char *start = RECORD("PartnerKey", "");
    const char *room = repeated(' ', LOCKS_JSON_LENGTH_MAX - strlen(start));
    const char *deep = "0";

    start = apr_pstrcat(pool, start, room, " ", NULL);
    ck_assert_int_eq(parse(start, LOCKS_JSON_LENGTH_MAX), APR_SUCCESS);
    ck_assert_int_eq(parse(start, LOCKS_JSON_LENGTH_MAX + 1), APR_EINVAL);

    for (int level = 2; level <= 32; level++) {
        deep = apr_pstrcat(pool, "[", deep, "]", NULL);
    }
    start = "{\"sessionType\":\"PartnerKey\",\"x\":";
    deep = apr_pstrcat(pool, start, deep, "}", NULL);
    ck_assert_int_eq(parse(deep, strlen(deep)), APR_SUCCESS);
    deep = apr_pstrcat(pool, start, deep, "}", NULL);
    ck_assert_int_eq(parse(deep, strlen(deep)), APR_EINVAL);
}
END_TEST

START_TEST(a_user_id_has_a_limit)
{
    const char *start = "{\"sessionType\":\"PlainUserSession\",\"userId\":\"";
    const char *record =
        apr_pstrcat(pool, start, repeated('a', 512), "\"}", NULL);

    ck_assert_int_eq(parse(record, strlen(record)), APR_SUCCESS);
    ck_assert_uint_eq(strlen(session->user_id), 512);
    record = apr_pstrcat(pool, start, repeated('a', 513), "\"}", NULL);
    ck_assert_int_eq(parse(record, strlen(record)), APR_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session record");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, kinds_have_names, 0, COUNT(kinds));
    tcase_add_loop_test(tcase, a_record_is_a_session, 0, COUNT(sessions));
    tcase_add_loop_test(tcase, a_record_is_no_session, 0, COUNT(refusals));
    tcase_add_test(tcase, a_record_has_limits);
    tcase_add_test(tcase, a_user_id_has_a_limit);
    return unit_run(suite);
}
