# SPDX-License-Identifier: Apache-2.0
"""Who is who, naively: what every event said and what was decided by hand are kept, and people are taken anew from all of it, by the
rules as the README says them. It shares no code with the suite.

Identifiers have numbers in the order in which they came; the number of a person is that of his or her first one."""
import itertools
from collections import namedtuple
from decimal import Decimal

from model_identity_rules import KINDS, Rules, phone, standard
from model_names import names_clash

TRAIT_KINDS = {"phone": "phone", "email": "email", "member_card": "member_card", "wechat_unionid": "wechat_unionid"}
NOBODY = ("-1", "null", "none", "nan", "nil", "undefined", "anonymous", "guest", "unknown", "true", "false", "id", "email",
          "distinctid", "distinct_id", "not_authenticated", "[object object]")


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
        return phone(value)
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
    return sorted(found, key=lambda one: KINDS.index(one.kind))


# -- the rules


Came = namedtuple("Came", "carried trusted source ms rules name")  # an event as it came, and what held then
Taken = namedtuple("Taken", "node trusted stated previous")  # what is kept of it; what a source may do stays as it was when the event came
Seen = namedtuple("Seen", "node verified previous")  # what follows
Link = namedtuple("Link", "one other rank order alias")  # the stronger one first; order: the event's, or the decision's number
Conflict = namedtuple("Conflict", "link reason kind")
RANKS = ("hand", "verified", "claimed")
Answer = namedtuple("Answer", "status unchanged number")  # of the decision
UNCHANGED, WRONG, UNKNOWN, REFUSED = Answer(200, True, None), Answer(400, None, None), Answer(404, None, None), Answer(409, None, None)


