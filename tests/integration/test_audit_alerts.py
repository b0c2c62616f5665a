# SPDX-License-Identifier: Apache-2.0
"""Unusual use is noticed, told of and acknowledged: from records that a suite made, through webhook and email."""
import hashlib
import hmac
import json

from mail_servers import MailServer
from receivers import Webhooks
from suite import Suite, request, wait_for


def set_rules(suite, rules):
    return request(suite.ports["audit", "HTTP_PORT"], "PUT", "/v1/alert-rules", json.dumps(rules),
                   {"Authorization": f"Bearer {suite.bootstrap['auditor_token']}", "Content-Type": "application/json"})


def acknowledge(suite, alert, note):
    return request(suite.ports["audit", "HTTP_PORT"], "POST", f"/v1/alerts/{alert}/acknowledge", json.dumps({"note": note}),
                   {"Authorization": f"Bearer {suite.bootstrap['auditor_token']}", "Content-Type": "application/json"})


def test_what_is_wrong_with_rules_is_named_and_changes_nothing(suite):
    standard = suite.audit("/v1/alert-rules").json
    assert standard["window_days"] == 28 and standard["rules"]["off_hours"]["on"] and standard["webhook"] is None
    for rules, field in (({"window_days": 4}, "/window_days"), ({"timezone": "Mars/Olympus"}, "/timezone"), ({"work_from": "8:00"}, "/work_from"),
                         ({"work_to": "24:30"}, "/work_to"), ({"rules": {"hair": {}}}, "/rules/hair"), ({"rules": {"habit": {"least": 0}}}, "/rules/habit/least"),
                         ({"rules": {"habit": {"deviations": -1}}}, "/rules/habit/deviations"), ({"rules": {"habit": {"on": 1}}}, "/rules/habit/on"),
                         ({"webhook": {"url": "ftp://x", "secret": "s"}}, "/webhook/url"), ({"webhook": {"url": "http://x"}}, "/webhook/secret"),
                         ({"email": ["nobody"]}, "/email"), ({"colour": "red"}, "/colour"), ([], "")):
        answer = set_rules(suite, rules)
        assert (answer.status, answer.json["field"]) == (400, field), (rules, answer)
    assert suite.audit("/v1/alert-rules").json == standard
    assert suite.audit("/v1/alerts?state=closed").json["field"] == "state"
    assert suite.audit("/v1/alerts?cursor=al_1").json["field"] == "cursor"
    assert acknowledge(suite, "al_" + "0" * 24, "x").status == 404


def test_unusual_use_is_an_alert_on_record_and_told_and_acknowledged_once(directory):
    calls = []

    def answer(seen):
        calls.append(seen)
        return 503 if len(calls) == 1 else 204  # the first call fails, so that it must be made again

    hook = Webhooks(answer)
    with MailServer() as mail:
        settings = {"audit.guard_every": "200ms", "audit.smtp_url": mail.url, "audit.smtp_from": "audit@brand.example"}
        with Suite(directory, settings=settings).start() as suite:
            told_and_acknowledged(suite, hook, mail)


def told_and_acknowledged(suite, hook, mail):
    suite.send([{"type": "identify", "userId": f"u{i}", "traits": {"city": "Shanghai"}} for i in range(31)])
    suite.wait_quiet()
    rules = {"timezone": "Asia/Shanghai", "work_from": "00:00", "work_to": "24:00", "email": ["wang@example.com"],
             "rules": {name: {"on": False} for name in ("habit", "peers", "breadth", "off_hours", "refusals")},
             "webhook": {"url": hook.url, "secret": "change-me"}}
    assert set_rules(suite, rules).status == 200
    shown = suite.audit("/v1/alert-rules").json
    assert shown["webhook"] == {"url": rules["webhook"]["url"]}  # the secret is never shown
    for day in range(7):
        for one in range(3):
            suite.lookup("user_id", f"u{3 * day + one}")
        suite.advance("24h")
    assert suite.audit("/v1/alerts").json == {"alerts": [], "next_cursor": None}
    for _ in range(40):
        suite.lookup("user_id", "u30")
    alerts = wait_for(lambda: suite.audit("/v1/alerts").json["alerts"], "the alert is raised")
    assert [(alert["rule"], alert["actor"], alert["value"] >= 12) for alert in alerts] == [("repeated", "st_1", True)]
    # A little more than what it was raised for does not raise it again; twice as much does.
    looked = 40
    while 2 * suite.audit("/v1/alerts").json["alerts"][0]["value"] <= looked + 6:
        suite.lookup("user_id", "u30")
        looked += 1
    alert, = suite.audit("/v1/alerts").json["alerts"]
    record = suite.audit(f"/v1/records/{alert['record']}").json
    assert record["action"] == "alert.raise" and json.loads(record["detail"])["id"] == alert["id"]
    wait_for(lambda: len(hook.requests) >= 2, "the webhook is called again")
    headers, body = hook.requests[-1]["headers"], hook.requests[-1]["body"]
    assert json.loads(body)["id"] == alert["id"]
    signature = hmac.new(b"change-me", headers["X-Quanyu-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Quanyu-Signature"] == f"v1={signature}"
    letter = wait_for(mail.mails, "the email has come")[0]
    assert letter["To"] == "wang@example.com" and alert["id"] in letter.get_content()
    assert acknowledge(suite, alert["id"], "").json["field"] == "/note"
    assert acknowledge(suite, alert["id"], "A test.").status == 204
    again = acknowledge(suite, alert["id"], "Once more.")
    assert again.status == 409
    assert suite.audit("/v1/alerts").json["alerts"] == []
    closed, = suite.audit("/v1/alerts?state=all").json["alerts"]
    assert (closed["note"], closed["acknowledged_by"]) == ("A test.", "auditor")
    noted, = suite.audit("/v1/records?operation=alert.acknowledge").json["records"]
    assert json.loads(noted["detail"])["note"] == "A test."
    # Another start reads the days again, and raises nothing twice; nor does a little more.
    raised = len(suite.audit("/v1/records?operation=alert.raise").json["records"])
    suite.kill("audit")
    suite.start("audit")
    for _ in range(5):
        suite.lookup("user_id", "u30")
    size = suite.audit("/v1/tree").json["size"]
    wait_for(lambda: suite.audit("/v1/records/count").json["count"] > int(size), "it goes on")
    assert suite.audit("/v1/alerts").json["alerts"] == []
    assert len(suite.audit("/v1/records?operation=alert.raise").json["records"]) == raised
    # Twice as much is another matter, and so is another person.
    for _ in range(100):
        suite.lookup("user_id", "u30")
    grown, = wait_for(lambda: suite.audit("/v1/alerts").json["alerts"], "the alert is raised again")
    assert grown["id"] == alert["id"] and grown["value"] >= 2 * closed["value"] and int(grown["record"]) > int(closed["record"])
    wait_for(lambda: any(json.loads(call["body"])["value"] == grown["value"] for call in hook.requests), "the webhook is told again")
    for _ in range(300):
        suite.lookup("user_id", "u29")
    wait_for(lambda: len({one["person_number"] for one in suite.audit("/v1/alerts").json["alerts"]}) == 2, "another person's alert is raised")
