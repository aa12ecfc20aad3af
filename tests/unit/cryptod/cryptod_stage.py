"""What the tests of cryptod on a private bus share: cryptod, relayd and a hub as they are, stand-ins for authd and logind, and
persons with a connection of their own. The program's arguments: cryptod, relayd, hub."""
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import dbus
import dbus.lowlevel
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import private_bus  # noqa: E402

CRYPTOD, RELAYD, HUB = sys.argv[1:4]
ERROR = "im.visavis.Error."
ALICE, BOB = "a" * 32, "b" * 32
CRYPTO = "/im/visavis/Crypto1"


class Authd(dbus.service.Object):
    """Knows one ticket at a time: what it is for, from whom, and the face secret behind it."""

    def __init__(self, bus):
        super().__init__(bus, "/im/visavis/Auth1")
        self.tickets, self.forgotten, self.counts, self.opened = {}, [], {}, {}

    @dbus.service.method("im.visavis.Auth1.Tickets", in_signature="aysust", out_signature="hbtt")
    def Redeem(self, ticket, account, uid, caller, count):
        known = self.tickets.pop(bytes(ticket), None)
        if not known or known[:3] != (str(account), int(uid), str(caller)):
            raise dbus.DBusException("This ticket is not valid.", name=ERROR + "TicketInvalid")
        fd = os.memfd_create("face")
        os.write(fd, known[3])
        self.counts[str(account)] = max(self.counts.get(str(account), 0), int(count)) + 1
        count = self.counts[str(account)]
        return dbus.types.UnixFd(fd), known[4], dbus.UInt64(count), dbus.UInt64(count - self.opened.get(str(account), 0))

    @dbus.service.method("im.visavis.Auth1.Tickets", in_signature="s")
    def Opened(self, account):
        self.opened[str(account)] = self.counts[str(account)]

    @dbus.service.method("im.visavis.Auth1.Tickets", in_signature="s")
    def Forget(self, account):
        self.forgotten.append(str(account))
        self.counts.pop(str(account), None)


class Logind(dbus.service.Object):
    """The manager, and one session of ours."""

    def __init__(self, bus):
        super().__init__(bus, "/org/freedesktop/login1")
        self.session = Session(bus)
        self.inhibitors = []  # our ends of the pipes

    @dbus.service.method("org.freedesktop.login1.Manager", in_signature="ssss", out_signature="h")
    def Inhibit(self, what, who, why, mode):
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        self.inhibitors.append((str(what), str(mode), ours))
        fd = dbus.types.UnixFd(theirs)
        os.close(theirs)
        return fd

    @dbus.service.signal("org.freedesktop.login1.Manager", signature="b")
    def PrepareForSleep(self, starts):
        pass

    def held(self):
        """Whether the last inhibitor is held still."""
        try:
            return os.read(self.inhibitors[-1][2], 1) != b""
        except BlockingIOError:
            return True


class Session(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, "/org/freedesktop/login1/session/_31")
        self.uid = os.getuid()

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return dbus.Struct((dbus.UInt32(self.uid), dbus.ObjectPath("/org/freedesktop/login1/user/_x")), signature="uo", variant_level=1)

    @dbus.service.signal("org.freedesktop.login1.Session")
    def Lock(self):
        pass


