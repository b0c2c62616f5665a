# SPDX-License-Identifier: Apache-2.0
"""What each operation of the gateway must leave on record, and a suite in which each of them can succeed."""
import itertools

from suite import wait_for
from test_roles import ROLES

# Operations that show, count, change or use what is known of people, and as what they are on record.
PEOPLE = {
    "POST /api/v1/persons/lookup": "person.lookup", "GET /api/v1/persons/{one_id}": "person.show",
    "POST /api/v1/persons/{one_id}/tags": "tag.add", "DELETE /api/v1/persons/{one_id}/tags/{tag}": "tag.remove",
    "POST /api/v1/persons/{one_id}/unmask": "person.unmask",
    "POST /api/v1/persons/join": "identity.join", "POST /api/v1/persons/{one_id}/split": "identity.split",
    "POST /api/v1/persons/{one_id}/move": "identity.move", "POST /api/v1/identifiers/block": "identity.block",
    "POST /api/v1/identifiers/reassign": "identity.reassign",
    "POST /api/v1/evidence/{position}/withdraw": "identity.withdraw",
    "GET /api/v1/identity-decisions": "identity.decisions", "GET /api/v1/identity-decisions/{id}": "identity.decisions",
    "DELETE /api/v1/identity-decisions/{id}": "identity.undo",
    "POST /api/v1/identifiers/explain": "identity.explain", "GET /api/v1/persons/{one_id}/history": "person.history",
    "GET /api/v1/identity-conflicts": "identity.conflicts", "GET /api/v1/identity-busy": "identity.busy",
    "PUT /api/v1/identity-rules": "identity_rules.change", "POST /api/v1/identity-rules/dry-run": "identity_rules.dry_run",
    "GET /api/v1/identity-rules/dry-run": "identity_rules.dry_run", "DELETE /api/v1/identity-rules/dry-run": "identity_rules.dry_run",
    "POST /api/v1/duplicates/search": "identity.duplicates.search", "GET /api/v1/duplicates": "identity.duplicates",
    "POST /api/v1/duplicates/{id}/dismiss": "identity.duplicates.dismiss",
    "GET /api/v1/persons/{one_id}/bindings": "person.bindings", "PUT /api/v1/persons/{one_id}/binding": "binding.change",
    "POST /api/v1/bindings/transfer": "binding.transfer", "GET /api/v1/bindings/transfers/{id}": "binding.transfer",
    "PUT /api/v1/binding-rules": "binding_rules.change",
    "GET /api/v1/units/{id}/people": "unit.people", "GET /api/v1/staff/{id}/people": "staff.people",
    "GET /api/v1/staff/{id}/open-work": "staff.open_work",
    "POST /api/v1/audiences/count": "audience.count",
    "POST /api/v1/segments": "segment.create", "GET /api/v1/segments": "segment.list", "GET /api/v1/segments/{id}": "segment.show",
    "PATCH /api/v1/segments/{id}": "segment.change", "DELETE /api/v1/segments/{id}": "segment.delete",
    "GET /api/v1/segments/{id}/changes": "segment.changes",
    "POST /api/v1/tags": "tag.create", "GET /api/v1/tags": "tag.list", "GET /api/v1/tags/{tag}": "tag.show",
    "PATCH /api/v1/tags/{tag}": "tag.change", "DELETE /api/v1/tags/{tag}": "tag.delete", "PUT /api/v1/stages": "stages.change",
    "POST /api/v1/journeys": "journey.create", "GET /api/v1/journeys": "journey.list", "GET /api/v1/journeys/{id}": "journey.show",
    "PUT /api/v1/journeys/{id}": "journey.change", "POST /api/v1/journeys/{id}/publish": "journey.publish",
    "POST /api/v1/journeys/{id}/pause": "journey.pause", "DELETE /api/v1/journeys/{id}": "journey.delete",
    "GET /api/v1/journeys/{id}/deliveries": "journey.deliveries",
    "GET /api/v1/dead-letters": "dead_letter.list", "GET /api/v1/dead-letters/{id}": "dead_letter.show",
    "DELETE /api/v1/dead-letters": "dead_letter.delete", "DELETE /api/v1/dead-letters/{id}": "dead_letter.delete",
    "POST /api/v1/dead-letters/replay": "dead_letter.replay", "POST /api/v1/dead-letters/erase": "dead_letter.erase",
}
# The organisation and its staff, definitions of what may be sent, rules without numbers, totals of the whole.
NOBODY = {
    "GET /api/v1/identity-rules", "GET /api/v1/duplicates/search", "GET /api/v1/binding-rules", "GET /api/v1/stages",
    "GET /api/v1/units", "POST /api/v1/units", "POST /api/v1/units/import", "GET /api/v1/units/{id}", "PATCH /api/v1/units/{id}",
    "DELETE /api/v1/units/{id}", "POST /api/v1/imports", "GET /api/v1/dead-letters/summary", "POST /api/v1/write-keys",
    "GET /api/v1/write-keys", "GET /api/v1/write-keys/{id}", "PATCH /api/v1/write-keys/{id}", "DELETE /api/v1/write-keys/{id}",
    "POST /api/v1/write-keys/{id}/rotate", "POST /api/v1/write-keys/{id}/revoke", "GET /api/v1/status", "GET /api/v1/summary",
    "GET /api/v1/clock", "POST /api/v1/clock", "GET /api/v1/roles", "GET /api/v1/roles/{role}", "POST /api/v1/roles",
    "PATCH /api/v1/roles/{role}", "DELETE /api/v1/roles/{role}", "GET /api/v1/staff", "GET /api/v1/staff/{id}", "POST /api/v1/staff",
    "PATCH /api/v1/staff/{id}", "POST /api/v1/staff/{id}/leave", "POST /api/v1/staff/{id}/invite",
    "DELETE /api/v1/staff/{id}/second-factor", "GET /api/v1/staff/{id}/tokens", "POST /api/v1/staff/{id}/tokens",
    "DELETE /api/v1/staff/{id}/tokens/{token}", "GET /api/v1/me", "POST /api/v1/me/password", "POST /api/v1/me/second-factor",
    "POST /api/v1/me/second-factor/confirm", "GET /api/v1/me/tokens", "POST /api/v1/me/tokens", "DELETE /api/v1/me/tokens/{token}",
    "DELETE /api/v1/session",
}
WHY = "they came to the shop together"
PURPOSE = "the customer called about a parcel"
RULE = {"metric": "orders", "gte": 5}
HOOK = {"id": "s", "type": "send", "channel": "webhook", "url": "http://127.0.0.1:9/", "secret": "s3cret", "content": {}}
JOURNEY = {"name": "j", "entry": {"rule": RULE}, "steps": [HOOK]}
OUTCOMES = {403: "denied", 404: "not_found", 409: "conflict", 412: "overtaken", 422: "invalid", 429: "limited"}


