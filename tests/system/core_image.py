#!/usr/bin/python3
"""Keys live in cryptod's locked memory and nowhere else (where the kernel can hide it, not even root reads it there), and texts not longer
than their account is unlocked: the memory of everything that runs is searched for secrets that were opened from the disks with both factors.

A core image is what a crash would leave behind; a memory image is all that root can read, locked pages too. What is looked for is found
where it has to be, so a search that finds nothing means something."""

import contextlib
import ctypes
import glob
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from stage import DAEMONS, Stage
from tap import skip_all, tell

PINS = {"alice": "2718-alice", "bob": "3141-bob"}
TEXT = "what only two people read"
MESSAGES = 8
# Of each kind of key: what cryptod holds while an account is open, what it reads when it needs it, and who has one in this story.
HELD = {"vault-key", "table-key", "root-key", "sealing-key", "signature-key", "sender-data-secret", "exporter-secret", "external-secret", "confirmation-key",
        "membership-key", "resumption-psk", "epoch-authenticator", "init-secret", "node-key"}
READ = {"cell-key", "key-package-init-key", "key-package-leaf-key", "sealed-files-key", "ratchet"}  # a ratchet moves on with each message
MOVED = {"message-key", "tree-secret"}  # where messages have not come in their order; in groups of more than two
ONCE = {"alice": "file-key", "bob": "invitation-key"}
SECRETS_ON_DISK = sys.argv[1]


def memory_image(pid):
    """Everything that is mapped, but for the kernel's own pages."""
    image = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            memory.seek(start)
            try:
                image.append(memory.read(end - start))
            except OSError:  # behind the end of a mapped file, or a guard
                continue
    return image


def core_image(pid):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["gcore", "-o", f"{directory}/core", str(pid)], capture_output=True, check=True, timeout=120)
        with open(f"{directory}/core.{pid}", "rb") as f:
            image = f.read()
    assert image.startswith(b"\x7fELF") and len(image) > 100_000, f"{len(image)} bytes are no core image"
    return [image]


def found(image, secrets):
    """The names of those secrets that stand in an image."""
    return {name for name, secret in secrets if any(secret in part for part in image)}


def account_of(stage, person):
    """The id of a person's only account."""
    listed = stage.busctl("call", "im.visavis.Crypto1", "/im/visavis/Crypto1", "im.visavis.Crypto1.Manager", "ListAccounts", user=person)
    identifier, = re.findall(r"/im/visavis/Crypto1/account/([0-9a-f]{32})", listed)
    return identifier


def secrets_on_disk(stage, person):
    """What the disks and the PIN open: (name, bytes), on copies of the daemons' states."""
    with tempfile.TemporaryDirectory() as directory:
        for daemon in ("authd", "cryptod"):
            shutil.copytree(f"{stage.directory}/state/{daemon}", f"{directory}/{daemon}")
        uid = pwd.getpwnam(stage.person_user(person)).pw_uid
        lines = stage.run([SECRETS_ON_DISK, f"{directory}/authd", f"{directory}/cryptod", account_of(stage, person), str(uid)],
                          input=PINS[person])
    return [(f"{person}'s {name}", bytes.fromhex(secret)) for name, secret in map(str.split, lines.splitlines())]


def programs(stage, person):
    """The process ids of a person's programs on this stage's bus."""
    uid, pids = str(pwd.getpwnam(stage.person_user(person)).pw_uid), []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/environ", "rb") as f:
                here = f"VISAVIS_BUS={stage.address}".encode() in f.read().split(b"\0")
            with open(f"{path}/status", encoding="utf-8") as f:
                owner = re.search(r"^Uid:\t(\d+)", f.read(), re.M).group(1)
            if here and owner == uid and os.readlink(f"{path}/exe") == f"{stage.build}/ui/visavis":
                pids.append(int(path.split("/")[2]))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return pids


