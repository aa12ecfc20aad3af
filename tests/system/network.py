#!/usr/bin/python3
"""Two machines with a bad network between them: a hub in one network namespace, relayd in another, and the kernel drops, slows and cuts.

With --long the cut lasts a minute and more is sent; the short one is what ./run test has time for."""
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/relayd"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from files import Files, names_of  # noqa: E402
from relay_stage import Relay, Stage  # noqa: E402
from tap import skip_all, tell  # noqa: E402

LONG = "--long" in sys.argv
PROGRAMS = [a for a in sys.argv[1:] if not a.startswith("--")]
CUT_SECONDS, MESSAGES = (60, 300) if LONG else (4, 60)
FILE_BYTES = (763 if LONG else 16) * 256 * 1024  # 200 MB, 4 MiB
LOSS_PERCENT, RATE = 15, "4mbit"
FILE_LOSS_PERCENT, FILE_RATE = 2, "100mbit" if LONG else "10mbit"
NEAR, FAR = f"visavis-near-{os.getpid()}", f"visavis-far-{os.getpid()}"
NEAR_ADDRESS, FAR_ADDRESS = "192.0.2.1", "192.0.2.2"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def within(namespace, *command):
    run("ip", "netns", "exec", namespace, *command)


class Network:
    """near has relayd, far has the hub; a veth between them."""

    def __enter__(self):
        for namespace in (NEAR, FAR):
            run("ip", "netns", "add", namespace)
        run("ip", "link", "add", "v0", "netns", NEAR, "type", "veth", "peer", "name", "v0", "netns", FAR)
        for namespace, address in ((NEAR, NEAR_ADDRESS), (FAR, FAR_ADDRESS)):
            run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "v0")
            for device in ("lo", "v0"):
                run("ip", "-n", namespace, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for namespace in (NEAR, FAR):
            subprocess.run(["ip", "netns", "del", namespace], check=False)

    @staticmethod
    def lose(percent=LOSS_PERCENT):
        for namespace in (NEAR, FAR):
            within(namespace, "nft", "add table inet bad; add chain inet bad in { type filter hook input priority 0; };"
                   f" add rule inet bad in iif v0 numgen random mod 100 < {percent} counter drop")

    @staticmethod
    def lost():
        out = subprocess.run(["ip", "netns", "exec", FAR, "nft", "list", "table", "inet", "bad"], capture_output=True, text=True, check=True)
        return int(out.stdout.split("packets ")[1].split()[0])

    @staticmethod
    def lose_nothing():
        for namespace in (NEAR, FAR):
            within(namespace, "nft", "delete", "table", "inet", "bad")

    @staticmethod
    def narrow(rate=RATE):
        for namespace in (NEAR, FAR):
            within(namespace, "tc", "qdisc", "add", "dev", "v0", "root", "tbf", "rate", rate, "burst", "16kb", "latency", "200ms")

    @staticmethod
    def widen():
        for namespace in (NEAR, FAR):
            within(namespace, "tc", "qdisc", "del", "dev", "v0", "root")

    @staticmethod
    def cut(down):
        """Not at relayd's own interface, which it would notice: somewhere on the way."""
        within(FAR, "nft", "add table inet cut; add chain inet cut in { type filter hook input priority -1; };"
               " add rule inet cut in iif v0 drop" if down else "delete table inet cut")

    @staticmethod
    def unplug(down):
        run("ip", "-n", NEAR, "link", "set", "v0", "down" if down else "up")


def the_story(story, network, relay, stage):
    hub = stage.hub_address
    alice, bob = "alice@" + hub, "bob@" + hub
    sent, everything = [0], []

    def say(count, size):
        for _ in range(count):
            content = struct.pack(">I", sent[0]) + os.urandom(size)
            r = relay.send("a1", struct.pack(">QQ", 7, sent[0]), [bob], content)
            assert r[0] == "ok", r
            everything.append(content)
            sent[0] += 1

    def arrived(seconds):
        done = relay.until(lambda: len(relay.cryptod.contents("b1")) >= len(everything), seconds)
        got = relay.cryptod.contents("b1")
        assert done and got == everything, f"{len(got)} of {len(everything)} arrived: {relay.get('a1', 'LastError')}"
        assert relay.until(lambda: relay.get("a1", "Outbox") == 0, 30)

    with story.step("two accounts are added over the veth"):
        for account, address in (("a1", alice), ("b1", bob)):
            r = relay.add(account, address)
            assert r[0] == "ok", r
            relay.attach(account)
    with story.step(f"{MESSAGES} messages arrive once and in order with {LOSS_PERCENT} % of all packets lost"):
        network.lose()
        say(MESSAGES, 2000)
        arrived(180)
        assert network.lost() > 0, "no packet was lost"
        network.lose_nothing()
    with story.step(f"2 MiB arrive over a link of {RATE}, in the time that this takes"):
        network.narrow()
        started = time.monotonic()
        say(8, 256 * 1024)
        arrived(120)
        took = time.monotonic() - started
        assert took > 2, f"it took {took:.1f} s, so the link was not narrow"
        network.widen()
    with story.step(f"a file of {FILE_BYTES / 1e6:.0f} MB goes up over {FILE_RATE} with {FILE_LOSS_PERCENT} % lost, and a message gets by"):
        network.narrow(FILE_RATE)
        network.lose(FILE_LOSS_PERCENT)
        files, content, started = Files(relay), os.urandom(FILE_BYTES), time.monotonic()
        up = files.upload("a1", 1, content)
        assert files.moves(up, 4, 60), files.all()
        say(1, 2000)
        arrived(30)
        assert files.get(up, "State") != "done", "the message came after the file"
        assert files.reaches(up, "done", seconds=1200), files.all()
        print(f"# up in {time.monotonic() - started:.0f} s")
    with story.step("and comes down the same"):
        started = time.monotonic()
        down = files.download("b1", 2, names_of(content))
        assert files.reaches(down, "done", seconds=1200), files.all()
        assert files.read(down, "Content") == content
        print(f"# down in {time.monotonic() - started:.0f} s")
        network.lose_nothing()
        network.widen()
    with story.step(f"a cut of {CUT_SECONDS} s in mid-flow loses nothing"):
        network.narrow()
        say(4, 256 * 1024)
        network.cut(True)
        say(MESSAGES, 100)
        relay.until(lambda: False, CUT_SECONDS)
        before = len(relay.cryptod.contents("b1"))
        assert before < len(everything), "the cut was none"
        network.cut(False)
        arrived(200)
        network.widen()
    with story.step("a cable that is plugged in again is noticed at once"):
        network.unplug(True)
        # Long enough for the link to be given up: the change itself has it asked.
        assert relay.until(lambda: relay.get("a1", "State") != "online", 15), "the link did not notice that it was gone"
        say(1, 100)
        relay.until(lambda: False, 3)
        network.unplug(False)
        plugged = time.monotonic()
        assert relay.until(lambda: relay.get("a1", "State") == "online", 10), relay.get("a1", "LastError")
        print(f"# online {time.monotonic() - plugged:.1f} s after the cable")
        arrived(20)


def tell_story(story):
    with Network() as network:
        stage = Stage(PROGRAMS, prefixes=(("ip", "netns", "exec", NEAR), ("ip", "netns", "exec", FAR)), listen=FAR_ADDRESS)
        try:
            relay = Relay(stage)
            relay.start()
            the_story(story, network, relay, stage)
        finally:
            stage.end()


if os.getuid() != 0:
    skip_all("needs root, for network namespaces")
tell(tell_story)
