#!/usr/bin/python3
"""cryptod on a private bus, with relayd and a hub as they are and a stand-in for authd: accounts, unlocking, two people who
talk, kill -9, and who may do what."""
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time

import dbus
import dbus.lowlevel
from dbus.mainloop.glib import DBusGMainLoop

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish, skip  # noqa: E402
from administrator import Polkit, as_nobody, installed  # noqa: E402
from cryptod_stage import (ALICE, BOB, CRYPTO, CRYPTOD, RELAYD, Person, forge, refused, run, serve,  # noqa: E402
                           wait_for)

def play_groups(stage, authd, alice, bob, conversation):
    carol = Person(stage, authd, "c" * 32, "carol")
    carol.create()
    nobody = dbus.Array([], signature="s")
    check("a group has a name of its own", all(refused("InvalidArgument", alice.groups.Create, name, nobody)
                                               for name in ("", "bob@hub", "#room", " x", "a\nb", "x" * 129)))
    check("and people who are there", refused("NotFound", alice.groups.Create, "x", [f"nobody@127.0.0.1:{stage.port}"]))
    check("others than oneself", refused("InvalidArgument", alice.groups.Create, "x", [alice.address]))
    group = str(alice.groups.Create("friends", [bob.address]))
    alice.account.Send(group, "two of us")
    check("a group is there with its name", wait_for(lambda: [(str(i), str(n), bool(m)) for i, n, m in bob.groups.List()] == [
        (group, "friends", True)]))
    check("and stands among the conversations", "friends" in [str(c[1]) for c in alice.account.ListConversations()])
    bob.groups.Add(group, [carol.address])
    check("a group into which a stranger puts somebody is a request", wait_for(lambda: [(str(k), str(t)) for _, k, t in carol.contacts.Requests()] == [
        ("group", "friends")]) and carol.standing(group) == "request")
    check("a member adds another", wait_for(lambda: carol.groups.List() and carol.members(group) == ["alice", "bob", "carol"]))
    carol.account.Send(group, "three of us")
    check("an answer accepts it", carol.contacts.Requests() == [] and carol.standing(group) == "accepted")
    check("whose messages reach all", wait_for(lambda: all(
        ("carol", "three of us", "received") in p.history(group) for p in (alice, bob))), alice.history(group))
    check("who came is in the history", ("", f"{bob.plain_address} added {carol.plain_address}.", "received") in alice.history(group),
          alice.history(group))
    check("a conversation of two is no group", refused("InvalidArgument", alice.groups.Add, conversation, [carol.address])
          and refused("InvalidArgument", alice.groups.Leave, conversation) and alice.members(conversation) == ["alice", "bob"])
    check("who is in it already is told, and nobody is added", refused("Exists", alice.groups.Add, group, [f"dave@127.0.0.1:{stage.port}", carol.address]))
    check("nor is somebody a member who is none", refused("NotFound", alice.groups.Remove, group, f"dave@127.0.0.1:{stage.port}"))
    carol.groups.Rename(group, "climbers")
    check("a new name is everybody's", refused("InvalidArgument", carol.groups.Rename, group, "a@b") and wait_for(
        lambda: [str(n) for _, n, _ in bob.groups.List()] == ["climbers"]))
    check("a member without a role removes nobody and gives no roles", refused("AccessDenied", bob.groups.Remove, group, carol.address)
          and refused("AccessDenied", bob.groups.SetRole, group, bob.address, "owner")
          and refused("AccessDenied", bob.groups.SetPolicy, group, False, False))
    check("a role is one of three, a picture is small", refused("InvalidArgument", alice.groups.SetRole, group, bob.address, "king")
          and refused("NotFound", alice.groups.SetRole, group, f"dave@127.0.0.1:{stage.port}", "admin")
          and refused("InvalidArgument", alice.groups.SetPicture, group, dbus.ByteArray(b"x" * 16385)))
    alice.groups.SetRole(group, bob.address, "admin")
    alice.groups.SetPolicy(group, True, False)
    alice.groups.SetPicture(group, dbus.ByteArray(b"a picture"))
    check("roles, policy and picture are everybody's", wait_for(lambda: carol.roles(group) == [
        ("alice", "owner"), ("bob", "admin"), ("carol", "member")] and [bytes(x) if isinstance(x, dbus.Array) else x for x in
        carol.groups.Describe(group)] == ["climbers", True, False, b"a picture"]), (carol.roles(group), carol.groups.Describe(group)))
    carol.groups.Leave(group)
    check("who leaves says nothing more", refused("Hub", carol.account.Send, group, "x") and carol.members(group) == []
          and [bool(m) for *_, m in carol.groups.List()] == [False])
    check("and is taken out", wait_for(lambda: alice.members(group) == bob.members(group) == ["alice", "bob"]))
    alice.groups.Remove(group, bob.address)
    check("who is removed learns of it", wait_for(lambda: bob.history(group)[-1:] == [("", "You were removed.", "received")]),
          bob.history(group))


def play_rooms(stage, alice, bob):
    """A room that the two are in for a while."""
    def is_in(person):
        return wait_for(lambda: ("", "You are in #general.", "received") in person.history(room[person]))

    def listed(person):
        return [(str(n), int(c), bool(j), str(i)) for n, c, j, i in person.rooms.List()]

    check("the hub's rooms are listed", listed(alice) == [("general", 0, False, "")], listed(alice))
    check("another room is not there", refused("NotFound", alice.rooms.Join, "lounge") and refused("InvalidArgument", alice.rooms.Join, "a b"))
    room = {alice: str(alice.rooms.Join("general"))}
    alice.account.Send(room[alice], "before anybody")
    check("the first begins it", is_in(alice) and listed(alice) == [("general", 1, True, room[alice])], listed(alice))
    check("to join again is no error", str(alice.rooms.Join("#general")) == room[alice])
    room[bob] = str(bob.rooms.Join("#general"))
    bob.account.Send(room[bob], "hello")
    check("the second joins it, and what was written meanwhile is sent", is_in(bob) and wait_for(
        lambda: ("bob", "hello", "received") in alice.history(room[alice])), alice.history(room[alice]))
    check("who has come is told", ("", f"{bob.plain_address} joined.", "received") in alice.history(room[alice]), alice.history(room[alice]))
    check("nothing earlier is read", "before anybody" not in [t for _, t, _ in bob.history(room[bob])])
    check("it is a conversation as others", str(alice.standing(room[alice])) == "accepted" and alice.members(room[alice]) == bob.members(room[bob]) == ["alice", "bob"]
          and ("#general", True) in [(str(n), bool(m)) for _, n, m in bob.groups.List()])
    check("whose members come by themselves", refused("InvalidArgument", alice.groups.Add, room[alice], [bob.address])
          and refused("InvalidArgument", alice.groups.Rename, room[alice], "x"))
    stage.kill("hub")
    alice.account.Send(room[alice], "while it is away")
    stage.start_hub()
    check("what is said while the hub is away arrives", wait_for(lambda: ("alice", "while it is away", "received") in bob.history(room[bob])),
          bob.history(room[bob]))
    bob.groups.Leave(room[bob])
    check("who leaves is taken out, and told of", wait_for(lambda: bob.history(room[bob])[-1] == ("", "You left.", "received")) and wait_for(
        lambda: ("", f"{bob.plain_address} left.", "received") in alice.history(room[alice])) and alice.members(room[alice]) == ["alice"],
        alice.history(room[alice]))
    check("and says nothing more", refused("Hub", bob.account.Send, room[bob], "x"))


