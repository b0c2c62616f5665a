# SPDX-License-Identifier: Apache-2.0
"""Made-up input, and clients that do not give up: each batch is sent with the same message ids until it is acknowledged."""
import base64
import datetime
import http.client
import json
import os
import random
import shutil
import threading

from suite import Suite, wait_for

LONG = os.environ.get("QUANYU_LONG") == "1"
BEGIN = datetime.datetime(2025, 10, 1, tzinfo=datetime.timezone.utc)
PAUSE = 0.01  # between two attempts


class Customers:
    """What happens to the customers of one connection. Nobody shares an identifier with those of another connection, so the
    order of arrival that counts is the same in each run."""

    def __init__(self, seed, name, people):
        self.random = random.Random(f"{seed}/{name}")
        self.name = name
        self.people = people
        self.made = 0

    def base(self, kind, user, **more):
        self.made += 1
        # Distinct times, not in the order of sending: which of two statements is later does not depend on arrival.
        when = BEGIN + datetime.timedelta(seconds=(self.made * 7919) % 7_800_000, milliseconds=self.made % 1000)
        return {"type": kind, "userId": user, "messageId": f"{self.name}-{self.made}",
                "timestamp": when.isoformat(timespec="milliseconds"), **more}

    def user(self):
        return f"{self.random.choice(('shop', 'mini'))}-{self.name}-{self.random.randrange(self.people)}"

    def phone(self):
        return f"138{abs(hash_of(self.name)) % 10000:04d}{self.random.randrange(self.people):04d}"

    def identify(self):
        traits = {"city": self.random.choice(("上海", "北京", "成都"))}
        if self.random.random() < 0.5:
            traits["phone"] = self.phone()
        if self.random.random() < 0.3:
            traits["email"] = f"{self.name}.{self.random.randrange(self.people)}@example.com"
        event = self.base("identify", self.user(), traits=traits)
        if self.random.random() < 0.3:
            event["anonymousId"] = f"web-{self.name}-{self.random.randrange(self.people)}"
        return event

    def order(self):
        event = self.base("track", self.user(), event="Order Completed")
        event["properties"] = {"order_id": f"o-{event['messageId']}", "total": f"{self.random.randrange(1, 99999) / 100:.2f}",
                               "currency": "CNY"}
        return event

    def refund(self):
        event = self.base("track", self.user(), event="Order Refunded")
        event["properties"] = {"order_id": f"r-{event['messageId']}", "total": self.random.randrange(1, 50), "currency": "CNY"}
        return event

    def view(self):
        return self.base("track", self.user(), event="Product Viewed", properties={"product_id": self.random.randrange(50)})

    def page(self):
        event = self.base("page", "", name="Home")
        del event["userId"]
        event["anonymousId"] = f"web-{self.name}-{self.random.randrange(self.people)}"
        return event

    def group(self):
        return self.base("group", self.user(), groupId=f"club-{self.random.randrange(5)}")

    def alias(self):
        return self.base("alias", self.user(), previousId=self.user())

    KINDS = (("order", 40), ("identify", 15), ("view", 20), ("page", 12), ("refund", 8), ("group", 4), ("alias", 1))

    def batches(self, count, size, but=()):
        kinds = [kind for kind in self.KINDS if kind[0] not in but]
        names, weights = [k[0] for k in kinds], [k[1] for k in kinds]
        return [[getattr(self, name)() for name in self.random.choices(names, weights, k=size)] for _ in range(count)]


def hash_of(text):
    return int.from_bytes(text.encode(), "big") * 2654435761 >> 7


