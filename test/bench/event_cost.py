#!/usr/bin/env python3
"""CPU of SUBSCRIBE+200+NOTIFY+200 and of one NOTIFY of a fan-out, beside Kamailio's presence module: interleaved in one run.

  test/bench/event_cost.py [--bin build/release/bin] [--rounds 5] [--count 20000] [--fanout 100] [--store DIR] [--out DIR]

Herald keeps everything in SQLite before it answers. Kamailio runs with one worker, its fast allocator (-x fm -X fm) and a short
linger (wt_timer 1 s), once with everything in memory (subs_db_mode 0, publ_cache 2), once durable (subs_db_mode 3, SQLite). Both
databases are in --store: by default the disk that holds the checkout, so that durable means durable; a tmpfs compares bare CPU.

A fan-out at Herald is a push to --fanout users who subscribed (one submission, each with its own durable status), at Kamailio a
PUBLISH whose presentity has --fanout watchers. Prints medians [min..max] over the rounds and ratios taken round by round.
"""
import argparse
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

from crowd import Crowd, KamailioPresence, Watch, event_herald, have_kamailio, write_results
from push_cost import ROOT

PRESENCE = ("--event", "presence", "--accept", "application/pidf+xml")


def herald(args, directory, driver):
    with event_herald(args.bin, directory, driver).running() as server, Crowd(args.bin, server.sip, "--http", server.http) as crowd:
        return measure(args, crowd, [server.pid], "push", args.count)


def kamailio(args, directory, durable):
    with KamailioPresence(directory, durable).running() as server, Crowd(args.bin, server.port, "--group", args.fanout, *PRESENCE) as crowd:
        if durable:  # one event at a time: its socket buffer holds no more
            return measure(args, crowd, server.pids, "publish", args.durable_count, batches=1)
        return measure(args, crowd, server.pids, "publish", args.count)


def measure(args, crowd, pids, stimulus, count, batches=2):
    warm = min(2000, count) // args.fanout * args.fanout
    crowd.all("subscribe", warm, 0, args.window)
    watch = Watch(pids)
    subscribed = crowd.all("subscribe", count, warm, args.window)
    found = {"subscribe_us": watch.per(count), "subscribe_rate": count / subscribed["seconds"], "subscribe_resent": subscribed["resent"]}
    time.sleep(1.2)  # the package's rate: one NOTIFY a second and subscription
    crowd.all(stimulus, warm, 0, args.fanout, batches)
    watch = Watch(pids)
    told = crowd.all(stimulus, count, warm, args.fanout, batches)
    found |= {"fanout_us": watch.per(count), "fanout_rate": count / told["seconds"], "fanout_repeated": told["repeated"]}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--durable-count", type=int, default=4000, help="Kamailio's durable mode is slow: fewer units")
    parser.add_argument("--fanout", type=int, default=100)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--store", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-", dir=args.store))
    cases = {"herald, sqlite": lambda: herald(args, directory, "sqlite"), "herald, memory store": lambda: herald(args, directory, "memory")}
    if have_kamailio():
        cases["kamailio presence, memory"] = lambda: kamailio(args, directory, False)
        cases["kamailio presence, durable"] = lambda: kamailio(args, directory, True)
    rounds = {name: [] for name in cases}
    try:
        for number in range(args.rounds):
            for name, measured in cases.items():
                rounds[name].append(measured())
            print(f"round {number + 1} of {args.rounds} done", file=sys.stderr)
    finally:
        shutil.rmtree(directory, ignore_errors=True)

    def row(name, key, digits=1):
        values = [found[key] for found in rounds[name]]
        return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}..{max(values):.{digits}f}]"

    print(f"store in {args.store}; {args.count} subscriptions, fan-out {args.fanout}, {args.rounds} rounds, window {args.window}\n")
    print("| case | SUBSCRIBE+NOTIFY, CPU us | per second | fan-out, CPU us/NOTIFY | per second |\n|---|---|---|---|---|")
    for name in cases:
        print(f"| {name} | {row(name, 'subscribe_us')} | {row(name, 'subscribe_rate', 0)} | {row(name, 'fanout_us')} | {row(name, 'fanout_rate', 0)} |")
    print()
    for peer in ("kamailio presence, memory", "kamailio presence, durable"):
        for key, label in (("subscribe_us", "SUBSCRIBE+NOTIFY"), ("fanout_us", "fan-out NOTIFY")):
            if peer in rounds:
                values = [a[key] / b[key] for a, b in zip(rounds["herald, sqlite"], rounds[peer])]
                print(f"{label}: herald with sqlite / {peer}: {statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]")
    write_results(args, "event_cost", rounds)


if __name__ == "__main__":
    main()
