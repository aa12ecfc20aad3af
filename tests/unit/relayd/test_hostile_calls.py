#!/usr/bin/python3
"""relayd, called by whoever may do as cryptod and by the accounts' owner, who are the same here (hostile_calls.py)."""
import os
import sys
import threading

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from hostile_calls import Values, call_all  # noqa: E402
from relay_stage import Relay, Stage  # noqa: E402


def play(stage):
    relay = Relay(stage)
    relay.bus.request_name("im.visavis.Crypto1")
    relay.start()
    address = f"alice@{stage.hub_address}"
    relay.add("a1", address)
    relay.attach("a1")
    caller = dbus.bus.BusConnection(stage.address)
    # The stage's cryptod answers meanwhile.
    thread = threading.Thread(target=lambda: call_all((relay_bus, caller), "im.visavis.Relay1", "/im/visavis/Relay1", Values(["a1", address, "general"]),
                                                      stage.processes["relayd"], 25, ends={"Delete", "RemoveAccount"}))
    relay_bus = dbus.bus.BusConnection(stage.address)
    thread.start()
    check("all were called", relay.until(lambda: not thread.is_alive(), 100))
    relay.call("org.freedesktop.DBus.Properties", "Set", "im.visavis.Relay1.Link", "Proxy", "", path="/im/visavis/Relay1/link/a1")
    relay.set("a1", "Bandwidth", dbus.UInt64(0, variant_level=1))
    relay.set("a1", "Enabled", dbus.Boolean(True, variant_level=1))
    relay.attach("a1")
    relay.send("a1", b"\1" * 16, [address], b"after all that")
    check("what is sent after all that arrives", relay.until(lambda: b"after all that" in relay.cryptod.contents("a1"), 20),
          [relay.get("a1", name) for name in ("State", "LastError", "Proxy")])
    return finish()


stage = Stage(sys.argv[1:3])
try:
    sys.exit(play(stage))
finally:
    stage.end()
