# SPDX-License-Identifier: Apache-2.0
"""The suite's main job, through HTTP and five real services."""
import hashlib

from receivers import Webhooks
from suite import Suite, wait_for


def order(user, number, total, when, **more):
    return {"type": "track", "event": "Order Completed", "userId": user, "messageId": f"{user}-{number}", "timestamp": when,
            "properties": {"order_id": f"o-{user}-{number}", "total": total, "currency": "CNY"}, **more}


def test_an_event_becomes_a_person_with_a_profile(suite):
    answer = suite.ingest("/v1/identify", {
        "userId": "u1", "anonymousId": "browser-1", "messageId": "i1",
        "traits": {"name": "王小明", "email": "Xiaoming@Example.com", "phone": "138 0013 8000", "city": "上海"}})
    assert answer.status == 200, answer
    suite.send([order("u1", 1, 99.90, "2025-12-30T08:00:00Z"), order("u1", 2, "20.05", "2025-12-31T08:00:00Z")])
    suite.wait_quiet()

    person = suite.lookup("phone", "+8613800138000").json
    assert person["one_id"] == suite.lookup("user_id", "u1").json["one_id"]
    assert person["one_id"] == suite.lookup("email", "xiaoming@example.com").json["one_id"]
    assert {i["kind"] for i in person["identifiers"]} == {"user_id", "anonymous_id", "phone", "email"}
    assert "13800138000" not in str(person) and "Xiaoming" not in str(person) and "王小明" not in str(person)
    assert person["traits"]["city"] == "上海"
    assert person["stage"] == "active"
    assert person["metrics"]["orders"] == 2
    assert person["metrics"]["gross"] == "119.95"
    assert person["metrics"]["average_order"] == "59.98"
    assert person["metrics"]["last_order_at"] == "2025-12-31T08:00:00Z"
    assert [e["name"] for e in person["events"] if e["type"] == "track"] == ["Order Completed"] * 2
    assert suite.api("GET", f"/api/v1/persons/{person['one_id']}").json == person


def test_duplicates_count_once_and_invalid_events_are_reported(suite):
    events = [order("u1", 1, 10, "2025-12-30T08:00:00Z")] * 3 + [{"type": "track", "userId": "u1"}]
    answer = suite.ingest("/v1/batch", {"batch": events})
    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["duplicates"]) == (1, 2)
    assert [(e["index"], e["reason"]) for e in answer.json["errors"]] == [(3, "missing_field")]
    again = suite.ingest("/v1/batch", {"batch": events[:1]})
    assert (again.json["accepted"], again.json["duplicates"]) == (0, 1)
    suite.wait_quiet()
    assert suite.lookup("user_id", "u1").json["metrics"]["orders"] == 1


def test_persons_that_turn_out_to_be_one_are_joined_everywhere(suite):
    suite.send([
        {"type": "identify", "userId": "shop-7", "messageId": "a", "traits": {"phone": "13900139000"}},
        order("shop-7", 1, 100, "2025-12-20T00:00:00Z"),
        {"type": "page", "anonymousId": "web-7", "messageId": "b", "name": "Home"},
        order("mini-7", 1, 50, "2025-12-21T00:00:00Z"),
    ])
    suite.wait_quiet()
    assert suite.count({"everyone": True}) == 3
    assert suite.lookup("user_id", "mini-7").json["one_id"] != suite.lookup("user_id", "shop-7").json["one_id"]
    suite.send([
        {"type": "identify", "userId": "shop-7", "anonymousId": "web-7", "messageId": "d"},
        {"type": "alias", "userId": "mini-7", "previousId": "shop-7", "messageId": "c"},
    ])
    suite.wait_quiet()
    person = suite.lookup("anonymous_id", "web-7").json
    assert suite.lookup("user_id", "mini-7").json == person
    assert suite.lookup("user_id", "shop-7").json == person
    assert person["metrics"]["orders"] == 2 and person["metrics"]["revenue"] == "150.00"
    assert suite.count({"everyone": True}) == 1
    assert suite.count({"metric": "orders", "gte": 2}) == 1


def test_a_tag_of_two_that_were_joined_lasts_as_long_as_the_longer(suite):
    suite.send([order(user, 1, 10, "2025-12-31T00:00:00Z") for user in ("u1", "u2")])
    suite.wait_quiet()
    suite.post("/api/v1/tags", {"tag": "vip"})
    for user, expires_at in (("u1", "2026-01-05T00:00:00Z"), ("u2", "2026-01-20T00:00:00Z")):
        one_id = suite.lookup("user_id", user).json["one_id"]
        suite.post(f"/api/v1/persons/{one_id}/tags", {"tag": "vip", "expires_at": expires_at})
    suite.send([{"type": "alias", "userId": "u1", "previousId": "u2", "messageId": "j"}])
    suite.advance("10d")
    tags = suite.lookup("user_id", "u1").json["tags"]
    assert [(tag["tag"], tag["expires_at"]) for tag in tags] == [("vip", "2026-01-20T00:00:00Z")]
    assert suite.count({"tag": "vip"}) == suite.get("/api/v1/tags/vip")["count"] == 1
    suite.advance("10d")
    assert suite.lookup("user_id", "u1").json["tags"] == []
    assert suite.count({"tag": "vip"}) == suite.get("/api/v1/tags/vip")["count"] == 0


