# SPDX-License-Identifier: Apache-2.0
"""The SDKs for servers, unchanged, against the running suite."""
import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sdk import assert_stored, installed, journal, run_node, snippets, stored
from sdk_proxy import AWAY, CUT, DROPPED, LIMITED, PASS, REFUSED, Proxy
from suite import running_suite, wait_for

SDKS = {"segment": "segment_node.mjs", "rudder": "rudder_node.cjs"}
PACKAGES = {"segment": "@segment/analytics-node", "rudder": "@rudderstack/rudder-sdk-node"}


@pytest.fixture(scope="module")
def place():
    return installed()


@pytest.fixture(scope="module")
def running():
    with running_suite() as suite:
        yield suite


@pytest.fixture(params=SDKS)
def sdk(request):
    return request.param


def send(sdk, place, suite, url, calls, **options):
    given = {"key": suite.bootstrap["write_key"], "host": url, "calls": calls, "options": options}
    assert '"errors":[]' in run_node(place, SDKS[sdk], given)


def gateway(suite):
    return f"http://127.0.0.1:{suite.ports['gateway', 'HTTP_PORT']}"


def every_call(user):
    """One of each type, with every field that there is."""
    common = {"userId": user, "anonymousId": f"{user}-device", "timestamp": "2025-12-30T08:00:00.123Z",
              "context": {"ip": "192.0.2.7", "locale": "zh-CN", "campaign": {"name": "双十一", "source": "poster"},
                          "externalIds": [{"id": "o6_b", "type": "wechat_unionid", "collection": "users", "encoding": "none"}],
                          "device": {"id": "d-1", "manufacturer": "Huawei"}, "timezone": "Asia/Shanghai"},
              "integrations": {"All": True, "Warehouse": {"delay": 3}}}
    properties = {"order_id": "o-1", "total": 129.9, "currency": "CNY", "gift": True, "note": None, "emoji": "🎁 \"quoted\" \\ 中文",
                  "products": [{"product_id": "p-1", "quantity": 2, "price": 64.95}, {"product_id": "p-2", "tags": ["新", "new"]}]}
    traits = {"name": "王小明", "email": "xm@example.com", "phone": "13800138000", "age": 33, "vip": True,
              "address": {"city": "上海", "street": "南京路 1"}, "createdAt": "2024-02-29T00:00:00.000Z"}
    return [
        ("identify", {**common, "traits": traits}),
        ("track", {**common, "event": "Order Completed", "properties": properties}),
        ("page", {**common, "name": "首页", "category": "Shop", "properties": {"url": "https://shop.example/?a=1&b=2", "title": "首页"}}),
        ("screen", {**common, "name": "Cart", "category": "Mini program", "properties": {"items": 3}}),
        ("group", {**common, "groupId": "store-17", "traits": {"name": "南京路店", "employees": 12}}),
        ("alias", {"userId": user, "previousId": f"{user}-device", "context": common["context"]}),
    ]


def test_every_call_arrives_with_all_its_fields(sdk, place, running):
    user = f"{sdk}-all"
    calls = [(kind, {**fields, "messageId": f"{user}-{kind}"}) for kind, fields in every_call(user)]
    send(sdk, place, running, gateway(running), calls)
    expected = []
    for kind, fields in calls:
        fields = dict(fields, type=kind)
        if "timestamp" in fields and sdk == "segment":
            fields["timestamp"] = "2025-12-30T08:00:00.123Z"
        expected.append((kind, fields))
    assert_stored(running, user, expected)
    assert {event["source"] for event in stored(running, user)} == {1}


def test_what_arrived_shows_in_the_profile(sdk, place, running):
    user = f"{sdk}-profile"
    calls = every_call(user)[:3]
    calls[0][1]["traits"]["phone"] = {"segment": "13900139001", "rudder": "13900139002"}[sdk]
    calls[0][1]["traits"]["email"] = f"{sdk}@example.com"
    for _, fields in calls:
        fields["context"]["externalIds"][0]["id"] = f"union-{sdk}"
    send(sdk, place, running, gateway(running), calls)
    running.wait_quiet()
    person = running.lookup("phone", calls[0][1]["traits"]["phone"]).json
    assert running.lookup("user_id", user).json["one_id"] == person["one_id"]
    assert running.lookup("wechat_unionid", f"union-{sdk}").json["one_id"] == person["one_id"]
    assert person["traits"]["vip"] is True and person["metrics"]["orders"] == 1 and person["metrics"]["gross"] == "129.90"


