#!/usr/bin/python3
"""start.py BUILD: how long authd takes from its start to its name on the bus, and what it holds while nobody is looked at.

On a private bus, without a camera. Beside the clock stands the processor time, which other programs on the machine change less, and
what it takes to start and end a program that does nothing."""
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/unit"))
import private_bus  # noqa: E402

NAME, STARTS = "im.visavis.Auth1", 20
MODELS = os.environ.get("VISAVIS_MODELS", "/var/cache/visavis/models")


def processor_ms(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return 1e3 * (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def kilobytes(pid, *fields):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        return sum(int(line.split()[1]) for line in f if line.split(":")[0] in fields)


def start(build, address, directory, bus):
    """(ms by the clock, ms of the processor, private and proportional kilobytes)"""
    begun = time.monotonic()
    authd = subprocess.Popen([f"{build}/authd/visavis-authd", "--bus", address, "--state", f"{directory}/state",
                              "--config", f"{directory}/config", "--log-level", "err"])
    while not bus.name_has_owner(NAME):
        time.sleep(0.001)
    took = 1e3 * (time.monotonic() - begun)
    spent, own, share = processor_ms(authd.pid), kilobytes(authd.pid, "Private_Clean", "Private_Dirty"), kilobytes(authd.pid, "Pss")
    authd.terminate()
    authd.wait()
    while bus.name_has_owner(NAME):
        time.sleep(0.001)
    return took, spent, own, share


def nothing():
    begun = time.monotonic()
    subprocess.run(["/bin/true"], check=True)
    return 1e3 * (time.monotonic() - begun)


def main(build):
    directory = tempfile.mkdtemp(prefix="visavis-bench-authd-")
    try:
        for name in ("state", "config"):
            os.mkdir(f"{directory}/{name}", 0o700)
        with open(f"{directory}/config/authd.conf", "w", encoding="utf-8") as f:
            f.write(f"[peers]\ncrypto-user = {pwd.getpwuid(os.getuid()).pw_name}\n[models]\ndirectory = {MODELS}\n")
        process, address = private_bus.start(directory)
        bus = dbus.bus.BusConnection(address)
        found = [start(build, address, directory, bus) for _ in range(STARTS)]
        base = statistics.median(nothing() for _ in range(STARTS))
        process.terminate()
        process.wait()
    finally:
        shutil.rmtree(directory)
    took, spent, own, share = (statistics.median(column) for column in zip(*found))
    print(f"{STARTS} starts, the medians")
    print(f"{'from its start to its name on the bus':<44} {took:9.1f} ms, {took / base:.1f} × a program that does nothing; goal 150 ms")
    print(f"{'processor time of it (in steps of 10 ms)':<44} {spent:9.1f} ms")
    print(f"{'memory of its own while nobody is looked at':<44} {own / 1e3:9.1f} MB; goal 15 MB (with its share of libraries: {share / 1e3:.1f} MB)")


main(sys.argv[1])
