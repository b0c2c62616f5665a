# SPDX-License-Identifier: Apache-2.0
"""What is past its time goes from the audit log, what is held stays, and the log is proven as before."""
import base64
import json
import random
import shutil
import subprocess

import pytest

import tlog_check
from suite import Suite, build_directory, request, wait_for

RECORDS = 140_000  # two segments and some
MS_BETWEEN = 450_000  # two years
FIRST_MS = 1_704_067_200_000
DAY_MS = 86_400_000
SEGMENT = 65_536


def call(suite, method, path, body=None, token=None, headers=None):
    token = token or suite.bootstrap["auditor_token"]
    return request(suite.ports["audit", "HTTP_PORT"], method, path, body, {"Authorization": f"Bearer {token}", **(headers or {})})


def set_days(suite, **days):
    answer = call(suite, "PUT", "/v1/retention", {"days": days})
    assert answer.status == 200, answer
    return answer.json


@pytest.fixture
def old(directory):
    """Over a log of two years."""
    with Suite(directory, settings={"audit.retention_notice": "0s"}) as suite:
        subprocess.run([build_directory() / "tests" / "audit_maker", suite.data / "audit", str(RECORDS), str(MS_BETWEEN)], check=True, env={})
        suite.start()
        wait_for(lambda: len(list((suite.data / "audit" / "segments").glob("*.segment"))) == 2, "two sealed segments", 60)
        yield suite


def size_on_disk(suite):
    return sum(file.stat().st_size for file in (suite.data / "audit" / "segments").iterdir())


def prunings(suite):
    found = call(suite, "GET", "/v1/records?operation=retention.prune&outcome=ok&limit=1000").json["records"]
    return [(int(record["index"]), json.loads(record["detail"])) for record in found]


def wait_pruned(suite):
    wait_for(lambda: not call(suite, "GET", "/v1/retention").json["pruning"]["under_way"], "nothing under way", 120, 0.1)


def wait_gone(suite, index):
    wait_for(lambda: call(suite, "GET", f"/v1/records/{index}").status == 410, f"record {index} was pruned", 120, 0.1)
    wait_pruned(suite)


def verify(suite, *arguments):
    return suite.cli("audit", "verify", *arguments, check=False)


def verify_url(suite):
    token = suite.directory / "token"
    token.write_text(suite.bootstrap["auditor_token"])
    return verify(suite, "--url", f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}", "--token-file", token)


def copied(suite):
    """A copy of the files, of the stopped service."""
    suite.stop()
    copy = suite.directory / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(suite.data / "audit", copy)
    return copy


# -- the policy


def test_a_policy_is_set_by_administrators_within_limits_and_each_change_is_on_record(suite):
    suite.wait_quiet()
    shown = call(suite, "GET", "/v1/retention")
    assert shown.status == 200 and shown.headers["ETag"] == '"1"' and shown.json["least_days"] == 183
    assert {kind["days"] for kind in shown.json["kinds"]} == {None} and "pruned" not in shown.json
    for days, field in (({"person": 182}, "/days/person"), ({"person": 0}, "/days/person"), ({"person": 36501}, "/days/person"),
                        ({"person": "1y"}, "/days/person"), ({"nothing": 365}, "/days/nothing"), ({"log": 365}, "/days/log")):
        answer = call(suite, "PUT", "/v1/retention", {"days": days})
        assert (answer.status, answer.json["field"]) == (400, field), days
    for body in ({}, {"days": []}, {"days": {}, "more": 1}, []):
        assert call(suite, "PUT", "/v1/retention", body).status == 400, body
    assert call(suite, "GET", "/v1/retention").json["version"] == 1
    answer = call(suite, "PUT", "/v1/retention", {"days": {"person": 1095, "delivery": 365}}, headers={"If-Match": '"1"'})
    assert answer.status == 200 and answer.headers["ETag"] == '"2"' and answer.json["version"] == 2
    assert shown.json["in_force_at"] is None and answer.json["in_force_at"] > "2026-01-07"
    assert call(suite, "PUT", "/v1/retention", {"days": {}}, headers={"If-Match": '"1"'}).status == 412
    assert call(suite, "PUT", "/v1/retention", {"days": {}}, headers={"If-Match": "1"}).status == 400
    kinds = {kind["kind"]: kind["days"] for kind in call(suite, "GET", "/v1/retention").json["kinds"]}
    assert kinds["person"] == 1095 and kinds["delivery"] == 365 and kinds["list"] is None
    record, = call(suite, "GET", "/v1/records?operation=retention.change").json["records"]
    detail = json.loads(record["detail"])
    assert record["actor"]["kind"] == "auditor" and detail["version"] == 2
    assert detail["before"]["person"] is None and detail["after"]["person"] == 1095 and detail["in_force_at"] == answer.json["in_force_at"]
    suite.cli("audit", "retention", "set", "person=forever", "list=200")
    shown = json.loads(suite.cli("audit", "retention").stdout)
    assert {kind["kind"]: kind["days"] for kind in shown["kinds"] if kind["days"]} == {"delivery": 365, "list": 200}
    refused = suite.cli("audit", "retention", "set", "list=10", check=False)
    assert refused.returncode == 1 and "183 days" in refused.stderr
    assert suite.cli("audit", "retention", "set", "list", check=False).returncode == 2


