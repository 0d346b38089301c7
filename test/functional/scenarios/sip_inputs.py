"""What comes in on the SIP ports, torture and rubbish included (RFC 4475): Herald answers what can be answered and lives."""
import re
import socket

from harness.processes import wait_until

HEAD = ("Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\nFrom: <sip:a@ims.lab>;tag=1\r\n"
        "To: <sip:alice@ims.lab>\r\nCall-ID: torture{n}\r\nCSeq: 1 MESSAGE\r\n")
START = "MESSAGE sip:alice@ims.lab SIP/2.0\r\n"


def cases():
    """(name, message with {port} and {n}, statuses that are right; None: no answer)"""
    ok_or_refused = set(range(200, 700))
    yield "a good MESSAGE", START + HEAD + "Content-Length: 2\r\n\r\nhi", ok_or_refused
    yield "odd but valid spacing (4475 3.1.1.1)", ("MESSAGE sip:alice@ims.lab;unknownparam SIP/2.0\r\nTO :\r\n sip:alice@ims.lab   ;  tag    \r\n"
                                                   .replace(";  tag    ", "") + HEAD.replace("To: <sip:alice@ims.lab>\r\n", "") +
                                                   "l: 0\r\n\r\n"), ok_or_refused
    yield "Content-Length beyond the datagram (3.1.2.2)", START + HEAD + "Content-Length: 9999\r\n\r\nhi", {400, None}
    yield "a negative Content-Length (3.1.2.3)", START + HEAD + "Content-Length: -999\r\n\r\nhi", {400, None}
    yield "overlarge scalars (3.1.2.4)", START + HEAD.replace("CSeq: 1 ", "CSeq: 36893488147419103232 ") + "Expires: 10000000000\r\n\r\n", {400, None}
    yield "an unterminated quote (3.1.2.6)", START + HEAD.replace("To: <", 'To: "Mr. J. User <') + "\r\n", {400, None} | ok_or_refused
    yield "<> around the Request-URI (3.1.2.7)", "MESSAGE <sip:alice@ims.lab> SIP/2.0\r\n" + HEAD + "\r\n", {400, None} | ok_or_refused
    yield "white space in the Request-URI (3.1.2.8)", "MESSAGE sip:alice@ims.lab; lr SIP/2.0\r\n" + HEAD + "\r\n", {400, None} | ok_or_refused
    yield "an escaped header in the Request-URI (3.1.2.11)", "MESSAGE sip:alice@ims.lab?Route=%3Csip:x%3E SIP/2.0\r\n" + HEAD + "\r\n", {400, None} | ok_or_refused
    yield "version 7.0 (3.1.2.16)", "MESSAGE sip:alice@ims.lab SIP/7.0\r\n" + HEAD + "\r\n", {400, 505, None}
    yield "CSeq of another method (3.1.2.17)", START + HEAD.replace("1 MESSAGE", "1 INVITE") + "\r\n", {400, None} | ok_or_refused
    yield "an unknown method (3.3.2 kind)", "NEWMETHOD sip:alice@ims.lab SIP/2.0\r\n" + HEAD.replace("1 MESSAGE", "1 NEWMETHOD") + "\r\n", {400, 405, 501, 403, 404, 481}
    yield "an unknown URI scheme (3.3.3)", "MESSAGE nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n" + HEAD + "\r\n", {400, 403, 404, 416, 480}
    yield "Require of the unknown (3.3.6)", START + HEAD + "Require: nothingSupportsThis\r\n\r\n", ok_or_refused
    yield "no Call-ID, From, To (3.3.1)", START + "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{n}\r\nCSeq: 1 MESSAGE\r\n\r\n", {400, None}
    yield "several single headers (3.3.8)", START + HEAD + HEAD + "\r\n", {400, None} | ok_or_refused
    yield "Max-Forwards 0 (3.3.11 kind)", START + HEAD.replace("70", "0") + "\r\n", {483} | ok_or_refused
    yield "no Via", START + HEAD.split("\r\n", 1)[1] + "\r\n", {None, 400}
    yield "a response nobody waits for", "SIP/2.0 200 OK\r\n" + HEAD + "\r\n", {None}
    yield "a response with status 4294967301 (3.1.2.19)", "SIP/2.0 4294967301 better not\r\n" + HEAD + "\r\n", {None}
    yield "an in-dialog request for no dialog", "BYE sip:alice@ims.lab SIP/2.0\r\n" + HEAD.replace("1 MESSAGE", "1 BYE").replace("To: <sip:alice@ims.lab>", "To: <sip:alice@ims.lab>;tag=gone") + "\r\n", {481}
    yield "CANCEL of nothing", "CANCEL sip:alice@ims.lab SIP/2.0\r\n" + HEAD.replace("1 MESSAGE", "1 CANCEL") + "\r\n", {481, None} | ok_or_refused
    yield "a third-party REGISTER with a broken body", ("REGISTER sip:as SIP/2.0\r\n" + HEAD.replace("1 MESSAGE", "1 REGISTER") +
                                                        "Contact: <sip:127.0.0.1:6060>\r\nExpires: 60\r\nContent-Type: message/sip\r\n\r\n"
                                                        "REGISTER \x00\x01 broken\r\n"), ok_or_refused
    yield "a third-party REGISTER for ever", ("REGISTER sip:as SIP/2.0\r\n" + HEAD.replace("1 MESSAGE", "1 REGISTER") +
                                              "Contact: <sip:127.0.0.1:6060>\r\nExpires: 99999999999999999999\r\n\r\n"), ok_or_refused
    yield "300 Via headers", START + "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\n" * 300 + HEAD + "\r\n", {400, 513, None} | ok_or_refused
    yield "a header of 60000 octets", START + HEAD + "Subject: " + "x" * 60000 + "\r\n\r\n", {400, 413, 431, 513, None} | ok_or_refused
    yield "only zeros", "\0" * 500, {None}
    yield "only line breaks", "\r\n" * 200, {None}
    yield "a P-Served-User that is none", START + HEAD + "P-Served-User: \"<<<;sescase=maybe\r\nP-Asserted-Identity: ,,,<>\r\n\r\n", ok_or_refused
    yield "2000 Route values", START + HEAD + "Route: " + ",".join(["<sip:127.0.0.1:1;lr>"] * 2000) + "\r\n\r\n", {400, 513, None} | ok_or_refused


