# SPDX-License-Identifier: Apache-2.0
"""What operators see at locks-status, as a browser without script and
scripts do."""

import re
from contextlib import contextmanager
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

from . import exposition
from .client import Client
from .system import eventually

STATUS = """
<Location "/status">
    SetHandler locks-status
</Location>
"""
VOID = {"meta", "link", "input", "line", "br", "hr"}
OPEN_METRICS = ("Accept", "application/openmetrics-text; version=1.0.0")


class Node:
    """An element; `children` are elements and texts."""

    def __init__(self, tag, attributes):
        self.tag = tag
        self.attributes = attributes
        self.children = []

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text
                       for child in self.children)

    def all(self, tag, **attributes):
        """All elements within, in their order."""
        found = []
        for child in self.children:
            if not isinstance(child, str):
                if child.tag == tag and attributes.items() <= (
                        child.attributes.items()):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def one(self, tag, **attributes):
        found = self.all(tag, **attributes)
        assert len(found) == 1, (tag, attributes, len(found))
        return found[0]

    def rows(self):
        """A table's cells, row by row, without its head."""
        return [[cell.text for cell in row.children
                 if not isinstance(cell, str)]
                for body in self.all("tbody") for row in body.all("tr")]


class _Reader(HTMLParser):
    """Takes elements that are closed in their order, and attributes that are
    there once."""

    def __init__(self):
        super().__init__()
        self.root = Node("document", {})
        self._open = [self.root]

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), (tag, attrs)
        # No attribute runs script, or has a style of its own.
        assert not any(name.startswith("on") or name == "style"
                       for name in attributes), (tag, attrs)
        node = Node(tag, attributes)
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag, tag

    def handle_data(self, data):
        self._open[-1].children.append(data)

    def end(self):
        self.close()
        assert self._open == [self.root], [each.tag for each in self._open]


class Page:
    """A page, read once and held to what every page must be."""

    def __init__(self, answer):
        self.answer = answer
        reader = _Reader()
        reader.feed(answer.body.decode("utf-8", "strict"))
        reader.end()
        self.root = reader.root
        check_page_headers(answer)
        self._check_nonces()

    def _check_nonces(self):
        [nonce] = set(re.findall(
            r"'nonce-([^']+)'", self.answer.header("Content-Security-Policy")))
        for tag in ("style", "script"):
            for node in self.root.all(tag):
                assert node.attributes["nonce"] == nonce
        self.nonce = nonce

    @property
    def text(self):
        return self.root.one("body").text

    def notices(self):
        return [node.text for node in self.root.all("p")
                if "notice" in node.attributes.get("class", "").split()]

    def courses(self):
        """The tables of locks, by course: what stands in their rows."""
        names = [head.text for head in self.root.all("h3")]
        tables = self.root.all("table", **{"class": "locks"})
        return dict(zip(names, [table.rows() for table in tables],
                        strict=True))

    def numbers(self, caption):
        """A table of counters: its rows by their names."""
        for table in self.root.all("table"):
            if [each.text for each in table.all("caption")] == [caption]:
                return {row[0]: row[1:] for row in table.rows()}
        raise AssertionError(f"no table {caption}")

    def servers(self):
        return self.root.one("table", **{"class": "stores"}).rows()

    def links(self):
        """Where links lead, by their texts; what screens hide counts."""
        return [(node.text, node.attributes["href"])
                for node in self.root.all("a")]

    def link(self, text):
        """What a browser asks for by a link: without the fragment."""
        [target] = {target for name, target in self.links() if name == text}
        return urldefrag(target).url


def check_page_headers(answer):
    """Nothing but its own style and script takes part in a page."""
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.header(
        "Content-Security-Policy").split(";"))
    assert policy["default-src"] == "'none'"
    own = policy["script-src"]
    assert re.fullmatch(r"'nonce-[0-9a-f]{32}'", own)
    assert policy == {"default-src": "'none'", "script-src": own,
                      "style-src": own, "img-src": "data:",
                      "connect-src": "'self'", "form-action": "'self'",
                      "base-uri": "'none'", "frame-ancestors": "'none'"}
    assert answer.header("X-Frame-Options") == "DENY"
    assert answer.header("Referrer-Policy") == "same-origin"


def check_headers(answer):
    """What each form has."""
    assert answer.header("Cache-Control") == "no-store", answer
    assert answer.header("X-Content-Type-Options") == "nosniff", answer


