# SPDX-License-Identifier: Apache-2.0
"""The log is proven to others: with Go's own code, by receipts without a network, and by a witness that notices a fork and a rollback."""
import base64
import hashlib
import json
import shutil
import stat

import pytest

import tlog_check
from between import twisting
from suite import request, wait_for

needs_go = pytest.mark.skipif(not tlog_check.is_there(), reason="no Go is installed; ./dev setup does that")


def post(suite, path, body, token=None):
    token = suite.bootstrap["auditor_token"] if token is None else token
    return request(suite.ports["audit", "HTTP_PORT"], "POST", path, body, {"Authorization": f"Bearer {token}"})


def verifier_keys(suite):
    return [json.loads(line)["verifier_key"] for line in suite.cli("audit", "key").stdout.splitlines()]


def signed_size(suite):
    answer = suite.audit("/checkpoint")
    return int(answer.body.decode().splitlines()[1]) if answer.status == 200 else 0


def size_of(suite):
    return suite.audit("/v1/tree").json["size"]


def wait_signed(suite):
    """All that is on record is under a checkpoint, with that somebody reads entries, which is there once an hour."""
    suite.audit("/tile/entries/000.p/1")
    wait_for(lambda: signed_size(suite) == size_of(suite) > 0, "a checkpoint of all")
    return signed_size(suite)


def grown_from(size):
    """What it is when nothing but entries has been looked at, even where an hour has struck."""
    return range(size, size + 2)


def grow(suite, records):
    for _ in range(records):
        suite.count({"everyone": True})


# -- with code that is not ours


@needs_go
def test_go_finds_the_log_to_be_what_it_says(suite):
    suite.send([{"type": "track", "userId": f"u{i}", "event": "x"} for i in range(3)])
    suite.wait_quiet()
    key, = verifier_keys(suite)
    grow(suite, 10)
    wait_signed(suite)
    before = tlog_check.run(suite, key, "checkpoint")
    grow(suite, 300)
    wait_signed(suite)
    size = wait_signed(suite)
    assert size > 300 and tlog_check.run(suite, key, "records")[0] in grown_from(size)
    assert tlog_check.run(suite, key, "consistent", *before)[0] > before[0]
    for index in (0, 1, 255, 256, 300):
        tlog_check.run(suite, key, "proofs", index)
    tree = suite.audit("/v1/tree").json
    assert tlog_check.run(suite, key, "checkpoint") == (tree["size"], tree["root"])
    other = key.replace("quanyu/audit", "quanyu/other")
    assert tlog_check.run(suite, other, "checkpoint", check=False).returncode == 1
    assert tlog_check.run(suite, key, "consistent", before[0], "00" * 32, check=False).returncode == 1


def test_tiles_are_there_as_the_format_says_and_for_auditors_only(suite):
    suite.wait_quiet()
    grow(suite, 260)
    size = wait_signed(suite)
    full, part = suite.audit("/tile/0/000"), suite.audit(f"/tile/0/001.p/{size - 256}")
    assert (full.status, len(full.body), part.status, len(part.body)) == (200, 8192, 200, (size - 256) * 32)
    for answer in (full, part, suite.audit("/tile/entries/000"), suite.audit("/tile/1/000.p/1")):
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/octet-stream", answer
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert suite.audit("/checkpoint").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert suite.audit("/tile/0/000.p/7").body == full.body[:7 * 32]
    missing = ("tile/0/001", f"tile/0/001.p/{size - 255}", "tile/0/002.p/1", "tile/1/000", "tile/1/000.p/2", "tile/2/000.p/1", "tile/0/000.p/0",
               "tile/0/000.p/256", "tile/00/000", "tile/0/0", "tile/0/x000/000", "tile/9/000.p/1", "tile/64/000", "tile/entries/001",
               "tile/entries/001.p/0", "tile/data/000")
    for path in missing:
        assert suite.audit(f"/{path}").status == 404, path
    for path in ("checkpoint", "tile/0/000", "tile/entries/000", "v1/keys", "v1/proofs/inclusion?index=0", "v1/proofs/consistency?from=1"):
        assert suite.audit(f"/{path}", token="nonsense").status == 401
        assert suite.audit(f"/{path}", token=suite.bootstrap["hq_token"]).status == 401
    assert size_of(suite) in grown_from(size)  # looking at the tree does not make it grow
    assert suite.audit("/v1/records?operation=audit.entries").json["records"][0]["actor"]["role"] == "administrator"
    entry = suite.audit("/tile/entries/000").body
    assert hashlib.sha256(b"\0" + entry[2:2 + int.from_bytes(entry[:2], "big")]).digest() == full.body[:32]


