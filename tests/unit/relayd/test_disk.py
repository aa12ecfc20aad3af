#!/usr/bin/python3
"""relayd on a disk that fills up: it says so in words, and with room again everything goes on once. The disk is a small tmpfs in a mount
namespace of the test's own."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish, skip  # noqa: E402

if os.environ.get("VISAVIS_OWN_MOUNTS") != "1":
    if subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], stderr=subprocess.DEVNULL).returncode:
        skip("a disk that is full", "no file system can be mounted here")
        sys.exit(finish())
    os.environ["VISAVIS_OWN_MOUNTS"] = "1"
    os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])

from relay_stage import Relay, Stage  # noqa: E402


def fill(path):
    with open(f"{path}/filler", "ab", buffering=0) as f:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while f.write(b"x" * size) == size:
                    pass
            except OSError:
                pass


def play(stage):
    disk = f"{stage.directory}/relayd"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", disk], check=True)
    relay = Relay(stage)
    relay.start()
    for account, name in (("a1", "alice"), ("b1", "bob")):
        relay.add(account, f"{name}@{stage.hub_address}")
        relay.attach(account)
    bob, first, second = f"bob@{stage.hub_address}", b"\1" * 16, b"\2" * 16
    stage.kill("hub")
    check("an envelope is taken while there is room", relay.send("a1", first, [bob], b"first")[0] == "ok")
    fill(disk)
    large = bytes(200000)
    answer = relay.send("a1", second, [bob], large)
    check("a full disk is said", answer[0] == "im.visavis.Error.Storage" and "full; make room" in answer[1], answer)
    answer = relay.add("c1", f"carol@{stage.hub_address}")
    check("also when an account is added, before its name is registered", answer[0] == "im.visavis.Error.Storage" and "make room" in answer[1], answer)
    stage.start_hub()
    relay.until(lambda: relay.get("a1", "State") == "online", 5)
    os.unlink(f"{disk}/filler")
    check("with room again what was taken arrives", relay.until(lambda: relay.cryptod.contents("b1") == [b"first"], 20), relay.cryptod.delivered)
    check("and its outcome is told", relay.until(lambda: ("a1", first) in relay.cryptod.outcomes, 8), (relay.cryptod.outcomes, [relay.get("a1", p) for p in ("State", "Outbox", "LastError")]))
    check("what was refused is taken when it comes again", relay.send("a1", second, [bob], large)[0] == "ok" and relay.until(
        lambda: relay.cryptod.contents("b1") == [b"first", large], 20))
    check("and the name is to be had", relay.add("c1", f"carol@{stage.hub_address}")[0] == "ok")
    return finish()


def main():
    stage = Stage(sys.argv[1:3])
    try:
        return play(stage)
    finally:
        subprocess.run(["umount", "-l", f"{stage.directory}/relayd"], check=False)
        stage.end()


sys.exit(main())
