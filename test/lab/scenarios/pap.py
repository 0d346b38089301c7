"""PAP as an initiator uses it: push, status, cancel, replace with both methods, client capabilities, result notifications, versions in kind (PAP-20, PAP-21, PAP-30, PAP-31, PAP-34, PAP-35, PAP-36, PAP-37, PAP-40, PAP-41, PAP-54)."""
import socket
import time

from harness.core import DOMAIN, password
from harness.herald import TOKEN
from harness.pap import Initiator, NotificationSink, document, element

ALICE = f"WAPPUSH=alice%40{DOMAIN}/TYPE=USER@ppg.{DOMAIN}"
BOB = f"sip:bob@{DOMAIN}"


def response(reader):
    """The body of the next answer on a connection."""
    length = 0
    while (line := reader.readline().strip()):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return reader.read(length)


def run(lab):
    sink = lab.closing(NotificationSink(answers=[503, 4000]))
    lab.ladder.party("PI", http=(sink.port,))
    # Beside the harness's account, one whose notifications come here; retried soon.
    lab.start(extra=f'''        - {{name: pi, token: {TOKEN}-pi, applications: ["*"], callbacks: ["http://127.0.0.1:{sink.port}/notify"], callbacks_private: true}}
      callbacks: {{retry: [1s]}}
''')
    herald = lab.herald
    receiver = lab.receiver("alice")
    herald.wait_registration("alice")
    pi = Initiator(herald, "pi", TOKEN + "-pi")
    notify = f"http://127.0.0.1:{sink.port}/notify?who=pi"

    answer = pi.push("p-1@pi", [ALICE], b"Goal!", ppg_notify_requested_to=notify, quality={"priority": "high", "delivery-method": "unconfirmed"})
    lab.check((answer.status, answer.operation, answer.code) == (202, "push-response", 1001), "a push is 1001 (PAP-31)")
    lab.check(receiver.wait_event("push")[0]["text"] == "Goal!", "and arrives")
    state = pi.wait_state("p-1@pi", ALICE, "delivered")
    lab.check(state[1] == 1000, "its status is delivered, by the address as it was written (PAP-54)")

    versions = [pi.__class__(herald, "pi", TOKEN + "-pi", version=version).status("p-1@pi").version for version in ("1.0", "2.0", "2.1", "2.2")]
    lab.check(versions == ["1.0", "2.0", "2.1", "2.2"], "each version is answered in kind (PAP-21)")
    answer = pi.push("p-2@pi", [ALICE], progress_notes_requested="true")
    stages = [note.get("stage") for note in answer.root.findall("progress-note")]
    lab.check(stages == ["parsed", "authorised", "queued"], f"progress notes when asked for: {stages} (PAP-40)")

    seen = [sink.next(60) for _ in range(3)]
    lab.check([answered for _, _, answered in seen] == [503, 4000, 1000], "the result is notified until it is taken: HTTP 503, then 4000, then 1000 (PAP-36)")
    lab.check(len({note.text for note, _, _ in seen}) == 1, "with the same words each time")
    note, path, _ = seen[0]
    told = note.root.attrib
    lab.check((note.operation, told["push-id"], told["message-state"], told["code"]) == ("resultnotification-message", "p-1@pi", "delivered", "1000"),
              f"it says {told}")
    lab.check(path == "/notify?who=pi" and note.root.find("address").get("address-value") == ALICE, "to the URL it gave, with the address as written (PAP-54)")

    many = [f"sip:u{i}@{DOMAIN}" for i in range(100)]
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    lab.check(pi.push("p-3@pi", many, deliver_after_timestamp=later).code == 1001, "one push to a hundred addresses, for later")
    results = pi.status("p-3@pi").results()
    lab.check(sorted(results) == sorted(many) and {state for state, _ in results.values()} == {"pending"}, "has a status for each (PAP-41)")
    lab.check(pi.cancel("p-3@pi", many[:10]).results() == {address: (None, 1000) for address in many[:10]}, "ten of them are cancelled (PAP-35)")
    results = pi.status("p-3@pi").results()
    lab.check([results[address][0] for address in many[9:11]] == ["cancelled", "pending"], "the others are not")
    lab.check({code for _, code in pi.cancel("p-3@pi").results().values()} == {1000}, "then all of it")
    lab.check(pi.cancel("p-1@pi").results()[ALICE][1] == 2008, "what was delivered is not: 2008 (PAP-35)")
    lab.check(Initiator(herald, "pi", TOKEN + "-pi", version="1.0").cancel("p-1@pi").results()[ALICE][1] == 3003, "3003 for a 1.0 peer (PAP-35)")
    lab.check(pi.status("never@pi").root[0].get("code") == "2004", "an unknown push-id is 2004")

    phone = None
    for method, again in (("pending-only", 0), ("all", 1)):
        before = len(receiver.events("push"))
        lab.check(pi.push(f"old-{method}@pi", [ALICE, BOB], f"old {method}".encode()).code == 1001, f"{method}: alice is there, bob is not")
        pi.wait_state(f"old-{method}@pi", ALICE, "delivered")
        answer = pi.push(f"new-{method}@pi", [ALICE, BOB], f"new {method}".encode(), replace_push_id=f"old-{method}@pi", replace_method=method)
        lab.check(answer.code == 1001, f"{method}: replaced (PAP-34)")
        lab.check(pi.status(f"old-{method}@pi", [BOB]).results()[BOB][0] == "cancelled", f"{method}: bob will not get the old one")
        receiver.wait_event("push", before + 1 + again)  # it shows a push after it has answered it
        lab.check(len(receiver.events("push")) == before + 1 + again, f"{method}: alice {'gets the new one too' if again else 'had it'} (PAP-34)")
        # The same phone at the same address: the S-CSCF may still send to one that has just gone.
        if phone:
            phone.register(lab.core.sip_port, password("bob"))
        else:
            phone = lab.phone("bob")
        message = phone.next_request("MESSAGE")
        lab.check(f"new {method}".encode() in message.body, f"{method}: bob gets the new one")
        pi.wait_state(f"new-{method}@pi", BOB, "delivered")
        phone.register(lab.core.sip_port, password("bob"), expires=0)
        herald.wait_registration("bob", registered=False)
    lab.check(pi.push("x@pi", [ALICE], replace_push_id="never@pi").code == 2004, "what does not exist is not replaced: 2004 (PAP-34)")

    answer = pi.capabilities(ALICE, "news.ua")
    lab.check(answer.code == 1000 and len(answer.parts) == 2 and "PushCharacteristics" in answer.parts[1], "capabilities of alice, as RDF")
    lab.check(pi.capabilities(f"sip:dave@{DOMAIN}").code in (2003, 3008), "of somebody nobody knows: none")
    bad = pi.post("<!DOCTYPE pap [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><pap><cancel-message push-id=\"&x;\"/></pap>")
    lab.check((bad.status, bad.operation, bad.code) == (202, "badmessage-response", 2000) and "root:" not in bad.text, "nothing is expanded (PAP-20)")
    lab.check(pi.push("y@pi", [ALICE], ppg_notify_requested_to="http://127.0.0.1:1/").code == 2001, "notified only where the account may be (PAP-37)")
    lab.check(pi.post(b"x" * (2 << 20)).status == 413, "2 MiB are 413 (PAP-02)")
    lab.check(sink.empty(), "one notification for the one push that asked for it (PAP-36)")

    # -- the transport --
    body = document(element("statusquery-message", {"push-id": "p-1@pi"})).encode()
    head = (f"POST /pap HTTP/1.1\r\nHost: x\r\nAuthorization: {pi.credentials}\r\nContent-Type: application/xml\r\n").encode()
    with socket.create_connection(("127.0.0.1", herald.http_port), timeout=20) as wire:
        reader = wire.makefile("rb")
        wire.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 50]), body[i:i + 50]) for i in range(0, len(body), 50)) + b"0\r\n\r\n")
        lab.check(b"p-1@pi" in response(reader), "a chunked request (PAP-02)")
        wire.sendall(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        lab.check(b" 100 " in reader.readline() and reader.readline() == b"\r\n", "100 Continue on the same connection (PAP-02)")
        wire.sendall(body)
        lab.check(b"p-1@pi" in response(reader), "and then the answer")
