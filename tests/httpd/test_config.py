# SPDX-License-Identifier: Apache-2.0
"""Directives: bad values are refused with a message, good ones count."""

from contextlib import ExitStack

import pytest

from harness import contract
from harness.httpd import MODULES, Httpd
from harness.memcached import memcached, memcached_on_socket
from harness.site import LOCATION, running_site
from harness.system import temporary_folder

SQL = '"SELECT id FROM t WHERE a = %s AND b = %s"'
BAD = {
    "LocksBase": ["locks", '""', "http://localhost/locks", "/a?b", "/a#b",
                  "/a/../b", "/a//b", "/locks /other"],
    "LocksStore": [
        '""', "memcached", "memcached:", "127.0.0.1:11211", "redis:localhost",
        ":127.0.0.1", "memcached:127.0.0.1:0", "memcached:127.0.0.1:65536",
        "memcached:127.0.0.1:abc", "memcached:127.0.0.1:", "memcached::11211",
        "memcached:a,,b", "memcached:a,", "memcached:,a",
        "memcached:unix:relative/path", "memcached:unix:", "memcached:[::1",
        "memcached:[::1]x", "memcached:[]:1", "memcached:127.0.0.1:-1",
        "memcached:127.0.0.1:11211x", "memcached:127.0.0.1:111111111111111",
        '"memcached:a b"', '"memcached:a, b"', "memcached:unix:/" + "x" * 200,
        "memcached:a memcached:b",
    ],
    "LocksSessionStore": ['""', "memcached", "memcached:", "nosuch:x",
                          "memcached:a,,b", "memcached:a:99999"],
    "LocksSessionKey": ['""', "session:", "%d", "%s%s", "session:%s:%d",
                        '"a %s"', "%", "session:%s%", "%S", "%%s",
                        "%s" + "x" * 250, '"%s\t"'],
    "LocksSessionCache": ['""', "999ms", "1ms", "-1", "3601s", "61m", "2h",
                          "abc", "1.5s", "5x", "none", "on", "1m 1m",
                          "99999999999999999999"],
    "LocksKeyPrefix": ['"a b"', "x" * 251, '"a\tb"'],
    "LocksTTL": ['""', "0", "0s", "999ms", "86401", "25h", "-1", "-5m",
                 "abc", "5x", "1.5s", "5 m", "m", "ms", "5mm", "1h30m",
                 "1441m", "99999999999999999999", "0x10", "+5", "5M "],
    "LocksStoreTimeout": ['""', "0", "0ms", "-1", "abc", "250us", "1.5s",
                          "ms", "99999999999999999999"],
    "LocksClockSkew": ['""', "-1", "abc", "1.5s", "-1ms",
                       "99999999999999999999"],
    "LocksMaxPerCourse": ['""', "0", "-1", "abc", "1.5", "1k", "10 20",
                          "99999999999999999999", "4294967297"],
    "LocksCatalog": ['""', "nosuch", "dbd other"],
    "LocksCatalogCache": ['""', "-1", "abc", "1.5s", "25h", "1m abc", "1m 25h",
                          "1m 1m 1m"],
    "LocksCourseURI": ['""', "courses/%{course}", "/courses", "/%{gadget}",
                       "http://a/%{course}", "/%s", "/%{course} x",
                       "/%{course}#x", '"/%{course} x"', "/%{Course}"],
    "LocksGadgetURI": ['""', "/%{course}", "/%{gadget}",
                       "/%{course}/%{gadget}/%", "//%{course}/%{gadget}"],
    "LocksAccessURI": ['""', "/%{user}", "/%{course}/%{gadget}",
                       "/%{course} x", "/%{course} contains=",
                       "/%{course} contains=permissions",
                       "/%{course} contains=/", "/%{course} contains=/a~b",
                       "/%{course} /permissions/Edit",
                       "/%{course} contains=/a/b contains=/c/d"],
    "LocksGuard": ['""', "on", "respect require"],
    "LocksSubject": ['""', '"%{nosuch:x}"', '"a" "%{nosuch:x}"',
                     '"a" body:gadgets', '"a" body:/a~', '"a" "b" "c"'],
    "LocksGuardMethods": ['""', "put", "PUT,POST", '"PUT POST"', "PUT 1"],
    "LocksGuardFailure": ['""', "off", "open closed"],
    "LocksCourseQuery": ['""', '"SELECT 1"', '"SELECT %d"', "a b",
                         '"SELECT %s %d"', '"SELECT %s %"'],
    "LocksGadgetQuery": ['""', '"SELECT 1"', '"SELECT %s"',
                         '"SELECT %s %s %s"', '"SELECT %s %d"',
                         '"SELECT %s %s %"'],
    "LocksAccessQuery": ['""', '"SELECT 1"', '"SELECT %s"',
                         '"SELECT %s %s %s"', '"SELECT %s %d"'],
}
GOOD = {
    "LocksBase": ["/locks", "/api/v2/locks", "/a-b_c.d~e", "/ä"],
    "LocksStore": [
        "memcached:127.0.0.1", "memcached:localhost",
        "memcached:127.0.0.1:11211", "memcached:localhost:1",
        "memcached:[::1]:11211", "memcached:[::1]",
        "memcached:127.0.0.1:65535", "memcached:unix:/run/memcached.sock",
        "memcached:127.0.0.1:1,127.0.0.1:2,127.0.0.1:3",
        "memcached:unix:/run/a,unix:/run/b", "memcached:127.0.0.1,[::1]:1",
    ],
    "LocksSessionStore": ["memcached:127.0.0.1", "memcached:unix:/run/a"],
    "LocksSessionKey": ["%s", "session:%s", "a/%s/b", "sess_%s",
                        "x" * 120 + "%s"],
    "LocksSessionCache": ["0", "off", "Off", "0ms", "1s", "1", "1000ms", "30s",
                          "60m", "1h"],
    "LocksKeyPrefix": ["locks:", "x", "a/b-c_d.e", "locks:%s"],
    "LocksTTL": ["1s", "1", "1000ms", "90", "5m", "24h", "86400", "1440m",
                 "86400s", "86400000ms"],
    "LocksStoreTimeout": ["250ms", "1", "1s", "10ms", "5s"],
    "LocksClockSkew": ["0", "0s", "0ms", "500ms", "2", "1m"],
    "LocksMaxPerCourse": ["1", "1000", "5000"],
    "LocksGuard": ["off", "respect", "Require"],
    "LocksSubject": ['"%{env:MATCH_COURSE}"', '"a" "%{env:MATCH_GADGET}"',
                     '"a" body:/gadgets', '"a" body:', '"a" body:/a/0/~0~1'],
    "LocksGuardMethods": ["PUT", "PUT POST VERSION-CONTROL"],
    "LocksGuardFailure": ["closed", "Open"],
    "LocksCatalog": ["dbd"],
    "LocksCatalogCache": ["0", "1s", "250ms", "1m 5s", "0 5s", "24h 0"],
    "LocksCourseURI": ["/courses/%{course}", '"/a%20b?c=%{course}&d=%{user}"'],
    "LocksGadgetURI": ["/courses/%{course}/gadgets/%{gadget}"],
    "LocksAccessURI": [
        "/access/%{course}/%{user}",
        "/permissions?id=%{course} contains=/permissions/Edit",
        '"/permissions?id=%{course}" "contains=/a b~1c/0/~0"'],
    "LocksCourseQuery": ['"SELECT id FROM c WHERE id = %s"',
                         '"SELECT id FROM c WHERE a = %s OR b = %s"',
                         '"SELECT id FROM c WHERE %s IN (a, %s, %s)"'],
    "LocksGadgetQuery": [SQL],
    "LocksAccessQuery": [SQL],
}
IN_DIRECTORY = ("LocksBase", "LocksCatalog", "LocksCatalogCache",
                "LocksCourseURI", "LocksGadgetURI", "LocksAccessURI",
                "LocksGuard", "LocksSubject", "LocksGuardMethods",
                "LocksGuardFailure")


