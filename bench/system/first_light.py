#!/usr/bin/python3
"""From a verified ticket to an open vault, and from alice's send to bob's read, over the daemons and a hub on one machine.

Each figure also stands as a ratio to something measured in the same run: one call over the same bus, one fdatasync of 4 KiB."""

import json
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/system"))
from person import Person  # noqa: E402
from stage import Stage  # noqa: E402

PINS = {"alice": "2718-alice", "bob": "3141-bob"}
UNLOCKS, ROUND_TRIPS, BURST = 5, 50, 200


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
        after = bob(f"receive({paths['bob']!r}, {theirs[0]!r}, 'hello')")[1]

        latencies = []
        for i in range(ROUND_TRIPS):
            bob.ask(f"receive({paths['bob']!r}, {theirs[0]!r}, 'm{i}', {after})")
            start = alice(f"send({paths['alice']!r}, {conversation!r}, 'm{i}')")
            end, after = bob.answer()
            latencies.append(end - start)
        latencies.sort()
        report("message, alice's send to bob's read, median", statistics.median(latencies), "bus call", call)
        report("message, alice's send to bob's read, p95", latencies[int(len(latencies) * 0.95)], "bus call", call)

        bob.ask(f"receive({paths['bob']!r}, {theirs[0]!r}, 'b{BURST - 1}', {after})")
        start = alice(f"[send({paths['alice']!r}, {conversation!r}, f'b{{i}}') for i in range({BURST})][0]")
        end, _ = bob.answer()
        print(f"{f'messages in a burst of {BURST}, alice to bob':<44} {BURST / (end - start):10.0f} /s   "
              f"{(end - start) / BURST / sync:10.1f} × fdatasync a message")
        for person in people.values():
            person.leave()


main(sys.argv[1])
