# SPDX-License-Identifier: Apache-2.0
"""What the services say of themselves: valid, complete, and what they do. Each answer here is held against it in contract.py, as in all
other tests."""
import base64
import copy
import json

import jsonschema
import pytest

import chromium
import contract
import sdk
import staff
from suite import Answer, request, running_suite, wait_for

SERVICES = ("gateway", "audit")
HOOK = {"id": "s", "type": "send", "channel": "webhook", "url": "http://127.0.0.1:9/", "secret": "s3cret", "content": {}}
UNKNOWN = {"one_id": "p_00000000", "tag": "nosuch", "id": "nosuch", "index": "999999999", "writeKey": "wk_nosuch",
           "level": "0", "n": "nosuch", "m": "nosuch", "l": "nosuch", "k": "nosuch"}


@pytest.fixture(scope="module")
def running():
    with running_suite() as suite:
        yield suite


@pytest.fixture(params=SERVICES)
def service(request):
    return request.param


def description(running, service):
    return contract.of(service, running.ports[service, "HTTP_PORT"])


def ask(running, service, method, path, body=None, headers=None):
    return request(running.ports[service, "HTTP_PORT"], method, path, body, headers)


def credentials(running, service, operation):
    """Those that the operation wants, as headers."""
    security = operation.description.get("security")
    if security and "writeKey" in security[0]:
        return {"Authorization": "Basic " + base64.b64encode(f"{running.bootstrap['write_key']}:".encode()).decode()}
    if security == []:
        return {}
    return {"Authorization": "Bearer " + running.bootstrap["hq_token" if service == "gateway" else "auditor_token"]}


def example(operation):
    for content in operation.description.get("requestBody", {}).get("content", {}).values():
        return copy.deepcopy(content.get("example"))
    return None


def filled(operation, values):
    path = operation.path
    for name, value in values.items():
        path = path.replace("{" + name + "}", str(value))
    return path


# -- the document


def test_a_public_validator_takes_it(running, service):
    place = sdk.installed()
    document = ask(running, service, "GET", "/openapi.json").json
    assert json.loads(sdk.run_node(place, "openapi_valid.mjs", document)) == {"valid": True, "version": "3.1"}
    document["paths"]["/openapi.json"]["get"]["parameters"] = [{"in": "query"}]
    assert not json.loads(sdk.run_node(place, "openapi_valid.mjs", document))["valid"]


def test_every_schema_is_one_and_has_examples_that_fit(running, service):
    described = description(running, service)
    for name, schema in described.document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("description"), name
        for value in schema.get("examples", []):
            described.check({"$ref": f"#/components/schemas/{name}"}, value, f"the example of {name}")


def test_every_operation_is_named_explained_and_has_an_example_of_its_body(running, service):
    described = description(running, service)
    tags = {tag["name"] for tag in described.document["tags"]}
    ids = [operation.description["operationId"] for operation in described.operations]
    assert len(set(ids)) == len(ids)
    for operation in described.operations:
        assert operation.description["summary"] and set(operation.description["tags"]) <= tags, operation
        assert "requestBody" not in operation.description or example(operation), operation
        for parameter in operation.description["parameters"]:
            assert parameter["description"] and parameter["schema"], (operation, parameter)


def open_objects(described, schema, seen):
    """Names of objects in it that may have members that nobody knows."""
    name = schema.get("$ref")
    if name in seen:
        return []
    seen = seen | {name} if name else seen
    schema = described.resolved(schema)
    found = [name or schema] if schema.get("properties") and schema.get("additionalProperties") is not False else []
    inner = [*schema.get("properties", {}).values(), *schema.get("oneOf", []), *filter(None, [schema.get("items")])]
    return found + [one for part in inner for one in open_objects(described, part, seen)]


def test_answers_are_closed_so_that_what_is_not_described_is_found(running, service):
    described = description(running, service)
    for operation in described.operations:
        for status, response in operation.description["responses"].items():
            for media in described.resolved(response).get("content", {}).values():
                found = open_objects(described, media.get("schema", {}), frozenset())
                assert set(map(str, found)) <= {"#/components/schemas/Description"}, (operation, status, found)


def test_an_answer_that_is_not_as_described_is_found(running):
    described = description(running, "gateway")
    good = running.api("GET", "/api/v1/clock")

    def refused(status=None, headers=None, body=None):
        other = Answer(status or good.status, headers or good.headers, good.body if body is None else body)
        with pytest.raises(AssertionError):
            described.check_answer("GET", "/api/v1/clock", None, other)

    refused(status=404)
    refused(body=json.dumps({**good.json, "more": [1]}).encode())
    refused(body=json.dumps({"now": good.json["now"]}).encode())
    refused(body=json.dumps({**good.json, "now": ["x"]}).encode())
    without, unknown, text = (copy.copy(good.headers) for _ in range(3))
    del without["X-Request-Id"]
    unknown["X-Unknown"] = "1"
    text.replace_header("Content-Type", "text/plain")
    for headers in (without, unknown, text):
        refused(headers=headers)
    with pytest.raises(AssertionError):
        described.check_answer("GET", "/api/v1/nosuch", None, good)


