# SPDX-License-Identifier: Apache-2.0
"""Audit is dead, stands still, has a disk that stalls, or one that is full: what needs a record is refused with the reason and without a
stall, ingestion goes on, and everything recovers by itself."""
import contextlib
import json
import signal
import threading

import pytest

from disks import Ballast, Image, run, small_disk
from suite import Suite, wait_for

REQUESTS = 200  # at half a second each they would take longer than all of them are given
SECONDS = 40


@contextlib.contextmanager
def killed(suite):
    yield lambda: suite.kill("audit"), lambda: suite.spawn("audit")


@contextlib.contextmanager
def stopped(suite):
    yield lambda: suite.processes["audit"].send_signal(signal.SIGSTOP), lambda: suite.processes["audit"].send_signal(signal.SIGCONT)


@contextlib.contextmanager
def stalled(suite):
    """Its disk takes no write, and does not say so."""
    where = suite.data / "audit"
    with Image(suite.directory / "image", 256).mounted(where):
        def freeze():
            if run("fsfreeze", "--freeze", where).returncode != 0:
                pytest.skip("a file system cannot be frozen here")

        try:
            yield freeze, lambda: run("fsfreeze", "--unfreeze", where)
        finally:
            run("fsfreeze", "--unfreeze", where)
            suite.destroy()


@contextlib.contextmanager
def full(suite):
    with small_disk(suite.data / "audit", 48) as disk:
        ballast = []
        yield lambda: ballast.append(Ballast(disk)), lambda: ballast.pop().remove()


def refuses(answer):
    """With what is the matter, and when to come again."""
    if answer.status == 503:
        assert answer.headers["Retry-After"] and "audit log cannot record this now" in answer.json["detail"], answer
    return answer.status == 503


def told(suite):
    records = suite.audit("/v1/records?action=audit.away").json["records"]
    return sum(json.loads(record["detail"])["refused"] for record in records)


class Ingesting(threading.Thread):
    """One batch after the other, all of which must be taken."""

    def __init__(self, suite):
        super().__init__(daemon=True)
        self.suite, self.enough, self.sent, self.error = suite, threading.Event(), 0, None

    def run(self):
        try:
            while not self.enough.is_set():
                self.suite.send([{"type": "track", "userId": f"new-{self.sent}-{i}", "event": "x"} for i in range(20)])
                self.sent += 20
        except BaseException as error:  # told by finish()
            self.error = error

    def finish(self):
        self.enough.set()
        self.join(60)
        assert not self.is_alive() and not self.error and self.sent > 0, self.error
        return self.sent


def ask_all(suite, one_id, answers):
    for _ in range(REQUESTS // 4):
        answers.append(suite.api("GET", f"/api/v1/persons/{one_id}"))


@pytest.mark.parametrize("harm", [killed, stopped, stalled, full])
def test_what_needs_a_record_is_refused_at_once_and_all_else_goes_on(directory, harm):
    suite = Suite(directory, settings={"gateway.audit_wait": "500ms"})
    with harm(suite) as (do, undo), suite:
        suite.start()
        suite.send([{"type": "track", "userId": "u1", "event": "x"}])
        suite.wait_quiet()
        one_id = wait_for(lambda: suite.lookup("user_id", "u1").json.get("one_id"), "the person is shown")
        wait_for(lambda: suite.api("POST", "/api/v1/tags", {"tag": "vip"}).status in (201, 409), "there is a tag")
        do()
        wait_for(lambda: refuses(suite.lookup("user_id", "u1")), "a look is refused", every=0)
        ingesting, answers = Ingesting(suite), []
        ingesting.start()
        asking = [threading.Thread(target=ask_all, args=(suite, one_id, answers), daemon=True) for _ in range(4)]
        for thread in asking:
            thread.start()
        wait_for(lambda: len(answers) == REQUESTS, "all have an answer", SECONDS)
        refused = sum(map(refuses, answers))
        assert refused == REQUESTS or harm is full and refused > 0, refused  # files that are full have some room in them
        if harm is not full:
            assert refuses(suite.api("POST", f"/api/v1/persons/{one_id}/tags", {"tag": "vip"}))
            assert refuses(suite.api("GET", "/api/v1/persons/p_00000000")) and refuses(suite.api("GET", "/api/v1/segments/s_77"))
        sent = ingesting.finish()
        undo()
        wait_for(lambda: suite.api("GET", f"/api/v1/persons/{one_id}").status == 200, "the person is shown again", 60)
        suite.wait_ready()
        suite.wait_quiet()
        wait_for(lambda: suite.lookup("user_id", f"new-{sent - 20}-19").status == 200, "what came meanwhile is there")
        assert suite.lookup("user_id", "u1").json["tags"] == []
        wait_for(lambda: told(suite) >= refused, "how many were refused is on record")
        assert all(record["intact"] for record in suite.audit("/v1/records?limit=1000").json["records"])
