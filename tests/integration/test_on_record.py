# SPDX-License-Identifier: Apache-2.0
"""Every operation that touches people, by every role, leaves a record that says who did what to whom and how it ended; also where it is
refused. The tables are the tests' own: a new operation must be sorted into one of them."""
import re

import pytest

from recorded import GOOD, NOBODY, OUTCOMES, PEOPLE, PURPOSE, WHY, World, device
from suite import Suite, request
from test_roles import OPEN, ROLES, TABLE, is_hidden, operations


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    settings = {"gateway.address_failures": 0, "gateway.unmask_hour": 3, "gateway.least_people": 0}
    with Suite(tmp_path_factory.mktemp("record"), settings=settings).start() as suite:
        yield World(suite)


def test_the_tables_know_every_operation_and_the_description_says_the_same(world):
    described = operations(world.suite)
    assert set(PEOPLE) | NOBODY | OPEN == set(described) and not set(PEOPLE) & NOBODY and set(GOOD) == set(PEOPLE)
    assert {operation: about["x-record"] for operation, about in described.items() if "x-record" in about} == PEOPLE
    for operation in PEOPLE:
        named = {parameter["name"] for parameter in described[operation]["parameters"]}
        assert {"X-Purpose", "X-Task"} <= named, operation


def test_what_every_role_does_is_on_record_as_what_it_was_and_who_did_it(world):
    asked, wrong = [], []
    for operation, letters in TABLE.items():
        for letter in letters if operation in PEOPLE else ():
            if (operation, letter) == ("GET /api/v1/units/{id}/people", "G"):  # a guide has people, and no unit has
                continue
            path, body, person = GOOD[operation](world)
            answer, number = world.ask(letter, operation.split(" ")[0], path, body)
            if not answer.status < 300:
                wrong.append((operation, letter, answer))
            asked.append((operation, letter, number, person))
    assert not wrong, "\n".join(map(str, wrong))
    records = world.records()
    for operation, letter, number, person in asked:
        found = records.get(number, [])
        named = [record for record in found if record["action"] == PEOPLE[operation]]
        if not named:
            wrong.append((operation, letter, "is not on record", found))
        elif person and not any(person in record["persons"] for record in named):
            wrong.append((operation, letter, "does not say whom", named))
        for record in found:
            mistake = world.wrong_who(letter, record)
            if mistake or record["outcome"] != "ok":
                wrong.append((operation, letter, mistake, record))
            if record["service"] == "gateway" and "offset" not in record and not record["fields"] and record["action"] not in WITHOUT_FIELDS:
                wrong.append((operation, letter, "does not say what was shown", record))
    assert len(asked) > 220 and not wrong, "\n".join(map(str, wrong[:40]))


# Nothing of people is shown by these: they are begun, or change something.
WITHOUT_FIELDS = {"identity.duplicates.search"}


def nonsense(operation, about):
    """With nothing that could do harm: ids of nothing, and bodies that hold nothing."""
    body = about.get("requestBody", {}).get("content", {})
    return re.sub(r"\{[^}]*\}", "x", operation.split(" ", 1)[1]), {} if "application/json" in body else "x" if body else None


def test_what_every_role_is_refused_is_on_record_as_that(world):
    asked, wrong = [], []
    for operation, about in operations(world.suite).items():
        for letter in ROLES if operation in PEOPLE else ():
            path, body = nonsense(operation, about)
            answer, number = world.ask(letter, operation.split(" ")[0], path, body)
            hidden = is_hidden(answer, operation)
            assert hidden == (letter not in TABLE[operation]), (operation, letter, answer)
            asked.append((operation, letter, number, "denied" if hidden else OUTCOMES.get(answer.status), answer))
    records = world.records()
    for operation, letter, number, outcome, answer in asked:
        found = records.get(number, [])
        if outcome and not [r for r in found if r["action"] == PEOPLE[operation] and r["outcome"] == outcome and not r["fields"]]:
            wrong.append((operation, letter, outcome, answer, found))
        if answer.status == 400 and [r for r in found if r["outcome"] == "ok"]:
            wrong.append((operation, letter, answer, found))
        wrong += [(operation, letter, world.wrong_who(letter, record)) for record in found if world.wrong_who(letter, record)]
    assert len([one for one in asked if one[3] == "denied"]) > 200 and not wrong, "\n".join(map(str, wrong[:40]))


