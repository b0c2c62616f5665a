# SPDX-License-Identifier: Apache-2.0
"""Random people doing random things, seen by the suite and by the model (model.py): every profile, audience and segment is the same.

QUANYU_SEED repeats one run; QUANYU_LONG goes on with new seeds for an hour (QUANYU_LONG_SECONDS). A failure is made smaller, by
leaving out ever smaller parts of what was sent, and the rest is left in a file."""
import json
import os
import pathlib
import random
import shutil
import tempfile
import time
from collections import Counter
from decimal import Decimal

from model import EPOCH, World, time_text
from suite import Suite
from test_rules import write

HOUR, DAY = 3_600_000, 86_400_000
SECONDS = 30 if not os.environ.get("QUANYU_LONG") else int(os.environ.get("QUANYU_LONG_SECONDS", "3600"))
SHRINK_SECONDS = int(os.environ.get("QUANYU_SHRINK_SECONDS", "180"))
START = "2026-01-30T09:00:00Z"
START_MS = 1_769_763_600_000
STAGES = ["prospect", "new", "active", "dormant", "lost"]
SHOWN_TRAITS = ("city", "level", "vip", "likes", "since", "has_phone", "has_email")


class Maker:
    """Few people, few names, few values: so that all of it meets."""

    TYPES = ["track"] * 9 + ["identify"] * 3 + ["page", "screen", "group", "alias"]
    NAMES = ["Order Completed"] * 5 + ["Order Refunded"] * 2 + ["Product Viewed", "Coupon Applied", "Signed In"]
    TOTALS = [Decimal(text) for text in ("0", "1", "10", "99.90", "100", "0.005", "10.004", "10.005", "-5", "1e2", "1234567.89")]
    CITIES = ["上海", "北京", "广州", "Köln"]
    DURATIONS = ["1h", "36h", "3d", "30d", "6w", "90d", "180d"]
    WILD = ["0001-01-01T00:00:00Z", "1899-12-31T12:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999Z",
            "2000-01-01T00:00:00Z", "2019-05-05T05:05:05Z", "2038-01-19T03:14:08Z", "9999-12-31T23:59:59.999Z"]
    PATHS = ["total", "products.price", "products.sku", "coupon", "day", "missing"]

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.made = 0

    def pick(self, options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    # -- what people do

    def moment(self, now_ms, spread=200 * DAY):
        kind = self.random.randrange(10)
        if kind == 0:
            return now_ms + self.pick([1, HOUR, 40 * DAY])  # a clock that is fast
        if kind < 5:
            return now_ms - self.random.randrange(3 * DAY)
        return now_ms - self.random.randrange(spread // HOUR) * HOUR

    def phone(self):
        digits = f"1380013800{self.random.randrange(6)}"
        return self.pick([digits, "+86" + digits, f"{digits[:3]} {digits[3:7]} {digits[7:]}", f"+86 {digits[:3]}-{digits[3:7]}-{digits[7:]}"])

    def email(self):
        return self.pick(["a@example.com", "B@Example.com", "b@example.com", " c@example.cn "])

    def user(self):
        return self.pick([f"u{self.random.randrange(25)}", f"u{self.random.randrange(25)}", "null", "0000"][:2 if self.chance(0.95) else 4])

    def anonymous(self):
        return f"browser-{self.random.randrange(25)}"

    def external_ids(self):
        return [self.pick([{"type": "wechat_unionid", "id": f"union{self.random.randrange(6)}"},
                           {"type": "member_card", "id": f"card{self.random.randrange(6)}"},
                           {"type": "wechat_openid", "id": f"open{self.random.randrange(6)}", "app_id": self.pick(["wx1", "wx2"])},
                           {"type": "wechat_openid", "id": f"open{self.random.randrange(6)}"}])
                for _ in range(self.random.randint(1, 2))]

    def traits(self):
        makers = {"city": lambda: self.pick(self.CITIES + [None]), "level": lambda: self.pick([1, 2, Decimal("2.50"), "2.5", None]),
                  "vip": lambda: self.pick([True, False, None]), "likes": lambda: self.pick([["茶", "咖啡"], ["茶"], [], None]),
                  "since": lambda: time_text(self.moment(START_MS))}
        if self.chance(0.15):
            makers |= {"phone": self.phone}
        if self.chance(0.15):
            makers |= {"email": self.email}
        return {name: makers[name]() for name in self.random.sample(sorted(makers), self.random.randint(1, 3))}

    def total(self):
        if self.chance(0.1):
            return self.pick([None, True, "abc", "", "1e2", [5], {"a": 1}])
        value = self.pick(self.TOTALS + [Decimal(self.random.randrange(1, 200_000)) / 100])
        return format(value, "f") if self.chance(0.3) else value

    def properties(self):
        properties = {}
        if self.chance(0.9):
            properties["total"] = self.total()
        if self.chance(0.8):
            number = self.random.randrange(60)
            properties["order_id"] = self.pick([f"o-{number}", number, str(number)])
        if self.chance(0.5):
            properties["currency"] = self.pick(["CNY", "CNY", "cny", "USD", "", None, 5])
        if self.chance(0.4):
            properties["products"] = [{"sku": self.pick("abc"), "price": self.pick(self.TOTALS), "quantity": self.random.randrange(4)}
                                      for _ in range(self.random.randrange(3))]
        if self.chance(0.3):
            properties["coupon"] = self.pick(["spring", "autumn", None, 7])
        if self.chance(0.2):
            properties["day"] = time_text(self.moment(START_MS))
        return properties

    def times(self, now_ms):
        if self.chance(0.04):
            return self.wild_times()
        stated = self.moment(now_ms)
        if self.chance(0.1):
            return {}
        if self.chance(0.15):
            skew = self.pick([0, -400 * DAY, 90_000, 3 * DAY])
            name = self.pick(["originalTimestamp", "timestamp"])
            return {name: time_text(stated + skew), "sentAt": time_text(now_ms + skew)}
        return {"timestamp": time_text(stated)}

    def wild_times(self):
        """Of clocks that are wrong by years."""
        stated = self.pick(self.WILD)
        sent = self.pick([None, None, self.pick(self.WILD)])
        return {"timestamp": stated} if sent is None else {"originalTimestamp": stated, "sentAt": sent}

    def event(self, now_ms):
        self.made += 1
        event = {"type": self.pick(self.TYPES), "messageId": f"m{self.made}", **self.times(now_ms)}
        if self.chance(0.65):
            event["userId"] = self.user()
        if self.chance(0.35) or "userId" not in event:
            event["anonymousId"] = self.anonymous()
        context = {}
        if self.chance(0.08):
            context["externalIds"] = self.external_ids()
        if self.chance(0.08):
            context["traits"] = self.traits()
        if context:
            event["context"] = context
        self.fill(event)
        return event

    def fill(self, event):
        kind = event["type"]
        if kind == "track":
            event["event"] = self.pick(self.NAMES)
            if self.chance(0.95):
                event["properties"] = self.properties()
        elif kind == "identify":
            event["traits"] = self.traits()
        elif kind == "group":
            event |= {"groupId": "g1", "traits": {"employees": 5, "city": "上海"}}
        elif kind == "alias":
            event |= {"userId": self.user(), "previousId": self.pick([self.user, self.anonymous])()}
        else:
            event["name"] = self.pick(["Home", "Cart", ""])
            if self.chance(0.5):
                event["properties"] = {"total": self.total(), "day": time_text(self.moment(START_MS))}

    def batch(self, now_ms, sent):
        events = [self.event(now_ms) for _ in range(self.random.randint(1, 25))]
        events += [self.pick(sent + events) for _ in range(self.random.randrange(3))]
        body = {"batch": events}
        if self.chance(0.1):
            body["context"] = {"channel": "app"}
        return {"send": body, "path": "/v1/import" if self.chance(0.2) else "/v1/batch"}

    # -- what is asked about them

    def operators(self, makers, most=2):
        return {name: makers[name]() for name in self.random.sample(sorted(makers), self.random.randint(1, most))}

    def amount(self):
        return self.pick([0, 1, 2, 3, 5, Decimal("99.90"), "100", "10.01", Decimal("250.5")])

    def figures(self, exists=True):
        makers = {name: self.amount for name in ("is", "is_not", "gt", "gte", "lt", "lte")}
        return makers | ({"exists": lambda: self.pick([True, False])} if exists else {})

    def ages(self):
        return {"older_than": lambda: self.pick(self.DURATIONS), "newer_than": lambda: self.pick(self.DURATIONS),
                "before": lambda: time_text(self.moment(START_MS)), "after": lambda: self.pick(["2025-12-01", time_text(self.moment(START_MS))])}

    def values(self):
        def one():
            return self.pick(self.CITIES + ["茶", "a", "spring", 1, 2, Decimal("2.5"), True, "7"])
        makers = {"is": one, "is_not": one, "in": lambda: [one(), one()], "not_in": lambda: [one(), one()],
                  "contains": one, "starts_with": lambda: self.pick(["上", "s", "a"])}
        return self.operators(makers | self.figures() | self.ages())

    def metric(self):
        if self.chance(0.3):
            name = self.pick(["recency_score", "frequency_score", "monetary_score"])
        else:
            name = self.pick(["orders", "refunds", "gross", "revenue", "average_order", "events", "first_order_at", "last_order_at",
                              "first_seen_at", "last_seen_at"])
        return {"metric": name} | self.operators(self.ages() if name.endswith("_at") else self.figures())

    def condition(self):
        condition = {"event": self.pick(self.NAMES + ["Home", "Nothing"])}
        if self.chance(0.4):
            condition["where"] = [{"property": self.pick(self.PATHS)} | self.values() for _ in range(self.random.randint(1, 2))]
        if self.chance(0.6):
            condition["within"] = self.pick(self.DURATIONS)
        elif self.chance(0.5):
            condition["between"] = ["2025-09-01", self.pick(["2026-02-01", time_text(self.moment(START_MS))])]
        kind = self.random.randrange(4)
        if kind == 1:
            condition["count"] = self.operators(self.figures(False))
        elif kind > 1:
            condition["sum" if kind == 2 else "distinct"] = {"property": self.pick(self.PATHS)} | self.operators(self.figures(False))
        return condition

    def simple(self, names):
        options = [{"stage": self.pick(STAGES)}, {"stage": self.random.sample(STAGES, 2)}] if names.get("stage", True) else []
        options += [{"identifier": self.pick(["phone", "email", "user_id", "anonymous_id", "wechat_openid"])}, {"everyone": True}]
        for kind in ("tag", "segment"):
            if names.get(kind):
                options += [{kind: self.pick(names[kind])}] * 2
        if names.get("tag"):
            options.append({"tag": self.pick(names["tag"]), "origin": self.pick(["rule", "guide"])})
        return self.pick(options)

    def rule(self, names, depth=0):
        kind = self.random.randrange(12 if depth < 3 else 9)
        if kind == 9:
            return {"not": self.rule(names, depth + 1)}
        if kind > 9:
            return {self.pick(["all", "any"]): [self.rule(names, depth + 1) for _ in range(self.random.randint(1, 3))]}
        if kind < 2:
            return self.simple(names)
        if kind < 5:
            return self.metric()
        if kind < 7:
            return {"trait": self.pick(SHOWN_TRAITS)} | self.values()
        return self.condition()

    # -- a run

    def changes(self, names, now_ms):
        """By hand: what definitions say, who has a tag."""
        steps = []
        if self.chance(0.3):
            kind = self.pick(["tag", "segment"])
            steps.append({"redefine": self.pick(names[kind]), "rule": self.rule({} if kind == "tag" else {"tag": names["tag"]})})
        if self.chance(0.3):
            rules = [self.rule({"stage": False}) for _ in STAGES]
            steps.append({"stages": [[stage, rule] for stage, rule in zip(self.random.sample(STAGES, len(STAGES)), rules)]
                          + ([["other", {"everyone": True}]] if self.chance(0.5) else [])})
        for _ in range(self.random.randrange(4)):
            expires_ms = now_ms + self.pick([1, HOUR, 30 * HOUR, 40 * DAY]) if self.chance(0.6) else None
            steps.append({"tag": self.pick(names["tag"]), "of": f"u{self.random.randrange(25)}", "expires_ms": expires_ms})
        if self.chance(0.3):
            steps.append({"untag": self.pick(names["tag"]), "of": f"u{self.random.randrange(25)}"})
        return steps

    def steps(self):
        steps, sent, names, now_ms = [], [], {"tag": [], "segment": []}, START_MS
        for _ in range(self.random.randint(4, 7)):
            for _ in range(self.random.randint(1, 4)):
                steps.append(self.batch(now_ms, sent))
                sent += steps[-1]["send"]["batch"]
            for kind in ("tag", "segment", "segment"):
                if len(names[kind]) < 6:
                    name = f"{kind}-{len(names[kind])}"
                    rule = self.rule({} if kind == "tag" else {"tag": names["tag"]})
                    steps.append({"define": kind, "name": name, "rule": rule})
                    names[kind].append(name)
            steps += self.changes(names, now_ms)
            hours = self.pick([1, 7, 24, 100, 24 * 31, 24 * 61])
            now_ms += hours * HOUR
            steps += [{"advance": hours}, {"compare": True}]
            steps += [{"ask": self.rule(names)} for _ in range(20)]
            steps += [{"ask": self.rule({}), "as_of": self.moment(now_ms)} for _ in range(8)]
        return steps


# -- the suite beside the model


class Difference(Exception):
    pass


def same(what, suite, model):
    if suite != model:
        raise Difference(f"{what}\n  suite: {suite}\n  model: {model}")


class Run:
    def __init__(self, suite):
        self.suite, self.world = suite, World(START_MS)
        self.ids = {}     # of segments, by name
        self.one_ids = {}  # by person

    def send(self, step):
        answer = self.suite.ingest(step["path"], write(step["send"]))
        assert answer.status == 200 and "errors" not in answer.json, answer
        expected = self.world.send(step["send"], history=step["path"] == "/v1/import")
        same("accepted and duplicates", (answer.json["accepted"], answer.json["duplicates"]), expected)

    def define(self, step):
        self.suite.wait_quiet()
        path, name = ("/api/v1/tags", "tag") if step["define"] == "tag" else ("/api/v1/segments", "name")
        body = {name: step["name"], "rule": self.named(step["rule"])}
        answer = self.suite.api("POST", path, write(body))
        assert answer.status == 201, (answer, write(step))
        if step["define"] == "segment":
            self.ids[step["name"]] = answer.json["id"]
        self.world.define(step["define"], step["name"], step["rule"])

    def redefine(self, step):
        self.suite.wait_quiet()
        definition = next(d for d in self.world.definitions if d.name == step["redefine"])
        path = f"/api/v1/tags/{definition.name}" if definition.kind == "tag" else f"/api/v1/segments/{self.ids[definition.name]}"
        answer = self.suite.api("PATCH", path, write({"rule": self.named(step["rule"])}))
        assert answer.status == 200, (answer, write(step))
        self.world.redefine(definition, step["rule"])

    def stages(self, step):
        self.suite.wait_quiet()
        answer = self.suite.api("PUT", "/api/v1/stages", write({"stages": [{"stage": stage, "rule": rule} for stage, rule in step["stages"]]}))
        assert answer.status == 200, (answer, write(step))
        self.world.set_stages(step["stages"])

    def person_of(self, step):
        self.suite.wait_quiet()
        node = self.world.nodes.get(("user_id", step["of"]))
        return self.world.person[node] if node else None

    def tag(self, step):
        person = self.person_of(step)
        if person:
            one_id = self.suite.lookup("user_id", step["of"]).json["one_id"]
            expires_ms = step["expires_ms"]
            expires_ms = None if expires_ms is None else max(expires_ms, self.world.now_ms + 1)
            self.suite.post(f"/api/v1/persons/{one_id}/tags",
                            {"tag": step["tag"], **({"expires_at": time_text(expires_ms)} if expires_ms else {})})
            self.world.tag(person, step["tag"], expires_ms)

    def untag(self, step):
        person = self.person_of(step)
        if person:
            one_id = self.suite.lookup("user_id", step["of"]).json["one_id"]
            answer = self.suite.api("DELETE", f"/api/v1/persons/{one_id}/tags/{step['untag']}")
            assert answer.status in (200, 204), answer
            self.world.untag(person, step["untag"])

    def named(self, rule):
        """With the ids of segments in the place of their names."""
        if isinstance(rule, list):
            return [self.named(item) for item in rule]
        if isinstance(rule, dict):
            return {key: self.ids.get(value, value) if key == "segment" else self.named(value) for key, value in rule.items()}
        return rule

    def advance(self, step):
        self.suite.wait_quiet()
        self.suite.advance(f"{step['advance']}h")
        self.world.advance(step["advance"] * HOUR)

    def ask(self, step):
        self.suite.wait_quiet()
        body = {"rule": self.named(step["rule"] if "rule" in step else step["ask"])}
        if "as_of" in step:
            body["as_of"] = time_text(step["as_of"])
        answer = self.suite.api("POST", "/api/v1/audiences/count", write(body))
        assert answer.status == 200, (answer, write(body))
        model = self.world.count_as_of(step["ask"], step["as_of"]) if "as_of" in step else self.world.count(step["ask"])
        same(f"people that fit {write(body)}", answer.json["count"], model)

    def compare(self, _):
        self.suite.wait_quiet()
        same("persons", self.suite.count({"everyone": True}), len(self.world.people()))
        self.one_ids = {}
        for person in self.world.people():
            self.compare_person(person)
        same("different One IDs", len(set(self.one_ids.values())), len(self.one_ids))
        for definition in self.world.definitions:
            self.compare_definition(definition)

    def compare_person(self, person):
        answers = [self.suite.lookup(kind, value) for (kind, value), node in self.world.nodes.items()
                   if self.world.person[node] == person]
        for answer in answers:
            same(f"person {person}", (answer.status, answer.body), (200, answers[0].body))
        shown = json.loads(answers[0].body, parse_int=Decimal, parse_float=Decimal)
        self.one_ids[person] = shown["one_id"]
        model = self.world.profile(person)
        names = {identity: name for name, identity in self.ids.items()}
        suite = {"identifiers": sorted(i["kind"] for i in shown["identifiers"]),
                 "traits": {name: value for name, value in shown["traits"].items() if name in SHOWN_TRAITS}, "stage": shown["stage"],
                 "tags": sorted((tag["tag"], tag["origin"]) for tag in shown["tags"]), "metrics": shown["metrics"],
                 "segments": sorted(names[segment["id"]] for segment in shown["segments"]),
                 "events": [(e["type"], e["name"], e["time"], e["received_at"], e.get("stated_at"), e.get("clock")) for e in shown["events"]]}
        who = next(f"{kind}:{value}" for (kind, value), node in self.world.nodes.items() if self.world.person[node] == person)
        for part, value in model.items():
            same(f"{part} of {who}", suite[part], value)

    def compare_definition(self, definition):
        held = sum(definition in members for members in self.world.members.values())
        if definition.kind == "tag":
            held = sum(definition.name in self.world.memberships(person, self.world.now_ms)["tags"] for person in self.world.people())
            same(f"people with {definition.name}", self.suite.get(f"/api/v1/tags/{definition.name}")["count"], held)
            return
        path = f"/api/v1/segments/{self.ids[definition.name]}"
        shown = self.suite.get(path)
        same(f"count, entered and left of {definition.name}", (shown["count"], shown["entered"], shown["left"]),
             (held, definition.entered, definition.left))
        changes = self.suite.get(path + "/changes?limit=500")["changes"]
        if len(definition.changes) > 500:
            return
        known = set(self.one_ids.values())
        people = [(self.one_ids.get(person, "-"), change, time_text(at), cause) for person, change, at, cause in definition.changes]
        same(f"changes of {definition.name}", Counter((c["one_id"] if c["one_id"] in known else "-", c["change"], c["at"], c["cause"])
                                                       for c in changes), Counter(people))

    def take(self, step):
        kind = next(name for name in ("send", "define", "redefine", "stages", "tag", "untag", "advance", "ask", "compare")
                    if name in step)
        getattr(self, kind)(step)


def differ(steps):
    """What the suite and the model do not agree about, or None."""
    directory = tempfile.mkdtemp(prefix="quanyu-")
    try:
        with Suite(directory, settings={"clock_start": START}) as suite:
            suite.start()
            run = Run(suite)
            for number, step in enumerate(steps):
                try:
                    run.take(step)
                except Difference as difference:
                    return f"step {number}: {difference}"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return None


# -- making a failure small


def events_of(steps):
    return sum(len(step["send"]["batch"]) for step in steps if "send" in step)


def without(steps, unwanted):
    """Leaves out events by their number in the whole run."""
    kept, number = [], 0
    for step in steps:
        if "send" in step:
            batch = [event for at, event in enumerate(step["send"]["batch"], number) if at not in unwanted]
            number += len(step["send"]["batch"])
            if batch:
                kept.append({**step, "send": {**step["send"], "batch": batch}})
        else:
            kept.append(step)
    return kept


def shrink(steps, found):
    """Halves what is sent, then quarters it, and so on, as long as a difference stays."""
    deadline = time.monotonic() + SHRINK_SECONDS
    failed = int(found.split()[1].rstrip(":"))
    steps = [step for at, step in enumerate(steps[:failed + 1]) if at == failed or "ask" not in step and "compare" not in step]
    part = events_of(steps) // 2
    while part and time.monotonic() < deadline:
        at = 0
        while at < events_of(steps) and time.monotonic() < deadline:
            fewer = without(steps, range(at, at + part))
            difference = differ(fewer)
            if difference:
                steps, found = fewer, difference
            else:
                at += part
        part //= 2
    return steps, found


def check(seed):
    maker = Maker(seed)
    steps = maker.steps()
    found = differ(steps)
    if not found:
        return events_of(steps)
    small, difference = shrink(steps, found)
    path = pathlib.Path(tempfile.gettempdir()) / f"quanyu-property-{seed}.jsonl"
    path.write_text("".join(write(step) + "\n" for step in small))
    raise AssertionError(f"QUANYU_SEED={seed}\nfound: {found}\nsmallest, {events_of(small)} events in {path}: {difference}")


def test_the_suite_does_what_the_model_does():
    fixed = os.environ.get("QUANYU_SEED")
    deadline, runs, events = time.monotonic() + SECONDS, 0, 0
    while runs == 0 or (time.monotonic() < deadline and not fixed):
        seed = fixed or str(random.SystemRandom().randrange(10**9))
        print(f"QUANYU_SEED={seed}", flush=True)
        events += check(seed)
        runs += 1
    print(f"{runs} runs, {events} events, no difference")
    assert EPOCH.year == 1970 and events > 0