def cases(table):
    for directive, values in table.items():
        for value in values:
            yield pytest.param(directive, value,
                               id=f"{directive} {value[:40]!r}")


@pytest.fixture(scope="module")
def folder():
    with temporary_folder() as folder:
        yield folder


def run_configtest(folder, config, **settings):
    return Httpd(folder, config, **settings).test_config()


@pytest.mark.parametrize("directive, value", cases(BAD))
def test_bad_value_is_refused_by_name(folder, directive, value):
    status, output = run_configtest(folder, f"{directive} {value}")
    assert status != 0, "it was taken"
    message = output.split("AH00526", 1)[-1]
    assert directive in message, output


@pytest.mark.parametrize("directive, value", cases(GOOD))
def test_good_value_is_taken_in_server_and_vhost(folder, directive, value):
    for settings in ({"config": f"{directive} {value}"},
                     {"config": "", "vhosts": {"v": f"{directive} {value}"}}):
        status, output = run_configtest(folder, **settings)
        assert status == 0, output


@pytest.mark.parametrize("directive", GOOD)
def test_directive_needs_a_value(folder, directive):
    status, output = run_configtest(folder, directive)
    assert status != 0 and directive in output


@pytest.mark.parametrize("directive", GOOD)
def test_directive_stands_where_it_is_allowed(folder, directive):
    line = f"{directive} {GOOD[directive][0]}"
    status, output = run_configtest(
        folder, f'<Location "/x">\n{line}\n</Location>')
    assert (status == 0) == (directive in IN_DIRECTORY), output


