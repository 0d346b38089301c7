"""A receiver that announces a size and refuses it: 413 ends the session and the content goes by reference (PS-42, PS-47, SM-10, PR-11)."""
import hashlib
import random

MIB = 1024 * 1024


def run(lab):
    herald = lab.start(core={"load_users": 1}, msrp=True)
    alice = lab.receiver("alice", "--msrp", "--max-size", str(50 * MIB), "--lie-max-size", str(MIB), "--content-host", "127.0.0.1",
                         "--content-insecure", "--content-max", str(50 * MIB))
    herald.wait_registration("alice")
    data = random.Random(1).randbytes(5 * MIB)
    state = herald.wait_final(herald.push_bytes("alice", data), 60)
    lab.say(f"the push: {state}")
    told = alice.wait_event("push")[0]
    lab.check(state["status"] == "delivered" and state["mode"] == "indirection", f"{state['status']} by {state['mode']} after 413")
    lab.check(told["mode"] == "indirection" and told["sha256"] == hashlib.sha256(data).hexdigest(), "and it is what was sent")
    lab.check(len(alice.wait_event("push")) == 1, "once")
    small = random.Random(2).randbytes(MIB // 2)
    state = herald.wait_final(herald.push_bytes("alice", small), 60)
    lab.say(f"a smaller one afterwards goes by {state['mode']}")
    lab.check(state["status"] == "delivered", "what fits is delivered as before")

    honest = lab.receiver("load1", "--msrp", "--max-size", str(MIB), "--content-host", "127.0.0.1", "--content-insecure", "--content-max",
                          str(50 * MIB))
    herald.wait_registration("load1")
    state = herald.wait_final(herald.push_bytes("load1", data), 60)
    lab.check(state["status"] == "delivered" and state["mode"] == "indirection",
              "a max-size in the answer that is too small is believed at once: by reference (PS-42)")
    lab.check(honest.wait_event("push")[0]["sha256"] == hashlib.sha256(data).hexdigest(), "and it is what was sent")
