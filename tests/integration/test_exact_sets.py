# SPDX-License-Identifier: Apache-2.0
"""Who was among people that do not fit into a record: the exact set lies beside the log, and the record names it by its hash."""
import hashlib
import json
import struct

PEOPLE = 40
WHY = "their store was closed for good"


def transfer(suite, source, unit, **more):
    answer = suite.api("POST", "/api/v1/bindings/transfer", {"from": source, "to": {"unit": unit}, "reason": WHY, **more})
    assert answer.status in (200, 202), answer
    suite.wait_quiet()
    found = suite.audit("/v1/records?action=binding.transfer&service=gateway&limit=1").json["records"][0]
    assert (found["purpose"], found["count"]) == (WHY, answer.json["found"]), found
    return found


def array_of(numbers):
    """Few numbers below 65,536 as a portable Roaring bitmap of one container without runs (RoaringFormatSpec)."""
    return struct.pack("<IIHHI", 12346, 1, 0, len(numbers) - 1, 16) + struct.pack(f"<{len(numbers)}H", *numbers)


def test_who_was_handed_over_is_known_exactly(suite):
    unit = suite.post("/api/v1/units", {"code": "s-1", "name": "Store", "kind": "store", "parent": "u_1"})["id"]
    suite.send([{"type": "track", "userId": f"p-{i}", "event": "Order Completed" if i % 3 == 0 else "x", "context": {"unit": unit},
                 "properties": {"order_id": f"o-{i}", "total": 10}} for i in range(PEOPLE)])
    suite.wait_quiet()
    one_ids = [suite.lookup("user_id", f"p-{i}").json["one_id"] for i in range(PEOPLE)]
    looks = suite.audit("/v1/records?action=person.lookup&limit=100").json["records"]
    numbers = {record["persons"][0]: int(record["person_numbers"][0]) for record in looks}
    buyers = sorted(numbers[one_ids[i]] for i in range(0, PEOPLE, 3))

    counted = transfer(suite, {"unit": unit}, "u_1", dry_run=True)
    assert "set" not in counted and json.loads(counted["rule"]) == {"unit": unit}
    by_rule = transfer(suite, {"rule": {"metric": "orders", "gte": 1}}, "u_1")
    assert json.loads(by_rule["rule"]) == {"rule": {"gte": "…", "metric": "orders"}}
    shown = suite.audit(f"/v1/sets/{by_rule['set']}").json
    assert shown["intact"] and [int(number) for number in shown["person_numbers"]] == buyers and shown["count"] == by_rule["count"] == len(buyers)
    assert shown["next_after"] is None and hashlib.sha256(array_of(buyers)).hexdigest() == by_rule["set"]
    rest = suite.audit(f"/v1/sets/{by_rule['set']}?after={buyers[2]}").json
    assert [int(number) for number in rest["person_numbers"]] == buyers[3:]

    look = suite.audit("/v1/records?action=audit.set&limit=1").json["records"][0]
    assert look["actor"]["kind"] == "auditor" and json.loads(look["detail"]) == {"set": by_rule["set"], "after": buyers[2], "shown": len(buyers) - 3}
    named = transfer(suite, {"persons": [one_ids[0], one_ids[1]]}, unit)
    pair = sorted([numbers[one_ids[0]], numbers[one_ids[1]]])
    assert json.loads(named["rule"]) == {"persons": 2} and named["set"] == hashlib.sha256(array_of(pair)).hexdigest()
    again = transfer(suite, {"rule": {"metric": "orders", "gte": 1}}, "u_1")
    assert again["set"] == by_rule["set"] != named["set"]

    def about(subject):
        return {record["index"] for record in suite.audit(f"/v1/records?action=binding.transfer&subject={subject}").json["records"]}

    begun = {record["index"] for record in (by_rule, again)}
    assert about(one_ids[0]) == about(numbers[one_ids[0]]) == begun | {named["index"]}
    assert about(one_ids[1]) == {named["index"]} and about(one_ids[3]) == begun and about(one_ids[2]) == set()


def test_what_is_no_set_is_not_found_and_what_was_altered_is_not_shown(suite):
    suite.send([{"type": "track", "userId": f"p-{i}", "event": "x"} for i in range(3)])
    suite.wait_quiet()
    made = transfer(suite, {"rule": {"everyone": True}}, "u_1")["set"]
    for wrong in ("0" * 64, "x", made.upper(), made[:-1]):
        answer = suite.audit(f"/v1/sets/{wrong}")
        assert (answer.status, answer.json["field"]) == (404, "hash"), answer
    for query, field in (("after=x", "after"), ("after=4294967296", "after"), ("limit=1", "limit"), ("after=1&after=2", "after"), ("after=", "after")):
        answer = suite.audit(f"/v1/sets/{made}?{query}")
        assert (answer.status, answer.json["field"]) == (400, field), answer
    assert suite.audit(f"/v1/sets/{made}", token=suite.bootstrap["hq_token"]).status == 401
    assert suite.kill("audit", 15) == 0
    state = suite.data / "audit" / "state" / "data.mdb"
    before, stored = state.read_bytes(), run_of([1, 2, 3])
    assert stored in before and hashlib.sha256(stored).hexdigest() == made
    state.write_bytes(before.replace(stored, run_of([1, 2])))
    suite.start("audit")
    answer = suite.audit(f"/v1/sets/{made}")
    assert answer.json == {"set": made, "intact": False, "count": 0, "person_numbers": [], "next_after": None}


def run_of(numbers):
    """Numbers one after the other as one container with a run."""
    return struct.pack("<IBHHH", 12347, 1, 0, len(numbers) - 1, 1) + struct.pack("<HH", numbers[0], len(numbers) - 1)
