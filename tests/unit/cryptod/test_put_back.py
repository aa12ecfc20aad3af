#!/usr/bin/python3
"""authd and cryptod as they are, and the disk of one, or of both, put back from an older copy: what failures before the camera have
cost is wound back only if both are. Nobody looks into a camera here: the failures are written into authd's database."""
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish, skip  # noqa: E402
from cryptod_stage import CRYPTO, CRYPTOD, ERROR, Person, run, serve, wait_for  # noqa: E402

AUTHD, ENROLLED = sys.argv[4:6]
ACCOUNT = "0123456789abcdef0123456789abcdef"  # whom ENROLLED, authd's own test, enrols
MODELS = os.environ.get("VISAVIS_MODELS", "")
DAY = 24 * 60


def prepare_authd(stage):
    """A directory of authd's with an enrolment and two failures, and a camera before which nobody sits."""
    os.mkdir(f"{stage.directory}/authd", 0o700)
    subprocess.run([ENROLLED, "make", f"{stage.directory}/authd", str(os.getuid())], check=True)
    os.mkfifo(f"{stage.directory}/camera")
    stage.write("config/authd.conf", f"[peers]\ncrypto-user = {stage.me}\n[models]\ndirectory = {MODELS}\n[cameras]\ndiscover = no\n"
                f"[camera stage]\nkind = pipe\npath = {stage.directory}/camera\n")


