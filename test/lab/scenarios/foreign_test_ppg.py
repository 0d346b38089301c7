"""Kannel's test_ppg, a push initiator nobody here wrote, against POST /pap as it is: every form it sends, its defects included (PAP-01, PAP-02, PAP-10, PAP-11, PAP-21, PAP-30, PAP-32, PAP-33, PAP-38, PAP-40, PAP-60)."""
import re
import time

from harness.core import DOMAIN
from harness.herald import TOKEN
from harness.lab import ROOT
from harness.pap import TestPpg

SAMPLES = "/usr/lib/kannel/test"
SI = ('<?xml version="1.0"?>\n<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN"\n"http://www.wapforum.org/DTD/si.dtd">\n<si>\n'
      '  <indication href="http://news.lab/7" si-id="{0}@news.lab" action="signal-medium">Storm warning {0}</indication>\n</si>\n')
DTD = '<?xml version="1.0"?>\n<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP//EN"\n          "http://www.wapforum.org/DTD/pap_1.0.dtd">\n'
ALICE = f"WAPPUSH=sip%3Aalice%40{DOMAIN}/TYPE=USER@ppg.carrier.com"
CONFIG = """\
      pap: {credentials_in_query: true, names: [ppg.carrier.com]}
"""
APPS = """\
apps:
  - {id: wml.ua, consent: open, types: [text/vnd.wap.si, text/vnd.wap.sl, text/vnd.wap.wml, application/octet-stream, text/plain]}
  - {id: mms.ua, consent: open, types: [text/vnd.wap.si, text/plain]}
"""


def control(push_id, address=ALICE, more=""):
    return (f'{DTD}<pap>\n  <push-message push-id="{push_id}"\n  progress-notes-requested="false" {more}>\n'
            f'    <address address-value="{address}">\n    </address>\n'
            '    <quality-of-service\n    priority="low"\n    delivery-method="unconfirmed">\n    </quality-of-service>\n  </push-message>\n</pap>\n')


