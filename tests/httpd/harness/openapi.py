# SPDX-License-Identifier: Apache-2.0
"""The description of /locks for programs, and what answers are held to by it:
nothing may come that it does not tell of."""

import re
from copy import deepcopy

import jsonschema
import yaml

from .system import ROOT

PATH = ROOT / "conf" / "openapi.yaml"
METHODS = ("get", "head", "post", "put", "delete", "options", "patch", "trace")
# Headers that are httpd's, whatever it answers.
HTTPDS = {"date", "server", "connection", "keep-alive", "content-length",
          "content-type", "transfer-encoding"}
# What differs between two answers to the same request.
_ID = re.compile(r"\b[1-9][0-9]{18}\b")


def masked(value):
    """A body without what is another each time."""
    if isinstance(value, dict):
        return {name: 0 if name == "expiresIn" else masked(member)
                for name, member in value.items()}
    if isinstance(value, list):
        return [masked(element) for element in value]
    return _ID.sub("ID", value) if isinstance(value, str) else value


def _closed(schema):
    """The schema, which takes no member that it does not name."""
    if isinstance(schema, list):
        return [_closed(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed


class Description:
    """conf/openapi.yaml. `seen` is what answers were judged by: (path, method,
    status, leaf), where a leaf is one message, or another form of body;
    `examples` are those that a real answer was equal to."""

    def __init__(self):
        self.text = PATH.read_text()
        self.document = yaml.safe_load(self.text)
        self.strict = deepcopy(self.document)
        self.strict["components"]["schemas"] = _closed(
            self.strict["components"]["schemas"])
        self.seen = set()
        self.examples = set()

    # ---- References ----

    def resolve(self, part):
        while isinstance(part, dict) and "$ref" in part:
            part = self.named(part["$ref"])
        return part

    def named(self, reference):
        assert reference.startswith("#/"), reference
        part = self.document
        for name in reference[2:].split("/"):
            part = part[name.replace("~1", "/")]
        return part

    def references(self, part=None):
        """Every reference in the document, with repetitions."""
        part = self.document if part is None else part
        if isinstance(part, list):
            for element in part:
                yield from self.references(element)
        elif isinstance(part, dict):
            for name, member in part.items():
                if name == "$ref":
                    yield member
                else:
                    yield from self.references(member)

    # ---- Schemas ----

    def validate(self, schema, value):
        jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver("", self.strict)
        ).validate(value)

    def is_valid(self, schema, value):
        try:
            self.validate(schema, value)
            return True
        except jsonschema.ValidationError:
            return False

    def leaves(self, schema):
        """What a body of this schema may be: pairs of a name and a schema."""
        reference = schema.get("$ref", "")
        name = reference.rpartition("/")[2]
        resolved = self.resolve(schema)
        if "oneOf" in resolved and all("$ref" in one
                                       for one in resolved["oneOf"]):
            for one in resolved["oneOf"]:
                yield from self.leaves(one)
            return
        message = resolved.get("properties", {}).get("message", {})
        forms = [{"const": value} for value in message.get("enum", ())]
        for form in forms + message.get("anyOf", []):
            yield (f"{name}: {form.get('const') or form['pattern']}",
                   {"allOf": [schema, {"properties": {"message": form}}]})
        if not forms and "anyOf" not in message:
            yield name, schema

    # ---- Operations ----

    def operations(self):
        """Pairs of (path, method) and the operation."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield (path, method), item[method]

    def parameters(self, path, method):
        item = self.document["paths"][path]
        return [self.resolve(one) for one in
                [*item.get("parameters", ()),
                 *item[method].get("parameters", ())]]

    def responses(self, path, method):
        """By status: what may be answered, its references resolved."""
        item = self.document["paths"][path]
        found = (item[method]["responses"] if method in item
                 else item["x-other-methods"])
        return {status: self.resolve(response)
                for status, response in found.items()}

    def expected(self):
        """All that has to be seen: as `seen`."""
        for (path, method), _ in self.operations():
            for status, response in self.responses(path, method).items():
                for leaf, _ in self._leaves_of(method, response):
                    yield path, method, status, leaf
        for path, item in self.document["paths"].items():
            for status in item["x-other-methods"]:
                yield path, "other", status, ""

    def _leaves_of(self, method, response):
        if method == "head" or "content" not in response:
            return [("", None)]
        return self.leaves(response["content"]["application/json"]["schema"])

    # ---- Judging ----

    def judge(self, path, method, answer):
        """Holds an answer to the description; its errors are told with it."""
        method = method.lower()
        responses = self.responses(path, method)
        status = str(answer.status)
        if status not in responses:
            status = "default"
        assert status in responses, (
            f"{method} {path} does not tell of {answer}")
        response = responses[status]
        self._judge_headers(response, answer)
        is_known = method in self.document["paths"][path]
        leaves = self._judge_body(method, response, answer)
        for leaf in leaves:
            self.seen.add((path, method, status, leaf) if is_known
                          else (path, "other", status, ""))

    def _judge_headers(self, response, answer):
        told = {name.lower(): (name, self.resolve(header)) for name, header in
                response.get("headers", {}).items()}
        for name, value in answer.headers:
            if name.lower() in HTTPDS:
                continue
            assert name.lower() in told, f"{name} is not told of: {answer}"
            schema = told[name.lower()][1]["schema"]
            if schema.get("type") == "integer":
                value = int(value)
            assert self.is_valid(schema, value), f"{name}: {value}: {answer}"
        for name, header in told.values():
            if header.get("required"):
                assert answer.all(name), f"{name} is missing: {answer}"

    def _judge_body(self, method, response, answer):
        """Returns the leaves that the body is."""
        if "content" not in response:
            assert answer.body == b"", answer
            assert answer.header("Content-Type") is None, answer
            return [""]
        assert answer.header("Content-Type") in response["content"], answer
        if method == "head":
            assert answer.body == b"", answer
            return [""]
        content = response["content"][answer.header("Content-Type")]
        body = answer.json
        self.validate(content["schema"], body)
        if answer.status >= 400:
            assert body["error"] == answer.status, answer
        for example in content.get("examples", {}).values():
            if masked(example["value"]) == masked(body):
                self.examples.add(id(example))
        found = [leaf for leaf, schema in self.leaves(content["schema"])
                 if self.is_valid(schema, body)]
        assert found, answer
        return found

    def all_examples(self):
        """Pairs of a response's name and an example of its."""
        for name, response in self.document["components"]["responses"].items():
            for content in response.get("content", {}).values():
                for title, example in content.get("examples", {}).items():
                    yield f"{name}/{title}", content["schema"], example

    def request_example(self, path, method, name):
        body = self.document["paths"][path][method]["requestBody"]
        return body["content"]["application/json"]["examples"][name]["value"]

    def texts(self, status):
        """Whether a text is told of as a message of this status, or of any."""
        schemas = self.document["components"]["schemas"]
        refusals = schemas["ServerRefusal"]["oneOf"]
        for schema in [*schemas.values(), *refusals]:
            properties = schema.get("properties", {})
            code = properties.get("error", {}).get("const")
            if code is not None and status in (None, code):
                yield properties["message"]

    def tells(self, status, message):
        return any(self.is_valid(schema, message)
                   for schema in self.texts(status))
