# SPDX-License-Identifier: Apache-2.0
import os


def pytest_terminal_summary(terminalreporter, exitstatus):
    """What `./dev test` says to do next: in front of the runner's own summary, which stays the last line."""
    if exitstatus == 0 and "QUANYU_NEXT" in os.environ:
        terminalreporter.write_line(f"Next: {os.environ['QUANYU_NEXT']}")
