"""A subscription that nobody refreshes ends with terminated;reason=timeout, one that is refreshed lives on (PS-70, PS-71, PS-64)."""
from harness.subscription import Subscription

SHORT = "      subscriptions: {min_expires: 3s}\n"


def run(lab):
    herald = lab.start(extra=SHORT)
    alice, bob = lab.phone("alice"), lab.phone("bob")
    dies, _ = lab.subscribe(alice, expires=4)
    lives = Subscription(bob, lab.core.sip_port)
    answer = lives.send(4)
    lab.check(answer.status == 200, f"both have {answer['Expires']} s")
    lives.next_notify()
    answer = lives.send(3600)
    lab.check(answer.status == 200 and lives.next_notify().expires > 60, "bob refreshes for longer")
    last = dies.next_notify(20)
    lab.check((last.status, last.reason) == ("terminated", "timeout"), f"alice's ends: {last} (PS-71)")
    push_id = herald.push("alice", "after the expiry")
    lab.check(b"after the expiry" in alice.next_request("MESSAGE").body, "her next push is a MESSAGE")
    herald.wait_final(push_id)
    push_id = herald.push("bob", "still there")
    lab.check(lives.notify_with("still there"), "bob's is a NOTIFY")
    herald.wait_final(push_id)
