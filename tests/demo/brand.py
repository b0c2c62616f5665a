# SPDX-License-Identifier: Apache-2.0
"""A made-up brand: stores, guides, touchpoints, and what its consumers (people.py) do in web shop, app, mini program, tills, shop tablets and
marketplaces. Seeded; of each event it is known who made it, and whether it came from a browser or from a system of the brand's own."""
import datetime
import hashlib
import random
from typing import NamedTuple

from people import MARKETPLACES, MINI_PROGRAM, OFFICIAL_ACCOUNT, TYPOS, Consumer, Population, mistype_email, mistype_number

SKUS = [("serum", "护肤", 329), ("cream", "护肤", 268), ("mask", "护肤", 99), ("lipstick", "彩妆", 189), ("powder", "彩妆", 239),
        ("perfume", "香氛", 499), ("shampoo", "洗护", 79), ("sunscreen", "防晒", 149)]
SETTINGS = {"identity.identifier_kinds": ",".join(MARKETPLACES)}
UTC = datetime.timezone.utc
ON_TABLETS = 0.07      # of the visits: one event in twenty, as leads, registrations and first visits to a page come on top
CONSUMERS_OF_A_STORE = 333
LOGGED_IN = 0.6        # of the visits to the web shop
LEAVES_NUMBER = 0.85   # of those who come by a channel for the first time
JOINS_MEMBERS = 0.6    # of a marketplace's buyers: it tells the brand their number then


class Event(NamedTuple):
    moment: datetime.datetime
    consumer: Consumer
    body: dict
    browser: bool      # sent with the key that web pages have
    dirt: frozenset    # what of it is not as it should be


