#!/usr/bin/python3
"""Groups in which half of the members are ours and half are those of ts-mls, an independent implementation of RFC 9420.

PEER is our driver (peer.c). A seeded random walk: who creates the group, adds, removes, updates, proposes, writes, loses a
race is drawn; after each step every member is asked for its epoch, its epoch authenticator, an exported secret and the tree's
hash, which must be the same for all. 200 operations each in suite 1 and in suite 7 (AES-256-GCM), and a short walk of smaller groups in
every other one that both sides have: ts-mls computes most of them in JavaScript. The seed is printed; VISAVIS_SEED sets it.

ts-mls is in the folder that VISAVIS_NPM names, where ./run test puts it by the hashes in package-lock.json."""

import argparse
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Suite: operations, and members at most; 83 is ts-mls's own number for X-Wing, AES-256-GCM, SHA-512, Ed25519, and ours where OpenSSL has ML-KEM.
WALKS = {1: (200, 16), 7: (60, 8), 2: (20, 5), 3: (20, 5), 4: (20, 5), 5: (20, 5), 6: (20, 5), 83: (200, 16)}


class Peer:
    """One implementation's driver, and the members that it plays."""

    def __init__(self, name, command):
        self.name = name
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """The words of an "ok" answer."""
        answer = self.answer(*words)
        if answer[0] != "ok":
            raise AssertionError(f"{self.name}: {' '.join(words)[:120]}: {' '.join(answer)}")
        return answer[1:]

    def answer(self, *words):
        print(*words, file=self.child.stdin, flush=True)
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(f"{self.name} ended with {self.child.wait()} at: {' '.join(words)[:120]}")
        return line.split()

    def end(self):
        self.child.stdin.close()
        return self.child.wait(timeout=60)


class Member:
    def __init__(self, peer, name):
        self.peer = peer
        self.name = name
        self.package = self.ask("package")[0]

    def ask(self, command, *words):
        return self.peer.ask(command, self.name, *words)

    @property
    def leaf(self):
        return self.ask("state")[1]


class Walk:
    def __init__(self, peers, creator, largest, draw):
        self.largest = largest
        self.draw = draw
        self.peers = peers
        self.count = 0
        self.proposed = []  # members whose removal has been proposed in this epoch
        self.done = {}
        first = self.newcomer(creator)
        first.ask("create", draw.randbytes(16).hex())
        self.members = [first]
        # From the start somebody of either side is in.
        self.commit(first, [self.newcomer(next(p for p in peers if p is not creator))], [])

    def newcomer(self, peer=None):
        self.count += 1
        return Member(peer or self.draw.choice(self.peers), f"member-{self.count}")

    def commit(self, committer, add, remove):
        words = [m.package for m in add] + ["/"] + [m.leaf for m in remove]
        commit, welcome = committer.ask("commit", *words)
        removed, self.proposed = remove + self.proposed, []
        self.members = [m for m in self.members if m not in removed]
        for member in self.members:
            if member is not committer:
                assert member.ask("process", commit)[0] == "commit"
        committer.ask("merge")
        for member in add:
            member.ask("join", welcome)
            self.members.append(member)
        for member in removed:
            member.ask("leave")
        self.agree()

    def agree(self):
        """All members are in one epoch, with one authenticator, one exporter and one tree, each at a leaf of its own."""
        states = [m.ask("state") for m in self.members]
        assert len({(s[0], *s[2:]) for s in states}) == 1, f"the members differ: {states}"
        assert len({s[1] for s in states}) == len(states), "two members have one leaf"

    def committer(self, but=()):
        """Who may commit now: nobody whose removal is proposed, for the commit refers to all proposals."""
        fit = [m for m in self.members if m not in but and m not in self.proposed]
        return self.draw.choice(fit)

    # The operations.
    def add(self):
        room = self.largest - len(self.members)
        if room == 0:
            return False
        self.commit(self.committer(), [self.newcomer() for _ in range(self.draw.randint(1, min(3, room)))], [])
        return True

    def remove(self):
        if len(self.members) - len(self.proposed) < 4:
            return False
        committer = self.committer()
        others = [m for m in self.members if m is not committer and m not in self.proposed]
        # Somebody of either side always stays.
        victim = self.draw.choice(others)
        if sum(m.peer is victim.peer for m in self.members if m not in self.proposed) < 2:
            return False
        self.commit(committer, [], [victim])
        return True

    def update(self):
        self.commit(self.committer(), [], [])
        return True

    def race(self):
        """Two commit at once; the loser drops its own and follows."""
        if self.proposed or len(self.members) < 2:
            return False
        winner, loser = self.draw.sample(self.members, 2)
        loser.ask("commit", "/")
        self.commit(winner, [], [])
        return True

    def propose(self):
        proposers = [m for m in self.members if m.peer is self.peers[1] and m not in self.proposed]
        victims = [m for m in self.members if m.peer is self.peers[0] and m not in self.proposed]
        if len(self.members) - len(self.proposed) < 4 or len(victims) < 2:
            return False
        proposer, victim = self.draw.choice(proposers), self.draw.choice(victims)
        message, = proposer.ask("propose", victim.leaf)
        for member in self.members:
            if member is not proposer:
                assert member.ask("process", message)[0] == "proposal"
        self.proposed.append(victim)
        return True

    def write(self):
        """Some write at once; what they wrote arrives in any order."""
        written = []
        # With a proposal outstanding a member may write no application data (RFC 9420 §12.4), and ts-mls refuses to.
        if self.proposed:
            return False
        for _ in range(self.draw.randint(1, 3)):
            author, data = self.draw.choice(self.members), self.draw.randbytes(self.draw.randint(0, 300)).hex() or "-"
            written.append((author, data, author.ask("protect", data)[0]))
        self.draw.shuffle(written)
        for author, data, message in written:
            for member in self.members:
                if member is not author:
                    assert member.ask("process", message) == ["application", data]
        return True

    def step(self):
        names = ["add", "add", "remove", "update", "race", "propose", "write", "write"]
        while not getattr(self, name := self.draw.choice(names))():
            pass
        self.done[name] = self.done.get(name, 0) + 1


