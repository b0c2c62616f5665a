# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm, or no good: requests that hide others, connections that do nothing, drip or never read, bodies that grow.
The gateway refuses them, holds on to little memory, and serves an honest client meanwhile."""
import contextlib
import gzip
import json
import select
import socket
import ssl
import struct
import threading
import zlib

import pytest

from edge import (Wire, accepted, anonymous_memory, authorization, connections, event, make_pair, metric, raise_descriptors, served,
                  track)
from smuggling import REFUSED, contained
from suite import Ports, Suite, wait_for

IDLE = 10000
MEMORY = 256  # MiB that a flood of any kind may add, sanitizers' own included


@contextlib.contextmanager
def gateway(directory, **settings):
    certificate, key = make_pair(directory, "edge")
    port = Ports.take()
    with Suite(directory, clock="real", settings={
            "gateway.https_port": port, "gateway.tls_certificate": certificate, "gateway.tls_key": key,
            **{f"gateway.{name}": value for name, value in settings.items()}}) as suite:
        suite.ports["gateway", "HTTPS_PORT"] = port
        # Freed memory is kept from use for a while, to find who uses it all the same; not so much of it that it hides a leak.
        suite.environment["ASAN_OPTIONS"] += ":quarantine_size_mb=32"
        yield suite.start("gateway")


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """One that waits for nobody for long."""
    with gateway(tmp_path_factory.mktemp("hasty"), request_timeout="2s", response_timeout="2s", handshake_timeout="2s") as running:
        yield running


@contextlib.contextmanager
def many(count, open_one):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(open_one()) for _ in range(count)]


@contextlib.contextmanager
def bounded(suite, most=MEMORY):
    """What happens inside takes no more memory than that. Looks at the end: what is held then is what counts."""
    served(suite)
    before = anonymous_memory(suite)
    yield
    assert anonymous_memory(suite) - before < most


# -- requests that hide others

@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_request_without_a_clear_end_is_refused_and_nothing_behind_it_is_executed(suite, secure):
    served(suite, secure=secure)
    before = accepted(suite)
    wrong = {}
    for name, text in REFUSED.items():
        with Wire(suite, secure) as wire:
            wire.send(text + track(suite))
            first = wire.answer()
            rest = wire.answers()
            if not first or not 400 <= first[0] < 506 or b"connection: close" not in first[1].lower() or rest:
                wrong[name] = first and first[0], rest
    assert wrong == {}
    assert accepted(suite) == before


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_what_is_the_body_of_a_request_is_not_another(suite, secure):
    served(suite, secure=secure)
    before = accepted(suite)
    wrong = {}
    for name, text in contained(track(suite)).items():
        with Wire(suite, secure) as wire:
            wire.send(text + track(suite, "Connection: close\r\n"))
            head_only = name.startswith("HEAD")
            statuses = []
            while answer := wire.answer(bodiless=head_only and not statuses):
                statuses.append(answer[0])
            if len(statuses) != 2 or not 400 <= statuses[0] < 500 or statuses[1] != 200:
                wrong[name] = statuses
        before += 1
    assert wrong == {}
    assert accepted(suite) == before


def test_a_body_that_does_not_come_executes_nothing(suite):
    """0.CL and its kin: the length promises more than there is."""
    before = accepted(suite)
    for fields in ("Content-Length: 100000\r\n", "Content-Length: 100000\r\nExpect: 100-continue\r\n", "Transfer-Encoding: chunked\r\n"):
        text = f"POST /v1/track HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode() + (b"ffff\r\n" if "chunked" in fields else b"")
        with Wire(suite) as wire:
            wire.send(text + track(suite))
            wire.socket.shutdown(socket.SHUT_WR)
            assert set(wire.answers()) <= {100}
    assert accepted(suite) == before


# -- connections that do nothing, or little

def test_ten_thousand_idle_connections_leave_room_for_an_honest_client(suite):
    reason = raise_descriptors(IDLE + 1000)
    if reason:
        pytest.skip(reason)
    with bounded(suite), many(IDLE, lambda: Wire(suite)):
        wait_for(lambda: connections(suite) > IDLE - 1000, "the idle connections are open")
        served(suite, 20)
        served(suite, 5, secure=True)
    wait_for(lambda: connections(suite) == 0, "the idle connections are gone")


def test_idle_connections_over_tls_cost_little(suite):
    with bounded(suite), many(500, lambda: Wire(suite, secure=True)):
        assert connections(suite) >= 500
        served(suite, 5, secure=True)
    wait_for(lambda: connections(suite) == 0, "the idle connections are gone")


def drip(wires, pieces):
    """A byte to each, again and again, until the server has had enough of all of them. Yields in between."""
    waiting = {wire.socket: [wire, iter(pieces)] for wire in wires}
    ended = []
    while waiting:
        readable, _, _ = select.select(list(waiting), [], [], 0.02)
        for one in readable:
            ended.append(waiting.pop(one)[0])
        for wire, rest in waiting.values():
            wire.send(next(rest, b"x"))
        yield
    for wire in ended:
        assert wire.answers() in ([408], [])


@pytest.mark.parametrize("text", [
    b"GET /v1/", b"POST /v1/track HTTP/1.1\r\nHost: a\r\nX: ", b"POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
    b"POST /v1/track HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"], ids=["target", "field", "body", "chunk"])
def test_clients_that_drip_their_requests_are_sent_away(hasty, text):
    with bounded(hasty), many(200, lambda: Wire(hasty)) as wires:
        for wire in wires:
            wire.send(text)
        for _ in drip(wires, []):
            served(hasty, 1)
    wait_for(lambda: connections(hasty) == 0, "they are gone")


def test_clients_that_drip_their_handshakes_are_sent_away(hasty):
    port = hasty.ports["gateway", "HTTPS_PORT"]
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(480)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
        for at in range(10 ** 6):
            if not waiting:
                break
            for one in select.select(waiting, [], [], 0.02)[0]:
                waiting.remove(one)
            for one in waiting:
                with contextlib.suppress(OSError):
                    one.send(hello[at:at + 1] if at < 400 else b"")
            served(hasty, 1, secure=True)
    wait_for(lambda: connections(hasty) == 0, "they are gone")


LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"


def send_until_full(wire, text):
    """Sends requests until the other side takes no more, because we take no answers. Returns how many bytes went."""
    wire.socket.setblocking(False)
    sent = 0
    while select.select([], [wire.socket], [], 0.2)[1]:
        try:
            sent += wire.socket.send(text)
        except (BlockingIOError, ssl.SSLWantWriteError):
            continue
        except (ConnectionError, ssl.SSLError):
            break
    return sent


def test_clients_that_never_read_are_held_up_and_then_dropped(hasty):
    with bounded(hasty), many(15, lambda: Wire(hasty, receive_buffer=4096)) as wires:
        for wire in wires:
            assert send_until_full(wire, LARGE * 1000) < 64 << 20
            served(hasty, 1)
        wait_for(lambda: connections(hasty) == 0, "they are dropped")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_client_that_reads_a_byte_at_a_time_is_dropped(hasty, secure):
    with Wire(hasty, secure, receive_buffer=4096) as wire:
        send_until_full(wire, LARGE)

        def sip():
            with contextlib.suppress(OSError):
                wire.socket.recv(1)
            served(hasty, 1)
            return connections(hasty) == 0

        wait_for(sip, "it is dropped")


# -- many requests

@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_hundred_thousand_small_requests_on_one_connection_are_answered_in_order(suite, secure):
    count = 100_000
    with bounded(suite), Wire(suite, secure) as wire:
        numbered = (b"GET /v1/track HTTP/1.1\r\nHost: a\r\nX-Request-Id: n%d\r\n\r\n" % i for i in range(count))
        sender = threading.Thread(target=lambda: wire.send(b"".join(numbered)) if not secure else None)
        sender.start()
        if secure:  # one thread at a time on a TLS connection: in parts that fit the sockets
            numbered = list(numbered)
        for i in range(count):
            if secure and i % 1000 == 0:
                assert wire.send(b"".join(numbered[i:i + 1000]))
            status, head, _ = wire.answer()
            assert status == 405 and b"X-Request-Id: n%d\r\n" % i in head
            if i % 10_000 == 0:
                served(suite, 1)
        sender.join()


def test_small_requests_whose_answers_nobody_reads_fill_no_memory(hasty):
    with bounded(hasty), many(5, lambda: Wire(hasty, receive_buffer=4096)) as wires:
        for wire in wires:
            send_until_full(wire, track(hasty) * 100)
            served(hasty, 1)
        wait_for(lambda: connections(hasty) == 0, "they are dropped")


# -- bodies

def post(suite, body, fields="", path="/v1/batch"):
    with Wire(suite) as wire:
        wire.send((f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization(suite)}\r\n{fields}"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        status, _, answer = wire.answer()
        return status, json.loads(answer)


def test_a_body_of_a_gigabyte_is_refused_before_it_comes(suite):
    with bounded(suite), Wire(suite) as wire:
        wire.send(b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n")
        assert wire.answer()[0] == 413
        assert wire.answers() == []
    with Wire(suite) as wire:
        wire.send(b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n")
        assert wire.answers() == [413]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_a_client_that_sends_a_gigabyte_all_the_same_gets_its_answer_and_no_more(suite, chunked):
    piece = bytes(1 << 20)
    coding = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 1073741824"
    with bounded(suite), Wire(suite) as wire:
        wire.send(b"POST /v1/batch HTTP/1.1\r\nHost: a\r\n" + coding + b"\r\n\r\n")
        sent = 0
        while sent < 1024 and wire.send((b"100000\r\n" + piece + b"\r\n") if chunked else piece):
            sent += 1
        assert sent < 100
    served(suite)


def test_bodies_that_come_slowly_share_a_limit(suite):
    """Each is within its own limit, and all of them together are not."""
    size = 5 << 20
    head = f"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
    refused = 0
    with bounded(suite, 64 * 5 + MEMORY), many(80, lambda: Wire(suite)) as wires:
        for wire in wires:
            wire.send(head + bytes(size - 1))
        served(suite)
        for wire in wires:
            wire.send(b" ")
            status = wire.answer()[0]
            assert status in (400, 503)
            refused += status == 503
    assert refused > 0


def test_bodies_that_are_announced_and_do_not_come_leave_room_for_honest_ones(suite):
    reason = raise_descriptors(IDLE + 1000)
    if reason:
        pytest.skip(reason)
    batch = json.dumps({"batch": [{"type": "track", **event(), "properties": {"text": "x" * 500}} for _ in range(80)]}).encode()
    assert 40_000 < len(batch) < 64 << 10
    with bounded(suite), many(9500, lambda: Wire(suite)) as wires:
        for wire in wires:
            wire.send(b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 700000\r\n\r\n{")
        wait_for(lambda: connections(suite) > 9000, "they are open")
        served(suite, 20)
        assert post(suite, batch)[0] == 200
    wait_for(lambda: connections(suite) == 0, "they are gone")


def zeros(mebibytes):
    """The same piece again and again. Its checksum is wrong, which nobody should come to see."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, next_one = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + next_one * (mebibytes - 1) + packer.flush()


