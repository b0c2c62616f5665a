# SPDX-License-Identifier: Apache-2.0
"""The protocol that SDKs speak, call by call: reference of what test_sdk_node.py and test_sdk_browser.py rely on."""
import base64
import gzip
import http.client
import json
import random
import urllib.parse

import pytest

from edge import Wire
from sdk import journal, stored
from suite import Suite, request, running_suite

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
CALLS = {"identify": "i", "track": "t", "page": "p", "screen": "s", "group": "g", "alias": "a"}
FIELDS = {"track": {"event": "Product Viewed"}, "group": {"groupId": "g"}, "alias": {"previousId": "before"}}
PAGE = "https://shop.example"


@pytest.fixture(scope="module")
def running():
    with running_suite() as suite:
        yield suite


@pytest.fixture
def ask(running):
    """Asks the gateway, with no key unless the test states one."""
    return lambda method, path, body=None, headers=None: request(running.ports["gateway", "HTTP_PORT"], method, path, body, headers)


@pytest.fixture
def key(running):
    return running.bootstrap["write_key"]


def event(user, kind="track", **more):
    return {"userId": user, **FIELDS.get(kind, {}), **more}


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def types(running, user):
    return [e["type"].removeprefix("EVENT_").lower() for e in stored(running, user)]


def refused(running, reason):
    metrics = request(running.ports["gateway", "OPS_PORT"], "GET", "/metrics").body.decode()
    line = f'quanyu_pixel_refused_total{{reason="{reason}"}} '
    return sum(float(row.removeprefix(line)) for row in metrics.splitlines() if row.startswith(line))


# -- paths


@pytest.mark.parametrize("kind", CALLS)
def test_each_call_has_a_long_and_a_short_path(kind, ask, key, running):
    user = f"paths-{kind}"
    for path in (f"/v1/{kind}", f"/v1/{CALLS[kind]}", f"/v1/{kind}/"):
        answer = ask("POST", path, event(user, kind), basic(f"{key}:"))
        assert answer.status == 200 and answer.json["success"] is True and answer.json["accepted"] == 1, answer
    assert types(running, user) == [kind] * 3


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/batch/", "/v1/import", "/beacon/v1/batch"])
def test_batches_have_several_paths(path, ask, key, running):
    user = f"batch{path}"
    batch = {"batch": [event(user, kind, type=kind) for kind in CALLS], "context": {"app": {"name": "till"}},
             "integrations": {"All": True}}
    assert ask("POST", f"{path}?writeKey={key}", batch).json["accepted"] == 6
    assert types(running, user) == list(CALLS)
    assert all(e["body"]["context"] == {"app": {"name": "till"}} and e["body"]["integrations"] == {"All": True}
               and e["history"] == (path == "/v1/import") for e in stored(running, user))


def test_the_description_lists_every_path(running):
    paths = running.get("/openapi.json")["paths"]
    posts = [f"/v1/{name}" for pair in CALLS.items() for name in pair] + ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"]
    gets = ["/v1/pixel/{type}", "/v1/projects/{writeKey}/settings", "/sourceConfig/"]
    assert all("post" in paths[path] for path in posts) and all("get" in paths[path] for path in gets)


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/m", "/v1/tracks", "/v1/track//", "/b", "/beacon/v1/track", "/v1/projects//settings",
                                  "/v1/projects/a/b/settings", "/V1/track"])
def test_other_paths_are_not_found(path, ask, key):
    assert ask("POST", path, event("nobody"), basic(f"{key}:")).status in (401, 404)


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", "/v1/track", "POST, OPTIONS"), ("HEAD", "/v1/batch", "POST, OPTIONS"), ("PUT", "/v1/t", "POST, OPTIONS"),
    ("DELETE", "/beacon/v1/batch", "POST, OPTIONS"), ("POST", "/v1/pixel/track", "GET, HEAD, OPTIONS"),
    ("POST", "/sourceConfig/", "GET, HEAD, OPTIONS"), ("PATCH", "/v1/projects/k/settings", "GET, HEAD, OPTIONS")])
