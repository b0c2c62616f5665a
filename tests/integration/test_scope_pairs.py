# SPDX-License-Identifier: Apache-2.0
"""Each question that names a thing is asked twice, of one that lies outside of the scope and of one that there is not: no role, by no operation,
can tell the two answers apart."""
import json

import pytest

import staff
from suite import Suite

ROLES = ("region_manager", "store_manager", "guide", "customer_service", "data_manager", "analyst", "finance", "designer", "hq_marketer", "integration")
NOBODY = "p_00000000"
PURPOSE = "the customer called about a parcel"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("pairs"), settings={"gateway.address_failures": 0}).start() as suite:
        units = {"root": "u_1"}
        for name, parent in (("north", "root"), ("south", "root"), ("n1", "north"), ("s1", "south")):
            units[name] = suite.post("/api/v1/units", {"name": name, "kind": "store", "parent": units[parent], "code": name.upper()})["id"]
        suite.tokens = {}
        for role in ROLES:
            member = staff.make(suite, f"{role}.north", role=role, unit=units["north"])
            suite.tokens[role] = suite.post(f"/api/v1/staff/{member['id']}/tokens", {"name": "test"})["token"]
        suite.other = staff.make(suite, "guide.south", role="guide", unit=units["s1"], code="SG")["id"]
        suite.send([
            {"type": "identify", "userId": "north-1", "traits": {"phone": "13800138001"}, "context": {"unit": units["n1"]}},
            {"type": "identify", "userId": "south-1", "traits": {"phone": "13800138002"}, "context": {"unit": units["s1"], "staff": suite.other}}])
        suite.wait_quiet()
        suite.own, suite.theirs = (suite.lookup("user_id", user).json["one_id"] for user in ("north-1", "south-1"))
        suite.transfer = suite.post("/api/v1/bindings/transfer", {"from": {"unit": units["s1"]}, "to": {"unit": units["s1"]}, "reason": "x"},
                                    status=(200, 202))["id"]
        suite.units = units
        suite.wait_quiet()
        yield suite