def test_what_a_proof_cannot_be_made_of_is_named(suite):
    suite.wait_quiet()
    grow(suite, 3)
    size = wait_signed(suite)
    for path, status, field in ((f"inclusion?index={size}", 404, "index"), ("inclusion?index=0&size=0", 404, "index"), ("inclusion", 400, "index"),
                                (f"inclusion?index=0&size={size + 1}", 404, "size"), ("inclusion?index=x", 400, "index"),
                                ("inclusion?index=0&index=0", 400, "index"), ("inclusion?index=0&to=1", 400, "to"),
                                ("consistency?from=0", 400, "from"), (f"consistency?from={size + 1}", 400, "from"),
                                (f"consistency?from=1&to={size + 1}", 404, "to"), ("consistency", 400, "from")):
        answer = suite.audit(f"/v1/proofs/{path}")
        assert (answer.status, answer.json["field"]) == (status, field), path
    assert suite.audit(f"/v1/proofs/consistency?from={size}").json["path"] == []


# -- keys


@needs_go
def test_a_key_rotates_and_the_one_before_vouches_for_it(suite):
    suite.wait_quiet()
    grow(suite, 3)
    wait_signed(suite)
    first, = verifier_keys(suite)
    keys = suite.data / "audit" / "keys"
    secret, = keys.iterdir()
    assert (stat.S_IMODE(keys.stat().st_mode), stat.S_IMODE(secret.stat().st_mode)) == (0o700, 0o600)
    suite.cli("audit", "rotate-key")
    wait_for(lambda: not secret.exists(), "the first key has handed over")
    grow(suite, 2)
    wait_signed(suite)
    assert verifier_keys(suite)[0] == first
    shown = suite.audit("/v1/keys").json
    old, new = shown["keys"]
    assert (old["verifier_key"], new["verifier_key"]) == (first, shown["verifier_key"])
    assert old["from_size"] == 0 and old["to_size"] == new["from_size"] and new["to_size"] is None and not new["lost_before"]
    origin, size, _, _, *signatures = new["handover"].splitlines()
    assert (origin, int(size), len(signatures)) == (shown["origin"], new["from_size"], 2)
    record = suite.audit(f"/v1/records/{new['from_size'] - 1}").json
    assert (record["action"], json.loads(record["detail"])) == ("log_key.rotate", {"verifier_key": new["verifier_key"], "previous": first})
    wait_signed(suite)
    size = wait_signed(suite)
    assert tlog_check.run(suite, new["verifier_key"], "records")[0] in grown_from(size)
    assert tlog_check.run(suite, first, "checkpoint", check=False).returncode == 1


def test_a_log_that_cannot_be_signed_is_written_on_and_says_so(suite):
    suite.wait_quiet()
    grow(suite, 1)
    size = wait_signed(suite)
    suite.kill("audit")
    secret, = (suite.data / "audit" / "keys").iterdir()
    secret.rename(suite.directory / "lost.key")
    suite.spawn("audit")
    wait_for(lambda: started(suite) and b"signer" in started(suite).body, "audit says so")
    wait_for(lambda: suite.api("POST", "/api/v1/audiences/count", {"rule": {"everyone": True}}).status == 200, "the gateway reaches it")
    assert signed_size(suite) == size < size_of(suite)
    refused = suite.cli("audit", "rotate-key", check=False)
    assert refused.returncode == 1 and "--lost" in refused.stderr
    suite.cli("audit", "rotate-key", "--lost")
    wait_signed(suite)
    assert [key["lost_before"] for key in suite.audit("/v1/keys").json["keys"]] == [False, True]
    suite.wait_ready("audit")


