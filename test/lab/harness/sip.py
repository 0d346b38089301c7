"""A SIP user agent for scenarios: UDP, one socket, messages as they are on the wire. It plays UEs and application servers."""
import hashlib
import os
import queue
import re
import socket
import threading
import time

from .processes import LabError

COMPACT = {"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "l": "Content-Length", "c": "Content-Type",
           "e": "Content-Encoding", "o": "Event", "a": "Accept-Contact"}


REASONS = {200: "OK", 202: "Accepted", 403: "Forbidden", 420: "Bad Extension", 481: "Subscription Does Not Exist",
           489: "Bad Event", 500: "Server Internal Error", 603: "Decline"}


class Message:
    def __init__(self, data, source=None):
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.text, self.source, self.arrived = data.decode(errors="replace"), source, time.monotonic()
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode(errors="replace")).split("\r\n")
        self.first = lines[0]
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name = name.strip()
            self.headers.append((COMPACT.get(name.lower(), name), value.strip()))

    @property
    def is_request(self):
        return not self.first.startswith("SIP/2.0 ")

    @property
    def method(self):
        return self.first.split(" ")[0] if self.is_request else self["CSeq"].split()[-1]

    @property
    def uri(self):
        return self.first.split(" ")[1]

    @property
    def status(self):
        return int(self.first.split(" ")[1])

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        return values[0] if values else ""

    def routes(self):
        return [route.strip() for value in self.all("Route") for route in value.split(",")]


def token():
    return os.urandom(8).hex()


class UserAgent:
    """Requests wait in a queue until answered by the scenario or by `behaviour`, a function from request to (code, headers, body) or
    None for silence."""

    def __init__(self, name, address="127.0.0.1", port=0, behaviour=None):
        self.name, self.behaviour = name, behaviour
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.address, self.port = self.udp.getsockname()
        self.requests = queue.Queue()
        self._responses = {}
        self._seen = set()
        self.cseq = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.udp.close()

    def _run(self):
        while True:
            try:
                data, source = self.udp.recvfrom(65535)
            except OSError:
                return
            if not data.strip():
                continue
            message = Message(data, source)
            if not message.is_request:
                waiting = self._responses.get(self._branch(message))
                if waiting is not None:
                    waiting.put(message)
                continue
            if message.method == "ACK":
                continue
            answer = self.behaviour(message) if self.behaviour else None
            # Before the answer: whoever knows its effect finds the request here.
            if self._branch(message) not in self._seen:  # a retransmission is answered again but reported once
                self._seen.add(self._branch(message))
                self.requests.put(message)
            if answer:
                self.answer(message, *answer)

    @staticmethod
    def _branch(message):
        found = re.search(r"branch=([^;,\s]+)", message["Via"])
        return found.group(1) if found else message.text

    def answer(self, request, code, headers=(), body=""):
        lines = [f"SIP/2.0 {code} {REASONS.get(code, 'Lab')}"]
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            for value in request.all(name):
                lines.append(f"{name}: {value}" + (";tag=lab" if name == "To" and "tag=" not in value else ""))
            if name == "Via":  # a dialog's route set is the request's
                lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
        lines += [*headers, f"Content-Length: {len(body)}", "", body]
        self.udp.sendto("\r\n".join(lines).encode(), request.source)

    def originating(self, scscf_port):
        """What the P-CSCF puts into a request of this user: the way to the originating leg, and who asks."""
        return [f"Route: <sip:orig@127.0.0.1:{scscf_port};lr>", f"P-Asserted-Identity: <sip:{self.name}@ims.lab>"]

    def contact(self):
        return f"Contact: <sip:{self.name}@{self.address}:{self.port}>"

    def next_request(self, method=None, seconds=30):
        try:
            while True:
                request = self.requests.get(timeout=seconds)
                if method in (None, request.method):
                    return request
        except queue.Empty:
            raise LabError(f"{self.name} got no {method or 'request'} in {seconds} s") from None

    def request(self, method, uri, to_port, headers=(), body="", sender=None, to=None, call_id=None, branch=None, dialog=None):
        """Sends and returns a queue with the responses. `dialog`: (own tag, peer's tag or None, CSeq)."""
        branch = branch or "z9hG4bK" + token()
        self.cseq += 1
        sender = sender or f"sip:{self.name}@ims.lab"
        own_tag, peer_tag, cseq = dialog or (token(), None, self.cseq)
        data = body if isinstance(body, bytes) else body.encode()
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {self.address}:{self.port};branch={branch}", "Max-Forwards: 70",
                 f"From: <{sender}>;tag={own_tag}", f"To: <{to or uri}>" + (f";tag={peer_tag}" if peer_tag else ""),
                 f"Call-ID: {call_id or token()}", f"CSeq: {cseq} {method}", *headers, f"Content-Length: {len(data)}", "", ""]
        responses = self._responses[branch] = queue.Queue()
        self.udp.sendto("\r\n".join(lines).encode() + data, ("127.0.0.1", to_port))
        return responses

    def final(self, responses, seconds=40):
        try:
            while True:
                message = responses.get(timeout=seconds)
                if message.status >= 200:
                    return message
        except queue.Empty:
            raise LabError(f"{self.name} got no final response in {seconds} s") from None

    def register(self, sip_port, password, expires=600, features='+g.oma.pusheventapp="news.ua,mms.ua,sports.ua,other.ua"', domain="ims.lab"):
        """Digest registration; returns the 200."""
        identity = f"sip:{self.name}@{domain}"
        contact = f"Contact: <sip:{self.name}@{self.address}:{self.port}>" + (f";{features}" if features else "")
        common = [contact, f"Expires: {expires}"]
        call_id, authorization = token(), []
        for _ in range(3):
            answer = self.final(self.request("REGISTER", f"sip:{domain}", sip_port, common + authorization, sender=identity,
                                             to=identity, call_id=call_id))
            if answer.status != 401:
                return answer
            authorization = [self._authorization(answer["WWW-Authenticate"], password, domain)]
        return answer

    def _authorization(self, challenge, password, domain):
        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()
        nonce = re.search(r'nonce="([^"]*)"', challenge).group(1)
        username, uri, cnonce = f"{self.name}@{domain}", f"sip:{domain}", token()
        response = md5(f"{md5(f'{username}:{domain}:{password}')}:{nonce}:00000001:{cnonce}:auth:{md5(f'REGISTER:{uri}')}")
        return (f'Authorization: Digest username="{username}", realm="{domain}", nonce="{nonce}", uri="{uri}", '
                f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"')
