# SPDX-License-Identifier: Apache-2.0
"""Members of staff and their tokens, as those who manage them use them: made, found, changed, limited, revoked, gone."""
import json

import pytest

from suite import Suite, request

NEW = {"role": "hq_marketer", "unit": "u_1"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("staff")).start() as suite:
        yield suite


def make(suite, login, token=None, **members):
    answer = suite.api("POST", "/api/v1/staff", {**NEW, "login": login, **members}, token=token)
    assert answer.status == 201, answer
    return answer.json


def token_of(suite, staff, **members):
    answer = suite.api("POST", f"/api/v1/staff/{staff['id']}/tokens", {"name": "test", **members})
    assert answer.status == 201, answer
    return answer.json


def refused(answer, status, field=None):
    assert answer.status == status, answer
    if field:
        assert answer.json["field"] == field, answer
    return answer.json["detail"]


def acts(suite, action):
    """What is on record, newest first, once the gateway's journal has been taken."""
    suite.wait_quiet()
    return [record for record in suite.audit(f"/v1/records?action={action}&limit=100").json["records"]]


def test_a_member_of_staff_is_made_shown_changed_and_on_record(running):
    staff = make(running, "li.lei@example.com", name="李雷", email="li.lei@example.com", phone="+8613800138111", code="E-1")
    assert staff["state"] == "invited" and staff["version"] == 1 and staff["unit"] == "u_1" and staff["role"] == "hq_marketer"
    shown = running.api("GET", f"/api/v1/staff/{staff['id']}")
    assert shown.json == staff and shown.headers["ETag"] == '"1"'
    changed = running.api("PATCH", f"/api/v1/staff/{staff['id']}", {"role": "analyst", "phone": ""}, headers={"If-Match": '"1"'})
    assert changed.status == 200 and changed.json["role"] == "analyst" and changed.json["phone"] is None
    for method, path, body in (("PATCH", "", {"role": "finance"}), ("POST", "/leave", None)):
        refused(running.api(method, f"/api/v1/staff/{staff['id']}{path}", body, headers={"If-Match": '"1"'}), 412)
    create = json.loads(acts(running, "staff.create")[0]["detail"])
    assert create["before"] is None and create["after"]["role"] == "hq_marketer"
    assert create["personal"] == ["login", "name", "email", "phone"]
    change = json.loads(acts(running, "staff.change")[0]["detail"])
    assert change["before"]["role"] == "hq_marketer" and change["after"]["role"] == "analyst" and change["personal"] == ["phone"]


def test_personal_values_of_staff_lie_open_nowhere(running):
    values = ["hidden.person@example.net", "深藏不露", "+8613977771234", "13977771234"]
    staff = make(running, values[0], name=values[1], email=values[0], phone=values[2])
    token_of(running, staff)
    running.wait_quiet()
    for path in running.directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for value in values:
                assert value.encode() not in content, f"{value} lies open in {path}"


def test_logins_and_codes_are_unique_and_free_again_after_leaving(running):
    first = make(running, "unique@example.com", code="U-1")
    assert "login" in refused(running.api("POST", "/api/v1/staff", {**NEW, "login": "ＵＮＩＱＵＥ@example.com"}), 409, "login")
    refused(running.api("POST", "/api/v1/staff", {**NEW, "login": "another@example.com", "code": "U-1"}), 409, "code")
    assert running.api("POST", f"/api/v1/staff/{first['id']}/leave").status == 200
    again = make(running, "unique@example.com", code="U-1")
    assert again["id"] != first["id"]


