"""What a push ends as, for every report asked for, every mode, and receivers that send, refuse, ignore, delay or deny reports (F-2, PS-50, PS-51, PS-54, PS-55, SM-16, SM-17, PR-10, PR-11)."""
DEADLINE = 300
CONFIG = """\
      report_timeout: 4s
      msrp: {report_wait: 3s}
      retry: {first_delay: 300ms, max_delay: 1s, max_attempts: 3, unknown_delay: 1s}
"""
LEVELS = ("none", "network", "delivery", "display")
MODES = ("pager", "notify", "msrp", "indirection")
BEHAVIOURS = {"send": "send", "refuse": "refuse", "ignore": "ignore", "delay": "delay:1", "failed": "failed"}


def expected(level, mode, behaviour):
    """(status, code, evidence) as status-mapping.md 3, 7 and 8 have it."""
    session = mode == "msrp"
    if level in ("none", "network"):
        return "delivered", 1000, "hop" if session else "network"
    if behaviour in ("send", "delay"):
        return "displayed" if level == "display" else "delivered", 1000, "receiver"
    if behaviour == "failed":  # a session's failure REPORT is 400
        return ("undeliverable", 3000 if session else 4000, None)
    # Nobody says that it arrived: the last that is proven stays (PS-54, SM-17).
    return "delivered", 1000, "hop" if session else "network"


def run(lab):
    users = {behaviour: f"load{number}" for number, behaviour in enumerate(BEHAVIOURS, 1)}
    herald = lab.start(core={"load_users": len(users)}, msrp=True, extra=CONFIG)
    for behaviour, user in users.items():
        receiver = lab.receiver(user, "--msrp", "--content-host", "127.0.0.1", "--content-insecure", "--subscribe", "news.ua", "--display",
                                "auto", "--report-mode", BEHAVIOURS[behaviour])
        receiver.wait_event("subscribed")
        herald.wait_registration(user)
    rows = [(level, mode, behaviour) for level in LEVELS for mode in MODES for behaviour in BEHAVIOURS]
    ids = {row: herald.push_bytes(users[row[2]], f"{row}".encode(), kind="text/plain", report=row[0], mode=row[1]) for row in rows}
    wrong = []
    for row in rows:
        state = herald.wait_final(ids[row], 60)
        status, code, evidence = expected(*row)
        got = (state["status"], state["code"], state.get("evidence"))
        good = got[:2] == (status, code) and evidence in (None, got[2])
        lab.say(f"{'ok' if good else 'NO'}: report {row[0]:8} by {row[1]:11} receiver: {row[2]:6} -> {got[0]}, {got[1]}, evidence {got[2]}, "
                f"cause {state['cause']}" + ("" if good else f"; expected {status}, {code}, {evidence}"))
        if not good:
            wrong.append(row)
    lab.check(not wrong, f"all {len(rows)} are as the tables say; not: {wrong}")
