"""A foreign publisher, SIPp: create, refresh, modify, remove, 412, through the S-CSCF and straight at Herald (PS-103, PS-106)."""
from harness.sipp import Sipp


def run(lab):
    lab.start()
    sipp = Sipp(lab, "alice")
    sipp.register("alice")
    sipp.run("publisher", lab.core.sip_port, users=["alice"], keys={"route": f"sip:orig@127.0.0.1:{lab.core.sip_port}"})
    lab.say("ok: through the S-CSCF, one")
    sipp.run("publisher", lab.as_port, users=[f"u{number}" for number in range(20)], calls=20, rate=5,
             keys={"route": f"sip:127.0.0.1:{lab.as_port};orig"})
    lab.say("ok: straight at Herald, 20 at 5/s")
