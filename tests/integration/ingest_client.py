# SPDX-License-Identifier: Apache-2.0
"""Senders that know what they were told: many at once, each on a connection of its own; and a writer that is held."""
import base64
import contextlib
import ctypes
import ctypes.util
import http.client
import json
import threading


def page(message, user="u"):
    return {"type": "page", "userId": user, "messageId": message}


class Source(threading.Thread):
    """Sends single events over one connection until it is told to stop, or until the key is refused."""

    def __init__(self, suite, secret, name, revoked):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", suite.ports["gateway", "HTTP_PORT"], timeout=60)
        basic = base64.b64encode(f"{secret}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        self.name = name
        self.revoked = revoked  # an event that is set when the answer to the revocation has come
        self.accepted = 0
        self.late = []          # what was accepted although it was sent after that answer
        self.refusal = None
        self.error = None

    def send(self, number):
        body = json.dumps({"userId": "u", "messageId": f"{self.name}-{number}"})
        self.connection.request("POST", "/v1/page", body, self.headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def run(self):
        try:
            number = 0
            while not self.refusal:
                sent_after = self.revoked.is_set()
                status, answer = self.send(number)
                number += 1
                if status == 200:
                    self.accepted += answer["accepted"]
                    if sent_after:
                        self.late.append(number)
                        return
                else:
                    self.refusal = status, answer
        except Exception as error:  # told to the test by finish()
            self.error = error
        finally:
            self.connection.close()

    def finish(self):
        self.join(120)
        assert not self.is_alive(), f"{self.name} has not come to an end"
        if self.error:
            raise self.error


@contextlib.contextmanager
def held_writer(suite):
    """No commit of the gateway begins meanwhile: this process has the one write transaction of its state."""
    lmdb = ctypes.CDLL(ctypes.util.find_library("lmdb") or "liblmdb.so.0")
    environment, transaction = ctypes.c_void_p(), ctypes.c_void_p()

    def call(name, *arguments):
        code = getattr(lmdb, name)(*arguments)
        assert code == 0, f"{name}: {code}"

    lmdb.mdb_env_close.restype = lmdb.mdb_txn_abort.restype = None
    call("mdb_env_create", ctypes.byref(environment))
    try:
        call("mdb_env_open", environment, str(suite.data / "gateway" / "state").encode(), ctypes.c_uint(0), ctypes.c_uint(0o600))
        call("mdb_txn_begin", environment, None, ctypes.c_uint(0), ctypes.byref(transaction))
        yield
    finally:
        if transaction:
            lmdb.mdb_txn_abort(transaction)
        lmdb.mdb_env_close(environment)
