"""The link breaks in the middle of a session: the push is sent again whole and arrives once (PS-6, PS-47, SM-16, PR-9, PR-11)."""
import hashlib
import random

DEADLINE = 240
MIB = 1024 * 1024
RETRY = "      retry: {first_delay: 300ms, max_delay: 1s, max_attempts: 5, unknown_delay: 1s}\n"


def run(lab):
    herald = lab.start(core={"load_users": 1}, msrp=True, extra=RETRY)
    for user, setup in (("alice", "active"), ("load1", "passive")):
        receiver = lab.receiver(user, "--msrp", "--msrp-setup", setup, "--msrp-drop-after", str(2 * MIB))
        herald.wait_registration(user)
        data = random.Random(user).randbytes(5 * MIB)
        push_id = herald.push_bytes(user, data, mode="msrp")
        state = herald.wait_final(push_id, 60)
        cut = receiver.wait_event("session")
        lab.check(any(event["state"] == "cut" for event in cut), f"{user}: the connection broke after 2 MiB")
        told = receiver.wait_event("push")
        lab.check(len(told) == 1 and told[0]["sha256"] == hashlib.sha256(data).hexdigest(),
                  f"the content arrived whole and once, {user} being {setup}")
        lab.check(state["status"] == "delivered" and state["attempts"] >= 2,
                  f"{state['status']} after {state['attempts']} attempts (SM-16)")
        invites = [event for event in receiver.events("session") if event["state"] == "open"]
        lab.check(len(invites) >= 2, "the second attempt was a session of its own")
