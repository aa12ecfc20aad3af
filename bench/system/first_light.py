#!/usr/bin/python3
"""From a verified ticket to an open vault, and from alice's call to bob's signal, over the daemons and a hub on one machine.

Each figure also stands as a ratio to something measured in the same run: one call over the same bus, one fdatasync of 4 KiB."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/system"))
from person import Person  # noqa: E402
from stage import Stage  # noqa: E402

PINS = {"alice": "2718-alice", "bob": "3141-bob"}
UNLOCKS, ROUND_TRIPS, BURST = 5, 200, 1000


def median_of(function, times):
    return statistics.median(function() for _ in range(times))


def sync_cost(directory):
    with tempfile.NamedTemporaryFile(dir=directory) as f:
        def once():
            f.seek(0)
            f.write(os.urandom(4096))
            f.flush()
            start = time.monotonic()
            os.fdatasync(f.fileno())
            return time.monotonic() - start
        return median_of(once, 100)


def report(name, seconds, base_name, base):
    print(f"{name:<44} {seconds * 1e3:10.2f} ms   {seconds / base:10.1f} × {base_name}")


def main(build):
    sys.stdout.reconfigure(line_buffering=True)
    with Stage(build) as stage:
        people, paths = {}, {}
        for name in PINS:
            stage.camera(name)
            stage.visavis(name, "signup", stage.address_of(name), pin=PINS[name])
            stage.visavis(name, "lock")
            listed = json.loads(stage.busctl("call", "im.visavis.Crypto1", "/im/visavis/Crypto1",
                                             "im.visavis.Crypto1.Manager", "ListAccounts", user=name))["data"][0][0]
            paths[name], identifier = listed[0], listed[1]
            people[name] = Person(stage, name)
            ticket_times = []
            for _ in range(UNLOCKS):
                ticket = people[name](f"verified_ticket({identifier!r})")
                ticket_times.append(people[name](f"timed_unlock({paths[name]!r}, {ticket!r}, {PINS[name]!r})"))
        stage.camera("nobody")
        alice, bob = people["alice"], people["bob"]

        sync = sync_cost(stage.directory)
        sync_disk = sync_cost("/var/tmp")
        call = median_of(lambda: alice("(lambda s: (bus.get_name_owner('im.visavis.Crypto1'), time.monotonic() - s)[1])"
                                       "(time.monotonic())"), 50)
        print(f"{'one call over the bus':<44} {call * 1e3:10.2f} ms")
        print(f"{'one fdatasync of 4 KiB, where the state is':<44} {sync * 1e3:10.2f} ms")
        print(f"{'one fdatasync of 4 KiB, /var/tmp':<44} {sync_disk * 1e3:10.2f} ms")
        report("from verified ticket to unlocked, median", statistics.median(ticket_times), "bus call", call)

        conversation = alice(f"str(account({paths['alice']!r}).OpenConversation({stage.address_of('bob')!r}))")
        alice(f"send({paths['alice']!r}, {conversation!r}, 'hello')")
        deadline = time.monotonic() + 30
        theirs = []
        while not theirs and time.monotonic() < deadline:
            theirs = bob(f"[str(c[0]) for c in account({paths['bob']!r}).ListConversations()]")
        bob(f"receive({paths['bob']!r}, {theirs[0]!r}, 'hello')")

        def ends(count, pause):
            """When each message was sent, and when the other's program was told."""
            sender = stage.popen("alice", [f"{build}/bench/chat/chat-end", "send", paths["alice"], conversation, str(count), str(pause)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            receiver = stage.popen("bob", [f"{build}/bench/chat/chat-end", "receive", paths["bob"], str(count)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for end, name in ((receiver, "bob"), (sender, "alice")):
                granted = end.stdout.readline().strip()
                people[name](f"account({paths[name]!r}).Grant({granted!r})")
                end.stdin.write("\n")
                end.stdin.flush()
            sent, told = ([int(line) / 1e9 for line in end.communicate()[0].split()] for end in (sender, receiver))
            return sent, told

        latencies = sorted(b - a for a, b in zip(*ends(ROUND_TRIPS, 20000)))
        report("message, alice's call to bob's signal, p50", statistics.median(latencies), "fdatasync", sync)
        report("message, alice's call to bob's signal, p99", latencies[int(len(latencies) * 0.99)], "fdatasync", sync)
        sent, told = ends(BURST, 0)
        print(f"{f'{BURST} messages in a row, sent, received, stored':<44} {BURST / (told[-1] - sent[0]):10.0f} /s   "
              f"{(told[-1] - sent[0]) / BURST / sync:10.1f} × fdatasync a message")
        for person in people.values():
            person.leave()


main(sys.argv[1])
