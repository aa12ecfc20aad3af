#!/usr/bin/python3
"""Two people, three daemons, a hub: what must be refused is refused, and what was acknowledged survives every crash."""

import json
import os
import signal
import subprocess
import time

from person import Person
from stage import BUS_NAMES, DAEMONS, FACE_REFUSED, FACTOR_REFUSED, Stage
from tap import skip_all, tell
from two_hubs import story_of_two_hubs

PINS = {"alice": "2718-alice", "bob": "3141-bob"}
TICKET_SECONDS = 30
AUTH = ("im.visavis.Auth1", "/im/visavis/Auth1")


def texts(stage, reader, *conversation):
    """What a person reads, as (sender's name, text), oldest first."""
    done = stage.visavis(reader, "read", "--json", "--last", "500", *conversation)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [(m["sender"].split("@")[0], m["text"]) for m in messages if "text" in m]


def wait_for_texts(stage, reader, expected, seconds=60):
    """Waits until a person has exactly the expected texts: none lost, none doubled, in order for each sender."""
    deadline = time.monotonic() + seconds
    while True:
        have = texts(stage, reader)
        if sorted(have) == sorted(expected) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert sorted(have) == sorted(expected), f"{reader} has {have}, expected {expected}"
    for sender in {s for s, _ in expected}:
        assert [t for s, t in have if s == sender] == [t for s, t in expected if s == sender], "order of one sender's messages"


def account_of(stage, person):
    answer = json.loads(stage.busctl("call", "im.visavis.Crypto1", "/im/visavis/Crypto1", "im.visavis.Crypto1.Manager",
                                     "ListAccounts", user=person))
    path, identifier, _, state, _ = answer["data"][0][0]
    return path, identifier, state


def log_in(stage, person, face=None, **keywords):
    stage.camera(face or person)
    try:
        return stage.visavis(person, "login", pin=PINS[person], **keywords)
    finally:
        stage.camera("nobody")


def refused_by_bus(stage, user, name, path, interface, method, *arguments):
    command = ["busctl", f"--address={stage.address}", "call", name, path, interface, method, *arguments]
    prefix = stage._as(user)  # pylint: disable=protected-access
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "denied" in done.stderr.lower(), f"{method} as {user}: {done.stdout}{done.stderr}"


def tickets(story, stage):
    path, identifier, _ = account_of(stage, "alice")
    stage.camera("alice")
    with story.step("a ticket opens the vault once, and not twice"):
        caller = Person(stage, "alice")
        ticket = caller(f"verified_ticket({identifier!r})")
        assert caller(f"unlock({path!r}, {ticket!r}, {PINS['alice']!r})") == "opened"
        assert caller(f"unlock({path!r}, {ticket!r}, {PINS['alice']!r})") == "im.visavis.Error.TicketInvalid"
    with story.step("the account locks when the last program that holds the unlock leaves the bus"):
        assert account_of(stage, "alice")[2] == "unlocked"
        caller.leave()
        deadline = time.monotonic() + 5
        while account_of(stage, "alice")[2] != "locked":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with story.step("a ticket of another caller, even of the same person, is refused"):
        first, second = Person(stage, "alice"), Person(stage, "alice")
        ticket = first(f"verified_ticket({identifier!r})")
        assert second(f"unlock({path!r}, {ticket!r}, {PINS['alice']!r})") == "im.visavis.Error.TicketInvalid"
    with story.step("another Unix user can neither verify nor unlock nor see the account"):
        intruder = Person(stage, "bob")
        assert intruder(f"unlock({path!r}, {ticket!r}, {PINS['alice']!r})") == "im.visavis.Error.AccessDenied"
        listed = stage.busctl("call", "im.visavis.Crypto1", "/im/visavis/Crypto1", "im.visavis.Crypto1.Manager",
                              "ListAccounts", user="bob")
        assert identifier not in listed
        denied = subprocess.run([*stage._as(stage.person_user("bob")), "busctl", f"--address={stage.address}", "call", *AUTH,
                                 "im.visavis.Auth1.Manager", "Verify", "sa{sv}", identifier, "0"],
                                capture_output=True, text=True, check=False)
        assert denied.returncode != 0, denied.stdout
    for program in (first, second, intruder):
        program.leave()
    stage.camera("nobody")


class WaitingTicket:
    """A good ticket of alice's that nobody uses while it is good: the story goes on meanwhile, without a restart of authd."""

    def __init__(self, stage):
        self.stage = stage
        self.path, identifier, _ = account_of(stage, "alice")
        stage.camera("alice")
        self.caller = Person(stage, "alice")
        self.ticket = self.caller(f"verified_ticket({identifier!r})")
        self.authd, self.expired = stage.daemon_pid("authd"), time.monotonic() + TICKET_SECONDS + 1
        stage.camera("nobody")

    def use(self):
        """Tries it when it has expired: what the vault says."""
        time.sleep(max(0, self.expired - time.monotonic()))
        assert self.stage.daemon_pid("authd") == self.authd, "the ticket ended with the authd that made it"
        said = self.caller(f"unlock({self.path!r}, {self.ticket!r}, {PINS['alice']!r})")
        self.caller.leave()
        return said


def policy(story, stage):
    with story.step("nobody but cryptod redeems tickets or hands envelopes to relayd, nobody but relayd delivers"):
        for user in (stage.person_user("alice"), "visavis-relay"):
            refused_by_bus(stage, user, *AUTH, "im.visavis.Auth1.Tickets", "Redeem", "aysust", "0", "x", "0", "x", "0")
            refused_by_bus(stage, user, "im.visavis.Relay1", "/im/visavis/Relay1", "im.visavis.Relay1.Delivery", "Attach", "s", "x")
        for user in (stage.person_user("alice"), "visavis-auth"):
            refused_by_bus(stage, user, "im.visavis.Crypto1", "/im/visavis/Crypto1", "im.visavis.Crypto1.Inbox",
                           "KeyPackagesLow", "su", "x", "0")
        for user in (stage.person_user("alice"), "visavis-relay", "root"):
            refused_by_bus(stage, user, "im.visavis.Crypto1", "/im/visavis/Crypto1", "im.visavis.Crypto1.Failures",
                           "Compare", "a(stu)", "0")


def group(story, stage):
    def until(person, condition):
        deadline = time.monotonic() + 60
        while not condition(have := texts(stage, person, "hikers")):
            assert time.monotonic() < deadline, f"{person} has {have}"
            time.sleep(0.2)

    with story.step("a group is created, and every member's message reaches all, with relayd killed in between"):
        stage.visavis("alice", "group", "create", "hikers", stage.address_of("bob"))
        stage.kill("relayd")
        stage.visavis("alice", "send", "hikers", "at eight")
        deadline = time.monotonic() + 60
        while "hikers" not in stage.visavis("bob", "group", "list").stdout:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        until("bob", lambda have: ("alice", "at eight") in have)
        stage.visavis("bob", "send", "hikers", "by the bridge")
        until("alice", lambda have: ("bob", "by the bridge") in have)
    with story.step("a role is given, and what a role does not allow is refused"):
        assert stage.visavis("bob", "group", "remove", "hikers", stage.address_of("alice"), check=False).returncode != 0
        stage.visavis("alice", "group", "role", "hikers", stage.address_of("bob"), "admin")
        deadline = time.monotonic() + 60
        while "admin" not in stage.visavis("bob", "group", "members", "hikers").stdout:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    with story.step("a contact is muted and blocked, and heard again; a link says who one is"):
        link = stage.visavis("bob", "contact", "invite").stdout.strip()
        stage.visavis("alice", "contact", "add", link)
        assert stage.visavis("alice", "contact", "add", link.replace("visavis:bob@", "visavis:alice@"), check=False).returncode != 0
        stage.visavis("alice", "contact", "block", stage.address_of("bob"))
        assert stage.visavis("alice", "send", stage.address_of("bob"), "never", check=False).returncode != 0
        stage.visavis("alice", "contact", "unblock", stage.address_of("bob"))
        stage.visavis("alice", "mute", stage.address_of("bob"), "8h")
        stage.visavis("alice", "unmute", stage.address_of("bob"))
        assert stage.visavis("alice", "notify").stdout == "full\n"
    with story.step("a member who is removed reads nothing more"):
        stage.visavis("alice", "group", "remove", "hikers", stage.address_of("bob"))
        stage.visavis("alice", "send", "hikers", "alone now")
        until("bob", lambda have: have[-1] == ("", "You were removed."))
        assert ("alice", "alone now") not in texts(stage, "bob", "hikers")
        assert stage.visavis("bob", "send", "hikers", "and I?", check=False).returncode != 0


