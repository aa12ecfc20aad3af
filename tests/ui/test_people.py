#!/usr/bin/python3
"""The window and the people whom its person knows, against stand-ins for the daemons: requests and contacts."""
from desktop import missing
from world import World, picture, soon
from stand_ins import ADDRESS, GROUP, ID
from tap import skip_all, tell

STRANGER = "mallory@hub.example.org:7843"


def contacts(story, w, window):
    account = w.crypto.accounts[0]
    with story.step("who is no contact waits as a request, and is accepted, declined or blocked there"):
        account.requests = [("a" * 32, "person", STRANGER), ("b" * 32, "group", "runners")]
        window.press("Control+Shift+c")
        window.see("mallory@hub.example.org:7843")
        window.see("A group into which somebody has put you")
        picture(window, "contacts")
        assert window.unnamed() == [], window.unnamed()
        window.click("Decline: runners")
        soon(lambda: account.decided == ("decline", "b" * 32), account.decided)
        window.gone("Requests")
    with story.step("a nickname is kept, and shown from then on"):
        window.click("bob")
        window.type("Nickname", "Bobby")
        window.click("Keep: Nickname")
        soon(lambda: account.nickname == "Bobby", account.nickname)
        picture(window, "contact")
        window.click("Back")
        window.see("My Contact Link")
    with story.step("a link is added; one about another key is refused in words"):
        window.click("Add a Contact")
        window.type("Address or link", "visavis:bob@hub?root=other")
        window.see("From Their Own Screen")
        window.click("Add")
        window.see("The link says another key.")
        window.type("Address or link", "visavis:bob@hub?root=x")
        window.click("Add")
        soon(lambda: account.contact_added == ("visavis:bob@hub?root=x", False), account.contact_added)
    with story.step("one's own link is there as text and as a code"):
        window.click("My Contact Link")
        window.see("visavis:alice@hub?root=x")
        window.see("Code of your contact link")
        window.click("Back")
    with story.step("when the account locks, nothing of it is left to be seen in any window"):
        account.Lock()
        window.see("Welcome back, alice")
        window.gone("Bobby")


def story_of_people(story):
    with World() as w:
        w.crypto.add(ID, ADDRESS).others = [(GROUP, "friends", 0, 1700000000000000, "Hello all")]
        with w.window() as window:
            w.log_in(window)
            window.see("friends")
            contacts(story, w, window)


if reason := missing():
    skip_all(reason)
tell(story_of_people)
