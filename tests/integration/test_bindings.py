# SPDX-License-Identifier: Apache-2.0
"""Whose people somebody is: given by hand and in bulk, kept through joins and restarts, and what a guide may see of others' people."""
import json

import pytest

from suite import Suite


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("bindings"), settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


def guide(suite, login, role="guide"):
    staff = suite.post("/api/v1/staff", {"login": login, "role": role, "unit": "u_1"})
    suite.wait_quiet()
    return staff["id"], suite.post(f"/api/v1/staff/{staff['id']}/tokens", {"name": "till"})["token"]


def people(suite, *users):
    suite.send([{"type": "track", "event": "Opened", "userId": user} for user in users])
    suite.wait_quiet()
    return [suite.lookup("user_id", user).json["one_id"] for user in users]


def bind(suite, one_id, staff, token=None):
    return suite.api("PUT", f"/api/v1/persons/{one_id}/binding", {"guide": staff, "reason": "asked for it"}, token=token)


def test_a_guide_sees_the_people_bound_to_the_guide_and_nobody_else(running):
    li, token = guide(running, "li.scope")
    own, other = people(running, "scope-own", "scope-other")
    assert running.api("POST", "/api/v1/tags", {"tag": "vip"}).status == 201
    answer = bind(running, own, li)
    assert answer.status == 200 and answer.json["guide"]["id"] == li, answer
    assert running.get(f"/api/v1/persons/{own}")["guide"]["id"] == li
    assert running.api("GET", f"/api/v1/persons/{own}", token=token).status == 200
    unknown = running.api("GET", "/api/v1/persons/p_00000000", token=token)
    for method, path, body in (("GET", f"/api/v1/persons/{other}", None), ("GET", f"/api/v1/persons/{other}/bindings", None),
                               ("POST", f"/api/v1/persons/{other}/tags", {"tag": "vip"})):
        answer = running.api(method, path, body, token=token)
        assert (answer.status, answer.json["detail"]) == (unknown.status, unknown.json["detail"]) == (404, "there is no such person"), answer
    asked = {"identifiers": [{"kind": "user_id", "value": "scope-other"}]}
    nobody = {"identifiers": [{"kind": "user_id", "value": "never seen"}]}
    answers = [running.api("POST", "/api/v1/persons/lookup", body, token=token) for body in (asked, nobody)]
    assert {(a.status, a.json["detail"]) for a in answers} == {(404, "nobody has any of these identifiers")}
    assert running.api("GET", f"/api/v1/staff/{li}/people", token=token).json["count"] == 1
    record = running.audit("/v1/records?action=person.lookup&limit=2").json["records"]
    # The log says what the answer does not: that there is such a person, beyond the scope.
    assert [(r["outcome"], r["persons"]) for r in record] == [("not_found", []), ("denied", [other])]


def test_a_guide_and_a_unit_that_were_just_made_can_be_given_people(running):
    mine, = people(running, "at-once")
    for number in range(20):
        staff = running.post("/api/v1/staff", {"login": f"at.once.{number}", "role": "guide", "unit": "u_1"})
        assert bind(running, mine, staff["id"]).status == 200
        unit = running.post("/api/v1/units", {"code": f"at-once-{number}", "name": "New", "kind": "store", "parent": "u_1"})
        answer = running.api("PUT", f"/api/v1/persons/{mine}/binding", {"unit": unit["id"], "reason": "asked for it"})
        assert answer.status == 200 and answer.json["home_unit"]["id"] == unit["id"], answer
    assert running.api("GET", "/api/v1/staff/st_9999/people").status == 404