def test_scores_are_measured_against_the_last_midnight(suite):
    def scores(user):
        metrics = suite.lookup("user_id", user).json["metrics"]
        return [metrics[f"{name}_score"] for name in ("recency", "frequency", "monetary")]

    suite.send([order("u1", 1, 10, "2025-12-30T00:00:00Z"), order("u2", 1, 20, "2025-12-31T00:00:00Z")])
    suite.wait_quiet()
    assert scores("u1") == [None] * 3  # there has been no midnight yet
    assert suite.count({"metric": "monetary_score", "gte": 1}) == 0
    assert suite.count({"metric": "monetary_score", "is": 5}, as_of="2026-01-01T00:00:00Z") == 1
    suite.advance("1d")
    assert (scores("u1"), scores("u2")) == ([3, 5, 3], [5, 5, 5])
    suite.send([order("u1", 2, 100, "2026-01-01T00:00:00Z")])
    suite.wait_quiet()
    assert (scores("u1"), scores("u2")) == ([5, 5, 5], [5, 5, 5])  # u1's own counts at once
    suite.advance("1d")
    assert (scores("u1"), scores("u2")) == ([5, 5, 5], [3, 3, 3])


def test_a_segment_follows_events_and_time_and_sets_off_a_journey_once(suite):
    suite.send([order("u1", 1, 10, "2025-12-31T00:00:00Z"), order("u2", 1, 10, "2025-12-31T00:00:00Z")])
    suite.wait_quiet()
    segment = suite.post("/api/v1/segments", {"name": "Win back", "rule": {"stage": "dormant"}})
    with Webhooks() as hooks:
        journey = suite.post("/api/v1/journeys", {
            "name": "Win back", "entry": {"segment": segment["id"]},
            "steps": [{"id": "wait", "type": "wait", "for": "1d"},
                      {"id": "send", "type": "send", "channel": "webhook", "url": hooks.url, "secret": "s3cret",
                       "content": {"person": "{{one_id}}"}},
                      {"id": "end", "type": "exit"}]})
        suite.post(f"/api/v1/journeys/{journey['id']}/publish")
        suite.advance("80d")
        assert suite.lookup("user_id", "u1").json["stage"] == "active"
        assert hooks.requests == []
        suite.send([order("u2", 2, 10, "2026-03-20T00:00:00Z")])
        suite.advance("12d")
        person = suite.lookup("user_id", "u1").json
        assert person["stage"] == "dormant"
        assert [s["id"] for s in person["segments"]] == [segment["id"]]
        assert suite.get(f"/api/v1/segments/{segment['id']}")["count"] == 1
        suite.advance("2d")
        wait_for(lambda: len(hooks.requests) == 1, "one webhook")
        assert hooks.bodies()[0]["person"] == person["one_id"]
        suite.wait_quiet()
        shown = suite.get(f"/api/v1/journeys/{journey['id']}")
        assert shown["entered"] == 1
        assert {s["id"]: s["delivered"] for s in shown["steps"]}["send"] == 1
        suite.send([order("u1", 2, 10, "2026-04-03T00:00:00Z")])
        suite.wait_quiet()
        assert suite.lookup("user_id", "u1").json["stage"] == "active"
        changes = suite.get(f"/api/v1/segments/{segment['id']}/changes")["changes"]
        assert [c["change"] for c in changes] == ["left", "entered"]
        assert len(hooks.requests) == 1


def test_every_look_at_a_person_is_on_record(suite):
    suite.send([order("u1", 1, 10, "2025-12-31T00:00:00Z")])
    suite.wait_quiet()
    one_id = suite.lookup("user_id", "u1").json["one_id"]
    assert suite.lookup("user_id", "nobody").status == 404
    suite.api("GET", f"/api/v1/persons/{one_id}")
    suite.count({"everyone": True})
    records = suite.audit("/v1/records").json["records"]
    assert [r["action"] for r in records[:4]] == ["audience.count", "person.show", "person.lookup", "person.lookup"]
    assert records[2]["outcome"] == "not_found" and "nobody" not in str(records)
    about = suite.audit(f"/v1/records?subject={one_id}").json["records"]
    assert [r["action"] for r in about] == ["person.show", "person.lookup"]
    tree = suite.audit("/v1/tree").json
    assert int(tree["size"]) >= len(records)


