# SPDX-License-Identifier: Apache-2.0
"""Write keys: what each may send, rotation, revocation, over HTTP and `quanyu key`."""
import concurrent.futures
import json
import threading

import pytest

from ingest_client import Source, held_writer, page
from suite import request

KEYS = "/api/v1/write-keys"
TRACK = {"type": "track", "userId": "u", "event": "Product Viewed"}


def make(suite, **members):
    answer = suite.api("POST", KEYS, {"name": "Web shop", **members})
    assert answer.status == 201, answer
    assert answer.headers["ETag"] == '"1"'
    return answer.json


def show(suite, key):
    return suite.get(f"{KEYS}/{key['id']}")


def refused(answer, status, kind, field=None):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    assert answer.json["type"] == f"urn:quanyu:problem:{kind}", answer
    assert field is None or answer.json["field"] == field, answer
    return answer.json


def send(suite, key, event=None, **more):
    return suite.ingest("/v1/page", event or {"userId": "u"}, write_key=key["secret"], **more)


def rotate(suite, key, **how):
    answer = suite.api("POST", f"{KEYS}/{key['id']}/rotate", how)
    assert answer.status == 200, answer
    return answer.json


def test_a_secret_is_shown_once_and_stored_nowhere(suite):
    key = make(suite, description="the shop's pages", platform="browser", sources=["web"])
    assert key["id"] == "k_2" and key["secret"].startswith("wk_") and key["state"] == "active", key
    secret = key.pop("secret")
    assert show(suite, key) == key
    assert key["secrets"] == [{"id": "1", "hint": secret[-4:], "state": "active", "created_at": key["created_at"], "expires_at": None,
                               "revoked_at": None}]
    assert send(suite, {"secret": secret}).status == 200
    rotated = rotate(suite, key, overlap_seconds=60)
    suite.stop()
    for file in suite.data.rglob("*"):
        if file.is_file() and "bootstrap" not in file.parts:
            content = file.read_bytes()
            assert secret.encode() not in content and rotated["secret"].encode() not in content, file
    logs = "".join(suite.log(name) for name in suite.processes)
    assert secret not in logs and rotated["secret"] not in logs
    suite.processes.clear()
    suite.start()


def test_the_first_key_may_send_everything_from_everywhere(suite):
    first = suite.get(f"{KEYS}/k_1")
    assert (first["name"], first["platform"], first["import"]) == ("first", "any", True)
    assert all(first[name] is None for name in ("sources", "channels", "event_types", "event_names", "allowed_origins", "rate", "expires_at"))
    for origin in ({}, {"Origin": "https://shop.example.com"}):
        assert suite.ingest("/v1/page", {"userId": "u"}, headers=origin).status == 200
    assert suite.ingest("/v1/import", {"batch": [page("m")]}).status == 200


