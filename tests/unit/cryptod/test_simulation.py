#!/usr/bin/python3
"""Twelve people and one hub: a seeded random walk through what a conversation can do, while people go offline, daemons are killed, and vaults
are put back from older copies. At the end all who were in a conversation all the time have the same in it, nothing of it lost or doubled, and
agree who is in it; whoever has lost what came after a copy has nothing else, and is heard again.

test_simulation.py CRYPTOD RELAYD HUB [STEPS [SEED]]"""
import collections
import os
import random
import shutil
import signal
import sys
import time

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from cryptod_stage import CRYPTOD, RELAYD, Person, run, serve, wait_for  # noqa: E402

NAMES = "ada bea cem dan eli fay gus hal ivy jon kim lea".split()
STEPS, SEED = (int(w) for w in (*sys.argv[4:6], *("150", "7")[len(sys.argv[4:6]):]))
KINDS = ("text", "file", "deleted")


class Member(Person):
    """One of the twelve."""

    @property
    def messages(self):
        return self.of(self.path, "im.visavis.Crypto1.Messages")

    @property
    def transfers(self):
        return self.of(self.path, "im.visavis.Crypto1.Transfers")

    @property
    def invitations(self):
        return self.of(self.path, "im.visavis.Crypto1.Invitations")

    def pages(self, conversation):
        """All that is shown to this person but remarks, oldest first, read page by page."""
        found, options = [], {"limit": dbus.UInt32(100)}
        while page := self.messages.Read(conversation, dbus.Dictionary(options, signature="sv")):
            found += page
            options["before"] = dbus.UInt64(int(page[-1]["Id"]))
        return [m for m in reversed(found) if str(m["Kind"]) in KINDS]

    def content(self, conversation):
        """What all members see alike, by the id that all members know."""
        seen = {}
        for m in self.pages(conversation):
            reactions = sorted((str(who).split("@")[0], tuple(map(str, what))) for who, what in m.get("Reactions", ()))
            key = str(m["ContentId"])
            assert key not in seen, f"{self.name} has a message twice"
            seen[key] = (str(m["Kind"]), str(m["Sender"]).lstrip("?").split("@")[0], str(m["Text"]), bool(m.get("Edited")), tuple(reactions),
                         bool(m.get("Pinned")), bool(m.get("Forwarded")), int(m.get("Lifetime", 0)), str(m.get("FileName", "")))
        return seen

    def states(self, conversation):
        return [str(m["State"]) for m in self.pages(conversation) if m.get("Own")]


class Talk:
    """A conversation, as it should be: who was in it from the beginning on without a break."""

    def __init__(self, people, ids):
        self.ids = ids          # of each person, for two; for a group all have the same
        self.steady = set(people)
        self.restored = set()   # who were, until they had an older vault put back
        self.said = {}          # by the id that all members know: who said it

    def id_of(self, person):
        return self.ids[person.name]

    def has_lost(self, person, knows, is_group):
        """Somebody has lost what came after a copy, which @knows the conversation."""
        self.steady.discard(person)
        self.said = {i: who for i, who in self.said.items() if who is not person}
        if knows:
            self.restored.add(person)
        elif not is_group:
            self.ids.pop(person.name, None)


