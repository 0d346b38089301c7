"""Push initiators that speak PAP: one of ours (control documents, MIME, result notifications) and Kannel's test_ppg."""
import base64
import http.client
import queue
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from email.parser import BytesParser
from xml.sax.saxutils import quoteattr

from .herald import TOKEN
from .processes import LabError
from .webhook import PostServer

TEST_PPG = "/usr/lib/kannel/test/test_ppg"
DTD = {"1.0": "http://www.wapforum.org/DTD/pap_1.0.dtd", "2.0": "http://www.wapforum.org/DTD/pap_2.0.dtd",
       "2.1": "http://www.openmobilealliance.org/tech/DTD/pap_2.1.dtd", "2.2": "http://www.openmobilealliance.org/tech/DTD/pap_2.2.dtd"}
BOUNDARY = "lab-pap-boundary"


def document(operation, version="2.1"):
    return (f'<?xml version="1.0"?>\n<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP {version}//EN" "{DTD[version]}">\n'
            f"<pap>{operation}</pap>")


def element(name, attributes, children=""):
    words = "".join(f" {key.replace('_', '-')}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name}{words}>{children}</{name}>"


def addresses_of(addresses):
    return "".join(element("address", {"address-value": one}) for one in addresses)


class Answer:
    """One answer of the gateway: HTTP's status, the operation's element, the entities."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body.decode(errors="replace")
        self.parts = []
        kind = headers.get("Content-Type", "")
        if kind.startswith("multipart/"):
            message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
            self.parts = [part.get_payload(decode=True).decode() for part in message.get_payload()]
        control = self.parts[0] if self.parts else self.text
        self.version = (re.search(r"//DTD PAP (\d\.\d)//", control) or [None, ""])[1]
        self.root = None
        if "xml" in kind:
            # The DOCTYPE has a processing instruction in it, which this parser skips.
            self.root = ElementTree.fromstring(control)[0]

    @property
    def operation(self):
        return self.root.tag if self.root is not None else ""

    @property
    def code(self):
        """Of the operation, or of its response-result."""
        if self.root is None:
            return 0
        result = self.root.find("response-result")
        return int((result if result is not None else self.root).get("code", "0"))

    def results(self):
        """{address: (message-state or None, code)} of a cancel or status answer."""
        return {address.get("address-value"): (result.get("message-state"), int(result.get("code")))
                for result in self.root for address in result.findall("address")}


class Initiator:
    def __init__(self, herald, name="news", token=TOKEN, path="/pap", version="2.1"):
        self.herald, self.path, self.version = herald, path, version
        self.credentials = "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()

    def post(self, body, kind="application/xml", headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.herald.http_port, timeout=20)
        try:
            all_headers = {"Content-Type": kind, **dict(headers)}
            if self.credentials:
                all_headers["Authorization"] = self.credentials
            connection.request("POST", self.path, body if isinstance(body, bytes) else body.encode(), all_headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def push(self, push_id, addresses, content=b"Goal!", kind="text/plain", app="news.ua", quality=None, headers=(), profile=None,
             **attributes):
        children = addresses_of(addresses)
        if quality:
            children += element("quality-of-service", quality)
        control = document(element("push-message", {"push-id": push_id, **attributes}, children), self.version)
        lines = [f"--{BOUNDARY}", "Content-Type: application/xml", "", control, f"--{BOUNDARY}", f"Content-Type: {kind}"]
        if app:
            lines.append(f"X-Wap-Application-Id: {app}")
        lines += [f"{key}: {value}" for key, value in dict(headers).items()]
        body = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
        if profile:
            body += f"\r\n--{BOUNDARY}\r\nContent-Type: application/xml\r\n\r\n{profile}".encode()
        return self.post(body + f"\r\n--{BOUNDARY}--\r\n".encode(), f'multipart/related; boundary={BOUNDARY}; type="application/xml"')

    def cancel(self, push_id, addresses=()):
        return self.post(document(element("cancel-message", {"push-id": push_id}, addresses_of(addresses)), self.version))

    def status(self, push_id, addresses=()):
        return self.post(document(element("statusquery-message", {"push-id": push_id}, addresses_of(addresses)), self.version))

    def capabilities(self, address, app=None):
        attributes = {"query-id": "q1", **({"app-id": app} if app else {})}
        return self.post(document(element("ccq-message", attributes, addresses_of([address])), self.version))

    def wait_state(self, push_id, address, state, seconds=30):
        last = {}

        def check():
            last.update(self.status(push_id, [address]).results())
            return last.get(address, ("",))[0] == state
        try:
            self.herald.process.wait_for(check, seconds, f"{push_id} to {address} is {state}")
        except LabError as error:
            raise LabError(f"{error}: {last}") from None
        return last[address]


class NotificationSink(PostServer):
    """Where result notifications are POSTed to. `answers`: HTTP status or PAP code of the first ones; all others 1000."""

    def __init__(self, answers=()):
        self.notes, self._answers = queue.Queue(), list(answers)
        super().__init__()

    def answer(self, path, headers, body):
        note = Answer(200, {"Content-Type": headers.get("Content-Type", "")}, body)
        code = self._answers.pop(0) if self._answers else 1000
        self.notes.put((note, path, code))
        status = code if code < 1000 else 202
        said = document(element("resultnotification-response", {"push-id": note.root.get("push-id"), "code": max(code, 1000)},
                                addresses_of([note.root.find("address").get("address-value")]))).encode()
        return status, "application/xml", said

    def next(self, seconds=20):
        """(Answer, path, what it was answered)."""
        try:
            return self.notes.get(timeout=seconds)
        except queue.Empty:
            raise LabError(f"no result notification in {seconds} s") from None

    def empty(self):
        return self.notes.empty()


class TestPpg:
    """Debian's kannel-extras: a push initiator written by others, run as it is."""

    def __init__(self, lab):
        self.directory = lab.directory / "test_ppg"
        self.directory.mkdir()
        self.runs = 0

    def file(self, name, text):
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def run(self, *arguments):
        """Its log. It ends with 0 whatever happened (a crash apart); what it understood of the answer is in the words."""
        self.runs += 1
        done = subprocess.run([TEST_PPG, *[str(one) for one in arguments]], cwd=self.directory, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        log = done.stdout.decode(errors="replace")
        self.file(f"run-{self.runs}.log", log)
        if done.returncode != 0:
            raise LabError(f"test_ppg {arguments} ended with {done.returncode}:\n{log[-2000:]}")
        return log