def play_new_face(alice, words):
    """alice's enrolment was removed, and she has two slots with the face before, her account open, and her recovery code. Ends with the
    face enrolled anew, and one slot with it, 3, whose PIN is 6174."""
    slots, before, so_far = alice.slots, alice.face, len(alice.authd.forgotten)
    alice.face = os.urandom(32)

    def forgotten(times):
        return wait_for(lambda: alice.authd.forgotten[so_far:] == [alice.id] * times)

    def add(code):
        return alice.add("face", "anew", "6174", "recovery", alice.ticket(enrolment=True), alice.factor(code))
    check("a face that is enrolled anew opens nothing by itself, and is forgotten", refused(
        "TicketInvalid", slots.Change, dbus.UInt32(1), alice.factor("6174"), "face", alice.ticket(enrolment=True), alice.factor(alice.pin)) and forgotten(1))
    check("not with a wrong recovery code", refused("WrongFactor", add, "abandon " * 14 + "address") and
          forgotten(2) and len(alice.list()) == 3, alice.list())
    alice.account.Lock()
    check("it does not unlock", refused("TicketInvalid", alice.account.Unlock, alice.ticket(enrolment=True), alice.factor(alice.pin)) and
          forgotten(3) and alice.state() == "locked")
    unlock = dbus.lowlevel.MethodCallMessage("im.visavis.Crypto1", alice.path, "im.visavis.Crypto1.Account", "Unlock")
    unlock.append(alice.ticket(enrolment=True), alice.factor(alice.pin), signature="ayh")
    alice.bus.send_message(unlock)
    alice.account.Lock()
    check("nor is it kept if the account is locked before authd has answered", forgotten(4))
    slots.Unlock("recovery", alice.factor(words), timeout=60)
    check("with the recovery code it takes the place of all slots of the face before",
          add(words) == 1 and alice.list() == [(1, "face", "anew"), (2, "recovery", "paper")] and
          forgotten(4), alice.list())
    alice.account.Lock()
    for pin, face in ((alice.pin, before), ("6174", before), (alice.pin, alice.face)):
        check("the face and the PIN of before open nothing", refused(
            "WrongFactor", alice.account.Unlock, alice.ticket(face=face), alice.factor(pin)))
    slots.Unlock("recovery", alice.factor(words), timeout=60)
    alice.account.Lock()
    alice.unlock("6174")
    check("the new ones do", alice.state() == "unlocked")
    check("and make further slots", alice.add("face", "as before", alice.pin, *alice.proof("6174")) == 3)


def play_slots(alice):
    """Starts and ends with alice's account open, one slot in it, her PIN 2580."""
    slots = alice.slots
    check("a new account has one slot", alice.list() == [(1, "face", "")], alice.list())
    check("a weak PIN is refused", refused("InvalidArgument", alice.add, "face", "weak", "1234") and len(alice.list()) == 1)
    check("a slot needs a fresh factor", refused("WrongFactor", alice.add, "face", "x", "7391", *alice.proof("2581")) and
          refused("TicketInvalid", alice.add, "face", "x", "7391", "face", dbus.ByteArray(b"x" * 32), alice.factor(alice.pin)))
    stranger = Person(alice.stage, alice.authd, ALICE, "alice")
    check("and an unlock", refused("Locked", stranger.add, "face", "x", "7391"))
    check("a second PIN is added", alice.add("face", "travel", "7391") == 2 and alice.list()[1:] == [(2, "face", "travel")])
    alice.account.Lock()
    alice.unlock("7391")
    check("and opens it, like the first", alice.state() == "unlocked")
    slots.Change(dbus.UInt32(2), alice.factor("8402-b"), *alice.proof(), timeout=60)
    alice.account.Lock()
    check("one that was changed opens nothing", refused("WrongFactor", alice.unlock, "7391"))
    alice.unlock("8402-b")
    check("its successor does", alice.list()[1:] == [(2, "face", "travel")])
    slots.Remove(dbus.UInt32(2), *alice.proof(), timeout=60)
    check("one that was removed neither", alice.list() == [(1, "face", "")] and refused("WrongFactor", alice.unlock, "8402-b"))
    check("the last one stays", refused("InvalidArgument", slots.Remove, dbus.UInt32(1), *alice.proof()))
    check("one that is not there is told", refused("NotFound", slots.Change, dbus.UInt32(7), alice.factor("7391"), *alice.proof()))

    words = alice.offer("paper")
    wrong = " ".join([*words.split()[1:], words.split()[0]])
    check("a recovery code has 15 words", len(words.split()) == 15)
    check("it is no slot before it was typed back", len(alice.list()) == 1)
    check("typed back wrongly it is not taken", refused("WrongFactor", slots.ConfirmRecovery, alice.factor(wrong)))
    check("typed back it is", int(slots.ConfirmRecovery(alice.factor(words.upper()), timeout=60)) == 2 and
          alice.list()[1:] == [(2, "recovery", "paper")])
    check("it cannot be typed back again", refused("NotFound", slots.ConfirmRecovery, alice.factor(words)))
    alice.account.Lock()
    slots.Unlock("recovery", alice.factor(words), timeout=60)
    check("it opens the account without a face", alice.state() == "unlocked")
    check("and with a face sets a new PIN", alice.add("face", "new", "6174", "recovery", alice.ticket(), alice.factor(words)) == 3)
    play_new_face(alice, words)
    check("a passphrase alone is the administrator's to allow",
          refused("AccessDenied", alice.add, "passphrase", "x", "tulip wagon orbit cream lantern"))
    alice.account.Lock()
    alice.unlock()
    for number in (1, 2):
        slots.Remove(dbus.UInt32(number), *alice.proof(), timeout=60)
    check("a recovery code that was removed opens nothing", refused("NotFound", slots.Unlock, "recovery", alice.factor(words)))
    return words


def memory_file(content=b""):
    fd = os.memfd_create("file")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def content_of(fd):
    return os.pread(fd, os.fstat(fd).st_size, 0)


