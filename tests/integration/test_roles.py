# SPDX-License-Identifier: Apache-2.0
"""Every role against every operation, by a table of its own; roles of the brand's own; who may do nothing finds nothing."""
import json
import re

import pytest

from suite import Suite, request

ROLES = {"A": "hq_admin", "M": "hq_marketer", "N": "analyst", "R": "region_manager", "S": "store_manager", "G": "guide", "F": "finance",
         "D": "designer", "T": "data_manager", "C": "customer_service", "I": "integration"}
EVERYBODY = "AMNRSGFDTCI"
# Who may do what. "S" and "R" stand at u_1 here; what is the whole brand's a guide never sees, whose people are his or her own.
TABLE = {
    "POST /api/v1/persons/lookup": "AMRSGTCI", "GET /api/v1/persons/{one_id}": "AMRSGTCI",
    "POST /api/v1/persons/{one_id}/tags": "AMRSGC", "DELETE /api/v1/persons/{one_id}/tags/{tag}": "AMRSGC",
    "POST /api/v1/persons/{one_id}/unmask": "ARSC",
    "POST /api/v1/persons/join": "AT", "POST /api/v1/persons/{one_id}/split": "AT", "POST /api/v1/persons/{one_id}/move": "AT",
    "POST /api/v1/identifiers/block": "AT", "POST /api/v1/identifiers/reassign": "AT", "POST /api/v1/evidence/{position}/withdraw": "AT",
    "GET /api/v1/identity-decisions": "ARSTC", "GET /api/v1/identity-decisions/{id}": "ARSTC", "DELETE /api/v1/identity-decisions/{id}": "AT",
    "POST /api/v1/identifiers/explain": "ARSTC", "GET /api/v1/persons/{one_id}/history": "ARSTC",
    "GET /api/v1/identity-conflicts": "ARSTC", "GET /api/v1/identity-busy": "ARSTC",
    "GET /api/v1/identity-rules": "ARSTC", "PUT /api/v1/identity-rules": "AT", "POST /api/v1/identity-rules/dry-run": "AT",
    "GET /api/v1/identity-rules/dry-run": "AT", "DELETE /api/v1/identity-rules/dry-run": "AT",
    "POST /api/v1/duplicates/search": "AT", "GET /api/v1/duplicates/search": "ARSTC", "GET /api/v1/duplicates": "ARSTC",
    "POST /api/v1/duplicates/{id}/dismiss": "AT",
    "GET /api/v1/persons/{one_id}/bindings": "AMRSGTCI", "PUT /api/v1/persons/{one_id}/binding": "ARS",
    "POST /api/v1/bindings/transfer": "ARS", "GET /api/v1/bindings/transfers/{id}": "ARS",
    "GET /api/v1/binding-rules": "AMRSGTCI", "PUT /api/v1/binding-rules": "ARS",
    "GET /api/v1/units/{id}/people": "AMRSGTCI", "GET /api/v1/staff/{id}/people": "AMRSGTCI",
    "GET /api/v1/units": EVERYBODY, "GET /api/v1/units/{id}": EVERYBODY, "POST /api/v1/units": "AR", "POST /api/v1/units/import": "AR",
    "PATCH /api/v1/units/{id}": "AR", "DELETE /api/v1/units/{id}": "AR",
    "POST /api/v1/audiences/count": "AMNRSFTI",
    "POST /api/v1/segments": "AMT", "GET /api/v1/segments": "AMNRSGFTCI", "GET /api/v1/segments/{id}": "AMNRSGFTCI",
    "PATCH /api/v1/segments/{id}": "AMT", "DELETE /api/v1/segments/{id}": "AMT", "GET /api/v1/segments/{id}/changes": "AMRSGTCI",
    "POST /api/v1/tags": "AMT", "GET /api/v1/tags": "AMNRSGTCI", "GET /api/v1/tags/{tag}": "AMNRSGTCI",
    "PATCH /api/v1/tags/{tag}": "AMT", "DELETE /api/v1/tags/{tag}": "AMT",
    "GET /api/v1/stages": "AMNRSGTCI", "PUT /api/v1/stages": "AMT",
    "POST /api/v1/journeys": "AM", "GET /api/v1/journeys": "AMND", "GET /api/v1/journeys/{id}": "AMND", "PUT /api/v1/journeys/{id}": "AM",
    "POST /api/v1/journeys/{id}/publish": "AM", "POST /api/v1/journeys/{id}/pause": "AM", "DELETE /api/v1/journeys/{id}": "AM",
    "GET /api/v1/journeys/{id}/deliveries": "AM",
    "POST /api/v1/imports": "ATI",
    "GET /api/v1/dead-letters": "AT", "DELETE /api/v1/dead-letters": "AT", "GET /api/v1/dead-letters/summary": "AT",
    "GET /api/v1/dead-letters/{id}": "AT", "DELETE /api/v1/dead-letters/{id}": "AT", "POST /api/v1/dead-letters/replay": "AT",
    "POST /api/v1/dead-letters/erase": "AT",
    "POST /api/v1/write-keys": "AT", "GET /api/v1/write-keys": "AT", "GET /api/v1/write-keys/{id}": "AT", "PATCH /api/v1/write-keys/{id}": "AT",
    "DELETE /api/v1/write-keys/{id}": "AT", "POST /api/v1/write-keys/{id}/rotate": "AT", "POST /api/v1/write-keys/{id}/revoke": "AT",
    "GET /api/v1/status": "AMNTI", "GET /api/v1/summary": "AMNFT", "GET /api/v1/clock": EVERYBODY, "POST /api/v1/clock": "A",
    "GET /api/v1/roles": "AMRS", "GET /api/v1/roles/{role}": "AMRS", "POST /api/v1/roles": "A", "PATCH /api/v1/roles/{role}": "A",
    "DELETE /api/v1/roles/{role}": "A",
    "GET /api/v1/staff": "AMRS", "GET /api/v1/staff/{id}": "AMRS", "POST /api/v1/staff": "ARS", "PATCH /api/v1/staff/{id}": "ARS",
    "GET /api/v1/staff/{id}/open-work": "ARS", "POST /api/v1/staff/{id}/leave": "ARS", "POST /api/v1/staff/{id}/invite": "ARS", "DELETE /api/v1/staff/{id}/second-factor": "ARS",
    "GET /api/v1/staff/{id}/tokens": "ARS", "POST /api/v1/staff/{id}/tokens": "ARS", "DELETE /api/v1/staff/{id}/tokens/{token}": "ARS",
    "GET /api/v1/me": EVERYBODY, "POST /api/v1/me/password": EVERYBODY, "POST /api/v1/me/second-factor": EVERYBODY,
    "POST /api/v1/me/second-factor/confirm": EVERYBODY, "GET /api/v1/me/tokens": EVERYBODY, "POST /api/v1/me/tokens": EVERYBODY,
    "DELETE /api/v1/me/tokens/{token}": EVERYBODY, "DELETE /api/v1/session": EVERYBODY,
}
OPEN = {"POST /api/v1/session", "POST /api/v1/invitations/accept", "GET /invitation", "GET /openapi.json", "GET /docs"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("roles"), settings={"gateway.address_failures": 0}).start() as suite:
        yield suite


