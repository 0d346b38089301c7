#!/usr/bin/env python3
"""One submission to many recipients: memory, time to accept, time to finish, and whether each got it exactly once.

  test/bench/many_recipients.py [--bin build/release/bin] [--count 100000] [--absent 0] [--driver sqlite]

--absent: that many of them are not registered and wait. Prints JSON; exit code 1 when a recipient was lost or got it twice.
"""
import argparse
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from push_cost import ROOT, Herald, cpu_us, free_port, metric, rss_kib, run_json, wait_for


def peak_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


class Sink(threading.Thread):
    """Answers every MESSAGE with 200 and notes whom it was for."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("127.0.0.1", port))
        self.calls = {}  # Call-ID -> user
        self.repeats = 0

    def run(self):
        while True:
            data, peer = self.socket.recvfrom(65536)
            if not data.startswith(b"MESSAGE "):
                continue
            head = data.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
            fields = {}
            vias = []
            for line in head[1:]:
                name, _, value = line.partition(b":")
                name = name.strip().lower()
                if name in (b"via", b"v"):
                    vias.append(value.strip())
                else:
                    fields.setdefault(name, value.strip())
            call = fields.get(b"call-id", fields.get(b"i"))
            if call in self.calls:
                self.repeats += 1
            else:
                self.calls[call] = head[0].split(b" ")[1]
            answer = [b"SIP/2.0 200 OK"] + [b"Via: " + via for via in vias]
            answer += [b"From: " + fields.get(b"from", fields.get(b"f", b"")), b"To: " + fields.get(b"to", fields.get(b"t", b"")) + b";tag=b",
                       b"Call-ID: " + call, b"CSeq: " + fields[b"cseq"], b"Content-Length: 0", b"", b""]
            self.socket.sendto(b"\r\n".join(answer), peer)


class Api:
    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        headers = {"Authorization": "Bearer bench-token"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        begun = time.monotonic()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        seconds = time.monotonic() - begun
        connection.close()
        return answer.status, json.loads(text) if text else None, seconds


def user(number):
    return f"sip:u{number}@ims.lab"


def all_statuses(api, push):
    """By address; with the seconds of the slowest page."""
    found, cursor, slowest = {}, "", 0.0
    while True:
        status, page, seconds = api.call("GET", f"/v1/pushes/{push}?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        assert status == 200, page
        slowest = max(slowest, seconds)
        for one in page["recipients"]:
            assert one["address"] not in found, "listed twice"
            found[one["address"]] = one["status"]
        cursor = page.get("next", "")
        if not cursor:
            return found, slowest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--absent", type=int, default=0)
    parser.add_argument("--driver", default="sqlite")
    args = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-"))
    try:
        print(json.dumps(measure(args, directory), indent=1))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def measure(args, directory):
    present = args.count - args.absent
    port = free_port(socket.SOCK_DGRAM)
    with Herald(args.bin, directory, args.driver, port, "      retry: {max_attempts: 8}\n").running() as herald:
        run_json(args.bin / "bench_traffic", "register", "--as-sip", herald.sip, "--sip", port, "--users", max(present, 1))
        sink = Sink(port)
        sink.start()
        api = Api(herald.http)
        out = {"recipients": args.count, "absent": args.absent, "driver": args.driver}
        out["rss_before_mib"] = rss_kib(herald.pid) / 1024
        body = json.dumps({"to": [user(i) for i in range(args.count)], "app": "news.ua", "content": {"type": "text/plain", "text": "x" * 140}})
        out["body_mib"] = len(body) / 2**20
        cpu = cpu_us([herald.pid])
        begun = time.monotonic()
        status, push, seconds = api.call("POST", "/v1/pushes", body)
        assert status == 202, push
        assert push["recipient_count"] == args.count
        out["seconds_to_accept"] = seconds
        out["cpu_us_to_accept_per_recipient"] = (cpu_us([herald.pid]) - cpu) / args.count
        out["rss_accepted_mib"] = rss_kib(herald.pid) / 1024
        wait_for(lambda: metric(herald.admin, "herald_push_finished_total") >= present, "all finished", 1800)
        out["seconds_to_finish"] = time.monotonic() - begun
        out["cpu_us_per_recipient"] = (cpu_us([herald.pid]) - cpu) / args.count
        out["peak_mib"] = peak_kib(herald.pid) / 1024
        time.sleep(1)
        out["rss_after_mib"] = rss_kib(herald.pid) / 1024
        states, slowest = all_statuses(api, push["id"])
        out["slowest_page_of_1000_seconds"] = slowest
        assert len(states) == args.count, len(states)
        out["delivered"] = sum(state == "delivered" for state in states.values())
        out["waiting"] = sum(state == "waiting_reachable" for state in states.values())
        out["sip_requests"] = len(sink.calls)
        out["users_reached"] = len(set(sink.calls.values()))
        out["list_seconds"] = api.call("GET", "/v1/pushes?limit=50")[2]
        if args.absent:
            status, _, out["cancel_one_seconds"] = api.call("DELETE", f"/v1/pushes/{push['id']}?address={user(args.count - 1)}")
            assert status == 200, status
            out["memory_per_waiting_delivery"] = (out["rss_after_mib"] - out["rss_before_mib"]) * 2**20 / args.absent
            status, _, out["cancel_all_seconds"] = api.call("DELETE", f"/v1/pushes/{push['id']}")
            assert status == 200, status
        lost = present - out["delivered"]
        twice = out["sip_requests"] - out["users_reached"]
        if lost or twice or out["users_reached"] != present:
            raise SystemExit(f"{lost} lost, {twice} twice: {json.dumps(out)}")
        return out


if __name__ == "__main__":
    main()
