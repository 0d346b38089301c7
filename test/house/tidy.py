#!/usr/bin/env python3
"""clang-tidy over the program's sources; a source that was clean is not looked at again while what the compiler sees of it is the same.

  tidy.py BUILD-DIRECTORY [FILE…]     without FILE: every source of as-core, diameter and push-app

What was clean is remembered in $XDG_CACHE_HOME/herald-tidy (~/.cache/herald-tidy): one empty file per source, named after the hash of
the preprocessed source with its comments, the set of checks and clang-tidy's version.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-16"
KEPT_SECONDS = 30 * 24 * 3600


def sources():
    listed = subprocess.run(["git", "ls-files", "as-core/*.cpp", "diameter/*.cpp", "push-app/*.cpp"], cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.split()


def preprocessed(entry):
    command = shlex.split(entry["command"])
    compiler = next(i for i, word in enumerate(command) if "clang" in pathlib.Path(word).name)
    command = command[compiler:]
    output = command.index("-o")
    del command[output:output + 2]
    command.remove("-c")
    done = subprocess.run([*command, "-E", "-P", "-C"], cwd=entry["directory"], capture_output=True)
    return done.stdout if done.returncode == 0 else None


def look(source, entry, build, cache, seed):
    """What clang-tidy says when it is not content, else nothing."""
    text = preprocessed(entry)
    mark = text and cache / hashlib.sha256(seed + text).hexdigest()
    if mark and mark.exists():
        mark.touch()
        return None
    done = subprocess.run([TIDY, "-p", build, "--quiet", source], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        return f"{source}:\n{done.stdout}"
    if mark:
        mark.touch()
    return None


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    entries = {str(pathlib.Path(e["file"]).relative_to(ROOT)): e for e in json.loads((build / "compile_commands.json").read_text())
               if pathlib.Path(e["file"]).is_relative_to(ROOT)}
    wanted = [source for source in sys.argv[2:] or sources() if source in entries]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "herald-tidy"
    cache.mkdir(parents=True, exist_ok=True)
    for mark in cache.iterdir():
        if mark.stat().st_mtime < time.time() - KEPT_SECONDS:
            mark.unlink(missing_ok=True)
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    seed = version + (ROOT / ".clang-tidy").read_bytes()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [found for found in pool.map(lambda s: look(s, entries[s], build, cache, seed), wanted) if found]
    print(*findings, sep="\n", end="")
    print(f"clang-tidy: {len(wanted)} sources, {len(findings)} with findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
