# SPDX-License-Identifier: Apache-2.0
"""A warm copy elsewhere follows the log, keeps nothing that was not signed, and gives it back."""
import json
import random
import shutil
import signal
import subprocess

import pytest

from audit_copies import Mirror, Writers, act, backup, fill, from_journals, manifest, records, restore, signed_of, stop_audit, wait_sealed
from between import twisting
from suite import Suite, wait_for
from test_audit_lasting import call, old, set_days, wait_gone  # noqa: F401
from test_audit_proof import Witness, copy_of, grow, put_back, verifier_keys, verify, wait_signed


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


# -- a log of which something was pruned


def test_a_warm_copy_keeps_what_is_pruned_until_a_service_goes_on_with_it(old):
    wait_signed(old)
    mirror = Mirror(old)
    assert mirror.look("--key", verifier_keys(old)[0]).returncode == 0
    first, second = (json.loads(old.cli("audit", "hold", "add", f"Case {i}", "--reason", "a complaint", "--actor", f"st_100{i}").stdout) for i in (3, 4))
    set_days(old, person=365)
    wait_gone(old, 0)
    old.cli("audit", "hold", "release", second["id"], "--reason", "closed")
    wait_signed(old)
    mirror.follow()
    size = mirror.size()

    late = Mirror(old, "late")
    refused = late.look("--key", verifier_keys(old)[0])
    assert refused.returncode == 1 and "begin it from a backup" in refused.stderr and "ALARM" not in refused.stderr, refused
    shutil.rmtree(late.to)
    backup(old, old.directory / "b", "--with-key")
    assert any(file["name"].count(".") == 2 for file in manifest(old.directory / "b")["files"])
    restore(old, old.directory / "b", "--as-copy", to=late.to)
    grow_audit(old)
    late.follow()
    assert late.size() > size

    stop_audit(old, "lost")
    restore(old, mirror.to)
    shutil.copytree(old.directory / "lost" / "keys", old.data / "audit" / "keys")
    old._credentials.pop("audit")
    old.start("audit")
    wait_gone(old, 0)  # what the log says was pruned is not back
    assert [(hold["id"], hold["filter"]) for hold in call(old, "GET", "/v1/holds").json["holds"]] == [(first["id"], first["filter"])]
    policy = call(old, "GET", "/v1/retention").json
    assert policy["version"] == 2 and {kind["kind"]: kind["days"] for kind in policy["kinds"] if kind["days"]} == {"person": 365}
    set_days(old, person=400)
    wait_signed(old)
    assert old.kill("audit", signal.SIGTERM) == 0
    assert verify(old, "--files", old.data / "audit").returncode == 0
    old.start("audit")


def grow_audit(suite):
    """Without the gateway's help."""
    for _ in range(3):
        suite.audit("/v1/records?limit=1")
    wait_signed(suite)
