#!/usr/bin/python3
"""The window and its person's accounts, against stand-ins for the daemons: whose account it is."""
import dbus
from desktop import missing
from world import PIN_FIELD, World, picture, refusal
from stand_ins import ADDRESS, BOB, CONVERSATION, GROUP, ID, OTHER_ID, PIN, SUCCESS, WORDS
from tap import skip_all, tell


def who_is_there(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("with several accounts it asks whose it is, and no camera starts by itself"):
        window.see("Who Is There?")
        window.see("the office · work@hub.example.org:7843")
        assert not w.auth.asked, w.auth.asked
    with story.step("whom the camera does not know is told, and picks the account by hand"):
        w.auth.script = refusal("no-match", "This is nobody whose account is here.")
        window.click("Recognise Me")
        window.see("You were not recognised")
        picture(window, "who-is-there")
        w.auth.script = refusal("camera", "The camera is in use by another program; close that.")
        window.click("Recognise Me")
        window.see("The camera cannot be used")
        window.click("work")
        window.see("Welcome back, work")
    with story.step("whom the camera knows is greeted by name; that opens nothing yet"):
        window.press("Escape")
        window.gone("Welcome back")
        w.auth.script = SUCCESS
        window.click("Recognise Me")
        window.see("Hello, alice")
        assert account.state() == "locked" and w.auth.asked[-1][0] == "identify"
        picture(window, "hello")
    with story.step("who has to wait is told how long, and cannot spend an attempt"):
        w.auth.enrolments = [(ID, "deep", 250)]
        window.click("Somebody Else")
        window.click("alice")
        window.see("Your face is looked at again in 4:")
        attempts = len(w.auth.asked)
        window.type(PIN_FIELD, PIN)
        window.press("Return")
        assert window.content(PIN_FIELD) == PIN and len(w.auth.asked) == attempts
        w.auth.enrolments = []
    with story.step("a recovery code opens the account without a camera; wrong words do not"):
        account.slots[2] = ("recovery", "", WORDS)
        window.press("Escape")
        window.gone("Welcome back")
        window.click("alice")
        window.click("Use the Recovery Code")
        window.type("Recovery code", "abandon ability")
        window.click("Open the Account")
        window.see("These words are no recovery code.")
        assert window.content("Recovery code") == "" and window.unnamed() == []
        window.type("Recovery code", WORDS)
        window.press("Return")
        window.see("No Conversations")
        assert account.state() == "unlocked" and w.auth.asked[-1][0] == "identify"
    with story.step("after a lock it begins with the one that was open; the other opens with its own face and PIN"):
        window.press("Control+l")
        window.see("Welcome back, alice")
        window.click("Somebody Else")
        window.click("work")
        window.see("Welcome back, work")
        w.log_in(window)
        window.see("No Conversations")
        assert w.crypto.accounts[1].state() == "unlocked" and account.state() == "locked"


def notifications(story, w, window):
    account = w.crypto.accounts[0]
    account.others = [(GROUP, "friends", 0, 1700000000000000, "Hello all")]
    with story.step("while the account is locked, a notification says that something waits, and no more"):
        window.press("Control+l")
        window.see("Welcome back, work")
        w.link.change(Inbox=dbus.UInt32(9))
        assert window.notified() == ["New message", ""]
    with story.step("unlocked, it says what cryptod lets it say; markup in it means nothing"):
        window.click("Somebody Else")
        window.click("alice")
        w.log_in(window)
        window.see("friends")
        account.notify("message", CONVERSATION, BOB, BOB, "<b>Hello</b> &amp; \u202egood-bye")
        title, text = window.notified()
        assert title == "bob" and "<" not in text and "&" not in text and "\u202e" not in text and "Hello" in text, (title, text)
        account.notify("message", GROUP, "friends", BOB, "Hello all")
        assert window.notified() == ["friends", "bob: Hello all"]
        account.notify("message", CONVERSATION, BOB, BOB, "")
        assert window.notified() == ["bob", "New message"]
        account.notify("message", CONVERSATION, "", "", "")
        assert window.notified() == ["New message", ""]
        account.notify("request", CONVERSATION, "", "", "")
        assert window.notified()[0] == "Somebody wants to talk to you"
    with story.step("a click on one opens its conversation, of which nothing is notified while it is looked at"):
        window.open_notice(3)
        window.see("Message")
        account.notify("message", GROUP, "friends", BOB, "still here?")
        account.notify("message", CONVERSATION, BOB, BOB, "and I?")
        assert window.notified() == ["bob", "and I?"]


def new_face(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("who has lost the face's enrolment enrols it anew, with a new PIN and the recovery code"):
        window.press("Control+comma")
        window.see("What Opens It")
        for _ in range(3):  # backwards to the end of the page, which is scrolled there
            window.press("Shift+Tab")
        window.click("Enrol Your Face Anew")
        window.type("What you call it", "anew")
        window.type("New PIN or passphrase", "6174-heron")
        window.type("The same again", "6174-heron")
        window.click("Continue")
        window.see("Is It You?")
        assert "Use the PIN Instead" not in window.texts() and window.unnamed() == []
        picture(window, "enrol-anew")
        window.type("Recovery code", WORDS)
        w.auth.script = SUCCESS
        window.press("Return")
        window.see("enrolled anew")
        assert w.auth.asked[-1] == ("enrol", {"account": account.id}), w.auth.asked[-1]
        assert account.slots[max(account.slots)] == ("face", "anew", "6174-heron"), account.slots


def story_of_accounts(story):
    with World() as w:
        w.crypto.add(ID, ADDRESS)
        w.crypto.add(OTHER_ID, "work@hub.example.org:7843").label = "the office"
        with w.window() as window:
            who_is_there(story, w, window)
            notifications(story, w, window)
            new_face(story, w, window)


if reason := missing():
    skip_all(reason)
tell(story_of_accounts)