def room(story, stage):
    """Three accounts: carol is alice's second one, with a face of her own."""
    accounts = {"alice": ("alice", "alice"), "bob": ("bob", "bob"), "carol": ("alice", "carol")}

    def visavis(name, *words, **keywords):
        person, account = accounts[name]
        return stage.visavis(person, *words, *(["--account", account] if person == "alice" else []), **keywords)

    def heard(name):
        done = visavis(name, "read", "--json", "--last", "500", "#general")
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return [(m["sender"].split("@")[0], m["text"].replace(f"@{stage.hub_address.split('#')[0]}", "")) for m in messages if "text" in m]

    def until(name, condition):
        deadline = time.monotonic() + 60
        while not condition(have := heard(name)):
            assert time.monotonic() < deadline, f"{name} has {have}"
            time.sleep(0.1)

    def is_in(have):
        return ("", "You are in #general.") in have

    with story.step("a third account joins the hub, whose owner keeps a room"):
        stage.configure("hub", "[hub]\nrooms = general\n")
        stage.stop_hub()
        stage.start_hub()
        stage.camera("stranger")
        stage.visavis("alice", "signup", f"carol@{stage.hub_address}", pin=PINS["alice"])
        stage.camera("nobody")
    with story.step("an open room of the hub is begun by the first, and joined by the second, with the hub killed in between"):
        assert "general" in visavis("alice", "room", "list").stdout
        visavis("alice", "room", "join", "general")
        stage.stop_hub(kill=True)
        visavis("alice", "send", "#general", "anybody here?")
        stage.start_hub()
        until("alice", is_in)
        visavis("bob", "room", "join", "#general")
        until("bob", is_in)
        until("alice", lambda have: ("", "bob joined.") in have)
    with story.step("a joiner races with a committer, and every member's message reaches all"):
        visavis("alice", "update", "#general")
        visavis("carol", "room", "join", "general")
        visavis("bob", "send", "#general", "hello")
        for name in accounts:
            until(name, is_in)
        visavis("carol", "send", "#general", "hello from carol")
        visavis("alice", "send", "#general", "hello both")
        for name in accounts:
            until(name, lambda have: {t for _, t in have} >= {"hello from carol", "hello both"})
        assert ("", "carol joined.") in heard("bob") and "anybody here?" not in [t for _, t in heard("bob")]
        members = [json.loads(line)["address"] for line in visavis("bob", "room", "members", "general", "--json").stdout.splitlines()]
        assert sorted(m.split("@")[0] for m in members) == ["alice", "bob", "carol"], members
    with story.step("who leaves reads nothing more, and everybody is told"):
        visavis("bob", "room", "leave", "general")
        until("carol", lambda have: ("", "bob left.") in have)
        visavis("carol", "send", "#general", "without bob")
        until("alice", lambda have: ("carol", "without bob") in have)
        until("bob", lambda have: have[-1] == ("", "You left."))
        assert visavis("bob", "send", "#general", "and I?", check=False).returncode != 0
    with story.step("a room that the hub has begun anew is joined again by whoever speaks in it"):
        stage.run([*stage._as("visavis-hub"), f"{stage.build}/ui/visavis", "hub", "--state", f"{stage.directory}/state/hub",
                   "reset-room", "general"])
        visavis("alice", "send", "#general", "is this on?")
        visavis("carol", "send", "#general", "it is")
        until("alice", lambda have: ("carol", "it is") in have or ("alice", "is this on?") in heard("carol"))


