"""P-2 (e), receive capabilities: the third-party REGISTER says nothing of the user's contacts, so Herald learns them from the S-CSCF's reg event (PS-101)."""
from harness.core import LAB, password


def run(lab):
    herald = lab.start(core={"ifc": LAB / "provisioning/registration-only.xml"})
    alice = lab.phone("alice")
    seen = herald.process.wait_for(lambda: (found := herald.registration("alice")) and found["contacts"] and found, 15, "her contacts are known")
    lab.say(f"GET /v1/registrations: {seen}")
    contact = seen["contacts"][0]
    lab.check(str(alice.port) in contact["uri"] and seen["source"] == "reg-event", "the contact comes from the reg event (PS-101)")
    alice.register(lab.core.sip_port, password("alice"), expires=0)
    lab.check(herald.wait_registration("alice", registered=False), "de-registration ends it")
