"""What a receiver answers, or does not, becomes status, code and cause as status-mapping.md 5 says."""
import time

from harness.core import password

DEADLINE = 240


def in_seconds(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Sequence:
    """Answers one after the other, the last one again and again; retransmissions get what they got."""

    def __init__(self, *answers):
        self.answers, self.given = list(answers), {}

    def __call__(self, request):
        key = request["Call-ID"]
        if key not in self.given:
            self.given[key] = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self.given[key]


def run(lab):
    herald = lab.start(core={"load_users": 8})

    # user, answers, submission, expected final status, code, cause, attempts
    cases = [
        ("load1", [(403,)], {}, "rejected", 2001, "sip:403", 1),
        ("load2", [(415, ("Accept: text/vnd.wap.si",))], {}, "undeliverable", 2005, "sip:415", 1),
        # Retry-After beyond deliver_before: the class's failure at once
        ("load3", [(486, ("Retry-After: 600",))], {"deliver_before": in_seconds(60)}, "undeliverable", 4000, "sip:486", 1),
        ("load4", [(486, ("Retry-After: 2",)), (200,)], {}, "delivered", 1000, "sip:200", 2),
        ("load5", [(600,)], {"deliver_before": in_seconds(3)}, "rejected", 2001, "sip:600", 1),
        # Silence: the S-CSCF gives up after 10 s with 408, class U; its one repeat would be too late.
        ("load6", [None], {"deliver_before": in_seconds(45)}, "timeout", 4000, "sip:408", 1),
    ]
    ids = {}
    for user, answers, fields, *_ in cases:
        lab.phone(user, behaviour=Sequence(*answers))
        ids[user] = herald.push(user, f"for {user}", **fields)

    absent = lab.phone("load7", behaviour=Sequence((480,), (200,)))
    waiting = herald.push("load7", "for load7")
    state = herald.wait_for_push(waiting, lambda found: found.get("status") == "waiting_reachable", 20, "480 makes the push wait")
    lab.check(state["cause"] == "sip:480" and not state["final"], "480: waiting_reachable, cause sip:480")
    absent.register(lab.core.sip_port, password("load7"))
    state = herald.wait_final(waiting)
    lab.check(state["status"] == "delivered" and state["attempts"] == 2, "and delivered after the next registration")

    state = herald.wait_for_push(ids["load4"], lambda found: found.get("status") in ("retrying", "delivered"), 20, "486 is retried")
    lab.say(f"486 with Retry-After 2: {state}")
    for user, answers, _, status, code, cause, attempts in cases:
        state = herald.wait_final(ids[user], 120)
        got = (state["status"], state["code"], state["cause"], state["attempts"])
        answer = answers[0][0] if answers[0] else "silence"
        lab.check(got == (status, code, cause, attempts), f"{answer}: {status}, {code}, {cause}, {attempts} attempt(s); got {got}")
