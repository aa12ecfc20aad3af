"""Stand-ins for authd, cryptod and relayd on a private bus, as their interfaces say, for tests of the person's programs.

They run in the test's own process: whoever waits calls pump(), which lets them answer."""
import os
import shutil
import socket
import subprocess
import tempfile
import time
from xml.etree import ElementTree

import dbus
import dbus.lowlevel
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

DBusGMainLoop(set_as_default=True)

INTERFACES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../dbus")
ID = "0123456789abcdef0123456789abcdef"
OTHER_ID = "fedcba9876543210fedcba9876543210"
CONVERSATION = "00112233445566778899aabbccddeeff"
GROUP = "9" * 32
ADDRESS = "alice@hub.example.org:7843"
BOB = "bob@hub.example.org:7843"
PIN = "2718-alice"
PROPERTIES = "org.freedesktop.DBus.Properties"
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>"""


class Refused(dbus.DBusException):
    """An error of ours, with the sentence that a person sees."""

    def __init__(self, name, text):
        super().__init__(text, name="im.visavis.Error." + name)

    include_traceback = False


def signal_to(bus, destination, path, interface, member, signature, *arguments):
    message = dbus.lowlevel.SignalMessage(path, interface, member)
    message.append(signature=signature, *arguments)
    message.set_destination(destination)
    bus.send_message(message)


class Attempt(dbus.service.Object):
    """Goes through a script of property changes, one each time that its properties have been read."""

    def __init__(self, auth, path, owner, script, account):
        super().__init__(auth.connection, path)
        self.auth, self.path, self.owner, self.script = auth, path, owner, list(script)
        self.values = dict(Kind="verify", Account=account, Camera="stage", Virtual=True, State="starting", Prompt="", PromptText="",
                           Hint="", Progress=0.0, FaceBox=dbus.Struct((0.0,) * 4, signature="dddd"), Failure="", FailureText="")

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}", sender_keyword="sender")
    def GetAll(self, interface, sender):
        assert sender == self.owner
        if self.script:
            GLib.timeout_add(5, self.advance)
        return self.values

    def advance(self):
        if self.script:
            changes = self.script.pop(0)
            self.values.update(changes)
            message = dbus.lowlevel.SignalMessage(self.path, PROPERTIES, "PropertiesChanged")
            message.append("im.visavis.Auth1.Attempt", {}, list(changes), signature="sa{sv}as")
            message.set_destination(self.owner)
            self.auth.connection.send_message(message)
        return False

    @dbus.service.method("im.visavis.Auth1.Attempt", in_signature="", out_signature="ay")
    def TakeTicket(self):
        return dbus.ByteArray(b"ticket-" + str(self.values["Account"]).encode())

    @dbus.service.method("im.visavis.Auth1.Attempt")
    def Cancel(self):
        self.auth.cancelled += 1

    @dbus.service.method("im.visavis.Auth1.Attempt", out_signature="h")
    def OpenPreview(self):
        if self.auth.preview is None:
            raise Refused("Camera", "There is no preview.")
        return dbus.types.UnixFd(self.auth.preview)


SUCCESS = [dict(State="searching", Hint="It is too dark."),
           dict(State="challenge", Prompt="turn-left", PromptText="Turn your head to the left.", Hint="", Progress=0.5),
           dict(State="succeeded", Prompt="", PromptText="", Progress=1.0)]


class Auth(dbus.service.Object):
    def __init__(self, connection):
        connection.request_name("im.visavis.Auth1")
        super().__init__(connection, "/im/visavis/Auth1")
        self.script, self.cancelled, self.asked, self.number = SUCCESS, 0, [], 0
        self.preview = None  # the descriptor of a ring, if there is one
        self.enrolments = [(ID, "deep", 0)]

    @dbus.service.method("im.visavis.Auth1.Manager", out_signature="a(sst)")
    def ListEnrolments(self):
        return self.enrolments

    @dbus.service.method("im.visavis.Auth1.Manager", out_signature="a(sus)")
    def ListAllEnrolments(self):
        return [(account, dbus.UInt32(0), engine) for account, engine, _ in self.enrolments]

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="s")
    def RemoveEnrolment(self, account):
        self.enrolments = [e for e in self.enrolments if e[0] != account]

    def attempt(self, sender, account):
        self.number += 1
        path = "/im/visavis/Auth1/attempt/%d" % self.number
        Attempt(self, path, sender, self.script, account)
        return dbus.ObjectPath(path)

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="a{sv}", out_signature="o", sender_keyword="sender")
    def Enrol(self, options, sender):
        self.asked.append(("enrol", dict(options)))
        return self.attempt(sender, ID)

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="sa{sv}", out_signature="o", sender_keyword="sender")
    def Verify(self, account, options, sender):
        self.asked.append((str(account), dict(options)))
        return self.attempt(sender, account)

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="saya{sv}", out_signature="o", sender_keyword="sender", byte_arrays=True)
    def AddLook(self, account, ticket, options, sender):
        self.asked.append(("add-look", str(account), bytes(ticket)))
        return self.attempt(sender, account)

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="s", out_signature="a(yu)")
    def ListLooks(self, account):
        return dbus.Array([(0, 6), (1, 5)], signature="(yu)")

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="sayy", byte_arrays=True)
    def RemoveLook(self, account, ticket, look):
        self.asked.append(("remove-look", str(account), bytes(ticket), int(look)))
        if look > 1:
            raise Refused("NotFound", "There is no such look.")

    @dbus.service.method("im.visavis.Auth1.Manager", in_signature="a{sv}", out_signature="o", sender_keyword="sender")
    def Identify(self, options, sender):
        self.asked.append(("identify", dict(options)))
        return self.attempt(sender, ID)

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if name == "CameraStates":
            return dbus.Array([("stage", False, "missing", "The camera is not there. Plug it in, and try again.")], signature="(sbss)")
        return dbus.Array([("stage", "pipe", True)], signature="(ssb)")


SEALED = b"sealed: "
WORDS = "abandon " * 14 + "address"


def read(descriptor):
    fd = descriptor.take()
    try:
        return os.pread(fd, 2000, 0).decode()
    finally:
        os.close(fd)


class Slots(dbus.service.Object):
    """A class of its own, since both interfaces have an Unlock."""

    def proven(self, kind, ticket, factor, sender):
        self.needs(sender)
        if kind == "face":
            self.crypto.check(ticket, factor, self.id)
        elif read(factor) != WORDS:
            raise Refused("WrongFactor", "These words are no recovery code.")

    @dbus.service.method("im.visavis.Crypto1.Slots", out_signature="a(usst)")
    def List(self):
        return [(dbus.UInt32(n), kind, label, dbus.UInt64(1)) for n, (kind, label, _) in sorted(self.slots.items())]

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="sh", sender_keyword="sender")
    def Unlock(self, kind, factor, sender):
        if read(factor) != WORDS:
            raise Refused("WrongFactor", "These words are no recovery code.")
        self.holders.add(sender)
        self.announce()

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="sshsayh", out_signature="u", sender_keyword="sender", byte_arrays=True)
    def Add(self, new_kind, label, new_factor, kind, ticket, factor, sender):
        self.proven(kind, ticket, factor, sender)
        number = max(self.slots) + 1
        self.slots[number] = (str(new_kind), str(label), read(new_factor))
        return number

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="b")
    def AllowPassphrase(self, allowed):
        self.passphrase_alone = bool(allowed)

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="uhsayh", sender_keyword="sender", byte_arrays=True)
    def Change(self, number, new_factor, kind, ticket, factor, sender):
        self.proven(kind, ticket, factor, sender)
        self.slots[int(number)] = (*self.slots[int(number)][:2], read(new_factor))

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="usayh", sender_keyword="sender", byte_arrays=True)
    def Remove(self, number, kind, ticket, factor, sender):
        self.proven(kind, ticket, factor, sender)
        del self.slots[int(number)]

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="ssayh", out_signature="h", sender_keyword="sender", byte_arrays=True)
    def OfferRecovery(self, label, kind, ticket, factor, sender):
        self.proven(kind, ticket, factor, sender)
        self.offered = str(label)
        fd = os.memfd_create("words")
        os.write(fd, WORDS.encode())
        return dbus.types.UnixFd(fd)

    @dbus.service.method("im.visavis.Crypto1.Slots", in_signature="h", out_signature="u", sender_keyword="sender")
    def ConfirmRecovery(self, code, sender):
        self.needs(sender)
        if read(code) != WORDS:
            raise Refused("WrongFactor", "These words are no recovery code.")
        number = max(self.slots) + 1
        self.slots[number] = ("recovery", self.offered, WORDS)
        return number


class Contacts(dbus.service.Object):
    """Bob alone, whose key can be another one."""

    @dbus.service.method("im.visavis.Crypto1.Contacts", out_signature="a(ssbbbb)", sender_keyword="sender")
    def List(self, sender):
        self.needs(sender)
        return [(BOB, self.nickname, True, self.verified, self.changed, self.blocked)]

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="sb", out_signature="s", sender_keyword="sender")
    def Add(self, who, in_person, sender):
        self.needs(sender)
        if who == "visavis:bob@hub?root=other":
            raise Refused("KeyMismatch", "The link says another key.")
        self.contact_added = (str(who), bool(in_person))
        return BOB

    @dbus.service.method("im.visavis.Crypto1.Contacts", out_signature="s", sender_keyword="sender")
    def Link(self, sender):
        self.needs(sender)
        return "visavis:alice@hub?root=x"

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="s", sender_keyword="sender")
    def Remove(self, address, sender):
        self.needs(sender)
        if address != BOB:
            raise Refused("NotFound", "Nothing is known of them.")
        self.contact_added = None

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="ss", sender_keyword="sender")
    def SetNickname(self, address, nickname, sender):
        self.needs(sender)
        self.nickname = str(nickname)

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="sb", sender_keyword="sender")
    def SetBlocked(self, address, blocked, sender):
        self.needs(sender)
        self.blocked = bool(blocked)

    @dbus.service.method("im.visavis.Crypto1.Contacts", out_signature="a(sss)", sender_keyword="sender")
    def Requests(self, sender):
        self.needs(sender)
        return dbus.Array(self.requests, signature="(sss)")

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="s", sender_keyword="sender")
    def Accept(self, conversation, sender):
        self.needs(sender)
        self.decided = ("accept", str(conversation))
        self.requests = []

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="s", sender_keyword="sender")
    def Decline(self, conversation, sender):
        self.needs(sender)
        self.decided = ("decline", str(conversation))
        self.requests = []

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="sb", out_signature="ss", sender_keyword="sender")
    def SafetyNumber(self, address, changed, sender):
        self.needs(sender)
        if changed and not self.changed:
            raise Refused("NotFound", "No other key waits to be accepted.")
        return ("67890" if changed else "01234") * 12, "visavis-safety:1:x"

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="sb", sender_keyword="sender")
    def SetVerified(self, address, verified, sender):
        self.needs(sender)
        self.verified = bool(verified)

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="ss", sender_keyword="sender")
    def CompareCode(self, address, code, sender):
        self.needs(sender)
        if code != "visavis-safety:1:y":
            raise Refused("KeyMismatch", "This is not the safety number of you two.")
        self.verified = True

    @dbus.service.method("im.visavis.Crypto1.Contacts", in_signature="ss", sender_keyword="sender")
    def AcceptKey(self, address, number, sender):
        self.needs(sender)
        if number != "67890" * 12:
            raise Refused("KeyMismatch", "This is not the safety number of you two.")
        self.verified = self.changed = False


class Groups(dbus.service.Object):
    """One group at the most, with a fixed id."""

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="sas", out_signature="s", sender_keyword="sender")
    def Create(self, name, members, sender):
        self.needs(sender)
        self.group = [str(name), [self.address, *map(str, members)], True]
        return GROUP

    @dbus.service.method("im.visavis.Crypto1.Groups", out_signature="a(ssb)", sender_keyword="sender")
    def List(self, sender):
        self.needs(sender)
        return dbus.Array([(GROUP, self.group[0], self.group[2])] if self.group else [], signature="(ssb)")

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="s", out_signature="a(ssbb)", sender_keyword="sender")
    def Members(self, conversation, sender):
        self.needs(sender)
        assert conversation == GROUP
        return dbus.Array([(m.lstrip("?"), self.roles.get(m, "member"), m == self.address, m.startswith("?")) for m in self.group[1]],
                          signature="(ssbb)")

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="sss", sender_keyword="sender")
    def SetRole(self, conversation, address, role, sender):
        self.needs(sender)
        assert conversation == GROUP
        if role not in ("owner", "admin", "member"):
            raise Refused("InvalidArgument", "No such role.")
        self.roles[str(address)] = str(role)

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="say", sender_keyword="sender", byte_arrays=True)
    def SetPicture(self, conversation, picture, sender):
        self.needs(sender)
        assert conversation == GROUP
        self.picture = bytes(picture)

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="s", out_signature="sbbay", sender_keyword="sender")
    def Describe(self, conversation, sender):
        self.needs(sender)
        assert conversation == GROUP
        return self.group[0], *(self.policy or (True, True)), dbus.ByteArray(self.picture)

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="sbb", sender_keyword="sender")
    def SetPolicy(self, conversation, add, edit, sender):
        self.needs(sender)
        assert conversation == GROUP
        self.policy = (bool(add), bool(edit))

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="sas", sender_keyword="sender")
    def Add(self, conversation, members, sender):
        self.needs(sender)
        assert conversation == GROUP
        self.group[1] += map(str, members)

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="ss", sender_keyword="sender")
    def Remove(self, conversation, address, sender):
        self.needs(sender)
        assert conversation == GROUP
        if address not in self.group[1]:
            raise Refused("NotFound", "No such member.")
        self.group[1].remove(address)

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="ss", sender_keyword="sender")
    def Rename(self, conversation, name, sender):
        self.needs(sender)
        assert conversation == GROUP
        self.group[0] = str(name)

    @dbus.service.method("im.visavis.Crypto1.Groups", in_signature="s", sender_keyword="sender")
    def Leave(self, conversation, sender):
        self.needs(sender)
        assert conversation == GROUP
        self.group[2] = False


class Rooms(dbus.service.Object):
    """One room, whose conversation is a group with a # before its name."""

    @dbus.service.method("im.visavis.Crypto1.Rooms", out_signature="a(subs)", sender_keyword="sender")
    def List(self, sender):
        self.needs(sender)
        joined = self.group is not None and self.group[0] == "#general"
        return dbus.Array([("general", dbus.UInt32(2), joined, GROUP if joined else "")], signature="(subs)")

    @dbus.service.method("im.visavis.Crypto1.Rooms", in_signature="s", out_signature="s", sender_keyword="sender")
    def Join(self, name, sender):
        self.needs(sender)
        if name != "general":
            raise Refused("NotFound", f"This hub has no room #{name}.")
        self.group = ["#general", [self.address, BOB], True]
        return GROUP


