"""A fresh IMS core for a scenario: Kamailio as S-CSCF and herald-hss, on ports of its own."""
import json
import os
import signal
import socket
from pathlib import Path

from .processes import LabError, Process, free_port

LAB = Path(__file__).resolve().parent.parent
DOMAIN = "ims.lab"


def password(user):
    return "load-secret" if user.startswith("load") else f"{user}-secret"


def options_answer(port, seconds=0.3):
    """The first line a SIP server answers to OPTIONS, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", port))
        udp.settimeout(seconds)
        me = udp.getsockname()[1]
        request = (f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{me};branch=z9hG4bK{os.urandom(8).hex()}\r\n"
                   f"Max-Forwards: 70\r\nFrom: <sip:probe@{DOMAIN}>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\n"
                   f"Call-ID: {os.urandom(8).hex()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
        try:
            udp.send(request.encode())
            return udp.recv(4000).decode(errors="replace").splitlines()[0]
        except OSError:
            return None


class Core:
    """Start order does not matter to the two; the S-CSCF first saves the HSS a connection attempt."""

    def __init__(self, directory, hss_binary, as_port, isc_timeout=5000, ifc=None, load_users=0, more=(), sip_port=None):
        self.directory, self.hss_binary, self.as_port, self.ifc = Path(directory), hss_binary, as_port, ifc
        self.isc_timeout, self.load_users = isc_timeout, load_users
        self.more = list(more)  # further subscribers, as the HSS's YAML has them
        self.sip_port, self.scscf_diameter_port, self.hss_port = sip_port or free_port(), free_port(), free_port()
        self.scscf = self.hss = None
        self.directory.mkdir(parents=True, exist_ok=True)

    def start(self):
        self.start_scscf()
        self.start_hss()
        self.wait_connected()
        return self

    def start_scscf(self):
        self.scscf = Process("S-CSCF", [LAB / "scscf/run", "--run-dir", self.directory, "--sip-port", self.sip_port,
                                        "--diameter-port", self.scscf_diameter_port, "--domain", DOMAIN,
                                        "--isc-timeout", self.isc_timeout], self.directory / "scscf.log")
        self.scscf.wait_for(lambda: options_answer(self.sip_port) == "SIP/2.0 200 OK" and self._acceptor_open(), 20,
                            "the S-CSCF answers OPTIONS")

    def _acceptor_open(self):
        with socket.socket() as tcp:
            return tcp.connect_ex(("127.0.0.1", self.scscf_diameter_port)) == 0

    def start_hss(self):
        command = [LAB / "hss/run", "--run-dir", self.directory, "--binary", self.hss_binary, "--port", self.hss_port,
                   "--scscf-diameter-port", self.scscf_diameter_port, "--sip-port", self.sip_port, "--as-port", self.as_port,
                   "--domain", DOMAIN, "--load-users", self.load_users]
        if self.ifc:
            command += ["--ifc", self.ifc]
        if self.more:
            (self.directory / "more.yaml").write_text("".join(f"  - {entry}\n" for entry in self.more))
            command += ["--more", self.directory / "more.yaml"]
        self.hss = Process("HSS", command, self.directory / "hss.log")
        self.hss.wait_for(lambda: self.hss_lines("ready"), 20, "the HSS is ready")

    def wait_connected(self):
        self.hss.wait_for(lambda: any(line.get("peer", "").startswith("scscf") for line in self.hss_lines("peer_open")), 30,
                          "the HSS has a connection to the S-CSCF")

    def hss_lines(self, event=None, **fields):
        """What the HSS told since it was started, as dicts."""
        found = []
        for line in self.hss.output().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if event and entry.get("event") != event:
                continue
            if all(entry.get(key) == value for key, value in fields.items()):
                found.append(entry)
        return found

    def tell_hss(self, command):
        with socket.socket(socket.AF_UNIX) as unix:
            unix.settimeout(5)
            unix.connect(str(self.directory / "hss.sock"))
            unix.sendall(command.encode() + b"\n")
            answer = b""
            while part := unix.recv(4096):
                answer += part
        text = answer.decode().strip()
        if text.startswith("error"):
            raise LabError(f"HSS: {command}: {text}")
        return text

    def fault(self, words):
        """"sh silent", "sh none", "cx error 5001"..."""
        self.tell_hss("fault " + words)

    def freeze_scscf(self, frozen):
        self.scscf.signal(signal.SIGSTOP if frozen else signal.SIGCONT, group=True)

    def stop(self):
        for process in (self.hss, self.scscf):
            if process:
                process.stop()
