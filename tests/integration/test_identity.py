# SPDX-License-Identifier: Apache-2.0
"""Who is who: by rules, explained, and decided by hand; and what hangs on identifiers follows them, and goes back."""
import json

import pytest

from receivers import Webhooks
from suite import Suite, wait_for

DECISIONS = "/api/v1/identity-decisions"
WHY = "as the customer said"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("identity"), settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


# -- what is sent

def external(kind, value, **more):
    return {"type": kind, "id": value, "collection": "users", "encoding": "none", **more}


def event(user=None, device=None, ids=(), name="Opened", **more):
    """A track event that bears these identifiers."""
    context = {"externalIds": [external(*one) for one in ids], **more.pop("context", {})}
    return {"type": "track", "event": name, "context": context, **({"userId": user} if user else {}),
            **({"anonymousId": device} if device else {}), **more}


def order(total, number, **more):
    return event(name="Order Completed", properties={"order_id": number, "total": total, "currency": "CNY"}, **more)


def send(suite, *events):
    suite.send(list(events))
    suite.wait_quiet()


# -- what is asked

def ref(kind, value):
    return {"kind": kind, "value": value}


def user(name):
    return ref("user_id", name)


def person(suite, one):
    return suite.lookup(one["kind"], one["value"]).json


def one_id(suite, one):
    return person(suite, one)["one_id"]


def same(suite, *refs):
    return len({one_id(suite, one) for one in refs}) == 1


def shown(suite, one):
    """A person's identifiers by kind and value."""
    return {(i["kind"], i["value"]): i for i in person(suite, one)["identifiers"]}


def why(suite, one, other, token=None):
    return suite.api("POST", "/api/v1/identifiers/explain", {"one": one, "other": other}, token=token)


def done(answer, unchanged=False):
    assert answer.status == 200 and answer.json["unchanged"] is unchanged, answer
    return answer.json


def join(suite, one, other, reason=WHY, token=None):
    return suite.api("POST", "/api/v1/persons/join", {"identifiers": [one, other], "reason": reason}, token=token)


def split(suite, whose, *refs, token=None):
    return suite.api("POST", f"/api/v1/persons/{whose}/split", {"identifiers": refs, "reason": WHY}, token=token)


def follow(suite):
    """What was decided by hand is everywhere, while no event comes and no clock moves."""
    suite.wait_quiet()


def undo(suite, decision, reason="it was a mistake", token=None):
    answer = suite.api("DELETE", f"{DECISIONS}/{decision['id']}", {"reason": reason}, token=token)
    follow(suite)
    return answer


def staff(suite, login, role, unit="u_1"):
    made = suite.post("/api/v1/staff", {"login": login, "role": role, "unit": unit})
    suite.wait_quiet()
    return made["id"], suite.post(f"/api/v1/staff/{made['id']}/tokens", {"name": "t"})["token"]


def newest(suite, action):
    return suite.audit(f"/v1/records?action={action}&limit=1").json["records"][0]


# -- rules

def test_what_is_verified_says_the_sender_and_no_page_can_say_it(running):
    phone = {"traits": {"phone": "13800138001"}, "type": "identify"}
    send(running, {**phone, "userId": "said"})
    assert {kind: i["verified"] for (kind, _), i in shown(running, user("said")).items()} == {"user_id": True, "phone": False}
    send(running, {**phone, "userId": "said", "context": {"verified": ["phone"]}})
    assert all(i["verified"] for i in shown(running, user("said")).values())
    key = running.post("/api/v1/write-keys", {"name": "Page", "platform": "browser"})["secret"]
    claims = {"type": "identify", "userId": "page", "context": {"verified": True}, "traits": {"email": "page@example.com"}}
    assert running.ingest("/v1/batch", {"batch": [claims]}, write_key=key).status == 200
    assert running.ingest("/v1/identify", {**claims, "userId": "other page", "traits": {"email": "other@example.com"}},
                          headers={"Origin": "https://shop.example.com"}).status == 200
    running.wait_quiet()
    for name in ("page", "other page"):
        assert [i["verified"] for i in shown(running, user(name)).values()] == [False, False]
    send(running, event("page"))
    assert {kind: i["verified"] for (kind, _), i in shown(running, user("page")).items()} == {"user_id": True, "email": False}