class World:
    def __init__(self, stage):
        self.stage, self.random = stage, random.Random(SEED)
        self.bus, authd, _ = serve(stage)
        self.people = [Member(stage, authd, f"{i:032x}", name) for i, name in enumerate(NAMES, 1)]
        self.talks, self.groups, self.links, self.offline, self.refused = [], [], [], set(), collections.Counter()
        self.copies = {}  # of vaults: how many talks there were
        self.count = 0
        for p in self.people:
            p.create()

    def online(self):
        return [p for p in self.people if p not in self.offline]

    def attempt(self, what, call, *arguments):
        """What may be refused, in words: there was a race, or the person is no member any more."""
        try:
            return call(*arguments)
        except dbus.DBusException as error:
            name = error.get_dbus_name()
            assert name.startswith("im.visavis.Error.") and name.rsplit(".", 1)[1] not in ("Internal", "Storage"), (what, error)
            self.refused[what] += 1
            return None

    # -- what people do

    def begin_pair(self):
        one, other = self.random.sample(self.online(), 2)
        conversation = self.attempt("begin", one.account.OpenConversation, other.address)
        if not conversation or any(t.ids.get(one.name) == str(conversation) for t in self.talks):
            return
        talk = Talk((one, other), {one.name: str(conversation)})
        for t in self.talks:  # begun by the other
            if set(t.ids) == {other.name} and t.steady == {one, other}:
                t.ids[one.name] = str(conversation)
                return
        self.talks.append(talk)
        self.say(talk, one)

    def begin_group(self):
        people = self.random.sample(self.online(), self.random.randint(3, 7))
        group = self.attempt("create", people[0].groups.Create, f"group {len(self.groups)}", [p.address for p in people[1:]])
        if group:
            talk = Talk(people, {p.name: str(group) for p in self.people})
            self.talks.append(talk)
            self.groups.append(talk)

    def a_talk(self):
        """A conversation, and somebody who is online and has it."""
        talk = self.random.choice(self.talks)
        have = [p for p in self.online() if p.name in talk.ids and (talk not in self.groups or self.is_member(talk, p))]
        return (talk, self.random.choice(have)) if have else (None, None)

    @staticmethod
    def is_member(talk, person):
        return any(str(i) == talk.id_of(person) and bool(member) for i, _, member in person.groups.List())

    def say(self, talk=None, person=None):
        if not talk:
            talk, person = self.a_talk()
        if talk:
            self.count += 1
            number = self.attempt("send", person.account.Send, talk.id_of(person), f"{person.name} says {self.count}")
            if number:
                said, = person.messages.Read(talk.id_of(person), dbus.Dictionary({"limit": dbus.UInt32(1), "before": dbus.UInt64(int(number) + 1)}, signature="sv"))
                talk.said[str(said["ContentId"])] = person

    def about(self, what, own, call):
        """Does something to a message that the person has, of their own or anybody's."""
        talk, person = self.a_talk()
        there = [m for m in person.pages(talk.id_of(person)) if str(m["Kind"]) == "text" and (not own or m.get("Own"))][-8:] if talk else []
        if not there:
            return None
        message = self.random.choice(there)
        self.attempt(what, call(person), talk.id_of(person), dbus.UInt64(int(message["Id"])))
        return talk, person, str(message["ContentId"])

    def react(self):
        emoji = self.random.choice((["👍"], ["❤", "🎉"], []))
        self.about("react", False, lambda p: lambda c, m: p.messages.React(c, m, dbus.Array(emoji, signature="s")))

    def edit(self):
        self.count += 1
        self.about("edit", True, lambda p: lambda c, m: p.messages.Edit(c, m, f"{p.name} meant {self.count}"))

    def delete(self):
        done = self.about("delete", True, lambda p: lambda c, m: p.messages.Delete(c, m, True))
        if done and done[2] not in done[1].content(done[0].id_of(done[1])):  # it had not left yet, and is nowhere
            done[0].said.pop(done[2], None)

    def reply(self):
        self.count += 1
        self.about("reply", False, lambda p: lambda c, m: p.messages.Send(c, f"{p.name} answers {self.count}", dbus.Dictionary({"reply-to": m}, signature="sv")))

    def pin(self):
        self.about("pin", False, lambda p: lambda c, m: p.messages.Pin(c, m, self.random.random() < .6))

    def forward(self):
        self.about("forward", False, lambda p: lambda c, m: p.messages.Forward(c, m, c))

    def send_file(self):
        talk, person = self.a_talk()
        if talk:
            self.count += 1
            fd = os.memfd_create("file")
            os.write(fd, os.urandom(self.random.choice((10, 100000))))
            os.lseek(fd, 0, os.SEEK_SET)
            self.attempt("file", person.transfers.Send, talk.id_of(person), dbus.types.UnixFd(fd), f"file {self.count}", "", dbus.Dictionary(signature="sv"))
            os.close(fd)

    def disappear(self):
        talk, person = self.a_talk()
        if talk:
            self.attempt("disappear", person.messages.SetDisappearing, talk.id_of(person), dbus.UInt32(self.random.choice((0, 3600, 86400))))

    def set_aside(self):
        """What is of nobody else's business."""
        talk, person = self.a_talk()
        if talk:
            conversation, messages = talk.id_of(person), person.messages
            self.random.choice((lambda: messages.SetArchived(conversation, True), lambda: messages.SetMuted(conversation, dbus.UInt64(2**64 - 1)),
                                lambda: messages.SetDraft(conversation, f"perhaps {self.count}", dbus.UInt64(0)), lambda: messages.MarkUnread(conversation),
                                lambda: messages.SetTyping(conversation, True), lambda: messages.SetReceipts(conversation, self.random.random() < .5)))()

    def read(self):
        talk, person = self.a_talk()
        if talk and (there := person.pages(talk.id_of(person))):
            self.attempt("read", person.messages.MarkRead, talk.id_of(person), dbus.UInt64(int(there[-1]["Id"])))

    def add(self):
        talk, person = self.a_talk()
        if talk in self.groups:
            self.attempt("add", person.groups.Add, talk.id_of(person), [self.random.choice([p for p in self.people if p is not person]).address])

    def invite(self):
        """A link, and somebody who follows it, perhaps while who has made it is away."""
        talk, person = self.a_talk()
        if talk in self.groups:
            once = dbus.UInt32(self.random.randint(0, 1))
            link = self.attempt("invite", person.invitations.Invite, talk.id_of(person), dbus.UInt64(int(time.time()) + 3600), once)
            if link:
                self.links.append(link)

    def join(self):
        if self.links:
            self.attempt("join", self.random.choice(self.online()).invitations.Join, self.random.choice(self.links))

    def revoke(self):
        talk, person = self.a_talk()
        there = self.attempt("invitations", person.invitations.List, talk.id_of(person)) if talk in self.groups else None
        if there:
            self.attempt("revoke", person.invitations.Revoke, talk.id_of(person), self.random.choice(there)[0])

    def remove(self):
        talk, person = self.a_talk()
        if talk in self.groups and len(members := person.members(talk.id_of(person))) > 3:
            victim = self.random.choice([p for p in self.people if p.name in members and p is not person])
            self.attempt("remove", person.groups.Remove, talk.id_of(person), victim.address)
            talk.steady.discard(victim)

    def leave(self):
        talk, person = self.a_talk()
        if talk in self.groups and len(person.members(talk.id_of(person))) > 4:
            talk.steady.discard(person)
            self.attempt("leave", person.groups.Leave, talk.id_of(person))

    def rename(self):
        talk, person = self.a_talk()
        if talk in self.groups:
            self.count += 1
            self.attempt("rename", person.groups.Rename, talk.id_of(person), f"called {self.count}")

    def go_offline(self):
        if len(self.offline) < 5:
            person = self.random.choice(self.online())
            person.account.Lock()
            self.offline.add(person)

    def come_back(self):
        if self.offline:
            person = self.random.choice(sorted(self.offline, key=lambda p: p.name))
            person.unlock()
            self.offline.discard(person)

    def kill_relayd(self):
        self.stage.kill("relayd")
        self.stage.start("relayd", RELAYD)
        wait_for(lambda: self.bus.name_has_owner("im.visavis.Relay1"))

    def kill_hub(self):
        self.stage.kill("hub")
        time.sleep(0.2)
        self.stage.start_hub()

    def kill_cryptod(self, how=signal.SIGKILL, meanwhile=lambda: None):
        self.stage.kill("cryptod", how)
        wait_for(lambda: not self.bus.name_has_owner("im.visavis.Crypto1"))
        meanwhile()
        self.stage.start("cryptod", CRYPTOD)
        wait_for(lambda: self.bus.name_has_owner("im.visavis.Crypto1"))
        for p in self.online():
            p.unlock()

    def copy_vault(self):
        if len(self.copies) < 2 and (people := [p for p in self.online() if p not in self.copies]):
            person = self.random.choice(people)
            # A group of the person's own that has nobody else in it yet names nobody who could be asked for the way back.
            known = [t for t in self.talks if person.name in t.ids and (t not in self.groups or (
                self.is_member(t, person) and len(person.members(t.id_of(person))) > 1))]
            vault = f"{self.stage.directory}/cryptod/{person.id}"
            self.kill_cryptod(signal.SIGTERM, lambda: shutil.copytree(vault, f"{self.stage.directory}/copy-{person.id}"))
            self.copies[person] = known

    def put_back(self):
        if self.copies:
            person = self.random.choice(sorted(self.copies, key=lambda p: p.name))
            vault, copied = f"{self.stage.directory}/cryptod/{person.id}", self.copies.pop(person)

            def replace():
                shutil.rmtree(vault)
                os.rename(f"{self.stage.directory}/copy-{person.id}", vault)
            self.kill_cryptod(signal.SIGTERM, replace)
            for talk in [t for t in self.talks if person in t.steady]:
                talk.has_lost(person, talk in copied, talk in self.groups)
            self.refused["put back"] += 1

    def walk(self):
        acts = [(self.say, 30), (self.reply, 8), (self.react, 10), (self.edit, 7), (self.delete, 3), (self.pin, 4), (self.read, 8), (self.begin_pair, 5),
                (self.begin_group, 3), (self.add, 5), (self.invite, 4), (self.join, 5), (self.revoke, 1), (self.remove, 2), (self.leave, 1), (self.rename, 2), (self.go_offline, 4), (self.come_back, 5),
                (self.forward, 2), (self.send_file, 3), (self.disappear, 1), (self.set_aside, 3),
                (self.kill_relayd, 2), (self.kill_hub, 2), (self.kill_cryptod, 1), (self.copy_vault, 1), (self.put_back, 1)]
        self.begin_group()
        self.begin_pair()
        for _ in range(STEPS):
            act = self.random.choices([a for a, _ in acts], [w for _, w in acts])[0]
            act()

    # -- how it ends

    def settled(self, talk):
        """Those who were there all the time have the same, and all that anybody sent has arrived at the hub."""
        people = [p for p in talk.steady if p.name in talk.ids]
        contents = [p.content(talk.id_of(p)) for p in people]
        states = {s for p in people for s in p.states(talk.id_of(p))}
        members = [p.members(talk.id_of(p)) for p in people]
        return all(c == contents[0] for c in contents) and "queued" not in states and all(m == members[0] for m in members)

    def differences(self, talk):
        people = [p for p in talk.steady if p.name in talk.ids]
        contents = {p.name: p.content(talk.id_of(p)) for p in people}
        everything = {k for c in contents.values() for k in c}
        return ([(k[:8], {n: c.get(k) for n, c in contents.items()}) for k in everything if len({c.get(k) for c in contents.values()}) > 1][:4],
                {p.name: p.members(talk.id_of(p)) for p in people}, {p.name: collections.Counter(p.states(talk.id_of(p))) for p in people})

    def lost(self, talk):
        """What somebody of those said and another of them does not have."""
        return [(i[:8], who.name, p.name) for p in talk.steady if p.name in talk.ids for content in [p.content(talk.id_of(p))]
                for i, who in talk.said.items() if who in talk.steady and i not in content]

    def late(self, talk):
        """Whoever came later, or went, or has lost a part, has nothing but what the others have."""
        whole = {k for p in talk.steady if p.name in talk.ids for k in p.content(talk.id_of(p))}
        others = [p for p in self.people if p not in talk.steady and p.name in talk.ids]
        if talk in self.groups:
            others = [p for p in others if any(str(i) == talk.id_of(p) for i, *_ in p.groups.List()) and self.is_member(talk, p)]
        return {p.name: extra for p in others if (extra := set(p.content(talk.id_of(p))) - whole)}

    def deaf(self, talk):
        """Who has lost a part, is a member to the others, and is not heard."""
        there = next(iter(talk.steady), None)
        back = [p for p in talk.restored if talk not in self.groups or (there and p.name in there.members(talk.id_of(there)))]
        for p in back if there else ():
            if not wait_for(lambda: talk not in self.groups or self.is_member(talk, p), 150):  # who has not answered for a minute is passed over
                yield p.name, "is outside"
                continue
            text = f"{p.name} is back"
            p.account.Send(talk.id_of(p), text)
            if not wait_for(lambda: text in [m[2] for m in there.content(talk.id_of(there)).values()], 60):
                yield p.name, "is not heard"


