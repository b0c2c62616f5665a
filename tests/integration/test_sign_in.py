# SPDX-License-Identifier: Apache-2.0
"""Invitations, passwords, sessions, delays and second factors, over HTTP. Delays pass on a simulated clock."""
import json
import threading

import pytest

from staff import GOOD, OTHER, accept, bearer, call, code_at, enrol, invite, make, ready, sign_in
from suite import Suite, wait_for

PAGE = {"X-Quanyu-Session": "1"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("sign_in"), settings={"gateway.address_failures": 0}).start() as suite:
        yield suite


@pytest.fixture(scope="module")
def picky(running):
    return make(running, "picky.person@example.com", name="Picky")


def acts(suite, action):
    suite.wait_quiet()
    return suite.audit(f"/v1/records?action={action}&limit=100").json["records"]


def test_an_invitation_gives_a_password_once(running):
    staff = make(running, "invited@example.com")
    first, second = invite(running, staff), invite(running, staff)
    assert second["link"].endswith(f"/invitation#{second['invitation']}")
    assert accept(running, first["invitation"]).status == 404, "a newer one voids it"
    weak = accept(running, second["invitation"], "short")
    assert weak.status == 400 and weak.json["field"] == "password", weak
    assert accept(running, second["invitation"]).status == 200
    assert accept(running, second["invitation"], OTHER).status == 404
    assert running.api("GET", f"/api/v1/staff/{staff['id']}").json["state"] == "active"
    assert call(running, "GET", "/api/v1/me", None, bearer(second["invitation"])).status == 401
    late = make(running, "late@example.com")
    token = invite(running, late)["invitation"]
    running.advance("7d")
    assert accept(running, token).status == 404


def test_the_page_of_an_invitation_stands_alone(running):
    page = call(running, "GET", "/invitation")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and policy.split("'nonce-")[1].split("'")[0] in page.body.decode()
    assert b"http://" not in page.body and b"https://" not in page.body


@pytest.mark.parametrize("password, why", [
    ("fourteen chars", "15 characters"), ("x" * 257, "256"), ("aaaaaaaaaaaaaaaa", "over and over"),
    ("abcabcabcabcabcabc", "over and over"), ("passwordpassword1", "guessed"), ("1234567890123456", "guessed"),
    ("picky.person2026", "guessed"), ("PickyPickyPicky!", "guessed"), ("qwertyuiopasdfgh", "guessed"),
    ("correct horse battery staple", "tried first"), ("woaini1314woaini", "guessed"),
])
def test_passwords_that_are_guessed_first_are_refused(running, picky, password, why):
    answer = accept(running, invite(running, picky)["invitation"], password)
    assert answer.status == 400 and answer.json["field"] == "password" and why in answer.json["detail"], answer


def test_a_password_is_taken_as_it_is_typed_in_any_script(running):
    ready(running, "wide@example.com", "ｖｉｏｌｅｔ　tractor hums")
    assert sign_in(running, "wide@example.com", "violet tractor hums").status == 201
    ready(running, "han@example.com", "我昨天在西湖边喝了三杯龙井茶呢")
    assert sign_in(running, "han@example.com", "我昨天在西湖边喝了三杯龙井茶呢").status == 201


def test_signing_in_and_out(running):
    staff = ready(running, "session@example.com", name="韩梅梅")
    begun = sign_in(running, "SESSION@example.com")
    assert begun.status == 201 and begun.json["staff"] == staff["id"]
    cookie = begun.headers["Set-Cookie"]
    for part in ("__Host-quanyu_session=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"):
        assert part in cookie
    me = call(running, "GET", "/api/v1/me", None, {"Cookie": cookie.split(";")[0]})
    assert me.status == 200 and me.json["id"] == staff["id"] and me.json["name"] == "韩梅梅"
    assert me.json["signed_in_with"] == "session" and "segment.read" in me.json["permissions"]
    assert me.json["scope"] == {"unit": "u_1", "own_people": False}
    ended = call(running, "DELETE", "/api/v1/session", None, {"Cookie": cookie.split(";")[0], **PAGE})
    assert ended.status == 204 and "Max-Age=0" in ended.headers["Set-Cookie"]
    assert call(running, "GET", "/api/v1/me", None, bearer(begun.json["session"])).status == 401
    begin = acts(running, "session.begin")[0]
    assert begin["actor"]["id"] == staff["id"] and "example.com" not in json.dumps(begin)


def test_another_site_cannot_use_the_cookie(running):
    ready(running, "forged@example.com")
    cookie = {"Cookie": f"a=b; __Host-quanyu_session={sign_in(running, 'forged@example.com').json['session']}; c=d"}
    body = {"name": "Forged", "rule": {"stage": "new"}}
    refused = call(running, "POST", "/api/v1/segments", body, cookie)
    assert refused.status == 403 and refused.json["field"] == "X-Quanyu-Session"
    assert call(running, "GET", "/api/v1/segments", None, cookie).status == 200
    assert call(running, "POST", "/api/v1/segments", body, {**cookie, **PAGE}).status == 201


