# SPDX-License-Identifier: Apache-2.0
"""A backup of the log is taken while it runs, and is one only where it is whole."""
import json
import random
import shutil
import subprocess

from audit_copies import Writers, backup, fill, manifest, newest, wait_sealed
from suite import wait_for
from test_audit_proof import grow, post, size_of, verifier_keys, verify, wait_signed


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


def test_a_backup_does_not_go_through_links_into_the_log_itself(suite):
    grow(suite, 3)
    before = sorted(path.name for path in (suite.data / "audit" / "keys").iterdir())
    for way in (".partial", ".partial/keys", ".partial/segments"):
        place = suite.directory / f"through{way.count('/')}{way[-4:]}"
        link = place.parent / (place.name + way)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(suite.data / "audit" / way.partition("/")[2])
        refused = backup(suite, place, check=False)
        assert refused.returncode == 1 and "is a symbolic link" in refused.stderr and not place.exists(), refused
    assert sorted(path.name for path in (suite.data / "audit" / "keys").iterdir()) == before


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