def play(stage):
    world = World(stage)
    world.walk()
    while world.offline:
        world.come_back()
    for talk in world.talks:  # the other's side of a conversation of two
        one, other = (sorted(talk.steady | talk.restored, key=lambda p: p.name) + [None, None])[:2]
        if talk not in world.groups and other:
            for me, them in ((one, other), (other, one)):
                theirs = lambda: [str(c[0]) for c in me.account.ListConversations() if str(c[1]) == them.plain_address]
                if me.name not in talk.ids and wait_for(theirs):
                    talk.ids[me.name] = theirs()[0]
    print(f"# {STEPS} steps from seed {SEED}: {len(world.groups)} groups, {len(world.talks) - len(world.groups)} conversations of two, "
          f"{sum(len(t.said) for t in world.talks)} texts; refused: {dict(world.refused)}", flush=True)
    for n, talk in enumerate(world.talks):
        people = ", ".join(sorted(p.name for p in talk.steady))
        deaf = list(world.deaf(talk))
        check(f"conversation {n}: {people} agree", wait_for(lambda: world.settled(talk), 60), world.differences(talk))
        check(f"conversation {n}: nothing is lost", not world.lost(talk), world.lost(talk)[:5])
        texts = collections.Counter(m[2] for p in talk.steady if p.name in talk.ids for m in p.content(talk.id_of(p)).values() if m[0] == "text" and not m[6])
        check(f"conversation {n}: nothing is doubled", all(c <= len(talk.steady) for c in texts.values()), texts.most_common(3))
        check(f"conversation {n}: whoever came later, or has lost a part, has nothing else", wait_for(lambda: not world.late(talk), 10), world.late(talk))
        if talk.restored:
            check(f"conversation {n}: {', '.join(sorted(p.name for p in talk.restored))} came back", not deaf, deaf)
    check("something was said", sum(len(t.said) for t in world.talks) >= STEPS // 10)
    return finish()


run(play)
