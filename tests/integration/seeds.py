# SPDX-License-Identifier: Apache-2.0
"""What tests with random histories share: QUANYU_SEED repeats one run; QUANYU_LONG goes on with new seeds for an hour
(QUANYU_LONG_SECONDS)."""
import os
import pathlib
import random
import tempfile
import time

SHRINK_SECONDS = int(os.environ.get("QUANYU_SHRINK_SECONDS", "180"))


def run(check, seconds, what):
    """Calls check(seed) with one seed after the other for so long; it says of how many that was."""
    fixed = os.environ.get("QUANYU_SEED")
    if os.environ.get("QUANYU_LONG"):
        seconds = int(os.environ.get("QUANYU_LONG_SECONDS", "3600"))
    deadline, runs, done = time.monotonic() + seconds, 0, 0
    while runs == 0 or (time.monotonic() < deadline and not fixed):
        seed = fixed or str(random.SystemRandom().randrange(10**9))
        print(f"QUANYU_SEED={seed}", flush=True)
        done += check(seed)
        runs += 1
    print(f"{runs} runs, {done} {what}, no difference")
    assert done > 0


def fail(seed, name, found, size, lines, difference):
    """Says what differed, and leaves the smallest history in a file."""
    path = pathlib.Path(tempfile.gettempdir()) / f"quanyu-{name}-{seed}.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    raise AssertionError(f"QUANYU_SEED={seed}\nfound: {found}\nsmallest, {size} in {path}: {difference}")
