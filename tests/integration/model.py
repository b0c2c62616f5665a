# SPDX-License-Identifier: Apache-2.0
"""A naive model of the whole suite, from what is sent to it over HTTP alone. It shares no code with it and keeps nothing but the
events that were accepted; every figure is taken anew from all of them, and nothing is indexed.

Numbers in events and rules are decimal.Decimal, as json.loads(…, parse_int=Decimal, parse_float=Decimal) reads them.
"""
import datetime
import zoneinfo
from decimal import ROUND_HALF_UP, Decimal

import model_identity
import model_rules
from model_identity import TRAIT_KINDS
from model_names import name_of

PERSONAL = ("phone", "email")
STAGES = (("prospect", {"metric": "orders", "is": 0}),
          ("new", {"all": [{"metric": "orders", "is": 1}, {"metric": "last_order_at", "newer_than": "30d"}]}),
          ("active", {"metric": "last_order_at", "newer_than": "90d"}),
          ("dormant", {"metric": "last_order_at", "newer_than": "180d"}),
          ("lost", {"everyone": True}))
SCORES = ("recency_score", "frequency_score", "monetary_score")
CENT = Decimal("0.01")
YEAR_1, YEAR_2000, YEAR_10000 = -62_135_596_800_000, 946_684_800_000, 253_402_300_800_000
FUTURE, PAST = 86_400_000, 365 * 86_400_000  # the standard settings
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def time_text(ms):
    whole = (EPOCH + datetime.timedelta(milliseconds=ms)).isoformat(timespec="seconds")[:19]
    return whole + (f".{ms % 1000:03}Z" if ms % 1000 else "Z")


# -- figures over events


def cents(value):
    """The amount of a total in hundredths, or None."""
    number = model_rules.Model.number(value)
    if number is None:
        return None
    units = number.quantize(CENT, ROUND_HALF_UP)
    return units if abs(units) <= Decimal(10) ** 13 else None


def key_of_order(event):
    order_id = event["properties"].get("order_id")
    if isinstance(order_id, bool) or order_id in (None, "") or isinstance(order_id, (list, dict)):
        return ("message", event["message_id"])
    return ("order", str(order_id))


def totals(events, currency):
    """The metrics that need no other people."""
    track = [event for event in events if event["type"] == "track"]
    orders = {}
    for event in sorted((e for e in track if e["name"] == "Order Completed"), key=lambda e: (e["time_ms"], e["number"])):
        orders.setdefault(key_of_order(event), event)
    refunds = {event["message_id"]: event for event in track if event["name"] == "Order Refunded"}

    def own(event):
        stated = event["properties"].get("currency")
        return not isinstance(stated, str) or stated.upper() == currency

    def total(chosen):
        return sum((cents(event["properties"].get("total")) or Decimal(0) for event in chosen if own(event)), Decimal("0.00"))

    gross, count = total(orders.values()), sum(map(own, orders.values()))
    seen, ordered = [e["time_ms"] for e in events], [e["time_ms"] for e in orders.values()]
    return {"orders": len(orders), "refunds": len(refunds), "gross": gross, "revenue": gross - total(refunds.values()),
            "average_order": (gross / count).quantize(CENT, ROUND_HALF_UP) if count else None,
            "first_order_at": min(ordered, default=None), "last_order_at": max(ordered, default=None),
            "first_seen_at": min(seen, default=None), "last_seen_at": max(seen, default=None), "events": len(events)}


def traits_of(events):
    latest = {}
    for event in sorted(events, key=lambda e: (e["time_ms"], e["number"])):
        latest.update(event["traits"])
    return {name: value for name, value in latest.items() if value is not None}


def thresholds(everybody):
    """What scores are taken against: the values of all people with an order."""
    ordered = [metrics for metrics in everybody if metrics["orders"]]
    return {"recency_score": [m["last_order_at"] for m in ordered], "frequency_score": [m["orders"] for m in ordered],
            "monetary_score": [m["revenue"] for m in ordered]}