def test_the_identifiers_that_follow_one_of_a_stranger_are_looked_at(running):
    li, token = guide(running, "li.follow")
    own, other = people(running, "follow-own", "follow-other")
    assert bind(running, own, li).status == 200
    for first in ("follow-other", "never seen"):
        body = {"identifiers": [{"kind": "user_id", "value": first}, {"kind": "user_id", "value": "follow-own"}]}
        assert running.api("POST", "/api/v1/persons/lookup", body, token=token).json["one_id"] == own
    body["identifiers"] = [{"kind": "user_id", "value": "follow-other"}, {"kind": "no such kind", "value": "x"}]
    assert running.api("POST", "/api/v1/persons/lookup", body, token=token).json["field"] == "identifiers/1/kind"
    assert running.api("POST", "/api/v1/persons/lookup", body).json["one_id"] == other


def region(suite, name):
    unit = suite.post("/api/v1/units", {"name": name, "kind": "region", "parent": "u_1", "code": name})["id"]
    ids = [suite.post("/api/v1/staff", {"login": f"{name}.{role}", "role": role, "unit": unit, "code": f"{name}-{role[0]}"})["id"]
           for role in ("region_manager", "guide")]
    suite.wait_quiet()
    return unit, ids[1], suite.post(f"/api/v1/staff/{ids[0]}/tokens", {"name": "test"})["token"]


def test_units_and_staff_beyond_the_scope_are_answered_as_none(running):
    east, li, token = region(running, "EASTERN")
    west, wang, _ = region(running, "WESTERN")
    one_id, = people(running, "moves-over")
    assert running.api("PUT", f"/api/v1/persons/{one_id}/binding", {"unit": west, "guide": wang, "reason": "first"}).status == 200
    running.advance("1h")
    assert running.api("PUT", f"/api/v1/persons/{one_id}/binding", {"unit": east, "guide": li, "reason": "moved"}).status == 200
    running.wait_quiet()

    def answer(method, path, body=None):
        got = running.api(method, path, body, token=token)
        return got.status, got.json["detail"], got.json["field"]

    def transfer(start, end):
        return answer("POST", "/api/v1/bindings/transfer", {"from": start, "to": end, "reason": "x", "dry_run": True})

    for name, unknown in ((west, "u_99999"), ("code:WESTERN", "code:NOWHERE")):
        for ask in (lambda unit: answer("PUT", f"/api/v1/persons/{one_id}/binding", {"unit": unit, "reason": "x"}),
                    lambda unit: answer("GET", f"/api/v1/units/{unit}/people"), lambda unit: transfer({"unit": unit}, {"unit": east})):
            assert ask(name) == ask(unknown)
    for name, unknown in ((wang, "st_99999"), ("code:WESTERN-g", "code:NOBODY")):
        for ask in (lambda staff: answer("PUT", f"/api/v1/persons/{one_id}/binding", {"guide": staff, "reason": "x"}),
                    lambda staff: answer("GET", f"/api/v1/staff/{staff}/people"), lambda staff: transfer({"guide": staff}, {"unit": east})):
            assert ask(name) == ask(unknown)
    shown = running.api("GET", f"/api/v1/persons/{one_id}/bindings", token=token).json["bindings"]
    assert [(b["unit"], b["guide"]) for b in shown] == [(east, li), (None, None)]
    whole = running.get(f"/api/v1/persons/{one_id}/bindings")["bindings"]
    assert [(b["unit"], b["guide"]) for b in whole] == [(east, li), (west, wang)]


def test_transfers_count_nothing_for_who_may_not_see_it(running):
    for name, more in (("assigner", []), ("assigner_of_people", ["person.read"])):
        assert running.api("POST", "/api/v1/roles", {"name": name, "permissions": ["person.assign", "journey.manage", *more]}).status == 201
    body = {"from": {"rule": {"metric": "revenue", "gte": "1.00"}}, "to": {"unit": "u_1"}, "reason": "x", "dry_run": True}
    _, token = guide(running, "blind", "assigner")
    for asked in (body, {**body, "from": {"guide": "st_1"}}):
        assert running.api("POST", "/api/v1/bindings/transfer", asked, token=token).status == 403
    _, token = guide(running, "poor", "assigner_of_people")
    refused = running.api("POST", "/api/v1/bindings/transfer", body, token=token)
    assert refused.status == 400 and "money" in refused.json["detail"] and refused.json["field"] == "/from/rule"
    journey = {"name": "Rich", "entry": {"rule": body["from"]["rule"]}, "steps": [{"id": "end", "type": "exit"}]}
    refused = running.api("POST", "/api/v1/journeys", journey, token=token)
    assert refused.status == 400 and refused.json["field"] == "/entry/rule", refused
    assert running.api("POST", "/api/v1/journeys", journey).status == 201
    assert running.api("POST", "/api/v1/bindings/transfer", body).json["found"] == 0


