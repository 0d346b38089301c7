"""An HTTP server that writes down what is POSTed to it."""
import http.server
import json
import queue
import threading

from .processes import LabError


class Webhook:
    """`answers`: the first requests get these statuses, all others 200."""

    def __init__(self, answers=()):
        self.posts, self._answers = queue.Queue(), list(answers)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status = outer._answers.pop(0) if outer._answers else 200
                outer.posts.put((self.path, dict(self.headers), json.loads(body or b"null"), status))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self, seconds=20):
        """(path, headers, JSON, the status it was answered)."""
        try:
            return self.posts.get(timeout=seconds)
        except queue.Empty:
            raise LabError(f"no POST to the webhook in {seconds} s") from None

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
