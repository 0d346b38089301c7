"""Digest registration at the S-CSCF shows in Herald's registration view, and ends there (F-8, S-1, PS-100)."""
from harness.core import password


def run(lab):
    herald = lab.start()
    lab.check(not herald.registration("alice"), "alice is unknown before she registers")
    receiver = lab.receiver("alice")
    lab.check(lab.core.hss_lines("request", command="MAR", public="sip:alice@ims.lab"), "the HSS gave the digest's vector (MAR)")
    lab.check(lab.core.hss_lines("request", command="SAR", public="sip:alice@ims.lab", assignment=1), "and the service profile (SAR)")
    seen = herald.wait_registration("alice")
    lab.say(f"GET /v1/registrations: {seen}")
    contact = seen["contacts"][0]
    lab.check(contact["uri"].startswith("sip:"), "the contact is there")
    lab.check("news.ua" in str(contact) and "mms.ua" in str(contact), "with the applications it registered")
    lab.check(str(lab.core.sip_port) in seen["scscf"], "and the S-CSCF that serves her")
    lab.check(seen["source"] == "third-party-register", "and where Herald knows it from")
    lab.check("tel:+15551000001" in str(seen), "and the tel: identity, though the S-CSCF writes P-Associated-URI wrongly")
    receiver.stop()

    carol = lab.agent("carol")
    carol.register(lab.core.sip_port, password("carol"))
    bob = lab.phone("bob")
    lab.check(herald.registration("bob") and not herald.registration("carol"), "only users whose profile says so are told")
    bob.register(lab.core.sip_port, password("bob"))
    lab.check(herald.wait_registration("bob"), "a refresh (new Call-ID, CSeq 10 again) keeps it")
    bob.register(lab.core.sip_port, password("bob"), expires=0)
    lab.check(herald.wait_registration("bob", registered=False), "de-registration ends it")
