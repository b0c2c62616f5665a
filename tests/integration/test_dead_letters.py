# SPDX-License-Identifier: Apache-2.0
"""Refused events are kept: durable before the answer, bounded, masked, on record, corrected and replayed exactly once, and gone for good
when they expire, are deleted, or are erased with their person."""
import base64
import json
import threading

from suite import Suite, request, wait_for
from test_api import refused
from test_privacy import EMAIL, NAME, PHONE, check_files, secrets

START = "2026-01-01T00:00:00Z"
LETTERS = "/api/v1/dead-letters"


def bad(number, **more):
    """Without userId, which stands under another name."""
    return {"type": "track", "event": "Order Completed", "user": f"u{number % 7}", "messageId": f"m{number}",
            "properties": {"order_id": f"o-{number}", "total": 10}, **more}


MEND = [{"rename": "/user", "to": "/userId"}]


def refuse(suite, events, path="/v1/batch", **shared):
    """Sends events none of which is valid; yields the errors of the answer."""
    answer = suite.ingest(path, {"batch": events, **shared})
    return refused(answer, 400)["errors"]


def ids(errors):
    return [error["dead_letter"] for error in errors]


def listed(suite, query=""):
    return suite.get(LETTERS + query)["dead_letters"]


def acts(suite, action):
    suite.wait_quiet()
    return [json.loads(record["detail"]) for record in suite.audit(f"/v1/records?action={action}&limit=100").json["records"]]


def metric(suite, name):
    page = request(suite.ports["gateway", "OPS_PORT"], "GET", "/metrics").body.decode()
    return {line.split(" ")[0]: float(line.split(" ")[1]) for line in page.splitlines() if line.startswith(name)}


# -- kept


def test_each_refused_event_is_kept_and_named_in_the_answer(suite):
    answer = suite.ingest("/v1/batch", {"batch": [bad(1), {"type": "track", "event": "X", "userId": "u1"}, bad(2, event=5), 7]})
    assert (answer.status, answer.json["accepted"]) == (200, 1)
    errors = answer.json["errors"]
    assert [(e["index"], e["reason"]) for e in errors] == [(0, "no_user_anon_id"), (2, "wrong_type"), (3, "wrong_type")]
    assert len(set(ids(errors))) == 3
    single = refused(suite.ingest("/v1/track", {"userId": "u1"}), 400)
    assert single["errors"][0]["reason"] == "missing_field" and single["errors"][0]["dead_letter"]
    shown = listed(suite)
    assert [letter["id"] for letter in shown] == ids(single["errors"]) + ids(errors)[::-1]
    assert {"id": ids(errors)[0], "received_at": START, "source": 1, "reason": "no_user_anon_id", "field": "userId",
            "detail": "either userId or anonymousId is required", "message_id": "m1", "attempts": 0,
            "expires_at": "2026-01-31T00:00:00Z"} in shown
    whole = suite.get(f"{LETTERS}/{ids(errors)[0]}")
    assert whole["event"] == bad(1)


def test_what_was_answered_outlives_a_kill(suite):
    errors = refuse(suite, [bad(1), bad(2)])
    suite.kill("gateway")
    suite.start("gateway")
    assert [letter["id"] for letter in listed(suite)] == ids(errors)[::-1]
    assert ids(refuse(suite, [bad(3)]))[0] not in ids(errors)


def test_the_same_event_sent_again_is_one_letter(suite):
    errors = refuse(suite, [bad(1), bad(2)])
    again = refuse(suite, [bad(1), bad(2)])
    assert ids(again) == ids(errors) and len(listed(suite)) == 2


def test_an_event_that_is_too_large_is_kept_too(suite):
    answer = refused(suite.ingest("/v1/track", {"userId": "u", "event": "X", "properties": {"filler": "x" * 33000}}), 413)
    assert answer["errors"][0]["reason"] == "too_large" and len(listed(suite)) == 1