@pytest.mark.parametrize("members, field", [
    ({"login": ""}, "login"), ({"login": "ab"}, "login"), ({"login": "a b c"}, "login"), ({"login": "a\u200bdmin"}, "login"),
    ({"login": "cafe\u0301"}, "login"), ({"login": "ad\u3000min"}, "login"), ({"login": "\u202enimda"}, "login"), ({"login": "adm\u00a0in"}, "login"),
    ({"login": 7}, "login"),
    ({"role": "nobody"}, "role"), ({"unit": "u_999"}, "unit"), ({"unit": "store"}, "unit"), ({"email": "no address"}, "email"),
    ({"phone": "call me"}, "phone"), ({"code": "a b"}, "code"), ({"code": "13800138000"}, "code"), ({"code": "st_1"}, "code"),
    ({"name": "x" * 200}, "name"), ({"nme": "x"}, "nme"), ({"name": "a\u0001b"}, "name"),
])
def test_wrong_members_are_named_and_change_nothing(running, members, field):
    before = len(running.get("/api/v1/staff?limit=500")["staff"])
    refused(running.api("POST", "/api/v1/staff", {**NEW, "login": "wrong@example.com", **members}), 400, field)
    assert len(running.get("/api/v1/staff?limit=500")["staff"]) == before


def test_lists_are_filtered_and_paged(running):
    wanted = [make(running, f"paged-{i}@example.com", role="designer")["id"] for i in range(5)]
    seen, cursor = [], ""
    while True:
        page = running.get(f"/api/v1/staff?role=designer&state=invited&unit=u_1&limit=2{cursor}")
        seen += [staff["id"] for staff in page["staff"]]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == wanted
    refused(running.api("GET", "/api/v1/staff?state=gone"), 400, "state")
    refused(running.api("GET", "/api/v1/staff?unit=u_9"), 400, "unit")
    refused(running.api("GET", "/api/v1/staff?cursor=k_1"), 400, "cursor")
    for name in ("role", "state", "unit"):
        refused(running.api("GET", f"/api/v1/staff?{name}={'a' * 300}"), 400, name)


def test_a_token_does_what_its_owner_may_and_no_more_than_it_is_for(running):
    staff = make(running, "marketer@example.com")
    whole, part = token_of(running, staff), token_of(running, staff, permissions=["segment.read"])
    later, first = (json.loads(act["detail"]) for act in acts(running, "token.create")[:2])
    assert (first["before"]["state"], first["after"]["state"]) == ("invited", "active") and "before" not in later
    assert running.api("GET", f"/api/v1/staff/{staff['id']}").json["state"] == "active"
    assert running.api("GET", "/api/v1/segments", token=whole["token"]).status == 200
    assert running.api("GET", "/api/v1/segments", token=part["token"]).status == 200
    unknown = running.api("GET", "/api/v1/nothing", token=part["token"])
    hidden = running.api("GET", "/api/v1/tags", token=part["token"])
    assert hidden.status == unknown.status == 404
    assert {**hidden.json, "request_id": ""} == {**unknown.json, "request_id": "", "detail": "there is nothing at /api/v1/tags"}
    assert "wk_" not in json.dumps(running.get(f"/api/v1/staff/{staff['id']}/tokens"))
    refused(running.api("POST", f"/api/v1/staff/{staff['id']}/tokens", {"name": "x", "permissions": ["clock.manage"]}), 403, "permissions")
    refused(running.api("POST", f"/api/v1/staff/{staff['id']}/tokens", {"name": "x", "permissions": ["fly"]}), 400, "/permissions/0")
    refused(running.api("POST", "/api/v1/me/tokens", {"name": "x", "permissions": ["tag.read"]}, token=part["token"]), 403, "permissions")
    own = running.api("POST", "/api/v1/me/tokens", {"name": "x"}, token=part["token"])
    assert own.status == 201 and own.json["permissions"] == ["segment.read"]


def test_a_change_of_role_is_in_force_for_the_next_request_and_never_widens_what_another_made(running):
    staff = make(running, "changing@example.com", role="designer")
    token = token_of(running, staff)["token"]
    assert running.api("GET", "/api/v1/journeys", token=token).status == 200
    assert running.api("PATCH", f"/api/v1/staff/{staff['id']}", {"role": "finance"}).status == 200
    assert running.api("GET", "/api/v1/journeys", token=token).status == 404
    child = running.post("/api/v1/me/tokens", {"name": "made with it"}, token=token)["token"]
    assert running.api("PATCH", f"/api/v1/staff/{staff['id']}", {"role": "hq_admin"}).status == 200
    for made in (token, child):
        assert running.api("GET", "/api/v1/staff", token=made).status == 404
    assert running.api("POST", f"/api/v1/staff/{staff['id']}/leave").status == 200


