#!/usr/bin/python3
"""A checkout below directories that are closed to other users, as home directories are: ./run's commands have them reach it, and
nothing else."""
import os
import shutil
import subprocess
import tempfile

from tap import skip_all, tell

REACHABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reachable")
STRANGER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def write(path, words):
    with open(path, "w", encoding="ascii") as f:
        f.write(words)


def read(checkout, path, *prefix):
    """What a program on the way that ./run takes reads there; None if it may not."""
    done = subprocess.run([REACHABLE, checkout, *prefix, "cat", path], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def the_story(story, home):
    checkout = f"{home}/projects/visavis"
    os.makedirs(checkout)
    os.chmod(f"{home}/projects", 0o700)
    write(f"{checkout}/README.md", "readme")
    write(f"{home}/diary", "diary")
    write(f"{home}/projects/other", "other")
    with story.step("without help a stranger does not get at the checkout"):
        assert subprocess.run([*STRANGER, "cat", f"{checkout}/README.md"], capture_output=True, check=False).returncode != 0
    with story.step("with it they do, by the path that it has"):
        assert read(checkout, f"{checkout}/README.md", *STRANGER) == "readme"
    with story.step("what else is in the closed directories stays closed to them, and open to root"):
        for path, words in ((f"{home}/diary", "diary"), (f"{home}/projects/other", "other")):
            assert read(checkout, path, *STRANGER) is None
            assert read(checkout, path) == words
    with story.step("nothing of it is seen from outside, or left there"):
        assert os.stat(home).st_mode & 0o777 == 0o700 and sorted(os.listdir(home)) == ["diary", "projects"]
    with story.step("a checkout that everybody can reach needs none of it"):
        os.chmod(home, 0o755)
        os.chmod(f"{home}/projects", 0o755)
        done = subprocess.run([REACHABLE, checkout, "sh", "-c", f"ls -A {home}; readlink /proc/self/ns/mnt"], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["diary", "projects", os.readlink("/proc/self/ns/mnt")], done.stdout


def tell_story(story):
    home = tempfile.mkdtemp(prefix="visavis-home-", dir="/var/tmp")
    try:
        the_story(story, home)
    finally:
        shutil.rmtree(home)


if os.getuid() != 0:
    skip_all("needs root, for a mount namespace")
tell(tell_story)
