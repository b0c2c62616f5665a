# SPDX-License-Identifier: Apache-2.0
"""Clients that do what they like with a connection, and what a hard edge is measured by."""
import base64
import itertools
import json
import re
import resource
import socket
import ssl
import subprocess

from suite import request

SECONDS = 60
numbers = itertools.count()


def raise_descriptors(wanted):
    """Allows this process as many open files as it may have. Returns why that is not enough, or None."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None if hard == resource.RLIM_INFINITY or hard >= wanted else f"the system allows {hard} open files, not {wanted}"


def trusting():
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Wire:
    """One connection, to the gateway unless `port` is another's. Everything must happen within SECONDS."""

    def __init__(self, suite, secure=False, host="127.0.0.1", receive_buffer=None, port=None):
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((host, port or suite.ports["gateway", "HTTPS_PORT" if secure else "HTTP_PORT"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            self.socket = trusting().wrap_socket(self.socket)
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """As much as the other side takes. True when that was all."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, ssl.SSLError):
            return False

    def fill(self):
        """False at the end, however it comes."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return False
        self.input += data
        return bool(data)

    def answer(self, bodiless=False):
        """(status, head, body) of the next answer, None at the end."""
        while b"\r\n\r\n" not in self.input:
            if not self.fill():
                return None
        head, _, rest = self.input.partition(b"\r\n\r\n")
        size = re.search(rb"\r\ncontent-length: (\d+)", head.lower())
        size = int(size[1]) if size and not bodiless else 0
        self.input = rest
        while len(self.input) < size:
            assert self.fill(), "an answer was cut off"
        body, self.input = self.input[:size], self.input[size:]
        return int(head.split()[1]), head, body

    def answers(self):
        """The statuses of all answers up to the end."""
        statuses = []
        while answer := self.answer():
            statuses.append(answer[0])
        assert self.input == b"", self.input
        return statuses


def authorization(suite):
    return "Basic " + base64.b64encode(f"{suite.credentials('gateway')['write_key']}:".encode()).decode()


def event():
    number = next(numbers)
    return {"userId": f"edge-{number}", "event": "Seen", "messageId": f"edge-{number}"}


def track(suite, fields=""):
    """A whole request that stores one event, once."""
    body = json.dumps(event())
    return (f"POST /v1/track HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization(suite)}\r\n{fields}"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def served(suite, times=3, secure=False):
    """An honest client comes by, and is served."""
    for _ in range(times):
        with Wire(suite, secure) as wire:
            wire.send(track(suite))
            status, _, body = wire.answer()
            assert status == 200 and json.loads(body)["accepted"] == 1, body


def metric(suite, series, service="gateway"):
    page = request(suite.ports[service, "OPS_PORT"], "GET", "/metrics").body.decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.M)
    return float(found[1]) if found else 0.0


def connections(suite):
    return int(metric(suite, "quanyu_http_connections"))


def accepted(suite):
    return int(metric(suite, "quanyu_events_accepted_total"))


def anonymous_memory(suite, service="gateway"):
    """RssAnon in MiB."""
    with open(f"/proc/{suite.processes[service].pid}/status", encoding="ascii") as status:
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read())[1]) / 1024


# -- certificates

def make_pair(directory, name, days=30):
    """(certificate, key): paths of PEM files, the certificate being its own issuer."""
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key