def test_what_a_pixel_brought_is_kept_too(suite):
    event = json.dumps({"writeKey": suite.bootstrap["write_key"], "event": "Mail Opened"})
    data = base64.urlsafe_b64encode(event.encode()).decode()
    answer = request(suite.ports["gateway", "HTTP_PORT"], "GET", f"/v1/pixel/track?data={data}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/gif")
    letter = listed(suite)[0]
    assert letter["reason"] == "no_user_anon_id"
    assert suite.get(f"{LETTERS}/{letter['id']}")["event"] == {"event": "Mail Opened"}, "the key is a secret"
    mapping = [{"set": "/anonymousId", "value": "mails"}]
    assert suite.post(LETTERS + "/replay", {"filter": {}, "mapping": mapping})["accepted"] == 1


def test_a_call_without_events_keeps_nothing(suite):
    """What is no JSON, has no valid key, or is no batch is answered for the call as a whole."""
    refused(suite.ingest("/v1/track", b"{\"userId\": \"u"), 400)
    refused(suite.ingest("/v1/batch", {"batch": []}), 400)
    refused(suite.ingest("/v1/track", {"event": "X"}, write_key="wk_nobody"), 401)
    assert listed(suite) == []


def test_the_list_is_bounded_and_what_is_not_kept_is_counted(directory):
    with Suite(directory, settings={"gateway.dead_letters_max": 5, "gateway.dead_letter_max": "2K"}) as suite:
        suite.start()
        errors = refuse(suite, [bad(number) for number in range(8)])
        assert [("dead_letter" in error) for error in errors] == [True] * 5 + [False] * 3
        assert metric(suite, "quanyu_dead_letters_not_kept_total") == {'quanyu_dead_letters_not_kept_total{reason="no_user_anon_id"}': 3}
        assert metric(suite, "quanyu_events_refused_total") == {'quanyu_events_refused_total{reason="no_user_anon_id"}': 8}
        suite.api("DELETE", f"{LETTERS}/{errors[0]['dead_letter']}")
        large = refuse(suite, [bad(100, properties={"filler": "x" * 3000})])
        assert "dead_letter" not in large[0]
        mixed = refuse(suite, [bad(100, properties={"filler": "x" * 3000}), bad(101)])
        assert [("dead_letter" in error) for error in mixed] == [False, True]
        assert metric(suite, "quanyu_dead_letters ")["quanyu_dead_letters"] == 5


def test_a_full_state_refuses_letters_and_loses_none(directory):
    with Suite(directory, settings={"gateway.quota": "8M"}) as suite:
        suite.start()
        kept, number = [], 0
        while True:
            answer = suite.ingest("/v1/batch", {"batch": [bad(number + at, properties={"filler": "x" * 20000}) for at in range(20)]})
            if answer.status == 503:
                break
            kept += ids(refused(answer, 400)["errors"])
            number += 20
        assert answer.headers["Retry-After"] and kept
        assert [letter["id"] for letter in listed(suite, "?limit=500")] == kept[::-1]
        assert suite.api("DELETE", LETTERS + "?all=true").json == {"deleted": len(kept)}
        wait_for(lambda: suite.ingest("/v1/batch", {"batch": [bad(0)]}).status == 400, "there is room again")


def test_letters_expire_by_the_suites_time(suite):
    refuse(suite, [bad(1)])
    suite.advance("1d")
    young = ids(refuse(suite, [bad(2)]))
    suite.advance("29d")
    assert [letter["id"] for letter in listed(suite)] == young
    suite.advance("1d")
    assert listed(suite) == [] and suite.get(LETTERS + "/summary")["count"] == 0


# -- shown


def test_pages_and_filters_find_them(suite):
    early = ids(refuse(suite, [bad(number) for number in range(5)]))
    suite.advance("1d")
    late = ids(refuse(suite, [bad(5), bad(6, user=None, type="what")]))
    everything = late[::-1] + early[::-1]
    found, cursor = [], ""
    while cursor is not None:
        page = suite.get(f"{LETTERS}?limit=2{cursor}")
        found += [letter["id"] for letter in page["dead_letters"]]
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    assert found == everything
    assert [letter["id"] for letter in listed(suite, "?reason=unknown_type")] == late[1:]
    assert [letter["id"] for letter in listed(suite, "?from=2026-01-01T12:00:00Z")] == late[::-1]
    assert [letter["id"] for letter in listed(suite, "?to=2026-01-01T12:00:00Z&limit=1")] == early[-1:]
    assert listed(suite, "?source=2") == [] and len(listed(suite, "?source=1")) == 7
    for query, field in (("reason=A-1", "reason"), ("source=x", "source"), ("from=soon", "from"), ("what=1", "what"), ("cursor=x", "cursor")):
        refused(suite.api("GET", f"{LETTERS}?{query}"), 400, field)
    for path in ("/dl_99", "/17", "/dl_0x"):
        refused(suite.api("GET", LETTERS + path), 404)


