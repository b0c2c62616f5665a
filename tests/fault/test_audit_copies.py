# SPDX-License-Identifier: Apache-2.0
"""Copies of the log onto disks that are full: a clear word, nothing half-made that counts, and the service goes on."""
import json

import pytest

from disks import Ballast, small_disk
from suite import Suite, wait_for


def grow(suite, records):
    for _ in range(records):
        suite.count({"everyone": True})


def signed(suite):
    answer = suite.audit("/checkpoint")
    return int(answer.body.decode().splitlines()[1]) if answer.status == 200 else 0


def wait_signed(suite):
    wait_for(lambda: signed(suite) == suite.audit("/v1/tree").json["size"] > 0, "a checkpoint of all")


@pytest.fixture
def suite(directory):
    with Suite(directory) as running:
        running.start().wait_quiet()
        grow(running, 50)
        wait_signed(running)
        yield running


def test_a_backup_onto_a_full_disk_says_so_and_leaves_nothing(suite):
    with small_disk(suite.directory / "small", 16) as disk:
        ballast = Ballast(disk, left=20_000)
        refused = suite.cli("audit", "backup", disk / "b", check=False)
        assert refused.returncode == 1 and "no room" in refused.stderr, refused
        assert [path.name for path in disk.iterdir()] == ["ballast"]
        ballast.remove()
        suite.cli("audit", "backup", disk / "b")
        assert suite.cli("audit", "verify", "--files", disk / "b").returncode == 0
        ballast.fill()
        to = disk / "restored"
        full = suite.cli("audit", "restore", disk / "b", "--to", to, check=False)
        assert full.returncode == 1 and full.stderr, full
        ballast.remove()
        suite.cli("audit", "restore", disk / "b", "--to", to)
    grow(suite, 1)


def test_a_backup_leaves_the_service_on_the_same_disk_the_room_that_it_needs(directory):
    suite = Suite(directory)
    with small_disk(suite.data / "audit", 64) as disk, suite:
        suite.start().wait_quiet()
        grow(suite, 20)
        Ballast(disk, left=3_000_000)
        refused = suite.cli("audit", "backup", disk / "b", check=False)
        assert refused.returncode == 1 and "no room" in refused.stderr, refused
        assert not (disk / "b").exists() and not (disk / "b.partial").exists()


def test_a_warm_copy_on_a_full_disk_waits_for_room_and_goes_on(suite):
    token = suite.directory / "token"
    token.write_text(suite.bootstrap["auditor_token"])
    key = json.loads(suite.cli("audit", "key").stdout.splitlines()[0])["verifier_key"]
    with small_disk(suite.directory / "small", 64) as disk:
        copy = ["audit", "mirror", "--url", f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}", "--token-file", token, "--to", disk / "m"]
        suite.cli(*copy, "--key", key, "--once")
        ballast = Ballast(disk)
        for _ in range(40):  # what was written ahead is used up
            grow(suite, 50)
            wait_signed(suite)
            looked = suite.cli(*copy, "--once", check=False)
            if looked.returncode:
                break
            ballast.fill()
        assert looked.returncode == 1 and "ALARM" not in looked.stderr and looked.stderr, looked
        ballast.remove()
        suite.cli(*copy, "--once")
        assert suite.cli("audit", "verify", "--files", disk / "m").returncode == 0
