#!/usr/bin/env python3
"""The rules of the house that a compiler does not check: who may include what, what lies at the top level, which calls are banned."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A C library's headers, and the folders that may include them.
WRAPPERS = {
    r"sofia-sip/": ["as-core/src/sip/", "test/bench/"],
    r"ares(_\w+)?\.h": ["as-core/src/sip/"],
    r"freeDiameter/": ["diameter/src/", "test/lab/", "test/unit/diameter/"],
    r"event2/": ["as-core/src/io/", "test/bench/", "test/unit/io/"],
    r"sqlite3\.h": ["as-core/src/store/", "test/"],
    r"hiredis/": ["as-core/src/store/"],
    r"yaml-cpp/": ["as-core/src/config/", "test/lab/"],
    r"(spdlog|prometheus)/": ["as-core/src/base/"],
}

# Folders, and the quoted includes they may use (regular expressions on the include path).
QUOTED = {
    "as-core/include/": [r"herald/"],
    "as-core/src/": [r"herald/", r"(base|message|sip|dialog|container|ims|event|store|io|overload|config)/"],
    "diameter/": [r"herald/", r"diameter/", r"[\w/]+\.h"],
    "push-app/src/": [r"herald/", r"push/", r"((text|job|initiator|pushes|rest|pap|delivery|mode|subscription|consent|capability|report|result)/)?\w+\.h"],
    "push-app/include/": [r"herald/", r"push/"],
}
# What a folder must never name, whatever the form.
NEVER = {
    "as-core/src/": r'#include ["<](diameter|push)/',
    "as-core/include/": r"#include <(sofia-sip|freeDiameter|event2|sqlite3|yaml-cpp|spdlog|prometheus|nlohmann|pugixml|hiredis)",
    "push-app/src/": r'#include "(base|message|sip|dialog|container|ims|event|store|io|overload|config)/',
    "push-app/include/": r'#include "(base|message|sip|dialog|container|ims|event|store|io|overload|config)/',
    "diameter/": r'#include "(base|message|sip|dialog|container|ims|event|store|io|overload|config|push)/',
}

# Time comes from herald::Clock; nothing sleeps.
BANNED = [
    (r"\b(sleep_for|sleep_until)\s*\(\s*(std::chrono|\d)|std::this_thread::sleep|\busleep\s*\(|\bnanosleep\s*\(", "sleeping; wait for a condition or the clock"),
    (r"(system_clock|steady_clock)::now\s*\(", "asking the machine for the time; use herald::Clock"),
]
MAY_ASK_TIME = ("as-core/src/base/clock.cpp", "test/", "as-core/ctl/")

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "as-core", "push-app", "diameter", "config", "test", "deploy"}


def tracked():
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if (ROOT / line).exists()]


def main():
    problems = []
    files = tracked()
    for name in sorted({f.split("/")[0] for f in files}):
        if name not in TOP_LEVEL and not name.startswith("."):
            problems.append(f"{name}: does not belong at the top level")
    for folder in ("as-core", "push-app", "diameter", "config", "test", "deploy"):
        if f"{folder}/README.md" not in files:
            problems.append(f"{folder}: has no README.md on its door")

    for file in files:
        if not re.search(r"\.(h|cpp)$", file):
            continue
        text = (ROOT / file).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            where = f"{file}:{number}"
            include = re.match(r'\s*#include ([<"])([^>"]+)[>"]', line)
            if include:
                path = include.group(2)
                for header, folders in WRAPPERS.items():
                    if re.match(header, path) and not any(file.startswith(f) for f in folders):
                        problems.append(f"{where}: {path} may only be included in {', '.join(folders)}")
                for folder, allowed in QUOTED.items():
                    if include.group(1) == '"' and file.startswith(folder) and not any(re.match(a, path) for a in allowed):
                        problems.append(f"{where}: {folder} may not include \"{path}\"")
                for folder, pattern in NEVER.items():
                    if file.startswith(folder) and re.match(pattern, line.strip()):
                        problems.append(f"{where}: {folder} may not include {path}")
            for pattern, why in BANNED:
                if re.search(pattern, line) and not file.startswith(MAY_ASK_TIME) and "herald::" not in line:
                    if "co_await" not in line:
                        problems.append(f"{where}: {why}")
    for problem in problems:
        print(problem)
    print(f"house rules: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