def play_files(alice, bob):
    """Files are sealed and opened; jobs end with the account's lock. Starts and ends with both accounts open."""
    def options(**given):
        return dbus.Dictionary(given, signature="sv")

    def run(person, method, content, **given):
        source, result = memory_file(content), memory_file()
        job = getattr(person.files, method)(dbus.types.UnixFd(source), dbus.types.UnixFd(result), options(**given))
        check_over = wait_for(lambda: refused("NotFound", person.files.Progress, job))
        os.close(source)
        with os.fdopen(result, "rb") as f:
            return content_of(f.fileno()) if check_over else None

    plain = os.urandom(700000)
    sealed = run(alice, "Seal", plain)
    check("a file is sealed", len(sealed) == 113 + len(plain) + 3 * 16 and sealed.startswith(b"\x89VVS") and plain[:64] not in sealed)
    check("and opened by who sealed it", run(alice, "Open", sealed) == plain)
    check("from any offset", run(alice, "Open", sealed, offset=dbus.UInt64(300000)) == plain[300000:])
    check("by nobody else", run(bob, "Open", sealed) == b"")
    damaged = bytearray(sealed)
    damaged[400000] ^= 1
    check("damaged, up to the chunk before", run(alice, "Open", bytes(damaged)) == plain[:262144 - 113 - 16])

    told = []
    listener = Person(bob.stage, bob.authd, bob.id, bob.name)  # one that hears signals
    listener.bus = dbus.bus.BusConnection(bob.stage.address, mainloop=DBusGMainLoop())
    listener.bus.add_signal_receiver(lambda *finished: told.append(finished), "Finished", "im.visavis.Crypto1.Files")
    bob.account.Grant(listener.bus.get_unique_name())
    letter = run(alice, "Seal", plain, to=bob.plain_address)
    check("a file is sealed for a contact, whose key comes from the hub", letter.startswith(b"\x89VVK") and b"alice" not in letter and len(letter) > len(plain))
    check("who opens it", run(listener, "Open", letter) == plain)
    check("and learns from whom it is", wait_for(lambda: told) and (str(told[0][1]), dict(told[0][3])) == (
        "", {"Authenticated": True, "Sealer": alice.plain_address, "Receiver": bob.plain_address, "Acquaintance": "known"}), told)
    bob.account.Lock()
    bob.unlock()
    check("also after he was locked", run(bob, "Open", letter) == plain)
    check("only if a person has sealed it who is expected", run(bob, "Open", letter, **{"from": alice.plain_address}) == plain and
          run(alice, "Open", letter, **{"from": bob.plain_address}) == b"" and run(alice, "Open", sealed, **{"from": bob.plain_address}) == b"")
    check("and so does who sealed it, from any offset", run(alice, "Open", letter, offset=dbus.UInt64(400000)) == plain[400000:])
    check("nothing is sealed for whom nobody knows", refused("NotFound", alice.files.Seal, dbus.types.UnixFd(0), dbus.types.UnixFd(0),
                                                             options(to=f"nobody@127.0.0.1:{alice.stage.port}")))
    check("or for oneself by that way", refused("InvalidArgument", alice.files.Seal, dbus.types.UnixFd(0), dbus.types.UnixFd(0), options(to=alice.plain_address)))
    listener.bus.close()

    old = b"AAECAwQFBgcICQoLDA0OD2/kQ7qEkom2rIdN+Na+zJCrZHHta0kaZ6GReE2jwadCMAHqFp7iGho6VEIpSlvdwg=="
    def passphrase(text="correct horse"):
        return dbus.types.UnixFd(os.fdopen(memory_file(text.encode()), "rb"), variant_level=1)
    check("an older tool's envelope is opened", run(alice, "Open", old, **{"legacy-passphrase": passphrase()})
          == b"attack at dawn, or somewhat later")
    check("not with another passphrase", run(alice, "Open", old, **{"legacy-passphrase": passphrase("battery staple")}) == b"")
    again = run(alice, "Seal", b"later", **{"legacy-passphrase": passphrase()})
    check("and one is written", again.count(b".") == 1 and run(alice, "Open", again, **{"legacy-passphrase": passphrase()}) == b"later")

    check("an unknown option is refused", refused("InvalidArgument", alice.files.Seal, dbus.types.UnixFd(0), dbus.types.UnixFd(0), options(x="y")))
    stranger = Person(alice.stage, alice.authd, alice.id, alice.name)
    check("who has no unlock seals nothing", refused("Locked", stranger.files.Seal, dbus.types.UnixFd(0), dbus.types.UnixFd(0), options()))
    ours, theirs = os.pipe()  # nobody ever writes
    result = memory_file()

    def hang():
        return alice.files.Seal(dbus.types.UnixFd(ours), dbus.types.UnixFd(result), options())
    jobs = [hang() for _ in range(4)]
    check("four files at a time", refused("Busy", hang) and alice.files.Progress(jobs[0]) == 0)
    check("a job is its caller's alone", refused("NotFound", bob.files.Cancel, jobs[0]))
    alice.files.Cancel(jobs[0])
    check("a job that is cancelled makes room", wait_for(lambda: not refused("Busy", hang)))
    alice.account.Lock()
    alice.unlock()
    check("locking ends all jobs", refused("NotFound", alice.files.Progress, jobs[1]) and wait_for(lambda: not refused("Busy", hang)))
    alice.account.Lock()
    alice.unlock()
    for fd in (ours, theirs, result):
        os.close(fd)


