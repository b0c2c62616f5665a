# SPDX-License-Identifier: Apache-2.0
"""Real retail data, imported by the command line with every kind of accident on the way, against figures that are taken from the
files here, with plain Python. The files lie beside the project, in ../shared/data; without them these tests are skipped."""
import bisect
import csv
import datetime
import http.client
import http.server
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zoneinfo
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest

from suite import SHARED, Suite, build_directory, request

MAPS = pathlib.Path(__file__).parent / "maps"
DAY = 86_400_000
CENT = Decimal("0.01")


def local_ms(zone, text, form):
    at = datetime.datetime.strptime(text, form).replace(tzinfo=zone)
    return round(at.timestamp()) * 1000


class Customer:
    """One buyer's orders and refunds, all of them or those before a time."""

    def __init__(self, orders, refunds, now_ms):
        self.orders = [order for order in orders if order["at"] < now_ms]
        self.refunds = [refund for refund in refunds if refund["at"] < now_ms]
        self.gross = sum((order["total"] for order in self.orders), Decimal("0.00"))
        self.revenue = self.gross - sum((refund["total"] for refund in self.refunds), Decimal("0.00"))
        self.average = (self.gross / len(self.orders)).quantize(CENT, ROUND_HALF_UP) if self.orders else None
        self.first = min((order["at"] for order in self.orders), default=None)
        self.last = max((order["at"] for order in self.orders), default=None)
        self.age = None if self.last is None else now_ms - self.last
        self.now_ms = now_ms

    @property
    def stage(self):
        if not self.orders:
            return "prospect"
        if len(self.orders) == 1 and self.age <= 30 * DAY:
            return "new"
        return "active" if self.age <= 90 * DAY else "dormant" if self.age <= 180 * DAY else "lost"

    def within(self, days):
        return [order for order in self.orders if self.now_ms - order["at"] <= days * DAY]