def started(suite):
    try:
        return request(suite.ports["audit", "OPS_PORT"], "GET", "/readyz", timeout=5)
    except OSError:
        return None


# -- receipts


def test_a_receipt_is_checked_without_the_log(suite):
    suite.wait_quiet()
    grow(suite, 5)
    wait_signed(suite)
    size = size_of(suite)
    key, = verifier_keys(suite)
    answer = suite.audit("/v1/records/2/receipt")
    record = suite.audit("/v1/records/2").json
    assert suite.audit(f"/v1/records/{10 ** 9}/receipt").status == 404
    lines = answer.body.decode().splitlines()
    assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[2] == "index 2"
    assert lines[1] == "extra " + record["entry"]
    file = suite.directory / "record.tlog-proof"
    file.write_bytes(answer.body)
    suite.stop()
    held = suite.cli("audit", "verify-receipt", file, "--key", key)
    assert json.loads(held.stdout)["action"] == record["action"]
    assert size + 2 >= int(lines[lines.index("") + 2])
    altered = bytearray(base64.b64decode(record["entry"]))
    altered[-1] ^= 1
    file.write_text(answer.body.decode().replace(record["entry"], base64.b64encode(altered).decode()))
    broken = suite.cli("audit", "verify-receipt", file, "--key", key, check=False)
    assert broken.returncode == 1 and "not at this place" in broken.stderr and broken.stdout == ""


# -- witnesses


def withholding(suite, withheld):
    """500 for one path."""
    return twisting(suite, lambda path, body: 500 if path.startswith(withheld) else body)


class Witness:
    def __init__(self, suite, name="w"):
        self.suite = suite
        self.state = suite.directory / f"{name}.json"
        self.token = suite.directory / "token"
        self.token.write_text(suite.bootstrap["auditor_token"] + "\n")
        self.url = f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}"

    def run(self, *arguments):
        return self.suite.cli("audit", "witness", "--state", self.state, *arguments, check=False)

    def look(self, *arguments):
        return self.run("--url", self.url, "--token-file", self.token, "--once", *arguments)

    def key(self):
        return self.run("--show-key").stdout.strip()


def test_a_witness_raises_the_alarm_where_the_log_no_longer_knows_it_or_withholds_a_proof(suite):
    suite.wait_quiet()
    grow(suite, 3)
    wait_signed(suite)
    witness = Witness(suite)
    key, = verifier_keys(suite)
    witness.token.write_text("nonsense\n")
    first = witness.look("--key", key, "--name", "example.com/w4")
    assert first.returncode == 1 and "ALARM" not in first.stderr, first  # it has seen nothing that could be missed
    Witness(suite)
    suite.cli("audit", "witness-key", "add", witness.key())
    assert witness.look().returncode == 0
    witness.token.write_text("nonsense\n")
    gone = witness.look()
    assert gone.returncode == 3 and "ALARM" in gone.stderr and "deleted or replaced" in gone.stderr, gone
    Witness(suite)
    suite.kill("audit", 15)
    away = witness.look()
    assert away.returncode == 1 and "ALARM" not in away.stderr, away
    suite.start("audit")
    grow(suite, 3)
    wait_signed(suite)
    with withholding(suite, "/v1/proofs/consistency") as url:
        kept = witness.run("--url", url, "--token-file", witness.token, "--once")
    assert kept.returncode == 3 and "does not prove" in kept.stderr, kept
    assert witness.look().returncode == 0


