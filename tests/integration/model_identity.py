# SPDX-License-Identifier: Apache-2.0
"""Who is who, naively: what every event said and what was decided by hand are kept, and people are taken anew from all of it, by the
rules as the README says them. It shares no code with the suite.

Identifiers have numbers in the order in which they came; the number of a person is that of his or her first one."""
import itertools
import re
from collections import namedtuple
from decimal import Decimal

PRIORITY = ("user_id", "member_card", "wechat_unionid", "phone", "email", "wechat_openid", "anonymous_id")
TRAIT_KINDS = {"phone": "phone", "email": "email", "member_card": "member_card", "wechat_unionid": "wechat_unionid"}
ISSUED = ("user_id", "member_card", "wechat_unionid", "wechat_openid")  # verified wherever they come from somebody trusted
NEVER_VERIFIED = ("anonymous_id",)
LIMITS = {"user_id": 1, "member_card": 3, "wechat_unionid": 1, "phone": 3, "email": 5, "wechat_openid": 10}  # of one person
BUSY_AFTER = 5
NEVER_BUSY = ("user_id",)
ONE_OWNER = ("phone", "email")
MOST = 1000  # identifiers of one person
NOBODY = ("-1", "null", "none", "nan", "nil", "undefined", "anonymous", "guest", "unknown", "true", "false", "id", "email",
          "distinctid", "distinct_id", "not_authenticated", "[object object]")
MOBILE = re.compile(r"(?:\+86[ -]?)?(1[0-9]{2})[ -]?([0-9]{4})[ -]?([0-9]{4})")


# -- what an event carries


def stands_for_nobody(value):
    while len(value) >= 2 and value[0] in "\"'`" and value[-1] == value[0]:
        value = value[1:-1]
    return not value.strip("0-") or value.lower() in NOBODY


def normalise(kind, value):
    """A value in its kind's one form, or None where it stands for nobody."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    value = value.strip(" \t\r\n")
    if stands_for_nobody(value):
        return None
    if kind == "phone":
        found = MOBILE.fullmatch(value)
        return "+86" + "".join(found.groups()) if found else None
    if kind == "email":
        local, at, domain = value.partition("@")
        return value.lower() if local and at and "." in domain and " " not in value and "@" not in domain else None
    return value


class Carried(namedtuple("Carried", "kind value previous stated")):
    """`previous`: a former name; `stated`: the sender says that it is verified."""


def all_stated(event):
    context = event.get("context") or {}
    yield Carried("user_id", event.get("userId"), False, False)
    yield Carried("anonymous_id", event.get("anonymousId"), False, False)
    if event["type"] == "alias":
        yield Carried("user_id", event.get("previousId"), True, False)
    traits = {} if event["type"] == "group" else event.get("traits") or {}
    for source in (traits, context.get("traits") or {}):
        for name, value in source.items():
            if name in TRAIT_KINDS:
                yield Carried(TRAIT_KINDS[name], value, False, False)
    for entry in context.get("externalIds") or []:
        value = entry["id"]
        if entry["type"] == "wechat_openid" and entry.get("app_id") and normalise("wechat_openid", value):
            value = f"{entry['app_id']}:{value}"
        yield Carried(entry["type"], value, False, entry.get("verified") is True)


def is_same(one, other):
    """Of two of one value. A previousId that is the event's own anonymous id says nothing new."""
    kinds = {one.kind, other.kind}
    return len(kinds) == 1 or "anonymous_id" in kinds and (one.previous or other.previous)


def identifiers_of(event):
    """What the event carries, the strongest first, each once."""
    said = (event.get("context") or {}).get("verified")
    found = []
    for one in all_stated(event):
        value = normalise(one.kind, one.value)
        if value is None:
            continue
        stated = one.stated or said is True or isinstance(said, list) and one.kind in said
        one = one._replace(value=value, stated=stated)
        at = next((at for at, other in enumerate(found) if other.value == value and is_same(one, other)), None)
        if at is None:
            found.append(one)
        else:
            better = one if one.kind == "anonymous_id" else found[at]
            found[at] = better._replace(stated=found[at].stated or one.stated)
    return sorted(found, key=lambda one: PRIORITY.index(one.kind))


# -- the rules


Seen = namedtuple("Seen", "node verified previous")
Link = namedtuple("Link", "one other rank order alias")  # the stronger one first; order: the event's, or the decision's number
Conflict = namedtuple("Conflict", "link reason kind")
RANKS = ("hand", "verified", "claimed")
Answer = namedtuple("Answer", "status unchanged number")  # of the decision
UNCHANGED, WRONG, UNKNOWN, REFUSED = Answer(200, True, None), Answer(400, None, None), Answer(404, None, None), Answer(409, None, None)