class Decision:
    """Its nodes, and those that they are kept apart from (of a join, those that were named); of a move the second node is of whom the first
    is to be: of the person that was named."""

    def __init__(self, what, nodes=(), others=(), event=None, person=None):
        self.what, self.nodes, self.others, self.event, self.person = what, list(nodes), list(others), event, person
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
        self.rules, self.rules_changed = Rules(standard()), False
        self.nodes = {}      # (kind, value): number
        self.kinds = {}      # node: kind
        self.first_ms = {}   # node: the time of the first event that carried it
        self.verified = set()
        self.came = []       # all events
        self.taken = []      # of each, what of it was seen: of a value its first node
        self.sightings = []  # the same, by whose it was then
        self.later = {}      # later owners of values: (the value's first node, since when)
        self.former = {}     # those that are none any more: the value's first node, whose person is theirs
        self.made = 0        # nodes
        self.called = []     # of each, what it calls the person, where that counts
        self.owners = {}     # whose each is by now: a node
        self.decisions = []  # the first is number 1
        self.person = {}     # node: person, which is its first node
        self.nobodys = set()  # nodes that are blocked, by hand or by the rules
        self.conflicts = []

    # -- what happens

    def see(self, carried, trusted, source, ms, name=None):
        """An event; yields the nodes whose it is, the strongest first: not those that are blocked now, which only count as evidence. Where
        all of them are, it is nobody's, and no evidence."""
        self.came.append(Came(carried, trusted, source, ms, self.rules, name))
        self.taken.append(self.take(self.came[-1]))
        self.called.append(name if trusted and self.rules.may(source, "verifies") else None)
        self.solve()
        return [one.node for one in self.sightings[-1] if one.node not in self.nobodys]

    def owner(self, node, ms=float("inf")):
        """Whose a value is at a time, by its first node."""
        return max(((since, later) for later, (first, since) in self.later.items() if first == node and since <= ms), default=(0, node))[1]

    def present(self):
        """Whose each value is now."""
        return {key: self.owner(node) for key, node in self.nodes.items()}

    def keys(self):
        keys = {node: key for key, node in self.nodes.items()}
        return {**keys, **{later: keys[first] for later, (first, _) in self.later.items()}}

    def key_of(self, one):
        """A former name is an anonymous id's, where it is known as that alone."""
        anonymous = ("anonymous_id", one.value)
        return anonymous if one.previous and (one.kind, one.value) not in self.nodes and anonymous in self.nodes else (one.kind, one.value)

    def is_left_out(self, key):
        """Values that only came while they were blocked are not known at all."""
        return key not in self.nodes and self.rules.blocks(*key)

    def shown_kinds(self, carried, ms):
        """Of what an event carries, the kinds of those that are somebody's."""
        return {key[0] for key in map(self.key_of, carried) if not self.is_left_out(key) and self.owner(self.nodes.get(key), ms) not in self.nobodys}

    def take(self, came):
        """What is seen of an event. A source that joins nobody shows one identifier: the strongest that is somebody's."""
        sources = came.rules
        trusted, joins = came.trusted and sources.may(came.source, "verifies"), sources.may(came.source, "joins")
        taken, found = [], False  # found: one that is somebody's
        for one in sorted(came.carried, key=lambda one: sources.order[self.key_of(one)[0]]):
            key = self.key_of(one)
            if self.is_left_out(key) or not joins and found:
                continue
            found = found or self.owner(self.nodes.get(key), came.ms) not in self.nobodys
            taken = (taken if joins else []) + [(key, one)]
        if not found:
            return []
        return [Taken(self.node_of(key, came.ms), trusted, one.stated, one.previous) for key, one in taken]

    def seen(self, came, one):
        """What an event shows of one of its identifiers, by the rules that hold."""
        return Seen(self.owner(one.node, came.ms), one.trusted and self.rules.verifies(self.kinds[one.node], one.stated), one.previous)

    def node_of(self, key, ms):
        if key not in self.nodes:
            self.nodes[key] = self.made = self.made + 1
            self.kinds[self.nodes[key]] = key[0]
            self.first_ms[self.nodes[key]] = ms
        return self.nodes[key]

    def change_rules(self, document):
        self.rules, self.rules_changed = Rules(document), True
        self.solve()

    def attribute(self):
        """Each event to the strongest that it carries and that is somebody's; where none is, it stays where it was."""
        for event, seen in enumerate(self.sightings):
            counts = [one.node for one in seen if one.node not in self.nobodys]
            if counts:
                self.owners[event] = min(counts, key=lambda node: self.rules.order[self.kinds[node]])

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
        if {one, other} & self.blocked() or self.are_kept_apart(left, right) or len(left) + len(right) > self.rules.most:
            return REFUSED
        return self.decide(Decision("join", [self.tie(left), self.tie(right)], [one, other]))

    def tie(self, nodes):
        """Who stands for a person: the strongest, if possible one that joins people."""
        out = self.out(self.links())
        return min(nodes, key=lambda node: (node in out, self.strength(node)))

    def split(self, person, nodes):
        if any(set(one.nodes) == set(nodes) for one in self.in_force("split")):
            return UNCHANGED
        if any(self.person[node] != person for node in nodes):
            return REFUSED
        others = [node for node in self.members(person) if node not in nodes]
        return self.decide(Decision("split", self.strongest_first(nodes), others)) if others else WRONG

    def move(self, node, person):
        moved = [one for one in self.in_force("move") if one.nodes[0] == node]
        if self.person[node] == person or any(person in (self.person[one.nodes[1]], self.person[one.person]) for one in moved):
            return UNCHANGED
        members = self.members(person)
        if node in self.blocked() or any(node in pair and set(pair) & set(members) for pair in self.pairs_apart()) or \
                1 + len(members) > self.rules.most:
            return REFUSED
        others = [one for one in self.members(self.person[node]) if one != node]
        return self.decide(Decision("move", [node, self.tie(members)], others, person=person))

    def block(self, node):
        return UNCHANGED if node in self.blocked() else self.decide(Decision("block", [node]))

    def reassign(self, node, since):
        first = self.later.get(node, (node,))[0]
        if (first, since) in self.later.values():
            return UNCHANGED
        owner, later = self.owner(first, since), self.made + 1
        self.made, self.later[later] = later, (first, since)
        self.kinds[later], self.first_ms[later] = self.kinds[first], since
        answer, _ = self.decide(Decision("reassign", [owner], [later])), self.date(first)
        return answer

    def date(self, first):
        """When a value's later owners came: their first event, as of now."""
        for later in (node for node, (of, _) in self.later.items() if of == first):
            times = (came.ms for came, seen in zip(self.came, self.sightings) if any(one.node == later for one in seen))
            self.first_ms[later] = next(times, self.first_ms[later])
        self.solve()

    def give_back(self, later, first):
        """As if it had always been the first owner's."""
        self.former[later], _ = self.later.pop(later)
        del self.kinds[later], self.first_ms[later]
        for decision in self.decisions:
            decision.nodes = [first if node == later else node for node in decision.nodes]
            decision.others = [first if node == later else node for node in decision.others]
        self.date(first)

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
        if decision.what == "reassign":
            self.give_back(decision.others[0], self.later[decision.others[0]][0])
        self.solve()
        return Answer(200, False, number)

    # -- what was decided

    def members(self, person):
        return sorted(node for node, whose in self.person.items() if whose == person and node not in self.former)

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
        best = min(range(len(nodes)), key=lambda at: self.rules.order[self.kinds[nodes[at]]])
        nodes = list(nodes)
        nodes[0], nodes[best] = nodes[best], nodes[0]
        return nodes

    # -- who is who

    def strength(self, node):
        return self.rules.order[self.kinds[node]], node

    def links(self):
        """Of each pair that was seen together, what counts most: the first event in which one is verified to be the other's former name,
        else the first in which both are verified, or else the first."""
        withdrawn = self.withdrawn()
        found = {}
        for at, seen in enumerate(self.sightings):
            for one, other in itertools.combinations(seen, 2):
                if at in withdrawn or one.node == other.node:
                    continue
                pair = frozenset((one.node, other.node))
                verified = one.verified and other.verified
                worth = verified + (verified and (one.previous or other.previous))
                if pair not in found or worth > found[pair][0]:
                    found[pair] = worth, at
        return [self.link(pair, "verified" if worth else "claimed", at, worth > 1) for pair, (worth, at) in found.items()]

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
            if link.rank == "verified" and self.rules.kinds[self.kinds[link.other]]["one_owner"] and self.kinds[link.one] != self.kinds[link.other]:
                owners.setdefault((link.other, self.kinds[link.one]), []).append(link.one)
        return {node for (node, _), names in owners.items()
                if any(frozenset(pair) not in aliases for pair in itertools.combinations(names, 2))}

    def names(self, node):
        """What it was called, in events that were not taken back. A browser is called nothing."""
        withdrawn = self.withdrawn()
        return {name for event, (name, seen) in enumerate(zip(self.called, self.sightings))
                if name and event not in withdrawn and any(one.node == node for one in seen) and self.kinds[node] != "anonymous_id"}

    def owners_of(self, links):
        """By number or address, the links of the stronger ones that it was verified with."""
        owners = {}
        for link in links:
            if link.rank == "verified" and self.kinds[link.one] != self.kinds[link.other]:
                owners.setdefault(link.other, []).append(link)
        return owners

    def called_twice(self, links):
        """Those that go with two people's names: their own, or two of whom no name is one of the other's."""
        owners, names = self.owners_of(links), {node: self.names(node) for node in self.kinds}

        def are_two(sets):
            return any(one and other and all(names_clash(*pair) for pair in itertools.product(one, other))
                       for one, other in itertools.combinations(sets, 2))
        return {node for node, kind in self.kinds.items() if self.rules.kinds[kind]["one_name"] and
                (are_two([{name} for name in names[node]]) or are_two([names[node], *(names[link.one] for link in owners.get(node, []))]))}

    def is_before(self, one, other):
        """In the order in which they came, and by their own times."""
        return one.order < other.order and self.came[one.order].ms < self.came[other.order].ms

    def handed_on(self, links):
        """Numbers that somebody was seen with before an account took them in place of another one, or verified with after it took another one
        instead; but for who was seen with the other one too."""
        ties, found = {}, set()
        for link in links:
            ties.setdefault(link.one, {})[link.other] = ties.setdefault(link.other, {})[link.one] = link
        owners = self.owners_of(links)
        for node, kind in self.kinds.items():
            for had in owners.get(node, []) if self.rules.kinds[kind]["handed_on"] else []:
                for number, has in ties[had.one].items():
                    if self.kinds[number] != kind or number == node or has.rank != "verified":
                        continue
                    for other, link in ties[node].items():
                        before = self.is_before(has, had) and self.is_before(link, had)
                        after = self.is_before(had, has) and self.is_before(has, link) and link.rank == "verified"
                        if (before or after) and other != had.one and self.kinds[other] != kind and number not in ties[other]:
                            found.add(node)
        return found

    def busy(self, links=None):
        """Those that join nothing, with the stronger kind that each is seen with most, and why."""
        links = self.links() if links is None else links
        called, handed_on = self.called_twice(links), self.handed_on(links)
        owned, found = self.owned_twice(links), {node: [] for node in called | handed_on}
        counts = self.seen_with(links)
        most = {kind: rule["busy_after"] for kind, rule in self.rules.kinds.items()}
        many = {node for (node, _), count in counts.items() if most[self.kinds[node]] and count > most[self.kinds[node]]}
        for (node, kind), count in counts.items():
            if node in many | owned | called | handed_on and self.rules.order[kind] < self.rules.order[self.kinds[node]]:
                found.setdefault(node, []).append((count, -self.rules.order[kind], kind))
        why = {node: "busy" if node in many | owned else "names" if node in called else "handed_on" for node in found}
        return {node: (*max(several, default=(0, 0, ""))[::2], why[node]) for node, several in found.items()}

    def refusal(self, link, one, other):
        """What speaks against the union of two groups, or None."""
        if self.are_kept_apart(one, other):
            return "apart", None
        if len(one) + len(other) > self.rules.most:
            return "size", None
        if link.rank == "hand":
            return None
        both = [(kind, *([node for node in group if self.kinds[node] == kind] for group in (one, other))) for kind in KINDS]
        both = [(kind, left, right) for kind, left, right in both if left and right]
        free = "user_id" if link.alias else None
        for kind, left, right in both:
            limit = self.rules.kinds[kind]["limit"]
            if kind != free and limit and len(left) + len(right) > limit:
                return "limit", kind
        for kind, left, right in both:
            if link.rank == "claimed" and self.verified & set(left) and self.verified & set(right):
                return "claimed", kind
        for kind, left, right in both:
            if kind != free and self.rules.breaks_window(kind, [self.first_ms[node] for node in left + right]):
                return "limit_within", kind
        return None

    def out(self, links):
        """Who joins nobody by evidence."""
        describing = {node for node, kind in self.kinds.items() if not self.rules.kinds[kind]["joins"]}
        return self.nobodys | describing | set(self.busy(links))

    def solve(self):
        self.nobodys = self.blocked() | {node for node, key in self.keys().items() if self.rules.blocks(*key)}
        self.sightings = [[self.seen(came, one) for one in taken] for came, taken in zip(self.came, self.taken)]
        self.attribute()
        self.verified = {one.node for seen in self.sightings for one in seen if one.verified}
        links = self.links()
        out = self.out(links)
        links = self.links_by_hand() + [link for link in links if link.one not in out and link.other not in out]
        links.sort(key=lambda link: (RANKS.index(link.rank), link.order, *(self.rules.order[self.kinds[node]] for node in link[:2]), *link[:2]))
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
        self.person.update((node, self.person[first]) for node, first in self.former.items())
        self.conflicts = [one for one in refused if one.reason != "apart" and self.person[one.link.one] != self.person[one.link.other]]
