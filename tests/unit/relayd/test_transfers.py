#!/usr/bin/python3
"""Files through relayd and a hub that both are killed meanwhile, run out of room, and hear from each other over a bad network.

With --long, 200 MiB go through the bad network, which stays bad."""
import os
import subprocess
import sys
import threading
import time

import dbus

from files import CHUNK, MANAGER, PATH, TRANSFER, TRANSFERS, Files, names_of, pipe_with
from relay_stage import LINK, PROPERTIES, Relay, Stage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from checks import check, finish, skip  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402

SEED = os.environ.get("VISAVIS_SEED", "1")
MIB = 1 << 20
LONG = "--long" in sys.argv
PROGRAMS = [a for a in sys.argv[1:] if not a.startswith("--")]
QUOTA, SPOOL = 40, 48  # MiB
FAULTY_MIB, FAULTY_SECONDS = (200, 0) if LONG else (8, 6)


def restart_relayd(relay, stage):
    stage.kill("relayd")
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()


def limit(relay, account, bandwidth):
    return relay.set(account, "Bandwidth", dbus.UInt64(bandwidth, variant_level=1))[0] == "ok"


def there_and_back(files, relay, stage):
    content = os.urandom(3 * MIB + 16384)
    added, changed = [], []
    relay.bus.add_signal_receiver(lambda path, _: added.append(str(path)), "InterfacesAdded", MANAGER)
    relay.bus.add_signal_receiver(lambda *a, path=None: changed.append(str(path)), "PropertiesChanged", PROPERTIES, path_keyword="path")
    up = files.upload("a1", 1, content)
    check("an upload is an object", isinstance(up, str) and up.startswith(PATH + "/a1_"), up)
    check("it is done when the hub has all", files.reaches(up, "done"), files.all())
    check("its chunks have the names that their content gives them", files.read(up, "Names") == names_of(content))
    view = files.all()[up]
    check("its properties say so", (view["Progress"], view["Chunks"], view["ChunksDone"], view["Size"], view["Direction"], view["Error"])
          == (1.0, 13, 13, len(content), "upload", ""), view)
    check("its file has left the spool", os.listdir(stage.directory + "/relayd/spool") == [])
    check("the same id again is the same upload", files.upload("a1", 1, content) == up)
    down = files.download("b1", 2, names_of(content))
    check("another account gets the file by its names", files.reaches(down, "done"), files.all())
    check("and it is the same", files.read(down, "Content") == content)
    check("whoever has asked hears of new ones and of changes", {up, down} <= set(added) and relay.until(lambda: {up, down} <= set(changed)), (added, changed))
    restart_relayd(relay, stage)
    check("both are still known after a restart", files.get(up, "State") == files.get(down, "State") == "done")
    check("with the content", files.read(down, "Content") == content)
    for path in (up, down):
        files.call(path, "Cancel")
    check("cancelled, they are gone, and the file too", files.all() == {} and os.listdir(stage.directory + "/relayd/spool") == [])
    down = files.download("b1", 3, names_of(content))
    check("what was uploaded whole is not withdrawn by that", files.reaches(down, "done"), files.all())
    files.call(down, "Cancel")


def what_is_refused(files, relay):
    def fails(path, *words):
        return files.reaches(path, "failed") and all(w in files.get(path, "Error") for w in words)

    for number, content, word in ((10, os.urandom(5000), "whole chunks"), (11, b"", "no content"), (12, os.urandom(CHUNK + 1), "whole chunks")):
        path = files.upload("a1", number, content)
        check(f"content of {len(content)} bytes is refused in words", fails(path, word), files.all())
        check("and cannot be resumed", files.call(path, "Resume")[0] == "im.visavis.Error.NotFound")
        files.call(path, "Cancel")
    fd = os.open(__file__, os.O_RDONLY)
    r = files.start("Upload", "a1", 13, fd)
    check("a file that is no pipe is refused", r[0] == "im.visavis.Error.InvalidArgument" and "pipe" in r[1], r)
    r = files.download("a1", 14, b"x" * 33)
    check("names that are none are refused", r[0] == "im.visavis.Error.InvalidArgument", r)
    r = files.download("nobody", 15, b"x" * 32)
    check("an unknown account is refused", r[0] == "im.visavis.Error.NotFound", r)
    path = files.download("a1", 16, b"x" * 32)
    check("what the hub does not have fails in words", fails(path, "chunk 1 of 1", "again"), files.all())
    check("its content cannot be had", files.call(path, "Content")[0] == "im.visavis.Error.Busy")
    files.call(path, "Cancel")
    path = files.upload("a1", 17, os.urandom((SPOOL + 1) * MIB))
    check("a file that is too large for the spool fails in words", fails(path, f"{SPOOL} MiB", "spool in relayd.conf"), files.all())
    files.call(path, "Cancel")
    r = files.download("a1", 18, b"x" * 32 * (SPOOL * 4 + 1))
    check("as does a download", r[0] == "im.visavis.Error.Storage" and "spool" in r[1], r)
    check("the upload left nothing there", files.all() == {}, files.all())


