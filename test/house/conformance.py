#!/usr/bin/env python3
"""conformance.yaml against the sources: every requirement stands there once, every test named there exists and names it back.

  conformance.py              check, print the counts; exit 1 when something is wrong
  conformance.py --update     fills in the tests that name a requirement; entries that are `out` get in when a test appears
"""
import argparse
import pathlib
import re
import sys

import yaml

TEST = pathlib.Path(__file__).resolve().parents[1]
TABLE = TEST / "conformance.yaml"
# The requirements of the push specification, of its status mapping (SM) and of the Push Access Protocol (PAP), by kind.
KINDS = {"F": [*range(1, 11)], "S": [*range(1, 11)],
         "PS": [*range(1, 8), *range(10, 20), *range(20, 25), *range(30, 35), *range(40, 50), *range(50, 56), *range(60, 70), *range(70, 79),
                *range(80, 83), *range(90, 98), *range(100, 107)],
         "PR": [*range(1, 17)], "PA": [*range(1, 6)], "SM": [*range(1, 19)],
         "PAP": [1, 2, *range(10, 13), 20, 21, *range(30, 42), *range(50, 55), 60]}
NAMES = "|".join(sorted(KINDS, key=len, reverse=True))


def identifier(kind, number):
    return f"{kind}-{number:02}" if kind == "PAP" else f"{kind}-{number}"


REQUIRED = [identifier(kind, number) for kind, numbers in KINDS.items() for number in numbers]
MOST = 4  # tests named for one requirement; there may be more


def mentioned(name):
    """The ids in a test's name; PS-1..PS-4, PS-1..4 and PS-1 to PS-4 are all of them."""
    found = set()
    for kind, first, last in re.findall(rf"\b({NAMES})-(\d+)(?:(?:\.\.| to )(?:(?:{NAMES})-)?(\d+))?", name):
        found.update(identifier(kind, number) for number in range(int(first), int(last or first) + 1))
    return found


def tests_of_sources():
    """{file: {name of a test: ids}}: doctest's cases, and what scenarios of the lab and the functional suite say they prove."""
    found = {}
    for path in sorted([*TEST.glob("unit/**/*.cpp"), *TEST.glob("component/**/*.cpp")]):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r'(?:TEST_CASE|SCENARIO)\w*\((?:\w+,\s*)?((?:\s*"(?:[^"\\]|\\.)*")+)', text):
            name = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match.group(1))).replace('\\"', '"')
            found.setdefault(str(path.relative_to(TEST)), {})[name] = mentioned(name)
    for path in sorted([*TEST.glob("lab/scenarios/*.py"), *TEST.glob("functional/scenarios/*.py")]):
        name = path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
        found.setdefault(str(path.relative_to(TEST)), {})[name] = mentioned(name)
    return found


def check(table, sources):
    wrong = []
    seen = [entry.get("id") for entry in table]
    wrong += [f"{name}: missing" for name in REQUIRED if name not in seen]
    wrong += [f"{name}: more than once" for name in {name for name in seen if seen.count(name) > 1}]
    wrong += [f"{name}: no such requirement" for name in seen if name not in REQUIRED]
    for entry in table:
        name, tests, out = entry.get("id"), entry.get("tests") or [], entry.get("out")
        if not entry.get("text"):
            wrong.append(f"{name}: no text")
        if bool(tests) == bool(out):
            wrong.append(f"{name}: either tests, or the reason why it is out")
        for test in tests:
            file, _, title = test.partition(": ")
            if title not in sources.get(file, {}):
                wrong.append(f"{name}: no test in {file} is named: {title}")
            elif name not in sources[file][title]:
                wrong.append(f"{name}: the test does not name it: {test}")
    return wrong


def update(table, sources):
    """Up to MOST tests each, the lab's first: those prove most."""
    for entry in table:
        naming = [f"{file}: {title}" for file, cases in sources.items() for title, ids in cases.items() if entry["id"] in ids]
        naming.sort(key=lambda test: (not test.startswith("lab/"), not test.startswith("component/"), test))
        kept = [test for test in entry.get("tests") or [] if test in naming]
        entry["tests"] = (kept + [test for test in naming if test not in kept])[:MOST]
        if entry["tests"]:
            entry.pop("out", None)
        else:
            entry.pop("tests")
            entry.setdefault("out", "no test yet")


def write(table):
    head = ("# Every requirement of the push specification (F features, S security, PS sender, PR receiver, PA consent), of the status mapping (SM) and\n"
            "# of the Push Access Protocol (PAP), and the tests that prove it, or why it is out. test/house/conformance.py checks it and, with\n"
            "# --update, fills in the tests.\n")
    parts = []
    for entry in table:
        quoted = entry["text"].replace('"', "'")
        parts.append(f'- id: {entry["id"]}\n  text: "{quoted}"\n')
        if entry.get("tests"):
            parts.append("  tests:\n" + "".join("    - " + yaml.safe_dump(test, width=10**6, default_style='"', allow_unicode=True) for test in entry["tests"]))
        if entry.get("out"):
            parts.append(f'  out: "{entry["out"]}"\n')
    TABLE.write_text(head + "".join(parts), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    sources = tests_of_sources()
    if arguments.update:
        update(table, sources)
        write(table)
    wrong = check(table, sources)
    for line in wrong:
        print(line, file=sys.stderr)
    proved = [entry for entry in table if entry.get("tests")]
    for kind in KINDS:
        of_kind = [entry for entry in table if entry["id"].split("-")[0] == kind]
        print(f"{kind}: {len(of_kind)} requirements, {sum(1 for entry in of_kind if entry.get('tests'))} with tests, "
              f"out: {', '.join(entry['id'] for entry in of_kind if entry.get('out')) or 'none'}")
    print(f"{len(table)} requirements, {len(proved)} with tests, {len(table) - len(proved)} out")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
