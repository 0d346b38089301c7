"""Pushes that are submitted at a steady rate while a scenario does something else."""
import collections
import http.client
import json
import threading
import time

from .herald import TOKEN
from .processes import wait_until


class Stream:
    """Submits from some threads until left; counts answers. A broken connection is neither accepted nor refused: nobody knows.
    `beside`: more functions that run as long. A stream says what is submitted: `submission(number)` gives the body of POST
    /v1/pushes and what is remembered of it; it is called by one thread at a time."""

    def __init__(self, herald, rate, workers, *beside):
        self.herald, self.rate = herald, rate
        self.accepted = {}  # id -> what is remembered
        self.final = {}     # id -> the recipient when it was first seen final
        self.refused = collections.Counter()
        self.unknown = 0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._number, self._begun = 0, time.monotonic()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (*[self._submit] * workers, *beside)]

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
        """When the next one is due, and what it is."""
        with self._lock:
            self._number += 1
            return self._begun + self._number / self.rate, self.submission(self._number)

    def _submit(self):
        connection = None
        while not self._stop.is_set():
            due, (body, remembered) = self._next()
            self._stop.wait(max(0.0, due - time.monotonic()))
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.herald.http_port, timeout=30)
                connection.request("POST", "/v1/pushes", json.dumps(body),
                                   {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
                with self._lock:
                    if answer.status == 202:
                        self.accepted[json.loads(data)["id"]] = remembered
                    else:
                        self.refused[f"{answer.status} {data[:120]!r}"] += 1
            except (OSError, http.client.HTTPException, ValueError):
                connection = None
                with self._lock:
                    self.unknown += 1

    def wait_accepted(self, count, seconds=120):
        wait_until(lambda: len(self.accepted) >= count, seconds,
                   lambda: f"{count} pushes accepted; {len(self.accepted)} are, {dict(self.refused)} refused, {self.unknown} unknown")

    def wait_more(self, count):
        self.wait_accepted(len(self.accepted) + count)
