"""A stream of pushes at a steady rate, and the count of what became of them."""
import collections
import http.client
import json
import re
import threading
import time

from .herald import TOKEN
from .processes import LabError, wait_until

WORKERS = 8


class Inbox:
    """What all phones got, by the text that numbers a push."""

    def __init__(self):
        self._count = collections.Counter()  # transactions, so retransmissions of one do not count
        self._seen = set()
        self._lock = threading.Lock()

    def answer(self, request):
        """A phone's behaviour."""
        found = re.search(rb"push number \d+", request.body)
        with self._lock:
            key = request["Call-ID"]
            if found and key not in self._seen:
                self._seen.add(key)
                self._count[found.group().decode()] += 1
        return (200,)

    def texts(self):
        return set(self._count)

    def duplicates(self):
        return sum(count - 1 for count in self._count.values())


class Traffic:
    """Submits from some threads until left; counts answers. A broken connection is neither accepted nor refused: nobody knows."""

    def __init__(self, herald, users, rate):
        self.herald, self.users, self.rate = herald, users, rate
        self.accepted = {}  # id -> text
        self.final = {}     # id -> recipient
        self.refused = self.unknown = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self._begun = time.monotonic()
        self._threads = [threading.Thread(target=self._submit, daemon=True) for _ in range(WORKERS)]

    def __enter__(self):
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _next(self):
        """The next number and when it is due."""
        with self._lock:
            self._number += 1
            return self._number, self._begun + self._number / self.rate

    def _submit(self):
        connection = None
        while not self._stop.is_set():
            number, due = self._next()
            self._stop.wait(max(0.0, due - time.monotonic()))
            text = f"push number {number}"
            body = json.dumps({"to": [f"sip:{self.users[number % len(self.users)]}@ims.lab"], "app": "news.ua",
                               "content": {"type": "text/plain", "text": text}})
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.herald.http_port, timeout=10)
                connection.request("POST", "/v1/pushes", body,
                                   {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
                with self._lock:
                    if answer.status == 202:
                        self.accepted[json.loads(data)["id"]] = text
                    else:
                        self.refused += 1
                        self.last_refusal = f"{answer.status} {data[:200]!r}"
            except (OSError, http.client.HTTPException):
                connection = None
                with self._lock:
                    self.unknown += 1

    def wait_accepted(self, count, seconds=60):
        wait_until(lambda: len(self.accepted) >= count, seconds,
                   lambda: f"{count} pushes accepted; {len(self.accepted)} are, {self.refused} refused, {self.unknown} unknown")

    def wait_more(self, count):
        self.wait_accepted(len(self.accepted) + count)

    def wait_all_final(self, seconds):
        end = time.monotonic() + seconds
        open_ids = [push_id for push_id in self.accepted if push_id not in self.final]
        while open_ids:
            for push_id in open_ids:
                state = self.herald.recipient(push_id)
                if state.get("final"):
                    self.final[push_id] = state
            open_ids = [push_id for push_id in open_ids if push_id not in self.final]
            if open_ids and time.monotonic() > end:
                states = collections.Counter(self.herald.recipient(push_id).get("status") for push_id in open_ids)
                raise LabError(f"{len(open_ids)} of {len(self.accepted)} pushes are not final after {seconds} s: {dict(states)}, "
                               f"such as {open_ids[0]}: {self.herald.recipient(open_ids[0])}")

    def delivered(self):
        return {push_id for push_id, state in self.final.items() if state["status"] == "delivered"}

    def tell(self, lab, inbox):
        states = collections.Counter(state["status"] for state in self.final.values())
        attempts = collections.Counter(state.get("attempts") for state in self.final.values())
        lab.say(f"accepted {len(self.accepted)}, refused {self.refused}, answer unknown {self.unknown}; final: {dict(states)}; "
                f"attempts: {dict(sorted(attempts.items()))}; at receivers {len(inbox.texts())}, duplicates {inbox.duplicates()}")
