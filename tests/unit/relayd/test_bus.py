#!/usr/bin/python3
"""relayd on a private bus, between a hub on loopback and a stand-in for cryptod: queues, outcomes, kill -9, who may ask."""
import os
import re
import signal
import subprocess
import sys
import threading
from xml.etree import ElementTree

import dbus

from relay_stage import DELIVERY, NO_OPTIONS, Relay, Stage, memfd

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402

HUB = sys.argv[2]
INTERFACES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../dbus")


def interface(document, name):
    """What an introspection document says of one interface, in an order of its own."""
    element, = [e for e in ElementTree.fromstring(document).iter("interface") if e.get("name") == name]
    return sorted((c.tag, c.get("name"), c.get("type") or "", c.get("access") or "",
                   [(a.get("name"), a.get("type"), a.get("direction")) for a in c.findall("arg")],
                   [(a.get("name"), a.get("value")) for a in c.findall("annotation")]) for c in element)


def main():
    stage = Stage(sys.argv[1:3], hub="rooms = general")
    try:
        return play(stage)
    finally:
        stage.end()


def play(stage):
    relay = Relay(stage)
    bus, cryptod, until, call, send, get, start_relayd = (relay.bus, relay.cryptod, relay.until, relay.call, relay.send, relay.get,
                                                          relay.start)

    def outcome(account, id):
        until(lambda: (account, id) in cryptod.outcomes)
        return cryptod.outcomes.get((account, id), [])

    def ident(n):
        return bytes([n]) * 16

    start_relayd()
    hub = stage.hub_address
    alice, bob = "alice@" + hub, "bob@" + hub
    r = call(DELIVERY, "AddAccount", "a1", dbus.UInt32(0), alice, NO_OPTIONS)
    check("AddAccount answers when the hub has agreed", r[0] == "ok", r)
    check("AddAccount again is no error", call(DELIVERY, "AddAccount", "a1", dbus.UInt32(0), alice, NO_OPTIONS)[0] == "ok")
    check("AddAccount for bob", call(DELIVERY, "AddAccount", "b1", dbus.UInt32(65534), bob, NO_OPTIONS)[0] == "ok")
    r = call(DELIVERY, "AddAccount", "m1", dbus.UInt32(0), alice, NO_OPTIONS)
    check("a taken name is Exists", r[0] == "im.visavis.Error.Exists", r)
    r = call(DELIVERY, "Attach", "m1")
    check("nothing is kept of it", r[0] == "im.visavis.Error.NotFound", r)
    wrong = "carol@" + hub[:-43] + ("A" if hub[-43] != "A" else "B") + hub[-42:]
    r = call(DELIVERY, "AddAccount", "c1", dbus.UInt32(0), wrong, NO_OPTIONS)
    check("a hub with another key is refused", r[0] == "im.visavis.Error.Hub" and "another key" in r[1], r)
    r = call(DELIVERY, "AddAccount", "d1", dbus.UInt32(0), "dave@127.0.0.1:1", NO_OPTIONS)
    check("an unreachable hub is Hub, with a sentence", r[0] == "im.visavis.Error.Hub" and len(r[1]) > 10, r)
    r = call(DELIVERY, "AddAccount", "../x", dbus.UInt32(0), alice, NO_OPTIONS)
    check("an id that is no path element is refused", r[0] == "im.visavis.Error.InvalidArgument", r)

    fd = memfd(b"\x06\x00\x01A\x00\x01B")
    check("key packages are published", call(DELIVERY, "PublishKeyPackages", "b1", dbus.types.UnixFd(fd))[0] == "ok")
    os.close(fd)
    claims = []
    for _ in range(2):
        r = call(DELIVERY, "ClaimKeyPackage", "a1", bob)
        claims.append(os.read(r[1].take(), 10) if r[0] == "ok" else r)
    check("each is handed out once", claims == [b"A", b"B"], claims)
    r = call(DELIVERY, "ClaimKeyPackage", "a1", bob)
    check("then there is none", r[0] == "im.visavis.Error.NotFound", r)

    check("Send answers", send("a1", ident(1), [bob], b"one")[0] == "ok")
    check("the same id again is no error", send("a1", ident(1), [bob], b"one")[0] == "ok")
    call(DELIVERY, "Attach", "a1")
    check("the outcome is stored", outcome("a1", ident(1))[:1] == [("stored", 0, "")], cryptod.outcomes)
    until(lambda: get("b1", "Inbox") == 1)
    check("bob's waits while nobody is attached", cryptod.contents("b1") == [] and get("b1", "Inbox") == 1)
    cryptod.locked = True
    call(DELIVERY, "Attach", "b1")
    until(lambda: False, 0.3)
    cryptod.locked = False
    check("it waits while the account is locked", cryptod.contents("b1") == [] and get("b1", "Inbox") == 1)
    call(DELIVERY, "Attach", "b1")
    check("and comes at the next Attach", until(lambda: cryptod.contents("b1") == [b"one"]), cryptod.delivered)
    check("then the inbox is empty", until(lambda: get("b1", "Inbox") == 0))
    check("bob hears that his key packages are low", until(lambda: ("b1", 0) in cryptod.low), cryptod.low)

    send("a1", ident(2), [bob], b"commit", b"group", 3)
    send("b1", ident(3), [alice], b"late commit", b"group", 3)
    check("the first commit is stored", outcome("a1", ident(2)) == [("stored", 0, "")])
    check("the second is stale, with the epoch", outcome("b1", ident(3))[0][:2] == ("stale", 4), cryptod.outcomes)
    send("a1", ident(4), ["nobody@" + hub], b"x")
    o = outcome("a1", ident(4))
    check("an unknown recipient is refused by name", o and o[0][0] == "refused" and "nobody" in o[0][2], o)
    r = send("a1", ident(5), ["eve@elsewhere.example"], b"x")
    check("another hub is refused at once", r[0] == "im.visavis.Error.InvalidArgument", r)

    r = call(DELIVERY, "ListRooms", "a1")
    check("the hub's rooms are listed", r[0] == "ok" and [(str(n), int(c)) for n, c in r[1]] == [("general", 0)], r)
    r = call(DELIVERY, "FetchRoom", "a1", "general")
    check("nobody is in one at first", r[0] == "ok" and os.read(r[1].take(), 100) == bytes(10), r)
    r = call(DELIVERY, "FetchRoom", "a1", "lounge")
    check("another is not there", r[0] == "im.visavis.Error.NotFound" and "lounge" in r[1], r)
    check("SendToRoom answers", relay.to_room("a1", ident(60), 3, b"g", 0, b"first", b"info")[0] == "ok")
    check("the first has joined", outcome("a1", ident(60)) == [("stored", 0, "")], cryptod.outcomes)
    relay.to_room("b1", ident(61), 3, b"h", 0, b"too late", b"info")
    check("another beginning is stale", outcome("b1", ident(61))[0][:2] == ("stale", 1), cryptod.outcomes)
    relay.to_room("b1", ident(62), 0, b"g", 0, b"hello")
    check("who has not joined is outside", outcome("b1", ident(62))[0][0] == "outside", cryptod.outcomes)
    relay.to_room("b1", ident(63), 3, b"g", 1, b"bob joins", b"info")
    check("it is told who has joined", outcome("b1", ident(63))[0][0] == "stored"
          and until(lambda: b"\xff\xf1\x03\x03bob\x09bob joins" in cryptod.contents("a1")), cryptod.contents("a1"))
    relay.to_room("b1", ident(64), 1, b"g", 0, b"bye")
    relay.to_room("a1", ident(65), 0, b"g", 0, b"bob?") if outcome("b1", ident(64)) else None
    check("and who is to be removed", outcome("a1", ident(65)) == [("stored", 0, "bob")], cryptod.outcomes)
    r = relay.to_room("a1", ident(66), 0, b"", 0, b"x")
    check("what is no body is refused at once", r[0] == "im.visavis.Error.InvalidArgument", r)

    # The hub goes away: what is sent waits on relayd's disk, also through kill -9 of relayd.
    stage.kill("hub")
    check("the link is seen to go down", until(lambda: get("a1", "State") != "online"))
    check("Send answers without a hub", all(send("a1", ident(10 + i), [bob], b"m%d" % i)[0] == "ok" for i in range(5)))
    check("the outbox counts them", get("a1", "Outbox") == 5, get("a1", "Outbox"))
    stage.kill("relayd")
    until(lambda: not bus.name_has_owner("im.visavis.Relay1"))
    start_relayd()
    check("they are still there after kill -9 of relayd", until(lambda: get("a1", "Outbox") == 5), get("a1", "Outbox"))
    stage.start_hub()
    call(DELIVERY, "Attach", "a1")
    call(DELIVERY, "Attach", "b1")
    check("they arrive once and in order when the hub is back",
          until(lambda: len(cryptod.contents("b1")) >= 7) and cryptod.contents("b1") == [b"one", b"commit"] + [b"m%d" % i for i in range(5)],
          cryptod.contents("b1"))
    check("each has one outcome", all(outcome("a1", ident(10 + i)) == [("stored", 0, "")] for i in range(5)), cryptod.outcomes)

    # kill -9 of relayd in mid-flow, again and again: cryptod drops repetitions by their sequence number.
    sent = 0
    for _ in range(4):
        for _ in range(10):
            send("a1", bytes([100 + sent]) * 16, [bob], b"k%d" % sent)
            sent += 1
        stage.kill("relayd")
        until(lambda: not bus.name_has_owner("im.visavis.Relay1"))
        start_relayd()
        call(DELIVERY, "Attach", "a1")
        call(DELIVERY, "Attach", "b1")

    def unique():
        seen = {}
        for a, n, c in cryptod.delivered:
            if a == "b1":
                seen.setdefault(n, c)
        return [seen[n] for n in sorted(seen)][7:]

    check("nothing is lost or doubled by kill -9 of relayd",
          until(lambda: len(unique()) >= sent) and unique() == [b"k%d" % i for i in range(sent)], unique())

    big = os.urandom(1 << 20)
    send("a1", ident(30), [bob], big[:1 << 20])
    check("a mebibyte goes through", until(lambda: any(c == big for c in cryptod.contents("b1"))))

    # Who may ask.
    def as_nobody(*command):
        return subprocess.run(["busctl", "--address=" + stage.address] + list(command), capture_output=True, text=True,
                              preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))

    result = {}

    def others():
        result["attach"] = as_nobody("call", "im.visavis.Relay1", "/im/visavis/Relay1", DELIVERY, "Attach", "s", "a1")
        result["own"] = as_nobody("get-property", "im.visavis.Relay1", "/im/visavis/Relay1/link/b1", "im.visavis.Relay1.Link", "State")
        result["foreign"] = as_nobody("get-property", "im.visavis.Relay1", "/im/visavis/Relay1/link/a1", "im.visavis.Relay1.Link", "State")
        result["disable"] = as_nobody("set-property", "im.visavis.Relay1", "/im/visavis/Relay1/link/a1", "im.visavis.Relay1.Link", "Enabled", "b", "false")
        result["reconnect"] = as_nobody("call", "im.visavis.Relay1", "/im/visavis/Relay1/link/a1", "im.visavis.Relay1.Link", "Reconnect")

    if os.getuid() == 0:
        thread = threading.Thread(target=others)
        thread.start()
        until(lambda: not thread.is_alive(), 20)
        check("Delivery is for cryptod's user alone", result["attach"].returncode != 0 and "cryptod" in result["attach"].stderr, result["attach"])
        check("a user sees the link of their own account", result["own"].stdout.strip() == 's "online"', result["own"])
        check("and not another's", result["foreign"].returncode != 0 and "another user" in result["foreign"].stderr, result["foreign"])
        check("and cannot switch it off", result["disable"].returncode != 0 and get("a1", "Enabled") == 1, result["disable"])
        check("and cannot have it reconnect", result["reconnect"].returncode != 0, result["reconnect"])

    changed = []
    bus.add_signal_receiver(lambda i, c, v: changed.append(c), "PropertiesChanged", "org.freedesktop.DBus.Properties",
                            path="/im/visavis/Relay1/link/a1")
    get("a1", "State")
    stage.kill("hub", signal.SIGTERM)
    check("who has looked is told of changes", until(lambda: any("State" in c and c["State"] != "online" for c in changed)), changed)
    stage.start_hub()
    call("im.visavis.Relay1.Link", "Reconnect", path="/im/visavis/Relay1/link/a1")
    check("Reconnect does", until(lambda: get("a1", "State") == "online"))

    def enable(wanted):
        return call("org.freedesktop.DBus.Properties", "Set", "im.visavis.Relay1.Link", "Enabled", dbus.Boolean(wanted, variant_level=1),
                    path="/im/visavis/Relay1/link/a1")

    check("Enabled is on at first", get("a1", "Enabled") == 1)
    check("it can be switched off", enable(False)[0] == "ok" and until(lambda: get("a1", "State") == "disabled"), get("a1", "State"))
    check("then Reconnect says so", call("im.visavis.Relay1.Link", "Reconnect", path="/im/visavis/Relay1/link/a1")[0] == "im.visavis.Error.Hub")
    r = call(DELIVERY, "ClaimKeyPackage", "a1", bob)
    check("and so does a call that needs the hub", r[0] == "im.visavis.Error.Hub" and "switched off" in r[1], r)
    check("Send is queued", send("a1", ident(40), [bob], b"held")[0] == "ok")
    stage.kill("relayd")
    until(lambda: not bus.name_has_owner("im.visavis.Relay1"))
    start_relayd()
    until(lambda: False, 0.5)
    check("it stays off after a restart, and the queue is kept", get("a1", "State") == "disabled" and get("a1", "Outbox") == 1)
    call(DELIVERY, "Attach", "b1")
    check("switched on, what waited arrives", enable(True)[0] == "ok" and until(lambda: b"held" in cryptod.contents("b1")))
    until(lambda: get("b1", "Inbox") == 0 and get("a1", "Outbox") == 0)

    trees = [call("org.freedesktop.DBus.Introspectable", "Introspect", path=path)[1]
             for path in ("/im/visavis/Relay1", "/im/visavis/Relay1/link/a1")]
    for tree, name in zip(trees, (DELIVERY, "im.visavis.Relay1.Link")):
        with open(os.path.join(INTERFACES, name + ".xml")) as f:
            check("%s is as its XML says" % name, interface(tree, name) == interface(f.read(), name), interface(tree, name))

    stage.kill("relayd", signal.SIGTERM)
    stage.kill("hub", signal.SIGTERM)
    dump = subprocess.run([HUB, "--state", stage.directory + "/hub", "--config", stage.directory + "/config", "--inspect"],
                          capture_output=True, text=True).stdout
    check("the hub's inspection knows both and keeps nothing of what was read", bool(re.search(r"^  bob: \d+ messages so far, 0 waiting", dump, re.M)), dump)
    return finish()


sys.exit(main())
