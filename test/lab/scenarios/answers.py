"""What a receiver answers, or does not, becomes status, code and cause as status-mapping.md 5 says (F-10, PS-50)."""
import datetime

from harness.core import password

DEADLINE = 240


# Schedules short enough to see their end; the default ones are the component tests' on the virtual clock.
RETRY = "      retry: {first_delay: 300ms, max_delay: 1s, max_attempts: 3, unknown_delay: 1s}\n"


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
    herald = lab.start(core={"load_users": 8}, extra=RETRY)
    hour = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    # user, answers, submission, expected final status, code, cause, attempts
    cases = [
        ("load1", [(403,)], {}, "rejected", 2001, "sip:403", 1),
        ("load2", [(415, ("Accept: text/vnd.wap.si",))], {}, "undeliverable", 2005, "sip:415", 1),
        # Retry-After beyond deliver_before: the class's failure at once
        ("load3", [(486, ("Retry-After: 7200",))], {"deliver_before": hour}, "undeliverable", 4000, "sip:486", 1),
        ("load4", [(486, ("Retry-After: 2",)), (200,)], {}, "delivered", 1000, "sip:200", 2),
        ("load5", [(600,)], {}, "rejected", 2001, "sip:600", 3),
        # Silence: the S-CSCF gives up after 10 s with 408, class U: one repeat.
        ("load6", [None], {}, "timeout", 4000, "sip:408", 2),
        ("load8", [(486,)], {}, "undeliverable", 4000, "sip:486", 3),
    ]
    ids, phones = {}, {}
    for user, answers, fields, *_ in cases:
        phones[user] = lab.phone(user, behaviour=Sequence(*answers))
        ids[user] = herald.push(user, f"for {user}", **fields)

    absent = lab.phone("load7", behaviour=Sequence((480,), (200,)))
    waiting = herald.push("load7", "for load7")
    state = herald.wait_for_push(waiting, lambda found: found.get("status") == "waiting_reachable" and found.get("cause"), 20,
                                 "480 makes the push wait")
    lab.check(state["cause"] == "sip:480" and not state["final"], "480: waiting_reachable, cause sip:480")
    absent.register(lab.core.sip_port, password("load7"))
    state = herald.wait_final(waiting)
    lab.check(state["status"] == "delivered" and state["attempts"] == 2, "and delivered after the next registration")

    for user, answers, _, status, code, cause, attempts in cases:
        state = herald.wait_final(ids[user], 120)
        got = (state["status"], state["code"], state["cause"], state["attempts"])
        answer = " then ".join(str(answer[0]) if answer else "silence" for answer in answers)
        lab.check(got == (status, code, cause, attempts), f"{answer}: {status}, {code}, {cause}, {attempts} attempt(s); got {got}")
    first, second = (phones["load4"].next_request("MESSAGE") for _ in range(2))
    lab.say(f"486 with Retry-After 2: the second attempt came {second.arrived - first.arrived:.2f} s after the first")
    lab.check(second.arrived - first.arrived >= 2.0, "not before Retry-After")
    lab.check(first["Call-ID"] != second["Call-ID"] and first["Content-ID"] == second["Content-ID"],
              "with a new Call-ID and the same push-id (PS-6)")
