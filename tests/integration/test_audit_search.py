# SPDX-License-Identifier: Apache-2.0
"""The audit log answers: what it finds, counts and groups is what an oracle finds in all the records that it gave out."""
import base64
import collections
import concurrent.futures
import csv
import datetime
import hashlib
import io
import json
import os
import random
import re
import urllib.parse
import zoneinfo

import pytest

from suite import wait_for

TEXTS = {"actor": lambda r: [r["actor"]["id"]], "actor_kind": lambda r: [r["actor"]["kind"]], "role": lambda r: [r["actor"].get("role")],
         "address": lambda r: [r["actor"].get("address")], "token": lambda r: [r["actor"].get("token_id")],
         "operation": lambda r: [r["action"]], "outcome": lambda r: [r.get("outcome")], "service": lambda r: [r.get("service")],
         "field": lambda r: r["fields"], "unit": lambda r: [r.get("unit")], "purpose": lambda r: [r.get("purpose")],
         "journey": lambda r: [r.get("journey")], "subject": lambda r: r["persons"] + r["person_numbers"]}


def values(record, name):
    return {value for value in TEXTS[name](record) if value}


def ask(suite, path, **query):
    pairs = [(name, one) for name, value in query.items() for one in (value if isinstance(value, list) else [value])]
    return suite.audit(path + ("?" + urllib.parse.urlencode(pairs) if pairs else ""))


def pages(suite, **query):
    """All records that are found, page by page."""
    found, cursor = [], {}
    while True:
        answer = ask(suite, "/v1/records", **query, **cursor)
        assert answer.status == 200, answer
        found += answer.json["records"]
        if answer.json["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json["next_cursor"]}


def fits(record, query):
    for name, wanted in query.items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        if name in ("from", "to"):
            at = datetime.datetime.fromisoformat(record["time"])
            edge = datetime.datetime.fromisoformat(wanted[0])
            if (at < edge) if name == "from" else (at >= edge):
                return False
        elif not any(value.startswith(one[:-1]) if one.endswith("*") else value == one
                     for value in values(record, name) for one in wanted):
            return False
    return True


@pytest.fixture
def busy(suite):
    """Some weeks of use: people are looked at, tagged, counted, missed; by HQ and by the services themselves."""
    dice = random.Random(seed := int(os.environ.get("QUANYU_SEED", random.randrange(10 ** 9))))
    print(f"QUANYU_SEED={seed}")
    people = [f"u{i}" for i in range(12)]
    suite.send([{"type": "identify", "userId": one, "traits": {"name": f"Zhang {one}"}} for one in people])
    suite.wait_quiet()
    ids = [suite.lookup("user_id", one).json["one_id"] for one in people]
    suite.post("/api/v1/tags", {"tag": "vip"})
    for _ in range(160):
        one = dice.choice(ids)
        deed = dice.randrange(7)
        if deed == 0:
            suite.lookup("user_id", dice.choice(people + ["nobody"]))
        elif deed == 1:
            suite.api("GET", f"/api/v1/persons/{one}")
        elif deed == 2:
            suite.api("POST", f"/api/v1/persons/{one}/tags", {"tag": dice.choice(["vip", "nosuch"])})
        elif deed == 3:
            suite.count({"everyone": True})
        elif deed == 4:
            suite.api("GET", "/api/v1/persons/p_nobody00")
        elif deed == 5:
            suite.api("DELETE", f"/api/v1/persons/{one}/tags/vip")
        elif dice.random() < 0.2:
            suite.advance("3h")
    suite.wait_quiet()
    return dice


def draw(dice, everything):
    """A question whose answer is likely not empty: made from a record."""
    record, query = dice.choice(everything), {}
    for name in TEXTS:
        there = sorted(values(record, name))
        if there and dice.random() < 0.25:
            one = dice.choice(there)
            if dice.random() < 0.3 and name != "subject" and name != "actor_kind":
                one = one[:dice.randrange(1, len(one) + 1)] + "*"
            other = sorted(values(dice.choice(everything), name))
            query[name] = [one, other[0]] if other and dice.random() < 0.3 else one
    for edge in ("from", "to"):
        if dice.random() < 0.3:
            query[edge] = dice.choice(everything)["time"]
            if query[edge] < "2000":  # before time was heard of
                del query[edge]
    if "from" in query and "to" in query and query["to"] <= query["from"]:
        del query["to"]
    return query


def test_what_is_found_is_what_an_oracle_finds(busy, suite):
    everything = pages(suite, order="oldest", limit=1000)
    assert [int(record["index"]) for record in everything] == list(range(len(everything)))
    assert len(everything) > 150
    for _ in range(60):
        query = draw(busy, everything)
        # What joined persons have to do with each other is no business of this oracle: nobody is joined here.
        # A One ID also finds records that have its number only.
        if "subject" in query:
            names = query["subject"] if isinstance(query["subject"], list) else [query["subject"]]
            numbers = {(record["persons"][0], number) for record in everything if len(record["persons"]) == 1
                       for number in record["person_numbers"]}
            more = {number for one, number in numbers if one in names}
            wanted = {**query, "subject": names + sorted(more)}
        else:
            wanted = query
        expected = [record["index"] for record in everything if fits(record, wanted)]
        size = len(everything)  # questions are on record, too: what came since is left out
        found = [record["index"] for record in pages(suite, **query, order="oldest", limit=busy.randrange(1, 60)) if int(record["index"]) < size]
        assert found == expected, query
        newest = [record["index"] for record in pages(suite, **query, limit=1000) if int(record["index"]) < size]
        assert newest == expected[::-1], query


def test_counts_and_histograms_are_what_an_oracle_counts(busy, suite):
    suite.wait_quiet()
    everything = pages(suite, order="oldest", limit=1000)
    services = ["gateway", "identity", "tagging", "campaign"]  # not audit's own: asking adds to those
    shanghai = zoneinfo.ZoneInfo("Asia/Shanghai")
    for _ in range(40):
        query = {**draw(busy, everything), "service": services}
        query.pop("subject", None)
        query.setdefault("from", "2026-01-01T00:00:00Z")  # before that there is no time: too many hours
        if query.get("to", "9") <= query["from"]:
            del query["to"]
        expected = [record for record in everything if fits(record, query)]
        assert ask(suite, "/v1/records/count", **query).json == {"count": len(expected)}, query
        name = busy.choice([one for one in TEXTS if one != "subject"])
        tally = collections.Counter(value for record in expected for value in values(record, name))
        answer = ask(suite, "/v1/records/histogram", **query, by=name, top=1000).json
        assert (answer["total"], answer["different"]) == (len(expected), len(tally))
        assert [(group["value"], group["count"]) for group in answer["groups"]] == sorted(tally.items(), key=lambda one: (-one[1], one[0].encode()))
        by, form = busy.choice([("hour", "%Y-%m-%dT%H"), ("day", "%Y-%m-%d"), ("month", "%Y-%m")])
        tally = collections.Counter(datetime.datetime.fromisoformat(record["time"]).astimezone(shanghai).strftime(form) for record in expected)
        answer = ask(suite, "/v1/records/histogram", **query, by=by, timezone="Asia/Shanghai").json
        assert {group["value"]: group["count"] for group in answer["groups"] if group["count"]} == tally, query


def test_many_who_ask_at_once_are_all_answered_and_on_record(busy, suite):
    del busy
    asked = [("/v1/records/count", {}), ("/v1/records", {"limit": 100}), ("/v1/records/histogram", {"by": "actor"}), ("/v1/reports/daily-use", {}),
             ("/v1/export/ocsf", {"lines": 50}), ("/v1/tree", {}), ("/checkpoint", {})]
    before = ask(suite, "/v1/records/count", actor_kind="auditor").json["count"]
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda at: ask(suite, asked[at % len(asked)][0], **asked[at % len(asked)][1]), range(210)))
    assert {answer.status for answer in answers} == {200}
    recorded = sum(path not in ("/v1/tree", "/checkpoint") for path, _ in asked) * 210 // len(asked)
    assert ask(suite, "/v1/records/count", actor_kind="auditor").json["count"] == before + 1 + recorded