def stamp(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def external(kind, value, **more):
    return {"type": kind, "id": value, "collection": "users", "encoding": "none", **more}


class Brand:
    def __init__(self, seed=7, consumers=20000, days=90, start=datetime.datetime(2026, 1, 1, tzinfo=UTC)):
        self.draw = random.Random(seed)
        self.days = days
        self.start = start
        self.stores = [f"store-{i:03d}" for i in range(max(3, consumers // CONSUMERS_OF_A_STORE))]
        self.guides = [f"guide-{i:03d}" for i in range(4 * len(self.stores))]
        self.touchpoints = [f"tp-{kind}-{i:03d}" for kind in ("till", "shelf", "sticker", "poster", "parcel") for i in range(40)]
        self.consumers = Population(self.draw, consumers, start, days).consumers
        self.serial = 0
        self.seen = set()

    # -- who it says it is: each channel names people in its own way

    def typed_number(self, consumer, moment):
        """A number that somebody types, and whether it is another one than meant."""
        numbers = consumer.numbers
        number = self.draw.choice(numbers.others) if numbers.others and self.draw.random() < 0.3 else numbers.at(moment)
        return (mistype_number(self.draw, number), {"typo"}) if self.draw.random() < TYPOS else (number, set())

    def typed_email(self, consumer):
        return (mistype_email(self.draw, consumer.email), {"typo"}) if self.draw.random() < TYPOS else (consumer.email, set())

    def at_web(self, consumer, moment):
        ids = {"anonymousId": self.draw.choice(consumer.browsers)}
        if consumer.member and self.draw.random() < LOGGED_IN:
            ids["userId"] = consumer.member
        return ids, set()

    def at_app(self, consumer, moment):
        ids = {"anonymousId": self.draw.choice(consumer.devices)}
        if self.draw.random() < 0.9:
            ids["userId"] = consumer.member
        return ids, set()

    def at_mini_program(self, consumer, moment):
        """The mini program, or the official account, which has another openid for the same union id."""
        if consumer.account and self.draw.random() < 0.3:
            openid, app, anonymous = consumer.account, OFFICIAL_ACCOUNT, f"account-{consumer.number}"
        else:
            openid, app, anonymous = consumer.mini_program, MINI_PROGRAM, f"mini-{consumer.number}"
        return {"anonymousId": anonymous, "context": {"externalIds": [external("wechat_openid", openid, app_id=app),
                                                                      external("wechat_unionid", consumer.unionid)]}}, set()

    def at_counter(self, consumer, moment):
        """The member's code is scanned, which shows card and number; else a number is said and typed."""
        if consumer.cards and self.draw.random() < 0.75:
            return [external("phone", consumer.numbers.at(moment)), external("member_card", consumer.card_at(moment))], ["phone", "member_card"], set()
        number, dirt = self.typed_number(consumer, moment)
        return [external("phone", number)], [], dirt

    def at_till(self, consumer, moment):
        ids, verified, dirt = self.at_counter(consumer, moment)
        return {"anonymousId": f"receipt-{self.serial + 1}", "context": {"externalIds": ids, "verified": verified}}, dirt

    def at_tablet(self, consumer, moment):
        """A guide's tablet in a store: its own anonymous id, whoever stands before it, and now and then somebody's account."""
        ids, verified, dirt = self.at_counter(consumer, moment)
        tablet = {"anonymousId": "tablet-" + self.draw.choice(self.stores), "context": {"externalIds": ids, "verified": verified}}
        if consumer.member and self.draw.random() < 0.3:
            tablet["userId"] = consumer.member
        return tablet, dirt | {"tablet"}

    def at_marketplace(self, consumer, moment):
        """A marketplace tells its own pseudonym and a masked number; more only where the buyer has joined the brand's members there."""
        place = self.draw.choice(sorted(consumer.buyer))
        number = consumer.numbers.at(moment)
        ids = {"anonymousId": f"order-{self.serial + 1}",
               "context": {"externalIds": [external(place, consumer.buyer[place])], "traits": {"phone": f"{number[:3]}****{number[7:]}"}}}
        return ids, {"marketplace"}

    def identity_of(self, consumer, moment, channel):
        return getattr(self, "at_" + channel)(consumer, moment)

    def counter(self):
        return "tablet" if self.draw.random() < ON_TABLETS else "till"

    def channel(self, consumer):
        if self.counter() == "tablet":
            return "tablet"
        return self.draw.choice(["till", "till", *["web"] * bool(consumer.browsers), *["app"] * bool(consumer.devices),
                                 *["mini_program"] * bool(consumer.unionid), *["marketplace"] * bool(consumer.buyer)])

    # -- events

    def event(self, moment, consumer, channel, body, dirt=()):
        self.serial += 1
        context = {"channel": channel, "touchpoint": self.draw.choice(self.touchpoints)}
        context.update(body.pop("context", {}))
        body = {"messageId": f"demo-{self.serial}", "timestamp": stamp(moment), "context": context, **body}
        return Event(moment, consumer, body, channel == "web", frozenset(dirt))

    def introduction(self, moment, consumer):
        """The consumer registers somewhere, with a code sent to the number, and leaves a name and perhaps an email, which nobody checks."""
        traits = {"name": consumer.name, "city": consumer.city, "phone": consumer.numbers.at(moment)}
        ids, verified, dirt = {}, ["phone"], set()
        if self.counter() == "tablet":
            ids, dirt = self.at_tablet(consumer, moment)
            del traits["phone"]
        elif consumer.member:
            ids = {"userId": consumer.member}
            if consumer.browsers or consumer.devices:
                ids["anonymousId"] = (consumer.devices or consumer.browsers)[0]
        elif consumer.unionid:
            ids, dirt = self.at_mini_program(consumer, moment)
        else:
            ids, dirt = self.at_till(consumer, moment)
            del traits["phone"]
        if consumer.email:
            traits["email"], slip = self.typed_email(consumer)
            dirt = dirt | slip
        context = {"verified": verified, **ids.pop("context", {})}
        return self.event(moment, consumer, "registration", {"type": "identify", **ids, "traits": traits, "context": context}, dirt)

    def binding(self, moment, consumer, channel):
        """At the first use of a channel most people leave their number: that is what joins the channels. WeChat vouches for it, web forms do not."""
        if channel in ("till", "tablet"):
            return []
        ids, dirt = self.identity_of(consumer, moment, channel)
        key = ids["context"]["externalIds"][0]["id"] if channel == "marketplace" else ids["anonymousId"]
        if key in self.seen:
            return []
        self.seen.add(key)
        if self.draw.random() > (JOINS_MEMBERS if channel == "marketplace" else LEAVES_NUMBER):
            return []
        vouched = channel in ("app", "marketplace") or (channel == "mini_program" and self.draw.random() < 0.8)
        number, slip = (consumer.numbers.at(moment), set()) if vouched else self.typed_number(consumer, moment)
        context = {**ids.pop("context", {}), "verified": ["phone", "tmall_buyer", "jd_buyer"] if vouched else []}
        context.pop("traits", None)
        return [self.event(moment, consumer, channel, {"type": "identify", **ids, "context": context, "traits": {"phone": number}}, dirt | slip)]

    def order(self, moment, consumer, channel):
        items = self.draw.sample(SKUS, self.draw.choice((1, 1, 2, 3)))
        total = sum(price for _, _, price in items)
        order_id = f"D{self.serial + 1:08d}"
        ids, dirt = self.identity_of(consumer, moment, channel)
        if channel == "web" and "userId" not in ids:  # guests say where the parcel goes
            number, slip = self.typed_number(consumer, moment)
            ids["context"] = {"traits": {"phone": number}}
            dirt = dirt | slip
        events = [self.event(moment, consumer, channel, {
            "type": "track", "event": "Order Completed", **ids,
            "properties": {"order_id": order_id, "total": f"{total}.00", "currency": "CNY", "store": self.draw.choice(self.stores),
                           "guide": self.draw.choice(self.guides),
                           "products": [{"product_id": sku, "category": category, "price": price} for sku, category, price in items]}}, dirt)]
        if self.draw.random() < 0.04:
            back = moment + datetime.timedelta(days=self.draw.uniform(1, 12))
            ids, dirt = self.identity_of(consumer, back, channel)
            events.append(self.event(back, consumer, channel, {
                "type": "track", "event": "Order Refunded", **ids,
                "properties": {"order_id": order_id, "total": f"{total}.00", "currency": "CNY"}}, dirt))
        return events

    def visit(self, moment, consumer, channel):
        ids, dirt = self.identity_of(consumer, moment, channel)
        return self.event(moment, consumer, channel, {
            "type": "track", "event": "Product Viewed", **ids, "properties": {"product_id": self.draw.choice(SKUS)[0]}}, dirt)

    def lead(self, moment, consumer):
        """A media platform reports who answered an advertisement: by a hash of the number, and by the browser that came to the brand's page."""
        number = consumer.numbers.at(moment)
        encoding = self.draw.choice(("md5", "sha256"))
        hashed = hashlib.new(encoding, (self.draw.choice(("", "+86", "86")) + number).encode()).hexdigest()
        anonymous = self.draw.choice(consumer.browsers) if consumer.browsers else f"lead-{consumer.number}"
        return self.event(moment, consumer, "media", {
            "type": "track", "event": "Lead Submitted", "anonymousId": anonymous,
            "context": {"externalIds": [{**external("phone", hashed), "encoding": encoding}]}, "properties": {"platform": "feed"}}, {"media"})

    def new_number(self, moment, consumer):
        """Who has another number says so in the account, with a code sent to it."""
        return self.event(moment, consumer, "registration", {
            "type": "identify", "userId": consumer.member, "traits": {"phone": consumer.numbers.at(moment)}, "context": {"verified": ["phone"]}})

    # -- time

    def moments(self, first, last, count):
        span = (last - first).total_seconds()
        return sorted(first + datetime.timedelta(seconds=self.draw.uniform(0, span)) for _ in range(count))

    def history(self):
        """Orders of the 150 days before the suite came into use, from the old system."""
        events = []
        first = self.start - datetime.timedelta(days=150)
        for consumer in self.consumers[: len(self.consumers) // 3]:
            for moment in self.moments(first, self.start, self.draw.choice((1, 1, 2, 3))):
                events += [e for e in self.order(moment, consumer, self.counter()) if e.moment < self.start]
        return sorted(events, key=lambda e: e.moment)

    def life(self, consumer, end):
        events = []
        if self.draw.random() < 0.9:
            events.append(self.introduction(self.moments(self.start, end, 1)[0], consumer))
        visits = min(12, int(1 + consumer.activity * 1.2))
        for moment in self.moments(self.start, end, visits):
            channel = self.channel(consumer)
            events += self.binding(moment, consumer, channel)
            if self.draw.random() < 0.35 or channel == "marketplace":
                events += self.order(moment, consumer, channel)
            else:
                events.append(self.visit(moment, consumer, channel))
        if self.draw.random() < 0.15:
            events.append(self.lead(self.moments(self.start, end, 1)[0], consumer))
        for since, _ in consumer.numbers.main[1:]:
            if consumer.member and self.draw.random() < 0.7:
                events.append(self.new_number(since + datetime.timedelta(days=self.draw.uniform(0, 7)), consumer))
        return events

    def by_day(self):
        """The events of each day, in order."""
        end = self.start + datetime.timedelta(days=self.days)
        events = [event for consumer in self.consumers for event in self.life(consumer, end)]
        events.sort(key=lambda e: e.moment)
        days = [[] for _ in range(self.days)]
        for event in events:
            day = (event.moment - self.start).days
            if day < self.days:
                days[day].append(event)
        return days
