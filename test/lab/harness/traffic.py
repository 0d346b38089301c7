"""A stream of pushes at a steady rate, and the count of what became of them."""
import collections
import re
import threading
import time

from .processes import LabError
from .stream import Stream

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


class Traffic(Stream):
    """Numbered texts to the users in turn."""

    def __init__(self, herald, users, rate):
        super().__init__(herald, rate, WORKERS)
        self.users = users

    def submission(self, number):
        text = f"push number {number}"
        return {"to": [f"sip:{self.users[number % len(self.users)]}@ims.lab"], "app": "news.ua",
                "content": {"type": "text/plain", "text": text}}, text

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
        lab.say(f"accepted {len(self.accepted)}, refused {dict(self.refused)}, answer unknown {self.unknown}; final: {dict(states)}; "
                f"attempts: {dict(sorted(attempts.items()))}; at receivers {len(inbox.texts())}, duplicates {inbox.duplicates()}")