def test_the_command_line_asks_the_same(busy, suite):
    del busy
    count = json.loads(suite.cli("audit", "count", "--operation", "person.*", "--service", "gateway").stdout)["count"]
    groups = json.loads(suite.cli("audit", "histogram", "--by", "operation", "--operation", "person.*", "--service", "gateway").stdout)
    assert count == groups["total"] == sum(group["count"] for group in groups["groups"]) > 10
    shown = json.loads(suite.cli("audit", "search", "--operation", "person.show", "--order", "oldest", "--limit", "3").stdout)["records"]
    assert [record["action"] for record in shown] == ["person.show"] * 3
    assert shown == json.loads(suite.cli("audit", "--operation", "person.show", "--order", "oldest", "--limit", "3").stdout)["records"]
    wrong = suite.cli("audit", "count", "--hair", "red", check=False)
    assert wrong.returncode == 2 and "--hair" in wrong.stderr


def test_a_look_at_the_log_is_on_record_with_what_was_asked(suite):
    suite.count({"everyone": True})
    wait_for(lambda: ask(suite, "/v1/records/count", operation="audience.count", outcome="ok").json["count"] == 1, "the count is on record")
    ask(suite, "/v1/records/histogram", by="day", actor=["st_1", "st_2"])
    own = pages(suite, operation="audit.histogram")
    assert [record["actor"]["kind"] for record in own] == ["auditor"]
    assert json.loads(own[0]["detail"]) == {"actor": ["st_1", "st_2"], "by": "day", "count": own and json.loads(own[0]["detail"])["count"],
                                            "groups": json.loads(own[0]["detail"])["groups"]}


