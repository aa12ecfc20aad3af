#!/usr/bin/python3
"""What is done in a conversation, against stand-ins for the daemons: answers, reactions, edits, pins; and the list beside it."""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../unit/ui", f"{HERE}/../system"]

# pylint: disable=wrong-import-position
import dbus
from desktop import missing
from stand_ins import ADDRESS, BOB, GROUP, ID
from tap import skip_all, tell
from world import World, picture, soon

DAVE, ERIN, FRANK = (f"{name}@hub.example.org:7843" for name in ("dave", "erin", "frank"))
WITH_DAVE, WITH_ERIN, WITH_FRANK = ("0" * 31 + n for n in "123")
DAY = 86400 * 10**6
THUMBNAIL = bytes([48, 36]) + b"".join(bytes((x * 5, y * 7, 120)) for y in range(36) for x in range(48))


def fill(account, now):
    """Bob and Alice have talked a while; dave is archived, erin muted, frank a stranger."""
    account.verified, account.nickname = True, "Bobby"
    account.add(ADDRESS, "an old line", time=now - 2 * DAY)
    account.add(BOB, "**Shall** we meet at <b>eight</b>?", time=now - 3 * 10**9)
    account.add(ADDRESS, "Let me see.", time=now - 2 * 10**9)
    account.add(BOB, "", time=now - 10**9)
    account.extras[4] = {"Kind": "file", "FileName": "beach.jpg", "MediaType": "image/jpeg", "FileSize": dbus.UInt64(2345678), "Width": dbus.UInt64(4000),
                          "Height": dbus.UInt64(3000), "Thumbnail": dbus.ByteArray(THUMBNAIL)}
    account.read_up_to = 3
    account.others = [(WITH_DAVE, DAVE, 0, now - 2 * DAY, "Thanks!"), (WITH_ERIN, ERIN, 2, now - DAY, "Did you read it?"),
                      (WITH_FRANK, FRANK, 0, now - DAY, ""), (GROUP, "friends", 0, now - 10**6, "Hello all")]
    account.described_each = {WITH_DAVE: {"Archived": True}, WITH_ERIN: {"MutedUntil": dbus.UInt64(2**64 - 1)}, WITH_FRANK: {"Standing": "request"},
                              GROUP: {"Draft": "I was going to say"}}


def act(window, beginning, action):
    window.click(f"Actions for “{beginning}”")
    window.click(action)


def did(account, *what):
    soon(lambda: what in account.done, f"{what} not among {account.done[-4:]}")


def the_list(story, account, window):
    with story.step("the list tells of nicknames, mutes, requests and drafts, and keeps what is archived behind a button"):
        window.see("Bobby, verified, 1 unread")
        window.see("erin, 2 unread, muted")
        window.see("frank, request")
        window.see("Draft: I was going to say")
        window.gone("dave")
        picture(window, "chat-list")
        window.click("Archived (1)")
        window.see("dave")
        window.gone("erin")
        window.click("All Conversations")
        window.see("erin, 2 unread, muted")
    with story.step("the field above it finds conversations and messages"):
        window.type("Search conversations and messages", "an old line")
        window.see("You: an old line")
        window.gone("erin")
        picture(window, "chat-search")
        window.type("Search conversations and messages", "no such words")
        window.see("Nothing Found")
        window.type("Search conversations and messages", "")
        window.see("erin, 2 unread, muted")


def the_messages(story, account, window):
    with story.step("opened, it shows where the unread ones begin; Markdown is shown, and markup is not believed"):
        window.click("Bobby, verified, 1 unread")
        window.see("New messages")
        window.see("Shall we meet at <b>eight</b>?")
        window.see("MB · 4000 × 3000")
        soon(lambda: account.read_up_to == 4, account.read_up_to)
        picture(window, "chat")
    with story.step("an answer says what it answers"):
        act(window, "**Shall** we meet at <b>eight</b>?", "Reply")
        window.see("Reply to Bobby")
        window.type("Message", "Eight is fine.")
        window.press("Return")
        did(account, "Send", "Eight is fine.", {"reply-to": 2})
        window.see("Replies to Bobby: **Shall** we meet at <b>eight</b>?")
        window.gone("Reply to Bobby")
    with story.step("what one thinks of a message is added, shown with who thinks so, and taken back"):
        act(window, "**Shall** we meet at <b>eight</b>?", "React with 👍")
        did(account, "React", 2, ["👍"])
        account.say_of(2, Reactions=dbus.Array([(ADDRESS, ["👍"]), (BOB, ["👍"])], signature="(sas)"))
        window.click("👍 by alice, Bobby")
        did(account, "React", 2, [])
    with story.step("a message of one's own is edited in the field"):
        act(window, "Let me see.", "Edit")
        window.see("Edit message")
        assert window.content("Message") == "Let me see."
        window.type("Message", "Let me think.")
        window.press("Return")
        did(account, "Edit", 3, "Let me think.")
        window.gone("Edit message")
    with story.step("a message is pinned, and the bar leads there"):
        act(window, "Let me see.", "Pin for All")
        did(account, "Pin", 3, True)
        account.say_of(3, Pinned=True)
        window.click("Pinned: You: Let me see.")


def story_of_chat(story):
    with World() as w:
        account = w.crypto.add(ID, ADDRESS)
        fill(account, int(time.time() * 1e6))
        with w.window() as window:
            w.log_in(window)
            the_list(story, account, window)
            the_messages(story, account, window)


if reason := missing():
    skip_all(reason)
tell(story_of_chat)