def test_what_was_refused_from_a_page_is_no_more_worth_when_it_is_tried_again(running):
    letter = {"type": "identify", "user": "letter", "context": {"verified": True}, "traits": {"email": "letter@example.com"}}
    letters = []
    for name, headers in (("letter-1", {"Origin": "https://shop.example.com"}), ("letter-2", {})):
        answer = running.ingest("/v1/batch", {"batch": [{**letter, "user": name, "messageId": name,
                                                         "traits": {"email": f"{name}@example.com"}}]}, headers=headers)
        letters.append(answer.json["errors"][0]["dead_letter"])
    answer = running.post("/api/v1/dead-letters/replay", {"ids": letters, "mapping": [{"rename": "/user", "to": "/userId"}]})
    assert answer["accepted"] == 2, answer
    running.wait_quiet()
    assert [i["verified"] for i in shown(running, user("letter-1")).values()] == [False, False]
    assert [i["verified"] for i in shown(running, user("letter-2")).values()] == [True, True]


def test_a_family_with_one_phone_are_two(running):
    phone = ref("phone", "13800138002")
    send(running, event("mother", ids=[("phone", "13800138002")]), event("son", ids=[("phone", "13800138002")]))
    assert same(running, user("mother"), phone) and not same(running, user("mother"), user("son"))
    answer = why(running, user("mother"), user("son"))
    assert answer.status == 200 and not answer.json["one_person"], answer
    assert answer.json["persons"] == [one_id(running, user("mother")), one_id(running, user("son"))]
    refused = [link["refused"] for link in answer.json["links"] if link["refused"]]
    assert [(one["reason"], one["kind"], one["limit"]) for one in refused] == [("limit", "user_id", 1)]
    assert "more than 1 of user_id" in refused[0]["detail"]
    page = running.get("/api/v1/identity-conflicts?limit=500")
    pairs = [{(i["kind"], i["value"]) for i in link["identifiers"]} for link in page["conflicts"]]
    assert {("user_id", "son"), ("phone", "138****8002")} in pairs and page["count"] == len(pairs)
    assert newest(running, "identity.conflicts")["count"] >= 2


def test_a_tablet_that_many_use_joins_nobody_not_even_afterwards(running):
    tablet = ref("anonymous_id", "tablet-1")
    people = [user(f"visitor-{i}") for i in range(6)]
    send(running, event("visitor-0", "tablet-1"))
    assert same(running, people[0], tablet)
    send(running, *(event(f"visitor-{i}", "tablet-1") for i in range(1, 6)))
    assert len({one_id(running, one) for one in [*people, tablet]}) == 7
    row, = [row for row in running.get("/api/v1/identity-busy?limit=500")["busy"] if row["identifier"]["value"] == "tablet-1"]
    assert (row["seen_with"], row["kind"], row["identifier"]["one_id"]) == (6, "user_id", one_id(running, tablet))
    assert {link["refused"]["reason"] for link in why(running, people[0], tablet).json["links"]} == {"busy"}


# -- by hand

def picture(suite, *refs):
    """What is shown of each, less what only says which version of it is looked at."""
    return [{name: value for name, value in person(suite, one).items() if name != "segments"} for one in refs]


def test_a_join_takes_everything_along_and_its_undoing_takes_everything_back(running):
    guide, _ = staff(running, "join.guide", "guide")
    running.post("/api/v1/tags", {"tag": "big", "rule": {"metric": "revenue", "gte": "150.00"}})
    running.post("/api/v1/tags", {"tag": "vip"})
    segment = running.post("/api/v1/segments", {"name": "Big", "rule": {"tag": "big"}})["id"]
    send(running, order(100, "j-1", user="join-1", device="join-dev"), order(80, "j-2", user="join-2", ids=[("member_card", "J-2")]))
    both = user("join-1"), user("join-2")
    second = one_id(running, both[1])
    running.post(f"/api/v1/persons/{second}/tags", {"tag": "vip"})
    assert running.api("PUT", f"/api/v1/persons/{second}/binding", {"guide": guide, "reason": "asked for it"}).status == 200
    running.wait_quiet()
    before = picture(running, *both)
    decision = done(join(running, *both))
    assert decision["what"] == "join" and decision["by"] == "st_1" and decision["undone"] is None
    assert decision["persons"] == [before[0]["one_id"]] and [i["value"] for i in decision["identifiers"]] == ["join-1", "join-2"]
    follow(running)
    one = person(running, both[1])
    assert one == person(running, both[0]) == running.get(f"/api/v1/persons/{second}")
    assert one["metrics"]["revenue"] == "180.00" and one["guide"]["id"] == guide
    assert {tag["tag"] for tag in one["tags"]} == {"big", "vip"} and [s["id"] for s in one["segments"]] == [segment]
    chain = why(running, both[0], ref("member_card", "J-2")).json
    assert chain["one_person"] and [link["rank"] for link in chain["links"]] == ["hand", "verified"]
    assert [link.get("decision") for link in chain["links"]] == [decision["id"], None]
    assert undo(running, decision).status == 200
    assert picture(running, *both) == before
    assert running.get(f"/api/v1/segments/{segment}")["count"] == 0 and not same(running, *both)
    assert {change["cause"] for change in running.get(f"/api/v1/segments/{segment}/changes")["changes"]} == {"join"}
    gone = running.get(f"{DECISIONS}/{decision['id']}")
    assert (gone["undone"]["reason"], gone["undone"]["by"]) == ("it was a mistake", "st_1")