def files(story, stage):
    def read(person):
        lines = stage.visavis(person, "read", "--json", "--last", "20", stage.address_of("bob" if person == "alice" else "alice")).stdout
        return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]

    content = os.urandom(700000)
    sent, saved = f"{stage.directory}/photo.jpg", f"{stage.directory}/saved"
    with open(sent, "wb") as f:
        f.write(content)
    os.chmod(sent, 0o644)
    os.makedirs(saved)
    os.chmod(saved, 0o777)
    with story.step("a file is sent, with relayd killed on the way, and saved by the other"):
        stage.visavis("alice", "file", "send", stage.address_of("bob"), sent, "the heron")
        stage.kill("relayd")
        deadline = time.monotonic() + 60
        while not (there := [m for m in read("bob") if m.get("text") == "the heron"]):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        stage.visavis("bob", "file", "save", stage.address_of("alice"), str(there[0]["id"]), "-o", f"{saved}/photo.jpg")
        with open(f"{saved}/photo.jpg", "rb") as f:
            assert f.read() == content
        again = stage.visavis("bob", "file", "save", stage.address_of("alice"), str(there[0]["id"]), "-o", f"{saved}/photo.jpg", check=False)
        assert again.returncode == 2 and "there already" in again.stderr, again
    with story.step("what was said is found, and taken along"):
        assert "the heron" in stage.visavis("bob", "search", "HERON").stdout
        exported = json.loads(stage.visavis("bob", "export", "--json", stage.address_of("alice")).stdout)
        assert [m["file"]["name"] for m in exported["messages"] if "file" in m] == ["photo.jpg"]


