#!/usr/bin/env python3
"""Herald's content server beside nginx: the same object, the same loader (wrk), rounds interleaved, one worker each.

  test/bench/content_server.py [--bin build/release/bin] [--rounds 5] [--seconds 5] [--bytes 1048576] [--connections 16]

Prints requests per second, MiB/s and CPU microseconds a request (median [min..max] over the rounds) and Herald's share of nginx's,
round by round. Needs nginx and wrk. No verdict.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait_for_port(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on port {port}")


@contextlib.contextmanager
def herald(args):
    child = subprocess.Popen([args.bin / "content_bench", "serve", str(args.bytes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    try:
        yield child.pid, int(child.stdout.readline())
    finally:
        child.stdin.close()
        child.wait(20)


@contextlib.contextmanager
def nginx(args, folder):
    port = free_port()
    (folder / "content").mkdir()
    (folder / "content" / "x").write_bytes(bytes((i * 31 >> 3) & 255 for i in range(args.bytes)))
    configuration = folder / "nginx.conf"
    # As a distribution sets it up for files: sendfile, tcp_nopush, keep-alive without a short limit, no log.
    configuration.write_text(f"""
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} reuseport; root {folder}; }}
}}
""")
    child = subprocess.Popen(["nginx", "-p", folder, "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield child.pid, port
    finally:
        child.terminate()
        child.wait(20)


def load(args, pid, port):
    before = cpu_seconds(pid)
    out = subprocess.run(["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", f"http://127.0.0.1:{port}/content/x"], check=True,
                         capture_output=True, text=True).stdout
    cpu = cpu_seconds(pid) - before
    if re.search(r"Socket errors|Non-2xx", out):
        raise SystemExit(out)
    count = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    return {"requests/s": rate, "MiB/s": rate * args.bytes / 2**20, "CPU us/request": cpu / count * 1e6}


def shown(values, digits=0):
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}..{max(values):.{digits}f}]"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--bytes", type=int, default=1 << 20)
    parser.add_argument("--connections", type=int, default=16)
    args = parser.parse_args()
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is not installed")
    results = {"herald": [], "nginx": []}
    with tempfile.TemporaryDirectory() as folder, herald(args) as ours, nginx(args, pathlib.Path(folder)) as theirs:
        for server in (ours, theirs):
            load(argparse.Namespace(**{**vars(args), "seconds": 1}), *server)
        for turn in range(args.rounds):
            order = [("herald", ours), ("nginx", theirs)]
            for name, server in order if turn % 2 == 0 else reversed(order):
                results[name].append(load(args, *server))
    for name, rounds in results.items():
        print(f"{name:7}" + "".join(f"  {what} {shown([one[what] for one in rounds])}" for what in rounds[0]))
    for what in ("requests/s", "CPU us/request"):
        ratios = [ours[what] / theirs[what] for ours, theirs in zip(results["herald"], results["nginx"])]
        print(f"herald / nginx, {what}: {shown(ratios, 2)}")


if __name__ == "__main__":
    main()
