# SPDX-License-Identifier: Apache-2.0
"""Events that are accepted and belong to nobody come back as dead letters: with the reason, corrected, replayed and counted once, whoever
is killed on the way."""
import threading

import pytest

from suite import Suite, wait_for
from test_dead_letters import LETTERS, START, ids, listed, metric, refuse
from test_privacy import EMAIL, NAME, PHONE

MEND = [{"rename": "/properties/customer", "to": "/userId"}]


def lost(number, **more):
    """Of somebody whom the till calls by a word that stands for nobody."""
    return {"type": "track", "event": "Order Completed", "userId": "undefined", "messageId": f"m{number}",
            "properties": {"order_id": f"o-{number}", "total": 10, "customer": f"u{number % 7}"}, **more}


def send(suite, events, path="/v1/batch", **shared):
    answer = suite.ingest(path, {"batch": events, **shared})
    assert (answer.status, answer.json["accepted"]) == (200, len(events)), answer
    return answer.json


def replay(suite, mapping=MEND, **more):
    answer = suite.post(LETTERS + "/replay", {"filter": {}, "mapping": mapping, **more})
    suite.wait_quiet()
    return [answer[name] for name in ("accepted", "duplicates", "refused", "gone")]


def orders(suite):
    suite.wait_quiet()
    people = [suite.lookup("user_id", f"u{user}") for user in range(7)]
    return [event["properties"]["order_id"] for person in people if person.status == 200 for event in person.json["events"]]


def test_an_event_of_nobody_comes_back_with_the_reason(suite):
    send(suite, [lost(1), {"type": "track", "event": "X", "userId": "u1"}, lost(2, userId=None, anonymousId="x\u0001y")])
    suite.wait_quiet()
    shown = listed(suite)
    assert [(letter["message_id"], letter["reason"]) for letter in shown] == [("m2", "identifier_malformed"), ("m1", "identifier_blocked")]
    assert shown[1] == {"id": shown[1]["id"], "received_at": START, "source": 1, "reason": "identifier_blocked",
                        "detail": "it was accepted, and belongs to nobody: none of its identifiers can be used", "message_id": "m1",
                        "attempts": 0, "expires_at": "2026-01-31T00:00:00Z"}
    assert suite.get(f"{LETTERS}/{shown[1]['id']}")["event"] == lost(1)
    summary = suite.get(LETTERS + "/summary")
    assert {(group["reason"], group["count"]) for group in summary["by_reason"]} == {("identifier_blocked", 1), ("identifier_malformed", 1)}
    assert suite.get("/api/v1/summary")["events"] == 1


def test_a_mapping_corrects_it_and_it_counts_once(suite):
    send(suite, [lost(1), lost(2)])
    suite.wait_quiet()
    send_again = suite.ingest("/v1/batch", {"batch": [lost(1)]}).json
    assert (send_again["accepted"], send_again["duplicates"]) == (0, 1)
    assert replay(suite, dry_run=True) == [2, 0, 0, 0] and orders(suite) == []
    assert replay(suite) == [2, 0, 0, 0]
    assert listed(suite) == [] and sorted(orders(suite)) == ["o-1", "o-2"]
    assert replay(suite) == [0, 0, 0, 0]
    again = suite.ingest("/v1/batch", {"batch": [lost(1, userId="u1")]}).json
    assert (again["accepted"], again["duplicates"]) == (0, 1), "its message id is known still"
    assert sorted(orders(suite)) == ["o-1", "o-2"]


def test_one_that_is_not_corrected_comes_back(suite):
    send(suite, [lost(1)])
    suite.wait_quiet()
    before = listed(suite)[0]["id"]
    assert replay(suite, mapping=[]) == [1, 0, 0, 0]
    after = listed(suite)
    assert [(letter["message_id"], letter["reason"]) for letter in after] == [("m1", "identifier_blocked")] and after[0]["id"] != before
    assert replay(suite) == [1, 0, 0, 0] and orders(suite) == ["o-1"]


def test_one_that_a_mapping_gives_another_id_is_measured_by_that(suite):
    send(suite, [lost(1), {"type": "track", "event": "X", "userId": "u1", "messageId": "taken"}])
    suite.wait_quiet()
    assert replay(suite, mapping=MEND + [{"set": "/messageId", "value": "taken"}]) == [0, 1, 0, 0]
    assert listed(suite) == []


def test_a_mapping_may_change_what_type_it_is(suite):
    send(suite, [lost(1, traits={"city": "上海"}, messageId="")])
    assert suite.ingest("/v1/track", {"userId": "null", "event": "X", "properties": {"customer": "u2"}}).status == 200
    suite.wait_quiet()
    assert [letter.get("message_id") for letter in listed(suite)] == [None, None]
    assert replay(suite, mapping=MEND + [{"set": "/type", "value": "identify"}]) == [2, 0, 0, 0]
    assert suite.lookup("user_id", "u1").json["traits"]["city"] == "上海"
    assert suite.lookup("user_id", "u2").json["events"][0]["type"] == "track", "it came as a call of its own"


