#!/usr/bin/python3
"""authd on a disk that is full, cannot be written to, or is damaged: it is there all the same and says so in words, loses nothing, and
goes on when the disk is well again."""
import glob
import os
import shutil
import sqlite3
import subprocess
import sys

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import trouble  # noqa: E402
from checks import check, skip  # noqa: E402

trouble.enter()

from enrolled_stage import ACCOUNT, WELL, Stage, run  # noqa: E402


class StageOnDisk(Stage):
    def leave_disk(self):
        trouble.take_down(self.state)


def play_full(stage, disk):
    check("what is enrolled is there", stage.listed() == [ACCOUNT] and stage.verify() == WELL, stage.verify())
    disk.fill()
    full = "its disk is full; make room on it"
    check("a full disk is said before anybody looks into the camera", full in stage.verify() and full in stage.enrol(), stage.verify())
    check("and before a ticket is used up", full in str(stage.call("Tickets", "Redeem", dbus.ByteArray(bytes(32)), ACCOUNT, dbus.UInt32(0), ":1.1", dbus.UInt64(0))))
    check("what is there can be read", stage.listed() == [ACCOUNT])
    disk.free()
    check("with room again all goes on", stage.verify() == WELL)


def play_start(stage, disk):
    stage.restart(lambda: disk.remount("ro"))
    why = stage.verify()
    check("a disk that cannot be written to is said", "make it writable" in why and "make it writable" in stage.listed(), why)
    disk.remount("rw")
    check("and when it can, all goes on without another start", stage.wait(lambda: stage.verify() == WELL, 5) and stage.listed() == [ACCOUNT])

    def no_inodes():
        for path in glob.glob(f"{disk.path}/accounts.db-*"):
            os.unlink(path)
        disk.remount(f"nr_inodes={len(glob.glob(f'{disk.path}/**', recursive=True))}")

    stage.restart(no_inodes)
    why = stage.verify()
    check("so is one that has no room for one file more", "authd keeps" in why, why)
    disk.remount("nr_inodes=1000")
    check("which costs nothing either", stage.wait(lambda: stage.verify() == WELL, 5))


def play_damage(stage, disk):
    database = f"{disk.path}/accounts.db"

    def break_page():
        shutil.copy(database, f"{database}.copy")
        with open(database, "r+b") as f:
            f.write(b"x" * 4096)

    stage.restart(break_page)
    why = stage.verify()
    check("a database that is damaged is said, and not made anew", "it is damaged; restore it" in why and why == stage.enrol(), why)
    os.rename(f"{database}.copy", database)
    check("put back, it is there", stage.wait(lambda: stage.verify() == WELL, 5))

    def set_column(assignment):
        def run():
            connection = sqlite3.connect(database)
            connection.execute(f"UPDATE account SET {assignment}")
            connection.commit()
            connection.close()
        return run

    stage.restart(lambda: (shutil.copy(database, f"{database}.copy"), set_column("template = zeroblob(100)")()))
    why = stage.verify()
    check("a template that is damaged is said", "cannot be read" in why, why)
    stage.restart(lambda: (shutil.copy(f"{database}.copy", database), set_column("throttle = x'00'")()))
    why = stage.verify()
    check("a count of failures that is damaged lets nobody in, and says what to do", "damaged; restore" in why, why)
    stage.restart(lambda: os.rename(f"{database}.copy", database))
    check("and put back, it goes on", stage.verify() == WELL)


def play_error(stage):
    """The kernel finds an error of the disk under a running authd, and makes it read-only."""
    missing = trouble.FailingDisk.missing()
    if missing:
        skip("a disk that fails under authd", missing)
        return
    stage.stop()
    trouble.take_down(stage.state)
    disk = trouble.FailingDisk(stage.state, f"{stage.directory}/image")
    stage.enrol_somebody()
    subprocess.run(["sync", "-f", stage.state], check=True)
    stage.start()
    check("on a disk that is well", stage.verify() == WELL)
    disk.fail()
    why = stage.verify()
    check("one that fails under a running authd is said", "disk" in why and "authd keeps" in why, why)
    check("what is enrolled can be read", stage.listed() == [ACCOUNT], stage.listed())
    stage.restart(disk.repair)
    check("repaired, it has lost nothing", stage.verify() == WELL and stage.listed() == [ACCOUNT])


def play(stage):
    disk = trouble.Disk(stage.state)
    stage.enrol_somebody()
    stage.start()
    play_full(stage, disk)
    play_start(stage, disk)
    play_damage(stage, disk)
    play_error(stage)


run(play, StageOnDisk)