def test_a_journey_goes_on_for_each_as_if_they_had_never_been_one(running):
    with Webhooks() as hooks:
        step = {"id": "s", "type": "send", "channel": "webhook", "url": hooks.url, "secret": "s3cret", "content": {"person": "{{one_id}}"}}
        made = running.post("/api/v1/journeys", {"name": "j", "entry": {"event": {"event": "Way Begun"}},
                                                 "steps": [{"id": "w", "type": "wait", "for": "2d"}, step]})["id"]
        running.post(f"/api/v1/journeys/{made}/publish")
        send(running, event("way-1", name="Way Begun"), event("way-2"))
        first, second = user("way-1"), user("way-2")
        names = one_id(running, first), one_id(running, second)
        decision = done(join(running, second, first))
        running.advance("1d")
        assert undo(running, decision).status == 200
        send(running, event("way-2", name="Way Begun"))
        running.advance("3d")
        running.wait_quiet()
        assert sorted(body["person"] for body in hooks.bodies()) == sorted(names)
        sent = running.get(f"/api/v1/journeys/{made}/deliveries")["deliveries"]
        assert sorted(one["one_id"] for one in sent) == sorted(names)
        running.post(f"/api/v1/journeys/{made}/pause")


def test_what_is_decided_twice_changes_nothing(running):
    send(running, event("twice-1"), event("twice-2"), event("twice-3", ids=[("member_card", "T-3")]))
    first = done(join(running, user("twice-1"), user("twice-2")))
    running.wait_quiet()
    count, changes = len(running.get(DECISIONS)["decisions"]), running.audit("/v1/tree").json["size"]
    again = done(join(running, user("twice-2"), user("twice-1"), reason="once more"), unchanged=True)
    assert again["id"] == first["id"] and again["reason"] == WHY
    card, whose = ref("member_card", "T-3"), one_id(running, user("twice-3"))
    assert done(join(running, user("twice-3"), card), unchanged=True)["id"] is None, "nobody had to decide that"
    parted = done(split(running, whose, card))
    assert done(split(running, whose, card), unchanged=True)["id"] == parted["id"]
    blocked = done(running.api("POST", "/api/v1/identifiers/block", {"identifier": card, "reason": WHY}))
    again = running.api("POST", "/api/v1/identifiers/block", {"identifier": card, "reason": WHY})
    assert done(again, unchanged=True)["id"] == blocked["id"]
    assert done(undo(running, first))["undone"]
    assert done(undo(running, first), unchanged=True)["undone"]["reason"] == "it was a mistake"
    assert len(running.get(DECISIONS)["decisions"]) == count + 2
    assert running.audit("/v1/tree").json["size"] > changes, "each time somebody asked is on record"


