#!/usr/bin/python3
"""From alice's call to bob's signal, and how many messages a second are received and stored: cryptod, relayd and a hub as they are,
with somebody who stands in for authd. Once with both accounts on one machine, once on a machine for each, which has its own bus,
cryptod and relayd; in both they share the processors and the disk of this one.

The arguments: the build directory, and what to measure (latency, burst, mailbox; all). Processor time is of all processes that a
message passes through, the bus among them."""

import os
import statistics
import subprocess
import sys
import time

import dbus

BUILD = os.path.abspath(sys.argv[1])
WANTED = sys.argv[2:] or ["latency", "burst", "mailbox"]
sys.argv[1:] = [f"{BUILD}/cryptod/visavis-cryptod", f"{BUILD}/relayd/visavis-relayd", f"{BUILD}/relayd/visavis-hub"]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/unit/cryptod"))
from cryptod_stage import ALICE, BOB, Person, Stage, serve, wait_for  # noqa: E402

ROUND_TRIPS, BURST, MAILBOX, AT_REST = 300, 1000, 5000, 0.5
TICK = os.sysconf("SC_CLK_TCK")


class Machine(Stage):
    """One more bus, cryptod and relayd, whose hub is another's."""

    def __init__(self, hub_of):
        self.hub_of = hub_of
        super().__init__()

    def start_hub(self):
        self.port, self.hub_address = self.hub_of.port, self.hub_of.hub_address

    def invitation(self):
        return self.hub_of.invitation()


def sync_cost(directory):
    """The median of an fdatasync of 4 KiB, written over and over."""
    with open(f"{directory}/sync", "wb") as f:
        def once():
            os.pwrite(f.fileno(), os.urandom(4096), 0)
            start = time.monotonic()
            os.fdatasync(f.fileno())
            return time.monotonic() - start
        return statistics.median(once() for _ in range(300))


def processor_time(stages):
    """Seconds that each kind of process has used so far."""
    used = {}
    for stage in stages:
        for name, process in stage.processes.items():
            with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            used[name] = used.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICK
    return used


class End:
    """bench/chat/chat_end.c, in @person's place."""

    def __init__(self, person, *arguments):
        self.process = subprocess.Popen([f"{BUILD}/bench/chat/chat-end", *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "VISAVIS_BUS": person.stage.address})
        person.account.Grant(self.process.stdout.readline().strip())

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self

    def times(self):
        return [int(line) / 1e9 for line in self.process.communicate()[0].split()]


def sender(alice, conversation, count, pause):
    return End(alice, "send", alice.path, conversation, count, pause)


def receiver(bob, count):
    return End(bob, "receive", bob.path, count)


def report_processor_time(before, after, count):
    print("    processor time, a message:", ", ".join(f"{name} {(after[name] - before[name]) / count * 1e3:.2f} ms" for name in after))


def measure(stages, count, play):
    before = processor_time(stages)
    result = play()
    report_processor_time(before, processor_time(stages), count)
    return result


def latency(stages, alice, bob, conversation, sync):
    def play():
        ears = receiver(bob, ROUND_TRIPS).go()
        sent = sender(alice, conversation, ROUND_TRIPS, 20000).go().times()
        return sorted(b - a for a, b in zip(sent, ears.times()))
    each = measure(stages, ROUND_TRIPS, play)
    for name, at in ("p50", 0.5), ("p99", 0.99):
        value = each[int(len(each) * at)]
        print(f"  alice's call to bob's signal, {name}: {value * 1e3:.2f} ms, {value / sync:.0f} × fdatasync")


def burst(stages, alice, bob, conversation, sync):
    def play():
        ears = receiver(bob, BURST).go()
        sent = sender(alice, conversation, BURST, 0).go().times()
        told = ears.times()
        return told[-1] - sent[0]
    seconds = measure(stages, BURST, play)
    print(f"  {BURST} messages in a row, sent, received and stored: {BURST / seconds:.0f} a second, "
          f"{seconds / BURST / sync:.1f} × fdatasync a message")


def mailbox(stages, alice, bob, conversation, sync):
    """bob is locked while they are sent."""
    bob.account.Lock()
    sender(alice, conversation, MAILBOX, 0).go().times()
    assert wait_for(lambda: str(alice.account.ReadMessages(conversation, dbus.UInt64(0), dbus.UInt32(1), True)[0][4]) == "stored", 120)
    time.sleep(AT_REST)

    def play():
        bob.unlock()
        theirs, start = bob.the_conversation(), time.monotonic()
        first = last = sum(int(c[2]) for c in bob.account.ListConversations())
        while last < MAILBOX and time.monotonic() < start + 120:
            time.sleep(0.05)
            last = sum(int(c[2]) for c in bob.account.ListConversations())
        return last - first, time.monotonic() - start
    count, seconds = measure(stages, MAILBOX, play)
    print(f"  {MAILBOX} messages that waited, received and stored: {count / seconds:.0f} a second, "
          f"{seconds / count / sync:.1f} × fdatasync a message")


def talk(stages, alice, bob):
    alice.create()
    bob.create()
    conversation = str(alice.account.OpenConversation(bob.address))
    alice.account.Send(conversation, "hello")
    assert wait_for(lambda: bob.the_conversation() and bob.history(bob.the_conversation()))
    bob.account.Send(bob.the_conversation(), "hello")
    time.sleep(AT_REST)
    sync = sync_cost(stages[0].directory)
    print(f"  one fdatasync of 4 KiB: {sync * 1e3:.2f} ms")
    for name in WANTED:
        {"latency": latency, "burst": burst, "mailbox": mailbox}[name](stages, alice, bob, conversation, sync)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    here = Stage()
    there = Machine(here)
    _, authd, _ = serve(here)
    try:
        print("both on one machine:")
        talk([here], Person(here, authd, ALICE, "alice"), Person(here, authd, BOB, "bob"))
        _, authd_there, _ = serve(there)
        print("on a machine for each:")
        talk([here, there], Person(here, authd, "c" * 32, "carol"), Person(there, authd_there, "d" * 32, "dora"))
    finally:
        there.end()
        here.end()


main()