def test_the_first_auditors_token_is_on_record(suite):
    suite.wait_quiet()
    records = suite.audit("/v1/records?action=token.create").json["records"]
    assert [(r["actor"]["id"], r["outcome"]) for r in records] == [("audit", "ok")], records
    assert '"name":"auditor"' in records[0]["detail"] and suite.bootstrap["auditor_token"] not in records[0]["detail"]
    again = suite.audit("/v1/records?action=audit.search").json["records"][0]
    assert again["actor"]["token_id"] in records[0]["detail"], "the token that was used is the one that was made"


def test_what_is_quiet_is_on_record(suite):
    for number in range(20):
        made = suite.post("/api/v1/tags", {"tag": f"t{number}"})
        suite.wait_quiet()
        records = suite.audit("/v1/records?action=tag.create&limit=1").json["records"]
        assert len(suite.audit("/v1/records?action=tag.create").json["records"]) == number + 1, made
        assert records[0]["actor"]["role"] == "hq_admin"
    suite.kill("audit")
    assert suite.get("/api/v1/status")["quiet"] is False
    assert suite.api("DELETE", "/api/v1/tags/t0").status == 204  # shows nothing, so it need not wait for its record
    suite.start("audit")
    suite.wait_quiet()
    assert len(suite.audit("/v1/records?action=tag.delete").json["records"]) == 1


def test_without_a_record_there_is_no_data_while_ingestion_goes_on(suite):
    suite.send([order("u1", 1, 10, "2025-12-31T00:00:00Z")])
    suite.wait_quiet()
    suite.kill("audit")
    answer = suite.lookup("user_id", "u1")
    assert answer.status == 503 and answer.headers["Content-Type"] == "application/problem+json", answer
    assert suite.api("POST", "/api/v1/audiences/count", {"rule": {"everyone": True}}).status == 503
    suite.send([order("u1", 2, 10, "2025-12-31T00:00:00Z")])
    suite.start("audit")
    wait_for(lambda: suite.lookup("user_id", "u1").status == 200, "answers with audit back")


def test_bad_requests_are_refused_clearly(suite):
    def problem(answer, status):
        assert answer.status == status, answer
        assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.json

    event = order("u1", 1, 10, "2025-12-31T00:00:00Z")
    problem(suite.ingest("/v1/track", event, write_key="wrong"), 401)
    problem(suite.ingest("/v1/track", "{"), 400)
    problem(suite.ingest("/v1/batch", {"batch": "x"}), 400)
    problem(suite.ingest("/v1/batch", {"batch": [event] * 6000}), 413)
    problem(suite.ingest("/v1/nothing", event), 404)
    problem(suite.api("GET", "/api/v1/persons/unknown"), 404)
    problem(suite.api("GET", "/api/v1/segments", token="wrong"), 401)
    problem(suite.api("DELETE", "/api/v1/status"), 405)
    assert problem(suite.api("POST", "/api/v1/persons/lookup", {"identifier": 1}), 400)["field"] == "identifier"
    answer = problem(suite.api("POST", "/api/v1/audiences/count", {"rule": {"all": [{"metrik": "orders", "gte": 2}]}}), 400)
    assert "/all/0" in answer["field"], answer
    problem(suite.audit("/v1/records", token=suite.bootstrap["hq_token"]), 401)


def test_canonical_dumps_of_two_runs_are_equal(directory):
    import shutil

    from suite import Suite

    events = [order(f"u{i % 7}", i, i, "2025-12-30T00:00:00Z") for i in range(50)]
    dumps = []
    secrets = None
    for run in range(2):
        with Suite(f"{directory}/{run}") as suite:
            if secrets:
                (suite.data / "identity").mkdir(parents=True)
                for path in secrets:
                    shutil.copy(path, suite.data / "identity")
            suite.start()
            secrets = secrets or [p for p in (suite.data / "identity").iterdir() if p.is_file()]
            suite.send(events, size=5 + run * 20)
            suite.wait_quiet()
            dumps.append(suite.cli("dump", "--canonical").stdout)
    assert dumps[0] and hashlib.sha256(dumps[0].encode()).digest() == hashlib.sha256(dumps[1].encode()).digest()


def test_a_kind_of_identifier_of_the_brands_own_finds_and_joins(directory):
    badge = {"externalIds": [{"id": "B-77", "type": "loyalty_badge", "collection": "users", "encoding": "none"}]}
    with Suite(directory, settings={"identity.identifier_kinds": "loyalty_badge"}) as suite:
        suite.start()
        web = {"userId": None, "anonymousId": "web-1"}
        suite.send([{**order("shop-1", 1, 10, "2025-12-20T00:00:00Z"), "context": badge},
                    {**order("web-1", 1, 20, "2025-12-21T00:00:00Z"), **web, "context": badge}])
        suite.wait_quiet()
        person = suite.lookup("loyalty_badge", "B-77").json
        assert person["metrics"]["orders"] == 2
        assert {i["kind"] for i in person["identifiers"]} == {"user_id", "anonymous_id", "loyalty_badge"}
        assert suite.lookup("loyalty_badge", "B-78").status == 404
