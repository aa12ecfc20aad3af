#!/usr/bin/python3
"""Groups in which half of the members are ours and half are those of ts-mls, an independent implementation of RFC 9420.

PEER is our driver (peer.c). A seeded random walk: who creates the group, adds, removes, updates, proposes one of these for somebody
else to commit, joins from outside, writes, loses a race is drawn; after each step every member is asked for its epoch, its epoch
authenticator, an exported secret and the tree's hash, which must be the same for all. 200 operations in groups of up to 16 in suite
1, in suite 7 (AES-256) and, where our side has ML-KEM, in X-Wing with AES-256-GCM; shorter walks of smaller groups in every other suite
that both have: ts-mls computes some of them in JavaScript. The seed is printed; VISAVIS_SEED sets it.

ts-mls is in the folder that VISAVIS_NPM names, where ./run test puts it by the hashes in package-lock.json."""

import argparse
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Suite: operations, and members at most; 83 is ts-mls's own number for X-Wing, AES-256-GCM, SHA-512, Ed25519, and ours where OpenSSL has ML-KEM.
WALKS = {1: (200, 16), 7: (200, 16), 2: (20, 5), 3: (20, 5), 4: (20, 5), 5: (20, 5), 6: (20, 5), 83: (200, 16)}


class Peer:
    """One implementation's driver, and the members that it plays."""

    def __init__(self, name, command):
        self.name = name
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """The words of an "ok" answer."""
        self.send(*words)
        return self.receive(*words)

    def send(self, *words):
        print(*words, file=self.child.stdin, flush=True)

    def receive(self, *words):
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(f"{self.name} ended with {self.child.wait()} at: {' '.join(words)[:120]}")
        answer = line.split()
        if answer[0] != "ok":
            raise AssertionError(f"{self.name}: {' '.join(words)[:120]}: {' '.join(answer)}")
        return answer[1:]

    def has(self, suite):
        try:
            return bool(self.ask("suite", str(suite)))
        except AssertionError:
            return False

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


def ask_all(members, command, *words):
    """What each answers; both peers work at the same time."""
    for member in members:
        member.peer.send(command, member.name, *words)
    return [member.peer.receive(command, member.name, *words) for member in members]


class Walk:
    def __init__(self, peers, creator, largest, draw):
        self.largest = largest
        self.draw = draw
        self.peers = peers
        self.count = 0
        self.done = {}
        self.forget_proposals()
        first = self.newcomer(creator)
        first.ask("create", draw.randbytes(16).hex())
        self.members = [first]
        # From the start somebody of either side is in.
        self.commit(first, [self.newcomer(next(p for p in peers if p is not creator))], [])

    def forget_proposals(self):
        """Whom the proposals of this epoch add, update and remove."""
        self.adding, self.updating, self.leaving = [], [], []

    def newcomer(self, peer=None):
        self.count += 1
        return Member(peer or self.draw.choice(self.peers), f"member-{self.count}")

    def commit(self, committer, add, remove):
        words = [m.package for m in add] + ["/"] + [m.leaf for m in remove]
        commit, welcome = committer.ask("commit", *words)
        removed, joining = remove + self.leaving, add + self.adding
        self.members = [m for m in self.members if m not in removed]
        self.follow(commit, committer)
        committer.ask("merge")
        ask_all(joining, "join", welcome)
        ask_all(removed, "leave")
        self.members += joining
        self.agree()

    def follow(self, commit, committer):
        answers = ask_all([m for m in self.members if m is not committer], "process", commit)
        assert all(a[0] == "commit" for a in answers), answers
        self.forget_proposals()

    def agree(self):
        """All members are in one epoch, with one authenticator, one exporter and one tree, each at a leaf of its own."""
        states = ask_all(self.members, "state")
        assert len({(s[0], *s[2:]) for s in states}) == 1, f"the members differ: {states}"
        assert len({s[1] for s in states}) == len(states), "two members have one leaf"

    def staying(self):
        """Those who are not to be removed."""
        return [m for m in self.members if m not in self.leaving]

    def fit(self):
        """Who may commit now: a commit refers to all proposals, which must not be one's own update or removal."""
        return [m for m in self.staying() if m not in self.updating]

    def victims(self, but=None):
        """Who may be removed: somebody of either side, and somebody who can commit, always stays."""
        if len(self.staying()) < 4 or len(self.fit()) < 2:
            return []
        return [m for m in self.fit() if m is not but and sum(o.peer is m.peer for o in self.staying()) > 1]

    def room(self):
        return self.largest - len(self.members) - len(self.adding)

    # The operations. False: it cannot be done now.
    def add(self):
        if self.room() == 0:
            return False
        self.commit(self.draw.choice(self.fit()), [self.newcomer() for _ in range(self.draw.randint(1, min(3, self.room())))], [])
        return True

    def remove(self):
        committer = self.draw.choice(self.fit())
        victims = self.victims(but=committer)
        if not victims:
            return False
        self.commit(committer, [], [self.draw.choice(victims)])
        return True

    def update(self):
        self.commit(self.draw.choice(self.fit()), [], [])
        return True

    def race(self):
        """Two commit at once; the loser drops its own and follows."""
        if len(self.fit()) < 2:
            return False
        winner, loser = self.draw.sample(self.fit(), 2)
        loser.ask("commit", "/")
        self.commit(winner, [], [])
        return True

    def external(self):
        """Somebody joins from outside; what had been proposed is void."""
        if len(self.members) == self.largest:
            return False
        newcomer = self.newcomer()
        commit, = newcomer.ask("external", *self.draw.choice(self.members).ask("info"))
        ask_all(self.adding, "leave")
        self.follow(commit, newcomer)
        self.members.append(newcomer)
        self.agree()
        return True

    def propose(self, proposer, *words):
        message, = proposer.ask("propose", *words)
        answers = ask_all([m for m in self.members if m is not proposer], "process", message)
        assert all(a[0] == "proposal" for a in answers), answers
        return True

    def propose_add(self):
        if self.room() == 0:
            return False
        newcomer = self.newcomer()
        self.adding.append(newcomer)
        return self.propose(self.draw.choice(self.members), "add", newcomer.package)

    def propose_update(self):
        if len(self.fit()) < 2:
            return False
        proposer = self.draw.choice(self.fit())
        self.updating.append(proposer)
        return self.propose(proposer, "update")

    def propose_remove(self):
        victims = self.victims()
        if not victims:
            return False
        victim = self.draw.choice(victims)
        self.leaving.append(victim)
        return self.propose(self.draw.choice(self.members), "remove", victim.leaf)

    def write(self):
        """Some write at once; what they wrote arrives in any order."""
        # With a proposal outstanding a member may write no application data (RFC 9420 §12.4), and ts-mls refuses to.
        if self.adding or self.updating or self.leaving:
            return False
        written = []
        for _ in range(self.draw.randint(1, 3)):
            author, data = self.draw.choice(self.members), self.draw.randbytes(self.draw.randint(0, 300)).hex() or "-"
            written.append((author, data, author.ask("protect", data)[0]))
        self.draw.shuffle(written)
        for author, data, message in written:
            answers = ask_all([m for m in self.members if m is not author], "process", message)
            assert all(a == ["application", data] for a in answers), answers
        return True

    def step(self):
        names = ["add", "add", "remove", "update", "race", "external", "propose_add", "propose_update", "propose_remove", "write", "write"]
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
            if not arguments.suite and suite == 83 and not peers[0].has(suite):
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
