"""A node that is told to stop in the middle of a session says BYE, and tries the push again when it runs (PS-6, PS-48, ST-48)."""
import signal
import socket

from harness.processes import wait_until

MSRP_ANSWER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=message {port} TCP/MSRP *
a=accept-types:*
a=path:msrp://127.0.0.1:{port}/alice1;tcp
a=setup:passive
"""


def run(lab):
    herald = lab.start(msrp=True)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    sdp = MSRP_ANSWER.format(port=listener.getsockname()[1]).replace("\n", "\r\n")

    def behaviour(request):
        return (200, [alice.contact(), "Content-Type: application/sdp"], sdp) if request.method == "INVITE" else (200,)
    alice = lab.phone("alice", behaviour)
    push_id = herald.push("alice", "x" * 5000, mode="msrp")
    with listener.accept()[0] as connection:
        connection.settimeout(30)
        lab.check(connection.recv(100).startswith(b"MSRP "), "the session is open, and its peer does not answer")
        herald.process.signal(signal.SIGTERM)
        herald.process.signal(signal.SIGTERM)  # at once
        alice.next_request("BYE")
        lab.say("ok: BYE, before the node is gone")
    wait_until(lambda: not herald.process.alive(), 30, "Herald has ended")

    alice.behaviour = lambda request: (488,) if request.method == "INVITE" else (200,)
    herald.start()
    state = herald.wait_for_push(push_id, lambda found: found["attempts"] >= 2, 60, "the push is tried again")
    lab.check(state["status"] != "delivered", f"and nothing was believed delivered: {state['status']}")
