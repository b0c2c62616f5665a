# SPDX-License-Identifier: Apache-2.0
"""Real receivers for what campaign sends: an HTTP server and a small SMTP server, each on a free port."""
import http.server
import json
import socketserver
import threading


class Webhooks:
    """Takes POSTs; `answer(request)` may return a status, "hang" (never answers) or "close" (closes without an answer)."""

    def __init__(self, answer=None, address="127.0.0.1"):
        self.requests = []
        self.lock = threading.Lock()
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen = {"path": self.path, "headers": dict(self.headers), "body": body}
                with outer.lock:
                    outer.requests.append(seen)
                reply = answer(seen) if answer else 200
                if reply == "hang":
                    outer.released.wait(60)
                    reply = "close"
                if reply == "close":
                    self.close_connection = True
                    return
                self.send_response(reply)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

        self.server = Server((address, 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{address}:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self):
        with self.lock:
            return [json.loads(seen["body"]) for seen in self.requests]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Mailbox:
    """Just enough of RFC 5321 to take mail."""

    def __init__(self):
        self.mails = []
        self.lock = threading.Lock()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                self.say("220 test")
                sender, recipients = None, []
                while True:
                    line = self.rfile.readline()
                    if not line:
                        return
                    verb = line.strip().upper()
                    if verb.startswith((b"EHLO", b"HELO")):
                        self.say("250 test")
                    elif verb.startswith(b"MAIL FROM:"):
                        sender = line.strip()[10:].decode()
                        self.say("250 ok")
                    elif verb.startswith(b"RCPT TO:"):
                        recipients.append(line.strip()[8:].decode().strip("<> "))
                        self.say("250 ok")
                    elif verb == b"DATA":
                        self.say("354 go on")
                        lines = []
                        while (text := self.rfile.readline()) not in (b".\r\n", b""):
                            lines.append(text)
                        with outer.lock:
                            outer.mails.append({"from": sender, "to": recipients, "data": b"".join(lines)})
                        self.say("250 taken")
                    elif verb == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