def questions(suite):
    """Method, path, body, what "{}" stands for in them: the hidden one, and nothing."""
    unit, guide, person = (suite.units["s1"], "u_99"), (suite.other, "st_99"), (suite.theirs, NOBODY)
    code, number = ("SOUTH", "NOPE"), ("SG", "NOPE")
    own, here, transfer = f"/api/v1/persons/{suite.own}", {"unit": suite.units["n1"]}, "/api/v1/bindings/transfer"

    def moved(source, to=None):
        return {"from": source, "to": to or here, "reason": "x", "dry_run": True}

    asked = [("GET", "/api/v1/units/{}", None, unit), ("GET", "/api/v1/units/code:{}", None, code), ("GET", "/api/v1/units?below={}", None, unit),
             ("PATCH", "/api/v1/units/{}", {"name": "x"}, unit), ("DELETE", "/api/v1/units/{}", None, unit), ("GET", "/api/v1/units/{}/people", None, unit),
             ("POST", "/api/v1/units", {"name": "x", "kind": "store", "parent": "{}"}, unit),
             ("POST", "/api/v1/units", {"name": "x", "kind": "store", "parent": "code:{}"}, code),
             ("PATCH", f"/api/v1/units/{suite.units['n1']}", {"parent": "{}"}, unit)]
    asked += [(method, f"/api/v1/staff/{{}}{path}", body, guide) for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"name": "x"}), ("POST", "/leave", None), ("POST", "/invite", None), ("POST", "/tokens", {"name": "x"}),
        ("GET", "/tokens", None), ("DELETE", "/tokens/t_1", None), ("GET", "/people", None), ("GET", "/open-work", None), ("DELETE", "/second-factor", None))]
    asked += [("GET", "/api/v1/staff?unit={}", None, unit), ("POST", "/api/v1/staff", {"role": "guide", "unit": "{}"}, unit)]
    asked += [(method, f"/api/v1/persons/{{}}{path}", body, person) for method, path, body in (
        ("GET", "", None), ("GET", "/bindings", None), ("GET", "/history", None), ("POST", "/unmask", {"fields": ["phone"], "purpose": PURPOSE}),
        ("PUT", "/binding", {**here, "reason": "x"}), ("POST", "/tags", {"tag": "x"}))]
    asked += [("PUT", f"{own}/binding", {member: text, "reason": "x"}, pair)
              for member, text, pair in (("unit", "{}", unit), ("unit", "code:{}", code), ("guide", "{}", guide), ("guide", "code:{}", number))]
    asked += [("POST", "/api/v1/persons/lookup", {"identifiers": [{"kind": kind, "value": "{}"}]}, pair)
              for kind, pair in (("phone", ("13800138002", "13800138009")), ("user_id", ("south-1", "nobody-1")))]
    asked += [("POST", "/api/v1/identifiers/explain", {"one": {"kind": "user_id", "value": one}, "other": {"kind": "user_id", "value": other}},
               ("south-1", "nobody-1")) for one, other in (("north-1", "{}"), ("{}", "nobody-2"))]
    rules = [({"unit": "{}"}, unit), ({"unit": ["code:{}"]}, code), ({"guide": "{}"}, guide), ({"not": {"guide": ["code:{}"]}}, number)]
    asked += [("POST", "/api/v1/audiences/count", {"rule": rule}, pair) for rule, pair in rules]
    asked += [("POST", transfer, moved({"rule": rule}), pair) for rule, pair in rules]
    asked += [("POST", transfer, moved({"unit": "{}"}), unit), ("POST", transfer, moved({"guide": "{}"}), guide),
              ("POST", transfer, moved({"persons": ["{}"]}), person), ("POST", transfer, moved({"persons": [suite.own]}, {"unit": "{}"}), unit),
              ("POST", transfer, moved({"persons": [suite.own]}, {"guide": "{}"}), guide), ("GET", transfer + "s/{}", None, (suite.transfer, "bt_99"))]
    return asked


def answer_to(suite, question, value, token):
    method, path, body, _ = question
    filled = json.loads(json.dumps(body).replace("{}", value)) if body else None
    answer = suite.api(method, path.replace("{}", value), filled, token=token)
    said = {**answer.json, "request_id": ""} if answer.body else None
    return answer.status, json.dumps(said, sort_keys=True).replace(value, "…")


@pytest.mark.parametrize("role", ROLES)
def test_what_lies_elsewhere_is_answered_as_what_is_not_there(running, role):
    for question in questions(running):
        hidden, nothing = (answer_to(running, question, value, running.tokens[role]) for value in question[3])
        assert hidden == nothing, question


def test_no_list_shows_what_lies_elsewhere(running):
    secrets = (running.units["s1"], running.units["south"], running.other, running.theirs, "SOUTH")
    for path in ("units", "staff", "segments", "tags", "stages", "duplicates", "identity-conflicts", "identity-busy", "identity-decisions", "roles",
                 "me", "binding-rules", "me/tokens"):
        answer = running.api("GET", f"/api/v1/{path}", token=running.tokens["region_manager"])
        assert answer.status == 200 and not [secret for secret in secrets if secret in answer.body.decode()], answer


def test_a_unit_that_a_journey_names_is_kept_without_telling_of_the_journey(running):
    unit = running.post("/api/v1/units", {"name": "named", "kind": "store", "parent": running.units["north"]})["id"]
    made = running.post("/api/v1/journeys", {"name": "j", "entry": {"rule": {"unit": unit}}, "steps": [{"id": "end", "type": "exit"}]})["id"]
    running.post(f"/api/v1/journeys/{made}/publish", None, status=(200, 202))
    running.wait_quiet()
    assert made in running.api("DELETE", f"/api/v1/units/{unit}").json["detail"]
    refused = running.api("DELETE", f"/api/v1/units/{unit}", token=running.tokens["region_manager"])
    assert refused.status == 409 and made not in refused.json["detail"] and "journey" not in refused.json["detail"]
