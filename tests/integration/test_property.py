# SPDX-License-Identifier: Apache-2.0
"""Random people doing random things, seen by the suite and by the model (model.py): every profile, audience and segment is the same.

QUANYU_SEED repeats one run; QUANYU_LONG goes on with new seeds for an hour (QUANYU_LONG_SECONDS). A failure is made smaller, by
leaving out ever smaller parts of what was sent, and the rest is left in a file."""
import json
import re
import shutil
import tempfile
import time
from collections import Counter
from decimal import Decimal

import seeds
from deciding import Deciding, Difference, same
from maker import HOUR, SHOWN_TRAITS, START, START_MS, Maker
from model import World, time_text
from receivers import Webhooks
from suite import Suite
from test_rules import write

SECONDS = 30
ENTRY = "Signed In"  # what sets off a journey


# -- the suite beside the model


class Run(Deciding):
    def __init__(self, suite, url):
        self.suite, self.world = suite, World(START_MS)
        self.world.entry = ENTRY
        step = {"id": "s", "type": "send", "channel": "webhook", "url": url, "secret": "s3cret", "content": {"person": "{{one_id}}"}}
        self.journey = suite.post("/api/v1/journeys", {"name": "j", "entry": {"event": {"event": ENTRY}}, "steps": [step]})["id"]
        suite.post(f"/api/v1/journeys/{self.journey}/publish")
        self.ids = {}     # of segments, by name
        self.one_ids = {}  # by person
        self.positions = []  # of all events

    def send(self, step):
        browser = step.get("browser", False)
        answer = self.suite.ingest(step["path"], write(step["send"]), headers={"Origin": "https://shop.example.com"} if browser else None)
        assert answer.status == 200 and "errors" not in answer.json, answer
        expected = self.world.send(step["send"], history=step["path"] == "/v1/import", browser=browser)
        same("accepted and duplicates", (answer.json["accepted"], answer.json["duplicates"]), expected)
        end = int(answer.json["position"])
        self.positions += range(end - expected[0], end)

    # -- who is who

    def kill(self, step):
        self.suite.kill(step["kill"])
        self.suite.start(step["kill"])

    def name_of(self, shown):
        """The identifier that is shown, its value masked."""
        pattern = re.sub(r"(\\\*)+", ".*", re.escape(shown["value"]))
        names = [(kind, value) for kind, value in self.world.nodes
                 if kind == shown["kind"] and re.fullmatch(r"(\+86)?" + pattern if kind == "phone" else pattern, value)]
        assert len(names) == 1, (shown, names)
        return names[0]

    def pages(self, name):
        """All rows of a list, and how many the answer says that there are."""
        rows, page = [], {"next_cursor": ""}
        while page["next_cursor"] is not None:
            cursor = "&cursor=" + page["next_cursor"] if rows else ""
            page = self.suite.get(f"/api/v1/identity-{name}?limit=100{cursor}")
            rows += page[name]
        return rows, page.get("count")

    def compare_identity(self):
        identity, keys = self.world.identity, self.world.identity.keys()
        shown, count = self.pages("conflicts")
        suite = {(frozenset(map(self.name_of, link["identifiers"])), link["rank"], int(link["position"]), link["refused"]["reason"],
                  link["refused"].get("kind")) for link in shown}
        model = {(frozenset((keys[one.link.one], keys[one.link.other])), one.link.rank, self.positions[one.link.order], one.reason, one.kind)
                 for one in identity.conflicts}
        same("conflicts that one has alone", (suite - model, count), (model - suite, len(model)))
        suite = {(self.name_of(one["identifier"]), one["kind"], one["seen_with"], {"owners": "busy"}.get(one["reason"], one["reason"]))
                 for one in self.pages("busy")[0]}
        same("busy identifiers", suite, {(keys[node], kind, count, why) for node, (count, kind, why) in identity.busy().items()})

    # -- what is said of people

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
        self.compare_identity()
        self.one_ids = {}
        for person in self.world.people():
            self.compare_person(person)
        same("different One IDs", len(set(self.one_ids.values())), len(self.one_ids))
        sent = self.suite.get(f"/api/v1/journeys/{self.journey}/deliveries?limit=500")["deliveries"]
        found = set(self.one_ids.values())  # who only has values that are others' now is not found by any
        same("who was sent something", Counter(one["one_id"] for one in sent if one["one_id"] in found),
             Counter(self.one_ids[self.world.person[node]] for node in self.world.sent if self.world.person[node] in self.one_ids))
        for definition in self.world.definitions:
            self.compare_definition(definition)

    def compare_person(self, person):
        answers = [self.suite.lookup(kind, value) for (kind, value), node in self.world.identity.present().items()
                   if self.world.person[node] == person]
        if not answers:
            return
        for answer in answers:
            same(f"person {person}", (answer.status, answer.body), (200, answers[0].body))
        shown = json.loads(answers[0].body, parse_int=Decimal, parse_float=Decimal)
        self.one_ids[person] = shown["one_id"]
        model = self.world.profile(person)
        names = {identity: name for name, identity in self.ids.items()}
        suite = {"identifiers": sorted((i["kind"], i["verified"]) for i in shown["identifiers"]),
                 "traits": {name: value for name, value in shown["traits"].items() if name in SHOWN_TRAITS}, "stage": shown["stage"],
                 "tags": sorted((tag["tag"], tag["origin"]) for tag in shown["tags"]), "metrics": shown["metrics"],
                 "segments": sorted(names[segment["id"]] for segment in shown["segments"]),
                 "events": [(e["type"], e["name"], e["time"], e["received_at"], e.get("stated_at"), e.get("clock")) for e in shown["events"]
                            if e["type"] != "message"]}
        messages = len(shown["events"]) - len(suite["events"])
        model["events"] = model["events"][:50 - messages]  # the newest of both
        who = next(f"{kind}:{value}" for (kind, value), node in self.world.identity.present().items() if self.world.person[node] == person)
        for part, value in model.items():
            same(f"{part} of {who}", suite[part], value)
        if len(shown["events"]) < 50:
            same(f"messages to {who}", messages, sum(self.world.person[node] == person for node in self.world.sent))

    def compare_definition(self, definition):
        held = sum(definition in members for members in self.world.members.values())
        if definition.kind == "tag":
            held = sum(definition.name in self.world.memberships(person, self.world.now_ms)["tags"] for person in self.world.people())
            same(f"people with {definition.name}", self.suite.get(f"/api/v1/tags/{definition.name}")["count"], held)
            return
        path = f"/api/v1/segments/{self.ids[definition.name]}"
        shown = self.suite.get(path)
        same(f"count, and entered less left of {definition.name}", (shown["count"], shown["entered"] - shown["left"]), (held, held))
        if self.world.identity.rules_changed:  # applied part by part: who comes out where he or she was may have left and entered
            return
        same(f"entered and left of {definition.name}", (shown["entered"], shown["left"]), (definition.entered, definition.left))
        changes = self.suite.get(path + "/changes?limit=500")["changes"]
        if len(definition.changes) > 500:
            return
        known = set(self.one_ids.values())
        people = [(self.one_ids.get(person, "-"), change, time_text(at), cause) for person, change, at, cause in definition.changes]
        suite = Counter((c["one_id"] if c["one_id"] in known else "-", c["change"], c["at"], c["cause"]) for c in changes)
        model = Counter(people)
        same(f"changes of {definition.name} that one has alone", suite - model, model - suite)

    def take(self, step):
        kind = next(name for name in ("send", "decide", "change_rules", "kill", "define", "redefine", "stages", "tag", "untag", "advance", "ask",
                                      "compare") if name in step)
        getattr(self, kind)(step)


