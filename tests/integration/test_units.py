# SPDX-License-Identifier: Apache-2.0
"""The tree of units, as HQ makes it: over HTTP, by CSV, by command."""
import concurrent.futures
import json
import random
import signal

import pytest

from sdk import stored

HEAD = "code,name,kind,parent_code,ownership,opened_on,closed_on,time_zone\n"


def create(suite, name, parent="u_1", kind="store", **members):
    answer = suite.api("POST", "/api/v1/units", {"name": name, "parent": parent, "kind": kind, **members})
    assert answer.status == 201, answer
    return answer.json


def everything(suite, query=""):
    units, cursor = [], ""
    while cursor is not None:
        page = suite.get(f"/api/v1/units?limit=500{query}{cursor}")
        units += page["units"]
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    return units


def import_csv(suite, text, query=""):
    return suite.api("POST", "/api/v1/units/import" + query, text.encode(), headers={"Content-Type": "text/csv"})


def test_a_tree_is_made_moved_and_taken_down(suite):
    assert [unit["kind"] for unit in everything(suite)] == ["hq"]
    east = create(suite, "华东", kind="region", code="EAST")
    west = create(suite, "West", kind="region", code="WEST", time_zone="Asia/Urumqi")
    shop = create(suite, "Nanjing Road", parent="code:EAST", code="S-1", ownership="franchised", opened_on="2026-01-01")
    assert (shop["parent"], shop["state"], shop["depth"]) == (east["id"], "open", 2)
    below = [unit["id"] for unit in everything(suite, "&below=" + east["id"])]
    assert below == [east["id"], shop["id"]]
    moved = suite.api("PATCH", f"/api/v1/units/{east['id']}", {"parent": west["id"]})
    assert moved.json["parent"] == west["id"] and moved.headers["ETag"] == '"2"'
    assert [unit["id"] for unit in everything(suite, "&below=code:WEST")] == [west["id"], east["id"], shop["id"]]
    assert [unit["id"] for unit in everything(suite, "&kind=store")] == [shop["id"]]
    for path in (f"/api/v1/units/{west['id']}", "/api/v1/units/u_1"):
        assert suite.api("DELETE", path).status == 409
    for unit in (shop, east, west):
        assert suite.api("DELETE", f"/api/v1/units/{unit['id']}").status == 204
        assert suite.api("GET", f"/api/v1/units/{unit['id']}").status == 404
    again = create(suite, "Another", code="S-1")
    assert again["id"] not in (shop["id"], east["id"], west["id"])


@pytest.mark.parametrize("body, field", [
    ({"name": "x", "kind": "store"}, "parent"), ({"name": "x", "kind": "store", "parent": "u_99"}, "parent"),
    ({"kind": "store", "parent": "u_1"}, "name"), ({"name": "x", "parent": "u_1"}, "kind"),
    ({"name": "", "kind": "store", "parent": "u_1"}, "name"), ({"name": "x", "kind": "Store!", "parent": "u_1"}, "kind"),
    ({"name": "x", "kind": "hq", "parent": "u_1"}, "kind"), ({"name": "x", "kind": "store", "parent": "u_1", "code": "a b"}, "code"),
    ({"name": "x", "kind": "store", "parent": "u_1", "ownership": "rented"}, "ownership"),
    ({"name": "x", "kind": "store", "parent": "u_1", "opened_on": "2026-02-30"}, "opened_on"),
    ({"name": "x", "kind": "store", "parent": "u_1", "opened_on": "2026-02-03", "closed_on": "2026-02-02"}, "closed_on"),
    ({"name": "x", "kind": "store", "parent": "u_1", "time_zone": "Asia/Atlantis"}, "time_zone"),
    ({"name": "x", "kind": "store", "parent": "u_1", "name_": 1}, "name_"),
])
def test_a_unit_that_cannot_be_is_refused_by_the_field(suite, body, field):
    answer = suite.api("POST", "/api/v1/units", body)
    assert answer.status == 400 and answer.json["field"] == field, answer
    assert len(everything(suite)) == 1


