# SPDX-License-Identifier: Apache-2.0
"""Rate limits of write keys, and overload: what is refused is said so, comes again, and is counted once."""
import concurrent.futures
import contextlib
import time

import pytest

from ingest_client import held_writer, page
from sdk import installed, run_node, stored
from suite import Suite, request, wait_for

KEYS = "/api/v1/write-keys"


def make(suite, **rate):
    answer = suite.api("POST", KEYS, {"name": "limited", "rate": rate or None})
    assert answer.status == 201, answer
    return answer.json


def batch(name, size):
    return {"batch": [page(f"{name}-{number}") for number in range(size)]}


def limited(answer):
    """The seconds after which it may come again."""
    assert answer.status == 429 and answer.json["type"] == "urn:quanyu:problem:rate_limited", answer
    seconds = int(answer.headers["Retry-After"])
    assert seconds >= 1
    until = int(answer.headers["X-RateLimit-Reset"]) - time.time() * 1000  # milliseconds since 1970, as SDKs read it
    assert until <= seconds * 1000 and answer.headers["X-RateLimit-Remaining"].isdigit(), answer.headers.items()
    return seconds


def metric(suite, series):
    page = request(suite.ports["gateway", "OPS_PORT"], "GET", "/metrics").body.decode()
    lines = [line.split()[-1] for line in page.splitlines() if line.startswith(series + " ")]
    return float(lines[0]) if lines else None


def of_key(suite, key, outcome):
    return metric(suite, f'quanyu_write_key_events_total{{write_key="{key["id"]}",outcome="{outcome}"}}')


@contextlib.contextmanager
def started(directory, **settings):
    with Suite(directory, settings={name.replace("__", "."): value for name, value in settings.items()}) as suite:
        suite.start()
        yield suite


def test_a_key_over_its_rate_is_told_when_to_come_again_and_the_others_are_not(suite):
    key, other = make(suite, events_per_second=1, burst=1000), make(suite)
    answer = suite.ingest("/v1/batch", batch("first", 900), write_key=key["secret"])
    assert answer.status == 200 and answer.headers["X-RateLimit-Limit"] == "1000", answer
    assert 100 <= int(answer.headers["X-RateLimit-Remaining"]) < 1000
    seconds = limited(suite.ingest("/v1/batch", batch("second", 1000), write_key=key["secret"]))
    assert seconds <= 900
    assert suite.ingest("/v1/page", {"userId": "u"}, write_key=key["secret"]).status == 200, "a smaller one passes"
    unlimited = suite.ingest("/v1/batch", batch("other", 1000), write_key=other["secret"])
    assert unlimited.status == 200 and "X-RateLimit-Limit" not in unlimited.headers
    assert [of_key(suite, key, outcome) for outcome in ("accepted", "limited")] == [901, 1000]
    assert of_key(suite, other, "accepted") == 1000
    assert metric(suite, "quanyu_ingest_rate_limited_total") == 1
    suite.wait_quiet()


def test_what_came_too_soon_comes_again_and_is_counted_once(suite):
    key = make(suite, events_per_second=500, burst=100)
    refusals = 0
    for number in range(10):
        def send():
            nonlocal refusals
            answer = suite.ingest("/v1/batch", batch(f"b{number}", 100), write_key=key["secret"])
            if answer.status != 200:
                limited(answer)
                refusals += 1
                return None
            assert (answer.json["accepted"], answer.json["duplicates"]) == (100, 0)
            return answer

        wait_for(send, f"batch {number} is taken")
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["events"] == 1000
    assert of_key(suite, key, "accepted") == 1000 and of_key(suite, key, "limited") == refusals * 100
    assert of_key(suite, key, "duplicate") == 0


@pytest.mark.parametrize("script", ["segment_node.mjs", "rudder_node.cjs"])
def test_an_sdk_over_the_rate_of_its_key_loses_and_doubles_nothing(script, suite):
    key = make(suite, events_per_second=10, burst=10)
    place = installed()
    assert suite.ingest("/v1/batch", batch("before", 100), write_key=key["secret"]).status == 200  # ten seconds' debt
    calls = [["track", {"userId": "sdk", "event": "Product Viewed", "properties": {"number": number}}] for number in range(20)]
    given = {"key": key["secret"], "host": f"http://127.0.0.1:{suite.ports['gateway', 'HTTP_PORT']}", "calls": calls,
             "options": {"flushAt": 10, "maxRetries": 30, "retryCount": 30}}
    assert '"errors":[]' in run_node(place, script, given)
    assert of_key(suite, key, "limited") > 0 and of_key(suite, key, "accepted") == 120
    assert sorted(event["body"]["properties"]["number"] for event in stored(suite, "sdk")) == list(range(20))
    suite.wait_quiet()


