#!/usr/bin/python3
"""What a large group and a long conversation cost through the daemons, in P-384. The arguments: the build directory, what to measure
(members, history; both), and how many (500; 100000).

In the group, alice and bob are on machines of their own; the others have registered at the hub, with keys of their own, and are
offline: bench/chat/members.c. In the conversation, bob receives while alice sends."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

from machines import ARGUMENTS, BUILD, Machine, ends, enter, renew, timed, unread, until
from cryptod_stage import Stage, dbus

AT_ONCE, ROUND_TRIPS, BURST, SLICE, AGAIN = 50, 200, 1000, 5000, 20


class Hub(Stage):
    """A machine with a hub that does not mind how many come at once."""

    def start_hub(self):
        self.write("config/hub.conf", "[hub]\nregistration = invitation\n[limits]\nclaims-per-minute = 0\n"
                   "links-per-minute = 0\nregistrations-per-hour = 0\n")
        super().start_hub()

    def invitation(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.directory}/hub/control")
            s.sendall(b"invite uses=10000\n")
            return json.loads(s.makefile().readline())["token"]


def show(name, *seconds):
    print(f"  {name:<58} {', '.join(f'{s * 1e3:.1f} ms' for s in seconds)}")


def show_median(name, function, *arguments):
    show(name, statistics.median(timed(function, *arguments)[0] for _ in range(AGAIN)))


def show_latency(alice, conversation, bob):
    each = sorted(b - a for a, b in zip(*ends(alice, conversation, bob, ROUND_TRIPS, 20000)))
    show("message, alice's call to bob's signal, p50 and p99", each[ROUND_TRIPS // 2], each[int(ROUND_TRIPS * 0.99)])


def show_burst(alice, conversation, bob, count):
    sent, told = ends(alice, conversation, bob, count, 0)
    print(f"  {f'{count} in a row, sent, received and stored':<58} {count / (told[-1] - sent[0]):.0f} a second", flush=True)


def show_unlock(person):
    def again():
        person.account.Lock()
        return timed(person.unlock)[0]
    show("unlock, the derivation of 100 ms included", statistics.median(again() for _ in range(5)))


def show_pages(person, conversation):
    show_median("read the last 50 messages", person.account.ReadMessages, conversation, dbus.UInt64(0), dbus.UInt32(50), True)


def show_change(name, alice, bob, group, change, who, count):
    """The call, until the hub has it, and until bob has followed."""
    seconds = timed(change, group, who)[0]
    show(f"{name}: the call, accepted, followed", seconds, until(lambda: count_members(alice, group) == count),
         until(lambda: count_members(bob, group) == count))


def count_members(person, group):
    return len(person.groups.Members(group))


def make_group(alice, bob, others):
    """Fifty people at a time, as the bus takes them."""
    start, count = time.monotonic(), 1 + AT_ONCE
    seconds, group = timed(alice.groups.Create, "all", [bob.address, *others[:AT_ONCE - 1]])
    show(f"create it with {AT_ONCE}: the call, accepted", seconds, until(lambda: count_members(alice, str(group)) == count))
    for i in range(AT_ONCE - 1, len(others), AT_ONCE):
        batch = others[i:i + AT_ONCE]
        count += len(batch)
        seconds = timed(alice.groups.Add, group, batch)[0]
        accepted = until(lambda: count_members(alice, group) == count)
    show(f"add the last {len(batch)}: the call, accepted", seconds, accepted)
    show("all of it", time.monotonic() - start)
    return str(group)


def large_group(hub, alice, bob, count):
    command = [f"{BUILD}/bench/chat/members", f"{hub.directory}/members", hub.hub_address, hub.invitation(), str(count - 1)]
    os.mkdir(command[1])
    others = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    print(f"a group of {count}:")
    group = make_group(alice, bob, others[:-1])
    show("until the second of them has followed", until(lambda: bob.groups.List() and count_members(bob, group) == count))
    for person, other in (alice, bob), (bob, alice):  # whoever answers has accepted
        before = unread(other)
        person.account.Send(group, "hello")
        until(lambda: unread(other) > before)
    show_latency(alice, group, bob)
    show_burst(alice, group, bob, BURST)
    show_median("list the members", alice.groups.Members, group)
    show_pages(alice, group)
    show_change("add one", alice, bob, group, lambda g, who: alice.groups.Add(g, [who]), others[-1], count + 1)
    show_change("remove one", alice, bob, group, alice.groups.Remove, others[0], count)
    show_unlock(bob)


def long_conversation(alice, bob, count):
    conversation = str(alice.account.OpenConversation(bob.address))
    print(f"a conversation of {count} messages:")
    for sender, other in (alice, bob), (bob, alice):
        before = unread(other)
        sender.account.Send(sender.the_conversation() if sender is bob else conversation, "the heron stands in the reeds")
        until(lambda: unread(other) > before)
    for _ in range(count // SLICE - 1):
        ends(alice, conversation, bob, SLICE, 0)
        alice, bob = renew(alice), renew(bob)
    show_burst(alice, conversation, bob, SLICE)  # the last of them
    alice, bob = renew(alice), renew(bob)
    theirs = bob.the_conversation()
    show_latency(alice, conversation, bob)
    show_pages(bob, theirs)
    show_unlock(bob)
    history = bob.of(bob.path, "im.visavis.Crypto1.History")
    nothing = dbus.Dictionary(signature="sv")
    show("the first search after the log-in", timed(history.Search, "heron", nothing)[0])
    time.sleep(5)
    show_median("search: one that is the oldest", history.Search, "heron reeds", nothing)
    show_median("search: two words that are nowhere", history.Search, "nowhere nothing", nothing)
    show_median("search: the newest that match", history.Search, "99", nothing)
    show_median("find the message of a time", history.MessageAt, theirs, dbus.UInt64(int((time.time() - 60) * 1e6)))
    show_median("list the conversations", bob.account.ListConversations)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    wanted, count = ARGUMENTS[0] if ARGUMENTS else "both", int(ARGUMENTS[1]) if len(ARGUMENTS) > 1 else 0
    hub = Hub()
    there = Machine(hub)
    try:
        [alice], [bob] = enter(hub, ("a", "alice")), enter(there, ("b", "bob"))
        if wanted in ("members", "both"):
            large_group(hub, alice, bob, count or 500)
        if wanted in ("history", "both"):
            long_conversation(alice, bob, count or 100000)
    finally:
        there.end()
        hub.end()


main()