def test_who_is_split_has_what_was_theirs_and_keeps_apart(running):
    card = ref("member_card", "S-2")
    send(running, order(100, "s-1", user="split-1"), order(30, "s-2", device="till-s2", ids=[("member_card", "S-2")]),
         event("split-1", ids=[("member_card", "S-2")]))
    whose = one_id(running, user("split-1"))
    assert same(running, user("split-1"), card) and person(running, card)["metrics"]["revenue"] == "130.00"
    before = picture(running, card)
    decision = done(split(running, whose, card))
    running.wait_quiet()
    assert person(running, user("split-1"))["metrics"]["revenue"] == "100.00"
    assert person(running, card)["metrics"]["revenue"] == "30.00" and not same(running, user("split-1"), card)
    send(running, event("split-1", ids=[("member_card", "S-2")]))
    assert not same(running, user("split-1"), card), "what is seen later does not count for more"
    assert {link["refused"]["reason"] for link in why(running, user("split-1"), card).json["links"] if link["refused"]} == {"apart"}
    assert undo(running, decision).status == 200
    assert same(running, user("split-1"), card)
    assert person(running, card)["metrics"]["revenue"] == before[0]["metrics"]["revenue"]


def test_a_card_that_was_passed_on_moves_to_another_person(running):
    card = ref("member_card", "M-9")
    send(running, event("giver", ids=[("member_card", "M-9")]), event("taker"))
    taker = one_id(running, user("taker"))
    decision = done(running.api("POST", f"/api/v1/persons/{taker}/move", {"identifier": card, "reason": "passed on"}))
    running.wait_quiet()
    assert decision["what"] == "move" and same(running, user("taker"), card) and not same(running, user("giver"), card)
    assert undo(running, decision).status == 200
    assert same(running, user("giver"), card) and not same(running, user("taker"), card)


def test_what_is_blocked_is_nobodys_and_what_an_event_says_can_be_withdrawn(running):
    phone = ref("phone", "13800138003")
    send(running, event("blocker", "block-dev", ids=[("phone", "13800138003")]))
    decision = done(running.api("POST", "/api/v1/identifiers/block", {"identifier": phone, "reason": "the shop's own number"}))
    running.wait_quiet()
    assert decision["what"] == "block" and not same(running, user("blocker"), phone)
    assert {link["refused"]["reason"] for link in why(running, user("blocker"), phone).json["links"]} == {"blocked"}
    assert undo(running, decision).status == 200 and same(running, user("blocker"), phone)
    send(running, event("wrong", ids=[("member_card", "W-1")]))
    link, = why(running, user("wrong"), ref("member_card", "W-1")).json["links"]
    assert link["rank"] == "verified" and link["write_key"]["id"] == "k_1" and link["time"].startswith("2026-03-")
    path = f"/api/v1/evidence/{link['position']}/withdraw"
    decision = done(running.api("POST", path, {"reason": "a test order"}))
    running.wait_quiet()
    assert (decision["what"], decision["position"]) == ("withdraw", link["position"])
    assert not same(running, user("wrong"), ref("member_card", "W-1"))
    assert done(running.api("POST", path, {"reason": "a test order"}), unchanged=True)["id"] == decision["id"]
    assert undo(running, decision).status == 200 and same(running, user("wrong"), ref("member_card", "W-1"))
    assert running.api("POST", "/api/v1/evidence/999999999/withdraw", {"reason": "nothing"}).status == 404


def test_an_identifier_is_named_by_its_id_too_and_history_says_how_a_person_came_to_be(running):
    send(running, event("told-1"), event("told-2", ids=[("phone", "13800138004")]))
    ids = {value: i["id"] for one in ("told-1", "told-2") for (_, value), i in shown(running, user(one)).items()}
    assert ids["138****8004"].startswith("i_")
    first, second = one_id(running, user("told-1")), one_id(running, user("told-2"))
    assert same(running, user("told-2"), ref("phone", "13800138004"))
    decision = done(join(running, {"id": ids["told-1"]}, {"id": ids["told-2"]}))
    assert [i["id"] for i in decision["identifiers"]] == [ids["told-1"], ids["told-2"]]
    follow(running)
    assert undo(running, decision).status == 200
    history = running.get(f"/api/v1/persons/{first}/history")["history"]
    assert [entry["what"] for entry in history] == ["identifier", "join", "split"]
    assert {i["value"] for i in history[1]["identifiers"]} == {"told-2", "138****8004"}
    assert (history[1]["from"], history[1]["to"], history[1]["decision"]) == (second, first, decision["id"])
    assert (history[1]["reason"], history[1]["by"], history[2]["reason"]) == (WHY, "st_1", "it was a mistake")
    page = running.get(f"/api/v1/persons/{first}/history?limit=2")
    rest = running.get(f"/api/v1/persons/{first}/history?limit=2&cursor={page['next_cursor']}")
    assert page["history"] + rest["history"] == history and rest["next_cursor"] is None
    listed = running.get(DECISIONS + "?limit=2")
    assert listed["decisions"][0]["id"] == decision["id"] and listed["next_cursor"]
    older = running.get(f"{DECISIONS}?limit=2&cursor={listed['next_cursor']}")["decisions"]
    assert [int(one["id"][2:]) for one in listed["decisions"] + older] == list(range(int(decision["id"][2:]), int(decision["id"][2:]) - 4, -1))


