"""An initiator hears of results: signed POSTs, repeated until taken, and an event stream that ends with the last final status (SM-3, PAP-31, F-2)."""
import threading

from harness.initiator import Initiator, read_events

CALLBACKS = "      callbacks: {retry: [200ms, 300ms], timeout: 10s}\n"


def run(lab):
    initiator = lab.closing(Initiator(answers=[503, 500]))
    herald = lab.start(extra=CALLBACKS, initiator=initiator.account)
    lab.receiver("alice")
    herald.wait_registration("alice")
    push_id = herald.push("alice", "Goal! 1:0", callback=initiator.url)
    told = initiator.wait_told(push_id)
    state = herald.wait_final(push_id)
    lab.check(state["status"] == "delivered", "the push is delivered")
    posts = [each for each in initiator.received if each["told"].get("id") == push_id]
    lab.check([each["status"] for each in posts] == [503, 500, 200], "503 and 500 are tried again, 200 ends it (SM-3)")
    lab.check(len({each["event"] for each in posts}) == 1, "every attempt has the same event id")
    lab.check(all(each["signed"] for each in posts), "and a signature by the account's secret")
    lab.check(told[0]["told"]["recipient"]["status"] == "delivered" and told[0]["told"]["recipient"]["code"] == 1000,
              f"it says what became of it: {told[0]['told']}")

    status, _, text = herald.request("POST", "/v1/pushes", {"to": ["sip:alice@ims.lab"], "app": "news.ua",
                                                            "content": {"type": "text/plain", "text": "x"},
                                                            "callback": "http://127.0.0.1:1/other"})
    lab.check(status in (400, 403), f"a callback that the account's patterns do not allow is refused: {status}")

    # Somebody who waits for his registration while the initiator watches.
    waiting = herald.push("bob", "for later", callback=initiator.url)
    herald.wait_for_push(waiting, lambda found: found.get("status") == "waiting_reachable", 15, "the push waits")
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(read_events(herald, waiting)), daemon=True)
    watcher.start()
    lab.phone("bob")
    herald.wait_final(waiting)
    watcher.join(20)
    statuses = [data["recipient"]["status"] for _, data in seen]
    lab.check(not watcher.is_alive() and statuses and statuses[-1] == "delivered", f"the stream ended with the last final status: {statuses}")
    again = read_events(herald, waiting, last=seen[-1][0])
    lab.check([event for event, _ in again if event == seen[-1][0]] == [], "after Last-Event-ID nothing comes twice")
    lab.check(initiator.wait_told(waiting)[0]["told"]["recipient"]["status"] == "delivered", "and the callback says the same")
    lab.check(all(len(events) == 1 for events in initiator.finals().values()), "one final notification each")
