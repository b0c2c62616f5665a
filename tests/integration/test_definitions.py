# SPDX-License-Identifier: Apache-2.0
"""Segments, tags, stages and journeys as their makers meet them: changed at once by several, named well, refused clearly."""
import threading

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
