#!/usr/bin/python3
"""Twelve people and one hub: a seeded random walk through what a conversation can do, while people go offline and daemons are killed.
At the end all who were in a conversation all the time have the same in it, nothing of it lost or doubled, and agree who is in it.

test_simulation.py CRYPTOD RELAYD HUB [STEPS [SEED]]"""
import collections
import os
import random
import sys
import time

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from cryptod_stage import CRYPTOD, RELAYD, Person, run, serve, wait_for  # noqa: E402

NAMES = "ada bea cem dan eli fay gus hal ivy jon kim lea".split()
STEPS, SEED = (int(w) for w in (*sys.argv[4:6], *("120", "7")[len(sys.argv[4:6]):]))
KINDS = ("text", "file", "deleted")


class Member(Person):
    """One of the twelve."""

    @property
    def messages(self):
        return self.of(self.path, "im.visavis.Crypto1.Messages")

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
                         bool(m.get("Pinned")))
        return seen

    def states(self, conversation):
        return [str(m["State"]) for m in self.pages(conversation) if m.get("Own")]


class Talk:
    """A conversation, as it should be: who was in it from the beginning on without a break."""

    def __init__(self, people, ids):
        self.ids = ids          # of each person, for two; for a group all have the same
        self.steady = set(people)
        self.said = collections.Counter()

    def id_of(self, person):
        return self.ids[person.name]


class World:
    def __init__(self, stage):
        self.stage, self.random = stage, random.Random(SEED)
        self.bus, authd, _ = serve(stage)
        self.people = [Member(stage, authd, f"{i:032x}", name) for i, name in enumerate(NAMES, 1)]
        self.talks, self.groups, self.links, self.offline, self.refused = [], [], [], set(), collections.Counter()
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
            text = f"{person.name} says {self.count}"
            if self.attempt("send", person.account.Send, talk.id_of(person), text):
                talk.said[text] += 1

    def about(self, what, own, call):
        """Does something to a message that the person has, of their own or anybody's."""
        talk, person = self.a_talk()
        there = [m for m in person.pages(talk.id_of(person)) if str(m["Kind"]) == "text" and (not own or m.get("Own"))][-8:] if talk else []
        if there:
            self.attempt(what, call(person), talk.id_of(person), dbus.UInt64(int(self.random.choice(there)["Id"])))

    def react(self):
        emoji = self.random.choice((["👍"], ["❤", "🎉"], []))
        self.about("react", False, lambda p: lambda c, m: p.messages.React(c, m, dbus.Array(emoji, signature="s")))

    def edit(self):
        self.count += 1
        self.about("edit", True, lambda p: lambda c, m: p.messages.Edit(c, m, f"{p.name} meant {self.count}"))

    def delete(self):
        self.about("delete", True, lambda p: lambda c, m: p.messages.Delete(c, m, True))

    def reply(self):
        self.count += 1
        self.about("reply", False, lambda p: lambda c, m: p.messages.Send(c, f"{p.name} answers {self.count}", dbus.Dictionary({"reply-to": m}, signature="sv")))

    def pin(self):
        self.about("pin", False, lambda p: lambda c, m: p.messages.Pin(c, m, self.random.random() < .6))

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

    def kill_cryptod(self):
        self.stage.kill("cryptod")
        wait_for(lambda: not self.bus.name_has_owner("im.visavis.Crypto1"))
        self.stage.start("cryptod", CRYPTOD)
        wait_for(lambda: self.bus.name_has_owner("im.visavis.Crypto1"))
        for p in self.online():
            p.unlock()

    def walk(self):
        acts = [(self.say, 30), (self.reply, 8), (self.react, 10), (self.edit, 7), (self.delete, 3), (self.pin, 4), (self.read, 8), (self.begin_pair, 5),
                (self.begin_group, 3), (self.add, 5), (self.invite, 4), (self.join, 5), (self.revoke, 1), (self.remove, 2), (self.leave, 1), (self.rename, 2), (self.go_offline, 4), (self.come_back, 5),
                (self.kill_relayd, 2), (self.kill_hub, 2), (self.kill_cryptod, 1)]
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

    def late(self, talk):
        """Whoever came later, or went, has a part of what the others have, as they have it but for what was said of it elsewhere."""
        whole = {k for p in talk.steady if p.name in talk.ids for k in p.content(talk.id_of(p))}
        others = [p for p in self.people if p not in talk.steady and any(str(i) == talk.id_of(p) for i, *_ in p.groups.List())]
        return all(set(p.content(talk.id_of(p))) <= whole for p in others if self.is_member(talk, p))


def play(stage):
    world = World(stage)
    world.walk()
    while world.offline:
        world.come_back()
    for talk in world.talks:  # the other's side of a conversation of two
        one, other = (sorted(talk.steady, key=lambda p: p.name) + [None, None])[:2]
        if talk not in world.groups:
            for me, them in ((one, other), (other, one)):
                wait_for(lambda: me.name in talk.ids or [c for c in me.account.ListConversations() if str(c[1]) == them.plain_address])
                talk.ids.setdefault(me.name, next((str(c[0]) for c in me.account.ListConversations() if str(c[1]) == them.plain_address), None))
    print(f"# {STEPS} steps from seed {SEED}: {len(world.groups)} groups, {len(world.talks) - len(world.groups)} conversations of two, "
          f"{sum(sum(t.said.values()) for t in world.talks)} texts; refused: {dict(world.refused)}", flush=True)
    for n, talk in enumerate(world.talks):
        people = sorted(p.name for p in talk.steady)
        check(f"conversation {n}: {', '.join(people)} agree", wait_for(lambda: world.settled(talk), 60), world.differences(talk))
        texts = collections.Counter(m[2] for p in talk.steady for m in p.content(talk.id_of(p)).values() if m[0] == "text")
        check(f"conversation {n}: nothing is doubled", all(c <= len(talk.steady) for c in texts.values()), texts.most_common(3))
        if talk in world.groups:
            check(f"conversation {n}: whoever came later has nothing else", world.late(talk))
    check("something was said", sum(sum(t.said.values()) for t in world.talks) >= STEPS // 10)
    return finish()


run(play)
