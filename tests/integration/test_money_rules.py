# SPDX-License-Identifier: Apache-2.0
"""Who may not see money finds out by no rule who has how much of it: not by one that asks, nor through what somebody else has stated."""
import pytest

from suite import Suite

RICH = {"metric": "revenue", "gte": "500.00"}
STAGES = [{"stage": "fresh", "rule": {"metric": "orders", "is": 0}}, {"stage": "golden", "rule": RICH},
          {"stage": "rest", "rule": {"everyone": True}}]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("money_rules"), settings={"gateway.least_people": 0}).start() as suite:
        suite.send([{"type": "track", "userId": user, "event": "Order Completed", "messageId": user, "timestamp": "2025-12-02T00:00:00Z",
                     "properties": {"order_id": user, "total": total, "currency": "CNY"}} for user, total in (("rich", 900), ("poor", 9))])
        suite.segment = suite.post("/api/v1/segments", {"name": "rich", "rule": RICH})["id"]
        suite.post("/api/v1/tags", {"tag": "golden", "rule": {"segment": suite.segment}})
        suite.post("/api/v1/tags", {"tag": "buyer", "rule": {"metric": "orders", "gte": 1}})
        suite.chained = suite.post("/api/v1/segments", {"name": "chained", "rule": {"all": [{"everyone": True}, {"not": {"tag": "golden"}}]}})["id"]
        suite.plain = suite.post("/api/v1/segments", {"name": "buyers", "rule": {"tag": "buyer"}})["id"]
        assert suite.api("PUT", "/api/v1/stages", {"stages": STAGES}).status == 200
        suite.wait_quiet()
        suite.post("/api/v1/roles", {"name": "planner", "permissions": [
            "person.read", "segment.read", "segment.manage", "tag.read", "tag.manage", "stage.read", "stage.manage", "audience.count",
            "summary.read", "journey.read", "journey.manage", "delivery.read", "person.assign"]})
        suite.tokens = {role: token(suite, role) for role in ("planner", "data_manager", "finance", "designer")}
        yield suite


def token(suite, role):
    staff = suite.post("/api/v1/staff", {"login": f"{role}.money", "role": role, "unit": "u_1"})
    return suite.post(f"/api/v1/staff/{staff['id']}/tokens", {"name": "test"})["token"]


def asking(suite):
    return [RICH, {"segment": suite.segment}, {"tag": "golden"}, {"segment": suite.chained}, {"stage": "golden"}, {"stage": ["fresh", "rest"]},
            {"not": {"all": [{"everyone": True}, {"any": [{"segment": suite.chained}]}]}}]


@pytest.mark.parametrize("which", range(7))
def test_no_rule_asks_for_money_through_another(running, which):
    rule, mine = asking(running)[which], running.tokens["planner"]
    assert running.count(rule) in (0, 1, 2)  # who may see money is told
    for method, path, body, field in (
            ("POST", "audiences/count", {"rule": rule}, "/rule"), ("POST", "segments", {"name": "x", "rule": rule}, "/rule"),
            ("POST", "tags", {"tag": "x", "rule": rule}, "/rule"), ("PATCH", f"segments/{running.plain}", {"rule": rule}, "/rule"),
            ("PUT", "stages", {"stages": [{"stage": "all", "rule": {"everyone": True}}, {"stage": "x", "rule": rule}]}, "/stages/1/rule"),
            ("POST", "bindings/transfer", {"from": {"rule": rule}, "to": {"unit": "u_1"}, "reason": "x", "dry_run": True}, "/from/rule"),
            ("POST", "journeys", {"name": "x", "entry": {"rule": rule}, "steps": [{"id": "end", "type": "exit"}]}, "/entry/rule")):
        answer = running.api(method, f"/api/v1/{path}", body, token=mine)
        assert answer.status == 400 and answer.json["field"].startswith(field) and "money" in answer.json["detail"], (path, answer)


def test_what_does_not_ask_for_money_is_told(running):
    mine = running.tokens["planner"]
    for rule, count in (({"segment": running.plain}, 2), ({"tag": "buyer"}, 2), ({"stage": "fresh"}, 0)):
        assert running.api("POST", "/api/v1/audiences/count", {"rule": rule}, token=mine).json == {"count": count}