def play_requests(stage, authd, alice):
    dave = Person(stage, authd, "4" * 32, "dave")
    dave.create()
    with_dave = lambda: [str(c) for c, _, title in alice.contacts.Requests() if title == dave.plain_address]
    theirs = str(dave.account.OpenConversation(alice.plain_address, timeout=60))
    dave.account.Send(theirs, "buy this")
    check("a stranger's message is a request", wait_for(with_dave), alice.contacts.Requests())
    request = with_dave()[0]
    check("which shows nothing of itself in the list", wait_for(lambda: ("dave", "buy this", "received") in alice.history(request)) and
          [str(c[4]) for c in alice.account.ListConversations() if str(c[0]) == request] == [""])
    alice.account.MarkRead(request, alice.account.ReadMessages(request, dbus.UInt64(0), dbus.UInt32(5), False)[-1][0])
    alice.contacts.Decline(request)
    check("and is gone when it is declined", not with_dave() and alice.history(request) == [] and refused("NotFound", alice.contacts.Accept, request))
    check("no receipt was given", [str(m[4]) for m in dave.account.ReadMessages(theirs, dbus.UInt64(0), dbus.UInt32(5), False)] == ["stored"])
    link = str(dave.contacts.Link())
    check("a link makes a contact of somebody, verified if it came in person", str(alice.contacts.Add(link, True)) == dave.plain_address and
          [(str(n), bool(c), bool(v)) for a, n, c, v, *_ in alice.contacts.List() if a == dave.plain_address] == [("", True, True)])
    other = str(alice.contacts.Link()).replace("alice@", "dave@")
    check("one with another key does not", refused("KeyMismatch", alice.contacts.Add, other, True))
    check("nor does one that is none", refused("InvalidArgument", alice.contacts.Add, "visavis:dave", False)
          and refused("InvalidArgument", alice.contacts.Add, alice.plain_address, False))
    alice.contacts.SetNickname(dave.plain_address, "Davy")
    check("a nickname is one's own", [str(n) for a, n, *_ in alice.contacts.List() if a == dave.plain_address] == ["Davy"]
          and refused("InvalidArgument", alice.contacts.SetNickname, dave.plain_address, "x" * 65))
    properties = alice.of(alice.path, "org.freedesktop.DBus.Properties")
    ours = str(alice.account.OpenConversation(dave.plain_address, timeout=60))
    alice.account.Send(ours, "you again")
    check("the contact hears", wait_for(lambda: any(m[1] == "you again" for m in dave.history(theirs))), dave.history(theirs))
    level = "im.visavis.Crypto1.Notifications", "Level"
    properties.Set(*level, dbus.String("sender", variant_level=1))
    check("what notices say can be chosen", str(properties.Get(*level)) == "sender" and refused(
        "InvalidArgument", properties.Set, *level, dbus.String("loud", variant_level=1)))
    alice.contacts.SetBlocked(dave.plain_address, True)
    check("nobody writes to whom they have blocked", refused("AccessDenied", alice.account.Send, ours, "x"))
    alice.contacts.SetBlocked(dave.plain_address, False)
    messages = alice.of(alice.path, "im.visavis.Crypto1.Messages")
    messages.SetMuted(ours, dbus.UInt64(2**64 - 1))
    messages.SetArchived(ours, True)
    described = messages.Describe(ours)
    check("muted and archived is told", described["Archived"] and described["MutedUntil"] == 2**64 - 1 and described["Nickname"] == "Davy", described)
    alice.contacts.Remove(dave.plain_address)
    check("a contact can be removed", alice.standing(ours) == "met" and refused("NotFound", alice.contacts.Remove, f"erin@127.0.0.1:{stage.port}"))


def play_contacts(alice, bob):
    """Two who have talked, of one hub."""
    contacts = alice.of(alice.path, "im.visavis.Crypto1.Contacts")
    theirs = bob.of(bob.path, "im.visavis.Crypto1.Contacts")

    def verified():
        return [(str(a), bool(v), bool(c)) for a, _, _, v, c, _ in contacts.List()] == [(bob.plain_address, True, False)]

    (number, code), (same, other_code) = contacts.SafetyNumber(bob.address, False), theirs.SafetyNumber(alice.plain_address, False)
    check("both see one safety number", len(number) == 60 and number.isdigit() and number == same and code != other_code)
    check("whom nobody has met has none", refused("NotFound", contacts.SafetyNumber, f"nobody@127.0.0.1:{alice.stage.port}", False))
    check("somebody else's code is told", refused("KeyMismatch", contacts.CompareCode, bob.address, code) and not verified())
    check("so is one that is none", refused("InvalidArgument", contacts.CompareCode, bob.address, "visavis"))
    contacts.CompareCode(bob.address, other_code)
    check("the right one verifies", verified())
    contacts.SetVerified(bob.address, False)
    check("which can be taken back", not verified())
    contacts.SetVerified(bob.address, True)
    check("and said", verified())
    check("no key is accepted that nobody has offered", refused("NotFound", contacts.AcceptKey, bob.address, number))


def play_messages(alice, bob, conversation, theirs):
    """What is said of a message; all of it is erased again."""
    def page(person, talk, **options):
        return person.messages.Read(talk, dbus.Dictionary({k: dbus.UInt32(v) if k == "limit" else dbus.UInt64(v) for k, v in options.items()}, signature="sv"))

    def of(m):
        return str(m["Text"]), str(m["State"])

    nothing, said = dbus.Dictionary(signature="sv"), alice.messages
    before = int(page(alice, conversation, limit=1)[0]["Id"])
    first = said.Send(conversation, "tea, @bob?", dbus.Dictionary({"mentions": dbus.Array([(5, 4, bob.plain_address)], signature="(uus)")}, signature="sv"))
    said.Send(conversation, "or coffee?", nothing)
    check("a page is newest first, and can be asked for from either side",
          [str(m["Text"]) for m in page(alice, conversation, limit=2)] == ["or coffee?", "tea, @bob?"] and
          [int(m["Id"]) for m in page(alice, conversation, before=int(first) + 1, limit=1)] == [int(first)] and
          [str(m["Text"]) for m in page(alice, conversation, after=before)] == ["tea, @bob?", "or coffee?"])
    check("and has an end", all(refused("InvalidArgument", lambda n=n: page(alice, conversation, limit=n)) for n in (0, 501))
          and page(alice, conversation, before=1) == [])
    check("a mention lies in the text", refused("InvalidArgument", said.Send, conversation, "x", dbus.Dictionary({"mentions": dbus.Array(
        [(0, 2, bob.plain_address)], signature="(uus)")}, signature="sv")) and refused("InvalidArgument", said.Send, conversation, "x", dbus.Dictionary(
            {"colour": 1}, signature="sv")))
    check("it arrives as such", wait_for(lambda: [of(m) for m in page(bob, theirs, limit=2)] == [("or coffee?", "received"), ("tea, @bob?", "received")]) and
          [tuple(map(str, m)) for m in page(bob, theirs, limit=2)[1]["Mentions"]] == [("5", "4", bob.plain_address)])
    tea = int(page(bob, theirs, limit=2)[1]["Id"])
    bob.messages.React(theirs, dbus.UInt64(tea), ["\U0001f375"])
    bob.messages.Pin(theirs, dbus.UInt64(tea), True)
    bob.messages.Send(theirs, "tea", dbus.Dictionary({"reply-to": dbus.UInt64(tea)}, signature="sv"))
    bob.messages.MarkRead(theirs, dbus.UInt64(tea))
    check("what the other thinks of it comes back, and that it was read", wait_for(
        lambda: str(said.Get(conversation, first)["State"]) == "read" and "Reactions" in said.Get(conversation, first)
        and str(page(alice, conversation, limit=1)[0].get("Quote")) == "tea, @bob?"), said.Get(conversation, first))
    m = said.Get(conversation, first)
    check("by whom, and when", [(str(w), [str(x) for x in e]) for w, e in m["Reactions"]] == [(bob.plain_address, ["\U0001f375"])] and bool(m["Pinned"]) and
          [int(p["Id"]) for p in said.ListPinned(conversation)] == [int(first)] and
          [(str(w), d > 0, r > 0) for w, d, r in said.Receipts(conversation, first)] == [(bob.plain_address, True, True)], m)
    check("another's message is not mine to edit, or to delete for all", refused("AccessDenied", bob.messages.Edit, theirs, dbus.UInt64(tea), "x") and
          refused("AccessDenied", bob.messages.Delete, theirs, dbus.UInt64(tea), True) and refused("NotFound", said.Edit, conversation, dbus.UInt64(1 << 40), "x"))
    said.Edit(conversation, first, "tea, then")
    check("mine is", wait_for(lambda: (str(bob.messages.Get(theirs, dbus.UInt64(tea))["Text"]), "Edited" in bob.messages.Get(theirs, dbus.UInt64(tea))) ==
                              ("tea, then", True)))
    said.Delete(conversation, first, True)
    check("and can be taken back", wait_for(lambda: str(bob.messages.Get(theirs, dbus.UInt64(tea))["Kind"]) == "deleted"))
    bob.messages.SetDraft(theirs, "dear alice", dbus.UInt64(0))
    bob.messages.SetReceipts(theirs, False)
    bob.messages.MarkUnread(theirs)
    bob.account.Lock()
    bob.unlock()
    d = bob.messages.Describe(theirs)
    check("a draft, a mark and a switch outlive the lock", (str(d["Draft"]), bool(d["MarkedUnread"]), bool(d["Receipts"])) == ("dear alice", True, False), d)
    bob.messages.SetReceipts(theirs, True)
    bob.messages.SetDraft(theirs, "", dbus.UInt64(0))
    stranger = Person(alice.stage, alice.authd, ALICE, "alice")
    check("nobody reads without the unlock", refused("Locked", stranger.messages.Read, conversation, nothing) and
          refused("Locked", stranger.messages.Get, conversation, first))
    for person, talk in ((alice, conversation), (bob, theirs)):
        for m in page(person, talk, limit=3):
            person.messages.Delete(talk, dbus.UInt64(int(m["Id"])), False)
    check("what is deleted here leaves nothing", int(page(alice, conversation, limit=1)[0]["Id"]) == before)


