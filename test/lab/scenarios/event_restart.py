"""kill -9 with live subscriptions: the next Herald serves them as if nothing had been, with a higher CSeq (AS-67, ST-40, ST-42)."""


def run(lab):
    herald = lab.start(core={"load_users": 10})
    phones = [lab.phone(f"load{number}") for number in range(1, 11)]
    subscriptions = [lab.subscribe(phone)[0] for phone in phones]
    for phone, subscription in zip(phones, subscriptions):
        push_id = herald.push(phone.name, f"before the crash, {phone.name}")
        subscription.notify_with(f"before the crash, {phone.name}")
        herald.wait_final(push_id)
    highest = [subscription.last_cseq for subscription in subscriptions]
    waiting = herald.push("load1", "accepted before the crash", deliver_after=_in_seconds(2))
    herald.process.kill()
    herald.start()
    lab.say("killed and started again on the same database")
    _, _, text = herald.request("GET", "/v1/subscriptions?app=news.ua")
    lab.check(text.count("sip:load") >= 10, "GET /v1/subscriptions has all of them")
    for phone, subscription, before in zip(phones, subscriptions, highest):
        push_id = herald.push(phone.name, f"after the crash, {phone.name}")
        notify = subscription.notify_with(f"after the crash, {phone.name}")  # also checks that no CSeq is lower
        state = herald.wait_final(push_id)
        lab.check(notify.cseq > before and state["mode"] == "notify", f"{phone.name}: NOTIFY CSeq {notify.cseq}, before the crash {before} (ST-40)")
    lab.check(subscriptions[0].notify_with("accepted before the crash"), "what was accepted before comes as NOTIFY too")
    herald.wait_final(waiting)
    answer = subscriptions[0].send(3600)
    lab.check(answer.status == 200 and subscriptions[0].next_notify().status == "active", "a refresh in the old dialog is served")
    answer = subscriptions[1].send(0)
    lab.check(answer.status == 200 and subscriptions[1].next_notify().status == "terminated", "so is its end")


def _in_seconds(seconds):
    import datetime
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