def test_compressed_bodies_that_grow_too_much_are_refused(suite):
    member = gzip.compress(bytes(1 << 20))
    bombs = {
        "10 MiB in 10 KiB": zeros(10),
        "1 GiB in 1 MiB": zeros(1024),
        "many members": member * 1000,
        "JSON that is all blanks": gzip.compress(b'{"batch":[' + b" " * (4 << 20) + b"]}"),
        "within the limit, but more than any text does": gzip.compress(b" " * (3 << 20)),
    }
    with bounded(suite):
        for name, bomb in bombs.items():
            status, answer = post(suite, bomb, "Content-Encoding: gzip\r\n")
            assert status == 413 and "decompressed" in answer["detail"], name
            served(suite, 1)


def test_compressed_bodies_are_unpacked_once_and_end_where_they_end(suite):
    body = json.dumps({"batch": [{"type": "track", **event()}]}).encode()
    cases = [
        (gzip.compress(body), "gzip", 200),
        (gzip.compress(body[:20]) + gzip.compress(body[20:]), "gzip", 200),
        (gzip.compress(b"") * 1000 + gzip.compress(body), "gzip", 200),
        (gzip.compress(gzip.compress(body)), "gzip", 400),
        (gzip.compress(gzip.compress(body)), "gzip, gzip", 415),
        (gzip.compress(body), "gzip, identity", 415),
        (gzip.compress(body), "br", 415),
        (gzip.compress(body)[:-1], "gzip", 400),
        (gzip.compress(body) + b"x", "gzip", 400),
        (body, "gzip", 400),
        (gzip.compress(b"") * 200_000, "gzip", 400),
        (struct.pack("<I", 0x04034b50) + bytes(100), "gzip", 400),
    ]
    for text, coding, status in cases:
        assert post(suite, text, f"Content-Encoding: {coding}\r\n")[0] == status, (coding, status)


