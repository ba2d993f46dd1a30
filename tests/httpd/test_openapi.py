# SPDX-License-Identifier: Apache-2.0
"""conf/openapi.yaml and the server know the same: every answer that is
described is provoked, and every one that comes, and every one that the sources
speak of, is described."""

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain
from pathlib import Path

import pytest

from harness.client import Wire
from harness.openapi import PATH, Description
from harness.site import LOCATION, NAMED, broken_site
from harness.system import ROOT, eventually, program, temporary_folder

LOCKS, LOCK = "/locks", "/locks/{lockId}"

CONFIG = """
LocksTTLMin 10s
LocksTTLMax 10m
LocksWaitMax 5s
LocksWaitInterval 50ms
LocksExplain on
RequestReadTimeout body=1
# httpd refuses whatever a test asks for.
LuaHookAccessChecker {lua}/refuse.lua refuse
"""
REFUSE_LUA = """
function refuse(r)
    local status = r.headers_in["X-Refuse"]
    if status ~= nil then return tonumber(status) end
    return apache2.DECLINED
end
"""


@pytest.fixture(scope="module")
def description():
    return Description()


# ---- The server, and the people ----


class World:
    """Anna, who is user 42, Ben and a stranger, and the course `algebra`."""

    def __init__(self, site):
        self.site = site
        self.course = site.course("quiz", "essay", course_id="algebra",
                                  internal="1001")
        self.people = {
            "anna": site.user(self.course, user_id="42"),
            "ben": site.user(self.course, user_id="43"),
            "stranger": site.user(), "partner": site.partner(),
            "nobody": site.client(),
            "httpd": site.client(headers=[("X-User", "42")])}
        # An ID whose lock is released.
        self.lost = self.take("anna")["id"]
        self.reset()

    def person(self, name, vhost="direct"):
        return self.people[name].at(self.site.httpd.addresses[vhost])

    def take(self, name="anna", gadget="quiz", vhost="direct", **wish):
        return self.person(name, vhost).post(
            {"type": "gadget", **wish, "subject": {
                "courseId": "algebra", "gadgetId": gadget}}).json

    def reset(self):
        self.site.withdraw(self.course, "42")
        self.site.permit(self.course, "42")
        for name in ("anna", "ben"):
            answer = self.person(name).raw("DELETE", "/locks?ownerId=me")
            assert answer.status == 200, answer

    @contextmanager
    def no_store(self):
        with self.site.proxy.fault(lambda exchange: exchange.cut()):
            yield
        eventually(lambda: self.people["partner"].raw(
            "GET", "/locks?subject.courseId=algebra").status == 200)

    @contextmanager
    def no_table(self, name):
        self.site.database.execute(f"ALTER TABLE {name} RENAME TO away")
        try:
            yield
        finally:
            self.site.database.execute(f"ALTER TABLE away RENAME TO {name}")

    @contextmanager
    def released_meanwhile(self):
        """Anna gives her lock back while a request waits."""
        with ThreadPoolExecutor() as executor:
            executor.submit(lambda: (time.sleep(0.3), self.person(
                "anna").raw("DELETE", "/locks?ownerId=me")))
            yield


@pytest.fixture(scope="module")
def world():
    with temporary_folder() as folder:
        (folder / "refuse.lua").write_text(REFUSE_LUA)
        with broken_site(location=LOCATION + NAMED, mpm="one child",
                         config=CONFIG.replace("{lua}", str(folder)),
                         vhosts={"plain": "LocksExplain off",
                                 "full": "LocksMaxPerCourse 1"}) as site:
            yield World(site)


# ---- The requests ----

# What is so before a request: functions of the world, whose value is the ID of
# the lock in the path, if there is one, or a context.
SITUATIONS = {
    "held": lambda world: world.take()["id"],
    "held in window-1": lambda world: world.take(clientId="window-1")["id"],
    "held by ben": lambda world: world.take("ben")["id"],
    "essay held by ben": lambda world: world.take("ben", "essay")["id"],
    "lost": lambda world: world.lost,
    "withdrawn": lambda world: world.site.withdraw(world.course, "42"),
    "no store": lambda world: world.no_store(),
    "no courses": lambda world: world.no_table("course"),
    "no permissions": lambda world: world.no_table("course_permission"),
    "released meanwhile": lambda world: world.released_meanwhile(),
}


