#!/usr/bin/env python3
"""CPU of accepting one push by REST and by PAP with SQLite, beside a bare libevent HTTP echo of the same bodies and the bare group
commit of the same records: all interleaved in one run. Nothing is delivered meanwhile: one delivery that nobody answers is all that
may be worked on at a time.

  test/bench/accept_cost.py [--bin build/release/bin] [--rounds 5] [--count 20000]

Prints CPU microseconds per push (median [min..max] over the rounds), accepted per second, and the ratios, round by round.
"""
import argparse
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from push_cost import ROOT, Herald, children_cpu_us, cpu_us, free_port, metric, process, remove_store, run_json, wait_for


def measure_herald(args, directory, pap):
    remove_store(directory)
    sink = free_port(socket.SOCK_DGRAM)
    with Herald(args.bin, directory, "sqlite", sink, "      max_in_flight: 1\n      ask_hss: false\n").running() as herald:
        traffic = args.bin / "bench_traffic"
        run_json(traffic, "register", "--as-sip", herald.sip, "--sip", sink, "--users", 1000)
        with process(traffic, "sink", "--sip", sink, "--seconds", 600, "--silent", stdout=subprocess.DEVNULL):
            push = [traffic, "push", "--http", herald.http, "--no-messages", "--users", 1000] + (["--pap"] if pap else [])
            # The users' home shards: each has one delivery out that is never answered in time.
            run_json(*push, "--count", 2000)
            before = cpu_us([herald.pid])
            result = run_json(*push, "--count", args.count)
            cpu = (cpu_us([herald.pid]) - before) / args.count
            attempts = metric(herald.admin, "herald_push_attempts_total")
            if attempts > 20:
                print(f"{attempts:.0f} requests were sent meanwhile", file=sys.stderr)
            return cpu, result["seconds"]


def measure_http(args, pap):
    port = free_port()
    with process(args.bin / "bench_bare_http", port) as child:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "bare http")
        load = [args.bin / "bench_traffic", "push", "--http", port, "--no-messages"] + (["--pap"] if pap else [])
        run_json(*load, "--count", 2000)
        before = cpu_us([child.pid])
        result = run_json(*load, "--count", args.count)
        return (cpu_us([child.pid]) - before) / args.count, result["seconds"]


def measure_sqlite(args, directory):
    for leftover in directory.glob("bare.db*"):
        leftover.unlink()
    cpu, seconds = children_cpu_us([args.bin / "bench_bare_sqlite", directory / "bare.db", args.count, 16, "accept"])
    return cpu / args.count, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20000)
    args = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-"))
    cases = {
        "bare http, JSON bodies": lambda: measure_http(args, False),
        "bare http, PAP bodies": lambda: measure_http(args, True),
        "bare sqlite (group commit)": lambda: measure_sqlite(args, directory),
        "herald, REST": lambda: measure_herald(args, directory, False),
        "herald, PAP": lambda: measure_herald(args, directory, True),
    }
    table = {name: [] for name in cases}
    rates = {name: [] for name in cases}
    try:
        for round_number in range(args.rounds):
            for name, measure in cases.items():
                cpu, seconds = measure()
                table[name].append(cpu)
                rates[name].append(args.count / seconds)
            print(f"round {round_number + 1} of {args.rounds} done", file=sys.stderr)
            time.sleep(0.5)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"| case ({args.count} pushes, {args.rounds} rounds) | CPU us/push median [min..max] | per second |\n|---|---|---|")
    for name, values in table.items():
        print(f"| {name} | {statistics.median(values):.1f} [{min(values):.1f}..{max(values):.1f}] | {statistics.median(rates[name]):.0f} |")
    print()
    for name, http in (("herald, REST", "bare http, JSON bodies"), ("herald, PAP", "bare http, PAP bodies")):
        values = [a / (b + c) for a, b, c in zip(table[name], table[http], table["bare sqlite (group commit)"])]
        print(f"{name} / (bare http + bare sqlite): {statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]")


if __name__ == "__main__":
    main()
