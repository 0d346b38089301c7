"""What went over the wire in a scenario, as a ladder in text: SIP and Diameter between the parties, HTTP at the edges.

Listens to the loopback interface beside the parties, so it needs root, like the packages of the lab; without it there is no ladder
and nothing else changes. `ladder.txt` has one line a message, `messages.txt` their full text."""
import re
import socket
import struct
import threading
import time

ETH_P_IP = 0x0800
WIDTH = 26          # of the space between two parties
LIMIT = 3000        # messages; scenarios under load are not to be read
DIAMETER = {300: "UA", 301: "SA", 302: "LI", 303: "MA", 304: "RT", 306: "UD", 307: "PU", 308: "SN", 309: "PN"}
SIP_METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "UPDATE",
               "PRACK", "INFO")
HTTP = re.compile(rb"(POST|PUT|DELETE|PATCH|GET) (\S+) HTTP/1\.[01]\r\n|HTTP/1\.[01] (\d{3})")
POLLS = re.compile(r"GET /(readyz|livez|metrics|v1/)")  # what the scenario asks while it waits


class Ladder:
    """`known` maps ports to names of parties, in the order of their columns; others are named by what they register."""

    def __init__(self, title):
        self.title, self.ports, self.columns = title, {}, []
        self.diameter, self.http = set(), set()
        self._rows, self._texts, self._seen = [], [], set()
        self._streams, self._asked = {}, {}
        self._lock, self._begun, self._stop = threading.Lock(), None, False
        self.socket = None
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
            self.socket.bind(("lo", ETH_P_IP))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.settimeout(0.2)
        except OSError:
            return
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # -- who is who --

    def party(self, name, *ports, diameter=(), http=()):
        with self._lock:
            if name not in self.columns:
                self.columns.append(name)
            for port in (*ports, *diameter, *http):
                self.ports[port] = name
            self.diameter.update(diameter)
            self.http.update(http)

    def _name(self, port):
        return self.ports.get(port)

    # -- capture --

    def _run(self):
        while not self._stop and len(self._rows) < LIMIT:
            try:
                frame = self.socket.recv(70000)
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                self._packet(frame[14:])
            except (ValueError, IndexError, struct.error):
                pass  # not for us to judge

    def _packet(self, packet):
        begin = (packet[0] & 15) * 4
        size = struct.unpack_from("!H", packet, 2)[0]
        source, target = struct.unpack_from("!HH", packet, begin)
        if source not in self.ports and target not in self.ports:
            return
        if packet[9] == socket.IPPROTO_UDP:
            self._sip(packet[begin + 8:size], source, target, "")
        elif packet[9] == socket.IPPROTO_TCP:
            sequence = struct.unpack_from("!I", packet, begin + 4)[0]
            flags, data = packet[begin + 13], packet[begin + (packet[begin + 12] >> 4) * 4:size]
            key = (source, target)
            if flags & 2 or key not in self._streams:  # SYN; or we came late
                self._streams[key] = [sequence + (1 if flags & 2 else 0), b""]
            stream = self._streams[key]
            if data and sequence == stream[0] & 0xffffffff:
                stream[0] += len(data)
                stream[1] += data
                stream[1] = self._stream(stream[1], source, target)[-200000:]

    def _stream(self, data, source, target):
        """Takes whole messages off the front; returns the rest."""
        if source in self.diameter or target in self.diameter:
            while len(data) >= 20 and len(data) >= (length := int.from_bytes(data[1:4], "big")) >= 20:
                self._diameter(data[:length], source, target)
                data = data[length:]
            return data
        while b"\r\n\r\n" in data:
            head, _, rest = data.partition(b"\r\n\r\n")
            found = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.I)
            length = int(found.group(1)) if found else 0
            if len(rest) < length:
                return data
            whole = head + b"\r\n\r\n" + rest[:length]
            if source in self.http or target in self.http:
                self._http(whole.lstrip(), source, target)
            else:
                self._sip(whole.lstrip(), source, target, "tcp")
            data = rest[length:]
        return data

    # -- what a message says --

    def _add(self, source, target, label, detail, text, transport=None):
        now = time.monotonic()
        with self._lock:
            self._begun = self._begun or now
            again = "  (again)" if transport == "" and text in self._seen else ""  # UDP
            self._seen.add(text)
            self._rows.append((now - self._begun, source, target, label, detail + again))
            self._texts.append((now - self._begun, source, target, text))

    def _sip(self, data, source, target, transport):
        text = data.decode(errors="replace")
        first = text.split("\r\n", 1)[0]
        request = first.split(" ")[0] if first.endswith(" SIP/2.0") else None
        if request not in SIP_METHODS and not first.startswith("SIP/2.0 "):
            return
        headers = {}
        for line in re.sub(r"\r\n[ \t]+", " ", text.partition("\r\n\r\n")[0]).split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        if "sip:probe@" in headers.get("from", ""):
            return  # the harness asking whether somebody is there
        for port in (source, target):  # TCP comes from any port: the sender's own Via says who it is
            if port not in self.ports and request and port == source:
                via = re.search(r":(\d+)", headers.get("via", headers.get("v", "")).split(";")[0].partition(" ")[2])
                if via and int(via.group(1)) in self.ports:
                    self.ports[port] = self.ports[int(via.group(1))]
        if request == "REGISTER" and source not in self.ports:
            user = re.search(r"sip:([^@>;]+)@", headers.get("to", headers.get("t", "")))
            if user:
                self.party(f"UE {user.group(1)}", source)
        label = request or f"{first.split(' ')[1]} {headers.get('cseq', ' ').split(' ')[-1]}"
        detail = [first.split(" ")[1] if request else " ".join(first.split(" ")[2:]), "CSeq " + headers.get("cseq", "").split(" ")[0]]
        if transport:
            detail.append(transport)
        for name, short in (("event", "o"), ("subscription-state", None), ("expires", None), ("require", None), ("refer-sub", None),
                            ("refer-to", "r"), ("sip-etag", None), ("sip-if-match", None), ("suppress-if-match", None),
                            ("min-expires", None), ("accept-contact", "a"), ("unsupported", None), ("retry-after", None)):
            value = headers.get(name, headers.get(short) if short else None)
            if value is not None:
                detail.append(f"{name.title()}: {value}")
        length = int(headers.get("content-length", headers.get("l", "0")) or 0)
        if length:
            detail.append(f"[{headers.get('content-type', headers.get('c', '?')).split(';')[0]}, {length} octets]")
        self._add(source, target, label, "  ".join(detail), text, transport)

    def _diameter(self, data, source, target):
        code, request = int.from_bytes(data[5:8], "big"), bool(data[4] & 0x80)
        name = DIAMETER.get(code)
        if not name:
            return  # capabilities exchange, watchdog
        result = ""
        if not request:
            found = re.search(rb"\x00\x00\x01\x0c.{4}(....)", data, re.S) or re.search(rb"\x00\x00\x01\x2a.{4}(....)", data, re.S)
            result = f"result {int.from_bytes(found.group(1), 'big')}" if found else ""
        # The party at an unregistered port is the one that connected: the HSS connects to the S-CSCF, Herald to the HSS.
        who = re.search(rb"\x00\x00\x01\x08....([\x20-\x7e]+)", data, re.S)  # Origin-Host
        if source not in self.ports and who:
            origin = who.group(1).decode()
            self.ports[source] = {"hss": "HSS", "scs": "S-CSCF"}.get(origin[:3], "Herald")
        identity = re.search(rb"(sip:[^\x00-\x20<]+)", data)
        self._add(source, target, name + ("R" if request else "A"), result or (identity.group(1).decode(errors="replace") if identity else ""),
                  f"Diameter {name}{'R' if request else 'A'} {result}, {len(data)} octets")

    def _http(self, data, source, target):
        found = HTTP.match(data)
        if not found:
            return
        text = data.decode(errors="replace")
        if found.group(1):
            line = f"{found.group(1).decode()} {found.group(2).decode()}"
            self._asked[(target, source)] = line
            if POLLS.match(line):
                return
            self._edge(source, "PI")
            self._add(source, target, found.group(1).decode(), found.group(2).decode() + "  " + text.partition("\r\n\r\n")[2][:120], text)
        else:
            asked = self._asked.pop((source, target), "")
            if POLLS.match(asked):
                return
            self._add(source, target, found.group(3).decode(), asked, text)

    def _edge(self, port, name):
        if port not in self.ports:
            self.party(name)
            self.ports[port] = name

    # -- the file --

    def _order(self):
        """Columns: the users, the core, Herald, and who is at Herald's other edges."""
        with self._lock:
            used = {self.ports.get(port) for row in self._rows for port in row[1:3]}
        rank = {"S-CSCF": 1, "Herald": 2, "Herald 2": 3, "HSS": 5, "PI": 4}
        return sorted((name for name in self.columns if name in used), key=lambda name: rank.get(name, 0 if name.startswith("UE") else 3))

    def text(self):
        columns = self._order()
        index = {name: number for number, name in enumerate(columns)}
        other = {}
        lines = [self.title, ""]
        head = " " * 10 + "".join(name.center(WIDTH) for name in columns)
        rail = "".join("|".center(WIDTH) for _ in columns)
        lines += [head.rstrip(), " " * 10 + rail.rstrip()]
        for at, source, target, label, detail in self._rows:
            a, b = index.get(self.ports.get(source)), index.get(self.ports.get(target))
            if a is None or b is None:
                name = other.setdefault(source if a is None else target, f"port {source if a is None else target}")
                known = columns[a if a is not None else b] if a is not None or b is not None else "?"
                lines.append(f"{at:8.3f}  {name} {'->' if a is None else '<-'} {known}: {label}  {detail}")
                continue
            row = list(rail.ljust(WIDTH * len(columns)))
            if a == b:
                center = a * WIDTH + WIDTH // 2
                row[center + 1:center + 4 + len(label)] = "@ " + label
            else:
                left, right = sorted((a, b))
                begin, end = left * WIDTH + WIDTH // 2 + 1, right * WIDTH + WIDTH // 2 - 1
                arrow = f" {label} ".center(end - begin - 1, "-")[:end - begin - 1] if len(label) + 4 <= end - begin else label
                arrow = arrow + ">" if a < b else "<" + arrow
                row[begin:begin + len(arrow)] = arrow
            lines.append(f"{at:8.3f}  {''.join(row).rstrip()}  {detail}")
        if len(self._rows) >= LIMIT:
            lines.append(f"(the first {LIMIT} messages; the rest was not written down)")
        return "\n".join(lines) + "\n"

    def close(self, directory):
        if not self.socket:
            return
        time.sleep(0.05)  # what is still in the socket
        self._stop = True
        self.thread.join(2)
        self.socket.close()
        (directory / "ladder.txt").write_text(self.text(), encoding="utf-8")
        with open(directory / "messages.txt", "w", encoding="utf-8") as out:
            for at, source, target, text in self._texts:
                names = [self.ports.get(port, f"port {port}") for port in (source, target)]
                out.write(f"---- {at:.3f} {names[0]} -> {names[1]}\n{text.replace(chr(13), '')}\n")
