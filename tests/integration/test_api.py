# SPDX-License-Identifier: Apache-2.0
"""What the API answers to requests that are wrong, and what it puts on record before it answers."""
import pytest

from receivers import Webhooks
from suite import request, wait_for

HOOK = {"id": "s", "type": "send", "channel": "webhook", "url": "http://127.0.0.1:9/", "secret": "s3cret", "content": {}}
CART = {"event": {"event": "Cart Abandoned"}}


def order(user, number, **more):
    return {"type": "track", "event": "Order Completed", "userId": user, "messageId": f"{user}-{number}",
            "properties": {"order_id": f"o-{user}-{number}", "total": 10}, **more}


def joined(user, previous):
    return [{"type": "alias", "userId": user, "previousId": previous, "messageId": f"join-{user}"}]


def journey(**more):
    return {"name": "j", "entry": CART, "steps": [HOOK], **more}


def refused(answer, status, field=None):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    assert field is None or answer.json["field"] == field, answer
    return answer.json


@pytest.fixture
def segment(suite):
    return suite.post("/api/v1/segments", {"name": "Buyers", "rule": {"metric": "orders", "gte": 1}})["id"]


def test_a_text_that_holds_a_nul_is_refused_with_the_pointer_to_it(suite):
    suite.send([order("w2", 1)])
    suite.wait_quiet()
    bodies = [
        ("POST", "/api/v1/persons/lookup", {"identifiers": [{"kind": "user_id", "value": "w2\0zzz"}]}, "/identifiers/0/value"),
        ("POST", "/api/v1/persons/lookup", {"identifiers": [{"kind": "user_id\0", "value": "w2"}]}, "/identifiers/0/kind"),
        ("POST", "/api/v1/audiences/count", {"rule": {"trait": "a/b", "is": ["x", "y\0"]}}, "/rule/is/1"),
        ("POST", "/api/v1/segments", {"name": "a\0b", "rule": {"everyone": True}}, "/name"),
        ("POST", "/api/v1/journeys", journey(name="a\0b"), "/name"),
    ]
    for method, path, body, field in bodies:
        refused(suite.api(method, path, body), 400, field)
    twice = '{"identifiers\\u0000x":[],"identifiers":[{"kind":"user_id","value":"w2"}]}'
    refused(suite.api("POST", "/api/v1/persons/lookup", twice), 400)
    assert suite.lookup("user_id", "w2").status == 200

    for field, event in [("/event", {"event": "X\0Y"}), ("/userId", {"event": "X", "userId": "w2\0"}),
                         ("/properties/p/0", {"event": "X", "properties": {"p": ["\0"]}})]:
        answer = refused(suite.ingest("/v1/track", {"userId": "w2", **event}), 400)
        assert answer["errors"][0]["field"] == field, answer
    answer = suite.ingest("/v1/batch", {"batch": [order("w2", 2), order("w2\0", 3)]})
    assert (answer.status, answer.json["accepted"], answer.json["errors"][0]["field"]) == (200, 1, "/userId")
    refused(suite.ingest("/v1/batch", {"context": {"page": {"url": "\0"}}, "batch": [order("w2", 4)]}), 400, "/context/page/url")
    suite.wait_quiet()
    assert suite.count({"event": "X"}) == 0


def test_a_parameter_that_cannot_be_right_is_refused_by_name(suite, segment):
    lists = ["/api/v1/segments", "/api/v1/tags", f"/api/v1/segments/{segment}/changes", "/api/v1/journeys"]
    for path in lists:
        for limit in ("0", "501", "x", "9" * 15, "9" * 40, "%00", "", "1%20"):
            refused(suite.api("GET", f"{path}?limit={limit}"), 400, "limit")
        for cursor in ("9" * 400, "%00", "1%00"):
            refused(suite.api("GET", f"{path}?cursor={cursor}"), 400, "cursor")
    for path in lists[:1] + lists[2:]:  # a tag's cursor is a tag
        for cursor in ("zzz", "9" * 26, "s_", "j_1x", "-1"):
            refused(suite.api("GET", f"{path}?cursor={cursor}"), 400, "cursor")
    for _ in range(2):
        suite.post("/api/v1/segments", {"name": "More", "rule": {"everyone": True}})
    page = suite.get("/api/v1/segments?limit=2")
    rest = suite.get(f"/api/v1/segments?limit=2&cursor={page['next_cursor']}")
    assert [len(page["segments"]), len(rest["segments"]), rest["next_cursor"]] == [2, 1, None]


