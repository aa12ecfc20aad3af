#!/usr/bin/python3
"""From alice's call to bob's signal, and how many messages a second are received and stored. Once with both accounts on one machine,
in one cryptod, once on a machine for each; in both they share the processors and the disk of this one.

The arguments: the build directory, and what to measure (latency, burst, mailbox; all). Processor time is of all processes that a
message passes through, the bus among them. With TMPDIR on a tmpfs no sync costs anything."""

import os
import statistics
import sys
import time

from machines import ARGUMENTS, Machine, ends, enter, send, unread, until
from cryptod_stage import Stage, dbus

ROUND_TRIPS, BURST, MAILBOX, AT_REST = 300, 1000, 5000, 0.5
TICK = os.sysconf("SC_CLK_TCK")


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


def measure(stages, count, play):
    before = processor_time(stages)
    result = play()
    after = processor_time(stages)
    print("    processor time, a message:", ", ".join(f"{name} {(after[name] - before[name]) / count * 1e3:.2f} ms" for name in after))
    return result


def latency(stages, alice, bob, conversation):
    sent, told = measure(stages, ROUND_TRIPS, lambda: ends(alice, conversation, bob, ROUND_TRIPS, 20000))
    each = sorted(b - a for a, b in zip(sent, told))
    for name, at in ("p50", 0.5), ("p99", 0.99):
        print(f"  alice's call to bob's signal, {name}: {each[int(len(each) * at)] * 1e3:.2f} ms")


def burst(stages, alice, bob, conversation):
    sent, told = measure(stages, BURST, lambda: ends(alice, conversation, bob, BURST, 0))
    print(f"  {BURST} messages in a row, sent, received and stored: {BURST / (told[-1] - sent[0]):.0f} a second")


def mailbox(stages, alice, bob, conversation):
    """bob is locked while they are sent."""
    def last_state():
        return str(alice.account.ReadMessages(conversation, dbus.UInt64(0), dbus.UInt32(1), True)[0][4])

    def play():
        bob.unlock()
        first = unread(bob)
        return first, until(lambda: unread(bob) >= before + MAILBOX, pause=0.1)
    before = unread(bob)
    bob.account.Lock()
    send(alice, conversation, MAILBOX, 0)
    until(lambda: last_state() == "stored")
    time.sleep(AT_REST)
    first, seconds = measure(stages, MAILBOX, play)
    print(f"  {MAILBOX} messages that waited, received and stored: {(before + MAILBOX - first) / seconds:.0f} a second")


def talk(stages, alice, bob):
    conversation = str(alice.account.OpenConversation(bob.address))
    alice.account.Send(conversation, "hello")
    until(lambda: bob.the_conversation() and bob.history(bob.the_conversation()))
    bob.account.Send(bob.the_conversation(), "hello")
    time.sleep(AT_REST)
    print(f"  one fdatasync of 4 KiB: {sync_cost(stages[0].directory) * 1e3:.2f} ms")
    for name in ARGUMENTS or ["latency", "burst", "mailbox"]:
        {"latency": latency, "burst": burst, "mailbox": mailbox}[name](stages, alice, bob, conversation)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    stages = [Stage()]
    stages += [Machine(stages[0]) for _ in range(2)]
    try:
        print("both on one machine:")
        talk(stages[:1], *enter(stages[0], ("a", "alice"), ("b", "bob")))
        print("on a machine for each:")
        talk([stages[0], *stages[1:]], *enter(stages[1], ("c", "carol")), *enter(stages[2], ("d", "dora")))
    finally:
        for stage in reversed(stages):
            stage.end()


main()
