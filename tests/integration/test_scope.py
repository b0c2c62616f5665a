# SPDX-License-Identifier: Apache-2.0
"""What lies outside of somebody's scope looks as if it did not exist, whichever way it is asked for: one region against another."""
import json
import threading

import pytest

import staff
from suite import Suite, wait_for


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("scope"), settings={"gateway.address_failures": 0}).start() as suite:
        suite.units = {"root": "u_1"}
        for name, parent in (("north", "root"), ("south", "root"), ("north-1", "north"), ("south-1", "south")):
            suite.units[name] = suite.post("/api/v1/units", {"name": name, "kind": "store", "parent": suite.units[parent], "code": name.upper()})["id"]
        suite.manager = staff.make(suite, "manager.north", role="region_manager", unit=suite.units["north"])
        suite.guide = staff.make(suite, "guide.south", role="guide", unit=suite.units["south-1"], code="G-1")
        suite.token = token_of(suite, suite.manager["id"])
        suite.wait_quiet()
        yield suite


def token_of(suite, member, token=None, name="test"):
    return suite.post(f"/api/v1/staff/{member}/tokens", {"name": name}, token=token)["token"]


def same(one, other):
    """Two answers that say nothing of what is different between the questions."""
    clean = [{**answer.json, "request_id": ""} for answer in (one, other)]
    assert one.status == other.status and clean[0] == clean[1], (one, other)
    return one


def test_a_code_or_login_that_somebody_elsewhere_has_cannot_be_told_from_a_free_one(running):
    store = {"name": "new", "kind": "store", "parent": running.units["north"]}
    member = {"role": "guide", "unit": running.units["north"]}
    for path, body, field, taken, free in (
            ("/api/v1/units", store, "code", "SOUTH-1", "SOUTH-2"), ("/api/v1/units", store, "code", "NORTH-1", "NORTH-2"),
            ("/api/v1/staff", member, "code", "G-1", "G-2"), ("/api/v1/staff", member, "login", "guide.south", "guide.free"),
            ("/api/v1/staff", member, "login", "admin", "manager.north")):
        answers = [running.api("POST", path, {**body, field: value}, token=running.token) for value in (taken, free)]
        assert same(*answers).status == 403 and answers[0].json["field"] == field
    unit = running.post("/api/v1/units", store, token=running.token)
    assert unit["code"] is None
    one = running.post("/api/v1/staff", member, token=running.token)
    assert one["login"] == one["id"] and one["code"] is None
    for path, body in ((f"/api/v1/units/{unit['id']}", ({"code": "SOUTH-1"}, {"code": "SOUTH-2"})),
                       (f"/api/v1/staff/{one['id']}", ({"code": "G-1"}, {"code": "G-2"})),
                       (f"/api/v1/staff/{one['id']}", ({"login": "guide.south"}, {"login": "guide.free"}))):
        assert same(*(running.api("PATCH", path, change, token=running.token) for change in body)).status == 403
    # What is there already may be stated again: a body that was read and is written back.
    assert running.api("PATCH", f"/api/v1/staff/{one['id']}", {"login": one["login"], "code": "", "name": "韩梅梅"}, token=running.token).status == 200
    assert running.api("PATCH", f"/api/v1/units/{running.units['north-1']}", {"code": "NORTH-1", "name": "one"}, token=running.token).status == 200
    given = running.api("PATCH", f"/api/v1/staff/{one['id']}", {"login": "han.meimei", "code": "G-2"})
    assert given.status == 200 and (given.json["login"], given.json["code"]) == ("han.meimei", "G-2")


def test_who_was_given_no_login_signs_in_with_the_id(running):
    one = running.post("/api/v1/staff", {"role": "guide", "unit": running.units["north"]}, token=running.token)
    invited = running.post(f"/api/v1/staff/{one['id']}/invite", None, token=running.token)
    accepted = staff.accept(running, invited["invitation"])
    assert accepted.status == 200 and accepted.json == {"staff": one["id"], "login": one["id"]}
    assert staff.sign_in(running, one["id"].upper()).status == 201
    assert staff.sign_in(running, one["id"], "another long password").status == 401


