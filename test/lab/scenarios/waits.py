"""A push to a user who is not registered waits, and follows the registration."""
import json
import time


def run(lab):
    herald = lab.start()
    push_id = herald.push("alice", "for later")
    state = herald.wait_for_push(push_id, lambda found: found.get("status") == "waiting_reachable", 15, "the push waits")
    lab.check(not state["final"], "not registered: waiting_reachable, not final")
    expired = herald.push("bob", "too late", deliver_before=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3)))
    receiver = lab.receiver("alice")
    push = receiver.wait_event("push", seconds=30)[0]
    lab.check(push["text"] == "for later", "it arrives after the registration")
    state = herald.wait_final(push_id)
    lab.check(state["status"] == "delivered", "and is delivered")
    sar = lab.core.hss_lines("request", command="SAR", public="sip:alice@ims.lab", assignment=1)[0]["t"]
    udp = receiver.events("registered")[0]
    lab.say(f"registered: {json.dumps(udp)}")
    lab.say(f"delay from the HSS's answer to the registration until Herald had the 200 of the push: "
            f"{1000 * (_seconds(state['updated']) - sar):.0f} ms")
    state = herald.wait_final(expired)
    lab.check(state["status"] == "expired", "deliver_before passes while waiting: expired")


def _seconds(text):
    """RFC 3339 to seconds."""
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
