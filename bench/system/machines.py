"""Machines for what is measured through the daemons: the tests' stage of cryptod, relayd and a hub, with somebody who stands in for
authd, and further ones at the same hub. The program's first argument is the build directory, the rest is in ARGUMENTS."""

import os
import subprocess
import sys
import time

BUILD = os.path.abspath(sys.argv[1])
ARGUMENTS = sys.argv[2:]
sys.argv[1:] = [f"{BUILD}/cryptod/visavis-cryptod", f"{BUILD}/relayd/visavis-relayd", f"{BUILD}/relayd/visavis-hub"]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/unit/cryptod"))
from cryptod_stage import Person, Stage, serve  # noqa: E402


class Machine(Stage):
    """One more bus, cryptod and relayd, whose hub is another's."""

    def __init__(self, hub_of):
        self.hub_of = hub_of
        super().__init__()

    def start_hub(self):
        self.port, self.hub_address = self.hub_of.port, self.hub_of.hub_address

    def invitation(self):
        return self.hub_of.invitation()


def enter(stage, *people):
    """Starts the daemons of @stage, and signs people up there: (account, name) each."""
    _, authd, _ = serve(stage)
    entered = [Person(stage, authd, account * 32, name) for account, name in people]
    for person in entered:
        person.create()
    return entered


def renew(person):
    """The same person in another program. One that reads nothing while it waits gathers what it is told."""
    fresh = Person(person.stage, person.authd, person.id, person.name)
    person.bus.close()
    until(lambda: fresh.state() == "locked")
    fresh.unlock()
    return fresh


class End:
    """bench/chat/chat_end.c, in a person's place."""

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


def send(alice, conversation, count, pause):
    """When each message was sent, so many microseconds after the one before was stored; 0: many at a time."""
    return End(alice, "send", alice.path, conversation, count, pause).go().times()


def ends(alice, conversation, bob, count, pause):
    """The same, and when bob's program was told of each."""
    ears = End(bob, "receive", bob.path, count).go()
    sent = End(alice, "send", alice.path, conversation, count, pause).go().times()
    return sent, ears.times()


def timed(function, *arguments):
    start = time.monotonic()
    result = function(*arguments)
    return time.monotonic() - start, result


def until(condition, seconds=300, pause=0.002):
    """How long it takes until it is true, looked at so often."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + seconds, "it does not come"
        time.sleep(pause)
    return time.monotonic() - start


def unread(person):
    return sum(int(c[2]) for c in person.account.ListConversations())
