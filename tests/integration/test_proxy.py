# SPDX-License-Identifier: Apache-2.0
"""Proxies in front of the gateway and audit: who asked is what a trusted one states, and nobody else's word counts."""
import contextlib
import itertools
import json

import pytest

from edge import Wire
from suite import Suite

PROXY = "127.0.0.1"  # these tests are the proxy
CLIENT = "198.51.100.7"
NEWER = "2001:db8::7"
numbers = itertools.count()


@contextlib.contextmanager
def behind(directory, trusted):
    settings = {f"{name}.trusted_proxies": trusted for name in ("gateway", "audit")}
    with Suite(directory, settings=settings if trusted else {}) as suite:
        yield suite.start()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One that trusts nobody."""
    with behind(tmp_path_factory.mktemp("alone"), "") as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """One that trusts others than who asks here."""
    with behind(tmp_path_factory.mktemp("elsewhere"), "10.0.0.0/8, ::/0, 192.0.2.1") as running:
        yield running


@pytest.fixture(scope="module")
def trusting(tmp_path_factory):
    with behind(tmp_path_factory.mktemp("trusting"), f"{PROXY}/32, 10.0.0.0/8 ,2001:db8:1::/48") as running:
        yield running


def ask(suite, path, fields=(), body=None):
    """The request's id, and what came of a lookup or, over a GET, of any path. `fields` are sent as they are."""
    service, token = ("audit", "auditor_token") if path.startswith("/v1/records") else ("gateway", "hq_token")
    name = f"proxied-{next(numbers)}"
    text = "".join(f"{line}\r\n" for line in (
        f"{'POST' if body else 'GET'} {path} HTTP/1.1", "Host: shop.example", f"X-Request-Id: {name}",
        f"Authorization: Bearer {suite.bootstrap[token]}", f"Content-Length: {len(body or '')}", *fields, ""))
    with Wire(suite, port=suite.ports[service, "HTTP_PORT"]) as wire:
        wire.send((text + (body or "")).encode("latin-1"))
        status, _, answer = wire.answer()
    return name, status, json.loads(answer)


def recorded(suite, name):
    """The address in the record of that request."""
    found = [record for record in suite.audit("/v1/records?limit=100").json["records"] if record.get("request_id") == name]
    assert len(found) == 1, (name, found)
    return found[0]["actor"]["address"]


def address_of(suite, *fields):
    """Who has asked, as the gateway's record of a lookup and audit's of a look at the records say alike."""
    name, status, _ = ask(suite, "/api/v1/persons/lookup", fields, '{"identifiers":[{"kind":"user_id","value":"nobody"}]}')
    assert status == 404
    look, status, _ = ask(suite, "/v1/records?limit=1", fields)
    assert status == 200
    seen = recorded(suite, name)
    assert recorded(suite, look) == seen
    return seen


def scheme_of(suite, *fields):
    _, status, settings = ask(suite, f"/v1/projects/{suite.bootstrap['write_key']}/settings", fields)
    assert status == 200
    integration = settings["integrations"]["Segment.io"]
    assert integration["apiHost"] == "shop.example/v1"  # as it was addressed: no other name is taken over
    return integration["protocol"]


@pytest.mark.parametrize("untrusting", ["alone", "elsewhere"])
def test_what_an_untrusted_one_states_changes_nothing(untrusting, request):
    suite = request.getfixturevalue(untrusting)
    for fields in ([], [f"X-Forwarded-For: {CLIENT}"], [f"X-Forwarded-For: {CLIENT}, 10.0.0.1"], ["X-Forwarded-For: ?"],
                   [f"X-Forwarded-For: {CLIENT}"] * 3, [f"Forwarded: for={CLIENT}", f"X-Real-IP: {CLIENT}"]):
        assert address_of(suite, *fields) == PROXY, fields
    assert scheme_of(suite, "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example") == "http"


def test_whom_a_trusted_one_states_is_on_record(trusting):
    assert address_of(trusting) == PROXY
    assert address_of(trusting, f"X-Forwarded-For: {CLIENT}") == CLIENT
    assert address_of(trusting, f"x-forwarded-for:{NEWER.upper()}") == NEWER
    assert address_of(trusting, f"X-Forwarded-For: {CLIENT}:4711") == CLIENT
    assert address_of(trusting, f"X-Forwarded-For: [{NEWER}]:443, 10.1.2.3, 2001:db8:1::1") == NEWER
    assert address_of(trusting, f"X-Forwarded-For: ::ffff:{CLIENT}") == CLIENT


def test_what_a_client_puts_in_front_is_not_believed(trusting):
    assert address_of(trusting, f"X-Forwarded-For: 127.0.0.1, 10.0.0.1, {CLIENT}") == CLIENT
    assert address_of(trusting, "X-Forwarded-For: 1.1.1.1", f"X-Forwarded-For: {CLIENT}", "X-Forwarded-For: 10.0.0.2") == CLIENT


@pytest.mark.parametrize("entry", ["", "unknown", "fe80::1%eth0", "1.2.3.4:99999", "[::1", "1.2.3", "\xff\xfe", "' OR 1=1", "x" * 4000])
def test_what_is_no_address_ends_the_walk_at_the_last_good_one(entry, trusting):
    assert address_of(trusting, f"X-Forwarded-For: {entry}") == PROXY
    assert address_of(trusting, f"X-Forwarded-For: {CLIENT}, {entry}, 10.0.0.2") == "10.0.0.2"
    assert address_of(trusting, f"X-Forwarded-For: {CLIENT}", f"X-Forwarded-For: {entry}", "X-Forwarded-For: 10.0.0.2") == "10.0.0.2"


def test_a_thousand_entries_are_read_and_a_thousand_fields_refused(trusting):
    assert address_of(trusting, f"X-Forwarded-For: {CLIENT}" + ", 10.0.0.1" * 1000) == CLIENT
    assert address_of(trusting, "X-Forwarded-For: " + ",".join(["10.0.0.3"] + ["10.0.0.1"] * 1000)) == "10.0.0.3"
    assert ask(trusting, "/api/v1/status", ["X-Forwarded-For: 10.0.0.1"] * 500)[1] == 431


def test_a_trusted_one_says_how_the_client_asked(trusting):
    assert scheme_of(trusting) == "http"
    assert scheme_of(trusting, "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example") == "https"
    assert scheme_of(trusting, "X-Forwarded-Proto: http, HTTPS") == "https"
    assert scheme_of(trusting, "X-Forwarded-Proto: https", "X-Forwarded-Proto: http") == "http"
    assert scheme_of(trusting, "X-Forwarded-Proto: javascript") == "http"
