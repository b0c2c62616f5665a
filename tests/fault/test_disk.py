# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, and disks that fail: what was acknowledged stays, and counts once."""
import contextlib
import random
import signal

import pytest

from disks import Ballast, small_disk
from load import LONG, Input, Sender, copy_secrets, segment, send_all
from suite import SERVICES, Suite, request, wait_for

CONNECTIONS = 3
BATCHES = 24 if not LONG else 240
DISK_MB = 48
PADDING = 3000  # bytes of each event, so that a disk fills soon


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed of this module: {seed}")
    return Input(seed, tmp_path_factory.mktemp("undisturbed"), CONNECTIONS, BATCHES, PADDING)


def readiness(suite, name):
    answer = request(suite.ports[name, "OPS_PORT"], "GET", "/readyz", timeout=10)
    return answer.status, answer.body.decode()


def says_full(suite, name):
    status, text = readiness(suite, name)
    return status == 503 and "no room left" in text


def start_senders(suite, all_batches):
    senders = [Sender(suite, batches) for batches in all_batches]
    for sender in senders:
        sender.start()
    return senders


def test_a_full_disk_makes_the_gateway_refuse_before_anything_is_lost(made, directory):
    first, second = made.halves()
    suite = Suite(directory)
    with small_disk(suite.data / "gateway", DISK_MB) as disk, suite:
        copy_secrets(made.undisturbed, suite)
        suite.start()
        segment(suite)
        send_all(suite, first)
        ballast = Ballast(disk, left=1_500_000)
        senders = start_senders(suite, second)
        ballast.fill()  # while they send
        wait_for(lambda: all(sender.refusals for sender in senders), "every sender is refused", 60)
        assert says_full(suite, "gateway")
        for status, headers, body in [answer for sender in senders for answer in sender.refusals]:
            assert status == 503 and int(headers["Retry-After"]) > 0, headers
            assert headers["Content-Type"] == "application/problem+json"
            assert b"disk is full" in body, body
        assert any(sender.acknowledged < len(sender.batches) for sender in senders)
        ballast.remove()
        for sender in senders:
            sender.finish(120)
        wait_for(lambda: readiness(suite, "gateway")[0] == 200, "the gateway is ready again")
        made.check(suite)


@contextlib.contextmanager
def filled(made, directory, name):
    """A suite that has the first half, and a disk of its own for one of its services, which is full."""
    suite = Suite(directory)
    with small_disk(suite.data / name, DISK_MB) as disk, suite:
        copy_secrets(made.undisturbed, suite)
        suite.start()
        segment(suite)
        send_all(suite, made.halves()[0])
        yield suite, Ballast(disk)


@pytest.mark.parametrize("name", ["identity", "tagging", "campaign", "audit"])
def test_a_service_whose_disk_is_full_pauses_and_catches_up(made, directory, name):
    second = made.halves()[1]
    with filled(made, directory, name) as (suite, ballast):
        send_all(suite, second)  # all of it is acknowledged meanwhile
        wait_for(lambda: says_full(suite, name), f"{name} says that there is no room")
        if name == "audit":  # no record, no data; some records find room that the files have already
            wait_for(lambda: suite.lookup("user_id", "shop-d0-1").status == 503, "a lookup is refused", every=0)
        ballast.remove()
        suite.wait_ready()
        made.check(suite)


def comes_up_full(suite, name, ballast):
    """True once all of it is open and it says so; it must not end. What a journal had written ahead is free again at a start."""
    ballast.fill()
    assert suite.processes[name].poll() is None, suite.log(name)[-2000:]
    try:
        return says_full(suite, name) and "not everything is open yet" not in readiness(suite, name)[1]
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_started_on_a_full_disk_waits_for_room(made, directory, name, number):
    second = made.halves()[1]
    with filled(made, directory, name) as (suite, ballast):
        suite.kill(name, number)
        suite.spawn(name)
        wait_for(lambda: comes_up_full(suite, name, ballast), f"{name} says that there is no room")
        if name == "gateway":
            answer = suite.ingest("/v1/track", {"userId": "u", "event": "e"})
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0, answer
        ballast.remove()
        suite.wait_ready()
        send_all(suite, second)
        made.check(suite)


def test_a_first_start_on_a_full_disk_says_what_is_wrong(directory):
    suite = Suite(directory)
    with small_disk(suite.data, 4) as disk:
        ballast = Ballast(disk)
        suite.spawn("gateway")
        assert suite.processes.pop("gateway").wait(30) == 1
        assert "error=FULL" in suite.log("gateway") and "free some of this disk" in suite.log("gateway"), suite.log("gateway")
        ballast.remove()
        with suite:
            suite.start("gateway")


def failing(suite, name, setting):
    """Stops the service, and starts it with an fsync that is going to fail."""
    suite.kill(name, signal.SIGTERM)
    suite.spawn(name, {"QUANYU_TEST_FAIL_SYNC": setting})
    return suite.processes[name]


@pytest.mark.parametrize("name,setting", [
    ("gateway", "2@/journal/"), ("gateway", "6@/journal/"), ("identity", "1@/state"), ("identity", "1@/journal/"),
    ("tagging", "2@/state"), ("tagging", "1@/journal/"), ("campaign", "1@/state"), ("audit", "2@/state")])
def test_a_failed_fsync_ends_the_process_without_acknowledging(made, directory, name, setting):
    first, second = made.halves()
    suite = Suite(directory)
    with suite:
        copy_secrets(made.undisturbed, suite)
        suite.start()
        segment(suite)
        process = failing(suite, name, setting)
        senders = start_senders(suite, first)
        wait_for(lambda: process.poll() is not None, f"quanyu-{name} ends", 60)
        assert process.returncode == 3, suite.log(name)[-2000:]
        assert "a commit failed" in suite.log(name)
        suite.spawn(name)
        for sender in senders:
            sender.finish(120)
        suite.wait_ready()
        send_all(suite, second)
        made.check(suite)


def test_a_service_beyond_its_quota_pauses_until_it_is_raised(made, directory):
    first, second = made.halves()
    print(made.bytes_before, made.bytes_after)
    quota = (made.bytes_before["identity"] + made.bytes_after["identity"]) // 2
    suite = Suite(directory, settings={"identity.quota": quota})
    with suite:
        copy_secrets(made.undisturbed, suite)
        suite.start()
        segment(suite)
        send_all(suite, first)
        send_all(suite, second)
        wait_for(lambda: says_full(suite, "identity"), "identity says that there is no room")
        suite.kill("identity", signal.SIGTERM)
        suite.environment["QUANYU_IDENTITY_QUOTA"] = "0"
        suite.start("identity")
        made.check(suite)
