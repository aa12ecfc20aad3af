#!/usr/bin/python3
"""authd, called by the owner of an attempt and by another program (hostile_calls.py)."""
import os
import sys
import threading

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check  # noqa: E402
from enrolled_stage import ACCOUNT, NAME, PATH, WELL, run  # noqa: E402
from hostile_calls import Values, call_all  # noqa: E402


def play(stage):
    stage.enrol_somebody()
    stage.start()
    owner, other = (dbus.bus.BusConnection(stage.address) for _ in range(2))

    def call():
        owner.call_blocking(NAME, PATH, f"{NAME}.Manager", "Enrol", "a{sv}", (dbus.Dictionary(signature="sv"),))
        call_all((owner, other, owner), NAME, PATH, Values(["stage", ACCOUNT]), stage.authd, 25,
                 ends={"RemoveEnrolment", "Forget"}, last={"Cancel"})
    # The stage's cryptod answers meanwhile.
    thread = threading.Thread(target=call)
    thread.start()
    stage.wait(lambda: not thread.is_alive(), 110)
    check("all were called", not thread.is_alive())
    for connection in (owner, other):
        connection.close()
    check("somebody is looked at after all that", stage.wait(lambda: stage.verify() == WELL) and stage.listed() == [ACCOUNT], stage.verify())


run(play)
