# SPDX-License-Identifier: Apache-2.0
"""Rules that ask whose people somebody is: from HTTP to audiences, segments, tags and journeys, through whatever changes the answer."""
import pytest

from edge import metric
from suite import Suite

ORDER = "Order Completed"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    settings = {"clock_start": "2026-03-01T00:00:00Z"}
    with Suite(tmp_path_factory.mktemp("organisation"), settings=settings).start() as suite:
        yield suite


class Brand:
    """Two regions: north has the stores a and b, south has c; a guide in each store. Codes are the test's own."""

    def __init__(self, suite, name):
        self.suite, self.name, self.units, self.staff, self.people = suite, name, {}, {}, {}
        for unit, kind, parent in (("north", "region", None), ("south", "region", None), ("a", "store", "north"), ("b", "store", "north"),
                                   ("c", "store", "south")):
            body = {"name": unit, "kind": kind, "code": self.code(unit), "parent": self.units.get(parent, "u_1")}
            self.units[unit] = suite.post("/api/v1/units", body)["id"]
        for store in "abc":
            body = {"login": f"{name}.{store}", "role": "guide", "unit": self.units[store], "code": self.code(f"E-{store}")}
            self.staff[store] = suite.post("/api/v1/staff", body)["id"]
        suite.wait_quiet()

    def code(self, what):
        return f"{self.name}-{what}"

    def visit(self, person, unit=None, staff=None, event="Visited"):
        context = {key: value for key, value in (("unit", unit), ("staff", staff)) if value}
        self.suite.send([{"type": "track", "event": event, "userId": f"{self.name}-{person}", "context": context}])
        self.suite.wait_quiet()
        if person not in self.people:
            self.people[person] = self.suite.lookup("user_id", f"{self.name}-{person}").json["one_id"]

    def segment(self, rule):
        made = self.suite.post("/api/v1/segments", {"name": "test", "rule": rule})
        self.suite.wait_quiet()
        return made["id"]

    def changes(self, segment):
        """Of this brand's people, oldest first: "+li event"."""
        names = {one_id: person for person, one_id in self.people.items()}
        rows = self.suite.get(f"/api/v1/segments/{segment}/changes")["changes"]
        return [f"{'+' if row['change'] == 'entered' else '-'}{names[row['one_id']]} {row['cause']}" for row in reversed(rows)
                if row['one_id'] in names]

    def count(self, rule, token=None):
        return self.suite.api("POST", "/api/v1/audiences/count", {"rule": rule}, token=token).json["count"]


def test_codes_and_ids_are_the_same_in_audiences_and_what_is_kept_has_ids(running):
    brand = Brand(running, "codes")
    brand.visit("li", brand.code("a"), brand.code("E-a"))
    brand.visit("wang", "code:" + brand.code("b"), "code:" + brand.code("E-b"))
    brand.visit("chen", brand.units["c"], brand.staff["c"])
    brand.visit("zhao", brand.units["a"])
    north, a, b, south = ("code:" + brand.code(unit) for unit in ("north", "a", "b", "south"))
    assert brand.count({"unit": north}) == brand.count({"unit": brand.units["north"]}) == 3
    assert brand.count({"unit": [a, b, north]}) == 3 and brand.count({"unit": [b, south]}) == 2
    assert brand.count({"guide": "code:" + brand.code("E-a")}) == brand.count({"guide": brand.staff["a"]}) == 1
    assert brand.count({"guide": [brand.staff["a"], "code:" + brand.code("E-c")]}) == 2
    assert brand.count({"all": [{"unit": north}, {"guide": {"exists": False}}]}) == 1
    assert brand.count({"all": [{"unit": {"exists": True}}, {"not": {"unit": south}}, {"not": {"guide": {"exists": False}}}]}) == 2
    segment = brand.segment({"any": [{"unit": [a, south]}, {"not": {"guide": {"exists": True}}}]})
    shown = running.get(f"/api/v1/segments/{segment}")
    assert shown["rule"] == {"any": [{"unit": [brand.units["a"], brand.units["south"]]}, {"not": {"guide": {"exists": True}}}]}
    assert shown["count"] == 3
    stages = running.api("GET", "/api/v1/stages").json["stages"]
    first = {"stage": "northern", "rule": {"all": [{"unit": north}, {"metric": "orders", "is": 0}]}}
    changed = running.api("PUT", "/api/v1/stages", {"stages": [first, *stages]})
    assert changed.status == 200 and changed.json["stages"][0]["rule"]["all"][0] == {"unit": brand.units["north"]}, changed
    running.wait_quiet()
    assert brand.count({"stage": "northern"}) == 3
    assert running.api("PUT", "/api/v1/stages", {"stages": stages}).status == 200


