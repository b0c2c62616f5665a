# SPDX-License-Identifier: Apache-2.0
"""Followers that were away for long, and leaders whose history is not the one that was followed."""
import collections
import decimal
import json
import os
import pathlib
import re
import shutil
import signal
import threading

import pytest

from load import LONG, canonical, send_all
from suite import TOP, Suite, request, wait_for

RECORDS = 1_000_000 if LONG else 200_000
CONNECTIONS = 4
BATCH = 1000
PEOPLE = 4000
MEMORY_MB = 256  # of a service that catches up, whatever it has missed


def release():
    build = pathlib.Path(os.environ.get("QUANYU_RELEASE", TOP / "build" / "release"))
    if not (build / "quanyu-gateway").exists():
        pytest.skip(f"this needs the release build, which is not in {build}: ./dev build")
    return build


# -- away

def purchase(number):
    return {"type": "track", "event": "Order Completed", "userId": f"u{number % PEOPLE}", "messageId": f"m{number}",
            "timestamp": f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}T10:00:00Z",
            "properties": {"order_id": f"o{number}", "total": number % 997, "currency": "CNY"}}


def purchases(connection):
    """Made while they are sent: a million of them need not be in memory."""
    class Batches:
        def __len__(self):
            return RECORDS // CONNECTIONS // BATCH

        def __iter__(self):
            for first in range(connection * BATCH, RECORDS, CONNECTIONS * BATCH):
                yield [purchase(number) for number in range(first, first + BATCH)]

    return Batches()


def expected_persons():
    totals = collections.Counter()
    for number in range(RECORDS):
        totals[number % PEOPLE] += number % 997
    return sorted((RECORDS // PEOPLE, decimal.Decimal(totals[user])) for user in range(PEOPLE))


def counted_persons(suite):
    found = []
    for line in canonical(suite):
        if line.startswith('tagging {"person"'):
            metrics = json.loads(line[len("tagging "):])["metrics"]
            assert metrics["orders"] == metrics["events"], line
            found.append((metrics["orders"], decimal.Decimal(metrics["gross"])))
    return sorted(found)


class Memory(threading.Thread):
    """The most that a process took, of what is its own and not the page cache's."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.path = f"/proc/{process.pid}/status"
        self.most_mb = 0
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.05):
            with open(self.path) as status:
                found = re.search(r"RssAnon:\s+(\d+) kB", status.read())
            if found:
                self.most_mb = max(self.most_mb, int(found[1]) // 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        self.join()


def catch_up(suite, name, leader):
    suite.spawn(name)
    with Memory(suite.processes[name]) as memory:
        suite.wait_ready(name)

        def has_all():
            services = suite.get("/api/v1/status")["services"]
            inputs = {i["from"]: i for i in services[name].get("inputs", [])}
            return leader in inputs and int(inputs[leader]["position"]) >= int(services[leader]["journal_end"])

        wait_for(has_all, f"{name} has caught up with {leader}", 1200, every=0.1)
    print(f"{name} took {memory.most_mb} MB at most")
    assert memory.most_mb < MEMORY_MB, f"{name} took {memory.most_mb} MB to catch up"


def test_followers_that_were_away_for_long_catch_up_within_bounded_memory(directory):
    with Suite(directory, build=release()) as suite:
        suite.start()
        for name in ("identity", "tagging", "audit"):
            assert suite.kill(name, signal.SIGTERM) == 0
        send_all(suite, [purchases(i) for i in range(CONNECTIONS)])
        catch_up(suite, "identity", "gateway")
        catch_up(suite, "audit", "gateway")
        catch_up(suite, "tagging", "identity")
        suite.wait_quiet(1200)
        assert counted_persons(suite) == expected_persons()


# -- another history

def orders(prefix, count):
    return [{"type": "track", "event": "Order Completed", "userId": f"{prefix}-{i}", "messageId": f"{prefix}-{i}",
             "timestamp": "2025-12-01T00:00:00Z", "properties": {"total": 1, "currency": "CNY"}} for i in range(count)]


def refuses(suite, name, leader):
    """Not ready, with the leader as the part that is to blame."""
    try:
        answer = request(suite.ports[name, "OPS_PORT"], "GET", "/readyz", timeout=10)
    except OSError:
        return None
    if answer.status != 503:
        return None
    parts = {part["part"]: part["reason"] for part in json.loads(answer.body)["reasons"]}
    return parts.get(leader)


def what_audit_follows():
    """Two persons turn out to be one: audit follows joins (and acts), and passes over events."""
    return [{"type": "alias", "userId": "early-0", "previousId": "early-1", "messageId": "join"}]


def restored(suite, name):
    """A backup of one service's data is put in place of what came later."""
    data, backup = suite.data / name, suite.directory / "backup"
    suite.send(orders("early", 50))
    suite.wait_quiet()
    suite.stop()
    shutil.copytree(data, backup)
    suite.start()
    suite.send(orders("later", 50) + what_audit_follows())
    suite.advance("1m")
    suite.wait_quiet()
    suite.stop()
    shutil.rmtree(data)
    shutil.copytree(backup, data)


@pytest.mark.parametrize("leader,followers", [("gateway", ["identity", "audit"]), ("identity", ["tagging", "audit"])])
def test_a_leader_restored_from_a_backup_is_not_followed_in_silence(directory, leader, followers):
    with Suite(directory) as suite:
        suite.start()
        restored(suite, leader)
        suite.spawn(leader)
        for name in followers:
            suite.spawn(name)
            reason = wait_for(lambda name=name: refuses(suite, name, leader), f"{name} refuses to follow {leader}")
            assert "older copy" in reason, reason
            assert "the feed cannot be followed any further" in suite.log(name)


def test_a_restored_leader_that_went_another_way_is_not_followed_in_silence(directory):
    with Suite(directory) as suite:
        suite.start()
        restored(suite, "gateway")
        suite.start("gateway")
        suite.send(orders("other", 500), size=10)  # its journal is longer than what identity has followed, and another one
        suite.spawn("identity")
        reason = wait_for(lambda: refuses(suite, "identity", "gateway"), "identity refuses to follow the gateway")
        assert "history" in reason, reason
        assert "DIVERGED" in suite.log("identity")
