# SPDX-License-Identifier: Apache-2.0
"""The row `accepting`: the gateway alone, every size of batch over every number of connections, over plain HTTP and TLS, by our own
sender and by wrk, each beside what the same sender gets of a server that answers at once."""
import base64
import contextlib
import dataclasses
import json
import os
import subprocess
import time

from suite import Ports
from table import Figure

BATCHES = (1, 10, 100, 1000)
CONNECTIONS = (1, 10, 100, 1000)
BUDGETS = {1: 40_000, 100: 200_000}  # events a second, by batch, for at least so many connections as QUICK has
QUICK = 100  # with --quick only this number of connections
CELL_SECONDS, LIMIT_SECONDS = 2, 1
LARGE, LARGE_FACTOR = 1_000_000, 4  # so many events in one round of calls, which wrk writes for two seconds, get more time
HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass
class Target:
    port: int
    tls: bool
    key: str


@contextlib.contextmanager
def answering_at_once(stage, tls):
    """The HTTP server alone, on the same number of threads."""
    port = Ports.take()
    certificate = [stage.certificate, stage.certificate_key] if tls else []
    server = subprocess.Popen([stage.build / "tests" / "bench_http_limit", str(port), "2", *certificate], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        server.stdout.readline()
        yield port
    finally:
        server.stdin.close()
        server.wait()


def sender(stage, target, batch, connections, seconds):
    """Our own: one JSON line of what it got."""
    arguments = [f"--port={target.port}", f"--batch={batch}", f"--connections={connections}", f"--seconds={seconds}",
                 f"--persons={max(stage.persons, 1)}", f"--first={stage.next_event()}", f"--key={target.key}",
                 *(["--tls"] if target.tls else [])]
    result = subprocess.run([stage.build / "tests" / "bench_load", *arguments], capture_output=True, text=True)
    if not result.stdout:
        raise SystemExit(f"bench_load {arguments}: {result.stderr}")
    return json.loads(result.stdout)


def wrk(stage, target, batch, connections, seconds):
    key = base64.b64encode(f"{target.key}:".encode()).decode()
    url = f"http{'s' if target.tls else ''}://127.0.0.1:{target.port}"
    command = ["wrk", "--threads", "1", "--connections", connections, "--duration", f"{seconds}s", "--timeout", "10s", "--script",
               f"{HERE}/load.lua", url, "--", batch, max(stage.persons, 1), stage.next_event(), f"Basic {key}"]
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode != 0 or not lines:
        raise SystemExit(f"wrk: {result.stdout}\n{result.stderr}")
    return json.loads(lines[-1])


def cell(stage, target, limit_target, batch, connections, by):
    factor = LARGE_FACTOR if batch * connections >= LARGE else 1
    limit = by(stage, limit_target, batch, connections, factor * LIMIT_SECONDS)
    got = by(stage, target, batch, connections, factor * CELL_SECONDS)
    what = f"{'TLS' if target.tls else 'plain'}, {batch:,} a call, {connections:,} connections"
    refused = f", {got['failures']} of {got['requests']} calls not accepted" if got["failures"] else ""
    return Figure(f"… by wrk: {what}" if by is wrk else what, got["events_per_second"], "events/s", limit["events_per_second"],
                  "answered at once", least=BUDGETS.get(batch) if connections >= QUICK else None,
                  note=f"p50 {got['p50_ms']:.1f} ms, p99 {got['p99_ms']:.1f} ms{refused}")


def over(stage, tls):
    """Every cell, on a gateway of its own: what one half has filled it with does not slow the other down."""
    with stage.gateway_alone() as alone, answering_at_once(stage, tls) as limit_port:
        target = Target(alone.ports["gateway", "HTTPS_PORT" if tls else "HTTP_PORT"], tls, alone.credentials("gateway")["write_key"])
        limit_target = dataclasses.replace(target, port=limit_port)
        return [cell(stage, target, limit_target, batch, connections, by)
                for batch in BATCHES for connections in CONNECTIONS if connections == QUICK or not stage.options.quick
                for by in (sender, wrk)]


def accepting(stage):
    """accepting by the gateway alone: by size of batch and number of connections, over plain HTTP and TLS, by our own sender and wrk"""
    begun = time.monotonic()
    figures = over(stage, tls=False) + over(stage, tls=True)
    stage.notes.append(f"accepting: {len(figures)} cells in {time.monotonic() - begun:.0f} s")
    return figures
