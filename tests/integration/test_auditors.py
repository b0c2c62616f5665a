# SPDX-License-Identifier: Apache-2.0
"""Audit is its own: its auditors, its tokens, its files. Nobody at HQ opens it, and auditors open nothing else."""
import json
import re
import stat

import pytest

from suite import Suite, request, wait_for
from test_roles import ROLES, operations, token_for


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("auditors")).start() as suite:
        suite.wait_quiet()
        yield suite


def call(suite, method, path, body=None, token=None):
    token = suite.bootstrap["auditor_token"] if token is None else token
    return request(suite.ports["audit", "HTTP_PORT"], method, path, body, {"Authorization": f"Bearer {token}"})


def operations_of_audit(suite):
    for path, methods in request(suite.ports["audit", "HTTP_PORT"], "GET", "/openapi.json").json["paths"].items():
        for method, about in methods.items():
            if about.get("security") != []:
                yield method.upper(), re.sub(r"\{[^}]*\}", "0", path), {} if "requestBody" in about else None


def newest(suite, action):
    return call(suite, "GET", f"/v1/records?action={action}&limit=1").json["records"][0]


# As what a look is on record; what follows the tree, for those who prove it, must not make it grow.
LOOKS = {"/v1/records": ("?limit=2", "audit.search"), "/v1/records/count": ("", "audit.count"), "/v1/records/histogram": ("?by=day", "audit.histogram"),
         "/v1/reports/daily-use": ("", "audit.report"), "/v1/export/ocsf": ("?lines=2", "audit.export"), "/v1/records/0": ("", "audit.show"),
         "/v1/records/0/receipt": ("", "audit.receipt"), "/v1/sets/{hash}": ("", "audit.set"),
         "/v1/sets/{hash}/bitmap": ("", "audit.set"), "/v1/auditors": ("", "auditor.list"),
         "/v1/alerts": ("", "alert.list"), "/v1/alert-rules": ("", "alert_rules.show"), "/v1/retention": ("", "audit.retention"),
         "/v1/holds": ("", "audit.holds"), "/tile/entries/000.p/1": ("", "audit.entries")}
# The entries themselves: once an hour for each token.
PROOFS = {"/v1/tree": "", "/checkpoint": "", "/v1/keys": "", "/v1/proofs/inclusion": "?index=0", "/v1/proofs/consistency": "?from=1",
          "/tile/entries/000.p/1": "", "/tile/0/000.p/1": ""}
FOLLOWED = {"/v1/checkpoints/cosigned", "/v1/entries/0"}  # once there is a witness, or a full bundle