class Files(dbus.service.Object):
    """Sealing is putting a word in front. A content of b"hang" is never done; a legacy envelope opens without a MAC."""

    def details(self, content, given):
        known = {"Authenticated": "legacy-passphrase" not in given}
        if content == b"from bob":
            known.update(Sealer="bob@hub.example.org:7843", Receiver="alice@hub.example.org:7843", Acquaintance="known")
        return dbus.Dictionary(known, signature="sv")

    def begin(self, work, source, result, options, sender):
        self.needs(sender)
        source, result, given = source.take(), result.take(), dict(options)
        if "legacy-passphrase" in given:
            given["legacy-passphrase"] = read(given["legacy-passphrase"])
        self.given.append(given)
        with os.fdopen(source, "rb") as f:
            content, refusal = work(f.read())
        os.write(result, content)
        os.close(result)
        if content != SEALED + b"hang":
            GLib.idle_add(lambda: signal_to(self.crypto.connection, sender, self.path, "im.visavis.Crypto1.Files", "Finished", "ussa{sv}", dbus.UInt32(7),
                                            *(("im.visavis.Error.Damaged", refusal) if refusal else ("", "")), self.details(content, given)) and False)
        return dbus.UInt32(7)

    @dbus.service.method("im.visavis.Crypto1.Files", in_signature="hha{sv}", out_signature="u", sender_keyword="sender")
    def Seal(self, input, output, options, sender):
        return self.begin(lambda content: (SEALED + content, None), input, output, options, sender)

    @dbus.service.method("im.visavis.Crypto1.Files", in_signature="hha{sv}", out_signature="u", sender_keyword="sender")
    def Open(self, input, output, options, sender):
        return self.begin(lambda content: (content.removeprefix(SEALED), None if content.startswith(SEALED) else "The file is damaged."),
                          input, output, options, sender)

    @dbus.service.method("im.visavis.Crypto1.Files", in_signature="u", out_signature="t")
    def Progress(self, job):
        return dbus.UInt64(0)

    @dbus.service.method("im.visavis.Crypto1.Files", in_signature="u")
    def Cancel(self, job):
        pass