def user(name):
    return {"kind": "user_id", "value": name}


def device(name):
    return {"kind": "anonymous_id", "value": name}


class World:
    """A suite with somebody of every role, people in plenty, and something of everything."""

    def __init__(self, suite):
        self.suite = suite
        self.numbers = itertools.count(1)
        self.asked = itertools.count(1)
        self.staff, self.tokens, self.token_ids = {}, {}, {}
        for letter, role in ROLES.items():
            self.staff[letter] = suite.post("/api/v1/staff", {"login": f"{role}@example.com", "role": role, "unit": "u_1"})["id"]
            made = suite.post(f"/api/v1/staff/{self.staff[letter]}/tokens", {"name": "matrix"})
            self.tokens[letter], self.token_ids[letter] = made["token"], made["id"]
        suite.post("/api/v1/tags", {"tag": "vip"})
        suite.wait_quiet()
        twins = [{"type": "identify", "userId": f"twin-{letter}-{i}", "traits": {
            "name": f"王小{letter}", "birthday": f"19{60 + at}-05-12", "phone": f"1380013{at:02}{i}1"}}
            for at, letter in enumerate(ROLES) for i in range(2)]
        guide = {"unit": "u_1", "staff": self.staff["G"]}
        suite.send([{"type": "identify", "userId": f"p-{i}", "traits": {"phone": f"1370013{i:04}"}, "context": guide} for i in range(400)]
                   + [{"type": "identify", "anonymousId": f"a-{i}"} for i in range(400)] + twins)
        suite.wait_quiet()
        self.conditions = suite.get("/api/v1/identity-rules")
        asked = suite.api("POST", "/api/v1/duplicates/search").json["number"]
        wait_for(lambda: (suite.get("/api/v1/duplicates/search")["ended"] or {}).get("number") == asked, "the search to end")
        self.pairs = [pair["id"] for pair in suite.get("/api/v1/duplicates")["duplicates"]]

    def one_id(self, name, kind="user_id"):
        return self.suite.lookup(kind, name).json["one_id"]

    def fresh(self):
        """Somebody's number, whom nobody has touched yet: p-7 and a-7 are two people."""
        return next(self.numbers)

    def person(self):
        return self.one_id(f"p-{self.fresh()}")

    def joined(self):
        number = self.fresh()
        made = self.suite.post("/api/v1/persons/join", {"identifiers": [user(f"p-{number}"), device(f"a-{number}")], "reason": WHY})
        return number, made["id"]

    def evidence(self):
        number = self.fresh()
        self.suite.send([{"type": "track", "event": "x", "userId": f"p-{number}", "anonymousId": f"b-{number}"}])
        self.suite.wait_quiet()
        links = self.suite.post("/api/v1/identifiers/explain", {"one": user(f"p-{number}"), "other": device(f"b-{number}")})["links"]
        return links[0]["position"]

    def segment(self):
        return self.suite.post("/api/v1/segments", {"name": "s", "rule": RULE})["id"]

    def tag(self):
        return self.suite.post("/api/v1/tags", {"tag": f"t{self.fresh()}"})["tag"]

    def journey(self, publish=False):
        made = self.suite.post("/api/v1/journeys", JOURNEY)["id"]
        if publish:
            self.suite.post(f"/api/v1/journeys/{made}/publish")
        return made

    def letter(self):
        answer = self.suite.ingest("/v1/batch", {"batch": [{"type": "track", "event": "x", "user": "u", "messageId": f"bad-{self.fresh()}"}]})
        return answer.json["errors"][0]["dead_letter"]

    def dry_run(self):
        wait_for(lambda: self.suite.get("/api/v1/identity-rules/dry-run")["state"] != "running", "the dry run to end")

    def rules(self):
        return {name: self.conditions[name] for name in ("kinds", "identifiers_of_person", "blocked", "sources")}

    def ask(self, letter, method, path, body=None, headers=None):
        """Yields the answer and the id under which it is on record."""
        number = f"asked-{next(self.asked)}"
        return self.suite.api(method, path, body, token=self.tokens[letter], headers={"X-Request-Id": number, **(headers or {})}), number

    def records(self):
        """All there are, by request."""
        self.suite.wait_quiet()
        found, cursor = {}, ""
        while cursor is not None:
            page = self.suite.audit(f"/v1/records?limit=1000{cursor and '&cursor=' + cursor}").json
            for record in page["records"]:
                found.setdefault(record.get("request_id"), []).append(record)
            cursor = page["next_cursor"]
        return found

    def wrong_who(self, letter, record):
        actor = record["actor"]
        said = (actor["kind"], actor["id"], actor.get("role"), actor.get("token_id"), actor.get("address"), record.get("unit"))
        meant = ("staff", self.staff[letter], ROLES[letter], self.token_ids[letter], "127.0.0.1", "u_1")
        return None if said == meant else (said, meant)