def test_a_witness_cosigns_what_goes_on(suite):
    suite.wait_quiet()
    grow(suite, 3)
    wait_signed(suite)
    key, = verifier_keys(suite)
    witness = Witness(suite)
    assert "--key" in witness.look().stderr and not witness.state.exists()
    unknown = witness.look("--key", key, "--name", "example.com/w1")
    assert unknown.returncode == 1 and "witness-key add" in unknown.stderr
    assert stat.S_IMODE(witness.state.stat().st_mode) == 0o600
    assert suite.cli("audit", "witness-key", "add", key, check=False).returncode == 1  # the log's own is none of a witness
    suite.cli("audit", "witness-key", "add", witness.key())
    assert suite.cli("audit", "witness-key", "add", witness.key(), check=False).returncode == 1
    wait_signed(suite)
    assert suite.audit("/v1/checkpoints/cosigned").status == 404
    assert witness.look().returncode == 0
    checkpoint = suite.audit("/checkpoint").body.decode()
    assert checkpoint.splitlines()[-1].startswith("— example.com/w1 ")
    assert suite.audit("/v1/checkpoints/cosigned").body.decode() == checkpoint
    known, = suite.audit("/v1/keys").json["witnesses"]
    assert known["verifier_key"] == witness.key() and known["size"] == int(checkpoint.splitlines()[1])
    other = Witness(suite, "other")
    other.look("--key", key, "--name", "example.com/w2")
    suite.cli("audit", "witness-key", "add", other.key())
    wait_signed(suite)
    for one in (witness, other, other):
        assert one.look().returncode == 0
    signers = [line.split()[1] for line in suite.audit("/checkpoint").body.decode().splitlines()[4:]]
    assert signers == [suite.audit("/v1/keys").json["origin"], "example.com/w1", "example.com/w2"]
    receipt = suite.directory / "r"
    receipt.write_bytes(suite.audit("/v1/records/0/receipt").body)
    assert suite.cli("audit", "verify-receipt", receipt, "--key", key, "--witness", witness.key()).returncode == 0
    suite.cli("audit", "witness-key", "remove", other.key())
    assert other.look().returncode == 1
    actions = [record["action"] for record in suite.audit("/v1/records").json["records"]]
    assert actions.count("witness.add") == 2 and actions.count("witness.remove") == 1


def test_a_witness_follows_the_key_for_which_the_one_before_vouches(suite):
    suite.wait_quiet()
    grow(suite, 1)
    wait_signed(suite)
    witness = Witness(suite)
    witness.look("--key", verifier_keys(suite)[0])
    suite.cli("audit", "witness-key", "add", witness.key())
    for _ in range(2):
        suite.cli("audit", "rotate-key")
        wait_for(lambda: suite.audit("/v1/keys").json["verifier_key"] == verifier_keys(suite)[-1], "the next key signs")
    wait_signed(suite)
    looked = witness.look()
    assert looked.returncode == 0 and "another key" in looked.stdout, looked
    suite.kill("audit")
    next((suite.data / "audit" / "keys").iterdir()).unlink()
    suite.spawn("audit")
    wait_for(lambda: started(suite), "audit")
    wait_for(lambda: suite.cli("audit", "rotate-key", "--lost", check=False).returncode == 0, "another key")
    wait_signed(suite)
    lost = witness.look()
    assert lost.returncode == 3 and "vouches for no other" in lost.stderr, lost


def copy_of(suite, name):
    shutil.rmtree(suite.directory / name, ignore_errors=True)
    shutil.copytree(suite.data / "audit", suite.directory / name)


def put_back(suite, name):
    shutil.rmtree(suite.data / "audit")
    shutil.copytree(suite.directory / name, suite.data / "audit")


