#!/usr/bin/python3
"""The window against stand-ins for the daemons: from the first address that is typed to a message that comes, and what goes wrong
on the way. No daemon runs, so that every refusal can be had at will."""
import os
import time

import dbus
from desktop import missing
from world import PIN_FIELD, World, picture, refusal, soon
from stand_ins import ADDRESS, BOB, CONVERSATION, GROUP, ID, PIN, SUCCESS
from tap import skip_all, tell

KEY = "A" * 43
INVITATION = "a-token-of-the-hub"
HUB_FIELD = "Hub (host:port#key)"


def sign_up(story, w):
    with w.window() as window:
        with story.step("without an account, the sign-up comes first"):
            window.see("Choose Your Address")
        with story.step("what is no address is told, and does not go on"):
            window.type("Name", "al ice")
            window.type(HUB_FIELD, "hub.example.org:7843")
            window.see("may hold only letters, digits")
            picture(window, "sign-up-wrong-address")
        with story.step("a hub without a key is possible, and told what it means"):
            window.type("Name", "alice")
            window.see("without #KEY")
        with story.step("a whole address in one field fills both"):
            window.type("Name", f"alice@hub.example.org:7843#{KEY}")
            window.see("alice@hub.example.org will be your address.")
            assert window.content("Name") == "alice" and window.content(HUB_FIELD) == f"hub.example.org:7843#{KEY}"
            window.type("Invitation, if the hub asks for one", f" {INVITATION} ")
            picture(window, "sign-up-address")
        with story.step("a PIN that everybody tries is told so, and two that differ do not go on"):
            window.click("Continue")
            window.type(PIN_FIELD, "1234")
            window.see("among the first that anybody tries")
            window.type(PIN_FIELD, "8317")
            window.see("Whoever steals its disk guesses it within hours")
            window.type("The same again", "8318")
            window.see("not the same yet")
            window.type(PIN_FIELD, PIN)
            window.type("The same again", PIN)
            window.see("Strong.")
            picture(window, "sign-up-pin")
        with story.step("every control has a name"):
            assert window.unnamed() == [], window.unnamed()
        with story.step("before the camera: what it sees, what to do, that it is virtual"):
            w.auth.script = SUCCESS[:2]
            window.click("Show My Face")
            window.see("Turn your head to the left.")
            window.see("is virtual")
            picture(window, "sign-up-face")
        with story.step("giving up cancels the attempt and forgets the PIN"):
            window.click("Cancel")
            window.see("Choose a PIN")
            soon(lambda: w.auth.cancelled == 1, w.auth.cancelled)
            assert window.content(PIN_FIELD) == "" and window.content("The same again") == ""
        with story.step("an accepted face and the PIN make the account, and open it"):
            w.auth.script = SUCCESS
            window.type(PIN_FIELD, PIN)
            window.type("The same again", PIN)
            window.click("Show My Face")
            window.see("No Conversations")
            assert w.crypto.created == [(ID, f"alice@hub.example.org:7843#{KEY}", {"invitation": INVITATION.encode()})], w.crypto.created
            picture(window, "empty")
    with story.step("when the window is closed, the account locks"):
        soon(lambda: w.crypto.accounts[0].state() == "locked", "still unlocked")