def test_nobody_is_shown_in_what_asks_for_money(running):
    one_id = running.lookup("user_id", "rich").json["one_id"]
    whole = running.get(f"/api/v1/persons/{one_id}")
    assert {one["id"] for one in whole["segments"]} == {running.segment, running.plain} and whole["stage"] == "golden"
    for role in ("planner", "data_manager"):
        person = running.get(f"/api/v1/persons/{one_id}", token=running.tokens[role])
        assert [one["id"] for one in person["segments"]] == [running.plain] and person["stage"] is None
        assert {one["tag"] for one in person["tags"]} == {"buyer"}


def test_definitions_that_ask_for_money_are_listed_without_numbers(running):
    for role in ("planner", "data_manager"):
        listed = {one["id"]: one for one in running.get("/api/v1/segments", token=running.tokens[role])["segments"]}
        assert listed[running.plain]["count"] == 2 and set(listed) >= {running.segment, running.chained}
        tags = {one["tag"]: one for one in running.get("/api/v1/tags", token=running.tokens[role])["tags"]}
        shown = running.get(f"/api/v1/segments/{running.segment}", token=running.tokens[role])
        for one in (listed[running.segment], listed[running.chained], tags["golden"], shown):
            assert not {"count", "entered", "left", "too_few"} & set(one), one
        assert tags["buyer"]["count"] == 2
        changes = running.api("GET", f"/api/v1/segments/{running.chained}/changes", token=running.tokens[role])
        assert changes.status == 403 and "money" in changes.json["detail"], changes
        assert running.api("GET", f"/api/v1/segments/{running.plain}/changes", token=running.tokens[role]).status == 200
        assert running.get("/api/v1/summary", token=running.tokens[role])["stages"] == {}
    renamed = running.api("PATCH", f"/api/v1/segments/{running.segment}", {"description": "by HQ"}, token=running.tokens["planner"])
    assert renamed.status == 200 and "count" not in renamed.json and renamed.json["rule"] == RICH


def test_journeys_that_ask_for_money_tell_no_numbers(running):
    steps = [{"id": "end", "type": "exit"}]
    made = running.post("/api/v1/journeys", {"name": "gifts", "entry": {"segment": running.chained}, "steps": steps})["id"]
    plain = running.post("/api/v1/journeys", {"name": "hello", "entry": {"segment": running.plain}, "steps": steps})["id"]
    for role in ("planner", "designer"):
        listed = {one["id"]: one for one in running.get("/api/v1/journeys", token=running.tokens[role])["journeys"]}
        shown = running.get(f"/api/v1/journeys/{made}", token=running.tokens[role])
        assert "entered" in listed[plain]
        for one in (listed[made], shown):
            assert "entered" not in one and one["steps"] == [{"id": "end"}], one
    assert running.api("GET", f"/api/v1/journeys/{made}/deliveries", token=running.tokens["planner"]).status == 403
    assert running.api("GET", f"/api/v1/journeys/{plain}/deliveries", token=running.tokens["planner"]).status == 200
    assert running.api("POST", f"/api/v1/journeys/{made}/publish", token=running.tokens["planner"]).status in (200, 202)
    assert "entered" in running.get(f"/api/v1/journeys/{made}")


def test_a_rule_names_no_tag_and_no_stage_that_the_role_may_not_read(running):
    mine = running.tokens["finance"]
    for rule, nobodys in (({"tag": "buyer"}, {"tag": "nosuch"}), ({"stage": "fresh"}, {"stage": "nosuch"}), ({"stage": ["fresh"]}, {"stage": ["nosuch"]})):
        answers = [running.api("POST", "/api/v1/audiences/count", {"rule": asked}, token=mine) for asked in (rule, nobodys)]
        assert {answer.status for answer in answers} == {400}
        assert answers[0].json["detail"] == answers[1].json["detail"] and answers[0].json["field"] == answers[1].json["field"]
    assert running.api("POST", "/api/v1/audiences/count", {"rule": {"segment": running.segment}}, token=mine).status == 200