MESSAGES = "im.visavis.Crypto1.Messages"


def plain(value):
    """What came over the bus, as Python's own."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, str) else int(value)


class Messages(dbus.service.Object):
    """The account's messages, with what @extras has of one; what is done to them is kept in @done."""

    def page(self, options):
        before, after = int(options.get("before", 0)), max(int(options.get("after", 0)), int(options.get("from", 0)) - 1)
        found = [m for m in self.messages if m[0] > after and (not before or m[0] < before)]
        return (found if after > 0 or int(options.get("from", 0)) else found[::-1])[:int(options.get("limit", 50))]

    @dbus.service.method(MESSAGES, in_signature="sa{sv}", out_signature="aa{sv}", sender_keyword="sender")
    def Read(self, conversation, options, sender):
        self.needs(sender)
        return [dbus.Dictionary({"Id": dbus.UInt64(m[0]), "Kind": "text", "Sender": m[1], "Text": m[2], "Time": dbus.UInt64(m[3]), "State": m[4],
                                 **({"Own": True} if m[1] == self.address else {}), **self.extras.get(m[0], {})}, signature="sv")
                for m in self.page(options)]

    @dbus.service.method(MESSAGES, in_signature="st", out_signature="a{sv}", sender_keyword="sender")
    def Get(self, conversation, message, sender):
        return self.Read(conversation, {"before": message + 1, "limit": 1}, sender)[0]

    @dbus.service.method(MESSAGES, in_signature="st", sender_keyword="sender")
    def MarkRead(self, conversation, message, sender):
        self.needs(sender)
        self.read_up_to = max(self.read_up_to, int(message))

    @dbus.service.method(MESSAGES, in_signature="s", out_signature="aa{sv}", sender_keyword="sender")
    def ListPinned(self, conversation, sender):
        self.needs(sender)
        return [m for m in self.Read(conversation, {}, sender) if m.get("Pinned")]

    @dbus.service.method(MESSAGES, in_signature="s", out_signature="a{sv}", sender_keyword="sender")
    def Describe(self, conversation, sender):
        self.needs(sender)
        unread = sum(m[0] > self.read_up_to and m[1] != self.address for m in self.messages) if conversation == CONVERSATION else 0
        kind = "group" if conversation == GROUP else "person"
        return dbus.Dictionary({"Kind": kind, "Title": "", "Unread": dbus.UInt32(unread), "Read": dbus.UInt64(self.read_up_to), "Receipts": True,
                                "Standing": "accepted", **self.described, **self.described_each.get(str(conversation), {})}, signature="sv")

    @dbus.service.method(MESSAGES, in_signature="st", out_signature="a(stt)", sender_keyword="sender")
    def Receipts(self, conversation, message, sender):
        self.needs(sender)
        return [(BOB, 1700000000000001, 0)]

    def did(self, sender, *what):
        self.needs(sender)
        self.done.append(what)

    @dbus.service.method(MESSAGES, in_signature="ssa{sv}", out_signature="t", sender_keyword="sender")
    def Send(self, conversation, text, options, sender):
        if text.startswith("refuse"):
            raise Refused("Storage", "The disk is full, so the message was not kept; make room and send it again.")
        self.did(sender, "Send", str(text), {str(k): plain(v) for k, v in options.items()})
        if not self.live:
            return 99
        self.add(self.address, str(text), "queued")
        if "reply-to" in options:
            self.extras[len(self.messages)] = {"RepliesTo": options["reply-to"], "Quote": self.messages[int(options["reply-to"]) - 1][2],
                                               "QuoteSender": self.messages[int(options["reply-to"]) - 1][1]}
        return len(self.messages)

    @dbus.service.method(MESSAGES, in_signature="sts", out_signature="t", sender_keyword="sender")
    def Forward(self, conversation, message, to, sender):
        self.did(sender, "Forward", int(message), str(to))
        return 99

    @dbus.service.method(MESSAGES, in_signature="sts", sender_keyword="sender")
    def Edit(self, conversation, message, text, sender):
        if self.messages[int(message) - 1][1] != self.address:
            raise Refused("AccessDenied", "This is somebody else's message; only its author can do that.")
        self.did(sender, "Edit", int(message), str(text))

    @dbus.service.method(MESSAGES, in_signature="stas", sender_keyword="sender")
    def React(self, conversation, message, emoji, sender):
        self.did(sender, "React", int(message), list(map(str, emoji)))

    @dbus.service.method(MESSAGES, in_signature="stb", sender_keyword="sender")
    def Delete(self, conversation, message, for_all, sender):
        self.did(sender, "Delete", int(message), bool(for_all))

    @dbus.service.method(MESSAGES, in_signature="stb", sender_keyword="sender")
    def Pin(self, conversation, message, pinned, sender):
        self.did(sender, "Pin", int(message), bool(pinned))

    @dbus.service.method(MESSAGES, in_signature="s", sender_keyword="sender")
    def MarkUnread(self, conversation, sender):
        self.did(sender, "MarkUnread")

    @dbus.service.method(MESSAGES, in_signature="sb", sender_keyword="sender")
    def SetTyping(self, conversation, typing, sender):
        self.did(sender, "SetTyping", bool(typing))

    @dbus.service.method(MESSAGES, in_signature="sb", sender_keyword="sender")
    def SetReceipts(self, conversation, receipts, sender):
        self.did(sender, "SetReceipts", bool(receipts))

    @dbus.service.method(MESSAGES, in_signature="st", sender_keyword="sender")
    def SetMuted(self, conversation, until, sender):
        self.did(sender, "SetMuted", int(until))

    @dbus.service.method(MESSAGES, in_signature="sb", sender_keyword="sender")
    def SetArchived(self, conversation, archived, sender):
        self.did(sender, "SetArchived", bool(archived))

    @dbus.service.method(MESSAGES, in_signature="su", sender_keyword="sender")
    def SetDisappearing(self, conversation, seconds, sender):
        self.did(sender, "SetDisappearing", int(seconds))

    @dbus.service.method(MESSAGES, in_signature="sst", sender_keyword="sender")
    def SetDraft(self, conversation, text, replies_to, sender):
        self.did(sender, "SetDraft", str(text), int(replies_to))


