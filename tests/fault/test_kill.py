# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: the state is as if it had never happened, and nobody is sent anything twice."""
import collections
import json
import random
import re
import shutil
import tempfile
import threading
import time

import pytest

from load import LONG, Customers, assert_same, canonical, copy_secrets, send_all
from receivers import Webhooks
from suite import SERVICES, Suite, request, wait_for

CONNECTIONS = 4
PEOPLE = 60 if not LONG else 300  # of each connection; with fewer to so many events all of them are joined
BATCHES = 40 if not LONG else 200
BATCH = 25
FREQUENT = 8  # orders that make a frequent buyer: some after the first half of the input, more after the second
KILLS_EACH = 30 if not LONG else 100


class Killer(threading.Thread):
    """Kills one service after the other with -9, at drawn moments, also while it starts, and starts it again."""

    def __init__(self, suite, seed):
        super().__init__(daemon=True)
        self.suite = suite
        self.random = random.Random(f"{seed}/killer")
        self.stopping = threading.Event()
        self.kills = dict.fromkeys(SERVICES, 0)
        self.error = None

    def is_up(self, name):
        process = self.suite.processes[name]
        if process.poll() is not None:
            raise AssertionError(f"quanyu-{name} ended with {process.returncode}:\n{self.suite.log(name)[-3000:]}")
        try:
            return request(self.suite.ports[name, "OPS_PORT"], "GET", "/healthz", timeout=5).status == 200
        except OSError:
            return False

    def kill_one(self):
        name = min(SERVICES, key=lambda service: (self.kills[service] + self.random.random() * 2))
        self.suite.kill(name)
        self.kills[name] += 1
        self.suite.spawn(name)
        if self.random.random() < 0.2:  # in the middle of the start
            self.stopping.wait(self.random.random() * 0.1)
            return
        wait_for(lambda: self.is_up(name), f"quanyu-{name} is up again", 60)

    def run(self):
        try:
            while not self.stopping.wait(self.random.random() * 0.2):
                self.kill_one()
        except Exception as error:
            self.error = error

    def has_killed(self, times):
        if self.error:
            raise self.error
        return min(self.kills.values()) >= times

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stopping.set()
        self.join(90)
        if not error[0] and self.error:
            raise self.error


# -- a client of the API that does not give up, and does not do anything twice

def insist(suite, method, path, body=None, good=(200, 201, 204), seconds=120):
    def attempt():
        try:
            answer = suite.api(method, path, body)
        except OSError:
            return None
        assert answer.status in good or answer.status >= 500, answer
        return answer if answer.status in good else None

    answer = wait_for(attempt, f"{method} {path}", seconds, every=0.05)
    return answer.json if answer.body else None


def make(suite, collection, definition, by="name"):
    """Looks before it asks again: the answer to the first attempt may have been lost."""
    path = f"/api/v1/{collection}"
    while True:
        found = [d for d in insist(suite, "GET", path)[collection] if d[by] == definition[by]]
        assert len(found) <= 1, found
        if found:
            return found[0]
        try:
            answer = suite.api("POST", path, definition)
            assert answer.status in (200, 201) or answer.status >= 500, answer
        except OSError:
            pass


def set_clock(suite, when):
    insist(suite, "POST", "/api/v1/clock", {"set": when})


def wait_settled(suite):
    """As Suite.wait_quiet(), while services come and go."""
    def settled():
        try:
            answer = suite.api("GET", "/api/v1/status")
        except OSError:
            return False
        return answer.status == 200 and answer.json["quiet"]

    wait_for(settled, "the suite is quiet", 300)


# -- the input

def live(suite, seed, hooks_url, pace=None):
    """All of it, from the first event to the last answer of the receiver. `pace` holds it back until enough was killed."""
    pace = pace or Pace(None)
    customers = [Customers(seed, f"c{i}", PEOPLE) for i in range(CONNECTIONS)]
    send_all(suite, [c.batches(BATCHES, BATCH) for c in customers], pace.part(0.0, 0.4))
    wait_settled(suite)
    frequent = make(suite, "segments", {"name": "Frequent", "rule": {"metric": "orders", "gte": FREQUENT}})
    make(suite, "tags", {"tag": "big", "rule": {"metric": "gross", "gte": "3000"}}, by="tag")
    make(suite, "tags", {"tag": "vip"}, by="tag")
    definition = {
        "name": "Thanks", "entry": {"segment": frequent["id"]},
        "steps": [{"id": "wait", "type": "wait", "for": "1d"},
                  {"id": "send", "type": "send", "channel": "webhook", "url": hooks_url, "secret": "s3cret",
                   "content": {"person": "{{one_id}}"}},
                  {"id": "end", "type": "exit"}]}
    journey = make(suite, "journeys", definition)
    insist(suite, "POST", f"/api/v1/journeys/{journey['id']}/publish")
    for customer in customers:
        person = insist(suite, "POST", "/api/v1/persons/lookup",
                        {"identifiers": [{"kind": "phone", "value": customer.phone()}]}, good=(200, 404))
        if "one_id" in person:
            insist(suite, "POST", f"/api/v1/persons/{person['one_id']}/tags", {"tag": "vip"})
    wait_settled(suite)
    # Nobody is joined any more: which of two would have been thanked first is up to chance.
    send_all(suite, [c.batches(BATCHES, BATCH, but=("alias", "identify")) for c in customers], pace.part(0.4, 0.8))
    wait_settled(suite)
    set_clock(suite, "2026-01-03T00:00:00Z")
    wait_settled(suite)
    return journey["id"]