# -- every operation


def sdk_calls(running):
    key = running.bootstrap["write_key"]
    event = {"userId": "u-1", "event": "Mail Opened", "writeKey": key}
    return {"pixel": ({"type": "track"}, "?data=" + base64.urlsafe_b64encode(json.dumps(event).encode()).decode(), None),
            "sdk_settings": ({"writeKey": key}, "", None), "sdk_source_config": ({}, f"?writeKey={key}", None)}


def prepare_staff(running):
    member, leaver = (staff.make(running, f"member-{i}@example.com", role="analyst")["id"] for i in range(2))
    token = running.post(f"/api/v1/staff/{member}/tokens", {"name": "n"})["id"]
    own = running.post("/api/v1/me/tokens", {"name": "n"})["id"]
    for role in ("desk", "gone"):
        running.post("/api/v1/roles", {"name": role, "permissions": ["tag.read"]})
    one = ({"id": member}, "", None)
    return {
        "role_show": ({"role": "guide"}, "", None), "role_update": ({"role": "desk"}, "", None), "role_remove": ({"role": "gone"}, "", None),
        "staff_show": one, "staff_change": one, "staff_invite": one, "staff_open_work": one, "staff_token_create": one, "staff_token_list": one,
        "staff_leave": ({"id": leaver}, "", None), "staff_token_revoke": ({"id": member, "token": token}, "", None),
        "me_token_revoke": ({"token": own}, "", None),
    }


def prepare_units(running, person):
    unit, doomed = (running.post("/api/v1/units", {"name": "n", "kind": "store", "parent": "u_1"})["id"] for _ in range(2))
    guide = staff.make(running, "binder@example.com", role="guide", unit=unit)["id"]
    one = ({"id": unit}, "", None)
    move = {"from": {"unit": "u_1"}, "to": {"guide": guide}, "reason": "a new shop"}
    running.wait_quiet()
    transfer = running.post("/api/v1/bindings/transfer", move, status=(200, 202))["id"]
    moved = running.audit("/v1/records?action=binding.transfer&has=set&limit=1").json["records"][0]["set"]
    return {
        "set": ({"hash": moved}, "", None),
        "set_bitmap": ({"hash": moved}, "", None),
        "unit_show": one, "unit_change": one, "unit_remove": ({"id": doomed}, "", None), "unit_people": one, "staff_people": ({"id": guide}, "", None),
        "unit_list": ({}, "?below=u_1&closed=false", None),
        "person_unmask": (person, "", None), "person_bindings": (person, "", None),
        "person_bind": (person, "", {"guide": guide, "reason": "asked for her"}),
        "transfer_begin": ({}, "", move), "transfer_show": ({"id": transfer}, "", None),
    }


# What takes a session, or what comes of the call before: they are called one after the other, as somebody who signs in does.
SIGNING_IN = ("invitation_accept", "session_begin", "session_end", "me_password", "second_factor_begin", "second_factor_confirm",
              "second_factor_reset")


# Of trees of 65,536 records and more, and of days of unusual use (test_audit_alerts.py).
BEYOND = ("tile", "entries", "tile_3", "entries_3", "tile_4", "entries_4", "alert_acknowledge", "entries_rest")


def call_what_signs_in(running):
    member = staff.ready(running, "signs.in@example.com")
    session = staff.sign_in(running, "signs.in@example.com").json["session"]
    staff.enrol(running, session)
    answers = [
        staff.call(running, "POST", "/api/v1/me/password", {"password": staff.GOOD, "new_password": staff.OTHER}, staff.bearer(session)),
        staff.call(running, "DELETE", "/api/v1/session", None, staff.bearer(session)),
        running.api("DELETE", f"/api/v1/staff/{member['id']}/second-factor"),
    ]
    assert [answer.status for answer in answers] == [204] * 3, answers


