"""authd with one account enrolled, on a bus of the test's own: nobody looks into a camera. The program's arguments: authd, and the test of
its accounts, which leaves an enrolment on disk."""
import os
import pwd
import shutil
import signal
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
from checks import finish, skip  # noqa: E402

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

    def enrol_somebody(self):
        subprocess.run([ENROLLED, "make", self.state, str(os.getuid())], check=True)

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

    def leave_disk(self):
        """Where the state is on a file system of its own."""

    def end(self):
        if self.authd and self.authd.poll() is None:
            self.stop()
        self.process.terminate()
        self.process.wait()
        self.leave_disk()
        shutil.rmtree(self.directory)


def run(play, stage_class=Stage):
    """Plays on a stage that is taken down whatever happens, and ends the program."""
    if not os.path.exists(f"{MODELS}/fr_detect.onnx"):
        skip("authd", "VISAVIS_MODELS does not say where the networks are")
        sys.exit(finish())
    stage = stage_class()
    try:
        play(stage)
    finally:
        stage.end()
    sys.exit(finish())
