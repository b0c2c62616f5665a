# SPDX-License-Identifier: Apache-2.0
"""Events whose clocks cannot be right: kept with both times, flagged, and never in the way of windows, timers and later statements."""
import pytest

START = "2026-01-01T00:00:00Z"  # where a simulated clock begins
WILD = ["9999-12-31T23:59:59.999Z", "2038-01-19T03:14:08Z", "2026-01-02T00:00:00.001Z", "1999-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z"]


def order(user, number, **more):
    return {"type": "track", "event": "Order Completed", "userId": user, "messageId": f"{user}-{number}",
            "properties": {"order_id": f"o-{user}-{number}", "total": 10}, **more}


def person(suite, user):
    suite.wait_quiet()
    return suite.lookup("user_id", user).json


def events(suite, user):
    return {event["properties"].get("order_id", event["type"]): event for event in person(suite, user)["events"]}


def test_an_event_is_shown_with_both_times_and_its_flag(suite):
    suite.send([order("u1", at, timestamp=time) for at, time in enumerate(WILD)])
    shown = events(suite, "u1")
    for at, time in enumerate(WILD):
        event = shown[f"o-u1-{at}"]
        assert event["received_at"] == START and event["time"] == START and event["stated_at"] == time, event
        assert event["clock"] == ("future" if time > "2026" else "past"), event


def test_a_plausible_time_has_no_flag(suite):
    suite.send([order("u1", 1, timestamp="2025-06-01T00:00:00Z"), order("u1", 2, timestamp="2026-01-01T23:00:00Z"), order("u1", 3)])
    shown = events(suite, "u1")
    assert (shown["o-u1-1"]["time"], shown["o-u1-2"]["time"], shown["o-u1-3"]["time"]) == ("2025-06-01T00:00:00Z", START, START)
    assert shown["o-u1-2"]["stated_at"] == "2026-01-01T23:00:00Z"
    assert not any("clock" in event for event in shown.values())


def test_an_old_time_that_can_be_is_flagged_and_counts(suite):
    suite.send([order("u1", 1, timestamp="2019-05-05T05:05:05Z")])
    event = events(suite, "u1")["o-u1-1"]
    assert (event["time"], event["clock"], event.get("stated_at")) == ("2019-05-05T05:05:05Z", "past", None)
    assert person(suite, "u1")["metrics"]["last_order_at"] == "2019-05-05T05:05:05Z"


def test_history_may_be_as_old_as_it_is(suite):
    suite.send([order("u1", 1, timestamp="1995-05-05T05:05:05Z"), order("u1", 2, timestamp="2199-01-01T00:00:00Z")], "/v1/import")
    shown = events(suite, "u1")
    assert (shown["o-u1-1"]["time"], shown["o-u1-1"].get("clock")) == ("1995-05-05T05:05:05Z", None)
    assert (shown["o-u1-2"]["time"], shown["o-u1-2"]["clock"]) == (START, "future")


def test_a_clock_that_lost_its_time_does_not_make_a_buyer_of_today_a_lost_one(suite):
    suite.send([order("u1", 1, timestamp="1970-01-01T00:00:10Z")])
    shown = person(suite, "u1")
    assert shown["stage"] == "new" and shown["metrics"]["first_seen_at"] == shown["metrics"]["last_order_at"] == START


@pytest.mark.parametrize("wrong", ["9999-12-31T23:59:59Z", "2030-01-01T00:00:00Z"])
def test_what_was_stated_by_a_fast_clock_does_not_hold_for_years(suite, wrong):
    """Neither what tagging keeps (city) nor what identity does (name)."""
    suite.send([{"type": "identify", "userId": "u1", "timestamp": wrong, "traits": {"city": "Fast", "name": "Fast Fred"}}])
    first = person(suite, "u1")["traits"]
    assert (first["city"], first["name"]) == ("Fast", "F*")
    suite.advance("1h")
    suite.send([{"type": "identify", "userId": "u1", "traits": {"city": "Right", "name": "Right Rita"}}])
    second = person(suite, "u1")["traits"]
    assert (second["city"], second["name"]) == ("Right", "R*")


def test_windows_and_timers_go_by_the_arrival(suite):
    """Who ordered with a clock in the year 9999 is in a window of a week for a week."""
    recent = {"event": "Order Completed", "within": "7d"}
    segment = suite.post("/api/v1/segments", {"name": "Recent", "rule": recent})["id"]
    suite.send([order("u1", 1, timestamp=WILD[0]), order("u2", 1, timestamp=WILD[-1]), order("u3", 1)])
    suite.wait_quiet()
    assert suite.count(recent) == suite.get(f"/api/v1/segments/{segment}")["count"] == 3
    suite.advance("6d")
    assert suite.count(recent) == suite.get(f"/api/v1/segments/{segment}")["count"] == 3
    suite.advance("2d")
    assert suite.count(recent) == suite.get(f"/api/v1/segments/{segment}")["count"] == 0
    assert suite.count({"event": "Order Completed", "between": ["2025-12-31", "2026-01-02"]}) == 3
    assert suite.count({"metric": "last_order_at", "newer_than": "30d"}) == 3
    suite.advance("400d")
    assert suite.count({"stage": "lost"}) == 3
    assert suite.count({"event": "Order Completed"}, as_of="2026-01-03T00:00:00Z") == 3
