# SPDX-License-Identifier: Apache-2.0
import shutil
import tempfile

import pytest

from suite import Suite


@pytest.fixture
def directory():
    path = tempfile.mkdtemp(prefix="quanyu-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def suite(directory):
    """A running suite with a simulated clock."""
    with Suite(directory) as running:
        running.start()
        yield running