def test_who_only_reads_changes_neither_policy_nor_holds(suite):
    suite.wait_quiet()
    reader = call(suite, "POST", "/v1/auditors", {"name": "Li", "role": "reader"}).json["token"]
    for method, path, body, action in (("PUT", "/v1/retention", {"days": {}}, "retention.change"),
                                       ("POST", "/v1/holds", {"name": "x", "reason": "y", "filter": {}}, "hold.add"),
                                       ("POST", "/v1/holds/hold_1/release", {"reason": "y"}, "hold.release")):
        assert call(suite, method, path, body, reader).status == 403
        record, = call(suite, "GET", f"/v1/records?operation={action}").json["records"]
        assert record["outcome"] == "denied"
    assert call(suite, "GET", "/v1/retention", token=reader).status == 200
    assert call(suite, "GET", "/v1/holds", token=reader).json == {"holds": []}


def test_holds_are_made_for_a_reason_and_released_for_one(suite):
    suite.wait_quiet()
    for body, field in (({"reason": "r", "filter": {}}, "/name"), ({"name": "n", "filter": {}}, "/reason"), ({"name": "n", "reason": "r"}, "/filter"),
                        ({"name": "n", "reason": "r", "filter": {"nobody": "x"}}, "/filter/nobody"),
                        ({"name": "n", "reason": "r", "filter": {"actor": 7}}, "/filter/actor"),
                        ({"name": "n", "reason": "r", "filter": {"actor": []}}, "/filter/actor"),
                        ({"name": "n", "reason": "r", "filter": {"actor": "13800138000"}}, "/filter/actor"),
                        ({"name": "n", "reason": "call 13800138000", "filter": {}}, "/reason"),
                        ({"name": "n", "reason": "r", "filter": {"from": "soon"}}, "/filter/from"),
                        ({"name": "n", "reason": "r", "filter": {"from": "2026-02-01", "to": "2026-01-01"}}, "/filter/to"),
                        ({"name": "n" * 101, "reason": "r", "filter": {}}, "/name"), ({"name": "n", "reason": "r", "filter": {}, "x": 1}, "/x")):
        answer = call(suite, "POST", "/v1/holds", body)
        assert (answer.status, answer.json["field"]) == (400, field), body
    for filter in ({"actor": "x" * 70_000}, {"actor": ["x" * 700 + str(i) for i in range(70)], "unit": "\x01" * 5_000}):
        answer = call(suite, "POST", "/v1/holds", {"name": "n", "reason": "r", "filter": filter})
        assert (answer.status, answer.json["type"]) == (400, "urn:quanyu:problem:invalid") and "too much for a record" in answer.json["detail"], answer
    made = call(suite, "POST", "/v1/holds",
                {"name": "Case 17", "reason": "a complaint", "filter": {"actor": ["st_7", "st_8"], "operation": "person.*", "from": "2026-01-01"}})
    assert made.status == 201 and made.json["id"] == "hold_1" and made.json["filter"]["actor"] == ["st_7", "st_8"]
    second = json.loads(suite.cli("audit", "hold", "add", "Case 18", "--reason", "a letter", "--unit", "u_1", "--unit", "u_2").stdout)
    assert second["id"] == "hold_2" and second["filter"] == {"unit": ["u_1", "u_2"]}
    assert [hold["id"] for hold in json.loads(suite.cli("audit", "hold", "list").stdout)["holds"]] == ["hold_1", "hold_2"]
    record = call(suite, "GET", "/v1/records?operation=hold.add&order=oldest").json["records"][0]
    assert json.loads(record["detail"])["reason"] == "a complaint"
    assert call(suite, "POST", "/v1/holds/hold_1/release", {}).json["field"] == "/reason"
    assert call(suite, "POST", "/v1/holds/hold_1/release", {"reason": "closed"}).status == 204
    assert call(suite, "POST", "/v1/holds/hold_1/release", {"reason": "closed"}).status == 404
    suite.cli("audit", "hold", "release", "hold_2", "--reason", "closed")
    assert call(suite, "GET", "/v1/holds").json == {"holds": []}
    assert call(suite, "GET", "/v1/records/count?operation=hold.release").json["count"] == 2
    third = call(suite, "POST", "/v1/holds", {"name": "Case 19", "reason": "r", "filter": {}})
    assert third.json["id"] == "hold_3"  # a number names one hold, for good
    for _ in range(99):
        assert call(suite, "POST", "/v1/holds", {"name": "n", "reason": "r", "filter": {"actor": "st_7"}}).status == 201
    full = call(suite, "POST", "/v1/holds", {"name": "n", "reason": "r", "filter": {"actor": "st_7"}})
    assert full.status == 409 and "100 legal holds stand already" in full.json["detail"], full