class Pace:
    """Spreads the input over the kills, so that there are some at every stage of it."""

    def __init__(self, killer):
        self.killer = killer

    def part(self, begin, end):
        if not self.killer:
            return None
        target = KILLS_EACH * len(SERVICES)

        def may_send(done):
            return self.killer.error or sum(self.killer.kills.values()) >= target * (begin + (end - begin) * done)

        return may_send


class Receiver(Webhooks):
    """Takes a moment for each answer, as real ones do, so that some are under way when campaign is killed."""

    def __init__(self, seed):
        drawn = random.Random(f"{seed}/receiver")
        super().__init__(lambda seen: time.sleep(drawn.random() * 0.1) or 200)

    def taken(self):
        with self.lock:
            return [seen["headers"]["Idempotency-Key"] for seen in self.requests]


# -- what must hold

def is_act(line):
    """What staff did is on record as often as it was asked for, and a client asks again when the answer was lost."""
    return line.startswith('audit {"audit":') and json.loads(line[6:])["audit"] not in ("person.join", "delivery")


COUNTS = re.compile(r'"delivered":(\d+),"failed":0,"unknown":(\d+)')


def without_chance(lines):
    """What a kill may rightly change: an answer of the receiver that campaign did not live to hear is unknown for good."""
    kept = []
    for line in lines:
        if is_act(line):
            if kept and kept[-1] == line:
                continue
        elif line.startswith("tagging "):
            line = line.replace('"Message Unknown":1', '"Message Delivered":1')
        else:
            line = line.replace('"state":"unknown"', '"state":"delivered"').replace('"outcome":"unknown"', '"outcome":"delivered"')
            line = COUNTS.sub(lambda m: f'"delivered":{int(m[1]) + int(m[2])},"failed":0,"unknown":0', line)
        kept.append(line)
    return sorted(kept)


def deliveries(suite, journey):
    rows, cursor = [], ""
    while True:
        page = suite.get(f"/api/v1/journeys/{journey}/deliveries?limit=100{cursor}")
        rows += page["deliveries"]
        if not page.get("next_cursor"):
            return rows
        cursor = f"&cursor={page['next_cursor']}"


def check_sends(suite, hooks, journey):
    """At most once: no delivery twice, nobody twice for one step; and campaign says of each what is true."""
    taken, rows = hooks.taken(), deliveries(suite, journey)
    assert len(taken) == len(set(taken)), "a delivery was sent twice"
    people = [body["person"] for body in hooks.bodies()]
    assert len(people) == len(set(people)), "a person was sent the same step twice"
    states = {row["id"]: row["state"] for row in rows}
    assert len(states) == len(rows)
    assert set(states.values()) <= {"delivered", "unknown"}, states
    assert set(taken) <= set(states)
    assert {number for number, state in states.items() if state == "delivered"} <= set(taken)
    return states


def test_killed_services_lose_nothing_and_count_nothing_twice(directory, seed):
    settings = {"campaign.send_concurrency": 4}
    with Receiver(seed) as hooks, Suite(f"{directory}/undisturbed", settings=settings) as undisturbed:
        undisturbed.start()
        journey = live(undisturbed, seed, hooks.url)
        set_clock(undisturbed, "2026-01-10T00:00:00Z")
        undisturbed.wait_quiet()
        assert len(check_sends(undisturbed, hooks, journey)) > 10
        expected = without_chance(canonical(undisturbed))
        secrets = undisturbed
    with Receiver(seed) as hooks, Suite(f"{directory}/killed", settings=settings) as suite:
        copy_secrets(secrets, suite)
        suite.start()
        with Killer(suite, seed) as killer:
            journey = live(suite, seed, hooks.url, Pace(killer))
            wait_for(lambda: killer.has_killed(KILLS_EACH), "every service was killed often enough", 600)
        print("kills:", killer.kills)
        suite.wait_ready()
        set_clock(suite, "2026-01-10T00:00:00Z")
        suite.wait_quiet()
        states = check_sends(suite, hooks, journey)
        print("sends:", collections.Counter(states.values()))
        assert_same(expected, without_chance(canonical(suite)), "after kill -9")


@pytest.mark.skipif(not LONG, reason="takes an hour: QUANYU_LONG=1")
def test_killed_services_for_an_hour(directory):
    deadline = time.monotonic() + 3600
    while time.monotonic() < deadline:
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"QUANYU_SEED={seed}", flush=True)
        round_directory = tempfile.mkdtemp(dir=directory)
        test_killed_services_lose_nothing_and_count_nothing_twice(round_directory, seed)
        shutil.rmtree(round_directory)
