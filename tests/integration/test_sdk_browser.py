# SPDX-License-Identifier: Apache-2.0
"""The browsers' SDKs, unchanged, in a real Chromium, against the running suite. Nothing that they do may leave this machine."""
import base64
import json
import urllib.parse

import pytest

from chromium import Chromium, find_program
from sdk import assert_stored, installed, journal, snippets, stored
from sdk_pages import Pages
from sdk_proxy import CUT, DROPPED, LIMITED, PASS, REFUSED, Proxy
from suite import request, running_suite, wait_for

PROPERTIES = {"order_id": "o-1", "total": 129.9, "currency": "CNY", "gift": True, "note": None, "emoji": "🎁 \"quoted\" \\ 中文",
              "products": [{"product_id": "p-1", "quantity": 2, "price": 64.95}, {"product_id": "p-2", "tags": ["新", "new"]}]}
TRAITS = {"name": "王小明", "email": "xm@example.com", "phone": "13800138000", "age": 33, "vip": True, "address": {"city": "上海"}}
LANDING = "/shop?utm_source=poster&utm_medium=qr&utm_campaign=double11"

SEGMENT = """
const { AnalyticsBrowser } = await import('@segment/analytics-next')
const analytics = window.analytics = AnalyticsBrowser.load({ writeKey: KEY, cdnURL: HOST }, OPTIONS)
"""
RUDDER = """
const { RudderAnalytics } = await import('@rudderstack/analytics-js/bundled')
const analytics = window.analytics = new RudderAnalytics()
analytics.load(KEY, HOST, { configUrl: HOST, ...OPTIONS })
await new Promise((ready) => analytics.ready(ready))
"""
SDKS = {"segment": SEGMENT, "rudder": RUDDER}
PACKAGES = {"segment": "@segment/analytics-next", "rudder": "@rudderstack/analytics-js/bundled"}


@pytest.fixture(scope="module")
def pages():
    if not find_program():
        pytest.skip("Chromium is not installed; ./dev setup does that")
    with Pages(installed()) as served:
        yield served


@pytest.fixture(scope="module")
def running(pages):
    with running_suite() as suite:
        yield suite


@pytest.fixture(scope="module")
def browser(pages):
    with Chromium() as chromium:
        yield chromium


@pytest.fixture(params=SDKS)
def sdk(request):
    return request.param


@pytest.fixture
def page(browser, pages):
    """A visitor's first page: storage is empty. Whatever a test does there stays on this machine."""
    opened = browser.open(pages.url + LANDING)
    yield opened
    opened.close()
    assert not opened.strangers()


def begin(sdk, suite, url, **options):
    """The script that loads an SDK, to stand before calls of it."""
    return (SDKS[sdk].replace("KEY", json.dumps(suite.bootstrap["write_key"])).replace("HOST", json.dumps(url))
            .replace("OPTIONS", json.dumps(options)))


def gateway(suite):
    return f"http://127.0.0.1:{suite.ports['gateway', 'HTTP_PORT']}"


def wait_stored(suite, person, count, page):
    try:
        wait_for(lambda: len(stored(suite, person)) >= count, f"{count} events of {person}", every=0.2)
    except AssertionError:
        raise AssertionError(f"{stored(suite, person)}\n" + "\n".join(page.console))


def call(method, *arguments):
    return f"await analytics.{method}({', '.join(json.dumps(argument) for argument in arguments)})\n"


def test_every_call_of_analytics_js_arrives_with_all_its_fields(page, pages, running):
    user = "next-all"
    options = {"context": {"ip": "192.0.2.7", "groupId": "g-1"}, "integrations": {"Warehouse": {"delay": 3}},
               "timestamp": "2025-12-30T08:00:00.123Z"}
    page.run(begin("segment", running, gateway(running)) + "await analytics.setAnonymousId('next-all-device')\n"
             + call("identify", user, TRAITS, options) + call("track", "Order Completed", PROPERTIES, options)
             + call("page", "Shop", "首页", {"shelf": 7}, options) + call("screen", "Shop", "Cart", {"items": 3}, options)
             + call("group", "store-17", {"name": "南京路店", "employees": 12}, options)
             + call("alias", user, "next-all-device", options))
    wait_stored(running, user, 6, page)
    context = {"ip": "192.0.2.7", "groupId": "g-1", "campaign": {"name": "double11", "source": "poster", "medium": "qr"},
               "page": {"path": "/shop", "title": "首页", "url": pages.url + LANDING, "search": LANDING[5:]},
               "library": {"name": "analytics.js"}}
    common = {"userId": user, "anonymousId": "next-all-device", "context": context, "integrations": {"Warehouse": {"delay": 3}},
              "timestamp": "2025-12-30T08:00:00.123Z"}  # and the write key, which is not stored with what it opens the door to
    assert_stored(running, user, [
        ("identify", {**common, "type": "identify", "traits": TRAITS}),
        ("track", {**common, "type": "track", "event": "Order Completed", "properties": PROPERTIES}),
        ("page", {**common, "type": "page", "name": "首页", "category": "Shop",
                  "properties": {"shelf": 7, "path": "/shop", "url": pages.url + LANDING, "category": "Shop", "name": "首页"}}),
        ("screen", {**common, "type": "screen", "name": "Cart", "category": "Shop", "properties": {"items": 3}}),
        ("group", {**common, "type": "group", "groupId": "store-17", "traits": {"name": "南京路店", "employees": 12}}),
        ("alias", {**common, "type": "alias", "previousId": "next-all-device"}),
    ])
    asked = {urllib.parse.urlsplit(url).path for url in page.urls if url.startswith(gateway(running))}
    assert asked >= {f"/v1/{letter}" for letter in "itpsga"} and "/v1/m" not in asked


