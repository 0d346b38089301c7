#!/usr/bin/env python3
"""kill -9 with many live subscriptions in SQLite, and start: how long until the first NOTIFY, until all are loaded, until all are told.

  test/bench/event_restart.py [--bin build/release/bin] [--subscriptions 100000] [--sample 10000] [--store DIR] [--out DIR]

After the start a push goes to the first subscriber again and again until it arrives: that is the first NOTIFY. Then --sample
subscribers, spread over all, get one each. No NOTIFY may have a CSeq that is not higher than the last one before. Exits 1 otherwise.
"""
import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from crowd import Crowd, event_herald, write_results
from push_cost import ROOT, http_ok, metric, rss_kib


def subscriptions(server):
    try:
        return metric(server.admin, "herald_event_subscriptions")
    except OSError:
        return 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--subscriptions", type=int, default=100000)
    parser.add_argument("--sample", type=int, default=10000)
    parser.add_argument("--store", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-", dir=args.store))
    found = {"subscriptions": args.subscriptions}
    server = event_herald(args.bin, directory)

    def start():
        log = open(server.log, "a", encoding="utf-8")
        return subprocess.Popen([str(server.binary), "--config", str(server.config)], stdout=log, stderr=log)

    child = start()
    try:
        _wait(lambda: http_ok(f"http://127.0.0.1:{server.admin}/readyz"), 30, "ready")
        with Crowd(args.bin, server.sip, "--http", server.http, "--expires", 86400) as crowd:
            made = crowd.all("subscribe", args.subscriptions, 0, 64)
            found["make_seconds"] = made["seconds"]
            found["database_mib"] = sum(f.stat().st_size for f in directory.glob("bench.db*")) / 2**20
            found["rss_before_mib"] = rss_kib(child.pid) / 1024
            print(f"{args.subscriptions} subscriptions made in {made['seconds']:.1f} s; database {found['database_mib']:.0f} MiB, resident {found['rss_before_mib']:.0f} MiB")
            crowd.all("push", 1000, 0, 100, 2)
            child.kill()
            child.wait()
            begun = time.monotonic()
            child = start()
            # The first to be told: a push for him as soon as anybody takes it.
            while not http_ok(f"http://127.0.0.1:{server.admin}/readyz"):
                if child.poll() is not None:
                    raise SystemExit(f"heraldd ended: {server.log.read_text()[-1500:]}")
                time.sleep(0.002)
            found["ready_seconds"] = time.monotonic() - begun
            first = crowd("push", 1, 5000, 1, 1)
            found["first_notify_seconds"] = time.monotonic() - begun
            loaded = subscriptions(server)
            while loaded < args.subscriptions and time.monotonic() - begun < 120:
                time.sleep(0.01)
                loaded = subscriptions(server)
            found["loaded_seconds"], found["loaded"] = time.monotonic() - begun, loaded
            print(f"killed and started: ready after {found['ready_seconds']:.2f} s, first NOTIFY after {found['first_notify_seconds']:.2f} s "
                  f"({first['done']} of 1), all {loaded:.0f} loaded after {found['loaded_seconds']:.2f} s, resident {rss_kib(child.pid) / 1024:.0f} MiB")
            lower, done, step = first["lower_cseq"], 0, max(1, args.subscriptions // args.sample)
            block = 100
            for at in range(10000, args.subscriptions - block, step * block):
                told = crowd("push", block, at, block, 1)
                lower += told["lower_cseq"]
                done += told["done"]
                found["sampled"] = found.get("sampled", 0) + block
            found["sample_told"], found["lower_cseq"] = done, lower
            refreshed = crowd("refresh", min(args.sample, args.subscriptions), 0, 64)
            found["refreshed"], lower = refreshed["done"], lower + refreshed["lower_cseq"]
            found["lower_cseq"] = lower
            print(f"a push each to {found.get('sampled', 0)} of them: {done} NOTIFYs; {refreshed['done']} of {refreshed['asked']} refreshes served "
                  f"{refreshed['refusals'] or ''}; NOTIFYs with a CSeq not higher than before: {lower}")
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(directory, ignore_errors=True)
    write_results(args, "event_restart", found)
    good = found["lower_cseq"] == 0 and found["loaded"] >= args.subscriptions and found["sample_told"] == found.get("sampled", 0) \
        and found["refreshed"] == min(args.sample, args.subscriptions)
    sys.exit(0 if good else 1)


def _wait(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