def run(lab):
    services = lab.directory / "push.yaml"
    text = (ROOT / "config/services/push.yaml").read_text()
    services.write_text(text[:text.index("\napps:")] + "\n" + APPS)
    lab.start_core()
    lab.make_herald(extra=CONFIG)
    lab.herald.config.write_text(lab.herald.config.read_text().replace(f"services: [{ROOT / 'config/services/push.yaml'}]", f"services: [{services}]"))
    lab.herald.start()
    receiver = lab.receiver("alice", "--accept", "text/vnd.wap.si,text/vnd.wap.sl,text/vnd.wap.wml,multipart/related,application/octet-stream,text/plain",
                            apps="wml.ua,mms.ua")
    lab.herald.wait_registration("alice")
    client = TestPpg(lab)
    url = f"http://127.0.0.1:{lab.herald.http_port}/pap"
    login = f"?username=news&password={TOKEN}"
    count = [0]
    arrived = [0]

    def case(*options, more="", address=ALICE, content=None, pap=None, where=None):
        """One run with a push-id of its own: (push-id, content, log)."""
        count[0] += 1
        push_id = f"case-{count[0]}@pi.lab"
        si = SI.format(count[0]) if content is None else content
        log = client.run(*options, where or url + login, client.file(f"content-{count[0]}", si),
                         client.file(f"pap-{count[0]}", control(push_id, address, more) if pap is None else pap))
        return push_id, si, log

    def answered(log):
        """What it says of the answer: (kind, code in the body)."""
        kind = "push response" if "type push response" in log else "bad message response" if "type bad message response" in log else ""
        code = re.search(r'code="(\d{4})"', log) or re.search(r"code.{0,20}?(\d{4})", log)
        return kind, int(code.group(1)) if code else 0

    def taken(push_id, si, log, what, kind="text/vnd.wap.si", app="wml.ua"):
        lab.check("1 succeeded, 0 failed" in log and answered(log)[0] == "push response", f"{what}: test_ppg understood a push-response")
        arrived[0] += 1
        push = receiver.wait_event("push", arrived[0])[-1]
        lab.check(push["type"].split(";")[0] == kind and push.get("text", "") == si, f"{what}: arrives as {push['type']}, the same bytes")
        lab.check(push["app"] == app, f"{what}: for {push['app']}")
        return push

    def refused(log, what, kind="bad message response"):
        lab.check(answered(log)[0] == kind, f"{what}: {answered(log)}")

    # -- the forms of its messages --
    taken(*case(), "its own form: empty preamble, LF inside the parts, nothing behind the end (PAP-10)")
    taken(*case("-p"), "with preamble (PAP-10)")
    taken(*case("-E"), "with epilogue (PAP-10)")
    taken(*case("-d", "lf"), "LF alone between the lines (PAP-10)")
    taken(*case("-k", "keep-alive"), "over a connection that is kept (PAP-02)")
    taken(*case("-e", "base64"), "base64 is undone (PAP-11)")
    taken(*case("-I", "http://pi.lab/"), "X-Wap-Initiator-URI beside the entities")
    taken(*case("-a", "nil"), "no application id is wml.ua (PAP-60)")
    taken(*case("-a", "mms"), "mms.ua (PAP-60)", app="mms.ua")
    taken(*case("-n", "-a", "mms"), "4 is mms.ua (PAP-60)", app="mms.ua")
    taken(*case("-s", "x-wap-application-id:mms.ua"), "mms.ua without blanks (PAP-60)", app="mms.ua")
    taken(*case("-c", "wml"), "WML", kind="text/vnd.wap.wml")
    taken(*case("-c", "sl", content='<?xml version="1.0"?><sl href="http://x/"/>'), "SL", kind="text/vnd.wap.sl")
    push_id, si, log = case("-c", "nil")
    lab.check(answered(log)[0] == "push response", "without Content-Type (PAP-10)")
    arrived[0] += 1
    push = receiver.wait_event("push", arrived[0])[-1]
    lab.check(push["type"] == "application/octet-stream" and push["size"] == len(si), "which is application/octet-stream")

    # -- what it cannot do right, or does wrong on purpose --
    refused(case("-S", "Content-Language: en")[2], "-S forgets the empty line behind the header: 2000")
    refused(case("-e", "base64", "-S", "Content-Language: en")[2], "with base64, too: 2000, nothing worse")
    refused(case("-a", "scrap")[2], "no application id at all: 2000", "push response")
    refused(case(pap="<pap><push-message")[2], "XML that is not well-formed: badmessage-response (PAP-32)")
    refused(case(pap="")[2], "no XML at all: badmessage-response (PAP-32)")
    refused(case(pap=DTD.replace(">\n", " [<!ENTITY a \"b\">]>\n", 2) + "<pap/>")[2], "an entity declaration: badmessage-response (PAP-20)")

    # -- its own samples --
    push = client.run(url + login, f"{SAMPLES}/si.txt", f"{SAMPLES}/smstestppg.txt")
    lab.check(answered(push)[0] == "push response" and "3010" in push, "its SMS sample insists on a bearer: 3010 (PAP-38)")
    push = client.run(url + login, f"{SAMPLES}/si.txt", f"{SAMPLES}/iptestppg.txt")
    lab.check("2002" in push, "its IPv4 sample is no address of SIP push: 2002 (PAP-51)")
    push = client.run("-H", url + login)
    lab.check(answered(push)[0] == "push response" and "2001" in push, "its hard-coded message expired in 2002: 2001 (PAP-33)")

    # -- whose it is --
    lab.check("failed" in case(where=url)[2], "no credentials: 401, which it calls failed (PAP-01)")
    lab.check("0 succeeded, 1 failed" in case("-b", where=url)[2], "-b sends (null): on the command line: 401 (PAP-01)")
    lab.check("0 succeeded, 1 failed" in case(where=url + "?username=news&password=wrong")[2], "a wrong password: 401 (PAP-01)")
    lab.check("0 succeeded, 1 failed" in case(where=url + "/elsewhere" + login)[2], "another path: 404")
    count[0] += 1
    push_id, si = f"case-{count[0]}@pi.lab", SI.format(count[0])
    conf = client.file("ppg.conf", f"""group = test-ppg
retries = 1
pi-ssl = no

group = configuration
push-url = {url}
pap-file = {client.file("conf-pap", control(push_id))}
content-file = {client.file("conf-content", si)}
username = news
password = {TOKEN}
""")
    taken(push_id, si, client.run("-b", conf), "Basic credentials from its configuration file (PAP-01)")

    # -- times, push-ids, addresses --
    lab.check("2001" in case(more='deliver-before-timestamp="2020-01-01T00:00:00Z"')[2], "deliver-before in the past: 2001 (PAP-33)")
    push_id, si, log = case()
    taken(push_id, si, log, "a push-id")
    again = client.run(url + login, client.directory / f"content-{count[0]}", client.directory / f"pap-{count[0]}")
    lab.check("1 succeeded" in again and "1001" in again, "the same bytes again: the first answer (PAP-30)")
    other = client.run(url + login, client.file("other", SI.format("other")), client.directory / f"pap-{count[0]}")
    lab.check("2007" in other, "the same push-id with other content: 2007 (PAP-30)")
    taken(*case(address=f"sip:alice@{DOMAIN}"), "a bare SIP URI, at which Kannel's own gateway hangs (PAP-52)")
    refused(case(address="nobody")[2], "no address: 2002 (PAP-32)", "push response")
    refused(case(address="WAPPUSH=+358408201681/TYPE=PLMN@ppg.elsewhere.example")[2], "another gateway's address: 2002 (PAP-51)", "push response")

    # -- many at a time --
    log = case("-r", "20", "-t", "4", "-k", "keep-alive")[2]
    lab.check(len(re.findall(r"type push response", log)) == 20, "20 requests of four threads are answered (PAP-02)")
    deadline = time.monotonic() + 10
    while len(receiver.events("push")) <= arrived[0] and time.monotonic() < deadline:
        receiver.wait_event("push", arrived[0] + 1)
    arrived[0] += 1
    lab.check(len(receiver.events("push")) == arrived[0], "and are one push")
    lab.check("<progress-note" not in "".join(path.read_text() for path in client.directory.glob("run-*.log")), "never a progress note: it would crash (PAP-40)")
