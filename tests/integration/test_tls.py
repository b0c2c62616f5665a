# SPDX-License-Identifier: Apache-2.0
"""TLS at the gateway and at audit: what is agreed on, and how a certificate is replaced while requests come in."""
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from edge import Wire, authorization, event, make_pair, metric, served, track, trusting
from suite import Ports, Suite, request, wait_for


class Certificate:
    """The files that the gateway is told to use, and what is put there."""

    def __init__(self, directory):
        self.directory = directory
        self.certificate, self.key = directory / "in-force.crt", directory / "in-force.key"

    def put(self, certificate, key):
        """As certbot and its like do it: each file in one step."""
        for source, target in ((certificate, self.certificate), (key, self.key)):
            new = target.with_suffix(".new")
            new.write_bytes(source.read_bytes())
            os.rename(new, target)

    def install(self, name, days=30):
        certificate, key = make_pair(self.directory, name, days)
        self.put(certificate, key)
        return fingerprint_of(certificate)


def fingerprint_of(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def shown(suite, port=None):
    """The certificate that a new connection sees."""
    with socket.create_connection(("127.0.0.1", port or suite.ports["gateway", "HTTPS_PORT"]), timeout=30) as plain:
        with trusting().wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True)


@pytest.fixture
def certificate(tmp_path):
    return Certificate(tmp_path)


@contextlib.contextmanager
def started(directory, certificate, **settings):
    port = Ports.take()
    with Suite(directory, clock="real", settings={
            "gateway.https_port": port, "gateway.tls_certificate": certificate.certificate, "gateway.tls_key": certificate.key,
            **{f"gateway.{name}": value for name, value in settings.items()}}) as suite:
        suite.ports["gateway", "HTTPS_PORT"] = port
        yield suite


@pytest.fixture
def suite(tmp_path, certificate):
    certificate.first = certificate.install("first")
    with started(tmp_path, certificate) as running:
        yield running.start("gateway")


class Customers:
    """Clients that keep one connection each and send events over it, one after the other, until they are stopped."""

    def __init__(self, suite, count):
        self.suite, self.stopping, self.failures = suite, threading.Event(), []
        self.sent = [0] * count
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]

    def run(self, number):
        connection = http.client.HTTPSConnection("127.0.0.1", self.suite.ports["gateway", "HTTPS_PORT"], context=trusting(), timeout=60)
        connection.connect()
        connection.auto_open = 0  # a second connection would hide that the first was dropped
        try:
            while not self.stopping.is_set():
                connection.request("POST", "/v1/track", json.dumps(event()), {"Authorization": authorization(self.suite)})
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200, body
                self.sent[number] += 1
        except BaseException as error:  # noqa: BLE001, whatever it is: the test reports it
            self.failures.append(error)
        finally:
            connection.close()

    def go_on(self):
        """Each of them has sent some more."""
        before = list(self.sent)
        wait_for(lambda: self.failures or all(now > then + 2 for now, then in zip(self.sent, before)), "the customers go on")
        assert self.failures == []

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert self.failures == []


def hang_up(suite):
    suite.processes["gateway"].send_signal(signal.SIGHUP)


# -- replacing the certificate

def test_a_new_certificate_is_taken_without_dropping_a_connection(suite, certificate):
    assert shown(suite) == certificate.first
    with Customers(suite, 4) as customers:
        second = certificate.install("second")
        hang_up(suite)
        wait_for(lambda: shown(suite) == second, "the second certificate is in force")
        customers.go_on()
        third = certificate.install("third", days=90)
        wait_for(lambda: shown(suite) == third, "the third is taken without a signal")
        customers.go_on()
        expiry = metric(suite, "quanyu_tls_certificate_expiry_timestamp_seconds")
        assert 89 < (expiry - time.time()) / 86400 <= 90
    served(suite, secure=True)
    served(suite)


def test_a_certificate_that_cannot_be_used_is_refused_and_the_old_one_stays(suite, certificate):
    with Customers(suite, 2) as customers:
        other, _ = make_pair(certificate.directory, "other")
        _, key = make_pair(certificate.directory, "another")
        for certificate_file, key_file, reason in [
                (other, key, "is not that of the certificate"),
                (key, key, "certificate file"),
                (certificate.directory / "first.crt", other, "key file")]:
            seen = suite.log("gateway").count("is refused")
            certificate.put(certificate_file, key_file)
            hang_up(suite)
            wait_for(lambda: suite.log("gateway").count("is refused") > seen, "the refusal is in the log")
            line = [line for line in suite.log("gateway").splitlines() if "is refused" in line][-1]
            assert "level=error" in line and reason in line, line
            assert shown(suite) == certificate.first
        customers.go_on()
        second = certificate.install("second")
        hang_up(suite)
        wait_for(lambda: shown(suite) == second, "a good one is taken again")


def test_an_expired_certificate_is_never_taken_for_a_good_one(suite, certificate):
    old, key = certificate.directory / "old.crt", certificate.directory / "old.key"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old",
                    "-keyout", key, "-out", certificate.directory / "old.csr"], check=True, capture_output=True)
    sign = ["openssl", "x509", "-req", "-in", certificate.directory / "old.csr", "-signkey", key, "-out", old]
    if subprocess.run([*sign, "-days", "-1"], capture_output=True).returncode:  # newer ones refuse that, and take times instead
        subprocess.run([*sign, "-not_before", "20200101000000Z", "-not_after", "20200102000000Z"], check=True, capture_output=True)
    certificate.put(old, key)
    hang_up(suite)
    wait_for(lambda: "has expired" in suite.log("gateway"), "the refusal is in the log")
    assert shown(suite) == certificate.first


