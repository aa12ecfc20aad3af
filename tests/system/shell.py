#!/usr/bin/python3
"""A shell, or the desktop, as one of the demo's persons, on the demo's state: the daemons start again when called.

The person stands before the camera all the time; `camera NAME` in the shell puts somebody else there."""

import argparse
import os
import shutil
import subprocess
import sys
import threading

from demo import DIRECTORY, PINS
from stage import FACES, PERSONS, Stage, StageError

WELCOME = """You are {person}; the PIN is {pin}. The camera sees {person}.
  visavis login          then: visavis send {other_address} 'Hello'
  visavis read --follow
  visavis status
  busctl $BUS tree im.visavis.Crypto1
  camera {faces} | nobody | photograph    who stands before the camera
"""

SHELL_START = """
export BUS=--address={address}
busctl() {{ command busctl "$BUS" "$@"; }}
camera() {{ echo "$1" >{home}/camera; }}
PS1='{person}@visavis-demo:\\w\\$ '
"""


def follow_camera(stage, path):
    """Each line in the FIFO @path says who stands before the camera from now on."""
    while True:
        with open(path, encoding="utf-8") as f:
            for line in f:
                name = line.strip()
                if name == "photograph":
                    stage.camera("alice-again", still=True)
                elif name in FACES or name == "nobody":
                    stage.camera(name)
                else:
                    print(f"camera: there is no “{name}”; try one of {', '.join(FACES)}, nobody, photograph.", flush=True)


def shell(stage, person):
    other = next(p for p in PERSONS if p != person)
    control = f"{stage.home(person)}/camera"
    if not os.path.exists(control):
        os.mkfifo(control)
    os.chmod(control, 0o666)
    threading.Thread(target=follow_camera, args=(stage, control), daemon=True).start()
    start = f"{stage.home(person)}/.visavis-demo"
    with open(start, "w", encoding="utf-8") as f:
        f.write(SHELL_START.format(address=stage.address, home=stage.home(person), person=person))
    os.chmod(start, 0o644)
    print(WELCOME.format(person=person, pin=PINS[person], other_address=stage.address_of(other), faces=" | ".join(FACES)))
    stage.popen(person, ["bash", "--noprofile", "--rcfile", start, "-i"]).wait()


def lend_display(stage, person):
    """What lets a program of the person's show windows: the display, and a copy of the X cookie that opens it."""
    display = {k: v for k, v in os.environ.items() if k in ("DISPLAY", "WAYLAND_DISPLAY", "GSK_RENDERER")}
    if not display.keys() - {"GSK_RENDERER"}:
        raise StageError("There is no display to show a window on: neither DISPLAY nor WAYLAND_DISPLAY is set.")
    cookie = os.environ.get("XAUTHORITY") or os.path.expanduser(f"~{os.environ.get('SUDO_USER', '')}/.Xauthority")
    if os.path.exists(cookie):
        copy = f"{stage.home(person)}/.Xauthority"
        shutil.copyfile(cookie, copy)
        os.chmod(copy, 0o600)
        shutil.chown(copy, stage.person_user(person))
        display["XAUTHORITY"] = copy
    return display


def desktop(stage, person):
    print(f"You are {person}; the PIN is {PINS[person]}.")
    display = lend_display(stage, person)
    command = ["env", *(f"{k}={v}" for k, v in display.items()), "dbus-run-session", "--", "visavis-desktop"]
    stage.popen(person, command).wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--directory", default=DIRECTORY)
    parser.add_argument("what", choices=["shell", "desktop"])
    parser.add_argument("person", choices=PERSONS, nargs="?", default="alice")
    arguments = parser.parse_args()
    if not os.path.exists(f"{arguments.directory}/port"):
        sys.exit("There is no demo to go on with yet: first ./run demo.")
    try:
        with Stage(arguments.build, arguments.directory) as stage:
            stage.camera(arguments.person)
            {"shell": shell, "desktop": desktop}[arguments.what](stage, arguments.person)
    except StageError as error:
        sys.exit(f"{arguments.what}: {error}")


if __name__ == "__main__":
    main()