def test_a_list_goes_page_by_page_without_those_that_are_deleted(suite):
    made = [make(suite, name=f"Key {i}")["id"] for i in range(5)]
    assert suite.api("DELETE", f"{KEYS}/{made[1]}").status == 204
    listed, cursor = [], ""
    while cursor is not None:
        answer = suite.get(f"{KEYS}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        assert len(answer["write_keys"]) <= 2
        listed += [key["id"] for key in answer["write_keys"]]
        cursor = answer["next_cursor"]
    assert listed == ["k_1", made[0], *made[2:]]
    assert "secret" not in json.dumps(suite.get(KEYS)).replace('"secrets"', "")
    assert make(suite)["id"] == "k_7", "a number is never given again"
    refused(suite.api("GET", f"{KEYS}/{made[1]}"), 404, "not_found")
    for cursor in ("x", "k_", "k_0", "k_01", "s_1"):
        refused(suite.api("GET", f"{KEYS}?cursor={cursor}"), 400, "invalid", "cursor")


def test_what_is_wrong_is_named(suite):
    wrong = [
        ({}, "name"), ({"name": ""}, "name"), ({"name": 7}, "name"), ({"name": "x" * 101}, "name"), ({"name": "a\nb"}, "name"),
        ({"name": "call 13800138000"}, "/name"), ({"platform": "phone"}, "platform"), ({"source": "web"}, "source"),
        ({"sources": []}, "sources"), ({"sources": "web"}, "sources"), ({"sources": [""]}, "/sources/0"),
        ({"channels": ["a", 5]}, "/channels/1"), ({"channels": ["x" * 101]}, "/channels/0"), ({"channels": ["x"] * 101}, "channels"),
        ({"event_types": ["track", "buy"]}, "/event_types/1"), ({"event_names": [None]}, "/event_names/0"),
        ({"platform": "browser", "allowed_origins": ["https://a.example", "a.example"]}, "/allowed_origins/1"),
        ({"platform": "browser", "allowed_origins": ["https://a.example/"]}, "/allowed_origins/0"),
        ({"allowed_origins": ["https://a.example"]}, "allowed_origins"),
        ({"platform": "browser", "import": True}, "import"), ({"import": "yes"}, "import"),
        ({"rate": 5}, "rate"), ({"rate": {}}, "/rate/events_per_second"), ({"rate": {"events_per_second": -1}}, "/rate/events_per_second"),
        ({"rate": {"events_per_second": 1.5}}, "/rate/events_per_second"), ({"rate": {"events_per_second": 5, "burst": "x"}}, "/rate/burst"),
        ({"rate": {"events_per_second": 5, "size": 5}}, "rate"), ({"expires_at": "soon"}, "expires_at"), ({"paused": 1}, "paused"),
    ]
    for members, field in wrong:
        body = members if "name" in members or not members else {"name": "k", **members}
        refused(suite.api("POST", KEYS, body), 400, "invalid", field)
    key = make(suite)
    path = f"{KEYS}/{key['id']}"
    for members, field in wrong[1:]:
        if members != {"name": ""}:
            refused(suite.api("PATCH", path, members), 400, "invalid", field)
    for body in ({}, {"overlap_seconds": 5, "old_expires_at": "2026-01-02"}, {"overlap_seconds": -5}, {"overlap_seconds": "5"},
                 {"overlap_seconds": 99999999999}):
        refused(suite.api("POST", f"{path}/rotate", body), 400, "invalid", "overlap_seconds")
    refused(suite.api("POST", f"{path}/rotate", {"old_expires_at": "then"}), 400, "invalid", "old_expires_at")
    refused(suite.api("POST", f"{path}/revoke", {"secret": "2"}), 404, "not_found", "secret")
    for unknown in ("k_99", "k_0", "k_02", "2", "x", "k_4294967297"):
        refused(suite.api("GET", f"{KEYS}/{unknown}"), 404, "not_found", "id")
        refused(suite.api("DELETE", f"{KEYS}/{unknown}"), 404, "not_found", "id")
    assert show(suite, key)["version"] == 1, "nothing of it was taken"


def test_a_change_holds_for_the_version_that_it_names(suite):
    key = make(suite)
    path = f"{KEYS}/{key['id']}"
    changed = suite.api("PATCH", path, {"paused": True, "channels": ["online"]}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"], changed.json["state"]) == (200, '"2"', "paused"), changed
    refused(suite.api("PATCH", path, {"paused": False}, headers={"If-Match": '"1"'}), 412, "overtaken", "If-Match")
    refused(suite.api("DELETE", path, headers={"If-Match": '"1"'}), 412, "overtaken", "If-Match")
    refused(suite.api("POST", f"{path}/rotate", {"overlap_seconds": 0}, headers={"If-Match": '"1"'}), 412, "overtaken")
    refused(send(suite, key), 401, "paused_write_key")
    again = suite.api("PATCH", path, {"paused": False, "channels": None}).json
    assert (again["version"], again["channels"], again["name"]) == (3, None, "Web shop")
    assert send(suite, key).status == 200
    threads = [threading.Thread(target=suite.api, args=("PATCH", path, {name: ["x"]})) for name in ("sources", "channels", "event_names")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = show(suite, key)
    assert [together[name] for name in ("sources", "channels", "event_names", "version")] == [["x"], ["x"], ["x"], 6]


def test_an_event_that_the_key_does_not_allow_is_reported_and_the_others_taken(suite):
    key = make(suite, event_types=["track", "page"], event_names=["Product *"], sources=["web"], channels=["online", "app"])
    batch = [{**TRACK, "messageId": "m1"}, {**TRACK, "event": "Order Completed", "messageId": "m2"},
             {"type": "identify", "userId": "u", "messageId": "m3"}, {**page("m4"), "context": {"source": "till"}},
             {**page("m5"), "context": {"channel": "app"}}, {"type": "page", "messageId": "m6"}]
    answer = suite.ingest("/v1/batch", {"batch": batch}, write_key=key["secret"])
    assert answer.status == 200 and answer.json["accepted"] == 2, answer
    assert [(e["index"], e["message_id"], e["reason"], e["field"]) for e in answer.json["errors"]] == [
        (1, "m2", "not_allowed", "event"), (2, "m3", "not_allowed", "type"), (3, "m4", "not_allowed", "/context/source"),
        (5, "m6", "no_user_anon_id", "userId")]
    answer = suite.ingest("/v1/batch", {"batch": batch[1:4]}, write_key=key["secret"])
    assert [e["index"] for e in refused(answer, 403, "not_allowed")["errors"]] == [0, 1, 2]
    refused(suite.ingest("/v1/batch", {"batch": [batch[1], batch[5]]}, write_key=key["secret"]), 400, "invalid_event")
    refused(suite.ingest("/v1/alias", {"userId": "u", "previousId": "a"}, write_key=key["secret"]), 403, "not_allowed")
    refused(suite.ingest("/v1/import", {"batch": [page("m7")]}, write_key=key["secret"]), 403, "not_allowed", "import")
    suite.wait_quiet()
    assert suite.count({"event": "Product Viewed"}) == 1 and suite.count({"event": "Order Completed"}) == 0


def test_what_an_event_does_not_state_the_key_states(suite):
    key = make(suite, sources=["web"], channels=["online"])
    assert send(suite, key, {"userId": "plain", "name": "Home"}).status == 200
    suite.wait_quiet()
    events = suite.lookup("user_id", "plain").json["events"]
    assert events[0]["context"] == {"source": "web", "channel": "online"}, events


def test_a_pages_origin_must_be_allowed(suite):
    browser = make(suite, platform="browser", allowed_origins=["https://*.example.com", "http://localhost:*"])
    server = make(suite, platform="server")
    for origin in ("https://shop.example.com", "http://localhost:3000"):
        assert send(suite, browser, headers={"Origin": origin}).status == 200
        assert send(suite, browser, headers={"Referer": origin + "/cart?x=1"}).status == 200
    for stated in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://shop.example.com"},
                   {"Referer": "https://evil.example/https://shop.example.com"}):
        refused(send(suite, browser, headers=stated), 403, "origin_not_allowed", "Origin")
    refused(send(suite, server, headers={"Origin": "https://shop.example.com"}), 403, "origin_not_allowed")
    for site in ("cross-site", "same-site", "same-origin"):  # a page that conceals its origin
        for key in (browser, server):
            refused(send(suite, key, headers={"Sec-Fetch-Site": site}), 403, "origin_not_allowed", "Origin")
    for known in ({}, {"Sec-Fetch-Site": "none"}):
        assert send(suite, browser, headers=known).status == send(suite, server, headers=known).status == 200
    assert send(suite, browser, headers={"Sec-Fetch-Site": "cross-site", "Referer": "https://shop.example.com/"}).status == 200
    assert suite.api("PATCH", f"{KEYS}/{browser['id']}", {"allowed_origins": None}).status == 200
    assert send(suite, browser, headers={"Origin": "https://evil.example"}).status == 200
    assert send(suite, browser, headers={"Sec-Fetch-Site": "cross-site"}).status == 200


def test_a_key_is_found_wherever_it_stands_and_the_reason_is_told(suite):
    key = make(suite, expires_at="2026-01-01T01:00:00Z")
    port = suite.ports["gateway", "HTTP_PORT"]

    def bare(path, body, headers=None):
        return request(port, "POST", path, body, headers or {})

    event = {"userId": "u"}
    for answer in (bare("/v1/page", {**event, "writeKey": key["secret"]}), bare(f"/v1/page?writeKey={key['secret']}", event),
                   bare("/v1/page", {**event, "writeKey": key["secret"]}, {"Authorization": "Bearer x"})):
        assert answer.status == 200, answer
    refused(bare("/v1/page", event), 401, "unknown_write_key", "writeKey")
    refused(bare("/v1/page", {**event, "writeKey": "wk_nobodys"}), 401, "unknown_write_key")
    suite.advance("1h")
    answer = send(suite, key)
    refused(answer, 401, "expired_write_key", "writeKey")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert show(suite, key)["state"] == "expired"
    assert suite.api("PATCH", f"{KEYS}/{key['id']}", {"expires_at": None}).json["state"] == "active"
    assert send(suite, key).status == 200
    suite.api("DELETE", f"{KEYS}/{key['id']}")
    refused(send(suite, key), 401, "revoked_write_key", "writeKey")


def test_a_rotated_key_goes_on_until_the_overlap_is_over_and_counts_each_event_once(suite):
    old = make(suite)
    new = rotate(suite, old, overlap_seconds=3600)
    assert [s["state"] for s in new["secrets"]] == ["active", "active"] and new["version"] == 2
    assert new["secrets"][0]["expires_at"] == "2026-01-01T01:00:00Z" and new["secrets"][1]["expires_at"] is None
    for number, key in enumerate((old, new, old, new)):
        answer = suite.ingest("/v1/batch", {"batch": [page("same"), page(f"own-{number}")]}, write_key=key["secret"])
        assert (answer.json["accepted"], answer.json["duplicates"]) == ((2, 0) if number == 0 else (1, 1)), answer
    suite.advance("59m")
    assert send(suite, old).status == send(suite, new).status == 200
    suite.advance("1m")
    refused(send(suite, old), 401, "expired_write_key")
    assert send(suite, new).status == 200
    assert [s["state"] for s in show(suite, old)["secrets"]] == ["expired", "active"]
    newest = rotate(suite, new, overlap_seconds=0)
    refused(send(suite, new), 401, "expired_write_key")
    assert send(suite, newest).status == 200
    last = rotate(suite, newest, old_expires_at="2026-01-02T00:00:00Z")
    assert send(suite, newest).status == send(suite, last).status == 200
    assert last["secrets"][-2]["expires_at"] == "2026-01-02T00:00:00Z"


def test_secrets_of_no_use_make_room_and_those_in_use_do_not(suite):
    key = make(suite)
    for number in range(10):
        key = rotate(suite, key, overlap_seconds=0)
        assert key["secrets"][-1]["id"] == str(number + 2)
    assert len(key["secrets"]) == 8
    for _ in range(7):
        key = rotate(suite, key, overlap_seconds=60)
    assert [s["state"] for s in key["secrets"]] == ["active"] * 8
    refused(suite.api("POST", f"{KEYS}/{key['id']}/rotate", {"overlap_seconds": 60}), 409, "conflict")
    assert send(suite, key).status == 200


def test_one_secret_is_revoked_and_the_other_goes_on(suite):
    old = make(suite)
    new = rotate(suite, old, overlap_seconds=3600)
    answer = suite.api("POST", f"{KEYS}/{old['id']}/revoke", {"secret": "1"})
    assert answer.status == 200 and [s["state"] for s in answer.json["secrets"]] == ["revoked", "active"], answer
    refused(send(suite, old), 401, "revoked_write_key")
    assert send(suite, new).status == 200


@pytest.mark.parametrize("how", ["delete", "revoke", "pause"])
def test_nothing_is_taken_with_a_key_after_the_answer_that_it_is_revoked(suite, how):
    key = make(suite)
    path = f"{KEYS}/{key['id']}"
    revoked = threading.Event()
    sources = [Source(suite, key["secret"], f"source-{i}", revoked) for i in range(12)]
    for source in sources:
        source.start()
    before = suite.ingest("/v1/batch", {"batch": [page(f"more-{i}") for i in range(1000)]}, write_key=key["secret"])
    assert before.status == 200
    answer = {"delete": lambda: suite.api("DELETE", path), "revoke": lambda: suite.api("POST", f"{path}/revoke", {"secret": "1"}),
              "pause": lambda: suite.api("PATCH", path, {"paused": True})}[how]()
    revoked.set()
    assert answer.status in (200, 204), answer
    for source in sources:
        source.finish()
    assert not [source.late for source in sources if source.late]
    kind = "paused_write_key" if how == "pause" else "revoked_write_key"
    assert {(s.refusal[0], s.refusal[1]["type"]) for s in sources} == {(401, f"urn:quanyu:problem:{kind}")}
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["events"] == sum(source.accepted for source in sources) + 1000


def test_calls_that_wait_behind_a_revocation_are_refused_with_it(suite):
    """All are admitted while the key is good; the writer takes them up in the order in which they came."""
    key = make(suite)
    before = suite.get("/api/v1/summary")["events"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        with held_writer(suite):
            revoked = pool.submit(suite.api, "POST", f"{KEYS}/{key['id']}/revoke", {"secret": "1"})
            calls = []
            for number in range(6):
                assert suite.lookup("user_id", "nobody").status == 404
                calls.append(pool.submit(send, suite, key, {"userId": "u", "messageId": f"behind-{number}"}))
        answers = [call.result(60) for call in calls]
        assert revoked.result(60).status == 200
    for answer in answers:
        assert answer.status == 200 or refused(answer, 401, "revoked_write_key", "writeKey")
    assert answers[-1].status == 401
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["events"] == before + sum(answer.status == 200 for answer in answers)


@pytest.mark.parametrize("before, after, kind", [
    ({}, {"event_types": ["track"]}, "not_allowed"),
    ({"sources": ["web"]}, {"sources": ["till"]}, "not_allowed"),
    ({"platform": "browser", "import": False}, {"allowed_origins": ["https://other.example"]}, "origin_not_allowed"),
    ({"platform": "any"}, {"platform": "server"}, "origin_not_allowed")], ids=["types", "sources", "origins", "platform"])
def test_calls_that_wait_behind_a_key_that_is_narrowed_are_judged_by_what_it_allows_then(suite, before, after, kind):
    """As behind a revocation: all are admitted with what the key allowed before."""
    key = make(suite, **before)
    counted = suite.get("/api/v1/summary")["events"]
    event = {"userId": "u", **({"context": {"source": "web"}} if "sources" in before else {})}
    origin = {} if kind == "not_allowed" else {"headers": {"Origin": "https://shop.example"}}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        with held_writer(suite):
            narrowed = pool.submit(suite.api, "PATCH", f"{KEYS}/{key['id']}", after)
            calls = []
            for number in range(6):
                assert suite.lookup("user_id", "nobody").status == 404
                calls.append(pool.submit(send, suite, key, {**event, "messageId": f"narrowed-{number}"}, **origin))
        answers = [call.result(60) for call in calls]
        assert narrowed.result(60).status == 200
    for answer in answers:
        assert answer.status == 200 or refused(answer, 403, kind)
    assert answers[-1].status == 403
    if kind == "not_allowed":  # refused for what they hold, they are kept as ever
        assert answers[-1].json["errors"][0]["reason"] == "not_allowed" and "dead_letter" in answers[-1].json["errors"][0]
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["events"] == counted + sum(answer.status == 200 for answer in answers)


def test_calls_that_wait_behind_a_change_that_allows_them_are_taken_once_and_paid_once(suite):
    key = make(suite, sources=["web"], rate={"events_per_second": 1, "burst": 100})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        with held_writer(suite):
            changed = pool.submit(suite.api, "PATCH", f"{KEYS}/{key['id']}", {"sources": ["till"]})
            calls = []
            for number in range(6):
                assert suite.lookup("user_id", "nobody").status == 404
                calls.append(pool.submit(send, suite, key, {"userId": f"behind-{number}", "messageId": f"changed-{number}"}))
        answers = [call.result(60) for call in calls]
        assert changed.result(60).status == 200
    assert [(answer.status, answer.json["accepted"]) for answer in answers] == [(200, 1)] * 6
    assert all(answer.headers.get_all("X-RateLimit-Limit") == ["100"] for answer in answers)
    suite.wait_quiet()
    after = send(suite, key)
    assert after.status == 200 and int(after.headers["X-RateLimit-Remaining"]) >= 100 - 7
    suite.wait_quiet()
    events = suite.lookup("user_id", "behind-5").json["events"]
    assert events[0]["context"] == {"source": "till"}, "what it does not state the key states, as it is then"


def test_what_was_answered_is_there_after_a_kill(suite):
    key = make(suite, name="Till", sources=["till"])
    suite.kill("gateway")
    suite.start("gateway")
    assert show(suite, key)["sources"] == ["till"]
    assert suite.ingest("/v1/batch", {"batch": [page("m")]}, write_key=key["secret"]).json["accepted"] == 1
    new = rotate(suite, key, overlap_seconds=0)
    suite.kill("gateway")
    suite.start("gateway")
    refused(send(suite, key), 401, "expired_write_key")
    again = suite.ingest("/v1/batch", {"batch": [page("m")]}, write_key=new["secret"]).json
    assert (again["accepted"], again["duplicates"]) == (0, 1), "the source is the same"
    suite.api("DELETE", f"{KEYS}/{key['id']}")
    suite.kill("gateway")
    suite.start("gateway")
    refused(send(suite, new), 401, "revoked_write_key")
    suite.wait_quiet()


def test_each_change_is_on_record_with_before_and_after_and_without_secrets(suite):
    key = make(suite, sources=["web"])
    path = f"{KEYS}/{key['id']}"
    suite.api("PATCH", path, {"sources": ["app"]})
    new = rotate(suite, key, overlap_seconds=60)
    suite.api("POST", f"{path}/revoke", {"secret": "1"})
    suite.api("DELETE", path)
    suite.wait_quiet()
    records = suite.audit("/v1/records?limit=50").json["records"]
    acts = [record for record in reversed(records) if record["action"].startswith("write_key.")]
    assert [act["action"].split(".")[1] for act in acts] == ["create", "change", "rotate", "revoke", "delete"]
    details = [json.loads(act["detail"]) for act in acts]
    assert all(detail["id"] == key["id"] for detail in details) and all(act["actor"]["role"] == "hq_admin" for act in acts)
    assert details[0]["before"] is None and details[0]["after"]["sources"] == ["web"]
    assert (details[1]["before"]["sources"], details[1]["after"]["sources"]) == (["web"], ["app"])
    assert [len(details[2][when]["secrets"]) for when in ("before", "after")] == [1, 2]
    assert details[4]["after"] is None and details[4]["before"]["version"] == 4
    assert not any(secret in json.dumps(records) for secret in (key["secret"], new["secret"]))


def test_the_largest_key_fits_into_its_record(suite):
    full = {name: ['"' * 100] * 19 for name in ("sources", "channels", "event_names")}
    key = make(suite, name='"' * 100, description='"' * 255, platform="browser", **full)
    refused(suite.api("PATCH", f"{KEYS}/{key['id']}", {"event_names": ['"' * 100] * 22}), 400, "invalid", "event_names")
    assert suite.api("PATCH", f"{KEYS}/{key['id']}", {"event_names": ['"' * 100] * 21}).status == 200
    for _ in range(7):
        key = rotate(suite, key, overlap_seconds=60)
    assert suite.api("PATCH", f"{KEYS}/{key['id']}", {"description": '"' * 254}).status == 200
    suite.wait_quiet()
    record = suite.audit("/v1/records?action=write_key.change&limit=1").json["records"][0]
    assert json.loads(record["detail"])["after"]["description"] == '"' * 254


def test_an_import_that_goes_on_with_another_key_counts_nothing_twice(suite):
    import_id = "a1" * 16
    assert suite.api("POST", "/api/v1/imports", {"id": import_id, "name": "f", "beginning": "b"}).status == 200
    lines = {"batch": [page(f"{import_id}:{number}") for number in range(3)]}
    counts = [suite.ingest("/v1/import", lines, write_key=make(suite, **{"import": True})["secret"]).json for _ in range(2)]
    assert [(answer["accepted"], answer["duplicates"]) for answer in counts] == [(3, 0), (0, 3)]


def test_an_import_says_which_lines_its_key_does_not_allow_and_waits_where_it_is_over_its_rate(suite):
    lines, mapping, report = (suite.directory / name for name in ("sales.csv", "map.json", "report.csv"))
    lines.write_text("who\n" + "".join(f"u{number}\n" for number in range(2500)))
    mapping.write_text(json.dumps({"time_zone": "Asia/Shanghai", "events": [{"type": "track", "event": "Seen", "user_id": "{who}"}]}))
    command = ("import", lines, "--map", mapping, "--report", report)
    suite.api("PATCH", f"{KEYS}/k_1", {"event_names": ["Order *"]})
    result = suite.cli(*command, check=False)
    assert result.returncode == 3 and "2500 events were refused by the gateway" in result.stdout, result
    assert report.read_text().splitlines()[1] == '2,"not_allowed: event: this write key may not send Seen"'
    suite.api("PATCH", f"{KEYS}/k_1", {"event_names": None, "rate": {"events_per_second": 1000, "burst": 10}})
    assert "2500 events: 2500 new" in suite.cli(*command).stdout
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["events"] == 2500


def test_keys_are_managed_by_command(suite):
    made = json.loads(suite.cli("key", "create", "Web shop", "--platform", "browser", "--source", "web", "--origin", "https://*.example.com",
                                "--origin", "http://localhost:*", "--type", "page", "--rate", "50/500", "--expires", "2027-01-01T00:00:00Z").stdout)
    assert (made["allowed_origins"], made["rate"]) == (["https://*.example.com", "http://localhost:*"], {"events_per_second": 50, "burst": 500})
    assert send(suite, made).status == 200
    changed = json.loads(suite.cli("key", "change", made["id"], "--origin", "all", "--rate", "default", "--expires", "never").stdout)
    assert (changed["allowed_origins"], changed["rate"], changed["expires_at"], changed["sources"]) == (None, None, None, ["web"])
    suite.cli("key", "pause", made["id"])
    refused(send(suite, made), 401, "paused_write_key")
    suite.cli("key", "resume", made["id"])
    new = json.loads(suite.cli("key", "rotate", made["id"], "--overlap", "1h").stdout)
    assert send(suite, made).status == send(suite, new).status == 200
    suite.cli("key", "revoke", made["id"], "1")
    refused(send(suite, made), 401, "revoked_write_key")
    assert [k["id"] for k in json.loads(suite.cli("key", "list").stdout)["write_keys"]] == ["k_1", made["id"]]
    assert "secret" not in json.loads(suite.cli("key", "show", made["id"]).stdout)
    assert suite.cli("key", "delete", made["id"]).stdout == ""
    gone = suite.cli("key", "show", made["id"], check=False)
    assert gone.returncode == 1 and "404: id: there is no such write key" in gone.stderr
    for wrong in (["key"], ["key", "make"], ["key", "show"], ["key", "list", "x"], ["key", "create"], ["key", "create", "x", "--colour", "red"],
                  ["key", "create", "x", "--source"], ["key", "create", "x", "--import", "maybe"], ["key", "create", "x", "--rate", "fast"],
                  ["key", "create", "x", "--name", "y", "--name", "z"], ["key", "rotate", "k_1"], ["key", "rotate", "k_1", "--overlap", "long"],
                  ["key", "rotate", "k_1", "--for", "1h"], ["key", "revoke", "k_1"], ["key", "show", "--x"]):
        result = suite.cli(*wrong, check=False)
        assert result.returncode == 2 and result.stdout == "" and "quanyu key --help" in result.stderr, (wrong, result)
    assert json.loads(suite.cli("key", "list").stdout)["write_keys"][0]["version"] == 1
