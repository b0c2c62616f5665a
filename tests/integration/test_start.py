# SPDX-License-Identifier: Apache-2.0
"""What stops a start: settings that do not go with the state, paths, ports; one line says which, and what to do."""
import json
import socket
import subprocess

import pytest

from suite import Ports, Suite


@pytest.fixture
def stopped(directory):
    """A suite that has run once, and is stopped."""
    with Suite(directory, settings={"currency": "CNY", "clock_start": "2026-03-01T00:00:00Z"}) as suite:
        suite.start()
        suite.stop()
        suite.processes.clear()
        yield suite


def refused(suite, name, settings, path=None):
    """The line with which a start ends, of a service that must not start."""
    environment = {**suite.environment, **{"QUANYU_" + key.upper().replace(".", "_"): value for key, value in settings.items()}}
    result = subprocess.run([suite.build / f"quanyu-{name}"], env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1, result
    lines = [line for line in result.stderr.splitlines() if "level=error" in line]
    assert len(lines) == 1 and "start failed" in lines[0], result.stderr
    return lines[0]


@pytest.mark.parametrize("setting, before, now", [
    ("clock", "simulated", "real"), ("currency", "CNY", "JPY"), ("time_zone", "Asia/Shanghai", "Europe/Paris"), ("phone_region", "CN", "DE")])
def test_a_setting_on_which_the_state_depends_stays_as_it_was(stopped, setting, before, now):
    for name in ("gateway", "tagging"):
        line = refused(stopped, name, {setting: now})
        assert f"setting {setting}:" in line and f"made with {before}, and {now} is given" in line
        assert f"Start with {setting} = {before}" in line and str(stopped.data / name / "state") in line
    stopped.start()
    assert stopped.get("/api/v1/clock") == {"now": "2026-03-01T00:00:00Z", "clock": "simulated"}


def test_a_second_process_on_the_same_state_is_told_who_has_it(suite):
    line = refused(suite, "gateway", {})
    assert f"another process (pid {suite.processes['gateway'].pid}) has {suite.data}/gateway/state open" in line
    assert "(setting data)" in line


def test_a_path_that_cannot_be_made_is_named(stopped):
    line = refused(stopped, "gateway", {"data": "/proc/nowhere"})
    assert "directory /proc/nowhere/gateway cannot be made" in line and "(setting data)" in line
    file = stopped.directory / "file"
    file.write_text("")
    line = refused(stopped, "audit", {"keys": str(file)})
    assert f"directory {file} cannot be made or synced: Not a directory (setting keys)" in line
    assert f"left in {file}" in refused(stopped, "gateway", {"data": str(stopped.directory / "new"), "bootstrap": str(file)})


def test_keys_that_are_missing_or_damaged_are_named(stopped):
    public = stopped.data / "keys" / "tagging.pub"
    kept = public.read_bytes()
    public.write_text("nonsense\n")
    line = refused(stopped, "campaign", {})
    assert f"keys in {stopped.data}/keys (setting keys)" in line and "damaged" in line
    public.write_bytes(kept)


def test_an_address_or_a_port_that_cannot_be_had_names_its_setting(stopped):
    line = refused(stopped, "gateway", {"bind": "999.1.1.1"})
    assert "cannot listen on tcp://999.1.1.1:" in line and "setting bind must be an address of this machine" in line
    with socket.socket() as other:
        port = str(Ports.take(2))
        other.bind(("127.0.0.1", int(port)))
        other.listen()
        for setting in ("gateway.rpc_port", "gateway.ops_port", "gateway.http_port", "audit.http_port"):
            line = refused(stopped, setting.split(".")[0], {setting: port})
            assert setting in line and port in line and "in use" in line.lower(), line


def test_a_region_or_a_kind_that_is_none_is_named(directory):
    with Suite(directory) as suite:
        assert "setting phone_region: no country is known as ZZ" in refused(suite, "identity", {"phone_region": "ZZ"})
        assert "setting identity.identifier_kinds:" in refused(suite, "identity", {"identity.identifier_kinds": "phone"})


def test_the_reason_is_whole_in_json_logs(stopped):
    environment = {**stopped.environment, "QUANYU_LOG_FORMAT": "json", "QUANYU_CURRENCY": "JPY"}
    result = subprocess.run([stopped.build / "quanyu-tagging"], env=environment, capture_output=True, text=True, timeout=60)
    line = json.loads(result.stderr.splitlines()[-1])
    assert line["reason"].startswith("setting currency: the state in ") and line["error"] == "CONFLICT"