def test_analytics_js_sends_batches(page, running):
    user = "next-batch"
    strategy = {"Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 10, "timeout": 100}}}}
    page.run(begin("segment", running, gateway(running), integrations=strategy)
             + f"await analytics.identify({json.dumps(user)})\n"
             + "for (let number = 0; number < 25; number++) analytics.track('Product Viewed', { number })")
    wait_stored(running, user, 26, page)
    numbers = [event["body"]["properties"]["number"] for event in stored(running, user) if event["type"] == "EVENT_TRACK"]
    assert sorted(numbers) == list(range(25))
    assert f"{gateway(running)}/v1/b" in page.urls


def test_every_call_of_rudderstack_arrives_with_all_its_fields(page, pages, running):
    user = "rudder-all"
    options = {"context": {"ip": "192.0.2.7", "groupId": "g-1"}, "integrations": {"All": True, "Warehouse": False},
               "originalTimestamp": "2025-12-30T08:00:00.123Z"}
    page.run(begin("rudder", running, gateway(running)) + "analytics.setAnonymousId('rudder-all-device')\n"
             + call("identify", user, TRAITS, options) + call("track", "Order Completed", PROPERTIES, options)
             + call("page", "Shop", "首页", {"shelf": 7}, options)
             + call("group", "store-17", {"name": "南京路店", "employees": 12}, options)
             + call("alias", user, "rudder-all-device", options))
    wait_stored(running, user, 5, page)
    context = {"ip": "192.0.2.7", "groupId": "g-1", "campaign": {"name": "double11", "source": "poster", "medium": "qr"},
               "page": {"path": "/shop", "title": "首页", "url": pages.url + LANDING}, "traits": TRAITS,
               "library": {"name": "RudderLabs JavaScript SDK"}}
    common = {"userId": user, "anonymousId": "rudder-all-device", "context": context, "channel": "web",
              "integrations": {"All": True, "Warehouse": False}, "originalTimestamp": "2025-12-30T08:00:00.123Z"}
    properties = {name: value for name, value in PROPERTIES.items() if value is not None}  # the SDK leaves out what is null
    assert_stored(running, user, [
        ("identify", {**common, "type": "identify"}),
        ("track", {**common, "type": "track", "event": "Order Completed", "properties": properties}),
        ("page", {**common, "type": "page", "name": "首页", "category": "Shop", "properties": {"shelf": 7, "path": "/shop"}}),
        ("group", {**common, "type": "group", "groupId": "store-17", "traits": {"name": "南京路店", "employees": 12}}),
        ("alias", {**common, "type": "alias", "previousId": "rudder-all-device"}),
    ])


def test_rudderstack_sends_batches(page, running):
    page.run(begin("rudder", running, gateway(running), queueOptions={"batch": {"enabled": True, "maxItems": 10, "flushInterval": 100}})
             + "analytics.identify('rudder-batch')\n"
             + "for (let number = 0; number < 25; number++) analytics.track('Product Viewed', { number })")
    wait_stored(running, "rudder-batch", 26, page)
    assert f"{gateway(running)}/v1/batch" in page.urls


def test_rudderstack_sends_what_is_left_as_a_beacon_when_the_page_goes(page, pages, running):
    with Proxy(running.ports["gateway", "HTTP_PORT"]) as proxy:
        page.run(begin("rudder", running, proxy.url, useBeacon=True, beaconQueueOptions={"maxItems": 10, "flushQueueInterval": 600000})
                 + "analytics.identify('rudder-beacon')\n"
                 + "for (let number = 0; number < 5; number++) analytics.track('Product Viewed', { number })")
        assert not proxy.paths()
        page.go(pages.url + "/elsewhere")
        wait_stored(running, "rudder-beacon", 6, page)
        (path,) = proxy.paths()
        assert path == f"/beacon/v1/batch?writeKey={running.bootstrap['write_key']}"
    assert len(stored(running, "rudder-beacon")) == 6


def test_what_arrived_shows_in_the_profile(sdk, page, running):
    user, phone = f"{sdk}-profile", {"segment": "13900139001", "rudder": "13900139002"}[sdk]
    page.run(begin(sdk, running, gateway(running)) + f"await analytics.setAnonymousId('{user}-device')\n"
             + call("track", "Product Viewed", {"sku": "A1"})
             + call("identify", user, {**TRAITS, "phone": phone, "email": f"{sdk}@example.com"})
             + call("track", "Order Completed", PROPERTIES))
    wait_stored(running, f"{user}-device", 3, page)
    running.wait_quiet()
    person = running.lookup("phone", phone).json
    assert running.lookup("anonymous_id", f"{user}-device").json == person
    assert running.lookup("user_id", user).json == person
    assert person["traits"]["vip"] is True and person["metrics"]["orders"] == 1 and person["metrics"]["gross"] == "129.90"
    assert sorted(event["name"] for event in person["events"] if event["type"] == "track") == ["Order Completed", "Product Viewed"]


@pytest.mark.parametrize("fault", [REFUSED, LIMITED, DROPPED, CUT])
def test_retries_lose_and_double_nothing(sdk, fault, page, running):
    user = f"{sdk}-{fault}"
    options = {"rudder": {"queueOptions": {"minRetryDelay": 100}}}.get(sdk, {})
    with Proxy(running.ports["gateway", "HTTP_PORT"], [fault, fault]) as proxy:
        page.run(begin(sdk, running, proxy.url, **options) + f"analytics.identify({json.dumps(user)})\n"
                 + "for (let number = 0; number < 5; number++) analytics.track('Product Viewed', { number })")
        wait_for(lambda: proxy.happened().count(PASS) >= 6, "every event was passed on")
        wait_stored(running, user, 6, page)
        assert proxy.happened().count(fault) == 2
    numbers = [event["body"]["properties"]["number"] for event in stored(running, user) if event["type"] == "EVENT_TRACK"]
    assert sorted(numbers) == list(range(5))


def test_what_could_not_be_sent_is_sent_by_the_next_page(sdk, page, pages, running):
    user = f"{sdk}-later"
    with Proxy(running.ports["gateway", "HTTP_PORT"], [REFUSED] * 1000) as proxy:
        page.run(begin(sdk, running, proxy.url) + f"analytics.identify({json.dumps(user)})\n"
                 + "for (let number = 0; number < 3; number++) analytics.track('Product Viewed', { number })")
        wait_for(lambda: proxy.happened().count(REFUSED) >= 4, "the gateway has refused each event")
        page.go(pages.url + "/next")
        proxy.faults.clear()
        page.run(begin(sdk, running, proxy.url))
        wait_stored(running, user, 4, page)
    numbers = [event["body"]["properties"]["number"] for event in stored(running, user) if event["type"] == "EVENT_TRACK"]
    assert sorted(numbers) == list(range(3))


def test_an_unknown_write_key_loads_no_settings_and_stores_nothing(page, running):
    assert page.run(f"return (await fetch('{gateway(running)}/v1/projects/nobody/settings')).status") == 404
    answer = page.run(f"""
        const answer = await fetch('{gateway(running)}/v1/t', {{ method: 'POST', body: '{{"userId":"u","event":"e","writeKey":"nobody"}}' }})
        return [answer.status, (await answer.json()).type, answer.headers.get('X-Request-Id') !== null]""")
    assert answer == [401, "urn:quanyu:problem:unknown_write_key", True]


def test_the_pixel_is_an_image_whatever_it_says(page, running):
    def show(path):
        return page.run(f"""return await new Promise((done) => {{
            const image = new Image()
            image.onload = () => done([image.naturalWidth, image.naturalHeight])
            image.onerror = () => done('broken')
            image.src = {json.dumps(gateway(running) + path)}
        }})""")

    event = {"userId": "pixel-browser", "event": "Mail Opened", "writeKey": running.bootstrap["write_key"]}
    data = base64.b64encode(json.dumps(event).encode()).decode()
    assert show(f"/v1/pixel/track?data={data}") == [1, 1]
    assert show("/v1/pixel/track?data=nonsense!") == [1, 1]
    assert show("/v1/pixel/unheard-of") == [1, 1]
    assert [event["body"]["event"] for event in stored(running, "pixel-browser")] == ["Mail Opened"]
    metrics = request(running.ports["gateway", "OPS_PORT"], "GET", "/metrics").body.decode()
    assert 'quanyu_pixel_refused_total{reason="invalid_base64"} 1' in metrics
    assert 'quanyu_pixel_refused_total{reason="unknown_type"} 1' in metrics


def test_the_readmes_snippet_works(sdk, page, running):
    code = snippets()[PACKAGES[sdk]]
    code = code.replace("wk_…", running.bootstrap["write_key"]).replace("https://events.example.com", gateway(running))
    before = len(journal(running))
    page.run(f"""const script = document.createElement('script')
        script.type = 'module'
        script.textContent = {json.dumps(code)}
        document.head.append(script)""")
    (event,) = wait_for(lambda: journal(running)[before:], "the snippet's event", every=0.2)
    assert event["body"]["event"] == "Product Viewed" and event["body"]["properties"] == {"product_id": "A-1"}
