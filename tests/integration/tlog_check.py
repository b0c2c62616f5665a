# SPDX-License-Identifier: Apache-2.0
"""Checks an audit log with Go's golang.org/x/mod/sumdb: tlog/tlog.go."""
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).parent / "tlog" / "tlog.go"
PACKAGES = pathlib.Path("/usr/share/gocode")  # where Debian puts Go's libraries


def is_there():
    return bool(shutil.which("go")) and (PACKAGES / "src/golang.org/x/mod/sumdb/tlog").is_dir()


@functools.lru_cache(maxsize=1)
def program():
    """Built once for this process; what it leaves behind is the operating system's to clear."""
    directory = pathlib.Path(tempfile.gettempdir()) / f"quanyu-tlog-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOFLAGS": "", "GOCACHE": str(directory / "cache")}
    subprocess.run(["go", "build", "-o", directory / "tlog", SOURCE], env=environment, check=True)
    return directory / "tlog"


def run(suite, key, *arguments, check=True):
    """What it prints, a size and a root; without `check` what became of it."""
    url = f"http://127.0.0.1:{suite.ports['audit', 'HTTP_PORT']}"
    command = [program(), url, suite.bootstrap["auditor_token"], key, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not check:
        return result
    assert result.returncode == 0, result
    size, root = result.stdout.split()
    return int(size), root