def test_a_revoked_token_is_refused_at_once_and_after_a_death(running):
    staff = make(running, "revoked@example.com")
    token = token_of(running, staff)
    assert running.api("GET", "/api/v1/segments", token=token["token"]).status == 200
    assert running.api("DELETE", f"/api/v1/staff/{staff['id']}/tokens/{token['id']}").status == 204
    assert running.api("GET", "/api/v1/segments", token=token["token"]).status == 401
    refused(running.api("DELETE", f"/api/v1/staff/{staff['id']}/tokens/{token['id']}"), 404, "token")
    running.kill("gateway")
    running.spawn("gateway")
    running.wait_ready("gateway")
    assert running.api("GET", "/api/v1/segments", token=token["token"]).status == 401


def test_a_token_ends_when_it_says_so(running):
    staff = make(running, "ending@example.com")
    now = running.get("/api/v1/clock")["now"]
    refused(running.api("POST", f"/api/v1/staff/{staff['id']}/tokens", {"name": "x", "expires_at": now}), 400, "expires_at")
    token = token_of(running, staff, expires_at="2026-01-02T00:00:00Z")
    refused(running.api("POST", "/api/v1/me/tokens", {"name": "x", "expires_at": "2026-01-03T00:00:00Z"}, token=token["token"]), 400, "expires_at")
    assert running.post("/api/v1/me/tokens", {"name": "x"}, token=token["token"])["expires_at"] == token["expires_at"]
    assert running.api("GET", "/api/v1/segments", token=token["token"]).status == 200
    running.advance("2d")
    assert running.api("GET", "/api/v1/segments", token=token["token"]).status == 401


def test_who_left_is_refused_everywhere_and_cannot_be_changed(running):
    staff = make(running, "leaving@example.com")
    token = token_of(running, staff)["token"]
    left = running.api("POST", f"/api/v1/staff/{staff['id']}/leave")
    assert left.status == 200 and left.json["state"] == "left" and left.json["left_at"]
    assert running.api("GET", "/api/v1/segments", token=token).status == 401
    for method, path, body in (("PATCH", "", {"role": "guide"}), ("POST", "/leave", None), ("POST", "/tokens", {"name": "x"})):
        refused(running.api(method, f"/api/v1/staff/{staff['id']}{path}", body), 409, "id")
    act = acts(running, "staff.leave")[0]
    assert json.loads(act["detail"])["after"]["state"] == "left" and act["actor"]["id"] == "st_1"


def test_the_last_admin_stays(running):
    refused(running.api("PATCH", "/api/v1/staff/st_1", {"role": "analyst"}), 409, "role")
    refused(running.api("POST", "/api/v1/staff/st_1/leave"), 409, "id")
    second = make(running, "second.admin@example.com", role="hq_admin")
    refused(running.api("PATCH", "/api/v1/staff/st_1", {"role": "analyst"}), 409, "role")  # has no credentials yet
    token = token_of(running, second)["token"]
    assert running.api("PATCH", "/api/v1/staff/st_1", {"role": "analyst"}).status == 200
    refused(running.api("POST", f"/api/v1/staff/{second['id']}/leave", token=token), 409)
    assert running.api("PATCH", "/api/v1/staff/st_1", {"role": "hq_admin"}, token=token).status == 200
    assert running.api("POST", f"/api/v1/staff/{second['id']}/leave").status == 200


def test_an_admin_without_credentials_is_nobody_to_rely_on(running):
    second = make(running, "powerless.admin@example.com", role="hq_admin")
    part = token_of(running, second, permissions=["segment.read"])
    whole = token_of(running, second, expires_at=running.get("/api/v1/clock")["now"][:4] + "-12-31T00:00:00Z")
    assert running.api("DELETE", f"/api/v1/staff/{second['id']}/tokens/{whole['id']}").status == 204
    assert running.api("GET", f"/api/v1/staff/{second['id']}").json["state"] == "active"
    refused(running.api("PATCH", "/api/v1/staff/st_1", {"role": "analyst"}), 409, "role")
    assert running.api("GET", "/api/v1/segments", token=part["token"]).status == 200
    assert running.api("POST", f"/api/v1/staff/{second['id']}/leave").status == 200


