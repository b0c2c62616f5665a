# SPDX-License-Identifier: Apache-2.0
"""What decisions by hand leave on identifiers, beside who is who: what they were seen with, and what events carry of them."""
import pytest

from suite import Suite
from test_identity import DECISIONS, WHY, done, event, follow, join, one_id, person, ref, same, send, split, staff, undo, user


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("marks"), settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


def busy(suite, value):
    return [(row["seen_with"], row["kind"]) for row in suite.get("/api/v1/identity-busy?limit=500")["busy"] if row["identifier"]["value"] == value]


def test_what_was_joined_by_hand_is_seen_when_an_event_shows_it(running):
    tablet = ref("anonymous_id", "tablet-7")
    send(running, event(None, "tablet-7"), event("seen-5"))
    done(join(running, user("seen-5"), tablet))
    send(running, *(event(f"seen-{i}", "tablet-7") for i in range(5)))
    assert busy(running, "tablet-7") == [], "nobody saw the sixth with it"
    send(running, event("seen-5", "tablet-7"))
    assert busy(running, "tablet-7") == [(6, "user_id")] and same(running, user("seen-5"), tablet)


def test_a_busy_identifier_tells_with_how_many_it_was_seen(running):
    send(running, event(None, "tablet-8"), event("by-hand"))
    done(join(running, user("by-hand"), ref("anonymous_id", "tablet-8")))
    send(running, *(event(f"met-{i}", "tablet-8") for i in range(6)))
    assert busy(running, "tablet-8") == [(6, "user_id")], "not with the one who was joined by hand"


def test_an_event_is_as_if_it_did_not_carry_what_is_blocked(running):
    phone = ref("phone", "13800138021")
    send(running, event("first", ids=[("phone", "13800138021")]))
    assert person(running, user("first"))["traits"]["has_phone"] is True
    decision = done(running.api("POST", "/api/v1/identifiers/block", {"identifier": phone, "reason": "the shop's own"}))
    send(running, event("second", ids=[("phone", "13800138021")]))
    second = person(running, user("second"))
    assert "has_phone" not in second["traits"] and [i["kind"] for i in second["identifiers"]] == ["user_id"]
    assert undo(running, decision).status == 200
    assert same(running, user("first"), phone) and not same(running, user("second"), phone)


def test_what_somebody_was_found_by_in_the_past_is_what_is_his_now(running):
    rule = {"all": [{"identifier": "phone"}, {"event": "Marked"}]}
    send(running, event("owner", ids=[("phone", "13800138022")]))
    send(running, event("other", name="Marked", ids=[("phone", "13800138022")]))
    running.advance("1h")

    def count():
        return running.count(rule, as_of="2026-03-01T00:30:00Z")

    assert count() == 0 and not same(running, user("owner"), user("other"))
    decision = done(join(running, user("owner"), user("other")))
    follow(running)
    assert one_id(running, user("owner")) == one_id(running, user("other")) and count() == 1
    send(running, event("other", name="Marked", ids=[("phone", "13800138022")], timestamp="2026-03-01T00:10:00Z"))
    assert undo(running, decision).status == 200
    assert count() == 0, "as if they had never been one"


def test_an_alias_joins_those_who_were_seen_together_before(running):
    former, later = user("name-1"), user("name-2")
    send(running, event("name-1", ids=[("user_id", "name-2")]))
    assert not same(running, former, later), "one account a person"
    send(running, {"type": "alias", "userId": "name-2", "previousId": "name-1"})
    assert same(running, former, later)
    position = running.api("POST", "/api/v1/identifiers/explain", {"one": former, "other": later}).json["links"][0]["position"]
    assert running.api("POST", f"/api/v1/evidence/{position}/withdraw", {"reason": WHY}).status == 200
    follow(running)
    assert not same(running, former, later), "the alias does not count any more, and what came before it does"


def test_what_was_moved_to_somebody_stays_with_who_was_meant(running):
    browser, card = ref("anonymous_id", "meant-1"), ref("member_card", "MOVED-1")
    send(running, event(None, "meant-1"), event("meant", "meant-1"), event("had-it", ids=[("member_card", "MOVED-1")]))
    done(running.api("POST", f"/api/v1/persons/{one_id(running, user('meant'))}/move", {"identifier": card, "reason": WHY}))
    assert same(running, user("meant"), card) and not same(running, user("had-it"), card)
    apart = done(split(running, one_id(running, user("meant")), browser))
    assert same(running, user("meant"), card) and not same(running, browser, card), "whoever founded the One ID has left"
    assert undo(running, apart).status == 200
    done(running.api("POST", "/api/v1/identifiers/block", {"identifier": browser, "reason": WHY}))
    assert same(running, user("meant"), card) and not same(running, browser, card)


def test_who_decided_is_named_to_those_who_may_see_that_one(running):
    shop = running.post("/api/v1/units", {"name": "Shop", "kind": "store", "parent": "u_1"})["id"]
    running.wait_quiet()
    mine, token = staff(running, "marks.data", "data_manager", unit=shop)
    send(running, event("by-1", context={"unit": shop}), event("by-2", context={"unit": shop}))
    own = done(join(running, user("by-1"), user("by-2"), token=token))
    running.wait_quiet()
    assert own["by"] == mine and undo(running, own).json["undone"]["by"] == "st_1"
    shown, = running.api("GET", DECISIONS + "?limit=1", token=token).json["decisions"]
    assert shown["by"] == mine and shown["undone"]["reason"] == "it was a mistake" and "by" not in shown["undone"]
    done(join(running, user("by-1"), user("by-2")))
    running.wait_quiet()
    path = f"/api/v1/persons/{one_id(running, user('by-1'))}/history"
    whole, part = (running.api("GET", path, token=caller).json["history"] for caller in (None, token))
    assert {"st_1", mine} <= {entry.get("by") for entry in whole}
    assert part == [{name: value for name, value in entry.items() if (name, value) != ("by", "st_1")} for entry in whole]
