#!/usr/bin/python3
"""Files in a conversation of two: sealed, moved by relayd, opened; with each daemon killed while one is on its way."""
import os
import re
import signal
import sqlite3
import sys

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from cryptod_stage import CRYPTOD, RELAYD, refused, run, two_who_talk, wait_for  # noqa: E402

INTERFACE = "im.visavis.Crypto1.Transfer"
MANAGER = "org.freedesktop.DBus.ObjectManager"
LARGE = 6 * 1024 * 1024 + 12345


def memory_file(content=b""):
    fd = os.memfd_create("file")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Files:
    """One person's side."""

    def __init__(self, person, conversation):
        self.person, self.conversation = person, conversation

    @property
    def transfers(self):
        return self.person.of(self.person.path, "im.visavis.Crypto1.Transfers")

    def send(self, content, name="letter.txt", media_type="text/plain", **options):
        fd = content if isinstance(content, int) else memory_file(content)
        try:
            return str(self.transfers.Send(self.conversation, dbus.types.UnixFd(fd), name, media_type,
                                           dbus.Dictionary(options, signature="sv")))
        finally:
            if not isinstance(content, int):
                os.close(fd)

    def receive(self, message):
        return str(self.transfers.Receive(self.conversation, dbus.UInt64(message)))

    def all(self):
        found = self.person.of(self.person.path, MANAGER).GetManagedObjects()
        return {str(path): found[path][INTERFACE] for path in found if INTERFACE in found[path]}

    def state(self, path):
        return str(self.all().get(path, {"State": "gone"})["State"])

    def of(self, path):
        return self.person.of(path, INTERFACE)

    def save(self, path, **options):
        fd = memory_file()
        self.of(path).Save(dbus.types.UnixFd(fd), dbus.Dictionary(options, signature="sv"))
        wait_for(lambda: self.state(path) == "gone")
        with os.fdopen(fd, "rb") as f:
            return os.pread(f.fileno(), os.fstat(f.fileno()).st_size, 0)

    def last(self):
        messages = self.person.account.ReadMessages(self.conversation, dbus.UInt64(0), dbus.UInt32(1), True)
        return int(messages[-1][0]) if messages else 0