@pytest.mark.parametrize("login", ["adm\u0456n.two", "\u0430dmin.two", "admin.twо", "李雷雷", "café.noir", "st_9", "Ⅼogin"])
def test_a_login_holds_nothing_that_looks_like_something_else(running, login):
    answer = running.api("POST", "/api/v1/staff", {"login": login, "role": "guide", "unit": "u_1"})
    assert answer.status == 400 and answer.json["field"] == "login", answer


def test_two_logins_never_look_the_same(running):
    staff.make(running, "e-1017.corner")
    for login in ("e-lo17.corner", "E-1O17.corner", "e-1017.comer", "ｅ-1017.corner"):
        answer = running.api("POST", "/api/v1/staff", {"login": login, "role": "guide", "unit": "u_1"})
        assert answer.status == 409 and answer.json["field"] == "login", answer
    assert running.api("POST", "/api/v1/staff", {"login": "adrnin", "role": "guide", "unit": "u_1"}).status == 409
    assert staff.make(running, "E-1018.Corner")["login"] == "e-1018.corner"


def test_who_left_from_a_unit_that_is_no_more_is_known_where_it_was(running):
    unit = running.post("/api/v1/units", {"name": "pop-up", "kind": "store", "parent": running.units["north-1"]}, token=running.token)["id"]
    one = running.post("/api/v1/staff", {"role": "guide", "unit": unit}, token=running.token)
    assert running.api("POST", f"/api/v1/staff/{one['id']}/leave", token=running.token).status == 200
    assert running.api("DELETE", f"/api/v1/units/{unit}", token=running.token).status == 204
    running.wait_quiet()
    gone = running.get("/api/v1/staff?state=left&limit=500", token=running.token)["staff"]
    assert one["id"] in [member["id"] for member in gone]
    assert running.get(f"/api/v1/staff/{one['id']}", token=running.token)["state"] == "left"
    assert running.get(f"/api/v1/staff/{one['id']}/people", token=running.token)["count"] == 0
    south = staff.make(running, "manager.south", role="region_manager", unit=running.units["south"])
    token = token_of(running, south["id"])
    assert running.api("GET", f"/api/v1/staff/{one['id']}", token=token).status == 404
    # It goes where the unit above it goes, as people do.
    assert running.api("PATCH", f"/api/v1/units/{running.units['north-1']}", {"parent": running.units["south"]}).status == 200
    assert running.get(f"/api/v1/staff/{one['id']}", token=token)["id"] == one["id"]
    assert running.api("GET", f"/api/v1/staff/{one['id']}", token=running.token).status == 404
    assert running.api("PATCH", f"/api/v1/units/{running.units['north-1']}", {"parent": running.units["north"]}).status == 200


def records(suite, action):
    suite.wait_quiet()
    return [(record["actor"], json.loads(record["detail"])) for record in suite.audit(f"/v1/records?action={action}&limit=500").json["records"]]


def test_the_first_unit_and_the_first_admin_are_on_record_too(running):
    actor, made = [(actor, act) for actor, act in records(running, "staff.create") if act["id"] == "st_1"][0]
    assert actor["kind"] == "service" and made["before"] is None and made["after"]["role"] == "hq_admin"
    actor, made = [(actor, act) for actor, act in records(running, "unit.create") if act["id"] == "u_1"][0]
    assert actor["kind"] == "service" and made["before"] is None and made["after"]["kind"] == "hq"


def test_who_leaves_takes_along_what_was_made_through_others(running):
    """A manager makes a token of another one, with it one of a third, and so on: all of these have been seen by whoever leaves."""
    leaver, *others = (running.post("/api/v1/staff", {"role": "region_manager", "unit": running.units["north"]}) for _ in range(4))
    secret = token_of(running, leaver["id"])
    chain = []
    for other in others:
        secret = token_of(running, other["id"], secret, "handed on")
        chain.append(secret)
    assert [running.api("GET", "/api/v1/me", token=one).status for one in chain] == [200] * 3
    assert running.api("POST", f"/api/v1/staff/{leaver['id']}/leave").status == 200
    assert [running.api("GET", "/api/v1/me", token=one).status for one in chain] == [401] * 3


