"""A push to a registered user: HTTP, Sh, MESSAGE through the S-CSCF, receiver, status (F-1, F-5, PS-6, PS-10, PS-12, PS-50)."""


def run(lab):
    herald = lab.start()
    receiver = lab.receiver("alice")
    herald.wait_registration("alice")
    push_id = herald.push("alice", "Goal! 1:0", report="network")
    state = herald.wait_final(push_id)
    lab.say(f"the push: {state}")
    lab.check(state["status"] == "delivered" and state["code"] == 1000, "status delivered, code 1000")
    lab.check(state["attempts"] == 1, "in one attempt")
    lab.check(herald.request("DELETE", f"/v1/pushes/{push_id}")[0] == 409, "DELETE is too late for it: 409")
    lab.check(lab.core.hss_lines("request", command="UDR", public="sip:alice@ims.lab"), "Herald asked the HSS over Sh (UDR)")
    push = receiver.wait_event("push")[0]
    lab.say(f"the receiver: {push}")
    lab.check(push["text"] == "Goal! 1:0" and push["app"] == "news.ua" and push["type"] == "text/plain", "the receiver got the content")

    bob = lab.phone("bob")
    state = herald.wait_final(herald.push("bob", "for bob"))
    message = bob.next_request("MESSAGE")
    lab.check(state["status"] == "delivered", "bob, who has a push profile in the HSS, gets his")
    lab.check("g.oma.pusheventapp" in message["Accept-Contact"] and "news.ua" in message["Accept-Contact"],
              "MESSAGE names the application in Accept-Contact (PS-12)")
    lab.check("Content-ID" in message.text or "Content-Id" in message.text, "and carries its push-id as Content-ID (PS-6)")
    lab.check(not message["Contact"], "and has no Contact (PS-10)")

    state = herald.wait_final(herald.push("nobody", "for nobody"))
    lab.say(f"nobody: {state}")
    lab.check(state["status"] == "undeliverable" and state["code"] == 2003, "an unknown user is undeliverable, 2003")

    ids = [herald.push("alice", f"one of many {number}") for number in range(100)]
    for push_id in ids:
        herald.wait_final(push_id)
    events = receiver.wait_event("push", 101)
    lab.check(len({event["text"] for event in events}) == 101 and len(events) == 101, "100 more arrive, each once")
