#!/usr/bin/env python3
"""CPU of one push, from the HTTP POST to its final status, beside its bare parts and beside Kamailio: all interleaved in one run.

  test/bench/push_cost.py [--bin build/release/bin] [--rounds 5] [--count 20000]

Prints a table of CPU microseconds per unit (median [min..max] over the rounds) and the ratios, taken round by round. No verdict.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def free_sip_port():
    """Free on UDP and on TCP."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def cpu_us(pids):
    """On-CPU microseconds of all threads of these processes so far."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1000


def rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


@contextlib.contextmanager
def process(*command, **kwargs):
    child = subprocess.Popen([str(c) for c in command], **kwargs)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit(f"{what}: not within {seconds} s")


def http_ok(url):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(url, timeout=2).status == 200
    return False


def metric(port, name):
    """Sum of a metric over its labels."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((name + "{", name + " ")))


class Herald:
    """heraldd on free ports whose next hop is `sink`."""

    def __init__(self, binaries, directory, driver, sink, extra_push=""):
        self.sip, self.http, self.admin = free_sip_port(), free_port(), free_port()
        self.config = directory / f"herald-{driver}.yaml"
        store = f"{{driver: sqlite, path: {directory / 'bench.db'}}}" if driver == "sqlite" else "{driver: memory}"
        self.config.write_text(f"""
node: {{name: bench, domain: ims.lab}}
log: {{level: warn}}
sip:
  listen: [udp:127.0.0.1:{self.sip}, tcp:127.0.0.1:{self.sip}]
  trusted_peers: [127.0.0.1/32]
  next_hop: sip:127.0.0.1:{sink};lr
diameter: {{enabled: false}}
http: {{listen: 127.0.0.1:{self.http}}}
admin: {{listen: 127.0.0.1:{self.admin}, socket: {directory / 'herald.sock'}}}
store: {store}
services: [{ROOT / 'config/services/push.yaml'}]
modules:
  push:
    path: builtin
    config:
      sender_identity: sip:push@ims.lab
      initiators:
        - {{name: bench, token: bench-token, identities: [sip:push@ims.lab], applications: ["*"], rate: 1000000/s}}
{extra_push}""")
        self.binary = binaries / "heraldd"
        self.log = directory / f"herald-{driver}.log"

    @contextlib.contextmanager
    def running(self):
        with open(self.log, "w", encoding="utf-8") as log, process(self.binary, "--config", self.config, stderr=log, stdout=log) as child:
            wait_for(lambda: child.poll() is not None or http_ok(f"http://127.0.0.1:{self.admin}/readyz"), "heraldd ready")
            if child.poll() is not None:
                raise SystemExit(f"heraldd ended: {self.log.read_text()[-2000:]}")
            self.pid = child.pid
            yield self

    def finals(self):
        return metric(self.admin, "herald_push_finished_total")


def run_json(*command, check=True):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600)
    if check and done.returncode != 0:
        raise SystemExit(f"{command[0]} {command[1]}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def remove_store(directory):
    """The database of the last run, and its folder of blobs."""
    for leftover in directory.glob("bench.db*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def measure_herald(args, directory, driver):
    remove_store(directory)
    sink = free_port(socket.SOCK_DGRAM)
    with Herald(args.bin, directory, driver, sink).running() as herald:
        traffic = args.bin / "bench_traffic"
        run_json(traffic, "register", "--as-sip", herald.sip, "--sip", sink, "--users", 1000)
        push = [traffic, "push", "--http", herald.http, "--sip", sink, "--users", 1000]
        run_json(*push, "--count", 2000)  # warm
        wait_for(lambda: herald.finals() >= 2000, "finals")
        before = cpu_us([herald.pid])
        result = run_json(*push, "--count", args.count)
        wait_for(lambda: herald.finals() >= 2000 + args.count, "finals")
        return (cpu_us([herald.pid]) - before) / args.count, result["seconds"]


def measure_http(args):
    port = free_port()
    with process(args.bin / "bench_bare_http", port) as child:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "bare http")
        load = [args.bin / "bench_traffic", "push", "--http", port, "--no-messages"]
        run_json(*load, "--count", 2000)
        before = cpu_us([child.pid])
        result = run_json(*load, "--count", args.count)
        return (cpu_us([child.pid]) - before) / args.count, result["seconds"]


def children_cpu_us(command):
    begun = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status != 0:
        raise SystemExit(f"{command[0]}: status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1e6, time.monotonic() - begun


def measure_nta(args):
    sink = free_port(socket.SOCK_DGRAM)
    with process(args.bin / "bench_traffic", "sink", "--sip", sink, "--seconds", 120, stdout=subprocess.DEVNULL):
        time.sleep(0.3)
        cpu, seconds = children_cpu_us([args.bin / "bench_bare_nta", sink, args.count])
        return cpu / args.count, seconds


def measure_sqlite(args, directory):
    for leftover in directory.glob("bare.db*"):
        leftover.unlink()
    cpu, seconds = children_cpu_us([args.bin / "bench_bare_sqlite", directory / "bare.db", args.count, 64])
    return cpu / args.count, seconds


def measure_kamailio(args, directory):
    port, sink = free_sip_port(), free_port(socket.SOCK_DGRAM)
    config = directory / "kamailio.cfg"
    config.write_text(f"""#!KAMAILIO
debug=0
log_stderror=yes
children=1
listen=udp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "uac.so"
modparam("uac", "restore_mode", "none")
request_route {{
  $uac_req(method) = "MESSAGE";
  $uac_req(ruri) = $ru;
  $uac_req(furi) = "sip:push@ims.lab";
  $uac_req(turi) = $ru;
  $uac_req(ouri) = "sip:127.0.0.1:{sink}";
  $uac_req(hdrs) = "P-Asserted-Identity: <sip:push@ims.lab>\\r\\nP-Charging-Vector: icid-value=\\"bench-0001\\"\\r\\nAccept-Contact: *;+g.oma.pusheventapp=\\"news.ua\\";require;explicit\\r\\nContent-Type: text/plain\\r\\n";
  $uac_req(body) = "{'x' * 140}";
  uac_req_send();
  sl_send_reply("200", "OK");
}}
""")
    command = ["kamailio", "-f", config, "-DD", "-E", "-x", "fm", "-X", "fm", "-m", "512", "-w", str(directory), "-Y", str(directory)]
    with process(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        load = [args.bin / "bench_traffic", "trigger", "--as-sip", port, "--sip", sink]
        wait_for(lambda: run_json(*load, "--count", 1, check=False)["messages"] > 0, "kamailio")
        run_json(*load, "--count", 2000)
        pids = [child.pid] + [int(p) for p in subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split()]
        before = cpu_us(pids)
        result = run_json(*load, "--count", args.count)
        return (cpu_us(pids) - before) / args.count, result["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20000)
    args = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-"))
    cases = {
        "bare http (libevent echo)": lambda: measure_http(args),
        "bare sip (NTA client)": lambda: measure_nta(args),
        "bare sqlite (group commit)": lambda: measure_sqlite(args, directory),
        "herald, memory store": lambda: measure_herald(args, directory, "memory"),
        "herald, sqlite": lambda: measure_herald(args, directory, "sqlite"),
    }
    if shutil.which("kamailio"):
        cases["kamailio trigger + uac_req_send"] = lambda: measure_kamailio(args, directory)
    table = {name: [] for name in cases}
    rates = {name: [] for name in cases}
    try:
        for round_number in range(args.rounds):
            for name, measure in cases.items():
                cpu, seconds = measure()
                table[name].append(cpu)
                rates[name].append(args.count / seconds)
            print(f"round {round_number + 1} of {args.rounds} done", file=sys.stderr)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"| case ({args.count} units, {args.rounds} rounds) | CPU us/unit median [min..max] | per second |\n|---|---|---|")
    for name, values in table.items():
        print(f"| {name} | {statistics.median(values):.1f} [{min(values):.1f}..{max(values):.1f}] | {statistics.median(rates[name]):.0f} |")
    parts = [sum(p) for p in zip(*(table[n] for n in list(cases)[:3]))]
    no_store = [sum(p) for p in zip(*(table[n] for n in list(cases)[:2]))]

    def ratio(name, beside, label):
        values = [a / b for a, b in zip(table[name], beside)]
        print(f"{label}: {statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]")

    print()
    ratio("herald, sqlite", parts, "herald with sqlite / sum of the bare parts")
    ratio("herald, memory store", no_store, "herald with memory store / (http + sip)")
    if "kamailio trigger + uac_req_send" in table:
        ratio("herald, sqlite", table["kamailio trigger + uac_req_send"], "herald with sqlite / kamailio trigger + uac_req_send")


if __name__ == "__main__":
    main()