class Stage:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="visavis-cryptod-bus-")
        self.me = pwd.getpwuid(os.getuid()).pw_name
        for name in ("cryptod", "relayd", "hub", "config"):
            os.mkdir(f"{self.directory}/{name}", 0o700)
        self.write("config/relayd.conf", f"[peers]\ncrypto-user = {self.me}\n[link]\nlongest-wait = 1s\n")
        self.configuration = f"[peers]\nrelay-user = {self.me}\nauth-user = {self.me}\n[unlock]\nderivation-milliseconds = 100\n"
        self.write("config/cryptod.conf", self.configuration)
        self.write("config/hub.conf", "[hub]\nregistration = invitation\nrooms = general\n")
        bus, self.address = private_bus.start(self.directory)
        self.processes = {"bus": bus}
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.start_hub()

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def start_hub(self):
        p = subprocess.Popen([HUB, "--state", f"{self.directory}/hub", "--config", f"{self.directory}/config",
                              "--listen", f"127.0.0.1:{self.port}", "--log-level", "err"], stdout=subprocess.PIPE, text=True)
        self.hub_address = p.stdout.readline().strip()
        p.stdout.close()
        self.processes["hub"] = p

    def invitation(self):
        """What the hub's owner gives away: a token for as many as come."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.directory}/hub/control")
            s.sendall(b"invite uses=100\n")
            return json.loads(s.makefile().readline())["token"]

    def start(self, name, program):
        self.processes[name] = subprocess.Popen([program, "--bus", self.address, "--state", f"{self.directory}/{name}",
                                                 "--config", f"{self.directory}/config", "--log-level", "err"])

    def kill(self, name, how=signal.SIGKILL):
        p = self.processes.pop(name)
        p.send_signal(how)
        return p.wait()

    def end(self):
        for name in list(self.processes):
            self.kill(name, signal.SIGTERM)
        shutil.rmtree(self.directory)


class Person:
    """A program on the bus: a connection of its own."""

    def __init__(self, stage, authd, account, name):
        self.bus = dbus.bus.BusConnection(stage.address)
        self.stage, self.authd, self.id, self.name = stage, authd, account, name
        self.path = f"{CRYPTO}/account/{account}"
        self.face = (name * 32)[:32].encode()
        self.pin = "2580"
        self.address = f"{name}@{stage.hub_address}"
        self.plain_address = f"{name}@127.0.0.1:{stage.port}"
        self.invitation = stage.invitation()

    def ticket(self, enrolment=False, face=None, caller=None):
        ticket = os.urandom(32)
        self.authd.tickets[ticket] = (self.id, os.getuid(), caller or self.bus.get_unique_name(), face or self.face, enrolment)
        return dbus.ByteArray(ticket)

    @staticmethod
    def factor(pin):
        fd = os.memfd_create("pin")
        os.write(fd, pin.encode())
        return dbus.types.UnixFd(fd)

    def of(self, path, interface):
        return dbus.Interface(self.bus.get_object("im.visavis.Crypto1", path, introspect=False), interface)

    def create(self, ticket=None, address=None, pin=None):
        options = dbus.Dictionary(signature="sv")
        if self.invitation:
            fd = os.memfd_create("invitation", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.write(fd, self.invitation.encode())
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
            options["invitation"] = dbus.types.UnixFd(fd, variant_level=1)
            os.close(fd)
        return self.of(CRYPTO, "im.visavis.Crypto1.Manager").CreateAccount(
            self.id, ticket or self.ticket(True), self.factor(pin or self.pin), address or self.address, options, timeout=60)

    @property
    def account(self):
        return self.of(self.path, "im.visavis.Crypto1.Account")

    @property
    def files(self):
        return self.of(self.path, "im.visavis.Crypto1.Files")

    @property
    def slots(self):
        return self.of(self.path, "im.visavis.Crypto1.Slots")

    @property
    def groups(self):
        return self.of(self.path, "im.visavis.Crypto1.Groups")

    def members(self, group):
        return sorted(str(address).split("@")[0] for address, *_ in self.groups.Members(group))

    @property
    def rooms(self):
        return self.of(self.path, "im.visavis.Crypto1.Rooms")

    @property
    def contacts(self):
        return self.of(self.path, "im.visavis.Crypto1.Contacts")

    @property
    def messages(self):
        return self.of(self.path, "im.visavis.Crypto1.Messages")

    def standing(self, conversation):
        return str(self.messages.Describe(conversation)["Standing"])

    def roles(self, group):
        return sorted((str(address).split("@")[0], str(role)) for address, role, *_ in self.groups.Members(group))

    def list(self):
        return [(int(n), str(kind), str(label)) for n, kind, label, _ in self.slots.List()]

    def proof(self, pin=None, face=True):
        """A fresh factor: the face and a PIN, or the words of a recovery code."""
        if face:
            return "face", self.ticket(), self.factor(pin or self.pin)
        return "recovery", dbus.ByteArray(b""), self.factor(pin)

    def add(self, kind, label, new, *proof):
        return int(self.slots.Add(kind, label, self.factor(new), *(proof or self.proof()), timeout=60))

    def offer(self, label):
        fd = self.slots.OfferRecovery(label, *self.proof(), timeout=60).take()
        try:
            return os.pread(fd, 1000, 0).decode()
        finally:
            os.close(fd)

    def state(self):
        return str(self.of(self.path, "org.freedesktop.DBus.Properties").Get("im.visavis.Crypto1.Account", "State"))

    def unlock(self, pin=None, ticket=None):
        self.account.Unlock(ticket or self.ticket(), self.factor(pin or self.pin), timeout=60)

    def history(self, conversation):
        return [(str(m[1]).split("@")[0], str(m[2]), str(m[4]))
                for m in self.account.ReadMessages(conversation, dbus.UInt64(0), dbus.UInt32(500), False)]

    def the_conversation(self):
        listed = self.account.ListConversations()
        return str(listed[0][0]) if listed else None


def refused(name, function, *arguments):
    try:
        function(*arguments)
        return False
    except dbus.DBusException as error:
        return error.get_dbus_name() == ERROR + name


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def forge(bus, path, interface, member, signature, *arguments):
    """A signal as somebody else sends it, addressed to cryptod."""
    signal_message = dbus.lowlevel.SignalMessage(path, interface, member)
    signal_message.append(*arguments, signature=signature)
    signal_message.set_destination("im.visavis.Crypto1")
    bus.send_message(signal_message)
    bus.flush()


def serve(stage):
    """authd and logind, who answer from a thread of their own while the persons' calls wait, and their bus; starts relayd and cryptod."""
    loop = GLib.MainLoop()
    bus = dbus.bus.BusConnection(stage.address, mainloop=DBusGMainLoop())
    authd, logind = Authd(bus), Logind(bus)
    bus.request_name("im.visavis.Auth1")
    bus.request_name("org.freedesktop.login1")
    threading.Thread(target=loop.run, daemon=True).start()
    stage.start("relayd", RELAYD)
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1") and bus.name_has_owner("im.visavis.Relay1"))
    return bus, authd, logind


def two_who_talk(stage):
    """alice and bob, their accounts open, and the conversation, as each knows it, in which she has said hello."""
    _, authd, _ = serve(stage)
    alice, bob = Person(stage, authd, ALICE, "alice"), Person(stage, authd, BOB, "bob")
    alice.create()
    bob.create()
    conversation = str(alice.account.OpenConversation(bob.address))
    alice.account.Send(conversation, "hello")
    wait_for(lambda: bob.the_conversation() and bob.history(bob.the_conversation()))
    return alice, bob, conversation, bob.the_conversation()


def run(play):
    """Plays on a stage that is taken down whatever happens, and ends the program with what @play returns."""
    stage = Stage()
    try:
        sys.exit(play(stage))
    finally:
        stage.end()
