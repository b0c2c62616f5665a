# SPDX-License-Identifier: Apache-2.0
"""The made-up brand's consumers: under which identifiers each appears, and which of them are not theirs alone. Who is who is known.

What makes it hard is as common as in retail: people who share a number, numbers that go to somebody else, second numbers, new cards."""
import dataclasses
import datetime

CITIES = ["上海", "北京", "广州", "深圳", "成都", "杭州", "武汉", "西安", "南京", "重庆"]
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
PINYIN = ("wang", "li", "zhang", "liu", "chen", "yang", "huang", "zhao", "wu", "zhou", "xu", "sun", "ma", "zhu", "hu", "guo", "he", "gao")
MAILERS = ("example.com", "mail.example", "post.example")
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰"
MARKETPLACES = ("tmall_buyer", "jd_buyer")
MINI_PROGRAM, OFFICIAL_ACCOUNT = "wx_mini", "wx_account"

IN_FAMILIES = 0.05     # of the people
REASSIGNED = 0.01      # of the numbers
TYPOS = 0.02           # of what is typed
SECOND_NUMBER = 0.15   # of the people
NEW_CARD = 0.03        # of the cards: lost, and another given


@dataclasses.dataclass
class Numbers:
    """Of one person: each from when on, and second ones."""
    main: list  # (since, number)
    others: list

    def at(self, moment):
        return [number for since, number in self.main if since is None or since <= moment][-1]


class Consumer:
    def __init__(self, number, draw, phone):
        self.number = number
        self.numbers = Numbers([(None, phone)], [])
        self.dirt = set()  # of what kinds: "family", "reassigned", …
        self.name = draw.choice(SURNAMES) + "".join(draw.sample(GIVEN, draw.choice((1, 2))))
        self.city = draw.choice(CITIES)
        self.email = f"{draw.choice(PINYIN)}{draw.randrange(10 ** 6):06d}@{draw.choice(MAILERS)}" if draw.random() < 0.4 else None
        self.member = f"user-shop-{number}" if draw.random() < 0.75 else None  # the account in web shop and app
        self.devices = [f"app-{number}-{i}" for i in range(draw.choice((1, 1, 2)))] if self.member and draw.random() < 0.4 else []
        self.cards = [f"card-{number:08d}"] if draw.random() < 0.6 else []
        self.unionid = f"o6_{number:012x}" if draw.random() < 0.7 else None
        self.mini_program = f"oMp{number:012x}" if self.unionid else None
        self.account = f"oAc{number:012x}" if self.unionid and draw.random() < 0.5 else None  # follows the official account
        self.browsers = [f"web-{number}-{i}" for i in range(draw.choice((0, 1, 1, 2, 3)))]
        self.buyer = {place: f"{place[:2]}-{draw.getrandbits(64):016x}" for place in MARKETPLACES if draw.random() < 0.2}
        self.activity = draw.paretovariate(1.6)
        self.card_lost = None

    def card_at(self, moment):
        return self.cards[-1] if self.card_lost and moment >= self.card_lost else self.cards[0]


class Population:
    """`start` and `days` say when numbers change hands."""

    def __init__(self, draw, count, start, days):
        self.draw, self.start, self.days = draw, start, days
        self.taken = set()
        self.consumers = [Consumer(number, draw, self.new_number()) for number in range(count)]
        others = draw.sample(self.consumers, count)
        others = self.make_families(others)
        self.reassign(others)
        self.vary()

    def new_number(self):
        while True:
            number = f"1{self.draw.choice('358')}{self.draw.choice('012356789')}{self.draw.randrange(10 ** 8):08d}"
            if number not in self.taken:
                self.taken.add(number)
                return number

    def moment(self, first=0.0, last=1.0):
        return self.start + datetime.timedelta(days=self.days * self.draw.uniform(first, last))

    def make_families(self, consumers):
        """Two to five people on one number, until enough are. Returns the rest."""
        wanted = round(len(self.consumers) * IN_FAMILIES)
        used = 0
        while used < wanted:
            family = consumers[used:used + self.draw.randint(2, 5)]
            used += len(family)
            for consumer in family:
                consumer.numbers = family[0].numbers
                consumer.city = family[0].city
                consumer.dirt.add("family")
        return consumers[used:]

    def reassign(self, consumers):
        """Somebody gives a number up and has another; some days or weeks later a stranger has it."""
        for i in range(round(len(self.consumers) * REASSIGNED)):
            before, after = consumers[2 * i], consumers[2 * i + 1]
            given_up = self.moment(0.1, 0.7)
            taken_up = given_up + datetime.timedelta(days=self.draw.uniform(3, 25))
            number = before.numbers.at(given_up)
            before.numbers = Numbers([(None, number), (given_up, self.new_number())], [])
            after.numbers = Numbers([*after.numbers.main, (taken_up, number)], [])
            before.dirt.add("reassigned")
            after.dirt.add("reassigned")

    def vary(self):
        for consumer in self.consumers:
            if self.draw.random() < SECOND_NUMBER:
                numbers = consumer.numbers
                consumer.numbers = Numbers(numbers.main, [*numbers.others, self.new_number()])
                consumer.dirt.add("second number")
            if consumer.cards and self.draw.random() < NEW_CARD:
                consumer.card_lost = self.moment()
                consumer.cards.append(f"card-new-{consumer.number}")
                consumer.dirt.add("new card")


def mistype_number(draw, number):
    """One digit is another, two are the wrong way round, one is missing or twice there."""
    at = draw.randrange(1, len(number) - 1)
    slip = draw.choice(("digit", "digit", "swap", "swap", "miss", "twice"))
    if slip == "digit":
        return number[:at] + draw.choice([d for d in "0123456789" if d != number[at]]) + number[at + 1:]
    if slip == "swap":
        return number[:at] + number[at + 1] + number[at] + number[at + 2:]
    return number[:at] + number[at + 1:] if slip == "miss" else number[:at] + number[at] + number[at:]


def mistype_email(draw, email):
    name, domain = email.split("@")
    at = draw.randrange(1, len(name) - 1)
    slip = draw.choice(("miss", "swap", "domain"))
    if slip == "miss":
        return f"{name[:at]}{name[at + 1:]}@{domain}"
    return f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2:]}@{domain}" if slip == "swap" else f"{name}@{domain[:-1]}"
