# SPDX-License-Identifier: Apache-2.0
"""The model's home units and guides: whose people somebody is, by all that was ever sent, said by hand, and done to the
organisation and the rules. Nothing is kept but the list of that; each answer goes through all of it in the order of its moments.

A moment is (ms, events that had come, acts that had come): an event's is its own time, an act's that at which it was done."""
from model import World

HQ, ADMIN = "u_1", "st_1"
RULES = {"unit_from": "contact", "guide_from": "contact", "purchase_outranks_contact": True, "purchase_elsewhere": "keep",
         "guide_keeps_for": None}


class Binding:
    """A person's, while time goes on."""

    def __init__(self):
        self.held = {"unit": None, "guide": None}
        self.by = {"unit": None, "guide": None}  # contact, purchase, hand
        self.since = {"unit": None, "guide": None}
        self.left = None       # the guide who has left, while nobody has come since
        self.touched_ms = None
        self.changes = []      # (ms, unit, guide, cause)

    def give(self, what, value, by, ms):
        if value != self.held[what]:
            self.since[what] = ms
        self.held[what], self.by[what] = value, by
        if what == "guide":
            self.left, self.touched_ms = None, ms

    def note(self, before, ms, cause):
        if before != self.held:
            self.changes.append((ms, self.held["unit"], self.held["guide"], cause))

    def history(self):
        """What held at the end of each millisecond, the latest first: (unit, guide, from, to, cause)."""
        rows = []
        for ms, unit, guide, cause in self.changes:
            if rows and rows[-1][0] == ms:
                rows.pop()
            if (rows[-1][1:3] if rows else (None, None)) != (unit, guide):
                rows.append((ms, unit, guide, cause))
        ends = [row[0] for row in rows[1:]] + [None]
        return [(unit, guide, ms, end, cause) for (ms, unit, guide, cause), end in zip(rows, ends)][::-1]


class Walk:
    """Through all that a person's binding hangs on."""

    def __init__(self, world, person):
        self.world, self.person = world, person
        self.binding = Binding()
        self.rules, self.rules_ms = RULES, None
        self.removed, self.gone = {}, set()  # units, with what they stood below; members of staff

    def go(self):
        for thing in sorted(self.world.facts_of(self.person) + self.world.acts, key=lambda thing: thing["at"]):
            self.expire(thing["at"][0])
            before = dict(self.binding.held)
            getattr(self, thing["what"])(thing)
            cause = thing.get("cause", thing["what"])
            joined = thing.get("person", self.person) != self.person
            self.binding.note(before, thing["at"][0], "join" if joined else cause)
            self.expire(thing["at"][0])
        self.expire(self.world.now_ms)
        return self.binding

    def expire(self, now_ms):
        keeps, binding = self.rules["guide_keeps_for"], self.binding
        if keeps is None or binding.held["guide"] is None:
            return
        due_ms = binding.touched_ms + self.world.rules.duration(keeps)
        if self.rules_ms is not None:
            due_ms = max(due_ms, self.rules_ms)
        if due_ms <= now_ms:
            before = dict(binding.held)
            binding.give("guide", None, None, due_ms)
            binding.note(before, due_ms, "expiry")

    # -- what happens

    def rule(self, act):
        self.rules, self.rules_ms = act["rules"], act["at"][0]

    def leaving(self, act):
        self.gone.add(act["staff"])
        if self.binding.held["guide"] == act["staff"]:
            self.binding.give("guide", None, None, act["at"][0])
            self.binding.left = act["staff"]

    def removal(self, act):
        self.removed[act["unit"]] = act["parent"]
        if self.binding.held["unit"] == act["unit"]:
            self.binding.give("unit", act["parent"], self.binding.by["unit"], act["at"][0])

    def hand(self, fact):
        for what in ("unit", "guide"):
            self.binding.give(what, fact[what], "hand", fact["at"][0])

    def gives(self, what, purchase):
        if self.binding.held[what] is None:
            return purchase or self.rules[what + "_from"] == "contact"
        return purchase and self.rules["purchase_outranks_contact"] and self.binding.by[what] == "contact"

    def contact(self, fact):
        binding, ms, purchase = self.binding, fact["at"][0], fact["cause"] == "purchase"
        said = {"unit": fact["unit"], "guide": None if fact["guide"] in self.gone else fact["guide"]}
        while said["unit"] in self.removed:
            said["unit"] = self.removed[said["unit"]]
        given = [what for what in said if said[what] is not None and self.gives(what, purchase)]
        elsewhere = purchase and None not in (said["unit"], binding.held["unit"]) and said["unit"] != binding.held["unit"]
        if said["guide"] is not None and said["guide"] == binding.held["guide"]:
            binding.touched_ms = ms
        for what in given:
            binding.give(what, said[what], fact["cause"], ms)
        if elsewhere and "unit" not in given and self.rules["purchase_elsewhere"] != "keep":
            binding.give("unit", said["unit"], "purchase", ms)
            if self.rules["purchase_elsewhere"] == "move_both" and "guide" not in given:
                binding.give("guide", said["guide"], "purchase", ms)