def test_other_methods_are_not_allowed_and_told_which_are(method, path, allowed, ask):
    answer = ask(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert answer.body == b"" if method == "HEAD" else answer.json["type"] == "urn:quanyu:problem:method_not_allowed"


# -- write keys


def test_every_form_of_authorization_is_understood(ask, key, running):
    forms = {
        "basic": ({}, basic(f"{key}:"), ""),
        "basic-without-colon": ({}, basic(key), ""),
        "basic-with-password": ({}, basic(f"{key}:secret"), ""),
        "bearer-and-body": ({"writeKey": key}, {"Authorization": "Bearer some.oauth.token"}, ""),
        "body": ({"writeKey": key}, {}, ""),
        "query": ({}, {}, f"?writeKey={key}"),
    }
    for name, (more, headers, query) in forms.items():
        assert ask("POST", f"/v1/track{query}", event(name, **more), headers).status == 200, name
        assert ask("POST", f"/v1/batch{query}", {"batch": [event(name, type="track")], **more}, headers).status == 200, name
        assert types(running, name) == ["track"] * 2


@pytest.mark.parametrize("headers", [{}, basic("wk_unknown:"), basic(":"), {"Authorization": "Bearer x"}, {"Authorization": "Basic !"}])
def test_no_write_key_is_401_and_stores_nothing(headers, ask, running):
    answer = ask("POST", "/v1/track", event("nobody"), headers)
    assert answer.status == 401 and answer.json["field"] == "writeKey"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    # A browser that is offered Basic asks whoever visits the shop for a password.
    assert ask("POST", "/v1/track", event("nobody"), {**headers, "Origin": PAGE}).headers["WWW-Authenticate"].startswith("WriteKey ")
    assert types(running, "nobody") == []


# -- bodies


def text(size):
    """What does not compress beyond belief."""
    return base64.b64encode(random.randbytes(size))[:size].decode()


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", None])
def test_the_content_type_does_not_matter(kind, ask, key, running):
    headers = {**basic(f"{key}:"), **({"Content-Type": kind} if kind else {})}
    assert ask("POST", "/v1/track", event(f"type-{kind}"), headers).status == 200
    assert types(running, f"type-{kind}") == ["track"]


def test_gzip_comes_in_one_piece_or_in_chunks(ask, key, running):
    body = gzip.compress(json.dumps({"batch": [event("gzip", type="track", n=n) for n in range(100)]}).encode())
    headers = {**basic(f"{key}:"), "Content-Encoding": "gzip"}
    assert ask("POST", "/v1/batch", body, headers).json["accepted"] == 100
    connection = http.client.HTTPConnection("127.0.0.1", running.ports["gateway", "HTTP_PORT"], timeout=60)
    connection.request("POST", "/v1/b", iter([body[:7], body[7:400], body[400:]]), headers, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["accepted"] == 100
    connection.close()
    assert len(stored(running, "gzip")) == 200


def test_a_batch_of_the_largest_size_passes(ask, key, running):
    """Segment's 500 KB and 2,500 events, RudderStack's 4,000 KB."""
    for kind, count, size in (("segment", 2500, 500_000), ("rudder", 4000, 4_000 * 1024), ("rudder-gzip", 4000, 4_000 * 1024)):
        rows = [event(f"limit-{kind}", type="track", properties={"pad": ""}) for _ in range(count)]
        rest = size - len(json.dumps({"batch": rows}))
        for row in rows:
            row["properties"]["pad"] = text(rest // count)
        body = json.dumps({"batch": rows}).encode()
        assert size * 0.98 < len(body) <= size
        headers = basic(f"{key}:")
        if kind == "rudder-gzip":
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        answer = ask("POST", "/v1/batch", body, headers)
        assert answer.status == 200 and answer.json["accepted"] == count, answer
        assert len(stored(running, f"limit-{kind}")) == count


def test_an_event_of_32_kb_passes_and_a_larger_one_is_named(ask, key, running):
    def sized(user, size):
        row = event(user, type="track", properties={"pad": ""})
        row["properties"]["pad"] = "x" * (size - len(json.dumps(row, separators=(",", ":"))))
        return row

    assert ask("POST", "/v1/track", sized("fits", 32 * 1024), basic(f"{key}:")).status == 200
    answer = ask("POST", "/v1/track", sized("too-large", 40 * 1024), basic(f"{key}:"))
    assert (answer.status, answer.json["type"]) == (413, "urn:quanyu:problem:too_large")
    answer = ask("POST", "/v1/batch", {"batch": [sized("beside", 32 * 1024), sized("too-large", 40 * 1024), event("beside", type="track")]},
                 basic(f"{key}:"))
    assert answer.status == 200 and answer.json["accepted"] == 2
    assert [(e["index"], e["reason"]) for e in answer.json["errors"]] == [(1, "too_large")]
    assert len(stored(running, "beside")) == 2 and not stored(running, "too-large")


def test_a_batch_of_too_many_events_is_refused_as_a_whole_and_says_so(ask, key, running):
    answer = ask("POST", "/v1/batch", {"batch": [event("many", type="track")] * 5001}, basic(f"{key}:"))
    assert (answer.status, answer.json["type"]) == (413, "urn:quanyu:problem:too_many_events")
    assert not stored(running, "many")


# -- browsers


@pytest.mark.parametrize("path, method", [("/v1/t", "POST"), ("/v1/batch", "POST"), ("/beacon/v1/batch", "POST"),
                                          ("/sourceConfig/", "GET"), ("/v1/projects/k/settings", "GET")])
def test_any_page_may_ask_beforehand(path, method, ask):
    wanted = "authorization,content-type,anonymousid,sentat,x-retry-count,rsa-retry-attempt,rsa-retry-reason"
    answer = ask("OPTIONS", path, None, {"Origin": PAGE, "Access-Control-Request-Method": method,
                                         "Access-Control-Request-Headers": wanted})
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().replace(" ", "").split(",")
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Max-Age"] == "900"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert set(wanted.split(",")) <= set(allowed)


def test_any_page_may_read_the_answer_also_a_refusal(ask, key):
    for headers, status in ((basic(f"{key}:"), 200), ({}, 401)):
        answer = ask("POST", "/v1/track", event("cors"), {**headers, "Origin": PAGE})
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == (status, PAGE, "Origin")
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert ask("GET", "/v1/track", None, {"Origin": PAGE}).headers["Access-Control-Allow-Origin"] == PAGE
    unnamed = ask("POST", "/v1/track", event("cors"), basic(f"{key}:"))
    assert (unnamed.headers["Access-Control-Allow-Origin"], unnamed.headers["Vary"]) == (None, "Origin")


def test_the_api_is_not_open_to_pages(ask, running):
    answer = ask("GET", "/api/v1/status", None, {"Origin": PAGE, "Authorization": f"Bearer {running.bootstrap['hq_token']}"})
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] is None


def test_a_person_may_ask_which_methods_there_are(ask):
    answer = ask("OPTIONS", "/v1/batch")
    assert (answer.status, answer.headers["Allow"]) == (204, "POST, OPTIONS")
    assert answer.headers["Access-Control-Allow-Methods"] is None


# -- the pixel


def pixel(data, kind="track"):
    text = base64.b64encode(json.dumps(data).encode()).decode() if isinstance(data, dict) else data
    return f"/v1/pixel/{kind}?data={urllib.parse.quote(text, safe='')}"


def assert_image(answer):
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/gif", GIF)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", CALLS)
def test_a_pixel_of_each_type_is_stored(kind, ask, key, running):
    user = f"pixel-{kind}"
    assert_image(ask("GET", pixel(event(user, kind, writeKey=key), kind)))
    assert_image(ask("GET", pixel(event(user, kind, writeKey=key), CALLS[kind]) + "&and=more"))
    assert types(running, user) == [kind] * 2


def test_the_pixel_takes_every_kind_of_base64(ask, key, running):
    text = json.dumps(event("pixel-base64", writeKey=key, properties={"a": "??>>~~ 中文"}), ensure_ascii=False).encode()
    while len(text) % 3 != 1:  # so that there is padding
        text += b" "
    standard, safe = base64.b64encode(text).decode(), base64.urlsafe_b64encode(text).decode()
    assert standard.endswith("==") and set("+/") & set(standard)
    forms = [urllib.parse.quote(standard, safe=""), standard, safe, safe.rstrip("="),
             urllib.parse.quote(base64.encodebytes(text).decode(), safe="")]
    for form in forms:
        assert_image(ask("GET", f"/v1/pixel/track?data={form}"))
    events = stored(running, "pixel-base64")
    assert [e["body"]["properties"]["a"] for e in events] == ["??>>~~ 中文"] * len(forms)


def test_the_pixel_answers_an_image_to_everything_and_counts_what_it_could_not_keep(ask, key, running):
    before = len(journal(running))
    cases = {
        "missing_data": "/v1/pixel/track",
        "invalid_base64": "/v1/pixel/track?data=%25%25",
        "invalid_json": pixel(base64.b64encode(b"{not json").decode()),
        "invalid_body": pixel(base64.b64encode(b"[1]").decode()) + f"&writeKey={key}",
        "unknown_write_key": pixel(event("pixel-refused", writeKey="nobody")),
        "unknown_type": pixel(event("pixel-refused", writeKey=key), "batch"),
        "missing_field": pixel({"userId": "pixel-refused", "writeKey": key}),
        "no_user_anon_id": pixel({"event": "e", "writeKey": key}),
    }
    for reason, path in cases.items():
        counted = refused(running, reason)
        assert_image(ask("GET", path))
        assert refused(running, reason) == counted + 1, reason
    assert len(journal(running)) == before


def test_a_pixel_may_be_as_long_as_a_head(ask, key, running):
    path = pixel(event("pixel-long", writeKey=key, properties={"text": "x" * 10_000}))
    assert 13_000 < len(path) < 15_000
    assert_image(ask("GET", path))
    assert [len(e["body"]["properties"]["text"]) for e in stored(running, "pixel-long")] == [10_000]


@pytest.mark.parametrize("line, reason", [
    ("GET /v1/pixel/track?data=" + "x" * 20_000 + " HTTP/1.1", "too_large"), ("GET /v1/pixel/" + "x" * 100_000, "too_large"),
    ("GET /v1/pixel/track HTTP/1.1\r\nHost: a\r\nX: " + "x" * 20_000, "too_large"),
    ("GET /v1/pixel/track%zz?data=x HTTP/1.1", "malformed_request"), ("GET /v1/pixel/track?data=x#y HTTP/1.1", "malformed_request"),
    ("GET /v1/pixel/track?data=x y HTTP/1.1", "malformed_request"), ("GET /v1/pixel/track?data=\x01 HTTP/1.1", "malformed_request"),
    ("GET /v1/pixel/track?data=x HTTP/1.1\r\nX : y", "malformed_request")],
    ids=["long", "endless", "long field", "broken escape", "fragment", "blank", "control character", "malformed field"])
def test_a_pixel_that_is_no_request_is_an_image_and_counted(line, reason, running):
    counted = refused(running, reason)
    with Wire(running) as wire:
        wire.send(f"{line}\r\n\r\n".encode())
        status, head, body = wire.answer()
        assert (status, body) == (200, GIF) and b"image/gif" in head and b"connection: close" in head.lower()
        assert wire.answers() == []
    assert refused(running, reason) == counted + 1


def test_a_pixel_is_stored_once(ask, key, running):
    path = pixel(event("pixel-once", writeKey=key, messageId="opened-1"))
    assert_image(ask("GET", path))
    assert_image(ask("GET", path))
    assert len(stored(running, "pixel-once")) == 1


def test_who_only_looks_for_the_image_sends_no_event(ask, key, running):
    answer = ask("HEAD", pixel(event("pixel-head", writeKey=key)))
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/gif", b"")
    assert not stored(running, "pixel-head")


# -- settings


def test_analytics_js_is_told_where_to_send(ask, key, running):
    answer = ask("GET", f"/v1/projects/{key}/settings", None, {"Origin": PAGE})
    host = f"127.0.0.1:{running.ports['gateway', 'HTTP_PORT']}"
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == PAGE
    integration = answer.json["integrations"]["Segment.io"]
    assert (integration["apiKey"], integration["apiHost"], integration["protocol"]) == (key, f"{host}/v1", "http")
    assert set(answer.json["integrations"]) == {"Segment.io"}
    assert answer.json["metrics"]["sampleRate"] == 0
    assert "plan" in answer.json and "edgeFunction" in answer.json
    assert ask("HEAD", f"/v1/projects/{key}/settings").body == b""
    behind = ask("GET", f"/v1/projects/{key}/settings", None, {"Host": "events.shop.example", "X-Forwarded-Proto": "https"}).json
    assert behind["integrations"]["Segment.io"]["apiHost"] == "events.shop.example/v1"
    assert behind["integrations"]["Segment.io"]["protocol"] == "http"  # who says otherwise is no proxy that is trusted


def test_rudderstack_is_told_that_nothing_else_is_to_be_loaded(ask, key):
    for query, headers in ((f"?p=npm&v=3.0.0&build=modern&writeKey={key}", {}), ("", basic(f"{key}:")), ("?view=ad", basic(f"{key}:"))):
        for path in ("/sourceConfig/", "/sourceConfig"):
            source = ask("GET", path + query, None, headers).json["source"]
            assert source["enabled"] is True and source["destinations"] == [] and source["id"]
            assert source["config"]["statsCollection"] == {"errors": {"enabled": False}, "metrics": {"enabled": False}}
            assert ask("HEAD", path + query, None, headers).status == 200


@pytest.mark.parametrize("path", ["/v1/projects/nobody/settings", f"/v1/projects/{'k' * 300}/settings", "/sourceConfig/",
                                  "/sourceConfig/?writeKey=nobody"])
def test_there_are_no_settings_for_unknown_keys(path, ask):
    answer = ask("GET", path)
    assert (answer.status, answer.json["type"]) == (404, "urn:quanyu:problem:unknown_write_key")


def test_the_stated_address_goes_before_the_one_that_was_asked(directory):
    with Suite(directory, settings={"gateway.public_url": "https://events.shop.example/quanyu/"}) as suite:
        suite.start()
        settings = request(suite.ports["gateway", "HTTP_PORT"], "GET", f"/v1/projects/{suite.bootstrap['write_key']}/settings").json
    assert settings["integrations"]["Segment.io"]["apiHost"] == "events.shop.example/quanyu/v1"
    assert settings["integrations"]["Segment.io"]["protocol"] == "https"
