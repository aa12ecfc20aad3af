"""Every method and property of a daemon's, called with values of the right type that nobody would give: the daemon lives, and what it refuses
has a name and a sentence of its own. A seed may be given: SEED=7."""
import os
import random
from xml.etree import ElementTree

import dbus

from checks import check

ERROR = "im.visavis.Error."
PROPERTIES = "org.freedesktop.DBus.Properties"
# What D-Bus itself refuses, and sd-bus for us.
OF_THE_BUS = {f"org.freedesktop.DBus.Error.{name}" for name in ("UnknownMethod", "UnknownObject", "UnknownInterface", "UnknownProperty",
                                                                "PropertyReadOnly", "InvalidArgs", "NoReply")}
INTEGERS = {"y": (dbus.Byte, 0, 255), "n": (dbus.Int16, -2**15, 2**15 - 1), "q": (dbus.UInt16, 0, 2**16 - 1), "i": (dbus.Int32, -2**31, 2**31 - 1),
            "u": (dbus.UInt32, 0, 2**32 - 1), "x": (dbus.Int64, -2**63, 2**63 - 1), "t": (dbus.UInt64, 0, 2**64 - 1)}
NAMES = ["suite", "invitation", "reply-to", "before", "limit", "to", "from", "offset", "legacy-passphrase", "mentions", "conversation",
         "thumbnail", "caption", "voice", "camera", "account", "x"]


class Values:
    """Values of a signature. @texts: names of what is there."""

    def __init__(self, texts):
        self.random = random.Random(os.environ.get("SEED", "1"))
        self.texts = ["", "x", "face", "recovery", "passphrase", "a" * 32, "f" * 32, "@", "a@b:99999#zz", "../../etc/passwd", "\x01\x7f\n", "%s%n", "\u00e9" * 70,
                      "x" * 100000, *texts]

    def descriptor(self):
        kind = self.random.randrange(4)
        if kind == 0:
            fd = os.open("/dev/null", os.O_RDWR)
        elif kind == 1:
            fd = os.open("/tmp", os.O_RDONLY)
        elif kind == 2:
            fd, other = os.pipe()
            os.close(other)
        else:
            fd = os.memfd_create("hostile")
            os.write(fd, os.urandom(self.random.choice((0, 1, 32, 100000))))
        passed = dbus.types.UnixFd(fd)
        os.close(fd)
        return passed

    def of(self, signature):
        kind = signature[0]
        if kind in INTEGERS:
            make, low, high = INTEGERS[kind]
            return make(self.random.choice((low, high, high // 2 + 1, 0, 1, 2)))
        if kind == "b":
            return dbus.Boolean(self.random.random() < 0.5)
        if kind == "d":
            return dbus.Double(self.random.choice((0.0, float("nan"), float("-inf"))))
        if kind == "s":
            return dbus.String(self.random.choice(self.texts))
        if kind == "o":
            return dbus.ObjectPath(self.random.choice(("/", "/im/visavis")))
        if kind == "h":
            return self.descriptor()
        if kind == "v":
            kind = self.random.choice(("s", "u", "t", "b", "d", "h"))
            value = self.of(kind)
            return dbus.types.UnixFd(value.take(), variant_level=1) if kind == "h" else type(value)(value, variant_level=1)
        if signature[:2] == "a{":
            return dbus.Dictionary({name: self.of("v") for name in self.random.sample(NAMES, self.random.randrange(4))}, signature="sv")
        if kind == "a":
            count = self.random.choice((0, 1, 31, 32, 60))
            return dbus.Array([self.of(signature[1:]) for _ in range(count)], signature=signature[1:])
        assert kind == "(", signature
        return dbus.Struct([self.of(s) for s in dbus.Signature(signature[1:-1])], signature=signature[1:-1])


def members(bus, service, path):
    """(path, interface, member, signature of what goes in) of an object and those below it; a property has none."""
    try:
        root = ElementTree.fromstring(str(bus.call_blocking(service, path, "org.freedesktop.DBus.Introspectable", "Introspect", "", ())))
    except dbus.DBusException:
        return  # below what is locked, or gone
    for interface in root.findall("interface"):
        if interface.get("name").startswith("im.visavis."):
            for method in interface.findall("method"):
                yield path, interface.get("name"), method.get("name"), "".join(
                    a.get("type") for a in method.findall("arg") if a.get("direction", "in") == "in")
            for value in interface.findall("property"):
                yield path, interface.get("name"), value.get("name"), None
    for node in root.findall("node"):
        assert path.count("/") < 12, f"objects below objects without end: {path}"
        yield from members(bus, service, f"{path}/{node.get('name')}")


def refusal(bus, service, path, interface, member, signature, values):
    """The error of a call as name and sentence, or None."""
    try:
        if signature is None:
            bus.call_blocking(service, path, PROPERTIES, "Get", "ss", (interface, member), timeout=20)
            bus.call_blocking(service, path, PROPERTIES, "Set", "ssv", (interface, member, values.of("v")), timeout=20)
        else:
            bus.call_blocking(service, path, interface, member, signature, [values.of(s) for s in dbus.Signature(signature)], timeout=20)
    except dbus.DBusException as error:
        return error.get_dbus_name(), error.get_dbus_message() or ""
    return None


def is_said(name, sentence):
    return name in OF_THE_BUS or (name.startswith(ERROR) and len(sentence) > 10)


def call_all(callers, service, path, values, process, least, ends=(), last=()):
    """Calls all that there is at @path and below, at least @least members, by each of @callers, connections to the bus. @process is the daemon's.
    @ends: what is not called, for it would end the play; @last: what is called at the end."""
    there = [m for m in members(callers[0], service, path) if m[2] not in ends]
    unsaid, ended = [], ""
    for path, interface, member, signature in sorted(there, key=lambda m: m[2] in last):
        for bus in callers:
            error = refusal(bus, service, path, interface, member, signature, values)
            if error and not is_said(*error):
                unsaid.append((interface, member, *error))
            if not ended and process.poll() is not None:
                ended = f"{interface}.{member}"
    check("no call ends the daemon", not ended and len(there) >= least, (ended, len(there)))
    check("and what is refused is said", not unsaid, unsaid[:5])