@dataclass
class Case:
    """A request, and the status of its answer. `when` names situations; `id`
    is the lock's ID in the path, if it is not that of the situation."""

    method: str
    path: str
    status: int
    when: tuple = ()
    query: str = ""
    who: str = "anna"
    headers: tuple = ()
    body: object = None
    id: str = "1"
    vhost: str = ""
    etag: str = ""

    def __str__(self):
        told = (self.method, self.path, self.status, *self.when, self.who,
                self.query, self.etag, *chain(*self.headers), self.vhost,
                "" if self.body is None else str(self.body)[:60],
                self.id if self.id != "1" else "")
        return " ".join(str(part) for part in told if part)

    def target(self):
        base = "/named" if self.who == "httpd" else ""
        query = f"?{self.query}" if self.query else ""
        return base + self.path.replace("{lockId}", self.id) + query

    def bytes(self):
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()

    def perform(self, world):
        with ExitStack() as stack:
            for name in self.when:
                found = SITUATIONS[name](world)
                if isinstance(found, str):
                    self.id = found
                elif found is not None:
                    stack.enter_context(found)
            client = world.person(self.who, self.vhost)
            headers = list(self.headers)
            if self.etag:
                listed = client.raw("GET", self.target())
                headers.append((self.etag, listed.header("ETag")))
            return client.raw(self.method, self.target(), headers,
                              self.bytes(), checked=False)


COURSE, OWN = "subject.courseId=algebra", "ownerId=me"
QUIZ = {"type": "gadget",
        "subject": {"courseId": "algebra", "gadgetId": "quiz"}}
EVIL = (("Origin", "https://evil.example"),)
JSON = (("Content-Type", "application/json"),)
WAIT = (("Prefer", "wait=1"),)


def looking():
    for method in ("GET", "HEAD"):
        def case(status, *when, **how):
            return Case(method, LOCKS, status, when, **how)

        yield case(200, query=COURSE)
        yield case(200, "held", query=COURSE)
        yield case(200, "held", query=COURSE, who="partner")
        yield case(200, query="subject.courseId=1001")
        yield case(200, "held", query=OWN)
        yield case(200, query=OWN, headers=WAIT)
        yield case(304, query=COURSE, etag="If-None-Match")
        yield case(304, query=OWN, etag="If-None-Match")
        yield case(304, query=COURSE, etag="If-None-Match", headers=WAIT)
        yield case(200, "released meanwhile", "held", query=COURSE,
                   etag="If-None-Match", headers=(("Prefer", "wait=5"),))
        for query in ("", "subject.courseId=", f"{COURSE}&{COURSE}",
                      "subject.courseId=%zz", "subject.courseId=a%00",
                      "subject.courseId=%ff"):
            yield case(400, query=query)
        yield case(401, query=COURSE, who="nobody")
        yield case(401, query=OWN, who="partner")
        yield case(403, query=COURSE, who="stranger")
        yield case(404, query="subject.courseId=geometry")
        yield case(412, query=COURSE, headers=(("If-Match", '"other"'),))
        yield case(412, query=OWN, headers=(("If-Match", '"other"'),))
        yield case(503, "no store", query=COURSE)
        yield case(503, "no store", query=OWN)
        yield case(503, "no courses", query=COURSE)


def with_subject(**members):
    return {**QUIZ, "subject": {**QUIZ["subject"], **members}}


def without(*names):
    return {name: value for name, value in QUIZ.items() if name not in names}


BAD_JSON = [b"[]", b"\xef\xbb\xbf{}", b'{"type": "\xff"}', b'{"type": "gadget"',
            b"[" * 33]
BAD_WISHES = [{"expiresIn": "soon"}, {"clientId": 1}, {"clientId": ""},
              {"clientId": "x" * 65}, {"clientId": "a\n"}, {"takeOver": 1}]
BAD_REQUESTS = [
    b"", without("type"), {**QUIZ, "type": 1}, {**QUIZ, "type": "page"},
    without("subject"), {**QUIZ, "subject": "algebra"},
    {**QUIZ, "subject": {}}, with_subject(courseId=1),
    with_subject(courseId=""), {**QUIZ, "subject": {"courseId": "algebra"}},
    with_subject(gadgetId=1), with_subject(gadgetId=""),
    with_subject(gadgetId="x" * 256), with_subject(gadgetId="a\n"),
]