def test_who_is_limited_to_own_people_gives_no_more_than_that(running):
    permissions = ["staff.read", "staff.manage", "segment.read", "audience.count"]
    for name, own in (("own_chief", True), ("own_helper", True), ("whole_chief", False)):
        assert running.api("POST", "/api/v1/roles", {"name": name, "permissions": permissions, "own_people": own}).status == 201
    chief, whole = make(running, "own.chief@example.com", role="own_chief"), make(running, "whole.chief@example.com", role="whole_chief")
    token = token_of(running, chief)["token"]
    refused(running.api("PATCH", f"/api/v1/staff/{chief['id']}", {"role": "whole_chief"}, token=token), 403, "role")
    refused(running.api("POST", "/api/v1/staff", {**NEW, "login": "x@example.com", "role": "whole_chief"}, token=token), 403, "role")
    for path, body in (("invite", None), ("tokens", {"name": "x"}), ("leave", None)):
        refused(running.api("POST", f"/api/v1/staff/{whole['id']}/{path}", body, token=token), 403, "id")
    assert make(running, "own.helper@example.com", token=token, role="own_helper")["role"] == "own_helper"


def test_who_left_from_a_unit_that_is_no_more_is_still_known(running):
    unit = running.post("/api/v1/units", {"name": "Pop-up", "kind": "store", "parent": "u_1"})["id"]
    staff = make(running, "pop.up@example.com", role="guide", unit=unit)
    assert running.api("POST", f"/api/v1/staff/{staff['id']}/leave").status == 200
    assert running.api("DELETE", f"/api/v1/units/{unit}").status == 204
    assert running.api("GET", f"/api/v1/staff/{staff['id']}").json["unit"] == unit
    assert staff["id"] in [one["id"] for one in running.get("/api/v1/staff?state=left&role=guide&limit=500")["staff"]]
    assert running.count({"guide": staff["id"]}) == 0


def test_nobody_gives_or_touches_what_is_beyond_them(running):
    region = make(running, "region@example.com", role="region_manager")
    guide = make(running, "guide@example.com", role="guide")
    token = token_of(running, region)["token"]
    refused(running.api("POST", "/api/v1/staff", {**NEW, "login": "x@example.com", "role": "hq_admin"}, token=token), 403, "role")
    for path, body in (("", {"name": "x"}), ("/leave", None), ("/tokens", {"name": "x"})):
        method = "PATCH" if not path else "POST"
        refused(running.api(method, f"/api/v1/staff/st_1{path}", body, token=token), 403, "id")
    assert make(running, "new.guide@example.com", token=token, role="guide")["role"] == "guide"
    refused(running.api("PATCH", f"/api/v1/staff/{guide['id']}", {"role": "hq_marketer"}, token=token), 403, "role")


def test_missing_and_wrong_tokens_are_refused(running):
    port = running.ports["gateway", "HTTP_PORT"]
    for headers in ({}, {"Authorization": "Bearer qt_wrong"}, {"Authorization": "Basic abc"}, {"Cookie": "__Host-quanyu_session=qs_x"}):
        answer = request(port, "GET", "/api/v1/staff", None, headers)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer"


def test_access_from_the_machine_is_on_record_with_before_and_after(running):
    given = json.loads(running.cli("bootstrap", "--token").stdout)
    act = json.loads(acts(running, "staff.bootstrap")[0]["detail"])
    assert (act["id"], act["given"], act["before"]["role"], act["after"]["role"]) == (given["staff"], "token", "hq_admin", "hq_admin")
    assert act["before"]["state"] == act["after"]["state"] == "active" and given["token"] not in json.dumps(act)