def a_full_hub(files, relay, stage):
    first, second = os.urandom(24 * MIB), os.urandom(24 * MIB)
    one = files.upload("a1", 20, first)
    check("a file fits the quota", files.reaches(one, "done"), files.all())
    two = files.upload("a1", 21, second)
    check("a second one does not, in words", files.reaches(two, "failed") and f"{QUOTA} MiB" in files.get(two, "Error"), files.all())
    files.call(two, "Cancel")
    three = files.upload("a1", 22, second[:8 * MIB])
    check("cancelled, what the hub had of it makes room", files.reaches(three, "done"), files.all())
    check("the names of what is there are enough: nothing is sent twice", files.get(three, "State") == "done")
    files.call(three, "Cancel")
    two = files.upload("a1", 21, os.urandom(24 * MIB))
    check("the rest is filled up again", files.reaches(two, "failed"), files.all())
    stage.kill("hub")
    check("it can be cancelled without a hub", files.call(two, "Cancel")[0] == "ok" and two not in files.all())
    restart_relayd(relay, stage)
    stage.start_hub()
    four = files.upload("a1", 23, os.urandom(4 * MIB))
    check("the hub hears of it later, also after kill -9 of relayd", files.reaches(four, "done"), files.all())
    for path in (one, four):
        files.call(path, "Cancel")


def killed(files, relay, stage):
    content = os.urandom(7 * MIB + 4096)
    chunks = len(names_of(content)) // 32
    check("the bandwidth can be limited", limit(relay, "c1", 4 * MIB) and limit(relay, "d1", 4 * MIB))
    started = time.monotonic()
    up = files.upload("c1", 30, content)
    check("an upload moves", files.moves(up, 2), files.all())
    check("and tells its pace", 0 < files.get(up, "Rate") < 6 * MIB, files.get(up, "Rate"))
    restart_relayd(relay, stage)
    check("it goes on where it was after kill -9 of relayd", files.moves(up, 6) and files.get(up, "State") == "running", files.all())
    files.call(up, "Pause")
    relay.until(lambda: False, 0.4)
    before = files.get(up, "ChunksDone")
    relay.until(lambda: False, 0.6)
    check("paused, it stands still", files.get(up, "State") == "paused" and files.get(up, "ChunksDone") == before < chunks, files.all())
    restart_relayd(relay, stage)
    check("after a restart too", files.get(up, "State") == "paused")
    files.call(up, "Resume")
    check("resumed, it moves", files.moves(up, before + 2), files.all())
    stage.kill("hub")
    check("without a hub it waits, and says why", files.reaches(up, "waiting") and len(files.get(up, "Error")) > 10, files.all())
    stage.start_hub()
    check("after kill -9 of the hub it is done", files.reaches(up, "done"), files.all())
    took = time.monotonic() - started
    check("the limit was kept", took > len(content) / (4 * MIB) - 1, took)
    down = files.download("d1", 31, names_of(content))
    check("a download moves", files.moves(down, 4), files.all())
    restart_relayd(relay, stage)
    check("it goes on where it was after kill -9 of relayd", files.moves(down, 8) and files.get(down, "ChunksDone") < chunks, files.all())
    stage.kill("hub")
    files.reaches(down, "waiting")
    stage.start_hub()
    check("and is done after kill -9 of the hub", files.reaches(down, "done"), files.all())
    check("the content is the same", files.read(down, "Content") == content)
    check("the limit is kept over restarts", relay.get("c1", "Bandwidth") == 4 * MIB)
    limit(relay, "c1", 0), limit(relay, "d1", 0)
    for path in (up, down):
        files.call(path, "Cancel")


