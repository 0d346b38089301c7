"""A foreign UA, SIPp, is referred: takes Herald's REFER, subscribes, gets the push that waited for her consent (PS-90, PS-95)."""
from harness.sipp import Sipp


def run(lab):
    herald = lab.start()
    sipp = Sipp(lab, "alice")
    sipp.register("alice", '+g.oma.pusheventapp="news.ua,sports.ua"')
    waiting = sipp.start("referred", lab.core.sip_port, keys={"user": "alice", "route": f"sip:orig@127.0.0.1:{lab.core.sip_port}"})
    push_id = herald.push("alice", "for the one who is referred", app="sports.ua")
    sipp.finish(waiting)
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["mode"]) == ("delivered", "notify"), f"the push that waited is delivered by {state['mode']}")
