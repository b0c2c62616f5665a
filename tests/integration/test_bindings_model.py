# SPDX-License-Identifier: Apache-2.0
"""Random people in a random organisation, seen by the suite and by the model (model_bindings.py): whose people they are, how that came,
and what each member of staff sees of them is the same, whatever is killed on the way.

QUANYU_SEED repeats one run; QUANYU_LONG goes on with new seeds for an hour (QUANYU_LONG_SECONDS). A failure is made smaller by leaving
out what need not have happened, and the rest is left in a file."""
import json
import shutil
import tempfile
import time

import seeds
from deciding import Deciding, Difference, same
from maker import HOUR, START, START_MS
from maker_bindings import KEYS, Maker
from model import time_text
from model_bindings import ADMIN, HQ, OrganisedWorld
from suite import Suite

SECONDS = 25
NEEDED = ("add_unit", "add_staff", "compare")  # what later steps name, and what finds the difference
OWN_GUIDE = {"name": "own_guide", "own_people": True, "permissions": [
    "person.read", "personal.masked", "amount.read", "segment.read", "audience.count", "person.assign", "unit.read", "staff.read"]}
MAY_ASSIGN = ("own_guide", "store_manager", "region_manager", "hq_admin")
MAY_COUNT = (*MAY_ASSIGN, "integration")
BUYERS = {"event": "Order Completed"}