def prepare_identity(running, person):
    """A person each, with a card, for what is decided by hand."""
    ids = [[{"id": f"W-{i}", "type": "member_card", "collection": "users", "encoding": "none"}] for i in range(7)]
    running.send([{"type": "page", "userId": f"who-{i}", "context": {"externalIds": ids[i]}} for i in range(7)])
    running.send([{"type": "identify", "userId": "who-0", "traits": {"phone": "13700137000"}}])
    running.wait_quiet()
    user, card = ([{"kind": kind, "value": f"{name}-{i}"} for i in range(7)] for kind, name in (("user_id", "who"), ("member_card", "W")))
    third, fourth = ({"one_id": running.lookup("user_id", f"who-{i}").json["one_id"]} for i in (2, 3))
    pair = "~".join(running.lookup("user_id", f"who-{i}").json["one_id"] for i in (4, 5))
    link, = running.post("/api/v1/identifiers/explain", {"one": user[6], "other": card[6]})["links"]
    body = {"reason": "showed both"}
    shown, undone = (running.post("/api/v1/identifiers/block", {"identifier": card[i], **body})["id"] for i in (0, 1))
    return {
        "person_join": ({}, "", {"identifiers": user[:2], **body}), "person_split": (third, "", {"identifiers": card[2:3], **body}),
        "person_move": (fourth, "", {"identifier": card[4], **body}), "identifier_block": ({}, "", {"identifier": card[5], **body}),
        "identifier_reassign": ({}, "", {"identifier": {"kind": "phone", "value": "13700137000"}, "since": "2026-01-01T00:00:00Z", **body}),
        "evidence_withdraw": ({"position": link["position"]}, "", None), "person_history": (person, "", None),
        "decision_show": ({"id": shown}, "", None), "decision_undo": ({"id": undone}, "", None),
        "duplicate_dismiss": ({"id": pair}, "", body),
    }


def prepare_proofs(running):
    """A witness's cosignature is handed in again."""
    state = running.directory / "witness.json"
    key = json.loads(running.cli("audit", "key").stdout.splitlines()[-1])["verifier_key"]
    wait_for(lambda: running.audit("/checkpoint").status == 200, "a checkpoint")
    running.cli("audit", "witness", "--state", state, "--key", key, "--once", check=False)
    running.cli("audit", "witness-key", "add", running.cli("audit", "witness", "--state", state, "--show-key").stdout.strip())
    running.cli("audit", "witness", "--state", state, "--once")
    cosigned = running.audit("/v1/checkpoints/cosigned").body.decode()
    part = {"level": 0, "n": "000.p", "m": 1}
    doomed = json.loads(running.cli("auditor", "create", "Doomed").stdout)["id"]
    hold = json.loads(running.cli("audit", "hold", "add", "Doomed", "--reason", "none").stdout)["id"]
    return {
        "hold_release": ({"id": hold}, "", None),
        "auditor_revoke": ({"id": doomed}, "", None),
        "receipt": ({"index": 0}, "", None), "cosign": ({}, "", cosigned), "proof_inclusion": ({}, "?index=0", None),
        "proof_consistency": ({}, "?from=1", None), "tile_2": (part, "", None), "entries_2": (part, "", None),
    }


def prepare(running):
    """What the calls are about, by operationId: (values of the path, query, body). What is left out takes none, or the example."""
    running.ingest("/v1/identify", {"userId": "u-1001", "traits": {"phone": "13800138000"}})
    running.ingest("/v1/track", {"userId": "u-1001"})
    running.ingest("/v1/track", {"userId": "u-1002"})
    running.wait_quiet()
    segment, doomed = (running.post("/api/v1/segments", {"name": "n", "rule": {"everyone": True}})["id"] for _ in range(2))
    for tag in ("敏感肌", "gone", "kept"):
        running.post("/api/v1/tags", {"tag": tag})
    steps = {"name": "j", "entry": {"segment": segment}, "steps": [HOOK]}
    journey, ended = (running.post("/api/v1/journeys", steps)["id"] for _ in range(2))
    key, removed = (running.post("/api/v1/write-keys", {"name": "n"})["id"] for _ in range(2))
    letters = running.get("/api/v1/dead-letters")["dead_letters"]
    person = {"one_id": running.lookup("user_id", "u-1001").json["one_id"]}
    return {
        **sdk_calls(running), **prepare_staff(running), **prepare_units(running, person), **prepare_identity(running, person),
        "person_show": (person, "", None), "person_tag": (person, "", None),
        "person_untag": ({**person, "tag": "kept"}, "", None),
        "segment_show": ({"id": segment}, "", None), "segment_change": ({"id": segment}, "", None),
        "segment_remove": ({"id": doomed}, "", None), "segment_changes": ({"id": segment}, "?limit=10", None),
        "stages_change": ({}, "", {"stages": running.get("/api/v1/stages")["stages"]}),
        "segment_list": ({}, "?limit=1", None),
        "tag_show": ({"tag": "kept"}, "", None), "tag_change": ({"tag": "kept"}, "", None), "tag_remove": ({"tag": "gone"}, "", None),
        "journey_create": ({}, "", steps), "journey_show": ({"id": journey}, "", None), "journey_change": ({"id": journey}, "", steps),
        "journey_publish": ({"id": journey}, "", None), "journey_pause": ({"id": journey}, "", None),
        "journey_remove": ({"id": ended}, "", None), "journey_deliveries": ({"id": journey}, "", None),
        "dead_letter_show": ({"id": letters[0]["id"]}, "", None), "dead_letter_delete_one": ({"id": letters[1]["id"]}, "", None),
        "dead_letter_delete": ({}, "?all=true", None),
        "write_key_show": ({"id": key}, "", None), "write_key_change": ({"id": key}, "", None),
        "write_key_rotate": ({"id": key}, "", None), "write_key_revoke": ({"id": key}, "", None),
        "write_key_remove": ({"id": removed}, "", None),
        "show": ({"index": 0}, "", None), "histogram": ({}, "?by=month", None), "report": ({"name": "refused"}, "", None), **prepare_proofs(running),
    }


