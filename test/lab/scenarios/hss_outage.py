"""The HSS is silent, slow, wrong, frozen or dead on Sh: pushes go on by policy."""
import signal
import time

DEADLINE = 300


def run(lab):
    herald = lab.start(core={"load_users": 12})
    users = iter([f"load{number}" for number in range(1, 13)])  # a new one each time: answers are cached
    phones = {}

    def register():
        user = next(users)
        phones[user] = lab.phone(user)
        return user

    def push_through(user, what):
        begun = time.monotonic()
        state = herald.wait_final(herald.push(user, what), 30)
        lab.check(state["status"] == "delivered", f"{what}: delivered, {1000 * (time.monotonic() - begun):.0f} ms")

    push_through(register(), "a healthy HSS")
    for fault in ("silent", "slow 3000", "result 3004", "result 5012", "error 4100", "error 5102", "rubbish xml",
                  "rubbish no_result", "rubbish unknown_m"):
        user = register()
        lab.core.fault("sh " + fault)
        push_through(user, fault)
        lab.core.fault("sh none")
    user, other = register(), register()
    lab.core.hss.signal(signal.SIGSTOP, group=True)
    push_through(user, "frozen")
    lab.core.hss.signal(signal.SIGCONT, group=True)
    lab.core.hss.kill()
    push_through(other, "dead")
    lab.core.start_hss()
    lab.core.hss.wait_for(lambda: lab.core.hss_lines("peer_open", peer="as1.ims.lab"), 30, "Herald connects to the new HSS")
    lab.say("a new HSS: Herald is connected again")
    lab.core.wait_connected()
    herald.stop()

    herald = lab.start_herald(on_hss_failure="reject")
    alice = lab.phone("alice")
    lab.core.fault("sh silent")
    state = herald.wait_final(herald.push("alice", "policy reject"))
    lab.check(state["status"] in ("rejected", "undeliverable"), f"policy reject: {state['status']}, {state['code']}, {state['cause']}")
    lab.check(alice.requests.empty(), "and nothing was sent")
    herald.stop()

    herald = lab.start_herald(on_hss_failure="hold", extra="      hss_retry: 1s\n")
    bob = lab.phone("bob")
    push_id = herald.push("bob", "policy hold")
    state = herald.wait_for_push(push_id, lambda found: str(found.get("cause")).startswith(("sh:", "policy:")), 20, "it is held")
    lab.check(not state["final"] and bob.requests.empty(), f"policy hold: {state['status']}, {state['cause']}, not final")
    lab.core.fault("sh none")
    lab.check(herald.wait_final(push_id)["status"] == "delivered", "and delivered when the HSS answers again")
