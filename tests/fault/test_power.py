# SPDX-License-Identifier: Apache-2.0
"""Power cuts: whatever moment the disk is left at, all that had been acknowledged is there, and the suite goes on from it."""
import contextlib
import os
import pathlib
import random
import signal
import time

from disks import Image
from load import LONG, Input, Sender, assert_same, canonical, copy_secrets, segment, send_all
from suite import SERVICES, Suite, wait_for

CONNECTIONS = 3
BATCHES = 40 if not LONG else 200
CUTS = 5 if not LONG else 60
FIRST_START_SECONDS = 0.3
FIRST_STARTS = 6 if not LONG else 60
IMAGE_MB = 512


def test_what_is_not_synced_is_not_in_the_image(directory):
    """Of the instrument itself: a cut must be able to show what a missing fsync loses."""
    image = Image(f"{directory}/image", 64)
    with image.mounted(f"{directory}/disk") as disk:
        for name, synced in (("synced", True), ("unsynced", False)):
            with open(disk / name, "wb") as file:
                file.write(b"x" * 10000)
                file.flush()
                if synced:
                    os.fsync(file.fileno())
        copy = image.copy(f"{directory}/copy")
    with copy.mounted(f"{directory}/after") as disk:
        assert (disk / "synced").read_bytes() == b"x" * 10000
        assert not (disk / "unsynced").exists() or (disk / "unsynced").stat().st_size == 0


@contextlib.contextmanager
def stopped(suite):
    """All services stand still, in the middle of whatever they were doing."""
    processes = list(suite.processes.values())
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: all(is_stopped(process.pid) for process in processes), "all threads have stopped")
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def is_stopped(pid):
    states = []
    for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        states.append(stat.read_text().rsplit(")", 1)[1].split()[0])
    return states and all(state in "tT" for state in states)


class Cut:
    def __init__(self, number, image, acknowledged, tree_size):
        self.number = number              # of tags that had been made, each acknowledged
        self.image = image
        self.acknowledged = acknowledged  # batches, by connection
        self.tree_size = tree_size        # of the audit log, as an auditor had been told


def live(suite, image, directory, batches, moments):
    """Sends all, and cuts the power, as far as the image can tell, at these moments: each a share of the whole."""
    cuts = []
    may_go = [0.0]
    senders = [Sender(suite, own, lambda done: done <= may_go[0]) for own in batches]
    for sender in senders:
        sender.start()
    for moment in [*moments, None]:
        may_go[0] = 1.0 if moment is None else moment
        if moment is None:
            break
        wait_for(lambda: any(s.acknowledged >= moment * len(s.batches) or s.error for s in senders), "the next moment", 120)
        suite.post("/api/v1/tags", {"tag": f"cut {len(cuts)}"})
        tree_size = int(suite.audit("/v1/tree").json["size"])
        acknowledged = [sender.acknowledged for sender in senders]
        with stopped(suite):
            copy = image.copy(f"{directory}/cut-{len(cuts)}")
        cuts.append(Cut(len(cuts), copy, acknowledged, tree_size))
    for sender in senders:
        sender.finish(120)
    return cuts


def is_of_cuts(line):
    return '"id":"cut ' in line or '"audit":"tag.create"' in line


def check_cut(cut, directory, batches, expected):
    suite = Suite(f"{directory}/after-{cut.number}")
    with cut.image.mounted(suite.data), suite:
        suite.start()
        suite.wait_quiet()
        for number in range(cut.number + 1):
            assert suite.api("GET", f"/api/v1/tags/cut%20{number}").status == 200, f"tag {number} of {cut.number} is lost"
        assert int(suite.audit("/v1/tree").json["size"]) >= cut.tree_size
        known = send_all(suite, [own[:count] for own, count in zip(batches, cut.acknowledged)])
        assert [sender.events_new for sender in known] == [0] * len(batches), "what had been acknowledged is not there"
        send_all(suite, batches)
        suite.wait_quiet()
        got = [line for line in canonical(suite) if not is_of_cuts(line)]
        assert_same(expected, got, f"after cut {cut.number}")


def test_a_power_cut_takes_nothing_that_was_acknowledged(directory, seed):
    made = Input(seed, f"{directory}/undisturbed", CONNECTIONS, BATCHES, padding=500)
    batches = [first + second for first, second in zip(*made.halves())]
    drawn = random.Random(f"{seed}/cuts")
    image = Image(f"{directory}/image", IMAGE_MB)
    suite = Suite(f"{directory}/running")
    with image.mounted(suite.data), suite:
        copy_secrets(made.undisturbed, suite)
        os.sync()  # the test has put them there, not the service
        suite.start()
        segment(suite)
        cuts = live(suite, image, directory, batches, [0.0, *sorted(drawn.random() for _ in range(CUTS - 1))])
    assert any(sum(cut.acknowledged) for cut in cuts)
    for cut in cuts:
        check_cut(cut, directory, batches, made.expected)
        cut.image.path.unlink()


def use(suite, name):
    suite.send([{"type": "identify", "userId": name, "messageId": name}])
    suite.wait_quiet()
    assert suite.lookup("user_id", name).status == 200


def test_a_power_cut_in_the_first_start_leaves_what_can_be_started(directory, seed):
    """Keys, secrets, credentials and empty states are being made: each is there whole, or made again."""
    drawn = random.Random(f"{seed}/first starts")
    for number in range(FIRST_STARTS):
        image = Image(f"{directory}/image-{number}", 64)
        suite = Suite(f"{directory}/first-{number}")
        with image.mounted(suite.data):
            for name in SERVICES:
                suite.spawn(name)
            time.sleep(drawn.random() * FIRST_START_SECONDS)  # the moment of the cut is what is drawn
            with stopped(suite):
                copy = image.copy(f"{directory}/copy-{number}")
            suite.destroy()
        again = Suite(f"{directory}/again-{number}")
        with copy.mounted(again.data), again:
            again.start()
            use(again, "first")
        image.path.unlink()
        copy.path.unlink()