def test_every_binding_by_hand_is_history_and_on_record(running):
    li, _ = guide(running, "li.history")
    wang, _ = guide(running, "wang.history")
    one_id, = people(running, "history")
    assert bind(running, one_id, li).status == 200
    running.advance("24h")
    assert bind(running, one_id, wang).status == 200
    shown = running.get(f"/api/v1/persons/{one_id}/bindings")["bindings"]
    assert [(b["guide"], b["cause"], "to" in b) for b in shown] == [(wang, "hand", False), (li, "hand", True)]
    assert shown[1]["to"] == shown[0]["from"]
    page = running.get(f"/api/v1/persons/{one_id}/bindings?limit=1")
    rest = running.get(f"/api/v1/persons/{one_id}/bindings?cursor={page['next_cursor']}")
    assert page["bindings"] + rest["bindings"] == shown
    running.wait_quiet()
    acts = [json.loads(r["detail"]) for r in running.audit("/v1/records?action=binding.change&limit=4").json["records"] if r.get("detail")]
    assert (acts[0]["before"]["guide"], acts[0]["after"]["guide"], acts[0]["reason"]) == (li, wang, "asked for it")


def test_who_leaves_leaves_a_list_and_a_handover_empties_it(running):
    li, _ = guide(running, "li.leaves")
    wang, _ = guide(running, "wang.takes")
    left = people(running, *(f"leaving-{i}" for i in range(5)))
    for one_id in left:
        assert bind(running, one_id, li).status == 200
    running.advance("1h")
    gone = running.api("POST", f"/api/v1/staff/{li}/leave")
    assert gone.status == 200 and gone.json["people"] == 5, gone
    running.wait_quiet()
    assert running.get(f"/api/v1/persons/{left[0]}")["guide"] is None
    page = running.get(f"/api/v1/staff/{li}/people?limit=3")
    rest = running.get(f"/api/v1/staff/{li}/people?cursor={page['next_cursor']}")
    assert page["count"] == 5 and [p["one_id"] for p in page["people"] + rest["people"]] == left
    body = {"from": {"guide": li}, "to": {"guide": wang}, "reason": "left", "dry_run": True}
    assert running.api("POST", "/api/v1/bindings/transfer", body).json["found"] == 5
    assert running.get(f"/api/v1/staff/{wang}/people")["count"] == 0
    running.advance("1h")
    done = running.api("POST", "/api/v1/bindings/transfer", {**body, "dry_run": False})
    assert done.status in (200, 202) and done.json["found"] == 5, done
    running.wait_quiet()
    shown = running.get(f"/api/v1/bindings/transfers/{done.json['id']}")
    assert (shown["state"], shown["moved"], shown["done"]) == ("done", 5, 5)
    assert running.get(f"/api/v1/staff/{wang}/people")["count"] == 5 and running.get(f"/api/v1/staff/{li}/people")["count"] == 0
    causes = [b["cause"] for b in running.get(f"/api/v1/persons/{left[0]}/bindings")["bindings"]]
    assert causes == ["handover", "leaving", "hand"]
    named = running.api("POST", "/api/v1/bindings/transfer", {"from": {"persons": left[:2]}, "to": {"guide": wang}, "reason": "again"})
    assert named.status == 200 and (named.json["found"], named.json["moved"]) == (2, 0)