@pytest.fixture(scope="module")
def tokens(running):
    return {letter: token_for(running, f"{role}@example.com", role) for letter, role in ROLES.items()}


def token_for(suite, login, role):
    staff = suite.post("/api/v1/staff", {"login": login, "role": role, "unit": "u_1"})
    return suite.post(f"/api/v1/staff/{staff['id']}/tokens", {"name": "matrix"})["token"]


def operations(suite):
    """Each operation of the description that asks for a token."""
    found = {}
    for path, methods in suite.get("/openapi.json")["paths"].items():
        for method, about in methods.items():
            if method in ("get", "post", "put", "patch", "delete") and not path.startswith(("/v1/", "/beacon/", "/sourceConfig")):
                found[f"{method.upper()} {path}"] = about
    return found


def ask(suite, operation, about, token):
    """With nothing that could do harm: ids of nothing, and bodies that hold nothing."""
    method, path = operation.split(" ", 1)
    path = re.sub(r"\{[^}]*\}", "x", path)
    body = about.get("requestBody", {}).get("content", {})
    return suite.api(method, path, {} if "application/json" in body else "x" if body else None, token=token)


def is_hidden(answer, operation):
    path = re.sub(r"\{[^}]*\}", "x", operation.split(" ", 1)[1])
    return answer.status == 404 and answer.json["detail"] == f"there is nothing at {path}" and answer.json["type"] == "about:blank"