def test_segments_follow_contacts_moves_leaving_and_deleted_units(running):
    brand = Brand(running, "follow")
    north, store, guided, alone = (brand.segment(rule) for rule in (
        {"unit": brand.units["north"]}, {"unit": brand.units["b"]}, {"guide": [brand.staff["a"], brand.staff["b"]]},
        {"all": [{"unit": "code:" + brand.code("north")}, {"guide": {"exists": False}}]}))
    brand.visit("li", brand.units["a"], brand.staff["a"])
    brand.visit("wang", brand.units["b"], brand.staff["b"])
    brand.visit("chen", brand.units["c"])
    assert brand.changes(north) == ["+li event", "+wang event"] and brand.changes(guided) == ["+li event", "+wang event"]
    moved = running.api("PATCH", f"/api/v1/units/{brand.units['b']}", {"parent": brand.units["south"]})
    assert moved.status == 200, moved
    running.wait_quiet()
    assert brand.changes(north) == ["+li event", "+wang event", "-wang organisation"] and brand.changes(store) == ["+wang event"]
    assert running.api("PATCH", f"/api/v1/units/{brand.units['south']}", {"parent": brand.units["north"]}).status == 200
    running.wait_quiet()
    assert brand.changes(north)[3:] in (["+wang organisation", "+chen organisation"], ["+chen organisation", "+wang organisation"])
    assert brand.count({"unit": brand.units["north"]}) == 3
    assert running.api("POST", f"/api/v1/staff/{brand.staff['a']}/leave").status == 200
    running.wait_quiet()
    assert brand.changes(guided)[2:] == ["-li organisation"] and "+li organisation" in brand.changes(alone)
    assert brand.count({"guide": brand.staff["a"]}) == 0
    body = {"guide": "code:" + brand.code("E-b"), "unit": brand.units["a"], "reason": "asked for it"}
    assert running.api("PUT", f"/api/v1/persons/{brand.people['li']}/binding", body).status == 200
    running.wait_quiet()
    assert brand.changes(guided)[3:] == ["+li hand"] and brand.changes(alone)[-1] == "-li hand"
    running.kill("tagging")
    running.start("tagging")
    running.wait_quiet()
    assert brand.count({"guide": [brand.staff["a"], brand.staff["b"]]}) == 2


def test_joined_persons_are_whose_their_facts_say(running):
    brand = Brand(running, "join")
    segment = brand.segment({"guide": brand.staff["a"]})
    brand.visit("known", brand.units["a"], brand.staff["a"])
    running.send([{"type": "track", "event": "Seen", "anonymousId": "join-visitor"}])
    running.wait_quiet()
    brand.people["visitor"] = running.lookup("anonymous_id", "join-visitor").json["one_id"]
    running.send([{"type": "identify", "userId": "join-known", "anonymousId": "join-visitor"}])
    running.wait_quiet()
    one = running.lookup("anonymous_id", "join-visitor").json["one_id"]
    assert one == running.lookup("user_id", "join-known").json["one_id"]
    assert running.get(f"/api/v1/segments/{segment}")["count"] == 1
    assert running.get(f"/api/v1/persons/{one}")["guide"]["id"] == brand.staff["a"]


def test_a_guide_who_is_not_seen_is_lost_in_time_and_so_is_the_segment(running):
    brand = Brand(running, "expiry")
    rules = running.api("GET", "/api/v1/binding-rules")
    names = ("unit_from", "guide_from", "purchase_outranks_contact", "purchase_elsewhere", "guide_keeps_for")
    before = {name: rules.json[name] for name in names}
    assert running.api("PUT", "/api/v1/binding-rules", before | {"guide_keeps_for": "10d"}).status == 200
    segment = brand.segment({"guide": {"exists": True}})
    brand.visit("li", brand.units["a"], brand.staff["a"])
    running.advance("11d")
    running.wait_quiet()
    assert brand.changes(segment) == ["+li event", "-li time"]
    assert running.api("PUT", "/api/v1/binding-rules", before).status == 200


