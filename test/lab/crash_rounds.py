#!/usr/bin/env python3
"""crash_rounds.py [--rounds N] [--rate PUSHES_A_SECOND] [--seed N] [--bin DIR] [--logs DIR]: kills heraldd N times at random under
mixed load (all modes, callbacks on) and checks that nothing accepted is lost, no final state changes and each result is told once."""
import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True  # leaves nothing in the checkout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--rate", type=float, default=25)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--bin")
    parser.add_argument("--logs")
    arguments = parser.parse_args()
    os.environ["HERALD_LAB_KILLS"] = str(arguments.rounds)
    os.environ["HERALD_LAB_RATE"] = str(arguments.rate)
    if arguments.seed is not None:
        os.environ["HERALD_LAB_SEED"] = str(arguments.seed)
    command = [sys.executable, str(HERE / "scenario"), "crash_modes"]
    for name in ("bin", "logs"):
        if getattr(arguments, name):
            command += [f"--{name}", getattr(arguments, name)]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
