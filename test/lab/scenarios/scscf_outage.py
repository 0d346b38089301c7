"""The S-CSCF freezes, then crashes and comes back, in mid-traffic: no accepted push is lost."""
from harness.core import password
from harness.traffic import Inbox, Traffic

DEADLINE = 300
USERS = [f"load{number}" for number in range(1, 6)]


def run(lab):
    herald = lab.start(core={"load_users": len(USERS)})
    inbox = Inbox()
    phones = [lab.phone(user, behaviour=inbox.answer) for user in USERS]
    with Traffic(herald, USERS, rate=50) as traffic:
        traffic.wait_accepted(50)
        lab.core.freeze_scscf(True)
        traffic.wait_more(100)
        lab.core.freeze_scscf(False)
        lab.say("the S-CSCF was frozen while 100 pushes were accepted")
        traffic.wait_more(100)
        lab.core.scscf.kill()
        traffic.wait_more(100)
        lab.core.start_scscf()
        lab.core.hss.wait_for(lambda: len(lab.core.hss_lines("peer_open", peer="scscf.ims.lab")) > 1, 20,
                              "the HSS connects to the new S-CSCF")
        lab.say("the S-CSCF was dead while 100 pushes were accepted; the new one knows no registration")
        for phone, user in zip(phones, USERS):
            phone.register(lab.core.sip_port, password(user))
        traffic.wait_more(100)
    traffic.wait_all_final(200)
    traffic.tell(lab, inbox)
    lab.check(not traffic.refused, "every submission was accepted")
    lab.check(not traffic.accepted.keys() - traffic.delivered(), "every accepted push is delivered")
    lab.check(not set(traffic.accepted.values()) - inbox.texts(), "and was at the receiver")
