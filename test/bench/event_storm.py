#!/usr/bin/env python3
"""A storm: many SUBSCRIBE refreshes within a few seconds, then one event for all of these subscribers at once.

  test/bench/event_storm.py [--bin build/release/bin] [--subscribers 20000] [--seconds 10] [--batch 900] [--store DIR] [--out DIR]

The event is one content for all, in as many submissions as --batch (the most recipients of one push) needs, posted as fast as Herald
takes them. Says how many failed and how the latencies are distributed: SUBSCRIBE to its 200, SUBSCRIBE to its NOTIFY, POST to NOTIFY.
With --out also as JSON and SVG. Exits 1 when anything failed.
"""
import argparse
import pathlib
import shutil
import sys
import tempfile
import time

from crowd import Crowd, Watch, event_herald, svg_plot, text_plot, write_results
from push_cost import ROOT, metric


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--subscribers", type=int, default=20000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch", type=int, default=900)
    parser.add_argument("--driver", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--store", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-", dir=args.store))
    try:
        with event_herald(args.bin, directory, args.driver, "      max_recipients: 900\n").running() as server, \
                Crowd(args.bin, server.sip, "--http", server.http) as crowd:
            made = crowd.all("subscribe", args.subscribers, 0, 64)
            print(f"{args.subscribers} subscriptions made in {made['seconds']:.1f} s")
            time.sleep(1.2)
            watch, rate = Watch([server.pid]), round(args.subscribers / args.seconds)
            refreshed = crowd("refresh", args.subscribers, 0, 0, rate)
            cpu = watch.per(args.subscribers)
            print(f"{args.subscribers} refreshes at {rate}/s: {refreshed['done']} done in {refreshed['seconds']:.1f} s, {refreshed['failed']} failed "
                  f"{refreshed['refusals'] or ''}, {refreshed['resent']} SUBSCRIBEs and {refreshed['repeated']} NOTIFYs sent again, CPU {cpu:.1f} us each")
            print(text_plot("SUBSCRIBE to 200", refreshed["answer_ms"]))
            print(text_plot("SUBSCRIBE to NOTIFY", refreshed["notify_ms"]))
            time.sleep(1.2)
            watch = Watch([server.pid])
            told = crowd("push", args.subscribers, 0, args.batch, -(-args.subscribers // args.batch))
            cpu = watch.per(args.subscribers)
            print(f"one event to {args.subscribers} subscribers: {told['done']} NOTIFYs in {told['seconds']:.2f} s, {told['failed']} failed {told['refusals'] or ''}, "
                  f"{told['repeated']} sent again, CPU {cpu:.1f} us each")
            print(text_plot("POST to NOTIFY", told["notify_ms"]))
            end = time.monotonic() + 30
            while metric(server.admin, "herald_push_finished_total") < args.subscribers and time.monotonic() < end:
                time.sleep(0.05)
            finished = metric(server.admin, "herald_push_finished_total")
            print(f"pushes final: {finished:.0f}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    write_results(args, "event_storm", {"refresh": refreshed, "event": told})
    if args.out:
        svg_plot(args.out / "event_storm.svg", f"{args.subscribers} subscribers: refreshes in {args.seconds:g} s, and one event for all",
                 {"SUBSCRIBE to 200": refreshed["answer_ms"], "SUBSCRIBE to NOTIFY": refreshed["notify_ms"], "POST to NOTIFY": told["notify_ms"]})
    failed = refreshed["done"] < args.subscribers or told["done"] < args.subscribers or refreshed["failed"] or told["failed"]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
