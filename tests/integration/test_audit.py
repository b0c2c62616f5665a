# SPDX-License-Identifier: Apache-2.0
"""The log cannot be altered unnoticed: an auditor checks records with nothing but hashes, and so does the service itself."""
import base64
import datetime
import hashlib
import json

from suite import request, wait_for


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from(leaf, index, size, path):
    """RFC 9162, 2.1.3.2: the root that a leaf and its path lead to."""
    at, last, path = leaf, size - 1, [bytes.fromhex(one) for one in path]
    for sibling in path:
        assert last > 0
        if index % 2 or index == last:
            at = node(sibling, at)
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            at = node(at, sibling)
        index, last = index >> 1, last >> 1
    assert last == 0
    return at.hex()


def test_a_record_is_checked_with_nothing_but_hashes(suite):
    for _ in range(5):
        suite.count({"everyone": True})
    for index in range(5):
        tree = suite.audit("/v1/tree").json
        shown = suite.audit(f"/v1/records/{index}").json
        leaf = hashlib.sha256(b"\0" + base64.b64decode(shown["entry"])).digest()
        assert (shown["intact"], shown["leaf_hash"]) == (True, leaf.hex())
        proof = shown["proof"]
        assert (proof["size"], proof["root"]) == (tree["size"], tree["root"])
        assert root_from(leaf, index, proof["size"], proof["path"]) == proof["root"]


def unready(suite):
    """What /readyz says, once the service answers."""
    try:
        answer = request(suite.ports["audit", "OPS_PORT"], "GET", "/readyz", timeout=5)
    except OSError:
        return None
    text = answer.body.decode()
    return answer.json if answer.status == 503 and '"log"' in text and '"start"' not in text else None


def test_an_altered_record_is_shown_as_such_and_not_hidden(suite):
    suite.count({"everyone": True})
    suite.lookup("user_id", "nobody")
    tree = suite.audit("/v1/tree").json
    assert suite.kill("audit", 15) == 0
    state = suite.data / "audit" / "state" / "data.mdb"
    before = state.read_bytes()
    assert b"person.lookup" in before
    state.write_bytes(before.replace(b"person.lookup", b"person.nothin"))
    suite.spawn("audit")
    ready = wait_for(lambda: unready(suite), "audit says that its log was altered")
    assert {"part": "log", "reason": "records are not what was put on record: the files were altered or are damaged"} in ready["reasons"]
    assert 'altered=1' in suite.log("audit")
    assert suite.audit("/v1/tree").json == tree
    records = suite.audit("/v1/records?action=person.lookup").json["records"]
    assert [(record["action"], record["intact"]) for record in records] == [("person.nothin", False)]
    shown = suite.audit(f"/v1/records/{records[0]['index']}").json
    leaf = hashlib.sha256(b"\0" + base64.b64decode(shown["entry"])).digest()
    assert not shown["intact"]
    assert root_from(leaf, int(shown["index"]), shown["proof"]["size"], shown["proof"]["path"]) != shown["proof"]["root"]
    # Nobody knows what it once said: whatever is asked for, it is shown, too.
    counted = suite.audit("/v1/records?action=audience.count").json["records"]
    assert {record["action"] for record in counted if record["intact"]} == {"audience.count"}
    assert [record["index"] for record in counted if not record["intact"]] == [records[0]["index"]]
    assert "is not what was put on record" in suite.log("audit")


def test_who_tags_a_person_is_on_record_with_what_he_saw_of_it(suite):
    suite.send([{"type": "track", "userId": "u1", "event": "x"}])
    suite.wait_quiet()
    one_id = suite.lookup("user_id", "u1").json["one_id"]
    suite.post("/api/v1/tags", {"tag": "vip"})
    assert suite.api("POST", f"/api/v1/persons/{one_id}/tags", {"tag": "vip"}).status == 204
    assert suite.api("DELETE", f"/api/v1/persons/{one_id}/tags/vip").status == 204
    suite.wait_quiet()
    for action in ("tag.add", "tag.remove"):
        records = suite.audit(f"/v1/records?action={action}&subject={one_id}").json["records"]
        asked, done = sorted(records, key=lambda record: record["service"])
        assert (asked["service"], asked["fields"], asked["persons"]) == ("gateway", ["tags"], [one_id])
        assert (done["service"], done["detail"], done["request_id"]) == ("tagging", "vip", asked["request_id"])


