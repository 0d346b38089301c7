#!/usr/bin/env python3
"""What an idle subscription costs in memory, and the longest time the shard did nothing else while they grew.

  test/bench/event_memory.py [--bin build/release/bin] [--steps 100000,1000000] [--driver sqlite] [--store DIR] [--out DIR]

Resident memory at each step, taken when answered transactions are gone (they linger up to 32 s), less what it was before the first.
A second socket asks OPTIONS every millisecond meanwhile; its slowest answer bounds the longest stall from above: waiting for the
core's own scheduler and behind the SUBSCRIBEs of the window is in it. A run with nothing but the probe tells the noise.
"""
import argparse
import pathlib
import shutil
import tempfile
import time

from capacity import settled_rss
from crowd import Crowd, event_herald, write_results
from push_cost import ROOT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--steps", default="100000,1000000")
    parser.add_argument("--window", type=int, default=4)
    parser.add_argument("--linger", type=float, default=35, help="seconds until transactions are gone")
    parser.add_argument("--driver", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--store", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-", dir=args.store))
    found = []
    try:
        with event_herald(args.bin, directory, args.driver).running() as server, \
                Crowd(args.bin, server.sip, "--expires", 86400, "--probe") as crowd:
            # A first lot, then un-subscribed: what transactions take while they linger is used again.
            warm = 20000
            crowd.all("subscribe", warm, 0, args.window)
            crowd.all("unsubscribe", warm, 0, args.window)
            time.sleep(args.linger)
            crowd("probe")
            time.sleep(5)
            quiet = crowd("probe")
            print(f"idle: slowest of {quiet['probes']} OPTIONS {quiet['slowest_ms']:.1f} ms")
            before, total = settled_rss(server.pid), 0
            for step in (int(part) for part in args.steps.split(",")):
                made = crowd.all("subscribe", step - total, warm + total, args.window)
                total = step
                probe = crowd("probe")
                time.sleep(args.linger)
                crowd("probe")
                after = settled_rss(server.pid)
                each = (after - before) * 1024 / step
                found.append({"subscriptions": step, "bytes_each": each, "rss_mib": after / 1024, "seconds": made["seconds"], "probe": probe,
                              "database_mib": sum(f.stat().st_size for f in directory.glob("bench.db*")) / 2**20})
                print(f"{step} subscriptions, {args.driver}: {each:.0f} bytes each, resident {after / 1024:.0f} MiB, the last "
                      f"{made['asked']} made in {made['seconds']:.0f} s; slowest of {probe['probes']} OPTIONS meanwhile {probe['slowest_ms']:.1f} ms, "
                      f"{probe['over_5ms']} over 5 ms", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    write_results(args, "event_memory", found)


if __name__ == "__main__":
    main()
