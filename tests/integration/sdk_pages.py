# SPDX-License-Identifier: Apache-2.0
"""A shop's pages for the browser's SDKs: served from this machine, of another origin than the gateway."""
import http.server
import mimetypes
import pathlib
import threading

# A bundler resolves a package's name; here the browser does. Segment's package has one file for browsers, a script.
PAGE = """<!doctype html><meta charset="utf-8"><title>首页</title>
<script type="importmap">{"imports": {
  "@segment/analytics-next": "/segment.mjs",
  "@rudderstack/analytics-js/bundled": "/npm/@rudderstack/analytics-js/dist/npm/modern/bundled/esm/index.mjs"
}}</script>
"""
SEGMENT = """await new Promise((loaded, failed) => {
  const script = document.createElement('script')
  Object.assign(script, { src: '/npm/@segment/analytics-next/dist/umd/index.js', onload: loaded, onerror: failed })
  document.head.append(script)
})
export const { AnalyticsBrowser } = window.AnalyticsNext
"""


class Pages:
    def __init__(self, place):
        self.modules = pathlib.Path(place) / "node_modules"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def find(self, path):
        """(type, content), None where there is nothing."""
        if path == "/segment.mjs":
            return "text/javascript", SEGMENT.encode()
        if path.startswith("/npm/"):
            file = (self.modules / path[5:]).resolve()
            if not file.is_relative_to(self.modules) or not file.is_file():
                return None
            kind = "text/javascript" if file.suffix == ".mjs" else mimetypes.guess_type(file.name)[0]
            return kind or "application/octet-stream", file.read_bytes()
        return None if path == "/favicon.ico" else ("text/html", PAGE.encode())


def handler_of(pages):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            kind, content = pages.find(self.path.split("?")[0]) or (None, b"")
            self.send_response_only(200 if kind else 404)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler
