"""P-1 (e), publish capabilities and presence: herald-receiver's PUBLISH shows at Herald and ends with it, its OPTIONS answer tells the same (PR-14, PR-15)."""
import urllib.parse


def run(lab):
    herald = lab.start()

    def capabilities():
        return herald.get("/v1/capabilities/" + urllib.parse.quote("sip:alice@ims.lab", safe=""))[1]
    receiver = lab.receiver("alice", "--publish", "--accept", "text/plain,image/png", "--transport", "tcp")
    herald.process.wait_for(lambda: "published" in capabilities() and "image/png" in capabilities(), 20, "Herald has what it published")
    lab.say(f"ok: GET /v1/capabilities: {capabilities()[:500]} (PR-14)")
    push_id = herald.push("alice", content={"type": "image/webp", "base64": "UklGRg=="}, alternatives=[{"type": "image/png", "base64": "iVBORw0KGgo="}])
    push = receiver.wait_event("push")[0]
    lab.check(push["type"] == "image/png" and herald.wait_final(push_id)["status"] == "delivered", "the push goes as the type it published")
    asker = lab.agent("asker")
    answer = asker.final(asker.request("OPTIONS", "sip:alice@ims.lab", lab.core.sip_port,
                                       [f"Route: <sip:127.0.0.1:{lab.core.sip_port};lr>", "P-Asserted-Identity: <sip:push@ims.lab>"]))
    lab.check(answer.status == 200 and "image/png" in answer["Accept"] and "NOTIFY" in answer["Allow"],
              f"OPTIONS: Accept {answer['Accept']}, Allow {answer['Allow']}, Allow-Events {answer['Allow-Events']} (PR-15)")
    receiver.stop()
    herald.process.wait_for(lambda: "published" not in capabilities(), 15, "and takes it back when it ends")
    lab.say("ok: it removes what it published when it ends")