def play_logind(logind, alice):
    """Starts and ends with alice's account open."""
    check("sleep is delayed until the keys are zeroed", logind.inhibitors[0][:2] == ("sleep", "delay") and logind.held())
    logind.PrepareForSleep(True)
    check("it locks when the machine goes to sleep, which then may", wait_for(lambda: not logind.held()) and alice.state() == "locked")
    logind.PrepareForSleep(False)
    check("the next sleep is delayed, too", wait_for(lambda: len(logind.inhibitors) == 2) and logind.held())
    reading, writing = os.pipe()
    ticket = alice.ticket()
    unlock = dbus.lowlevel.MethodCallMessage("im.visavis.Crypto1", alice.path, "im.visavis.Crypto1.Account", "Unlock")
    unlock.append(ticket, dbus.types.UnixFd(reading), signature="ayh")
    alice.bus.send_message(unlock)
    wait_for(lambda: bytes(ticket) not in alice.authd.tickets)
    time.sleep(0.3)
    logind.PrepareForSleep(True)
    time.sleep(0.3)
    check("until a factor that is being tried is gone as well", logind.held())
    os.write(writing, alice.pin.encode())
    os.close(writing)
    os.close(reading)
    check("which does not open the account then", wait_for(lambda: not logind.held()) and alice.state() == "locked")
    logind.PrepareForSleep(False)
    wait_for(lambda: len(logind.inhibitors) == 3)
    alice.unlock()
    logind.session.uid = os.getuid() + 1
    logind.session.Lock()
    time.sleep(0.3)
    check("somebody else's session is nothing to it", alice.state() == "unlocked")
    logind.session.uid = os.getuid()
    logind.session.Lock()
    check("it locks with the owner's session", wait_for(lambda: alice.state() == "locked"))
    alice.unlock()


def play_settings(person):
    """Starts and ends with the account open."""
    properties = person.of(person.path, "org.freedesktop.DBus.Properties")
    stranger = Person(person.stage, person.authd, person.id, person.name)
    theirs = stranger.of(person.path, "org.freedesktop.DBus.Properties")
    interface = "im.visavis.Crypto1.Account"
    properties.Set(interface, "Label", dbus.String("at home", variant_level=1))
    listed = [str(a[4]) for a in person.of(CRYPTO, "im.visavis.Crypto1.Manager").ListAccounts() if str(a[1]) == person.id]
    check("an account has a label", listed == ["at home"], listed)
    check("which is not long", refused("InvalidArgument", properties.Set, interface, "Label", dbus.String("x" * 65, variant_level=1)))
    check("the idle time needs an unlock", refused("Locked", theirs.Set, interface, "IdleLock", dbus.UInt32(1, variant_level=1)))
    properties.Set(interface, "IdleLock", dbus.UInt32(1, variant_level=1))

    def calls():
        until = time.monotonic() + 1.6
        while time.monotonic() < until:
            person.account.ListConversations()
            stranger.state()
            time.sleep(0.1)

    for _ in range(5):  # on a busy machine a second may pass without a call
        if refused("Locked", person.account.ListConversations):
            person.unlock()
        if not refused("Locked", calls):
            break
    check("who calls keeps it open", person.state() == "unlocked")
    check("it locks when nobody has called for that time", wait_for(lambda: stranger.state() == "locked", 5))
    person.unlock()
    check("an unlock counts, and the setting stays", int(properties.Get(interface, "IdleLock")) == 1)
    properties.Set(interface, "IdleLock", dbus.UInt32(0, variant_level=1))
    time.sleep(1.3)
    check("0 is never", person.state() == "unlocked")


def play_administrator(stage, bus, authd, kept):
    """Somebody else decides about an account: an administrator has to confirm that, whom polkit asks."""
    if os.geteuid() != 0:
        skip("an administrator decides about others' accounts", "it takes another user, which needs root")
        return
    stage.kill("cryptod")
    stage.write("config/cryptod.conf", stage.configuration)  # in which nobody is allowed a passphrase alone
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1"))
    person = Person(stage, authd, "9" * 32, "doomed")
    person.create()
    os.chmod(stage.directory, 0o755)

    def by_nobody(name):
        return as_nobody(stage.address, "im.visavis.Crypto1", person.path, "im.visavis.Crypto1.Account", "Destroy", "sb", name, "false")

    def decides(allowed):
        return as_nobody(stage.address, "im.visavis.Crypto1", person.path, "im.visavis.Crypto1.Slots", "AllowPassphrase", "b", allowed)

    def listed():
        return person.id in [str(a[1]) for a in kept.of(CRYPTO, "im.visavis.Crypto1.Manager").ListAccounts()]

    check("without polkit another user destroys nothing, and is told", "have root do it" in by_nobody("doomed") and listed())
    polkit = Polkit(bus)
    bus.request_name("org.freedesktop.PolicyKit1")
    check("nor if polkit does not allow it", "administrator has to confirm" in by_nobody("doomed") and listed())
    check("which is asked about the caller, for an action that is installed", polkit.asked_for() == "im.visavis.destroy-account" and
          installed(polkit.asked_for()), polkit.asked)
    words = "tulip wagon orbit cream lantern"
    check("nor does whom polkit does not allow it decide about passphrases", "administrator has to confirm" in decides("true") and
          refused("AccessDenied", person.add, "passphrase", "words", words))
    polkit.allows = True
    check("who is allowed to decides", decides("true") == "" and polkit.asked_for() == "im.visavis.allow-passphrase-alone" and
          installed(polkit.asked_for()), polkit.asked)
    number = person.add("passphrase", "words", words)
    person.account.Lock()
    stage.kill("cryptod")
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1"))
    person.slots.Unlock("passphrase", person.factor(words), timeout=60)
    check("for that account, lastingly: a passphrase opens it without a face", person.state() == "unlocked" and number == 2)
    person.account.Lock()
    check("and can take it back", decides("false") == "" and refused("AccessDenied", person.slots.Unlock, "passphrase", person.factor(words)))
    check("whom an administrator has confirmed still has to name it", "nothing was destroyed" in by_nobody("mallory") and listed())
    check("and then destroys it", by_nobody("doomed") == "" and not listed() and person.id in authd.forgotten)
    bus.release_name("org.freedesktop.PolicyKit1")
    polkit.remove_from_connection()


