#!/usr/bin/python3
"""authd on a disk that is full, cannot be written to, or is damaged: it is there all the same and says so in words, loses nothing, and
goes on when the disk is well again. Nobody looks into a camera here."""
import glob
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import private_bus  # noqa: E402
import trouble  # noqa: E402
from checks import check, finish, skip  # noqa: E402

trouble.enter()

AUTHD, ENROLLED = sys.argv[1:3]
ACCOUNT = "0123456789abcdef0123456789abcdef"  # whom ENROLLED enrols
MODELS = os.environ.get("VISAVIS_MODELS", "")
NAME, PATH = "im.visavis.Auth1", "/im/visavis/Auth1"
WELL = "succeeded"


class Cryptod(dbus.service.Object):
    """Has been told nothing."""

    @dbus.service.method("im.visavis.Crypto1.Failures", in_signature="a(stu)", out_signature="a(stu)")
    def Compare(self, told):
        return dbus.Array([], signature="(stu)")


class Stage:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="visavis-authd-disk-")
        self.state = f"{self.directory}/state"
        os.mkdir(self.state, 0o700)
        os.mkdir(f"{self.directory}/config")
        os.mkfifo(f"{self.directory}/camera")
        with open(f"{self.directory}/config/authd.conf", "w", encoding="utf-8") as f:
            f.write(f"[peers]\ncrypto-user = {pwd.getpwuid(os.getuid()).pw_name}\n[models]\ndirectory = {MODELS}\n[cameras]\ndiscover = no\n"
                    f"[camera stage]\nkind = pipe\npath = {self.directory}/camera\n")
        self.process, self.address = private_bus.start(self.directory)
        self.bus = dbus.bus.BusConnection(self.address, mainloop=DBusGMainLoop())
        self.bus.request_name("im.visavis.Crypto1")
        self.cryptod = Cryptod(self.bus, "/im/visavis/Crypto1")
        self.authd = None

    def start(self):
        self.authd = subprocess.Popen([AUTHD, "--bus", self.address, "--state", self.state, "--config", f"{self.directory}/config",
                                       "--log-level", "crit"])
        self.wait(lambda: self.bus.name_has_owner(NAME))

    def stop(self):
        self.authd.send_signal(signal.SIGTERM)
        self.authd.wait()

    def restart(self, between=lambda: None):
        self.stop()
        between()
        self.start()

    @staticmethod
    def wait(condition, seconds=20):
        context, deadline = GLib.MainContext.default(), time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            if not context.iteration(False):
                time.sleep(0.005)
        return condition()

    def call(self, interface, method, *args, path=PATH):
        """What is answered, or the sentence of a Storage error."""
        answer = []
        proxy = self.bus.get_object(NAME, path, introspect=False)
        proxy.get_dbus_method(method, f"{NAME}.{interface}")(
            *args, reply_handler=lambda *v: answer.append(v[0] if v else None),
            error_handler=lambda e: answer.append(e.get_dbus_message() if e.get_dbus_name().endswith(".Storage") else e))
        self.wait(lambda: answer)
        return answer[0]

    def verify(self):
        r = self.call("Manager", "Verify", ACCOUNT, dbus.Dictionary(signature="sv"))
        if isinstance(r, dbus.ObjectPath):
            self.call("Attempt", "Cancel", path=r)
            self.wait(lambda: not self.bus.call_blocking(NAME, PATH, "org.freedesktop.DBus.Properties", "Get", "ss", (
                f"{NAME}.Manager", "CameraActive")))
            return WELL
        return str(r)

    def enrol(self):
        return str(self.call("Manager", "Enrol", dbus.Dictionary(signature="sv")))

    def listed(self):
        r = self.call("Manager", "ListEnrolments")
        return [str(account) for account, *_ in r] if isinstance(r, list) else str(r)

    def end(self):
        if self.authd and self.authd.poll() is None:
            self.stop()
        self.process.terminate()
        self.process.wait()
        trouble.take_down(self.state)
        shutil.rmtree(self.directory)