def test_each_way_to_be_refused_has_its_word(world):
    suite, segment, one_id = world.suite, world.segment(), world.person()
    ways = [("overtaken", "PATCH", f"/api/v1/segments/{segment}", {"name": "n"}, {"If-Match": '"7"'}, "segment.change"),
            ("not_found", "GET", "/api/v1/segments/s_99999", None, {}, "segment.show"),
            ("not_found", "GET", "/api/v1/persons/p_00000000", None, {}, "person.show"),
            ("conflict", "POST", f"/api/v1/persons/{one_id}/split", {"identifiers": [device("a-1")], "reason": WHY}, {}, "identity.split"),
            ("conflict", "POST", "/api/v1/tags", {"tag": "vip"}, {}, "tag.create")]
    asked = [(way, *world.ask("A", *way[1:5])) for way in ways]
    for _ in range(4):  # gateway.unmask_hour
        limited = world.ask("C", "POST", f"/api/v1/persons/{world.person()}/unmask", {"fields": ["phone"], "purpose": PURPOSE})
    assert limited[0].status == 429
    asked.append((("limited", "", "", None, {}, "person.unmask"), *limited))
    records = world.records()
    for (outcome, _, path, _, _, action), answer, number in asked:
        assert OUTCOMES[answer.status] == outcome, answer
        record, = (one for one in records[number] if one["service"] == "gateway" and "offset" not in one)
        assert (record["action"], record["outcome"], record["fields"], record["unmasked"]) == (action, outcome, [], False), record
        if "split" in path:
            assert one_id in record["persons"] and record["purpose"] == WHY, record
        if outcome == "limited":
            assert record["purpose"] == PURPOSE and len(record["persons"]) == 1, record
    unmasked = [one for one in sum(records.values(), []) if one["action"] == "person.unmask" and one["outcome"] == "ok"]
    assert unmasked and all(one["unmasked"] and one["fields"] == ["phone"] and one["purpose"] == PURPOSE for one in unmasked)
    assert suite.api("GET", "/api/v1/segments/s_99999", token="nobody's").status == 401


def test_why_it_was_asked_is_on_record_where_it_is_stated(world):
    why = {"X-Purpose": "the%20customer%20called%20about%20%E5%8C%85%E8%A3%B9", "X-Task": "k_7"}
    person = f"/api/v1/persons/{world.person()}"
    answer, number = world.ask("C", "GET", person, None, why)
    assert answer.status == 200, answer
    record, = world.records()[number]
    assert (record["purpose"], record["task"]) == ("the customer called about 包裹", "k_7")
    wrong = [("X-Purpose", "short"), ("X-Purpose", "call%20Mr%20Li%20back%20at%2013800138000"), ("X-Purpose", "wrote%20from%20li%40example.com"),
             ("X-Purpose", "%ff%fe%20is%20not%20a%20text"), ("X-Purpose", "a%"), ("X-Purpose", "ab%20" * 1000), ("X-Task", "13800138000"), ("X-Task", "k_x")]
    for name, value in wrong:
        answer, _ = world.ask("C", "GET", person, None, {name: value})
        assert (answer.status, answer.json["field"]) == (400, name), (name, value, answer)


def test_strangers_are_counted_and_not_recorded_one_by_one(world):
    def counted():
        page = request(world.suite.ports["gateway", "OPS_PORT"], "GET", "/metrics").body.decode()
        return sum(float(line.split(" ")[1]) for line in page.splitlines() if line.startswith("quanyu_api_strangers_total"))

    before, size = counted(), world.suite.audit("/v1/tree").json["size"]
    for _ in range(5):
        assert world.suite.api("GET", "/api/v1/segments", token="nobody's").status == 401
    assert counted() == before + 5 and world.suite.audit("/v1/tree").json["size"] == size