def test_store_may_be_named_before_its_provider_is_there(folder):
    """The built-in provider is known wherever the directive stands."""
    status, output = run_configtest(
        folder, "LocksStore memcached:127.0.0.1:1\n" + LOCATION)
    assert status == 0, output


def test_module_loads_without_mod_dbd_and_says_so(folder):
    modules = tuple(name for name in MODULES if name != "dbd")
    status, output = run_configtest(folder, LOCATION, modules=modules)
    assert status == 0 or "dbd" in output, output


# ---- What counts at run time ----

@pytest.mark.parametrize("directive", GOOD)
def test_htaccess_may_not_set_it(htaccess_site, directive):
    site = htaccess_site
    (site.httpd.folder / "htdocs" / "sub" / ".htaccess").write_text(
        f"{directive} {GOOD[directive][0]}\n")
    answer = site.client().raw("GET", "/sub/index.html", checked=False)
    assert answer.status == 500, answer
    assert "not allowed here" in site.httpd.log()


@pytest.fixture(scope="module")
def htaccess_site():
    with running_site(config="""
<Directory "{folder}/htdocs">
    AllowOverride All
    Require all granted
</Directory>""") as site:
        sub = site.httpd.folder / "htdocs" / "sub"
        sub.mkdir()
        (sub / "index.html").write_text("x")
        assert site.client().raw("GET", "/sub/index.html",
                                 checked=False).status == 200
        yield site


def test_smallest_configuration_serves():
    with running_site(timeout=None) as site:
        course = site.course()
        user = site.user(course)
        lock = contract.granted(user.lock(course, "g1"))
        assert len(contract.listed(user.locks(course))) == 1
        contract.released(user.unlock(lock["id"]))


PLACES = """
<Location "/api/v2/locks">
    SetHandler locks
    LocksBase /api/v2/locks
</Location>
<Location "/forgotten">
    SetHandler locks
</Location>
RewriteEngine On
RewriteRule ^/old(/.*)?$ /locks$1 [PT]
"""
VHOSTS = {
    "elsewhere": """
        LocksBase /elsewhere
        <Location "/elsewhere">
            SetHandler locks
        </Location>""",
    "isolated": "LocksKeyPrefix isolated:",
    "same": "ServerAdmin nobody@example.org",
    "long": "LocksTTL 1h",
    "longest": "LocksTTL 24h",
    "milliseconds": "LocksTTL 90000ms",
    "seconds": "LocksTTL 77",
}


@pytest.fixture(scope="module")
def places():
    with running_site(location=LOCATION + PLACES, vhosts=VHOSTS) as site:
        yield site


def test_base_may_be_another_path(places):
    course = places.course()
    user = places.user(course).at(base="/api/v2/locks")
    lock = contract.granted(user.lock(course, "g1"), base="/api/v2/locks")
    assert len(contract.listed(user.locks(course))) == 1
    assert len(contract.listed(user.at(base="/locks").locks(course))) == 1
    answer = user.raw("PUT", "/api/v2/locks")
    contract.error(answer, 405)
    assert user.raw("OPTIONS", "/api/v2/locks/1").status == 204
    contract.error(user.raw("GET", "/api/v2/locks/1/2"), 404, "Not found")
    again = user.post({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": "g1"}}, path="/api/v2/locks/")
    contract.granted(again, base="/api/v2/locks")
    contract.released(user.unlock(lock["id"]))


def test_base_of_a_virtual_host(places):
    course = places.course()
    user = places.user(course, vhost="elsewhere").at(base="/elsewhere")
    lock = contract.granted(user.lock(course, "g1"), base="/elsewhere")
    contract.released(user.unlock(lock["id"]))


def test_forgotten_base_is_an_error_that_the_log_explains(places):
    user = places.user()
    log = places.httpd.log_after(
        lambda: user.raw("GET", "/forgotten?subject.courseId=course1"))
    assert "LocksBase" in log


def test_rewritten_path_is_served(places):
    course = places.course()
    user = places.user(course).at(base="/old")
    answer = user.lock(course, "g1")
    lock = contract.granted(answer)
    contract.released(user.unlock(lock["id"]))


def test_folder_of_the_same_name_changes_nothing(places):
    folder = places.httpd.folder / "htdocs" / "locks"
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text("a file")
    (folder / ".htaccess").write_text("Require all denied\n")
    (folder / "1").write_text("a file")
    course = places.course()
    user = places.user(course)
    assert contract.listed(user.locks(course)) == []
    answer = user.raw("GET", f"/locks/?subject.courseId={course.id}")
    assert contract.listed(answer) == []
    contract.no_lock(user.unlock("1"), "1")


def test_hosts_of_one_prefix_share_locks(places):
    course = places.course()
    user, other = places.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    same = places.httpd.addresses["same"]
    contract.taken(other.at(same).lock(course, "g1"))
    contract.forbidden(other.at(same).unlock(lock["id"]))
    contract.released(user.at(same).unlock(lock["id"]))


def test_hosts_of_two_prefixes_do_not_share_locks(places):
    course = places.course()
    user, other = places.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    isolated = places.httpd.addresses["isolated"]
    assert contract.listed(other.at(isolated).locks(course)) == []
    contract.granted(other.at(isolated).lock(course, "g1"))
    contract.no_lock(user.at(isolated).unlock(lock["id"]), lock["id"])
    contract.granted(user.at(isolated).lock(course, "g2"))
    assert contract.held(user.locks(course)) == {
        "g1": (user.user_id, lock["id"])}


@pytest.mark.parametrize("vhost, lease", [
    ("", 300000), ("same", 300000), ("long", 3600000),
    ("longest", 86400000), ("milliseconds", 90000), ("seconds", 77000),
])
def test_lease_of_each_host_is_its_own(places, vhost, lease):
    course = places.course()
    user = places.user(course, vhost=vhost)
    contract.granted(user.lock(course, "g1"), lease=lease)


def test_store_on_a_unix_socket():
    with memcached_on_socket() as store, running_site(store=store) as site:
        course = site.course()
        user, other = site.users(2, course)
        contract.granted(user.lock(course, "g1"))
        contract.taken(other.lock(course, "g1"))


def test_store_on_ipv6():
    with memcached(host="::1") as store, running_site(store=store) as site:
        course = site.course()
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))


