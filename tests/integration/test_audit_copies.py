# SPDX-License-Identifier: Apache-2.0
"""Copies of the log: a backup while it runs, what is put back, and a warm copy elsewhere that checks what it takes."""
import contextlib
import http.server
import json
import pathlib
import random
import shutil
import signal
import subprocess
import threading

import pytest

from suite import Suite, wait_for
from test_audit_proof import Witness, copy_of, grow, post, put_back, size_of, verifier_keys, verify, wait_signed


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
    """Many records from callers of the request endpoint, so that segments are full."""
    before = size_of(suite)
    endpoint = f"tcp://127.0.0.1:{suite.ports['audit', 'RPC_PORT']}"
    callers = suite.build / "tests" / "bench_audit_callers"
    while size_of(suite) < before + records:
        subprocess.run([callers, suite.data / "keys", endpoint, "8", "1", "500"], check=True, capture_output=True)


def wait_sealed(suite, number):
    segment = suite.data / "audit" / "segments" / f"{number:010}.segment"
    wait_for(segment.exists, f"segment {number} is sealed", 60)


# -- backups


def test_a_backup_under_load_holds_what_was_acknowledged_before_it_began(suite):
    suite.wait_quiet()
    key, = verifier_keys(suite)
    with Writers(suite) as writers:
        for number in range(3):
            wait_for(lambda: writers.done > 10 * (number + 1), "some records")
            before = size_of(suite)
            backup(suite, suite.directory / "backups" / str(number))
            made = manifest(suite.directory / "backups" / str(number))
            assert made["size"] > before  # the backup itself is on record in it
            checked = verify(suite, "--files", suite.directory / "backups" / str(number), "--key", key)
            assert checked.returncode == 0 and "all is well" in checked.stdout, checked
    record = newest(suite, "audit.backup")
    detail = json.loads(record["detail"])
    assert detail["to"] == str(suite.directory / "backups" / "2") and detail["with_key"] is False
    assert (record["actor"]["kind"], record["outcome"]) == ("auditor", "ok")
    assert not list((suite.directory / "backups").rglob("*.key"))
    assert backup(suite, suite.directory / "backups" / "2", check=False).returncode == 1


def test_a_backup_is_for_administrators_and_its_place_is_checked(suite):
    suite.wait_quiet()
    reader = post(suite, "/v1/auditors", {"name": "r"}).json["token"]
    assert post(suite, "/v1/backups", {"to": "/b"}, reader).status == 403
    denied = newest(suite, "audit.backup")
    assert denied["outcome"] == "denied"
    for body, field in (({}, "to"), ({"to": ""}, "to"), ({"to": 5}, "to"), ({"to": "x" * 501}, "to"), ({"to": "/b", "with_key": 1}, "with_key"),
                        ({"to": "/b/13800138000"}, "to"), ({"to": "/b", "more": 1}, "more"), ([], None)):
        answer = post(suite, "/v1/backups", body)
        assert (answer.status, answer.json.get("field")) == (400, field), (body, answer)
    token = suite.directory / "reader"
    token.write_text(reader)
    url = f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}"
    refused = backup(suite, suite.directory / "b", "--url", url, "--token-file", token, check=False)
    assert refused.returncode == 1 and "403" in refused.stderr and not (suite.directory / "b").exists(), refused


def test_what_an_earlier_backup_holds_is_not_copied_again_and_damage_is_not_handed_on(suite):
    suite.wait_quiet()
    fill(suite, 70000)
    wait_signed(suite)
    wait_sealed(suite, 0)
    place = suite.directory / "backups"
    backup(suite, place / "1", "--with-key")
    backup(suite, place / "2")
    name = "segments/0000000000.segment"
    one, two = place / "1" / name, place / "2" / name
    assert one.stat().st_ino == two.stat().st_ino
    assert (place / "1" / "keys").exists() and not (place / "2" / "keys").exists()
    assert {file["name"] for file in manifest(place / "2")["files"]} == {"state/data.mdb", name}
    shutil.rmtree(place / "1")
    assert verify(suite, "--files", place / "2").returncode == 0
    damaged = suite.data / "audit" / name
    content = bytearray(damaged.read_bytes())
    content[-100] ^= 1
    damaged.write_bytes(content)
    refused = backup(suite, place / "3", check=False)
    assert refused.returncode == 1 and "was altered" in refused.stdout and "not what was put on record" in refused.stderr, refused
    assert [path.name for path in place.iterdir()] == ["2"]
    content[-100] ^= 1
    damaged.write_bytes(content)
    backup(suite, place / "3")


