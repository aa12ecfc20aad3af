#!/usr/bin/python3
"""Visavis installed on a booted Debian, as an administrator and two people use it: units, sandboxes, sign-up, what is refused, a
conversation with somebody who is away, restarts."""

import json
import os
import re
import subprocess
import sys
import time

from container import Container
from first_light import PINS, account_of, log_in, texts, wait_for_texts
from stage import FACE_REFUSED, FACTOR_REFUSED, REPOSITORY
from tap import skip_all, tell

# Connects to a port over and over until its standard input has something, then says how often and how often in vain.
KNOCKER = """
import select, socket, sys
knocked = refused = 0
while not select.select([sys.stdin], [], [], 0.002)[0]:
    with socket.socket() as s:
        refused += s.connect_ex(("127.0.0.1", int(sys.argv[1]))) != 0
    knocked += 1
    if knocked == 1:
        print("knocking", flush=True)
print(knocked, refused)
"""
UNITS = ("visavis-authd", "visavis-cryptod", "visavis-relayd")


def show(machine, unit, *properties):
    lines = machine.inside("systemctl", "show", "-p", ",".join(properties), unit).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def sandboxes(story, machine):
    with story.step("the kernel keeps authd and cryptod from every network, and all but authd from devices"):
        for unit in UNITS:
            pid = machine.daemon_pid(unit.removeprefix("visavis-"))
            assert pid, f"{unit} does not run"
            interfaces = subprocess.run(["nsenter", "-t", str(pid), "-n", "cat", "/proc/self/net/dev"], capture_output=True,
                                        text=True, check=True).stdout
            alone = re.findall(r"^\s*(\S+):", interfaces, re.M) == ["lo"]
            same = os.readlink(f"/proc/{pid}/ns/net") == os.readlink(f"/proc/{machine.leader}/ns/net")
            assert same == (unit == "visavis-relayd"), f"{unit}: its network is {'the' if same else 'not the'} machine's"
            assert alone or unit == "visavis-relayd", f"{unit} sees {interfaces}"
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                status = dict(line.rstrip().split(":\t", 1) for line in f if ":\t" in line)
            assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", f"{unit}: {status['Seccomp']} {status['NoNewPrivs']}"
            assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, f"{unit} has capabilities"
            assert status["Uid"].split()[0] != "0"
            video = os.path.exists(f"/proc/{pid}/root/dev/video0")
            assert not video or unit == "visavis-authd"


def agents(machine):
    """Whether programs of persons who are logged in run on it."""
    return "visavis" in machine.inside("sh", "-c", "cat /proc/[0-9]*/comm", check=False).split()


