#!/usr/bin/python3
"""The main job of Visavis from sign-up to the last message, on real input, with nothing faked between the parts.

What a person would do is done here with the CLI, as two Unix users; the photographs before the camera are moved by the
actor, which sees the prompts and nothing else."""

import argparse
import os
import re
import shutil
import sys
import time

from stage import BUS_NAMES, DAEMONS, DAEMON_USERS, FACE_REFUSED, FACTOR_REFUSED, Stage, StageError

DIRECTORY = "/var/lib/visavis-demo"
PINS = {"alice": "2718-alice", "bob": "3141-bob"}

times = []


def title(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


def tell(text, indent=2):
    for line in text.rstrip().splitlines():
        print(" " * indent + line, flush=True)


class Step:
    """Measures what happens inside `with` and prints it."""

    def __init__(self, text):
        self.text = text

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, *_):
        if kind is None:
            seconds = time.monotonic() - self.start
            times.append((self.text, seconds))
            tell(f"✓ {self.text}  ({seconds:.1f} s)")


def expect(done, code, what):
    if done.returncode != code:
        raise StageError(f"{what}: expected exit code {code}, got {done.returncode}: {done.stdout}{done.stderr}")
    tell(f"  the answer: {done.stderr.strip().splitlines()[-1]}")


def sign_up(stage, person):
    stage.camera(person)
    with Step(f"{person} signs up: face enrolled, PIN set, vault made, name registered with the hub"):
        done = stage.visavis(person, "signup", stage.address_of(person), pin=PINS[person])
    tell(done.stdout, 6)


def log_in(stage, person, face):
    stage.camera(face)
    with Step(f"{person} logs in with the right face ({face}) and the right PIN"):
        stage.visavis(person, "login", pin=PINS[person])
    stage.camera("nobody")


def conversation(stage, person, last):
    return stage.visavis(person, "read", "--last", str(last)).stdout


def wait_for(stage, person, text, seconds=20):
    deadline = time.monotonic() + seconds
    while text not in conversation(stage, person, 20):
        if time.monotonic() > deadline:
            raise StageError(f"“{text}” did not reach {person} within {seconds} s.")
        time.sleep(0.1)


def read_file(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def who_held_what(stage):
    """From /proc, not from what the programs say of themselves."""
    rows = [("process", "user", "network", "camera", "crypto library", "core dumps")]
    pids = {d: stage.daemon_pid(d) for d in DAEMONS}
    pids["hub"] = stage.hub.pid
    ours = os.readlink("/proc/self/ns/net")
    for name, pid in pids.items():
        maps = read_file(f"/proc/{pid}/maps")
        inet = sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:") for fd in os.listdir(f"/proc/{pid}/fd"))
        network = "reachable" if os.readlink(f"/proc/{pid}/ns/net") == ours else "none (own namespace)"
        core = re.search(r"Max core file size\s+(\S+)", read_file(f"/proc/{pid}/limits")).group(1)
        rows.append((name, DAEMON_USERS[name], f"{network}, {inet} sockets", "yes" if "libopencv_videoio" in maps else "no",
                     "yes" if "libcrypto" in maps else "no", "off" if core == "0" else core))
    rows.append(("visavis (CLI)", stage.person_user("alice"), "bus only", "no", "no", "-"))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    tell("\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)) for r in rows))


def run(stage):
    title("1  A private bus, daemons on demand, a hub on loopback")
    tell(f"bus   {stage.address}, with the project's own policy; {', '.join(BUS_NAMES.values())} start when they are called")
    tell(f"hub   {stage.hub_address}")

    title("2  Sign-up")
    sign_up(stage, "alice")
    sign_up(stage, "bob")

    title("3  Lock, and what does not open it")
    for person in PINS:
        stage.visavis(person, "lock")
    stage.camera("stranger")
    with Step("a stranger with alice's PIN is refused"):
        expect(stage.visavis("alice", "login", pin=PINS["alice"], check=False), FACE_REFUSED, "stranger")
    stage.camera("alice-again", still=True)
    with Step("a held-up photograph of alice is refused"):
        expect(stage.visavis("alice", "login", pin=PINS["alice"], check=False), FACE_REFUSED, "photograph")
    stage.camera("alice")
    with Step("alice's face with a wrong PIN is refused"):
        expect(stage.visavis("alice", "login", pin="0000-wrong", check=False, tries=3), FACTOR_REFUSED, "wrong PIN")
    log_in(stage, "alice", "alice-again")

    title("4  A conversation; bob is away when it begins")
    stage.visavis("bob", "offline")
    with Step("alice writes to bob, whose link is down"):
        stage.visavis("alice", "send", stage.address_of("bob"), "Salut Bob, are you there?")
        stage.visavis("alice", "send", stage.address_of("bob"), "Dinner at eight, tell nobody.")
    wait_for_stored(stage)
    tell("What the hub holds for bob meanwhile:")
    tell(stage.inspect_hub(), 4)
    with open(f"{stage.directory}/state/hub/hub.db", "rb") as f:
        leaked = b"Dinner" in f.read()
    with open(f"{stage.directory}/state/hub/hub.db-wal", "rb") as f:
        leaked = leaked or b"Dinner" in f.read()
    if leaked:
        raise StageError("the hub's database holds plain text")
    tell("    (the word “Dinner” is nowhere in its database)")
    stage.visavis("bob", "online")
    log_in(stage, "bob", "bob")
    with Step("bob has alice's messages"):
        wait_for(stage, "bob", "tell nobody")
    with Step("bob answers, alice has it"):
        stage.visavis("bob", "send", stage.address_of("alice"), "At eight. My lips are sealed, end to end.")
        wait_for(stage, "alice", "lips are sealed")
    for person in PINS:
        tell(f"\nThe conversation as {person} has it:")
        tell(conversation(stage, person, 10), 4)
    title("   Which process held what")
    who_held_what(stage)
    for person in PINS:
        stage.visavis(person, "lock")


def wait_for_stored(stage):
    deadline = time.monotonic() + 20
    while not re.search(r"stored|✓", conversation(stage, "alice", 1)):
        if time.monotonic() > deadline:
            raise StageError("the hub did not take alice's messages within 20 s")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--directory", default=DIRECTORY, help="where the demo's state is kept (replaced)")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.directory, ignore_errors=True)
    try:
        with Stage(arguments.build, arguments.directory) as stage:
            run(stage)
    except StageError as error:
        sys.exit(f"demo: {error}\nThe daemons' logs are in {arguments.directory}/log.")
    title("5  Times")
    for text, seconds in times:
        tell(f"{seconds:6.1f} s  {text}")
    title("How to go on")
    tell("./run shell alice      a shell as alice on this demo's bus (or bob): visavis, busctl\n"
         "./run desktop alice    the desktop, the same way\n"
         "./run install          the daemons as system services of this machine")


if __name__ == "__main__":
    main()
