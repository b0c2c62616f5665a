# SPDX-License-Identifier: Apache-2.0
"""Journeys that send, to real receivers, while campaign dies."""
import collections
import hashlib
import hmac
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from mail_servers import MailServer, ScriptedMailServer
from receivers import Webhooks
from suite import Suite, wait_for

ENTRY = {"event": {"event": "Cart Abandoned"}}
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"  # whom libcurl trusts on Debian
TRUSTING = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]  # may be given other files to trust, alone


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


def send_while_campaign_dies(suite, persons, deaths, seed):
    """What sets off the journey, for each person, while campaign is killed again and again."""
    chance = random.Random(seed)
    sender = threading.Thread(target=lambda: [suite.send([abandoned(n)]) for n in range(persons)])
    sender.start()
    for _ in range(deaths):
        time.sleep(chance.uniform(0.05, 0.4))  # the moment of death is what varies
        suite.kill("campaign")
        suite.start("campaign")
    sender.join()
    suite.wait_quiet()


def test_a_send_happens_at_most_once_however_often_campaign_dies(suite):
    persons, deaths, seed = 400, 12, 7
    with Webhooks() as hooks:
        journey = publish(suite, steps=[webhook("first", hooks.url), webhook("second", hooks.url)])
        send_while_campaign_dies(suite, persons, deaths, seed)
        times = collections.Counter((body["person"], body["step"]) for body in hooks.bodies())
        steps = steps_of(suite, journey)
    assert max(times.values()) == 1
    assert len({key for key, _ in times}) <= persons
    delivered = sum(step["delivered"] for step in steps.values())
    unknown = sum(step["unknown"] for step in steps.values())
    assert delivered + unknown == 2 * persons, steps
    assert delivered <= len(times) <= delivered + unknown
    assert unknown <= deaths * 64  # no more than can be under way at once


def test_a_secret_signs_and_is_never_seen_again(suite):
    secret, second = "correct-horse-battery-staple", "another-staple-of-horses"
    with Webhooks() as hooks:
        journey = publish(suite, steps=[{**webhook("s", hooks.url), "secret": secret}])

        def change(**more):
            shown = suite.get(f"/api/v1/journeys/{journey}")["definition"]
            assert "secret" not in shown["steps"][0] and shown["steps"][0]["secret_set"] is True
            answer = suite.api("PUT", f"/api/v1/journeys/{journey}", {**shown, "steps": [{**shown["steps"][0], **more}]})
            assert answer.status == 200, answer
            assert "secret" not in answer.json["definition"]["steps"][0], answer
            suite.wait_quiet()

        def signed_with():
            seen = hooks.requests[-1]
            stamp, signature = seen["headers"]["X-Quanyu-Timestamp"], seen["headers"]["X-Quanyu-Signature"]
            return [key for key in (secret, second) if signature == "v1=" + hmac.new(
                key.encode(), f"{stamp}.".encode() + seen["body"], hashlib.sha256).hexdigest()]

        for number, (more, key) in enumerate([({}, secret), ({"secret": second}, second), ({"content": {"a": 1}}, second)]):
            change(**more)
            suite.send([abandoned(number)])
            suite.wait_quiet()
            assert len(hooks.requests) == number + 1
            assert signed_with() == [key]
        answer = suite.api("PUT", f"/api/v1/journeys/{journey}", {"name": "n", "entry": ENTRY, "steps": [
            {"id": "other", "type": "send", "channel": "webhook", "url": hooks.url, "content": {}}]})
        assert answer.status == 400 and answer.json["field"] == "/steps/0/secret", answer
    suite.stop()
    for path in suite.directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret.encode() not in data and second.encode() not in data, path


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
        suite.send([{"type": "alias", "userId": "u1", "previousId": "u2", "messageId": "joined"}])
        suite.wait_quiet()
        suite.advance("2h")
        suite.wait_quiet()
        one = suite.lookup("user_id", "u1").json["one_id"]
        assert suite.lookup("user_id", "u2").json["one_id"] == one
        other = suite.lookup("user_id", "u3").json["one_id"]
        assert sorted(body["person"] for body in hooks.bodies()) == sorted([one, other])


def mail(step, subject="Hello", **content):
    return {"id": step, "type": "send", "channel": "email", "subject": subject, **(content or {"text": "Dear {{name}}"})}


def consumer(number, address, name="Ann"):
    return {"type": "identify", "userId": f"u{number}", "messageId": f"i{number}", "traits": {"email": address, "name": name}}


def mailing(url):
    return {"campaign.smtp_url": url, "campaign.smtp_from": "brand@example.com"}