def at_time(buyers, now_ms):
    """Everybody with something before that time, with their scores."""
    people = {}
    for name, (orders, refunds) in buyers.items():
        one = Customer(orders, refunds, now_ms)
        if one.orders or one.refunds:
            people[name] = one
    for score, figure in (("recency", lambda c: c.last), ("frequency", lambda c: len(c.orders)), ("monetary", lambda c: c.revenue)):
        values = sorted(figure(one) for one in people.values() if one.orders)
        for one in people.values():
            better = len(values) - bisect.bisect_right(values, figure(one)) if one.orders else 0
            setattr(one, score, max(1, 5 - 5 * better // len(values)) if one.orders else None)
    return people


# -- the two files


class Cdnow:
    file, map, zone = "cdnow_master.txt", "cdnow.json", zoneinfo.ZoneInfo("America/New_York")
    settings = {"time_zone": "America/New_York", "currency": "USD", "clock_start": "1998-07-01T03:30:00Z"}
    after = "1998-07-01T16:00:00Z"  # noon of the day after the last purchase
    earlier = ["1997-05-01T04:00:00Z", "1998-01-01T05:00:00Z"]
    left_out = None

    def buyers(self, path):
        buyers = defaultdict(lambda: ([], []))
        with open(path, encoding="ascii") as file:
            for line in file.read().splitlines()[1:]:
                customer, day, items, dollars = line.split()
                buyers["user_id", customer][0].append(
                    {"at": local_ms(self.zone, day, "%Y%m%d"), "total": Decimal(dollars), "items": Decimal(items)})
        return dict(buyers)

    audiences = [
        ({"metric": "orders", "gte": 2}, lambda c: len(c.orders) >= 2),
        ({"metric": "revenue", "gte": "100.00"}, lambda c: c.revenue >= 100),
        ({"metric": "average_order", "lt": "14.99"}, lambda c: c.average is not None and c.average < Decimal("14.99")),
        ({"stage": ["dormant", "lost"]}, lambda c: c.stage in ("dormant", "lost")),
        ({"metric": "gross", "is": 0}, lambda c: c.gross == 0),
        ({"all": [{"metric": "monetary_score", "is": 5}, {"metric": "recency_score", "lte": 2}]},
         lambda c: c.monetary == 5 and c.recency <= 2),
        ({"event": "Order Completed", "within": "180d", "count": {"gte": 2}}, lambda c: len(c.within(180)) >= 2),
        ({"event": "Order Completed", "between": ["1997-03-01", "1997-04-01"], "sum": {"property": "total", "gt": 50}},
         lambda c: sum(o["total"] for o in c.orders if Cdnow.march <= o["at"] < Cdnow.april) > 50),
        ({"event": "Order Completed", "where": [{"property": "items", "gte": 10}]}, lambda c: any(o["items"] >= 10 for o in c.orders)),
        ({"event": "Order Completed", "sum": {"property": "items", "lte": 1}}, lambda c: sum(o["items"] for o in c.orders) <= 1),
        ({"event": "Order Completed", "distinct": {"property": "total", "gte": 10}},
         lambda c: len({o["total"] for o in c.orders}) >= 10),
        ({"metric": "first_order_at", "before": "1997-02-01"}, lambda c: c.first < Cdnow.february),
        ({"not": {"any": [{"metric": "last_order_at", "newer_than": "52w"}, {"metric": "frequency_score", "lt": 4}]}},
         lambda c: not (c.age <= 364 * DAY or c.frequency < 4)),
    ]


Cdnow.february, Cdnow.march, Cdnow.april = (local_ms(Cdnow.zone, day, "%Y%m%d") for day in ("19970201", "19970301", "19970401"))


class OnlineRetail:
    file, map, zone = "online_retail_2010-12.csv", "online_retail.json", zoneinfo.ZoneInfo("Europe/London")
    settings = {"time_zone": "Europe/London", "currency": "GBP", "phone_region": "GB", "clock_start": "2011-01-09T18:00:00Z"}
    after = "2011-01-10T12:00:00Z"
    earlier = ["2010-12-12T09:30:00Z", "2011-01-01T00:00:00Z"]
    left_out = "stock write-off"

    def buyers(self, path):
        invoices, self.left_out_lines = defaultdict(list), 0
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if int(row["Quantity"]) < 0 and not row["InvoiceNo"].startswith("C"):
                    self.left_out_lines += 1
                else:
                    invoices[row["InvoiceNo"]].append(row)
        buyers = defaultdict(lambda: ([], []))
        for number, rows in invoices.items():
            customer = rows[0]["CustomerID"]
            buyer = ("user_id", customer) if customer else ("anonymous_id", f"invoice-{number}")
            total = sum((int(row["Quantity"]) * Decimal(row["UnitPrice"]) for row in rows), Decimal("0.00"))
            buyers[buyer][number.startswith("C")].append({
                "at": min(local_ms(self.zone, row["InvoiceDate"], "%Y-%m-%d %H:%M") for row in rows), "total": abs(total),
                "country": rows[0]["Country"], "skus": {row["StockCode"] for row in rows}})
        return dict(buyers)

    audiences = [
        ({"metric": "orders", "gte": 3}, lambda c: len(c.orders) >= 3),
        ({"metric": "refunds", "gte": 1}, lambda c: len(c.refunds) >= 1),
        ({"all": [{"metric": "refunds", "gte": 1}, {"metric": "orders", "is": 0}]}, lambda c: c.refunds and not c.orders),
        ({"metric": "revenue", "lt": 0}, lambda c: c.revenue < 0),
        ({"metric": "revenue", "gte": "1000.50"}, lambda c: c.revenue >= Decimal("1000.50")),
        ({"metric": "average_order", "exists": False}, lambda c: c.average is None),
        ({"stage": "new"}, lambda c: c.stage == "new"),
        ({"event": "Order Completed", "where": [{"property": "country", "is_not": "United Kingdom"}]},
         lambda c: any(o["country"] != "United Kingdom" for o in c.orders)),
        ({"event": "Order Completed", "where": [{"property": "products.sku", "is": "85123A"}], "within": "20d"},
         lambda c: any("85123A" in o["skus"] for o in c.within(20))),
        ({"event": "Order Completed", "distinct": {"property": "products.sku", "gte": 100}},
         lambda c: len(set().union(*(o["skus"] for o in c.orders))) >= 100),
        ({"event": "Order Refunded", "sum": {"property": "total", "gt": "19.95"}},
         lambda c: sum(r["total"] for r in c.refunds) > Decimal("19.95")),
        ({"any": [{"metric": "monetary_score", "is": 1}, {"metric": "frequency_score", "gte": 5}]},
         lambda c: c.monetary == 1 or c.frequency == 5),
        ({"metric": "last_order_at", "older_than": "3w"}, lambda c: c.age is not None and c.age > 21 * DAY),
    ]


# -- an import with accidents


class Passage(http.server.ThreadingHTTPServer):
    """Stands between the command line and the gateway. At calls of certain numbers there is an accident: the gateway has taken the
    batch, and its answer never arrives."""

    daemon_threads = True

    def __init__(self, shop):
        super().__init__(("127.0.0.1", 0), PassageCall)
        self.shop, self.calls, self.accidents = shop, 0, {}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def bootstrap(self):
        directory = self.shop.suite.directory / "passage"
        shutil.copytree(self.shop.suite.data / "bootstrap", directory, dirs_exist_ok=True)
        credentials = json.loads((directory / "gateway.json").read_text())
        credentials["gateway_url"] = f"http://127.0.0.1:{self.server_port}"
        (directory / "gateway.json").write_text(json.dumps(credentials))
        return directory


class PassageCall(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = request(self.server.shop.suite.ports["gateway", "HTTP_PORT"], "POST", self.path, body,
                         {name: self.headers[name] for name in ("Authorization", "Content-Type")})
        self.server.calls += 1
        accident = self.server.accidents.pop(self.server.calls, None)
        if accident:
            accident()
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


class Shop:
    """A suite that a file was imported into: interrupted, continued while the gateway died, run again."""

    def __init__(self, data, directory):
        self.data, self.path, self.directory = data, SHARED / "data" / data.file, directory
        build = build_directory("QUANYU_RELEASE")
        self.suite = Suite(directory, build=build if build.exists() else None, settings=data.settings)
        self.buyers = data.buyers(self.path)
        self.events = sum(len(orders) + len(refunds) for orders, refunds in self.buyers.values())

    def arguments(self):
        return ["import", self.path, "--map", MAPS / self.data.map, "--report", self.directory + "/report.csv"]

    def begin(self, passage):
        """The command line, which goes through the passage."""
        environment = self.suite.environment | {"QUANYU_BOOTSTRAP": str(passage.bootstrap())}
        return subprocess.Popen([self.suite.build / "quanyu", *self.arguments()], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self):
        self.suite.start()
        with Passage(self) as passage:
            importing = self.begin(passage)
            passage.accidents[2] = importing.kill
            importing.communicate(timeout=120)
            assert importing.returncode == -signal.SIGKILL
            passage.accidents = {passage.calls + 2: self.restart_gateway, passage.calls + 4: self.restart_gateway}
            importing = self.begin(passage)
            self.output, errors = importing.communicate(timeout=120)
            assert importing.returncode == 0 and not passage.accidents, errors
        self.suite.wait_quiet()
        self.before = self.suite.cli("dump", "--canonical").stdout
        begun = time.monotonic()
        self.again = self.suite.cli(*self.arguments()).stdout
        print(f"{self.data.file}: {self.events / (time.monotonic() - begun):.0f} events/s when all of them are there already")
        self.suite.wait_quiet()
        self.then = self.suite.cli("dump", "--canonical").stdout
        self.suite.cli("clock", "set", self.data.after)
        self.now_ms = self.suite_ms(self.data.after)
        self.people = at_time(self.buyers, self.now_ms)
        return self

    def restart_gateway(self):
        self.suite.kill("gateway")
        self.suite.start("gateway")

    @staticmethod
    def suite_ms(text):
        return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)

    def profiles(self):
        """Of everybody, over a few connections."""
        names, found, lock = list(self.people), {}, threading.Lock()
        headers = {"Authorization": f"Bearer {self.suite.bootstrap['hq_token']}", "Content-Type": "application/json"}

        def look():
            connection = http.client.HTTPConnection("127.0.0.1", self.suite.ports["gateway", "HTTP_PORT"], timeout=60)
            while True:
                with lock:
                    if not names:
                        break
                    kind, value = names.pop()
                connection.request("POST", "/api/v1/persons/lookup", json.dumps({"identifiers": [{"kind": kind, "value": value}]}), headers)
                answer = connection.getresponse()
                found[kind, value] = (answer.status, json.loads(answer.read()))
            connection.close()

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found


@pytest.fixture(scope="module", params=[Cdnow, OnlineRetail], ids=["cdnow", "online_retail"])
def shop(request):
    if not (SHARED / "data" / request.param.file).exists():
        pytest.skip(f"{SHARED / 'data' / request.param.file} is not there")
    directory = tempfile.mkdtemp(prefix="quanyu-")
    try:
        one = Shop(request.param(), directory)
        with one.suite:
            yield one.run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def shown(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if ms is not None else None


def test_an_import_that_was_interrupted_and_run_again_counts_nothing_twice(shop):
    lines = shop.path.read_text(encoding="utf-8").count("\n") - 1
    assert f"{lines} lines, {shop.events} events: " in shop.output
    assert f"{lines} lines, {shop.events} events: 0 new, {shop.events} there already" in shop.again
    if shop.data.left_out:
        assert f"{shop.data.left_out_lines} lines left out: {shop.data.left_out}\n" in shop.again
    assert (shop.suite.directory / "report.csv").read_text() == "line,reason\n"
    assert shop.before == shop.then


def test_everybody_has_the_figures_of_the_file(shop):
    begun = time.monotonic()
    profiles = shop.profiles()
    print(f"{len(profiles) / (time.monotonic() - begun):.0f} profiles/s")
    assert len({profile["one_id"] for _, profile in profiles.values()}) == len(shop.people) == shop.suite.count({"everyone": True})
    for name, one in shop.people.items():
        status, profile = profiles[name]
        assert status == 200, (name, profile)
        metrics = profile["metrics"]
        assert profile["stage"] == one.stage, name
        assert metrics == metrics | {
            "orders": len(one.orders), "refunds": len(one.refunds), "gross": str(one.gross), "revenue": str(one.revenue),
            "average_order": None if one.average is None else str(one.average), "events": len(one.orders) + len(one.refunds),
            "first_order_at": shown(one.first), "last_order_at": shown(one.last), "recency_score": one.recency,
            "frequency_score": one.frequency, "monetary_score": one.monetary}, name
    best = sorted(shop.people, key=lambda name: (-shop.people[name].revenue, name))[:10]
    found = sorted(profiles, key=lambda name: (-Decimal(profiles[name][1]["metrics"]["revenue"]), name))[:10]
    assert found == best
    revenue = sum(Decimal(profile["metrics"]["revenue"]) for _, profile in profiles.values())
    assert revenue == sum(one.revenue for one in shop.people.values())


def test_stages_and_scores_divide_everybody(shop):
    for stage in ("prospect", "new", "active", "dormant", "lost"):
        assert shop.suite.count({"stage": stage}) == sum(one.stage == stage for one in shop.people.values()), stage
    for metric in ("recency", "frequency", "monetary"):
        for score in range(1, 6):
            rule = {"metric": f"{metric}_score", "is": score}
            expected = sum(getattr(one, metric) == score for one in shop.people.values())
            assert shop.suite.count(rule) == expected, rule
            assert shop.suite.count(rule, as_of=shop.data.after) == expected, rule


def test_audiences_pick_whom_the_file_says(shop):
    for rule, fits in shop.data.audiences:
        assert shop.suite.count(rule) == sum(bool(fits(one)) for one in shop.people.values()), rule


def test_audiences_as_of_an_earlier_time_pick_whom_the_file_says(shop):
    for earlier in shop.data.earlier:
        people = at_time(shop.buyers, shop.suite_ms(earlier))
        assert shop.suite.count({"everyone": True}, as_of=earlier) == len(people)
        for rule, fits in shop.data.audiences + [({"stage": "active"}, lambda c: c.stage == "active")]:
            assert shop.suite.count(rule, as_of=earlier) == sum(bool(fits(one)) for one in people.values()), (earlier, rule)
