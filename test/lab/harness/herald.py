"""heraldd and herald-receiver as a scenario uses them."""
import base64
import http.client
import json
import socket
import urllib.parse
from pathlib import Path

from .core import DOMAIN, password
from .processes import LabError, Process, free_port

TOKEN = "lab-token"
CONFIG = """\
node: {{name: as1, domain: {domain}}}
sip:
  listen: [udp:127.0.0.1:{sip}, tcp:127.0.0.1:{sip}]
  trusted_peers: [127.0.0.1/32]
  next_hop: sip:127.0.0.1:{scscf};lr
diameter:
  enabled: {diameter}
  identity: as1.{domain}
  realm: {domain}
  listen: 127.0.0.1:0
  destination_realm: {domain}
  peers: [{{identity: hss.{domain}, address: 127.0.0.1, port: {hss}, transport: tcp, tls: false}}]
  request_timeout: 1s
http: {{listen: 127.0.0.1:{http}}}
admin: {{listen: 127.0.0.1:{admin}, socket: {directory}/herald.sock}}
store: {{driver: {driver}{path}}}
{node}services: [{services}]
modules:
  push:
    path: builtin
    config:
      sender_identity: sip:push@{domain}
      on_hss_failure: {on_hss_failure}
      initiators:
        - {{name: news, token: {token}, identities: ["sip:push-news@{domain}"], applications: ["*"], rate: {rate}/s{initiator}}}
{extra}"""


class Herald:
    """One heraldd. Started again it finds the same ports, configuration and database."""

    def __init__(self, directory, binary, core_ports, sip_port, services, on_hss_failure="default", driver="sqlite", rate=2000,
                 diameter="true", extra="", msrp=False, initiator="", msrps=None):
        """`msrp`: sessions have a port; `extra`: lines of modules.push.config; `initiator`: more about the account;
        `msrps`: sessions over TLS have a port too: certificate, key and ca, or None."""
        self.directory, self.binary = Path(directory), binary
        self.sip_port, self.http_port, self.admin_port = sip_port, free_port(), free_port()
        self.msrp_port = free_port() if msrp else None
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)
        scscf, hss = core_ports
        self.config = self.directory / "herald.yaml"
        self.config.write_text(CONFIG.format(
            domain=DOMAIN, sip=sip_port, scscf=scscf, hss=hss, http=self.http_port, admin=self.admin_port, directory=self.directory,
            driver=driver, path=f", path: {self.directory}/herald.db" if driver == "sqlite" else "", services=services,
            on_hss_failure=on_hss_failure, token=TOKEN, rate=rate, diameter=diameter, extra=extra,
            node=self.msrp_section(msrps) if msrp or msrps else "", initiator=f", {initiator}" if initiator else ""))

    def msrp_section(self, msrps):
        parts = [f"listen: 127.0.0.1:{self.msrp_port}"] if self.msrp_port else []
        if msrps:
            certificate, key, ca = msrps
            parts += [f"tls_listen: 127.0.0.1:{free_port()}", f"tls: {{certificate: {certificate}, key: {key}, ca: {ca}}}"]
        return f"msrp: {{{', '.join(parts)}}}\n"

    def start(self, wait=True):
        self.process = Process("heraldd", [self.binary, "--config", self.config], self.directory / "heraldd.log")
        if wait:
            self.process.wait_for(self.ready, 30, "Herald is ready")
        return self

    def ready(self):
        try:
            return self.get("/readyz", self.admin_port)[0] == 200
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.stop()

    def request(self, method, path, body=None, headers=(), port=None, timeout=30):
        """(status, headers, text)"""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http_port, timeout=timeout)
        try:
            all_headers = {"Authorization": f"Bearer {TOKEN}", **dict(headers)}
            data = None
            if body is not None:
                data = body if isinstance(body, (bytes, str)) else json.dumps(body)
                all_headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, data, all_headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def get(self, path, port=None):
        status, _, text = self.request("GET", path, port=port)
        return status, text

    def get_json(self, path):
        status, text = self.get(path)
        return json.loads(text) if status == 200 else None

    def metric(self, name):
        """The sum over all label sets."""
        _, text = self.get("/metrics", self.admin_port)
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith(name) and line[len(name)] in " {")

    def push(self, to, text="Goal!", app="news.ua", **fields):
        """Submits; returns the push's id. `to` is a user name or an address."""
        address = to if ":" in to else f"sip:{to}@{DOMAIN}"
        body = {"to": [address], "app": app, "content": {"type": "text/plain", "text": text}, **fields}
        status, _, answer = self.request("POST", "/v1/pushes", body)
        if status != 202:
            raise LabError(f"POST /v1/pushes: {status} {answer}")
        return json.loads(answer)["id"]

    def upload(self, content, kind="application/octet-stream", timeout=120):
        """POST /v1/contents; returns the reference."""
        status, _, answer = self.request("POST", "/v1/contents", content, {"Content-Type": kind}, timeout=timeout)
        if status != 201:
            raise LabError(f"POST /v1/contents: {status} {answer}")
        return json.loads(answer)["id"]

    def push_bytes(self, to, content, kind="image/png", **fields):
        """Submits content of any size: within the request as long as that is possible, uploaded before else."""
        if len(content) <= 65536:
            what = {"type": kind, "base64": base64.b64encode(content).decode()}
        else:
            what = {"ref": self.upload(content, kind)}
        return self.push(to, content=what, **fields)

    def recipient(self, push_id):
        state = self.get_json(f"/v1/pushes/{push_id}")
        return state["recipients"][0] if state else {}

    def wait_for_push(self, push_id, condition, seconds, what):
        """Polls until condition(recipient); returns the recipient's state."""
        last = {}

        def check():
            last.clear()
            last.update(self.recipient(push_id))
            return condition(last)
        try:
            self.process.wait_for(check, seconds, what)
        except LabError as error:
            raise LabError(f"{error}\nthe push: {json.dumps(last)}") from None
        return dict(last)

    def wait_final(self, push_id, seconds=30):
        return self.wait_for_push(push_id, lambda state: state.get("final"), seconds, "the push has a final status")

    def registration(self, user):
        return self.get_json("/v1/registrations/" + urllib.parse.quote(f"sip:{user}@{DOMAIN}", safe=""))

    def wait_registration(self, user, registered=True, seconds=30):
        def check():
            found = self.registration(user)
            return bool(found and found["registered"]) == registered and (found or True)
        return self.process.wait_for(check, seconds, f"Herald sees {user} {'registered' if registered else 'gone'}")


