# SPDX-License-Identifier: Apache-2.0
"""The rule language in C against the naive model, on random rules and persons; and what it refuses, with the pointer to it."""
import json
import os
import random
import subprocess
from decimal import Decimal

import pytest

from model_rules import TIERS, Model
from suite import build_directory

NOW = 1_772_353_800_000
DAY = 86_400_000
ROUNDS = int(os.environ.get("QUANYU_RULE_ROUNDS", "6000"))
ZONE = "Asia/Shanghai"


def write(value):
    """JSON with each Decimal's own digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key) + ":" + write(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item) for item in value) + "]"
    return json.dumps(value)


def ask(questions, zone=ZONE):
    probe = build_directory() / "tests" / "rule_probe"
    lines = "".join(write(question) + "\n" for question in questions)
    done = subprocess.run([probe, zone], input=lines.encode(), capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions)
    return answers


class Maker:
    """Random rules and persons that have something to do with each other: few names, few values, times near the thresholds."""

    NUMBERS = ["0", "1", "2", "3", "-1", "1.0", "10e-1", "1E+2", "100", "99.90", "99.9", "99.905", "0.1", "1e400", "-0", "1e-400",
               "12345678901234567890.12345678901234567890", "5e-324", "9223372036854775807", "9223372036854775808"]
    TEXTS = ["", "a", "ab", "b", "上海", "上", "A", "1", "1.0", "99.90", "2026-03-01", "2026-02-28T16:00:00Z", "true", "1e2"]
    DURATIONS = ["90s", "15m", "36h", "1d", "30d", "6w", "0d"]
    PATHS = ["total", "items", "items.price", "items.tags", "a.b", "a", "a.b.c", "at"]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    def number(self):
        return Decimal(self.pick(self.NUMBERS))

    def time_ms(self):
        age = self.pick([0, 90_000, 900_000, 36 * 3_600_000, DAY, 30 * DAY, 42 * DAY, 400 * DAY])
        return NOW - age + self.pick([-1, 0, 1, -12345, 77777])

    def time(self):
        ms = self.time_ms()
        if self.chance(0.2):
            return self.pick(["2026-03-01", "2026-02-28", "2026-01-31", "1986-05-04", "0001-01-01", "9999-12-31"])
        days, rest = divmod(ms, DAY)
        date = (__import__("datetime").date(1970, 1, 1) + __import__("datetime").timedelta(days)).isoformat()
        seconds, milliseconds = divmod(rest, 1000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{date}T{clock}.{milliseconds:03}Z"

    def scalar(self):
        kind = self.random.randrange(10)
        if kind < 4:
            return self.number()
        if kind < 8:
            return self.pick(self.TEXTS)
        return self.pick([True, False]) if kind == 8 else self.time()

    def value(self, depth=0):
        kind = self.random.randrange(12)
        if kind < 8 or depth > 3:
            return self.scalar()
        if kind == 8:
            return None
        if kind == 9:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return {key: self.value(depth + 1) for key in self.random.sample(["price", "tags", "b", "c"], 2)}

    def properties(self):
        found = {}
        for key in ("total", "a", "at"):
            if self.chance(0.6):
                found[key] = self.value()
        if self.chance(0.5):
            found["items"] = self.pick([self.value(), [{"price": self.value(), "tags": self.value()}
                                                       for _ in range(self.random.randrange(4))]])
        if self.chance(0.2):
            found["a"] = {"b": self.pick([self.value(), [{"c": self.scalar()}, [{"c": self.scalar()}]]])}
        return found

    def subject(self):
        orders = self.random.randrange(4)
        metrics = {"orders": orders, "refunds": self.random.randrange(2), "events": self.random.randrange(5),
                   "gross": Decimal(self.pick(["0", "99.90", "100.00", "1.00"])),
                   "revenue": Decimal(self.pick(["-0.01", "99.90", "0.00"]))}
        if orders:
            metrics |= {"average_order": Decimal(self.pick(["99.90", "33.33"])), "first_order_at": self.time_ms(),
                        "last_order_at": self.time_ms(), "recency_score": self.random.randint(1, 5),
                        "monetary_score": self.random.randint(1, 5)}
        if self.chance(0.8):
            metrics |= {"first_seen_at": self.time_ms(), "last_seen_at": self.time_ms()}
        events = [{"name": self.pick(["X", "X", "Y"]), "time_ms": min(self.time_ms(), NOW)}
                  | ({"properties": self.properties()} if self.chance(0.9) else {}) for _ in range(self.random.randrange(7))]
        return {"traits": {name: self.value() for name in ("t", "u", "v") if self.chance(0.7)}, "metrics": metrics,
                "tags": {name: self.random.sample(["rule", "guide", "import", "model"], 2) for name in ("p", "q") if self.chance(0.5)},
                "stage": self.pick(["new", "active", None]), "tier": self.pick([*TIERS, None]),
                "segments": self.random.sample(["s1", "s2", "s3"], 1), "identifiers": self.random.sample(["phone", "email"], 1),
                "units": self.pick([[], ["u_1"], ["u_4", "u_2", "u_1"], ["u_5", "u_3", "u_1"]]), "guide": self.pick([None, "st_1", "st_2"]),
                "events": events}

    def bound(self):
        kind, ids = self.pick([("unit", ["u_1", "u_2", "u_3", "u_5"]), ("guide", ["st_1", "st_2", "st_3"])])
        return {kind: self.pick([self.pick(ids), self.random.sample(ids, 2), {"exists": self.chance(0.5)}])}

    def operators(self, makers, most=2):
        return {name: makers[name]() for name in self.random.sample(sorted(makers), self.random.randint(1, most))}

    def equality(self, one):
        def some():
            return [one() for _ in range(self.random.randrange(4))]
        return {"is": one, "is_not": one, "in": some, "not_in": some}

    def order(self, one):
        return dict.fromkeys(("gt", "gte", "lt", "lte"), one)

    def exists(self):
        return {"exists": lambda: self.pick([True, False])}

    def times(self):
        def duration():
            return self.pick(self.DURATIONS)
        return {"before": self.time, "after": self.time, "older_than": duration, "newer_than": duration}

    def amount(self):
        return self.pick([self.number(), "99.90", "99.905", "0", "-1"])

    def value_operators(self):
        texts = {"contains": self.scalar, "starts_with": lambda: self.pick(self.TEXTS)}
        ordered = self.order(lambda: self.pick([self.amount, self.time])())
        return self.operators(self.equality(self.scalar) | ordered | texts | self.times() | self.exists())

    def metric(self):
        name = self.pick(["orders", "refunds", "gross", "revenue", "average_order", "first_order_at", "last_order_at",
                          "first_seen_at", "last_seen_at", "events", "recency_score", "frequency_score", "monetary_score"])
        if name.endswith("_at"):
            makers = self.equality(self.time) | self.order(self.time) | self.times()
        else:
            makers = self.equality(self.amount) | self.order(self.amount)
        return {"metric": name} | self.operators(makers | self.exists())

    def event(self):
        condition = {"event": self.pick(["X", "Y", "Z"])}
        if self.chance(0.5):
            condition["where"] = [{"property": self.pick(self.PATHS)} | self.value_operators()
                                  for _ in range(self.random.randrange(3))]
        if self.chance(0.5):
            condition["within"] = self.pick(self.DURATIONS[:-1])
        elif self.chance(0.5):
            condition["between"] = [self.time(), self.time()]
        figures = self.operators(self.equality(self.amount) | self.order(self.amount))
        kind = self.random.randrange(4)
        if kind == 1:
            condition["count"] = figures
        elif kind > 1:
            condition["sum" if kind == 2 else "distinct"] = {"property": self.pick(self.PATHS)} | figures
        return condition

    def tier(self):
        def name():
            return self.pick(TIERS)
        return {"tier": self.operators(self.equality(name) | self.order(name) | self.exists())}

    def tag(self):
        tag = {"tag": self.pick(["p", "q", "r"])}
        return tag | {"origin": self.pick(["rule", "guide"])} if self.chance(0.5) else tag

    def rule(self, depth=0):
        kind = self.random.randrange(14 if depth < 3 else 10)
        if kind >= 12:
            return {"not": self.rule(depth + 1)}
        if kind >= 10:
            return {self.pick(["all", "any"]): [self.rule(depth + 1) for _ in range(self.random.randint(1, 3))]}
        simple = [lambda: {"everyone": True}, self.tag, self.tier, lambda: {"segment": self.pick(["s1", "s2"])},
                  lambda: {"stage": self.pick(["new", "lost", ["new", "active"]])}, lambda: {"identifier": "phone"}, self.bound]
        makers = [lambda: self.pick(simple)(), self.metric, self.metric, lambda: {"trait": self.pick("tuvw")} | self.value_operators(),
                  lambda: {"trait": self.pick("tuvw")} | self.value_operators()]
        return makers[kind]() if kind < len(makers) else self.event()


def shown(subject, now_ms):
    """As the probe takes it: amounts are texts."""
    metrics = {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in subject["metrics"].items()}
    return subject | {"metrics": metrics, "now_ms": now_ms}


@pytest.mark.parametrize("seed", [os.environ.get("QUANYU_SEED", "1"), "2"])
def test_random_rules_answer_as_the_model_does(seed):
    maker, model = Maker(seed), Model(ZONE)
    pairs = [(maker.rule(), maker.subject()) for _ in range(ROUNDS)]
    answers = ask([{"rule": rule, "subject": shown(subject, NOW)} for rule, subject in pairs])
    for (rule, subject), answer in zip(pairs, answers):
        assert "answer" in answer, (write(rule), answer)
        assert answer["answer"] == model.matches(rule, subject, NOW), write({"rule": rule, "subject": shown(subject, NOW)})
    holding = sum(answer["answer"] for answer in answers)
    assert ROUNDS // 5 < holding < ROUNDS * 4 // 5


def test_nothing_changes_before_it_is_foretold():
    """Between now and the next change the answer stays; beyond the last one it stays for good."""
    maker, model = Maker(os.environ.get("QUANYU_SEED", "3")), Model(ZONE)
    pairs = [(maker.rule(), maker.subject()) for _ in range(ROUNDS)]
    answers = ask([{"rule": rule, "subject": shown(subject, NOW)} for rule, subject in pairs])
    foretold = changed = 0
    for (rule, subject), answer in zip(pairs, answers):
        end = answer["next"] if answer["next"] is not None else NOW + 1000 * DAY
        assert end > NOW and (answer["time"] or answer["next"] is None)
        for now_ms in {NOW + (end - NOW) // 3, end - 1}:
            assert model.matches(rule, subject, now_ms) == answer["answer"], (now_ms, write({"rule": rule, "subject": subject}))
        if answer["next"] is not None and "score" not in write(rule):
            foretold += 1
            changed += model.matches(rule, subject, end) != answer["answer"]
    assert changed > foretold // 4  # and it is not foretold at random


HAPPENED = [{"name": "Order Completed", "time_ms": NOW - 90 * DAY, "properties": {"total": Decimal("99.90"), "items": [
    {"sku": "a", "price": Decimal(10)}, {"sku": "b", "price": Decimal("89.9")}], "coupons": ["x", "y"]}},
            {"name": "Order Completed", "time_ms": NOW - DAY, "properties": {"total": "0.10", "items": []}}]
PERSON = {"traits": {"city": "上海", "vip": True, "age": Decimal(30), "likes": ["茶", "咖啡"], "since": "2026-01-30", "none": None},
          "metrics": {"orders": 2, "gross": Decimal("100.00"), "last_order_at": NOW - 30 * DAY}, "tags": {"敏感肌": ["guide"]},
          "stage": "new", "tier": "gold", "segments": ["win-back"], "identifiers": ["wechat_unionid"], "units": ["u_4", "u_2", "u_1"],
          "guide": "st_7", "events": HAPPENED}
ORDER = "Order Completed"


@pytest.mark.parametrize("rule, expected", [
    ({"trait": "city", "is": "上海"}, True),
    ({"trait": "city", "is": "上海", "starts_with": "北"}, False),
    ({"trait": "age", "gte": 30, "lt": "30.5"}, True),
    ({"trait": "age", "is": "30.0"}, True),
    ({"trait": "age", "contains": "3"}, False),
    ({"trait": "city", "gte": 1}, False),
    ({"trait": "likes", "contains": "茶"}, True),
    ({"trait": "likes", "is": "茶"}, True),
    ({"trait": "likes", "is_not": "茶"}, False),
    ({"trait": "likes", "not_in": ["酒"]}, True),
    ({"trait": "missing", "is_not": "茶"}, True),
    ({"trait": "missing", "not_in": ["茶"]}, True),
    ({"trait": "missing", "exists": False}, True),
    ({"trait": "none", "exists": False}, True),
    ({"trait": "missing", "lt": 5}, False),
    ({"trait": "since", "before": "2026-01-31"}, True),
    ({"trait": "since", "before": "2026-01-30"}, False),
    ({"trait": "since", "newer_than": "30d"}, False),
    ({"trait": "since", "older_than": "30d"}, True),
    ({"metric": "orders", "gte": 2}, True),
    ({"metric": "gross", "is": "100"}, True),
    ({"metric": "gross", "gt": "99.995"}, True),
    ({"metric": "gross", "gte": "100.001"}, False),
    ({"metric": "average_order", "exists": False}, True),
    ({"metric": "average_order", "is_not": 1}, True),
    ({"metric": "last_order_at", "newer_than": "30d"}, True),
    ({"metric": "last_order_at", "older_than": "30d"}, False),
    ({"tag": "敏感肌"}, True),
    ({"tag": "敏感肌", "origin": "rule"}, False),
    ({"stage": "dormant"}, False),
    ({"stage": ["dormant", "new"]}, True),
    ({"tier": {"gte": "gold"}}, True),
    ({"tier": {"gt": "gold"}}, False),
    ({"segment": "win-back"}, True),
    ({"identifier": "phone"}, False),
    ({"unit": "u_2"}, True),
    ({"unit": ["u_3", "u_5"]}, False),
    ({"unit": {"exists": False}}, False),
    ({"guide": ["st_8", "st_7"]}, True),
    ({"not": {"guide": {"exists": True}}}, False),
    ({"event": ORDER, "within": "90d", "count": {"gte": 2}}, True),
    ({"event": ORDER, "within": "2159h", "count": {"gte": 2}}, False),
    ({"event": "Nothing", "count": {"lte": 3}}, True),
    ({"event": "Nothing", "sum": {"property": "total", "is": 0}}, True),
    ({"event": ORDER, "sum": {"property": "total", "is": 100}}, True),
    ({"event": ORDER, "sum": {"property": "items.price", "is": "99.9"}}, True),
    ({"event": ORDER, "distinct": {"property": "items.sku", "is": 2}}, True),
    ({"event": ORDER, "distinct": {"property": "coupons", "is": 2}}, True),
    ({"event": ORDER, "where": [{"property": "items.sku", "is": "b"}]}, True),
    ({"event": ORDER, "where": [{"property": "items.sku", "is_not": "b"}], "count": {"is": 1}}, True),
    ({"event": ORDER, "where": [{"property": "items.price", "gt": 50, "lt": 20}]}, True),
    ({"not": {"any": [{"stage": "lost"}, {"all": [{"everyone": True}, {"segment": "no"}]}]}}, True),
])
def test_the_language_says_what_its_page_says(rule, expected):
    assert ask([{"rule": rule, "subject": shown(PERSON, NOW)}])[0]["answer"] is expected
    assert Model(ZONE).matches(json.loads(write(rule), parse_int=Decimal, parse_float=Decimal), PERSON, NOW) is expected


def nested(levels):
    rule = {"everyone": True}
    for _ in range(levels):
        rule = {"not": rule}
    return rule


REFUSED = [
    ([], ""), (None, ""), ("x", ""), ({}, ""), ({"al~l/": []}, "/al~0l~1"), ({"all": []}, "/all"), ({"any": {}}, "/any"),
    ({"all": [{"everyone": True}, 5]}, "/all/1"), ({"not": []}, "/not"), ({"everyone": False}, "/everyone"),
    ({"everyone": True, "not": {"everyone": True}}, "/everyone"), ({"trait": "a"}, ""), ({"trait": "", "is": 1}, "/trait"),
    ({"trait": 5, "is": 1}, "/trait"), ({"trait": "a\0b", "is": 1}, "/trait"), ({"trait": "x" * 256, "is": 1}, "/trait"),
    ({"trait": "a", "equals": 1}, "/equals"), ({"trait": "a", "is": None}, "/is"), ({"trait": "a", "is": [1]}, "/is"),
    ({"trait": "a", "in": 1}, "/in"), ({"trait": "a", "in": [1, {}]}, "/in/1"), ({"trait": "a", "in": [1] * 1001}, "/in"),
    ({"trait": "a", "exists": "yes"}, "/exists"), ({"trait": "a", "gte": "abc"}, "/gte"), ({"trait": "a", "gte": True}, "/gte"),
    ({"trait": "a", "before": "1d"}, "/before"), ({"trait": "a", "older_than": "2026-01-01"}, "/older_than"),
    ({"trait": "a", "older_than": "200000w"}, "/older_than"), ({"trait": "a", "starts_with": 1}, "/starts_with"),
    ({"trait": "a", "contains": {}}, "/contains"), ({"metric": "order", "gte": 1}, "/metric"),
    ({"metric": "orders", "contains": "1"}, "/contains"), ({"metric": "orders", "before": "2026-01-01"}, "/before"),
    ({"metric": "orders", "gte": "2026-01-01"}, "/gte"), ({"metric": "orders", "older_than": "1d"}, "/older_than"),
    ({"metric": "gross", "gte": "1e2"}, "/gte"), ({"metric": "last_order_at", "gte": 5}, "/gte"), ({"metric": "orders"}, ""),
    ({"tag": "unknown"}, "/tag"), ({"tag": "known", "origin": "me"}, "/origin"), ({"tag": "known", "is": 1}, "/is"),
    ({"segment": "unknown"}, "/segment"), ({"all": [{"any": [{"segment": "unknown"}]}]}, "/all/0/any/0/segment"),
    ({"stage": "unknown"}, "/stage"), ({"stage": []}, "/stage"), ({"stage": ["known", "unknown"]}, "/stage/1"),
    ({"tier": "gold"}, "/tier"), ({"tier": {}}, "/tier"), ({"tier": {"gte": "platinum"}}, "/tier/gte"),
    ({"tier": {"in": ["gold", 5]}}, "/tier/in/1"), ({"tier": {"contains": "gold"}}, "/tier/contains"), ({"identifier": 5}, "/identifier"),
    ({"unit": "U_1"}, "/unit"), ({"unit": "code:EAST"}, "/unit"), ({"unit": ["u_1", "u_01"]}, "/unit/1"), ({"unit": []}, "/unit"),
    ({"unit": "u_4294967296"}, "/unit"), ({"unit": {"exists": "no"}}, "/unit/exists"), ({"unit": {"in": ["u_1"]}}, "/unit/in"),
    ({"guide": "u_1"}, "/guide"), ({"guide": 7}, "/guide"), ({"guide": {}}, "/guide"), ({"guide": None}, "/guide"),
    ({"guide": "st_1", "unit": "u_1"}, "/guide"),
    ({"event": "X", "were": []}, "/were"), ({"event": "", "count": {"gte": 1}}, "/event"), ({"event": "X", "where": {}}, "/where"),
    ({"event": "X", "where": [{"is": 1}]}, "/where/0"), ({"event": "X", "where": [{"property": "a..b", "is": 1}]}, "/where/0/property"),
    ({"event": "X", "where": [{"property": "a"}]}, "/where/0"), ({"event": "X", "where": [{"property": "a", "x": 1}]}, "/where/0/x"),
    ({"event": "X", "where": [{"property": "a" + ".a" * 16, "is": 1}]}, "/where/0/property"), ({"event": "X", "within": "0d"}, "/within"),
    ({"event": "X", "within": 90}, "/within"), ({"event": "X", "between": ["2026-01-01"]}, "/between"),
    ({"event": "X", "between": ["2026-01-01", "later"]}, "/between/1"),
    ({"event": "X", "between": ["2026-01-01", "2026-01-02"], "within": "1d"}, "/between"),
    ({"event": "X", "count": 2}, "/count"), ({"event": "X", "count": {}}, "/count"), ({"event": "X", "count": {"gte": "x"}}, "/count/gte"),
    ({"event": "X", "count": {"exists": True}}, "/count/exists"), ({"event": "X", "sum": {"gte": 1}}, "/sum"),
    ({"event": "X", "sum": {"property": "total"}}, "/sum"), ({"event": "X", "distinct": {"property": 5, "gte": 1}}, "/distinct/property"),
    ({"event": "X", "count": {"gte": 1}, "sum": {"property": "total", "gte": 1}}, "/sum"),
    (nested(17), "/not" * 17), ({"any": [{"everyone": True}] * 1000}, "/any/999"), ({"any": [{"everyone": True}] * 1001}, "/any"),
]
NAMES = {"tags": ["known"], "segments": ["known"], "stages": ["known"]}


def test_what_does_not_fit_is_refused_with_the_pointer_to_it():
    answers = ask([{"rule": rule, "names": NAMES} for rule, _ in REFUSED])
    for (rule, pointer), answer in zip(REFUSED, answers):
        assert answer.get("pointer") == pointer, (write(rule)[:200], answer)
        assert answer["message"]


def test_a_key_given_twice_is_refused():
    probe = build_directory() / "tests" / "rule_probe"
    lines = ['{"rule":{"trait":"a","is":1,"is":2}}', '{"rule":{"trait":"a","trait":"b","is":2}}', '{"rule":{"tag":"a","tag":"b"}}',
             '{"rule":{"event":"X","count":{"gte":1},"count":{"gte":2}}}']
    done = subprocess.run([probe, ZONE], input="\n".join(lines).encode() + b"\n", capture_output=True, timeout=60, check=True)
    pointers = [json.loads(line)["pointer"] for line in done.stdout.splitlines()]
    assert pointers == ["/is", "/trait", "/tag", "/count"]


def test_what_fits_is_taken_up_to_the_limits():
    taken = [nested(16), {"any": [{"everyone": True}] * 999}, {"trait": "x" * 255, "in": [Decimal(1)] * 1000}, {"tag": "known"},
             {"event": "X", "where": []}, {"trait": "a", "in": []}, {"event": "X", "between": ["2026-01-02", "2026-01-01"]}]
    for rule, answer in zip(taken, ask([{"rule": rule, "names": NAMES, "subject": shown(PERSON, NOW)} for rule in taken])):
        assert "answer" in answer, (write(rule)[:200], answer)


def test_tags_segments_tiers_and_units_have_no_history():
    rules = [{"tag": "a"}, {"segment": "a"}, {"not": {"tier": {"is": "gold"}}}, {"unit": "u_1"}, {"guide": "st_1"}, {"stage": "new"}, {"metric": "orders", "gte": 1}]
    answers = ask([{"rule": rule, "subject": shown(PERSON, NOW)} for rule in rules])
    assert [answer["history"] for answer in answers] == [False, False, False, False, False, True, True]