def test_the_table_knows_every_operation(running):
    assert set(operations(running)) == set(TABLE) | OPEN


def test_every_role_against_every_operation(running, tokens):
    wrong = []
    for operation, about in operations(running).items():
        if operation in OPEN:
            continue
        for letter, token in tokens.items():
            answer = ask(running, operation, about, token)
            assert answer.status not in (401, 500), (operation, ROLES[letter], answer)
            expected = letter in TABLE[operation]
            if is_hidden(answer, operation) == expected:
                wrong.append((operation, ROLES[letter], "may" if expected else "may not", answer))
    assert not wrong, "\n".join(map(str, wrong))


def test_the_description_names_what_each_operation_asks_for(running, tokens):
    permissions = {role["name"]: set(role["permissions"]) for role in running.get("/api/v1/roles")["roles"]}
    for operation, about in operations(running).items():
        wanted = about.get("x-permission")
        if operation in OPEN or not wanted:
            continue
        by_role = {letter for letter, role in ROLES.items() if wanted in permissions[role]}
        if about["x-scope"] == "brand":
            by_role.discard("G")
        assert by_role == set(TABLE[operation]), operation


def test_without_a_token_everything_but_what_is_open_is_refused(running):
    for operation, about in operations(running).items():
        method, path = operation.split(" ", 1)
        answer = request(running.ports["gateway", "HTTP_PORT"], method, path.replace("{", "").replace("}", ""),
                         "{}" if "requestBody" in about else None)
        assert (answer.status == 401) == (operation not in OPEN), (operation, answer)


def test_a_role_of_ones_own_allows_what_it_lists_at_once(running):
    made = running.api("POST", "/api/v1/roles", {"name": "vip_desk", "description": "VIP", "permissions": ["segment.read", "tag.read"]})
    assert made.status == 201 and made.headers["ETag"] == '"1"' and made.json["fixed"] is False, made
    token = token_for(running, "vip@example.com", "vip_desk")
    assert running.api("GET", "/api/v1/tags", token=token).status == 200
    assert running.api("GET", "/api/v1/stages", token=token).status == 404
    own = running.post("/api/v1/staff", {"login": "vip2@example.com", "role": "vip_desk", "unit": "u_1"})
    changed = running.api("PATCH", "/api/v1/roles/vip_desk", {"permissions": ["segment.read"]}, headers={"If-Match": '"1"'})
    assert changed.status == 200 and changed.json["permissions"] == ["segment.read"] and changed.json["version"] == 2
    assert running.api("GET", "/api/v1/tags", token=token).status == 404
    assert running.api("PATCH", "/api/v1/roles/vip_desk", {"description": ""}, headers={"If-Match": '"1"'}).status == 412
    assert running.api("DELETE", "/api/v1/roles/vip_desk", headers={"If-Match": '"1"'}).status == 412
    assert running.api("DELETE", "/api/v1/roles/vip_desk").status == 409
    for staff in running.get("/api/v1/staff?role=vip_desk")["staff"]:
        assert running.api("POST", f"/api/v1/staff/{staff['id']}/leave").status == 200
    assert own["id"] and running.api("DELETE", "/api/v1/roles/vip_desk").status == 204
    assert running.api("GET", "/api/v1/roles/vip_desk").status == 404
    running.wait_quiet()
    for action, before, after in (("role.create", None, 2), ("role.change", 2, 1), ("role.delete", 1, None)):
        detail = json.loads(running.audit(f"/v1/records?action={action}").json["records"][0]["detail"])
        assert [state and len(state["permissions"]) for state in (detail["before"], detail["after"])] == [before, after]


