#!/usr/bin/python3
"""Several hubs of an account: what waits for one that is away goes by another, comes once, and goes by the first again."""
import os
import socket
import subprocess
import sys
import time

import dbus

from relay_stage import DELIVERY, Relay, Stage, memfd

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402

PATIENCE = 1  # seconds


def ident(i):
    return i.to_bytes(8, "big") + bytes(8)


class TwoHubs(Stage):
    def __init__(self, programs):
        super().__init__(programs, link=f"patience = {PATIENCE}s\n")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.other_port = s.getsockname()[1]
        os.mkdir(self.directory + "/other", 0o700)
        self.start_other()

    def start_other(self):
        p = subprocess.Popen([self.programs[1], "--state", self.directory + "/other", "--config", self.directory + "/config",
                              "--listen", f"127.0.0.1:{self.other_port}", "--log-level", "err"], stdout=subprocess.PIPE, text=True)
        self.other_address = p.stdout.readline().strip()
        p.stdout.close()
        self.processes["other"] = p


def further(relay, account, number, address, uid=0, main=None):
    options = dbus.Dictionary({"main": main or account}, signature="sv")
    return relay.call(DELIVERY, "AddAccount", f"{account}_{number}", dbus.UInt32(uid), address, options)


def adding(relay, stage):
    check("accounts have a hub each", all(relay.add(f"{n[0]}1", f"{n}@{stage.hub_address}")[0] == "ok" for n in ("alice", "bob", "carol")))
    r = relay.send("a1", ident(1), [f"bob2@{stage.other_address}"], b"x")
    check("whoever is on another hub cannot be reached", r[0] == "im.visavis.Error.InvalidArgument" and "hub" in r[1], r)
    r = further(relay, "a1", 1, f"alice2@{stage.other_address}", uid=7)
    check("a further hub belongs to its account's user", r[0] == "im.visavis.Error.InvalidArgument", r)
    check("and to an account", further(relay, "a1", 1, f"alice2@{stage.other_address}", main="zz")[0] == "im.visavis.Error.NotFound")
    for account, name in (("a1", "alice2"), ("b1", "bob2")):
        r = further(relay, account, 1, f"{name}@{stage.other_address}")
        check(f"{name} is on the further hub", r[0] == "ok" and relay.get(f"{account}_1", "State") == "online", r)
    r = further(relay, "a1", 2, f"x@{stage.other_address}", main="a1_1")
    check("a further hub has none itself", r[0] == "im.visavis.Error.InvalidArgument", r)


def each_by_its_hub(relay, stage):
    fd = memfd(b"\x03\x00\x01Z")
    check("key packages are published at the further one", relay.call(DELIVERY, "PublishKeyPackages", "b1_1", dbus.types.UnixFd(fd))[0] == "ok")
    os.close(fd)
    r = relay.call(DELIVERY, "ClaimKeyPackage", "a1", f"bob2@{stage.other_address}")
    check("and claimed there", r[0] == "ok" and os.read(r[1].take(), 10) == b"Z", r)
    check("who has few hears of it by the further one's name", relay.until(lambda: ("b1_1", 0) in relay.cryptod.low), relay.cryptod.low)
    relay.send("a1", ident(2), [f"bob2@{stage.other_address}"], b"there")
    relay.send("a1", ident(3), [f"bob@{stage.hub_address}"], b"here")
    check("what comes by either is the account's", relay.until(lambda: sorted(relay.cryptod.contents("b1")) == [b"here", b"there"]), relay.cryptod.delivered)
    numbers = [n for a, n, _ in relay.cryptod.delivered if a == "b1"]
    check("in one row of numbers", numbers == sorted(set(numbers)), numbers)
    check("and so are the outcomes", relay.until(lambda: {("a1", ident(2)), ("a1", ident(3))} <= set(relay.cryptod.outcomes)), relay.cryptod.outcomes)


def round_a_dead_hub(relay, stage):
    both = [f"bob@{stage.hub_address}", f"bob2@{stage.other_address}"]
    stage.kill("hub")
    relay.until(lambda: relay.get("a1", "State") != "online" and relay.get("b1", "State") != "online")
    relay.send("a1", ident(10), both, b"round")
    relay.send("a1", ident(11), [f"bob@{stage.hub_address}"], b"only here")
    relay.send("a1", ident(12), both, b"commit", group=b"g", epoch=0)
    check("what has a way round takes it", relay.until(lambda: b"round" in relay.cryptod.contents("b1")), relay.cryptod.delivered)
    stage.kill("relayd")
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()
    relay.attach("a1"), relay.attach("b1")
    relay.send("a1", ident(13), both, b"round again")
    check("also after kill -9 of relayd", relay.until(lambda: b"round again" in relay.cryptod.contents("b1")), relay.cryptod.delivered)
    check("what has none waits, and a commit has none", relay.get("a1", "Outbox") == 2, relay.get("a1", "Outbox"))
    stage.start_hub()
    check("and comes when the hub does", relay.until(lambda: {b"only here", b"commit"} <= set(relay.cryptod.contents("b1")), 30), relay.cryptod.delivered)
    relay.send("a1", ident(14), both, b"straight")
    check("then all is as before", relay.until(lambda: b"straight" in relay.cryptod.contents("b1")), relay.cryptod.delivered)
    time.sleep(2 * PATIENCE)
    relay.until(lambda: False, 0.2)
    contents = [c for _, c in {(n, c) for a, n, c in relay.cryptod.delivered if a == "b1"}]  # a number that comes again is dropped
    check("nothing has come twice", len(contents) == len(set(contents)), contents)
    check("each has one outcome", all(set(v) == {("stored", 0, "")} for v in relay.cryptod.outcomes.values()), relay.cryptod.outcomes)