def test_the_summary_counts_by_reason_source_and_age(suite):
    refuse(suite, [bad(number) for number in range(3)])
    suite.advance("2d")
    refuse(suite, [bad(3, type="what")])
    summary = suite.get(LETTERS + "/summary")
    assert (summary["count"], summary["most"], summary["days"]) == (4, 100000, 30)
    assert [(group["reason"], group["source"], group["count"], group["oldest_at"]) for group in summary["by_reason"]] == [
        ("no_user_anon_id", 1, 3, START), ("unknown_type", 1, 1, "2026-01-03T00:00:00Z")]
    assert summary["by_age"] == {"1h": 1, "1d": 0, "7d": 3, "30d": 0, "older": 0}
    assert metric(suite, "quanyu_dead_letters ")["quanyu_dead_letters"] == 4


def test_what_is_shown_is_masked(suite):
    event = {"type": "identify", "messageId": f"m-{PHONE}", "traits": {"name": NAME, "phone": PHONE, "email": EMAIL, "city": "上海"},
             "context": {"note": f"please call {NAME} at once"}}
    letter = ids(refuse(suite, [event]))[0]
    whole = suite.api("GET", f"{LETTERS}/{letter}").body.decode()
    for text in (whole, suite.api("GET", LETTERS).body.decode()):
        assert not [value for value in (NAME, PHONE, EMAIL) if value in text]
    assert json.loads(whole)["event"]["traits"] == {"name": "欧*", "phone": "139****3344", "email": "x***@example.org", "city": "上海"}


def test_each_look_is_on_record_before_it_is_shown(suite):
    letter = ids(refuse(suite, [bad(1)]))[0]
    listed(suite, "?reason=no_user_anon_id")
    suite.get(f"{LETTERS}/{letter}")
    assert acts(suite, "dead_letter.list") == [{"filter": {"reason": "no_user_anon_id"}, "newest": letter, "oldest": letter}]
    assert acts(suite, "dead_letter.show") == [{"id": letter}]
    suite.kill("audit")
    for path in (LETTERS, f"{LETTERS}/{letter}"):
        refused(suite.api("GET", path), 503)
    suite.get(LETTERS + "/summary")
    refuse(suite, [bad(2)])
    suite.start("audit")


# -- replayed


def orders(suite):
    """All that were accepted, by their ids, each with how often."""
    suite.wait_quiet()
    found = {}
    for user in range(7):
        answer = suite.lookup("user_id", f"u{user}")
        for event in answer.json["events"] if answer.status == 200 else []:
            found[event["properties"]["order_id"]] = found.get(event["properties"]["order_id"], 0) + 1
    return found


def test_a_replay_corrects_and_takes_them_in(suite):
    refuse(suite, [bad(1), bad(2)])
    stored = metric(suite, "quanyu_events_accepted_total")["quanyu_events_accepted_total"]
    tried = suite.post(LETTERS + "/replay", {"filter": {}, "mapping": MEND, "dry_run": True})
    assert (tried["selected"], tried["accepted"], tried["refused"], tried["errors"]) == (2, 2, 0, [])
    assert len(listed(suite)) == 2 and orders(suite) == {}
    done = suite.post(LETTERS + "/replay", {"filter": {"reason": "no_user_anon_id"}, "mapping": MEND})
    assert (done["accepted"], done["duplicates"], done["refused"], done["gone"]) == (2, 0, 0, 0)
    assert listed(suite) == [] and orders(suite) == {"o-1": 1, "o-2": 1}
    assert metric(suite, "quanyu_events_accepted_total") == {"quanyu_events_accepted_total": stored + 2}
    assert acts(suite, "dead_letter.replay") == [{"letters": {"reason": "no_user_anon_id"}, "mapping": True, "accepted": 2, "duplicates": 0,
                                                  "refused": 0, "gone": 0}]
    assert acts(suite, "dead_letter.try") == [{}]