def taking():
    def case(status, *when, body=QUIZ, **how):
        return Case("POST", LOCKS, status, when, body=body, **how)

    for example in ("quiz", "internal", "window"):
        yield case(201, body=example)
    yield case(201, "held in window-1", body="takeOver")
    yield case(201, "held")
    yield case(201, who="httpd", headers=JSON)
    yield case(201, "held", "released meanwhile", who="ben",
               headers=(("Prefer", "wait=5"),))
    for body in [*BAD_JSON, *BAD_REQUESTS,
                 *({**QUIZ, **wish} for wish in BAD_WISHES)]:
        yield case(400, body=body)
    yield case(401, who="nobody")
    yield case(401, who="partner")
    yield case(403, "held", who="ben")
    yield case(403, "held", who="ben", headers=WAIT)
    yield case(403, "held", who="ben", vhost="plain")
    yield case(403, who="stranger")
    yield case(403, who="httpd", headers=JSON + EVIL)
    yield case(403, who="httpd", headers=(*JSON, ("Sec-Fetch-Site",
                                                  "cross-site")))
    yield case(404, body=with_subject(courseId="geometry"))
    yield case(404, body=with_subject(gadgetId="poem"))
    yield case(409, "held in window-1", body={**QUIZ, "clientId": "window-2"})
    yield case(409, "held in window-1", headers=WAIT,
               body={**QUIZ, "clientId": "window-2"})
    yield case(413, body=b" " * 65537)
    yield case(415, who="httpd", headers=(("Content-Type", "text/plain"),))
    yield case(415, who="httpd")
    yield case(503, "no store")
    yield case(503, "no courses")
    yield case(503, "essay held by ben", vhost="full")


def giving_back():
    for headers in ((), WAIT):
        yield Case("DELETE", LOCKS, 200, ("held",), OWN, headers=headers)
        yield Case("DELETE", LOCKS, 200, (), OWN, headers=headers)
    yield Case("DELETE", LOCKS, 401, (), OWN, "nobody")
    yield Case("DELETE", LOCKS, 401, (), OWN, "partner")
    yield Case("DELETE", LOCKS, 403, (), OWN, "httpd", EVIL)
    yield Case("DELETE", LOCKS, 405)
    yield Case("DELETE", LOCKS, 405, (), COURSE)
    yield Case("DELETE", LOCKS, 405, (), "ownerId=43")
    yield Case("DELETE", LOCKS, 503, ("no store",), OWN)
    yield Case("DELETE", LOCK, 200, ("held",))
    yield Case("DELETE", LOCK, 200, ("held", "withdrawn"))
    yield Case("DELETE", LOCK, 401, who="nobody")
    yield Case("DELETE", LOCK, 403, ("held",), who="ben")
    yield Case("DELETE", LOCK, 403, ("held",), who="httpd", headers=EVIL)
    yield Case("DELETE", LOCK, 404, ("lost",))
    yield Case("DELETE", LOCK, 404, id="nonsense")
    yield Case("DELETE", LOCK, 404, id="1/2")
    yield Case("DELETE", LOCK, 503, ("no store",))


def one_lock():
    for method in ("GET", "HEAD"):
        def case(status, *when, **how):
            return Case(method, LOCK, status, when, **how)

        yield case(200, "held")
        yield case(200, "held", who="partner")
        yield case(200, "held", who="ben")
        yield case(200, "held", "withdrawn")
        # Conditions are for lists.
        yield case(200, "held", headers=(("If-Match", '"other"'),
                                         ("If-None-Match", "*")))
        yield case(401, who="nobody")
        yield case(403, "held", who="stranger")
        yield case(404, "lost")
        yield case(404, id="nonsense")
        yield case(404, id="1/2")
        yield case(503, "no store")
        yield case(503, "held", "no permissions", who="ben")


