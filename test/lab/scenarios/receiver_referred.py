"""P-1 (d), receive reference to subscribe: herald-receiver accepts a REFER and subscribes, or denies it; the waiting push follows the consent (PR-13)."""
import json


def run(lab):
    herald = lab.start()
    alice = lab.receiver("alice", "--refer", "accept", apps="news.ua,sports.ua")
    herald.wait_registration("alice")
    push_id = herald.push("alice", "only with her consent", app="sports.ua")
    referred = alice.wait_event("referred")[0]
    lab.say(f"the receiver: {referred}")
    alice.wait_event("subscribed")
    push = alice.wait_event("push", seconds=30)[0]
    lab.check((push["text"], push["mode"]) == ("only with her consent", "notify"), "it was referred, subscribed, and got the push that waited (PR-13)")
    lab.check(herald.wait_final(push_id)["status"] == "delivered", "delivered")

    bob = lab.receiver("bob", "--refer", "deny", apps="news.ua,sports.ua")
    herald.wait_registration("bob")
    push_id = herald.push("bob", "not wanted", app="sports.ua")
    bob.wait_event("referred")
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["code"]) == ("rejected", 2001), f"who denies gets nothing: {state['cause']} (PR-13)")
    lab.check(not bob.events("push") and not bob.events("subscribed"), "and did not subscribe")
    _, _, text = herald.request("POST", "/v1/invitations", {"to": "sip:alice@ims.lab", "app": "news.ua"})
    invitation = json.loads(text)["id"]
    herald.process.wait_for(lambda: herald.get_json(f"/v1/invitations/{invitation}")["status"] == "subscribed", 20, "an invitation of an initiator: subscribed")
    lab.say("ok: POST /v1/invitations ends in subscribed")