def set_failures(stage, count):
    """As if so many attempts had just failed."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = bytes.fromhex(f.read().strip().replace("-", ""))
    throttle = struct.pack(">I16sQ", count, boot, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)
    with sqlite3.connect(f"{stage.directory}/authd/accounts.db") as database:
        database.execute("UPDATE account SET throttle = ?, turn = turn + ?", (throttle, count))
    database.close()


class Daemons:
    def __init__(self, stage, person, programs):
        self.stage, self.person, self.programs = stage, person, programs

    def stop(self, *names):
        for name in names:
            self.stage.kill(name, signal.SIGTERM)

    def start(self, *names):
        for name in names:
            self.stage.start(name, self.programs[name])
            bus_name = {"authd": "im.visavis.Auth1", "cryptod": "im.visavis.Crypto1"}[name]
            wait_for(lambda: self.person.bus.name_has_owner(bus_name))  # pylint: disable=cell-var-from-loop

    def keep(self, *names, as_what):
        for name in names:
            shutil.copytree(f"{self.stage.directory}/{name}", f"{self.stage.directory}/{name}.{as_what}")

    def put_back(self, *names, from_what):
        self.stop(*names)
        for name in names:
            shutil.rmtree(f"{self.stage.directory}/{name}")
            shutil.copytree(f"{self.stage.directory}/{name}.{from_what}", f"{self.stage.directory}/{name}")
        self.start(*reversed(names))

    def fail(self, count):
        """Makes failures, of which cryptod is told before the next attempt."""
        self.stop("authd")
        set_failures(self.stage, count)
        self.start("authd")

    def verify(self):
        """"" if an attempt begins, which is cancelled; else what is answered."""
        bus = self.person.bus
        manager = dbus.Interface(bus.get_object("im.visavis.Auth1", "/im/visavis/Auth1", introspect=False), "im.visavis.Auth1.Manager")
        try:
            path = manager.Verify(ACCOUNT, dbus.Dictionary(signature="sv"))
        except dbus.DBusException as error:
            return f"{error.get_dbus_name().removeprefix(ERROR)}: {error.get_dbus_message()}"
        attempt = dbus.Interface(bus.get_object("im.visavis.Auth1", path, introspect=False), "im.visavis.Auth1.Attempt")
        attempt.Cancel()
        return ""

    def told(self):
        """What cryptod keeps of it: turn and failures."""
        with sqlite3.connect(f"file:{self.stage.directory}/cryptod/{ACCOUNT}/vault.db?mode=ro", uri=True) as database:
            row = database.execute("SELECT face_turn, face_failures FROM account").fetchone()
        database.close()
        return row


def throttled(answer):
    return answer.startswith("Throttled")


def play_one(daemons):
    """The disk of one alone, during a delay."""
    check("an attempt begins, and cryptod has been told of what is behind", daemons.verify() == "" and daemons.told() == (2, 2), daemons.told())
    daemons.stop("authd", "cryptod")
    daemons.keep("authd", "cryptod", as_what="before")
    daemons.start("cryptod", "authd")
    daemons.fail(6)
    check("six failures cost minutes", throttled(daemons.verify()) and daemons.told() == (8, 6), (daemons.verify(), daemons.told()))
    daemons.put_back("authd", from_what="before")
    check("authd's disk alone put back winds nothing back", throttled(daemons.verify()), daemons.verify())
    daemons.put_back("cryptod", from_what="before")
    check("nor does cryptod's, which learns it anew", throttled(daemons.verify()) and daemons.told() == (8, 6), daemons.told())


def play_locked_out(daemons):
    daemons.fail(20)
    answer = daemons.verify()
    check("after twenty it is a day", throttled(answer) and f"{DAY + 1} minutes" in answer or f"{DAY} minutes" in answer, answer)
    daemons.put_back("authd", from_what="before")
    answer = daemons.verify()
    check("also for a copy of before", throttled(answer) and int(answer.split()[-2]) > DAY - 5, answer)
    daemons.put_back("cryptod", from_what="before")
    daemons.put_back("authd", from_what="before")
    check("one copy after the other, with nobody asking between, is both", daemons.verify() == "")
    daemons.put_back("authd", "cryptod", from_what="before")
    check("both put back are as they were then", daemons.verify() == "" and daemons.told() == (2, 2), daemons.told())


def play_passed(daemons):
    """A copy of a time when there were failures, and a success since: an honest restoration costs nothing."""
    daemons.fail(6)
    daemons.stop("authd")
    daemons.keep("authd", as_what="failed")
    set_failures(daemons.stage, 6)
    with sqlite3.connect(f"{daemons.stage.directory}/authd/accounts.db") as database:
        database.execute("UPDATE account SET throttle = zeroblob(28)")
    database.close()
    daemons.start("authd")
    check("a success is told as well", daemons.verify() == "" and daemons.told()[1] == 0, daemons.told())
    daemons.put_back("authd", from_what="failed")
    check("and holds for a copy of before", daemons.verify() == "", daemons.verify())


def play_alone(daemons):
    """authd without its witness."""
    daemons.stop("cryptod")
    answer = daemons.verify()
    check("without cryptod nobody is looked at, which is said", answer.startswith("Internal: cryptod, without which no account opens"), answer)
    daemons.start("cryptod")
    check("and with it all goes on", daemons.verify() == "")


def play_strangers(stage):
    if os.geteuid() != 0:
        skip("the counts are authd's alone", "it takes another user, which needs root")
        return
    os.chmod(stage.directory, 0o755)
    told = subprocess.run(["busctl", f"--address={stage.address}", "call", "im.visavis.Crypto1", CRYPTO, "im.visavis.Crypto1.Failures", "Compare",
                           "a(stu)", "1", ACCOUNT, "1000", "20"], capture_output=True, text=True, check=False,
                          preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))
    check("nobody else can lock somebody out by telling of failures", told.returncode and "authd alone" in told.stderr, told)


def play(stage):
    if not os.path.exists(f"{MODELS}/fr_detect.onnx"):
        skip("a disk that is put back", "VISAVIS_MODELS does not say where the networks are")
        return finish()
    bus, authd, _ = serve(stage)
    person = Person(stage, authd, ACCOUNT, "alice")
    person.create()
    person.account.Lock()
    bus.release_name("im.visavis.Auth1")
    prepare_authd(stage)
    daemons = Daemons(stage, person, {"authd": AUTHD, "cryptod": CRYPTOD})
    daemons.start("authd")
    play_one(daemons)
    play_locked_out(daemons)
    play_passed(daemons)
    play_alone(daemons)
    play_strangers(stage)
    return finish()


run(play)