def renewing():
    def case(status, *when, **how):
        return Case("PUT", LOCK, status, when, **how)

    yield case(200, "held")
    yield case(200, "held", who="httpd")
    yield case(200, "held", body={"expiresIn": 20000, "more": []})
    yield case(200, "held in window-1", body="window")
    for body in [*BAD_JSON, *BAD_WISHES]:
        yield case(400, "held", body=body)
    yield case(401, who="nobody")
    yield case(401, who="partner")
    yield case(403, "held", who="ben")
    yield case(403, "held", "withdrawn")
    yield case(403, "held", who="httpd", headers=EVIL)
    yield case(404, "lost")
    yield case(404, id="nonsense")
    yield case(404, id="1/2")
    yield case(409, "held in window-1", body={"clientId": "window-2"})
    yield case(409, "held in window-1", body={"clientId": "window-2",
                                              "takeOver": True})
    yield case(413, "held", body=b" " * 65537)
    yield case(415, "held", who="httpd", body={})
    yield case(503, "no store")
    yield case(503, "held", "no permissions")


def options():
    for who in ("nobody", "anna"):
        for query in ("", OWN):
            yield Case("OPTIONS", LOCKS, 204, (), query, who)
        yield Case("OPTIONS", LOCK, 204, who=who)
        yield Case("OPTIONS", LOCK, 404, who=who, id="1/2")


CASES = [*looking(), *taking(), *giving_back(), *one_lock(), *renewing(),
         *options()]


@pytest.fixture(scope="module")
def walk(world, description):
    """Performs a case and holds its answer to the description."""
    def perform(case):
        world.reset()
        if isinstance(case.body, str):
            case.body = description.request_example(
                case.path, case.method.lower(), case.body)
        answer = case.perform(world)
        if case.who == "httpd":
            answer.headers = [(name, value.replace("/named/", "/"))
                              for name, value in answer.headers]
        assert answer.status == case.status, answer
        description.judge(case.path, case.method, answer)
        return answer

    return perform


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer_is_described(walk, case):
    walk(case)


# ---- Bodies that do not come as they should ----


def broken_off(world, method, path, end):
    with Wire(world.site.httpd.address) as wire:
        wire.request(method, path.replace("{lockId}", "1"), [
            ("SID", world.people["anna"].sid), ("Content-Length", "100")])
        wire.send(b"{")
        if end:
            wire.end_sending()
        return wire.answer(method)


@pytest.mark.parametrize("method, path", [("POST", LOCKS), ("PUT", LOCK)])
@pytest.mark.parametrize("end, status", [(True, 400), (False, 408)])
def test_body_that_breaks_off_is_described(world, description, method, path,
                                           end, status):
    answer = broken_off(world, method, path, end)
    assert answer.status == status, answer
    description.judge(path, method, answer)


# ---- What httpd refuses ----


def operations():
    return [key for key, _ in Description().operations()]


def refusals():
    source = (ROOT / "mod_locks" / "mod_locks_location.c").read_text()
    return [(int(status), message) for status, message in
            re.findall(r'REFUSAL\((\d+), "(.+?)"\)', source)]


@pytest.mark.parametrize("path, method", operations())
def test_refusal_of_httpd_is_described(world, description, path, method):
    assert len(refusals()) > 30
    client = world.person("anna").keeping_connection()
    for status, message in refusals():
        if status == 405 and "405" in description.responses(path, method):
            continue  # The methods that httpd lists are others.
        answer = client.raw(method.upper(), path.replace("{lockId}", "1"),
                            [("X-Refuse", str(status))], checked=False)
        assert answer.status == status, answer
        if method != "head":
            assert answer.json == {"error": status, "message": message}
        description.judge(path, method, answer)
        if answer.header("Connection") == "close":
            client.close()
    client.close()


# ---- Methods that there are not ----

UNKNOWN = {LOCKS: ("PUT", "PATCH", "TRACE", "LOCK", "FOO", "get"),
           LOCK: ("POST", "PATCH", "TRACE", "LOCK", "FOO", "get")}


@pytest.mark.parametrize("path, method", [
    (path, method) for path in UNKNOWN for method in UNKNOWN[path]])
def test_other_method_is_405_with_the_methods_described(world, description,
                                                        path, method):
    item = description.document["paths"][path]
    described = {name.upper() for name in item if name in (
        "get", "head", "post", "put", "delete", "options", "patch", "trace")}
    queries = {LOCKS: {"": described - {"DELETE"}, OWN: described},
               LOCK: {"": described}}[path]
    for query, allowed in queries.items():
        for who in ("anna", "nobody"):
            case = Case(method, path, 405, query=query, who=who)
            answer = case.perform(world)
            assert answer.status == 405, answer
            assert set(answer.header("Allow").split(", ")) == allowed, answer
            description.judge(path, "other", answer)


