"""What the initiator said travels with the content: expiry, priority, application, push-id, disposition; identities of the service and of nobody else (F-6, S-3, PS-3, PS-16, PS-17, PS-18, S-4)."""
import datetime
import email.utils


def run(lab):
    herald = lab.start()
    alice = lab.phone("alice")
    until = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(minutes=10)
    push_id = herald.push("alice", "Goal!", priority="high", deliver_before=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    message = alice.next_request("MESSAGE")
    lab.check(herald.wait_final(push_id)["status"] == "delivered", "delivered")
    expires = int(message["Expires"])
    sent = email.utils.parsedate_to_datetime(message["Date"])
    lab.check(abs((sent + datetime.timedelta(seconds=expires) - until).total_seconds()) <= 2, f"Date and Expires {expires} give deliver_before (PS-16)")
    lab.check(message["Priority"] == "urgent", "high is urgent (PS-17)")
    lab.check("news.ua" in message["Accept-Contact"] and push_id in message["Content-ID"], "the application and the push-id are in it (F-6)")
    lab.check(message["Content-Disposition"].startswith("render") or not message["Content-Disposition"], "to be rendered (PS-18)")
    lab.check("sip:push-news@ims.lab" in message["From"], "From is the initiator's identity")
    lab.check("sip:push-news@ims.lab" in message["P-Asserted-Identity"], "asserted by Herald (S-3, PS-3)")
    first = message["P-Charging-Vector"]
    herald.push("alice", "Goal again!")
    second = alice.next_request("MESSAGE")["P-Charging-Vector"]
    lab.check(first and second and first != second, "each with a P-Charging-Vector of its own (PS-3)")
    status, _, text = herald.request("POST", "/v1/pushes", {"to": ["sip:alice@ims.lab"], "app": "news.ua", "from": "sip:somebody-else@ims.lab",
                                                           "content": {"type": "text/plain", "text": "spoofed"}})
    lab.check(status == 403 and alice.requests.empty(), f"an identity that is not the initiator's is 403, nothing is sent: {text[:120]}")