def test_a_batch_that_no_bucket_can_hold_passes_and_is_paid_for(suite):
    key = make(suite, events_per_second=1, burst=10)
    assert suite.ingest("/v1/batch", batch("large", 2000), write_key=key["secret"]).status == 200
    assert limited(suite.ingest("/v1/page", {"userId": "u"}, write_key=key["secret"])) > 100
    changed = suite.api("PATCH", f"{KEYS}/{key['id']}", {"rate": {"events_per_second": 1, "burst": 20}})
    assert changed.status == 200
    assert suite.ingest("/v1/page", {"userId": "u"}, write_key=key["secret"]).status == 200, "another rate begins anew"
    suite.api("PATCH", f"{KEYS}/{key['id']}", {"rate": None})
    assert suite.ingest("/v1/batch", batch("more", 5000), write_key=key["secret"]).status == 200
    suite.wait_quiet()


def test_what_is_wrong_in_itself_is_not_a_matter_of_rate(suite):
    key = make(suite, events_per_second=1, burst=10)
    assert suite.ingest("/v1/batch", batch("all", 10), write_key=key["secret"]).status == 200
    assert suite.ingest("/v1/batch", batch("huge", 6000), write_key=key["secret"]).status == 413
    assert suite.ingest("/v1/page", "{", write_key=key["secret"]).status == 400
    limited(suite.ingest("/v1/page", {"nobody": 1}, write_key=key["secret"]))


def test_the_settings_hold_for_keys_without_a_rate_of_their_own(directory):
    with started(directory, gateway__key_rate=1, gateway__key_burst=50) as suite:
        first = suite.bootstrap["write_key"]
        free, own = make(suite, events_per_second=0), make(suite, events_per_second=1)
        assert suite.ingest("/v1/batch", batch("a", 50), write_key=first).headers["X-RateLimit-Limit"] == "50"
        limited(suite.ingest("/v1/batch", batch("b", 50), write_key=first))
        assert suite.ingest("/v1/batch", batch("c", 5000), write_key=free["secret"]).status == 200
        assert suite.ingest("/v1/page", page("d"), write_key=own["secret"]).headers["X-RateLimit-Limit"] == "10"
        suite.wait_quiet()


# -- overload: the writer is held, and what would wait for it is shed

@pytest.mark.parametrize("settings", [{"gateway__shed_after": "100ms"}, {"gateway__shed_after": "0ms", "gateway__queue_max": "64K"}],
                         ids=["by age", "by size"])
def test_overload_is_shed_and_what_is_on_its_way_is_answered(directory, settings):
    with started(directory, **settings) as suite, concurrent.futures.ThreadPoolExecutor(400) as pool:
        suite.send([page("before")])
        suite.wait_quiet()
        waiting, shed = [], []

        def offer():
            """One more call; True once one was shed."""
            body = {"batch": [{**page(f"during-{len(waiting)}-{i}"), "properties": {"filler": "x" * 1000}} for i in range(20)]}
            waiting.append(pool.submit(suite.ingest, "/v1/batch", body))
            shed[:] = [call.result() for call in waiting if call.done()]
            return shed

        with held_writer(suite):
            wait_for(offer, "calls are shed", every=0.02)
            assert all(answer.status == 503 and int(answer.headers["Retry-After"]) >= 1 for answer in shed), shed
            before = metric(suite, "quanyu_ingest_shed_total")
            for path in ("/v1/track", "/v1/batch", "/v1/import"):
                answer = suite.ingest(path, {"batch": [page("x")]})
                assert answer.status == 503 and "waiting to be stored" in answer.json["detail"], answer
            assert metric(suite, "quanyu_ingest_shed_total") >= before + 3
            assert suite.lookup("user_id", "u").status == 200, "what waits for a record is not shed"
            assert suite.count({"everyone": True}) == 1
            made = pool.submit(suite.api, "POST", KEYS, {"name": "made meanwhile"})
            declared = pool.submit(suite.api, "POST", "/api/v1/imports", {"id": "0" * 32, "name": "f", "beginning": "b"})
            assert suite.get("/api/v1/clock")["clock"] == "simulated"
        answers = [call.result(60) for call in waiting]
        assert made.result(60).status == 201 and declared.result(60).status == 200, "nor is what waits for the writer"
        taken = [answer for answer in answers if answer.status == 200]
        assert taken and {answer.status for answer in answers} == {200, 503}
        assert all(answer.json["accepted"] == 20 for answer in taken)
        again = wait_for(lambda: next((a for a in [suite.ingest("/v1/page", page("after"))] if a.status == 200), None), "it is taken again")
        assert again.json["accepted"] == 1
        suite.wait_quiet()
        assert suite.get("/api/v1/summary")["events"] == 1 + len(taken) * 20 + 1
