#!/usr/bin/python3
"""cryptod on a disk that is full, cannot be written to, or is damaged: it says so in words, loses nothing, and goes on when the disk is
well again. The disk is a small tmpfs in a mount namespace of the test's own."""
import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish, skip  # noqa: E402

import trouble  # noqa: E402

trouble.enter()

from cryptod_stage import ALICE, BOB, CRYPTO, CRYPTOD, ERROR, Person, Stage, refused, serve, wait_for  # noqa: E402


def says(words, function, *arguments, **options):
    """Whether it is refused as trouble with the storage, in these words."""
    try:
        function(*arguments, **options)
    except dbus.DBusException as error:
        return error.get_dbus_name() == ERROR + "Storage" and words in error.get_dbus_message() or print("#", error) or False
    return False


def texts(person, conversation):
    return [t for _, t, _ in person.history(conversation)]


def unopened(person):
    properties = person.of(CRYPTO, "org.freedesktop.DBus.Properties")
    return {str(i): str(why) for i, why in properties.Get("im.visavis.Crypto1.Manager", "Unopened")}


def listed(person):
    return {str(a[1]) for a in person.of(CRYPTO, "im.visavis.Crypto1.Manager").ListAccounts()}


def restart(stage, bus, between=lambda: None):
    stage.kill("cryptod", signal.SIGTERM)
    between()
    stage.start("cryptod", CRYPTOD)
    wait_for(lambda: bus.name_has_owner("im.visavis.Crypto1"))


def play_full(stage, disk, alice, bob, conversation, theirs):
    """Alice's and Bob's vaults are on the full disk."""
    disk.fill()
    full = "its disk is full; make room on it"
    check("a full disk is said when a message is sent", says(full, alice.account.Send, conversation, "lost?"))
    check("when a slot is added", says(full, alice.add, "face", "more", "7391") and len(alice.list()) == 1)
    check("when a label is set", says(full, alice.of(alice.path, "org.freedesktop.DBus.Properties").Set,
                                      "im.visavis.Crypto1.Account", "Label", dbus.String("x", variant_level=1)))
    check("when authd tells of a failure", says(full, alice.of(CRYPTO, "im.visavis.Crypto1.Failures").Compare, [(ALICE, dbus.UInt64(1), dbus.UInt32(1))]))
    check("when an account is to be destroyed, which stands", says(full, bob.account.Destroy, "bob", False) and ALICE in listed(alice))
    check("what is there can be read", texts(alice, conversation) == ["before"])
    bob.account.Lock()
    ticket = bob.ticket()
    check("when an account is unlocked, before the ticket is used up", says(full, bob.unlock, None, ticket) and bytes(ticket) in bob.authd.tickets)
    carol = Person(stage, alice.authd, "c" * 32, "carol")
    check("and when one is made, before anything is", says(full, carol.create) and carol.id not in listed(alice) and
          not os.path.exists(f"{disk.path}/{carol.id}"))
    disk.free()
    bob.unlock(ticket=ticket)
    check("with room again all goes on", bob.state() == "unlocked" and texts(bob, theirs) == ["before"])
    alice.account.Send(conversation, "after")
    check("nothing was lost or sent that was refused", wait_for(lambda: texts(bob, theirs) == ["before", "after"]), texts(bob, theirs))
    carol.create()
    check("and the name is still to be had", carol.state() == "unlocked")
    return carol


def play_delivery(disk, alice, bob, conversation, theirs):
    """What comes while the disk is full waits at relayd, whose disk has room; Alice writes from before, for hers is full, too."""
    stage = alice.stage
    stage.kill("relayd", signal.SIGTERM)
    for text in ("one", "two", "three"):
        alice.account.Send(conversation, text)
    disk.fill()
    stage.start("relayd", sys.argv[2])
    check("what is on its way leaves a full disk", wait_for(lambda: glob_inbox(stage) == 3), glob_inbox(stage))
    check("and what comes is not taken", texts(bob, theirs) == ["before", "after"])
    disk.free()
    check("until there is room, then once", wait_for(lambda: texts(bob, theirs)[2:] == ["one", "two", "three"]), texts(bob, theirs))
    check("and its sender learns that it was stored", wait_for(lambda: {s for *_, s in alice.history(conversation)} == {"stored"}))


def glob_inbox(stage):
    """How many envelopes wait at relayd for cryptod."""
    with sqlite3.connect(f"file:{stage.directory}/relayd/relayd.db?mode=ro", uri=True) as database:
        return database.execute("SELECT COUNT(*) FROM inbox").fetchone()[0]


def play_start(stage, bus, disk, alice):
    restart(stage, bus, lambda: disk.remount("ro"))
    why = unopened(alice)
    check("a disk that cannot be written to is said at the start", len(why) == 3 and all("make it writable" in w for w in why.values()), why)
    disk.remount("rw")
    check("and when it can, the accounts are there without another start", wait_for(lambda: listed(alice) >= {ALICE, BOB}) and not unopened(alice))

    def no_inodes():
        for path in glob.glob(f"{disk.path}/*/vault.db-*"):
            os.unlink(path)
        disk.remount(f"nr_inodes={len(glob.glob(f'{disk.path}/**', recursive=True))}")

    restart(stage, bus, no_inodes)
    check("a disk that has no room for one file more does not pass for one without accounts", set(unopened(alice)) >= {ALICE, BOB} and
          not alice.authd.forgotten, (unopened(alice), alice.authd.forgotten))
    disk.remount("nr_inodes=1000")
    check("nor is any lost", wait_for(lambda: listed(alice) >= {ALICE, BOB}))