@pytest.mark.parametrize("body, status, field", [
    ({"permissions": ["tag.read"]}, 400, "name"), ({"name": "Vip", "permissions": ["tag.read"]}, 400, "name"),
    ({"name": "guide", "permissions": ["tag.read"]}, 409, "name"), ({"name": "x"}, 400, "permissions"),
    ({"name": "x", "permissions": []}, 400, "permissions"), ({"name": "x", "permissions": ["tag.fly"]}, 400, "/permissions/0"),
    ({"name": "x", "permissions": "all"}, 400, "permissions"), ({"name": "x", "permissions": ["tag.read"], "own_people": 1}, 400, "own_people"),
])
def test_wrong_roles_are_named(running, body, status, field):
    answer = running.api("POST", "/api/v1/roles", body)
    assert answer.status == status and answer.json["field"] == field, answer


def test_who_may_not_see_people_sees_none_by_another_permission(running):
    running.send([{"type": "identify", "userId": "seen-1", "traits": {"phone": "13800138000"}}])
    running.wait_quiet()
    one = running.lookup("user_id", "seen-1").json["one_id"]
    who = {"kind": "user_id", "value": "seen-1"}
    questions = [("GET", f"persons/{one}/history", None), ("POST", "identifiers/explain", {"one": who, "other": who}), ("GET", "identity-conflicts", None),
                 ("GET", "identity-busy", None), ("GET", "duplicates", None), ("GET", "identity-decisions", None), ("GET", "identity-rules/dry-run", None),
                 ("POST", "identifiers/block", {"identifier": who, "reason": "a word of the till"}),
                 ("POST", f"persons/{one}/unmask", {"fields": ["phone"], "purpose": "the customer called about a parcel"})]
    permissions = ["identity.read", "identity.decide", "personal.masked", "personal.unmask"]
    for name, status, more in (("blind", 404, []), ("seeing", 200, ["person.read"])):
        running.post("/api/v1/roles", {"name": name, "permissions": permissions + more})
        token = token_for(running, f"{name}@example.com", name)
        for method, path, body in questions:
            assert running.api(method, f"/api/v1/{path}", body, token=token).status == status, (name, path)


def test_people_of_a_guide_are_no_count_beside_the_others(running):
    """Who may see nobody asks before and after somebody's guide is another one."""
    for permission in ("own", "staff"):
        running.post("/api/v1/roles", {"name": permission, "own_people": permission == "own",
                                       "permissions": ["clock.read"] if permission == "own" else ["clock.read", "staff.read", "staff.manage"]})
    guide = running.post("/api/v1/staff", {"role": "own", "unit": "u_1"})["id"]
    running.wait_quiet()
    running.send([{"type": "identify", "userId": f"hers-{i}", "context": {"unit": "u_1", "staff": guide}} for i in range(40)]
                 + [{"type": "identify", "userId": f"free-{i}", "context": {"unit": "u_1"}} for i in range(40)])
    running.wait_quiet()
    token = token_for(running, "of.staff@example.com", "staff")

    def people(token=None):
        return running.get(f"/api/v1/staff/{guide}/open-work", token)["people"]

    assert people() == people(token) == 40
    running.send([{"type": "identify", "userId": "free-0", "context": {"unit": "u_1", "staff": guide}}])
    running.wait_quiet()
    assert (people(), people(token)) == (41, 40)


def test_roles_out_of_the_box_stay(running):
    for method, body in (("PATCH", {"description": "x"}), ("DELETE", None)):
        answer = running.api(method, "/api/v1/roles/guide", body)
        assert answer.status == 409 and answer.json["field"] == "role", answer


