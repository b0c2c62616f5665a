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


def check_files(suite, forms):
    """None of the forms is in a log, or in a file of another service than identity."""
    found = []
    for name in SERVICES:
        found += found_in(suite.directory / f"{name}.log", forms)
        if name in ("identity",):
            continue
        for path in (suite.data / name).rglob("*"):
            if path.is_file():
                found += found_in(path, forms)
    assert not found, "\n".join(found[:40])


def test_personal_values_are_in_no_file_and_no_log_of_the_other_services(suite):
    suite.send(fields())
    suite.wait_quiet()
    person = suite.lookup("phone", PHONE).json
    assert person["metrics"]["events"] == 7
    suite.count({"trait": "name", "is": NAME})
    suite.api("POST", "/api/v1/persons/lookup", {"identifiers": [{"kind": "email", "value": "nobody." + EMAIL}]})
    suite.stop()
    check_files(suite, secrets())


def test_personal_values_are_sealed_even_in_identity(suite):
    suite.send(fields())
    suite.wait_quiet()
    suite.stop()
    found = [hit for path in (suite.data / "identity").rglob("*") if path.is_file() for hit in found_in(path, secrets())]
    assert not found, "\n".join(found[:40])


# -- what earlier events told

PERSON = {"type": "identify", "userId": "same1", "traits": {
    "name": NAME, "lastName": LATIN, "phone": PHONE, "email": EMAIL, "address": ADDRESS}}


def hashes():
    plain = [NAME, LATIN, LATIN.upper(), LATIN.lower(), LATIN.replace(" ", ""), PHONE, f"+86{PHONE}", f"86{PHONE}", f"0086{PHONE}",
             "139-1122-3344", "139 1122 3344", EMAIL, EMAIL.upper(), ADDRESS]
    for value in plain:
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, value.encode())
            yield from (digest.hexdigest(), digest.hexdigest().upper(), base64.b64encode(digest.digest()).decode(),
                        base64.urlsafe_b64encode(digest.digest()).decode().rstrip("="))


def in_every_place(value):
    """Events that bear the value as a value and as a key, where nothing says what it is."""
    who = {"userId": "same1"}
    properties = {"h": value, "list": [value], "deep": {"x": {value: 1}}, value: "a key", "order_id": value, "sku": value,
                  "text": f"seen by {value}!", "url": f"https://shop.example/u/{value}?q={value}"}
    return [
        {"type": "track", "event": "Plain", **who, "properties": properties,
         "context": {"campaign": {"name": value, value: "x"}, "channel": value, "page": {"path": f"/u/{value}"}}},
        {"type": "track", "event": value, **who},
        {"type": "page", "name": value, **who, "properties": {"path": f"/u/{value}"}},
        {"type": "identify", **who, "traits": {"plain": value, value: 1}},
        {"type": "group", "groupId": "g", **who, "traits": {"name": value}},
    ]