class Decision:
    """Its nodes, and those that they are kept apart from (of a join, those that were named); of a move the second node is of whom the first
    is to be."""

    def __init__(self, what, nodes=(), others=(), event=None):
        self.what, self.nodes, self.others, self.event = what, list(nodes), list(others), event
        self.undone = False

    def joins(self):
        return [frozenset((self.nodes[0], node)) for node in self.nodes[1:]] if self.what in ("join", "split", "move") else []

    def parts(self):
        """Pairs that were joined by hand before, and are no more."""
        going = {"split": self.nodes, "move": self.nodes[:1]}.get(self.what, [])
        return [frozenset(pair) for pair in itertools.product(going, self.others)]

    def keeps_apart(self):
        return [(self.nodes[0], other) for other in self.others] if self.what in ("split", "move") else []


class Identity:
    def __init__(self):
        self.nodes = {}      # (kind, value): number
        self.kinds = {}      # node: kind
        self.verified = set()
        self.sightings = []  # of each event, what of it was seen
        self.decisions = []  # the first is number 1
        self.person = {}     # node: person, which is its first node
        self.conflicts = []

    # -- what happens

    def see(self, carried, trusted):
        """An event; yields the nodes whose it is, the strongest first: not those that are blocked now, which only count as evidence. Where
        all of them are, it is nobody's, and no evidence."""
        keys = [("anonymous_id", one.value) if one.previous and (one.kind, one.value) not in self.nodes and
                ("anonymous_id", one.value) in self.nodes else (one.kind, one.value) for one in carried]
        blocked = self.blocked()
        seen = []
        if any(self.nodes.get(key) not in blocked for key in keys):
            for key, one in sorted(zip(keys, carried), key=lambda both: PRIORITY.index(both[0][0])):
                if key not in self.nodes:
                    self.nodes[key] = len(self.nodes) + 1
                    self.kinds[self.nodes[key]] = key[0]
                stated = key[0] in ISSUED or one.stated and key[0] not in NEVER_VERIFIED
                seen.append(Seen(self.nodes[key], trusted and stated, one.previous))
        self.sightings.append(seen)
        self.verified |= {one.node for one in seen if one.verified}
        self.solve()
        return [one.node for one in seen if one.node not in blocked]

    def decide(self, decision):
        self.decisions.append(decision)
        self.solve()
        return Answer(200, False, len(self.decisions))

    # -- by hand: as the API is asked, and what it answers

    def join(self, one, other):
        """The two persons are meant, whichever of their identifiers are named: the strongest stand for them."""
        left, right = self.members(self.person[one]), self.members(self.person[other])
        if left == right or any(set(decision.others) == {one, other} for decision in self.in_force("join")):
            return UNCHANGED
        if {one, other} & self.blocked() or self.are_kept_apart(left, right) or len(left) + len(right) > MOST:
            return REFUSED
        return self.decide(Decision("join", [min(left, key=self.strength), min(right, key=self.strength)], [one, other]))

    def split(self, person, nodes):
        if any(set(one.nodes) == set(nodes) for one in self.in_force("split")):
            return UNCHANGED
        if any(self.person[node] != person for node in nodes):
            return REFUSED
        others = [node for node in self.members(person) if node not in nodes]
        return self.decide(Decision("split", self.strongest_first(nodes), others)) if others else WRONG

    def move(self, node, person):
        if self.person[node] == person or any(one.nodes[0] == node and self.person[one.nodes[1]] == person for one in self.in_force("move")):
            return UNCHANGED
        members = self.members(person)
        if node in self.blocked() or any(node in pair and set(pair) & set(members) for pair in self.pairs_apart()):
            return REFUSED
        others = [one for one in self.members(self.person[node]) if one != node]
        return self.decide(Decision("move", [node, person], others))

    def block(self, node):
        return UNCHANGED if node in self.blocked() else self.decide(Decision("block", [node]))

    def withdraw(self, event):
        if len(self.sightings[event]) < 2:
            return UNKNOWN
        return UNCHANGED if event in self.withdrawn() else self.decide(Decision("withdraw", event=event))

    def undo(self, number):
        if not 1 <= number <= len(self.decisions):
            return UNKNOWN
        decision = self.decisions[number - 1]
        if decision.undone:
            return UNCHANGED
        decision.undone = True
        self.solve()
        return Answer(200, False, number)

    # -- what was decided

    def members(self, person):
        return sorted(node for node, whose in self.person.items() if whose == person)

    def in_force(self, what=None):
        return [one for one in self.decisions if not one.undone and what in (None, one.what)]

    def blocked(self):
        return {one.nodes[0] for one in self.in_force("block")}

    def withdrawn(self):
        return {one.event for one in self.in_force("withdraw")}

    def pairs_apart(self):
        return [pair for one in self.in_force() for pair in one.keeps_apart()]

    def are_kept_apart(self, some, others):
        return any(left in some and right in others or left in others and right in some for left, right in self.pairs_apart())

    def strongest_first(self, nodes):
        """Only who speaks for all changes place."""
        best = min(range(len(nodes)), key=lambda at: PRIORITY.index(self.kinds[nodes[at]]))
        nodes = list(nodes)
        nodes[0], nodes[best] = nodes[best], nodes[0]
        return nodes

    # -- who is who

    def strength(self, node):
        return PRIORITY.index(self.kinds[node]), node

    def links(self):
        """Of each pair that was seen together, what counts most: the first event in which both are verified, or else the first."""
        withdrawn = self.withdrawn()
        found = {}
        for at, seen in enumerate(self.sightings):
            for one, other in itertools.combinations(seen, 2):
                if at in withdrawn:
                    continue
                pair = frozenset((one.node, other.node))
                verified = one.verified and other.verified
                if pair not in found or verified and found[pair].rank == "claimed":
                    found[pair] = self.link(pair, "verified" if verified else "claimed", at, verified and (one.previous or other.previous))
        return list(found.values())

    def link(self, pair, rank, order, alias=False):
        one, other = sorted(pair, key=self.strength)
        return Link(one, other, rank, order, alias)

    def links_by_hand(self):
        """A pair counts where it was said last."""
        joined = {}
        for number, decision in enumerate(self.decisions, 1):
            if decision.undone:
                continue
            for pair in decision.joins():
                joined[pair] = number
            for pair in decision.parts():
                joined.pop(pair, None)
        return [self.link(pair, "hand", number) for pair, number in joined.items()]

    def seen_with(self, links):
        """How many different identifiers of each stronger kind each was seen with."""
        counts = {}
        for link in links:
            strong, weak = self.kinds[link.one], self.kinds[link.other]
            if strong != weak:
                counts[link.other, strong] = counts.get((link.other, strong), 0) + 1
        return counts

    def owned_twice(self, links):
        """Numbers and addresses that are verified with two names of one stronger kind, which no alias makes one owner's."""
        aliases = {frozenset((link.one, link.other)) for link in links if link.alias}
        owners = {}
        for link in links:
            if link.rank == "verified" and self.kinds[link.other] in ONE_OWNER and self.kinds[link.one] != self.kinds[link.other]:
                owners.setdefault((link.other, self.kinds[link.one]), []).append(link.one)
        return {node for (node, _), names in owners.items()
                if any(frozenset(pair) not in aliases for pair in itertools.combinations(names, 2))}

    def busy(self, links=None):
        """Those that join nothing, with the stronger kind that each is seen with most."""
        links = self.links() if links is None else links
        owned, found = self.owned_twice(links), {}
        counts = self.seen_with(links)
        many = {node for (node, _), count in counts.items() if count > BUSY_AFTER and self.kinds[node] not in NEVER_BUSY}
        for (node, kind), count in counts.items():
            if node in many | owned:
                found.setdefault(node, []).append((count, -PRIORITY.index(kind), kind))
        return {node: max(several)[::2] for node, several in found.items()}

    def refusal(self, link, one, other):
        """What speaks against the union of two groups, or None."""
        if self.are_kept_apart(one, other):
            return "apart", None
        if len(one) + len(other) > MOST:
            return "size", None
        if link.rank == "hand":
            return None
        for kind in PRIORITY:
            left, right = ([node for node in group if self.kinds[node] == kind] for group in (one, other))
            free = kind not in LIMITS or link.alias and kind == "user_id"
            if left and right and not free and len(left) + len(right) > LIMITS[kind]:
                return "limit", kind
        for kind in PRIORITY:
            sure = [any(self.kinds[node] == kind and node in self.verified for node in group) for group in (one, other)]
            if link.rank == "claimed" and all(sure):
                return "claimed", kind
        return None

    def solve(self):
        links = self.links()
        out = self.blocked() | set(self.busy(links))
        links = self.links_by_hand() + [link for link in links if link.one not in out and link.other not in out]
        links.sort(key=lambda link: (RANKS.index(link.rank), link.order, PRIORITY.index(self.kinds[link.one]),
                                     PRIORITY.index(self.kinds[link.other]), link.one, link.other))
        groups = {node: {node} for node in self.kinds}
        refused = []
        for link in links:
            one, other = groups[link.one], groups[link.other]
            if one is other:
                continue
            why = self.refusal(link, one, other)
            if why:
                refused.append(Conflict(link, *why))
                continue
            both = one | other
            groups.update((node, both) for node in both)
        self.person.clear()
        self.person.update((node, min(group)) for node, group in groups.items())
        self.conflicts = [one for one in refused if one.reason != "apart" and self.person[one.link.one] != self.person[one.link.other]]