def walk(peers, suite, operations, largest, creator, seed):
    draw = random.Random(f"{seed} {suite} {creator.name}")
    for peer in peers:
        peer.ask("suite", str(suite))
    w = Walk(peers, creator, largest, draw)
    sizes = set()
    for _ in range(operations):
        w.step()
        sizes.add(len(w.members))
    return f"{dict(sorted(w.done.items()))}, {min(sizes)} to {max(sizes)} members"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=int, action="append", help="this suite, which has to be there")
    parser.add_argument("peer", nargs="+", help="our driver and its arguments")
    arguments = parser.parse_args()
    folder = os.environ.get("VISAVIS_NPM", "/var/cache/visavis/npm")
    if not os.path.isdir(f"{folder}/node_modules/ts-mls"):
        print(f"1..0 # SKIP {folder} has no ts-mls; ./run test fetches it")
        return 0
    seed = os.environ.get("VISAVIS_SEED") or str(random.SystemRandom().randrange(2**32))
    print(f"# seed {seed}: VISAVIS_SEED={seed} repeats this run", flush=True)
    peers = [Peer("ours", arguments.peer), Peer("ts-mls", ["node", f"{HERE}/peer.mjs", folder])]
    number = failed = 0
    for suite in arguments.suite or WALKS:
        operations, largest = WALKS[suite]
        for creator in peers:
            number += 1
            what = f"suite {suite}, created by {creator.name}, {operations // 2} operations"
            if not arguments.suite and peers[0].answer("suite", str(suite))[0] != "ok" and suite == 83:
                print(f"ok {number} - {what} # SKIP this OpenSSL has no ML-KEM")
                continue
            try:
                print(f"# {walk(peers, suite, operations // 2, largest, creator, seed)}\nok {number} - {what}", flush=True)
            except AssertionError as e:
                failed += 1
                print(f"# {e}\nnot ok {number} - {what}", flush=True)
                if any(p.child.poll() is not None for p in peers):
                    break
    for peer in peers:
        number += 1
        good = peer.end() == 0
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {peer.name} ends in good order")
    print(f"1..{number}")
    return 1 if failed else 0


sys.exit(main())
