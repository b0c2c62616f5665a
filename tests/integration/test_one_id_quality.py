# SPDX-License-Identifier: Apache-2.0
"""Who is who among a made-up brand's consumers, with the default rules, on a seed drawn anew: what One ID says, asked from outside, is held
against who made the events. QUANYU_SEED repeats a run."""
import os
import pathlib
import random
import sys
import tempfile

from suite import Suite

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "demo"))

from brand import SETTINGS, Brand  # noqa: E402
from demo import bodies, make_browser_key, send  # noqa: E402
from truth import DIRT, Truth, by_dirt, look_up, own_number  # noqa: E402

CONSUMERS = 3000
# What the README says is missing to 0.999: people on one number of whom one never said a name, as many as there are by chance.
PRECISION_OF_ALL, PRECISION, RECALL = 0.997, 0.999, 0.98


def figures(seed):
    brand = Brand(seed, CONSUMERS)
    history, days = brand.history(), brand.by_day()
    with tempfile.TemporaryDirectory(prefix="quanyu-") as directory:
        with Suite(directory, settings={**SETTINGS, "clock_start": "2026-04-01T00:00:00Z"}) as suite:
            suite.start()
            browser_key = make_browser_key(suite)
            suite.send(bodies(history), path="/v1/import", size=1000)
            for events in days:
                send(suite, events, browser_key)
            suite.wait_quiet()
            truth = Truth(history + [event for events in days for event in events])
            one_ids = look_up(suite, truth.identifiers)
    found = {"all": truth.figures(one_ids), "own number": truth.figures(one_ids, own_number)}
    return {**found, **{label: truth.figures(one_ids, by_dirt(label)) for label in DIRT}}


def test_people_are_told_apart_and_found_again():
    seed = int(os.environ.get("QUANYU_SEED") or random.randrange(10 ** 6))
    found = figures(seed)
    shown = f"seed {seed}\n" + "\n".join(f"{label:14} {row}" for label, row in found.items())
    print(shown)
    assert found["all"].precision >= PRECISION_OF_ALL and found["all"].recall >= RECALL, shown
    assert found["own number"].precision >= PRECISION and found["own number"].recall >= RECALL, shown
    assert found["none"].precision >= PRECISION and found["none"].recall >= PRECISION, shown


def test_the_dirt_is_as_much_as_is_said():
    brand = Brand(random.randrange(10 ** 6), 4000)
    events = brand.history() + [event for day in brand.by_day() for event in day]
    people = brand.consumers
    assert 0.045 < sum("tablet" in event.dirt for event in events) / len(events) < 0.065
    assert 0.049 < sum("family" in person.dirt for person in people) / len(people) < 0.053
    numbers = {}
    for person in people:
        for _, number in person.numbers.main:
            numbers.setdefault(number, set()).add(person.number)
    owners = [len(who) for who in numbers.values()]
    assert 2 <= max(owners) <= 5
    assert 0.009 < sum("reassigned" in person.dirt for person in people) / 2 / len(numbers) < 0.011
    assert all(sum(event.dirt >= {what} for event in events) > 20 for what in ("typo", "media", "marketplace"))
