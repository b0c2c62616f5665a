# SPDX-License-Identifier: Apache-2.0
"""Whose an event is when what is known of its identifiers changes: as if it had come so."""
import pytest

from suite import Suite, wait_for

RULES = "/api/v1/identity-rules"
NOBODYS = {"kind": "phone", "value": "+8613800138000"}  # what is typed at the tills for whoever gives no number
MANY = 3000


@pytest.fixture
def running(tmp_path):
    with Suite(tmp_path, settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


def purchase(number, total, user=None, device=None, phone=None, traits=None, message=None, **more):
    external = [{"type": "phone", "id": phone, "collection": "users", "encoding": "none"}] if phone else []
    return {"type": "track", "event": "Order Completed", "messageId": message or f"order-{number}",
            "context": {"externalIds": external, "traits": traits or {}},
            "properties": {"order_id": f"o-{number}", "total": total, "currency": "CNY"}, **({"userId": user} if user else {}),
            **({"anonymousId": device} if device else {}), **more}


def send(suite, events):
    suite.send(events, size=1000)
    suite.wait_quiet()


def person(suite, kind, value):
    return suite.lookup(kind, value).json


def bought(suite, kind, value):
    """Orders, revenue and when the first and the last was, of the identifier's person."""
    metrics = person(suite, kind, value)["metrics"]
    return metrics["orders"], metrics["revenue"], metrics["first_order_at"], metrics["last_order_at"]


def block(suite):
    answer = suite.api("POST", "/api/v1/identifiers/block", {"identifier": NOBODYS, "reason": "typed for everybody"})
    assert answer.status == 200, answer
    suite.wait_quiet()
    return answer.json["id"]


def undo(suite, decision):
    assert suite.api("DELETE", f"/api/v1/identity-decisions/{decision}", {"reason": "it is somebody's"}).status == 200
    suite.wait_quiet()


def revenue(suite, at_least):
    return suite.count({"metric": "revenue", "gte": at_least})


def test_what_was_a_blocked_identifiers_is_of_the_next_one_and_comes_back(running):
    segment = running.post("/api/v1/segments", {"name": "Big", "rule": {"metric": "revenue", "gte": "100.00"}})["id"]
    phone = NOBODYS["value"]
    send(running, [
        purchase(1, 60, device="till-1", phone=phone, traits={"city": "上海"}),
        purchase(2, 70, device="till-2", phone=phone, traits={"city": "北京"}),
        purchase(3, 80, device="till-2", phone=phone, timestamp="2026-02-01T00:00:00Z"),
        purchase(5, 10, user="u5", device="till-5", phone=phone),  # an account is stronger: it was never the number's
        purchase(2, 70, device="till-1", message="again"),         # the same order, told by another event
    ])
    kinds = [("phone", phone), ("anonymous_id", "till-1"), ("anonymous_id", "till-2"), ("user_id", "u5")]
    before = [person(running, *one) for one in kinds]
    assert bought(running, "phone", phone)[:2] == (4, "220.00") and running.get(f"/api/v1/segments/{segment}")["count"] == 1
    decision = block(running)
    assert bought(running, "phone", phone)[:2] == (0, "0.00")
    assert bought(running, "anonymous_id", "till-1")[:2] == (2, "130.00")
    assert bought(running, "anonymous_id", "till-2")[:2] == (2, "150.00")
    assert bought(running, "user_id", "u5")[:2] == (1, "10.00")
    assert person(running, "anonymous_id", "till-1")["traits"]["city"] == "上海" and person(running, "anonymous_id", "till-2")["traits"]["city"] == "北京"
    assert len({person(running, *one)["one_id"] for one in kinds}) == 4
    assert running.get(f"/api/v1/segments/{segment}")["count"] == 2 and revenue(running, "100.00") == 2
    assert len(person(running, "anonymous_id", "till-2")["events"]) == 2
    undo(running, decision)
    after = [person(running, *one) for one in kinds]
    assert [{**one, "segments": None} for one in after] == [{**one, "segments": None} for one in before]
    assert running.get(f"/api/v1/segments/{segment}")["count"] == 1


def test_other_priorities_hold_for_what_was(running):
    rules = running.api("GET", RULES).json
    rules = {name: rules[name] for name in ("kinds", "identifiers_of_person", "blocked", "sources")}
    send(running, [purchase(1, 60, user="u1", phone="+8613800138001"), purchase(2, 30, user="u2", phone="+8613800138001"), purchase(3, 5, user="u1")])

    def put(kinds):
        answer = running.api("PUT", RULES, {**rules, "kinds": kinds})
        assert answer.status == 200, answer
        wait_for(lambda: running.api("GET", RULES).json["state"] == "applied", "the rules to be applied")
        running.wait_quiet()

    apart = [{**kind, "joins": kind["kind"] != "phone"} for kind in rules["kinds"]]
    put(apart)
    assert [bought(running, *one)[:2] for one in (("user_id", "u1"), ("user_id", "u2"))] == [(2, "65.00"), (1, "30.00")]
    assert bought(running, "phone", "+8613800138001")[:2] == (0, "0.00")
    put(sorted(apart, key=lambda kind: kind["kind"] != "phone"))
    assert bought(running, "phone", "+8613800138001")[:2] == (2, "90.00")
    assert [bought(running, *one)[:2] for one in (("user_id", "u1"), ("user_id", "u2"))] == [(1, "5.00"), (0, "0.00")]
    send(running, [purchase(4, 7, user="u2", phone="+8613800138001")])
    assert bought(running, "phone", "+8613800138001")[:2] == (3, "97.00")
    put(apart)
    assert [bought(running, *one)[:2] for one in (("user_id", "u1"), ("user_id", "u2"))] == [(2, "65.00"), (2, "37.00")]


def test_it_goes_on_after_a_kill_and_comes_out_the_same(running):
    send(running, [purchase(number, 1 + number % 7, device=f"till-{number % 1500}", phone=NOBODYS["value"]) for number in range(MANY)])
    assert running.api("POST", "/api/v1/identifiers/block", {"identifier": NOBODYS, "reason": "typed for everybody"}).status == 200
    for service in ("identity", "tagging", "identity"):
        running.kill(service)
        running.start(service)
    running.wait_quiet()
    assert bought(running, "phone", NOBODYS["value"])[:2] == (0, "0.00")
    for till in range(0, 1500, 97):
        told = [number for number in range(MANY) if number % 1500 == till]
        assert bought(running, "anonymous_id", f"till-{till}")[:2] == (len(told), f"{sum(1 + number % 7 for number in told)}.00")
    assert revenue(running, "1.00") == 1500