def send_and_look(suite, values):
    """What is shown of the person and what lies in files holds none of the values; what is nobody's stays."""
    harmless = {"session": "9f86d081884c7d659a2feaa0c55ad015", "trace": "a" * 40, "id": "550e8400-e29b-41d4-a716-446655440000",
                "order_id": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c", "productId": 7}
    suite.send([PERSON])
    suite.send([event for value in values for event in in_every_place(value)])
    suite.send([{"type": "track", "event": "Harmless", "userId": "same1", "properties": harmless}])
    suite.wait_quiet()
    person = suite.lookup("user_id", "same1").json
    shown = json.dumps({key: person[key] for key in ("traits", "events")}, ensure_ascii=False)
    assert [value for value in values if value in shown] == []
    assert person["events"][0]["properties"] == harmless
    suite.stop()
    check_files(suite, {value: {value.encode()} for value in values})


def test_hashes_of_what_earlier_events_told_do_not_pass(suite):
    send_and_look(suite, list(hashes()))


def test_encoded_values_do_not_pass_as_keys(suite):
    values = []
    for value in (PHONE, f"+86{PHONE}", EMAIL, NAME, LATIN, ADDRESS):
        data = value.encode()
        values += [base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode().rstrip("="), data.hex(), data.hex().upper(),
                   "".join(f"%{byte:02X}" for byte in data)]
    send_and_look(suite, values)


def test_values_do_not_pass_however_they_are_written(suite):
    head, middle, tail = PHONE[:3], PHONE[3:7], PHONE[7:]
    values = [separator.join((head, middle, tail)) for separator in (
        ",", "*", ":", "|", "#", "~", " , ", ";", "=", "\n", "\r\n\t", "，", "。", "\u3000", "\u2009", " ... ", "❤", "\u200d", "+")]
    values += ["".join(chr(0x2460 + int(digit) - 1) if digit != "0" else "⓪" for digit in PHONE)]
    values += ["".join(chr(zero + int(digit)) for digit in PHONE) for zero in (0x660, 0x6f0, 0x966, 0x9e6, 0xff10, 0x1d7ce, 0x1d7ec)]
    local, domain = EMAIL.split("@")
    values += [f"{local}{at}{domain}" for at in (" @ ", "(at)", " at ", "[at]", " (AT) ", "＠", "{at}", "（at）")]
    values += [f"{local.replace('.', ' dot ')} at {domain.replace('.', ' dot ')}", f"{local}@{domain.replace('.', '(dot)')}"]
    values += [LATIN.replace(" ", ""), LATIN.upper().replace(" ", "-"), LATIN.replace(" ", "_").lower(), f"{NAME[:2]} {NAME[2:]}",
               f"{NAME[:2]}\u3000{NAME[2:]}", ADDRESS.replace("区", "区，"), ADDRESS.replace("路", "路 ")]
    send_and_look(suite, values)


def test_values_do_not_pass_in_the_escapes_of_json_and_html(suite):
    values = []
    for value in (NAME, ADDRESS, PHONE, f"{NAME}，{PHONE}"):
        values += [json.dumps({"to": value, "n": 1}) if not value.isascii() else "".join(f"\\u{ord(letter):04x}" for letter in value),
                   "".join(f"&#{ord(letter)};" for letter in value), "".join(f"&#x{ord(letter):x};" for letter in value)]
    send_and_look(suite, values)


# -- what staff write

def test_what_staff_write_holds_no_personal_values(suite):
    stages = suite.get("/api/v1/stages")["stages"]
    rule = {"trait": "city", "is": "上海"}
    journey = {"name": "n", "entry": {"rule": rule}, "steps": [{"id": "s", "type": "exit"}]}
    suite.post("/api/v1/tags", {"tag": "vip"})
    refused = []
    for value in (PHONE, f"+86 {PHONE}", "139*1122*3344", "一三九一一二二三三四四", "11010519491231002X", "京A·12345", EMAIL, "xiaoyan.ouyang(at)example.org"):
        conditions = [({"trait": "zzmobile", "is": value}, "/is"), ({"trait": "zz", "in": ["a", value]}, "/in/1"), ({"event": value}, "/event"),
                      ({"trait": value, "is": 1}, "/trait"), ({"event": "x", "where": [{"property": value, "is": 1}]}, "/where/0/property"),
                      ({"event": "x", "where": [{"property": "p", "starts_with": value}]}, "/where/0/starts_with"),
                      ({"all": [rule, {"not": {"trait": "zz", "contains": value}}]}, "/all/1/not/contains")]
        refused += [
            ("POST", "/api/v1/segments", {"name": f"find {value}", "rule": rule}, "/name"),
            ("POST", "/api/v1/segments", {"name": "n", "description": value, "rule": rule}, "/description"),
            ("POST", "/api/v1/tags", {"tag": value}, "/tag"),
            ("PATCH", "/api/v1/tags/vip", {"description": value}, "/description"),
            ("PUT", "/api/v1/stages", {"stages": [{**stages[0], "stage": value}]}, "/stages/0/stage"),
            ("POST", "/api/v1/journeys", {**journey, "name": value}, "/name"),
        ]
        for condition, pointer in conditions:
            refused += [
                ("POST", "/api/v1/segments", {"name": "n", "rule": condition}, f"/rule{pointer}"),
                ("POST", "/api/v1/audiences/count", {"rule": condition}, f"/rule{pointer}"),
                ("POST", "/api/v1/journeys", {**journey, "entry": {"rule": condition}}, f"/entry/rule{pointer}"),
            ]
    for method, path, body, pointer in refused:
        answer = suite.api(method, path, body)
        assert answer.status in (400, 422) and answer.json["field"] == pointer and "personal values" in answer.body.decode(), (body, answer)
    suite.wait_quiet()
    suite.stop()
    check_files(suite, {value: {value.encode()} for value in (PHONE, "139*1122*3344", EMAIL, "xiaoyan.ouyang(at)example.org")})


def test_records_of_rules_show_no_operand(suite):
    rule = {"all": [{"trait": "zzname", "is": NAME}, {"trait": "zzage", "gte": 471147}]}
    shape = {"all": [{"trait": "zzname", "is": "…"}, {"trait": "zzage", "gte": "…"}]}
    segment = suite.post("/api/v1/segments", {"name": "n", "rule": rule})
    suite.post("/api/v1/tags", {"tag": "by-rule", "rule": rule})
    suite.post("/api/v1/tags", {"tag": "by-hand"})
    suite.count(rule)
    suite.wait_quiet()
    details, rules = {}, []
    for record in suite.audit("/v1/records?limit=500").json["records"]:
        details.setdefault(record["action"], []).append(record.get("detail"))
        rules += [record["rule"]] if record["action"] == "audience.count" else []
        assert NAME not in json.dumps(record, ensure_ascii=False) and "471147" not in json.dumps(record)
        assert "sha256" not in json.dumps(record)
    assert json.loads(details["segment.create"][0]) == {"id": segment["id"], "version": 1, "shape": shape}
    assert {"id": "by-rule", "version": 1, "shape": shape} in map(json.loads, details["tag.create"])
    assert {"id": "by-hand", "version": 1, "shape": None} in map(json.loads, details["tag.create"])
    assert [json.loads(rule) for rule in rules] == [shape]
