# SPDX-License-Identifier: Apache-2.0
"""A Docker engine and the base image for a test: what is there already, else what this machine can make of its own packages."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from suite import wait_for

BASE = "debian:trixie-slim"


class NotHere(Exception):
    """Why no containers can be run on this machine."""


def run(*command, check=True, timeout=600, environment=None):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout,
                            stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}")
    return result


def answers(host=None):
    return run("docker", *(["--host", host] if host else []), "info", check=False, timeout=30).returncode == 0


@contextlib.contextmanager
def engine():
    """The running engine's environment; where none runs, one of our own for as long as it is needed. Its images stay, as layers to
    build on next time."""
    if not shutil.which("docker"):
        raise NotHere("there is no docker client here")
    if answers():
        yield {}
        return
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise NotHere("no Docker engine answers, and none can be started (dockerd and root are needed)")
    with tempfile.TemporaryDirectory(prefix="quanyu-docker-", ignore_cleanup_errors=True) as directory:
        host = f"unix://{directory}/docker.sock"
        with open(f"{directory}/log", "wb") as log:
            daemon = subprocess.Popen(["dockerd", "--host", host, "--pidfile", f"{directory}/pid", "--exec-root", f"{directory}/run"],
                                      stdout=log, stderr=log)
        try:
            wait_for(lambda: daemon.poll() is not None or answers(host), "dockerd answers", 60, 0.2)
            if daemon.poll() is not None:
                reason = pathlib.Path(f"{directory}/log").read_text(errors="replace").strip().splitlines()[-1:]
                raise NotHere(f"dockerd cannot run here: {' '.join(reason)}")
            yield {"DOCKER_HOST": host}
        finally:
            daemon.terminate()
            daemon.wait(60)


def mirror():
    """Where this machine's own Debian packages come from."""
    targets = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(COMPONENT)|$(REPO_URI)|$(SUITE)", "Created-By: Packages").stdout
    for line in targets.splitlines():
        origin, component, uri, suite = line.split("|")
        if origin == "Debian" and component == "main" and "security" not in suite:
            return uri
    raise NotHere("apt's configuration names no Debian mirror to make a base image from")


def provide_base(environment):
    """The base image: as it is, from the registry, or from Debian's packages."""
    if run("docker", "image", "inspect", BASE, check=False, environment=environment).returncode == 0:
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        if run("docker", "pull", "-q", BASE, check=False, timeout=90, environment=environment).returncode == 0:
            return
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise NotHere(f"{BASE} is not here, no registry gives it, and it cannot be made (debootstrap and root are needed)")
    with tempfile.TemporaryDirectory(prefix="quanyu-base-") as directory:
        run("debootstrap", "--variant=minbase", "trixie", directory, mirror(), timeout=300)
        leave_out = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*")
        excluded = " ".join(f"--exclude='{pattern}'" for pattern in leave_out)
        run("sh", "-c", f"tar -C {directory} {excluded} -c . | docker import - {BASE}", environment=environment)


def compose_command():
    for command in (["docker", "compose"], ["docker-compose"]):
        with contextlib.suppress(OSError):
            if run(*command, "version", check=False).returncode == 0:
                return command
    raise NotHere("there is no docker compose here")
