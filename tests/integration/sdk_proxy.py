# SPDX-License-Identifier: Apache-2.0
"""What lies between an SDK and the gateway: passes calls on, and spoils those that a test says."""
import http.client
import http.server
import threading

# What happens to a call that brings events. The gateway sees the first and the last.
PASS = "pass"
REFUSED = 503      # the gateway sheds load
LIMITED = 429      # the key sends too much
DROPPED = "drop"   # the connection breaks before the gateway has it
CUT = "cut"        # the gateway has it, durably; its answer is lost
AWAY = "away"      # there is no gateway; no test says so, it is


class Proxy:
    """`faults`: what happens to the calls that bring events, in order; from then on all of them pass."""

    def __init__(self, gateway_port, faults=()):
        self.gateway_port = gateway_port
        self.faults = list(faults)
        self.calls = []  # (what happened, method, path, headers, body)
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def next_fault(self, method):
        with self.lock:
            return self.faults.pop(0) if method == "POST" and self.faults else PASS

    def note(self, *call):
        with self.lock:
            self.calls.append(call)

    def happened(self):
        """What became of the calls that brought events, in order."""
        return [call[0] for call in self.calls if call[1] == "POST"]

    def paths(self, method="POST"):
        return {call[2] for call in self.calls if call[1] == method}


def read_body(handler):
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    body = b""
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def handler_of(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self, body):
            connection = http.client.HTTPConnection("127.0.0.1", proxy.gateway_port, timeout=60)
            try:
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        connection.putheader(name, value)
                if body or self.command == "POST":
                    connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                response = connection.getresponse()
                return response.status, response.getheaders(), response.read()
            finally:
                connection.close()

        def answer(self, status, headers, body):
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status):
            """As the gateway would, which lets pages read its refusals too."""
            origin = self.headers.get("Origin")
            page = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true"),
                    ("Access-Control-Expose-Headers", "Retry-After")] if origin else []
            self.answer(status, [("Content-Length", "0"), ("Retry-After", "1"), *page], b"")

        def handle_any(self):
            body = read_body(self)
            fault = proxy.next_fault(self.command)
            try:
                answer = self.forward(body) if fault in (PASS, CUT) else None
            except OSError:
                answer, fault = None, AWAY
            if fault == CUT and answer[0] != 200:
                fault = f"cut from {answer[0]}"
            proxy.note(fault, self.command, self.path, self.headers, body)
            if fault == PASS:
                self.answer(*answer)
            elif isinstance(fault, int):
                self.refuse(fault)
            else:
                self.close_connection = True

        do_GET = do_HEAD = do_POST = do_OPTIONS = handle_any

        def log_message(self, *_):
            pass

    return Handler