def test_who_leaves_takes_along_what_they_made_for_others_and_it_is_listed(running):
    running.units["pop"] = running.post("/api/v1/units", {"name": "pop", "kind": "store", "parent": running.units["north"]})["id"]
    deputy = running.post("/api/v1/staff", {"role": "region_manager", "unit": running.units["north"]})
    token = token_of(running, deputy["id"])
    helper, invited = (running.post("/api/v1/staff", {"role": "guide", "unit": running.units["north-1"]}, token=token) for _ in range(2))
    secret = token_of(running, helper["id"], token, "till 7")
    assert staff.accept(running, staff.invite(running, helper)["invitation"]).status == 200
    session = staff.sign_in(running, helper["id"]).json["session"]
    own = running.post("/api/v1/me/tokens", {"name": "mine"}, token=session)["token"]
    child = running.post("/api/v1/me/tokens", {"name": "till 8"}, token=secret)["token"]
    link = running.post(f"/api/v1/staff/{invited['id']}/invite", None, token=token)["invitation"]
    rule = {"any": [{"guide": deputy["id"]}, {"trait": "city", "is": "上海"}]}
    segment = running.post("/api/v1/segments", {"name": "hers", "rule": rule})["id"]
    running.wait_quiet()
    before = running.get(f"/api/v1/staff/{deputy['id']}/open-work")
    assert running.api("GET", f"/api/v1/staff/{running.guide['id']}/open-work", token=running.token).status == 404
    # Whose owner is not below the one who asks is not told: a manager of the store alone, where the deputy has come from the region.
    store = token_of(running, running.post("/api/v1/staff", {"role": "region_manager", "unit": running.units["pop"]})["id"])
    assert running.api("PATCH", f"/api/v1/staff/{deputy['id']}", {"unit": running.units["pop"]}).status == 200
    elsewhere = running.get(f"/api/v1/staff/{deputy['id']}/open-work", token=store)
    gone = running.api("POST", f"/api/v1/staff/{deputy['id']}/leave", token=running.token)
    assert gone.status == 200 and gone.json["open_work"] == before["open_work"], gone
    work = gone.json["open_work"]
    assert work["rules"] == [{"kind": "segment", "id": segment}] and work["transfers"] == []
    assert [(one["staff"], one["name"]) for one in work["tokens"]] == [(helper["id"], "till 7"), (helper["id"], "till 8")]
    assert work["invitations"] == [{"staff": invited["id"]}]
    assert elsewhere["open_work"] == {**work, "tokens": [], "invitations": []}
    assert running.api("GET", "/api/v1/me", token=secret).status == 401
    assert running.api("GET", "/api/v1/me", token=own).status == 200  # the owner made it, signed in: nobody else has seen it
    assert running.api("GET", "/api/v1/me", token=child).status == 401  # whoever has seen the other one could have made this one
    assert staff.accept(running, link).status == 404
    after = running.get(f"/api/v1/staff/{deputy['id']}/open-work")["open_work"]
    assert after == {**work, "tokens": [], "invitations": []}
    ended = [act for _, act in records(running, "token.revoke") if act["id"] == helper["id"]]
    assert [act["token"]["name"] for act in ended] == ["till 8", "till 7"]
    assert [act["id"] for _, act in records(running, "invitation.end")] == [invited["id"]]


# -- who is who

def test_blocking_takes_who_sees_the_whole_brand(running):
    """What else an event bears may be somebody's elsewhere: the event would take that person along."""
    permissions = ["identity.read", "identity.decide", "person.read", "personal.masked"]
    running.post("/api/v1/roles", {"name": "deciding", "permissions": permissions})
    token = token_of(running, running.post("/api/v1/staff", {"role": "deciding", "unit": running.units["north"]})["id"])
    decision = {"identifier": {"kind": "user_id", "value": "block-north"}, "reason": "a word of the till"}
    phone = [{"type": "phone", "id": "13900139077"}]
    running.send([{"type": "identify", "userId": "block-south", "traits": {"phone": "13900139077"}, "context": {"unit": running.units["south"]}},
                  {"type": "identify", "userId": "block-north", "context": {"unit": running.units["north-1"], "externalIds": phone}}])
    running.wait_quiet()
    assert running.api("POST", "/api/v1/identifiers/block", decision, token=token).status == 404
    made = running.post("/api/v1/identifiers/block", decision)["id"]
    running.wait_quiet()
    undone = running.api("DELETE", f"/api/v1/identity-decisions/{made}", {"reason": "it is somebody"}, token=token)
    assert undone.status in (403, 404), undone
    assert running.api("DELETE", f"/api/v1/identity-decisions/{made}", {"reason": "it is somebody"}).status == 200


