"""A push initiator: takes result notifications, checks who signed them, answers as told, and reads event streams."""
import collections
import hashlib
import hmac
import http.client
import json
import threading
import time

from .herald import TOKEN
from .processes import LabError, wait_until
from .webhook import PostServer

SECRET = "lab-callback-secret"


class Initiator(PostServer):
    """`answers`: the first notifications get these statuses, all others 200; a function of (path, body) may decide instead."""

    def __init__(self, secret=SECRET, answers=(), behaviour=None):
        self.secret, self.behaviour = secret, behaviour
        self._answers, self._lock = list(answers), threading.Lock()
        self.received = []  # every POST, as dicts
        super().__init__()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/report"

    @property
    def account(self):
        """What the configuration of its account says besides name and token."""
        return (f'callbacks: ["http://127.0.0.1:{self.port}/*"], callback_secret: {self.secret}, callbacks_private: true')

    def answer(self, path, headers, body):
        event = headers.get("Herald-Event-Id", "")
        with self._lock:
            status = self.behaviour(path, body) if self.behaviour else self._answers.pop(0) if self._answers else 200
            try:
                told = json.loads(body)
            except ValueError:
                told = {}
            self.received.append({"event": event, "signed": self._is_signed(headers.get("Herald-Signature", ""), body), "told": told,
                                  "body": body, "status": status, "at": time.monotonic()})
        return status, None, b""

    def _is_signed(self, signature, body):
        """t=SECONDS,v1=HEX: HMAC-SHA256 over "SECONDS.BODY"."""
        fields = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
        mine = hmac.new(self.secret.encode(), fields.get("t", "").encode() + b"." + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(mine, fields.get("v1", "")) and abs(time.time() - int(fields.get("t", "0") or 0)) < 300

    def finals(self):
        """What it took (2xx): (push id, address) -> {event id: [notification, ...]}."""
        found = collections.defaultdict(lambda: collections.defaultdict(list))
        with self._lock:
            for each in self.received:
                if 200 <= each["status"] < 300:
                    found[(each["told"].get("id"), each["told"].get("recipient", {}).get("address"))][each["event"]].append(each)
        return found

    def wait_told(self, push_id, seconds=30):
        """The notifications of that push once there is one that was taken."""
        def told():
            return [each for (push, _), events in self.finals().items() if push == push_id for list_ in events.values() for each in list_]
        return wait_until(told, seconds, f"a result notification of {push_id}")


def read_events(herald, push_id, last=None, seconds=30):
    """GET /v1/pushes/{id}/events to its end: a list of (id, data)."""
    connection = http.client.HTTPConnection("127.0.0.1", herald.http_port, timeout=seconds)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/event-stream"}
    if last:
        headers["Last-Event-ID"] = last
    try:
        connection.request("GET", f"/v1/pushes/{push_id}/events", headers=headers)
        answer = connection.getresponse()
        if answer.status == 204:  # nothing more will come
            return []
        if answer.status != 200:
            raise LabError(f"GET events: {answer.status} {answer.read()[:200]!r}")
        text = answer.read().decode()  # the stream ends with the last final status
    finally:
        connection.close()
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            events.append((fields.get("id"), json.loads(fields["data"])))
    return events