def crashes(story, stage):
    expected = texts(stage, "alice")

    def say(sender, text):
        receiver = "bob" if sender == "alice" else "alice"
        stage.visavis(sender, "send", stage.address_of(receiver), text)
        expected.append((sender, text))

    with story.step("relayd killed right after each send: nothing lost, nothing doubled"):
        for i in range(5):
            say("alice", f"relayd {i}")
            stage.kill("relayd")
            say("bob", f"relayd back {i}")
        for person in PINS:
            wait_for_texts(stage, person, expected)
    with story.step("the hub killed right after each send, gone for a while, and back"):
        for i in range(3):
            say("alice", f"hub {i}")
            stage.stop_hub(kill=True)
            say("bob", f"no hub {i}")
            stage.start_hub()
        for person in PINS:
            wait_for_texts(stage, person, expected)
    with story.step("cryptod killed right after each send: the accounts lock, and all is there after the next log-in"):
        for i in range(2):
            say("alice", f"cryptod {i}")
            stage.kill("cryptod")
            for person in PINS:
                assert account_of(stage, person)[2] == "locked"
                log_in(stage, person)
            say("bob", f"cryptod back {i}")
        for person in PINS:
            wait_for_texts(stage, person, expected)
    with story.step("authd killed in the middle of an attempt: the attempt ends in words, the conversation goes on"):
        stage.camera("alice")
        attempt = stage.popen("alice", ["visavis", "login"], pin=PINS["alice"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1)
        stage.kill("authd")
        _, words = attempt.communicate(timeout=60)
        assert attempt.returncode != 0 and words.strip(), words
        stage.camera("nobody")
        say("bob", "still here")
        wait_for_texts(stage, "alice", expected)


def chat(story, stage):
    """What is said of a message, by two who have talked before."""
    def read(person):
        other = stage.address_of("bob" if person == "alice" else "alice")
        return [json.loads(line) for line in stage.visavis(person, "read", "--json", "--last", "50", other).stdout.splitlines()]

    def until(person, what, condition):
        deadline = time.monotonic() + 60
        while not condition(have := read(person)):
            assert time.monotonic() < deadline, f"{person} does not see {what}: {have[-3:]}"
            time.sleep(0.2)

    def say(person, *words):
        verb, *rest = words
        return stage.visavis(person, verb, stage.address_of("bob" if person == "alice" else "alice"), *rest)

    with story.step("a reply, a reaction and a receipt reach who wrote the message, with cryptod killed in between"):
        say("alice", "send", "tea?")
        until("bob", "the question", lambda have: have[-1]["text"] == "tea?")
        say("bob", "react", "last", "\U0001f44d")
        say("bob", "reply", "last", "coffee")
        stage.kill("cryptod")
        for person in PINS:
            log_in(stage, person)
        until("alice", "the reply", lambda have: have[-1]["text"] == "coffee" and have[-1]["quote"] == "tea?")
        until("alice", "the reaction and the receipt", lambda have: have[-2]["reactions"] == [{"who": have[-1]["sender"], "emoji": "\U0001f44d"}] and
              have[-2]["state"] == "read")
    with story.step("only its author edits and deletes a message, and then for both"):
        say("bob", "edit", "mine", "cocoa")
        until("alice", "the edit", lambda have: have[-1]["text"] == "cocoa" and have[-1]["edited_usec"] > 0)
        number = str(read("alice")[-1]["id"])
        for verb in (("edit", number, "beer"), ("delete", number)):
            assert stage.visavis("alice", verb[0], stage.address_of("bob"), *verb[1:], check=False).returncode != 0
        say("bob", "delete", "mine")
        until("alice", "the deletion", lambda have: have[-1]["kind"] == "deleted")
    with story.step("what is to disappear disappears on both sides"):
        say("alice", "disappear", "2s")
        say("alice", "send", "for two seconds")
        until("bob", "what will disappear", lambda have: have[-1]["text"] == "for two seconds" or have[-1]["kind"] == "lifetime")
        for person in PINS:
            until(person, "it gone", lambda have: have[-1]["kind"] == "lifetime")
        say("bob", "disappear", "off")
        until("alice", "that messages stay", lambda have: have[-1]["kind"] == "lifetime" and "stay" in have[-1]["text"])


def tell_story(story):
    with Stage(os.environ["VISAVIS_BUILD"]) as stage:
        try:
            the_story(story, stage)
        finally:
            if story.failed:
                for name in os.listdir(f"{stage.directory}/log"):
                    with open(f"{stage.directory}/log/{name}", encoding="utf-8", errors="replace") as f:
                        for line in f.read().splitlines()[-40:]:
                            print(f"# {name}: {line}")


def the_story(story, stage):
    for person in PINS:
        with story.step(f"{person} signs up with face and PIN"):
            stage.camera(person)
            stage.visavis(person, "signup", stage.address_of(person), pin=PINS[person])
            stage.visavis(person, "lock")
            assert account_of(stage, person)[2] == "locked"
    with story.step("a stranger's face is refused"):
        done = log_in(stage, "alice", "stranger", check=False)
        assert done.returncode == FACE_REFUSED, done
    with story.step("a photograph that is held up is refused"):
        stage.camera("alice-again", still=True)
        done = stage.visavis("alice", "login", pin=PINS["alice"], check=False)
        assert done.returncode == FACE_REFUSED, done
    with story.step("a wrong PIN is refused"):
        stage.camera("alice")
        done = stage.visavis("alice", "login", pin="0000-wrong", check=False, tries=3)
        assert done.returncode == FACTOR_REFUSED, done
    with story.step("the right face in another photograph and the right PIN open the vault"):
        log_in(stage, "alice", "alice-again")
        assert account_of(stage, "alice")[2] == "unlocked"
    with story.step("what is sent to somebody who is locked is there after the log-in"):
        stage.visavis("alice", "send", stage.address_of("bob"), "first")
        stage.visavis("alice", "send", stage.address_of("bob"), "second")
        log_in(stage, "bob")
        wait_for_texts(stage, "bob", [("alice", "first"), ("alice", "second")])
        stage.visavis("bob", "send", stage.address_of("alice"), "third")
        wait_for_texts(stage, "alice", [("alice", "first"), ("alice", "second"), ("bob", "third")])
    for person in PINS:
        stage.visavis(person, "lock")
    tickets(story, stage)
    policy(story, stage)
    for person in PINS:
        log_in(stage, person)
    crashes(story, stage)
    ticket = WaitingTicket(stage)
    chat(story, stage)
    group(story, stage)
    files(story, stage)
    story_of_two_hubs(story, stage)
    room(story, stage)
    with story.step("an expired ticket is refused"):
        assert ticket.use() == "im.visavis.Error.TicketInvalid"
    with story.step("every daemon ends cleanly when it is asked to"):
        for daemon in DAEMONS:
            stage.busctl("introspect", BUS_NAMES[daemon], "/")
            stage.kill(daemon, signal.SIGTERM)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip_all("the daemons run as users of their own, which needs root")
    tell(tell_story)