def test_every_look_of_an_auditor_is_on_record_and_no_proof_is(running):
    described = request(running.ports["audit", "HTTP_PORT"], "GET", "/openapi.json").json["paths"]
    paths = {path for path, methods in described.items() if methods.get("get", {}).get("security", True) != [] and "get" in methods}
    known = {re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$") for path in paths if not path.startswith("/tile")}
    mine = [path for path in (*LOOKS, *PROOFS, *FOLLOWED) if not path.startswith("/tile")]
    assert all(any(pattern.match(path) for path in mine) for pattern in known), known
    running.post("/api/v1/bindings/transfer", {"from": {"rule": {"everyone": True}}, "to": {"unit": "u_1"}, "reason": "all of them"}, status=(200, 202))
    made = newest(running, "binding.transfer&has=set")["set"]
    wait_for(lambda: call(running, "GET", "/checkpoint").status == 200, "a checkpoint")
    for path, (query, action) in LOOKS.items():
        size = call(running, "GET", "/v1/tree").json["size"]
        answer = call(running, "GET", path.format(hash=made) + query)
        assert answer.status == 200, (path, answer)
        record = newest(running, action)
        said = (record["actor"]["kind"], record["actor"]["role"], record["actor"]["address"], record["outcome"], int(record["index"]))
        assert said == ("auditor", "administrator", "127.0.0.1", "ok", size), (path, record)
        assert record["actor"]["token_id"] == record["actor"]["id"] and json.loads(record["detail"]) is not None
    size = call(running, "GET", "/v1/tree").json["size"]
    for path, query in PROOFS.items():
        assert call(running, "GET", path + query).status == 200, path
    assert call(running, "GET", "/v1/tree").json["size"] == size


def test_no_token_of_the_brands_opens_audit_and_no_auditors_token_opens_anything_else(running):
    tokens = [running.bootstrap["hq_token"], running.bootstrap["write_key"], "qya_x", ""]
    tokens += [token_for(running, f"{role}@example.com", role) for role in ROLES.values()]
    tried = 0
    for method, path, body in operations_of_audit(running):
        for token in tokens:
            answer = call(running, method, path, body, token)
            assert answer.status == 401, (method, path, answer)
            tried += 1
    assert tried > 100
    auditor = running.bootstrap["auditor_token"]
    for operation, about in operations(running).items():
        if about.get("security") != []:
            method, path = operation.split(" ")
            path = re.sub(r"\{[^}]*\}", "x", path)
            assert running.api(method, path, {} if "requestBody" in about else None, token=auditor).status == 401, operation
    assert running.ingest("/v1/track", {"userId": "u", "event": "e"}, write_key=auditor).status == 401


def test_what_audit_keeps_nobody_else_on_the_machine_can_read(running):
    checked = 0
    for path in [running.data / "audit", *(running.data / "audit").rglob("*")]:
        mode = path.stat().st_mode
        assert not mode & (stat.S_IRWXG | stat.S_IRWXO), (path, oct(mode))
        checked += 1
    assert checked > 4
    for path in running.data.rglob("*"):
        if path.is_file() and ("secret" in path.name or path.suffix in (".key", ".json") or path.name == "audit"):
            assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path
    settings = running.cli("--settings").stdout
    assert "audit.http_port" in settings and "audit.rpc_port" in settings


def test_an_administrator_makes_and_revokes_auditors_and_all_of_it_is_on_record(running):
    made = call(running, "POST", "/v1/auditors", {"name": "王审计", "days": 30})
    assert made.status == 201 and (made.json["name"], made.json["role"]) == ("王审计", "reader"), made
    reader = made.json["token"]
    record = newest(running, "token.create")
    assert record["actor"]["kind"] == "auditor" and record["actor"]["role"] == "administrator", record
    assert json.loads(record["detail"]) == {"token_id": made.json["id"], "name": "王审计", "role": "reader", "expires_at": made.json["expires_at"]}
    assert call(running, "GET", "/v1/records", token=reader).status == 200
    assert newest(running, "audit.search")["actor"]["role"] == "reader"
    listed = call(running, "GET", "/v1/auditors").json["auditors"]
    assert {(one["name"], one["role"]) for one in listed} >= {("auditor", "administrator"), ("王审计", "reader")}
    assert not any("token" in one for one in listed) and newest(running, "auditor.list")["outcome"] == "ok"
    tries = [("GET", "/v1/auditors", None), ("POST", "/v1/auditors", {"name": "x"}), ("DELETE", f"/v1/auditors/{listed[0]['id']}", None)]
    for method, path, body in tries:
        size = call(running, "GET", "/v1/tree").json["size"]
        assert call(running, method, path, body, reader).status == 403
        denied = newest(running, "auditor.manage")
        assert (denied["outcome"], denied["actor"]["id"], int(denied["index"])) == ("denied", made.json["id"], size), denied
    assert call(running, "DELETE", f"/v1/auditors/{made.json['id']}").status == 204
    assert call(running, "GET", "/v1/tree", token=reader).status == 401
    assert json.loads(newest(running, "token.revoke")["detail"])["token_id"] == made.json["id"]
    assert call(running, "DELETE", f"/v1/auditors/{made.json['id']}").status == 404
    assert call(running, "DELETE", "/v1/auditors/x").status == 404


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": 5}, "name"), ({"name": "x" * 64}, "name"), ({"name": "x", "role": "king"}, "role"),
    ({"name": "x", "days": 0}, "days"), ({"name": "x", "days": 3651}, "days"), ({"name": "x", "days": "1"}, "days"), ({"name": "x", "more": 1}, "more"),
    ([], None), ("no JSON", None)])
def test_what_is_wrong_with_a_new_auditor_is_named_and_nothing_is_made(running, body, field):
    before = call(running, "GET", "/v1/auditors").json
    answer = call(running, "POST", "/v1/auditors", body)
    assert (answer.status, answer.json.get("field")) == (400, field), answer
    assert call(running, "GET", "/v1/auditors").json == before


def test_an_administrator_is_made_on_the_machine_too(running):
    made = json.loads(running.cli("auditor", "create", "Li", "--role", "administrator", "--days", "2").stdout)
    assert made["role"] == "administrator"
    assert call(running, "GET", "/v1/auditors", token=made["token"]).status == 200
    listed = [json.loads(line) for line in running.cli("auditor", "list").stdout.splitlines()]
    assert {one["id"]: one["role"] for one in listed}[made["id"]] == "administrator"
    refused = running.cli("auditor", "create", "Li", "--role", "king", check=False)
    assert refused.returncode == 1 and "role: must be reader or administrator" in refused.stderr