class Run(Deciding):
    def __init__(self, suite):
        self.suite, self.world = suite, OrganisedWorld(START_MS)
        self.tokens, self.secrets, self.key_ids = {ADMIN: None}, {None: None}, {}
        self.one_ids = {}  # by person
        self.positions = []  # of all events
        suite.post("/api/v1/roles", OWN_GUIDE)
        self.buyers = suite.post("/api/v1/segments", {"name": "Buyers", "rule": BUYERS})["id"]
        for key in KEYS:
            made = suite.post("/api/v1/write-keys", {"name": key, "import": True, "unit": HQ})
            self.key_ids[key], self.secrets[key], self.world.keys[key] = made["id"], made["secret"], HQ
        suite.wait_quiet()

    def ask(self, viewer, method, path, body=None):
        return self.suite.api(method, path, body, token=self.tokens[viewer])

    # -- what happens

    def send(self, step):
        self.world.key = step["key"]
        answer = self.suite.ingest(step["path"], step["body"], write_key=self.secrets[step["key"]])
        assert answer.status == 200 and "errors" not in answer.json, answer
        accepted, _ = self.world.send(step["body"], history=step["path"] == "/v1/import")
        end = int(answer.json["position"])
        self.positions += range(end - accepted, end)

    def add_unit(self, step):
        made = self.suite.post("/api/v1/units", {"name": "Unit", "kind": "store", "parent": step["parent"],
                                                 **({"code": step["code"]} if step["code"] else {})})
        same("id of a unit", made["id"], self.world.add_unit(step["parent"], step["code"]))

    def move_unit(self, step):
        answer = self.suite.api("PATCH", f"/api/v1/units/{step['unit']}", {"parent": step["parent"]})
        same("status", answer.status, self.world.move_unit(step["unit"], step["parent"]))

    def import_units(self, step):
        """By code; HQ has none, and stands where nothing does."""
        code = {unit: row["code"] for unit, row in self.world.units.items() if row["code"] and not row["removed"]} | {HQ: ""}
        moves = {unit: parent for unit, parent in step["moves"].items() if unit != HQ and unit in code and parent in code}
        text = "code,parent_code\n" + "".join(f"{code[unit]},{code[parent]}\n" for unit, parent in moves.items())
        if moves:
            answer = self.suite.api("POST", "/api/v1/units/import", text.encode(), headers={"Content-Type": "text/csv"})
            same(f"status of {text!r}", answer.status, self.world.import_units(moves))

    def remove_unit(self, step):
        self.suite.wait_quiet()
        same("status", self.suite.api("DELETE", f"/api/v1/units/{step['unit']}").status, self.world.remove_unit(step["unit"]))

    def add_staff(self, step):
        login = f"member-{len(self.world.staff)}@example.com"
        made = self.suite.post("/api/v1/staff", {"login": login, "role": step["role"], "unit": step["unit"]})
        same("id of a member of staff", made["id"], self.world.add_staff(step["unit"], step["role"]))
        self.tokens[made["id"]] = self.suite.post(f"/api/v1/staff/{made['id']}/tokens", {"name": "till"})["token"]

    def move_staff(self, step):
        staff = self.world.staff[step["staff"]]
        if not staff["left"]:
            assert self.suite.api("PATCH", f"/api/v1/staff/{step['staff']}", {"unit": step["unit"]}).status == 200
            staff["unit"] = step["unit"]

    def leave(self, step):
        self.suite.post(f"/api/v1/staff/{step['staff']}/leave")
        self.world.leave(step["staff"])

    def move_key(self, step):
        assert self.suite.api("PATCH", f"/api/v1/write-keys/{self.key_ids[step['key']]}", {"unit": step["unit"]}).status == 200
        self.world.keys[step["key"]] = step["unit"]

    def set_rules(self, step):
        self.suite.wait_quiet()
        answer = self.suite.api("PUT", "/api/v1/binding-rules", step["rules"])
        assert answer.status == 200, answer
        self.world.set_rules(step["rules"])

    def advance(self, step):
        self.suite.wait_quiet()
        self.suite.advance(f"{step['hours']}h")
        self.world.now_ms += step["hours"] * HOUR

    def kill(self, step):
        self.suite.kill(step["service"])
        self.suite.start(step["service"])

    # -- by hand

    def doer(self, step):
        """HQ, where who should do it cannot."""
        member = self.world.staff.get(step["by"])
        return step["by"] if member and not member["left"] and member["role"] in MAY_ASSIGN else ADMIN

    def person(self, user):
        node = self.world.nodes.get(("user_id", user))
        return self.world.person[node] if node else None

    def one_id(self, user):
        return self.suite.lookup("user_id", user).json["one_id"]

    def bind(self, step):
        self.suite.wait_quiet()
        person, viewer = self.person(step["of"]), self.doer(step)
        if person is None:
            return
        path = f"/api/v1/persons/{self.one_id(step['of'])}/binding"
        answer = self.ask(viewer, "PUT", path, {**step["to"], "reason": "asked for it"})
        among(f"PUT {path} {step['to']} as {viewer}", answer, self.world.bind_as(viewer, person, step["to"]))

    def transfer(self, step):
        self.suite.wait_quiet()
        viewer, source = self.doer(step), step["from"]
        body = {"from": source, "to": step["to"], "reason": "asked for it", "dry_run": step["dry_run"]}
        if "persons" in source:
            users = [user for user in source["persons"] if self.person(user)]
            if not users:
                return
            body["from"] = {"persons": [self.one_id(user) for user in users]}
            source = {"persons": [self.person(user) for user in users]}
        answer = self.ask(viewer, "POST", "/api/v1/bindings/transfer", body)
        statuses, found, moved = self.world.transfer_as(viewer, source, step["to"], step["dry_run"])
        among(f"{body} as {viewer}", answer, statuses)
        if answer.status in (200, 202):
            self.suite.wait_quiet()
            shown = answer.json if step["dry_run"] else self.ask(viewer, "GET", f"/api/v1/bindings/transfers/{answer.json['id']}").json
            same(f"found and moved by {body} as {viewer}", (shown["found"], shown["moved"]), (found, moved))

    # -- all that is shown

    def compare(self, _):
        self.suite.wait_quiet()
        bindings = self.world.bindings()
        for person, binding in bindings.items():
            self.compare_person(person, binding)
        buyers = {person for person in bindings if self.world.rules.matches(BUYERS, self.world.subject(person, self.world.now_ms), self.world.now_ms)}
        for viewer, row in self.world.staff.items():
            if not row["left"]:
                self.compare_view(viewer, bindings, buyers)

    def compare_person(self, person, binding):
        kind, value = next(key for key, node in self.world.nodes.items() if node == person)
        shown = self.suite.lookup(kind, value).json
        self.one_ids[person] = shown["one_id"]
        for what, name in (("unit", "home_unit"), ("guide", "guide")):
            held = binding.held[what]
            same(f"{name} of {kind} {value}", shown[name], held and {"id": held, "since": time_text(binding.since[what])})
        rows = self.suite.get(f"/api/v1/persons/{shown['one_id']}/bindings?limit=500")["bindings"]
        same(f"history of {kind} {value}", [(row["unit"], row["guide"], row["from"], row.get("to"), row["cause"]) for row in rows],
             [(unit, guide, time_text(start), end and time_text(end), cause) for unit, guide, start, end, cause in binding.history()])

    def compare_view(self, viewer, bindings, buyers):
        own = {person for person, binding in bindings.items() if self.world.sees(viewer, binding)}
        for person, one_id in self.one_ids.items():
            if person in bindings:
                answer = self.ask(viewer, "GET", f"/api/v1/persons/{one_id}")
                same(f"person {person} as {viewer}", answer.status, 200 if person in own else 404)
        for unit in self.world.units:
            self.compare_list(viewer, f"/api/v1/units/{unit}/people", self.world.people_of_unit(bindings, viewer, unit))
        for staff in self.world.staff:
            self.compare_list(viewer, f"/api/v1/staff/{staff}/people", self.world.people_of_staff(bindings, viewer, staff))
        same(f"buyers as {viewer}", self.ask(viewer, "GET", f"/api/v1/segments/{self.buyers}").json["count"], len(own & buyers))
        if self.world.staff[viewer]["role"] in MAY_COUNT:
            for rule, people in (({"everyone": True}, own), (BUYERS, own & buyers), ({"not": {"segment": self.buyers}}, own - buyers)):
                answer = self.ask(viewer, "POST", "/api/v1/audiences/count", {"rule": rule})
                same(f"people that fit {rule} as {viewer}", (answer.status, answer.json.get("count")), (200, len(people)))

    def compare_list(self, viewer, path, expected):
        limit = 500 if sum(map(ord, viewer + path)) % 4 else 2
        listed, cursor, counts = [], "", set()
        while cursor is not None:
            answer = self.ask(viewer, "GET", f"{path}?limit={limit}{cursor}")
            if expected is None or answer.status != 200:
                same(f"{path} as {viewer}", answer.status, 404 if expected is None else 200)
                return
            page = answer.json
            listed += [one["one_id"] for one in page["people"]]
            counts.add(page["count"])
            cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
        same(f"{path} as {viewer}", (counts, listed), ({len(expected)}, [self.one_ids[person] for person in expected]))


