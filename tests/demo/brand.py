# SPDX-License-Identifier: Apache-2.0
"""A made-up brand: stores, guides, touchpoints, and consumers who use several identifiers across channels. Seeded; who is who is known."""
import datetime
import random

CITIES = ["上海", "北京", "广州", "深圳", "成都", "杭州", "武汉", "西安", "南京", "重庆"]
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰"
SKUS = [("serum", "护肤", 329), ("cream", "护肤", 268), ("mask", "护肤", 99), ("lipstick", "彩妆", 189), ("powder", "彩妆", 239),
        ("perfume", "香氛", 499), ("shampoo", "洗护", 79), ("sunscreen", "防晒", 149)]
UTC = datetime.timezone.utc


def stamp(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Consumer:
    def __init__(self, number, draw, shared_phone=None):
        self.number = number
        self.phone = shared_phone or f"1{draw.choice('3578')}{draw.randrange(10 ** 9):09d}"
        self.name = draw.choice(SURNAMES) + "".join(draw.sample(GIVEN, draw.choice((1, 2))))
        self.city = draw.choice(CITIES)
        self.email = f"user{number}@example.com" if draw.random() < 0.4 else None
        self.member = f"user-shop-{number}" if draw.random() < 0.75 else None  # the web shop's user id
        self.card = f"card-{number:08d}" if draw.random() < 0.6 else None      # the till's member card
        self.unionid = f"o6_{number:012x}" if draw.random() < 0.7 else None    # the mini program's union id
        self.browsers = [f"web-{number}-{i}" for i in range(draw.choice((0, 1, 1, 2)))]
        self.activity = draw.paretovariate(1.6)

    @property
    def identifiers(self):
        """Every identifier under which this consumer may appear."""
        found = [("phone", "+86" + self.phone)]
        found += [("email", self.email)] if self.email else []
        found += [("user_id", self.member)] if self.member else []
        found += [("member_card", self.card)] if self.card else []
        found += [("wechat_unionid", self.unionid)] if self.unionid else []
        return found + [("anonymous_id", browser) for browser in self.browsers]


class Brand:
    def __init__(self, seed=7, consumers=20000, days=90, start=datetime.datetime(2026, 1, 1, tzinfo=UTC)):
        self.draw = random.Random(seed)
        self.days = days
        self.start = start
        self.stores = [f"store-{i:03d}" for i in range(60)]
        self.guides = [f"guide-{i:03d}" for i in range(240)]
        self.touchpoints = [f"tp-{kind}-{i:03d}" for kind in ("till", "shelf", "sticker", "poster", "parcel") for i in range(40)]
        self.consumers = []
        family = None
        for number in range(consumers):
            shared = family if number and self.draw.random() < 0.002 else None  # two people on one phone
            self.consumers.append(Consumer(number, self.draw, shared))
            family = self.consumers[-1].phone
        self.serial = 0
        self.seen = set()

    # -- events

    def event(self, moment, consumer, channel, body):
        self.serial += 1
        context = {"channel": channel, "touchpoint": self.draw.choice(self.touchpoints)}
        context.update(body.pop("context", {}))
        return (moment, consumer, {"messageId": f"demo-{self.serial}", "timestamp": stamp(moment), "context": context, **body})

    def identity_of(self, consumer, channel):
        """Under what an event of this channel names the consumer."""
        anonymous = f"{channel}-{consumer.number}"
        if channel == "web":
            anonymous = self.draw.choice(consumer.browsers) if consumer.browsers else anonymous
            return {"anonymousId": anonymous, **({"userId": consumer.member} if consumer.member and self.draw.random() < 0.6 else {})}
        if channel == "mini_program" and consumer.unionid:
            return {"anonymousId": consumer.unionid,
                    "context": {"externalIds": [{"type": "wechat_unionid", "id": consumer.unionid, "collection": "users", "encoding": "none"}]}}
        ids = [{"type": "phone", "id": consumer.phone, "collection": "users", "encoding": "none"}]
        if consumer.card and self.draw.random() < 0.8:
            ids.append({"type": "member_card", "id": consumer.card, "collection": "users", "encoding": "none"})
        return {"anonymousId": f"till-{consumer.number}", "context": {"externalIds": ids}}

    def introduction(self, moment, consumer):
        """The consumer registers somewhere and leaves a phone number."""
        traits = {"name": consumer.name, "phone": consumer.phone, "city": consumer.city}
        if consumer.email:
            traits["email"] = consumer.email
        body = {"type": "identify", "traits": traits}
        if consumer.member:
            body["userId"] = consumer.member
            if consumer.browsers:
                body["anonymousId"] = consumer.browsers[0]
        elif consumer.unionid:
            body.update(self.identity_of(consumer, "mini_program"))
        else:
            body["anonymousId"] = f"till-{consumer.number}"
        return self.event(moment, consumer, "registration", body)

    def binding(self, moment, consumer, channel):
        """At the first use of a channel most people leave their phone number: that is what joins the channels."""
        ids = self.identity_of(consumer, channel)
        key = ids.get("anonymousId")
        if key in self.seen or channel == "till":
            return []
        self.seen.add(key)
        if self.draw.random() > 0.85:
            return []
        return [self.event(moment, consumer, channel, {"type": "identify", **ids, "traits": {"phone": consumer.phone}})]

    def order(self, moment, consumer, channel):
        items = self.draw.sample(SKUS, self.draw.choice((1, 1, 2, 3)))
        total = sum(price for _, _, price in items)
        order_id = f"D{self.serial + 1:08d}"
        body = {"type": "track", "event": "Order Completed", **self.identity_of(consumer, channel),
                "properties": {"order_id": order_id, "total": f"{total}.00", "currency": "CNY", "store": self.draw.choice(self.stores),
                               "guide": self.draw.choice(self.guides),
                               "products": [{"product_id": sku, "category": category, "price": price} for sku, category, price in items]}}
        events = [self.event(moment, consumer, channel, body)]
        if self.draw.random() < 0.04:
            back = moment + datetime.timedelta(days=self.draw.uniform(1, 12))
            events.append(self.event(back, consumer, channel, {
                "type": "track", "event": "Order Refunded", **self.identity_of(consumer, channel),
                "properties": {"order_id": order_id, "total": f"{total}.00", "currency": "CNY"}}))
        return events

    def visit(self, moment, consumer, channel):
        return self.event(moment, consumer, channel, {
            "type": "track", "event": "Product Viewed", **self.identity_of(consumer, channel),
            "properties": {"product_id": self.draw.choice(SKUS)[0]}})

    def moments(self, first, last, count):
        span = (last - first).total_seconds()
        return sorted(first + datetime.timedelta(seconds=self.draw.uniform(0, span)) for _ in range(count))

    def channel(self, consumer):
        return self.draw.choice(["till", "till", "web", "mini_program" if consumer.unionid else "till"])

    def history(self):
        """Orders of the 150 days before the suite came into use, from the old system."""
        events = []
        first = self.start - datetime.timedelta(days=150)
        for consumer in self.consumers[: len(self.consumers) // 3]:
            for moment in self.moments(first, self.start, self.draw.choice((1, 1, 2, 3))):
                events += [e for e in self.order(moment, consumer, "till") if e[0] < self.start]
        return sorted(events, key=lambda e: e[0])

    def by_day(self):
        """The events of each day, in order."""
        end = self.start + datetime.timedelta(days=self.days)
        events = []
        for consumer in self.consumers:
            if self.draw.random() < 0.9:
                registered = self.moments(self.start, end, 1)[0]
                events.append(self.introduction(registered, consumer))
            visits = min(12, int(1 + consumer.activity * 1.2))
            for moment in self.moments(self.start, end, visits):
                channel = self.channel(consumer)
                events += self.binding(moment, consumer, channel)
                if self.draw.random() < 0.35:
                    events += self.order(moment, consumer, channel)
                else:
                    events.append(self.visit(moment, consumer, channel))
        events.sort(key=lambda e: e[0])
        days = [[] for _ in range(self.days)]
        for event in events:
            day = (event[0] - self.start).days
            if day < self.days:
                days[day].append(event)
        return days
