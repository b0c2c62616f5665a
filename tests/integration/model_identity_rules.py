# SPDX-License-Identifier: Apache-2.0
"""The rules of One ID as the model takes them: the document that HQ puts, and nothing of the suite."""
import copy
import re

KINDS = ("user_id", "member_card", "wechat_unionid", "phone", "email", "wechat_openid", "anonymous_id")
DAY = 86_400_000
SPANS = (("limit_per_month", 30 * DAY), ("limit_per_week", 7 * DAY))
MOBILE = re.compile(r"(?:\+86[ -]?)?(1[0-9]{2})[ -]?([0-9]{4})[ -]?([0-9]{4})")


def kind_rule(kind, verified, limit, busy_after=5, one_owner=False, one_name=False, handed_on=False):
    return {"kind": kind, "joins": True, "verified": verified, "limit": limit, "limit_per_month": None, "limit_per_week": None,
            "busy_after": busy_after, "one_owner": one_owner, "one_name": one_name, "handed_on": handed_on}


STANDARD = {
    "kinds": [kind_rule("user_id", "issued", 1, busy_after=None), kind_rule("member_card", "issued", 3), kind_rule("wechat_unionid", "issued", 1),
              kind_rule("phone", "stated", 3, one_owner=True, one_name=True, handed_on=True),
              kind_rule("email", "stated", 5, one_owner=True, one_name=True),
              kind_rule("wechat_openid", "issued", 10), kind_rule("anonymous_id", "never", None)],
    "identifiers_of_person": 1000, "blocked": [], "sources": []}


def standard():
    return copy.deepcopy(STANDARD)


def phone(value):
    """In its one form, or None."""
    found = MOBILE.fullmatch(value)
    return "+86" + "".join(found.groups()) if found else None


def matcher(entry):
    """What of a kind's values an entry of `blocked` is about."""
    if "value" in entry:
        value = entry["value"]
        if entry.get("kind") == "phone":
            value = phone(value) or value
        return re.compile(re.escape(value), re.IGNORECASE | re.ASCII)
    parts = re.findall(r"\[[^]]+\]|.", entry["pattern"])
    return re.compile("".join({"*": ".*", "?": "."}.get(part, part if len(part) > 1 else re.escape(part)) for part in parts),
                      re.IGNORECASE | re.ASCII | re.DOTALL)


class Rules:
    def __init__(self, document):
        self.kinds = {one["kind"]: one for one in document["kinds"]}
        self.order = {one["kind"]: place for place, one in enumerate(document["kinds"])}  # 0 is the strongest
        self.most = document["identifiers_of_person"]
        self.blocked = [(entry.get("kind"), matcher(entry)) for entry in document["blocked"]]
        self.sources = {entry["source"]: entry for entry in document["sources"]}

    def blocks(self, kind, value):
        return any(of in (None, kind) and one.fullmatch(value) for of, one in self.blocked)

    def may(self, source, what):
        """`what`: "joins" or "verifies"."""
        return self.sources.get(source, {}).get(what, True)

    def verifies(self, kind, stated):
        return self.kinds[kind]["verified"] == "issued" or stated and self.kinds[kind]["verified"] == "stated"

    def breaks_window(self, kind, times):
        """Whether more of a kind came within some days than one person may have."""
        times = sorted(times)
        return any(limit and any(late - early < span for early, late in zip(times, times[limit:]))
                   for limit, span in ((self.kinds[kind][name], span) for name, span in SPANS))