class Sender(threading.Thread):
    """One connection: batch after batch, each until it is acknowledged."""

    def __init__(self, suite, batches, may_send=None):
        super().__init__(daemon=True)
        self.may_send = may_send  # asked with how much of all is acknowledged, 0 to 1
        self.port = suite.ports["gateway", "HTTP_PORT"]
        key = base64.b64encode(f"{suite.bootstrap['write_key']}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        self.batches = batches
        self.acknowledged = 0  # batches, the first ones
        self.refusals = []     # answers other than 200
        self.events_new = 0    # as the gateway counted them in answers that arrived
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        try:
            for batch in self.batches:
                while self.may_send and not self.may_send(self.acknowledged / len(self.batches)):
                    if self.stopping.wait(PAUSE):
                        return
                if not self.deliver(json.dumps({"batch": batch}).encode()):
                    return
                self.acknowledged += 1
        except Exception as error:  # told to the test by finish()
            self.error = error
        finally:
            self.disconnect()

    connection = None

    def disconnect(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def post(self, body):
        """The answer's status and body; None where the connection was lost: nobody knows whether it was stored."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.connection.request("POST", "/v1/batch", body, self.headers)
            response = self.connection.getresponse()
            answer = response.status, response.headers, response.read()
            if response.will_close:
                self.disconnect()
            return answer
        except (OSError, http.client.HTTPException):
            self.disconnect()
            return None

    def deliver(self, body):
        while not self.stopping.is_set():
            answer = self.post(body)
            if answer and answer[0] == 200:
                told = json.loads(answer[2])
                assert "errors" not in told, told
                self.events_new += told["accepted"]
                return True
            if answer:
                assert answer[0] == 503, answer
                self.refusals.append(answer)
            self.stopping.wait(PAUSE)
        return False

    def finish(self, seconds=3600):
        self.join(seconds)
        assert not self.is_alive(), "not everything was acknowledged in time"
        if self.error:
            raise self.error

    def stop(self):
        self.stopping.set()
        self.join(90)


def send_all(suite, all_batches, may_send=None):
    """Each list of batches over a connection of its own, all at once. Returns when all is acknowledged."""
    senders = [Sender(suite, batches, may_send) for batches in all_batches]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.finish()
    return senders


def copy_secrets(source, target):
    """Keyed hashes are equal in two runs only where the keys are."""
    (target.data / "identity").mkdir(parents=True, exist_ok=True)
    for path in (source.data / "identity").iterdir():
        if path.is_file():
            shutil.copy(path, target.data / "identity")


def canonical(suite):
    """The state of a suite that is at rest."""
    lines = suite.cli("dump", "--canonical").stdout.splitlines()
    assert lines
    return lines


def assert_same(left, right, what):
    """Compares two dumps, and shows the first differences only: whole dumps are long."""
    missing, more = sorted(set(left) - set(right)), sorted(set(right) - set(left))
    shown = "\n".join([f"- {line}" for line in missing[:10]] + [f"+ {line}" for line in more[:10]])
    assert left == right, f"{what}: {len(missing)} lines are missing, {len(more)} are new, {len(left)} and {len(right)} in all\n{shown}"


def segment(suite):
    suite.post("/api/v1/segments", {"name": "Frequent", "rule": {"metric": "orders", "gte": 3}})


def store_bytes(suite):
    return {name: service["store_bytes"] for name, service in suite.get("/api/v1/status")["services"].items()}


class Input:
    """The same for several tests, in two halves, and the state that comes of it when nothing is in the way."""

    def __init__(self, seed, directory, connections, batches, padding=0, size=20):
        self.seed, self.connections, self.batches, self.padding, self.size = seed, connections, batches, padding, size
        self.undisturbed = Suite(directory)
        with self.undisturbed as suite:
            suite.start()
            segment(suite)
            self.bytes_before = store_bytes(suite)
            for half in self.halves():
                send_all(suite, half)
            suite.wait_quiet()
            self.expected = canonical(suite)
            self.bytes_after = store_bytes(suite)

    def halves(self):
        """For each half, for each connection, its batches."""
        drawn = random.Random(f"{self.seed}/padding")
        customers = [Customers(self.seed, f"d{i}", 40) for i in range(self.connections)]
        both = [[c.batches(self.batches, self.size) for c in customers] for _ in range(2)]
        for event in (event for half in both for batches in half for batch in batches for event in batch):
            if event["type"] == "track" and self.padding:
                event["properties"]["note"] = drawn.randbytes(self.padding // 2).hex()
        return both

    def check(self, suite):
        suite.wait_quiet()
        assert_same(self.expected, canonical(suite), "compared with the undisturbed run")
