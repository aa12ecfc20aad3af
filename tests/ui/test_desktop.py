#!/usr/bin/python3
"""The window with everything real behind it: a face before a camera, the three daemons, a hub, and a person at the other end who
uses the command line. From sign-up to log-in to a message received."""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../system")

# pylint: disable=wrong-import-position
from desktop import Desktop, Screen, missing
from stage import DAEMONS, Stage
from tap import skip_all, tell

BUILD = sys.argv[1]
PICTURES = f"{BUILD}/tests/ui"
PINS = {"alice": "2718-alice", "bob": "3141-bob"}
PIN_FIELD = "PIN or passphrase"
FACE_SECONDS = 90  # an attempt before the camera, with a vault to open behind it, on a slow machine


def received(stage, text, seconds=30):
    """Waits until Bob, at the command line, has a message with this text."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done = stage.visavis("bob", "read", "--json", check=False)
        if any(json.loads(line).get("text") == text for line in done.stdout.splitlines() if line.startswith("{")):
            return
        time.sleep(0.2)
    raise AssertionError(f"bob has not received “{text}”")


def wait_for_preview(window, seconds=10):
    """Waits until the window has the camera's pictures before it."""
    maps = f"/proc/{window.pid()}/maps"
    deadline = time.monotonic() + seconds
    while True:
        with open(maps, encoding="utf-8") as f:
            if "memfd:visavis-preview" in f.read():
                return
        assert time.monotonic() < deadline, "the window shows nothing of what the camera sees"
        time.sleep(0.1)


def log_in(window, pin=PINS["alice"]):
    window.type(PIN_FIELD, pin)
    window.press("Return")


def story_of_desktop(story, stage, window):
    name, hub = stage.address_of("alice").split("@", 1)
    with story.step("Bob signs up at the command line"):
        stage.camera("bob")
        stage.visavis("bob", "signup", stage.address_of("bob"), pin=PINS["bob"])
    with story.step("Alice signs up in the window"):
        stage.camera("alice")
        window.see("Choose Your Address")
        window.type("Name", name)
        window.type("Hub (host:port#key)", hub)
        window.click("Continue")
        window.type(PIN_FIELD, PINS["alice"])
        window.type("The same again", PINS["alice"])
        window.click("Show My Face")
        window.see("is virtual", FACE_SECONDS)
        wait_for_preview(window)
        window.picture(f"{PICTURES}/desktop-face.png")
        window.see("No Conversations", FACE_SECONDS)
    with story.step("she writes to Bob, who receives it"):
        window.press("Control+n")
        window.type("Address", "bob")
        window.click("Start")
        window.see("Say Hello", 30)
        window.type("Message", "Hello Bob, this is a window.")
        window.click("Send")
        window.see("Stored at the hub", 30)
        received(stage, "Hello Bob, this is a window.")
    with story.step("he answers, and it comes to the open conversation"):
        stage.visavis("bob", "send", stage.address_of("alice"), "And this is a command line.")
        window.see("And this is a command line.", 30)
        window.picture(f"{PICTURES}/desktop-conversation.png")
    with story.step("she locks; nothing is to be seen any more"):
        window.press("Control+l")
        window.see("Welcome back, alice")
        window.gone("And this is a command line.")
    with story.step("what comes meanwhile waits"):
        stage.visavis("bob", "send", stage.address_of("alice"), "Are you still there?")
    with story.step("a stranger's face does not open the window"):
        stage.camera("stranger")
        log_in(window)
        window.see("Your face was not accepted", FACE_SECONDS)
        window.picture(f"{PICTURES}/desktop-stranger.png")
    with story.step("her face from another photograph and a wrong PIN do not, either"):
        stage.camera("alice-again")
        log_in(window, "not-the-pin")
        window.see("Wrong PIN", FACE_SECONDS)
    with story.step("her face and her PIN do, and the message is there"):
        log_in(window)
        window.see("Are you still there?", FACE_SECONDS)
        window.click("bob, 1 unread")
        window.see("And this is a command line.", 30)
        window.picture(f"{PICTURES}/desktop-log-in.png")
    with story.step("when cryptod dies, the window is back at the log-in"):
        stage.kill("cryptod")
        window.see("Welcome back, alice", 30)
        window.gone("Are you still there?")
    with story.step("and opens again with her face and her PIN"):
        log_in(window)
        window.see("Are you still there?", FACE_SECONDS)


def told(story):
    with Stage(BUILD) as stage, Screen() as screen:
        with Desktop(screen, lambda command, **k: stage.popen("alice", command, **k)) as window:
            story_of_desktop(story, stage, window)


if reason := missing():
    skip_all(reason)
if os.geteuid() != 0:
    skip_all("the stage starts daemons as users of their own, which needs root")
if absent := [d for d in DAEMONS if not os.path.exists(f"{BUILD}/{d}/visavis-{d}")]:
    skip_all(f"{', '.join(absent)} is not built")
tell(told)