def scores(metrics, taken):
    own = {"recency_score": metrics["last_order_at"], "frequency_score": metrics["orders"], "monetary_score": metrics["revenue"]}
    result = {}
    for name in SCORES:
        people = taken[name] if taken else []
        better = sum(value > own[name] for value in people) if metrics["orders"] and people else 0
        result[name] = max(1, 5 - 5 * better // len(people)) if metrics["orders"] and people else None
    return result


# -- the suite


class Definition:
    def __init__(self, kind, name, rule):
        self.kind, self.name, self.rule = kind, name, rule
        self.entered = self.left = 0
        self.changes = []  # (person, "entered" or "left", at, cause)


class World:
    def __init__(self, now_ms, zone="Asia/Shanghai", currency="CNY"):
        self.now_ms, self.currency = now_ms, currency
        self.zone = zoneinfo.ZoneInfo(zone)
        self.rules = model_rules.Model(zone)
        self.events, self.seen = [], set()
        self.identity = model_identity.Identity()
        self.nodes, self.person, self.kinds = self.identity.nodes, self.identity.person, self.identity.kinds
        self.pending = set()  # persons who are not who they were
        self.taken = None  # thresholds of the scores, since the last midnight
        self.stages = STAGES
        self.definitions = []
        self.members = {}  # person: {definition}
        self.hand = {}     # (node, tag): when it expires, or None
        self.entry = None  # the event by which everybody once enters a journey that sends something at once
        self.sent = []     # to whom: the nodes that founded their One IDs

    # -- events

    def send(self, body, history=False, browser=False):
        """One HTTP call with a batch; yields how many were accepted and how many were there already."""
        accepted = duplicates = 0
        for event in body["batch"]:
            if event["messageId"] in self.seen:
                duplicates += 1
                continue
            self.seen.add(event["messageId"])
            accepted += 1
            shared = body.get("context")
            self.take({**event, "context": {**shared, **(event.get("context") or {})}} if shared else event, history, browser)
        return accepted, duplicates

    def event_time(self, event):
        stated, original, sent = (self.rules.time(event.get(name)) for name in ("timestamp", "originalTimestamp", "sentAt"))
        original = stated if original is None else original
        if original is not None and sent is not None:
            return self.now_ms - (sent - original)
        return self.now_ms if stated is None else stated

    def clock(self, stated_ms, history):
        if stated_ms - self.now_ms > FUTURE:
            return "future"
        return "past" if not history and (stated_ms < YEAR_2000 or self.now_ms - stated_ms > PAST) else None

    def take(self, event, history, browser=False):
        trusted = history or not browser  # what is imported is the brand's own
        stated_ms = min(max(self.event_time(event), YEAR_1), YEAR_10000 - 1)
        carried, source = model_identity.identifiers_of(event), (event.get("context") or {}).get("source")
        shown = self.identity.shown_kinds(carried, stated_ms)
        nodes = self.changing(self.identity.see, carried, trusted, source, stated_ms, name_of(event))
        if not nodes:
            return
        clock = self.clock(stated_ms, history)
        lost = stated_ms > self.now_ms or clock == "past" and stated_ms < YEAR_2000
        group, context = event["type"] == "group", event.get("context") or {}
        traits = {**(context.get("traits") or {}), **({} if group else event.get("traits") or {})}
        derived = {}
        for kind in PERSONAL:
            if kind in traits:
                derived["has_" + kind] = None if traits[kind] is None else True
            elif kind in shown:
                derived["has_" + kind] = True
        self.events.append({
            "number": len(self.events), "message_id": event["messageId"], "type": event["type"],
            "name": event.get("event" if event["type"] == "track" else "name") or "", "node": nodes[0], "sighting": len(self.identity.came) - 1,
            "time_ms": self.now_ms if lost else stated_ms, "stated_ms": stated_ms, "received_ms": self.now_ms, "clock": clock,
            "properties": (event.get("traits") if group else event.get("properties")) or {},
            "traits": {**{k: v for k, v in traits.items() if k not in TRAIT_KINDS and k != "name"}, **derived},
            "carried": nodes})
        self.pending.add(self.person[nodes[0]])
        self.settle("import" if history else "event")
        if not history and self.events[-1]["name"] == self.entry is not None:
            self.enter(self.person[nodes[0]])

    def enter(self, person):
        if all(self.person[node] != person for node in self.sent):
            self.sent.append(person)

    def changing(self, action, *given):
        """Does what may change who is who. Who is no more leaves all that he or she was in; the others are looked at next."""
        before, owners = dict(self.person), dict(self.identity.owners)
        answer = action(*given)
        for event in self.events:
            former, owner = (of.get(event["sighting"]) for of in (owners, self.identity.owners))
            if former not in (None, owner):
                self.move_event(event, former, owner)
        for former in set(before.values()) - set(self.person.values()):
            for definition in self.members.pop(former, ()):
                definition.left += 1
                definition.changes.append((former, "left", self.now_ms, "join"))
        for node, person in self.person.items():
            if before.get(node) != person:
                self.pending |= {before.get(node), person}
        return answer

    def move_event(self, event, former, owner):
        """It turns out to be another node's."""
        self.pending |= {self.person[former], self.person[owner]}

    def deciding(self, action, *given):
        """By hand, or by other rules: no event goes with it."""
        answer = self.changing(action, *given)
        self.settle("join")
        return answer

    def settle(self, cause):
        for person in sorted(self.pending & set(self.person.values())):
            self.evaluate(person, cause)
        self.pending = set()

    # -- people

    def people(self):
        return sorted(set(self.person.values()))

    def events_of(self, person, before_ms=None):
        return [event for event in self.events if self.person[self.identity.owners[event["sighting"]]] == person and
                (before_ms is None or event["time_ms"] < before_ms)]

    def subject(self, person, now_ms):
        events = self.events_of(person)
        metrics = totals(events, self.currency)
        metrics.update(scores(metrics, self.taken))
        return self.with_stage({
            "traits": traits_of(events), "metrics": metrics, "tier": None, "events": events, **self.memberships(person, now_ms),
            "identifiers": {self.kinds[node] for node in self.identity.members(person)}}, now_ms)

    def memberships(self, person, now_ms):
        held = self.members.get(person, ())
        tags = {d.name: ["rule"] for d in held if d.kind == "tag"}
        for (node, name), expires_ms in self.hand.items():
            if self.person[node] == person and (expires_ms is None or expires_ms > now_ms):
                tags[name] = [origin for origin in tags.get(name, []) if origin != "guide"] + ["guide"]  # of two nodes: one tag
        return {"tags": tags, "segments": [d.name for d in held if d.kind == "segment"]}

    def with_stage(self, subject, now_ms):
        subject["stage"] = None
        subject["stage"] = next((stage for stage, rule in self.stages if self.rules.matches(rule, subject, now_ms)), None)
        return subject

    # -- definitions

    def define(self, kind, name, rule):
        definition = Definition(kind, name, rule)
        self.definitions.append(definition)
        self.definitions.sort(key=lambda d: d.kind != "tag")  # tags first: segments ask for them
        for person in self.people():
            self.evaluate(person, "rule", [definition])
        return definition

    def redefine(self, definition, rule):
        definition.rule = rule
        for person in self.people():
            self.evaluate(person, "rule")

    def set_stages(self, stages):
        self.stages = stages
        for person in self.people():
            self.evaluate(person, "rule")

    def tag(self, person, name, expires_ms=None):
        """By hand: it stays with the node that founded the One ID, which bears the person's number."""
        self.hand[person, name] = expires_ms
        self.evaluate(person, "hand")

    def untag(self, person, name):
        self.hand = {(node, tag): at for (node, tag), at in self.hand.items() if tag != name or self.person[node] != person}
        self.evaluate(person, "hand")

    def evaluate(self, person, cause, definitions=None, at_ms=None):
        now_ms = self.now_ms if at_ms is None else at_ms
        held = self.members.setdefault(person, set())
        subject = self.subject(person, now_ms)
        for definition in definitions or self.definitions:
            member = self.rules.matches(definition.rule, subject, now_ms)
            if member == (definition in held):
                continue
            (held.add if member else held.remove)(definition)
            definition.entered += member
            definition.left += not member
            definition.changes.append((person, "entered" if member else "left", now_ms, cause))
            subject.update(self.memberships(person, now_ms))

    # -- time

    def next_midnight(self, ms):
        local = (EPOCH + datetime.timedelta(milliseconds=ms)).astimezone(self.zone)
        following = datetime.datetime.combine(local.date() + datetime.timedelta(days=1), datetime.time(), self.zone)
        return round((following - EPOCH).total_seconds()) * 1000

    def advance(self, ms):
        """Everything whose age passes a rule's duration on the way is looked at then, and everybody at midnight."""
        end = self.now_ms + ms
        moments = {}
        durations = sorted({d for rule in [d.rule for d in self.definitions] + [r for _, r in self.stages] for d in self.durations(rule)})
        for person in self.people():
            for at in {at for event in self.events_of(person) for at in self.times_in(event)}:
                for moment in (at + duration + 1 for duration in durations):
                    if self.now_ms < moment <= end:
                        moments.setdefault(moment, set()).add(person)
        for (node, _), expires_ms in self.hand.items():
            if expires_ms is not None and self.now_ms < expires_ms <= end:
                moments.setdefault(expires_ms, set()).add(self.person[node])
        midnight = self.next_midnight(self.now_ms)
        while midnight <= end:
            moments[midnight] = None
            midnight = self.next_midnight(midnight)
        for moment in sorted(moments):
            if moments[moment] is None:
                self.taken = thresholds([totals(self.events_of(person), self.currency) for person in self.people()])
            for person in self.people() if moments[moment] is None else sorted(moments[moment]):
                self.evaluate(person, "time", at_ms=moment)
        self.now_ms = end

    def durations(self, rule):
        if isinstance(rule, list):
            return [d for item in rule for d in self.durations(item)]
        if not isinstance(rule, dict):
            return []
        own = [self.rules.duration(rule[key]) for key in ("within", "newer_than", "older_than") if isinstance(rule.get(key), str)]
        return own + [d for item in rule.values() for d in self.durations(item)]

    def times_in(self, value):
        """Times that a rule could take the age of."""
        if isinstance(value, dict):
            own = [value["time_ms"]] if "time_ms" in value else []
            return own + [at for item in value.values() for at in self.times_in(item)]
        if isinstance(value, list):
            return [at for item in value for at in self.times_in(item)]
        at = self.rules.time(value)
        return [] if at is None else [at]

    # -- questions

    def count(self, rule):
        return sum(self.rules.matches(rule, self.subject(person, self.now_ms), self.now_ms) for person in self.people())

    def count_as_of(self, rule, as_of_ms):
        past = {person: self.events_of(person, as_of_ms) for person in self.people()}
        past = {person: events for person, events in past.items() if events}
        metrics = {person: totals(events, self.currency) for person, events in past.items()}
        taken = thresholds(metrics.values())
        answer = 0
        for person, events in past.items():
            carried = {node for event in events for node in event["carried"] if self.person[node] == person}
            subject = self.with_stage({
                "traits": traits_of(events), "metrics": metrics[person] | scores(metrics[person], taken), "tier": None, "tags": {},
                "segments": [], "events": events, "identifiers": {self.kinds[self.identity.former.get(node, node)] for node in carried}}, as_of_ms)
            answer += self.rules.matches(rule, subject, as_of_ms)
        return answer

    def profile(self, person):
        """As GET /api/v1/persons/{one_id} shows it, but for masked values and what says when something began."""
        subject = self.subject(person, self.now_ms)

        def shown(name, value):
            if value is None or isinstance(value, int) and not name.endswith("_at"):
                return value
            return time_text(value) if name.endswith("_at") else str(value)

        events = sorted(subject["events"], key=lambda e: (e["time_ms"], e["number"]), reverse=True)
        return {"identifiers": sorted((self.kinds[node], node in self.identity.verified) for node in self.identity.members(person)),
                "traits": subject["traits"], "stage": subject["stage"], "tags": sorted((name, origin) for name, origins in subject["tags"].items() for origin in origins),
                "segments": sorted(subject["segments"]),
                "metrics": {name: shown(name, value) for name, value in subject["metrics"].items()},
                "events": [(e["type"], e["name"], time_text(e["time_ms"]), time_text(e["received_ms"]),
                            time_text(e["stated_ms"]) if e["stated_ms"] != e["time_ms"] else None, e["clock"]) for e in events[:50]]}