# -- on record

def test_every_decision_is_on_record_with_who_it_was_about_before_and_after(running):
    send(running, event("rec-1"), event("rec-2"))
    first, second = one_id(running, user("rec-1")), one_id(running, user("rec-2"))
    decision = done(join(running, user("rec-1"), user("rec-2"), reason="同一个人，出示了会员卡"))
    record = newest(running, "identity.join")
    assert record["purpose"] == "同一个人，出示了会员卡" and record["outcome"] == "ok" and set(record["persons"]) == {first, second}
    detail = json.loads(record["detail"])
    assert (detail["before"], detail["after"], detail["decision"]) == ([first, second], [first], decision["id"])
    running.wait_quiet()
    moved = wait_for(lambda: [r for r in running.audit("/v1/records?action=person.join&limit=5").json["records"]
                              if json.loads(r["detail"]).get("decision") == decision["id"]], "the join itself is on record")
    assert moved[0]["actor"]["kind"] == "service"
    assert undo(running, decision).status == 200
    detail = json.loads(newest(running, "identity.undo")["detail"])
    assert (detail["before"], sorted(detail["after"])) == ([first], sorted([first, second]))
    answer = join(running, user("rec-1"), user("never seen"))
    assert answer.status == 404 and answer.json["field"] == "identifiers/1", answer
    record = newest(running, "identity.join")
    assert (record["outcome"], record["missed"].split(":")[0]) == ("not_found", "user_id")
    assert why(running, user("rec-1"), user("rec-2")).status == 200
    assert set(newest(running, "identity.explain")["persons"]) == {first, second}


def test_without_the_audit_log_nothing_is_decided(tmp_path):
    with Suite(tmp_path).start() as suite:
        send(suite, event("a-1"), event("a-2"))
        suite.kill("audit")
        for answer in (join(suite, user("a-1"), user("a-2")), why(suite, user("a-1"), user("a-2")), suite.api("GET", DECISIONS)):
            assert answer.status == 503, answer
        suite.start("audit")
        assert not same(suite, user("a-1"), user("a-2")) and suite.get(DECISIONS)["decisions"] == []


@pytest.mark.parametrize("path, body, status, field", [
    ("persons/join", {"identifiers": [user("w-1")], "reason": WHY}, 400, "identifiers"),
    ("persons/join", {"identifiers": [user("w-1"), user("w-1")], "reason": WHY}, 400, "identifiers"),
    ("persons/join", {"identifiers": [user("w-1"), {"kind": "user_id"}], "reason": WHY}, 400, "identifiers/1"),
    ("persons/join", {"identifiers": [user("w-1"), {"id": "i_2", "kind": "user_id"}], "reason": WHY}, 400, "identifiers/1"),
    ("persons/join", {"identifiers": [user("w-1"), {"id": "i_00000000"}], "reason": WHY}, 404, "identifiers/1"),
    ("persons/join", {"identifiers": [user("w-1"), ref("shoe_size", "43")], "reason": WHY}, 400, "identifiers/1/kind"),
    ("persons/join", {"identifiers": [user("w-1"), user("w-2")]}, 400, "reason"),
    ("persons/join", {"identifiers": [user("w-1"), user("w-2")], "reason": "  x "}, 400, "reason"),
    ("persons/join", {"identifiers": [user("w-1"), user("w-2")], "reason": "x" * 501}, 400, "reason"),
    ("persons/join", {"identifiers": [user("w-1"), user("w-2")], "reason": "called 13800138000"}, 400, "reason"),
    ("persons/join", {"identifiers": [user("w-1"), user("w-2")], "reason": "wrote li@example.com"}, 400, "reason"),
    ("persons/p_00000000/split", {"identifiers": [user("w-1")], "reason": WHY}, 404, "one_id"),
    ("persons/p_00000000/move", {"identifier": user("w-1"), "reason": WHY}, 404, "one_id"),
    ("persons/w-1/split", {"identifiers": [], "reason": WHY}, 400, "identifiers"),
    ("persons/w-1/split", {"identifiers": [user("w-2")], "reason": WHY}, 409, "identifiers/0"),
    ("persons/w-1/split", {"identifiers": [user("w-1")], "reason": WHY}, 400, None),
    ("identifiers/block", {"identifier": user("nobody at all"), "reason": WHY}, 404, "identifier"),
    ("identifiers/block", {"reason": WHY}, 400, "identifier"),
    ("evidence/first/withdraw", {"reason": WHY}, 404, "position"),
    ("identifiers/explain", {"one": user("w-1")}, 400, "other"),
    ("identifiers/explain", {"one": user("w-1"), "other": user("nobody at all")}, 404, "other"),
])
def test_a_wrong_decision_names_what_is_wrong_and_changes_nothing(running, path, body, status, field):
    send(running, event("w-1"), event("w-2"))
    before = len(running.get(DECISIONS + "?limit=100")["decisions"])
    path = path.replace("w-1", one_id(running, user("w-1")))
    answer = running.api("POST", f"/api/v1/{path}", body)
    assert answer.status == status and field in (None, answer.json["field"]), answer
    assert len(running.get(DECISIONS + "?limit=100")["decisions"]) == before and not same(running, user("w-1"), user("w-2"))


