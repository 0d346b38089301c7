"""P-1 (c), receive asynchronous pushes: MESSAGE to herald-receiver, dispatched by application, refused when it is not for it or not understood (PR-7)."""
import random
import string


def run(lab):
    herald = lab.start()
    receiver = lab.receiver("alice", "--accept", "text/plain,application/json", "--max-bytes", "500")
    push_id = herald.push("alice", "Goal! 1:0")
    push = receiver.wait_event("push")[0]
    lab.check((push["text"], push["mode"], push["app"]) == ("Goal! 1:0", "pager", "news.ua"), "a push without subscription is a MESSAGE (PR-7)")
    herald.wait_final(push_id)
    state = herald.wait_final(herald.push("alice", "x", content={"type": "image/png", "base64": "iVBORw0KGgo="}))
    lab.check((state["status"], state["code"]) == ("undeliverable", 2005), f"a type it does not take is 415, its Accept believed: {state['cause']} (PR-7)")
    state = herald.wait_final(herald.push("alice", "".join(random.choices(string.ascii_letters + string.digits, k=800))))
    lab.check(state["status"] == "undeliverable", f"more than it takes is refused: {state['cause']}, {state['code']}")
    lab.check(len(receiver.events("push")) == 1, "and none of these was shown")