# What succeeds: path and body, and whom the record must name.
def simple(path, body=None):
    return lambda world: (path, body, None)


def about(path, body=None):
    def make(world):
        one_id = world.person()
        return f"/api/v1/persons/{one_id}{path}", body(world) if callable(body) else body, one_id
    return make


def look_up(world):
    number = world.fresh()
    return "/api/v1/persons/lookup", {"identifiers": [user(f"p-{number}")]}, world.one_id(f"p-{number}")


def untag(world):
    one_id = world.person()
    world.suite.post(f"/api/v1/persons/{one_id}/tags", {"tag": "vip"})
    return f"/api/v1/persons/{one_id}/tags/vip", None, one_id


def join(world):
    number = world.fresh()
    return "/api/v1/persons/join", {"identifiers": [user(f"p-{number}"), device(f"a-{number}")], "reason": WHY}, world.one_id(f"p-{number}")


def split(world):
    number, _ = world.joined()
    one_id = world.one_id(f"p-{number}")
    return f"/api/v1/persons/{one_id}/split", {"identifiers": [device(f"a-{number}")], "reason": WHY}, one_id


def move(world):
    number = world.fresh()
    one_id = world.one_id(f"p-{number}")
    return f"/api/v1/persons/{one_id}/move", {"identifier": device(f"a-{number}"), "reason": WHY}, one_id


