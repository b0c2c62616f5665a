# SPDX-License-Identifier: Apache-2.0
"""Who may not see people learns nothing about a few of them: by small counts, by who is left, or by what differs between two answers."""
import itertools
import random

import pytest

from suite import Suite

LEAST, PEOPLE = 10, 120


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("small")).start() as suite:
        suite.numbers = {f"u{i}": i for i in range(PEOPLE)}
        suite.send([{"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "timestamp": "2025-12-01T00:00:00Z",
                     "traits": {"n": i, "city": ("上海", "北京", "广州")[i % 3], "level": i % 7}} for i in range(PEOPLE)])
        suite.post("/api/v1/segments", {"name": "fifty", "rule": below(50)})
        suite.post("/api/v1/tags", {"tag": "three", "rule": below(3)})
        suite.wait_quiet()
        staff = [suite.post("/api/v1/staff", {"login": f"{role}.one", "role": role, "unit": "u_1"}) for role in ("analyst", "finance")]
        suite.tokens = [suite.post(f"/api/v1/staff/{one['id']}/tokens", {"name": "test"})["token"] for one in staff]
        yield suite


def below(n):
    return {"trait": "n", "lt": n}


def ask(suite, rule, token=0, **more):
    return suite.api("POST", "/api/v1/audiences/count", {"rule": rule, **more}, token=suite.tokens[token])


def assert_too_few(answer):
    assert answer.status == 403 and answer.json["type"] == "urn:quanyu:problem:too_few", answer
    assert "10" in answer.json["detail"] and "count" not in answer.json


def test_small_sets_and_what_is_left_are_not_counted(running):
    for rule in (below(0), below(1), below(9), below(PEOPLE - 9), below(PEOPLE), {"not": below(1)}):
        assert_too_few(ask(running, rule))
    assert ask(running, {"everyone": True}).json["count"] == PEOPLE
    assert running.count(below(3)) == 3  # who may see people is told


def test_an_answer_that_differs_by_few_from_another_is_not_given_to_anybody_without_people(running):
    first = ask(running, below(70))
    assert first.status == 200 and first.json["count"] == 70
    assert_too_few(ask(running, below(71)))
    assert_too_few(ask(running, below(61), token=1))
    assert_too_few(ask(running, {"trait": "n", "gte": 71}, token=1))
    assert ask(running, {"not": {"trait": "n", "gte": 70}}).json["count"] == 70  # the same people
    assert ask(running, {"trait": "n", "gte": 70}).json["count"] == 50  # all the others
    assert ask(running, below(60)).json["count"] == 60
    refused = running.audit("/v1/records?action=audience.count&limit=10").json["records"]
    assert "too_few" in {record["outcome"] for record in refused}


def test_sets_that_are_told_anyway_count_as_earlier_questions(running):
    assert_too_few(ask(running, below(49)))
    assert ask(running, below(50)).json["count"] == 50


def test_segments_tags_and_summary_tell_no_small_count(running):
    segments = running.api("GET", "/api/v1/segments", token=running.tokens[0]).json["segments"]
    assert segments[0]["count"] == 50 and "counted_at" in segments[0] and "entered" not in segments[0]
    tags = running.api("GET", "/api/v1/tags", token=running.tokens[0]).json["tags"]
    assert tags[0]["too_few"] is True and "count" not in tags[0]
    assert running.api("GET", "/api/v1/tags/three", token=running.tokens[0]).json["too_few"] is True
    assert running.get("/api/v1/tags/three")["count"] == 3
    summary = running.api("GET", "/api/v1/summary", token=running.tokens[0]).json
    assert summary["persons"] == PEOPLE and not summary["stages"] and summary["too_few"] is True  # all are prospects


def test_a_scope_of_a_few_people_is_not_counted(running):
    unit = running.post("/api/v1/units", {"name": "Small", "kind": "store", "parent": "u_1"})["id"]
    staff = running.post("/api/v1/staff", {"login": "small.analyst", "role": "analyst", "unit": unit})
    token = running.post(f"/api/v1/staff/{staff['id']}/tokens", {"name": "test"})["token"]
    one = running.lookup("user_id", "u0").json["one_id"]
    assert running.api("PUT", f"/api/v1/persons/{one}/binding", {"unit": unit, "reason": "the first one"}).status == 200
    running.wait_quiet()
    assert_too_few(running.api("POST", "/api/v1/audiences/count", {"rule": {"everyone": True}}, token=token))
    assert running.api("GET", "/api/v1/summary", token=token).json == {"stages": {}, "too_few": True}