def test_a_session_ends_idle_and_for_good(running):
    ready(running, "idle@example.com")
    session = sign_in(running, "idle@example.com").json["session"]
    for _ in range(3):
        running.advance("20m")
        assert call(running, "GET", "/api/v1/me", None, bearer(session)).status == 200
        wait_for(lambda: running.get("/api/v1/status")["quiet"], "its use is written")
    running.advance("31m")
    assert call(running, "GET", "/api/v1/me", None, bearer(session)).status == 401
    session = sign_in(running, "idle@example.com").json["session"]
    for _ in range(36):
        running.advance("20m")
        call(running, "GET", "/api/v1/me", None, bearer(session))
    assert call(running, "GET", "/api/v1/me", None, bearer(session)).status == 401


def test_an_unknown_login_and_a_wrong_password_look_the_same(running):
    ready(running, "same@example.com")
    known, unknown = sign_in(running, "same@example.com", OTHER), sign_in(running, "nobody-at-all@example.com", OTHER)
    assert known.status == unknown.status == 401
    assert {**known.json, "request_id": ""} == {**unknown.json, "request_id": ""}
    assert set(known.headers) == set(unknown.headers)


def test_delays_grow_hold_for_the_right_password_too_and_outlive_a_death(running):
    ready(running, "slow@example.com")
    for delay in (1, 2, 4, 8):
        assert sign_in(running, "slow@example.com", OTHER).status == 401
        early = sign_in(running, "slow@example.com")
        assert early.status == 429 and early.headers["Retry-After"] == str(delay), early
        running.advance(f"{delay}s")
    assert sign_in(running, "slow@example.com", OTHER).status == 401
    running.kill("gateway")
    running.spawn("gateway")
    running.wait_ready("gateway")
    assert sign_in(running, "slow@example.com").headers["Retry-After"] == "16"
    running.advance("16s")
    assert sign_in(running, "slow@example.com").status == 201
    assert sign_in(running, "slow@example.com", OTHER).status == 401
    assert sign_in(running, "slow@example.com").headers["Retry-After"] == "1", "what was right ends the row"


def test_delays_stop_growing_at_a_quarter_of_an_hour(running):
    for _ in range(12):
        answer = sign_in(running, "never-there@example.com", OTHER)
        running.advance("15m")
    assert answer.status == 401
    assert sign_in(running, "never-there@example.com", OTHER).status == 401
    assert sign_in(running, "never-there@example.com", OTHER).headers["Retry-After"] == "900"


def test_a_second_factor_is_asked_for_and_each_code_counts_once(running):
    staff = ready(running, "factor@example.com")
    session = sign_in(running, "factor@example.com").json["session"]
    other = sign_in(running, "factor@example.com").json["session"]
    secret, recovery, when = enrol(running, session)
    assert call(running, "GET", "/api/v1/me", None, bearer(session)).json["second_factor"] is True
    assert call(running, "GET", "/api/v1/me", None, bearer(other)).status == 401
    missing = sign_in(running, "factor@example.com")
    assert missing.status == 401 and missing.json["field"] == "totp"
    used = sign_in(running, "factor@example.com", totp=code_at(secret, when))
    assert used.status == 401 and used.json["field"] == "totp", used
    running.advance("1s")
    assert sign_in(running, "factor@example.com", totp=code_at(secret, when + 30)).status == 201
    assert sign_in(running, "factor@example.com", totp=recovery[0]).status == 201
    assert sign_in(running, "factor@example.com", totp=recovery[0]).status == 401
    running.advance("1s")
    short = call(running, "POST", "/api/v1/me/password", {"password": GOOD, "new_password": "kw9 tulip"}, bearer(session))
    assert short.status == 204, short
    assert running.api("DELETE", f"/api/v1/staff/{staff['id']}/second-factor").status == 204
    assert call(running, "GET", "/api/v1/me", None, bearer(session)).status == 401
    assert sign_in(running, "factor@example.com", "kw9 tulip").status == 401, "too short without a second factor"
    assert len(acts(running, "second_factor.confirm")) == 1 and len(acts(running, "second_factor.reset")) == 1


def test_nobody_resets_the_own_second_factor(running):
    staff = ready(running, "own.factor@example.com", role="hq_admin")
    session = sign_in(running, "own.factor@example.com").json["session"]
    enrol(running, session)
    answer = call(running, "DELETE", f"/api/v1/staff/{staff['id']}/second-factor", None, bearer(session))
    assert answer.status == 409 and answer.json["field"] == "id", answer
    assert sign_in(running, "own.factor@example.com").json["field"] == "totp"
    assert running.api("DELETE", f"/api/v1/staff/{staff['id']}/second-factor").status == 204


def test_a_token_cannot_change_a_second_factor(running):
    assert running.api("POST", "/api/v1/me/second-factor", {}).status == 403


