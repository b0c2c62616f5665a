# SPDX-License-Identifier: Apache-2.0
"""`quanyu import`: what becomes of lines that are bad, and what a user sees of it."""
import csv
import json

MAP = {"time_zone": "Asia/Shanghai",
       "skip": [{"where": [{"column": "sum", "is": "0"}], "reason": "nothing bought"}],
       "events": [{"type": "track", "event": "Order Completed", "user_id": "{who}", "time": {"column": "when", "format": "%Y-%m-%d"},
                   "properties": {"order_id": "{order}", "total": {"column": "sum", "as": "number"}, "slogan": "{note}"}}]}


def run(suite, content, mapping, check=True, name="sales.csv"):
    path, rules, report = (suite.directory / file for file in (name, "map.json", "report.csv"))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rules.write_text(json.dumps(mapping))
    report.unlink(missing_ok=True)
    result = suite.cli("import", path, "--map", rules, "--report", report, check=check)
    with open(report, encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["line", "reason"]
    return result, [(int(line), reason) for line, reason in lines[1:]]


def test_bad_lines_are_reported_and_the_others_are_taken(suite):
    lines = [b"who,order,when,sum,note", b"u1,o1,2025-12-01,10.50,fine", b"u1,o2,2025-12-02", b"u1,o3,2025-12-03,ten,", b"u1,o4,soon,1,",
             b"u1,o5,2025-12-05,1,\xff\xfe", b"u1,o6,2025-12-06,0,", b",o7,2025-12-07,1,", b'u1,"o"8,2025-12-08,1,',
             b"u1,o9,2025-12-09,1," + b"x" * 40000, b'u2,o10,2025-12-10,"2.25","two\nlines"', b"u1,o11,2025-12-11,1.5,last", b'u1,"o12']
    result, report = run(suite, b"\n".join(lines), MAP)
    reasons = dict(report)
    assert sorted(reasons) == [3, 4, 5, 6, 8, 9, 10, 14]
    assert reasons[3] == "3 columns where there must be 5"
    assert reasons[4] == 'column sum: "ten" is not a decimal number with at most 4 places'
    assert reasons[5] == "column when: \"soon\" is not a time in the mapping's format"
    assert reasons[6] == "not UTF-8"
    assert reasons[8].startswith("no_user_anon_id: userId")
    assert reasons[9] == "text behind a closing quote"
    assert reasons[10].startswith("too_large:")
    assert reasons[14] == "a quoted field has no end"
    assert result.stdout.startswith("12 lines, 5 events: 3 new, 0 there already\n1 lines left out: nothing bought\n6 lines were not taken;")
    assert "2 events were refused by the gateway" in result.stdout
    suite.wait_quiet()
    one, two = (suite.lookup("user_id", user).json for user in ("u1", "u2"))
    assert (one["metrics"]["orders"], one["metrics"]["gross"]) == (2, "12.00")
    assert (two["metrics"]["orders"], two["metrics"]["last_order_at"]) == (1, "2025-12-09T16:00:00Z")
    assert two["events"][0]["properties"]["slogan"] == "two\nlines"


def test_a_quote_without_end_costs_one_line(suite):
    lines = ["who,order,when,sum,note"] + [f"u{n},o{n},2025-12-01,1.00,note {n}" for n in range(3000)]
    for broken in (10, 1500, 2995):
        lines[broken + 1] = f'u{broken},o{broken},2025-12-01,1.00,"note'
    result, report = run(suite, "\n".join(lines) + "\n", MAP)
    assert report == [(12, "a quoted field has no end within 1,000 lines and 1 MiB"),
                      (1502, "a quoted field has no end within 1,000 lines and 1 MiB"), (2997, "a quoted field has no end")]
    assert result.stdout.startswith("3000 lines, 2997 events: 2997 new, 0 there already\n3 lines were not taken;")
    suite.wait_quiet()
    assert suite.count({"metric": "orders", "gte": 1}) == 2997
    assert suite.lookup("user_id", "u10").status == 404 and suite.lookup("user_id", "u11").status == 200


def test_a_group_with_a_bad_line_is_left_out_as_a_whole(suite):
    mapping = {"group_by": ["order"], "events": [{"type": "track", "event": "Order Completed", "user_id": "{who}",
                                                  "properties": {"order_id": "{order}", "total": {"sum": ["count", "price"]}}}]}
    text = "order,who,count,price\na,u1,2,1.10\nb,u1,1,5\na,u1,3,0.05\nb,u1,1,five\nc,u2,1,0.001\n"
    result, report = run(suite, text, mapping)
    assert report == [(3, "left out together with line 5"), (5, 'column price: "five" is not a decimal number with at most 4 places'),
                      (6, "total: the sum has more than 2 decimal places, or is too large")]
    assert result.stdout.startswith("5 lines, 1 events: 1 new, 0 there already\n3 lines were not taken;")
    suite.wait_quiet()
    person = suite.lookup("user_id", "u1").json
    assert (person["metrics"]["orders"], person["metrics"]["gross"]) == (1, "2.35")
    assert suite.lookup("user_id", "u2").status == 404


def test_what_was_imported_is_history_and_starts_nothing(suite):
    segment = suite.post("/api/v1/segments", {"name": "buyers", "rule": {"metric": "orders", "gte": 1}})
    run(suite, "who,order,when,sum,note\nu1,o1,2025-12-01,10.50,\n", MAP)
    suite.wait_quiet()
    changes = suite.get(f"/api/v1/segments/{segment['id']}/changes")["changes"]
    assert [(change["change"], change["cause"]) for change in changes] == [("entered", "import")]


def test_another_file_or_another_mapping_is_another_import(suite):
    text = "who,order,when,sum,note\nu1,o1,2025-12-01,10.50,\n"
    assert ": 1 new, 0 there already" in run(suite, text, MAP)[0].stdout
    assert ": 0 new, 1 there already" in run(suite, text, MAP, name="renamed.csv")[0].stdout
    assert ": 2 new, 0 there already" in run(suite, text + "u2,o2,2025-12-01,1,\n", MAP)[0].stdout
    suite.wait_quiet()
    assert suite.lookup("user_id", "u1").json["metrics"]["orders"] == 1  # the order's id is the same


def test_what_cannot_be_imported_is_said_at_once(suite):
    def refused(content, mapping):
        result = run(suite, content, mapping, check=False)[0]
        assert result.returncode == 1
        return result.stderr

    assert "the file is empty" in refused("", MAP)
    assert 'the file has no column "sum"' in refused("who,order\n1,2\n", MAP)
    assert "not UTF-8" in refused(b"wh\xff,b\n1,2\n", MAP)
    assert "/events/0/typo: there is no such member" in refused("who\n", {"events": [{"type": "track", "typo": 1}]})
    missing = suite.cli("import", suite.directory / "missing.csv", "--map", suite.directory / "map.json", check=False)
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
    assert suite.cli("import", "--map", check=False).returncode == 2
