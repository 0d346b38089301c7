"""P-2 (a), receive subscriptions: SUBSCRIBE, first NOTIFY, a push in it, un-SUBSCRIBE, and what is refused (PS-60, PS-61, PS-64 to PS-67, PS-71)."""
from harness.subscription import Subscription


def run(lab):
    herald = lab.start()
    alice = lab.phone("alice")
    subscription = Subscription(alice, lab.core.sip_port)
    answer = subscription.send(3600)
    lab.check(answer.status == 200 and 0 < int(answer["Expires"]) <= 3600, f"200 with Expires {answer['Expires']}, not longer than asked (PS-64, PS-65)")
    lab.check(str(lab.as_port) in answer["Contact"], "and Herald's own Contact (PS-65)")
    lab.check(len(subscription.routes) >= 1 and all(str(lab.core.sip_port) in route for route in subscription.routes),
              "the S-CSCF stays in the dialog's route")
    first = subscription.next_notify()
    lab.say(str(first))
    lab.check(first.status == "active" and 0 < first.expires <= int(answer["Expires"]), "NOTIFY at once, active, with expires (PS-65, PS-70)")
    lab.check(first.event.split(";")[0] == "oma-push" and not first.body, "the same Event; the queue is empty (PS-70)")
    lab.check(first.message["Call-ID"] == subscription.call_id and f"tag={subscription.own_tag}" in first.message["To"], "in the dialog")
    status, _, text = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
    lab.check(status == 200 and "sip:alice@ims.lab" in text and "news.ua" in text, f"GET /v1/subscriptions shows it: {text[:300]}")

    push_id = herald.push("alice", "Goal! 1:0")
    notify = subscription.notify_with("Goal! 1:0")
    lab.say(str(notify))
    state = herald.wait_final(push_id)
    lab.check(state["status"] == "delivered" and state["mode"] == "notify", f"a push goes in it: {state['status']}, mode {state['mode']} (PS-81)")
    lab.check(push_id in str(notify.items()), "with its push-id as Content-ID")

    answer = subscription.send(1800)
    lab.check(answer.status == 200 and int(answer["Expires"]) <= 1800, "a refresh is granted")
    lab.check(subscription.next_notify().status == "active", "and answered by a NOTIFY too (PS-65)")
    answer = subscription.send(600, cseq=1)
    lab.check(answer.status == 500, f"an older CSeq is 500 (PS-66): {answer.first}")
    subscription.cseq = 2
    answer = subscription.send(0)
    last = subscription.next_notify()
    lab.check(answer.status == 200 and last.status == "terminated" and last.reason == "timeout", "un-SUBSCRIBE: terminated;reason=timeout (PS-71)")
    lab.check(subscription.send(600).status == 481, "and the dialog is gone: 481 (PS-66)")
    _, _, text = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
    lab.check("news.ua" not in text, "GET /v1/subscriptions is empty again")

    push_id = herald.push("alice", "after the end")
    lab.check(b"after the end" in alice.next_request("MESSAGE").body, "the next push is a MESSAGE again (PS-80)")
    lab.check(herald.wait_final(push_id)["mode"] == "pager", "in pager mode")

    answer = Subscription(alice, lab.core.sip_port, event="nobody-knows", uri="sip:push@ims.lab").send()
    lab.check(answer.status == 489 and "oma-push" in answer["Allow-Events"], f"an unknown package is 489 with Allow-Events: {answer['Allow-Events']} (PS-61)")
    answer = Subscription(alice, lab.core.sip_port).send(10)
    lab.check(answer.status == 423 and int(answer["Min-Expires"]) >= 60, f"too short is 423 with Min-Expires {answer['Min-Expires']} (PS-64)")
    answer = Subscription(alice, lab.core.sip_port, accept="application/nothing-we-have").send()
    lab.check(answer.status == 406, f"an Accept without anything of ours is 406 (PS-67): {answer.first}")
    fetch = Subscription(alice, lab.core.sip_port)
    answer = fetch.send(0)
    lab.check(answer.status == 200 and fetch.next_notify().status == "terminated", "Expires 0 without a dialog is one fetch (PS-64)")
    to_service, _ = lab.subscribe(alice, uri="sip:push@ims.lab")
    push_id = herald.push("alice", "to the service's identity")
    lab.check(to_service.notify_with("to the service's identity"), "a SUBSCRIBE to the service's identity is for the one who asks (PS-60)")
    lab.check(herald.wait_final(push_id)["status"] == "delivered", "delivered")
