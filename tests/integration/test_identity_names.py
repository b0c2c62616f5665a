# SPDX-License-Identifier: Apache-2.0
"""Numbers that are several people's, as their names tell, or as who had them when: they join nobody, it is said why, and it follows the rules."""
import pytest

from suite import Suite
from test_identity_rules import RULES, apply, kind_of, one_id, put, rules_of, send, try_out

PHONE, OTHER = "+8613800138000", "+8613900139000"


@pytest.fixture
def running(tmp_path):
    with Suite(tmp_path, settings={"clock_start": "2026-03-01T00:00:00Z"}).start() as suite:
        yield suite


def proved(day, phone, name=None, kind="user_id", value="u1"):
    """Somebody proves a number on a day of February, and may say a name."""
    external = [{"type": kind, "id": value, "collection": "users", "encoding": "none"}]
    who = {"userId": value} if kind == "user_id" else {"anonymousId": f"{kind}-{value}"}
    return {"type": "identify", **who, "timestamp": f"2026-02-{day:02}T10:00:00Z", "traits": {"phone": phone, **({"name": name} if name else {})},
            "context": {"verified": ["phone"], "externalIds": external}}


def reasons(suite):
    """Of each identifier that joins nothing, by its masked value."""
    return {row["identifier"]["value"]: row["reason"] for row in suite.get("/api/v1/identity-busy?limit=500")["busy"]}


def why(suite, one, other):
    names = {"one": dict(zip(("kind", "value"), one)), "other": dict(zip(("kind", "value"), other))}
    return suite.api("POST", "/api/v1/identifiers/explain", names).json


def people(suite, *identifiers):
    return [one_id(suite, *identifier) for identifier in identifiers]


USER, UNION, NUMBER = ("user_id", "u1"), ("wechat_unionid", "o1"), ("phone", PHONE)


def test_two_peoples_names_part_who_share_a_number(running):
    send(running, proved(1, PHONE, "王伟"), proved(2, PHONE, kind="wechat_unionid", value="o1"))
    together = people(running, USER, UNION, NUMBER)
    assert len(set(together)) == 1
    send(running, proved(3, PHONE, "伟王", kind="wechat_unionid", value="o1"))  # the other way round
    assert people(running, USER, UNION, NUMBER) == together and reasons(running) == {}
    send(running, proved(4, PHONE, "李娜", kind="member_card", value="c1"))
    apart = people(running, USER, UNION, NUMBER, ("member_card", "c1"))
    assert len(set(apart)) == 4 and set(reasons(running).values()) == {"names"}
    said = why(running, USER, ("member_card", "c1"))
    assert not said["one_person"] and {link["refused"]["reason"] for link in said["links"]} == {"names"}, said
    assert "names" in said["links"][0]["refused"]["detail"] and "王" not in str(said) and "李" not in str(said)
    assert "names: seen with" in running.cli("identity", "busy").stdout

    rules = rules_of(running)
    assert [kind["kind"] for kind in rules["kinds"] if kind["one_name"]] == ["phone", "email"]
    kind_of(rules, "phone")["one_name"] = False
    said = try_out(running, rules)
    assert (said["persons"], said["persons_then"], said["joins"]) == (4, 1, 3), said
    apply(running, rules)
    assert len(set(people(running, USER, UNION, NUMBER, ("member_card", "c1")))) == 1 and reasons(running) == {}
    kind_of(rules, "phone")["one_name"] = True
    assert put(running, rules).status == 200
    running.kill("identity")
    running.start("identity")
    running.wait_quiet()
    assert people(running, USER, UNION, NUMBER, ("member_card", "c1")) == apart


def test_a_number_that_changed_hands_joins_nobody(running):
    send(running, proved(1, PHONE, kind="wechat_unionid", value="o1"), proved(2, OTHER))
    assert len(set(people(running, USER, UNION))) == 2
    send(running, proved(3, PHONE))  # the account takes it in place of its own
    assert len(set(people(running, USER, UNION, NUMBER))) == 3 and set(reasons(running).values()) == {"handed_on"}
    assert {link["refused"]["reason"] for link in why(running, USER, UNION)["links"]} == {"handed_on"}
    apart = people(running, USER, UNION, NUMBER)
    rules = rules_of(running)
    assert [kind["kind"] for kind in rules["kinds"] if kind["handed_on"]] == ["phone"]
    kind_of(rules, "phone")["handed_on"] = False
    assert try_out(running, rules)["persons_then"] == 1
    apply(running, rules)
    assert len(set(people(running, USER, UNION, NUMBER))) == 1
    kind_of(rules, "phone")["handed_on"] = True
    apply(running, rules)
    assert people(running, USER, UNION, NUMBER) == apart
    send(running, proved(4, OTHER, kind="wechat_unionid", value="o1"))  # who has both was nobody else
    assert len(set(people(running, USER, UNION, NUMBER))) == 1 and reasons(running) == {}


def test_a_name_goes_with_the_event_that_states_it(running):
    send(running, proved(1, PHONE, "王伟"), proved(2, PHONE, kind="wechat_unionid", value="o1"))
    together = people(running, USER, UNION, NUMBER)
    send(running, proved(3, PHONE, "李娜", kind="member_card", value="c1"))
    link, = why(running, ("member_card", "c1"), NUMBER)["links"]
    assert len(set(people(running, USER, UNION, NUMBER))) == 3
    answer = running.api("POST", f"/api/v1/evidence/{link['position']}/withdraw", {"reason": "the guide mistook her"})
    assert answer.status == 200, answer
    running.wait_quiet()
    assert people(running, USER, UNION, NUMBER) == together and reasons(running) == {}
    answer = running.api("DELETE", f"/api/v1/identity-decisions/{answer.json['id']}", {"reason": "she was right"})
    assert answer.status == 200, answer
    running.wait_quiet()
    assert len(set(people(running, USER, UNION, NUMBER))) == 3 and set(reasons(running).values()) == {"names"}


def test_rules_that_are_none_are_refused(running):
    rules = rules_of(running)
    for name in ("one_name", "handed_on"):
        wrong = {**rules, "kinds": [{**kind, name: "yes"} if kind["kind"] == "phone" else kind for kind in rules["kinds"]]}
        answer = running.api("PUT", RULES, wrong)
        assert answer.status == 400 and f"kinds/3/{name}" in str(answer.json), answer
    assert rules_of(running) == rules


def test_names_are_nowhere_in_the_clear(running, tmp_path):
    send(running, proved(1, PHONE, "欧阳靖雯"), proved(2, PHONE, "司徒嘉禾", kind="wechat_unionid", value="o1"))
    assert set(reasons(running).values()) == {"names"}
    running.stop()
    forms = [form for name in ("欧阳靖雯", "司徒嘉禾") for form in (name.encode(), name.encode("utf-16-le"), name.encode("utf-16-be"))]
    files = [path for path in (tmp_path / "data" / "identity").rglob("*") if path.is_file()]
    assert files and not [path for path in files if any(form in path.read_bytes() for form in forms)]
