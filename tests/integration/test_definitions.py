# SPDX-License-Identifier: Apache-2.0
"""Segments, tags, stages and journeys as their makers meet them: changed at once by several, named well, refused clearly."""
import threading
import urllib.parse

import pytest

RULE = {"metric": "orders", "gte": 1}


def together(*calls):
    """Runs the calls at the same moment, and returns what they return."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index):
        start.wait()
        results[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def paths(suite):
    """A segment and a tag, to be changed."""
    segment = suite.post("/api/v1/segments", {"name": "base", "rule": RULE})
    suite.post("/api/v1/tags", {"tag": "regular", "rule": RULE})
    return [f"/api/v1/segments/{segment['id']}", "/api/v1/tags/regular"]


def test_changes_made_at_once_do_not_undo_each_other(suite, paths):
    for path in paths:
        for number in range(20):
            changes = [{"description": f"d{number}"}, {"paused": number % 2 == 0},
                       {"rule": {"metric": "orders", "gte": 1 + number}}]
            if "segments" in path:
                changes.append({"name": f"n{number}"})
            before = suite.api("GET", path).json["version"]
            answers = together(*(lambda change=change: suite.api("PATCH", path, change) for change in changes))
            assert [answer.status for answer in answers] == [200] * len(changes), answers
            seen = suite.api("GET", path).json
            assert seen["version"] == before + len(changes)
            assert (seen["state"] == "paused") == (number % 2 == 0)
            for change in changes:
                change.pop("paused", None)
                assert seen.items() >= change.items()


def test_who_names_the_version_changes_that_version_only(suite, paths):
    journey = suite.post("/api/v1/journeys", {
        "name": "j", "entry": {"event": {"event": "Seen"}}, "steps": [{"id": "wait", "type": "wait", "for": "1d"}]})
    changes = [(path, "PATCH", {"description": "changed"}) for path in paths]
    changes.append(("/api/v1/stages", "PUT", {"stages": [{"stage": "all", "rule": {"everyone": True}}]}))
    changes.append((f"/api/v1/journeys/{journey['id']}", "PUT", journey["definition"]))
    for path, method, change in changes:
        shown = suite.api("GET", path)
        tag = shown.headers["ETag"]
        assert tag == f'"{shown.json["version"]}"'
        changed = suite.api(method, path, change, headers={"If-Match": tag})
        assert changed.status == 200 and changed.headers["ETag"] != tag, changed
        refused = suite.api(method, path, change, headers={"If-Match": tag})
        assert refused.status == 412, refused
        assert refused.json["type"] == "urn:quanyu:problem:overtaken"
        assert suite.api("GET", path).json["version"] == changed.json["version"]
        assert suite.api(method, path, change, headers={"If-Match": "*"}).status == 200
        for header in ("W/" + tag, tag.strip('"'), f"{tag}, {tag}", '"x"', '""'):
            wrong = suite.api(method, path, change, headers={"If-Match": header})
            assert wrong.status == 400 and wrong.json["field"] == "If-Match", wrong


def test_who_names_the_version_deletes_that_version_only(suite, paths):
    key = suite.post("/api/v1/write-keys", {"name": "till"})
    journey = suite.post("/api/v1/journeys", {
        "name": "j", "entry": {"event": {"event": "Seen"}}, "steps": [{"id": "wait", "type": "wait", "for": "1d"}]})
    journey_path = f"/api/v1/journeys/{journey['id']}"
    for path, method, change in [(path, "PATCH", {"description": "changed"}) for path in paths] + [
            (f"/api/v1/write-keys/{key['id']}", "PATCH", {"description": "changed"}), (journey_path, "PUT", journey["definition"])]:
        seen = suite.api("GET", path).headers["ETag"]
        current = suite.api(method, path, change).headers["ETag"]
        acts = [(path, "DELETE")] + [(f"{path}/{act}", "POST") for act in ("publish", "pause") if path == journey_path]
        for target, act in acts:
            refused = suite.api(act, target, headers={"If-Match": seen})
            assert refused.status == 412 and refused.json["type"] == "urn:quanyu:problem:overtaken", refused
            wrong = suite.api(act, target, headers={"If-Match": "1"})
            assert wrong.status == 400 and wrong.json["field"] == "If-Match", wrong
        shown = suite.api("GET", path)
        assert shown.headers["ETag"] == current and shown.status == 200
        for target, act in acts[1:]:
            assert suite.api(act, target, headers={"If-Match": current}).status == 200
        assert suite.api("DELETE", path, headers={"If-Match": current}).status == 204
        assert suite.api("GET", path).status == 404


def test_the_description_says_what_takes_a_version(suite):
    for path, methods in suite.get("/openapi.json")["paths"].items():
        for method, operation in methods.items():
            headers = [one["name"] for one in operation.get("parameters", []) if one["in"] == "header" and not one["name"].startswith("X-")]
            one = path.removeprefix("/api/v1/").split("/")
            versioned = one[0] in ("segments", "tags", "journeys", "write-keys", "stages", "units", "staff", "roles", "binding-rules") and (
                (method in ("patch", "put", "delete") and len(one) <= 2) or one[-1] in ("rotate", "revoke", "publish", "pause", "leave"))
            versioned |= one == ["identity-rules"] and method == "put"
            assert headers == (["If-Match"] if versioned else []), (method, path)
            assert ("412" in operation["responses"]) == versioned, (method, path)


@pytest.mark.parametrize("tag", ["a/b", "/", ".", "..", "line\nfeed", "tab\t", "del\x7f", "c1\u0085", "line\u2028end", "", "a" * 201])
def test_a_tag_that_no_path_could_hold_is_not_made(suite, tag):
    answer = suite.api("POST", "/api/v1/tags", {"tag": tag})
    assert answer.status == 400 and answer.json["field"].lstrip("/") == "tag", answer
    assert suite.api("GET", "/api/v1/tags").json["tags"] == []


def test_any_other_tag_can_be_shown_changed_and_deleted(suite):
    for tag in ("回头客", "50 % off?", "a&b=c#d", "...", "ab" * 100, "é" * 100, "\\", "a b", "%2F"):
        suite.post("/api/v1/tags", {"tag": tag})
        path = "/api/v1/tags/" + urllib.parse.quote(tag, safe="")
        assert suite.api("GET", path).json["tag"] == tag
        assert suite.api("PATCH", path, {"description": "x"}).json["description"] == "x"
        assert suite.api("DELETE", path).status == 204


def test_stages_are_refused_with_the_pointer_into_the_body(suite):
    good = {"stage": "new", "rule": {"everyone": True}}
    for stages, pointer in (
            ([{"stage": "x", "rule": {"metric": "nonsense", "gte": 1}}], "/stages/0/rule/metric"),
            ([good, {"stage": "x", "rule": {"all": [{"everyone": True}, {"tag": "nosuch"}]}}], "/stages/1/rule/all/1/tag"),
            ([good, good], "/stages/1"), ([{"stage": ""}], "/stages/0"), ([], "/stages"), ({}, "/stages")):
        answer = suite.api("PUT", "/api/v1/stages", {"stages": stages})
        assert answer.status == 400 and answer.json["field"] == pointer, answer


def test_what_a_change_cannot_do_is_refused_and_changes_nothing(suite, paths):
    for path in paths:
        for change in ({"rule": None}, {"rule": None, "description": "x"}):
            refused = suite.api("PATCH", path, change)
            assert refused.status == 400 and refused.json["field"] == "rule", refused
        assert suite.api("GET", path).json["version"] == 1
        assert suite.api("GET", path).json["rule"] == RULE
    refused = suite.api("PATCH", paths[0], {"name": ""})
    assert refused.status == 400 and refused.json["field"] == "name", refused
    hand = suite.post("/api/v1/tags", {"tag": "hand", "rule": None})
    assert hand["rule"] is None
    assert suite.api("PATCH", "/api/v1/tags/hand", {"rule": None}).status == 200
    assert suite.api("PATCH", "/api/v1/tags/hand", {"rule": RULE}).json["rule"] == RULE
