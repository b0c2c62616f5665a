# SPDX-License-Identifier: Apache-2.0
"""kill -9 while people's fields are unmasked: whoever ends the gateway, nobody sees more people than one may."""
import http.client
import random
import threading

from suite import Suite, wait_for

LIMIT = 300
CLIENTS = 4
KILLS = 8


class Client(threading.Thread):
    """Unmasks as often as it is let, and does not mind a gateway that is away."""

    def __init__(self, suite, one_id, pause):
        super().__init__(daemon=True)
        self.suite, self.path, self.pause = suite, f"/api/v1/persons/{one_id}/unmask", pause
        self.shown = 0
        self.waits = None
        self.unexpected = None

    def run(self):
        while self.waits is None and self.unexpected is None:
            try:
                answer = self.suite.api("POST", self.path, {"fields": ["name"], "purpose": "the customer asked to be called back"})
            except (OSError, http.client.HTTPException):
                self.pause.wait(0.01)
                continue
            if answer.status == 200:
                self.shown += 1
            elif answer.status == 429:
                self.waits = int(answer.headers["Retry-After"])
            elif answer.status < 500:
                self.unexpected = answer


def test_what_was_shown_is_counted(directory, seed):
    drawn = random.Random(seed)
    settings = {"gateway.unmask_hour": LIMIT, "gateway.unmask_day": LIMIT}
    with Suite(directory, settings=settings).start() as suite:
        suite.send([{"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"name": "王小明"}}])
        suite.wait_quiet()
        one_id = suite.lookup("user_id", "u1").json["one_id"]
        pause = threading.Event()
        clients = [Client(suite, one_id, pause) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        shown = 0
        for _ in range(KILLS):
            more = shown + drawn.randrange(1, LIMIT // KILLS - CLIENTS)
            wait_for(lambda: sum(client.shown for client in clients) >= more or any(client.unexpected for client in clients),
                     "some more are shown", 120)
            suite.kill("gateway")
            shown = sum(client.shown for client in clients)
            suite.spawn("gateway")
        for client in clients:
            client.join(120)
        assert not any(client.unexpected for client in clients), [client.unexpected for client in clients]
        assert all(client.waits == 86400 for client in clients)
        # what was on its way when the gateway ended may be counted and was not shown; nothing is the other way round
        assert LIMIT - KILLS * CLIENTS <= sum(client.shown for client in clients) <= LIMIT
        suite.advance("24h")
        wait_for(lambda: suite.is_ready("gateway"), "the gateway is ready", 60)
        assert suite.api("POST", clients[0].path, {"fields": ["name"], "purpose": "the customer asked to be called back"}).status == 200
