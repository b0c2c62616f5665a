# SPDX-License-Identifier: Apache-2.0
"""Random people doing random things: what test_property.py sends and asks, the same for the same seed."""
import random
from decimal import Decimal

from maker_identity import RulesMaker
from model import time_text
from model_names import NAME_CLASSES

HOUR, DAY = 3_600_000, 86_400_000
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
        self.rules, self.changes_rules = RulesMaker(self.random), self.chance(0.6)  # of One ID
        self.signed_in = self.pick([0.15, 0.65])  # how many events name a user, and how many bear identifiers of other kinds
        self.identified = self.pick([0.1, 0.4])

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
        return self.pick([f"u{self.random.randrange(25)}", f"u{self.random.randrange(25)}", "null", "0000", '"Guest"'][:2 if self.chance(0.95) else 5])

    def anonymous(self):
        """Now and then one that many use."""
        return "tablet-1" if self.chance(0.15) else f"browser-{self.random.randrange(25)}"

    def external_id(self):
        user = self.user if self.chance(self.signed_in) else self.anonymous
        made = self.pick([{"type": "wechat_unionid", "id": f"union{self.random.randrange(6)}"},
                          {"type": "member_card", "id": f"card{self.random.randrange(6)}"},
                          {"type": "wechat_openid", "id": f"open{self.random.randrange(6)}", "app_id": self.pick(["wx1", "wx2"])},
                          {"type": "wechat_openid", "id": f"open{self.random.randrange(6)}"},
                          {"type": "phone", "id": self.phone()}, {"type": "email", "id": self.email()},
                          {"type": "user_id" if user == self.user else "anonymous_id", "id": user()}])
        return made | ({"verified": self.pick([True, True, False])} if self.chance(0.4) else {})

    def external_ids(self):
        return [self.external_id() for _ in range(self.random.randint(1, 3))]

    def verified(self):
        return self.pick([True, ["phone"], ["email", "phone"], [], False, "phone"])

    def traits(self):
        makers = {"city": lambda: self.pick(self.CITIES + [None]), "level": lambda: self.pick([1, 2, Decimal("2.50"), "2.5", None]),
                  "vip": lambda: self.pick([True, False, None]), "likes": lambda: self.pick([["茶", "咖啡"], ["茶"], [], None]),
                  "since": lambda: time_text(self.moment(START_MS))}
        if self.chance(0.4):
            makers |= {"name": lambda: self.pick([*NAME_CLASSES, "微信用户", None])}
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
        if self.chance(self.signed_in):
            event["userId"] = self.user()
        if self.chance(0.35) or "userId" not in event:
            event["anonymousId"] = self.anonymous()
        context = {}
        if self.chance(self.identified):
            context["externalIds"] = self.external_ids()
        if self.chance(0.2):
            context["verified"] = self.verified()
        if self.chance(0.08):
            context["traits"] = self.traits()
        if self.chance(0.2):
            context["source"] = self.pick(["till", "web"])
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
        return {"send": body, "path": "/v1/import" if self.chance(0.2) else "/v1/batch", "browser": self.chance(0.2)}

    # -- who is who, by hand

    def somebody(self):
        return self.pick([["user_id", f"u{self.random.randrange(25)}"], ["user_id", f"u{self.random.randrange(25)}"],
                          ["anonymous_id", f"browser-{self.random.randrange(25)}"], ["anonymous_id", "tablet-1"],
                          ["member_card", f"card{self.random.randrange(6)}"], ["wechat_unionid", f"union{self.random.randrange(6)}"],
                          ["phone", f"+861380013800{self.random.randrange(6)}"], ["email", "b@example.com"]])

    def decision(self):
        what = self.pick(["join", "join", "split", "split", "move", "block", "reassign", "reassign", "withdraw", "withdraw", "undo", "undo", "undo"])
        if what == "join":
            return {"decide": what, "these": [self.somebody(), self.somebody()]}
        if what == "split":  # of the person's identifiers those whose bit is set
            return {"decide": what, "of": self.somebody(), "bits": self.random.randrange(1, 2**20), "these": [self.somebody()] * self.chance(0.1)}
        if what == "move":
            return {"decide": what, "of": self.somebody(), "these": [self.somebody()]}
        if what == "block":
            return {"decide": what, "these": [self.somebody()]}
        if what == "reassign":
            return {"decide": what, "these": [["phone", f"+861380013800{self.random.randrange(6)}"]],
                    "since": START_MS - self.random.randrange(60) * DAY}
        return {"decide": what, "number": self.random.randrange(10**6)}  # of as many as there are then

    def decisions(self, now_ms, sent):
        """And other rules, with and without events behind them."""
        steps = []
        for _ in range(self.random.randrange(5)):
            steps += [self.decision() for _ in range(self.random.randint(1, 3))]
            if self.chance(0.5):
                steps.append(self.batch(now_ms, sent))
                sent += steps[-1]["send"]["batch"]
            if self.chance(0.1):
                steps.append({"kill": "identity"})
            if self.changes_rules and self.chance(0.4):
                steps.append({"change_rules": self.rules.changed(), "kill": self.chance(0.3)})
        return steps

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
            steps += self.decisions(now_ms, sent)
            now_ms += 1000
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
