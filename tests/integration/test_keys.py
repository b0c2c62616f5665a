# SPDX-License-Identifier: Apache-2.0
"""Nobody but the suite's own keys gets in."""
import os
import stat

from suite import SERVICES


def test_keys_are_private_and_each_service_has_its_own(suite):
    keys = suite.data / "keys"
    public = {(keys / f"{name}.pub").read_text() for name in SERVICES}
    assert len(public) == len(SERVICES)
    for path in keys.glob("*.key"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_service_with_a_strange_key_is_not_let_in(suite, directory):
    """Campaign comes back with a key of its own making: tagging must not serve it, and campaign says so."""
    suite.kill("campaign")
    own = suite.directory / "other-keys"
    own.mkdir()
    suite.cli("keys", own)
    strange = own / "campaign"
    for path in (suite.data / "keys").glob("*.pub"):
        if path.stem != "campaign":
            (strange / path.name).write_bytes(path.read_bytes())
    suite.spawn("campaign", {"QUANYU_KEYS": str(strange)})
    suite.wait_ready("campaign")
    status = suite.get("/api/v1/status")["services"]["campaign"]
    assert status["ready"] is False, "the gateway must not be able to talk to a stranger"
    suite.send([{"type": "page", "userId": "u", "messageId": "m"}])
    before = suite.get("/api/v1/status")["services"]["tagging"]
    assert before["ready"] is True
    suite.kill("campaign")
    suite.start("campaign")
    suite.wait_quiet()
