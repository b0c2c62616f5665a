# SPDX-License-Identifier: Apache-2.0
"""A naive model of the rule language (common/rule.h), to hold the suite against. It shares no code with it, reads a rule as it
stands, and tries everything one after the other.

A subject is a dict: traits {name: value}, metrics {name: int, Decimal or None}, times among them in ms; tags {name: [origins]};
stage, tier (names or None); segments, identifiers (lists); units (the home unit and all above it) and guide (an id or None), where
there are any; events [{"name", "time_ms", "properties"}]. Numbers in rules, traits and
properties are decimal.Decimal (json.loads(…, parse_int=Decimal, parse_float=Decimal)).
"""
import datetime
import re
import zoneinfo
from decimal import Decimal
from fractions import Fraction

TIERS = ("basic", "silver", "gold", "black")
TIME_METRICS = ("first_order_at", "last_order_at", "first_seen_at", "last_seen_at")
OPERATORS = ("is", "is_not", "in", "not_in", "exists", "gt", "gte", "lt", "lte", "contains", "starts_with", "before", "after",
             "older_than", "newer_than")
EPOCH = datetime.date(1970, 1, 1)
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
                  r"(?:[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2}))?")
DURATION_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


class Model:
    def __init__(self, zone="Asia/Shanghai", tiers=TIERS):
        self.zone = zoneinfo.ZoneInfo(zone)
        self.tiers = tiers

    # -- what texts mean

    def time(self, text):
        """Milliseconds, or None where the text is no time."""
        found = TIME.fullmatch(text) if isinstance(text, str) else None
        if not found:
            return None
        year, month, day, hour, minute, second, fraction, offset = found.groups()
        try:
            date = datetime.date(int(year), int(month), int(day))
        except ValueError:
            return None
        ms = (date - EPOCH).days * 86_400_000
        if hour is None:
            local = datetime.datetime(date.year, date.month, date.day, tzinfo=self.zone)
            return ms - round(local.utcoffset().total_seconds()) * 1000
        hour, minute, second = int(hour), int(minute), int(second)
        if hour > 23 or minute > 59 or second > 60:
            return None
        ms += ((hour * 60 + minute) * 60 + second) * 1000 + int(((fraction or "") + "000")[:3])
        if offset not in "Zz":
            if int(offset[1:3]) > 23 or int(offset[4:6]) > 59:
                return None
            shift = (int(offset[1:3]) * 60 + int(offset[4:6])) * 60_000
            ms -= shift if offset[0] == "+" else -shift
        if second == 60 and ms % 86_400_000 >= 1000:
            return None
        first, last = (datetime.date(1, 1, 1) - EPOCH).days, (datetime.date(9999, 12, 31) - EPOCH).days
        return ms if first <= ms // 86_400_000 <= last else None

    @staticmethod
    def duration(text):
        return int(text[:-1]) * DURATION_MS[text[-1]]

    @staticmethod
    def number(value):
        """A Decimal, or None: numbers and decimal strings."""
        if isinstance(value, bool):
            return None
        if isinstance(value, (int, Decimal)):
            return Decimal(value)
        if isinstance(value, str) and DECIMAL.fullmatch(value):
            return Decimal(value)
        return None

    # -- values

    def same(self, operand, value):
        if isinstance(operand, bool) or isinstance(value, bool):
            return operand is value
        if isinstance(operand, str) and isinstance(value, str):
            return operand == value
        left, right = self.number(operand), self.number(value)
        return left is not None and right is not None and left == right

    def in_order(self, operator, operand, value):
        """gt, gte, lt, lte, before, after; what the operand is decides."""
        limit, there = self.number(operand), self.number(value)
        if limit is None or operator in ("before", "after"):
            limit, there = self.time(operand), self.time(value)
        if limit is None or there is None:
            return False
        return {"gt": there > limit, "gte": there >= limit, "lt": there < limit, "lte": there <= limit,
                "before": there < limit, "after": there > limit}[operator]

    def scalar(self, operator, operand, value, now_ms):
        if operator == "is":
            return self.same(operand, value)
        if operator == "in":
            return any(self.same(item, value) for item in operand)
        if operator in ("contains", "starts_with"):
            if not isinstance(operand, str) or not isinstance(value, str):
                return False
            return operand in value if operator == "contains" else value.startswith(operand)
        if operator in ("older_than", "newer_than"):
            at = self.time(value)
            if at is None:
                return False
            older = now_ms - at > self.duration(operand)
            return older if operator == "older_than" else not older
        return self.in_order(operator, operand, value)

    def holds(self, operator, operand, values, now_ms):
        """An operator, asked of all values that were reached; none: absent."""
        if operator == "is_not":
            return not self.holds("is", operand, values, now_ms)
        if operator == "not_in":
            return not self.holds("in", operand, values, now_ms)
        if operator == "exists":
            return any(value is not None for value in values) == operand
        if operator == "contains":
            return any(any(self.same(operand, element) for element in value) if isinstance(value, list)
                       else self.scalar("contains", operand, value, now_ms) for value in values)
        return any(self.scalar(operator, operand, value, now_ms) for value in self.spread(values))

    @staticmethod
    def spread(values):
        """Elements in the place of lists; a list in a list is no value."""
        result = []
        for value in values:
            if isinstance(value, list):
                result += [element for element in value if not isinstance(element, list)]
            else:
                result.append(value)
        return result

    def reach(self, value, keys):
        if not keys:
            return [value]
        if isinstance(value, dict):
            return self.reach(value[keys[0]], keys[1:]) if keys[0] in value else []
        if isinstance(value, list):
            return [found for element in value if isinstance(element, dict) for found in self.reach(element, keys)]
        return []

    def all_hold(self, condition, values, now_ms):
        return all(self.holds(operator, condition[operator], values, now_ms) for operator in OPERATORS if operator in condition)

    # -- metrics, counts, tiers: one number or none

    def figure_holds(self, operator, operand, figure, read):
        if operator == "exists":
            return (figure is not None) == operand
        if operator == "is_not":
            return figure is None or figure != read(operand)
        if operator == "not_in":
            return figure is None or all(figure != read(item) for item in operand)
        if figure is None:
            return False
        if operator == "in":
            return any(figure == read(item) for item in operand)
        limit = read(operand)
        return {"is": figure == limit, "gt": figure > limit, "gte": figure >= limit, "lt": figure < limit,
                "lte": figure <= limit, "before": figure < limit, "after": figure > limit}[operator]

    def figure_all_hold(self, condition, figure, read):
        return all(self.figure_holds(operator, condition[operator], figure, read)
                   for operator in OPERATORS if operator in condition)

    def metric(self, condition, subject, now_ms):
        figure = subject["metrics"].get(condition["metric"])
        if condition["metric"] not in TIME_METRICS:
            return self.figure_all_hold(condition, figure, self.number)
        ages = {key: condition[key] for key in ("older_than", "newer_than") if key in condition}
        rest = {key: operand for key, operand in condition.items() if key not in ages}
        for operator, operand in ages.items():
            if figure is None or (now_ms - figure > self.duration(operand)) != (operator == "older_than"):
                return False
        return self.figure_all_hold(rest, figure, self.time)

    # -- events

    def event(self, condition, subject, now_ms):
        events = [event for event in subject["events"] if event["name"] == condition["event"]]
        if "within" in condition:
            events = [event for event in events if now_ms - event["time_ms"] <= self.duration(condition["within"])]
        if "between" in condition:
            first, second = (self.time(text) for text in condition["between"])
            events = [event for event in events if first <= event["time_ms"] < second]
        for where in condition.get("where", []):
            keys = where["property"].split(".")
            events = [event for event in events if self.all_hold(where, self.reach(event.get("properties"), keys), now_ms)]
        return self.aggregate(condition, events)

    def aggregate(self, condition, events):
        part = condition.get("sum") or condition.get("distinct")
        if not part:
            return self.figure_all_hold(condition.get("count", {"gte": 1}), Decimal(len(events)), self.number)
        keys = part["property"].split(".")
        values = [value for event in events for value in self.spread(self.reach(event.get("properties"), keys))]
        if "sum" in condition:
            numbers = [self.number(value) for value in values]
            total = sum((Fraction(number) for number in numbers if number is not None and self.is_bounded(number)), Fraction(0))
            return self.figure_all_hold(part, total, lambda operand: Fraction(self.number(operand)))
        kinds = {(type(value).__name__, value) for value in values if isinstance(value, (str, bool, int, Decimal))}
        return self.figure_all_hold(part, Decimal(len(kinds)), self.number)

    @staticmethod
    def is_bounded(number):
        """A number of more than 324 digits on either side of the point is none that could be added."""
        digits = number.as_tuple()
        text = "".join(map(str, digits.digits)).rstrip("0")
        if not text.lstrip("0"):
            return True
        lowest = digits.exponent + len(digits.digits) - len(text)
        return number.adjusted() < 324 and lowest >= -324

    # -- the whole

    def matches(self, rule, subject, now_ms):
        if "all" in rule:
            return all(self.matches(child, subject, now_ms) for child in rule["all"])
        if "any" in rule:
            return any(self.matches(child, subject, now_ms) for child in rule["any"])
        if "not" in rule:
            return not self.matches(rule["not"], subject, now_ms)
        if "everyone" in rule:
            return True
        if "trait" in rule:
            value = subject["traits"].get(rule["trait"])
            return self.all_hold(rule, [] if value is None else [value], now_ms)
        if "metric" in rule:
            return self.metric(rule, subject, now_ms)
        if "tag" in rule:
            origins = subject["tags"].get(rule["tag"])
            return origins is not None and ("origin" not in rule or rule["origin"] in origins)
        if "stage" in rule:
            stages = rule["stage"] if isinstance(rule["stage"], list) else [rule["stage"]]
            return subject["stage"] in stages
        if "tier" in rule:
            rank = None if subject["tier"] is None else self.tiers.index(subject["tier"])
            return self.figure_all_hold(rule["tier"], rank, self.tiers.index)
        if "segment" in rule:
            return rule["segment"] in subject["segments"]
        if "identifier" in rule:
            return rule["identifier"] in subject["identifiers"]
        if "unit" in rule:
            return self.bound(rule["unit"], subject.get("units", []))
        if "guide" in rule:
            return self.bound(rule["guide"], [subject["guide"]] if subject.get("guide") else [])
        return self.event(rule, subject, now_ms)

    @staticmethod
    def bound(asked, held):
        if isinstance(asked, dict):
            return asked["exists"] is bool(held)
        return any(one in held for one in (asked if isinstance(asked, list) else [asked]))


def matches(rule, subject, now_ms, zone="Asia/Shanghai", tiers=TIERS):
    return Model(zone, tiers).matches(rule, subject, now_ms)