def refused_at_one(relay, stage):
    relay.send("a1", ident(20), [f"nobody@{stage.hub_address}", f"bob2@{stage.other_address}"], b"by the other")
    check("what one hub refuses goes by the other", relay.until(lambda: b"by the other" in relay.cryptod.contents("b1")), relay.cryptod.delivered)
    relay.send("a1", ident(21), [f"nobody@{stage.hub_address}", f"nobody@{stage.other_address}"], b"lost")
    check("what both refuse is refused", relay.until(lambda: relay.cryptod.outcomes.get(("a1", ident(21)), [("",)])[0][0] == "refused"), relay.cryptod.outcomes)


def answered_late(relay, stage):
    relay.attach("c1")
    relay.cryptod.held = []
    fd = memfd(b"\x03\x00\x01Z")
    relay.call(DELIVERY, "PublishKeyPackages", "c1", dbus.types.UnixFd(fd))
    os.close(fd)
    relay.call(DELIVERY, "ClaimKeyPackage", "a1", f"carol@{stage.hub_address}")
    check("who has few is told", relay.until(lambda: relay.cryptod.held), relay.cryptod.low)
    check("an account is removed meanwhile", relay.call(DELIVERY, "RemoveAccount", "c1", True)[0] == "ok"
          and relay.until(lambda: relay.call(DELIVERY, "Attach", "c1")[0] == "im.visavis.Error.NotFound"))
    for answer in relay.cryptod.held:
        answer()
    relay.cryptod.held = None
    check("and the answer concerns nobody any more", relay.get("a1", "State") == "online" and stage.processes["relayd"].poll() is None)


def set_together(relay):
    relay.set("a1", "Enabled", dbus.Boolean(False, variant_level=1))
    check("offline is offline at all hubs", relay.until(lambda: relay.get("a1", "State") == relay.get("a1_1", "State") == "disabled"))
    relay.set("a1", "Proxy", dbus.String("socks5://127.0.0.1:1", variant_level=1))
    check("a proxy is for all of them", relay.get("a1_1", "Proxy") == "socks5://127.0.0.1:1")
    relay.set("a1", "Proxy", dbus.String("", variant_level=1))
    relay.set("a1", "Enabled", dbus.Boolean(True, variant_level=1))
    check("and so is online", relay.until(lambda: relay.get("a1", "State") == relay.get("a1_1", "State") == "online"))


def removing(relay, stage):
    stage.kill("other")
    relay.until(lambda: relay.get("a1_1", "State") != "online")
    relay.send("a1", ident(30), [f"bob2@{stage.other_address}"], b"never")
    r = relay.call(DELIVERY, "RemoveAccount", "a1_1", True)
    check("a further hub can be left", r[0] == "ok", r)
    check("what waited for it alone is refused", relay.until(lambda: relay.cryptod.outcomes.get(("a1", ident(30)), [("",)])[0][0] == "refused"), relay.cryptod.outcomes)
    check("the account goes on", relay.get("a1", "State") == "online" and relay.send("a1", ident(31), [f"bob@{stage.hub_address}"], b"on")[0] == "ok")
    check("and is heard", relay.until(lambda: b"on" in relay.cryptod.contents("b1")))
    check("with an account its further hubs go", relay.call(DELIVERY, "RemoveAccount", "b1", True)[0] == "ok"
          and relay.until(lambda: relay.call(DELIVERY, "Attach", "b1_1")[0] == "im.visavis.Error.NotFound"))
    stage.start_other()


def main():
    stage = TwoHubs(sys.argv[1:])
    try:
        relay = Relay(stage)
        relay.start()
        adding(relay, stage)
        relay.attach("a1"), relay.attach("b1")
        each_by_its_hub(relay, stage)
        round_a_dead_hub(relay, stage)
        refused_at_one(relay, stage)
        answered_late(relay, stage)
        set_together(relay)
        removing(relay, stage)
    finally:
        stage.end()
    return finish()


sys.exit(main())