def test_what_does_not_exist_is_not_found_and_what_is_too_large_is_said_so(suite):
    refused(suite.api("GET", "/api/v1/journeys/j_9/deliveries"), 404)
    looks = suite.audit("/v1/records?action=journey.deliveries").json["records"]
    assert {record["outcome"] for record in looks} <= {"not_found"}
    refused(suite.ingest("/v1/track", order("u1", 1, context={"filler": "x" * 33000})), 413)


def test_a_journey_that_refers_to_what_does_not_exist_is_refused_with_the_pointer(suite, segment):
    condition = {"id": "c", "type": "condition", "rule": {"any": [{"everyone": True}, {"tag": "nosuch"}]}, "then": "s"}
    wrong = [
        (journey(entry={"segment": "s_99"}), "/entry/segment"),
        (journey(entry={"rule": {"not": {"tag": "nosuch"}}}), "/entry/rule/not/tag"),
        (journey(steps=[condition, HOOK]), "/steps/0/rule/any/1/tag"),
        (journey(exit_when={"stage": "nosuch"}), "/exit_when/stage"),
        (journey(steps=[{**HOOK, "url": "http://127.0.0.1:9/?p={{phone}}"}]), "/steps/0/url"),
    ]
    made = suite.post("/api/v1/journeys", journey(entry={"segment": segment}))
    for definition, field in wrong:
        refused(suite.api("POST", "/api/v1/journeys", definition), 400, field)
        refused(suite.api("PUT", f"/api/v1/journeys/{made['id']}", definition), 400, field)
    assert len(suite.get("/api/v1/journeys")["journeys"]) == 1

    suite.api("DELETE", f"/api/v1/segments/{segment}")
    refused(suite.api("POST", f"/api/v1/journeys/{made['id']}/publish"), 409, "/entry/segment")
    shown = suite.get(f"/api/v1/journeys/{made['id']}")
    assert (shown["state"], shown["version_in_force"]) == ("draft", 0)


def test_publishing_answers_when_the_journey_is_in_force(suite, segment):
    made = suite.post("/api/v1/journeys", journey(entry={"segment": segment}))
    answer = suite.api("POST", f"/api/v1/journeys/{made['id']}/publish")
    assert answer.status == 200 and answer.json["state"] == "active", answer
    assert answer.json["version_in_force"] == answer.json["version"] == 1
    changed = suite.api("PUT", f"/api/v1/journeys/{made['id']}", journey(entry={"rule": {"metric": "orders", "gte": 2}})).json
    assert changed["version_in_force"] == changed["version"] == 2
    suite.api("PUT", f"/api/v1/journeys/{made['id']}", journey(entry={"segment": segment}))
    detail = refused(suite.api("DELETE", f"/api/v1/segments/{segment}"), 409)["detail"]
    assert detail == f'the journey "{made["id"]}" refers to it'
    suite.kill("tagging")
    refused(suite.api("POST", "/api/v1/journeys", journey()), 503)
    suite.start("tagging")


