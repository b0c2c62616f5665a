# SPDX-License-Identifier: Apache-2.0
"""From nothing to a running brand: 20,000 consumers over 90 days on the simulated clock, with a win-back journey."""
import argparse
import collections
import datetime
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from brand import SETTINGS, Brand  # noqa: E402
from receivers import Webhooks  # noqa: E402
from suite import TOP, Suite  # noqa: E402
from truth import DIRT, Truth, by_dirt, look_up, own_number  # noqa: E402


def say(text):
    print(text, flush=True)


def bodies(events):
    return [event.body for event in events]


def make_browser_key(suite):
    """What the web shop's pages send with: everybody can read it there, so nothing that comes with it is verified."""
    return suite.post("/api/v1/write-keys", {"name": "Web shop", "platform": "browser"})["secret"]


def send(suite, events, browser_key):
    suite.send(bodies(event for event in events if not event.browser), size=1000)
    suite.send(bodies(event for event in events if event.browser), size=1000, write_key=browser_key)


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


def live(suite, brand, days):
    """Day by day: what happened, then midnight."""
    sent, begun = 0, time.monotonic()
    browser_key = make_browser_key(suite)
    for day, events in enumerate(days):
        send(suite, events, browser_key)
        sent += len(events)
        target = brand.start + datetime.timedelta(days=day + 1)
        suite.post("/api/v1/clock", {"set": target.strftime("%Y-%m-%dT%H:%M:%SZ"), "step": "12h"})
        if sys.stdout.isatty():
            print(f"\r   day {day + 1:2}, {sent:,} events, {time.monotonic() - begun:.0f} s ", end="", flush=True)
    if sys.stdout.isatty():
        print("\r" + " " * 60 + "\r", end="")
    return sent


def score(suite, truth):
    """Pairwise precision and recall (truth.py says over which pairs): of all, and by what happened to people."""
    one_ids = look_up(suite, truth.identifiers)
    every = truth.figures(one_ids)
    lines = [f"  One ID      precision {every.precision:.4f}   recall {every.recall:.4f}   (pairs among {len(one_ids):,} identifiers looked up)",
             f"              recall {every.recall_shared:.4f} where a chain may lead through what others use too; {every.unconnected:.0%} of all pairs nothing connects"]
    for label, chosen in [("own number", own_number), *((label, by_dirt(label)) for label in DIRT)]:
        row = truth.figures(one_ids, chosen)
        lines.append(f"    {label if label != 'none' else 'no dirt':14} {row.precision:.4f}          {row.recall:.4f}   {row.people:>7,} people, {row.wrong:,} wrong pairs")
    return "\n".join(lines)


def report(suite, brand, hooks, segment, journey, sent, scores, seconds):
    summary = suite.get("/api/v1/summary")
    shown = suite.get(f"/api/v1/journeys/{journey['id']}")
    tree = suite.audit("/v1/tree").json
    offers = collections.Counter(body["offer"] for body in hooks.bodies())
    say(f"""
  A brand's {brand.days} days                                   {seconds:.0f} s
  ------------------------------------------------------------------
  events      {sent:>9,}   of {len(brand.consumers):,} consumers, {len(brand.stores)} stores, {len(brand.touchpoints)} touchpoints
  identifiers {summary['identifiers']:>9,}   became {summary['persons']:,} persons by {summary['joins']:,} joins
{scores}
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
                **SETTINGS, "clock_start": brand.start.strftime("%Y-%m-%dT%H:%M:%SZ")}) as suite:
            suite.start()
            history, days = brand.history(), brand.by_day()
            say("== importing what the old system knew")
            suite.send(bodies(history), path="/v1/import", size=1000)
            suite.wait_quiet()
            segment, journey = make_journey(suite, hooks.url)
            say(f"== living through {brand.days} days")
            sent = len(history) + live(suite, brand, days)
            suite.wait_quiet()
            say("== asking who is who")
            scores = score(suite, Truth(history + [event for day in days for event in day]))
            report(suite, brand, hooks, segment, journey, sent, scores, time.monotonic() - begun)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