def test_a_tag_that_could_not_be_given_is_recorded_as_that(suite):
    suite.send([{"type": "track", "userId": "u1", "event": "x"}])
    suite.wait_quiet()
    one_id = suite.lookup("user_id", "u1").json["one_id"]
    suite.post("/api/v1/tags", {"tag": "vip"})
    path = f"/api/v1/persons/{one_id}/tags"
    missing = suite.api("POST", path, {"tag": "nosuch"})
    assert (missing.status, missing.json["field"]) == (404, "tag"), missing
    past = suite.api("POST", path, {"tag": "vip", "expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status, past.json["field"]) == (400, "expires_at"), past
    assert suite.api("DELETE", f"{path}/nosuch").status == 404
    suite.kill("tagging")
    assert suite.api("POST", path, {"tag": "vip"}).status == 503
    suite.start("tagging")
    suite.wait_quiet()

    def outcomes(action):
        return [record["outcome"] for record in suite.audit(f"/v1/records?action={action}&subject={one_id}").json["records"]]

    assert outcomes("tag.add") == ["unknown", "invalid", "not_found"] and outcomes("tag.remove") == ["not_found"]
    suite.kill("audit")
    assert suite.api("POST", path, {"tag": "vip"}).status == 503
    suite.start("audit")
    assert suite.lookup("user_id", "u1").json["tags"] == []


def test_a_dump_of_the_state_is_on_record_and_not_made_without(suite):
    suite.send([{"type": "track", "userId": "u1", "event": "x"}])
    suite.wait_quiet()
    dump = suite.cli("dump", "--canonical").stdout
    record, = suite.audit("/v1/records?action=state.dump").json["records"]
    assert record["actor"]["kind"] == "operator" and record["service"] == "cli", record
    assert suite.cli("dump", "--canonical").stdout == dump != ""
    suite.kill("audit")
    refused = suite.cli("dump", "--canonical", check=False)
    assert refused.returncode == 1 and refused.stdout == "", refused


def test_an_auditors_token_is_made_and_revoked_on_the_machine_and_both_are_on_record(suite):
    suite.wait_quiet()  # the clock has been heard of
    made = json.loads(suite.cli("auditor", "create", "Wang", "--days", "30").stdout)
    assert suite.audit("/v1/tree", token=made["token"]).status == 200
    listed = [json.loads(line) for line in suite.cli("auditor", "list").stdout.splitlines()]
    assert {one["name"] for one in listed} == {"auditor", "Wang"} and not any("token" in one for one in listed)
    unknown = suite.cli("auditor", "revoke", "at_0000", check=False)
    assert unknown.returncode == 1 and "no auditor has this token" in unknown.stderr
    revoked = json.loads(suite.cli("auditor", "revoke", made["id"]).stdout)
    assert revoked["id"] == made["id"]
    for restart in (False, True):
        if restart:
            suite.kill("audit")
            suite.spawn("audit")
            suite.wait_ready("audit")
        assert suite.audit("/v1/tree", token=made["token"]).status == 401
        assert suite.audit("/v1/tree").status == 200
    for action in ("token.create", "token.revoke"):
        records = suite.audit(f"/v1/records?action={action}").json["records"]
        own = [record for record in records if record.get("detail") and json.loads(record["detail"]).get("token_id") == made["id"]]
        assert [record["actor"]["kind"] for record in own] == ["operator"], records
    assert suite.cli("auditor", "create", "x" * 100, check=False).returncode == 1
    assert suite.cli("auditor", "create", "Li", "--days", "0", check=False).returncode == 2


def test_a_look_at_somebody_who_bought_lately_says_so(suite):
    now = datetime.datetime.fromisoformat(suite.get("/api/v1/clock")["now"])

    def order(user, days):
        when = now - datetime.timedelta(days=days)
        return {"type": "track", "event": "Order Completed", "userId": user, "timestamp": when.isoformat(),
                "properties": {"order_id": f"o-{user}", "total": 10, "currency": "CNY"}}

    suite.send([order("buyer", 3), order("once", 40), {"type": "track", "userId": "never", "event": "x"}])
    suite.wait_quiet()
    for user in ("buyer", "once", "never", "nobody"):
        suite.lookup("user_id", user)
    looks = suite.audit("/v1/records?operation=person.lookup&order=oldest").json["records"]
    assert [look.get("bought") for look in looks] == [True, None, None, None]
