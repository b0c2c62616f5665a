# SPDX-License-Identifier: Apache-2.0
"""Random people in a random organisation: what test_bindings_model.py sends, does and asks, the same for the same seed. What a step
names need not be there: that is refused, by the suite as by the model."""
import random

from maker import DAY, HOUR, START_MS
from maker_identity import RulesMaker
from model import time_text
from model_bindings import HQ, RULES

KEYS = ("shop", "till")
SERVICES = ("gateway", "identity", "tagging", "campaign", "audit")


class Maker:
    KEEPS = [None, "36h", "7d", "30d", "90d"]
    ROLES = ["guide", "own_guide", "own_guide", "store_manager", "region_manager", "customer_service", "integration"]
    CHOSEN = [{"event": "Order Completed"}, {"not": {"event": "Order Completed"}}, {"metric": "orders", "gte": 2}, {"everyone": True}]

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.made = 0
        self.units, self.staff, self.left = 1, 1, set()
        self.doomed = set()  # units that may have been removed
        self.held = {HQ}     # units that cannot be: somebody works there, or other units were made below
        self.now_ms = START_MS
        self.users = [f"u{i}" for i in range(12)]
        self.rules = RulesMaker(self.random)  # of One ID
        self.quiet = self.users[7:]  # who meet nobody, mostly, and are bound by hand alone

    def pick(self, options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    # -- names

    def unit(self):
        return f"u_{self.random.randint(1, self.units + (self.random.random() < 0.1))}"

    def standing(self):
        """A unit that nobody has tried to remove."""
        return self.pick([unit for unit in (f"u_{i + 1}" for i in range(self.units)) if unit not in self.doomed])

    def member(self):
        return f"st_{self.random.randint(2, max(self.staff, 2))}"

    def unit_in_event(self):
        number = self.random.randint(1, self.units + 1)
        return self.pick([f"u_{number}", f"u_{number}", f"S-{number}", "nowhere", None][:3 if self.chance(0.9) else 5])

    def staff_in_event(self):
        return f"st_{self.random.randint(2, self.staff + 1)}" if self.chance(0.95) else self.pick([None, "st_x", "E-7"])

    # -- events

    def moment(self):
        kind = self.random.randrange(8)
        if kind == 0:
            return self.now_ms + self.pick([1, HOUR])  # counts as now
        if kind < 4:
            return self.now_ms
        if kind < 6:
            return self.now_ms - self.random.randrange(10) * DAY
        return self.now_ms - self.random.randrange(150) * DAY // 2

    def event(self):
        self.made += 1
        buys = self.chance(0.3)
        event = {"type": "track", "event": "Order Completed" if buys else self.pick(["Scan", "Product Viewed"]),
                 "messageId": f"m{self.made}", "timestamp": time_text(self.moment())}
        if buys:
            event["properties"] = {"order_id": f"o{self.made}", "total": 10}
        elif self.chance(0.1):
            event = {"type": self.pick(["page", "identify"]), "messageId": event["messageId"], "timestamp": event["timestamp"]}
        which = self.random.random()
        if which < 0.75:
            event["userId"] = self.pick(self.users)
        if which > 0.7:
            event["anonymousId"] = f"browser-{self.random.randrange(14)}"
        context = {}
        often = 0.1 if event.get("userId") in self.quiet else 1
        if self.chance(0.6 * often):
            context["unit"] = self.unit_in_event()
        if self.chance(0.55 * often):
            context["staff"] = self.staff_in_event()
        return {**event, "context": context} if context or self.chance(0.5) else event

    def alias(self):
        self.made += 1
        return {"type": "alias", "messageId": f"m{self.made}", "timestamp": time_text(self.now_ms), "userId": self.pick(self.users),
                "previousId": self.pick(self.pick([self.users, self.quiet]))}

    def batch(self):
        events = [self.alias() if self.chance(0.05) else self.event() for _ in range(self.random.randint(1, 14))]
        body = {"batch": events}
        if self.chance(0.1):
            body["context"] = {"unit": self.unit_in_event()}
        return {"do": "send", "body": body, "path": self.pick(["/v1/batch", "/v1/batch", "/v1/import"]), "key": self.pick([None, None, *KEYS])}

    # -- the organisation

    def new_unit(self):
        parent = self.standing()
        self.held.add(parent)
        self.units += 1
        return {"do": "add_unit", "parent": parent, "code": self.pick([None, f"S-{self.units}", f"S-{self.units}"])}

    def new_staff(self, role=None, unit=None):
        self.staff += 1
        unit = unit or self.standing()
        self.held.add(unit)
        return {"do": "add_staff", "unit": unit, "role": role or self.pick(self.ROLES)}

    def move_staff(self):
        unit = self.standing()
        self.held.add(unit)
        return {"do": "move_staff", "staff": self.member(), "unit": unit}

    def leave(self):
        there = [f"st_{i}" for i in range(2, self.staff + 1) if f"st_{i}" not in self.left]
        if len(there) < 3:
            return self.new_staff()
        staff = self.pick(there)
        self.left.add(staff)
        over = {"do": "transfer", "from": {"guide": staff}, "to": self.target(), "by": None, "dry_run": self.chance(0.2)}
        return [{"do": "leave", "staff": staff}, *(self.time() for _ in range(self.random.randrange(2))), *([over] if self.chance(0.6) else [])]

    def empty(self):
        """A unit that can be removed once its people have gone; mostly."""
        units = {f"u_{i + 1}" for i in range(3, self.units)}
        return self.pick(sorted(units - self.held - self.doomed if self.chance(0.8) else units) or ["u_4"])

    def remove(self):
        unit = self.empty()
        standing = unit not in self.doomed
        self.doomed.add(unit)
        away = {"do": "transfer", "from": {"unit": unit}, "to": {"unit": self.standing()}, "by": None, "dry_run": False}
        steps = [*([away] if self.chance(0.8) else []), {"do": "remove_unit", "unit": unit}]
        if standing and self.chance(0.5):  # a till there goes on with what it has
            key = self.pick(KEYS)
            steps = [{"do": "move_key", "key": key, "unit": unit}, *steps, {**self.batch(), "key": key, "path": "/v1/import"}]
        return steps

    def reorganise(self):
        """Units of those that have a code, and where they go: another one, or HQ."""
        moves = {self.unit(): self.unit() for _ in range(self.random.randint(1, 5))}
        return {"do": "import_units", "moves": moves}

    def move_key(self):
        unit = self.empty()
        return {"do": "move_key", "key": self.pick(KEYS), "unit": unit if unit not in self.doomed else self.standing()}

    def change_rules(self):
        rules = {"unit_from": self.pick(["contact", "contact", "purchase"]), "guide_from": self.pick(["contact", "contact", "purchase"]),
                 "purchase_outranks_contact": self.chance(0.6), "purchase_elsewhere": self.pick(["keep", "move_unit", "move_both"]),
                 "guide_keeps_for": self.pick(self.KEEPS)}
        return {"do": "set_rules", "rules": RULES if self.chance(0.1) else rules}

    # -- by hand

    def target(self):
        to = {}
        if self.chance(0.6):
            to["unit"] = self.unit()
        if self.chance(0.7) or not to:
            to["guide"] = self.member()
        return to

    def somebody(self):
        """Who does it: HQ, mostly."""
        return None if self.chance(0.7) else self.member()

    def bind(self):
        return {"do": "bind", "of": self.pick(self.pick([self.users, self.quiet])), "to": self.target(), "by": self.somebody()}

    def transfer(self):
        source = self.pick([{"unit": self.unit()}, {"guide": self.member()}, {"guide": self.pick(sorted(self.left) or ["st_2"])},
                            {"rule": self.pick(self.CHOSEN)}, {"persons": self.random.sample(self.users, self.random.randint(1, 4))}])
        return {"do": "transfer", "from": source, "to": self.target(), "by": self.somebody(), "dry_run": self.chance(0.3)}

    # -- who is who

    def identifier(self):
        return ["user_id", self.pick(self.users)] if self.chance(0.6) else ["anonymous_id", f"browser-{self.random.randrange(14)}"]

    def decide(self):
        what = self.pick(["join", "join", "split", "split", "move", "block", "withdraw", "undo", "undo"])
        step = {"do": "decide", "decide": what}
        if what in ("withdraw", "undo"):
            return {**step, "number": self.random.randrange(10**6)}
        if what == "split":
            return {**step, "of": self.identifier(), "bits": self.random.randrange(1, 2**8)}
        of = {"of": self.identifier()} if what == "move" else {}
        return {**step, **of, "these": [self.identifier() for _ in range(2 if what == "join" else 1)]}

    def change_identity(self):
        return {"do": "change_rules", "change_rules": self.rules.changed(), "kill": self.chance(0.3)}

    def time(self):
        hours = self.pick([1, 12, 24, 36, 24 * 7, 24 * 23, 24 * 31])
        self.now_ms += hours * HOUR
        return {"do": "advance", "hours": hours}

    # -- a run

    def step(self):
        makers = {self.decide: 8, self.change_identity: 3, self.batch: 24, self.new_unit: 2, self.new_staff: 2, self.leave: 2, self.remove: 3, self.change_rules: 3, self.bind: 8,
                  self.transfer: 5, self.time: 4, self.move_staff: 2, self.move_key: 3, self.reorganise: 3,
                  lambda: {"do": "move_unit", "unit": self.unit(), "parent": self.unit()}: 3}
        made = self.random.choices(list(makers), makers.values())[0]()
        return made if isinstance(made, list) else [made]

    def steps(self):
        steps = [{"do": "add_unit", "parent": HQ, "code": "S-2"}, {"do": "add_unit", "parent": "u_2", "code": "S-3"}]
        self.units = 3
        steps += [self.new_unit() for _ in range(4)]
        steps += [self.new_staff("store_manager", "u_3"), self.new_staff("region_manager", "u_2"), self.new_staff("own_guide"),
                  self.new_staff("guide")]
        for _ in range(self.random.randint(3, 5)):
            for _ in range(self.random.randint(12, 20)):
                steps += self.step()
            if self.chance(0.5):
                steps += [{"do": "kill", "service": self.pick(SERVICES)}]
            steps += [{"do": "compare"}]
        return steps
