#!/usr/bin/python3
"""A face whose enrolment was removed, or lost with authd's disk, is enrolled anew by whoever has the recovery code, and opens the account
again: all daemons as they are, and the actor before the camera."""
import glob
import json
import os
import shutil
import signal
import subprocess

from stage import FACE_REFUSED, FACTOR_REFUSED, Stage, StageError
from tap import skip_all, tell

PIN, NEW_PIN, TRIES = "2718-alice", "6174-alice", 3


def memfd(text):
    fd = os.memfd_create("pin")
    os.write(fd, text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def once_recognised(run):
    """Who is too slow before the camera tries again, as anybody would."""
    for _ in range(TRIES):
        code, said = run()
        if code != FACE_REFUSED:
            break
    if code != 0:
        raise StageError(f"it ended with {code}: {said}")
    return said


def recovery_code(stage):
    """Made, read from where it is shown, and typed back."""
    def run():
        reading, writing = os.pipe()
        process = stage.popen("alice", ["visavis", "recovery", "paper", "--new-pin-fd", str(reading)], pin=PIN, pass_fds=(reading,),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(reading)
        words = next((line for line in process.stdout if len(line.split()) == 15 and line.islower()), "")
        os.write(writing, words.encode())
        os.close(writing)
        _, said = process.communicate(timeout=60)
        return process.returncode, words.strip() or said
    return once_recognised(run)


def enrol_anew(stage, words, new_pin):
    def run():
        fd = memfd(new_pin)
        process = stage.popen("alice", ["visavis", "slots", "enrol", "anew", "--recovery", "--new-pin-fd", str(fd)], pin=words, pass_fds=(fd,),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(fd)
        _, said = process.communicate(timeout=60)
        return process.returncode, said
    once_recognised(run)


def slots(stage):
    lines = stage.visavis("alice", "slots", "--json").stdout.splitlines()
    return [(s["number"], s["kind"], s["label"]) for s in map(json.loads, lines)]


def account(stage):
    return json.loads(stage.visavis("alice", "accounts", "--json").stdout)


def is_refused_without_a_face(stage):
    done = stage.visavis("alice", "login", pin=PIN, check=False, tries=1)
    assert done.returncode not in (0, FACE_REFUSED, FACTOR_REFUSED) and "visavis slots enrol" in done.stderr, done


def the_story(story, stage):
    with story.step("alice signs up, and keeps a recovery code"):
        stage.camera("alice")
        stage.visavis("alice", "signup", stage.address_of("alice"), pin=PIN)
        words = recovery_code(stage)
        assert [s[1:] for s in slots(stage)] == [("face", ""), ("recovery", "paper")], slots(stage)
        stage.visavis("alice", "lock")
    with story.step("an administrator removes her face: it opens nothing any more, which is said with the way back"):
        stage.run([f"{stage.build}/ui/visavis", "admin", "forget-face", account(stage)["account"], "--yes"], env={"VISAVIS_BUS": stage.address})
        assert not account(stage)["enrolled"]
        is_refused_without_a_face(stage)
    with story.step("the recovery code opens the account, and her face is enrolled anew in the place of the one before"):
        stage.visavis("alice", "login", "--recovery", pin=words)
        enrol_anew(stage, words, NEW_PIN)
        assert account(stage)["enrolled"] and slots(stage) == [(1, "face", "anew"), (2, "recovery", "paper")], slots(stage)
        stage.visavis("alice", "lock")
    with story.step("the new PIN opens it with her face, in another photograph; the old one does not"):
        stage.camera("alice-again")
        done = stage.visavis("alice", "login", pin=PIN, check=False, tries=TRIES)
        assert done.returncode == FACTOR_REFUSED, done
        stage.visavis("alice", "login", pin=NEW_PIN)
        stage.visavis("alice", "lock")
    with story.step("authd's disk is lost: the same way leads back"):
        stage.kill("authd", signal.SIGTERM)
        for path in glob.glob(f"{stage.directory}/state/authd/*"):
            (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
        is_refused_without_a_face(stage)
        stage.visavis("alice", "login", "--recovery", pin=words)
        stage.camera("alice")
        enrol_anew(stage, words, PIN)
        assert slots(stage) == [(1, "face", "anew"), (2, "recovery", "paper")], slots(stage)
        stage.visavis("alice", "lock")
        stage.camera("alice-again")
        stage.visavis("alice", "login", pin=PIN)
    with story.step("a face that is enrolled is not enrolled over"):
        stage.visavis("alice", "lock")
        stage.visavis("alice", "login", "--recovery", pin=words)
        fd = memfd(NEW_PIN)
        process = stage.popen("alice", ["visavis", "slots", "enrol", "again", "--recovery", "--new-pin-fd", str(fd)], pin=words, pass_fds=(fd,),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(fd)
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0 and "A face is enrolled for this account" in said, (process.returncode, said)
    stage.camera("nobody")


def tell_story(story):
    with Stage(os.environ["VISAVIS_BUILD"]) as stage:
        the_story(story, stage)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip_all("the daemons run as users of their own, which needs root")
    tell(tell_story)
