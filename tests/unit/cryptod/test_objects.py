#!/usr/bin/python3
"""What a program's lists show as objects: conversations and contacts, for the holders of the unlock alone, who are told what changes."""
import os
import sys
from xml.etree import ElementTree

import dbus
from dbus.mainloop.glib import DBusGMainLoop

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from cryptod_stage import ALICE, BOB, Person, refused, run, serve, wait_for  # noqa: E402

MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
CONVERSATION, CONTACT = "im.visavis.Crypto1.Conversation", "im.visavis.Crypto1.Contact"
DBUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../dbus")


class Watcher:
    """A program of alice's that has a share in her unlock, and notes what it is told."""

    def __init__(self, stage, alice):
        self.bus = dbus.bus.BusConnection(stage.address, mainloop=DBusGMainLoop())
        self.added, self.removed, self.changed = {}, [], []
        self.bus.add_signal_receiver(lambda path, interfaces: self.added.update({str(path): interfaces}), "InterfacesAdded", MANAGER)
        self.bus.add_signal_receiver(lambda path, _: self.removed.append(str(path)), "InterfacesRemoved", MANAGER)
        self.bus.add_signal_receiver(lambda *words, path: self.changed.append((str(path), [str(n) for n in words[2]])),
                                     "PropertiesChanged", PROPERTIES, path_keyword="path")
        alice.account.Grant(self.bus.get_unique_name())

    def told(self, path, name):
        return any(path == p and name in names for p, names in self.changed)


def promised(interface):
    root = ElementTree.parse(f"{DBUS}/{interface}.xml").getroot()
    return {p.get("name"): p.get("type") for p in root.iter("property")}


def play(stage):
    _, authd, _ = serve(stage)
    alice, bob = Person(stage, authd, ALICE, "alice"), Person(stage, authd, BOB, "bob")
    alice.create()
    bob.create()
    watcher = Watcher(stage, alice)

    def objects(person=alice):
        return person.of(person.path, MANAGER).GetManagedObjects()

    check("at first there is nothing", objects() == {})
    conversation = str(alice.account.OpenConversation(bob.address))
    path, contact = f"{alice.path}/conversation/{conversation}", f"{alice.path}/contact/{conversation}"
    check("what is new is told to the holders", wait_for(lambda: path in watcher.added), list(watcher.added))
    alice.account.Send(conversation, "hello")
    there = objects()
    check("a conversation and a contact are objects", set(there) == {path, contact}, list(there))
    properties = there[path][CONVERSATION]
    check("with what a list shows", (str(properties["Kind"]), str(properties["Title"]), int(properties["Unread"]), int(properties["LastMessage"]))
          == ("person", bob.plain_address, 0, int(alice.account.ReadMessages(conversation, dbus.UInt64(0), dbus.UInt32(1), True)[-1][0])), properties)
    check("and what is known of somebody", (str(there[contact][CONTACT]["Address"]), bool(there[contact][CONTACT]["Verified"])) == (bob.plain_address, False))
    for interface, at in ((CONVERSATION, path), (CONTACT, contact)):
        said = {str(k): dbus.Dictionary({"x": v}, signature="sv") for k, v in alice.of(at, PROPERTIES).GetAll(interface).items()}
        check(f"{interface} is as dbus/ says", set(said) == set(promised(interface)), sorted(said))

    wait_for(lambda: bob.the_conversation() and bob.history(bob.the_conversation()))
    watcher.changed.clear()
    bob.account.Send(bob.the_conversation(), "hello yourself")
    check("a message is told as a change", wait_for(lambda: watcher.told(path, "Unread")))
    check("of what can then be asked", int(alice.of(path, PROPERTIES).Get(CONVERSATION, "Unread")) == 1)
    alice.of(alice.path, "im.visavis.Crypto1.Contacts").SetVerified(bob.address, True)
    check("so is a mark", wait_for(lambda: watcher.told(contact, "Verified")) and bool(objects()[contact][CONTACT]["Verified"]))
    group = str(alice.of(alice.path, "im.visavis.Crypto1.Groups").Create("friends", dbus.Array([], signature="s")))
    check("and a group", wait_for(lambda: str(watcher.added.get(f"{alice.path}/conversation/{group}", {}).get(CONVERSATION, {}).get("Kind")) == "group"))

    stranger = Person(stage, authd, ALICE, "alice")
    check("all of it is for the holders of the unlock", all([refused("Locked", call) for call in (
        lambda: objects(stranger), lambda: stranger.of(path, PROPERTIES).GetAll(CONVERSATION),
        lambda: stranger.of(alice.path + "/conversation", "org.freedesktop.DBus.Introspectable").Introspect(),
        lambda: stranger.of(contact, PROPERTIES).Get(CONTACT, "Address"))]))
    alice.account.Lock()
    check("and for nobody while it is locked", refused("Locked", objects))
    alice.unlock()
    check("after which it is there again", set(objects()) >= {path, contact})
    return finish()


run(play)