@pytest.mark.parametrize("fault", [REFUSED, LIMITED, DROPPED, CUT])
def test_retries_lose_and_double_nothing(sdk, fault, place, running):
    user = f"{sdk}-{fault}"
    calls = [("track", {"userId": user, "event": "Product Viewed", "properties": {"number": number}}) for number in range(20)]
    with Proxy(running.ports["gateway", "HTTP_PORT"], [fault, fault]) as proxy:
        send(sdk, place, running, proxy.url, calls, flushAt=10)
        assert proxy.happened().count(fault) == 2 and not proxy.faults
        assert proxy.happened()[-1] == PASS
    numbers = [event["body"]["properties"]["number"] for event in stored(running, user)]
    assert sorted(numbers) == list(range(20))


def test_what_is_sent_while_the_gateway_is_away_arrives(sdk, place, running):
    user = f"{sdk}-away"
    calls = [("track", {"userId": user, "event": "Product Viewed", "properties": {"number": number}}) for number in range(20)]
    with Proxy(running.ports["gateway", "HTTP_PORT"]) as proxy, ThreadPoolExecutor(1) as pool:
        running.kill("gateway")
        sending = pool.submit(send, sdk, place, running, proxy.url, calls, flushAt=10, maxRetries=30, retryCount=30)
        wait_for(lambda: AWAY in proxy.happened() or sending.done(), "the SDK tried")
        running.start("gateway")
        sending.result(120)
        assert {AWAY, PASS} == set(proxy.happened())
    assert sorted(event["body"]["properties"]["number"] for event in stored(running, user)) == list(range(20))


def decoded(headers, body):
    return gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body


@pytest.mark.parametrize("sdk, count, pad, size", [("segment", 2500, 0, 0), ("rudder", 800, 4700, 3_900_000)])
def test_a_batch_at_the_limit_passes(sdk, count, pad, size, place, running):
    """Segment's counts 2,500 events, RudderStack's server takes 4,000 KB."""
    user = f"{sdk}-limit"
    calls = [("track", {"userId": user, "event": "Product Viewed", "properties": {"number": number, "pad": "x" * pad}})
             for number in range(count + 1)]  # RudderStack's sends the first one at once
    with Proxy(running.ports["gateway", "HTTP_PORT"]) as proxy:
        send(sdk, place, running, proxy.url, calls, flushAt=count, maxQueueSize=4000 * 1024, flushInterval=500)
        sent = [decoded(headers, body) for _, _, _, headers, body in proxy.calls]
    assert max(map(len, sent)) > size
    assert max(len(json.loads(body)["batch"]) for body in sent) >= count or sdk == "segment"
    assert sorted(event["body"]["properties"]["number"] for event in stored(running, user)) == list(range(count + 1))


def test_an_event_of_the_largest_size_passes_and_a_larger_one_takes_none_with_it(sdk, place, running):
    """32 KB as it is sent: SDKs add ids, times and their names to it. They pass larger ones on all the same."""
    user = f"{sdk}-largest"
    calls = [("track", {"userId": user, "event": "Product Viewed", "properties": {"pad": "x" * size}})
             for size in (32 * 1024 - 700, 40 * 1024, 1)]
    send(sdk, place, running, gateway(running), calls)
    assert sorted(len(event["body"]["properties"]["pad"]) for event in stored(running, user)) == [1, 32 * 1024 - 700]


def test_the_readmes_snippet_works(sdk, place, running):
    code = snippets()[PACKAGES[sdk]]
    script = place / f"readme_{sdk}.mjs"
    script.write_text(code.replace("wk_…", running.bootstrap["write_key"]).replace("https://events.example.com", gateway(running)))
    before = len(journal(running))
    run_node(place, script.name)
    (event,) = journal(running)[before:]
    assert event["body"]["userId"] == "u-1001" and event["body"]["event"] == "Order Completed"
    assert event["body"]["properties"] == {"order_id": "A-1", "total": 128, "currency": "CNY"}