def the_story(story, machine):
    with story.step("the machine takes in what was installed"):
        with open(f"{REPOSITORY}/systemd/activate", encoding="utf-8") as f:
            assert "Installed" in machine.inside("sh", "-c", f.read())
        assert machine.inside("systemctl", "is-enabled", "visavis-relayd").strip() == "enabled"
        assert machine.inside("systemctl", "is-active", "visavis-relayd").strip() == "active"
    with story.step("the machine runs, and no unit has failed"):
        failed = machine.inside("systemctl", "--failed", "--no-legend", "--plain").strip()
        assert "visavis" not in failed, failed
    with story.step("authd and cryptod start when they are called, and not before"):
        assert machine.inside("systemctl", "is-active", "visavis-cryptod", check=False).strip() == "inactive"
        machine.busctl("call", "im.visavis.Crypto1", "/im/visavis/Crypto1", "im.visavis.Crypto1.Manager", "ListAccounts")
        assert machine.inside("systemctl", "is-active", "visavis-cryptod").strip() == "active"
        assert show(machine, "visavis-cryptod", "Type", "WatchdogUSec") == {"Type": "notify", "WatchdogUSec": "30s"}
    for person in PINS:
        with story.step(f"{person} signs up with face and PIN"):
            machine.camera(person)
            machine.visavis(person, "signup", machine.address_of(person), pin=PINS[person])
            machine.visavis(person, "lock")
            assert account_of(machine, person)[2] == "locked"
    sandboxes(story, machine)
    with story.step("a stranger, a held-up photograph and a wrong PIN are refused"):
        for face, still, pin, code in (("stranger", False, PINS["alice"], FACE_REFUSED), ("alice-again", True, PINS["alice"], FACE_REFUSED),
                                       ("alice", False, "0000-wrong", FACTOR_REFUSED)):
            machine.camera(face, still=still)
            done = machine.visavis("alice", "login", pin=pin, check=False, tries=3 if code == FACTOR_REFUSED else 1)
            assert done.returncode == code, done
    with story.step("the right face in another photograph and the right PIN open the vault"):
        log_in(machine, "alice", "alice-again")
        assert account_of(machine, "alice")[2] == "unlocked"
    with story.step("what is sent to somebody who is locked is there after the log-in, and the answer comes back"):
        machine.visavis("alice", "send", machine.address_of("bob"), "first")
        log_in(machine, "bob")
        wait_for_texts(machine, "bob", [("alice", "first")])
        machine.visavis("bob", "send", machine.address_of("alice"), "second")
        wait_for_texts(machine, "alice", [("alice", "first"), ("bob", "second")])
    with story.step("root rules the hub, which reads its configuration again; nobody else may"):
        status = json.loads(machine.inside("visavis", "hub", "status", "--json"))
        assert status["accounts"] == 2 and status["links"] == 2 and status["registration"] == "open", status
        assert "hub" in machine.visavis("alice", "hub", "status", check=False).stderr
        machine.inside("sh", "-c", "printf '[hub]\\nregistration = closed\\n' >/etc/visavis/hub.conf")
        before = show(machine, "visavis-hub.service", "MainPID")
        machine.inside("systemctl", "reload", "visavis-hub.service")
        deadline = time.monotonic() + 10
        while json.loads(machine.inside("visavis", "hub", "status", "--json"))["registration"] != "closed":
            assert time.monotonic() < deadline, "the hub has not read its configuration"
        status = json.loads(machine.inside("visavis", "hub", "status", "--json"))
        assert status["links"] == 2 and show(machine, "visavis-hub.service", "MainPID") == before, "the reload was a restart"
        machine.inside("visavis", "hub", "backup", "/root/hub.db")
    with story.step("a restart of the hub lets whoever connects meanwhile wait, and refuses nobody"):
        before = show(machine, "visavis-hub.service", "MainPID")
        knocker = subprocess.Popen(["nsenter", "-t", str(machine.leader), "-n", sys.executable, "-c", KNOCKER, str(machine.port)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert knocker.stdout.readline() == "knocking\n"
        machine.inside("systemctl", "restart", "visavis-hub.service")
        knocked, refused = map(int, knocker.communicate("enough")[0].split())
        assert knocked > 5 and refused == 0, f"{refused} of {knocked} were refused"
        assert show(machine, "visavis-hub.service", "MainPID") != before
        deadline = time.monotonic() + 20
        while json.loads(machine.inside("visavis", "hub", "status", "--json"))["links"] != 2:
            assert time.monotonic() < deadline, "the links have not come back"
    with story.step("systemctl restarts everything; what was said is there"):
        expected = texts(machine, "alice")
        machine.inside("systemctl", "restart", *UNITS, "visavis-hub.service")
        for person in PINS:
            assert account_of(machine, person)[2] == "locked"
            log_in(machine, person)
            wait_for_texts(machine, person, expected)
    with story.step("every unit stops cleanly"):
        assert agents(machine)
        machine.inside("systemctl", "stop", *UNITS, "visavis-hub.service", "visavis-hub.socket")
        # Persons were logged in; their programs notice, and start nothing again.
        deadline = time.monotonic() + 10
        while agents(machine) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not agents(machine), "a program goes on as if it were logged in"
        for unit in (*UNITS, "visavis-hub"):
            assert show(machine, unit, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}, unit


def tell_story(story):
    with Container(os.environ["VISAVIS_BUILD"]) as machine:
        try:
            the_story(story, machine)
        finally:
            if story.failed:
                print("\n".join(f"# {line}" for line in machine.inside("journalctl", "-n", "80", "--no-pager", check=False).splitlines()))


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip_all("a container can only be booted by root")
    tell(tell_story)