class Receiver:
    """herald-receiver as a user."""

    def __init__(self, directory, binary, user, sip_port, *options, apps="news.ua,mms.ua"):
        self.user = user
        self.process = Process(f"receiver {user}", [
            binary, "--user", f"sip:{user}@{DOMAIN}", "--password", password(user), "--registrar", f"sip:127.0.0.1:{sip_port}",
            "--apps", apps, *options], Path(directory) / f"receiver-{user}.log")

    def events(self, name=None):
        found = []
        for line in self.process.output().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if name in (None, entry.get("event")):
                found.append(entry)
        return found

    def wait_event(self, name, count=1, seconds=30):
        return self.process.wait_for(lambda: len(self.events(name)) >= count and self.events(name), seconds,
                                     f"{self.user} tells {name}")

    def stop(self):
        self.process.stop()


def tcp_listens(port):
    with socket.socket() as tcp:
        return tcp.connect_ex(("127.0.0.1", port)) == 0


RECEIVER_CONFIG = """\
node: {{name: as2, domain: {domain}}}
sip:
  listen: [udp:127.0.0.1:{sip}, tcp:127.0.0.1:{sip}]
  trusted_peers: [127.0.0.1/32]
  next_hop: sip:127.0.0.1:{scscf};lr
diameter: {{enabled: false}}
http: {{listen: 127.0.0.1:{http}}}
admin: {{listen: 127.0.0.1:{admin}, socket: {directory}/herald2.sock}}
store: {{driver: sqlite, path: {directory}/herald2.db}}
services: [{services}]
modules:
  receiver:
    path: builtin
    config:
{config}"""


class ReceiverNode(Herald):
    """A second heraldd that hosts the receiver agent for things: its pushes arrive over ISC and leave by HTTP."""

    def __init__(self, directory, binary, scscf_port, services, config):
        self.directory, self.binary = Path(directory), binary
        self.sip_port, self.http_port, self.admin_port = free_port(), free_port(), free_port()
        self.process = None
        self.config = self.directory / "herald2.yaml"
        self.config.write_text(RECEIVER_CONFIG.format(
            domain=DOMAIN, sip=self.sip_port, scscf=scscf_port, http=self.http_port, admin=self.admin_port, directory=self.directory,
            services=services, config="".join(f"      {line}\n" for line in config.splitlines())))

    def start(self, wait=True):
        self.process = Process("heraldd 2", [self.binary, "--config", self.config], self.directory / "heraldd2.log")
        if wait:
            self.process.wait_for(self.ready, 30, "the second Herald is ready")
        return self