def test_a_password_is_changed_by_who_knows_it(running):
    ready(running, "change@example.com")
    session, other = (sign_in(running, "change@example.com").json["session"] for _ in range(2))
    wrong = call(running, "POST", "/api/v1/me/password", {"password": "not it", "new_password": OTHER}, bearer(session))
    assert wrong.status == 403 and wrong.json["field"] == "password"
    running.advance("1s")
    weak = call(running, "POST", "/api/v1/me/password", {"password": GOOD, "new_password": "change change change"}, bearer(session))
    assert weak.status == 400 and weak.json["field"] == "new_password"  # no failed attempt: the password was right
    assert call(running, "POST", "/api/v1/me/password", {"password": GOOD, "new_password": OTHER}, bearer(session)).status == 204
    assert call(running, "GET", "/api/v1/me", None, bearer(session)).status == 200
    assert call(running, "GET", "/api/v1/me", None, bearer(other)).status == 401
    assert sign_in(running, "change@example.com").status == 401
    running.advance("1s")
    assert sign_in(running, "change@example.com", OTHER).status == 201


def test_leaving_ends_sessions_and_invitations(running):
    staff = ready(running, "goes@example.com")
    session, token = sign_in(running, "goes@example.com").json["session"], invite(running, staff)["invitation"]
    assert running.api("POST", f"/api/v1/staff/{staff['id']}/leave").status == 200
    assert call(running, "GET", "/api/v1/me", None, bearer(session)).status == 401
    assert accept(running, token).status == 404
    assert sign_in(running, "goes@example.com").status == 401


def test_what_is_in_flight_is_not_answered_once_its_owner_has_left(running):
    """The request waits for an answer of tagging, which is stopped, while its owner leaves."""
    staff = ready(running, "flight@example.com")
    session = sign_in(running, "flight@example.com").json["session"]
    running.processes["tagging"].send_signal(19)
    try:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(call(running, "GET", "/api/v1/segments", None, bearer(session))))
        thread.start()
        assert running.api("POST", f"/api/v1/staff/{staff['id']}/leave").status == 200
    finally:
        running.processes["tagging"].send_signal(18)
    thread.join(30)
    assert answers[0].status == 401, answers


def test_passwords_are_not_hashed_on_the_threads_that_answer(running):
    ready(running, "crowd@example.com")
    threads = [threading.Thread(target=sign_in, args=(running, f"crowd-{i}@example.com", OTHER)) for i in range(12)]
    for thread in threads:
        thread.start()
    answered = sum(running.api("GET", "/api/v1/me").status == 200 for _ in range(20))
    waiting = sum(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    assert answered == 20 and waiting > 0


def test_no_password_or_secret_lies_open(running):
    staff = ready(running, "open@example.com", "sesame tractor 4411 hums")
    session = sign_in(running, "open@example.com", "sesame tractor 4411 hums").json["session"]
    secret, recovery, _ = enrol(running, session)
    running.wait_quiet()
    for path in running.directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for value in ("sesame tractor", session, secret, recovery[3]):
                assert value.encode() not in content, path


def test_wrong_bodies_are_named(running):
    for body, field in (({}, "login"), ({"login": "a"}, "password"), ({"login": "a", "password": 7}, "password"),
                        ({"login": "a", "password": "b", "totp": 123456}, "totp"), ({"login": "a", "password": "b", "x": 1}, "x")):
        answer = call(running, "POST", "/api/v1/session", body)
        assert answer.status == 400 and answer.json["field"] == field, answer


def test_one_address_that_tries_many_logins_is_delayed(tmp_path):
    with Suite(tmp_path, settings={"gateway.address_failures": 3}).start() as suite:
        ready(suite, "victim@example.com")
        for i in range(3):
            assert sign_in(suite, f"guess-{i}@example.com", OTHER).status == 401
        assert sign_in(suite, "guess-3@example.com", OTHER).status == 401
        assert sign_in(suite, "victim@example.com").headers["Retry-After"] == "1"
        suite.advance("1s")
        assert sign_in(suite, "victim@example.com").status == 201


def test_where_a_second_factor_is_required_nothing_else_goes_before_it(tmp_path):
    with Suite(tmp_path, settings={"gateway.second_factor": "admins"}).start() as suite:
        ready(suite, "boss@example.com", role="hq_admin")
        ready(suite, "worker@example.com")
        assert call(suite, "GET", "/api/v1/segments", None, bearer(sign_in(suite, "worker@example.com").json["session"])).status == 200
        session = sign_in(suite, "boss@example.com").json["session"]
        me = call(suite, "GET", "/api/v1/me", None, bearer(session)).json
        assert me["second_factor_required"] is True and me["permissions"] == []
        assert call(suite, "GET", "/api/v1/segments", None, bearer(session)).status == 404
        assert call(suite, "POST", "/api/v1/me/tokens", {"name": "x"}, bearer(session)).status == 403
        enrol(suite, session)
        assert call(suite, "GET", "/api/v1/segments", None, bearer(session)).status == 200