def test_a_step_of_a_journey_does_not_give_the_other_one_away(running):
    journey = {"name": "Branches", "include_current": True, "entry": {"rule": {"everyone": True}}, "steps": [
        {"id": "few", "type": "condition", "rule": below(4), "then": "first", "else": "rest"},
        {"id": "first", "type": "wait", "for": "30d"}, {"id": "rest", "type": "wait", "for": "30d"}]}
    made = running.post("/api/v1/journeys", journey)["id"]
    assert running.api("POST", f"/api/v1/journeys/{made}/publish").status == 200
    running.wait_quiet()

    def steps(token=None):
        shown = running.api("GET", f"/api/v1/journeys/{made}", token=token).json
        return shown["entered"], {step["id"]: step.get("entered") for step in shown["steps"]}

    assert steps() == (PEOPLE, {"few": PEOPLE, "first": 4, "rest": PEOPLE - 4})
    tens = PEOPLE - PEOPLE % 10
    assert steps(running.tokens[0]) == (tens, {"few": tens, "first": None, "rest": None})
    # that nobody went one way is as much of a secret as that somebody did
    journey["name"], journey["steps"][0]["rule"] = "Nobody", below(0)
    made = running.post("/api/v1/journeys", journey)["id"]
    assert running.api("POST", f"/api/v1/journeys/{made}/publish").status == 200
    running.wait_quiet()
    assert steps() == (PEOPLE, {"few": PEOPLE, "first": 0, "rest": PEOPLE})
    assert steps(running.tokens[0]) == (tens, {"few": tens, "first": None, "rest": None})


def test_the_same_question_again_has_the_same_answer_while_few_came(running):
    rule = {"trait": "n", "exists": True}
    everyone = {"all": [rule, below(90)]}
    first = ask(running, everyone)
    assert first.status == 200, first
    running.advance("1h")
    position = running.send([{"type": "identify", "userId": f"late{i}", "messageId": f"late{i}", "traits": {"n": 89.5}} for i in range(4)])
    assert position
    running.wait_quiet()
    again = ask(running, everyone)
    assert again.json == first.json  # with the time at which it was counted
    assert_too_few(ask(running, below(90)))  # the four who came


def test_questions_outlive_a_restart(running):
    rule = {"trait": "level", "lt": 3}
    count = ask(running, rule)
    assert count.status == 200, count
    running.kill("tagging")
    running.start("tagging")
    assert ask(running, rule).json == count.json
    assert_too_few(ask(running, {"any": [rule, {"trait": "n", "is": 3}]}))


def test_no_two_answers_give_a_few_people_away(tmp_path):
    """Random and adaptive questions against plain Python sets."""
    dice = random.Random(7)
    with Suite(tmp_path).start() as suite:
        people = {i: {"n": i, "a": dice.randrange(4), "b": dice.randrange(9)} for i in range(150)}
        suite.send([{"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": traits} for i, traits in people.items()])
        suite.wait_quiet()
        staff = suite.post("/api/v1/staff", {"login": "analyst.two", "role": "analyst", "unit": "u_1"})
        suite.tokens = [suite.post(f"/api/v1/staff/{staff['id']}/tokens", {"name": "test"})["token"]]
        everybody, told, refused = frozenset(people), [frozenset(people)], 0

        def fresh(depth):
            kind = dice.randrange(5 if depth else 3)
            if kind == 0:
                n = dice.randrange(151)
                return below(n), frozenset(i for i in people if i < n)
            if kind in (1, 2):
                name, value = ("a", dice.randrange(4)) if kind == 1 else ("b", dice.randrange(9))
                return {"trait": name, "lte": value}, frozenset(i for i in people if people[i][name] <= value)
            if kind == 3:
                rule, members = fresh(depth - 1)
                return {"not": rule}, everybody - members
            (left, a), (right, b) = fresh(depth - 1), fresh(depth - 1)
            both = dice.random() < 0.5
            return {"all" if both else "any": [left, right]}, a & b if both else a | b

        def near(question):
            """Somebody more or less than before, or the others."""
            rule, members = question
            one = dice.randrange(150)
            some = frozenset(range(one, min(150, one + dice.randrange(1, 15))))
            these = {"trait": "n", "gte": one, "lt": one + len(some)}
            return dice.choice([({"any": [rule, these]}, members | some), ({"all": [rule, {"not": these}]}, members - some),
                                ({"not": {"any": [rule, these]}}, everybody - members - some)])

        questions = []
        for _ in range(250):
            question = near(dice.choice(questions)) if questions and dice.random() < 0.6 else fresh(2)
            answer = ask(suite, question[0])
            if answer.status == 403:
                refused += 1
                continue
            assert answer.status == 200 and answer.json["count"] == len(question[1]), (question, answer)
            questions.append(question)
            told.append(question[1])
        told = set(told)
        for a, b in itertools.combinations(told, 2):
            for x, y in itertools.product((a, everybody - a), (b, everybody - b)):
                assert x == y or len(x ^ y) >= LEAST, (len(a), len(b), len(x ^ y))
        for members in told - {everybody}:
            assert LEAST <= len(members) <= len(people) - LEAST
        assert refused > 20 and len(told) > 15