# The others come in the document's order: what these need is gone or changed after them.
LAST = ("journey_publish", "journey_pause", "dead_letter_delete_one", "dead_letter_delete", "clock_change")


def test_every_operation_answers_as_described(running):
    prepared = prepare(running)
    for service in SERVICES:
        described = description(running, service)
        described.called.clear()
        if service == "gateway":
            call_what_signs_in(running)
        operations = sorted(described.operations, key=lambda one: (LAST + ("",)).index(one.description["operationId"])
                            if one.description["operationId"] in LAST else -1)
        for operation in operations:
            if operation.description["operationId"] in SIGNING_IN + BEYOND:
                continue
            values, query, body = prepared.get(operation.description["operationId"], ({}, "", None))
            answer = ask(running, service, operation.method.upper(), filled(operation, values) + query, body or example(operation),
                         credentials(running, service, operation))
            assert answer.status < 300, (operation, answer)
        missed = [str(one) for one in described.operations if one.description["operationId"] not in BEYOND and not any(status < 300 for status in described.called.get(str(one), ()))]
        assert not missed, missed


def wrong_calls(running, service, operation):
    """What is wrong with each operation in the ways that its description speaks of: (status, path, body, headers)."""
    responses, good = operation.description["responses"], credentials(running, service, operation)
    names = {one["name"]: UNKNOWN.get(one["name"]) for one in operation.description["parameters"] if one["in"] == "path"}
    path, body = filled(operation, names), example(operation)
    calls = []
    if "401" in responses:
        calls.append((401, path, body, {}))
    if "400" in responses and "event" not in operation.description["tags"][0]:
        calls.append((400, path + "?nosuch=1", body, good))
    if isinstance(body, str):
        calls += [(400, path, b"colour\nred\n", good)]
    elif body and "events" not in operation.description["tags"]:
        calls += [(400, path, {**body, "nosuch": 1}, good), (400, path, b"{", good), (400, path, b"[]", good)]
    elif body:
        calls += [(400, path, {"integrations": {}}, good), (400, path, b"{", good), (400, path, b"[]", good)]
    if "404" in responses and names:
        calls.append((404, path, body, good))
    if "412" in responses:
        calls.append((400, path, body, {**good, "If-Match": "x"}))
    return calls


def test_what_is_wrong_is_answered_as_described(running, service):
    for operation in description(running, service).operations:
        for status, path, body, headers in wrong_calls(running, service, operation):
            answer = ask(running, service, operation.method.upper(), path, body, headers)
            assert answer.status == status, (operation, path, body, answer)
            assert answer.headers["Content-Type"] == "application/problem+json", (operation, answer)


# -- the page


def test_the_page_shows_every_operation_and_loads_nothing(running, service):
    page = ask(running, service, "GET", "/docs")
    text = page.body.decode()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    for needle in ("<script", " src=", " style=", "<link", "@import", "url(", "<img"):
        assert needle not in text, needle
    described = description(running, service)
    for operation in described.operations:
        assert f'<article id="{operation.description["operationId"]}">' in text, operation
    for name in described.document["components"]["schemas"]:
        assert f'id="schema-{name}"' in text, name
    anchors = {part.split('"')[0] for part in text.split('href="#')[1:]}
    assert anchors <= {part.split('"')[0] for part in text.split('id="')[1:]}


@pytest.mark.skipif(not chromium.find_program(), reason="no Chromium is installed; ./dev setup does that")
def test_a_browser_shows_the_page_with_its_style_on_a_phone_too(running, service):
    url = f"http://127.0.0.1:{running.ports[service, 'HTTP_PORT']}/docs"
    with chromium.Chromium() as browser:
        page = browser.open(url)
        page.ask("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
        shown = page.run("""return {
            font: getComputedStyle(document.querySelector('.method')).fontWeight,
            wide: document.documentElement.scrollWidth, articles: document.querySelectorAll('article').length}""")
        assert shown["font"] == "700" and shown["wide"] <= 390 and shown["articles"] > 10, shown
        assert not page.strangers() and not page.console, (page.urls, page.console)
        assert {one.split("#")[0] for one in page.urls} <= {url, url.replace("/docs", "/favicon.ico")}
