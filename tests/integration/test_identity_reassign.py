# SPDX-License-Identifier: Apache-2.0
"""A number that the carrier gives to somebody else: what was before is the old owner's, what is after the new one's, until it is undone."""
import pytest

from suite import Suite
from test_identity_rules import one_id, send

PHONE = "+8613800138000"
NUMBER, OLD, NEW = ("phone", PHONE), ("member_card", "c-old"), ("wechat_unionid", "o-new")
REASSIGN = "/api/v1/identifiers/reassign"


@pytest.fixture
def running(tmp_path):
    with Suite(tmp_path, settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


def bought(day, total, *ids, device):
    """An order on a day of February, at a till that vouches for what it reads."""
    external = [{"type": kind, "id": value, "collection": "users", "encoding": "none"} for kind, value in ids]
    return {"type": "track", "event": "Order Completed", "anonymousId": device, "timestamp": f"2026-02-{day:02}T10:00:00Z",
            "properties": {"order_id": f"D{day}", "total": total, "currency": "CNY"}, "context": {"verified": ["phone"], "externalIds": external}}


def revenue(suite, identifier):
    return suite.lookup(*identifier).json["metrics"]["revenue"]


def given(suite, day, **more):
    return suite.api("POST", REASSIGN, {"identifier": {"kind": "phone", "value": "138 0013 8000"}, "since": f"2026-02-{day:02}T00:00:00Z",
                                        "reason": "the carrier gave it to somebody else", **more})


def settled(suite, answer):
    assert answer.status == 200, answer
    suite.wait_quiet()
    return answer.json


def history(suite):
    return [bought(1, "10.00", NUMBER, OLD, device="till-1"), bought(2, "20.00", NUMBER, device="browser-old"),
            bought(11, "3.00", NUMBER, NEW, device="till-2"), bought(12, "4.00", NUMBER, device="browser-new")]


def test_what_was_before_is_the_old_owners_and_what_is_after_the_new_ones(running):
    send(running, *history(running))
    together = one_id(running, *OLD)
    assert together == one_id(running, *NEW) == one_id(running, *NUMBER) and revenue(running, OLD) == "37.00"
    done = settled(running, given(running, 10))
    assert (done["what"], done["since"], done["unchanged"]) == ("reassign", "2026-02-10T00:00:00Z", False)
    assert [one["kind"] for one in done["identifiers"] + done["others"]] == ["phone", "phone"]
    assert one_id(running, *OLD) == together == one_id(running, "anonymous_id", "browser-old")
    assert one_id(running, *NEW) == one_id(running, *NUMBER) == one_id(running, "anonymous_id", "browser-new") != together
    assert (revenue(running, OLD), revenue(running, NEW)) == ("30.00", "7.00")
    again = settled(running, given(running, 10))
    assert again["unchanged"] and again["id"] == done["id"]

    send(running, bought(13, "5.00", NUMBER, device="browser-newer"), bought(3, "1.00", NUMBER, device="browser-late"))
    assert one_id(running, "anonymous_id", "browser-newer") == one_id(running, *NEW)
    assert one_id(running, "anonymous_id", "browser-late") == together  # by its own time
    assert (revenue(running, OLD), revenue(running, NEW)) == ("31.00", "12.00")
    shown = running.get(f"/api/v1/persons/{one_id(running, *NEW)}/history")["history"]
    assert {one["reason"] for one in shown if one.get("decision") == done["id"]} == {"the carrier gave it to somebody else"}

    running.kill("identity")
    running.start("identity")
    running.wait_quiet()
    assert (revenue(running, OLD), revenue(running, NEW)) == ("31.00", "12.00")
    send(running, bought(14, "6.00", NUMBER, device="browser-newest"))
    assert revenue(running, NEW) == "18.00"

    undone = settled(running, running.api("DELETE", f"/api/v1/identity-decisions/{done['id']}", {"reason": "it was the same person"}))
    assert undone["undone"]
    assert together == one_id(running, *OLD) == one_id(running, *NEW) == one_id(running, *NUMBER)
    person = running.lookup(*OLD).json
    assert person["metrics"]["revenue"] == "49.00" and [one["kind"] for one in person["identifiers"]].count("phone") == 1


def why(suite, one, other):
    question = {name: dict(zip(("kind", "value"), who)) for name, who in (("one", one), ("other", other))}
    return suite.post("/api/v1/identifiers/explain", question)["links"]


def test_it_is_said_where_a_number_that_was_given_away_is_why_two_are_or_are_not_one_person(running):
    send(running, *history(running))
    assert not any("reassigned" in one for link in why(running, OLD, NEW) for one in link["identifiers"])
    done = settled(running, given(running, 10))["id"]
    before, between, after = why(running, OLD, NEW)
    assert (before["refused"], after["refused"]) == (None, None) and before["rank"] == after["rank"] == "verified"
    assert between["rank"] == "value" and between["decision"] == done
    assert (between["refused"]["reason"], between["refused"]["since"]) == ("reassigned", "2026-02-10T00:00:00Z")
    old, new = {"until": "2026-02-10T00:00:00Z", "decisions": [done]}, {"since": "2026-02-10T00:00:00Z", "decisions": [done]}
    assert [one["reassigned"] for one in between["identifiers"]] == [old, new]
    assert [one["one_id"] for one in between["identifiers"]] == [one_id(running, *OLD), one_id(running, *NEW)]
    link, = why(running, NUMBER, NEW)
    assert [one.get("reassigned") for one in link["identifiers"]] == [new, None] and link["time"] == "2026-02-11T10:00:00Z"
    later = settled(running, given(running, 12))["id"]
    chain = why(running, OLD, ("anonymous_id", "browser-new"))
    assert [link["rank"] for link in chain] == ["verified", "value", "value", "claimed"]
    assert [link.get("decision") for link in chain] == [None, done, later, None]
    assert [one["reassigned"] for one in chain[2]["identifiers"]] == [
        {**new, "until": "2026-02-12T00:00:00Z", "decisions": [done, later]}, {"since": "2026-02-12T00:00:00Z", "decisions": [later]}]
    for decision in (later, done):
        settled(running, running.api("DELETE", f"/api/v1/identity-decisions/{decision}", {"reason": "it was not so"}))
    assert all(link["refused"] is None for link in why(running, OLD, NEW))
    assert not any("reassigned" in one for link in why(running, OLD, NUMBER) for one in link["identifiers"])


def test_the_number_may_go_on_and_each_has_it_for_a_time(running):
    send(running, *history(running), bought(21, "0.50", NUMBER, ("wechat_unionid", "o-last"), device="till-3"))
    settled(running, given(running, 20))
    first = settled(running, given(running, 10))
    owners = [one_id(running, *one) for one in (OLD, NEW, ("wechat_unionid", "o-last"))]
    assert len(set(owners)) == 3 and one_id(running, *NUMBER) == owners[2]
    assert [revenue(running, one) for one in (OLD, NEW, ("wechat_unionid", "o-last"))] == ["30.00", "7.00", "0.50"]
    settled(running, running.api("DELETE", f"/api/v1/identity-decisions/{first['id']}", {"reason": "it was not so"}))
    assert one_id(running, *OLD) == one_id(running, *NEW) != one_id(running, *NUMBER)
    assert [revenue(running, one) for one in (OLD, ("wechat_unionid", "o-last"))] == ["37.00", "0.50"]


def test_it_says_what_is_wrong_and_changes_nothing(running):
    send(running, *history(running))
    before = running.lookup(*OLD).body
    for status, field, more in ((400, "since", {"since": "2026-03-02T00:00:00Z"}), (400, "since", {"since": "yesterday"}), (400, "since", {"since": None}),
                                (400, "reason", {"reason": ""}), (400, "identifier", {"identifier": {"kind": "member_card", "value": "c-old"}}),
                                (404, "identifier", {"identifier": {"kind": "phone", "value": "13900139000"}})):
        answer = given(running, 10, **more)
        assert answer.status == status and field in str(answer.json), (more, answer)
    assert running.lookup(*OLD).body == before
    assert running.get("/api/v1/identity-decisions")["decisions"] == []


def test_the_command_says_it_too(running):
    send(running, *history(running))
    said = running.cli("identity", "reassign", f"phone:{PHONE}", "--since", "2026-02-10T00:00:00Z", "--reason", "another one has it").stdout
    running.wait_quiet()
    assert '"reassign"' in said and one_id(running, *OLD) != one_id(running, *NUMBER)
    assert running.cli("identity", "reassign", f"phone:{PHONE}", "--reason", "another one has it", check=False).returncode != 0