def test_email_goes_to_who_has_an_address(directory):
    text = "Dear {{name}},\n.\n..\n" + "长" * 2000
    with MailServer() as server, Suite(directory, settings=mailing(server.url)).start() as suite:
        journey = publish(suite, steps=[mail("m", "您好 {{name}}，" + "好" * 60, text=text, html="<p>{{name}}</p>")])
        suite.send([consumer(1, "ann@example.com", "<安>"), consumer(2, "nobody@example.com"), abandoned(1), abandoned(2),
                    abandoned(3)])
        suite.wait_quiet()
        arrived, = wait_for(server.mails, "one mail")
        step = steps_of(suite, journey)["m"]
        assert (step["delivered"], step["failed"], step["skipped"]) == (1, 1, 1)
        for path in [suite.data / "campaign", *suite.directory.glob("campaign.log")]:
            for file in ([path] if path.is_file() else path.rglob("*")):
                assert not file.is_file() or b"ann@example.com" not in file.read_bytes(), file
    assert (arrived["From"], arrived["To"], arrived["Envelope-to"]) == (
        "brand@example.com", "ann@example.com", "ann@example.com")
    assert arrived["Subject"] == "您好 <安>，" + "好" * 60
    assert abs(arrived["Date"].datetime.timestamp() - time.time()) < 300
    assert arrived["Message-ID"] == f"<{arrived['X-Quanyu-Delivery']}@example.com>"
    assert arrived.get_body(("plain",)).get_content().replace("\r\n", "\n") == text.replace("{{name}}", "<安>")
    assert arrived.get_body(("html",)).get_content().strip() == "<p>&lt;安&gt;</p>"
    assert not arrived.defects


def test_email_is_encrypted_for_a_server_that_can_be_trusted(directory):
    if subprocess.run(TRUSTING + ["true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace here, so that nobody can be made to trust a certificate of the test's")
    with MailServer(tls=True, needs_login=True) as server:
        url = server.url.replace("://", "://brand:s3cret@")
        suite = Suite(directory, settings=mailing(url))
        suite.wrappers["campaign"] = TRUSTING + ["sh", "-c", f'mount --bind {server.certificate} {TRUSTED} && exec "$@"', "sh"]
        with suite.start():
            journey = publish(suite, steps=[mail("m")])
            suite.send([consumer(1, "ann@example.com"), abandoned(1)])
            suite.wait_quiet()
            assert steps_of(suite, journey)["m"]["delivered"] == 1
            arrived, = wait_for(server.mails, "one mail")
            assert "with esmtpsa" in arrived["Received"]


def test_email_waits_for_a_server_that_is_away_or_not_to_be_trusted(directory):
    with MailServer() as server, MailServer(tls=True) as impostor:
        server.stop()
        with Suite(directory, settings=mailing(impostor.url)).start() as suite:
            journey = publish(suite, steps=[mail("m")])
            suite.send([consumer(1, "ann@example.com"), abandoned(1)])
            suite.wait_quiet()
            suite.kill("campaign", signal.SIGTERM)
            suite.environment["QUANYU_CAMPAIGN_SMTP_URL"] = server.url
            suite.start("campaign")
            suite.advance("10s")
            suite.wait_quiet()
            server.start()
            suite.advance("10m")
            suite.wait_quiet()
            assert steps_of(suite, journey)["m"]["delivered"] == 1
            wait_for(server.mails, "one mail")
            assert len(server.mails()) == 1
            assert impostor.mails() == []


def test_a_mail_without_an_answer_is_unknown_and_not_sent_again(directory):
    with ScriptedMailServer() as server:
        settings = {**mailing(server.url), "campaign.send_timeout": "1s"}
        with Suite(directory, settings=settings).start() as suite:
            journey = publish(suite, steps=[mail("m")])
            suite.send([consumer(1, "hang@example.com"), consumer(2, "close@example.com"), abandoned(1), abandoned(2)])
            suite.wait_quiet()
            suite.advance("2d")
            suite.wait_quiet()
            assert sorted(server.recipients) == ["close@example.com", "hang@example.com"]
            assert steps_of(suite, journey)["m"]["unknown"] == 2


def test_a_mail_is_sent_at_most_once_however_often_campaign_dies(directory):
    persons, deaths, seed = 150, 5, 11
    with MailServer() as server, Suite(directory, settings=mailing(server.url)).start() as suite:
        journey = publish(suite, steps=[mail("m")])
        suite.send([consumer(n, f"u{n}@example.com") for n in range(persons)])
        suite.wait_quiet()
        send_while_campaign_dies(suite, persons, deaths, seed)
        step = steps_of(suite, journey)["m"]
        assert step["delivered"] + step["unknown"] == persons, step
        wait_for(lambda: len(server.mails()) >= step["delivered"], "all mails")
        times = collections.Counter(arrived["To"] for arrived in server.mails())
    assert max(times.values()) == 1
    assert step["delivered"] <= len(times) <= persons
