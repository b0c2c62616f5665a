# SPDX-License-Identifier: Apache-2.0
"""How well One ID does: pairs of identifiers that are one person, held against who made the events.

Counted are identifiers that only one person's events bear: not shared numbers and tablets, nor numbers that changed hands; nor those of
receipts and orders, which name an event. Precision: of the pairs that have one One ID, the share that is one person's. Recall: of the pairs
that are one person's and that events connect, by a chain of identifiers that are this person's alone, the share that has one One ID."""
import collections
import concurrent.futures
import http.client
import json
import threading
from typing import NamedTuple

EVENTS_ONLY = ("receipt-", "order-", "lead-")
DIRT = ("none", "family", "reassigned", "second number", "new card", "typo", "tablet", "marketplace", "media")


def identifiers_of(body):
    """What an event names people by, as (kind, value); what is masked or hashed names nobody by itself."""
    found = [("user_id", body["userId"])] if "userId" in body else []
    if "anonymousId" in body:
        found.append(("anonymous_id", body["anonymousId"]))
    context = body.get("context", {})
    for traits in (body.get("traits", {}), context.get("traits", {})):
        found += [(kind, traits[kind]) for kind in ("phone", "email") if kind in traits and "*" not in traits[kind]]
    for entry in context.get("externalIds", []):
        if entry["encoding"] == "none":
            found.append((entry["type"], f"{entry['app_id']}:{entry['id']}" if "app_id" in entry else entry["id"]))
    return list(dict.fromkeys(found))


def names_an_event(identifier):
    return identifier[0] == "anonymous_id" and identifier[1].startswith(EVENTS_ONLY)


class Parts:
    """What is connected, by whatever steps."""

    def __init__(self):
        self.parent = {}

    def root(self, item):
        self.parent.setdefault(item, item)
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def connect(self, items):
        for other in items[1:]:
            self.parent[self.root(items[0])] = self.root(other)


class Figures(NamedTuple):
    people: int
    precision: float
    recall: float        # of the pairs that a person's own identifiers connect
    recall_shared: float  # also of those that are connected through what others use too
    unconnected: float   # of all pairs that are one person's, the share that nothing connects
    wrong: int           # pairs that have one One ID and are two people's

    def __str__(self):
        return (f"precision {self.precision:.5f}  recall {self.recall:.4f}, {self.recall_shared:.4f} with what is shared  "
                f"({self.people:,} people, {self.wrong:,} wrong pairs, {self.unconnected:.1%} connected by nothing)")


def pairs(counts):
    return sum(count * (count - 1) // 2 for count in counts)


def share(part, whole):
    return part / whole if whole else 1.0


def anybody(dirt):
    return True


def by_dirt(label):
    """Those to whom this happened; "none": those to whom nothing did."""
    return (lambda dirt: label in dirt) if label != "none" else (lambda dirt: not dirt)


def own_number(dirt):
    """Whose number nobody else has or had."""
    return not dirt & {"family", "reassigned"}


class Truth:
    def __init__(self, events):
        self.users = collections.defaultdict(set)  # by identifier, the people's numbers
        self.dirt = collections.defaultdict(set)   # by person
        said = []
        for event in events:
            person, identifiers = event.consumer.number, identifiers_of(event.body)
            said.append((person, identifiers))
            self.dirt[person] |= event.dirt | event.consumer.dirt
            for identifier in identifiers:
                self.users[identifier].add(person)
        self.owner = {identifier: next(iter(users)) for identifier, users in self.users.items()
                      if len(users) == 1 and not names_an_event(identifier)}
        self.by_any, self.by_own = Parts(), Parts()
        for person, identifiers in said:
            self.by_any.connect([(person, identifier) for identifier in identifiers])
            self.by_own.connect([(person, identifier) for identifier in identifiers if len(self.users[identifier]) == 1])

    @property
    def identifiers(self):
        """Those that count."""
        return list(self.owner)

    def recall(self, known, part_of):
        whole, found = collections.Counter(), collections.Counter()
        for person, identifier, one_id in known:
            part = part_of(person, identifier)
            whole[part] += 1
            found[part, one_id] += 1
        return pairs(found.values()), pairs(whole.values())

    def figures(self, one_ids, chosen=anybody):
        """`one_ids`: by identifier; what the suite does not know (a number that cannot be one) is left out. `chosen`: of whom."""
        people = {person for person, dirt in self.dirt.items() if chosen(dirt)}
        known = [(person, identifier, one_ids[identifier]) for identifier, person in self.owner.items() if one_ids.get(identifier)]
        of_chosen = [one for one in known if one[0] in people]
        together = collections.Counter(one_id for _, _, one_id in known)
        others = collections.Counter(one_id for person, _, one_id in known if person not in people)
        found = pairs(together.values()) - pairs(others.values())  # a pair is theirs if one of the two is
        right, every = self.recall(of_chosen, lambda person, identifier: person)
        shared, connected = self.recall(of_chosen, lambda person, identifier: self.by_any.root((person, identifier)))
        own, connected_by_own = self.recall(of_chosen, lambda person, identifier: self.by_own.root((person, identifier)))
        return Figures(len(people), share(right, found), share(own, connected_by_own), share(shared, connected),
                       1 - share(connected, every), found - right)


class Asker(threading.local):
    """A connection for each thread."""

    def __init__(self, suite):
        self.connection = http.client.HTTPConnection("127.0.0.1", suite.ports["gateway", "HTTP_PORT"], timeout=60)
        self.headers = {"Authorization": f"Bearer {suite.bootstrap['hq_token']}"}

    def one_id(self, identifier):
        """None: the suite does not know it."""
        body = json.dumps({"identifiers": [{"kind": identifier[0], "value": identifier[1]}]})
        self.connection.request("POST", "/api/v1/persons/lookup", body, self.headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        assert response.status in (200, 400, 404), answer
        return answer["one_id"] if response.status == 200 else None


def look_up(suite, identifiers):
    """The One ID of each identifier, as anybody may ask for it."""
    asker = Asker(suite)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return dict(zip(identifiers, pool.map(asker.one_id, identifiers, chunksize=1)))