def test_cycles_and_codes_that_are_taken_change_nothing(suite):
    a = create(suite, "a", kind="region", code="A")
    b = create(suite, "b", kind="region", parent=a["id"], code="B")
    before = everything(suite)
    for path, body, field in ((a["id"], {"parent": b["id"]}, "parent"), (a["id"], {"parent": a["id"]}, "parent"),
                              ("u_1", {"parent": b["id"]}, "parent"), (b["id"], {"code": "A"}, "code")):
        answer = suite.api("PATCH", f"/api/v1/units/{path}", body)
        assert answer.status == 409 and answer.json["field"] == field, answer
    assert everything(suite) == before


def test_a_change_may_name_the_version_that_it_was_made_from(suite):
    unit = create(suite, "a")
    path = f"/api/v1/units/{unit['id']}"
    tag = suite.api("GET", path).headers["ETag"]
    assert suite.api("PATCH", path, {"name": "b"}, headers={"If-Match": tag}).status == 200
    assert suite.api("PATCH", path, {"name": "c"}, headers={"If-Match": tag}).status == 412
    assert suite.api("DELETE", path, headers={"If-Match": tag}).status == 412
    assert suite.get(path)["name"] == "b"


def test_what_was_acknowledged_is_there_after_a_kill(suite):
    unit = create(suite, "a", code="A")
    suite.api("PATCH", f"/api/v1/units/{unit['id']}", {"name": "b"})
    suite.kill("gateway", signal.SIGKILL)
    suite.start("gateway")
    assert suite.get("/api/v1/units/code:A")["name"] == "b"


def test_each_change_is_on_record_with_before_and_after(suite):
    unit = create(suite, "a", code="A")
    suite.api("PATCH", f"/api/v1/units/{unit['id']}", {"name": "b"})
    suite.api("DELETE", f"/api/v1/units/{unit['id']}")
    suite.wait_quiet()

    for action, before, after in (("unit.create", None, "a"), ("unit.change", "a", "b"), ("unit.delete", "b", None)):
        details = [json.loads(record["detail"]) for record in suite.audit(f"/v1/records?action={action}").json["records"]]
        (detail,) = [detail for detail in details if detail["id"] == unit["id"]]
        assert [side and side["name"] for side in (detail["before"], detail["after"])] == [before, after]