def run(lab):
    herald = lab.start_herald(diameter="false")
    probe_number = iter(range(100000, 10**6))

    def ask(data, seconds=1.0):
        """The status of the first final answer, or None."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            udp.settimeout(seconds)
            text = data.replace("{port}", str(udp.getsockname()[1])).replace("{n}", str(next(probe_number)))
            udp.sendto(text.encode("latin-1"), ("127.0.0.1", lab.as_port))
            try:
                while True:
                    found = re.match(r"SIP/2\.0 (\d{3}) ", udp.recv(65535).decode("latin-1"))
                    if found and int(found.group(1)) >= 200:
                        return int(found.group(1))
            except (socket.timeout, ConnectionRefusedError):
                return None

    good = START + HEAD + "Content-Length: 2\r\n\r\nhi"

    def lives(after):
        lab.check(herald.process.alive() and wait_until(lambda: ask(good), 10, f"an answer after {after}"), f"alive after {after}")

    wait_until(lambda: ask(good), 10, "a first answer")
    for name, data, expected in cases():
        # Silence is only known by waiting; a refusal comes at once.
        status = ask(data, 0.5 if None in expected else 5)
        lab.check(status in expected and herald.process.alive(), f"{name}: {status or 'no answer'}")
    lives("all of them over UDP")

    for number, (name, data, _) in enumerate(cases()):
        with socket.create_connection(("127.0.0.1", lab.as_port)) as tcp:
            tcp.sendall(data.replace("{port}", "1").replace("{n}", f"tcp{number}").replace("/UDP", "/TCP").encode("latin-1"))
            tcp.shutdown(socket.SHUT_WR)
    lives("all of them over TCP, each connection closed in the middle")
    with socket.create_connection(("127.0.0.1", lab.as_port)) as tcp:
        try:
            for _ in range(64):
                tcp.sendall(b"X-Endless: " + b"x" * 65536)
        except OSError:
            pass
    lives("4 MB of a header that does not end")
    idle = [socket.create_connection(("127.0.0.1", lab.as_port)) for _ in range(200)]
    lives("200 idle connections")
    for connection in idle:
        connection.close()
