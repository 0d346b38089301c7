"""P-1 (b), receive notifications: herald-receiver gets pushes in its subscription, several in one NOTIFY too, and each once (PR-4, PR-9)."""


def run(lab):
    herald = lab.start()
    receiver = lab.receiver("alice", "--subscribe", "news.ua")
    receiver.wait_event("subscribed")
    push_id = herald.push("alice", "Goal! 1:0")
    push = receiver.wait_event("push")[0]
    lab.say(f"the receiver: {push}")
    lab.check((push["text"], push["mode"], push["app"]) == ("Goal! 1:0", "notify", "news.ua"), "the push came in a NOTIFY (PR-4)")
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["mode"]) == ("delivered", "notify"), "Herald knows it delivered")
    ids = [herald.push("alice", f"one of many {number}") for number in range(30)]
    for push_id in ids:
        herald.wait_final(push_id, 60)
    events = receiver.wait_event("push", 31)
    lab.check(len(events) == 31 and len({event["text"] for event in events}) == 31, "30 more arrive, each once (PR-9)")
    lab.say(f"modes: {sorted({event['mode'] for event in events})}; NOTIFYs: {len(receiver.events('notified'))}")
