"""A foreign subscriber, SIPp: SUBSCRIBE, NOTIFY, refresh, un-SUBSCRIBE, through the S-CSCF and straight at Herald (PS-65, PS-71)."""
from harness.sipp import Sipp


def run(lab):
    herald = lab.start()
    sipp = Sipp(lab, "alice")
    sipp.register("alice")
    lab.say("ok: SIPp registered alice by digest")
    sipp.run("subscriber", lab.core.sip_port, users=["alice"], keys={"route": f"sip:orig@127.0.0.1:{lab.core.sip_port}"})
    lab.say("ok: through the S-CSCF, one")
    sipp.run("subscriber", lab.as_port, users=[f"u{number}" for number in range(20)], calls=20, rate=5,
             keys={"route": f"sip:127.0.0.1:{lab.as_port};orig"})
    lab.say("ok: straight at Herald, 20 at 5/s")
    _, _, text = herald.request("GET", "/v1/subscriptions?app=news.ua")
    lab.check("sip:u" not in text and "sip:alice" not in text, "none is left")