def play_destruction(stage, person, kept):
    """The hub does not answer, then cryptod is killed; nothing can be opened from the first moment on."""
    vault = f"{stage.directory}/cryptod/{person.id}"

    def listed():
        return {str(a[1]): str(a[3]) for a in kept.of(CRYPTO, "im.visavis.Crypto1.Manager").ListAccounts()}

    check("an account is not destroyed under another name", refused("InvalidArgument", person.account.Destroy, "mallory", False))
    stage.processes["hub"].send_signal(signal.SIGSTOP)
    done = []
    thread = threading.Thread(target=lambda: done.append(refused("Hub", person.account.Destroy, person.name, False)), daemon=True)
    thread.start()
    check("destroying forgets the face", wait_for(lambda: person.id in person.authd.forgotten))
    check("and nothing opens it any more, while the hub does not answer",
          listed().get(person.id) == "destroyed" and sqlite3.connect(vault + "/vault.db").execute("SELECT COUNT(*) FROM slot").fetchone() == (0,) and
          not any(open(vault + "/cell-keys", "rb").read()))
    person.authd.forgotten.clear()
    stage.kill("cryptod")
    stage.processes["hub"].send_signal(signal.SIGCONT)
    stage.start("cryptod", CRYPTOD)
    check("after kill -9 it goes on at the next start", wait_for(
        lambda: not os.path.exists(vault) and person.id not in listed()) and person.id in person.authd.forgotten)
    def known(name):
        with sqlite3.connect(f"file:{stage.directory}/hub/hub.db?mode=ro", uri=True) as database:
            return database.execute("SELECT COUNT(*) FROM accounts WHERE name = ? AND deleted IS NULL", (name,)).fetchone() == (1,)

    check("and the hub has deleted it, and no other", wait_for(lambda: not known(person.name)) and known(kept.name))


def play_old_copy(stage, alice, bob, conversation, theirs):
    """Both are open before and after; bob's vault is put back from a copy, behind which he has written something."""
    vault = f"{stage.directory}/cryptod/{bob.id}"

    def restart(between):
        stage.kill("cryptod", signal.SIGTERM)
        between()
        stage.start("cryptod", CRYPTOD)
        wait_for(lambda: bob.bus.name_has_owner("im.visavis.Crypto1"))
        alice.unlock()
        bob.unlock()

    def put_back():
        shutil.rmtree(vault)
        os.rename(vault + ".copy", vault)

    restart(lambda: shutil.copytree(vault, vault + ".copy"))
    bob.account.Send(theirs, "behind the copy")
    wait_for(lambda: alice.history(conversation)[-1][1] == "behind the copy")
    restart(put_back)
    check("a vault that is put back from a copy is noticed before it can be used", bob.history(theirs)[-1][0] == "" and
          "older copy" in bob.history(theirs)[-1][1], bob.history(theirs)[-2:])
    check("its conversations start anew by themselves", wait_for(lambda: not refused("Hub", bob.account.Send, theirs, "anew")))
    check("and go on, in both directions", wait_for(lambda: alice.history(conversation)[-1][1] == "anew") and
          alice.account.Send(conversation, "welcome back") and wait_for(lambda: bob.history(theirs)[-1][1] == "welcome back"),
          (alice.history(conversation)[-3:], bob.history(theirs)[-3:]))


def play_old_copies(stage, alice, bob, conversation, theirs):
    """relayd's state is put back from a copy, with the vaults or without: the hub knows how far they were."""
    def stop():
        for name in ("cryptod", "relayd"):
            stage.kill(name, signal.SIGTERM)

    def start():
        stage.start("relayd", RELAYD)
        stage.start("cryptod", CRYPTOD)
        wait_for(lambda: bob.bus.name_has_owner("im.visavis.Crypto1"))

    def put_back(*names):
        for name in names:
            shutil.rmtree(f"{stage.directory}/{name}")
            shutil.copytree(f"{stage.directory}/{name}.copy", f"{stage.directory}/{name}")

    def settled(text):
        """Both open; a message from each to the other has come."""
        alice.unlock()
        bob.unlock()
        for person, talk, sender in ((alice, conversation, "a"), (bob, theirs, "b")):  # not while it starts anew
            wait_for(lambda: not refused("Hub", person.account.Send, talk, f"{text} {sender}"))
        return wait_for(lambda: {f"{text} a", f"{text} b"} <= {t for _, t, _ in alice.history(conversation)[-6:]} & {
            t for _, t, _ in bob.history(theirs)[-6:]})

    def remarks(person, talk):
        return sum(n == "" and "older copy" in t for n, t, _ in person.history(talk))

    stop()
    for name in ("cryptod", "relayd"):
        shutil.copytree(f"{stage.directory}/{name}", f"{stage.directory}/{name}.copy")
    start()
    alice.unlock()
    bob.unlock()
    before = remarks(bob, theirs)
    bob.account.Send(theirs, "behind both copies")
    wait_for(lambda: alice.history(conversation)[-1][1] == "behind both copies")
    alice.account.Lock()
    wait_for(lambda: all(s == "stored" for n, _, s in bob.history(theirs) if n == "bob"))
    stop()
    put_back("cryptod", "relayd")
    stage.kill("hub", signal.SIGTERM)
    start()
    bob.unlock()
    bob.account.Send(theirs, "under used keys")
    stage.start_hub()
    check("relayd and a vault that are put back together are noticed by the hub", wait_for(lambda: remarks(bob, theirs) == before + 1),
          bob.history(theirs)[-3:])
    alice.unlock()
    check("and so is one that has missed something", wait_for(lambda: remarks(alice, conversation) == 1), alice.history(conversation)[-4:])
    check("before anything leaves that used keys for the second time", ("bob", "under used keys", "failed") in bob.history(theirs) and
          "under used keys" not in [t for _, t, _ in alice.history(conversation)], bob.history(theirs)[-4:])
    def gets_through():
        """Both begin anew at once; what is written in a beginning that the other could not follow does not come."""
        text = f"anew {time.monotonic()}"
        return not refused("Hub", bob.account.Send, theirs, text) and wait_for(
            lambda: text in [t for _, t, _ in alice.history(conversation)], 1)

    check("and the conversation goes on, in both directions", wait_for(gets_through) and settled("together"), alice.history(conversation)[-4:])

    def copy_relayd():
        shutil.rmtree(f"{stage.directory}/relayd.copy")
        shutil.copytree(f"{stage.directory}/relayd", f"{stage.directory}/relayd.copy")

    stop()
    copy_relayd()
    start()
    alice.unlock()
    bob.unlock()
    before, sent = remarks(bob, theirs), {p: len(p.history(t)) for p, t in ((alice, conversation), (bob, theirs))}
    bob.account.Send(theirs, "behind relayd's copy")
    wait_for(lambda: alice.history(conversation)[-1][1] == "behind relayd's copy")
    stop()
    put_back("relayd")
    start()
    check("relayd's state alone is put back, and who has all goes on with the same keys", settled("alone") and remarks(bob, theirs) == before,
          bob.history(theirs)[-4:])
    for person, talk in ((alice, conversation), (bob, theirs)):
        texts = [t for n, t, _ in person.history(talk)[sent[person]:] if n]
        check(f"nothing comes twice, and nothing is lost, for {person.name}", sorted(set(texts)) == sorted(texts) and
              {"behind relayd's copy", "alone a", "alone b"} <= set(texts), texts)