class OrganisedWorld(World):
    def __init__(self, now_ms):
        super().__init__(now_ms)
        self.units = {HQ: {"parent": None, "code": None, "removed": False}}
        self.staff = {ADMIN: {"unit": HQ, "role": "hq_admin", "left": False}}
        self.keys = {None: None}  # write keys' units
        self.key = None           # the one that sends
        self.hands, self.acts = [], []

    def moment(self):
        return (self.now_ms, len(self.events), len(self.hands) + len(self.acts) + 1)

    # -- what is sent

    def unit_named(self, name):
        if name in self.units and not self.units[name]["removed"]:
            return name
        return next((unit for unit, row in self.units.items() if name and row["code"] == name and not row["removed"]), None)

    def take(self, event, history, browser=False):
        known = len(self.events)
        super().take(event, history, browser)
        if len(self.events) == known:
            return
        taken, context = self.events[-1], event.get("context") or {}
        unit = self.unit_named(context.get("unit")) or self.keys[self.key]
        staff = context.get("staff") if context.get("staff") in self.staff else None
        if staff is not None and self.staff[staff]["left"] and not history:
            staff = None  # who has left serves nobody any more; an import may tell of before
        if unit is None and staff is not None:
            unit = self.staff[staff]["unit"]
        purchase = taken["type"] == "track" and taken["name"] == "Order Completed"
        taken.update(unit=unit, guide=staff, cause="purchase" if purchase else "contact", person=self.person[taken["node"]])

    def move_event(self, event, former, owner):
        """As if it had come to whom it belongs now."""
        super().move_event(event, former, owner)
        event["person"] = self.person[owner]

    # -- the organisation, and what is done by hand

    def within(self, unit, above):
        while unit is not None and unit != above:
            unit = self.units[unit]["parent"]
        return unit is not None

    def add_unit(self, parent, code):
        unit = f"u_{len(self.units) + 1}"
        self.units[unit] = {"parent": parent, "code": code, "removed": False}
        return unit

    def move_unit(self, unit, parent):
        """The status that it is answered with."""
        if unit not in self.units or self.units[unit]["removed"]:
            return 404
        if unit == HQ:
            return 409
        if parent not in self.units or self.units[parent]["removed"]:
            return 400
        if self.within(parent, unit):
            return 409
        self.units[unit]["parent"] = parent
        return 200

    def import_units(self, moves):
        """All of them or none; the status."""
        before = {unit: self.units[unit]["parent"] for unit in moves}
        for unit, parent in moves.items():
            self.units[unit]["parent"] = parent
        if all(self.is_rooted(unit) for unit in moves):
            return 200
        for unit, parent in before.items():
            self.units[unit]["parent"] = parent
        return 400

    def is_rooted(self, unit):
        for _ in self.units:
            unit = self.units[unit]["parent"] if unit else None
        return unit is None

    def remove_unit(self, unit):
        if unit not in self.units or self.units[unit]["removed"]:
            return 404
        below = [row for row in self.units.values() if row["parent"] == unit and not row["removed"]]
        there = [row for row in self.staff.values() if row["unit"] == unit and not row["left"]]
        if unit == HQ or below or there or any(b.held["unit"] == unit for b in self.bindings().values()):
            return 409
        self.units[unit]["removed"] = True
        self.acts.append({"at": self.moment(), "what": "removal", "unit": unit, "parent": self.units[unit]["parent"]})
        return 204

    def add_staff(self, unit, role):
        staff = f"st_{len(self.staff) + 1}"
        self.staff[staff] = {"unit": unit, "role": role, "left": False}
        return staff

    def leave(self, staff):
        self.staff[staff]["left"] = True
        self.acts.append({"at": self.moment(), "what": "leaving", "staff": staff})

    def set_rules(self, rules):
        self.acts.append({"at": self.moment(), "what": "rule", "rules": rules})

    def bind(self, person, unit, guide, cause="hand"):
        """It stays with the node that founded the One ID, which bears the person's number."""
        self.hands.append({"at": self.moment(), "what": "hand", "node": person, "person": person, "unit": unit, "guide": guide,
                           "cause": cause})

    # -- whose people

    def facts_of(self, person):
        contacts = [{"at": (event["time_ms"], event["number"] + 1, 0), "what": "contact",
                     **{name: event[name] for name in ("unit", "guide", "cause", "person")}}
                    for event in self.events_of(person) if event["unit"] or event["guide"]]
        return contacts + [hand for hand in self.hands if self.person[hand["node"]] == person]

    def binding(self, person):
        return Walk(self, person).go()

    def bindings(self):
        return {person: self.binding(person) for person in self.people()}

    def is_own(self, viewer):
        """Whether the scope of a member of staff is his or her own people."""
        return self.staff[viewer]["role"].endswith("guide")

    def is_whole(self, viewer):
        return not self.is_own(viewer) and self.staff[viewer]["unit"] == HQ

    def sees(self, viewer, binding):
        if self.is_own(viewer):
            return binding.held["guide"] == viewer
        return self.is_whole(viewer) or (binding.held["unit"] is not None and self.within(binding.held["unit"], self.staff[viewer]["unit"]))

    def sees_unit(self, viewer, unit):
        there = unit in self.units and not self.units[unit]["removed"]
        return there and not self.is_own(viewer) and self.within(unit, self.staff[viewer]["unit"])

    def sees_staff(self, viewer, staff):
        if staff not in self.staff or self.is_own(viewer):
            return staff == viewer
        return self.within(self.staff[staff]["unit"], self.staff[viewer]["unit"])

    def people_of_unit(self, bindings, viewer, unit):
        """In the order of their numbers; None where the unit is not there for who asks."""
        if not self.sees_unit(viewer, unit):
            return None
        return [person for person, binding in bindings.items()
                if binding.held["unit"] and self.within(binding.held["unit"], unit) and self.sees(viewer, binding)]

    def people_of_staff(self, bindings, viewer, staff):
        if not self.sees_staff(viewer, staff):
            return None
        return [person for person, binding in bindings.items()
                if staff in (binding.held["guide"], binding.left) and self.sees(viewer, binding)]

    # -- by hand, as somebody may

    def target(self, viewer, to):
        """Where people go, and the statuses of what is wrong with that."""
        unit, guide, wrong = to.get("unit"), to.get("guide"), set()
        if guide is not None and not self.sees_staff(viewer, guide):
            wrong.add(404)
        elif guide is not None and self.staff[guide]["left"]:
            wrong.add(409)
        elif guide is not None and unit is None:
            unit = self.staff[guide]["unit"]
        if to.get("unit") is not None and not self.sees_unit(viewer, to["unit"]):
            wrong.add(404)
        if unit is None and guide is None:
            wrong.add(400)
        return unit, guide, wrong

    def bind_as(self, viewer, person, to):
        """The statuses of which one is answered."""
        unit, guide, wrong = self.target(viewer, to)
        if not self.sees(viewer, self.binding(person)):
            return {404}
        if not wrong:
            self.bind(person, unit, guide)
        return wrong or {200}

    def chosen(self, viewer, source):
        """Whom a transfer is for; None where what it names is not there for who asks."""
        bindings = self.bindings()
        if "unit" in source:
            return self.people_of_unit(bindings, viewer, source["unit"])
        if "guide" in source:
            return self.people_of_staff(bindings, viewer, source["guide"])
        if "persons" in source:
            return source["persons"] if all(self.sees(viewer, bindings[person]) for person in source["persons"]) else None
        return [person for person, binding in bindings.items() if self.sees(viewer, binding) and
                self.rules.matches(source["rule"], self.subject(person, self.now_ms), self.now_ms)]

    def transfer_as(self, viewer, source, to, dry_run):
        """The statuses of which one is answered, how many people were found, and how many moved."""
        unit, guide, wrong = self.target(viewer, to)
        people = self.chosen(viewer, source)
        if people is None or wrong:
            return wrong | ({404} if people is None else set()), 0, 0
        moved = 0
        left = "guide" in source and self.staff[source["guide"]]["left"]
        for person in people if not dry_run else ():
            before = dict(self.binding(person).held)
            self.bind(person, unit, guide, "handover" if left else "transfer")
            moved += before != {"unit": unit, "guide": guide}
        return {200, 202}, len(people), moved