def block(world):
    number = world.fresh()
    return "/api/v1/identifiers/block", {"identifier": device(f"a-{number}"), "reason": WHY}, world.one_id(f"a-{number}", "anonymous_id")


def reassign(world):
    number = world.fresh()
    body = {"identifier": {"kind": "phone", "value": f"1370013{number:04}"}, "since": "2026-01-01T00:00:00Z", "reason": WHY}
    return "/api/v1/identifiers/reassign", body, world.one_id(f"p-{number}")


def explain(world):
    number = world.fresh()
    return "/api/v1/identifiers/explain", {"one": user(f"p-{number}"), "other": user(f"p-{number}")}, world.one_id(f"p-{number}")


def of(make, path="{}", body=None):
    """Of something that is made for it."""
    return lambda world: (path.format(make(world)), body, None)


def dry_run(path, body=None):
    def make(world):
        world.dry_run()
        return path, world.rules() if body else None, None
    return make


def transfer(world):
    one_id = world.person()
    return "/api/v1/bindings/transfer", {"from": {"persons": [one_id]}, "to": {"unit": "u_1"}, "reason": WHY}, None


def make_transfer(world):
    path, body, _ = transfer(world)
    return world.suite.post(path, body, status=(200, 202))["id"]


def change_tag(world):
    return f"/api/v1/tags/{world.tag()}", {"description": "those"}, None