def play_transfers(stage, alice, bob, conversation, theirs):
    programs = {"cryptod": CRYPTOD, "relayd": RELAYD}
    hers, his = Files(alice, conversation), Files(bob, theirs)

    def arrive(path, content, what):
        before = his.last()
        check(f"{what} leaves", wait_for(lambda: hers.state(path) == "gone", 60), hers.all())
        check(f"{what} is in the conversation", wait_for(lambda: his.last() > before, 60))
        fetched = his.receive(his.last())
        check(f"{what} is asked for once", his.receive(his.last()) == fetched)
        check(f"{what} arrives", wait_for(lambda: his.state(fetched) == "ready", 60), his.all())
        check(f"{what} is the same", his.save(fetched) == content)

    def restart(name, how=signal.SIGKILL):
        stage.kill(name, how)
        stage.start(name, programs[name])
        wait_for(lambda: alice.bus.name_has_owner(f"im.visavis.{'Crypto1' if name == 'cryptod' else 'Relay1'}"))
        if name == "cryptod":
            alice.unlock()
            bob.unlock()

    stranger = type(alice)(alice.stage, alice.authd, alice.id, alice.name)

    def nodes():
        return sorted(re.findall(r'<node name="([a-z]+)"', stranger.of(alice.path, "org.freedesktop.DBus.Introspectable").Introspect()))

    before = nodes()
    arrive(hers.send(b"", "empty"), b"", "an empty file")
    arrive(hers.send(b"dear bob", "../../.bashrc\n", caption="read this"), b"dear bob", "a small one")
    large = os.urandom(LARGE)
    ours, pipe = os.pipe()
    path = hers.send(ours, "large", "application/octet-stream")
    os.close(ours)
    check("a file is named without its path", str(hers.all()[path]["Name"]) == "large" and hers.state(path) == "sealing")
    check("what is being sealed cannot be paused", refused("Busy", hers.of(path).Pause))
    with os.fdopen(pipe, "wb") as f:
        f.write(large)
    arrive(path, large, "a large one, from a pipe,")

    check("who has no unlock sees nothing of it", all(refused("Locked", call) for call in (
        Files(stranger, conversation).all, lambda: Files(stranger, conversation).send(b"x"),
        lambda: stranger.of(path, "org.freedesktop.DBus.Properties").GetAll(INTERFACE),
        lambda: stranger.of(alice.path + "/transfer", "org.freedesktop.DBus.Introspectable").Introspect())))
    check("nor whether there is anything", nodes() == before == ["contact", "conversation", "transfer"], (before, nodes()))
    check("no text is a file", refused("NotFound", hers.receive, 1))
    check("a media type is one", refused("InvalidArgument", lambda: hers.send(b"x", "x", "no type")))
    check("a thumbnail has as many pixels as it says", refused("InvalidArgument", lambda: hers.send(
        b"x", thumbnail=dbus.ByteArray(b"\x02\x02xxx", variant_level=1))))
    check("an unknown option is told", refused("InvalidArgument", lambda: hers.send(b"x", colour="red")))

    ours, pipe = os.pipe()
    path = hers.send(ours, "cut off")
    os.close(ours)
    restart("cryptod")
    os.close(pipe)
    check("a file that was not whole with relayd has failed, in words", hers.state(path) == "failed" and "send" in str(hers.all()[path]["Error"]))
    check("it cannot be resumed", refused("NotFound", hers.of(path).Resume))
    hers.of(path).Cancel()
    check("but cancelled", hers.state(path) == "gone")

    stage.kill("hub")
    path = hers.send(large, "late")
    check("without the hub it waits", wait_for(lambda: hers.state(path) in ("waiting", "running"), 60), hers.all())
    hers.of(path).Pause()
    check("it is paused", wait_for(lambda: hers.state(path) == "paused"))
    restart("relayd")
    restart("cryptod")
    check("who has no unlock can neither see nor end it", all([refused("Locked", call) for call in (
        lambda: stranger.of(path, "org.freedesktop.DBus.Properties").GetAll(INTERFACE),
        lambda: stranger.of(path, "org.freedesktop.DBus.Introspectable").Introspect(), stranger.of(path, INTERFACE).Cancel)]))
    check("and stays so over restarts of both", wait_for(lambda: hers.state(path) == "paused"), hers.all())
    stage.start_hub()
    hers.of(path).Resume()
    arrive(path, large, "a file over kill -9 of all three")

    before = his.last()
    hers.send(b"keep", "keep")
    wait_for(lambda: his.last() > before)
    fetched = his.receive(his.last())
    restart("cryptod")
    check("a download goes on after kill -9", wait_for(lambda: his.state(fetched) == "ready"), his.all())
    check("from any byte", his.save(fetched, offset=dbus.UInt64(2, variant_level=1)) == b"ep")
    fetched = his.receive(his.last())
    his.of(fetched).Cancel()
    check("a download can be cancelled", his.state(fetched) == "gone")
    fetched = his.receive(his.last())
    wait_for(lambda: his.state(fetched) == "ready")
    alice.of(alice.path, "im.visavis.Crypto1.Messages").Delete(conversation, dbus.UInt64(hers.last()), True)
    check("a file that was fetched goes with its message", wait_for(lambda: his.state(fetched) == "gone"), his.all())

    def left(person):
        with sqlite3.connect(f"file:{stage.directory}/cryptod/{person.id}/vault.db?mode=ro", uri=True) as database:
            return database.execute("SELECT COUNT(*) FROM transfer").fetchone()[0]

    check("nothing is left of what is over, nor with relayd", left(alice) == left(bob) == 0 and wait_for(
        lambda: not os.listdir(f"{stage.directory}/relayd/spool")), os.listdir(f"{stage.directory}/relayd/spool"))


def play(stage):
    alice, bob, conversation, theirs = two_who_talk(stage)
    play_transfers(stage, alice, bob, conversation, theirs)
    return finish()


run(play)