def log_in(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("with an account, the log-in comes first"):
        window.see("Welcome back, alice")
        picture(window, "log-in")
    for name, script, pin, title, sentence in (
            ("no-match", refusal("no-match", "This is not the face of this account. Try again in better light."), PIN,
             "Your face was not accepted", "Try again in better light."),
            ("throttled", refusal("throttled", "Too many attempts have failed; wait four minutes."), PIN, "Too many attempts",
             "wait four minutes"),
            ("camera", refusal("camera", "The camera is in use by another program; close that."), PIN,
             "The camera cannot be used", "close that"),
            ("wrong-pin", SUCCESS, "not-the-pin", "Wrong PIN", "do not open the vault")):
        with story.step(f"refused ({name}): told in words with what to do, and the PIN is forgotten"):
            w.log_in(window, script, pin)
            window.see(title)
            window.see(sentence)
            assert window.content(PIN_FIELD) == "", "the PIN is still there"
            picture(window, f"log-in-{name}")
    with story.step("a picture that is no ring of pictures does no harm"):
        good, w.auth.preview = w.auth.preview, os.memfd_create("nonsense")
        w.log_in(window, SUCCESS[:2])
        window.see("Turn your head to the left.")
        w.auth.preview = good
    with story.step("Escape leads back from the camera, and cancels the attempt"):
        cancelled = w.auth.cancelled
        window.press("Escape")
        window.see("Welcome back, alice")
        soon(lambda: w.auth.cancelled == cancelled + 1, w.auth.cancelled)
    with story.step("Enter in the PIN field logs in; face and PIN open the conversations"):
        w.auth.script = SUCCESS
        window.type(PIN_FIELD, PIN)
        window.press("Return")
        window.see("dave, 2 unread")
        assert account.state() == "unlocked"


def talk(story, w, window):
    account = w.crypto.accounts[0]
    now = int(time.time() * 1e6)
    with story.step("a message that comes raises its conversation to the top, unread"):
        account.add(BOB, "Hello Alice!\n<b>Are you there?</b>", time=now - 3600 * 10**6)
        window.see("bob, 1 unread")
        rows = [t for t in window.texts() if t in ("bob, 1 unread", "carol", "dave, 2 unread")]
        assert rows == ["bob, 1 unread", "dave, 2 unread", "carol"], rows
        picture(window, "list")
    with story.step("opened, it is read, and its text is shown as it was written"):
        window.click("bob, 1 unread")
        window.see("<b>Are you there?</b>")
        soon(lambda: account.read_up_to == 1, account.read_up_to)
        window.gone("1 unread")
    with story.step("Enter sends; the message waits until the hub has it"):
        window.type("Message", "Yes, just logged in.")
        window.press("Return")
        window.see("Waiting to be sent")
        soon(lambda: account.messages[-1][2] == "Yes, just logged in.", account.messages)
        account.change(2, "stored")
        window.see("Stored at the hub")
        assert window.content("Message") == ""
    with story.step("Shift+Enter breaks the line"):
        window.type("Message", "two")
        window.press("Control+End")
        window.press("Shift+Return")
        window.click("Send")
        soon(lambda: account.messages[-1][2] == "two", account.messages)
    with story.step("a message that comes into the open conversation is shown and read at once"):
        account.add(BOB, "Shall we meet at eight?", time=now)
        window.see("Shall we meet at eight?")
        soon(lambda: account.read_up_to == 4, account.read_up_to)
        picture(window, "conversation")
    with story.step("a message that will never be sent says so"):
        account.change(3, "failed")
        window.see("Not sent")
    with story.step("a message that cryptod refuses is told, and not lost"):
        window.type("Message", "refuse this")
        window.click("Send")
        window.see("It could not be stored")
        assert window.content("Message") == "refuse this"
        picture(window, "conversation-refused")
    with story.step("a very long message is folded, and shown on demand"):
        account.add(BOB, "\n".join(f"line {i}" for i in range(3000)))
        window.see("Show All of It")
        assert not any("line 2999" in t for t in window.texts())
        window.click("Show All of It")
        window.see("line 2999")
    with story.step("without the hub a bar says so, with a button that tries"):
        w.link.change(State="offline", LastError="The hub does not answer.", Outbox=dbus.UInt32(1))
        window.see("The hub cannot be reached. One message waits to be sent.")
        picture(window, "offline")
        window.click("Try Now")
        soon(lambda: w.link.tried == 1, w.link.tried)
        w.link.change(State="online")
        window.gone("cannot be reached")
    with story.step("in a narrow window the conversation stands alone, and Back and Escape lead to the list"):
        window.resize(360, 640)
        picture(window, "narrow-conversation")
        window.press("Escape")
        window.gone("Show All of It")
        picture(window, "narrow-list")
        window.resize(920, 680)
    with story.step("every control has a name here, too"):
        assert window.unnamed() == [], window.unnamed()


def trust(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("the safety number is shown, in fives and as a code"):
        window.click("bob")
        window.click("Safety Number")
        window.see("01234 01234 01234 01234")
        window.see("in person or on a call")
        picture(window, "safety-number")
        assert window.unnamed() == [], window.unnamed()
    with story.step("who has compared it says so, and sees a mark from then on"):
        window.click("It Is the Same")
        window.see("Verified")
        soon(lambda: account.verified, "not verified")
        window.see("bob, verified")
        picture(window, "verified")
    with story.step("another key shows beside the name, and is accepted only by its own number"):
        account.changed = True
        account.add("", "Somebody else tried to speak as bob.")
        window.see("bob, another key")
        window.see("Somebody else tried to speak as bob.")
        picture(window, "another-key")
        window.click("Safety Number")
        window.see("67890 67890 67890 67890")
        window.see("the hub may be cheating")
        picture(window, "another-key-number")
        window.click("Accept the New Key")
        soon(lambda: not account.changed and not account.verified, "not accepted")
        window.gone("another key")


def group(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("in a group, who it was stands above what they said, once"):
        account.others.append((GROUP, "friends", 0, int(time.time() * 1e6), "Hello all"))
        account.add("erin@hub.example.org:7843", "Hello all")
        account.add("erin@hub.example.org:7843", "and one more")
        account.add("?dave@hub.example.org:7843", "It is me")
        account.add("", "dave has left.")
        window.click("friends")
        window.see("dave (another key than you know)")
        window.see("dave has left.")
        texts = window.texts()
        assert texts.index("erin") == texts.index("Hello all") - 1 and texts.count("erin") == 1, texts
        picture(window, "group")


def begin_and_lock(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("Ctrl+N asks for an address; nobody of that name is told"):
        window.press("Control+n")
        window.see("A name on your own hub is enough.")
        window.type("Address", "nobody")
        window.see("nobody@hub.example.org:7843")
        window.click("Start")
        window.see("knows nobody of that name")
        picture(window, "new-conversation")
    with story.step("a name on one's own hub opens the conversation"):
        window.type("Address", "bob")
        window.press("Return")
        window.see("Shall we meet at eight?")
        assert account.opened[-1] == f"bob@hub.example.org:7843#{KEY}", account.opened
    with story.step("a lock by another program leads back to the log-in, and nothing is left to be seen"):
        account.Lock()
        window.see("Another program or the computer has locked the account.")
        window.gone("Shall we meet at eight?")
        picture(window, "log-in-locked")
    with story.step("Ctrl+L locks"):
        w.log_in(window)
        window.see("bob")
        window.gone("Welcome back")
        window.press("Control+l")
        window.see("Welcome back, alice")
        assert account.state() == "locked"
        window.gone("Another program")


def lose_bus(story, w, window):
    with story.step("when the bus goes, the window says so and shows nothing of the account"):
        w.bus.process.terminate()
        window.see("Visavis Cannot Be Reached")
        window.gone("Welcome back")
        picture(window, "unreachable")
    with story.step("it has not crashed, and ends when it is told to"):
        assert window.alive()
        assert window.leave() == -15


def dark(story):
    with World(ADW_DEBUG_COLOR_SCHEME="prefer-dark") as w, story.step("the dark style"):
        account = w.crypto.add(ID, ADDRESS)
        account.add(BOB, "Good evening!")
        with w.window() as window:
            w.log_in(window)
            window.click("bob, 1 unread")
            window.see("Good evening!")
            picture(window, "dark")


def story_of_window(story):
    with World() as w:
        sign_up(story, w)
        now = int(time.time() * 1e6)
        w.crypto.accounts[0].others = [(f"{CONVERSATION[:-1]}0", "carol@hub.example.org:7843", 0, now - 2 * 86400 * 10**6, "Thanks!"),
                                       (f"{CONVERSATION[:-1]}1", "dave@hub.example.org:7843", 2, now - 86400 * 10**6, "Did you\nread it?")]
        with w.window() as window:
            log_in(story, w, window)
            talk(story, w, window)
            trust(story, w, window)
            group(story, w, window)
            begin_and_lock(story, w, window)
            lose_bus(story, w, window)
    dark(story)


if reason := missing():
    skip_all(reason)
tell(story_of_window)