def play_lock_out(stage, person):
    """The account is locked out, as a database says that was left so, and the code ends it."""
    words = person.offer("paper")
    person.slots.ConfirmRecovery(person.factor(words), timeout=60)
    stage.kill("cryptod", signal.SIGTERM)
    with sqlite3.connect(f"{stage.directory}/cryptod/{person.id}/vault.db") as database:
        database.execute("INSERT OR REPLACE INTO throttle VALUES (1, ?)", (struct.pack(">I16sQ", 20, b"x" * 16, 1),))
    database.close()
    stage.write("config/cryptod.conf", stage.configuration + "passphrase-alone = yes\n")
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: person.bus.name_has_owner("im.visavis.Crypto1"))
    check("after twenty wrong ones the account is locked out", refused("Throttled", person.unlock))
    check("a wrong recovery code does not end that", refused(
        "WrongFactor", person.slots.Unlock, "recovery", person.factor("abandon " * 14 + "address")) and refused("Throttled", person.unlock))
    person.slots.Unlock("recovery", person.factor(words), timeout=60)
    person.account.Lock()
    person.unlock()
    check("the right one does", person.state() == "unlocked")
    stage.kill("cryptod", signal.SIGTERM)
    vault = f"{stage.directory}/cryptod/{person.id}"
    shutil.copytree(vault, vault + ".copy")
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: person.bus.name_has_owner("im.visavis.Crypto1"))
    for _ in range(3):
        refused("WrongFactor", person.unlock, "wrong")
    check("three wrong ones cost time", refused("Throttled", person.unlock))
    stage.kill("cryptod", signal.SIGTERM)
    shutil.rmtree(vault)
    os.rename(vault + ".copy", vault)
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: person.bus.name_has_owner("im.visavis.Crypto1"))
    check("also when a copy of the vault from before is put back: authd counts, too", refused("Throttled", person.unlock))
    person.slots.Unlock("recovery", person.factor(words), timeout=60)
    person.account.Lock()
    person.unlock()
    person.account.Lock()
    authd = person.authd
    check("authd is told of a ticket that opened the vault", wait_for(lambda: authd.opened[person.id] == authd.counts[person.id]), authd.opened)
    authd.counts[person.id] += 100
    authd.opened[person.id] = authd.counts[person.id]
    person.unlock()
    check("whoever logged in a hundred times since the copy was made opens it as ever", person.state() == "unlocked")
    person.account.Lock()
    authd.counts[person.id] += 20
    check("twenty that opened nothing lock out", refused("Throttled", person.unlock))
    person.slots.Unlock("recovery", person.factor(words), timeout=60)
    person.account.Lock()
    person.unlock()
    check("a passphrase alone has to be strong", refused("InvalidArgument", person.add, "passphrase", "p", "2718-alice"))
    passphrase = "tulip wagon orbit cream lantern"
    person.add("passphrase", "p", passphrase)
    person.account.Lock()
    check("a wrong one is refused", refused("WrongFactor", person.slots.Unlock, "passphrase", person.factor(passphrase + "s")))
    person.slots.Unlock("passphrase", person.factor(passphrase), timeout=60)
    check("the right one opens the account, where it is allowed", person.state() == "unlocked")
    return words


