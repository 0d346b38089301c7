"""P-2 (c), asynchronous notification: without a subscription MESSAGE and never an unsolicited NOTIFY, beside one exactly one path (PS-80, PS-81, PS-82)."""


def run(lab):
    herald = lab.start()
    alice, bob = lab.phone("alice"), lab.phone("bob")
    push_id = herald.push("bob", "out of the blue")
    message = bob.next_request()
    lab.check(message.method == "MESSAGE" and "Event" not in dict(message.headers), "without a subscription the push is a MESSAGE (PS-80)")
    lab.check(herald.wait_final(push_id)["mode"] == "pager", "mode pager")
    subscription, _ = lab.subscribe(alice)
    push_id = herald.push("alice", "to the subscriber")
    lab.check(subscription.notify_with("to the subscriber"), "with one it is a NOTIFY (PS-81)")
    lab.check(herald.wait_final(push_id)["mode"] == "notify", "mode notify")
    push_id = herald.push("alice", "forced", mode="pager")
    lab.check(b"forced" in alice.next_request("MESSAGE").body and herald.wait_final(push_id)["mode"] == "pager",
              "the initiator may force the MESSAGE (PS-81)")
    push_id = herald.push("alice", "another application", app="mms.ua")
    lab.check(b"another application" in alice.next_request("MESSAGE").body, "a subscription is for its own application only")
    herald.wait_final(push_id)
    ids = [herald.push("alice", f"number {number}") for number in range(20)]
    for push_id in ids:
        state = herald.wait_final(push_id, 60)
        lab.check(state["status"] == "delivered", f"delivered by {state['mode']}") if state["status"] != "delivered" else None
    seen = []
    while not alice.requests.empty():
        request = alice.requests.get()
        seen += [text for text in (f"number {number}" for number in range(20))
                 if any(line.strip() == text for line in request.body.decode(errors="replace").splitlines())]
    lab.check(sorted(seen) == sorted(f"number {number}" for number in range(20)), f"20 pushes in a row arrive once each (PS-82); {len(seen)} seen")