@pytest.mark.parametrize("method", ("POST", "PATCH", "FOO"))
def test_other_method_below_a_lock_is_404(world, description, method):
    answer = Case(method, LOCK, 404, id="1/2").perform(world)
    assert answer.status == 404, answer
    description.judge(LOCK, "other", answer)


# ---- Nothing is missing ----
# These come last: they look at all that the tests above provoked.


@pytest.fixture(scope="module")
def walked(world, walk, description):
    """All of it, where a test runs alone."""
    if len({key[:2] for key in description.seen}) < 10:
        for case in CASES:
            walk(case)
        for method, path in (("POST", LOCKS), ("PUT", LOCK)):
            for end in (True, False):
                description.judge(path, method,
                                  broken_off(world, method, path, end))
        for path, method in operations():
            test_refusal_of_httpd_is_described(world, description, path,
                                               method)
        for path, methods in UNKNOWN.items():
            test_other_method_is_405_with_the_methods_described(
                world, description, path, methods[0])
        test_other_method_below_a_lock_is_404(world, description, "POST")
    return description


def test_every_described_answer_was_given(walked):
    expected = set(walked.expected())
    assert len(expected) > 140
    assert sorted(map(str, expected - walked.seen)) == []


def test_every_example_is_a_real_answer(walked):
    examples = list(walked.all_examples())
    assert len(examples) > 30
    for name, schema, example in examples:
        walked.validate(schema, example["value"])
        assert id(example) in walked.examples, f"nobody answered {name}"


def test_every_example_of_a_request_is_one(description):
    for (path, method), operation in description.operations():
        body = operation.get("requestBody", {})
        for content in body.get("content", {}).values():
            for example in content.get("examples", {}).values():
                description.validate(content["schema"], example["value"])
        for parameter in description.parameters(path, method):
            if "example" in parameter:
                description.validate(parameter["schema"],
                                     parameter["example"])


# ---- The sources ----

# What serves other locations than /locks.
ELSEWHERE = {"mod_locks_" + name + ".c" for name in (
    "audit", "break", "bulk", "chart", "config", "dbd", "directives", "guard",
    "metrics", "monitor", "page", "page_break", "page_frame", "replay",
    "report", "server_status", "shared", "site", "status", "status_json",
    "status_query", "status_text", "stores", "subrequest", "target", "auth")}


def sources():
    files = sorted((ROOT / "mod_locks").glob("mod_locks_*.c"))
    assert ELSEWHERE <= {file.name for file in files}
    return {file.name: re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.S)
            for file in files if file.name not in ELSEWHERE}


def status_of(name):
    return int(HTTPStatus[name.removeprefix("HTTP_")])


def literals(text):
    """The strings of C; those that stand side by side are one."""
    text = re.sub(r"#include.*", "", text)
    text = re.sub(r'"\s*APR_\w+_FMT\s*"', "d", text)
    text = re.sub(r'"\s*"', "", text)
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def told_statuses(description):
    return {int(status) for (path, method), _ in description.operations()
            for status in description.responses(path, method)
            if status != "default"}


def test_every_status_of_the_sources_is_described(description):
    told = told_statuses(description)
    found = {name: status_of(name) for text in sources().values()
             for name in re.findall(r"\bHTTP_[A-Z_]+\b", text)}
    assert len(found) > 10
    assert {name: status for name, status in found.items()
            if status not in told} == {}
    # Two come from mod_reqtimeout and from OPTIONS' and lists' handlers.
    assert told - set(found.values()) == {408}


def test_every_refusal_of_the_sources_is_described(description):
    count = 0
    for name, text in sources().items():
        for call in re.findall(r"\blocks_refuse\w*\(([^;{]*)\);", text):
            statuses = [status_of(code) for code in
                        re.findall(r"\bHTTP_[A-Z_]+\b", call)]
            status = statuses[0] if statuses else None
            for message in literals(call):
                message = message.replace("%d", "65536").replace(
                    "%s", "algebra")
                if "locks_refuse_unknown" in text and message in (
                        "Lock", "Course", "Gadget"):
                    status, message = 404, f"{message} 'x' not found"
                assert description.tells(status, message), (name, message)
                count += 1
    assert count >= 15