def test_a_dry_run_tells_what_the_run_would(suite):
    suite.send([{"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m3"}])
    imported = f"{'ab' * 16}:7"
    assert suite.ingest("/v1/import", {"batch": [{"type": "track", "event": "X", "userId": "u1", "messageId": imported}]}).status == 200
    refuse(suite, [bad(1), bad(2), bad(4), bad(5, properties="none")])
    refuse(suite, [bad(6, messageId=None), bad(7, messageId=None)])
    refuse(suite, [bad(8)], "/v1/import")
    shown = {letter["message_id"]: letter["id"] for letter in listed(suite) if "message_id" in letter}
    for mapping in ([{"set": "/messageId", "value": "m3"}], [{"set": "/messageId", "value": "m9"}], [{"set": "/messageId", "value": "m1"}],
                    [{"set": "/messageId", "value": imported}], []):
        question = {"filter": {}, "mapping": MEND + mapping, "dry_run": True}
        tried = suite.post(LETTERS + "/replay", question)
        assert suite.post(LETTERS + "/replay", question) == tried and len(listed(suite)) == 7
        if mapping:  # what was accepted before is a duplicate; what another letter would take first is refused
            known = mapping[0]["value"] == "m3" or any(error["reason"] == "same_message_id" for error in tried["errors"])
            assert known, tried
    mapping = MEND + [{"set": "/messageId", "value": "m4"}]
    order = [shown["m1"], shown["m2"], shown["m8"], shown["m4"], shown["m5"]]
    tried = suite.post(LETTERS + "/replay", {"ids": order, "mapping": mapping, "dry_run": True})
    done = suite.post(LETTERS + "/replay", {"ids": order, "mapping": mapping})
    counts = ("selected", "accepted", "duplicates", "refused", "gone")
    assert [tried[name] for name in counts] == [done[name] for name in counts], (tried, done)
    assert (done["accepted"], done["duplicates"], done["refused"]) == (1, 0, 4), done
    assert tried["errors"] == done["errors"]


def test_what_is_refused_again_stays_with_its_new_reason(suite):
    letter = ids(refuse(suite, [bad(1, properties="none")]))[0]
    assert suite.get(f"{LETTERS}/{letter}")["reason"] == "wrong_type"
    done = suite.post(LETTERS + "/replay", {"ids": [letter], "mapping": [{"remove": "/properties"}]})
    assert (done["accepted"], done["refused"]) == (0, 1)
    assert done["errors"] == [{"dead_letter": letter, "reason": "no_user_anon_id", "field": "userId",
                               "detail": "either userId or anonymousId is required"}]
    shown = suite.get(f"{LETTERS}/{letter}")
    assert (shown["reason"], shown["attempts"]) == ("no_user_anon_id", 1)
    assert "properties" in shown["event"], "it stays as it came"
    assert suite.post(LETTERS + "/replay", {"ids": [letter], "mapping": MEND + [{"remove": "/properties"}]})["accepted"] == 1
    assert suite.post(LETTERS + "/replay", {"ids": [letter]})["gone"] == 1


def test_a_replayed_event_is_as_old_as_its_arrival(suite):
    """With the batch's clock correction and context, and in the place where it would have stood."""
    refuse(suite, [bad(1, originalTimestamp="2030-01-01T00:00:00Z")], sentAt="2030-01-01T01:00:00Z", context={"channel": "shop"})
    suite.advance("10d")
    assert suite.post(LETTERS + "/replay", {"filter": {}, "mapping": MEND})["accepted"] == 1
    suite.wait_quiet()
    event = suite.lookup("user_id", "u1").json["events"][0]
    assert (event["time"], event["received_at"], event["context"]) == ("2025-12-31T23:00:00Z", START, {"channel": "shop"})