def pages(suite, path, token, limit):
    """The rows of each."""
    cursor, found = "", []
    while cursor is not None:
        answer = suite.api("GET", f"/api/v1/{path}?limit={limit}" + (f"&cursor={cursor}" if cursor else ""), token=token)
        assert answer.status == 200, answer
        cursor = answer.json["next_cursor"]
        found.append([row for rows in answer.json.values() if isinstance(rows, list) for row in rows])
    return found


def test_pages_tell_nothing_of_rows_that_lie_elsewhere(running):
    """Conflicts, busy identifiers, decisions and deliveries of both regions, one after the other: neither a short page nor a cursor shows a gap."""
    running.post("/api/v1/roles", {"name": "paging", "permissions": ["person.read", "identity.read", "identity.decide", "delivery.read"]})
    token = token_of(running, running.post("/api/v1/staff", {"role": "paging", "unit": running.units["north"]})["id"])
    regions = ["south", "south", "north", "south", "north", "north", "south"]

    def event(at, phone, **who):
        external = [{"type": "phone", "id": f"13{phone}00130{at:03}"}]
        return {"type": "identify", "traits": {"paged": True}, "context": {"unit": running.units[regions[at]], "externalIds": external}, **who}

    running.send([event(at, 7, userId=f"page-{at}-{one}") for at in range(len(regions)) for one in range(2)])  # whose is it?
    running.send([event(at, 8, userId=f"busy-{at}-{one}") for at in range(len(regions)) for one in range(7)])
    running.send([event(at, 8, anonymousId=f"till-{at}") for at in range(len(regions))])
    running.wait_quiet()
    for at in range(len(regions)):
        these = [{"kind": "user_id", "value": f"busy-{at}-{one}"} for one in range(2)]
        running.post("/api/v1/persons/join", {"identifiers": these, "reason": "showed both at the till"})
    journey = running.post("/api/v1/journeys", {"name": "paged", "include_current": True, "entry": {"rule": {"trait": "paged", "is": True}}, "steps": [
        {"id": "send", "type": "send", "channel": "webhook", "url": "http://127.0.0.1:9/none", "secret": "change-me", "content": {"a": "b"}}]})["id"]
    running.post(f"/api/v1/journeys/{journey}/publish")
    wait_for(lambda: running.get(f"/api/v1/journeys/{journey}")["entered"] >= 40, "all have entered")
    running.wait_quiet()
    for path in ("identity-conflicts", "identity-busy", "identity-decisions", f"journeys/{journey}/deliveries"):
        all_at_once = pages(running, path, token, 500)
        assert len(all_at_once) == 1 and all_at_once[0] and len(all_at_once[0]) < len(sum(pages(running, path, None, 500), [])), path
        for limit in (1, 2, 7):
            found = pages(running, path, token, limit)
            assert sum(found, []) == all_at_once[0], (path, limit)
            assert all(len(page) == limit for page in found[:-1]) and 0 < len(found[-1]) <= limit, (path, limit)


# -- a move


def people_of(suite, unit, count):
    """People whose home unit that is."""
    users = [f"{unit}-{i}" for i in range(count)]
    suite.send([{"type": "track", "event": "Opened", "userId": user, "context": {"unit": unit}} for user in users])
    suite.wait_quiet()
    return [suite.lookup("user_id", user).json["one_id"] for user in users]


