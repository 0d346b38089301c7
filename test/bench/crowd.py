"""What the event benchmarks share: the crowd of subscribers, Kamailio's presence module as peer, plots in text and SVG."""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import subprocess

from push_cost import Herald, cpu_us, free_port, free_sip_port, process, remove_store, wait_for

import socket

SCHEMA = pathlib.Path("/usr/share/kamailio/db_sqlite")


class Crowd:
    """bench_events: many subscribers in one process, commanded line by line."""

    def __init__(self, binaries, server_port, *options):
        self.port = free_port(socket.SOCK_DGRAM)
        self.popen = subprocess.Popen([str(word) for word in (binaries / "bench_events", "--as-sip", server_port, "--sip", self.port, *options)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.stdin.close()
        self.popen.kill()
        self.popen.wait()

    def send(self, *words):
        self.popen.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.popen.stdin.flush()

    def result(self):
        line = self.popen.stdout.readline()
        if not line:
            raise SystemExit(f"bench_events ended with {self.popen.wait()}")
        return json.loads(line)

    def __call__(self, *words):
        self.send(*words)
        return self.result()

    def all(self, *words):
        """The same, and everything asked for must have happened."""
        result = self(*words)
        if result.get("error") or result["failed"] or result["done"] < result["asked"]:
            raise SystemExit(f"{' '.join(str(word) for word in words)}: {json.dumps({k: v for k, v in result.items() if not k.endswith('_ms')})}")
        return result


def event_herald(binaries, directory, driver="sqlite", extra=""):
    """A heraldd whose subscribers are reached at their Contact; its store is thrown away first."""
    remove_store(directory)
    return Herald(binaries, directory, driver, free_port(socket.SOCK_DGRAM), extra)


class KamailioPresence:
    """One worker, memory only (`durable` False) or with everything in SQLite before it is answered (subs_db_mode 3)."""

    def __init__(self, directory, durable, hash_size=14):
        self.directory, self.port = directory, free_sip_port()
        self.database = directory / "kamailio.db"
        self.database.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            for name in ("standard", "presence"):
                database.executescript((SCHEMA / f"{name}-create.sql").read_text())
        self.config = directory / f"kamailio-{'durable' if durable else 'memory'}.cfg"
        self.config.write_text(f"""#!KAMAILIO
debug=-1
log_stderror=yes
children=1
listen=udp:127.0.0.1:{self.port}
alias="ims.lab"
auto_aliases=no
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "db_sqlite.so"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("tm", "wt_timer", 1000)
modparam("presence", "db_url", "sqlite:///{self.database}")
# Otherwise its processes lock each other out of the database.
modparam("db_sqlite", "db_set_journal_mode", "{self.database}=WAL")
modparam("presence", "notifier_processes", 0)
modparam("presence", "clean_period", 0)
modparam("presence", "subs_db_mode", {3 if durable else 0})
modparam("presence", "publ_cache", {0 if durable else 2})
modparam("presence", "subs_htable_size", {hash_size})
modparam("presence", "max_expires", 86400)
modparam("presence", "server_address", "sip:127.0.0.1:{self.port}")
modparam("presence_xml", "db_url", "sqlite:///{self.database}")
modparam("presence_xml", "force_active", 1)
request_route {{
  if (method == "SUBSCRIBE") {{ t_newtran(); handle_subscribe(); exit; }}
  if (method == "PUBLISH") {{ t_newtran(); handle_publish(); exit; }}
  sl_send_reply("200", "OK");
}}
""")

    @contextlib.contextmanager
    def running(self):
        command = ["kamailio", "-f", self.config, "-DD", "-E", "-x", "fm", "-X", "fm", "-m", "4096", "-M", "64", "-w", str(self.directory),
                   "-Y", str(self.directory)]
        log = self.directory / "kamailio.log"
        with open(log, "w", encoding="utf-8") as out, process(*command, stdout=out, stderr=out) as child:
            wait_for(lambda: child.poll() is not None or self._answers(), "kamailio")
            if child.poll() is not None:
                raise SystemExit(f"kamailio ended: {log.read_text()[-1500:]}")
            children = subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True, check=False).stdout.split()
            self.pids = [child.pid, *map(int, children)]
            yield self

    def _answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect(("127.0.0.1", self.port))
            udp.settimeout(0.2)
            with contextlib.suppress(OSError):
                udp.send((f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{udp.getsockname()[1]};branch=z9hG4bKready\r\n"
                          f"From: <sip:p@ims.lab>;tag=1\r\nTo: <sip:p@ims.lab>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode())
                return udp.recv(2000)
        return False


def have_kamailio():
    return shutil.which("kamailio") is not None and (SCHEMA / "presence-create.sql").exists()


class Watch:
    """CPU of some processes between two moments."""

    def __init__(self, pids):
        self.pids, self.begun = pids, cpu_us(pids)

    def per(self, units):
        return (cpu_us(self.pids) - self.begun) / units


def text_plot(title, latencies, width=60):
    """The histogram of one latency as bars."""
    rows = latencies["histogram"]
    most = max((count for _, count in rows), default=1)
    lines = [f"{title}: p50 {latencies['p50']:.1f} ms, p90 {latencies['p90']:.1f}, p99 {latencies['p99']:.1f}, p99.9 {latencies['p999']:.1f}, "
             f"longest {latencies['max']:.1f} ms"]
    for upper, count in rows:
        lines.append(f"  <= {upper:10.2f} ms {count:8} {'#' * max(1, round(width * count / most))}")
    return "\n".join(lines)


def svg_plot(path, title, series):
    """Cumulative distributions, logarithmic time: {name: latencies}."""
    import math
    wide, high, left, top = 640, 320, 60, 40
    colors = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
    bounds = [upper for latencies in series.values() for upper, _ in latencies["histogram"]] or [1.0]
    low, top_ms = math.log10(min(bounds) / 1.3), math.log10(max(bounds))
    top_ms = max(top_ms, low + 1)

    def x(milliseconds):
        return left + wide * (math.log10(milliseconds) - low) / (top_ms - low)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide + 100}" height="{high + 90}" font-family="sans-serif" font-size="12">',
             f'<text x="{left}" y="20" font-size="14">{title}</text>',
             f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#999"/>']
    for share in (0, 25, 50, 75, 100):
        y = top + high * (1 - share / 100)
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{share} %</text><path d="M{left} {y}h{wide}" stroke="#ddd"/>')
    for power in range(math.ceil(low), math.floor(top_ms) + 1):
        parts.append(f'<path d="M{x(10 ** power):.1f} {top}v{high}" stroke="#ddd"/>'
                     f'<text x="{x(10 ** power):.1f}" y="{top + high + 18}" text-anchor="middle">{10 ** power:g} ms</text>')
    for number, (name, latencies) in enumerate(series.items()):
        total, seen, points = sum(count for _, count in latencies["histogram"]) or 1, 0, []
        for upper, count in latencies["histogram"]:
            seen += count
            points.append(f"{x(upper):.1f},{top + high * (1 - seen / total):.1f}")
        color = colors[number % len(colors)]
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{" ".join(points)}"/>'
                     f'<text x="{left + 10 + 200 * number}" y="{top + high + 42}" fill="{color}">{name}</text>')
    pathlib.Path(path).write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")


def write_results(args, name, results):
    """JSON beside the text, where the caller wants it."""
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