def test_of_letters_with_one_message_id_one_counts(suite):
    """One was accepted and is nobody's, the other was refused under the same id, afterwards."""
    send(suite, [lost(1)])
    suite.wait_quiet()
    refused = ids(refuse(suite, [lost(1, event=7)]))
    own = [letter["id"] for letter in listed(suite) if letter["id"] not in refused]
    mapping = MEND + [{"set": "/event", "value": "Order Completed"}]
    answer = suite.post(LETTERS + "/replay", {"ids": refused, "mapping": mapping})
    assert (answer["accepted"], answer["duplicates"]) == (0, 1)
    assert replay(suite, mapping=mapping) == [1, 0, 0, 0] and own
    assert listed(suite) == [] and orders(suite) == ["o-1"]


def test_history_clock_and_context_stay(suite):
    send(suite, [lost(1, originalTimestamp="2030-01-01T00:00:00Z")], sentAt="2030-01-01T01:00:00Z", context={"channel": "shop"})
    send(suite, [lost(2, timestamp="2020-05-05T00:00:00Z", messageId=f"{'ab' * 16}:7")], path="/v1/import", sentAt="2026-01-01T00:00:00Z")
    segment = suite.post("/api/v1/segments", {"name": "Buyers", "rule": {"metric": "orders", "gte": 1}})["id"]
    suite.wait_quiet()
    suite.advance("2d")
    assert replay(suite) == [2, 0, 0, 0]
    event = suite.lookup("user_id", "u1").json["events"][0]
    assert (event["time"], event["received_at"], event["context"]) == ("2025-12-31T23:00:00Z", START, {"channel": "shop"})
    event = suite.lookup("user_id", "u2").json["events"][0]
    assert (event["time"], event["received_at"]) == ("2020-05-05T00:00:00Z", START)
    causes = {change["one_id"]: change["cause"] for change in suite.get(f"/api/v1/segments/{segment}/changes")["changes"]}
    assert sorted(causes.values()) == ["event", "import"]
    again = suite.ingest("/v1/import", {"batch": [lost(2, messageId=f"{'ab' * 16}:7")]}).json
    assert again["duplicates"] == 1, "the position of an import is taken for good"


def test_what_hq_blocks_by_hand_comes_back_too(suite):
    event = {"type": "track", "event": "Order Completed", "userId": "kiosk-7", "properties": {"order_id": "k", "customer": "u3"}}
    send(suite, [event])
    suite.wait_quiet()
    person = suite.lookup("user_id", "kiosk-7").json
    suite.post("/api/v1/identifiers/block", {"identifier": {"kind": "user_id", "value": "kiosk-7"}, "reason": "a kiosk"})
    send(suite, [event])
    suite.wait_quiet()
    assert [letter["reason"] for letter in listed(suite)] == ["identifier_blocked"] and person["one_id"]
    assert replay(suite) == [1, 0, 0, 0] and orders(suite) == ["k"]


def test_it_is_masked_and_erased_as_every_letter(suite):
    send(suite, [lost(1, traits={"name": NAME}, properties={"phone": PHONE, "note": f"ask {EMAIL}"})])
    suite.wait_quiet()
    text = suite.api("GET", f"{LETTERS}/{listed(suite)[0]['id']}").body.decode()
    assert not [value for value in (NAME, PHONE, EMAIL) if value in text]
    assert suite.post(LETTERS + "/erase", {"identifiers": [{"kind": "phone", "value": PHONE}]}) == {"erased": 1}
    assert listed(suite) == []


def test_the_list_is_bounded_and_what_is_not_kept_is_counted(directory):
    with Suite(directory, settings={"gateway.dead_letters_max": 5}) as suite:
        suite.start()
        send(suite, [lost(number) for number in range(40)])
        suite.wait_quiet()
        assert [letter["message_id"] for letter in listed(suite)] == ["m4", "m3", "m2", "m1", "m0"]
        assert metric(suite, "quanyu_dead_letters_not_kept_total") == {'quanyu_dead_letters_not_kept_total{reason="identifier_blocked"}': 35}


@pytest.mark.parametrize("names", [("gateway",), ("identity",), ("gateway", "identity"), ("identity", "gateway")])
def test_whoever_is_killed_nothing_is_lost_or_doubled(suite, names):
    """While events come in, come back and are replayed."""
    count = 1200
    done = threading.Event()
    errors = []

    def killer():
        try:
            while not done.wait(0.05):
                for name in names:
                    suite.kill(name)
                for name in names:
                    suite.spawn(name)
                suite.wait_ready(*names)
        except BaseException as error:
            errors.append(error)

    def insist(attempt, what):
        def once():
            try:
                return attempt()
            except OSError:
                return None
        assert not errors, errors
        return wait_for(once, what, 60)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        for at in range(0, count, 100):
            events = [lost(number) for number in range(at, at + 100)]
            insist(lambda: suite.ingest("/v1/batch", {"batch": events}).status == 200, "the batch is taken")
            insist(lambda: suite.api("POST", LETTERS + "/replay", {"filter": {}, "mapping": MEND}).status == 200, "letters are replayed")
    finally:
        done.set()
        thread.join()
    assert not errors, errors
    suite.wait_quiet()
    replay(suite)
    assert listed(suite) == []
    people = [suite.lookup("user_id", f"u{user}").json["metrics"] for user in range(7)]
    assert sum(person["events"] for person in people) == sum(person["orders"] for person in people) == count
