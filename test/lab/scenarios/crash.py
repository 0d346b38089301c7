"""kill -9 at random moments under load, restarted on the same database: every push that got 202 ends, none is lost."""
import os
import random
import signal
import time

from harness.processes import wait_until
from harness.traffic import Inbox, Traffic

DEADLINE = 900
KILLS = int(os.environ.get("HERALD_LAB_KILLS", "50"))
RATE = int(os.environ.get("HERALD_LAB_RATE", "200"))
USERS = [f"load{number}" for number in range(1, 41)]


def run(lab):
    seed = int(os.environ.get("HERALD_LAB_SEED", str(random.randrange(10**6))))
    chance = random.Random(seed)
    lab.say(f"{KILLS} kills under {RATE} pushes/s, HERALD_LAB_SEED={seed}")
    herald = lab.start(core={"load_users": len(USERS)})
    inbox = Inbox()
    for user in USERS:
        lab.phone(user, behaviour=inbox.answer)
    restarts = []
    with Traffic(herald, USERS, rate=RATE) as traffic:
        traffic.wait_accepted(RATE // 2)
        for _ in range(KILLS):
            # The moment is the experiment, not a wait for something.
            end = time.monotonic() + chance.uniform(0.0, 1.5)
            wait_until(lambda end=end: time.monotonic() >= end, 5, "the moment of the kill")
            herald.process.kill()
            begun = time.monotonic()
            herald.start()
            restarts.append(time.monotonic() - begun)
        traffic.wait_more(RATE)
    lab.say(f"restart until ready: median {1000 * sorted(restarts)[len(restarts) // 2]:.0f} ms, longest {1000 * max(restarts):.0f} ms")
    begun = time.monotonic()
    traffic.wait_all_final(400)
    lab.say(f"the last push was final {time.monotonic() - begun:.0f} s after the end of the traffic")
    traffic.tell(lab, inbox)
    lost = set(traffic.accepted.values()) - inbox.texts()
    lab.check(not traffic.accepted.keys() - traffic.final.keys(), "every push that got 202 is final")
    lab.check(not traffic.accepted.keys() - traffic.delivered(), "and delivered")
    lab.check(not lost, f"and was at the receiver; lost: {len(lost)}")
    lab.say(f"duplicates: {inbox.duplicates()} of {len(traffic.accepted)}, {inbox.duplicates() / KILLS:.1f} a kill: "
            "those whose 200 was not yet written down; the receiver drops them by their push-id")