# -- what goes, and what stays


def test_what_is_past_its_time_goes_and_the_log_is_proven_as_before(old):
    before = size_on_disk(old)
    held = json.loads(old.cli("audit", "hold", "add", "Case 1", "--reason", "a complaint", "--actor", "st_1003").stdout)
    assert call(old, "GET", "/v1/records/count").json.get("pruned") is None
    set_days(old, person=365, delivery=183)
    wait_gone(old, 0)
    wait_gone(old, 1)
    wait_for(lambda: len(list((old.data / "audit" / "segments").iterdir())) == 2, "the former files are gone", 30)
    assert size_on_disk(old) < 0.85 * before
    assert call(old, "GET", "/v1/retention").json["pruning"]["bytes_freed"] == before - size_on_disk(old)

    # each pruning is on record, with what went
    gone = prunings(old)
    assert {(p["kind"], p["segment"]) for _, p in gone} == {("person", "0"), ("delivery", "0"), ("delivery", "1")} | (
        {("person", "1")} if any(p["segment"] == "1" and p["kind"] == "person" for _, p in gone) else set())
    assert all(p["policy_version"] == 2 for _, p in gone)
    newest = call(old, "GET", "/v1/records").json["records"][0]["time"]
    assert all(p["last_at"] < newest for _, p in gone)

    # gone is said to be gone, by whom is found
    status = call(old, "GET", "/v1/records/0")
    record, = [index for index, p in gone if p["kind"] == "person" and p["segment"] == "0"]
    places = base64.b64decode(call(old, "GET", f"/v1/records/{record}").json["places"])
    assert int.from_bytes(places[:4], "little") & 0xFFFF in (12346, 12347)  # a portable Roaring bitmap
    assert status.status == 410 and f"record {record} says" in status.json["detail"] and status.json["field"] == "index"
    assert call(old, "GET", "/v1/records/0/receipt").status == 410
    assert call(old, "GET", "/v1/proofs/inclusion?index=0").status == 410
    assert call(old, "GET", "/tile/entries/000").status == 404
    rest = call(old, "GET", "/v1/entries/0").body
    assert rest[:4] == b"\0\0\0\0" and rest[4:6] != b"\0\0"  # the third was a count of people, which are kept
    assert call(old, "GET", "/v1/entries/10000").status == 404

    # silence is no evidence
    count = call(old, "GET", "/v1/records/count?operation=person.show&to=2024-12-01").json
    assert {line["kind"] for line in count["pruned"]} == {"person", "delivery"}
    staff = call(old, "GET", "/v1/records/histogram?by=actor&operation=person.show&to=2024-12-01").json
    assert [group["value"] for group in staff["groups"]] == ["st_1003"] and count["count"] == staff["total"]
    assert "pruned" in call(old, "GET", "/v1/records?limit=1").json
    assert "pruned" not in call(old, "GET", "/v1/records/count?from=2025-12-20").json
    assert "pruned" in call(old, "GET", "/v1/reports/daily-use?from=2024-01-01&to=2024-03-01").json

    # what stays is found, shown and proven
    kept = call(old, "GET", "/v1/records?operation=audience.count&order=oldest&limit=3").json["records"]
    assert [entry["index"] for entry in kept] == ["2", "6", "10"] and all(entry["intact"] for entry in kept)
    key = json.loads(old.cli("audit", "key").stdout)["verifier_key"]
    wait_for(lambda: call(old, "GET", "/v1/records/2/receipt").status == 200, "a receipt")
    receipt = old.directory / "receipt"
    receipt.write_bytes(call(old, "GET", "/v1/records/2/receipt").body)
    assert json.loads(old.cli("audit", "verify-receipt", receipt, "--key", key).stdout)["action"] == "audience.count"
    if tlog_check.is_there():
        size, _ = tlog_check.run(old, key, "checkpoint")
        for index in (2, SEGMENT + 2, size - 1):
            tlog_check.run(old, key, "proofs", index)

    # the whole is verified, from outside and from the files
    result = verify_url(old)
    assert result.returncode == 0 and "all is well" in result.stdout, result
    records = sum(p["records"] for _, p in gone)
    assert f"{records} records were pruned, as {len(gone)} records" in result.stderr
    assert json.loads(old.cli("audit", "hold", "list").stdout)["holds"][0]["id"] == held["id"]
    result = verify(old, "--files", copied(old))
    assert result.returncode == 0 and f"{records} records were pruned" in result.stderr, result


