"""HTTP servers that write down what is POSTed to them."""
import http.server
import json
import queue
import threading

from .processes import LabError


class PostServer:
    """On any port; every POST is answered by `answer(path, headers, body)`: (status, content type or None, bytes)."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, content_type, answer = outer.answer(self.path, self.headers, body)
                self.send_response(status)
                if content_type:
                    self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128  # many connect at once; the usual 5 makes them try again a second later

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Webhook(PostServer):
    """`answers`: the first requests get these statuses, all others 200."""

    def __init__(self, answers=()):
        self.posts, self._answers = queue.Queue(), list(answers)
        super().__init__()

    def answer(self, path, headers, body):
        status = self._answers.pop(0) if self._answers else 200
        self.posts.put((path, dict(headers), json.loads(body or b"null"), status))
        return status, None, b""

    def next(self, seconds=20):
        """(path, headers, JSON, the status it was answered)."""
        try:
            return self.posts.get(timeout=seconds)
        except queue.Empty:
            raise LabError(f"no POST to the webhook in {seconds} s") from None
