#!/usr/bin/python3
"""What the running daemons say of themselves is what dbus/ promises: every interface, and no other of ours beside it."""

import json
import os
import sys
from xml.etree import ElementTree

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{REPOSITORY}/tests/system")

# pylint: disable=wrong-import-position  # they stand beside the stage
import documented_examples
from person import Person
from stage import DAEMON_USERS, Stage
from tap import skip_all, tell

INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
OURS = "im.visavis."
PIN = "2718-alice"

# What cryptod does to have a file fetched; it needs a descriptor, which busctl cannot pass.
DOWNLOAD = """
import dbus, fcntl, os, sys
fd = os.memfd_create("names", os.MFD_ALLOW_SEALING)
os.write(fd, bytes(32))
fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
relayd = dbus.bus.BusConnection(sys.argv[1]).get_object("im.visavis.Relay1", "/im/visavis/Relay1/transfer", introspect=False)
print(relayd.Download(sys.argv[2], dbus.ByteArray(bytes(16)), dbus.types.UnixFd(fd), dbus_interface="im.visavis.Relay1.Transfers"))
"""

# Those of the objects that are there as soon as a daemon is.
FIXED = {
    ("im.visavis.Auth1", "/im/visavis/Auth1"): {"Manager", "Tickets"},
    ("im.visavis.Crypto1", "/im/visavis/Crypto1"): {"Manager", "Inbox", "Failures"},
    ("im.visavis.Relay1", "/im/visavis/Relay1"): {"Delivery", "Discovery"},
    ("im.visavis.Relay1", "/im/visavis/Relay1/transfer"): {"Transfers"},
    ("im.visavis.Hub1", "/im/visavis/Hub1"): {"Manager"},
}


def member(element):
    """A method, signal or property as one comparable value; directions that may be left out are written out."""
    default = "out" if element.tag == "signal" else "in"
    arguments = tuple((a.get("name"), a.get("type"), a.get("direction", default)) for a in element.findall("arg"))
    return element.tag, element.get("name"), element.get("type"), element.get("access"), arguments


def interfaces(document):
    """Of an introspection document: our interfaces' names, and the set of members of each."""
    found = {}
    for interface in ElementTree.fromstring(document).findall("interface"):
        if interface.get("name").startswith(OURS):
            members = [member(e) for e in interface if e.tag in ("method", "signal", "property")]
            assert len(members) == len(set(members)), f"{interface.get('name')} says something twice"
            found[interface.get("name")] = set(members)
    return found


def promised():
    found = {}
    for name in sorted(os.listdir(f"{REPOSITORY}/dbus")):
        if name.endswith(".xml"):
            with open(f"{REPOSITORY}/dbus/{name}", encoding="utf-8") as f:
                document = interfaces(f.read())
            assert list(document) == [name.removesuffix(".xml")], f"dbus/{name} is about {list(document)}"
            found.update(document)
    assert found, "dbus/ promises nothing"
    return found


def compare(promises, document, names):
    """Takes what an object has been found to keep out of @promises."""
    said = interfaces(document)
    assert set(said) == names, f"the object has {sorted(said)}, not {sorted(names)}"
    for name in names:
        missing, further = promises[name] - said[name], said[name] - promises[name]
        assert not missing and not further, f"{name}: not there {sorted(map(str, missing))}, not promised {sorted(map(str, further))}"


def introspect(stage, name, path, user=None):
    return json.loads(stage.busctl("call", name, path, INTROSPECTABLE, "Introspect", user=user))["data"][0]


def only_child(stage, name, path, user):
    children = [node.get("name") for node in ElementTree.fromstring(introspect(stage, name, path, user)).findall("node")]
    assert len(children) == 1, f"{path} has {children}"
    return f"{path}/{children[0]}"


def the_story(story, stage):
    promises = promised()
    seen = set()

    def check(name, document, short_names):
        names = {f"{name}.{n}" for n in short_names}
        compare(promises, document, names)
        seen.update(names)

    for (name, path), short_names in FIXED.items():
        with story.step(f"{path} of {name} has {', '.join(sorted(short_names))} as promised"):
            check(name, introspect(stage, name, path), short_names)
    with story.step("an attempt is as promised"):
        stage.camera("alice")
        person = Person(stage, "alice")
        document = person("str(interface('im.visavis.Auth1', interface('im.visavis.Auth1', '/im/visavis/Auth1', 'im.visavis.Auth1.Manager')"
                          f".Enrol(dbus.Dictionary(signature='sv')), '{INTROSPECTABLE}').Introspect())")
        check("im.visavis.Auth1", document, {"Attempt"})
        person.leave()
    with story.step("an account and its link are as promised"):
        stage.visavis("alice", "signup", stage.address_of("alice"), pin=PIN)
        for name, parent, interfaces_there in (("im.visavis.Crypto1", "/im/visavis/Crypto1/account", {"Account", "Contacts", "Files", "Groups", "History", "Hubs", "Invitations", "Messages", "Notifications", "Rooms", "Slots", "Transfers"}),
                                               ("im.visavis.Relay1", "/im/visavis/Relay1/link", {"Link"})):
            path = only_child(stage, name, parent, "alice")
            check(name, introspect(stage, name, path, "alice"), interfaces_there)
    with story.step("a transfer is as promised"):
        account = path.rsplit("/", 1)[1]
        path = stage.run(["runuser", "-u", DAEMON_USERS["cryptod"], "--", "/usr/bin/python3", "-c", DOWNLOAD, stage.address, account]).strip()
        check("im.visavis.Relay1", introspect(stage, "im.visavis.Relay1", path), {"Transfer"})
        transfer = path.rsplit("_", 1)[1]
    with story.step("so are a conversation, and a file that somebody sends"):
        person = Person(stage, "alice")
        crypto = f"/im/visavis/Crypto1/account/{account}"
        assert person(f"unlock({crypto!r}, {person(f'verified_ticket({account!r})')!r}, {PIN!r})") == "opened"
        conversation = person(f"str(interface('im.visavis.Crypto1', {crypto!r}, 'im.visavis.Crypto1.Groups').Create('x', dbus.Array(signature='s')))")
        document = person(f"str(interface('im.visavis.Crypto1', '{crypto}/conversation/{conversation}', '{INTROSPECTABLE}').Introspect())")
        check("im.visavis.Crypto1", document, {"Conversation"})
        path = person(f"str(interface('im.visavis.Crypto1', {crypto!r}, 'im.visavis.Crypto1.Transfers').Send({conversation!r}, "
                      "dbus.types.UnixFd(os.pipe()[0]), 'x', '', dbus.Dictionary(signature='sv')))")
        check("im.visavis.Crypto1", person(f"str(interface('im.visavis.Crypto1', {path!r}, '{INTROSPECTABLE}').Introspect())"), {"Transfer"})
        person.leave()
    with story.step("nothing that dbus/ promises was left out here"):
        seen.add("im.visavis.Crypto1.Contact")  # it takes two people: tests/unit/cryptod/test_objects.py
        assert seen == set(promises), sorted(set(promises) - seen)
    with story.step("each example of docs/dbus/ does what its page says"):
        documented_examples.run_all(stage, ACCOUNT=account, CONVERSATION=conversation, ID=transfer)


def tell_story(story):
    with Stage(os.environ["VISAVIS_BUILD"]) as stage:
        the_story(story, stage)


if os.geteuid() != 0:
    skip_all("the daemons run as users of their own, which needs root")
tell(tell_story)
