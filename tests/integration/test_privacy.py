# SPDX-License-Identifier: Apache-2.0
"""Personal data lives in identity alone: known values, sent in every field that events have, are found nowhere else."""
import base64
import hashlib
import json

from suite import SERVICES

NAME = "欧阳晓燕"
LATIN = "Xiaoyan Ouyang"
PHONE = "13911223344"
EMAIL = "xiaoyan.ouyang@example.org"
ADDRESS = "上海市徐汇区漕溪北路1200号3栋502室"


def secrets():
    """Every value, in every form in which it may leak."""
    digits = ["8613911223344", "139-1122-3344", "139 1122 3344"]
    plain = [NAME, LATIN, PHONE, EMAIL, EMAIL.upper(), ADDRESS, "+8613911223344", *digits]
    forms = {}
    for value in plain:
        data = value.encode()
        forms[value] = {data, data.hex().encode(), data.hex().upper().encode(), base64.b64encode(data).rstrip(b"="),
                        json.dumps(value)[1:-1].encode()}
        for algorithm in ("md5", "sha256", "sha1"):
            digest = hashlib.new(algorithm, data)
            forms[value] |= {digest.digest(), digest.hexdigest().encode(), digest.hexdigest().upper().encode(),
                             base64.b64encode(digest.digest()).rstrip(b"=")}
    return forms


def fields():
    """Personal values in every field and shape that an event can have."""
    everything = {
        "name": NAME, "phone": PHONE, "email": EMAIL, "address": ADDRESS, "note": f"请致电 {PHONE} 找 {NAME}", "contact": EMAIL,
        "receiver": {"fullName": LATIN, "tel": f"+86{PHONE}", "street": ADDRESS, "deep": [{"mail": EMAIL}, [PHONE]]},
        "phone_number_as_number": int(PHONE), "list": [NAME, PHONE, EMAIL, ADDRESS], "spaced": "139 1122 3344",
        "hashed": hashlib.md5(PHONE.encode()).hexdigest(), "hashed_mail": hashlib.sha256(EMAIL.encode()).hexdigest(),
        "encoded": base64.b64encode(EMAIL.encode()).decode(), PHONE: "a key", EMAIL: "a key", "order_id": PHONE, "coupon": PHONE,
        "total": 12.5}
    context = {"ip": "203.0.113.7", "traits": {"phone": PHONE, "email": EMAIL, "name": NAME},
               "page": {"url": f"https://shop.example/p?phone={PHONE}&mail={EMAIL}", "path": f"/u/{PHONE}", "title": NAME,
                        "referrer": f"https://x.example/{EMAIL}", "search": f"?q={NAME}"},
               "campaign": {"name": EMAIL, "source": PHONE}, "channel": PHONE, "touchpoint": EMAIL, "device": {"type": NAME, "id": PHONE},
               "locale": PHONE, "userAgent": EMAIL, "app": {"name": NAME}, "library": {"name": EMAIL},
               "externalIds": [{"type": "phone", "id": PHONE, "collection": "users", "encoding": "none"}]}
    ids = {"userId": PHONE, "anonymousId": EMAIL}
    return [
        {"type": "identify", "messageId": f"m-{PHONE}", **ids, "traits": everything, "context": context},
        {"type": "track", "event": "Order Completed", "messageId": f"n-{EMAIL}", **ids, "properties": everything, "context": context},
        {"type": "track", "event": f"Called {PHONE}", **ids, "properties": everything, "context": context},
        {"type": "page", "name": f"{NAME} {EMAIL}", "category": PHONE, **ids, "properties": everything, "context": context},
        {"type": "screen", "name": ADDRESS, **ids, "properties": everything, "context": context},
        {"type": "group", "groupId": EMAIL, **ids, "traits": everything, "context": context},
        {"type": "alias", "userId": PHONE, "previousId": EMAIL, "context": context},
    ]


def found_in(path, forms):
    data = path.read_bytes()
    return [f"{path}: {value} as {form!r}" for value, shapes in forms.items() for form in shapes if len(form) >= 8 and form in data]


def test_personal_values_are_in_no_file_and_no_log_of_the_other_services(suite):
    suite.send(fields())
    suite.wait_quiet()
    person = suite.lookup("phone", PHONE).json
    assert person["metrics"]["events"] == 7
    suite.count({"trait": "name", "is": NAME})
    suite.api("POST", "/api/v1/persons/lookup", {"identifiers": [{"kind": "email", "value": "nobody." + EMAIL}]})
    suite.stop()
    forms = secrets()
    found = []
    for name in SERVICES:
        found += found_in(suite.directory / f"{name}.log", forms)
        if name in ("identity",):
            continue
        for path in (suite.data / name).rglob("*"):
            if path.is_file():
                found += found_in(path, forms)
    assert not found, "\n".join(found[:40])


def test_personal_values_are_sealed_even_in_identity(suite):
    suite.send(fields())
    suite.wait_quiet()
    suite.stop()
    found = [hit for path in (suite.data / "identity").rglob("*") if path.is_file() for hit in found_in(path, secrets())]
    assert not found, "\n".join(found[:40])
