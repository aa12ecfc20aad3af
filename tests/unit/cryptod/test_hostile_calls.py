#!/usr/bin/python3
"""cryptod, called by a program that holds the unlock and by one that does not (hostile_calls.py)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from cryptod_stage import ALICE, CRYPTO, Person, run, two_who_talk  # noqa: E402
from hostile_calls import Values, call_all  # noqa: E402


def play(stage):
    alice, _, conversation, _ = two_who_talk(stage)
    stranger = Person(stage, alice.authd, ALICE, "alice")
    call_all((alice.bus, stranger.bus, alice.bus), "im.visavis.Crypto1", CRYPTO,
             Values([conversation, alice.plain_address, f"bob@127.0.0.1:{stage.port}"]), stage.processes["cryptod"], 100,
             ends={"Destroy"}, last={"Lock"})
    alice.unlock()
    check("the account opens after all that", alice.state() == "unlocked")
    return finish()


run(play)
