/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_address.h"

static const char *parse(apr_array_header_t **addresses, const char *text)
{
    return locks_address_parse(addresses, exactly(text, strlen(text)),
                               strlen(text), pool);
}

static const struct {
    const char *text;
    const char *host;
    const char *path;
    apr_uint16_t port;
    const char *name;
} good[] = {
    {"127.0.0.1", "127.0.0.1", NULL, 11211, "127.0.0.1:11211"},
    {"127.0.0.1:1", "127.0.0.1", NULL, 1, "127.0.0.1:1"},
    {"localhost:65535", "localhost", NULL, 65535, "localhost:65535"},
    {"cache-1.example_x.com", "cache-1.example_x.com", NULL, 11211,
     "cache-1.example_x.com:11211"},
    {"a:00080", "a", NULL, 80, "a:80"},
    {"[::1]", "::1", NULL, 11211, "[::1]:11211"},
    {"[::1]:11212", "::1", NULL, 11212, "[::1]:11212"},
    {"[fe80::1%eth0]:5", "fe80::1%eth0", NULL, 5, "[fe80::1%eth0]:5"},
    {"[::ffff:127.0.0.1]", "::ffff:127.0.0.1", NULL, 11211,
     "[::ffff:127.0.0.1]:11211"},
    {"unix:/run/memcached.sock", NULL, "/run/memcached.sock", 0,
     "unix:/run/memcached.sock"},
    {"unix:/a:b", NULL, "/a:b", 0, "unix:/a:b"},
};

START_TEST(an_address_is_read)
{
    apr_array_header_t *addresses;
    const locks_address_t *address;

    ck_assert_ptr_null(parse(&addresses, good[_i].text));
    ck_assert_int_eq(addresses->nelts, 1);
    address = &APR_ARRAY_IDX(addresses, 0, locks_address_t);
    ck_assert_pstr_eq(address->host, good[_i].host);
    ck_assert_pstr_eq(address->path, good[_i].path);
    ck_assert_uint_eq(address->port, good[_i].port);
    ck_assert_str_eq(address->name, good[_i].name);
}
END_TEST

/** What is wrong, and a part of the message that says so. */
static const struct {
    const char *text;
    const char *says;
} bad[] = {
    {"", "no server is named"},
    {",", "empty entry"},
    {"a,", "empty entry"},
    {",a", "empty entry"},
    {"a,,b", "empty entry"},
    {" a", "byte 1 "},
    {"a, b", "byte 3 "},
    {"a\n", "byte 2 "},
    {"a\x7f", "byte 2 "},
    {"h\xc3\xb6st", "byte 2 "},
    {"a:", "'a:': the port"},
    {"a:0", "'a:0': the port"},
    {"a:65536", "the port"},
    {"a:4294967297", "the port"},
    {"a:000001", "the port"},
    {"a:+1", "the port"},
    {"a:-1", "the port"},
    {"a:1x", "the port"},
    {"[::1]:", "the port"},
    {"[::1]:99999", "the port"},
    {":11211", "names no host"},
    {"a/b", "names no host"},
    {"user@host", "names no host"},
    {"::1", "in brackets"},
    {"::1:11211", "in brackets"},
    {"[::1", "no IPv6 address"},
    {"[::1]x", "no IPv6 address"},
    {"[]", "no IPv6 address"},
    {"[127.0.0.1]", "no IPv6 address"},
    {"[::1%]", "no IPv6 address"},
    {"[::g]", "no IPv6 address"},
    {"/run/x.sock", "write unix:/run/x.sock"},
    {"unix:", "absolute path"},
    {"unix", "absolute path"},
    {"a,unix,b", "absolute path"},
    {"unix:/", "absolute path"},
    {"unix:run/x", "absolute path"},
    {"a,a", "listed twice"},
    {"a,b,A:11211", "listed twice"},
    {"[::1],[::1]:11211", "listed twice"},
    {"unix:/x,unix:/x", "listed twice"},
};