def differ(steps):
    """What the suite and the model do not agree about, or None."""
    directory = tempfile.mkdtemp(prefix="quanyu-")
    try:
        with Webhooks() as hooks, Suite(directory, settings={"clock_start": START}) as suite:
            run = Run(suite.start(), hooks.url)
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
    return sum(len(step["send"]["batch"]) if "send" in step else "decide" in step or "change_rules" in step for step in steps)


def without(steps, unwanted):
    """Leaves out events, decisions and rules by their number in the whole run."""
    kept, number = [], 0
    for step in steps:
        if "send" in step:
            batch = [event for at, event in enumerate(step["send"]["batch"], number) if at not in unwanted]
            number += len(step["send"]["batch"])
            if batch:
                kept.append({**step, "send": {**step["send"], "batch": batch}})
        elif "decide" in step or "change_rules" in step:
            kept += [] if number in unwanted else [step]
            number += 1
        else:
            kept.append(step)
    return kept


def shrink(steps, found):
    """Halves what is sent, then quarters it, and so on, as long as a difference stays."""
    deadline = time.monotonic() + seeds.SHRINK_SECONDS
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
    seeds.fail(seed, "property", found, f"{events_of(small)} events", map(write, small), difference)


def test_the_suite_does_what_the_model_does():
    seeds.run(check, SECONDS, "events")