def play(stage):
    bus, authd, logind = serve(stage)
    alice, bob = Person(stage, authd, ALICE, "alice"), Person(stage, authd, BOB, "bob")

    check("an account needs an enrolment's ticket", refused("TicketInvalid", alice.create, alice.ticket(False)))
    check("and its own caller's", refused("TicketInvalid", alice.create, alice.ticket(True, caller=":1.999")))
    check("a PIN that is among the first to be tried is refused", refused("InvalidArgument", alice.create, None, None, "1234"))
    uninvited = Person(stage, authd, "f" * 32, "alice")
    uninvited.invitation = None
    check("a hub that asks for invitations lets nobody in without one, and the face is forgotten",
          refused("Hub", uninvited.create) and wait_for(lambda: uninvited.id in authd.forgotten))
    check("an account is made, unlocked for its maker", str(alice.create()) == alice.path and alice.state() == "unlocked")
    check("the same account is not made twice", refused("Exists", alice.create))
    bob.create()
    other = Person(stage, authd, "c" * 32, "alice")
    check("a name that is taken is told, and its face forgotten",
          refused("Exists", other.create) and wait_for(lambda: other.id in authd.forgotten))

    check("locked means locked", alice.account.Lock() is None and alice.state() == "locked" and
          refused("Locked", alice.account.ListConversations))
    check("a wrong PIN is refused", refused("WrongFactor", alice.unlock, "2581"))
    check("so is another face with the right PIN", refused("WrongFactor", alice.unlock, None, alice.ticket(face=b"x" * 32)))
    ticket = alice.ticket()
    alice.unlock(ticket=ticket)
    check("the right face and PIN open it", alice.state() == "unlocked")
    check("a ticket opens it once", refused("TicketInvalid", alice.unlock, None, ticket))

    play_slots(alice)

    guest = Person(stage, authd, ALICE, "alice")
    check("another program of the same person has no share", refused("Locked", guest.account.ListConversations))
    alice.account.Grant(guest.bus.get_unique_name())
    check("until it is granted one", guest.account.ListConversations() == [])
    forge(guest.bus, "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep", "b", True)
    check("only logind can say that the machine goes to sleep", guest.state() == "unlocked")
    holder = alice.bus.get_unique_name()
    forge(guest.bus, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", holder, holder, "")
    check("and only the bus that somebody has left", guest.state() == "unlocked" and alice.account.ListConversations() == [])
    play_logind(logind, alice)
    alice.account.Grant(guest.bus.get_unique_name())
    check("only a unique name can be granted", refused("InvalidArgument", alice.account.Grant, "im.visavis.Auth1"))

    check("an address of nobody is told", refused("NotFound", alice.account.OpenConversation,
                                                  f"nobody@127.0.0.1:{stage.port}"))
    check("so is one's own", refused("InvalidArgument", alice.account.OpenConversation, alice.address))
    conversation = str(alice.account.OpenConversation(bob.address))
    check("a conversation is started once", str(alice.account.OpenConversation(bob.plain_address)) == conversation)
    alice.account.Send(conversation, "one")
    bob.account.Lock()
    alice.account.Send(conversation, "two")
    check("what is sent reaches the hub", wait_for(lambda: [s for *_, s in alice.history(conversation)] == ["stored"] * 2))
    bob.unlock()
    check("and waits for the log-in of the other", wait_for(lambda: bob.the_conversation() and bob.history(
        bob.the_conversation()) == [("alice", "one", "received"), ("alice", "two", "received")]))
    theirs = bob.the_conversation()
    bob.contacts.Accept(theirs)
    listed = bob.account.ListConversations()[0]
    check("unread messages are counted", (str(listed[1]), int(listed[2]), str(listed[4])) == (alice.plain_address, 2, "two"), listed)
    bob.account.MarkRead(theirs, dbus.UInt64(2))
    check("until they are read", int(bob.account.ListConversations()[0][2]) == 0)
    bob.account.Send(theirs, "three")
    check("the answer comes back", wait_for(lambda: alice.history(conversation)[-1:] == [("bob", "three", "received")]))
    bob.account.Update(theirs)
    alice.account.Update(conversation)
    bob.account.Send(theirs, "new keys")
    check("keys are replaced by both at once, and the conversation goes on", wait_for(
        lambda: alice.history(conversation)[-1:] == [("bob", "new keys", "received")]))
    play_contacts(alice, bob)
    play_requests(stage, authd, alice)
    play_messages(alice, bob, conversation, theirs)
    play_files(alice, bob)
    check("a conversation that is not there is told", refused("NotFound", alice.account.Send, "0" * 32, "x"))
    check("an empty message is refused", refused("InvalidArgument", alice.account.Send, conversation, ""))
    play_groups(stage, authd, alice, bob, conversation)
    play_rooms(stage, alice, bob)

    for i in range(5):
        alice.account.Send(conversation, f"k{i}")
        stage.kill("cryptod")
        wait_for(lambda: not bus.name_has_owner("im.visavis.Crypto1"))
        stage.start("cryptod", CRYPTOD)
        wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1"))
        if not (alice.state() == "locked" and bob.state() == "locked"):
            check("locked after kill -9", False)
        alice.unlock()
        bob.unlock()
    check("kill -9 of cryptod after each message loses and doubles nothing", wait_for(
        lambda: [t for n, t, _ in bob.history(theirs) if n == "alice"] == ["one", "two", *(f"k{i}" for i in range(5))]),
          bob.history(theirs))
    for i in range(5):
        alice.account.Send(conversation, f"r{i}")
        stage.kill("relayd")
        stage.start("relayd", RELAYD)
    check("so does kill -9 of relayd", wait_for(
        lambda: [t for n, t, _ in bob.history(theirs) if t[0] == "r"] == [f"r{i}" for i in range(5)]), bob.history(theirs))
    for i in range(3):
        alice.account.Send(conversation, f"h{i}")
        stage.kill("hub")
        bob.account.Send(theirs, f"h{i}")
        stage.start_hub()
    for person, talk in ((alice, conversation), (bob, theirs)):
        check(f"and of the hub, for {person.name}", wait_for(lambda: sorted(
            t for _, t, _ in person.history(talk) if t[0] == "h") == sorted([f"h{i}" for i in range(3)] * 2)), person.history(talk))

    play_settings(alice)
    play_old_copy(stage, alice, bob, conversation, theirs)
    play_old_copies(stage, alice, bob, conversation, theirs)
    words = play_lock_out(stage, bob)
    alice.unlock()
    for _ in range(3):
        refused("WrongFactor", bob.unlock, "wrong")
    check("wrong PINs cost time, also while it is open", refused("Throttled", bob.unlock))
    alice.bus.close()
    watcher = Person(stage, authd, ALICE, "alice")
    check("it locks when the last program that holds it has left", wait_for(lambda: watcher.state() == "locked"))
    late = Person(stage, authd, "d" * 32, "late")
    ticket = late.ticket(True)
    stage.processes["hub"].send_signal(signal.SIGSTOP)
    threading.Thread(target=refused, args=("Hub", late.create, ticket), daemon=True).start()
    wait_for(lambda: bytes(ticket) not in authd.tickets)
    time.sleep(0.5)
    check("cryptod ends cleanly", stage.kill("cryptod", signal.SIGTERM) == 0)
    check("and has the face of whose sign-up it ended forgotten", wait_for(lambda: late.id in authd.forgotten))
    stage.processes["hub"].send_signal(signal.SIGCONT)
    stage.start("cryptod", CRYPTOD)
    cut = Person(stage, authd, "e" * 32, "cut")
    wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1"))
    stage.processes["hub"].send_signal(signal.SIGSTOP)
    ticket = cut.ticket(True)
    threading.Thread(target=refused, args=("Hub", cut.create, ticket), daemon=True).start()
    wait_for(lambda: bytes(ticket) not in authd.tickets)
    stage.kill("cryptod")
    stage.processes["hub"].send_signal(signal.SIGCONT)
    check("a sign-up that kill -9 cuts off leaves its trace", os.path.exists(f"{stage.directory}/cryptod/{cut.id}") and cut.id not in authd.forgotten)
    stage.start("cryptod", CRYPTOD)
    check("by which its face is forgotten at the next start", wait_for(
        lambda: cut.id in authd.forgotten and not os.path.exists(f"{stage.directory}/cryptod/{cut.id}")))
    wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1"))
    bob.slots.Unlock("recovery", bob.factor(words), timeout=60)
    play_administrator(stage, bus, authd, watcher)
    play_destruction(stage, bob, watcher)
    return finish()


run(play)