def among(what, answer, statuses):
    if answer.status not in statuses:
        raise Difference(f"{what}\n  suite: {answer}\n  model: {statuses}")


def differ(steps):
    """What the suite and the model do not agree about, or None."""
    directory = tempfile.mkdtemp(prefix="quanyu-")
    try:
        with Suite(directory, settings={"clock_start": START}) as suite:
            suite.start()
            run = Run(suite)
            for number, step in enumerate(steps):
                try:
                    getattr(run, step["do"])(step)
                except Difference as difference:
                    return f"step {number}: {step}: {difference}"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return None


# -- making a failure small


def smaller(step):
    """The step with less in it, if there is less."""
    events = step["body"]["batch"] if step["do"] == "send" else []
    halves = (events[:len(events) // 2], events[len(events) // 2:]) if len(events) > 1 else ()
    return [{**step, "body": {**step["body"], "batch": half}} for half in halves]


def fewer(steps):
    """Shorter runs, the shortest first."""
    part = len(steps) // 2
    while part:
        for at in range(0, len(steps), part):
            kept = [step for i, step in enumerate(steps) if not at <= i < at + part or step["do"] in NEEDED]
            if len(kept) < len(steps):
                yield kept
        part //= 2
    for at, step in enumerate(steps):
        for less in smaller(step):
            yield steps[:at] + [less] + steps[at + 1:]


def shrink(steps, found):
    deadline = time.monotonic() + seeds.SHRINK_SECONDS
    failed = int(found.split()[1].rstrip(":"))
    steps = [step for step in steps[:failed + 1] if step["do"] != "compare"] + [{"do": "compare"}]
    while time.monotonic() < deadline:
        for tried in fewer(steps):
            difference = differ(tried) if time.monotonic() < deadline else None
            if difference:
                steps, found = tried, difference
                break
        else:
            break
    return steps, found


def check(seed):
    steps = Maker(seed).steps()
    found = differ(steps)
    if not found:
        return len(steps)
    small, difference = shrink(steps, found)
    seeds.fail(seed, "bindings", found, f"{len(small)} steps", (json.dumps(step, ensure_ascii=False) for step in small), difference)


def test_people_are_whose_the_model_says():
    seeds.run(check, SECONDS, "steps")
