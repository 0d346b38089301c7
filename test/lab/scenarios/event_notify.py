"""P-2 (b), notify subscribers: what waited comes with the first NOTIFY in order of priority, one NOTIFY at a time, its failure loses nothing (PS-70, PS-73, PS-74, PS-81, PS-82)."""
from harness.subscription import Subscription


def run(lab):
    herald = lab.start(extra="      retry: {first_delay: 300ms, max_delay: 1s, max_attempts: 5, unknown_delay: 1s}\n")
    answers = {"NOTIFY": 200}
    alice = lab.phone("alice", behaviour=lambda request: (answers.get(request.method, 200),))
    ids = [herald.push("alice", f"waiting {number}", mode="notify", priority=priority)
           for number, priority in enumerate(("low", "medium", "high"))]
    for push_id in ids:
        herald.wait_for_push(push_id, lambda found: found.get("status") not in (None, "accepted", "queued"), 15, "the push waits")
    states = [herald.recipient(push_id) for push_id in ids]
    lab.check(not any(state["final"] for state in states), f"mode notify without a subscription waits: {states[0]['status']}, {states[0]['cause']} (PS-81)")
    lab.check(alice.requests.empty(), "and nothing was sent: no unsolicited NOTIFY (PS-80)")

    subscription = Subscription(alice, lab.core.sip_port)
    lab.check(subscription.send().status == 200, "then she subscribes")
    texts = []
    while len(texts) < 3:
        notify = subscription.next_notify()
        lab.say(str(notify))
        texts += notify.texts()
    lab.check([text for text in texts if text.startswith("waiting")] == ["waiting 2", "waiting 1", "waiting 0"], "what waited comes, high before low")
    for push_id in ids:
        state = herald.wait_final(push_id)
        lab.check((state["status"], state["mode"]) == ("delivered", "notify"), f"delivered, {state['mode']} (PS-74)")

    answers["NOTIFY"] = 500
    push_id = herald.push("alice", "once more")
    subscription.notify_with("once more")
    lab.check(not herald.recipient(push_id)["final"], "a NOTIFY that fails with 500 loses nothing (PS-73)")
    answers["NOTIFY"] = 200
    state = herald.wait_final(push_id, 40)
    lab.check(state["status"] == "delivered", f"delivered in the end: mode {state['mode']}, attempts {state['attempts']}")

    answers["NOTIFY"] = 481
    push_id = herald.push("alice", "no dialog any more")
    state = herald.wait_final(push_id, 40)
    lab.check(state["status"] == "delivered" and state["mode"] == "pager", f"481 to the NOTIFY ends the subscription, the push goes as {state['mode']} (PS-73, PS-82)")
    _, _, text = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
    lab.check("news.ua" not in text, "GET /v1/subscriptions has it no more")
