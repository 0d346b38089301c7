"""P-2 (e), receive capabilities: nothing is known about a receiver, so Herald asks by OPTIONS once and sends what the answer allows (PS-104)."""
import urllib.parse


def run(lab):
    herald = lab.start()
    asked = []

    def behave(request):
        if request.method == "OPTIONS":
            asked.append(request)
            return (200, ("Accept: text/plain, image/png", "Allow: MESSAGE, OPTIONS, NOTIFY", "Accept-Encoding: identity", "Allow-Events: oma-push"))
        return (200,)
    alice = lab.phone("alice", behaviour=behave)
    for text in ("first", "second"):
        push_id = herald.push("alice", content={"type": "image/png", "base64": "iVBORw0KGgo="}, alternatives=[{"type": "text/plain", "text": text}])
        message = alice.next_request("MESSAGE")
        lab.check(herald.wait_final(push_id)["status"] == "delivered", f"the {text} push is delivered")
        lab.check(message["Content-Type"].startswith("image/png"), "as the picture that the answer to OPTIONS allows (PS-104)")
    lab.check(len(asked) == 1, f"asked once in this registration; {len(asked)} OPTIONS")
    _, text = herald.get("/v1/capabilities/" + urllib.parse.quote("sip:alice@ims.lab", safe=""))
    lab.check('"options"' in text and "image/png" in text, f"GET /v1/capabilities: {text[:500]}")
    bob = lab.phone("bob", behaviour=lambda request: (200, ("Accept: text/plain",)) if request.method == "OPTIONS" else (200,))
    push_id = herald.push("bob", content={"type": "image/png", "base64": "iVBORw0KGgo="}, alternatives=[{"type": "text/plain", "text": "words"}])
    lab.check(bob.next_request("MESSAGE")["Content-Type"].startswith("text/plain"), "who takes text only gets the alternative")
    herald.wait_final(push_id)
