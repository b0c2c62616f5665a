# SPDX-License-Identifier: Apache-2.0
"""Members of staff who are made, invited and signed in by a test."""
import base64
import hashlib
import hmac
import struct
import time

from suite import request

GOOD = "violet tractor hums 紫色"
OTHER = "seven quiet umbrellas 7"


def call(suite, method, path, body=None, headers=None):
    return request(suite.ports["gateway", "HTTP_PORT"], method, path, body, headers or {})


def make(suite, login, role="hq_marketer", **members):
    answer = suite.api("POST", "/api/v1/staff", {"login": login, "role": role, "unit": "u_1", **members})
    assert answer.status == 201, answer
    return answer.json


def invite(suite, staff):
    answer = suite.api("POST", f"/api/v1/staff/{staff['id']}/invite")
    assert answer.status == 201, answer
    return answer.json


def accept(suite, token, password=GOOD):
    return call(suite, "POST", "/api/v1/invitations/accept", {"token": token, "password": password})


def ready(suite, login, password=GOOD, **members):
    staff = make(suite, login, **members)
    answer = accept(suite, invite(suite, staff)["invitation"], password)
    assert answer.status == 200 and answer.json == {"staff": staff["id"], "login": login}, answer
    return staff


def sign_in(suite, login, password=GOOD, **more):
    return call(suite, "POST", "/api/v1/session", {"login": login, "password": password, **more})


def bearer(session):
    return {"Authorization": f"Bearer {session}"}


def code_at(secret, when, digits=6):
    """RFC 6238, by itself."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(when) // 30), hashlib.sha1).digest()
    at = mac[19] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 10 ** digits:0{digits}d}"


def enrol(suite, session, **body):
    begun = call(suite, "POST", "/api/v1/me/second-factor", body, bearer(session))
    assert begun.status == 200, begun
    secret = begun.json["secret"]
    assert begun.json["uri"].startswith("otpauth://totp/") and f"secret={secret}" in begun.json["uri"]
    when = time.time()
    done = call(suite, "POST", "/api/v1/me/second-factor/confirm", {"totp": code_at(secret, when)}, bearer(session))
    assert done.status == 200 and len(set(done.json["recovery_codes"])) == 10, done
    return secret, done.json["recovery_codes"], when