def damaged_spool(files, relay, stage):
    """A download whose file in the spool was changed while relayd was down asks for those chunks again."""
    content = os.urandom(4 * MIB)
    up = files.upload("c1", 35, content)
    files.reaches(up, "done")
    limit(relay, "d1", 2 * MIB)
    down = files.download("d1", 36, names_of(content))
    check("a download is half way", files.moves(down, 6), files.all())
    stage.kill("relayd")
    name, = os.listdir(stage.directory + "/relayd/spool")
    with open(f"{stage.directory}/relayd/spool/{name}", "r+b") as f:
        f.seek(CHUNK + 77)
        f.write(b"damage")
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()
    limit(relay, "d1", 0)
    check("what was damaged meanwhile is fetched again", files.reaches(down, "done") and files.read(down, "Content") == content, files.all())
    for path in (up, down):
        files.call(path, "Cancel")


def full_disks(files, relay, stage):
    def mount(directory, size, *options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}m", "mode=0700", *options)), "none", directory], check=True)

    if os.getuid() != 0:
        skip("a full disk is said in words", "needs root, to mount a small one")
        return
    spool, hub = stage.directory + "/relayd/spool", stage.directory + "/hub"
    content = os.urandom(12 * MIB)
    stage.kill("relayd")
    mount(spool, 6)
    try:
        relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
        relay.start()
        up = files.upload("e1", 40, content)
        check("a full disk below the spool is said in words", files.reaches(up, "failed") and "full" in files.get(up, "Error"), files.all())
        files.call(up, "Cancel")
        small = files.upload("e1", 41, content[:5 * MIB])
        check("then a smaller file goes through", files.reaches(small, "done"), files.all())
        files.call(small, "Cancel")
    finally:
        stage.kill("relayd")
        subprocess.run(["umount", spool], check=True)
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()

    stage.kill("hub")
    subprocess.run(["cp", "-a", hub, hub + ".before"], check=True)
    mount(hub, 100)
    subprocess.run(f"cp -a {hub}.before/. {hub}", shell=True, check=True)
    used = int(subprocess.run(["du", "-sm", hub], capture_output=True, text=True, check=True).stdout.split()[0])
    subprocess.run(["mount", "-o", f"remount,size={used + 3}m", hub], check=True)
    try:
        stage.start_hub()
        up = files.upload("e1", 42, content)
        check("a hub whose disk is full has it wait, and says why",
              relay.until(lambda: "disk" in files.get(up, "Error") and files.get(up, "State") == "waiting"), files.all())
        subprocess.run(["mount", "-o", "remount,size=300m", hub], check=True)
        check("with room again it goes on by itself", files.reaches(up, "done"), files.all())
        stage.kill("hub")
        stage.start_hub()
        down = files.download("e1", 43, names_of(content))
        check("and nothing is lost", files.reaches(down, "done") and files.read(down, "Content") == content, files.all())
        for path in (up, down):
            files.call(path, "Cancel")
    finally:
        stage.kill("hub")
        subprocess.run(["umount", hub], check=True)
        subprocess.run(["rm", "-r", hub + ".before"], check=True)
    stage.start_hub()


