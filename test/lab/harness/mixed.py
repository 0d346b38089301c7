"""A stream of pushes in every mode with callbacks, and what became of them at both ends."""
import base64
import collections
import hashlib
import http.client
import json
import random
import threading
import time

from .core import DOMAIN, password
from .herald import TOKEN
from .processes import LabError, Process, wait_until

WORKERS = 6


class Crowd:
    """One herald-receiver with many users."""

    def __init__(self, lab, name, users, *options):
        self.name, self.users = name, users
        file = lab.directory / f"{name}.users"
        file.write_text("".join(f"sip:{user}@{DOMAIN} {password(user)}\n" for user in users))
        self.log = lab.directory / f"receiver-{name}.log"
        self.process = Process(f"receiver {name}", [
            lab.binaries / "herald-receiver", "--users", file, "--registrar", f"sip:127.0.0.1:{lab.core.sip_port}", "--apps",
            "news.ua,mms.ua", *options], self.log)
        lab.closing(self)
        self._position, self._rest = 0, b""
        self.counts = collections.Counter()  # of every event
        self.pushes = collections.defaultdict(list)  # push id -> [(sha256, duplicate, mode)]
        self._lock = threading.Lock()

    def read(self):
        """What it told since the last time."""
        with self._lock, open(self.log, "rb") as file:
            file.seek(self._position)
            data = self._rest + file.read()
            self._position = file.tell()
            *lines, self._rest = data.split(b"\n")
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                self.counts[entry.get("event")] += 1
                if entry.get("event") == "push":
                    self.pushes[entry["id"].split("@")[0]].append((entry["sha256"], bool(entry.get("duplicate")), entry["mode"]))
        return self

    def wait_ready(self, subscribed=False):
        event = "subscribed" if subscribed else "registered"
        self.process.wait_for(lambda: self.read().counts[event] >= len(self.users), 60, f"{self.name}: all users {event}")

    def stop(self):
        self.process.stop()


class Kind:
    """One sort of push: to whom, how large, in which mode."""

    def __init__(self, mode, users, size, weight, **fields):
        self.mode, self.users, self.size, self.weight, self.fields = mode, users, size, weight, fields


class MixedTraffic:
    """Submits at a steady rate; a broken connection is neither accepted nor refused: nobody knows. Watches that no final state
    changes."""

    def __init__(self, herald, kinds, rate, callback, seed):
        self.herald, self.kinds, self.rate, self.callback = herald, kinds, rate, callback
        self.chance = random.Random(seed)
        self.accepted = {}  # id -> (kind, sha256, address)
        self.final = {}     # id -> the recipient when it was first seen final
        self.changed = []   # ids whose final state was another later
        self.refused = collections.Counter()
        self.unknown = 0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._number = 0
        self._threads = [threading.Thread(target=self._submit, daemon=True) for _ in range(WORKERS)]
        self._threads.append(threading.Thread(target=self._watch, daemon=True))

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
        with self._lock:
            self._number += 1
            kind = self.chance.choices(self.kinds, [each.weight for each in self.kinds])[0]
            size = self.chance.randint(*kind.size)
            return self._begun + self._number / self.rate, kind, self.chance.choice(kind.users), self.chance.randbytes(size)

    def _submit(self):
        connection = None
        while not self._stop.is_set():
            due, kind, user, content = self._next()
            self._stop.wait(max(0.0, due - time.monotonic()))
            address = f"sip:{user}@{DOMAIN}"
            body = json.dumps({"to": [address], "app": "news.ua", "callback": self.callback, "mode": kind.mode,
                               "content": {"type": "image/png", "base64": base64.b64encode(content).decode()},
                               **kind.fields})
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.herald.http_port, timeout=10)
                connection.request("POST", "/v1/pushes", body,
                                   {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
                with self._lock:
                    if answer.status == 202:
                        self.accepted[json.loads(data)["id"]] = (kind, hashlib.sha256(content).hexdigest(), address)
                    else:
                        self.refused[f"{answer.status} {data[:120]!r}"] += 1
            except (OSError, http.client.HTTPException, ValueError):
                connection = None
                with self._lock:
                    self.unknown += 1

    def _look(self, push_id):
        """Reads its state; remembers the first final one, and when it is another later."""
        try:
            state = self.herald.recipient(push_id)
        except (OSError, ValueError):
            return None
        if not state.get("final"):
            if push_id in self.final:
                self.changed.append((push_id, self.final[push_id], state))
            return state
        before = self.final.setdefault(push_id, state)
        same = all(before[key] == state[key] for key in ("status", "code", "cause"))
        if not same and (before["status"], state["status"]) != ("delivered", "displayed"):  # SM-1
            self.changed.append((push_id, before, state))
        return state

    def _watch(self):
        chance = random.Random(1)
        while not self._stop.wait(0.02):
            with self._lock:
                ids = list(self.accepted)
            for push_id in chance.sample(ids, min(3, len(ids))):
                self._look(push_id)

    def wait_accepted(self, count, seconds=120):
        wait_until(lambda: len(self.accepted) >= count, seconds,
                   lambda: f"{count} pushes accepted; {len(self.accepted)} are, {dict(self.refused)} refused, {self.unknown} unknown")

    def wait_more(self, count):
        self.wait_accepted(len(self.accepted) + count)

    def wait_all_final(self, seconds):
        end = time.monotonic() + seconds
        waiting = list(self.accepted)
        while waiting:
            waiting = [push_id for push_id in waiting if not (self._look(push_id) or {}).get("final")]
            if waiting and time.monotonic() > end:
                states = collections.Counter((self.accepted[push_id][0].mode, self.herald.recipient(push_id).get("status"))
                                             for push_id in waiting)
                raise LabError(f"{len(waiting)} of {len(self.accepted)} pushes are not final after {seconds} s: {dict(states)}, "
                               f"such as {waiting[0]}: {self.herald.recipient(waiting[0])}")
        for push_id in self.accepted:  # once more: nothing moved since
            self._look(push_id)
