#!/usr/bin/python3
"""Builds everything three ways, runs every test, and counts them in the last line.

  build           gcc, as it is installed: unit tests, daemons on a private bus, the booted container, the desktop
  build-sanitize  the unit tests again under AddressSanitizer and UndefinedBehaviorSanitizer
  build-fuzz      clang's libFuzzer: each decoder of outside bytes, from its corpus, a bounded number of inputs

A test is one TAP line of a program; a program that dies counts as a failure of its own."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "system"))
from container import INSTALLED  # noqa: E402

CCACHE = "ccache " if shutil.which("ccache") else ""  # meson finds it by itself where it chooses the compiler
BUILDS = {
    "build": ({}, [], []),
    "build-sanitize": ({}, ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Ddesktop=false", "-Doptimization=1"],
                       ["--no-suite", "system", "--no-suite", "interop"]),
    "build-fuzz": ({"CC": CCACHE + "clang", "CXX": CCACHE + "clang++"}, ["-Dfuzzers=true", "-Dtests=false", "-Ddesktop=false",
                                                      "-Db_sanitize=address,undefined", "-Db_lundef=false",
                                                      "-Doptimization=1"], []),
}
AT_ONCE = (os.cpu_count() or 1) * 3 // 2  # many tests wait more than they compute
GOOD = ("OK", "SKIP", "EXPECTEDFAIL")
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def say(text):
    print(f"== {text}", flush=True)


def build(folder, environment, options, idle=False, after=None):
    """Configures and builds a folder. None if it could be, else what the compiler said. @idle: with the time that nothing else
    wants. @after: the future of a build whose failure is this one's, too."""
    if after and (words := after.result()):
        return words
    environment = {**os.environ, **environment}
    steps = [["ninja", "-C", folder]]
    if not os.path.exists(f"{folder}/build.ninja"):
        steps.insert(0, ["meson", "setup", folder, *options])
    for step in steps:
        done = subprocess.run([*(["chrt", "--idle", "0"] if idle else []), *step], env=environment, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            return f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return None


def verdicts(folder):
    """What meson says of each program as a whole, by name: it knows of exit codes and time-outs, which the lines do not show."""
    with open(f"{folder}/meson-logs/testlog.json", encoding="utf-8") as f:
        return {test["name"]: test["result"] for test in map(json.loads, f)}


def count(folder):
    """(passed, failed, skipped, lines about what failed or was skipped) of the last `meson test`."""
    passed = failed = skipped = 0
    notes = []
    whole = verdicts(folder)
    with open(f"{folder}/meson-logs/testlog.junit.xml", encoding="utf-8", errors="replace") as f:
        # What programs print stands there as it is, and XML has no place for control characters.
        root = ElementTree.fromstring(re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", "?", f.read()))
    for suite in root.iter("testsuite"):
        cases = list(suite.iter("testcase"))
        bad = 0
        for case in cases:
            name = f"{suite.get('name')}: {case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                bad += 1
                notes.append(f"FAILED  {name}")
            elif case.find("skipped") is not None:
                skipped += 1
                why = case.find("skipped").get("message") or ""
                notes.append(f"skipped {name} {why}".rstrip())
            else:
                passed += 1
        # A program can also fail as a whole: a crash after its last line, a leak, a time-out, a wrong plan.
        result = next((whole.pop(name) for name in list(whole) if suite.get("name").endswith(name)), "OK")
        if not bad and result not in GOOD:
            bad = 1
            notes.append(f"FAILED  {suite.get('name')} as a whole: {result}")
        failed += bad
    for name, result in whole.items():  # of whose lines there is no record
        if result not in GOOD:
            failed += 1
            notes.append(f"FAILED  {name} as a whole: {result}")
    return passed, failed, skipped, notes


def check_layout():
    """clang-format settles the layout; versions differ in details, so only the one of Debian 12 decides."""
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True, check=False).stdout
    files = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.cpp"], capture_output=True, text=True, check=True).stdout.split()
    if " 14." not in version:
        return None, "needs clang-format 14"
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr[:4000]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*BUILDS, "layout"], action="append", help="one of the builds, or the layout")
    parser.add_argument("test", nargs="*", help="names of tests, as `meson test` takes them")
    arguments = parser.parse_args()
    passed = failed = skipped = 0
    started = time.monotonic()
    wanted = [(folder, *how) for folder, how in BUILDS.items() if not arguments.only or folder in arguments.only]
    # Tests also wait for people and time-outs: meanwhile the next folders are built.
    builder = ThreadPoolExecutor(max_workers=1)
    builds = {}
    for number, (folder, environment, options, _) in enumerate(wanted):
        builds[folder] = builder.submit(build, folder, environment, options, idle=number > 0)
        # The test of the installed system installs from a folder of its own.
        if folder == "build" and (not arguments.test or "installed" in arguments.test):
            builds[folder] = builder.submit(build, "build-container", {}, INSTALLED, after=builds[folder])

    for folder, environment, _, selection in wanted:
        say(f"Building {folder}")
        words = builds[folder].result()
        if words is not None:
            print(words, f"FAILED  the build in {folder}", sep="\n")
            failed += 1
            continue
        say(f"Testing {folder}")
        subprocess.run(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--num-processes", str(AT_ONCE), *selection, *arguments.test],
                       env={**os.environ, **SANITIZERS, **environment}, check=False)
        p, f, s, notes = count(folder)
        print(*notes, sep="\n", flush=True)
        passed, failed, skipped = passed + p, failed + f, skipped + s
        if p + f == 0:
            print(f"FAILED  no test ran in {folder}")
            failed += 1

    if not arguments.only or "layout" in arguments.only:
        good, words = check_layout()
        if good is None:
            skipped += 1
            print(f"skipped layout: {words}")
        elif good:
            passed += 1
        else:
            failed += 1
            print(f"FAILED  layout\n{words}")

    say(f"{time.monotonic() - started:.0f} s, {skipped} skipped")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
