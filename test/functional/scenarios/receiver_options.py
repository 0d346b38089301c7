"""herald-receiver on real sockets, its network played by the scenario: options and exit codes, REFER decided on standard input, content by reference, blocked senders, reports, orderly end."""
import hashlib
import http.server
import json
import re
import subprocess
import threading

from harness.processes import Process
from harness.sip import UserAgent

CONTENT = b"a picture of a goal"


class Content(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_):
        pass


def network(request):
    if request.method == "REGISTER":
        return 200, [f"Contact: {request['Contact']};expires=600"]
    if request.method == "SUBSCRIBE":
        return 200, [f"Expires: {request['Expires']}", "Contact: <sip:push@127.0.0.1:9>"]
    return 200, []


def run(lab):
    binary = lab.binaries / "herald-receiver"

    def call(*arguments):
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    code, out = call("--help")
    lab.check(code == 0 and all(option in out for option in ("--subscribe", "--publish", "--refer", "--imdn", "--content-host", "--reject")),
              "--help names the options, exit code 0")
    for wrong in (["--refer", "perhaps"], ["--subscribe", "no app"], ["--imdn", "maybe"], ["--reject", "nobody"], ["--expires", "0"]):
        code, out = call("--user", "sip:a@b", "--registrar", "sip:127.0.0.1:9", *wrong)
        lab.check(code == 2, f"{' '.join(wrong)}: 2, {out.strip().splitlines()[0][:120]}")

    core = UserAgent("core", behaviour=network)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Content)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    receiver = Process("receiver", [binary, "--user", "sip:alice@ims.lab", "--password", "x", "--registrar", f"sip:127.0.0.1:{core.port}",
                                    "--apps", "news.ua", "--subscribe", "news.ua", "--refer", "ask",
                                    "--content-host", "127.0.0.1", "--content-insecure", "--reject", "sip:spam@ims.lab", "--display",
                                    "--trust", "127.0.0.1"],
                       lab.directory / "receiver.log", stdin=subprocess.PIPE)

    def events(name):
        found = []
        for line in receiver.output().splitlines():
            if line.startswith("{"):
                entry = json.loads(line)
                if entry["event"] == name:
                    found.append(entry)
        return found

    def wait(name, count=1):
        return receiver.wait_for(lambda: len(events(name)) >= count and events(name), 20, f"the receiver tells {name}")

    register = core.next_request("REGISTER")
    port = int(re.search(r"sip:alice@127\.0\.0\.1:(\d+)", register["Contact"]).group(1))
    lab.check("+g.oma.pusheventapp" in register["Contact"] and "methods=\"MESSAGE,OPTIONS,NOTIFY,REFER\"" in register["Contact"],
              f"REGISTER with what it can do: {register['Contact']} (PR-1)")
    wait("registered")
    subscribe = core.next_request("SUBSCRIBE")
    lab.check(subscribe["Event"] == "oma-push;appid=news.ua", f"SUBSCRIBE {subscribe.uri} (PR-2)")

    news = "P-Asserted-Identity: <sip:push-news@ims.lab>"
    uri = f"sip:alice@127.0.0.1:{port}"
    refer = core.final(core.request("REFER", uri, port, [
        news, core.contact(), "Require: nosub",
        "Refer-To: <sip:push-news@ims.lab;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dnews.ua&Expires=600>"]))
    asked = wait("referred")[0]
    lab.check(refer.status == 202 and asked["decision"] == "asked", "REFER: 202, and the user is asked (PR-13)")
    receiver.popen.stdin.write(f"accept {asked['id']}\n".encode())
    receiver.popen.stdin.flush()
    lab.check(wait("referred", 2)[1]["decision"] == "accepted", "he accepts by a line")
    lab.check(core.next_request("SUBSCRIBE").uri == "sip:push-news@ims.lab", "and the SUBSCRIBE follows")

    digest = hashlib.sha1(CONTENT).hexdigest()
    kind = (f'message/external-body;access-type="URL";URL="http://127.0.0.1:{web.server_port}/goal";size={len(CONTENT)};hash={digest}')
    answer = core.final(core.request("MESSAGE", uri, port, [news, f"Content-Type: {kind}"],
                                     "Content-Type: text/plain\r\nContent-ID: <p1@lab>\r\nContent-Disposition: render\r\n\r\n"))
    push = wait("push")[0]
    lab.check(answer.status == 200 and push["text"] == CONTENT.decode() and push["id"] == "p1@lab", f"content by reference is fetched: {push} (PR-12)")
    answer = core.final(core.request("MESSAGE", uri, port, [news, f"Content-Type: {kind.replace('127.0.0.1', '127.0.0.2')}"],
                                     "Content-Type: text/plain\r\n\r\n"))
    lab.check(answer.status == 415 and "external-body" not in answer["Accept"], f"but not from elsewhere: 415, Accept: {answer['Accept']} (PR-12)")
    answer = core.final(core.request("MESSAGE", uri, port, ["P-Asserted-Identity: <sip:spam@ims.lab>", "Content-Type: text/plain"], "buy"))
    lab.check(answer.status == 603, "a blocked sender gets 603 (PR-16)")

    outsider = UserAgent("outsider", address="127.0.0.3")
    answer = outsider.final(outsider.request("MESSAGE", uri, port, [news, "Content-Type: text/plain"], "believe me"))
    lab.check(answer.status == 403, "an identity that somebody else asserts is not believed: 403 (PR-16)")
    outsider.close()

    cpim = ("From: <sip:push-news@ims.lab>\r\nTo: <sip:alice@ims.lab>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n"
            "imdn.Disposition-Notification: positive-delivery, display\r\n\r\nContent-Type: text/plain\r\n\r\nwith a report")
    core.final(core.request("MESSAGE", uri, port, [news, "Content-Type: message/cpim"], cpim))
    lab.check({event["disposition"] for event in wait("report_sent", 2)} == {"delivered", "displayed"}, "reports that were asked for are sent (PR-10)")
    report = core.next_request("MESSAGE")
    lab.check(b"<message-id>m1</message-id>" in report.body, f"to {report.uri} (PS-51)")

    receiver.stop()
    gone = core.next_request("REGISTER")
    lab.check(gone["Expires"] == "0", "at the end it takes its registration back")
    lab.check(events("unregistered") and receiver.popen.returncode == 0, "exit code 0")
    web.shutdown()
    core.close()
