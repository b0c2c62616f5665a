# SPDX-License-Identifier: Apache-2.0
"""Journeys that send, to real receivers, while campaign dies."""
import collections
import random
import threading
import time

from receivers import Mailbox, Webhooks
from suite import Suite, wait_for

ENTRY = {"event": {"event": "Cart Abandoned"}}


def webhook(step, url, **content):
    return {"id": step, "type": "send", "channel": "webhook", "url": url, "secret": "s3cret",
            "content": {"step": step, "person": "{{one_id}}", **content}}


def publish(suite, **definition):
    journey = suite.post("/api/v1/journeys", {"name": "test", "entry": ENTRY, **definition})
    suite.post(f"/api/v1/journeys/{journey['id']}/publish")
    suite.wait_quiet()
    return journey["id"]


def abandoned(number, **more):
    return {"type": "track", "event": "Cart Abandoned", "userId": f"u{number}", "messageId": f"cart-{number}", **more}


def steps_of(suite, journey):
    return {step["id"]: step for step in suite.get(f"/api/v1/journeys/{journey}")["steps"]}


def test_a_send_happens_at_most_once_however_often_campaign_dies(suite):
    persons, deaths, seed = 400, 12, 7
    chance = random.Random(seed)
    with Webhooks() as hooks:
        journey = publish(suite, steps=[webhook("first", hooks.url), webhook("second", hooks.url)])
        sender = threading.Thread(target=lambda: [suite.send([abandoned(n)]) for n in range(persons)])
        sender.start()
        for _ in range(deaths):
            time.sleep(chance.uniform(0.05, 0.4))  # the moment of death is what varies
            suite.kill("campaign")
            suite.start("campaign")
        sender.join()
        suite.wait_quiet()
        times = collections.Counter((body["person"], body["step"]) for body in hooks.bodies())
        steps = steps_of(suite, journey)
    assert max(times.values()) == 1
    assert len({key for key, _ in times}) <= persons
    delivered = sum(step["delivered"] for step in steps.values())
    unknown = sum(step["unknown"] for step in steps.values())
    assert delivered + unknown == 2 * persons, steps
    assert delivered <= len(times) <= delivered + unknown
    assert unknown <= deaths * 64  # no more than can be under way at once


def test_an_answer_that_never_came_is_unknown_and_not_sent_again(directory):
    with Suite(directory, settings={"campaign.send_timeout": "300ms"}).start() as suite:
        with Webhooks(lambda seen: "hang" if b'"hang"' in seen["body"] else "close") as hooks:
            journey = publish(suite, steps=[webhook("hang", hooks.url), webhook("close", hooks.url)])
            suite.send([abandoned(1)])
            suite.wait_quiet()
            suite.advance("2d")
            suite.wait_quiet()
            assert len(hooks.requests) == 2
            assert {name: step["unknown"] for name, step in steps_of(suite, journey).items()} == {"hang": 1, "close": 1}


def test_a_receiver_that_is_busy_is_asked_again_with_the_same_key(suite):
    answers = [503, 429, 200]
    with Webhooks(lambda seen: answers.pop(0)) as hooks:
        journey = publish(suite, steps=[webhook("s", hooks.url)])
        suite.send([abandoned(1)])
        suite.wait_quiet()
        assert len(hooks.requests) == 1
        suite.advance("10m")
        suite.wait_quiet()
        assert len(hooks.requests) == 3
        assert len({seen["headers"]["Idempotency-Key"] for seen in hooks.requests}) == 1
        assert steps_of(suite, journey)["s"]["delivered"] == 1


def test_persons_who_are_joined_on_the_way_get_one_message(suite):
    with Webhooks() as hooks:
        publish(suite, steps=[{"id": "w", "type": "wait", "for": "1h"}, webhook("s", hooks.url)])
        suite.send([abandoned(1), abandoned(2), abandoned(3)])
        suite.wait_quiet()
        suite.send([{"type": "identify", "userId": f"u{n}", "messageId": f"i{n}", "traits": {"phone": "13800138000"}}
                    for n in (1, 2)])
        suite.wait_quiet()
        suite.advance("2h")
        suite.wait_quiet()
        one = suite.lookup("user_id", "u1").json["one_id"]
        assert suite.lookup("user_id", "u2").json["one_id"] == one
        other = suite.lookup("user_id", "u3").json["one_id"]
        assert sorted(body["person"] for body in hooks.bodies()) == sorted([one, other])


def test_email_goes_to_who_has_an_address(directory):
    with Mailbox() as box:
        settings = {"campaign.smtp_url": box.url, "campaign.smtp_from": "brand@example.com"}
        with Suite(directory, settings=settings).start() as suite:
            journey = publish(suite, steps=[
                {"id": "m", "type": "send", "channel": "email", "subject": "您好 {{name}}", "text": "Dear {{name}}"}])
            suite.send([{"type": "identify", "userId": "u1", "messageId": "i1",
                         "traits": {"email": "ann@example.com", "name": "Ann"}}])
            suite.send([abandoned(1), abandoned(2)])
            suite.wait_quiet()
            wait_for(lambda: len(box.mails) == 1, "one mail")
            assert box.mails[0]["to"] == ["ann@example.com"]
            step = steps_of(suite, journey)["m"]
            assert (step["delivered"], step["skipped"]) == (1, 1)
            for path in [suite.data / "campaign", *suite.directory.glob("campaign.log")]:
                for file in ([path] if path.is_file() else path.rglob("*")):
                    assert not file.is_file() or b"ann@example.com" not in file.read_bytes(), file