def nested(depth, inner="1"):
    return "[" * depth + inner + "]" * depth


def test_deep_json_is_refused_with_the_place(suite):
    plain = '{"type":"track","userId":"deep","event":"A","properties":{"a":%s}}'
    status, answer = post(suite, (plain % nested(62)).encode(), path="/v1/track")
    assert (status, answer["accepted"]) == (200, 1)
    status, answer = post(suite, (plain % nested(63)).encode(), path="/v1/track")
    error = answer["errors"][0]
    assert status == 400 and error["reason"] == "too_deep" and error["field"].startswith("/properties/a/0/0"), answer
    batch = '{"batch":[%s,%s]}' % (plain % nested(1000), plain % "1")
    status, answer = post(suite, batch.encode())
    assert (status, answer["accepted"], answer["errors"][0]["index"], answer["errors"][0]["reason"]) == (200, 1, 0, "too_deep")
    status, answer = post(suite, ('{"context":{"x":%s},"batch":[%s]}' % (nested(100), plain % "1")).encode())
    assert status == 400 and answer["field"].startswith("/context/x/0"), answer


def test_json_as_deep_as_a_body_is_long_harms_nobody(suite):
    deepest = 2_400_000
    with bounded(suite):
        for text in ("[" * 2 * deepest, '{"batch":' + nested(deepest), nested(deepest), '{"a":' * (deepest // 3),
                     '{"batch":[{"type":"track","userId":"u","event":"A","properties":{"a":%s}}]}' % nested(deepest),
                     '{"context":{"a":%s},"batch":[{}]}' % nested(deepest)):
            assert post(suite, text.encode())[0] == 400, text[:40]
            served(suite, 1)


# -- how many

PAGE = "https://shop.example"


@pytest.mark.parametrize("head, status", [
    ("POST /v1/batch HTTP/1.1\r\nHost: a\r\n{origin}Content-Length: 10000000\r\n\r\n", 413),
    ("POST /v1/batch HTTP/1.1\r\nHost: a\r\n{origin}X-Large: " + "x" * 20000 + "\r\n\r\n", 431),
    ("POST /v1/track HTTP/1.1\r\nHost: a\r\n{origin}Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{{}}", 415),
    ("POST /v1/track HTTP/1.1\r\nHost: a\r\n{origin}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    ("POST /v1/track HTTP/1.1\r\n{origin}\r\n", 400),
    ("POST /v1/track HTTP/1.1\r\nHost: a\r\n{origin}Content-Length: 10\r\n\r\n{{}}", 408)])
def test_pages_can_read_what_the_server_refuses_by_itself(hasty, head, status):
    def ask(text):
        with Wire(hasty) as wire:
            wire.send(text.encode())
            return wire.answer()

    allowed = f"access-control-allow-origin: {PAGE}\r\n".encode()
    page = f"Origin: {PAGE}\r\n"
    answer = ask(head.format(origin=page))
    assert answer[0] == status and allowed in answer[1].lower() + b"\r\n", answer
    assert b"access-control-allow" not in ask(head.format(origin=""))[1].lower()
    elsewhere = ask(head.replace("/v1/", "/api/v1/").format(origin=page))
    assert elsewhere[0] == status and b"access-control-allow" not in elsewhere[1].lower(), elsewhere


def own_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def test_one_address_has_its_share_of_the_connections(tmp_path):
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    with gateway(tmp_path, max_connections_per_address=3, http_address="0.0.0.0") as suite:
        with many(3, lambda: Wire(suite, host=address)) as wires:
            for wire in wires:
                wire.send(track(suite))
                assert wire.answer()[0] == 200
            with Wire(suite, host=address) as fourth:
                fourth.send(track(suite))
                assert fourth.answers() == []
            assert metric(suite, "quanyu_http_connections_refused_total") == 1
            with many(10, lambda: Wire(suite)):  # this machine's own are not counted
                served(suite)
        wait_for(lambda: connections(suite) == 0, "they are gone")
        with Wire(suite, host=address) as wire:
            wire.send(track(suite))
            assert wire.answer()[0] == 200


def test_a_trusted_proxy_has_as_many_connections_as_there_are(tmp_path):
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    with gateway(tmp_path, max_connections_per_address=3, http_address="0.0.0.0", trusted_proxies=address) as suite:
        with many(10, lambda: Wire(suite, host=address)) as wires:
            for wire in wires:
                wire.send(track(suite, "X-Forwarded-For: 198.51.100.7\r\n"))
                assert wire.answer()[0] == 200
        assert metric(suite, "quanyu_http_connections_refused_total") == 0