def wait(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return value


def expect_nothing(secrets, **images):
    """No image, by the name of what it is of, holds any of the secrets."""
    for name, image in images.items():
        there = found(image, secrets)
        assert not there, f"{name} has {sorted(there)}"


def daemons_and_hub(stage):
    return {**{d: stage.daemon_pid(d) for d in DAEMONS}, "hub": stage.hub.pid}


def opened_from_disk(stage):
    """What cryptod has to have, the keys that both accounts work with; what it may have, keys that it reads when it needs them; and what nobody
    may have, both factors."""
    held, read, factors = [], [], [(f"{person}'s PIN", pin.encode()) for person, pin in PINS.items()]
    for person in PINS:
        secrets, once = secrets_on_disk(stage, person), {ONCE[person]}
        kinds = {name.split()[1] for name, _ in secrets}
        missing, unknown = (HELD | READ | once | {"face-secret"}) - kinds, kinds - HELD - READ - MOVED - once - {"face-secret"}
        assert not missing and not unknown, f"of {person}'s keys on the disks {sorted(missing)} are missing, {sorted(unknown)} are news"
        assert all(len(secret) >= 32 for _, secret in secrets)
        for secret in secrets:
            kind = secret[0].split()[1]
            (factors if kind == "face-secret" else held if kind in HELD | once else read).append(secret)
    return held, read, factors


def before_login(stage, keys, factors):
    """A log-in that waits for a face: the PIN is in its memory, and in no core image of it."""
    others = set(programs(stage, "alice"))
    waiting = stage.popen("alice", ["visavis", "login"], pin=PINS["alice"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def holder():
            for pid in set(programs(stage, "alice")) - others:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if found(memory_image(pid), factors) == {"alice's PIN"}:
                        return pid
            return None

        pid = wait(holder, "no program of alice's holds the PIN that it was given")
        for program in set(programs(stage, "alice")) - others:
            expect_nothing(keys + factors, login=core_image(program))
        assert found(memory_image(pid), factors) == {"alice's PIN"}, "the log-in ended before it was looked at"
    finally:
        waiting.terminate()
        waiting.wait()


def the_story(story, stage):
    with story.step("two people sign up, and each reads what one of them wrote"):
        for person, pin in PINS.items():
            stage.camera(person)
            stage.visavis(person, "signup", stage.address_of(person), pin=pin)
        stage.camera("nobody")
        for i in range(MESSAGES):  # of sizes that make buffers grow
            stage.visavis("alice", "send", stage.address_of("bob"), f"{TEXT}, {i}" + i * i * ".")
        wait(lambda: stage.visavis("bob", "read", "--last", "50").stdout.count(TEXT) == MESSAGES, "the messages did not arrive")
        reader = stage.popen("alice", ["visavis", "read", "--follow"], stdout=subprocess.PIPE)
        assert TEXT in reader.stdout.readline()
    with story.step("a file waits to be sent, and an invitation to be answered"):
        stage.visavis("alice", "group", "create", "hikers")
        link = json.loads(stage.visavis("alice", "group", "invite", "hikers", "--json").stdout)["link"]
        stage.hub.send_signal(signal.SIGSTOP)
        stage.visavis("alice", "file", "send", stage.address_of("bob"), sys.executable)
        stage.visavis("bob", "group", "join", input=link + "\n")
    with story.step("both factors open the accounts from the daemons' disks"):
        held, read, factors = opened_from_disk(stage)
        keys = held + read
    with story.step("cryptod's memory has all of their keys, and neither factor"):
        image = memory_image(stage.daemon_pid("cryptod"))
        missing = {name for name, secret in held if not found(image, [(name, secret)])}
        assert not missing, f"cryptod does not have {sorted(missing)}: it is not what was searched"
        expect_nothing(factors, cryptod=image)
    with story.step("no other daemon's memory, nor the hub's, has any of it"):
        expect_nothing(keys + factors, **{name: memory_image(pid) for name, pid in daemons_and_hub(stage).items() if name != "cryptod"})
    with story.step("a core image of any of them, cryptod too, has none"):
        expect_nothing(keys + factors, **{name: core_image(pid) for name, pid in daemons_and_hub(stage).items()})
    with story.step("the people's programs have none, in memory or in a core image, while they have the texts"):
        pids = {person: programs(stage, person) for person in PINS}
        assert reader.pid in pids["alice"] and len(pids["alice"]) == 2 and len(pids["bob"]) == 1, f"these run: {pids}"
        for person in PINS:
            for pid in pids[person]:
                expect_nothing(keys + factors, **{f"{person}'s program": memory_image(pid), f"{person}'s core image": core_image(pid)})
        for image in (memory_image(reader.pid), core_image(reader.pid)):
            assert found(image, [("the text", TEXT.encode())]), "the reader's image is not of what it shows"
    with story.step("locked, cryptod has neither a key nor a text any more"):
        for person in PINS:
            stage.visavis(person, "lock")
        reader.wait(20)
        expect_nothing([*keys, *factors, ("the text", TEXT.encode())], cryptod=memory_image(stage.daemon_pid("cryptod")))
        stage.hub.send_signal(signal.SIGCONT)
    if hides_memory():
        hidden(story, stage, keys)
    with story.step("a log-in that waits for a face holds the PIN, and no core image of it does"):
        before_login(stage, keys, factors)


def hides_memory():
    """Whether the kernel has memfd_secret(2), whose number is the same on all architectures that do."""
    fd = ctypes.CDLL(None, use_errno=True).syscall(447, 0)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def hidden(story, stage, keys):
    with story.step("where the kernel hides memory, root reads no key of an account that is unlocked"):
        stage.configure("cryptod", "")
        stage.kill("cryptod", signal.SIGTERM)
        for person, pin in PINS.items():
            stage.camera(person)
            stage.visavis(person, "login", pin=pin)
        stage.camera("nobody")
        assert TEXT in stage.visavis("bob", "read", "--last", "50", stage.address_of("alice")).stdout
        image, core = memory_image(stage.daemon_pid("cryptod")), core_image(stage.daemon_pid("cryptod"))
        assert found(image, [("the account", account_of(stage, "bob").encode())]), "this is not an image of what cryptod works with"
        expect_nothing(keys, cryptod=image, core=core)
        for person in PINS:
            stage.visavis(person, "lock")


def tell_story(story):
    with Stage(os.environ["VISAVIS_BUILD"]) as stage:
        stage.configure("cryptod", "[memory]\nmemfd-secret = no\n")  # so that the search can be seen to find what is there
        the_story(story, stage)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip_all("it reads the memory of other users' programs, which needs root")
    tell(tell_story)