def test_counts_of_what_a_caller_chose_are_on_record_and_not_shown_without(suite, segment):
    suite.send([order("u1", 1)])
    suite.wait_quiet()
    suite.post("/api/v1/tags", {"tag": "buyer", "rule": {"segment": segment}})
    made = suite.post("/api/v1/journeys", journey(entry={"segment": segment}))["id"]
    looks = [(f"/api/v1/segments/{segment}", "segment.show"), ("/api/v1/segments", "segment.list"), ("/api/v1/tags/buyer", "tag.show"),
             ("/api/v1/tags", "tag.list"), (f"/api/v1/journeys/{made}", "journey.show"), ("/api/v1/journeys", "journey.list"),
             (f"/api/v1/segments/{segment}/changes", "segment.changes")]
    for path, action in looks:
        suite.get(path)
        record = suite.audit("/v1/records?limit=1").json["records"][0]
        assert record["action"] == action, record
        assert int(record["count"]) == (0 if "journeys" in path else 1), record
    suite.post("/api/v1/segments", {"name": "All", "rule": {"everyone": True}})
    shown = [r for r in suite.audit("/v1/records").json["records"] if r["action"] == "segment.show"]
    assert int(shown[0]["count"]) == 1 and "s_" in shown[0]["detail"]

    suite.kill("audit")
    for path, _ in looks:
        refused(suite.api("GET", path), 503)
    changes = [("POST", "/api/v1/segments", {"name": "x", "rule": {"everyone": True}}), ("POST", "/api/v1/tags", {"tag": "x"}),
               ("PATCH", f"/api/v1/segments/{segment}", {"name": "y"}), ("POST", "/api/v1/journeys", journey()),
               ("POST", f"/api/v1/journeys/{made}/publish", None), ("POST", "/api/v1/clock", {"advance": "1d"})]
    before = suite.get("/api/v1/clock")["now"]
    for method, path, body in changes:
        refused(suite.api(method, path, body), 503)
    assert suite.get("/api/v1/clock")["now"] == before  # a second try does not move it twice
    suite.send([order("u2", 1)])  # ingestion goes on
    assert suite.get("/api/v1/summary")["persons"] >= 1  # totals of the system are nobody's choice
    suite.start("audit")
    segments = wait_for(lambda: suite.api("GET", "/api/v1/segments").json.get("segments"), "answers with audit back")
    assert sorted(one["name"] for one in segments) == ["All", "Buyers"]  # what was refused was not done
    assert [one["state"] for one in suite.get("/api/v1/journeys")["journeys"]] == ["draft"]


def test_after_a_join_entered_and_left_add_up_and_changes_say_who_left(suite, segment):
    suite.send([order(user, 1) for user in ("u1", "u2", "u3")])
    suite.wait_quiet()
    former = suite.lookup("user_id", "u2").json["one_id"]
    suite.send(joined("u1", "u2"))
    suite.wait_quiet()
    shown = suite.get(f"/api/v1/segments/{segment}")
    assert (shown["count"], shown["entered"], shown["left"]) == (2, 3, 1)
    changes = suite.get(f"/api/v1/segments/{segment}/changes")["changes"]
    assert (changes[0]["one_id"], changes[0]["change"], changes[0]["cause"]) == (former, "left", "join")
    members = set()
    for change in reversed(changes):
        (members.add if change["change"] == "entered" else members.remove)(change["one_id"])
    assert members == {suite.lookup("user_id", user).json["one_id"] for user in ("u1", "u3")}


def test_everybody_who_entered_a_journey_is_counted_at_one_place(suite):
    wait = {"id": "w", "type": "wait", "for": "1h"}
    carts = [{"type": "track", "event": "Cart Abandoned", "userId": f"u{n}", "messageId": f"c{n}"} for n in range(1, 5)]

    def counts():
        shown = suite.get(f"/api/v1/journeys/{made}")
        places = {name: shown[name] for name in ("active", "completed", "exited", "merged", "removed") if shown[name]}
        assert sum(places.values()) == shown["entered"] == 4, shown
        return places

    with Webhooks() as hooks:
        made = suite.post("/api/v1/journeys", journey(steps=[wait, {**HOOK, "url": hooks.url}],
                                                      exit_when={"metric": "orders", "gte": 1}))["id"]
        suite.post(f"/api/v1/journeys/{made}/publish")
        suite.send(carts)
        suite.wait_quiet()
        assert counts() == {"active": 4}
        suite.send([*joined("u1", "u2"), order("u3", 1)])
        suite.wait_quiet()
        assert counts() == {"active": 2, "merged": 1, "exited": 1}
        suite.advance("2h")
        suite.wait_quiet()
        assert counts() == {"completed": 2, "merged": 1, "exited": 1}


