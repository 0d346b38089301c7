"""A subscriber's dialog: SUBSCRIBE through the S-CSCF, refreshes, the end of it, the NOTIFYs that belong to it. RFC 6665 4.1."""
import email.parser
import email.policy
import queue
import re
import time

from .processes import LabError
from .sip import token

ACCEPT = "application/vnd.oma.push, text/plain, multipart/mixed, message/external-body"


class Notify:
    """What one NOTIFY says."""

    def __init__(self, message):
        self.message = message
        self.event, self.cseq = message["Event"], int(message["CSeq"].split()[0])
        self.status, *parameters = [part.strip() for part in message["Subscription-State"].split(";")]
        self.parameters = dict(part.partition("=")[::2] for part in parameters)
        self.reason, self.expires = self.parameters.get("reason"), int(self.parameters.get("expires", "0"))
        self.etag, self.type, self.body = message["SIP-ETag"], message["Content-Type"], message.body

    def items(self):
        """(type, text, push-id) of the contents in it: one, or the parts of a multipart/mixed."""
        if not self.body:
            return []
        if not self.type.lower().startswith("multipart/"):
            return [(self.type.split(";")[0], self.body.decode(errors="replace"), self.message["Content-ID"])]
        parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            f"Content-Type: {self.type}\r\n\r\n".encode() + self.body)
        return [(part.get_content_type(), part.get_payload(decode=True).decode(errors="replace"), part.get("Content-ID"))
                for part in parsed.iter_parts()]

    def texts(self):
        return [text for _, text, _ in self.items()]

    def __str__(self):
        return f"NOTIFY CSeq {self.cseq} {self.message['Subscription-State']}: {self.items() or 'no body'}"


class Subscription:
    """One dialog of `phone` with the notifier. `uri`: whose pushes; without it the phone's own."""

    def __init__(self, phone, scscf_port, event="oma-push;appid=news.ua", uri=None, accept=ACCEPT, headers=()):
        self.phone, self.scscf, self.event, self.accept, self.headers = phone, scscf_port, event, accept, list(headers)
        self.uri = uri or f"sip:{phone.name}@ims.lab"
        self.call_id, self.own_tag, self.peer_tag, self.cseq = token(), token(), None, 0
        self.routes, self.target, self.last_cseq = [], None, 0
        self._others = []

    def send(self, expires=3600, headers=(), cseq=None):
        """SUBSCRIBE, the first or a later one; returns the final response and takes the dialog from it."""
        self.cseq = cseq if cseq is not None else self.cseq + 1
        fields = [self.phone.contact(), f"Event: {self.event}", *headers, *self.headers]
        if expires is not None:
            fields.append(f"Expires: {expires}")
        if self.accept:
            fields.append(f"Accept: {self.accept}")
        if self.peer_tag:
            fields += [f"Route: {route}" for route in self.routes]
            uri = self.target
        else:
            fields += self.phone.originating(self.scscf)
            uri = self.uri
        answer = self.phone.final(self.phone.request("SUBSCRIBE", uri, self.scscf, fields, to=self.uri, call_id=self.call_id,
                                                     dialog=(self.own_tag, self.peer_tag, self.cseq)))
        if answer.status < 300 and not self.peer_tag:
            self.peer_tag = re.search(r"tag=([^;\s]+)", answer["To"]).group(1)
            self.target = re.search(r"<([^>]+)>", answer["Contact"]).group(1)
            recorded = [route.strip() for value in answer.all("Record-Route") for route in value.split(",")]
            self.routes = recorded[::-1]
        return answer

    def next_notify(self, seconds=30):
        """The next NOTIFY of this dialog. Other requests stay for the scenario."""
        end = time.monotonic() + seconds
        kept = []
        try:
            while True:
                try:
                    request = self.phone.requests.get(timeout=max(0.0, end - time.monotonic()))
                except queue.Empty:
                    raise LabError(f"{self.phone.name} got no NOTIFY in {seconds} s") from None
                if request.method == "NOTIFY" and request["Call-ID"] == self.call_id:
                    notify = Notify(request)
                    if notify.cseq <= self.last_cseq:
                        raise LabError(f"NOTIFY with CSeq {notify.cseq} after {self.last_cseq}")
                    self.last_cseq = notify.cseq
                    return notify
                kept.append(request)
        finally:
            for request in kept:
                self.phone.requests.put(request)

    def notify_with(self, text, seconds=30):
        """The next NOTIFY that has this text; those before are passed over."""
        end = time.monotonic() + seconds
        while True:
            notify = self.next_notify(max(0.1, end - time.monotonic()))
            if any(text in item for item in notify.texts()):
                return notify