def test_reports_say_the_same_in_all_three_forms(busy, suite):
    suite.wait_quiet()
    everything = pages(suite, order="oldest", limit=1000)
    for name in ("daily-use", "unmasking", "exports", "refused"):
        report = ask(suite, f"/v1/reports/{name}", timezone="Asia/Shanghai").json
        rows = list(csv.DictReader(io.StringIO(ask(suite, f"/v1/reports/{name}", timezone="Asia/Shanghai", format="csv").body.decode())))
        cells = [(section["title"], row["value"], column, count) for section in report["sections"] for row in section["rows"]
                 for column, count in zip(section["columns"], row["counts"])]
        assert cells == [(row["section"], row["value"], row["column"], int(row["count"])) for row in rows], name
        page = ask(suite, f"/v1/reports/{name}", timezone="Asia/Shanghai", format="html")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        style = re.search(r"<style>(.*?)</style>", page.body.decode(), re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in page.headers["Content-Security-Policy"]
        assert "<script" not in page.body.decode() and "http" not in page.body.decode()
        assert f"{report['total']} records" in page.body.decode()
    staff = [record for record in everything if record["actor"]["kind"] == "staff"]
    use = ask(suite, "/v1/reports/daily-use").json
    by_role = {row["value"]: row["counts"][0] for row in use["sections"][3]["rows"]}
    assert use["total"] == len(staff) and by_role == collections.Counter(record["action"] for record in staff)
    refused = ask(suite, "/v1/reports/refused").json
    assert refused["total"] == sum(record.get("outcome") in ("denied", "not_found", "invalid", "conflict") for record in everything) > 5
    assert len(pages(suite, operation="audit.report")) == 14
    assert suite.audit("/v1/reports/nosuch").status == 404
    assert suite.audit("/v1/reports/refused?outcome=ok").json["field"] == "outcome"
    assert suite.cli("audit", "report", "exports", "--format", "csv").stdout.startswith("section,by,value,across,column,count")


# What OCSF 1.3.0 requires of the two classes, their objects included.
OCSF = {6003: {"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time", "type_uid"},
        6005: {"activity_id", "actor", "category_uid", "class_uid", "database", "metadata", "severity_id", "src_endpoint", "time", "type_uid"}}
ACTIVITIES = {6003: {0, 1, 2, 3, 4, 99}, 6005: {*range(11), 99}}


def assert_is_event(event, record):
    kind = event["class_uid"]
    assert OCSF[kind] <= event.keys(), OCSF[kind] - event.keys()
    assert event["category_uid"] == 6 and event["activity_id"] in ACTIVITIES[kind]
    assert event["type_uid"] == kind * 100 + event["activity_id"]
    assert event["metadata"]["version"] == "1.3.0" and event["metadata"]["product"]["vendor_name"]
    assert event["actor"]["user"]["uid"] == record["actor"]["id"]
    assert event["src_endpoint"].get("ip") == record["actor"].get("address") and event["src_endpoint"]["svc_name"]
    assert event["api"]["operation"] == record["action"]
    assert "database" not in event or {"name", "type_id"} <= event["database"].keys()
    assert event["severity_id"] in range(7) and event["status_id"] in (0, 1, 2, 99)
    at = datetime.datetime.fromisoformat(record["time"])
    assert event["time"] == round(at.timestamp() * 1000)
    assert event["unmapped"].get("persons", []) == record["persons"]


def test_events_for_other_systems_are_as_their_schema_has_them_and_go_on_where_they_ended(busy, suite):
    suite.wait_quiet()
    everything = pages(suite, order="oldest", limit=1000)
    got, start = [], 0
    while start < len(everything):
        answer = ask(suite, "/v1/export/ocsf", from_index=start, lines=37)
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
        got += [json.loads(line) for line in answer.body.splitlines()]
        start = int(answer.headers["X-Next-Index"])
    got = got[:len(everything)]
    assert [event["metadata"]["sequence"] for event in got] == [int(record["index"]) for record in everything]
    for event, record in zip(got, everything):
        assert_is_event(event, record)
    assert {event["class_uid"] for event in got} == {6003, 6005}
    lines = suite.cli("audit", "ocsf", "--operation", "person.lookup").stdout.splitlines()
    assert len(lines) == sum(record["action"] == "person.lookup" for record in everything)
    assert json.loads(pages(suite, operation="audit.export", limit=1)[0]["detail"])["operation"] == "person.lookup"
    until = everything[len(everything) // 2]["time"]
    answer = ask(suite, "/v1/export/ocsf", to=until, lines=10000)
    assert int(answer.headers["X-Next-Index"]) == len(answer.body.splitlines()) == sum(record["time"] < until for record in everything)


def test_what_is_asked_does_not_put_a_number_or_an_email_on_record(busy, suite):
    size = suite.audit("/v1/tree").json["size"]
    for name, value in (("subject", "13800138000"), ("subject", "+86 138 0013 8000"), ("actor", "li@example.com"), ("purpose", "asked by 13800138000")):
        answer = ask(suite, "/v1/records", **{name: value})
        assert answer.status == 400 and answer.json["field"] == name and "One ID" in answer.json["detail"], answer
    assert suite.audit("/v1/tree").json["size"] == size
    assert ask(suite, "/v1/records", subject="4000000000").status == 200
