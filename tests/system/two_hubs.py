#!/usr/bin/python3
"""Two people at two hubs: one hub dies, what they say goes by the other, the first comes back, and nothing is lost or doubled.

A part of the story of the first light, which has the people already; alone it signs them up itself."""
import json
import os
import signal
import subprocess
import time

from stage import DAEMON_USERS, Stage, free_port
from tap import skip_all, tell

PATIENCE = 2  # seconds


class SecondHub:
    def __init__(self, stage):
        self.stage, self.port, self.process = stage, free_port(), None
        self.state = f"{stage.directory}/state/second-hub"
        os.mkdir(self.state, 0o700)
        stage._own(self.state, DAEMON_USERS["hub"])  # pylint: disable=protected-access
        self.start()

    def start(self):
        command = [*self.stage._as(DAEMON_USERS["hub"]), f"{self.stage.build}/relayd/visavis-hub",  # pylint: disable=protected-access
                   "--listen", f"127.0.0.1:{self.port}", "--config", f"{self.stage.directory}/etc", "--state", self.state]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"PATH": "/usr/bin:/bin"})
        self.address = self.process.stdout.readline().strip()
        self.stage.processes.append(self.process)

    def inspect(self):
        return self.stage.run([*self.stage._as(DAEMON_USERS["hub"]),  # pylint: disable=protected-access
                               f"{self.stage.build}/relayd/visavis-hub", "--inspect", "--config", f"{self.stage.directory}/etc", "--state", self.state])


def texts(stage, reader, address):
    done = stage.visavis(reader, "read", "--json", "--last", "500", address, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [m["text"] for m in messages if "text" in m and not m["text"].startswith("You ")]


def wait_for(stage, reader, address, expected, seconds=40):
    """Until the last texts of a conversation are these, and stay so."""
    deadline = time.monotonic() + seconds
    while (have := texts(stage, reader, address)[-len(expected):]) != expected:
        assert time.monotonic() < deadline, f"{reader} has {have}, expected {expected}"
        time.sleep(0.2)


def story_of_two_hubs(story, stage):
    """For two people, alice and bob, who are logged in and talk."""
    people = ("alice", "bob")
    other = {"alice": stage.address_of("bob"), "bob": stage.address_of("alice")}
    with story.step("two people register at a second hub, under other names"):
        stage.configure("relayd", f"[link]\npatience = {PATIENCE}s\n")
        stage.kill("relayd", signal.SIGTERM)
        second = SecondHub(stage)
        for person in people:
            stage.visavis(person, "hubs", "add", f"{person}2@{second.address}")
            hubs = [json.loads(line)["address"].split("#")[0] for line in stage.visavis(person, "hubs", "--json").stdout.splitlines()]
            assert hubs == [stage.address_of(person).split("#")[0], f"{person}2@{second.address}".split("#")[0]], hubs
    with story.step("the second hub has keys of theirs that the first has not"):
        keys = [{line.rsplit(" ", 1)[1] for line in text.splitlines() if "transport key" in line} for text in (stage.inspect_hub(), second.inspect())]
        assert len(keys[1]) == 2 and not keys[0] & keys[1], keys
    with story.step("they talk there, too"):
        stage.visavis("alice", "send", f"bob2@{second.address}", "by the second")
        wait_for(stage, "bob", f"alice2@{second.address}", ["by the second"])
    with story.step("they tell each other where else they are"):
        for person, text in (("alice", "here one"), ("bob", "here two")):
            stage.visavis(person, "send", other[person], text)
            wait_for(stage, {"alice": "bob", "bob": "alice"}[person], other[{"alice": "bob", "bob": "alice"}[person]], [text])
    with story.step("the first hub dies; what they say goes by the second"):
        stage.stop_hub(kill=True)
        stage.visavis("alice", "send", other["alice"], "round one")
        stage.visavis("alice", "send", other["alice"], "round two")
        wait_for(stage, "bob", other["bob"], ["round one", "round two"])
        stage.visavis("bob", "send", other["bob"], "round three")
        wait_for(stage, "alice", other["alice"], ["round one", "round two", "round three"])
    with story.step("the first comes back; nothing is lost or doubled, and all goes by it again"):
        stage.start_hub()
        stage.visavis("bob", "send", other["bob"], "straight")
        wait_for(stage, "alice", other["alice"], ["here two", "round one", "round two", "round three", "straight"])
        wait_for(stage, "bob", other["bob"], ["here one", "here two", "round one", "round two", "round three", "straight"])


def tell_story(story):
    pins = {"alice": "2718-alice", "bob": "3141-bob"}
    with Stage(os.environ["VISAVIS_BUILD"]) as stage:
        for person, pin in pins.items():
            stage.camera(person)
            stage.visavis(person, "signup", stage.address_of(person), pin=pin)
        stage.camera("nobody")
        stage.visavis("alice", "send", stage.address_of("bob"), "hello")
        story_of_two_hubs(story, stage)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip_all("the daemons run as users of their own, which needs root")
    tell(tell_story)