def test_a_backup_that_is_killed_at_any_moment_is_none_and_the_next_one_goes_on(suite):
    suite.wait_quiet()
    fill(suite, 70000)
    wait_signed(suite)
    wait_sealed(suite, 0)
    place = suite.directory / "backups"
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed: {seed}")
    chosen, whole = random.Random(seed), 0
    for number in range(12):
        to = place / str(number)
        process = subprocess.Popen([suite.build / "quanyu", "audit", "backup", to], env=suite.environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(chosen.uniform(0.05, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if to.exists():
            whole += 1
            assert verify(suite, "--files", to).returncode == 0
        else:
            backup(suite, to)
            assert verify(suite, "--files", to).returncode == 0
            assert not list(place.glob(f"{number}.partial"))
    print(f"{whole} were whole")
    grow(suite, 1)  # nobody is left among the readers who keeps it from going on


# -- putting back


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


def test_a_log_that_was_put_back_goes_on_with_a_word_of_it_and_follows_the_journals_from_there(suite):
    suite.wait_quiet()
    for number in range(3):
        act(suite, number)
    grow(suite, 3)
    key, = verifier_keys(suite)
    backup(suite, suite.directory / "b", "--with-key")
    held = manifest(suite.directory / "b")
    grow(suite, 5)
    for number in range(3, 6):
        act(suite, number)
    wait_signed(suite)
    before = records(suite)
    stop_audit(suite, "lost")
    told = restore(suite, suite.directory / "b", "--key", key)
    assert f"{held['size']} records" in told.stdout and "secret" not in told.stdout, told
    assert restore(suite, suite.directory / "b", check=False).returncode == 1  # there is something now
    suite.start("audit")
    suite.wait_quiet()
    wait_for(lambda: suite.api("POST", "/api/v1/audiences/count", {"rule": {"everyone": True}}).status == 200, "the gateway reaches it")
    wait_signed(suite)
    after = records(suite)
    word = after[held["size"]]
    assert (word["action"], word["actor"]["id"], word["service"]) == ("audit.restore", "audit", "audit"), word
    assert json.loads(word["detail"])["size"] == held["size"] and json.loads(word["detail"])["from"] == "backup"
    assert [record for record in before[:held["size"]]] == after[:held["size"]]
    assert sorted(from_journals(after)) == sorted(from_journals(before)) and len(set(from_journals(after))) == len(from_journals(after)) > 10
    assert from_journals(after[held["size"]:])
    assert sum(record["action"] == "audience.count" for record in after) < sum(record["action"] == "audience.count" for record in before) + 1
    suite.kill("audit", signal.SIGTERM)
    suite.start("audit")
    wait_signed(suite)
    assert sum(record["action"] == "audit.restore" for record in records(suite)) == 1
    suite.kill("audit", signal.SIGTERM)
    assert verify(suite, "--files", suite.data / "audit", "--key", key).returncode == 0
    suite.start("audit")


def test_what_is_no_whole_backup_or_was_altered_is_not_put_back(suite):
    suite.wait_quiet()
    grow(suite, 20)
    wait_signed(suite)
    source, to = suite.directory / "b", suite.directory / "to"
    backup(suite, source)
    root, = {manifest(source)["root"].encode()}
    for name in ("manifest.json", "state/data.mdb"):
        whole = (source / name).read_bytes()
        flipped = whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:]
        for damage in (b"", whole[:-9], whole.replace(root, root[::-1]) if root in whole else flipped, None):
            (source / name).unlink() if damage is None else (source / name).write_bytes(damage)
            refused = restore(suite, source, to=to, check=False)
            assert refused.returncode == 1 and refused.stderr and not to.exists(), (name, refused)
        (source / name).write_bytes(whole)
    other = restore(suite, source, "--key", verifier_keys(suite)[0].replace("quanyu/audit", "quanyu/other"), to=to, check=False)
    assert other.returncode in (1, 2) and not to.exists()
    (to / "x").mkdir(parents=True)
    full = restore(suite, source, to=to, check=False)
    assert full.returncode == 1 and "not empty" in full.stderr, full
    shutil.rmtree(to)
    told = restore(suite, source, to=to)
    assert "rotate-key --lost" in told.stdout, told


def test_a_restore_that_is_killed_is_not_taken_for_a_log_and_can_be_run_again(suite):
    suite.wait_quiet()
    fill(suite, 70000)
    wait_signed(suite)
    wait_sealed(suite, 0)
    backup(suite, suite.directory / "b", "--with-key")
    size = manifest(suite.directory / "b")["size"]
    stop_audit(suite, "lost")
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed: {seed}")
    chosen, unfinished, tried = random.Random(seed), 0, 0
    mark = suite.data / "audit" / "restore.unfinished"
    while unfinished == 0 and tried < 40:
        tried += 1
        process = subprocess.Popen([suite.build / "quanyu", "audit", "restore", suite.directory / "b", "--to", suite.data / "audit"],
                                   env=suite.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if wait_for(lambda: mark.exists() or process.poll() is not None, "it puts something back"):
            try:
                process.wait(chosen.uniform(0, 0.05))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not mark.exists():
            shutil.rmtree(suite.data / "audit")
            continue
        unfinished += 1
        started = subprocess.run([suite.build / "quanyu-audit"], env=suite.environment, capture_output=True, text=True, timeout=60)
        assert started.returncode == 1 and "cut short" in started.stdout + started.stderr, started
    assert unfinished
    restore(suite, suite.directory / "b")
    suite.start("audit")
    assert suite.audit(f"/v1/records/{size}").json["action"] == "audit.restore"


# -- a warm copy


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


@pytest.fixture
def mirror(suite):
    suite.wait_quiet()
    grow(suite, 3)
    wait_signed(suite)
    made = Mirror(suite)
    assert "--key" in made.look().stderr and not made.to.exists()
    wrong = Mirror(suite, "wrong").look("--key", verifier_keys(suite)[0].replace("quanyu/audit", "quanyu/other"))
    assert wrong.returncode in (1, 2) and "ALARM" not in wrong.stderr, wrong
    first = made.look("--key", verifier_keys(suite)[0])
    assert first.returncode == 0, first
    return made


def test_a_warm_copy_follows_under_load_and_a_service_starts_from_it(suite, mirror):
    for number in range(2):
        act(suite, number)
    suite.post("/api/v1/bindings/transfer", {"from": {"rule": {"everyone": True}}, "to": {"unit": "u_1"}, "reason": "all of them"}, status=(200, 202))
    following = mirror.spawn()
    with Writers(suite) as writers:
        wait_for(lambda: writers.done > 60, "some records")
        suite.cli("audit", "rotate-key")
        wait_for(lambda: writers.done > 100, "some more")
    act(suite, 2)
    size = wait_signed(suite)
    wait_for(lambda: following.poll() is not None or signed_of(mirror) >= size, "it has followed")
    assert following.poll() is None
    running = verify(suite, "--files", mirror.to)
    assert running.returncode == 1 and "verify" in running.stderr, running
    assert suite.cli("audit", "restore", mirror.to, "--to", suite.directory / "x", check=False).returncode == 1
    following.send_signal(signal.SIGTERM)
    following.wait(30)
    before = records(suite)
    wait_signed(suite)
    mirror.follow()
    held = mirror.size()
    stop_audit(suite, "lost")
    told = restore(suite, mirror.to)
    assert "rotate-key --lost" in told.stdout, told
    copied = [path for path in (suite.directory / "lost" / "keys").iterdir()]
    shutil.copytree(suite.directory / "lost" / "keys", suite.data / "audit" / "keys")
    assert copied
    suite._credentials.pop("audit")
    suite.start("audit")
    act(suite, 3)
    wait_signed(suite)
    after = records(suite)
    word = after[held]
    assert (word["action"], json.loads(word["detail"])["from"], json.loads(word["detail"])["size"]) == ("audit.restore", "copy", held), word
    assert after[:len(before)] == before
    followed = from_journals(after)
    assert len(followed) == len(set(followed)) and set(followed) > set(from_journals(before))
    found = next(record for record in after if record.get("set"))
    assert suite.audit(f"/v1/sets/{found['set']}").json["intact"]
    assert mirror.look().returncode == 3  # the tokens are new ones
    again = Mirror(suite, "mirror")
    assert again.look().returncode == 0  # and it goes on from what it was
    suite.kill("audit", signal.SIGTERM)
    assert verify(suite, "--files", suite.data / "audit").returncode == 0
    suite.start("audit")


def signed_of(mirror):
    """Of the copy, while it is being written."""
    place = mirror.to.parent / f"{mirror.to.name}.look"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(mirror.to, place, ignore=shutil.ignore_patterns("*.lock", "lock.mdb", "*.next"))
    checked = verify(mirror.suite, "--files", place, "--without-indexes")
    return int(checked.stderr.split(" of them signed")[0].split()[-1]) if checked.returncode == 0 else 0


def test_a_backup_gets_from_a_warm_copy_what_it_lacks_and_no_witness_minds(suite, mirror):
    witness = Witness(suite)
    witness.look("--key", verifier_keys(suite)[0])
    suite.cli("audit", "witness-key", "add", witness.key())
    act(suite, 0)
    backup(suite, suite.directory / "b", "--with-key")
    act(suite, 1)
    grow(suite, 300)
    wait_signed(suite)
    assert witness.look().returncode == 0
    mirror.follow()
    held = mirror.size()
    before = records(suite)
    stop_audit(suite, "lost")
    told = restore(suite, suite.directory / "b", "--and", mirror.to)
    assert f"{held} records" in told.stdout and "secret" not in told.stdout, told
    suite.start("audit")
    act(suite, 2)
    wait_signed(suite)
    after = records(suite)
    assert (after[held]["action"], after[:held]) == ("audit.restore", before[:held])
    followed = from_journals(after)
    assert len(followed) == len(set(followed)) and set(followed) > set(from_journals(before))
    looked = witness.look()
    assert looked.returncode == 0, looked
    mirror.follow()
    assert mirror.size() > held
    other = Suite(suite.directory / "other")
    with other.start():
        other.wait_quiet()
        grow(other, 2)
        wait_signed(other)
        backup(other, suite.directory / "foreign")
    refused = restore(suite, suite.directory / "foreign", "--and", mirror.to, to=suite.directory / "x", check=False)
    assert refused.returncode == 1 and "not of the same log" in refused.stderr and not (suite.directory / "x").exists(), refused


def test_a_warm_copy_that_is_killed_at_any_moment_goes_on(suite, mirror):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed: {seed}")
    chosen = random.Random(seed)
    fill(suite, 140000)
    with Writers(suite, 1):
        for _ in range(12):
            process = mirror.spawn()
            try:
                process.wait(chosen.uniform(0.1, 1.5))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.returncode == -signal.SIGKILL, process.returncode
    wait_sealed(suite, 0)
    size = wait_signed(suite)
    mirror.follow()
    assert mirror.size() >= size
    assert (mirror.to / "segments" / "0000000001.segment").exists()


@contextlib.contextmanager
def twisting(suite, twist):
    """The audit port, as somebody stands before it who changes answers: twist(path, body) yields the other body, a status, or None to hang up."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answer = suite.audit(self.path)
            body = twist(self.path, answer.body)
            if body is None:
                self.close_connection = True
                return
            status = body if isinstance(body, int) else answer.status
            body = b"" if isinstance(body, int) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def flip(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]


def test_a_warm_copy_takes_nothing_that_was_not_signed_and_says_what_it_is(suite, mirror):
    held = mirror.size()
    suite.send([{"type": "track", "userId": f"u{i}", "event": "x"} for i in range(3)])
    suite.wait_quiet()
    suite.post("/api/v1/bindings/transfer", {"from": {"rule": {"everyone": True}}, "to": {"unit": "u_1"}, "reason": "all of them"}, status=(200, 202))
    grow(suite, 600)
    size = wait_signed(suite)
    entries, sets, checkpoint = "/tile/entries", "/v1/sets", "/checkpoint"
    last = [-1]

    def record_of(path, body, at):
        """The record in whose bytes this place of a bundle lies."""
        index, begin = int(path.split("/")[3].split(".")[0]) * 256, 0
        while begin + 2 + int.from_bytes(body[begin:begin + 2], "big") <= at:
            begin += 2 + int.from_bytes(body[begin:begin + 2], "big")
            index += 1
        return index

    def alter_record(path, body):
        if path.startswith(f"{entries}/001"):
            last[0] = record_of(path, body, len(body) - 3)
            return flip(body, len(body) - 3)
        return body

    def cut_bundle(path, body):
        return body[:-1] if path.startswith(f"{entries}/001") else body

    cases = [
        (alter_record, lambda said: f"record {last[0]} is not what was put into the tree" in said),
        (cut_bundle, lambda said: "holds no 256 records" in said),
        (lambda path, body: 500 if path.startswith(entries) else body, lambda said: "no longer give out" in said),
        (lambda path, body: 404 if path.startswith(entries) else body, lambda said: "404" in said),
        (lambda path, body: flip(body, len(body) - 1) if path.startswith(sets) else body, lambda said: "exact set of record" in said),
        (lambda path, body: flip(body, body.index(b"\n") + 1) if path == checkpoint else body, lambda said: "not signed" in said),
        (lambda path, body: body.replace(b"\n", b"") if path == checkpoint else body, lambda said: "no signed checkpoint" in said),
        (lambda path, body: body.replace(b"quanyu/audit", b"quanyu/other") if path == "/v1/keys" else body, lambda said: "other keys" in said),
    ]
    for number, (twist, says) in enumerate(cases):
        with twisting(suite, twist) as url:
            looked = Mirror(suite, url=url).look()
        assert looked.returncode == 3 and "ALARM" in looked.stderr and says(looked.stderr), (number, looked)
        assert mirror.size() == held
    assert len(list(mirror.to.glob("mirror.alarm-*"))) > 0
    for number, twist in enumerate((lambda path, body: None if path.startswith(entries) else body, lambda path, body: None,
                                    lambda path, body: 503 if path.startswith(entries) else body)):
        with twisting(suite, twist) as url:
            looked = Mirror(suite, url=url).look()
        assert looked.returncode == 1 and "ALARM" not in looked.stderr, (number, looked)
    mirror.follow()
    assert mirror.size() >= size


def test_a_warm_copy_raises_the_alarm_on_an_older_backup_and_on_a_fork(suite, mirror):
    assert suite.kill("audit", signal.SIGTERM) == 0
    copy_of(suite, "older")
    suite.start("audit")
    grow(suite, 4)
    wait_signed(suite)
    mirror.follow()
    held = mirror.size()
    assert suite.kill("audit", signal.SIGTERM) == 0
    put_back(suite, "older")
    suite.start("audit")
    hook = suite.directory / "alarm.txt"
    older = mirror.look("--alarm-command", f"cat > {hook}")
    assert older.returncode == 3 and "rolled back" in older.stderr and "rolled back" in hook.read_text(), older
    grow(suite, held)
    wait_signed(suite)
    forked = mirror.look()
    assert forked.returncode == 3 and "forked" in forked.stderr, forked
    assert mirror.size() == held


def test_a_warm_copy_wants_to_be_told_of_a_key_for_which_nothing_vouches(suite, mirror):
    suite.cli("audit", "rotate-key")
    wait_for(lambda: suite.audit("/v1/keys").json["verifier_key"] == verifier_keys(suite)[-1], "the next key signs")
    wait_signed(suite)
    mirror.follow()
    suite.kill("audit")
    next((suite.data / "audit" / "keys").iterdir()).unlink()
    suite.spawn("audit")
    wait_for(lambda: suite.cli("audit", "rotate-key", "--lost", check=False).returncode == 0, "another key")
    wait_signed(suite)
    lost = mirror.look()
    assert lost.returncode == 3 and "does not vouch" in lost.stderr, lost
    named = mirror.look("--key", verifier_keys(suite)[-1])
    assert named.returncode == 0, named
    mirror.follow()


def test_only_a_person_makes_a_witness_accept_that_the_log_was_put_back(suite):
    suite.wait_quiet()
    grow(suite, 5)
    wait_signed(suite)
    witness = Witness(suite)
    witness.look("--key", verifier_keys(suite)[0])
    suite.cli("audit", "witness-key", "add", witness.key())
    backup(suite, suite.directory / "b", "--with-key")
    held = manifest(suite.directory / "b")["size"]
    grow(suite, 5)
    wait_signed(suite)
    assert witness.look().returncode == 0
    stop_audit(suite, "lost")
    restore(suite, suite.directory / "b")
    suite.start("audit")
    grow(suite, 20)
    wait_signed(suite)
    assert witness.look().returncode == 3
    for other in (held - 1, held + 1, "x", 10 ** 9):
        refused = witness.look("--accept-restore", other)
        assert refused.returncode in (1, 2) and "accepted:" not in refused.stdout, refused
    assert witness.look().returncode == 3
    cosigned = suite.audit("/v1/checkpoints/cosigned")
    accepted = witness.look("--accept-restore", held)
    assert accepted.returncode == 0 and f"put back at {held} records" in accepted.stdout, accepted
    assert list(suite.directory.glob("w.json.before-*")) and suite.audit("/v1/checkpoints/cosigned").status == cosigned.status
    assert witness.look().returncode == 0
    again = witness.look("--accept-restore", held)
    assert again.returncode == 1 and "nothing to accept" in again.stderr, again