@pytest.mark.parametrize("body, status, field", [
    ({"from": {"guide": "st_99999"}, "to": {"unit": "u_1"}, "reason": "x"}, 404, "from/guide"),
    ({"from": {"guide": "x"}, "to": {"unit": "u_1"}, "reason": "x"}, 404, "from/guide"),
    ({"from": {}, "to": {"unit": "u_1"}, "reason": "x"}, 400, "from"),
    ({"from": {"persons": []}, "to": {"unit": "u_1"}, "reason": "x"}, 400, "from/persons"),
    ({"from": {"persons": ["p_00000000"]}, "to": {"unit": "u_1"}, "reason": "x"}, 404, "from/persons/0"),
    ({"from": {"rule": {"nonsense": 1}}, "to": {"unit": "u_1"}, "reason": "x"}, 400, None),
    ({"from": {"rule": {"everyone": True}}, "to": {}, "reason": "x"}, 400, "to"),
    ({"from": {"rule": {"everyone": True}}, "to": {"unit": "u_1"}}, 400, "reason"),
    ({"from": {"rule": {"everyone": True}}, "to": {"unit": "u_77"}, "reason": "x"}, 404, None),
])
def test_a_wrong_transfer_names_what_is_wrong(running, body, status, field):
    answer = running.api("POST", "/api/v1/bindings/transfer", body)
    assert answer.status == status, answer
    if field:
        assert answer.json["field"].lstrip("/") == field, answer


def test_rules_are_versions_and_a_guide_keeps_somebody_for_so_long(running):
    shown = running.api("GET", "/api/v1/binding-rules")
    rules = {name: shown.json[name] for name in ("unit_from", "guide_from", "purchase_outranks_contact", "purchase_elsewhere", "guide_keeps_for")}
    assert rules == {"unit_from": "contact", "guide_from": "contact", "purchase_outranks_contact": True, "purchase_elsewhere": "keep",
                     "guide_keeps_for": None}
    li, _ = guide(running, "li.keeps")
    one_id, = people(running, "keeps")
    assert bind(running, one_id, li).status == 200
    tag = shown.headers["ETag"]
    changed = running.api("PUT", "/api/v1/binding-rules", {**rules, "guide_keeps_for": "30d"}, headers={"If-Match": tag})
    assert changed.status == 200 and changed.json["guide_keeps_for"] == "30d" and changed.headers["ETag"] != tag
    assert running.api("PUT", "/api/v1/binding-rules", rules, headers={"If-Match": tag}).status == 412
    for wrong in ({"guide_keeps_for": "soon"}, {"unit_from": "luck"}, {"purchase_elsewhere": None}, {"purchase_outranks_contact": "yes"}):
        answer = running.api("PUT", "/api/v1/binding-rules", {**rules, **wrong})
        assert answer.status == 400 and answer.json["field"] == next(iter(wrong)), answer
    running.advance("29d")
    assert running.get(f"/api/v1/persons/{one_id}")["guide"]["id"] == li
    running.advance("1d")
    assert running.get(f"/api/v1/persons/{one_id}")["guide"] is None
    assert [b["cause"] for b in running.get(f"/api/v1/persons/{one_id}/bindings")["bindings"]] == ["expiry", "hand"]
    assert running.api("PUT", "/api/v1/binding-rules", rules).status == 200


def test_joins_erase_nothing_and_bindings_survive_a_kill(running):
    li, token = guide(running, "li.joins")
    first, second = people(running, "joins-1", "joins-2")
    assert bind(running, second, li).status == 200
    running.send([{"type": "alias", "userId": "joins-1", "previousId": "joins-2"}])
    running.wait_quiet()
    joined = running.lookup("user_id", "joins-2").json
    assert joined["one_id"] == first and joined["guide"]["id"] == li
    assert [b["cause"] for b in running.get(f"/api/v1/persons/{first}/bindings")["bindings"]] == ["join"]
    running.kill("tagging")
    running.start("tagging")
    running.wait_quiet()
    assert running.get(f"/api/v1/persons/{first}")["guide"]["id"] == li
    assert running.api("GET", f"/api/v1/persons/{first}", token=token).status == 200
