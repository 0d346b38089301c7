"""Runs one scenario of a folder on ports of its own, with a hard deadline and a clean end."""
import argparse
import importlib.util
import signal
import sys
import time
import traceback
from pathlib import Path

from .lab import ROOT, Lab
from .processes import LabError


def load(path):
    spec = importlib.util.spec_from_file_location("scenario_" + path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(folder, description):
    scenarios = {path.stem: path for path in sorted(Path(folder).glob("[a-z]*.py"))}
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("name", nargs="?", choices=list(scenarios))
    parser.add_argument("--bin", default=ROOT / "build/release/bin")
    parser.add_argument("--logs", default=ROOT / "build/lab-logs")
    arguments = parser.parse_args()
    if not arguments.name:
        for name, path in scenarios.items():
            print(f"{name:16} {load(path).__doc__.splitlines()[0]}")
        return 0
    return run(load(scenarios[arguments.name]), arguments.name, arguments.bin, arguments.logs)


def run(scenario, name, binaries, logs):
    def too_late(number, _):
        raise LabError("the scenario took too long" if number == signal.SIGALRM else "the scenario was told to stop")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, too_late)
    # Against a run that hangs; ctest's own limit is above it, for that one could not stop the children.
    signal.alarm(getattr(scenario, "DEADLINE", 180))
    print(f"{name}: {scenario.__doc__.splitlines()[0]}", flush=True)
    begun = time.monotonic()
    try:
        with Lab(name, binaries, logs, f"{name}: {scenario.__doc__.splitlines()[0]}") as lab:
            try:
                scenario.run(lab)
            finally:
                signal.alarm(0)
    except LabError as error:
        print(f"FAILED: {error}\nlogs: {Path(logs) / name}", file=sys.stderr)
        return 1
    except Exception:  # a scenario's own mistake
        traceback.print_exc()
        print(f"logs: {Path(logs) / name}", file=sys.stderr)
        return 1
    print(f"{name}: done in {time.monotonic() - begun:.1f} s", flush=True)
    return 0