def test_what_speaks_against_a_decision_is_said(running):
    send(running, event("against", ids=[("member_card", "A-1")]))
    card, whose = ref("member_card", "A-1"), one_id(running, user("against"))
    parted = done(split(running, whose, card))
    answer = join(running, user("against"), card)
    assert answer.status == 409 and parted["id"] in answer.json["detail"], answer
    for path in ("d_99999", "d_0", "7", "d_x"):
        assert running.api("GET", f"{DECISIONS}/{path}").status == 404
        assert running.api("DELETE", f"{DECISIONS}/{path}", {"reason": WHY}).status == 404


# -- who may

def test_roles_say_who_looks_and_who_decides(running):
    send(running, event("may-1"), event("may-2"))
    body = {"identifiers": [user("may-1"), user("may-2")], "reason": WHY}
    for role, looks, decides in (("guide", False, False), ("hq_marketer", False, False), ("customer_service", True, False),
                                 ("data_manager", True, True)):
        _, token = staff(running, f"may.{role}", role)
        assert (running.api("GET", "/api/v1/identity-busy", token=token).status == 200) == looks
        assert running.api("POST", "/api/v1/persons/join", body, token=token).status == (200 if decides else 404), role


def test_who_may_not_see_personal_values_sees_kinds_and_ids(running):
    running.post("/api/v1/roles", {"name": "blind", "permissions": ["person.read", "identity.read", "identity.decide"]})
    _, token = staff(running, "blind.one", "blind")
    send(running, event("blind", ids=[("phone", "13800138005"), ("member_card", "B-5")]))
    answer = why(running, user("blind"), ref("member_card", "B-5"), token=token)
    assert answer.status == 200 and answer.json["links"], answer
    assert all("value" not in i and i["id"] and i["kind"] for link in answer.json["links"] for i in link["identifiers"])
    answer = why(running, user("blind"), ref("phone", "13800138005"), token=token)
    assert answer.status == 400 and answer.json["field"] == "other/kind", answer
    decision = done(split(running, one_id(running, user("blind")), ref("member_card", "B-5"), token=token))
    for answer in (running.api("GET", path, token=token) for path in (
            f"/api/v1/persons/{one_id(running, user('blind'))}/history", DECISIONS, f"{DECISIONS}/{decision['id']}",
            "/api/v1/identity-conflicts", "/api/v1/identity-busy")):
        assert answer.status == 200 and b'"value"' not in answer.body, answer