def play_full(stage, disk):
    check("what is enrolled is there", stage.listed() == [ACCOUNT] and stage.verify() == WELL, stage.verify())
    disk.fill()
    full = "its disk is full; make room on it"
    check("a full disk is said before anybody looks into the camera", full in stage.verify() and full in stage.enrol(), stage.verify())
    check("and before a ticket is used up", full in str(stage.call("Tickets", "Redeem", dbus.ByteArray(bytes(32)), ACCOUNT, dbus.UInt32(0), ":1.1", dbus.UInt64(0))))
    check("what is there can be read", stage.listed() == [ACCOUNT])
    disk.free()
    check("with room again all goes on", stage.verify() == WELL)


def play_start(stage, disk):
    stage.restart(lambda: disk.remount("ro"))
    why = stage.verify()
    check("a disk that cannot be written to is said", "make it writable" in why and "make it writable" in stage.listed(), why)
    disk.remount("rw")
    check("and when it can, all goes on without another start", stage.wait(lambda: stage.verify() == WELL, 5) and stage.listed() == [ACCOUNT])

    def no_inodes():
        for path in glob.glob(f"{disk.path}/accounts.db-*"):
            os.unlink(path)
        disk.remount(f"nr_inodes={len(glob.glob(f'{disk.path}/**', recursive=True))}")

    stage.restart(no_inodes)
    why = stage.verify()
    check("so is one that has no room for one file more", "authd keeps" in why, why)
    disk.remount("nr_inodes=1000")
    check("which costs nothing either", stage.wait(lambda: stage.verify() == WELL, 5))


def play_damage(stage, disk):
    database = f"{disk.path}/accounts.db"

    def break_page():
        shutil.copy(database, f"{database}.copy")
        with open(database, "r+b") as f:
            f.write(b"x" * 4096)

    stage.restart(break_page)
    why = stage.verify()
    check("a database that is damaged is said, and not made anew", "it is damaged; restore it" in why and why == stage.enrol(), why)
    os.rename(f"{database}.copy", database)
    check("put back, it is there", stage.wait(lambda: stage.verify() == WELL, 5))

    def set_column(assignment):
        def run():
            connection = sqlite3.connect(database)
            connection.execute(f"UPDATE account SET {assignment}")
            connection.commit()
            connection.close()
        return run

    stage.restart(lambda: (shutil.copy(database, f"{database}.copy"), set_column("template = zeroblob(100)")()))
    why = stage.verify()
    check("a template that is damaged is said", "cannot be read" in why, why)
    stage.restart(lambda: (shutil.copy(f"{database}.copy", database), set_column("throttle = x'00'")()))
    why = stage.verify()
    check("a count of failures that is damaged lets nobody in, and says what to do", "damaged; restore" in why, why)
    stage.restart(lambda: os.rename(f"{database}.copy", database))
    check("and put back, it goes on", stage.verify() == WELL)


def play_error(stage):
    """The kernel finds an error of the disk under a running authd, and makes it read-only."""
    missing = trouble.FailingDisk.missing()
    if missing:
        skip("a disk that fails under authd", missing)
        return
    stage.stop()
    trouble.take_down(stage.state)
    disk = trouble.FailingDisk(stage.state, f"{stage.directory}/image")
    subprocess.run([ENROLLED, "make", stage.state, str(os.getuid())], check=True)
    subprocess.run(["sync", "-f", stage.state], check=True)
    stage.start()
    check("on a disk that is well", stage.verify() == WELL)
    disk.fail()
    why = stage.verify()
    check("one that fails under a running authd is said", "disk" in why and "authd keeps" in why, why)
    check("what is enrolled can be read", stage.listed() == [ACCOUNT], stage.listed())
    stage.restart(disk.repair)
    check("repaired, it has lost nothing", stage.verify() == WELL and stage.listed() == [ACCOUNT])


def play(stage):
    disk = trouble.Disk(stage.state)
    subprocess.run([ENROLLED, "make", stage.state, str(os.getuid())], check=True)
    stage.start()
    play_full(stage, disk)
    play_start(stage, disk)
    play_damage(stage, disk)
    play_error(stage)
    return finish()


def main():
    if not os.path.exists(f"{MODELS}/fr_detect.onnx"):
        skip("authd's disk", "VISAVIS_MODELS does not say where the networks are")
        return finish()
    stage = Stage()
    try:
        return play(stage)
    finally:
        stage.end()


sys.exit(main())