HISTORY = "im.visavis.Crypto1.History"


class History(dbus.service.Object):
    """Finds words in the messages of the one conversation."""

    @dbus.service.method(HISTORY, in_signature="sa{sv}", out_signature="a(st)", sender_keyword="sender")
    def Search(self, words, options, sender):
        self.needs(sender)
        found = [m[0] for m in self.messages if all(w in m[2].lower() for w in words.lower().split())]
        return dbus.Array([(CONVERSATION, dbus.UInt64(i)) for i in reversed(found)][:int(options.get("limit", 50))], signature="(st)")

    @dbus.service.method(HISTORY, in_signature="st", out_signature="t", sender_keyword="sender")
    def MessageAt(self, conversation, time, sender):
        self.needs(sender)
        for m in self.messages:
            if m[3] >= time:
                return m[0]
        raise Refused("NotFound", "Nothing was said since.")

    @dbus.service.method(HISTORY, in_signature="s", sender_keyword="sender")
    def Clear(self, conversation, sender):
        self.needs(sender)
        self.messages = []


TRANSFER = "im.visavis.Crypto1.Transfer"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"


class Transfer(dbus.service.Object):
    """A file that is as far as the test says; what is done to it is noted."""

    def __init__(self, account, id, **values):
        self.account, self.path, self.done = account, f"{account.path}/transfer/{id}", []
        super().__init__(account.crypto.connection, self.path)
        self.values = {"Conversation": CONVERSATION, "Message": dbus.UInt64(0), "Direction": "send", "Name": "", "MediaType": "", "Size": dbus.UInt64(0),
                       "State": "running", "Error": "", "Progress": 0.0, "Rate": dbus.UInt64(0), **values}

    def change(self, **values):
        self.values.update(values)
        for holder in self.account.holders:
            signal_to(self.account.crypto.connection, holder, self.path, PROPERTIES, "PropertiesChanged", "sa{sv}as", TRANSFER, {}, list(values))

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return self.values

    @dbus.service.method(TRANSFER)
    def Pause(self):
        self.done.append("pause")
        self.change(State="paused")

    @dbus.service.method(TRANSFER)
    def Resume(self):
        self.done.append("resume")
        self.change(State="running")

    @dbus.service.method(TRANSFER)
    def Cancel(self):
        self.done.append("cancel")
        self.account.end_transfer(self)


