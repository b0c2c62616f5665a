# SPDX-License-Identifier: Apache-2.0
"""What services do by themselves is on record: all of it, each once and in its order, whatever is killed meanwhile."""
import json
import random
import subprocess
import threading

import pytest

from receivers import Webhooks
from suite import SERVICES, Suite, build_directory, wait_for

# By service: the classes of its journal that audit takes, and why not the others.
TAKEN = {
    "gateway": {3},  # acts; not ticks, events (they are what is used, not a use), the organisation (an act says it)
    "identity": {4, 5, 7, 10},  # joins and splits, erasures, events that go to others, acts; not events, identifiers and what is passed on
    "tagging": {10, 11},  # acts, bindings; not what follows from facts and rules (membership, stages, tags), nor what is passed on
    "campaign": {4, 5},  # deliveries, acts; not what it asks tagging to watch
}
BINDING = 11  # a change by hand, which an act says with its reason, is taken from that
WHY = "they came to the shop together"


def journal(suite, name):
    """Offsets and classes of all records."""
    probe = build_directory() / "tests" / "journal_probe"
    listed = subprocess.run([probe, "--all", suite.data / name], capture_output=True, text=True, check=True).stdout
    return [(record["offset"], record["class"]) for record in map(json.loads, listed.splitlines())]


def from_journals(suite):
    """By service the offsets that are on record, in the log's order."""
    found, cursor = {name: [] for name in TAKEN}, ""
    while cursor is not None:
        page = suite.audit(f"/v1/records?order=oldest&limit=1000{cursor and '&cursor=' + cursor}").json
        for record in page["records"]:
            assert record["intact"] and record["action"] != "record.unreadable", record
            if "offset" in record:
                found[record["service"]].append((int(record["offset"]), record["action"], record["actor"]))
        cursor = page["next_cursor"]
    return found


class Busy:
    """Does all sorts of things; what is refused because something is away is not done."""

    def __init__(self, suite, seed):
        self.suite, self.random, self.number, self.users = suite, random.Random(seed), 0, []
        self.deeds = [self.events, self.decide, self.tag, self.bind, self.define, self.send_bad, self.key, self.hand_over]

    def fresh(self):
        self.number += 1
        return self.number

    def ask(self, method, path, body=None):
        try:
            return self.suite.api(method, f"/api/v1/{path}", body)
        except OSError:
            return None

    def ingest(self, events):
        try:
            return self.suite.ingest("/v1/batch", {"batch": events})
        except OSError:
            return None

    def one_id(self, user):
        answer = self.ask("POST", "persons/lookup", {"identifiers": [{"kind": "user_id", "value": user}]})
        return answer.json["one_id"] if answer and answer.status == 200 else "p_00000000"

    def events(self):
        number = self.fresh()
        self.users.append(number)
        self.ingest([{"type": "track", "event": "Order Completed", "userId": f"u-{number}", "messageId": f"m-{number}-{i}",
                      **({"anonymousId": f"a-{number}"} if i else {}), "properties": {"order_id": f"o-{number}-{i}", "total": 10}, "context": {"unit": "u_1"}}
                     for i in range(2)] + [{"type": "track", "event": "x", "anonymousId": f"b-{number}", "messageId": f"b-{number}"}])

    def decide(self):
        number, other = self.random.choice(self.users), self.users[-1]
        made = self.ask("POST", "persons/join", {"reason": WHY, "identifiers": [
            {"kind": "user_id", "value": f"u-{number}"}, {"kind": "anonymous_id", "value": f"b-{other}"}]})
        if made and made.status == 200 and self.random.random() < 0.5:
            self.ask("DELETE", f"identity-decisions/{made.json['id']}", {"reason": WHY})

    def tag(self):
        self.ask("POST", f"persons/{self.one_id(f'u-{self.users[0]}')}/tags", {"tag": "vip"})

    def bind(self):
        self.ask("PUT", f"persons/{self.one_id(f'u-{self.users[0]}')}/binding", {"unit": "u_1", "reason": WHY})

    def define(self):
        self.ask("POST", "segments", {"name": "s", "rule": {"metric": "orders", "gte": self.fresh()}})

    def send_bad(self):
        answer = self.ingest([{"type": "track", "event": "x", "user": f"u-{self.fresh()}", "messageId": f"bad-{self.number}"}])
        if answer and answer.status == 400:
            self.ask("POST", "dead-letters/replay", {"ids": [answer.json["errors"][0]["dead_letter"]], "mapping": [{"rename": "/user", "to": "/userId"}]})

    def key(self):
        self.ask("POST", "write-keys", {"name": f"k{self.fresh()}"})

    def hand_over(self):
        self.ask("POST", "bindings/transfer", {"from": {"rule": {"everyone": True}}, "to": {"unit": "u_1"}, "reason": WHY})

    def go_on(self, done):
        while not done.is_set():
            self.random.choice(self.deeds)()


def begin(suite, url):
    hook = {"id": "s", "type": "send", "channel": "webhook", "url": url, "secret": "s3cret", "content": {"person": "{{one_id}}"}}
    suite.post("/api/v1/tags", {"tag": "vip"})
    made = suite.post("/api/v1/journeys", {"name": "j", "entry": {"event": {"event": "Order Completed"}}, "steps": [hook]})
    suite.post(f"/api/v1/journeys/{made['id']}/publish", status=(200, 202))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_in_the_journals_is_on_record_all_of_it_and_in_order(directory, seed, name):
    with Webhooks() as hooks, Suite(directory).start() as suite:
        begin(suite, hooks.url)
        busy, done = Busy(suite, seed), threading.Event()
        busy.events()
        worker = threading.Thread(target=busy.go_on, args=(done,), daemon=True)
        worker.start()
        for kills in range(1, 4):
            wait_for(lambda kills=kills: busy.number > 15 * kills, "something is done", 120)
            suite.kill(name)
            suite.start(name)
        done.set()
        worker.join(120)
        assert not worker.is_alive()
        for deed in busy.deeds:  # each at least once, whatever was drawn
            suite.wait_quiet()
            deed()
        suite.wait_quiet()
        found = from_journals(suite)
        for service, classes in TAKEN.items():
            written = journal(suite, service)
            # Some of the oldest may have been trimmed: audit has them, and it is long ago.
            offsets = [offset for offset, _, _ in found[service] if offset >= written[0][0]]
            assert offsets == sorted(set(offsets)), f"{service}: in another order, or twice"
            meant = {offset: kind for offset, kind in written if kind in classes}
            assert set(offsets) <= set(meant), f"{service}: what it has not said"
            missing = [(offset, kind) for offset, kind in meant.items() if offset not in set(offsets) and kind != BINDING]
            assert not missing and offsets, (service, missing[:10])
        acts = [actor for offset, action, actor in found["identity"] if action in ("decision.take", "decision.undo")]
        assert acts and all(actor["kind"] == "staff" for actor in acts)
        actions = {action for records in found.values() for _, action, _ in records}
        assert {"person.join", "decision.take", "tag.add", "binding.change", "segment.create", "dead_letter.replay", "write_key.create",
                "journey.publish", "delivery"} <= actions, actions