def test_an_event_that_is_accepted_takes_away_what_was_refused_under_its_message_id(suite):
    refuse(suite, [bad(1), bad(1, event=7), bad(2)])
    suite.send([bad(1, userId="u1")])
    assert [letter["message_id"] for letter in listed(suite)] == ["m2"]
    suite.kill("gateway")
    suite.start("gateway")
    suite.send([bad(2, userId="u2")])
    assert listed(suite) == [] and orders(suite) == {"o-1": 1, "o-2": 1}


def test_of_two_letters_with_one_message_id_one_counts_and_the_other_stays(suite):
    letters = ids(refuse(suite, [bad(1), bad(1, event=None)]))
    before = suite.get(f"{LETTERS}/{letters[1]}")
    mapping = MEND + [{"default": "/event", "value": "Order Completed"}]
    question = {"ids": letters, "mapping": mapping}
    tried = suite.post(LETTERS + "/replay", {**question, "dry_run": True})
    done = suite.post(LETTERS + "/replay", question)
    for answer in (tried, done):
        assert [answer[name] for name in ("accepted", "duplicates", "refused", "gone")] == [1, 0, 1, 0], answer
        assert [(e["dead_letter"], e["reason"], e["field"]) for e in answer["errors"]] == [(letters[1], "same_message_id", "messageId")]
        assert letters[0] in answer["errors"][0]["detail"]
    assert suite.get(f"{LETTERS}/{letters[1]}") == before, "it stays as it came"
    again = suite.post(LETTERS + "/replay", {"ids": letters[1:], "mapping": mapping})
    assert (again["accepted"], again["duplicates"]) == (0, 1), "now it is a duplicate of an event that is there"
    assert listed(suite) == [] and orders(suite) == {"o-1": 1}


def test_letters_that_a_mapping_gives_one_message_id_are_not_lost(suite):
    """More than one part of a run, and one that is a duplicate of an event that was there before."""
    refuse(suite, [bad(number) for number in range(450)])
    mapping = MEND + [{"set": "/messageId", "value": "all-the-same"}]
    done = suite.post(LETTERS + "/replay", {"filter": {}, "mapping": mapping})
    assert (done["accepted"], done["duplicates"], done["refused"], len(done["errors"])) == (1, 0, 449, 20), done
    assert acts(suite, "dead_letter.replay")[-1]["refused"] > 0
    suite.kill("gateway")
    suite.start("gateway")
    done = suite.post(LETTERS + "/replay", {"filter": {}, "mapping": MEND})
    assert (done["accepted"], done["refused"]) == (449, 0), done
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["events"] == 450
    refuse(suite, [bad(500)])
    done = suite.post(LETTERS + "/replay", {"filter": {}, "mapping": mapping})
    assert (done["accepted"], done["duplicates"], done["refused"]) == (0, 1, 0), done
    assert suite.get("/api/v1/dead-letters")["dead_letters"] == []


def test_history_is_replayed_as_history(suite):
    segment = suite.post("/api/v1/segments", {"name": "Buyers", "rule": {"metric": "orders", "gte": 1}})["id"]
    refuse(suite, [bad(1)], "/v1/import")
    assert suite.post(LETTERS + "/replay", {"filter": {}, "mapping": MEND})["accepted"] == 1
    suite.wait_quiet()
    assert [change["cause"] for change in suite.get(f"/api/v1/segments/{segment}/changes")["changes"]] == ["import"]


def test_what_a_key_does_not_allow_is_kept_until_it_does(suite):
    key = suite.post("/api/v1/write-keys", {"name": "Till", "event_types": ["identify"]})
    answer = suite.ingest("/v1/track", {"userId": "u1", "event": "Seen", "messageId": "m1"}, write_key=key["secret"])
    letter = ids(refused(answer, 403)["errors"])[0]
    assert [(shown["id"], shown["reason"]) for shown in listed(suite)] == [(letter, "not_allowed")]
    assert suite.post(LETTERS + "/replay", {"ids": [letter]})["refused"] == 1
    assert suite.api("PATCH", f"/api/v1/write-keys/{key['id']}", {"event_types": None}).status == 200
    assert suite.post(LETTERS + "/replay", {"ids": [letter]})["accepted"] == 1


