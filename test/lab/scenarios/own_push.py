"""Herald's own push that the S-CSCF brings back to it goes onward with the mark (AS-47), once."""
from harness.core import LAB


def run(lab):
    herald = lab.start(core={"ifc": LAB / "provisioning/all-messages.xml"})
    alice = lab.phone("alice")
    push_id = herald.push("alice", "there and back")
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["attempts"]) == ("delivered", 1), f"delivered in one attempt; {state['cause']}")
    message = alice.next_request("MESSAGE")
    lab.check(b"there and back" in message.body, "the receiver has it")
    lab.check(alice.requests.empty(), "and has it once")
    lab.check(lab.core.scscf.output().count("MESSAGE sip:alice@ims.lab") == 2, "the S-CSCF saw it twice: from Herald, and from Herald again")

    push_id = herald.push("bob", "for later")
    herald.wait_for_push(push_id, lambda found: found.get("status") == "waiting_reachable", 20, "a push to an absent user waits")
    bob = lab.phone("bob")
    state = herald.wait_final(push_id)
    lab.check(state["status"] == "delivered" and b"for later" in bob.next_request("MESSAGE").body, "and follows the registration")
