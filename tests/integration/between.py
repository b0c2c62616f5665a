# SPDX-License-Identifier: Apache-2.0
"""Somebody who stands between the audit port and who asks it."""
import contextlib
import http.server
import threading


@contextlib.contextmanager
def twisting(suite, twist):
    """The audit port, as somebody stands before it who changes answers: twist(path, body) yields the other body, a status, or None to hang up."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answer = suite.audit(self.path)
            body = twist(self.path, answer.body)
            if body is None:
                self.close_connection = True
                return
            status = body if isinstance(body, int) else answer.status
            body = b"" if isinstance(body, int) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
