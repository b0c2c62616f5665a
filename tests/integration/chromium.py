# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven through its debugging pipe. It resolves no name, so that nothing can leave 127.0.0.1; what pages
try all the same is known."""
import fcntl
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120.0


def find_program():
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def high_pipe():
    """A pipe whose numbers are not those that Chromium wants its own ends to have."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Chromium:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="quanyu-chromium-")
        self.numbers = itertools.count(1)
        self.answers = {}
        self.lock = threading.Lock()
        self.pages = {}
        their_input, self.output = high_pipe()
        self.input, their_output = high_pipe()
        command = [find_program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
                   "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-pipe",
                   f"--user-data-dir={self.profile}", "about:blank"]
        script = f'exec 3<&{their_input} 4>&{their_output} {their_input}<&- {their_output}>&-; exec "$@"'
        self.log = open(os.path.join(self.profile, "chromium.log"), "wb")
        # A group of its own: its helpers end with it.
        self.process = subprocess.Popen(["bash", "-c", script, "chromium", *command], stdout=self.log, stderr=self.log,
                                        pass_fds=(their_input, their_output), start_new_session=True)
        os.close(their_input)
        os.close(their_output)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.reader.join()
        os.close(self.output)
        os.close(self.input)
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    # -- the pipe: JSON, a NUL after each message

    def read(self):
        rest = b""
        while piece := os.read(self.input, 1 << 16):
            *messages, rest = (rest + piece).split(b"\0")
            for message in messages:
                self.take(json.loads(message))
        with self.lock:
            waiting, self.answers = self.answers, {}
        for answer in waiting.values():
            answer.put({"error": "Chromium has ended"})

    def take(self, message):
        if "id" in message:
            with self.lock:
                answer = self.answers.pop(message["id"])
            answer.put(message)
        elif page := self.pages.get(message.get("sessionId")):
            page.take(message["method"], message["params"])

    def ask(self, method, session=None, **parameters):
        answer = queue.Queue()
        number = next(self.numbers)
        with self.lock:
            self.answers[number] = answer
            message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
            os.write(self.output, json.dumps(message).encode() + b"\0")
        got = answer.get(timeout=PATIENCE)
        if "error" in got:
            raise AssertionError(f"{method}: {got['error']}")
        return got["result"]

    def open(self, url):
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        page.go(url)
        return page


class Page:
    def __init__(self, browser, session, target):
        self.browser = browser
        self.session = session
        self.target = target
        self.urls = []     # of everything that it asked for
        self.console = []
        self.loaded = queue.Queue()
        for domain in ("Page", "Runtime", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        return self.browser.ask(method, self.session, **parameters)

    def take(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.urls.append(parameters["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded.put(True)
        elif method == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(a.get("value", a.get("description"))) for a in parameters["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(parameters["exceptionDetails"])[:500])

    def go(self, url):
        self.ask("Page.navigate", url=url)
        self.loaded.get(timeout=PATIENCE)

    def run(self, script):
        """What an asynchronous function with this body returns."""
        got = self.ask("Runtime.evaluate", expression=f"(async () => {{ {script} }})()", awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in got:
            raise AssertionError(f"{got['exceptionDetails']['exception'].get('description')}\n" + "\n".join(self.console))
        return got["result"].get("value")

    def close(self):
        self.browser.ask("Target.closeTarget", targetId=self.target)

    def strangers(self):
        """Hosts other than this machine's that it turned to."""
        hosts = {urllib.parse.urlsplit(url).hostname for url in self.urls if url.split(":")[0] in ("http", "https", "ws", "wss")}
        return hosts - {"127.0.0.1"}