class Transfers(dbus.service.Object):
    """The files on their way."""

    @dbus.service.method(OBJECT_MANAGER, out_signature="a{oa{sa{sv}}}", sender_keyword="sender")
    def GetManagedObjects(self, sender):
        self.needs(sender)
        return dbus.Dictionary({t.path: {TRANSFER: t.values} for t in self.transfers}, signature="oa{sa{sv}}")

    def begin_transfer(self, **values):
        self.transfers.append(Transfer(self, len(self.transfers) + 1, **values))
        self.tell(OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", self.transfers[-1].path, {TRANSFER: self.transfers[-1].values})
        return self.transfers[-1]

    def end_transfer(self, transfer):
        self.transfers.remove(transfer)
        transfer.remove_from_connection()
        self.tell(OBJECT_MANAGER, "InterfacesRemoved", "oas", transfer.path, [TRANSFER])


class Hubs(dbus.service.Object):
    """Notes what is done to them."""

    @dbus.service.method("im.visavis.Crypto1.Hubs", out_signature="a(us)")
    def List(self):
        return [(dbus.UInt32(0), self.address), *((dbus.UInt32(n), a) for n, a in self.hubs.items())]

    @dbus.service.method("im.visavis.Crypto1.Hubs", in_signature="sa{sv}", out_signature="u", sender_keyword="sender")
    def Add(self, address, options, sender):
        self.needs(sender)
        given = None
        if "invitation" in options:
            fd = options["invitation"].take()
            given = os.pread(fd, 200, 0)
            os.close(fd)
        self.hubs[len(self.hubs) + 1] = str(address)
        self.hubs_done.append(("add", str(address), given))
        return dbus.UInt32(len(self.hubs))

    @dbus.service.method("im.visavis.Crypto1.Hubs", in_signature="ub", sender_keyword="sender")
    def Remove(self, number, local_only, sender):
        self.needs(sender)
        self.hubs_done.append(("remove", int(number), bool(local_only)))

    @dbus.service.method("im.visavis.Crypto1.Hubs", in_signature="au", sender_keyword="sender")
    def Order(self, numbers, sender):
        self.needs(sender)
        self.hubs_done.append(("order", [int(n) for n in numbers]))


class Account(Slots, Contacts, Groups, Hubs, Rooms, Files, Messages, History, Transfers):
    live = False  # what is sent stands in the conversation then

    def __init__(self, crypto, id, address):
        self.path = "/im/visavis/Crypto1/account/" + id
        super().__init__(crypto.connection, self.path)
        self.crypto, self.id, self.address = crypto, id, address
        self.holders, self.messages, self.read_up_to, self.updates = set(), [], 0, 0
        self.verified = self.changed = False  # bob's key
        self.label, self.idle_lock, self.destroyed, self.ended = "", 0, [], False
        self.slots, self.offered = {1: ("face", "", PIN)}, None  # number: kind, label, factor
        self.given = []  # options of Seal and Open
        self.extras, self.described, self.done = {}, {}, []  # of Messages
        self.described_each = {}  # of one conversation
        self.transfers = []
        self.opened = []  # addresses that were asked for
        self.level = "full"
        self.nickname, self.blocked, self.contact_added, self.requests, self.decided = "", False, None, [], None
        self.roles, self.policy, self.picture = {}, None, b""
        self.hubs, self.hubs_done = {}, []
        self.group = None  # name, members, whether we are one
        self.others = []  # further conversations, as ListConversations has them; nothing is in them
        crypto.connection.add_signal_receiver(self.on_owner, "NameOwnerChanged", "org.freedesktop.DBus")

    def on_owner(self, name, old, new):
        if name in self.holders and not new:
            self.holders.discard(name)
            self.announce()

    def announce(self):
        message = dbus.lowlevel.SignalMessage(self.path, PROPERTIES, "PropertiesChanged")
        message.append("im.visavis.Crypto1.Account", {}, ["State"], signature="sa{sv}as")
        self.crypto.connection.send_message(message)

    def state(self):
        return "destroyed" if self.ended else "unlocked" if self.holders else "locked"

    def needs(self, sender):
        if sender not in self.holders:
            raise Refused("Locked", "The account is locked; log in first.")

    def add(self, sender, text, state="stored", time=None):
        self.messages.append((len(self.messages) + 1, sender, text, time or 1700000000000000 + len(self.messages), state))
        for holder in self.holders:
            signal_to(self.crypto.connection, holder, self.path, "im.visavis.Crypto1.Account", "MessageAdded", "st",
                      CONVERSATION, len(self.messages))

    def change(self, id, state):
        """A message of ours is at the hub now, or will never be."""
        self.messages[id - 1] = (*self.messages[id - 1][:4], state)
        for holder in self.holders:
            signal_to(self.crypto.connection, holder, self.path, "im.visavis.Crypto1.Account", "MessageChanged", "sts",
                      CONVERSATION, id, state)

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if name == "State":
            return self.state()
        if name == "Level":
            return self.level if self.holders else "bare"
        assert name == "IdleLock"
        return dbus.UInt32(self.idle_lock)

    def tell(self, interface, member, signature, *arguments):
        for holder in self.holders:
            signal_to(self.crypto.connection, holder, self.path, interface, member, signature, *arguments)

    def say_of(self, id, **extras):
        """What is said of a message changes."""
        self.extras.setdefault(id, {}).update(extras)
        self.tell(MESSAGES, "Edited", "st", CONVERSATION, id)

    def notify(self, *words):
        for holder in self.holders:
            signal_to(self.crypto.connection, holder, self.path, "im.visavis.Crypto1.Notifications", "Notified", "sssss", *words)

    @dbus.service.method(PROPERTIES, in_signature="ssv", sender_keyword="sender")
    def Set(self, interface, name, value, sender):
        if name == "Label":
            self.label = str(value)
        elif name == "Level":
            self.needs(sender)
            if value not in ("full", "sender", "bare"):
                raise Refused("InvalidArgument", "No such level.")
            self.level = str(value)
        else:
            assert name == "IdleLock"
            self.needs(sender)
            self.idle_lock = int(value)

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="sb", sender_keyword="sender")
    def Destroy(self, name, local_only, sender):
        self.needs(sender)
        self.destroyed.append((str(name), bool(local_only)))

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return dict(Id=self.id, Address=self.address, State=self.state(), UnlockedSince=dbus.UInt64(0), Suite="")

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="ayh", sender_keyword="sender", byte_arrays=True)
    def Unlock(self, ticket, factor, sender):
        self.crypto.check(ticket, factor, self.id)
        self.holders.add(sender)
        self.announce()

    @dbus.service.method("im.visavis.Crypto1.Account")
    def Lock(self):
        self.holders.clear()
        self.announce()

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="s", sender_keyword="sender")
    def Grant(self, name, sender):
        self.needs(sender)
        self.holders.add(str(name))

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="s", out_signature="s", sender_keyword="sender")
    def OpenConversation(self, address, sender):
        self.needs(sender)
        self.opened.append(str(address))
        if address.startswith("nobody"):
            raise Refused("NotFound", "The hub knows nobody of that name; check the address.")
        return CONVERSATION

    @dbus.service.method("im.visavis.Crypto1.Account", out_signature="a(ssuts)", sender_keyword="sender")
    def ListConversations(self, sender):
        self.needs(sender)
        if not self.messages:
            return dbus.Array(self.others, signature="(ssuts)")
        last = self.messages[-1]
        unread = sum(m[0] > self.read_up_to and m[1] != self.address for m in self.messages)
        return [(CONVERSATION, BOB, unread, last[3], last[2]), *self.others]

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="ss", out_signature="t", sender_keyword="sender")
    def Send(self, conversation, text, sender):
        self.needs(sender)
        assert conversation in (CONVERSATION, GROUP)
        if text.startswith("refuse"):
            raise Refused("Storage", "The disk is full, so the message was not kept; make room and send it again.")
        self.add(self.address, text, "queued")
        return len(self.messages)

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="stub", out_signature="a(tssts)", sender_keyword="sender")
    def ReadMessages(self, conversation, after, limit, from_end, sender):
        self.needs(sender)
        found = [m for m in self.messages if m[0] > after]
        return found[-int(limit):] if from_end else found[:int(limit)]

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="st", sender_keyword="sender")
    def MarkRead(self, conversation, message, sender):
        self.needs(sender)
        self.read_up_to = max(self.read_up_to, int(message))

    @dbus.service.method("im.visavis.Crypto1.Account", in_signature="s", sender_keyword="sender")
    def Update(self, conversation, sender):
        self.needs(sender)
        self.updates += 1


