# SPDX-License-Identifier: Apache-2.0
"""`quanyu`: its help, and what it does with arguments that it does not know."""
import concurrent.futures
import signal

import pytest

from suite import Suite, wait_for

COMMANDS = ("status", "person", "audience", "audit", "clock", "import", "dead-letters", "dump", "key", "staff", "role", "bootstrap", "keys",
            "identity", "duplicates")


@pytest.fixture
def nowhere(directory):
    """A suite that does not run: a command that did anything would fail."""
    return Suite(directory)


def test_each_command_has_help_of_its_own_and_does_nothing_then(nowhere):
    for command in COMMANDS:
        for option in ("--help", "-h"):
            result = nowhere.cli(command, option)
            assert result.stdout.startswith(f"usage: quanyu {command} ") and f"Example: quanyu {command}" in result.stdout
            assert result.stderr == ""
    assert nowhere.cli("audit", "--actor", "t_1", "--help").stdout == nowhere.cli("audit", "-h").stdout
    overview = nowhere.cli("--help").stdout
    assert overview == nowhere.cli("-h").stdout == nowhere.cli("help").stdout
    assert all(f"  {command} " in overview for command in COMMANDS)
    assert not any(nowhere.data.iterdir())


def test_what_is_not_known_is_refused(nowhere):
    for arguments in (["status", "--all"], ["person", "--tags"], ["person", "p_1", "p_2"], ["audience", "--rule"], ["audience", "{}", "--at", "x"],
                      ["audit", "--who", "x"], ["audit", "tree", "x"], ["clock", "stop"], ["clock", "set", "2026-01-01", "x"],
                      ["import", "a.csv", "--mapping"], ["import", "a.csv", "b.csv"], ["dump", "--all"], ["keys", "-x"], ["lookup"],
                      ["dead-letters", "send"], ["dead-letters", "list", "--what"], ["dead-letters", "show", "--all"], ["--version", "x"], ["--help", "x"]):
        result = nowhere.cli(*arguments, check=False)
        assert result.returncode == 2 and result.stdout == "", result
        assert any(argument in result.stderr for argument in arguments[-2:]) and "--help" in result.stderr, result
    for arguments in (["person"], ["audience"], ["clock", "set"], ["audit", "--actor"], ["import"], ["dump"], ["keys"], ["dead-letters"],
                      ["dead-letters", "show"], ["dead-letters", "replay"], ["dead-letters", "delete", "dl_1", "--all"]):
        result = nowhere.cli(*arguments, check=False)
        assert result.returncode == 2 and result.stderr.startswith(f"usage: quanyu {arguments[0]} "), result


def test_a_clock_on_its_way_is_moved_by_one_call_and_stops_with_the_gateway(suite):
    """Eight thousand years take long: nothing may have to wait for their end."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        far = pool.submit(suite.api, "POST", "/api/v1/clock", {"set": "9999-12-30T00:00:00Z", "step": "1d"})
        wait_for(lambda: suite.get("/api/v1/clock")["now"] > "2026-01-02", "the clock moves")
        second = suite.cli("clock", "advance", "1d", check=False)
        assert second.returncode == 1 and "503: another call is moving the clock" in second.stderr
        assert suite.kill("gateway", signal.SIGTERM) == 0
        answer = far.result(30)
        assert answer.status == 503 and "the gateway is stopping" in answer.json["detail"], answer
    suite.start("gateway")
    now = suite.get("/api/v1/clock")["now"]
    assert "2026-01-02" < now < "2100", "it goes on from where it stood"