def test_journeys_and_tags_go_by_whose_somebody_is(running):
    brand = Brand(running, "journey")
    running.post("/api/v1/tags", {"tag": "of a guide", "rule": {"guide": "code:" + brand.code("E-a")}})
    steps = [{"id": "guided", "type": "condition", "rule": {"guide": {"exists": True}}, "then": "wait", "else": "bye"},
             {"id": "wait", "type": "wait", "for": "365d"}, {"id": "bye", "type": "exit"}]
    made = running.api("POST", "/api/v1/journeys", {"name": "north", "entry": {"rule": {"unit": "code:" + brand.code("north")}}, "steps": steps,
                                                    "exit_when": {"not": {"unit": ["code:" + brand.code("north")]}}})
    assert made.status == 201 and made.json["definition"]["entry"]["rule"] == {"unit": brand.units["north"]}, made
    assert made.json["definition"]["exit_when"] == {"not": {"unit": [brand.units["north"]]}}
    journey = made.json["id"]
    running.post(f"/api/v1/journeys/{journey}/publish")
    trigger = {"name": "orders", "entry": {"event": {"event": "journey order"}}, "steps": [
        {"id": "south", "type": "condition", "rule": {"unit": brand.units["south"]}, "then": "stay", "else": "bye"},
        {"id": "stay", "type": "wait", "for": "365d"}, {"id": "bye", "type": "exit"}]}
    second = running.post("/api/v1/journeys", trigger)["id"]
    running.post(f"/api/v1/journeys/{second}/publish")
    brand.visit("li", brand.units["a"], brand.staff["a"])
    brand.visit("wang", brand.units["b"])
    brand.visit("chen", brand.units["c"], event="journey order")
    brand.visit("wang", event="journey order")
    steps = {step["id"]: step for step in running.get(f"/api/v1/journeys/{journey}")["steps"]}
    assert (steps["wait"]["waiting"], steps["bye"]["entered"]) == (1, 1)
    steps = {step["id"]: step for step in running.get(f"/api/v1/journeys/{second}")["steps"]}
    assert (steps["stay"]["waiting"], steps["bye"]["entered"]) == (1, 1)
    assert [tag["tag"] for tag in running.get(f"/api/v1/persons/{brand.people['li']}")["tags"]] == ["of a guide"]
    assert running.api("PATCH", f"/api/v1/units/{brand.units['a']}", {"parent": brand.units["south"]}).status == 200
    running.wait_quiet()
    assert running.get(f"/api/v1/journeys/{journey}")["exited"] == 1
    # what a journey in force names cannot go; a draft is checked when it is published
    assert running.api("DELETE", f"/api/v1/units/{brand.units['north']}").status == 409
    spare = running.post("/api/v1/units", {"name": "spare", "kind": "store", "parent": "u_1"})["id"]
    draft = running.post("/api/v1/journeys", {"name": "draft", "entry": {"rule": {"unit": spare}}, "steps": [{"id": "bye", "type": "exit"}]})["id"]
    assert running.api("DELETE", f"/api/v1/units/{spare}").status in (200, 204)
    refused = running.api("POST", f"/api/v1/journeys/{draft}/publish")
    assert (refused.status, refused.json["field"]) == (409, "/entry/rule/unit"), refused


def test_a_unit_that_a_rule_names_is_not_deleted(running):
    brand = Brand(running, "named")
    spare = running.post("/api/v1/units", {"name": "spare", "kind": "store", "parent": brand.units["south"]})["id"]
    segment = brand.segment({"not": {"unit": [brand.units["a"], spare]}})
    refused = running.api("DELETE", f"/api/v1/units/{spare}")
    assert refused.status == 409 and f'the segment "{segment}" refers to it' in refused.json["detail"], refused
    assert running.api("DELETE", f"/api/v1/segments/{segment}").status in (200, 204)
    assert running.api("DELETE", f"/api/v1/units/{spare}").status in (200, 204)


@pytest.mark.parametrize("rule, pointer", [
    ({"unit": "u_99999"}, "/rule/unit"),
    ({"unit": "code:nowhere"}, "/rule/unit"),
    ({"all": [{"everyone": True}, {"not": {"unit": ["u_1", "x"]}}]}, "/rule/all/1/not/unit/1"),
    ({"guide": "st_99999"}, "/rule/guide"),
    ({"any": [{"guide": ["st_1", "code:nobody"]}]}, "/rule/any/0/guide/1"),
    ({"unit": {"exists": True, "is": "u_1"}}, "/rule/unit/is"),
    ({"guide": []}, "/rule/guide"),
    ({"unit": 7}, "/rule/unit"),
    ({"unit": "u_1", "guide": "st_1"}, "/rule/guide"),
])
def test_what_there_is_not_is_refused_with_the_pointer_to_it(running, rule, pointer):
    for path, body in (("/api/v1/audiences/count", {"rule": rule}), ("/api/v1/segments", {"name": "x", "rule": rule}),
                       ("/api/v1/tags", {"tag": "never", "rule": rule})):
        answer = running.api("POST", path, body)
        assert (answer.status, answer.json["field"]) == (400, pointer), answer
    answer = running.api("PUT", "/api/v1/stages", {"stages": [{"stage": "x", "rule": rule}]})
    assert (answer.status, answer.json["field"]) == (400, pointer.replace("/rule", "/stages/0/rule", 1)), answer
    journey = {"name": "x", "entry": {"rule": {"everyone": True}}, "steps": [
        {"id": "a", "type": "condition", "rule": rule, "then": "b"}, {"id": "b", "type": "exit"}]}
    answer = running.api("POST", "/api/v1/journeys", journey)
    assert (answer.status, answer.json["field"]) == (400, pointer.replace("/rule", "/steps/0/rule", 1)), answer