def test_what_is_nested_too_deeply_is_left_alone(suite):
    event = json.dumps(bad(1)).replace('"total": 10', '"total": ' + "[" * 16000 + "]" * 16000)
    letter = ids(refused(suite.ingest("/v1/batch", '{"batch":[%s]}' % event), 400)["errors"])[0]
    assert suite.get(f"{LETTERS}/{letter}")["reason"] == "too_deep"
    done = suite.post(LETTERS + "/replay", {"ids": [letter], "mapping": MEND + [{"rename": "/properties", "to": "/traits"}]})
    assert (done["refused"], done["errors"][0]["reason"]) == (1, "too_deep")
    assert suite.post(LETTERS + "/erase", {"identifiers": [{"kind": "user_id", "value": "nobody"}]}) == {"erased": 1}, "nobody can tell"


def test_a_wrong_selection_or_mapping_is_refused_by_name(suite):
    for body, field in (({}, "ids"), ({"ids": [], "filter": {}}, "ids"), ({"ids": []}, "ids"), ({"ids": ["x"]}, "ids/0"),
                        ({"filter": {"what": 1}}, "filter"), ({"filter": {"source": "a"}}, "filter/source"),
                        ({"filter": {}, "mapping": [{"set": "/a"}]}, "mapping/0"), ({"filter": {}, "dry_run": 1}, "dry_run"),
                        ({"filter": {}, "mapping": [{"convert": "/a", "as": "x"}]}, "mapping/0/as")):
        refused(suite.api("POST", LETTERS + "/replay", body), 400, field)


def test_a_replay_that_is_killed_loses_and_doubles_nothing(suite):
    """What was committed is in, what was not is still in the list."""
    count = 1500
    for at in range(0, count, 100):
        refuse(suite, [bad(number) for number in range(at, at + 100)])
    kills = 0
    while suite.get(LETTERS + "/summary")["count"] > 0:
        before = metric(suite, "quanyu_dead_letters ")["quanyu_dead_letters"]

        def replay():
            try:
                suite.api("POST", LETTERS + "/replay", {"filter": {}, "mapping": MEND})
            except OSError:
                pass  # killed

        thread = threading.Thread(target=replay)
        thread.start()
        if kills < 3:  # as soon as a part of it is committed
            wait_for(lambda: metric(suite, "quanyu_dead_letters ")["quanyu_dead_letters"] < before, "a part is replayed", every=0)
            suite.kill("gateway")
            kills += 1
            thread.join()
            suite.start("gateway")
        thread.join()
    assert kills > 0
    suite.wait_quiet()
    assert suite.get("/api/v1/summary")["orders"] == count
    people = [suite.lookup("user_id", f"u{user}").json["metrics"] for user in range(7)]
    assert sum(person["events"] for person in people) == sum(person["orders"] for person in people) == count


# -- gone


def test_deleting_takes_what_fits_and_is_on_record(suite):
    first, second = ids(refuse(suite, [bad(1), bad(2, type="what")]))
    refused(suite.api("DELETE", LETTERS), 400, "all")
    answer = suite.api("DELETE", LETTERS + "?reason=unknown_type")
    assert (answer.status, answer.json) == (200, {"deleted": 1})
    assert [letter["id"] for letter in listed(suite)] == [first]
    assert suite.api("DELETE", f"{LETTERS}/{first}").json == {"deleted": 1}
    for letter in (first, second):
        refused(suite.api("DELETE", f"{LETTERS}/{letter}"), 404)
    refuse(suite, [bad(3)])
    assert suite.api("DELETE", LETTERS + "?all=true").json == {"deleted": 1}
    assert {"letters": {"reason": "unknown_type"}, "removed": 1} in acts(suite, "dead_letter.delete")
    assert {"letters": {"id": first}, "removed": 1} in acts(suite, "dead_letter.delete")


