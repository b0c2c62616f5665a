# SPDX-License-Identifier: Apache-2.0
"""The suite under measurement, the programs that load it, and what the system says about both."""
import contextlib
import json
import os
import shutil
import subprocess
import time

from suite import SERVICES, Ports, Suite, wait_for

TICKS = os.sysconf("SC_CLK_TCK")
SEED_BATCH = 200
RETENTION = "1h"


class Stage:
    def __init__(self, directory, options):
        self.directory = directory
        self.options = options
        self.build = directory.__class__(options.build).resolve()
        self.persons = 0
        self.few = max(options.people // 100, 1000)
        self.notes = []
        self._suite = None
        self.certificate, self.certificate_key = directory / "certificate.pem", directory / "certificate.key"
        self._next_event = int(time.time()) * 1_000_000
        self._limits = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._suite:
            self._suite.destroy()

    # -- programs

    def program(self, name, *arguments, check=True):
        result = subprocess.run([self.build / "tests" / f"bench_{name}", *map(str, arguments)], capture_output=True, text=True)
        if check and result.returncode != 0:
            raise SystemExit(f"bench_{name} {arguments} ended with {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result.stdout

    def limit(self, name, *arguments):
        """A figure of the machine's own, taken once in a run."""
        if (name, arguments) not in self._limits:
            self._limits[name, arguments] = json.loads(self.program(name, *arguments))
        return self._limits[name, arguments]

    @property
    def limit_seconds(self):
        return min(self.options.seconds / 3, 5.0)

    # -- the suite

    @property
    def suite(self):
        """Five services, started at the first use."""
        if not self._suite:
            self._suite = self.make_suite("suite")
            self._suite.start()
        return self._suite

    @contextlib.contextmanager
    def gateway_alone(self):
        """A gateway without the other services, which is thrown away afterwards with all that it has accepted."""
        alone = self.make_suite("alone")
        alone.start("gateway")
        try:
            yield alone
        finally:
            alone.destroy()
            shutil.rmtree(alone.directory)

    def make_suite(self, name):
        settings = {f"{name}.map_size": "64G" for name in SERVICES}
        settings |= {f"{name}.retention": RETENTION for name in SERVICES}
        settings |= {"gateway.tls_certificate": self.certificate, "gateway.tls_key": self.certificate_key}
        self.make_certificate()
        suite = Suite(self.directory / name, build=self.build, clock="real", settings=settings)
        suite.set_port("gateway", "HTTPS_PORT", Ports.take())
        return suite

    def make_certificate(self):
        if self.certificate.exists():
            return
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.certificate_key,
                        "-out", self.certificate], check=True, capture_output=True)

    def with_persons(self, count):
        """At least so many persons, each with a name, a city and a first order."""
        if self.persons < count:
            self.load("--seed", f"--batch={SEED_BATCH}", "--connections=8", f"--from={self.persons}",
                      f"--events={2 * (count - self.persons)}", seconds=36000)
            self.wait_folded(36000)
            self.persons = count
        return self.suite

    def next_event(self):
        """The number of the first event of a load: no two loads send the same."""
        self._next_event += 100_000_000
        return self._next_event

    def load_arguments(self, *arguments, seconds=None):
        suite = self.suite
        port = suite.ports["gateway", "HTTPS_PORT" if "--tls" in arguments else "HTTP_PORT"]
        return [str(self.build / "tests" / "bench_load"), f"--port={port}", f"--seconds={seconds or self.options.seconds}",
                f"--persons={max(self.persons, 1)}", f"--first={self.next_event()}", f"--key={suite.bootstrap['write_key']}", *arguments]

    def load(self, *arguments, seconds=None, check=True):
        result = subprocess.run(self.load_arguments(*arguments, seconds=seconds), capture_output=True, text=True)
        if check and result.returncode != 0:
            raise SystemExit(f"bench_load {arguments}: {result.stdout}\n{result.stderr}")
        return json.loads(result.stdout)

    @contextlib.contextmanager
    def background(self, *arguments):
        """Load that goes on until the block ends."""
        process = subprocess.Popen(self.load_arguments(*arguments, seconds=36000), stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def ask(self, path, body, seconds, connections=1):
        """The same request again and again as a staff member; "########" becomes a person's number."""
        return self.load(f"--token={self.suite.bootstrap['hq_token']}", f"--path={path}", f"--body={json.dumps(body)}",
                         f"--connections={connections}", seconds=seconds)

    # -- how far, how much

    def status(self):
        return self.suite.get("/api/v1/status")["services"]

    def lag(self):
        """Accepted events that not all services have folded yet."""
        services = self.status()
        end = int(services["gateway"]["journal_end"])
        return max(end - int(services[name]["position"]) for name in ("identity", "tagging", "campaign"))

    def wait_folded(self, seconds):
        wait_for(lambda: self.lag() <= 2, "all services have folded what was accepted", seconds, every=0.05)

    def usage(self):
        """Of each service: seconds of processor time, and bytes that it wrote."""
        used = {}
        for name, process in self.suite.processes.items():
            with open(f"/proc/{process.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            with open(f"/proc/{process.pid}/io") as file:
                written = next(int(line.split()[1]) for line in file if line.startswith("wchar"))
            used[name] = (int(fields[11]) + int(fields[12])) / TICKS, written
        return used

    def memory(self):
        """RssAnon of each service, in MB."""
        used = {}
        for name, process in self.suite.processes.items():
            with open(f"/proc/{process.pid}/status") as file:
                used[name] = next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))
        return used

    @contextlib.contextmanager
    def costs(self, what, events):
        """Notes what each service spends on each of the events; `events` is called at the end."""
        before = self.usage()
        yield
        after = self.usage()
        count = max(events(), 1)
        each = ", ".join(f"{name} {(after[name][0] - before[name][0]) / count * 1e6:.1f} us and "
                         f"{(after[name][1] - before[name][1]) / count:,.0f} bytes" for name in SERVICES)
        self.notes.append(f"{what}: processor time and bytes written an event: {each}")

    def port(self):
        return Ports.take()
