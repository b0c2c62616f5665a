# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import random
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))


@pytest.fixture
def directory():
    path = tempfile.mkdtemp(prefix="quanyu-fault-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def seed():
    """Drawn anew for each test, unless QUANYU_SEED repeats one; pytest shows what is printed when the test fails."""
    number = int(os.environ.get("QUANYU_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"QUANYU_SEED={number}")
    return number
