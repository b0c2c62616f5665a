# SPDX-License-Identifier: Apache-2.0
"""Phones and emails that come hashed, as media platforms hand them on."""
import hashlib

from edge import metric
from suite import wait_for

PHONES = 13_000
STEP = 97


def phone(number):
    return f"1380{number:07d}"


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def hashed(message, kind, digest, **more):
    return {"type": "track", "event": "Ad Clicked", "messageId": message, "anonymousId": f"ad-{message}",
            "context": {"externalIds": [{"type": kind, "id": digest, **more}]}}


def one_id(suite, kind, value):
    answer = suite.lookup(kind, value)
    assert answer.status == 200, (kind, value, answer)
    return answer.json["one_id"]


def test_whoever_came_hashed_is_who_he_is_in_the_clear(suite):
    sha256 = hashlib.sha256(b"xiaoming@example.com").hexdigest()
    suite.send([
        hashed("a", "phone", md5("+8613800138000").upper(), encoding="md5"),
        {"type": "identify", "userId": "u1", "messageId": "b", "traits": {"phone": "138 0013 8000", "email": "Xiaoming@Example.com"}},
        hashed("c", "email_sha256", sha256),
        hashed("d", "phone_sha1", hashlib.sha1(b"13800138000").hexdigest()),
        hashed("e", "phone", md5("13900139000"), encoding="md5"),
    ])
    suite.wait_quiet()
    answer = suite.lookup("user_id", "u1")
    person = answer.json
    shown = {(one["kind"], one["value"]) for one in person["identifiers"]}
    assert {("phone_md5", f"md5:{md5('+8613800138000')[:4]}…"), ("email_sha256", f"sha256:{sha256[:4]}…"), ("phone", "138****8000")} <= shown
    assert len(shown) == 9 and len([event for event in person["events"] if event["name"] == "Ad Clicked"]) == 3
    assert sha256 not in str(answer.json) and md5("+8613800138000") not in str(answer.json)
    assert one_id(suite, "phone_md5", md5("+8613800138000")) == one_id(suite, "email_sha256", sha256.upper()) == person["one_id"]
    assert one_id(suite, "phone_md5", md5("8613800138000")) == person["one_id"]  # nobody sent this one
    assert one_id(suite, "phone_md5", md5("13900139000")) != person["one_id"]
    assert suite.lookup("phone_md5", "a" * 32).status == 404
    assert suite.count({"everyone": True}) == 2


def test_the_index_of_those_who_are_there_outlasts_being_killed(suite):
    suite.send([{"type": "identify", "messageId": f"p{i}", "anonymousId": f"p{i}", "traits": {"phone": phone(i)}} for i in range(PHONES)], size=1000)
    suite.wait_quiet()
    suite.send([hashed("first", "phone_md5", md5(phone(PHONES)))])
    for _ in range(4):
        wait_for(lambda: metric(suite, "quanyu_pending", "identity") < PHONES, "the index is begun")
        suite.kill("identity")
        suite.start("identity")
    suite.send([hashed(f"h{i}", "phone_md5", md5("86" + phone(i))) for i in range(0, PHONES, STEP)])
    suite.wait_quiet()
    for i in range(0, PHONES, STEP):
        assert one_id(suite, "phone", phone(i)) == one_id(suite, "phone_md5", md5("86" + phone(i))) == one_id(suite, "phone_md5", md5(phone(i)))
    assert suite.count({"everyone": True}) == PHONES + 1
