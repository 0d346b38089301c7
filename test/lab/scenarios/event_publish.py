"""P-2 (e), receive capabilities: PUBLISH over ISC with its entity-tags; what it says chooses the next delivery's type (F-9, PS-103, PS-106)."""
import urllib.parse


def pidf(*types, entity="sip:alice@ims.lab"):
    kinds = "".join(f"<c:type>{kind}</c:type>" for kind in types)
    return (f'<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:c="urn:ietf:params:xml:ns:pidf:caps" entity="{entity}">'
            f'<tuple id="t1"><status><basic>open</basic></status><c:servcaps><c:methods><c:supported><c:MESSAGE/></c:supported></c:methods>'
            f'<c:type><c:supported>{kinds}</c:supported></c:type></c:servcaps><contact>{entity}</contact></tuple></presence>')


def run(lab):
    herald = lab.start()
    alice = lab.phone("alice")

    def publish(body="", etag=None, expires=3600, content_type="application/pidf+xml", event="presence"):
        fields = [*alice.originating(lab.core.sip_port), f"Event: {event}", f"Expires: {expires}"]
        if etag:
            fields.append(f"SIP-If-Match: {etag}")
        if body:
            fields.append(f"Content-Type: {content_type}")
        return alice.final(alice.request("PUBLISH", "sip:alice@ims.lab", lab.core.sip_port, fields, body))

    def capabilities():
        return herald.get("/v1/capabilities/" + urllib.parse.quote("sip:alice@ims.lab", safe=""))[1]

    def push_picture():
        """An image, with text as its alternative. Returns the type that arrived."""
        push_id = herald.push("alice", content={"type": "image/png", "base64": "iVBORw0KGgo="},
                              alternatives=[{"type": "text/plain", "text": "a picture"}])
        message = alice.next_request("MESSAGE")
        lab.check(herald.wait_final(push_id)["status"] == "delivered", f"delivered as {message['Content-Type']}")
        return message["Content-Type"].split(";")[0]

    answer = publish(pidf("text/plain"))
    first = answer["SIP-ETag"]
    lab.check(answer.status == 200 and first and answer["Expires"], f"PUBLISH: 200, SIP-ETag {first}, Expires {answer['Expires']} (PS-103)")
    lab.check("published" in capabilities() and "text/plain" in capabilities(), f"GET /v1/capabilities shows it: {capabilities()[:400]}")
    lab.check(push_picture() == "text/plain", "who published text only gets the text")

    answer = publish(pidf("text/plain", "image/png"), etag=first)
    second = answer["SIP-ETag"]
    lab.check(answer.status == 200 and second not in ("", first), "a change gets a new entity-tag (PS-103)")
    lab.check("image/png" in capabilities(), "GET /v1/capabilities shows the change")
    lab.check(push_picture() == "image/png", "the same push now goes as the picture")
    answer = publish(etag=second)
    third = answer["SIP-ETag"]
    lab.check(answer.status == 200 and third != second, "a refresh has no body and gets a new entity-tag (PS-103)")
    lab.check(publish(etag=first).status == 412, "an old entity-tag is 412 (PS-103)")
    answer = publish(pidf("text/plain"), expires=5)
    lab.check(answer.status == 423 and answer["Min-Expires"], "too short is 423 with Min-Expires (PS-103)")
    answer = publish("x", content_type="text/x-unknown")
    lab.check(answer.status == 415 and "pidf" in answer["Accept"], "an unknown type is 415 with Accept (PS-103)")
    answer = publish(etag=third, expires=0)
    lab.check(answer.status == 200, "Expires 0 removes it")
    lab.check("published" not in capabilities(), "and its facts are gone at once (PS-106)")