def through_faults(files, relay, stage):
    key = stage.hub_address.split("#")[1]
    proxy = FaultProxy(stage.port, SEED)
    at = f"@127.0.0.1:{proxy.port}#{key}"
    relay.until(lambda: relay.add("x1", "xavier" + at)[0] == "ok", 120)
    relay.attach("x1")
    content = os.urandom(FAULTY_MIB * MIB + 65536)
    sent = []

    def arrives(path):
        """With faults for a while, in the short run; a little is sent beside the file."""
        relay.call(LINK, "Reconnect", path="/im/visavis/Relay1/link/x1")
        started = time.monotonic()
        while files.get(path, "State") != "done" and time.monotonic() - started < (1800 if LONG else FAULTY_SECONDS):
            sent.append(b"message %d" % len(sent))
            relay.send("x1", len(sent).to_bytes(16, "big"), ["xavier" + at], sent[-1])
            relay.until(lambda: False, 0.3)
        print("#", proxy.count, "connections:", proxy.drawn, f"{time.monotonic() - started:.0f} s, {files.get(path, 'Progress'):.0%}")
        if not LONG:
            proxy.be_kind()
            limit(relay, "x1", 0)
        return files.reaches(path, "done", seconds=60)

    if not LONG:
        limit(relay, "x1", MIB)
    up = files.upload("x1", 50, content)
    check(f"through faults of seed {SEED} {FAULTY_MIB} MiB arrive at the hub", arrives(up), (files.all(), proxy.drawn))
    proxy.kind = False
    if not LONG:
        limit(relay, "x1", MIB)
        stage.kill("hub")  # so that the link is made anew, through faults
        stage.start_hub()
    down = files.download("x1", 51, names_of(content))
    check("and come back the same", arrives(down) and files.read(down, "Content") == content, (files.all(), proxy.drawn))
    check("there were faults of most kinds", len(proxy.drawn) >= 5, proxy.drawn)
    proxy.be_kind()
    done = relay.until(lambda: len(relay.cryptod.contents("x1")) >= len(sent), 60)
    check("and so do the messages beside them, in order", done and relay.cryptod.contents("x1") == sent, len(sent))
    for path in (up, down):
        files.call(path, "Cancel")
    proxy.stop()


def who_may_ask(files, relay, stage):
    path = files.upload("a1", 60, os.urandom(4096))
    result = {}

    def as_nobody(name, *command):
        result[name] = subprocess.run(["busctl", "--address=" + stage.address, *command], capture_output=True, text=True, check=False,
                                      preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))

    def others():
        relay1 = "im.visavis.Relay1"
        as_nobody("objects", "call", relay1, PATH, MANAGER, "GetManagedObjects")
        as_nobody("state", "get-property", relay1, path, TRANSFER, "State")
        as_nobody("cancel", "call", relay1, path, TRANSFER, "Cancel")
        for where in (PATH, path):
            as_nobody("introspect " + where, "call", relay1, where, "org.freedesktop.DBus.Introspectable", "Introspect")

    if os.getuid() == 0:
        thread = threading.Thread(target=others)
        thread.start()
        relay.until(lambda: not thread.is_alive(), 20)
        for name, done in result.items():
            check(f"another user gets no answer ({name})", done.returncode != 0 and "cryptod" in done.stderr, done)
        check("and cancels nothing", path in files.all(), files.all())
    files.call(path, "Cancel")


def configure(stage, spool, quota):
    for name, setting in (("relayd", f"spool = {spool * MIB}"), ("hub", f"chunk-bytes = {quota * MIB}")):
        os.makedirs(f"{stage.directory}/config/{name}.conf.d", exist_ok=True)
        with open(f"{stage.directory}/config/{name}.conf.d/limits.conf", "w", encoding="utf-8") as f:
            f.write(f"[limits]\n{setting}\n")


def play(stage):
    configure(stage, SPOOL, QUOTA)
    stage.kill("hub")
    stage.start_hub()
    relay = Relay(stage)
    relay.start()
    files = Files(relay)
    for account, name in (("a1", "alice"), ("b1", "bob"), ("c1", "carol"), ("d1", "dave"), ("e1", "eve")):
        r = relay.add(account, f"{name}@{stage.hub_address}")
        check(f"{name} has an account", r[0] == "ok", r)
    full_disks(files, relay, stage)
    there_and_back(files, relay, stage)
    what_is_refused(files, relay)
    a_full_hub(files, relay, stage)
    who_may_ask(files, relay, stage)
    killed(files, relay, stage)
    damaged_spool(files, relay, stage)
    if LONG:
        configure(stage, 1000, 1000)
        stage.kill("hub")
        stage.start_hub()
        restart_relayd(relay, stage)
    through_faults(files, relay, stage)


def main():
    stage = Stage(PROGRAMS)
    try:
        play(stage)
    finally:
        stage.end()
    return finish()


sys.exit(main())