def test_a_persons_letters_are_erased_with_the_person(suite):
    theirs = [{"type": "identify", "traits": {"phone": "+86 139-1122-3344"}}, {"type": "track", "userId": PHONE},
              {"type": "track", "properties": {"note": f"ask {EMAIL.upper()}"}}, {"type": "alias", "previousId": "u-77"},
              {"type": "track", "context": {"externalIds": [{"type": "wechat_openid", "id": "o6_bmjrPTlm6"}]}}]
    others = [{"type": "identify", "traits": {"phone": "13911223345"}}, {"type": "alias", "previousId": "u-770"}, bad(77)]
    kept = ids(refuse(suite, theirs + others))[len(theirs):]
    identifiers = [{"kind": "phone", "value": PHONE}, {"kind": "email", "value": EMAIL}, {"kind": "user_id", "value": "u-77"},
                   {"kind": "wechat_openid", "value": "wx1:o6_bmjrPTlm6"}]
    answer = suite.post(LETTERS + "/erase", {"identifiers": identifiers})
    assert answer == {"erased": len(theirs)}
    assert [letter["id"] for letter in listed(suite)] == kept[::-1]
    assert acts(suite, "dead_letter.erase") == [{"letters": {"identifiers": 4}, "removed": len(theirs)}]
    for body in ({}, {"identifiers": []}, {"identifiers": [{"kind": "phone"}]}, {"identifiers": [{"kind": "phone", "value": " "}]}):
        refused(suite.api("POST", LETTERS + "/erase", body), 400)
    suite.stop()
    check_files(suite, secrets())


def test_personal_values_in_letters_are_in_no_file_and_no_log(suite):
    everything = {"traits": {"name": NAME, "phone": PHONE, "email": EMAIL}, "properties": {PHONE: EMAIL}, "context": NAME}
    errors = refuse(suite, [{"type": "track", "messageId": f"m-{PHONE}", **everything}, {"type": NAME, "userId": PHONE},
                            {"type": "track", "userId": f"\0{PHONE}", "event": EMAIL}])
    assert len(ids(errors)) == 3
    listed(suite)
    for letter in ids(errors):
        suite.get(f"{LETTERS}/{letter}")
    suite.post(LETTERS + "/replay", {"filter": {}, "mapping": MEND})
    refused(suite.api("POST", LETTERS + "/replay", {"filter": {}, "mapping": [{"set": "/userId", "value": PHONE}]}), 400)
    suite.wait_quiet()
    suite.stop()
    check_files(suite, secrets())


def test_what_has_gone_does_not_open_with_the_keys_that_are_left(suite):
    """A key is overwritten when its letter goes: none of the file's bytes that were there when it was kept opens it any more."""
    refuse(suite, [bad(number) for number in range(20)])
    path = suite.data / "gateway" / "dead_letters.key"
    before = path.read_bytes()
    suite.api("DELETE", LETTERS + "?all=true")
    after = path.read_bytes()
    slots = [at for at in range(0, len(before), 32) if before[at:at + 32] != after[at:at + 32]]
    assert len(slots) == 20 and len(before) == len(after) == 32 * (100000 + 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_command_line_does_the_same(suite):
    errors = refuse(suite, [bad(1), bad(2), bad(3, type="what")])
    first = ids(errors)[0]
    assert json.loads(suite.cli("dead-letters", "summary").stdout)["count"] == 3
    assert len(json.loads(suite.cli("dead-letters", "list", "--reason", "no_user_anon_id").stdout)["dead_letters"]) == 2
    assert json.loads(suite.cli("dead-letters", "show", first).stdout)["id"] == first
    (suite.directory / "mend.json").write_text(json.dumps(MEND))
    tried = json.loads(suite.cli("dead-letters", "replay", first, "--map", json.dumps(MEND), "--dry-run").stdout)
    assert (tried["dry_run"], tried["accepted"]) == (True, 1)
    done = json.loads(suite.cli("dead-letters", "replay", "--reason", "no_user_anon_id", "--map", f"@{suite.directory}/mend.json").stdout)
    assert done["accepted"] == 2
    assert json.loads(suite.cli("dead-letters", "delete", "--all").stdout) == {"deleted": 1}
    assert suite.cli("dead-letters", "show", first, check=False).returncode == 1
