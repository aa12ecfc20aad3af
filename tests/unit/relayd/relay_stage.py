"""What the tests of relayd on a private bus share: a hub on loopback, relayd, and a stand-in for cryptod."""
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import dbus
import dbus.lowlevel
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import private_bus  # noqa: E402

LOCKED = "im.visavis.Error.Locked"
DELIVERY = "im.visavis.Relay1.Delivery"
LINK = "im.visavis.Relay1.Link"
PROPERTIES = "org.freedesktop.DBus.Properties"
NO_OPTIONS = dbus.Dictionary(signature="sv")

def memfd(content):
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return fd


class Cryptod(dbus.service.Object):
    """Notes what it is given; can be locked, or be slow to answer."""

    def __init__(self, bus):
        super().__init__(bus, "/im/visavis/Crypto1")
        self.delivered, self.outcomes, self.low, self.locked = [], {}, [], False
        self.held = None  # a list: of the answers that are still to be given

    def refuse_if_locked(self):
        if self.locked:
            raise dbus.DBusException("Log in first.", name=LOCKED)

    @dbus.service.method("im.visavis.Crypto1.Inbox", in_signature="sth")
    def Deliver(self, account, sequence, envelope):
        self.refuse_if_locked()
        fd = envelope.take()
        content = os.read(fd, 1 << 20)
        os.close(fd)
        self.delivered.append((str(account), int(sequence), content))

    @dbus.service.method("im.visavis.Crypto1.Inbox", in_signature="saysts")
    def Outcome(self, account, id, result, winner, reason):
        self.refuse_if_locked()
        self.outcomes.setdefault((str(account), bytes(id)), []).append((str(result), int(winner), str(reason)))

    @dbus.service.method("im.visavis.Crypto1.Inbox", in_signature="su", async_callbacks=("answer", "fail"))
    def KeyPackagesLow(self, account, left, answer, fail):
        self.low.append((str(account), int(left)))
        answer() if self.held is None else self.held.append(answer)

    def contents(self, account):
        return [c for a, _, c in self.delivered if a == account]


class Stage:
    """@programs: relayd and hub. @link: further lines for relayd.conf's section [link], @hub: for hub.conf's section [hub]. @prefixes: what each program is started by."""

    def __init__(self, programs, link="", hub="", prefixes=((), ()), listen="127.0.0.1"):
        self.programs, self.prefixes, self.listen = programs, prefixes, listen
        self.directory = tempfile.mkdtemp(prefix="visavis-relayd-bus-")
        os.chmod(self.directory, 0o755)
        for name in ("relayd", "hub", "config"):
            os.mkdir(os.path.join(self.directory, name), 0o700)
        with open(self.directory + "/config/relayd.conf", "w") as f:
            f.write("[peers]\ncrypto-user = %s\n[link]\nlongest-wait = 1s\n%s" % (pwd.getpwuid(os.getuid()).pw_name, link))
        if hub:
            with open(self.directory + "/config/hub.conf", "w") as f:
                f.write("[hub]\n" + hub)
        bus, self.address = private_bus.start(self.directory)
        self.processes = {"bus": bus}
        self.port = None
        self.start_hub()

    def start_hub(self):
        # A port that was free a moment ago; the hub keeps it when it is started again.
        if not self.port:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
        p = subprocess.Popen([*self.prefixes[1], self.programs[1], "--state", self.directory + "/hub", "--config", self.directory + "/config",
                              "--listen", "%s:%d" % (self.listen, self.port), "--bus", self.address, "--log-level", "err"], stdout=subprocess.PIPE, text=True)
        self.hub_address = p.stdout.readline().strip()
        p.stdout.close()
        self.processes["hub"] = p

    def start_relayd(self):
        self.processes["relayd"] = subprocess.Popen([*self.prefixes[0], self.programs[0], "--bus", self.address, "--state", self.directory + "/relayd",
                                                     "--config", self.directory + "/config", "--log-level", "err"])

    def kill(self, name, how=signal.SIGKILL):
        p = self.processes.pop(name)
        p.send_signal(how)
        p.wait()

    def end(self):
        for name in list(self.processes):
            self.kill(name, signal.SIGTERM)
        shutil.rmtree(self.directory)


class Relay:
    """relayd as cryptod and a person see it."""

    def __init__(self, stage):
        DBusGMainLoop(set_as_default=True)
        self.stage = stage
        self.context = GLib.MainContext.default()
        self.bus = dbus.bus.BusConnection(stage.address)
        self.cryptod = Cryptod(self.bus)

    def until(self, condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            if not self.context.iteration(False):
                time.sleep(0.005)
        return True

    def call(self, interface, method, *args, path="/im/visavis/Relay1"):
        """Returns ("ok", value) or (error name, sentence), with the main loop running meanwhile."""
        answer = []
        proxy = self.bus.get_object("im.visavis.Relay1", path, introspect=False)
        proxy.get_dbus_method(method, interface)(*args, timeout=30, reply_handler=lambda *v: answer.append(("ok", v[0] if v else None)),
                                                 error_handler=lambda e: answer.append((e.get_dbus_name(), e.get_dbus_message())))
        self.until(lambda: answer, 40)
        return answer[0] if answer else ("none", "")

    def start(self):
        self.stage.start_relayd()
        self.until(lambda: self.bus.name_has_owner("im.visavis.Relay1"))

    def add(self, account, address, invitation=None):
        if invitation is not None:
            fd = memfd(invitation)
            try:
                return self.call(DELIVERY, "AddAccount", account, dbus.UInt32(0), address,
                                 dbus.Dictionary({"invitation": dbus.types.UnixFd(fd, variant_level=1)}, signature="sv"))
            finally:
                os.close(fd)
        return self.call(DELIVERY, "AddAccount", account, dbus.UInt32(0), address, NO_OPTIONS)

    def attach(self, account):
        return self.call(DELIVERY, "Attach", account)

    def send(self, account, id, to, content, group=b"", epoch=0):
        fd = memfd(content)
        r = self.call(DELIVERY, "Send", account, dbus.ByteArray(id), dbus.Array(to, signature="s"), dbus.ByteArray(group),
                      dbus.UInt64(epoch), dbus.types.UnixFd(fd))
        os.close(fd)
        return r

    def to_room(self, account, id, step, group, epoch, payload, info=b"", room=b"general"):
        body = (id + bytes([len(room)]) + room + bytes([len(group)]) + group + bytes([step]) + epoch.to_bytes(8, "big") + b"\0"
                + bytes([len(info)]) + info + bytes([len(payload)]) + payload)
        fd = memfd(body)
        r = self.call(DELIVERY, "SendToRoom", account, dbus.types.UnixFd(fd))
        os.close(fd)
        return r

    def get(self, account, name):
        return self.call(PROPERTIES, "Get", LINK, name, path="/im/visavis/Relay1/link/" + account)[1]

    def set(self, account, name, value):
        return self.call(PROPERTIES, "Set", LINK, name, value, path="/im/visavis/Relay1/link/" + account)