def test_every_word_of_a_bad_request_is_described(description):
    """The messages are put together from these."""
    told = " ".join(
        text for schema in description.texts(400)
        for text in [schema.get("const", ""), *schema.get("enum", ()),
                     *(form.get("const") or form["pattern"]
                       for form in schema.get("anyOf", ()))])
    # Not in a request: a body of this length is refused before (413).
    told += " JSON of more than 1048576 bytes"
    count = 0
    for name in ("locks_request.c", "locks_query.c", "locks_json.c"):
        for literal in literals((ROOT / "mod_locks" / name).read_text()):
            for piece in re.split(r"%[a-z]|\\.", literal):
                # "e0" is what a number is compared with.
                if not re.search("[A-Za-z]", piece) or piece == "e0":
                    continue
                assert piece.strip() in (
                    told if " " in piece.strip() else description.text), (
                        name, literal)
                count += 1
    assert count > 40


def test_every_header_of_the_sources_is_described(description):
    sent, read = set(), set()
    for text in sources().values():
        read |= set(re.findall(r'r->headers_in,\s*"([\w-]+)"', text))
        sent |= set(re.findall(r'headers_out,\s*"([\w-]+)"', text))
    assert {"SID", "Prefer"} <= read and {"ETag", "Location"} <= sent
    told = {parameter["name"] for (path, method), _ in description.operations()
            for parameter in description.parameters(path, method)}
    # These are said elsewhere in a description, or are httpd's business; what
    # has no date takes no conditions on one.
    read -= {"SID", "Content-Type", "Content-Length", "Host", "Range",
             "If-Modified-Since", "If-Unmodified-Since"}
    assert read - told == set()
    told = {name for (path, method), _ in description.operations()
            for response in description.responses(path, method).values()
            for name in response.get("headers", {})}
    assert sent - told == set()
    assert told - sent == set()


def test_every_member_of_a_request_is_described(description):
    source = (ROOT / "mod_locks" / "locks_request.c").read_text()
    types = (ROOT / "mod_locks" / "locks_lock.c").read_text()
    found = set(re.findall(r'locks_json_member\(json, "(\w+)"\)', source))
    found |= set(re.findall(r'"(\w+)"', types)) - {"gadget"}
    schemas = description.document["components"]["schemas"]
    request = schemas["LockRequest"]["properties"]
    told = {*request, *request["subject"]["properties"]}
    assert "takeOver" in found and found - {"locks_lock"} == told
    assert set(schemas["Renewal"]["properties"]) < told


# ---- The description itself ----


def validator():
    folder = os.environ.get("LOCKS_OPENAPI", "")
    path = Path(folder) / "bin" / "validate-api-cli.js"
    assert folder and path.is_file(), (
        "LOCKS_OPENAPI is not the folder of @seriousme/"
        "openapi-schema-validator: start tests/run.sh, or npm install"
        " --no-save --ignore-scripts --prefix FOLDER"
        " @seriousme/openapi-schema-validator and set"
        " LOCKS_OPENAPI=FOLDER/node_modules/@seriousme/"
        "openapi-schema-validator")
    return path


def validate(path):
    return subprocess.run([program("node"), validator(), path], text=True,
                          capture_output=True)


def test_it_is_openapi_3_1(description):
    assert description.document["openapi"].startswith("3.1.")
    result = validate(PATH)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("right, wrong", [
    ("title:", "name:"), ("operationId:", "operation:"),
    ("in: query", "in: body"), ("description: The locks", "x-description: x"),
])
def test_what_is_not_is_found(tmp_path, description, right, wrong):
    assert right in description.text
    (tmp_path / "wrong.yaml").write_text(
        description.text.replace(right, wrong, 1))
    assert validate(tmp_path / "wrong.yaml").returncode != 0


def test_every_reference_leads_somewhere_and_every_part_is_used(description):
    used = set(description.references())
    for reference in used:
        description.named(reference)
    for kind, parts in description.document["components"].items():
        if kind != "securitySchemes":
            for name in parts:
                assert f"#/components/{kind}/{name}" in used, name
    names = [operation["operationId"]
             for _, operation in description.operations()]
    assert len(set(names)) == len(names) == 10