def test_a_query_by_person_follows_joins_to_changes_and_deliveries(suite, segment):
    carts = [{"type": "track", "event": "Cart Abandoned", "userId": user, "messageId": f"c{user}"} for user in ("u1", "u2")]
    with Webhooks() as hooks:
        made = suite.post("/api/v1/journeys", journey(steps=[{**HOOK, "url": hooks.url}]))["id"]
        suite.post(f"/api/v1/journeys/{made}/publish")
        suite.send([order("u1", 1), *carts[1:]])
        suite.wait_quiet()
        suite.send([order("u2", 1)])
        suite.wait_quiet()
        suite.get(f"/api/v1/segments/{segment}/changes?limit=1")  # shows u2
        suite.get(f"/api/v1/journeys/{made}/deliveries")  # u2's
        suite.send(joined("u1", "u2"))
        suite.wait_quiet()
        one_id = suite.lookup("user_id", "u2").json["one_id"]
        assert suite.lookup("user_id", "u1").json["one_id"] == one_id

        def actions():
            return [record["action"] for record in suite.audit(f"/v1/records?subject={one_id}").json["records"]]

        wait_for(lambda: {"segment.changes", "journey.deliveries"} <= set(actions()), "records of who was joined")
        sent = suite.get(f"/api/v1/journeys/{made}/deliveries")
        assert suite.api("DELETE", f"/api/v1/journeys/{made}").status == 204
        assert suite.api("GET", f"/api/v1/journeys/{made}").status == 404
        assert suite.get(f"/api/v1/journeys/{made}/deliveries") == sent and sent["deliveries"]


def test_a_member_that_stands_twice_in_an_object_is_refused(suite):
    for path, body, field in (
            ("/api/v1/segments", '{"name":"a","rule":{"everyone":true},"name":"b"}', "/name"),
            ("/api/v1/segments", '{"name":"a","rule":{"all":[{"metric":"orders","gte":1,"gte":2}]}}', "/rule/all/0/gte"),
            ("/api/v1/journeys", '{"name":"j","entry":{"event":{"event":"x"}},"steps":[{"id":"w","type":"wait","for":"1d","id":"v"}]}',
             "/steps/0/id"),
            ("/api/v1/write-keys", '{"name":"a","n\\u0061me":"a"}', "/name"),
            ("/api/v1/persons/lookup", '{"identifiers":[],"identifiers":[]}', "/identifiers")):
        answer = suite.api("POST", path, body)
        assert (answer.status, answer.json["field"], answer.json["detail"]) == (400, field, "stands in its object more than once"), answer
    assert suite.get("/api/v1/segments")["segments"] == []


def test_pages_of_any_origin_may_send_events_and_nothing_else(suite):
    gateway, page = suite.ports["gateway", "HTTP_PORT"], "https://shop.example"
    asked = {"Origin": page, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type,x-retry-count,x-of-its-own"}
    for call in ("identify", "track", "page", "screen", "group", "alias", "batch"):
        allowed = request(gateway, "OPTIONS", f"/v1/{call}", headers=asked)
        assert (allowed.status, allowed.body) == (204, b""), allowed
        assert allowed.headers["Access-Control-Allow-Origin"] == page
        assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
        names = allowed.headers["Access-Control-Allow-Headers"].lower().replace(" ", "").split(",")
        assert {"authorization", "content-type", "x-retry-count", "x-of-its-own"} <= set(names)
        assert allowed.headers["Access-Control-Max-Age"] == "900"
    event = {"userId": "u1", "event": "x", "writeKey": suite.bootstrap["write_key"]}
    for body, status in ((event, 200), ({**event, "event": ""}, 400), ({**event, "writeKey": "wrong"}, 401)):
        answer = request(gateway, "POST", "/v1/track", body, {"Origin": page, "Content-Type": "text/plain"})
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, page), answer
    assert request(gateway, "POST", "/v1/track", event).headers["Access-Control-Allow-Origin"] is None
    api = request(gateway, "OPTIONS", "/api/v1/status", headers=asked)
    assert api.status == 405 and api.headers["Access-Control-Allow-Origin"] is None, api