GOOD = {
    "POST /api/v1/persons/lookup": look_up, "GET /api/v1/persons/{one_id}": about(""),
    "POST /api/v1/persons/{one_id}/tags": about("/tags", {"tag": "vip"}), "DELETE /api/v1/persons/{one_id}/tags/{tag}": untag,
    "POST /api/v1/persons/{one_id}/unmask": about("/unmask", {"fields": ["phone"], "purpose": PURPOSE}),
    "POST /api/v1/persons/join": join, "POST /api/v1/persons/{one_id}/split": split, "POST /api/v1/persons/{one_id}/move": move,
    "POST /api/v1/identifiers/block": block, "POST /api/v1/identifiers/reassign": reassign,
    "POST /api/v1/evidence/{position}/withdraw": of(World.evidence, "/api/v1/evidence/{}/withdraw", {"reason": WHY}),
    "GET /api/v1/identity-decisions": simple("/api/v1/identity-decisions"),
    "GET /api/v1/identity-decisions/{id}": of(lambda world: world.joined()[1], "/api/v1/identity-decisions/{}"),
    "DELETE /api/v1/identity-decisions/{id}": of(lambda world: world.joined()[1], "/api/v1/identity-decisions/{}", {"reason": WHY}),
    "POST /api/v1/identifiers/explain": explain, "GET /api/v1/persons/{one_id}/history": about("/history"),
    "GET /api/v1/identity-conflicts": simple("/api/v1/identity-conflicts"), "GET /api/v1/identity-busy": simple("/api/v1/identity-busy"),
    "PUT /api/v1/identity-rules": lambda world: ("/api/v1/identity-rules", world.rules(), None),
    "POST /api/v1/identity-rules/dry-run": dry_run("/api/v1/identity-rules/dry-run", True),
    "GET /api/v1/identity-rules/dry-run": dry_run("/api/v1/identity-rules/dry-run"),
    "DELETE /api/v1/identity-rules/dry-run": dry_run("/api/v1/identity-rules/dry-run"),
    "POST /api/v1/duplicates/search": simple("/api/v1/duplicates/search"), "GET /api/v1/duplicates": simple("/api/v1/duplicates"),
    "POST /api/v1/duplicates/{id}/dismiss": of(lambda world: world.pairs.pop(), "/api/v1/duplicates/{}/dismiss", {"reason": WHY}),
    "GET /api/v1/persons/{one_id}/bindings": about("/bindings"),
    "PUT /api/v1/persons/{one_id}/binding": about("/binding", {"unit": "u_1", "reason": WHY}),
    "POST /api/v1/bindings/transfer": transfer, "GET /api/v1/bindings/transfers/{id}": of(make_transfer, "/api/v1/bindings/transfers/{}"),
    "PUT /api/v1/binding-rules": simple("/api/v1/binding-rules", {
        "unit_from": "contact", "guide_from": "contact", "purchase_outranks_contact": True, "purchase_elsewhere": "keep", "guide_keeps_for": None}),
    "GET /api/v1/units/{id}/people": simple("/api/v1/units/u_1/people?limit=3"),
    "GET /api/v1/staff/{id}/people": of(lambda world: world.staff["G"], "/api/v1/staff/{}/people"),
    "GET /api/v1/staff/{id}/open-work": of(lambda world: world.staff["G"], "/api/v1/staff/{}/open-work"),
    "POST /api/v1/audiences/count": simple("/api/v1/audiences/count", {"rule": RULE}),
    "POST /api/v1/segments": simple("/api/v1/segments", {"name": "s", "rule": RULE}), "GET /api/v1/segments": simple("/api/v1/segments"),
    "GET /api/v1/segments/{id}": of(World.segment, "/api/v1/segments/{}"),
    "PATCH /api/v1/segments/{id}": of(World.segment, "/api/v1/segments/{}", {"name": "other"}),
    "DELETE /api/v1/segments/{id}": of(World.segment, "/api/v1/segments/{}"),
    "GET /api/v1/segments/{id}/changes": of(World.segment, "/api/v1/segments/{}/changes"),
    "POST /api/v1/tags": lambda world: ("/api/v1/tags", {"tag": f"t{world.fresh()}"}, None), "GET /api/v1/tags": simple("/api/v1/tags"),
    "GET /api/v1/tags/{tag}": of(World.tag, "/api/v1/tags/{}"), "PATCH /api/v1/tags/{tag}": change_tag,
    "DELETE /api/v1/tags/{tag}": of(World.tag, "/api/v1/tags/{}"),
    "PUT /api/v1/stages": lambda world: ("/api/v1/stages", {"stages": [{"stage": f"s{world.fresh()}", "rule": {"everyone": True}}]}, None),
    "POST /api/v1/journeys": simple("/api/v1/journeys", JOURNEY), "GET /api/v1/journeys": simple("/api/v1/journeys"),
    "GET /api/v1/journeys/{id}": of(World.journey, "/api/v1/journeys/{}"),
    "PUT /api/v1/journeys/{id}": of(World.journey, "/api/v1/journeys/{}", {**JOURNEY, "name": "other"}),
    "POST /api/v1/journeys/{id}/publish": of(World.journey, "/api/v1/journeys/{}/publish"),
    "POST /api/v1/journeys/{id}/pause": of(lambda world: world.journey(True), "/api/v1/journeys/{}/pause"),
    "DELETE /api/v1/journeys/{id}": of(World.journey, "/api/v1/journeys/{}"),
    "GET /api/v1/journeys/{id}/deliveries": of(World.journey, "/api/v1/journeys/{}/deliveries"),
    "GET /api/v1/dead-letters": simple("/api/v1/dead-letters"),
    "GET /api/v1/dead-letters/{id}": of(World.letter, "/api/v1/dead-letters/{}"),
    "DELETE /api/v1/dead-letters": of(World.letter, "/api/v1/dead-letters?all=true"),
    "DELETE /api/v1/dead-letters/{id}": of(World.letter, "/api/v1/dead-letters/{}"),
    "POST /api/v1/dead-letters/replay": lambda world: (
        "/api/v1/dead-letters/replay", {"ids": [world.letter()], "mapping": [{"rename": "/user", "to": "/userId"}]}, None),
    "POST /api/v1/dead-letters/erase": simple("/api/v1/dead-letters/erase", {"identifiers": [{"kind": "phone", "value": "13800138000"}]}),
}