def test_store_by_its_host_name():
    with memcached() as store:
        name = f"localhost:{store.address[1]}"
        with running_site(store=store, address=name) as site:
            course = site.course()
            contract.granted(site.user(course).lock(course, "g1"))


def test_virtual_host_may_have_a_store_of_its_own():
    with ExitStack() as stack:
        second = stack.enter_context(memcached())
        site = stack.enter_context(running_site(vhosts={
            "second": f"LocksStore memcached:{second.name}"}))
        course = site.course()
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))
        at_second = user.at(site.httpd.addresses["second"])
        # Sessions are read from that store too.
        contract.unauthorized(at_second.locks(course))
        site.write_session(user.sid, {"sessionType": "PlainUserSession",
                                      "userId": user.user_id}, store=second)
        assert contract.listed(at_second.locks(course)) == []


def test_graceful_restart_keeps_locks_and_reads_directives_again():
    with running_site(config="LocksTTL 5m") as site:
        course = site.course()
        user, other = site.users(2, course)
        lock = contract.granted(user.lock(course, "g1"))
        site.httpd.config = site.httpd.config.replace("LocksTTL 5m",
                                                      "LocksTTL 10m")
        site.httpd.write_config()
        site.httpd.restart_gracefully()
        contract.taken(other.lock(course, "g1"))
        again = contract.granted(user.lock(course, "g1"), lease=600000)
        assert again["id"] == lock["id"]
        for _ in range(2):
            site.httpd.restart_gracefully()
        contract.released(user.unlock(lock["id"]))


def test_connections_to_the_store_are_bounded_and_kept():
    """Not one connection a request, and not more than threads."""
    with running_site() as site:
        course = site.course()
        user = site.user(course)

        def connections():
            with site.store.client() as client:
                stats, line = {}, client.command("stats")
                while line != "END":
                    _, name, value = line.split(" ", 2)
                    stats[name] = value
                    line = client.line()
            return int(stats["total_connections"])

        before = connections()
        for _ in range(300):
            contract.granted(user.lock(course, "g1"))
        assert connections() - before < 150


def test_keys_are_within_memcacheds_rules_for_any_user_and_gadget():
    """Long and odd ids, a long prefix: everything still has a key."""
    prefix = "p" * 60 + ":"
    with running_site(config=f"LocksKeyPrefix {prefix}") as site:
        gadgets = ["g " * 127, "é" * 127, "x" * 255]
        course = site.course(*gadgets, course_id="c" * 200)
        names = ["u " * 120, "ü" * 120, "\t\r\n user"]
        site.permit(course, *names)
        for name, gadget in zip(names, gadgets):
            user = site.user(user_id=name)
            contract.granted(user.lock(course, gadget), course, gadget, name)
        assert len(contract.listed(user.locks(course))) == 3


@pytest.mark.parametrize("store, told", [
    ("127.0.0.1:1", 0), ("127.0.0.1:1,10.255.255.1:1", 1),
])
def test_store_that_others_may_reach_is_cautioned_of(store, told):
    with running_site(address=store) as site:
        log = site.httpd.log()
        assert log.count("can forge sessions and locks") == told, log
        assert log.count("memcached 10.255.255.1:1 is reached") == told