class Status:
    """Someone who looks at locks-status. `client` names who it is."""

    def __init__(self, address, path="/status", **client):
        self.path = path
        self.client = Client(address, **client)

    # ---- Requests ----

    def get(self, query="", headers=(), method="GET"):
        """`query` is a string, or pairs to be escaped."""
        if not isinstance(query, str):
            query = urlencode(query)
        return self.client.raw(method, self.path + ("?" + query if query
                                                    else ""), headers,
                               checked=False)

    def form(self, fields, headers=(), query=""):
        """POSTs a form as a page of this site does."""
        body = fields if isinstance(fields, bytes) else urlencode(
            fields).encode()
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers = [*headers, ("Content-Type",
                                  "application/x-www-form-urlencoded")]
        return self.client.raw("POST", self.path + query, headers, body,
                               checked=False)

    def page(self, query=""):
        answer = self.get(query)
        assert answer.status == 200, answer
        check_headers(answer)
        return Page(answer)

    def json(self, query=()):
        if isinstance(query, str):
            query = parse_qsl(query)
        answer = self.get([("json", ""), *query])
        assert answer.status == 200, answer
        check_headers(answer)
        assert answer.header("Content-Type") == "application/json", answer
        return answer.json

    def locks(self, query=()):
        """The locks, over all pages."""
        report = self.json(query)
        found = list(report["locks"])
        for number in range(2, report["pages"] + 1):
            found += self.json([*query, ("page", number)])["locks"]
        assert len(found) == report["lockCount"]
        return found

    def auto(self):
        answer = self.get("auto")
        assert answer.status == 200, answer
        check_headers(answer)
        assert answer.header("Content-Type") == "text/plain; charset=utf-8"
        return read_auto(answer.body.decode())

    def metrics(self, is_open=False):
        answer = self.get("metrics", [OPEN_METRICS] if is_open else [])
        assert answer.status == 200, answer
        check_headers(answer)
        assert answer.header("Content-Type") == (
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
            if is_open else "text/plain; version=0.0.4; charset=utf-8")
        return exposition.samples(answer.body.decode(), is_open)

    def health(self):
        """None if all is well, or why it is not."""
        answer = self.get("health")
        check_headers(answer)
        assert answer.header("Content-Type") == "text/plain; charset=utf-8"
        if answer.status == 200:
            assert answer.body == b"ok\n", answer
            return None
        assert answer.status == 503, answer
        assert int(answer.header("Retry-After")) > 0, answer
        assert answer.body.endswith(b"\n") and len(answer.body) > 10, answer
        return answer.body.decode().strip()

    # ---- Counting ----

    def counters(self):
        """All that only grows, but for what the servers count."""
        return {name: value for name, value in self.metrics().items()
                if ("_total" in name or "_count" in name)
                and "evictions" not in name}

    @contextmanager
    def counting(self):
        """Gives a dictionary that is filled with the counters that grew
        inside, and by how much."""
        before = self.counters()
        grown = {}
        yield grown
        for name, value in self.counters().items():
            if value != before[name]:
                grown[name] = value - before[name]

    # ---- Breaking ----

    def question(self, link):
        """What the page asks before it breaks: it, and its form's fields."""
        answer = self.get(urlsplit(link).query)
        assert answer.status == 200, answer
        check_headers(answer)
        page = Page(answer)
        form = page.root.one("form")
        assert form.attributes["method"] == "post"
        assert form.attributes["action"] == "?"
        return page, {field.attributes["name"]: field.attributes["value"]
                      for field in form.all("input", type="hidden")}

    def break_by(self, link, reason):
        """As a browser without script does; returns the page that follows."""
        _, fields = self.question(link)
        answer = self.form({**fields, "reason": reason}, query="?",
                           headers=[("Sec-Fetch-Site", "same-origin")])
        assert answer.status == 303, answer
        target = urlsplit(urljoin(f"http://localhost{self.path}",
                                  answer.header("Location")))
        assert target.path == self.path
        return self.page(target.query)

    def nonce(self):
        """The nonce of forms."""
        return self.question("?break=user&owner=x")[1]["nonce"]

    def eventually_healthy(self, seconds=10):
        eventually(lambda: self.health() is None, seconds)


def read_auto(text):
    """The lines of a report for scripts."""
    assert text.endswith("\n")
    pairs = [line.split(": ", 1) for line in text[:-1].split("\n")]
    assert len(dict(pairs)) == len(pairs), "a name twice"
    return {name: int(value) if value.isdigit() else value
            for name, value in pairs}
