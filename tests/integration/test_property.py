# SPDX-License-Identifier: Apache-2.0
"""Random people doing random things, seen by the suite and by the model (model.py): every profile, audience and segment is the same.

QUANYU_SEED repeats one run; QUANYU_LONG goes on with new seeds for an hour (QUANYU_LONG_SECONDS). A failure is made smaller, by
leaving out ever smaller parts of what was sent, and the rest is left in a file."""
import json
import os
import pathlib
import random
import shutil
import tempfile
import time
from collections import Counter
from decimal import Decimal

from maker import HOUR, SHOWN_TRAITS, START, START_MS, Maker
from model import EPOCH, World, time_text
from suite import Suite
from test_rules import write

SECONDS = 30 if not os.environ.get("QUANYU_LONG") else int(os.environ.get("QUANYU_LONG_SECONDS", "3600"))
SHRINK_SECONDS = int(os.environ.get("QUANYU_SHRINK_SECONDS", "180"))


# -- the suite beside the model


class Difference(Exception):
    pass


def same(what, suite, model):
    if suite != model:
        raise Difference(f"{what}\n  suite: {suite}\n  model: {model}")


class Run:
    def __init__(self, suite):
        self.suite, self.world = suite, World(START_MS)
        self.ids = {}     # of segments, by name
        self.one_ids = {}  # by person

    def send(self, step):
        answer = self.suite.ingest(step["path"], write(step["send"]))
        assert answer.status == 200 and "errors" not in answer.json, answer
        expected = self.world.send(step["send"], history=step["path"] == "/v1/import")
        same("accepted and duplicates", (answer.json["accepted"], answer.json["duplicates"]), expected)

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
        self.one_ids = {}
        for person in self.world.people():
            self.compare_person(person)
        same("different One IDs", len(set(self.one_ids.values())), len(self.one_ids))
        for definition in self.world.definitions:
            self.compare_definition(definition)

    def compare_person(self, person):
        answers = [self.suite.lookup(kind, value) for (kind, value), node in self.world.nodes.items()
                   if self.world.person[node] == person]
        for answer in answers:
            same(f"person {person}", (answer.status, answer.body), (200, answers[0].body))
        shown = json.loads(answers[0].body, parse_int=Decimal, parse_float=Decimal)
        self.one_ids[person] = shown["one_id"]
        model = self.world.profile(person)
        names = {identity: name for name, identity in self.ids.items()}
        suite = {"identifiers": sorted(i["kind"] for i in shown["identifiers"]),
                 "traits": {name: value for name, value in shown["traits"].items() if name in SHOWN_TRAITS}, "stage": shown["stage"],
                 "tags": sorted((tag["tag"], tag["origin"]) for tag in shown["tags"]), "metrics": shown["metrics"],
                 "segments": sorted(names[segment["id"]] for segment in shown["segments"]),
                 "events": [(e["type"], e["name"], e["time"], e["received_at"], e.get("stated_at"), e.get("clock")) for e in shown["events"]]}
        who = next(f"{kind}:{value}" for (kind, value), node in self.world.nodes.items() if self.world.person[node] == person)
        for part, value in model.items():
            same(f"{part} of {who}", suite[part], value)

    def compare_definition(self, definition):
        held = sum(definition in members for members in self.world.members.values())
        if definition.kind == "tag":
            held = sum(definition.name in self.world.memberships(person, self.world.now_ms)["tags"] for person in self.world.people())
            same(f"people with {definition.name}", self.suite.get(f"/api/v1/tags/{definition.name}")["count"], held)
            return
        path = f"/api/v1/segments/{self.ids[definition.name]}"
        shown = self.suite.get(path)
        same(f"count, entered and left of {definition.name}", (shown["count"], shown["entered"], shown["left"]),
             (held, definition.entered, definition.left))
        changes = self.suite.get(path + "/changes?limit=500")["changes"]
        if len(definition.changes) > 500:
            return
        known = set(self.one_ids.values())
        people = [(self.one_ids.get(person, "-"), change, time_text(at), cause) for person, change, at, cause in definition.changes]
        same(f"changes of {definition.name}", Counter((c["one_id"] if c["one_id"] in known else "-", c["change"], c["at"], c["cause"])
                                                       for c in changes), Counter(people))

    def take(self, step):
        kind = next(name for name in ("send", "define", "redefine", "stages", "tag", "untag", "advance", "ask", "compare")
                    if name in step)
        getattr(self, kind)(step)


def differ(steps):
    """What the suite and the model do not agree about, or None."""
    directory = tempfile.mkdtemp(prefix="quanyu-")
    try:
        with Suite(directory, settings={"clock_start": START}) as suite:
            suite.start()
            run = Run(suite)
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
    return sum(len(step["send"]["batch"]) for step in steps if "send" in step)


def without(steps, unwanted):
    """Leaves out events by their number in the whole run."""
    kept, number = [], 0
    for step in steps:
        if "send" in step:
            batch = [event for at, event in enumerate(step["send"]["batch"], number) if at not in unwanted]
            number += len(step["send"]["batch"])
            if batch:
                kept.append({**step, "send": {**step["send"], "batch": batch}})
        else:
            kept.append(step)
    return kept


def shrink(steps, found):
    """Halves what is sent, then quarters it, and so on, as long as a difference stays."""
    deadline = time.monotonic() + SHRINK_SECONDS
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
    path = pathlib.Path(tempfile.gettempdir()) / f"quanyu-property-{seed}.jsonl"
    path.write_text("".join(write(step) + "\n" for step in small))
    raise AssertionError(f"QUANYU_SEED={seed}\nfound: {found}\nsmallest, {events_of(small)} events in {path}: {difference}")


def test_the_suite_does_what_the_model_does():
    fixed = os.environ.get("QUANYU_SEED")
    deadline, runs, events = time.monotonic() + SECONDS, 0, 0
    while runs == 0 or (time.monotonic() < deadline and not fixed):
        seed = fixed or str(random.SystemRandom().randrange(10**9))
        print(f"QUANYU_SEED={seed}", flush=True)
        events += check(seed)
        runs += 1
    print(f"{runs} runs, {events} events, no difference")
    assert EPOCH.year == 1970 and events > 0