def test_from_the_answer_to_a_move_on_the_old_region_sees_nothing_of_it(running):
    """Readers ask all the time; what they began to ask after a move had been answered shows nobody who went along."""
    unit = running.post("/api/v1/units", {"name": "wanders", "kind": "store", "parent": running.units["north"]})["id"]
    one_id = people_of(running, unit, 20)[0]
    asked = [("GET", f"/api/v1/persons/{one_id}", None), ("POST", "/api/v1/audiences/count", {"rule": {"unit": running.units["north"]}}),
             ("GET", f"/api/v1/units/{running.units['north']}/people", None)]
    outside = running.api("POST", "/api/v1/audiences/count", asked[1][2], token=running.token).json["count"] - 20
    moved, over, seen, wrong = threading.Event(), threading.Event(), [0] * 3, []

    def read(which):
        method, path, body = asked[which]
        while not over.is_set():
            late = moved.is_set()
            answer = running.api(method, path, body, token=running.token)
            if not late or not moved.is_set():
                continue  # begun before, or the unit is on its way back
            seen[which] += 1
            shows = answer.status == 200 and (which == 0 or answer.json["count"] != outside)
            if shows:
                wrong.append(answer)

    readers = [threading.Thread(target=read, args=(which,)) for which in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(25):
        for parent, gone in (("south", True), ("north", False)):
            if not gone:
                before = list(seen)
                wait_for(lambda: wrong or all(now > then for now, then in zip(seen, before)), "each reader has asked", every=0.001)
                moved.clear()
            assert running.api("PATCH", f"/api/v1/units/{unit}", {"parent": running.units[parent]}).status == 200
            if gone:
                moved.set()
    over.set()
    for reader in readers:
        reader.join()
    assert not wrong, wrong[0]
    running.wait_quiet()
    assert running.api("GET", f"/api/v1/persons/{one_id}", token=running.token).status == 200


def test_what_a_region_has_lost_is_not_shown_while_others_have_not_heard_of_it(running):
    """With identity away nothing reaches tagging: the old region is refused, everybody else goes on."""
    unit = running.post("/api/v1/units", {"name": "waits", "kind": "store", "parent": running.units["north"]})["id"]
    people_of(running, unit, 3)
    south = token_of(running, staff.make(running, "another.south", role="region_manager", unit=running.units["south"])["id"])
    rule = {"rule": {"everyone": True}}
    before = running.api("POST", "/api/v1/audiences/count", rule, token=running.token).json["count"]
    running.kill("identity")
    assert running.api("PATCH", f"/api/v1/units/{unit}", {"parent": running.units["south"]}).status == 200
    refused = running.api("POST", "/api/v1/audiences/count", rule, token=running.token)
    assert refused.status == 503 and refused.headers["Retry-After"], refused
    assert running.api("POST", "/api/v1/audiences/count", rule, token=south).status == 200
    running.kill("gateway")
    running.spawn("gateway")
    running.wait_ready("gateway")
    assert running.api("POST", "/api/v1/audiences/count", rule, token=running.token).status == 503
    running.spawn("identity")
    running.wait_ready("identity")
    running.wait_quiet()
    assert running.api("POST", "/api/v1/audiences/count", rule, token=running.token).json["count"] == before - 3


def test_what_is_in_flight_when_a_token_is_revoked_changes_no_units(running):
    made = running.post(f"/api/v1/staff/{running.manager['id']}/tokens", {"name": "hasty"})
    body, answers = {"name": "hasty", "kind": "hasty", "parent": running.units["north"]}, []

    def make():
        while not answers or answers[-1] == 201:
            answers.append(running.api("POST", "/api/v1/units", body, token=made["token"]).status)

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    wait_for(lambda: len(answers) > 20, "some were made", every=0.001)
    assert running.api("DELETE", f"/api/v1/staff/{running.manager['id']}/tokens/{made['id']}").status == 204
    there = len(running.get("/api/v1/units?kind=hasty&limit=500")["units"])
    for maker in makers:
        maker.join()
    assert answers[-1] == 401 and len(running.get("/api/v1/units?kind=hasty&limit=500")["units"]) == there


# -- rules that name what lies elsewhere


def test_stages_are_shown_without_rules_that_name_units_or_guides_elsewhere(running):
    here, there = {"unit": running.units["north"]}, {"any": [{"unit": running.units["south"]}, {"guide": running.guide["id"]}]}
    was = running.get("/api/v1/stages")["stages"]
    stages = [{"stage": "ours", "rule": here}, {"stage": "theirs", "rule": there}, {"stage": "all", "rule": {"everyone": True}}]
    assert running.api("PUT", "/api/v1/stages", {"stages": stages}).status == 200
    assert running.get("/api/v1/stages")["stages"] == stages
    shown = running.get("/api/v1/stages", token=running.token)["stages"]
    assert shown == [stages[0], {"stage": "theirs"}, stages[2]]
    assert running.api("PUT", "/api/v1/stages", {"stages": was}).status == 200
