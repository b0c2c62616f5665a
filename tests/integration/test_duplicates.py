# SPDX-License-Identifier: Apache-2.0
"""Likely duplicates: found by what people have in common, explained, dismissed or joined by hand, and never joined by themselves."""
import json
import signal

import pytest

from suite import Suite, wait_for

SEARCH = "/api/v1/duplicates/search"
LIST = "/api/v1/duplicates"
WHY = "as the customer said"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("duplicates")).start() as suite:
        yield suite


def register(user, name, birthday, phone, **traits):
    return {"type": "identify", "userId": user, "traits": {"name": name, "birthday": birthday, "phone": phone, **traits}}


def address(city, street, postal_code):
    return {"address": {"city": city, "street": street, "postal_code": postal_code}}


TWINS = [
    register("wang-1", "王小明", "1990-05-12", "13800138001", **address("上海", "人民路12号301室", "200001")),
    register("wang-2", "王小明", "1990-05-12", "13900139888", **address("上海市", "人民路 12号 301", "200001")),
    register("smith-1", "Robert Smith", "1985-03-04", "13700137001", email="robert.smith@example.com"),
    register("smith-2", "Smith Robert", "1985-04-03", "13700137010", email="robert.smith@example.org"),
]


def strangers(count):
    families, given = "赵钱孙李周吴郑冯陈褚卫蒋沈韩杨", "一二三四五六七八九东南西北春夏秋冬金木水火土"
    return [register(f"other-{i}", families[i % 15] + given[i * 7 % 20] + given[i * 11 % 19], f"{1950 + i * 13 % 55}-{1 + i * 5 % 12:02}-{1 + i * 11 % 28:02}",
                     f"1{50 + i % 9}{(i + 1) * 48271007 % 10 ** 8:08}") for i in range(count)]


def fill(suite):
    suite.send(strangers(200) + TWINS)
    suite.wait_quiet()


def search(suite):
    """Runs one; what it says of itself."""
    asked = suite.api("POST", SEARCH)
    assert asked.status == 202 and asked.json["state"] in ("waiting", "running"), asked
    return wait_for(lambda: ended(suite, asked.json["number"]), "the search to end")


def ended(suite, number):
    progress = suite.get(SEARCH)
    return progress["ended"] if progress["state"] == "ended" and progress["ended"]["number"] == number else None


def one_id(suite, user):
    return suite.lookup("user_id", user).json["one_id"]


def pairs(suite):
    """Of users, what is listed of them."""
    found = {}
    for pair in suite.get(LIST)["duplicates"]:
        found[tuple(person["one_id"] for person in pair["persons"])] = pair
    return found


def pair_of(suite, one, other):
    both = {one_id(suite, one), one_id(suite, other)}
    return next((pair for who, pair in pairs(suite).items() if set(who) == both), None)


def dismiss(suite, pair, reason=WHY, token=None):
    return suite.api("POST", f"{LIST}/{pair['id']}/dismiss", {"reason": reason}, token=token)


def newest(suite, action):
    return suite.audit(f"/v1/records?action={action}&limit=1").json["records"][0]


def test_nothing_is_listed_before_anybody_asked(running):
    assert running.get(SEARCH) == {"state": "none", "ended": None}
    assert running.get(LIST) == {"duplicates": [], "next_cursor": None}


def test_people_who_registered_twice_are_found_and_explained_and_nobody_is_joined(running):
    fill(running)
    before = running.get("/api/v1/summary")
    run = search(running)
    assert run["persons"] == 204 and run["complete"] and run["found"] == len(pairs(running))
    assert {field["name"] for field in run["model"]["fields"]} == {"name", "birthday", "gender", "place", "email", "phone"}
    wang, smith = pair_of(running, "wang-1", "wang-2"), pair_of(running, "smith-1", "smith-2")
    assert levels(wang) == {"name": "same", "birthday": "same", "gender": "missing", "place": "similar_address", "email": "missing", "phone": "different"}
    assert levels(smith) == {"name": "same", "birthday": "day_and_month_swapped", "gender": "missing", "place": "missing", "email": "same", "phone": "one_digit"}
    for pair in (wang, smith):
        assert pair["score"] == pytest.approx(sum(field["weight"] for field in pair["fields"]), abs=0.01)
        assert pair["probability"] >= 0.9
        assert all(field["weight"] > 0 for field in pair["fields"] if field["level"] not in ("missing", "different"))
    assert running.get("/api/v1/summary") == before
    assert pair_of(running, "wang-1", "smith-1") is None


def levels(pair):
    return {field["name"]: field["level"] for field in pair["fields"]}