def test_a_witness_goes_on_over_a_pruned_log(old):
    state, token = old.directory / "w.json", old.directory / "token"
    token.write_text(old.bootstrap["auditor_token"])
    key = json.loads(old.cli("audit", "key").stdout)["verifier_key"]
    arguments = ("--state", state, "--url", f"http://127.0.0.1:{old.ports['audit', 'HTTP_PORT']}", "--token-file", token, "--once")
    wait_for(lambda: call(old, "GET", "/checkpoint").status == 200, "a checkpoint")
    first = ("--key", key, "--name", "audit.example.com/w1")
    old.cli("audit", "witness", *arguments, *first, check=False)  # the log does not know it yet
    old.cli("audit", "witness-key", "add", old.cli("audit", "witness", "--state", state, "--show-key").stdout.strip())
    old.cli("audit", "witness", *arguments)
    set_days(old, person=183, delivery=183, list=183, identity=183)
    wait_gone(old, 3)
    seen = old.cli("audit", "witness", *arguments, check=False)
    assert seen.returncode == 0, seen
    assert verify_url(old).returncode == 0


def test_every_alteration_of_a_pruned_log_is_found(old):
    set_days(old, person=365, identity=200)
    wait_gone(old, 0)
    wait_gone(old, 3)
    copy = copied(old)
    assert verify(old, "--files", copy, "--threads", "1").returncode == 0
    files = sorted((copy / "segments").iterdir())
    chance = random.Random(7)
    for file in files:
        content = file.read_bytes()
        places = [chance.randrange(len(content)) for _ in range(6)] + [chance.randrange(8400), 100, 8300]
        for place in places:
            file.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1:])
            result = verify(old, "--files", copy)
            assert result.returncode == 1 and "problem" in result.stdout, (file.name, place, result)
        file.write_bytes(content)
    # an entry that nobody says was pruned
    file = files[0]
    file.unlink()
    result = verify(old, "--files", copy, "--without-indexes")
    assert result.returncode == 1 and "no record says that they were pruned" in result.stdout


# -- people's values


def test_nothing_in_the_log_must_go_when_a_person_does(suite):
    """Records name people by number: there is no value of anybody in the files, so that erasing somebody leaves the log as it is."""
    phone, name = "+8613912345678", "欧阳小明"
    suite.send([{"type": "identify", "userId": "erased-1", "traits": {"phone": phone, "name": name, "email": "erased.one@example.com"}}])
    suite.wait_quiet()
    found = suite.lookup("phone", phone)
    assert found.status == 200 and suite.lookup("phone", "+8613912345679").status == 404
    one_id = found.json["one_id"]
    records = call(suite, "GET", f"/v1/records?subject={one_id}").json["records"]
    assert "person.lookup" in {record["action"] for record in records}
    wait_for(lambda: verify_url(suite).returncode == 0, "all is signed and well", 30)
    copy = copied(suite)
    result = verify(suite, "--files", copy)
    assert result.returncode == 0 and "all is well" in result.stdout, result
    for file in copy.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        for value in ("13912345678", name, "erased.one", "erased-1"):
            assert value.encode() not in content, (file, value)
