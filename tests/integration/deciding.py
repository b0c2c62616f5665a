# SPDX-License-Identifier: Apache-2.0
"""What random histories do to who is who, to the suite and to its model alike: decisions by hand, and other rules of One ID."""
from model import time_text
from model_identity import WRONG
from suite import wait_for


class Difference(Exception):
    pass


def same(what, suite, model):
    if suite != model:
        raise Difference(f"{what}\n  suite: {suite}\n  model: {model}")


class Deciding:
    """For a run that has `suite`, `world`, and `positions` of all events."""

    def node_of(self, one):
        return self.world.identity.present().get(tuple(one))

    def decide(self, step):
        """As staff does; whatever is asked, the answer is the model's."""
        self.suite.wait_quiet()
        identity, what = self.world.identity, step["decide"]
        if "number" in step:
            return self.decide_by_number(what, step["number"])
        these = [one for one in step.get("these", []) if one]
        nodes, whose = [self.node_of(one) for one in these], self.node_of(step["of"]) if "of" in step else None
        person = self.world.person.get(whose)
        if "of" in step and person is None or what != "split" and None in nodes:
            return None
        if "bits" in step:
            keys = self.world.identity.keys()
            chosen = [list(keys[node]) for at, node in enumerate(identity.members(person)) if step["bits"] >> at & 1]
            these += chosen
            nodes += map(self.node_of, chosen)
            if None in nodes or not nodes:
                return None
        one_id = self.suite.lookup(*step["of"]).json["one_id"] if person else None
        paths = {"join": "persons/join", "split": f"persons/{one_id}/split", "move": f"persons/{one_id}/move", "block": "identifiers/block",
                 "reassign": "identifiers/reassign"}
        refs = [{"kind": kind, "value": value} for kind, value in these]
        named = {"identifiers": refs} if what in ("join", "split") else {"identifier": refs[0]}
        since = {"since": time_text(step["since"])} if what == "reassign" else {}
        answer = self.suite.api("POST", "/api/v1/" + paths[what], {**named, **since, "reason": "random"})
        if what == "join":
            expected = self.world.deciding(identity.join, *nodes) if nodes[0] != nodes[1] else WRONG
        elif what == "split":
            expected = self.world.deciding(identity.split, person, list(dict.fromkeys(nodes)))
        else:
            more = {"move": [person], "reassign": [step.get("since")]}.get(what, [])
            expected = self.world.deciding(getattr(identity, what), nodes[0], *more)
        return self.same_answer(step, answer, expected)

    def decide_by_number(self, what, number):
        identity = self.world.identity
        if what == "withdraw" and not self.positions:
            return None
        if what == "withdraw":
            event = number % len(self.positions)
            answer = self.suite.api("POST", f"/api/v1/evidence/{self.positions[event]}/withdraw", {"reason": "random"})
            expected = self.world.deciding(identity.withdraw, event)
        else:
            decision = number % (len(identity.decisions) + 1) + 1
            answer = self.suite.api("DELETE", f"/api/v1/identity-decisions/d_{decision}", {"reason": "random"})
            expected = self.world.deciding(identity.undo, decision)
        return self.same_answer(f"{what} {number}", answer, expected)

    def same_answer(self, what, answer, expected):
        shown = answer.json
        same(f"answer to {what}", (answer.status, shown.get("unchanged")), expected[:2])
        if expected.number:
            same(f"decision of {what}", shown["id"], f"d_{expected.number}")

    def change_rules(self, step):
        """Other rules of One ID, applied to what was in the background, also where identity dies meanwhile."""
        self.suite.wait_quiet()
        answer = self.suite.api("PUT", "/api/v1/identity-rules", step["change_rules"])
        assert answer.status == 200, (answer, step)
        if step["kill"]:
            self.suite.kill("identity")
            self.suite.start("identity")
        self.world.deciding(self.world.identity.change_rules, step["change_rules"])
        wait_for(lambda: self.suite.get("/api/v1/identity-rules")["state"] == "applied", "the rules to be applied")
