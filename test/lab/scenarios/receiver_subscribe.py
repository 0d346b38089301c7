"""P-1 (a), subscribe: herald-receiver registers with its features, subscribes to its applications and ends that when it stops (F-4, PR-1, PR-2)."""


def run(lab):
    herald = lab.start()
    receiver = lab.receiver("alice", "--subscribe", "news.ua", "--subscribe", "mms.ua")
    seen = herald.wait_registration("alice")
    lab.check("news.ua" in str(seen) and seen["contacts"][0]["instance"], "registered with applications and instance (PR-1)")
    for event in receiver.wait_event("subscribed", 2):
        lab.say(f"the receiver: {event}")
    _, _, text = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
    lab.check("news.ua" in text and "mms.ua" in text, f"Herald has both (PR-2): {text[:400]}")
    receiver.stop()

    def gone():
        _, _, now = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
        return "news.ua" not in now and "mms.ua" not in now
    herald.process.wait_for(gone, 15, "it un-subscribes when it ends")
    lab.say("ok: it un-subscribes when it ends")
