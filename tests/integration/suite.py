# SPDX-License-Identifier: Apache-2.0
"""Runs the five services for a test: in a directory of its own, on free ports of 127.0.0.1."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import contract

TOP = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("gateway", "identity", "tagging", "campaign", "audit")
SHARED = TOP.parent / "shared"


def build_directory(kind="QUANYU_BUILD"):
    return pathlib.Path(os.environ.get(kind, TOP / "build" / "asan"))


def wait_for(condition, what, seconds=30.0, every=0.01):
    """Looks until the condition holds, and returns what it yielded; fails loudly at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)


class Ports:
    """Free ports, none handed out twice by this process, and below the range from which the system takes the local ports of
    outgoing connections: a service that is down for a moment must find its port free again."""

    taken = set()

    @classmethod
    def take(cls, count=1):
        while True:
            base = random.randrange(10000, 32000 - count)
            wanted = set(range(base, base + count))
            if not wanted & cls.taken and all(cls.is_free(port) for port in wanted):
                cls.taken |= wanted
                return base

    @staticmethod
    def is_free(port):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
            return True


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def request(port, method, path, body=None, headers=None, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
    contract.check(port, method, path, None if "Content-Encoding" in (headers or {}) else body, answer)
    return answer


class Suite:
    def __init__(self, directory, build=None, clock="simulated", settings=None):
        self.directory = pathlib.Path(directory)
        self.build = pathlib.Path(build or build_directory())
        self.data = self.directory / "data"
        self.processes = {}
        self.wrappers = {}  # by service: a command that runs it
        self.logs = {}
        self.environment = {
            "PATH": os.environ["PATH"],
            "QUANYU_DATA": str(self.data),
            "QUANYU_CLOCK": clock,
            "QUANYU_LOG_LEVEL": "info",
            "QUANYU_GATEWAY_AUDIT_WAIT": "20s",  # a busy disk is not what most tests are about
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
        self.ports = {}
        for name in SERVICES:
            self.set_port(name, "RPC_PORT", Ports.take(2))
            self.set_port(name, "OPS_PORT", Ports.take())
            self.environment[f"QUANYU_{name.upper()}_MAP_SIZE"] = "8G"
        self.set_port("gateway", "HTTP_PORT", Ports.take())
        self.set_port("audit", "HTTP_PORT", Ports.take())
        for name in ("gateway", "audit"):
            contract.watch(self.ports[name, "HTTP_PORT"], name)
        for name, value in (settings or {}).items():
            self.environment["QUANYU_" + name.upper().replace(".", "_")] = str(value)
        self.data.mkdir(parents=True, exist_ok=True)
        self._credentials = {}

    def set_port(self, name, setting, port):
        self.environment[f"QUANYU_{name.upper()}_{setting}"] = str(port)
        self.ports[name, setting] = port

    # -- processes

    def spawn(self, name, environment=None):
        log = open(self.directory / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            [*self.wrappers.get(name, ()), self.build / f"quanyu-{name}"], env={**self.environment, **(environment or {})},
            stdout=log, stderr=log)
        log.close()

    def log(self, name):
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def is_ready(self, name):
        process = self.processes[name]
        if process.poll() is not None:
            raise AssertionError(f"quanyu-{name} ended with {process.returncode}:\n{self.log(name)[-3000:]}")
        try:
            return request(self.ports[name, "OPS_PORT"], "GET", "/readyz", timeout=5).status == 200
        except OSError:
            return False

    def wait_ready(self, *names, seconds=60.0):
        for name in names or SERVICES:
            wait_for(lambda name=name: self.is_ready(name), f"quanyu-{name} ready", seconds)

    def start(self, *names, environment=None):
        """All of them or none: what does not come up takes the others with it."""
        try:
            for name in names or SERVICES:
                self.spawn(name, environment)
            self.wait_ready(*names)
            if "gateway" in self.processes:
                wait_for(lambda: self.reaches(*names), "the gateway reaches the services")
        except BaseException:
            self.destroy()
            raise
        return self

    def reaches(self, *names):
        """True when the gateway has an answer of each of those that are running."""
        services = self.api("GET", "/api/v1/status").json["services"]
        return all(services[name]["ready"] for name in names or SERVICES if name in self.processes)

    def kill(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(60)
        return process.returncode

    def stop(self):
        """Orderly, in the order in which data flows; every service must end with status 0."""
        codes = {}
        for name in SERVICES:
            if name in self.processes:
                codes[name] = self.kill(name, signal.SIGTERM)
        bad = {name: code for name, code in codes.items() if code != 0}
        if bad:
            raise AssertionError("\n".join(f"{name} ended with {code}:\n{self.log(name)[-4000:]}" for name, code in bad.items()))

    def destroy(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            try:
                self.stop()
            finally:
                self.destroy()
        else:
            self.destroy()
            for name in SERVICES:
                path = self.directory / f"{name}.log"
                if path.exists():
                    print(f"--- {name}\n{path.read_text(errors='replace')[-2500:]}")

    # -- HTTP

    def credentials(self, name):
        """What the first start of gateway or audit left."""
        if name not in self._credentials:
            self._credentials[name] = json.loads((self.data / "bootstrap" / f"{name}.json").read_text())
        return self._credentials[name]

    @property
    def bootstrap(self):
        return {**self.credentials("gateway"), **self.credentials("audit")}

    def ingest(self, path, body, write_key=None, headers=None):
        key = self.bootstrap["write_key"] if write_key is None else write_key
        basic = base64.b64encode(f"{key}:".encode()).decode()
        return request(self.ports["gateway", "HTTP_PORT"], "POST", path, body,
                       {"Authorization": f"Basic {basic}", "Content-Type": "application/json", **(headers or {})})

    def send(self, events, path="/v1/batch", size=500, write_key=None):
        """Sends events as batches; all must be taken. Returns the gateway's position."""
        position = 0
        for at in range(0, len(events), size):
            answer = self.ingest(path, {"batch": events[at:at + size]}, write_key)
            assert answer.status == 200 and "errors" not in answer.json, answer
            position = max(position, int(answer.json["position"]))
        return position

    def api(self, method, path, body=None, token=None, headers=None):
        token = self.credentials("gateway")["hq_token"] if token is None else token
        return request(self.ports["gateway", "HTTP_PORT"], method, path, body,
                       {"Authorization": f"Bearer {token}", **(headers or {})})

    def get(self, path, token=None):
        answer = self.api("GET", path, token=token)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path, body=None, status=(200, 201, 204), token=None):
        answer = self.api("POST", path, body, token=token)
        assert answer.status in status, answer
        return answer.json if answer.body else None

    def audit(self, path, token=None):
        token = self.bootstrap["auditor_token"] if token is None else token
        return request(self.ports["audit", "HTTP_PORT"], "GET", path, None, {"Authorization": f"Bearer {token}"})

    # -- waiting

    def wait_quiet(self, seconds=120.0):
        """All that was accepted has gone through all services, and nothing is being sent."""
        return wait_for(lambda: self.api("GET", "/api/v1/status").json.get("quiet"), "the suite is quiet", seconds)

    def lookup(self, kind, value):
        return self.api("POST", "/api/v1/persons/lookup", {"identifiers": [{"kind": kind, "value": value}]})

    def count(self, rule, as_of=None):
        body = {"rule": rule}
        if as_of:
            body["as_of"] = as_of
        return self.post("/api/v1/audiences/count", body)["count"]

    def advance(self, duration):
        return self.post("/api/v1/clock", {"advance": duration})

    def cli(self, *arguments, check=True):
        result = subprocess.run([self.build / "quanyu", *map(str, arguments)], env=self.environment, capture_output=True,
                                text=True, timeout=600)
        if check and result.returncode != 0:
            raise AssertionError(f"quanyu {arguments} ended with {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result


@contextlib.contextmanager
def running_suite():
    """One that runs in a new directory, and leaves nothing behind."""
    directory = tempfile.mkdtemp(prefix="quanyu-")
    try:
        with Suite(directory) as suite:
            yield suite.start()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