def test_a_witness_raises_the_alarm_on_an_older_backup_and_on_a_fork(suite):
    suite.wait_quiet()
    grow(suite, 3)
    wait_signed(suite)
    witness = Witness(suite)
    witness.look("--key", verifier_keys(suite)[0])
    suite.cli("audit", "witness-key", "add", witness.key())
    wait_signed(suite)
    assert suite.kill("audit", 15) == 0
    copy_of(suite, "older")
    suite.start("audit")
    grow(suite, 4)
    wait_signed(suite)
    assert witness.look().returncode == 0
    held = suite.audit("/checkpoint").body
    assert suite.kill("audit", 15) == 0
    put_back(suite, "older")
    suite.start("audit")
    hook = suite.directory / "alarm.txt"
    older = witness.look("--alarm-command", f"cat > {hook}")
    assert older.returncode == 3 and "rolled back" in older.stderr and "rolled back" in hook.read_text(), older
    assert list(suite.directory.glob("w.json.alarm-*"))
    back = post(suite, "/v1/cosignatures", held)
    assert back.status == 409 and back.json["type"] == "urn:quanyu:problem:fork", back
    conflict, = suite.audit("/v1/records?operation=witness.conflict").json["records"]
    assert conflict["outcome"] == "fork" and json.loads(conflict["detail"])["checkpoint"] == held.decode()
    ready = started(suite)
    assert ready.status == 503 and "forked" in ready.body.decode()
    grow(suite, 12)
    wait_signed(suite)
    forked = witness.look()
    assert forked.returncode == 3 and "forked" in forked.stderr, forked
    assert post(suite, "/v1/cosignatures", b"nonsense").status == 400
    assert post(suite, "/v1/cosignatures", suite.audit("/checkpoint").body).status == 403


# -- the whole of it


def verify(suite, *arguments):
    return suite.cli("audit", "verify", *arguments, check=False)


def test_the_whole_log_is_verified_from_outside_and_from_its_files(suite):
    suite.send([{"type": "track", "userId": "u1", "event": "x"}])
    suite.wait_quiet()
    grow(suite, 270)
    wait_signed(suite)
    key, = verifier_keys(suite)
    witness = Witness(suite)
    witness.look("--key", key)
    suite.cli("audit", "witness-key", "add", witness.key())
    witness.look()
    suite.cli("audit", "rotate-key")
    wait_for(lambda: suite.audit("/v1/keys").json["verifier_key"] != key, "the next key signs")
    size = wait_signed(suite)
    token = suite.directory / "token"
    outside = verify(suite, "--url", witness.url, "--token-file", token, "--key", key)
    assert outside.returncode == 0 and "all is well" in outside.stdout and f"{size} records" in outside.stderr, outside
    seen = suite.directory / "seen"
    for _ in range(2):
        again = verify(suite, "--url", witness.url, "--token-file", token, "--seen", seen)
        assert again.returncode == 0 and seen.read_text().startswith("quanyu/audit/"), again
    assert size_of(suite) in grown_from(size)
    with twisting(suite, lambda path, body: None if path.startswith("/tile/entries") else body) as url:
        unread = verify(suite, "--url", url, "--token-file", token, "--key", key)
    assert unread.returncode == 1 and "all is well" not in unread.stdout and "could not be read" in unread.stderr, unread
    forged = verify(suite, "--url", witness.url, "--token-file", token, "--key", key.replace("quanyu/audit", "quanyu/other"))
    assert forged.returncode in (1, 2), forged
    running = verify(suite, "--files", suite.data / "audit")
    assert running.returncode == 1 and "is being written" in running.stderr, running
    assert suite.kill("audit", 15) == 0
    copy_of(suite, "copy")
    inside = verify(suite, "--files", suite.directory / "copy", "--key", key)
    assert inside.returncode == 0 and "all is well" in inside.stdout, inside
    state = suite.directory / "copy" / "state" / "data.mdb"
    whole = state.read_bytes()
    assert whole.count(b"audience.count") >= 270
    state.write_bytes(whole.replace(b"audience.count", b"audience.cound"))
    altered = verify(suite, "--files", suite.directory / "copy", "--key", key)
    assert altered.returncode == 1 and "was altered" in altered.stdout and "record " in altered.stdout, altered
    suite.start("audit")
