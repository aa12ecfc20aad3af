#!/usr/bin/python3
"""A hub announces itself on the local network, and relayd finds it, through a real Avahi: in a network of their own with one interface,
so that nothing of this leaves the machine."""
import os
import shutil
import subprocess
import sys
import time

if not os.environ.get("VISAVIS_ALONE"):
    if not shutil.which("avahi-daemon"):
        print("1..0 # SKIP needs avahi-daemon")
        sys.exit(0)
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        print("1..0 # SKIP needs to make network namespaces, as root may")
        sys.exit(0)
    os.environ["VISAVIS_ALONE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])

from relay_stage import Relay, Stage  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402

DISCOVERY = "im.visavis.Relay1.Discovery"


def make_network():
    for command in ("ip link set lo up", "ip link add here type veth peer name there", "ip addr add 10.63.0.1/24 dev here",
                    "ip link set here up", "ip link set there up", "mkdir -p /run/avahi-daemon", "mount -t tmpfs tmpfs /run/avahi-daemon"):
        subprocess.run(command.split(), check=True)


def start_avahi(stage):
    with open(stage.directory + "/avahi.conf", "w", encoding="utf-8") as f:
        f.write("[server]\nhost-name=visavis-test\nuse-ipv6=no\nallow-interfaces=here\nenable-dbus=yes\n")
    stage.processes["avahi"] = subprocess.Popen(
        ["avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", stage.directory + "/avahi.conf"],
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": stage.address}, stderr=subprocess.DEVNULL)


def announced(relay, address, seconds=15):
    """The answer in which the hub stands, or the last one."""
    deadline = time.monotonic() + seconds
    while True:
        result, hubs = relay.call(DISCOVERY, "FindHubs")
        if result == "ok" and any(str(a) == address for _, a in hubs) or time.monotonic() > deadline:
            return result, hubs
        time.sleep(0.2)


def main():
    make_network()
    stage = Stage(sys.argv[1:3], hub="name = 10.63.0.1\nannounce = yes\n", listen="10.63.0.1")
    relay = Relay(stage)
    try:
        relay.start()
        result, words = relay.call(DISCOVERY, "FindHubs")
        check("without Avahi the caller is told what to do", result == "im.visavis.Error.NotFound" and "avahi-daemon" in words, (result, words))
        start_avahi(stage)
        result, hubs = announced(relay, stage.hub_address)
        check("a hub that was there before Avahi is found, by the address that it gives to people",
              result == "ok" and [str(a) for _, a in hubs] == [stage.hub_address], (result, hubs, stage.hub_address))
        check("it has a name to be shown", result == "ok" and hubs and str(hubs[0][0]).startswith("Visavis on "), hubs)
        stage.kill("hub", how=15)
        deadline = time.monotonic() + 10
        while (hubs := relay.call(DISCOVERY, "FindHubs")[1]) and time.monotonic() < deadline:
            time.sleep(0.2)  # a record that is taken back is kept for a second (RFC 6762 §10.1)
        check("a hub that has ended is not found", not hubs, hubs)
        stage.start_hub()
        result, hubs = announced(relay, stage.hub_address)
        check("one that starts while Avahi runs is", result == "ok" and len(hubs) == 1, (result, hubs))
    finally:
        stage.end()
    return finish()


sys.exit(main())
