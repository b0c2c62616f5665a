# SPDX-License-Identifier: Apache-2.0
"""`quanyu import`: what becomes of lines that are bad, and what a user sees of it."""
import csv
import json

from suite import Suite

MAP = {"time_zone": "Asia/Shanghai",
       "skip": [{"where": [{"column": "sum", "is": "0"}], "reason": "nothing bought"}],
       "events": [{"type": "track", "event": "Order Completed", "user_id": "{who}", "time": {"column": "when", "format": "%Y-%m-%d"},
                   "properties": {"order_id": "{order}", "total": {"column": "sum", "as": "number"}, "slogan": "{note}"}}]}


def run(suite, content, mapping, *options, status=0, name="sales.csv"):
    """What the command said, and the lines of its report; None where it made none."""
    path, rules, report = (suite.directory / file for file in (name, "map.json", "report.csv"))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rules.write_text(json.dumps(mapping))
    report.unlink(missing_ok=True)
    result = suite.cli("import", path, "--map", rules, "--report", report, *options, check=False)
    assert result.returncode == status, result
    if not report.exists():
        return result, None
    with open(report, encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["line", "reason"]
    return result, [(int(line), reason) for line, reason in lines[1:]]


def test_bad_lines_are_reported_and_the_others_are_taken(suite):
    lines = [b"who,order,when,sum,note", b"u1,o1,2025-12-01,10.50,fine", b"u1,o2,2025-12-02", b"u1,o3,2025-12-03,ten,", b"u1,o4,soon,1,",
             b"u1,o5,2025-12-05,1,\xff\xfe", b"u1,o6,2025-12-06,0,", b",o7,2025-12-07,1,", b'u1,"o"8,2025-12-08,1,',
             b"u1,o9,2025-12-09,1," + b"x" * 40000, b'u2,o10,2025-12-10,"2.25","two\nlines"', b"u1,o11,2025-12-11,1.5,last", b'u1,"o12']
    result, report = run(suite, b"\n".join(lines), MAP, status=3)
    reasons = dict(report)
    assert sorted(reasons) == [3, 4, 5, 6, 8, 9, 10, 14]
    assert reasons[3] == "3 columns where there must be 5"
    assert reasons[4] == 'column sum: "ten" is not a decimal number with at most 4 places'
    assert reasons[5] == "column when: \"soon\" is not a time in the mapping's format, or there is no such day"
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
    result, report = run(suite, "\n".join(lines) + "\n", MAP, status=3)
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
    result, report = run(suite, text, mapping, status=3)
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


def orders(suite, user="u1"):
    suite.wait_quiet()
    return suite.lookup("user_id", user).json["metrics"]["orders"]


# Orders without an id, each line one of its own: what comes twice counts twice.
LINES = "who,when,sum\nu1,2025-12-01,1\nu1,2025-12-02,2\n"
LINES_MAP = {"events": [{"type": "track", "event": "Order Completed", "user_id": "{who}", "time": {"column": "when", "format": "%Y-%m-%d"},
                         "properties": {"total": {"column": "sum", "as": "number"}}}]}


def test_what_decides_nothing_makes_no_other_import(suite):
    skip = {"where": [{"column": "sum", "is": "0"}], "reason": "nothing bought"}
    assert ": 2 new, 0 there already" in run(suite, LINES, {**LINES_MAP, "skip": [skip]})[0].stdout
    assert ": 0 new, 2 there already" in run(suite, LINES, {**LINES_MAP, "skip": [skip]}, name="renamed.csv")[0].stdout
    described = {"skip": [{**skip, "reason": "given away"}], "description": "December", **LINES_MAP}
    assert ": 0 new, 2 there already" in run(suite, LINES, described)[0].stdout
    assert orders(suite) == 2


def test_a_file_that_was_imported_with_other_content_is_refused_unless_it_is_new(suite):
    assert ": 2 new, 0 there already" in run(suite, LINES, LINES_MAP)[0].stdout
    longer = LINES + "u1,2025-12-03,3\n"
    mended = LINES.replace("2025-12-01,1", "2025-12-01,1.50")
    other = {"events": [{**LINES_MAP["events"][0], "context": {"touchpoint": "till-7"}}]}
    for text, mapping, name, reason in ((longer, LINES_MAP, "sales.csv", "of the same name"), (mended, LINES_MAP, "sales.csv", "of the same name"),
                                        (LINES, other, "sales.csv", "of the same name"),
                                        (longer, LINES_MAP, "longer.csv", "that begins with the same lines")):
        result, report = run(suite, text, mapping, status=1, name=name)
        assert f"quanyu: {name}: a file {reason} was imported at 2026-01-01T00:00:00Z with other content or another mapping" in result.stderr
        assert "--as-new" in result.stderr and result.stdout == "" and report is None
    assert orders(suite) == 2
    assert ": 3 new, 0 there already" in run(suite, longer, LINES_MAP, "--as-new")[0].stdout
    assert ": 0 new, 3 there already" in run(suite, longer, LINES_MAP)[0].stdout  # it is known by now
    assert ": 0 new, 2 there already" in run(suite, LINES, LINES_MAP)[0].stdout
    assert orders(suite) == 5
    assert ": 1 new, 0 there already" in run(suite, "who,when,sum\nu1,2025-12-09,9\n", LINES_MAP, name="january.csv")[0].stdout


def test_an_import_of_which_nothing_was_taken_stands_in_nobodys_way(suite):
    broken = LINES.replace("2025-12-0", "soon")
    assert run(suite, broken, LINES_MAP, status=3)[0].stdout.startswith("2 lines, 0 events")
    assert ": 2 new, 0 there already" in run(suite, LINES, LINES_MAP)[0].stdout


def test_orders_with_an_id_count_once_in_any_import(suite):
    text = "who,order,when,sum,note\nu1,o1,2025-12-01,10.50,\n"
    assert ": 1 new, 0 there already" in run(suite, text, MAP)[0].stdout
    assert ": 2 new, 0 there already" in run(suite, text + "u2,o2,2025-12-01,1,\n", MAP, "--as-new")[0].stdout
    assert orders(suite) == 1


def test_a_day_that_there_is_not_is_a_bad_line(suite):
    result, report = run(suite, LINES.replace("2025-12-02", "2026-02-30"), LINES_MAP, status=3)
    assert report == [(3, 'column when: "2026-02-30" is not a time in the mapping\'s format, or there is no such day')]
    assert result.stdout.startswith("2 lines, 1 events: 1 new, 0 there already\n1 lines were not taken;")


def test_a_declaration_is_checked(suite):
    right = {"id": "0" * 32, "name": "a.csv", "beginning": "b"}
    assert suite.post("/api/v1/imports", right) == {"id": "0" * 32, "known": False}
    assert suite.post("/api/v1/imports", {**right, "as_new": True}) == {"id": "0" * 32, "known": True}
    for wrong, field in (({"id": "xyz"}, "id"), ({"id": "0" * 31 + "x"}, "id"), ({"name": 5}, "name"), ({"beginning": ""}, "beginning"),
                         ({"as_new": "yes"}, "as_new"), ({"names": "a"}, "names")):
        answer = suite.api("POST", "/api/v1/imports", {**right, **wrong})
        assert (answer.status, answer.json["field"]) == (400, field), answer


def test_what_cannot_be_imported_is_said_at_once(suite):
    def refused(content, mapping):
        result, report = run(suite, content, mapping, status=1)
        assert report is None
        return result.stderr

    def event(**members):
        return {"events": [{"type": "track", "event": "E", "user_id": "{who}", **members}]}

    assert "the file is empty" in refused("", MAP)
    assert '/skip/0/where/0/column: the file has no column "sum"' in refused("who,order\n1,2\n", MAP)
    assert "not UTF-8" in refused(b"wh\xff,b\n1,2\n", MAP)
    assert "/events/0/typo: there is no such member" in refused("who\n", event(typo=1))
    assert "/events/0/type: must be track," in refused("who\n", event(type="zz"))
    assert "/events/0: event, the name of what was done, is required" in refused("who\n", {"events": [{"type": "track"}]})
    assert "/events/0/time/format: must be a format" in refused("who\n", event(time={"column": "who", "format": "%Q"}))
    missing = suite.cli("import", suite.directory / "missing.csv", "--map", suite.directory / "map.json", check=False)
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
    assert suite.cli("import", "--map", check=False).returncode == 2


def test_without_credentials_it_is_said_once(directory):
    suite = Suite(directory)
    result = run(suite, LINES, LINES_MAP, status=1)[0]
    assert result.stderr == f"quanyu: no credentials in {suite.data}/bootstrap/gateway.json: is the suite started, and QUANYU_DATA the same?\n"