def test_people_out_of_scope_do_not_exist(running):
    shop = running.post("/api/v1/units", {"name": "Shop", "kind": "store", "parent": "u_1"})["id"]
    running.wait_quiet()
    _, token = staff(running, "scope.data", "data_manager", unit=shop)
    at = {"unit": shop}
    send(running, event("in-1", context=at, ids=[("phone", "13800138006")]), event("in-2", context=at, ids=[("phone", "13800138006")]),
         event("out", ids=[("phone", "13800138006"), ("member_card", "O-1")]))
    inside, outside = user("in-1"), user("out")
    nobody = {"detail": "nobody has this identifier"}
    for answer in (join(running, inside, outside, token=token), join(running, outside, inside, token=token),
                   why(running, inside, outside, token=token)):
        assert answer.status == 404 and answer.json["detail"] == nobody["detail"], answer
    for mine in (ref("member_card", "O-1"), inside):
        assert running.api("POST", "/api/v1/identifiers/block", {"identifier": mine, "reason": WHY}, token=token).status == 404
    out = one_id(running, outside)
    for answer in (running.api("GET", f"/api/v1/persons/{out}/history", token=token), split(running, out, ref("member_card", "O-1"), token=token)):
        assert answer.status == 404 and answer.json["detail"] == "there is no such person", answer
    assert running.api("POST", "/api/v1/evidence/1/withdraw", {"reason": WHY}, token=token).status == 404
    page = running.api("GET", "/api/v1/identity-conflicts?limit=500", token=token).json
    values = {i["value"] for link in page["conflicts"] for i in link["identifiers"]}
    assert values == {"in-2", "138****8006"} and "count" not in page
    whole = done(join(running, user("in-2"), outside))
    running.wait_quiet()
    assert whole["id"] not in {one["id"] for one in running.api("GET", DECISIONS, token=token).json["decisions"]} or \
        running.api("GET", f"/api/v1/persons/{one_id(running, outside)}", token=token).status == 200
    assert undo(running, whole).status == 200
    seen = done(join(running, inside, user("in-2"), token=token))
    running.wait_quiet()
    assert [one["id"] for one in running.api("GET", DECISIONS + "?limit=1", token=token).json["decisions"]] == [seen["id"]]
    assert undo(running, seen, token=token).status == 200


# -- as operators do, and what a crash leaves

def test_the_command_line_explains_and_decides(running):
    send(running, event("cli-1"), event("cli-2", ids=[("phone", "13800138007")]))
    said = running.cli("identity", "explain", "user_id:cli-1", "user_id:cli-2").stdout
    assert said.startswith("two persons, p_") and "nothing connects them" in said
    decision = json.loads(running.cli("identity", "join", "user_id:cli-1", "user_id:cli-2", "--reason", WHY).stdout)
    running.wait_quiet()
    said = running.cli("identity", "explain", "user_id:cli-1", "phone:13800138007").stdout
    assert said.startswith("one person, p_") and "hand: " + decision["id"] in said and "138****8007" in said
    assert json.loads(running.cli("identity", "explain", "user_id:cli-1", "user_id:cli-2", "--json").stdout)["one_person"]
    assert decision["id"] in running.cli("identity", "decisions", "--limit", "1").stdout
    whose = one_id(running, user("cli-1"))
    assert WHY in running.cli("identity", "history", whose).stdout
    running.cli("identity", "undo", decision["id"], "--reason", "not so")
    assert "undone" in running.cli("identity", "decisions", "--limit", "1").stdout
    running.cli("identity", "conflicts")
    running.cli("identity", "busy")
    result = running.cli("identity", "join", "user_id:cli-1", "user_id:nobody", "--reason", WHY, check=False)
    assert result.returncode == 1 and "nobody has this identifier" in result.stderr
    for wrong in (["join", "user_id:cli-1", "user_id:cli-2"], ["explain", "user_id:cli-1"], ["undo"], ["busy", "--all"]):
        assert running.cli("identity", *wrong, check=False).returncode == 2


def test_a_decision_that_was_acknowledged_survives_a_kill(tmp_path):
    with Suite(tmp_path).start() as suite:
        send(suite, order(10, "k-1", user="kill-1"), order(20, "k-2", user="kill-2"))
        decision = done(join(suite, user("kill-1"), user("kill-2")))
        suite.kill("identity")
        suite.start("identity")
        suite.wait_quiet()
        assert same(suite, user("kill-1"), user("kill-2")) and person(suite, user("kill-1"))["metrics"]["revenue"] == "30.00"
        answer = suite.api("DELETE", f"{DECISIONS}/{decision['id']}", {"reason": "not so"})
        suite.kill("identity")
        assert answer.status == 200, answer
        suite.start("identity")
        suite.wait_quiet()
        assert [person(suite, user(f"kill-{i}"))["metrics"]["revenue"] for i in (1, 2)] == ["10.00", "20.00"]
        assert done(join(suite, user("kill-1"), user("kill-2")))["id"] != decision["id"]
