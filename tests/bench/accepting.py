# SPDX-License-Identifier: Apache-2.0
"""The row `accepting`: every size of batch over every number of connections, over plain HTTP and TLS, by our own sender and by wrk,
each beside what the same sender gets of a server that answers at once."""
import base64
import contextlib
import json
import os
import subprocess
import time

from suite import Ports
from table import Figure

BATCHES = (1, 10, 100, 1000)
CONNECTIONS = (1, 10, 100, 1000)
CELL_SECONDS = 3.0
CELL_EVENTS = 300_000  # at most: what is accepted is worked off before the next cell
WRK_CELLS = ((1, 100), (100, 100))  # batch, connections
HERE = os.path.dirname(os.path.abspath(__file__))


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


def sender(stage, port, tls, batch, connections, seconds, *more):
    """Our own: one JSON line of what it got."""
    arguments = [f"--port={port}", f"--batch={batch}", f"--connections={connections}", f"--seconds={seconds}",
                 f"--events={CELL_EVENTS}", f"--persons={max(stage.persons, 1)}", f"--first={stage.next_event()}",
                 f"--key={stage.suite.bootstrap['write_key']}", *(["--tls"] if tls else []), *more]
    result = subprocess.run([stage.build / "tests" / "bench_load", *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"bench_load {arguments}: {result.stdout}\n{result.stderr}")
    return json.loads(result.stdout)


def wrk(stage, port, tls, batch, connections, seconds):
    key = base64.b64encode(f"{stage.suite.bootstrap['write_key']}:".encode()).decode()
    url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
    command = ["wrk", "--threads", "1", "--connections", connections, "--duration", f"{int(max(seconds, 1))}s", "--script",
               f"{HERE}/load.lua", url, "--", batch, max(stage.persons, 1), stage.next_event(), f"Basic {key}"]
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode != 0 or not lines:
        raise SystemExit(f"wrk: {result.stdout}\n{result.stderr}")
    got = json.loads(lines[-1])
    if got["failures"]:
        raise SystemExit(f"wrk: {got['failures']} of {got['requests']} requests failed")
    return got


def cell(stage, ports, limit_port, tls, batch, connections, by):
    seconds = min(stage.options.seconds / 4, CELL_SECONDS)
    limit = by(stage, limit_port, tls, batch, connections, seconds / 2)
    got = by(stage, ports[tls], tls, batch, connections, seconds)
    stage.wait_folded(3600)
    what = f"{'TLS' if tls else 'plain'}, {batch:,} a call, {connections:,} connections"
    return Figure(what if by is sender else f"… by wrk: {what}", got["requests_per_second"] * batch, "events/s",
                  limit["requests_per_second"] * batch, "answered at once", note=f"p50 {got['p50_ms']:.1f} ms, p99 {got['p99_ms']:.1f} ms")


def accepting(stage):
    """accepting by size of batch and number of connections, over plain HTTP and TLS, by our own sender and wrk"""
    stage.with_persons(stage.few)
    ports = {False: stage.suite.ports["gateway", "HTTP_PORT"], True: stage.suite.ports["gateway", "HTTPS_PORT"]}
    figures = []
    begun = time.monotonic()
    for tls in (False, True):
        with answering_at_once(stage, tls) as limit_port:
            figures += [cell(stage, ports, limit_port, tls, batch, connections, sender)
                        for batch in BATCHES for connections in CONNECTIONS]
            figures += [cell(stage, ports, limit_port, tls, batch, connections, wrk) for batch, connections in WRK_CELLS]
    stage.notes.append(f"accepting: {len(figures)} cells in {time.monotonic() - begun:.0f} s")
    return figures