def test_persons_are_shown_masked_and_each_look_is_on_record(running):
    shown = json.dumps(running.get(LIST), ensure_ascii=False)
    assert "王小明" not in shown and "13800138001" not in shown and "1990-05-12" not in shown and "robert.smith" not in shown
    record = newest(running, "identity.duplicates")
    assert {one_id(running, "wang-1"), one_id(running, "wang-2")} <= set(record["persons"])
    assert newest(running, "identity.duplicates.search")["outcome"] == "ok"


def test_pages_go_on_where_the_last_one_ended(running):
    found, cursor = [], ""
    while cursor is not None:
        page = running.get(f"{LIST}?limit=1{cursor and '&cursor=' + cursor}")
        found += page["duplicates"]
        cursor = page["next_cursor"]
    assert [pair["id"] for pair in found] == [pair["id"] for pair in running.get(LIST)["duplicates"]]
    assert [pair["score"] for pair in found] == sorted((pair["score"] for pair in found), reverse=True)


def test_the_command_line_lists_them(running):
    listed = running.cli("duplicates", "list").stdout
    assert one_id(running, "wang-1") in listed and "birthday same" in listed and "王小明" not in listed
    assert '"state":"ended"' in running.cli("duplicates", "progress").stdout.replace(" ", "")


def test_they_survive_a_kill_and_so_does_a_search_that_was_asked_for(running):
    before = pairs(running)
    asked = running.api("POST", SEARCH).json["number"]
    running.kill("identity", signal.SIGKILL)
    running.start("identity")
    running.wait_ready("identity")
    wait_for(lambda: ended(running, asked), "the search to end")
    assert set(pairs(running)) == set(before)


def test_who_is_dismissed_is_listed_no_more(running):
    pair = pair_of(running, "smith-1", "smith-2")
    assert dismiss(running, pair, reason="").json["field"] == "reason"
    assert dismiss(running, {"id": "p_00000000~p_00000000"}).status == 404
    assert dismiss(running, {"id": pair["persons"][0]["one_id"]}).status == 404
    assert pair_of(running, "smith-1", "smith-2")
    done = dismiss(running, pair).json
    assert set(done["persons"]) == {person["one_id"] for person in pair["persons"]} and not done["unchanged"]
    assert pair_of(running, "smith-1", "smith-2") is None
    assert dismiss(running, pair, reason="another reason").json == {**done, "unchanged": True}
    assert newest(running, "identity.duplicates.dismiss")["purpose"] == "another reason"
    search(running)
    assert pair_of(running, "smith-1", "smith-2") is None and pair_of(running, "wang-1", "wang-2")


def test_who_is_joined_is_listed_no_more_and_who_is_split_again_not_before_the_next_search(running):
    assert pair_of(running, "wang-1", "wang-2")
    users = [{"kind": "user_id", "value": user} for user in ("wang-1", "wang-2")]
    joined = running.api("POST", "/api/v1/persons/join", {"identifiers": users, "reason": WHY}).json
    running.wait_quiet()
    assert one_id(running, "wang-1") == one_id(running, "wang-2")
    assert not [who for who in pairs(running) if one_id(running, "wang-1") in who]
    assert running.api("DELETE", f"/api/v1/identity-decisions/{joined['id']}", {"reason": WHY}).status == 200
    running.wait_quiet()
    assert pair_of(running, "wang-1", "wang-2") is None
    search(running)
    assert pair_of(running, "wang-1", "wang-2")


def test_only_who_may_decide_starts_and_dismisses(running):
    running.post("/api/v1/roles", {"name": "reader", "description": "", "permissions": ["person.read", "identity.read"]})
    made = running.post("/api/v1/staff", {"login": "reader", "role": "reader", "unit": "u_1"})
    running.wait_quiet()
    token = running.post(f"/api/v1/staff/{made['id']}/tokens", {"name": "t"})["token"]
    listed = running.api("GET", LIST, token=token)
    assert listed.status == 200 and listed.json["duplicates"]
    assert all(set(person) == {"one_id"} for pair in listed.json["duplicates"] for person in pair["persons"])
    assert running.api("GET", SEARCH, token=token).status == 200
    assert running.api("POST", SEARCH, token=token).status == 404
    assert dismiss(running, listed.json["duplicates"][0], token=token).status == 404


def test_a_search_runs_by_itself_where_the_settings_say_so(tmp_path):
    with Suite(tmp_path, settings={"identity.duplicates_every": "24h"}).start() as suite:
        wait_for(lambda: suite.get(SEARCH)["state"] == "ended", "the first search to end")
        fill(suite)
        assert not pairs(suite)
        suite.advance("25h")
        wait_for(lambda: pair_of(suite, "wang-1", "wang-2"), "the next one to find them")