class Crypto(dbus.service.Object):
    def __init__(self, connection):
        connection.request_name("im.visavis.Crypto1")
        super().__init__(connection, "/im/visavis/Crypto1")
        self.accounts, self.created = [], []

    def check(self, ticket, factor, id):
        fd = factor.take()
        pin = os.pread(fd, 2000, 0).decode()
        os.close(fd)
        if bytes(ticket) != b"ticket-" + id.encode():
            raise Refused("TicketInvalid", "The ticket is not for this account; log in again.")
        if pin != PIN:
            raise Refused("WrongFactor", "Face and PIN together do not open the vault; try again.")

    def add(self, id, address):
        self.accounts.append(Account(self, id, address))
        return self.accounts[-1]

    @dbus.service.method("im.visavis.Crypto1.Manager", in_signature="sayhsa{sv}", out_signature="o", sender_keyword="sender",
                         byte_arrays=True)
    def CreateAccount(self, account, ticket, factor, address, options, sender):
        self.check(ticket, factor, account)
        given = dict(options)
        if "invitation" in given:
            fd = given["invitation"].take()
            given["invitation"] = os.pread(fd, 200, 0)
            os.close(fd)
        self.created.append((str(account), str(address), given))
        made = self.add(str(account), str(address))
        made.holders.add(sender)
        return dbus.ObjectPath(made.path)

    @dbus.service.method("im.visavis.Crypto1.Manager", out_signature="a(ossss)")
    def ListAccounts(self):
        return [(dbus.ObjectPath(a.path), a.id, a.address, a.state(), a.label) for a in self.accounts]


