# SPDX-License-Identifier: Apache-2.0
"""What the tests of the log's copies share: backups, what is put back, warm copies, and a log that is worth copying."""
import json
import pathlib
import shutil
import signal
import subprocess
import threading

from suite import wait_for
from test_audit_proof import size_of, verify


def backup(suite, to, *arguments, check=True):
    result = suite.cli("audit", "backup", to, *arguments, check=False)
    assert not check or result.returncode == 0, result
    return result


def manifest(directory):
    return json.loads((pathlib.Path(directory) / "manifest.json").read_text())


def newest(suite, action):
    return suite.audit(f"/v1/records?action={action}&limit=1").json["records"][0]


class Writers:
    """Members of staff who count, one after the other, until they are told to stop; what was answered was on record before."""

    def __init__(self, suite, count=3):
        self.suite, self.done, self.ended = suite, 0, threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]

    def run(self):
        while not self.ended.is_set():
            answer = self.suite.api("POST", "/api/v1/audiences/count", {"rule": {"everyone": True}})
            with self.lock:
                self.done += answer.status == 200

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def fill(suite, records):
    """So many records from callers of the request endpoint, and a second's more at most, so that segments are full."""
    before = size_of(suite)
    endpoint = f"tcp://127.0.0.1:{suite.ports['audit', 'RPC_PORT']}"
    callers = suite.build / "tests" / "bench_audit_callers"
    while size_of(suite) < before + records:
        subprocess.run([callers, suite.data / "keys", endpoint, "4", "1", "500", "40"], check=True, capture_output=True)


def wait_sealed(suite, number):
    segment = suite.data / "audit" / "segments" / f"{number:010}.segment"
    wait_for(segment.exists, f"segment {number} is sealed", 60)


def restore(suite, source, *arguments, to=None, check=True):
    result = suite.cli("audit", "restore", source, "--to", to or suite.data / "audit", *arguments, check=False)
    assert not check or result.returncode == 0, result
    return result


def records(suite):
    """All of them, oldest first, without leaving more than a few of this."""
    found, cursor = [], ""
    while True:
        page = suite.audit(f"/v1/records?order=oldest&limit=1000{cursor}").json
        found += page["records"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def from_journals(found):
    return [(record["service"], int(record["offset"])) for record in found if record.get("offset")]


def act(suite, number):
    """Something that audit takes from each of several journals."""
    suite.send([{"type": "track", "userId": f"u{number}-{i}", "anonymousId": f"a{number}-{i}", "event": "x"} for i in range(3)])
    suite.post("/api/v1/tags", {"tag": f"t{number}"})
    suite.wait_quiet()
    person = suite.lookup("user_id", f"u{number}-0").json["one_id"]
    suite.post(f"/api/v1/persons/{person}/tags", {"tag": f"t{number}"})
    suite.wait_quiet()


def stop_audit(suite, aside):
    assert suite.kill("audit", signal.SIGTERM) == 0
    (suite.data / "audit").rename(suite.directory / aside)


class Mirror:
    def __init__(self, suite, name="mirror", url=None):
        self.suite, self.to = suite, suite.directory / name
        self.token = suite.directory / "mirror.token"
        self.token.write_text(suite.bootstrap["auditor_token"] + "\n")
        self.url = url or f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}"

    def command(self, *arguments):
        return [self.suite.build / "quanyu", "audit", "mirror", "--url", self.url, "--token-file", self.token, "--to", self.to, *arguments]

    def look(self, *arguments):
        return self.suite.cli(*map(str, self.command("--once", *arguments)[1:]), check=False)

    def spawn(self, *arguments):
        return subprocess.Popen(self.command(*arguments), env=self.suite.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def follow(self):
        """Up to what is signed now."""
        looked = self.look()
        assert looked.returncode == 0, looked

    def size(self):
        checked = verify(self.suite, "--files", self.to)
        assert checked.returncode == 0 and "all is well" in checked.stdout, checked
        return int(checked.stderr.split(" records")[0].split()[-1])


def signed_of(mirror):
    """Of the copy, while it is being written."""
    place = mirror.to.parent / f"{mirror.to.name}.look"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(mirror.to, place, ignore=shutil.ignore_patterns("*.lock", "lock.mdb", "*.next"))
    checked = verify(mirror.suite, "--files", place, "--without-indexes")
    return int(checked.stderr.split(" of them signed")[0].split()[-1]) if checked.returncode == 0 else 0