# -- agreeing

def agree(suite, **how):
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    for name, value in how.items():
        if name == "protocols":
            context.set_alpn_protocols(value)
        else:
            setattr(context, name, value)
    with socket.create_connection(("127.0.0.1", suite.ports["gateway", "HTTPS_PORT"]), timeout=30) as plain:
        with context.wrap_socket(plain) as secure:
            return secure.version(), secure.selected_alpn_protocol()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions_from_1_2_on_are_spoken(suite):
    versions = ssl.TLSVersion
    assert agree(suite, maximum_version=versions.TLSv1_2)[0] == "TLSv1.2"
    assert agree(suite, minimum_version=versions.TLSv1_3)[0] == "TLSv1.3"
    for old in (versions.TLSv1, versions.TLSv1_1):
        with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
            agree(suite, minimum_version=old, maximum_version=old)
    served(suite, secure=True)
    assert metric(suite, "quanyu_tls_handshakes_failed_total") == 2


def test_http_1_1_is_the_protocol(suite):
    assert agree(suite, protocols=["h2", "http/1.1"])[1] == "http/1.1"
    assert agree(suite)[1] is None
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        agree(suite, protocols=["h2"])


def test_a_client_that_checks_is_content(suite, certificate):
    url = f"https://127.0.0.1:{suite.ports['gateway', 'HTTPS_PORT']}/v1/track"
    command = ["curl", "-sS", "--cacert", certificate.directory / "first.crt", "-u", f"{suite.credentials('gateway')['write_key']}:", "-d",
               json.dumps(event()), url]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0 and json.loads(result.stdout)["accepted"] == 1, result


def test_plain_http_on_the_tls_port_is_told_so(suite):
    port = suite.ports["gateway", "HTTPS_PORT"]
    answer = request(port, "GET", "/api/v1/status")
    assert answer.status == 400 and answer.json["detail"] == "this port speaks TLS: use https", answer
    answer = request(port, "POST", "/v1/track", event())
    assert answer.status == 400, answer
    served(suite, secure=True)


def test_tls_on_the_plain_port_harms_nobody(suite):
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", suite.ports["gateway", "HTTP_PORT"]), timeout=30) as plain:
        trusting().wrap_socket(plain)
    served(suite)


def test_clients_that_end_in_the_middle_of_a_handshake_harm_nobody(suite):
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(505)
    for at in range(0, len(hello), 10):
        with socket.create_connection(("127.0.0.1", suite.ports["gateway", "HTTPS_PORT"]), timeout=30) as plain:
            plain.sendall(hello[:at])
    served(suite, secure=True)
    wait_for(lambda: metric(suite, "quanyu_http_connections") == 0, "they are gone")


def test_the_end_of_a_connection_is_told(suite):
    with Wire(suite, secure=True) as wire:
        wire.socket.suppress_ragged_eofs = False  # a cut connection is an error then
        wire.send(track(suite, "Connection: close\r\n"))
        assert wire.answer()[0] == 200
        assert wire.socket.recv(1) == b""


# -- settings

def test_tls_may_be_all_there_is(tmp_path, certificate):
    certificate.install("only")
    with started(tmp_path, certificate, http_port=0) as suite:
        suite.spawn("gateway")
        suite.wait_ready("gateway")
        assert suite.credentials("gateway")["gateway_url"] == f"https://127.0.0.1:{suite.ports['gateway', 'HTTPS_PORT']}"
        served(suite, secure=True)


def test_the_auditors_port_speaks_tls_too(tmp_path, certificate):
    first, port = certificate.install("audit"), Ports.take()
    with Suite(tmp_path, clock="real", settings={
            "audit.https_port": port, "audit.tls_certificate": certificate.certificate, "audit.tls_key": certificate.key}) as suite:
        suite.spawn("audit")
        suite.wait_ready("audit")
        assert shown(suite, port) == first
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting(), timeout=60)
        token = suite.credentials("audit")["auditor_token"]
        connection.request("GET", "/v1/tree", headers={"Authorization": f"Bearer {token}"})
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("settings, words", [
    ({"tls_certificate": ""}, ["setting gateway.https_port asks for TLS", "gateway.tls_certificate and gateway.tls_key must name PEM files"]),
    ({"tls_key": "/nonexistent/key"}, ["key file /nonexistent/key: No such file", "settings gateway.tls_certificate, gateway.tls_key"]),
    ({"https_port": 0, "http_port": 0}, ["settings gateway.http_port and gateway.https_port are both 0"]),
], ids=["no files", "no key", "no port"])
def test_what_is_wrong_with_the_settings_is_named(tmp_path, certificate, settings, words):
    certificate.install("first")
    with started(tmp_path, certificate, **settings) as suite:
        result = subprocess.run([suite.build / "quanyu-gateway"], env=suite.environment, capture_output=True, text=True, timeout=60)
        line = result.stderr.splitlines()[-1]
        assert result.returncode == 1 and all(word in line for word in words), result.stderr


def test_a_hang_up_ends_no_service(tmp_path):
    with Suite(tmp_path, clock="real") as suite:
        for name in ("gateway", "identity"):
            suite.spawn(name)
        suite.wait_ready("gateway", "identity")
        for name in ("gateway", "identity"):
            suite.processes[name].send_signal(signal.SIGHUP)
            wait_for(lambda name=name: "nothing to be read again" in suite.log(name), "the signal was taken")
            assert suite.is_ready(name)
