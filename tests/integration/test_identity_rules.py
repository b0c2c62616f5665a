# SPDX-License-Identifier: Apache-2.0
"""The rules by which identifiers become persons: read, changed, tried out on everybody, and applied to what was."""
import json

import pytest

from suite import Suite, wait_for

RULES = "/api/v1/identity-rules"
DRY_RUN = RULES + "/dry-run"


@pytest.fixture
def running(tmp_path):
    with Suite(tmp_path, settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


def track(user=None, device=None, ids=(), **context):
    external = [{"type": kind, "id": value, "collection": "users", "encoding": "none"} for kind, value in ids]
    return {"type": "track", "event": "Opened", "context": {"externalIds": external, **context}, **({"userId": user} if user else {}),
            **({"anonymousId": device} if device else {})}


def send(suite, *events):
    suite.send(list(events))
    suite.wait_quiet()


def one_id(suite, kind, value):
    return suite.lookup(kind, value).json.get("one_id")


def rules_of(suite):
    """The document alone, as it may be put again."""
    answer = suite.api("GET", RULES)
    assert answer.status == 200, answer
    return {name: answer.json[name] for name in ("kinds", "identifiers_of_person", "blocked", "sources")}


def kind_of(rules, name):
    return next(kind for kind in rules["kinds"] if kind["kind"] == name)


def put(suite, rules, headers=None):
    return suite.api("PUT", RULES, rules, headers=headers)


def apply(suite, rules):
    answer = put(suite, rules)
    assert answer.status == 200, answer
    wait_for(lambda: suite.api("GET", RULES).json["state"] == "applied", "the rules to be applied")
    suite.wait_quiet()
    return answer.json


def try_out(suite, rules):
    answer = suite.api("POST", DRY_RUN, rules)
    assert answer.status == 202, answer
    wait_for(lambda: suite.api("GET", DRY_RUN).json["state"] != "running", "the dry run")
    return suite.api("GET", DRY_RUN).json


def persons(suite):
    return suite.api("GET", "/api/v1/summary").json["persons"]


def family(suite, number, members):
    """People who each bought with their account and the family's one phone, confirmed by a code."""
    send(suite, *[track(f"u{number}-{member}", ids=[("phone", f"+86138001{number:05}")], verified=["phone"]) for member in range(members)])


def test_the_defaults_are_shown_and_may_be_put_again(running):
    rules = rules_of(running)
    assert [kind["kind"] for kind in rules["kinds"]] == ["user_id", "member_card", "wechat_unionid", "phone", "email",
                                                           "wechat_openid", "anonymous_id"]
    assert kind_of(rules, "user_id")["limit"] == 1 and kind_of(rules, "anonymous_id")["limit"] is None
    before = running.api("GET", RULES).json
    answer = put(running, rules)
    assert answer.status == 200 and answer.json["version"] == before["version"], answer


def test_a_limit_splits_and_joins_what_was_as_its_dry_run_said(running):
    for number in range(5):
        family(running, number, 3)
    rules = rules_of(running)
    kind_of(rules, "phone")["one_owner"] = False
    apply(running, rules)
    assert persons(running) == 15
    before = [[one_id(running, "user_id", f"u{number}-{member}") for member in range(3)] for number in range(5)]
    kind_of(rules, "user_id")["limit"] = 2
    said = try_out(running, rules)
    assert (said["state"], said["persons"], said["persons_then"], said["joins"], said["splits"]) == ("done", 15, 10, 5, 0), said
    assert said["identifiers_moved"] == 5 and len(said["examples"]) == 5
    assert all(len(example["before"]) == 3 and sum(one["identifiers"] for one in example["after"]) == 4 for example in said["examples"])
    assert persons(running) == 15  # nothing has changed
    apply(running, rules)
    assert persons(running) == 10
    assert all(one_id(running, "user_id", f"u{number}-0") == one_id(running, "user_id", f"u{number}-1") for number in range(5))
    kind_of(rules, "user_id")["limit"] = 1
    assert try_out(running, rules)["splits"] == 5
    apply(running, rules)
    assert [[one_id(running, "user_id", f"u{number}-{member}") for member in range(3)] for number in range(5)] == before


def test_a_familys_phone_is_nobodys_but_where_the_rules_say_otherwise(running):
    send(running, track(device="phone-0", ids=[("phone", "+8613800100000")]))
    family(running, 0, 2)
    people = {one_id(running, *who) for who in (("user_id", "u0-0"), ("user_id", "u0-1"), ("phone", "+8613800100000"), ("anonymous_id", "phone-0"))}
    assert len(people) == 4
    rules = rules_of(running)
    assert [kind["kind"] for kind in rules["kinds"] if kind["one_owner"]] == ["phone", "email"]
    kind_of(rules, "phone")["one_owner"] = False
    said = try_out(running, rules)
    assert (said["persons"], said["persons_then"]) == (4, 2), said
    apply(running, rules)
    assert one_id(running, "user_id", "u0-0") == one_id(running, "phone", "+8613800100000") == one_id(running, "anonymous_id", "phone-0")
    assert one_id(running, "user_id", "u0-1") != one_id(running, "user_id", "u0-0")
    kind_of(rules, "phone")["one_owner"] = True
    apply(running, rules)
    assert {one_id(running, *who) for who in (("user_id", "u0-0"), ("user_id", "u0-1"), ("phone", "+8613800100000"), ("anonymous_id", "phone-0"))} == people


def test_what_counts_as_verified_counts_for_what_was_as_its_dry_run_said(running):
    family(running, 0, 2)
    send(running, *[track(f"u1-{member}", ids=[("phone", "+8613800100001")]) for member in range(2)])  # nobody says that it is verified
    page = [track(f"u2-{member}", ids=[("phone", "+8613800100002")], verified=True) for member in range(2)]
    answer = running.ingest("/v1/batch", json.dumps({"batch": page}), headers={"Origin": "https://shop.example.com"})
    assert answer.status == 200, answer
    running.wait_quiet()
    before = [one_id(running, "user_id", f"u{number}-{member}") for number in range(3) for member in range(2)]
    assert persons(running) == 3 + 2 + 2  # a phone that was verified with two accounts is neither's
    rules = rules_of(running)
    for verified, expected in (("never", 2 + 2 + 2), ("issued", 3 + 3 + 2), ("never", 2 + 2 + 2), ("stated", 3 + 2 + 2)):
        now = persons(running)
        kind_of(rules, "phone")["verified"] = verified
        said = try_out(running, rules)
        assert (said["state"], said["persons"], said["persons_then"]) == ("done", now, expected), (verified, said)
        apply(running, rules)
        assert persons(running) == expected, verified
        shown = running.lookup("phone", "+8613800100001").json["identifiers"]
        assert [one["verified"] for one in shown if one["kind"] == "phone"] == [verified == "issued"]
    assert [one_id(running, "user_id", f"u{number}-{member}") for number in range(3) for member in range(2)] == before


def test_what_counts_as_verified_is_asked_to_the_end_whatever_is_killed(running):
    for number in range(40):
        family(running, number, 2)
    rules = rules_of(running)
    kind_of(rules, "phone")["verified"] = "never"
    assert put(running, rules).status == 200
    for _ in range(3):
        running.kill("identity")
        running.start("identity")
    family(running, 40, 2)
    wait_for(lambda: running.api("GET", RULES).json["state"] == "applied", "the rules to be applied")
    running.wait_quiet()
    assert persons(running) == 41 * 2


def test_a_kind_that_only_describes_joins_nobody(running):
    send(running, track("a", ids=[("email", "shop@example.com")]), track(device="d", ids=[("email", "shop@example.com")]))
    assert one_id(running, "user_id", "a") == one_id(running, "anonymous_id", "d")
    rules = rules_of(running)
    kind_of(rules, "email")["joins"] = False
    apply(running, rules)
    assert one_id(running, "user_id", "a") != one_id(running, "anonymous_id", "d")


def test_a_new_kind_is_known_at_once_and_after_a_restart(running):
    rules = rules_of(running)
    rules["kinds"].insert(1, {"kind": "loyalty_no", "form": "digits", "verified": "issued", "limit": 2})
    apply(running, rules)
    send(running, track("a", ids=[("loyalty_no", "77-0001 2")]))
    running.kill("identity")
    running.start("identity")
    send(running, track(device="d", ids=[("loyalty_no", "770 0012")]))
    assert one_id(running, "loyalty_no", "7700012") == one_id(running, "user_id", "a") == one_id(running, "anonymous_id", "d")
    shown = kind_of(rules_of(running), "loyalty_no")
    assert (shown["form"], shown["limit"]) == ("digits", 2)
    changed = rules_of(running)
    kind_of(changed, "loyalty_no")["form"] = "lower"
    answer = put(running, changed)
    assert answer.status == 400 and answer.json["field"].endswith("kinds/1/form"), answer


def test_a_value_that_stands_for_nobody_joins_nobody_and_comes_back(running):
    send(running, track("visitor", "d1"), track("visitor", "d2"), track(ids=[("phone", "13800000000")], user="u"))
    assert one_id(running, "anonymous_id", "d1") == one_id(running, "anonymous_id", "d2")
    rules = rules_of(running)
    rules["blocked"] = [{"kind": "user_id", "pattern": "visit*"}, {"kind": "phone", "value": "138 0000 0000"}]
    shown = apply(running, rules)
    assert shown["blocked"][1] == {"kind": "phone", "value": "+8613800000000"}
    assert one_id(running, "anonymous_id", "d1") != one_id(running, "anonymous_id", "d2")
    send(running, track("visitor", "d3"), track("visitors", "d3"))
    assert one_id(running, "anonymous_id", "d3") not in (None, one_id(running, "user_id", "visitor"))
    rules["blocked"] = []
    apply(running, rules)
    assert one_id(running, "anonymous_id", "d1") == one_id(running, "anonymous_id", "d2")


def test_the_order_of_kinds_and_the_largest_number_hold_for_reports_and_decisions(running):
    rules = rules_of(running)
    rules["kinds"].insert(0, rules["kinds"].pop(rules["kinds"].index(kind_of(rules, "email"))))
    kind_of(rules, "phone").update(busy_after=1, one_owner=False)
    rules["identifiers_of_person"] = 3
    apply(running, rules)
    phone = ("phone", "+8613800138000")
    send(running, track("a", ids=[phone, ("email", "a@example.com")]), track(device="x", ids=[phone, ("email", "b@example.com")]),
         track(device="y", ids=[phone, ("email", "c@example.com")]), track("d", "d1"))
    busy = running.api("GET", "/api/v1/identity-busy").json["busy"]
    assert [(one["kind"], one["seen_with"]) for one in busy] == [("email", 3)], busy
    answer = running.api("POST", "/api/v1/persons/join", {"reason": "they are one", "identifiers": [
        {"kind": "user_id", "value": "a"}, {"kind": "user_id", "value": "d"}]})
    assert answer.status == 409 and "more than 3" in answer.json["detail"], answer


def test_a_source_that_may_not_join_or_verify(running):
    rules = rules_of(running)
    rules["sources"] = [{"source": "survey", "joins": False}, {"source": "call-centre", "verifies": False}]
    apply(running, rules)
    send(running, track("a", "d1", source="survey"), track("b", "d2", source="web"))
    assert one_id(running, "anonymous_id", "d1") is None
    assert one_id(running, "user_id", "b") == one_id(running, "anonymous_id", "d2")


def test_other_rules_are_applied_to_the_end_whatever_is_killed(running):
    for number in range(40):
        family(running, number, 3)
    rules = rules_of(running)
    kind_of(rules, "user_id")["limit"] = 3
    kind_of(rules, "phone")["one_owner"] = False
    assert put(running, rules).status == 200
    for _ in range(3):
        running.kill("identity")
        running.start("identity")
    family(running, 40, 3)
    wait_for(lambda: running.api("GET", RULES).json["state"] == "applied", "the rules to be applied")
    running.wait_quiet()
    assert persons(running) == 41


def test_what_is_wrong_is_named_and_changes_nothing(running):
    whole = rules_of(running)

    def refused(change, field, status=400):
        rules = json.loads(json.dumps(whole))
        change(rules)
        answer = put(running, rules)
        assert answer.status == status and answer.json.get("field", "").strip("/") == field, answer
        assert rules_of(running) == whole

    refused(lambda r: r["kinds"].pop(), "kinds")
    refused(lambda r: r["kinds"].append(r["kinds"][0]), "kinds/7/kind")
    refused(lambda r: kind_of(r, "phone").update(limit=0), "kinds/3/limit")
    refused(lambda r: kind_of(r, "phone").update(limit="3"), "kinds/3/limit")
    refused(lambda r: kind_of(r, "phone").update(verified="maybe"), "kinds/3/verified")
    refused(lambda r: kind_of(r, "phone").update(one_owner=1), "kinds/3/one_owner")
    refused(lambda r: kind_of(r, "phone").update(colour="red"), "kinds/3/colour")
    refused(lambda r: kind_of(r, "phone").update(form="digits"), "kinds/3/form")
    refused(lambda r: r["kinds"].append({"kind": "Bad Name"}), "kinds/7/kind")
    refused(lambda r: r.update(blocked=[{"pattern": "*"}]), "blocked/0/pattern")
    refused(lambda r: r.update(blocked=[{"pattern": "a[b"}]), "blocked/0/pattern")
    refused(lambda r: r.update(blocked=[{"kind": "shoe", "value": "1"}]), "blocked/0/kind")
    refused(lambda r: r.update(blocked=[{}]), "blocked/0")
    refused(lambda r: r.update(sources=[{"source": "web"}, {"source": "web"}]), "sources/1/source")
    refused(lambda r: r.update(identifiers_of_person=0), "identifiers_of_person")
    answer = put(running, whole, headers={"If-Match": '"99"'})
    assert answer.status == 412, answer


def test_the_command_shows_changes_and_tries_out(running, tmp_path):
    rules = rules_of(running)
    kind_of(rules, "email")["limit"] = 2
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules))
    shown = running.cli("identity", "rules", file)
    assert kind_of(json.loads(shown.stdout), "email")["limit"] == 2
    assert json.loads(running.cli("identity", "dry-run", file).stdout)["state"] in ("running", "done")