def test_what_lies_beyond_the_scope_is_as_what_there_is_not(running):
    brand = Brand(running, "scope")
    brand.visit("li", brand.units["a"], brand.staff["a"])
    brand.visit("wang", brand.units["b"])
    manager = running.post("/api/v1/staff", {"login": "scope.manager", "role": "region_manager", "unit": brand.units["north"]})
    token = running.post(f"/api/v1/staff/{manager['id']}/tokens", {"name": "t"})["token"]
    assert brand.count({"unit": brand.units["north"]}, token) == 2 and brand.count({"guide": {"exists": False}}, token) == 1
    assert brand.count({"guide": "code:" + brand.code("E-a")}, token) == 1
    unknown = running.api("POST", "/api/v1/audiences/count", {"rule": {"unit": "u_99999"}}, token=token)
    for unit in (brand.units["south"], "u_1", "code:" + brand.code("c")):
        answer = running.api("POST", "/api/v1/audiences/count", {"rule": {"unit": unit}}, token=token)
        assert (answer.status, answer.json["detail"], answer.json["field"]) == (400, unknown.json["detail"], "/rule/unit"), answer
    unknown = running.api("POST", "/api/v1/audiences/count", {"rule": {"guide": "st_99999"}}, token=token)
    for guide in (brand.staff["c"], "st_1", "code:" + brand.code("E-c")):
        answer = running.api("POST", "/api/v1/audiences/count", {"rule": {"guide": guide}}, token=token)
        assert (answer.status, answer.json["detail"]) == (400, unknown.json["detail"]), answer


def test_a_rule_that_names_what_lies_beyond_the_scope_is_not_shown(running):
    brand = Brand(running, "shown")
    manager = running.post("/api/v1/staff", {"login": "shown.manager", "role": "region_manager", "unit": brand.units["north"]})
    token = running.post(f"/api/v1/staff/{manager['id']}/tokens", {"name": "t"})["token"]
    for name, rule, seen in (("own", {"unit": brand.units["a"]}, True), ("other", {"not": {"unit": brand.units["south"]}}, False),
                             ("guide", {"any": [{"everyone": True}, {"guide": [brand.staff["c"]]}]}, False)):
        made = running.post("/api/v1/segments", {"name": name, "rule": rule})
        shown = running.api("GET", f"/api/v1/segments/{made['id']}", token=token).json
        assert shown.get("rule") == (rule if seen else None) and ("rule" in shown) == seen, shown
        assert running.get(f"/api/v1/segments/{made['id']}")["rule"] == rule
        listed = running.api("GET", "/api/v1/segments?limit=500", token=token).json["segments"]
        assert [("rule" in one) for one in listed if one["id"] == made["id"]] == [seen]
    running.post("/api/v1/tags", {"tag": "southern", "rule": {"unit": brand.units["south"]}})
    assert "rule" not in running.api("GET", "/api/v1/tags/southern", token=token).json


def test_staff_that_events_name_and_there_is_not_refuses_nothing(running):
    brand = Brand(running, "unknown")
    series = "quanyu_events_unknown_staff_total"
    before = int(metric(running, series))
    brand.visit("li", brand.units["a"], "nobody")
    assert running.api("POST", f"/api/v1/staff/{brand.staff['b']}/leave").status == 200
    for name in (brand.staff["b"], brand.code("E-b"), "st_99999"):
        brand.visit("li", None, name)
    assert int(metric(running, series)) == before + 4
    shown = running.get(f"/api/v1/persons/{brand.people['li']}")
    assert shown["guide"] is None and shown["home_unit"]["id"] == brand.units["a"]
    brand.visit("li", None, brand.code("E-a"))
    assert running.get(f"/api/v1/persons/{brand.people['li']}")["guide"]["id"] == brand.staff["a"]
    # a code is another's once it is free, from the next event on
    again = running.post("/api/v1/staff", {"login": "unknown.again", "role": "guide", "unit": brand.units["c"], "code": brand.code("E-b")})["id"]
    running.wait_quiet()
    brand.visit("wang", None, brand.code("E-b"))
    assert running.get(f"/api/v1/persons/{brand.people['wang']}")["guide"]["id"] == again
    assert int(metric(running, series)) == before + 4