def test_changes_that_come_at_once_each_make_a_unit_of_their_own(suite):
    """Many of them share a commit: each must see what the ones before it in the batch have made."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda i: create(suite, f"Shop {i}", code=f"S-{i}"), range(200)))
        same = list(pool.map(lambda i: suite.api("POST", "/api/v1/units", {"name": "x", "parent": "u_1", "kind": "store", "code": "ONE"}), range(16)))
    assert len({unit["id"] for unit in made}) == 200
    listed = {unit["id"]: unit["name"] for unit in everything(suite)}
    assert all(listed[unit["id"]] == unit["name"] for unit in made)
    assert sorted(answer.status for answer in same) == [201] + [409] * 15
    suite.kill("gateway")
    suite.start("gateway")
    assert {unit["id"]: unit["name"] for unit in everything(suite)} == {**listed, f"u_{202}": "x"}


def test_closed_units_are_told_from_the_others(suite):
    gone, later = create(suite, "Gone", closed_on="2025-12-31"), create(suite, "Later", closed_on="2026-02-01")
    assert [unit["id"] for unit in everything(suite, "&closed=true")] == [gone["id"]]
    assert [unit["id"] for unit in everything(suite, "&closed=false&kind=store")] == [later["id"]]
    answer = suite.api("GET", "/api/v1/units?closed=perhaps")
    assert answer.status == 400 and answer.json["field"] == "closed"
    suite.advance("40d")
    assert {unit["id"] for unit in everything(suite, "&closed=true")} == {gone["id"], later["id"]}


def test_personal_values_are_no_names_of_units(suite):
    answer = import_csv(suite, "code,name\nS-1,call 13800138000\nli@example.com,Shop\n")
    assert [(error["line"], error["column"]) for error in answer.json["errors"]] == [(2, "name"), (3, "code")], answer
    assert len(everything(suite)) == 1


# -- CSV


def test_a_csv_makes_units_and_run_again_changes_nothing(suite):
    text = HEAD + ("S-1,Nanjing Road,store,EAST,owned,2020-05-01,,\n" "EAST,East,region,,,,,\n"
                   "\"S-2\",\"Quoted, and ample\",store,EAST,franchised,,2025-12-01,Asia/Shanghai\n")
    tried = import_csv(suite, text, "?dry_run=true")
    assert (tried.status, tried.json) == (200, {"dry_run": True, "created": 3, "changed": 0, "unchanged": 0})
    assert len(everything(suite)) == 1
    assert import_csv(suite, text).json == {"dry_run": False, "created": 3, "changed": 0, "unchanged": 0}
    assert suite.get("/api/v1/units/code:S-2")["state"] == "closed"
    assert import_csv(suite, text).json["unchanged"] == 3
    changed = import_csv(suite, "code,name\nS-1,Nanjing Road East\n")
    assert changed.json["changed"] == 1
    unit = suite.get("/api/v1/units/code:S-1")
    assert (unit["name"], unit["ownership"], unit["parent"]) == ("Nanjing Road East", "owned", suite.get("/api/v1/units/code:EAST")["id"])


def test_a_csv_is_taken_whole_or_not_at_all_and_says_all_that_is_wrong(suite):
    text = HEAD + ("A,a,store,,,,,\n" "B,,store,,,,,\n" "C,c,store,NOWHERE,,,,\n" "A,again,store,,,,,\n" "D,d,store,,sold,2026-13-01,,\n" "E,e,store\n")
    answer = import_csv(suite, text)
    assert answer.status == 400 and answer.headers["Content-Type"] == "application/problem+json"
    wrong = [(error["line"], error.get("column")) for error in answer.json["errors"]]
    assert sorted(wrong, key=str) == sorted([(3, "name"), (4, "parent_code"), (5, "code"), (6, "ownership"), (6, "opened_on"), (7, None)], key=str)
    assert len(everything(suite)) == 1
    for bad, column in (("", None), ("code,colour\nA,red\n", "colour"), ("name\nA\n", "code"), ("code,code\nA,B\n", "code")):
        answer = import_csv(suite, bad)
        assert answer.status == 400, answer
        assert answer.json["errors"][0].get("column") == column if bad else True
    cycle = import_csv(suite, HEAD + "X,x,region,Y,,,,\nY,y,region,X,,,,\n")
    assert cycle.status == 400 and cycle.json["errors"][0]["column"] == "parent_code"


def test_fifty_thousand_stores_come_by_csv_and_the_tree_is_as_the_file_says(suite):
    random.seed(5)
    regions = [f"R{i}" for i in range(500)]
    lines = [f"{code},Region {i},region,{regions[random.randrange(i)] if i and i % 5 else ''},,,," for i, code in enumerate(regions)]
    lines += [f"S{i},Store {i},store,{random.choice(regions)},owned,,," for i in range(49500)]
    random.shuffle(lines)
    answer = import_csv(suite, HEAD + "\n".join(lines) + "\n")
    assert answer.status == 200 and answer.json["created"] == 50000, answer
    parents = {line.split(",")[0]: line.split(",")[3] for line in lines}

    def above(code):
        while code:
            yield code
            code = parents[code]

    wanted = "R5"
    below = {code for code in parents if wanted in above(code)}
    got = everything(suite, "&below=code:" + wanted)
    assert {unit["code"] for unit in got} == below and got[0]["units_below"] == len(below) - 1
    assert import_csv(suite, HEAD + "\n".join(lines) + "\n").json["unchanged"] == 50000
    too_many = import_csv(suite, "code,name\n" + "".join(f"T{i},t\n" for i in range(50001)))
    assert too_many.status == 400 and too_many.json["errors"][-1]["line"] == 50002


def test_all_of_a_csv_is_on_record_and_can_be_read(suite):
    """In acts that audit keeps whole; two units that change places are told so that no step between makes a cycle."""
    name = "\\" * 180
    text = "code,name,parent_code\n" + "".join(f"S{i},{name}{i},{'S' + str(i - 1) if i % 20 else ''}\n" for i in range(300))
    assert import_csv(suite, text).json["created"] == 300
    assert import_csv(suite, "code,parent_code\nS0,S1\nS1,\n").json["changed"] == 2
    suite.wait_quiet()
    records = suite.audit("/v1/records?action=unit.import&limit=500").json["records"]
    units = [unit for record in records for unit in json.loads(record["detail"])["units"]]
    assert len(units) == 302 and len({unit["id"] for unit in units}) == 300
    assert all(unit["after"]["name"].startswith(name) for unit in units)


# -- events


def test_an_event_happens_where_it_says_or_where_its_key_is(suite):
    east = create(suite, "East", kind="region", code="EAST")
    shop = create(suite, "Shop", parent=east["id"], code="S-1")
    key = suite.post("/api/v1/write-keys", {"name": "Till", "unit": "code:S-1"})
    assert key["unit"] == shop["id"]
    for person, context, secret in (("by-key", {}, key["secret"]), ("by-code", {"unit": "EAST"}, None), ("by-id", {"unit": shop["id"]}, None),
                                    ("unknown", {"unit": "S-9"}, None), ("unknown-key", {"unit": "S-9"}, key["secret"]), ("none", {}, None),
                                    ("null", {"unit": None, "staff": None}, None)):
        answer = suite.ingest("/v1/track", {"userId": person, "event": "x", "context": context}, write_key=secret)
        assert answer.status == 200, answer
    number = {unit["id"]: int(unit["id"][2:]) for unit in (east, shop)}
    expected = {"by-key": number[shop["id"]], "by-code": number[east["id"]], "by-id": number[shop["id"]], "unknown": 0,
                "unknown-key": number[shop["id"]], "none": 0, "null": 0}
    assert {person: stored(suite, person)[0]["unit"] for person in expected} == expected
    for name in ("unit", "staff"):
        answer = suite.ingest("/v1/track", {"userId": "odd", "event": "x", "context": {name: 7}})
        assert answer.status == 400 and answer.json["errors"][0]["field"] == f"/context/{name}", answer
    batch = {"context": {"unit": "EAST"}, "batch": [{"type": "track", "userId": "shared", "event": "x", "messageId": "m1"}]}
    assert suite.ingest("/v1/batch", batch).status == 200
    assert stored(suite, "shared")[0]["unit"] == number[east["id"]]
    refused = suite.api("POST", "/api/v1/write-keys", {"name": "Till", "unit": "u_77"})
    assert refused.status == 400 and refused.json["field"] == "unit"


# -- by command


def test_commands_make_show_move_and_import_units(suite, directory):
    suite.cli("unit", "create", "East", "--parent", "u_1", "--kind", "region", "--code", "EAST")
    suite.cli("unit", "create", "Shop", "--parent", "u_1", "--kind", "store", "--code", "S-1")
    suite.cli("unit", "move", "code:S-1", "code:EAST")
    tree = suite.cli("unit", "list").stdout.splitlines()
    assert [line.split()[-1] for line in tree] == ["HQ", "East", "Shop"] and tree[2].startswith("    u_3")
    path = f"{directory}/stores.csv"
    with open(path, "w") as file:
        file.write(HEAD + "S-2,Two,store,EAST,,,,\nS-3,,store,,,,,\n")
    failed = suite.cli("unit", "import", path, check=False)
    assert failed.returncode == 1 and "line 3, name: must not be empty" in failed.stderr
    with open(path, "w") as file:
        file.write(HEAD + "S-2,Two,store,EAST,,,,\n")
    assert '"created":1' in suite.cli("unit", "import", path, "--dry-run").stdout
    suite.cli("unit", "import", path)
    suite.cli("unit", "change", "code:S-2", "--closed", "2026-02-01")
    suite.cli("unit", "delete", "code:S-2")
    assert suite.cli("unit", "show", "code:S-2", check=False).returncode == 1
    assert suite.cli("unit", "grow", check=False).returncode == 2


def test_a_unit_with_people_or_staff_in_it_is_not_deleted(suite):
    shop, other = create(suite, "Shop", code="S-1"), create(suite, "Other")
    suite.ingest("/v1/track", {"userId": "u-1", "event": "Order Completed", "context": {"unit": "S-1"},
                               "properties": {"order_id": "A-1", "total": "1.00", "currency": "CNY"}})
    suite.wait_quiet()
    path = f"/api/v1/units/{shop['id']}"
    assert suite.lookup("user_id", "u-1").json["home_unit"]["id"] == shop["id"]
    assert suite.get(path + "/people")["count"] == 1
    (record,) = suite.audit("/v1/records?action=binding.change").json["records"]
    detail = json.loads(record["detail"])
    assert (record["actor"]["id"], detail) == ("tagging", {"before": {}, "after": {"home_unit": shop["id"]}, "cause": "purchase"})
    assert "people" in suite.api("DELETE", path).json["detail"]
    suite.post("/api/v1/bindings/transfer", {"from": {"unit": shop["id"]}, "to": {"unit": other["id"]}, "reason": "it closes"}, status=(200, 202))
    suite.wait_quiet()
    member = suite.post("/api/v1/staff", {"login": "shop@example.com", "role": "guide", "unit": shop["id"]})
    assert "staff" in suite.api("DELETE", path).json["detail"]
    suite.api("PATCH", f"/api/v1/staff/{member['id']}", {"unit": other["id"]})
    assert suite.api("DELETE", path).status == 204
    assert suite.lookup("user_id", "u-1").json["home_unit"]["id"] == other["id"]


def test_a_region_manager_sees_and_changes_the_own_part_alone(suite):
    east, west = create(suite, "East", kind="region", code="EAST"), create(suite, "West", kind="region", code="WEST")
    shop, far = create(suite, "Shop", parent=east["id"], code="S-1"), create(suite, "Far", parent=west["id"], code="S-2")
    member = suite.post("/api/v1/staff", {"login": "east@example.com", "role": "region_manager", "unit": east["id"]})
    token = suite.post(f"/api/v1/staff/{member['id']}/tokens", {"name": "n"})["token"]

    def ask(method, path, body=None):
        return suite.api(method, path, body, token=token)

    assert [unit["id"] for unit in ask("GET", "/api/v1/units").json["units"]] == [east["id"], shop["id"]]
    top, below = (ask("GET", f"/api/v1/units/{unit['id']}").json for unit in (east, shop))
    assert (top["parent"], top["depth"], below["parent"], below["depth"]) == (None, 0, east["id"], 1)  # nothing is above
    assert ask("GET", f"/api/v1/units/{far['id']}").status == 404 and ask("GET", "/api/v1/units/code:S-2").status == 404
    assert ask("GET", "/api/v1/units?below=code:WEST").status == 404
    assert ask("PATCH", f"/api/v1/units/{shop['id']}", {"parent": "code:WEST"}).status == 400
    assert ask("PATCH", f"/api/v1/units/{shop['id']}", {"name": "Shop 1"}).status == 200
    assert ask("POST", "/api/v1/units", {"name": "n", "kind": "store", "parent": west["id"]}).status == 400
    assert ask("POST", "/api/v1/units/import", "code,name\nS-2,Mine\n").status == 404
    for person, unit in (("near", "S-1"), ("away", "S-2")):
        suite.ingest("/v1/track", {"userId": person, "event": "Visit", "context": {"unit": unit}})
    suite.wait_quiet()
    near, away = ({"identifiers": [{"kind": "user_id", "value": person}]} for person in ("near", "away"))
    assert ask("POST", "/api/v1/persons/lookup", near).status == 200
    assert ask("POST", "/api/v1/persons/lookup", away).status == 404
    assert ask("POST", "/api/v1/audiences/count", {"rule": {"everyone": True}}).json["count"] == 1
    suite.api("PATCH", f"/api/v1/units/{far['id']}", {"parent": east["id"]})
    suite.wait_quiet()
    assert ask("POST", "/api/v1/persons/lookup", away).status == 200
