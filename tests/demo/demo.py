# SPDX-License-Identifier: Apache-2.0
"""From nothing to a running brand: 20,000 consumers over 90 days on the simulated clock, with a win-back journey."""
import argparse
import collections
import concurrent.futures
import datetime
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from brand import Brand  # noqa: E402
from receivers import Webhooks  # noqa: E402
from suite import TOP, Suite  # noqa: E402


def say(text):
    print(text, flush=True)


def bodies(events):
    return [body for _, _, body in events]


def make_journey(suite, url):
    segment = suite.post("/api/v1/segments", {"name": "Win back", "rule": {"all": [{"stage": "dormant"}, {"metric": "orders", "gte": 1}]}})
    journey = suite.post("/api/v1/journeys", {
        "name": "Win back", "entry": {"segment": segment["id"]},
        "steps": [
            {"id": "offer", "type": "split", "branches": [{"share": 50, "next": "ten"}, {"share": 50, "next": "gift"}]},
            {"id": "ten", "type": "send", "channel": "webhook", "url": url, "secret": "demo",
             "content": {"person": "{{one_id}}", "offer": "10 % off"}, "next": "week"},
            {"id": "gift", "type": "send", "channel": "webhook", "url": url, "secret": "demo",
             "content": {"person": "{{one_id}}", "offer": "a gift"}, "next": "week"},
            {"id": "week", "type": "wait", "for": "7d"},
            {"id": "back", "type": "condition", "rule": {"event": "Order Completed", "within": "7d"}, "then": "end", "else": "again"},
            {"id": "again", "type": "send", "channel": "webhook", "url": url, "secret": "demo",
             "content": {"person": "{{one_id}}", "offer": "last call"}},
            {"id": "end", "type": "exit"}]})
    suite.post(f"/api/v1/journeys/{journey['id']}/publish")
    return segment, journey


def live(suite, brand):
    """Day by day: what happened, then midnight."""
    sent, begun = 0, time.monotonic()
    for day, events in enumerate(brand.by_day()):
        if events:
            suite.send(bodies(events), size=1000)
        sent += len(events)
        target = brand.start + datetime.timedelta(days=day + 1)
        suite.post("/api/v1/clock", {"set": target.strftime("%Y-%m-%dT%H:%M:%SZ"), "step": "12h"})
        if sys.stdout.isatty():
            print(f"\r   day {day + 1:2}, {sent:,} events, {time.monotonic() - begun:.0f} s ", end="", flush=True)
    if sys.stdout.isatty():
        print("\r" + " " * 60 + "\r", end="")
    return sent


def pairs(groups):
    return sum(len(group) * (len(group) - 1) // 2 for group in groups)


def score(suite, brand, sample):
    """Pairwise precision and recall: of the identifiers of a sample of consumers, which are one person, and which should be."""
    asked = [(consumer.number, kind, value) for consumer in sample for kind, value in consumer.identifiers]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda item: suite.lookup(item[1], item[2]), asked))
    truth, found, both = collections.defaultdict(list), collections.defaultdict(list), collections.defaultdict(list)
    for (number, kind, value), answer in zip(asked, answers):
        if answer.status == 200:
            truth[number].append(value)
            found[answer.json["one_id"]].append(value)
            both[number, answer.json["one_id"]].append(value)
    right = pairs(both.values())
    return right / max(1, pairs(found.values())), right / max(1, pairs(truth.values())), len(asked)


def report(suite, brand, hooks, segment, journey, sent, scores, seconds):
    summary = suite.get("/api/v1/summary")
    shown = suite.get(f"/api/v1/journeys/{journey['id']}")
    tree = suite.audit("/v1/tree").json
    precision, recall, asked = scores
    offers = collections.Counter(body["offer"] for body in hooks.bodies())
    say(f"""
  A brand's {brand.days} days                                   {seconds:.0f} s
  ------------------------------------------------------------------
  events      {sent:>9,}   of {len(brand.consumers):,} consumers, {len(brand.stores)} stores, {len(brand.touchpoints)} touchpoints
  identifiers {summary['identifiers']:>9,}   became {summary['persons']:,} persons by {summary['joins']:,} joins
  precision   {precision:>9.4f}   recall {recall:.4f}   (pairs among {asked:,} identifiers looked up)
  orders      {summary['orders']:>9,}
  stages      {'  '.join(f'{name} {count:,}' for name, count in summary['stages'].items())}
  win back    {suite.get('/api/v1/segments/' + segment['id'])['count']:>9,}   in the segment; {shown['entered']:,} entered the journey
  sends       {len(hooks.requests):>9,}   {'  '.join(f'{offer}: {count:,}' for offer, count in sorted(offers.items()))}
  audit       {int(tree['size']):>9,}   records, root {tree['root']}
""")
    once = collections.Counter((body["person"], body["offer"]) for body in hooks.bodies())
    if any(count > 1 for count in once.values()):
        raise SystemExit("a person was sent the same thing twice")


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--consumers", type=int, default=20000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    begun = time.monotonic()
    say("== making up a brand")
    brand = Brand(options.seed, options.consumers, options.days)
    directory = tempfile.mkdtemp(prefix="quanyu-demo-")
    try:
        with Webhooks() as hooks, Suite(directory, build=TOP / "build" / "release", settings={
                "clock_start": brand.start.strftime("%Y-%m-%dT%H:%M:%SZ")}) as suite:
            suite.start()
            say("== importing what the old system knew")
            history = brand.history()
            suite.send(bodies(history), path="/v1/import", size=1000)
            suite.wait_quiet()
            segment, journey = make_journey(suite, hooks.url)
            say(f"== living through {brand.days} days")
            sent = len(history) + live(suite, brand)
            suite.wait_quiet()
            sample = brand.draw.sample(brand.consumers, min(1500, len(brand.consumers)))
            scores = score(suite, brand, sample)
            report(suite, brand, hooks, segment, journey, sent, scores, time.monotonic() - begun)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
