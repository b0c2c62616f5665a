# SPDX-License-Identifier: Apache-2.0
"""Holds what the services answer against what they say of themselves in /openapi.json: statuses, media types, headers, bodies; and
what they took against what they say they take. Every answer that suite.request() gets comes through here."""
import datetime
import http.client
import json
import re
import urllib.parse

import jsonschema

# What the server itself refuses before an operation is looked for, and what no operation is meant to answer; see the response "default".
ANYWHERE = {400, 405, 408, 413, 414, 415, 417, 431, 501, 505}
# Of the connection, of the server as a whole, or of pages of another origin.
UNDESCRIBED = {"date", "content-type", "content-length", "connection", "allow", "vary", "cache-control"}
LARGE = 1 << 16  # a body that was taken is not looked at when it is larger
AGAIN = 3  # bodies of the same shape and status are looked at so often by one process

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_time(value):
    if isinstance(value, str):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            return False
        datetime.datetime.fromisoformat(value[:19])
    return True


def shape(value):
    """What a body is made of, without its values."""
    if isinstance(value, dict):
        return tuple(sorted((name, shape(member)) for name, member in value.items()))
    if isinstance(value, list):
        return frozenset(map(shape, value))
    return type(value).__name__


def number_of(text):
    """A parameter's or header's text as the JSON that its schema speaks of."""
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text


class Operation:
    def __init__(self, contract, path, method, description):
        self.contract = contract
        self.path = path
        self.method = method
        self.description = description
        self.pattern = re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path.rstrip("/"))) + ("/?" if "{" not in path else ""))

    def __repr__(self):
        return f"{self.method.upper()} {self.path}"

    def parameters(self, place):
        return {one["name"]: one for one in self.description["parameters"] if one["in"] == place}

    def check_taken(self, url, body):
        """It was taken, so it must fit what is said of it."""
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        for name, parameter in self.parameters("query").items():
            schema = self.contract.resolved(parameter["schema"])
            given = query.get(name, [])
            for value in [given] if given and schema.get("type") == "array" else given[:1]:
                typed = number_of(value) if "integer" in (schema.get("type"),) else value
                self.contract.check(parameter["schema"], typed, f"{self}: the parameter {name}")
        content = self.description.get("requestBody", {}).get("content", {}).get("application/json")
        if content and body is not None and len(body) < LARGE:
            self.contract.check(content["schema"], json.loads(body), f"{self}: the body that was taken")

    def response(self, status):
        responses = self.description["responses"]
        described = responses.get(str(status)) or (responses["default"] if status in ANYWHERE else None)
        assert described, f"{self} answers {status}, which is not in its description"
        return self.contract.resolved(described)

    def check_headers(self, described, headers):
        said = {name.lower(): self.contract.resolved(header) for name, header in described.get("headers", {}).items()}
        for name, header in said.items():
            value = headers.get(name)
            assert value is not None or not header.get("required"), f"{self}: the header {name} is missing"
            if value is not None:
                typed = number_of(value) if header["schema"].get("type") == "integer" else value
                self.contract.check(header["schema"], typed, f"{self}: the header {name}")
        for name in headers:
            known = name.lower() in said or name.lower() in UNDESCRIBED or name.lower().startswith("access-control-")
            assert known, f"{self}: the header {name} is not in its description"

    def check_answer(self, answer, head):
        described = self.response(answer.status)
        self.check_headers(described, answer.headers)
        content = described.get("content", {})
        media = answer.headers["Content-Type"]
        if not content:
            assert media is None and not answer.body, f"{self}: {answer.status} bears something, and should not: {answer}"
            return
        assert media in content, f"{self}: {answer.status} is {media}, not {list(content)}"
        if head:
            assert not answer.body, f"{self}: an answer to HEAD has a body"
        elif "schema" in content[media]:
            self.contract.check(content[media]["schema"], json.loads(answer.body), f"{self}: {answer.status}")


class Contract:
    """One service's description."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)
        self.validators = {}
        self.seen = {}
        self.called = {}  # by method and path: the statuses that were answered
        self.operations = [Operation(self, path, method, description) for path, methods in document["paths"].items()
                           for method, description in methods.items()]

    def resolved(self, item):
        while "$ref" in item:
            item = self.resolver.resolve(item["$ref"])[1]
        return item

    def check(self, schema, value, what):
        name = json.dumps(schema, sort_keys=True)
        key = (name, shape(value))
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.seen[key] > AGAIN:
            return
        if name not in self.validators:
            self.validators[name] = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=formats)
        fault = jsonschema.exceptions.best_match(self.validators[name].iter_errors(value))
        assert not fault, f"{what} is not as described, at /{'/'.join(map(str, fault.absolute_path))}: {fault.message[:600]}"

    def find(self, method, path):
        """Of several that fit the one with the fewest names, as the router has it."""
        fitting = [one for one in self.operations if one.method == method and one.pattern.fullmatch(path)]
        return min(fitting, key=lambda one: one.path.count("{"), default=None)

    def check_answer(self, method, target, body, answer):
        """`body`: what was sent, None where it is not plain JSON."""
        url = urllib.parse.urlsplit(target)
        operation = self.find("get" if method == "HEAD" else method.lower(), url.path)
        if not operation:
            options = method == "OPTIONS" and answer.status == 204
            assert options or 400 <= answer.status < 500 or answer.status == 501, f"{method} {target} is not described: {answer}"
            return
        self.called.setdefault(str(operation), set()).add(answer.status)
        operation.check_answer(answer, method == "HEAD")
        if answer.status < 300 and not operation.path.startswith("/v1/pixel"):
            operation.check_taken(url, body)


contracts = {}  # by the service's name: all suites of a process have the same
watched = {}    # by port: the service's name


def watch(port, name):
    """From now on what this port answers is held against what it says."""
    watched[port] = name


def fetch(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/openapi.json")
        response = connection.getresponse()
        assert response.status == 200, response.status
        return Contract(json.loads(response.read()))
    finally:
        connection.close()


def of(name, port):
    if name not in contracts:
        contracts[name] = fetch(port)
    return contracts[name]


def check(port, method, target, body, answer):
    """AssertionError where an answer is not as described."""
    if port in watched:
        of(watched[port], port).check_answer(method, target, body, answer)
