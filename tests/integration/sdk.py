# SPDX-License-Identifier: Apache-2.0
"""The public SDKs as npm serves them, installed once under build/, and what the tests around them share."""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess

import pytest

from suite import TOP, build_directory

SOURCE = TOP / "tests" / "sdk"
MANIFEST = ("package.json", "package-lock.json", ".npmrc")
# What npm says when it cannot reach a registry; anything else is a failure.
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "network")


def install(place):
    for name in MANIFEST:
        shutil.copy(SOURCE / name, place / name)
    result = subprocess.run(["npm", "ci", "--no-progress"], cwd=place, capture_output=True, text=True, timeout=600)
    if result.returncode == 0:
        (place / "complete").touch()
    elif any(f"code {code}" in result.stderr for code in UNREACHABLE):
        pytest.skip("npm reaches no registry, so there are no SDKs to run")
    else:
        pytest.fail(f"npm ci ended with {result.returncode}\n{result.stderr[-3000:]}")


def installed():
    """The directory with node_modules; the test is skipped where there can be none."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed; ./dev setup does that")
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in MANIFEST)).hexdigest()[:16]
    place = TOP / "build" / "sdk" / digest
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            install(place)
    for script in SOURCE.glob("*js"):
        shutil.copy(script, place / script.name)
    return place


def run_node(place, script, given=None):
    """Runs a script to its end; it must not turn to any other machine. Returns what it printed."""
    result = subprocess.run(["node", "--require", str(place / "only_local.cjs"), str(place / script)], cwd=place,
                            input=json.dumps(given) if given is not None else None, env={"PATH": os.environ["PATH"]},
                            capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, f"{script} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def journal(suite):
    """Every event that the gateway has stored, with all its fields."""
    result = subprocess.run([build_directory() / "tests" / "journal_probe", suite.data / "gateway"], capture_output=True,
                            text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def stored(suite, person):
    """What the journal has of one userId, or of one anonymousId."""
    return [event for event in journal(suite) if person in (event["body"].get("userId"), event["body"].get("anonymousId"))]


def missing(expected, got, path=""):
    """Where `got` lacks something of `expected`, or has it otherwise; members that are more do not matter."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return [fault for name, value in expected.items() for fault in
                (missing(value, got[name], f"{path}/{name}") if name in got else [f"{path}/{name} is not there"])]
    return [] if expected == got else [f"{path} is {got!r}, not {expected!r}"]


def assert_stored(suite, person, calls):
    """Each of `calls`, [(type, fields)], was stored once, with every one of its fields."""
    events = stored(suite, person)
    assert sorted(event["type"] for event in events) == sorted(f"EVENT_{kind.upper()}" for kind, _ in calls), events
    for kind, fields in calls:
        (event,) = [event for event in events if event["type"] == f"EVENT_{kind.upper()}"]
        assert not missing(fields, event["body"]), (kind, missing(fields, event["body"]), event["body"])


def snippets():
    """The README's snippets of SDKs, by package."""
    text = (TOP / "README.md").read_text()
    found = {}
    for block in text.split("```js\n")[1:]:
        code = block.split("```")[0]
        package = next(word.strip("'\")") for word in code.replace("(", " ").split() if word.startswith(("'@segment", "'@rudder")))
        found[package] = code
    return found
