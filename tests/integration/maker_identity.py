# SPDX-License-Identifier: Apache-2.0
"""Random rules of One ID, the same for the same seed."""
import copy

from model_identity_rules import standard


class RulesMaker:
    def __init__(self, source):
        self.random = source
        self.rules = standard()

    def pick(self, options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    def changed(self):
        """A little other than the last."""
        for _ in range(self.random.randint(1, 3)):
            self.change_one()
        return copy.deepcopy(self.rules)

    def change_one(self):
        kind = self.pick(self.rules["kinds"])
        change = self.pick([self.change_priority, self.change_blocked, self.change_blocked, self.change_sources] + [self.change_kind] * 6)
        change(kind)

    def change_kind(self, kind):
        makers = {"joins": lambda: self.chance(0.6), "verified": lambda: self.pick(["never", "stated", "issued"]),
                  "limit": lambda: self.pick([None, 1, 1, 2, 3]), "limit_per_month": lambda: self.pick([None, 1, 2]),
                  "limit_per_week": lambda: self.pick([None, 1]), "busy_after": lambda: self.pick([None, 1, 2, 5]),
                  "one_owner": lambda: self.chance(0.5), "one_name": lambda: self.chance(0.5), "handed_on": lambda: self.chance(0.5)}
        name = self.pick([*sorted(makers), "verified", "verified", "verified"])
        kind[name] = makers[name]()

    def change_priority(self, kind):
        self.rules["kinds"].remove(kind)
        self.rules["kinds"].insert(self.random.randrange(len(self.rules["kinds"]) + 1), kind)

    def change_blocked(self, _):
        blocked = self.rules["blocked"]
        if blocked and self.chance(0.5):
            blocked.remove(self.pick(blocked))
        else:
            blocked.append(self.pick([
                {"value": f"u{self.random.randrange(25)}"}, {"kind": "phone", "value": f"138 0013 800{self.random.randrange(6)}"}, {"pattern": "browser-1?"},
                {"kind": "anonymous_id", "value": "TABLET-1"}, {"pattern": "card[0-2]"}, {"kind": "user_id", "pattern": "u*[13]"},
                {"kind": "email", "pattern": "*@EXAMPLE.cn"}, {"kind": "wechat_unionid", "pattern": "browser-*"}]))

    def change_sources(self, _):
        sources = self.rules["sources"]
        if sources and self.chance(0.5):
            sources.remove(self.pick(sources))
        else:
            name = self.pick(["till", "web"])
            self.rules["sources"] = [one for one in sources if one["source"] != name] + [
                {"source": name, "joins": self.chance(0.5), "verifies": self.chance(0.5)}]