class Link(dbus.service.Object):
    def __init__(self, connection, id):
        super().__init__(connection, "/im/visavis/Relay1/link/" + id)
        self.values = dict(Enabled=True, Account=id, Hub="hub.example.org:7843", State="online", Since=dbus.UInt64(1700000000000000),
                           LastError="refused: \x1b[2J", Outbox=dbus.UInt32(2), Inbox=dbus.UInt32(3), HubKey="first-use")
        self.readers, self.tried, self.deleted = set(), 0, []

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}", sender_keyword="sender")
    def GetAll(self, interface, sender):
        self.readers.add(sender)
        return self.values

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v", sender_keyword="sender")
    def Get(self, interface, name, sender):
        self.readers.add(sender)
        return self.values[name]

    def change(self, **values):
        """Told to those who have read the properties."""
        self.values.update(values)
        for reader in self.readers:
            signal_to(self.connection, reader, self.__dbus_object_path__, PROPERTIES, "PropertiesChanged", "sa{sv}as",
                      "im.visavis.Relay1.Link", {}, list(values))

    @dbus.service.method(PROPERTIES, in_signature="ssv")
    def Set(self, interface, name, value):
        assert name == "Enabled"
        self.values["Enabled"] = bool(value)

    @dbus.service.method("im.visavis.Relay1.Link")
    def Reconnect(self):
        self.tried += 1

    @dbus.service.method("im.visavis.Relay1.Link", in_signature="b")
    def Delete(self, local_only):
        self.deleted.append(bool(local_only))


class Bus:
    """A private bus; ended by stop()."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="visavis-ui-")
        with open(self.directory + "/bus.conf", "w", encoding="ascii") as f:
            f.write(BUS_CONFIG % self.directory)
        self.process = subprocess.Popen(["dbus-daemon", "--nofork", "--config-file=" + self.directory + "/bus.conf"])
        self.address = "unix:path=" + self.directory + "/bus"
        while not self.listens():
            time.sleep(0.01)

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.directory + "/bus") == 0

    def connect(self):
        return dbus.bus.BusConnection(self.address)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)


def pump(condition, seconds=20):
    """Lets the stand-ins work until @condition() is true; its value, or what it is after @seconds."""
    context = GLib.MainContext.default()
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        if not context.iteration(False):
            time.sleep(0.002)
    return value


def methods(document, name):
    """The methods of an interface as an introspection document has them."""
    element, = [e for e in ElementTree.fromstring(document).iter("interface") if e.get("name") == name]
    return sorted((m.get("name"), [(a.get("type"), a.get("direction")) for a in m.findall("arg")]) for m in element.findall("method"))


def methods_of_contract(name):
    with open(os.path.join(INTERFACES, name + ".xml"), encoding="utf-8") as f:
        return methods(f.read(), name)
