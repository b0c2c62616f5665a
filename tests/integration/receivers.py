# SPDX-License-Identifier: Apache-2.0
"""A real receiver for webhooks, on a free port; those for mail are in mail_servers.py."""
import http.server
import json
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
