"""A stream of pushes in every mode with callbacks, and what became of them at both ends."""
import base64
import collections
import hashlib
import json
import random
import threading
import time

from .core import DOMAIN, password
from .processes import LabError, Process
from .stream import Stream

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


class MixedTraffic(Stream):
    """Pushes of all kinds by their weights, accepted as (kind, sha256, address). Watches that no final state changes."""

    def __init__(self, herald, kinds, rate, callback, seed):
        super().__init__(herald, rate, WORKERS, self._watch)
        self.kinds, self.callback = kinds, callback
        self.chance = random.Random(seed)
        self.changed = []  # ids whose final state was another later

    def submission(self, number):
        kind = self.chance.choices(self.kinds, [each.weight for each in self.kinds])[0]
        content = self.chance.randbytes(self.chance.randint(*kind.size))
        address = f"sip:{self.chance.choice(kind.users)}@{DOMAIN}"
        return {"to": [address], "app": "news.ua", "callback": self.callback, "mode": kind.mode,
                "content": {"type": "image/png", "base64": base64.b64encode(content).decode()},
                **kind.fields}, (kind, hashlib.sha256(content).hexdigest(), address)

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
