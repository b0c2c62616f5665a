# SPDX-License-Identifier: Apache-2.0
"""./dev: what each command says of itself, what it refuses, and whom it starts and stops."""
import os
import signal
import subprocess

import pytest

from suite import SERVICES, TOP, Suite, wait_for

COMMANDS = ("setup", "build", "up", "down", "status", "demo", "test", "bench", "fuzz", "check")


def dev(*arguments, environment=None):
    return subprocess.run([TOP / "dev", *arguments], env=environment or {"PATH": os.environ["PATH"]}, capture_output=True, text=True,
                          timeout=300, stdin=subprocess.DEVNULL)


@pytest.fixture
def here(directory):
    """Ports and a data directory of their own, the programs that are tested, and nothing that runs at the end."""
    suite = Suite(directory)
    suite.environment["QUANYU_TEST_PROGRAMS"] = str(suite.build)
    yield suite
    dev("down", environment=suite.environment)


def pids(here):
    lines = dev("status", environment=here.environment).stdout.splitlines()
    return {line.split()[0].removeprefix("quanyu-"): int(line.split()[-1]) for line in lines if " runs, pid " in line}


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_help_says_what_a_command_does_and_does_not_run_it(here):
    for command in COMMANDS:
        for option in ("--help", "-h"):
            result = dev(command, option, environment=here.environment)
            assert (result.returncode, result.stderr) == (0, ""), result
            assert result.stdout.startswith(f"usage: ./dev {command}") and f"./dev {command}" in result.stdout[10:], result
    assert dev().stdout == dev("--help").stdout == dev("-h").stdout
    assert not (here.data / "log").exists(), "something was started"


def test_what_is_not_known_is_refused_and_nothing_runs(here):
    for arguments in (["setup", "now"], ["build", "quick"], ["build", "asan", "dev"], ["up", "gateway"], ["down", "--now"], ["status", "xyz"],
                      ["demo", "--size=3"], ["demo", "--days"], ["test", "--longer"], ["bench", "--slow"], ["fuzz", "--slow"], ["check", "--slow"],
                      ["upp"], ["--help", "up"]):
        result = dev(*arguments, environment=here.environment)
        assert result.returncode == 2 and arguments[-1] in result.stderr and "--help" in result.stderr, (arguments, result)
    assert not (here.data / "log").exists(), "something was started"


def test_up_starts_what_does_not_run_and_down_stops_it(here):
    first = dev("up", environment=here.environment)
    assert first.returncode == 0 and "Next: " in first.stdout.splitlines()[-1], first
    running = pids(here)
    assert set(running) == set(SERVICES)
    os.kill(running["audit"], signal.SIGKILL)  # it may be on its way out when the next line looks
    again = dev("up", environment=here.environment)
    assert again.returncode == 0, again
    after = pids(here)
    assert set(after) == set(SERVICES) and after["audit"] != running["audit"]
    assert all(after[name] == running[name] for name in SERVICES if name != "audit")
    down = dev("down", environment=here.environment)
    assert down.returncode == 0 and "Next: " in down.stdout.splitlines()[-1], down
    assert pids(here) == {}
    wait_for(lambda: all(is_gone(pid) for pid in after.values()), "all have ended")


def test_a_number_that_a_stranger_has_by_now_is_nobody_to_stop(here):
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        for name in SERVICES:
            state = here.data / name / "state"
            state.mkdir(parents=True)
            (state / "writer.lock").write_text(f"{stranger.pid}\n")
        assert pids(here) == {}
        assert dev("down", environment=here.environment).returncode == 0
        assert stranger.poll() is None
        assert dev("up", environment=here.environment).returncode == 0
        assert stranger.pid not in pids(here).values()
        assert dev("down", environment=here.environment).returncode == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_suite_on_other_data_is_left_alone(here, tmp_path):
    assert dev("up", environment=here.environment).returncode == 0
    running = pids(here)
    other = {**here.environment, "QUANYU_DATA": str(tmp_path / "other")}
    started = dev("up", environment=other)
    assert started.returncode == 1 and "is in use by another process" in started.stderr, started
    assert dev("down", environment=other).returncode == 0
    assert pids(here) == running
