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
    assert {r["outcome"] for r in record} == {"not_found"} and not any(r.get("persons") for r in record)


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
