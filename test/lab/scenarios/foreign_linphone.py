"""A foreign user agent, liblinphone: registers, gets a push as MESSAGE, subscribes, gets one as NOTIFY, un-subscribes (PS-60, PS-65, PS-80)."""
import json
import subprocess
import sys

from harness.core import DOMAIN, LAB, password
from harness.processes import Process


class Linphone(Process):
    """Its words on standard output, commands on its standard input."""

    def __init__(self, lab, user):
        directory = lab.directory / f"linphone-{user}"
        directory.mkdir()
        super().__init__(f"linphone {user}", [sys.executable, LAB / "foreign/linphone_agent.py", user, password(user), DOMAIN, lab.core.sip_port,
                                              "oma-push", directory], lab.directory / f"linphone-{user}.log", stdin=subprocess.PIPE)

    def command(self, word):
        self.popen.stdin.write(word.encode() + b"\n")
        self.popen.stdin.flush()

    def told(self, event, **fields):
        found = []
        for line in self.output().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get("event") == event and all(entry.get(name) == value for name, value in fields.items()):
                found.append(entry)
        return found

    def wait_told(self, event, count=1, seconds=20, **fields):
        return self.wait_for(lambda: len(self.told(event, **fields)) >= count and self.told(event, **fields), seconds, f"it tells {event} {fields}")


def run(lab):
    herald = lab.start()
    linphone = lab.closing(Linphone(lab, "alice"))
    linphone.wait_told("registered")
    herald.wait_registration("alice")
    lab.say("ok: registered by digest")
    push_id = herald.push("alice", "Goal! as MESSAGE", mode="pager")
    message = linphone.wait_told("message")[0]
    lab.check(message["text"] == "Goal! as MESSAGE", f"a push arrives as MESSAGE: {message}")
    lab.check(herald.wait_final(push_id)["status"] == "delivered", "delivered")

    linphone.wait_told("subscription", state="active")
    lab.say("ok: its SUBSCRIBE is accepted and answered by a NOTIFY (without body, so that it tells the state only)")
    _, _, text = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
    lab.check("sip:alice@ims.lab" in text, f"Herald has it: {text[:300]}")
    push_id = herald.push("alice", "Goal! as NOTIFY")
    linphone.wait_for(lambda: any("Goal! as NOTIFY" in str(entry.get("text")) for entry in linphone.told("notify")), 20, "the NOTIFY with the push")
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["mode"]) == ("delivered", "notify"), f"a push arrives as NOTIFY: {linphone.told('notify')[-1]}")
    linphone.command("end")
    linphone.wait_told("subscription", state="terminated")

    def gone():
        _, _, now = herald.request("GET", "/v1/subscriptions?user=sip:alice@ims.lab")
        return "news.ua" not in now and "sip:alice@ims.lab" not in now
    herald.process.wait_for(gone, 15, "its un-SUBSCRIBE ends the subscription")
    lab.say("ok: its un-SUBSCRIBE ends the subscription")
