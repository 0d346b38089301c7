#!/usr/bin/env python3
"""What waits costs memory, and what a dead next hop costs everybody else.

  test/bench/capacity.py memory [--users 100000]      resident KiB per waiting push (memory store, SQLite) and per registration
  test/bench/capacity.py dead-hop [--waiting 50000]   CPU for the dead hop, CPU and latency of a healthy one beside it
"""
import argparse
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from push_cost import ROOT, Herald, cpu_us, free_port, metric, process, remove_store, rss_kib, run_json, wait_for


def settled_rss(pid):
    """Resident memory once it has stopped moving."""
    last = rss_kib(pid)
    for _ in range(40):
        time.sleep(0.25)
        now = rss_kib(pid)
        if abs(now - last) < 64:
            return now
        last = now
    return last


def memory(args, directory):
    traffic = args.bin / "bench_traffic"
    for driver in ("memory", "sqlite"):
        remove_store(directory)
        sink = free_port(socket.SOCK_DGRAM)
        with Herald(args.bin, directory, driver, sink).running() as herald:
            push = [traffic, "push", "--http", herald.http, "--no-messages", "--later", "--users", args.users]
            run_json(*push, "--count", 1000, "--first", args.users)
            before = settled_rss(herald.pid)
            result = run_json(*push, "--count", args.users)
            after = settled_rss(herald.pid)
            print(f"waiting pushes, {driver}: {(after - before) * 1024 / args.users:.0f} bytes each "
                  f"({args.users} in {result['seconds']:.1f} s, {before} -> {after} KiB)")
        sink = free_port(socket.SOCK_DGRAM)
        remove_store(directory)
        with Herald(args.bin, directory, driver, sink).running() as herald:
            register = [traffic, "register", "--as-sip", herald.sip, "--sip", sink]
            # NTA keeps answered transactions for 32 s. A first batch of the same size pays for that memory, which the second uses again:
            # what the second adds is what a registration costs.
            begun = settled_rss(herald.pid)
            run_json(*register, "--users", args.users, "--first", args.users)
            time.sleep(35)
            before = settled_rss(herald.pid)
            print(f"  first batch with what its transactions took: {(before - begun) * 1024 / args.users:.0f} bytes each")
            result = run_json(*register, "--users", args.users)
            time.sleep(35)
            after = settled_rss(herald.pid)
            print(f"registrations, {driver}: {(after - before) * 1024 / args.users:.0f} bytes each "
                  f"({args.users} in {result['seconds']:.1f} s, {before} -> {after} KiB)")


def dead_hop(args, directory):
    traffic = args.bin / "bench_traffic"
    healthy, dead = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    with Herald(args.bin, directory, "memory", healthy).running() as herald:
        run_json(traffic, "register", "--as-sip", herald.sip, "--sip", healthy, "--users", 1000)
        run_json(traffic, "register", "--as-sip", herald.sip, "--sip", dead, "--users", args.waiting, "--first", 100000)
        load = [traffic, "push", "--http", herald.http, "--sip", healthy, "--users", 1000, "--count", args.count, "--rate", 1000]

        def healthy_run(label):
            latency = metric_mean(herald)
            before, begun = cpu_us([herald.pid]), time.monotonic()
            result = run_json(*load)
            span = time.monotonic() - begun
            cpu = (cpu_us([herald.pid]) - before) / 1e6
            print(f"{label}: {result['messages']} delivered at 1000/s, CPU {100 * cpu / span:.1f} % of a core, accept p50 "
                  f"{result['accept_ms']['p50']} ms p99 {result['accept_ms']['p99']} ms, accept-to-final mean {metric_mean(herald, latency):.2f} ms")
            return cpu / span

        alone = healthy_run("healthy hop alone")
        # The silent side of the dead hop: a socket that is bound and never answers.
        with process(traffic, "sink", "--sip", dead, "--seconds", 600, "--silent", stdout=subprocess.DEVNULL):
            run_json(traffic, "push", "--http", herald.http, "--no-messages", "--users", args.waiting, "--first", 100000, "--count", args.waiting)
            print(f"waiting for the dead hop: {args.waiting}")
            idle_cpu, begun = cpu_us([herald.pid]), time.monotonic()
            time.sleep(15)
            dead_cpu = (cpu_us([herald.pid]) - idle_cpu) / 1e6 / (time.monotonic() - begun)
            print(f"dead hop only: CPU {100 * dead_cpu:.1f} % of a core")
            beside = healthy_run("healthy hop beside the dead one")
            print(f"the dead hop takes {100 * (beside - alone):.1f} % of a core while the other works")


_sum, _count = "herald_push_latency_seconds_sum", "herald_push_latency_seconds_count"


def metric_mean(herald, before=None):
    values = metric(herald.admin, _sum), metric(herald.admin, _count)
    if before is None:
        return values
    count = values[1] - before[1]
    return 1000 * (values[0] - before[0]) / count if count else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "dead-hop"])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--users", type=int, default=100000)
    parser.add_argument("--waiting", type=int, default=50000)
    parser.add_argument("--count", type=int, default=10000)
    args = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="herald-bench-"))
    try:
        (memory if args.what == "memory" else dead_hop)(args, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