def play_damage(stage, bus, disk, alice, bob, conversation, theirs):
    vault = f"{disk.path}/{BOB}"

    def break_page():
        shutil.copytree(vault, vault + ".copy")
        with open(f"{vault}/vault.db", "r+b") as f:
            f.write(b"x" * 4096)

    restart(stage, bus, break_page)
    check("a vault that is damaged is said", "it is damaged; restore it" in unopened(alice).get(BOB, ""), unopened(alice))
    alice.unlock()
    check("and keeps no other out", texts(alice, conversation)[0] == "before")
    check("nor does an unfinished copy beside it pass for an account", BOB not in listed(alice) and not bob.authd.forgotten)
    shutil.rmtree(vault)
    check("one that is moved away is not forgotten", BOB in unopened(alice) and not wait_for(lambda: bob.authd.forgotten, 1.2))
    os.rename(vault + ".copy", vault)
    check("and put back, is there", wait_for(lambda: BOB in listed(alice)))
    bob.unlock()
    check("with all that it had", texts(bob, theirs)[:3] == ["before", "after", "one"])

    def break_row():
        with sqlite3.connect(f"{vault}/vault.db") as database:
            database.execute("UPDATE message SET content = zeroblob(100) WHERE id = (SELECT MAX(id) - 1 FROM message)")
        database.close()

    restart(stage, bus, break_row)
    bob.unlock()
    check("of a message that is damaged only that is lost", [("damaged" in t) if i == 3 else t for i, t in enumerate(
        texts(bob, theirs))] == ["before", "after", "one", True, "three"], texts(bob, theirs))
    alice.unlock()
    bob.account.Send(theirs, "still here")
    check("and the conversation goes on", wait_for(lambda: texts(alice, conversation)[-1] == "still here"))
    before = texts(bob, theirs)
    restart(stage, bus, lambda: os.unlink(f"{vault}/cell-keys"))
    alice.unlock()
    bob.unlock()
    check("without the keys of its groups, or with those of another time, what was said is there, and why no more", texts(bob, theirs)[:len(before)] == before and
          "are damaged" in texts(bob, theirs)[len(before)], texts(bob, theirs))
    check("and the conversation starts anew", wait_for(lambda: not refused("Hub", bob.account.Send, theirs, "with other keys")) and wait_for(
        lambda: texts(alice, conversation)[-1] == "with other keys"), (texts(alice, conversation), texts(bob, theirs)))
    alice.account.Send(conversation, "good")
    check("in both directions", wait_for(lambda: texts(bob, theirs)[-1] == "good"), texts(bob, theirs))


def play_error(stage, bus, alice, bob, conversation, theirs):
    """The kernel finds an error of the disk under a running cryptod, and makes it read-only."""
    missing = trouble.FailingDisk.missing()
    if missing:
        skip("a disk that fails under cryptod", missing)
        return
    directory, disk = f"{stage.directory}/cryptod", []

    def move():
        os.mkdir(directory + ".copy", 0o700)
        for account in (ALICE, BOB):
            shutil.copytree(f"{directory}/{account}", f"{directory}.copy/{account}")
        trouble.take_down(directory)
        disk.append(trouble.FailingDisk(directory, f"{stage.directory}/image"))
        shutil.copytree(directory + ".copy", directory, dirs_exist_ok=True)
        subprocess.run(["sync", "-f", directory], check=True)

    restart(stage, bus, move)
    alice.unlock()
    bob.unlock()
    alice.account.Send(conversation, "while it is well")
    wait_for(lambda: texts(bob, theirs)[-1] == "while it is well")
    disk[0].fail()
    check("a disk that fails under an open account is said", says("disk", alice.account.Send, conversation, "lost?") and says("disk", alice.add, "face", "more", "7391"))
    check("what is there can be read", texts(alice, conversation)[-1] == "while it is well", texts(alice, conversation))
    restart(stage, bus, disk[0].repair)
    alice.unlock()
    bob.unlock()
    alice.account.Send(conversation, "repaired")
    check("repaired, it has lost nothing, and what was refused is not sent", wait_for(
        lambda: texts(bob, theirs)[-2:] == ["while it is well", "repaired"]), texts(bob, theirs))


def play(stage):
    disk = trouble.Disk(f"{stage.directory}/cryptod")
    bus, authd, _ = serve(stage)
    alice, bob = Person(stage, authd, ALICE, "alice"), Person(stage, authd, BOB, "bob")
    alice.create()
    bob.create()
    conversation = str(alice.account.OpenConversation(bob.address))
    alice.account.Send(conversation, "before")
    wait_for(bob.the_conversation)
    theirs = bob.the_conversation()
    wait_for(lambda: texts(bob, theirs) == ["before"])
    play_full(stage, disk, alice, bob, conversation, theirs)
    play_delivery(disk, alice, bob, conversation, theirs)
    play_start(stage, bus, disk, alice)
    play_damage(stage, bus, disk, alice, bob, conversation, theirs)
    play_error(stage, bus, alice, bob, conversation, theirs)
    return finish()


def main():
    stage = Stage()
    try:
        return play(stage)
    finally:
        trouble.take_down(f"{stage.directory}/cryptod")
        stage.end()


sys.exit(main())