def test_nobody_makes_a_role_of_what_they_lack(running):
    running.post("/api/v1/roles", {"name": "role_maker", "permissions": ["role.read", "role.manage", "tag.read"]})
    token = token_for(running, "maker@example.com", "role_maker")
    beyond = running.api("POST", "/api/v1/roles", {"name": "beyond", "permissions": ["tag.read", "staff.manage"]}, token=token)
    assert beyond.status == 403 and beyond.json["field"] == "/permissions/1"
    assert running.api("POST", "/api/v1/roles", {"name": "within", "permissions": ["tag.read"]}, token=token).status == 201
    running.post("/api/v1/roles", {"name": "higher", "permissions": ["staff.manage"]})
    assert running.api("PATCH", "/api/v1/roles/higher", {"permissions": ["tag.read"]}, token=token).status == 403


def test_staff_and_roles_on_the_command_line(running):
    made = json.loads(running.cli("staff", "create", "cli@example.com", "--role", "guide", "--unit", "u_1", "--name", "韩梅梅").stdout)
    assert made["name"] == "韩梅梅" and made["role"] == "guide"
    assert json.loads(running.cli("staff", "change", made["id"], "--role", "analyst").stdout)["role"] == "analyst"
    assert made["id"] in running.cli("staff", "list", "--role", "analyst", "--unit", "u_1").stdout
    assert json.loads(running.cli("staff", "invite", made["id"]).stdout)["invitation"].startswith("qi_")
    token = json.loads(running.cli("staff", "token", "create", made["id"], "till", "--permission", "tag.read").stdout)
    assert running.api("GET", "/api/v1/tags", token=token["token"]).status == 200
    assert token["id"] in running.cli("staff", "token", "list", made["id"]).stdout
    running.cli("staff", "token", "revoke", made["id"], token["id"])
    assert running.api("GET", "/api/v1/tags", token=token["token"]).status == 401
    assert json.loads(running.cli("staff", "leave", made["id"]).stdout)["state"] == "left"
    assert json.loads(running.cli("staff", "show", made["id"]).stdout)["state"] == "left"
    role = json.loads(running.cli("role", "create", "by_cli", "--permission", "tag.read", "--permission", "stage.read").stdout)
    assert role["permissions"] == ["tag.read", "stage.read"]
    assert json.loads(running.cli("role", "change", "by_cli", "--own-people", "yes").stdout)["own_people"] is True
    assert "by_cli" in running.cli("role", "list").stdout and "by_cli" in running.cli("role", "show", "by_cli").stdout
    running.cli("role", "delete", "by_cli")
    for wrong in (["staff", "fly"], ["staff", "list", "--what", "x"], ["staff", "token", "fly", "st_1"], ["role", "show", "-x"],
                  ["bootstrap", "--now"], ["role", "create", "x", "--perm", "y"]):
        result = running.cli(*wrong, check=False)
        assert result.returncode == 2 and "usage: quanyu" in result.stderr, result


def test_access_that_was_lost_comes_back_from_the_machine(tmp_path):
    with Suite(tmp_path, settings={"bootstrap": "none"}) as suite:
        suite.spawn("gateway")
        suite.spawn("audit")
        suite.wait_ready("gateway", "audit")
        given = json.loads(suite.cli("bootstrap").stdout)
        assert given["staff"] == "st_1" and given["login"] == "admin" and given["link"].endswith("#" + given["invitation"])
        file = tmp_path / "admin.json"
        assert suite.cli("bootstrap", "--token", "--file", file).stdout == ""
        assert file.stat().st_mode & 0o777 == 0o600
        token = json.loads(file.read_text())["token"]
        assert suite.api("GET", "/api/v1/me", token=token).json["role"] == "hq_admin"
        assert suite.cli("bootstrap", "--file", file, check=False).returncode == 1
        port = suite.ports["gateway", "HTTP_PORT"]
        accepted = request(port, "POST", "/api/v1/invitations/accept", {"token": given["invitation"], "password": "violet tractor hums 7"})
        assert accepted.status == 200, accepted
        assert request(port, "POST", "/api/v1/session", {"login": "admin", "password": "violet tractor hums 7"}).status == 201
