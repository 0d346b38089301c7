"""P-2 (d), reference to subscribe, denied: 603 to the REFER is the user's no, the push is rejected and he is not asked again (F-7, PS-97)."""
import json


def run(lab):
    herald = lab.start()
    alice = lab.phone("alice", behaviour=lambda request: (603,) if request.method == "REFER" else (200,))
    push_id = herald.push("alice", "not wanted", app="sports.ua")
    alice.next_request("REFER")
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["code"]) == ("rejected", 2001), f"603 to the REFER: {state['status']}, {state['code']}, {state['cause']} (PS-97)")
    push_id = herald.push("alice", "again not wanted", app="sports.ua")
    state = herald.wait_final(push_id)
    lab.check(state["status"] == "rejected", f"the next push is rejected: {state['cause']}")
    lab.check(alice.requests.empty(), "without asking again (reask_after)")
    status, _, text = herald.request("PUT", "/v1/consent/sip:alice@ims.lab/sports.ua", {"state": "granted"})
    lab.check(status in (200, 201, 204), f"PUT /v1/consent grants: {status} {text[:200]}")
    push_id = herald.push("alice", "now wanted", app="sports.ua")
    lab.check(herald.wait_final(push_id)["status"] == "delivered" and b"now wanted" in alice.next_request("MESSAGE").body, "then it is delivered")
    status, _, text = herald.request("POST", "/v1/invitations", {"to": "sip:alice@ims.lab", "app": "other.ua"})
    invitation = json.loads(text)["id"]
    herald.process.wait_for(lambda: herald.get_json(f"/v1/invitations/{invitation}")["status"] == "refused", 20, "the invitation is refused")
    lab.say("ok: an invitation he declines is refused")
