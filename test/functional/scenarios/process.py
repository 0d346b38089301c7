"""heraldd as a process: exit codes, what it says about a bad configuration, signals."""
import os
import re
import signal
import socket
import subprocess

from harness.processes import wait_until


def run(lab):
    herald = lab.make_herald(diameter="false")
    good = herald.config.read_text()

    def call(*arguments):
        done = subprocess.run([herald.binary, *arguments], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = call("--features")
    lab.check(code == 0 and out.strip(), "--features tells something, exit code 0")
    code, _, errors = call("--config", herald.config, "--check")
    lab.check(code == 0, f"--check of a good configuration: 0 {errors.strip()}")
    code, _, errors = call("--config", lab.directory / "none.yaml")
    lab.check(code == 2 and "none.yaml" in errors, "a configuration that isn't there: 2, with its name")

    bad = lab.directory / "bad.yaml"
    for change, expected in (
        (("driver: sqlite", "drivr: sqlite"), "driver"),         # did you mean
        (("trusted_peers: [127.0.0.1/32]", "trusted_peers: [127.0.0.1/99]"), "trusted_peers"),
        (("sender_identity: sip:push@ims.lab", "sender_identity: push"), "sender_identity"),
        (("listen: [udp:", "listen: [ud:"), "listen"),
        (("  next_hop:", "  next_hop: [\n  x:"), ""),            # not YAML
    ):
        bad.write_text(good.replace(*change, 1))
        code, _, errors = call("--config", bad, "--check")
        line = errors.strip().splitlines()[0] if errors.strip() else ""
        lab.check(code == 2 and re.match(rf"{re.escape(str(bad))}:\d+:\d+: ", line) and expected in errors, f"2, {line}")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", herald.http_port))
        taken.listen()
        code, _, errors = call("--config", herald.config)
        lab.check(code == 3 and str(herald.http_port) in errors, f"a port in use: 3, {errors.strip().splitlines()[-1][:160]}")

    herald.start()
    lab.check(herald.get("/livez", herald.admin_port)[0] == 200, "/livez is 200")
    lab.check("herald_" in herald.get("/metrics", herald.admin_port)[1], "/metrics has metrics")
    herald.config.write_text(good.replace("next_hop: sip:", "next_hop: sip::::", 1))
    mark = len(herald.process.output())
    herald.process.signal(signal.SIGHUP)
    wait_until(lambda: "next_hop" in herald.process.output()[mark:], 10, "SIGHUP with a bad configuration is told")
    lab.check(herald.ready(), "and Herald goes on with the old one")
    herald.config.write_text(good)
    lab.check(herald.process.stop() == 0, "SIGTERM: exit code 0")
    herald.start()
    lab.check(os.path.exists(lab.directory / "herald.sock"), "started again on the same database")
    herald.process.kill()
    herald.start()
    lab.check(herald.ready(), "also after kill -9")