START_TEST(a_wrong_list_is_told)
{
    apr_array_header_t *addresses;
    const char *error = parse(&addresses, bad[_i].text);

    ck_assert_msg(error != NULL, "'%s' was taken", bad[_i].text);
    ck_assert_msg(strstr(error, bad[_i].says) != NULL, "'%s': %s", bad[_i].text,
                  error);
}
END_TEST

START_TEST(order_is_kept)
{
    apr_array_header_t *addresses;

    ck_assert_ptr_null(parse(&addresses, "b:2,a:1,unix:/c,unix:/C,a:3"));
    ck_assert_int_eq(addresses->nelts, 5);
    ck_assert_str_eq(APR_ARRAY_IDX(addresses, 0, locks_address_t).name, "b:2");
    ck_assert_str_eq(APR_ARRAY_IDX(addresses, 1, locks_address_t).name, "a:1");
    ck_assert_str_eq(APR_ARRAY_IDX(addresses, 4, locks_address_t).name, "a:3");
}
END_TEST

START_TEST(what_others_may_reach_is_told)
{
    static const struct {
        const char *text;
        int local;
    } cases[] = {
        {"127.0.0.1", 1},
        {"127.1.2.3:11212", 1},
        {"localhost:11211", 1},
        {"LocalHost", 1},
        {"[::1]", 1},
        {"[::ffff:127.0.0.1]:1", 1},
        {"unix:/run/x.sock", 1},
        {"10.0.0.1", 0},
        {"0.0.0.0", 0},
        {"127.example.org", 0},
        {"[::]", 0},
        {"[::ffff:10.0.0.1]", 0},
        {"[fe80::1]", 0},
        {"locks.example.org", 0},
        {"128.0.0.1", 0},
        {"localhost.example.org", 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_array_header_t *list = NULL;

        ck_assert_ptr_null(locks_address_parse(&list, cases[i].text,
                                               strlen(cases[i].text), pool));
        ck_assert_msg(locks_address_is_local(&APR_ARRAY_IDX(
                          list, 0, locks_address_t)) == cases[i].local,
                      "%s", cases[i].text);
    }
}
END_TEST

START_TEST(a_nul_is_no_end)
{
    apr_array_header_t *addresses;

    ck_assert_ptr_nonnull(locks_address_parse(&addresses, BYTES("a\0b"), pool));
}
END_TEST

START_TEST(lists_have_limits)
{
    apr_array_header_t *addresses;
    const char *list = "h0";
    int i;

    for (i = 1; i < LOCKS_ADDRESS_SERVERS_MAX; i++) {
        list = apr_psprintf(pool, "%s,h%d", list, i);
    }
    ck_assert_ptr_null(parse(&addresses, list));
    ck_assert_int_eq(addresses->nelts, LOCKS_ADDRESS_SERVERS_MAX);
    ck_assert_ptr_nonnull(
        parse(&addresses, apr_pstrcat(pool, list, ",one-more", NULL)));
    ck_assert_ptr_null(
        parse(&addresses, repeated('h', LOCKS_ADDRESS_HOST_MAX)));
    ck_assert_ptr_nonnull(
        parse(&addresses, repeated('h', LOCKS_ADDRESS_HOST_MAX + 1)));
    ck_assert_ptr_nonnull(
        parse(&addresses,
              apr_pstrcat(pool, "[fe80::1%",
                          repeated('z', LOCKS_ADDRESS_HOST_MAX), "]", NULL)));
    ck_assert_ptr_null(
        parse(&addresses,
              apr_pstrcat(pool, "unix:/",
                          repeated('p', LOCKS_ADDRESS_PATH_MAX - 1), NULL)));
    ck_assert_ptr_nonnull(parse(
        &addresses, apr_pstrcat(pool, "unix:/",
                                repeated('p', LOCKS_ADDRESS_PATH_MAX), NULL)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, an_address_is_read, 0, COUNT(good));
    tcase_add_loop_test(tcase, a_wrong_list_is_told, 0, COUNT(bad));
    tcase_add_test(tcase, order_is_kept);
    tcase_add_test(tcase, what_others_may_reach_is_told);
    tcase_add_test(tcase, a_nul_is_no_end);
    tcase_add_test(tcase, lists_have_limits);
    return unit_run(suite);
}
