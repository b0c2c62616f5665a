# SPDX-License-Identifier: Apache-2.0
"""The README's first steps, typed as they stand there: each answer is the one that is shown."""
import os
import re
import signal
import subprocess

from suite import TOP, Ports, Suite, wait_for

RANDOM = [(re.compile(r"([pi])_[0-9a-z]{8}"), r"\1_00000000"), (re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}"), "0")]
STARTING = ("export QUANYU_CLOCK", "./dev up", "eval ", "PATH=")  # what the test does its own way


def first_steps():
    """The blocks of the section: each a list of (command, the answer that stands below it)."""
    section = (TOP / "README.md").read_text().split("\n## First steps\n")[1].split("\n## ")[0]
    for block in re.findall(r"(?:^    .*\n)+", section, re.M):
        steps, quoted = [], False
        for line in block.splitlines():
            line = line[4:]
            begins = not quoted and not line.startswith(("{", " "))
            if begins:
                steps.append([line, ""])
            elif quoted:
                steps[-1][0] += "\n" + line
            else:
                steps[-1][1] += line.strip()
            quoted ^= (begins or quoted) and line.count("'") % 2 == 1
        yield from steps


def plain(text):
    """Without what is new in each run, and without how lines are broken."""
    for pattern, instead in RANDOM:
        text = pattern.sub(instead, text)
    return re.sub(r"(?<=[,{\[])\s+(?=[\"{\[…])", "", text)


def agrees(shown, answer):
    """What stands between the dots is there, in this order."""
    at = 0
    for part in plain(shown).split("…"):
        found = plain(answer).find(part.strip(" ,"), at)
        if found < 0 or (at == 0 and found > 0):
            return False
        at = found + len(part.strip(" ,"))
    return "…" in shown or at == len(plain(answer).strip())


def test_the_first_steps_answer_as_the_page_shows(directory):
    hook = Ports.take()
    with Suite(directory, settings={"clock_start": "2026-03-01T00:00:00Z"}) as suite:
        suite.start()
        environment = {**suite.environment, **suite.bootstrap, "PATH": f"{suite.build}:{os.environ['PATH']}",
                       "gateway_url": f"http://127.0.0.1:{suite.ports['gateway', 'HTTP_PORT']}",
                       "audit_url": f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}"}
        receiver, shown_count = None, 0
        try:
            for command, shown in first_steps():
                command = command.replace("9999", str(hook))
                if command.startswith(STARTING):
                    continue
                if command.endswith("&"):
                    receiver = subprocess.Popen(["bash", "-c", command + " wait"], env=environment, start_new_session=True,
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    wait_for(lambda: not Ports.is_free(hook), "somebody takes what the journey sends")
                    continue
                suite.wait_quiet()
                result = subprocess.run(["bash", "-c", command.replace("curl ", "curl -s ", 1)], env=environment, cwd=TOP,
                                        capture_output=True, text=True, timeout=120)
                assert result.returncode == 0, (command, result)
                assert not shown or agrees(shown, result.stdout), f"{command}\nthe page: {shown}\nreally: {result.stdout}"
                shown_count += bool(shown)
            assert shown_count >= 9
        finally:
            if receiver:
                os.killpg(receiver.pid, signal.SIGTERM)
                receiver.wait(10)
