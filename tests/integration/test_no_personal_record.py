# SPDX-License-Identifier: Apache-2.0
"""No personal value is ever in a record, whatever is asked."""
import hashlib
import json
import re
import urllib.parse

import pytest

from recorded import GOOD, PEOPLE, World
from suite import Suite
from test_roles import OPEN, operations

PERSONAL = {"name": "欧阳小燕", "phone": "13911223344", "email": "xiaoyan.ouyang@example.org", "address": "延安西路1538号7楼甲",
            "card": "MC-20881234-77", "digest": hashlib.md5(b"13911223344").hexdigest()}
# Words of the brand's own, which are no person's: they are on record by name.
WORDS = {"tag", "stage", "trait", "metric", "event", "property", "segment", "kind", "guide", "unit", "sources", "code", "login"}


def planted(value, personal, spared, under=""):
    """The JSON value with one text replaced, in each way."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from ({**value, key: other} for other in planted(member, personal, spared, key))
        yield {**value, personal: personal}
    elif isinstance(value, list):
        for at, member in enumerate(value):
            yield from (value[:at] + [other] + value[at + 1:] for other in planted(member, personal, spared, under))
    elif under not in spared:
        yield personal
        if isinstance(value, str):
            yield f"{value} {personal} {value}"


def requests_of(world, operation, about, kind, one_id):
    """Method, path, body, headers of requests with this value in each place that the operation has."""
    method, path = operation.split(" ", 1)
    personal = PERSONAL[kind]
    quoted = urllib.parse.quote(personal)
    content = about.get("requestBody", {}).get("content", {})
    path_of = re.sub(r"\{[^}]*\}", "x", path)
    body = content.get("application/json", {}).get("example", {}) if content else None
    if operation in GOOD:
        path_of, body, _ = GOOD[operation](world)
        path_of = re.sub(r"/persons/p_\w+", f"/persons/{one_id}", path_of)
    told = kind in ("phone", "email") or kind != "digest" and "{one_id}" in path  # by its looks, or by who it is about
    if told:
        yield method, path_of, body, {"X-Purpose": f"{quoted}%20asked%20about%20a%20parcel"}
    yield method, path_of, body, {"X-Task": quoted}
    if kind not in ("card", "digest"):  # those are ids, and so may a request's be
        yield method, path_of, body, {"X-Request-Id": quoted}
    if "{" in path and not (kind not in ("phone", "email") and "{tag}" in path):
        yield method, re.sub(r"\{[^}]*\}", quoted, path), body, {}
    for parameter in about["parameters"]:
        if parameter["in"] == "query" and parameter["name"] not in ("all", "dry_run"):
            yield method, f"{path_of.split('?')[0]}?{parameter['name']}={quoted}", body, {}
    if "text/csv" in content:
        yield method, path_of, f"code,name,kind,parent\n{personal},{personal},store,u_1\n", {}
    elif body is not None and (kind in ("phone", "email") or operation in PEOPLE):
        spared = (WORDS if kind not in ("phone", "email") else set()) | (set() if told else {"reason", "purpose"})
        for changed in planted(body, personal, spared):
            yield method, path_of, changed, {}


@pytest.mark.parametrize("kind", PERSONAL)
def test_whatever_is_asked_no_personal_value_is_in_a_record(tmp_path, kind):
    """Each value in each place of each operation; then no byte of the log is it."""
    skipped = {"DELETE /api/v1/session", "POST /api/v1/clock", "DELETE /api/v1/dead-letters", "PUT /api/v1/identity-rules"}
    with Suite(tmp_path, settings={"gateway.unmask_hour": 0, "gateway.address_failures": 0}).start() as suite:
        world = World(suite)
        ids = [{"type": "member_card", "id": PERSONAL["card"], "collection": "users", "encoding": "none"}]
        traits = {"name": PERSONAL["name"], "phone": PERSONAL["phone"], "email": PERSONAL["email"], "address": {"street": PERSONAL["address"]}}
        suite.send([{"type": "identify", "userId": "planted", "traits": traits, "context": {"externalIds": ids}}])
        suite.wait_quiet()
        one_id, asked, statuses = world.one_id("planted"), 0, {}
        for operation, about in operations(suite).items():
            if operation in skipped or operation in OPEN or "/me/" in operation:
                continue
            for method, path, body, headers in requests_of(world, operation, about, kind, one_id):
                answer = suite.api(method, path, body, token=world.tokens["A"], headers=headers)
                assert answer.status < 500, (operation, body, answer)
                statuses.setdefault(operation, set()).add(answer.status)
                asked += 1
        assert asked > 300 and all(statuses.values())
        suite.wait_quiet()
        size = suite.audit("/v1/tree").json["size"]
        purposes = {record.get("purpose") for record in sum(world.records().values(), [])}
        suite.stop()
        assert size > asked / 4 and (kind == "digest" or "[personal]" in purposes or kind in ("phone", "email")), purposes
        log = b"".join(path.read_bytes() for path in (suite.data / "audit").rglob("*") if path.is_file())
        for form in {PERSONAL[kind], urllib.parse.quote(PERSONAL[kind]), PERSONAL[kind].upper(), json.dumps(PERSONAL[kind])[1:-1]}:
            at = log.find(form.encode())
            assert at < 0, log[max(0, at - 160):at + 60]
