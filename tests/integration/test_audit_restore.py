# SPDX-License-Identifier: Apache-2.0
"""A log that is put back says so, follows the journals from where it was, and is not put back where something is wrong with the copy."""
import hashlib
import json
import random
import shutil
import signal
import subprocess

from audit_copies import act, backup, fill, from_journals, manifest, records, restore, stop_audit, wait_sealed
from suite import wait_for
from test_audit_proof import Witness, grow, verifier_keys, verify, wait_signed


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
    backup(suite, suite.directory / "k", "--with-key")
    whole = manifest(suite.directory / "k")
    (suite.directory / "k" / "odd").write_bytes(b"x")
    odd = {"name": "odd", "bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    less = [file for file in whole["files"] if file["name"] != "state/data.mdb"]
    for files, why in ((less, "does not list state/data.mdb"), (whole["files"] + [odd], "no part of the log")):
        (suite.directory / "k" / "manifest.json").write_text(json.dumps({**whole, "files": files}))
        refused = restore(suite, suite.directory / "k", to=to, check=False)
        assert refused.returncode == 1 and why in refused.stdout and not to.exists(), refused
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
