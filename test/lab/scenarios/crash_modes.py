"""kill -9 at random under pushes in all modes with callbacks: none that was accepted is lost, no final state changes, the initiator hears of each result by exactly one notification (ST-1, SM-1, SM-3, PS-6, PR-9)."""
import collections
import os
import random
import time

from harness.initiator import Initiator
from harness.mixed import Crowd, Kind, MixedTraffic
from harness.processes import wait_until

KILLS = int(os.environ.get("HERALD_LAB_KILLS", "5"))
RATE = float(os.environ.get("HERALD_LAB_RATE", "25"))
DEADLINE = 300 + 12 * KILLS
CONFIG = """\
      callbacks: {retry: [200ms, 500ms, 1s], timeout: 5s}
      retry: {first_delay: 300ms, max_delay: 2s, max_attempts: 40, unknown_delay: 1s}
      report_timeout: 20s
      msrp: {report_wait: 5s}
"""


def run(lab):
    seed = int(os.environ.get("HERALD_LAB_SEED", str(random.randrange(10**6))))
    chance = random.Random(seed)
    lab.say(f"{KILLS} kills under {RATE:g} pushes/s, HERALD_LAB_SEED={seed}")
    initiator = lab.closing(Initiator())
    users = [f"load{number}" for number in range(1, 15)]
    herald = lab.start(core={"load_users": len(users)}, msrp=True, extra=CONFIG, initiator=initiator.account)
    options = ("--msrp", "--content-host", "127.0.0.1", "--content-insecure")
    crowd = Crowd(lab, "crowd", users[:10], *options)
    crowd.wait_ready()
    readers = Crowd(lab, "readers", users[10:], *options, "--subscribe", "news.ua", "--msrp-setup", "passive")
    readers.wait_ready(subscribed=True)
    kinds = [Kind("pager", crowd.users, (1, 200), 4), Kind("pager", crowd.users, (1, 200), 2, report="delivery"),
             Kind("notify", readers.users, (1, 200), 3), Kind("msrp", users, (1, 45_000), 3),
             Kind("msrp", users, (1, 45_000), 2, report="delivery"), Kind("indirection", crowd.users, (1, 45_000), 3)]
    restarts = []
    with MixedTraffic(herald, kinds, RATE, initiator.url, seed) as traffic:
        traffic.wait_accepted(int(RATE))
        for number in range(KILLS):
            # The moment is the experiment, not a wait for something.
            end = time.monotonic() + chance.uniform(0.0, 2.0)
            wait_until(lambda end=end: time.monotonic() >= end, 5, "the moment of the kill")
            herald.process.kill()
            begun = time.monotonic()
            herald.start()
            restarts.append(time.monotonic() - begun)
            if (number + 1) % 10 == 0:
                lab.say(f"{number + 1} kills, {len(traffic.accepted)} accepted, {len(traffic.final)} seen final")
        traffic.wait_more(int(RATE))
    lab.say(f"restart until ready: median {1000 * sorted(restarts)[len(restarts) // 2]:.0f} ms, longest {1000 * max(restarts):.0f} ms")
    lab.say(f"accepted {len(traffic.accepted)}, refused {dict(traffic.refused)}, answer unknown {traffic.unknown}")
    begun = time.monotonic()
    traffic.wait_all_final(240)
    lab.say(f"the last push was final {time.monotonic() - begun:.0f} s after the end of the traffic")
    states = collections.Counter((traffic.accepted[push_id][0].mode, state["status"]) for push_id, state in traffic.final.items())
    lab.say(f"final: {dict(states)}")

    lab.check(not traffic.accepted.keys() - traffic.final.keys(), "every push that got 202 is final")
    lab.check(all(state["status"] == "delivered" for state in traffic.final.values()),
              f"and delivered; others: {[state for state in traffic.final.values() if state['status'] != 'delivered'][:3]}")
    lab.check(not traffic.changed, f"no final state changed (SM-1): {traffic.changed[:2]}")

    told = collections.defaultdict(list)
    # A receiver shows a push after it has answered it, a reference when it has been fetched.
    wait_until(lambda: not traffic.accepted.keys() - crowd.read().pushes.keys() - readers.read().pushes.keys(), 60,
               lambda: f"every push was at its receiver; not: {traffic.accepted.keys() - crowd.pushes.keys() - readers.pushes.keys()}")
    for each in (crowd, readers):
        for push_id, entries in each.pushes.items():
            told[push_id] += entries
    lost = [push_id for push_id in traffic.accepted if not told[push_id]]
    lab.check(not lost, f"every push was at its receiver; lost: {len(lost)} {lost[:3]}")
    wrong = [push_id for push_id, (_, sha256, _) in traffic.accepted.items() if any(entry[0] != sha256 for entry in told[push_id] if not entry[1])]
    lab.check(not wrong, f"with the content that was submitted; others: {wrong[:3]}")
    twice = [push_id for push_id in traffic.accepted if sum(not entry[1] for entry in told[push_id]) > 1]
    lab.check(not twice, f"shown once (PR-9): {twice[:3]}")
    repeats = sum(entry[1] for entries in told.values() for entry in entries)

    expected = {(push_id, address) for push_id, (_, _, address) in traffic.accepted.items()}
    wait_until(lambda: not expected - initiator.finals().keys(), 120,
               lambda: f"a notification of each; {len(expected - initiator.finals().keys())} are missing")
    finals = initiator.finals()
    several = {key: list(events) for key, events in finals.items() if len(events) > 1}
    lab.check(not several, f"exactly one final notification by id for each push and recipient (SM-3): {dict(list(several.items())[:2])}")
    differing = [key for key, events in finals.items() for list_ in events.values()
                 if len({(each["told"]["recipient"]["status"], each["told"]["recipient"]["code"]) for each in list_}) > 1]
    lab.check(not differing, f"a repeated one says the same: {differing[:2]}")
    lab.check(all(each["signed"] for each in initiator.received), "all of them signed")
    untrue = [key for key, events in finals.items() if key[0] in traffic.final
              for list_ in events.values() if list_[0]["told"]["recipient"]["status"] != traffic.final[key[0]]["status"]]
    lab.check(not untrue, f"and they say what the push's state says: {untrue[:2]}")
    posts = sum(len(list_) for events in finals.values() for list_ in events.values())
    lab.say(f"notifications taken: {posts} for {len(finals)} results, {posts - len(finals)} repeated by a crash; "
            f"pushes repeated and dropped by the receiver: {repeats}, {repeats / max(1, KILLS):.1f} a kill")
