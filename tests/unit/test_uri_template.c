/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "locks_uri_template.h"

/** As LocksGadgetURI has it, but for the user, who must not be there. */
static const locks_uri_form_t form = {
    .needed = {[LOCKS_URI_COURSE] = 1, [LOCKS_URI_GADGET] = 1},
    .allowed = {[LOCKS_URI_COURSE] = 1, [LOCKS_URI_GADGET] = 1}};

static const char *const taken[] = {
    "/courses/%{course}/gadgets/%{gadget}",
    "/%{course}%{gadget}",
    "/x?course=%{course}&gadget=%{gadget}&course=%{course}",
    "/%7Ea%2fb/%{course}/%{gadget}?100%25",
};

START_TEST(a_template_is_taken)
{
    ck_assert_pstr_eq(locks_uri_check(taken[_i], &form, pool), NULL);
}
END_TEST

static const struct {
    const char *template;
    const char *error;
} refused[] = {
    {"", "takes a path of this site"},
    {"courses/%{course}/%{gadget}", "takes a path of this site"},
    {"http://site/%{course}/%{gadget}", "takes a path of this site"},
    {"//site/%{course}/%{gadget}", "takes a path of this site"},
    {"/%{course}", "needs %{gadget} in it"},
    {"/%{gadget}", "needs %{course} in it"},
    {"/%{course}/%{gadget}/%{user}", "cannot have %{user} in it"},
    {"/%{course}/%{gadget}/%{Course}", "has a % at \"%{Course}\""},
    {"/%{course}/%{gadget}/%s", "has a % at \"%s\""},
    {"/%{course}/%{gadget}/%4", "has a % at \"%4\""},
    {"/%{course}/%{gadget}/%", "has a % at \"%\""},
    {"/%{course}/%{gadget} x", "has a character at \" x\" that no URI has; "
                               "write it as %20"},
    {"/%{course}/%{gadget}#x", "write it as %23"},
    {"/%{course}/%{gadget}\\", "write it as %5C"},
    {"/%{course}/%{gadget}\n", "write it as %0A"},
    {"/%{course}/%{gadget}\xC3\xA4", "write it as %C3"},
};

START_TEST(a_template_is_refused)
{
    const char *error = locks_uri_check(refused[_i].template, &form, pool);

    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error, refused[_i].error) != NULL, "%s", error);
}
END_TEST

static const struct {
    const char *template;
    locks_uri_values_t values;
    const char *uri;
} expansions[] = {
    {"/courses/%{course}/gadgets/%{gadget}",
     {"course1", "g1", NULL},
     "/courses/course1/gadgets/g1"},
    {"/%{course}/%{course}?%{gadget}", {"c", "g", NULL}, "/c/c?g"},
    {"/%{gadget}",
     {NULL, "aZ09-._~ !\"#$%&'()*+,/:;=?@[\\]^`{|}\x80\xFF", NULL},
     "/aZ09-._~%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B"
     "%5C%5D%5E%60%7B%7C%7D%80%FF"},
    {"/%{gadget}", {NULL, "%{user}", "nobody"}, "/%25%7Buser%7D"},
    {"/a/%{user}", {NULL, NULL, NULL}, "/a/"},
    {"/a?%{gadget}&%2e", {NULL, "..", NULL}, "/a?..&%2e"},
    {"/%{gadget}", {NULL, "...", NULL}, "/..."},
    {"/%{gadget}", {NULL, ".a/b.", NULL}, "/.a%2Fb."},
};

START_TEST(a_template_makes_a_uri)
{
    ck_assert_pstr_eq(
        locks_uri_expand(expansions[_i].template, expansions[_i].values, pool),
        expansions[_i].uri);
}
END_TEST

static const char *const elsewhere[] = {
    ".", "..", "", "/", "a/", "/a", "a//b", "../a", "a/..", "a/./b", "a/../b",
};

START_TEST(no_value_leads_elsewhere)
{
    const locks_uri_values_t values = {[LOCKS_URI_GADGET] = elsewhere[_i]};

    ck_assert_pstr_eq(locks_uri_expand("/x/%{gadget}", values, pool), NULL);
    ck_assert_pstr_ne(locks_uri_expand("/x?%{gadget}", values, pool), NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("URI template");
    TCase *tcase = unit_case(suite);

    tcase_add_loop_test(tcase, a_template_is_taken, 0, COUNT(taken));
    tcase_add_loop_test(tcase, a_template_is_refused, 0, COUNT(refused));
    tcase_add_loop_test(tcase, a_template_makes_a_uri, 0, COUNT(expansions));
    tcase_add_loop_test(tcase, no_value_leads_elsewhere, 0, COUNT(elsewhere));
    return unit_run(suite);
}
