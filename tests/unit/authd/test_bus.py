#!/usr/bin/python3
"""authd on a private bus, with photographs before its cameras: who is enrolled, recognised, refused, and who may ask."""
import fcntl
import mmap
import os
import pwd
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from xml.etree import ElementTree

import dbus
import dbus.lowlevel
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import private_bus  # noqa: E402
from checks import check, finish  # noqa: E402

AUTHD, ACTOR, PLAYED_DEVICE = sys.argv[1:4]
INTERFACES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../dbus")
NAME, PATH = "im.visavis.Auth1", "/im/visavis/Auth1"
MANAGER, ATTEMPT, TICKETS = NAME + ".Manager", NAME + ".Attempt", NAME + ".Tickets"
PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = "im.visavis.Error."
PHOTOS, MODELS = os.environ.get("VISAVIS_PHOTOS", ""), os.environ.get("VISAVIS_MODELS", "")


def interface(document, name):
    """What an introspection document says of one interface, in an order of its own."""
    element, = [e for e in ElementTree.fromstring(document).iter("interface") if e.get("name") == name]
    return sorted((c.tag, c.get("name"), c.get("type") or "", c.get("access") or "",
                   [(a.get("name"), a.get("type"), a.get("direction")) for a in c.findall("arg")]) for c in element)


def contract(name):
    with open(f"{INTERFACES}/{name}.xml", encoding="utf-8") as f:
        return interface(f.read(), name)


def sanitized(program):
    """Whether it is built with a sanitizer, whose memory is much and which must be loaded first."""
    return "libasan" in subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout


class Stage:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="visavis-authd-bus-")
        os.chmod(self.directory, 0o755)
        for name in ("state", "config", "crowd"):
            os.mkdir(f"{self.directory}/{name}", 0o700)
        os.mkfifo(f"{self.directory}/camera", 0o600)
        os.mkfifo(f"{self.directory}/dark", 0o600)
        shutil.copy(f"{PHOTOS}/sample1.jpg", f"{self.directory}/crowd")
        with open(f"{self.directory}/config/authd.conf", "w", encoding="utf-8") as f:
            f.write(f"[peers]\ncrypto-user = {pwd.getpwuid(os.getuid()).pw_name}\n[models]\ndirectory = {MODELS}\n"
                    f"[camera stage]\nkind = pipe\npath = {self.directory}/camera\nwidth = 640\nheight = 480\n"
                    f"[camera crowd]\nkind = folder\npath = {self.directory}/crowd\n"
                    f"[camera dark]\nkind = pipe\npath = {self.directory}/dark\n"
                    f"[camera film]\nkind = video\npath = {self.directory}/film.avi\n"
                    f"[cameras]\ndirectory = {self.directory}/v4l/by-id\n")
        self.bus, self.address = private_bus.start(self.directory)
        self.authd = self.actor = None

    def start_authd(self):
        self.authd = subprocess.Popen([AUTHD, "--bus", self.address, "--state", f"{self.directory}/state",
                                       "--config", f"{self.directory}/config", "--log-level", "err"],
                                      env={**os.environ, **({} if sanitized(AUTHD) else {"LD_PRELOAD": os.path.abspath(PLAYED_DEVICE)})})

    def plug_in(self, name, kind):
        """A camera as played_device.c plays it, under the name that udev would give it."""
        os.makedirs(f"{self.directory}/v4l/by-id", exist_ok=True)
        with open(f"{self.directory}/{name}", "w", encoding="ascii") as f:
            f.write(kind)
        os.symlink(f"{self.directory}/{name}", f"{self.directory}/v4l/by-id/usb-{name}-video-index0")

    def unplug(self, name):
        os.unlink(f"{self.directory}/v4l/by-id/usb-{name}-video-index0")
        os.unlink(f"{self.directory}/{name}")

    def kill_authd(self, how=signal.SIGKILL):
        self.authd.send_signal(how)
        return self.authd.wait()

    def show(self, photo=None, still=False):
        """Puts the largest face of a photograph before the camera, or nobody."""
        if self.actor:
            self.actor.kill()
            self.actor.wait()
            self.actor.stdin.close()
            self.actor = None
        if photo:
            self.actor = subprocess.Popen([ACTOR, "--photo", f"{PHOTOS}/{photo}", "--output", f"{self.directory}/camera",
                                           "--models", MODELS, *(["--still"] if still else [])], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
            self.actor.stdout.readline()  # it is ready

    def lookers(self):
        """What /proc tells of authd's processes that look."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.authd.pid)], capture_output=True, text=True, check=False).stdout.split()
        found = []
        for pid in children:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                found.append({k: v.strip() for k, v in (line.split(":", 1) for line in f)})
        return [s for s in found if s["State"][0] != "Z"]

    def memory(self):
        """Kilobytes that are in memory because of authd alone."""
        with open(f"/proc/{self.authd.pid}/smaps_rollup", encoding="utf-8") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith(("Private_Clean", "Private_Dirty")))

    def record(self, photo, prompts):
        """Makes the film of a photograph's largest face."""
        subprocess.run([ACTOR, "--photo", f"{PHOTOS}/{photo}", "--record", f"{self.directory}/film.avi", "--models", MODELS,
                        "--prompts", prompts], check=True)

    def prompt(self, text):
        if self.actor:
            try:
                self.actor.stdin.write(text + "\n")
                self.actor.stdin.flush()
            except BrokenPipeError:
                pass

    def end(self):
        self.show()
        if self.authd and self.authd.poll() is None:
            self.kill_authd(signal.SIGTERM)
        self.bus.terminate()
        self.bus.wait()
        shutil.rmtree(self.directory)


class Cryptod(dbus.service.Object):
    """Keeps what failures have cost, as cryptod does."""

    def __init__(self, address):
        bus = dbus.bus.BusConnection(address)
        bus.request_name("im.visavis.Crypto1")
        super().__init__(bus, "/im/visavis/Crypto1")
        self.kept = {}

    @dbus.service.method("im.visavis.Crypto1.Failures", in_signature="a(stu)", out_signature="a(stu)")
    def Compare(self, told):
        for account, turn, count in told:
            self.kept[str(account)] = max(self.kept.get(str(account), (0, 0)), (int(turn), int(count)))
        return [(a, dbus.UInt64(self.kept[a][0]), dbus.UInt32(self.kept[a][1])) for a in map(str, (t[0] for t in told))]


class Client:
    """A connection of its own to the bus."""

    def __init__(self, address):
        self.bus = dbus.bus.BusConnection(address)
        self.name = self.bus.get_unique_name()
        self.context = GLib.MainContext.default()
        self.changes = []
        self.bus.add_signal_receiver(lambda i, c, v, path: self.changes.append((str(path), {**dict.fromkeys(map(str, v)), **c})),
                                     "PropertiesChanged", PROPERTIES, path_keyword="path")

    def until(self, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            if not self.context.iteration(False):
                time.sleep(0.005)
        return True

    def call(self, interface, method, *args, path=PATH):
        """("ok", value) or (error name, sentence), with the main loop running meanwhile."""
        answer = []
        proxy = self.bus.get_object(NAME, path, introspect=False)
        proxy.get_dbus_method(method, interface)(*args, timeout=30, reply_handler=lambda *v: answer.append(("ok", v[0] if len(v) == 1 else v)),
                                                 error_handler=lambda e: answer.append((e.get_dbus_name(), e.get_dbus_message())))
        self.until(lambda: answer, 40)
        return answer[0] if answer else ("none", "")

    def get(self, interface, name, path=PATH):
        return self.call(PROPERTIES, "Get", interface, name, path=path)[1]

    def start(self, account=None, camera=None):
        options = dbus.Dictionary({"camera": camera} if camera else {}, signature="sv")
        return self.call(MANAGER, "Verify", account, options) if account else self.call(MANAGER, "Enrol", options)

    def enrol(self, **options):
        return self.call(MANAGER, "Enrol", dbus.Dictionary(options, signature="sv"))

    def ticket(self, path):
        return self.call(ATTEMPT, "TakeTicket", path=path)

    def redeem(self, ticket, account, uid=None, caller=None, count=0):
        r = self.call(TICKETS, "Redeem", dbus.ByteArray(bytes(ticket)), account, dbus.UInt32(os.getuid() if uid is None else uid),
                      caller or self.name, dbus.UInt64(count))
        if r[0] != "ok":
            return r[0], None
        fd = r[1][0].take()
        os.lseek(fd, 0, os.SEEK_SET)
        secret = os.read(fd, 100)
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        os.close(fd)
        return "ok", (secret, bool(r[1][1]), seals, int(r[1][2]), int(r[1][3]))


def main():
    if not os.path.exists(f"{PHOTOS}/sample1.jpg") or not os.path.exists(f"{MODELS}/fr_detect.onnx"):
        print("1..0 # SKIP VISAVIS_MODELS and VISAVIS_PHOTOS do not say where the networks and photographs are")
        return 0
    DBusGMainLoop(set_as_default=True)
    if os.getuid() == 0:
        os.nice(-10)  # a person before a camera acts in real time: what only computes waits
    stage = Stage()
    try:
        play(stage)
    finally:
        stage.end()
    return finish()


def follow(stage, client, path, meanwhile=None, seconds=60):
    """Tells the actor each prompt until the attempt has ended; its properties then, and the prompts."""
    view, prompts = {}, []

    def look():
        answer = client.call(PROPERTIES, "GetAll", ATTEMPT, path=path)
        if answer[0] == "ok":
            view.update(answer[1])
            if not prompts or prompts[-1] != view["Prompt"]:
                prompts.append(str(view["Prompt"]))
                stage.prompt(prompts[-1] or "look-straight")
            if meanwhile:
                meanwhile(view)
        return view.get("State") in ("succeeded", "failed", "cancelled")

    seen = [0]

    def step():
        if len(client.changes) == seen[0]:
            return False
        seen[0] = len(client.changes)
        return look()

    look()
    client.until(step, seconds)
    return view, prompts


def read_preview(fd):
    """(width, height, grey values) of the newest picture, or None."""
    with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as ring:
        magic, width, height, stride, slots, first, step, newest = struct.unpack_from("<8sIIIIIIQ", ring)
        if magic != b"VVPRVW01" or not newest:
            return None
        slot = first + step * ((newest - 1) % slots)
        sequence, _, w, h = struct.unpack_from("<QQII", ring, slot)
        pixels = ring[slot + 64:slot + 64 + stride * h]
        if struct.unpack_from("<Q", ring, slot)[0] != sequence or sequence != 2 * newest:
            return None
        return w, h, len(set(pixels[::997]))


def plugged(stage, client):
    def states():
        return {str(name): (bool(infrared), str(state), str(text)) for name, infrared, state, text in client.get(MANAGER, "CameraStates")}

    def changed():
        return any(path == PATH and {"Cameras", "CameraStates"} <= set(names) for path, names in client.changes)

    stage.plug_in("ACME_Camera", "infrared")
    stage.plug_in("Office_Camera", "busy")
    check("a camera that is plugged in is found, and everybody is told", client.until(lambda: len(states()) == 6) and client.until(changed), states())
    check("an infrared one is known", states()["ACME_Camera"] == (True, "ready", "") and states()["Office_Camera"] == (False, "ready", ""), states())
    check("they are devices", [bool(v) for n, k, v in client.get(MANAGER, "Cameras") if n.endswith("_Camera")] == [False, False])
    r = client.start(camera="Office_Camera")
    view, _ = follow(stage, client, str(r[1]))
    check("that another program uses it is said", view["Failure"] == "camera" and "another program" in view["FailureText"] and not view["Virtual"], view)
    for name in ("ACME_Camera", "Office_Camera"):
        stage.unplug(name)
    check("one that is unplugged is gone", client.until(lambda: len(states()) == 4), states())
    r = client.start(camera="ACME_Camera")
    check("and no camera any more", r[0] == ERROR + "Camera", r)


def play(stage):
    client, cryptod = Client(stage.address), Cryptod(stage.address)

    def start_authd():
        stage.start_authd()
        client.until(lambda: client.bus.name_has_owner(NAME), 60)

    def restart_authd():
        stage.kill_authd()
        client.until(lambda: not client.bus.name_has_owner(NAME))
        start_authd()

    def idle():
        return client.until(lambda: client.get(MANAGER, "CameraActive") == 0)

    start_authd()
    document = client.call("org.freedesktop.DBus.Introspectable", "Introspect")[1]
    check("the Manager is the one of the contract", interface(document, MANAGER) == contract(MANAGER), interface(document, MANAGER))
    check("the Tickets are those of the contract", interface(document, TICKETS) == contract(TICKETS), interface(document, TICKETS))
    cameras = [(str(a), str(b), bool(c)) for a, b, c in client.get(MANAGER, "Cameras")]
    check("the cameras are those configured, all virtual", cameras == [("stage", "pipe", True), ("crowd", "folder", True), ("dark", "pipe", True), ("film", "video", True)], cameras)
    states = [tuple(map(str, s[2:])) for s in client.get(MANAGER, "CameraStates")]
    check("they are ready", states == [("ready", "")] * 4, states)
    check("no camera is open", client.get(MANAGER, "CameraActive") == 0)
    r = client.start(camera="nowhere")
    check("a camera that is not there is Camera", r[0] == ERROR + "Camera", r)
    r = client.call(MANAGER, "Enrol", dbus.Dictionary({"skip": True}, signature="sv"))
    check("an unknown option is refused", r[0] == ERROR + "InvalidArgument", r)
    r = client.start(account="0" * 32)
    check("an unknown account is NotFound", r[0] == ERROR + "NotFound", r)

    # Cameras that are plugged in, of which one is busy, and unplugged.
    if sanitized(AUTHD):
        check("cameras that come and go are found # SKIP what plays them cannot be loaded beside the sanitizers", True)
    else:
        plugged(stage, client)

    # An enrolment, looked at from all sides.
    stage.show("sample1.jpg")
    other = Client(stage.address)
    r = client.start(camera="stage")
    path = str(r[1])
    check("Enrol answers with an attempt", r[0] == "ok" and path.startswith(PATH + "/attempt/"), r)
    document = client.call("org.freedesktop.DBus.Introspectable", "Introspect", path=path)[1]
    check("the Attempt is the one of the contract", interface(document, ATTEMPT) == contract(ATTEMPT), interface(document, ATTEMPT))
    check("the camera is open, and everybody is told", client.get(MANAGER, "CameraActive") == 1 and
          client.until(lambda: any(c.get("CameraActive") == 1 for p, c in other.changes if p == PATH)), other.changes)
    r = other.start(camera="stage")
    check("a second attempt before the same camera is Busy", r[0] == ERROR + "Busy", r)
    for method in ("Cancel", "TakeTicket", "OpenPreview"):
        r = other.call(ATTEMPT, method, path=path)
        check(f"{method} is for the owner alone", r[0] == ERROR + "AccessDenied", r)
    r = other.call(PROPERTIES, "GetAll", ATTEMPT, path=path)
    check("and so are the properties", r[0] == ERROR + "AccessDenied", r)
    r = client.ticket(path)
    check("there is no ticket before success", r[0] == ERROR + "TicketInvalid", r)

    preview, faces, marks, qualities = [], [], [], set()

    def meanwhile(view):
        if not preview and view["State"] != "starting":
            answer = client.call(ATTEMPT, "OpenPreview", path=path)
            if answer[0] == "ok":
                preview.append(answer[1].take())
        elif preview and len(preview) == 1:
            picture = read_preview(preview[0])
            if picture:
                preview.append(picture)
        qualities.add(str(view["Quality"]))
        if any(view["FaceBox"]):
            faces.append(tuple(view["FaceBox"]))
            x, y, width, height = faces[-1]
            marks.append(sum(x <= px <= x + width and y <= py <= y + height for px, py in view["Landmarks"]))

    view, prompts = follow(stage, client, path, meanwhile)
    check("a person who does what is asked is enrolled", view.get("State") == "succeeded", view)
    check("each pose was asked for, between looking straight", sorted(prompts[-6:-2]) == ["look-down", "look-up", "turn-left", "turn-right"] and
          prompts[-2:] == ["look-straight", ""] and prompts[:-6] in (["look-straight"], []), prompts)  # whoever looks late misses the first
    check("the pictures' quality was told", "good" in qualities, qualities)
    check("the attempt says what it is", view.get("Kind") == "enrol" and view.get("Camera") == "stage" and view.get("Virtual") == 1 and len(view["Account"]) == 32, view)
    check("its face was boxed", faces and all(0 <= v <= 1 for box in faces for v in box), faces)
    check("and its landmarks told, most of them in the box", marks and statistics.median(marks) > 50 and max(marks) <= 68, marks)
    check("a guided turn has no amount", not any(view["Turn"]), view["Turn"])
    check("only the owner gets its signals", any(p == path for p, _ in client.changes) and not any(p == path for p, _ in other.changes), other.changes)
    check("the preview shows pictures", len(preview) == 2 and preview[1][:2] == (640, 480) and preview[1][2] > 20, preview)
    seals = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | 0x10 # F_SEAL_FUTURE_WRITE
    check("the preview is sealed and read-only", preview and fcntl.fcntl(preview[0], fcntl.F_GET_SEALS) & seals == seals and
          fcntl.fcntl(preview[0], fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY)
    check("the camera is closed at once", idle())
    check("and the preview is empty then", preview and read_preview(preview[0]) is None)
    for fd in preview[:1]:
        os.close(fd)

    account = str(view["Account"])
    ticket = client.ticket(path)
    check("after success there is a ticket of 32 bytes", ticket[0] == "ok" and len(ticket[1]) == 32, ticket[0])
    check("but only once", client.ticket(path)[0] == ERROR + "TicketInvalid")
    check("it is not for another caller", client.redeem(ticket[1], account, caller=other.name)[0] == ERROR + "TicketInvalid")
    check("and is used up by that", client.redeem(ticket[1], account)[0] == ERROR + "TicketInvalid")
    r = client.start(account=account)
    check("an enrolment whose ticket was not redeemed is none", r[0] == ERROR + "NotFound", r)

    # The one that lasts, of an account whose face was lost after seven tickets.
    for _ in range(3):  # on a busy machine somebody may be too slow, and tries again, as anybody would
        path = str(client.enrol(account=account, camera="stage")[1])
        view, _ = follow(stage, client, path)
        if view["State"] == "succeeded":
            break
        idle()
    check("the same person can be enrolled once more, under the id of before", view["State"] == "succeeded" and view["Account"] == account, view)
    ticket = client.ticket(path)[1]
    if os.getuid() == 0:
        refused = subprocess.run(["busctl", f"--address={stage.address}", "call", NAME, PATH, TICKETS, "Redeem", "aysust", "1", "0", account, "0", client.name, "0"],
                                 capture_output=True, text=True, check=False, preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))
        check("Redeem is for cryptod's user alone", refused.returncode != 0 and "cryptod" in refused.stderr, refused)
    status, enrolled = client.redeem(ticket, account, count=7)
    r = client.call(MANAGER, "ListEnrolments")
    check("who is enrolled is listed, for the account's user", r[0] == "ok" and [(str(a), str(e), int(s)) for a, e, s in r[1]] == [(account, "deep", 0)], r)
    check("Redeem hands out a sealed secret of 32 bytes, of an enrolment", status == "ok" and len(enrolled[0]) == 32 and enrolled[1] and enrolled[2] & fcntl.F_SEAL_WRITE, status)
    check("and goes on with cryptod's count", enrolled[3] == 8, enrolled)
    r = client.enrol(account=account)
    check("a face that is enrolled has to be removed first", r[0] == ERROR + "Exists", r)
    for nobody in ("", "x" * 32, account.upper() if account.upper() != account else "A" * 32, account + "0"):
        r = client.enrol(account=nobody)
        check(f"“{nobody[:4]}…” is no account's id", r[0] == ERROR + "InvalidArgument", r)
    r = client.call(MANAGER, "Verify", account, dbus.Dictionary({"account": account}, signature="sv"))
    check("to verify has no such option", r[0] == ERROR + "InvalidArgument", r)
    check("a ticket is good once", client.redeem(ticket, account)[0] == ERROR + "TicketInvalid")
    restart_authd()

    turns = set()

    def verify(photo, still=False):
        stage.show(photo, still)
        idle()
        r = client.start(account=account, camera="stage")
        return str(r[1]), *(follow(stage, client, str(r[1]), lambda view: turns.add(tuple(map(float, view["Turn"]))) if "turn-" in view["Prompt"] else None) if r[0] == "ok" else ({"State": r[0], "Failure": r[1]}, []))

    def recognise(photo):
        """Verifies somebody who ought to pass, and may be too slow on a busy machine."""
        for _ in range(3):
            path, view, prompts = verify(photo)
            if view["State"] == "succeeded":
                break
        return path, view, prompts

    path, view, prompts = recognise("sample3.jpg")
    told = cryptod.kept[account]
    check("cryptod is told that it has begun and passed", told[0] >= 2 and told[1] == 0, told)
    check("another photograph of the same person is recognised, after kill -9", view["State"] == "succeeded", (view, prompts))

    check("how far the head is turned is told, and how far it ought to be", any(start <= now < end for now, start, end in turns) and any(not start <= now < end for now, start, end in turns) and
          {(start, end) for _, start, end in turns} <= {(9, 23), (25, 90), (-23, -9), (-90, -25)}, turns)

    # Another look: with a match of a moment ago, and guided as an enrolment is.
    r = client.call(MANAGER, "AddLook", account, dbus.ByteArray(bytes(32)), dbus.Dictionary({}, signature="sv"))
    check("a look is not added without a match", r[0] == ERROR + "TicketInvalid", r)
    stage.show("sample1.jpg")
    idle()
    r = client.call(MANAGER, "AddLook", account, dbus.ByteArray(bytes(client.ticket(path)[1])), dbus.Dictionary({}, signature="sv"))
    view, prompts = follow(stage, client, str(r[1]))
    check("with one it is, through every pose", view["State"] == "succeeded" and view["Kind"] == "add-look" and len(prompts) == 7, (view, prompts))
    check("it gives no ticket", client.ticket(str(r[1]))[0] == ERROR + "TicketInvalid")

    # A look is removed by whoever may add one, and the only one is not.
    def looks():
        return [(int(n), int(pictures)) for n, pictures in client.call(MANAGER, "ListLooks", account)[1]]

    def remove(ticket, look):
        return client.call(MANAGER, "RemoveLook", account, dbus.ByteArray(bytes(ticket)), dbus.Byte(look))
    check("both looks are listed", looks() == [(0, 6), (1, 6)], looks())
    r = client.call(MANAGER, "ListLooks", "0" * 32)
    check("those of no account are not", r[0] == ERROR + "NotFound", r)
    r = remove(bytes(32), 1)
    check("a look is not removed without a match", r[0] == ERROR + "TicketInvalid" and len(looks()) == 2, r)
    path, view, _ = recognise("sample1.jpg")
    r = remove(client.ticket(path)[1], 0)
    check("with one it is, even the enrolled one", r[0] == "ok" and looks() == [(0, 6)], (r, looks()))

    path, view, _ = recognise("sample3.jpg")
    status, verified = client.redeem(client.ticket(path)[1], account, count=20)
    check("and gets the same secret", status == "ok" and verified[0] == enrolled[0] and not verified[1], (status, view))
    check("redemptions are counted on from what either daemon knows", enrolled[3:] == (8, 1) and verified[3:] == (21, 14), (enrolled[3:], verified[3:]))
    check("and since the last that opened the vault", client.call(TICKETS, "Opened", account)[0] == "ok")

    # Who is it? No challenge, no ticket, and nothing of other users.
    idle()
    path = str(client.call(MANAGER, "Identify", dbus.Dictionary({"camera": "stage"}, signature="sv"))[1])
    view, prompts = follow(stage, client, path)
    check("an identification says whose face it is, without a challenge", view["State"] == "succeeded" and view["Kind"] == "identify" and
          view["Account"] == account and list(view["Accounts"]) == [account] and prompts == ["look-straight", ""], (view, prompts))
    check("it gives no ticket", client.ticket(path)[0] == ERROR + "TicketInvalid")
    if os.getuid() == 0:
        refused = subprocess.run(["busctl", f"--address={stage.address}", "call", NAME, PATH, MANAGER, "Identify", "a{sv}", "0"],
                                 capture_output=True, text=True, check=False, preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))
        check("who has no account is not looked at", refused.returncode != 0 and "no account" in refused.stderr, refused)

    # What cannot be counted is not tried.
    def database(statement):
        connection = sqlite3.connect(f"{stage.directory}/state/accounts.db")
        connection.execute(statement)
        connection.close()
    database("CREATE TRIGGER broken BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'a disk in trouble'); END")
    _, view, _ = verify("sample3.jpg")
    check("an attempt that cannot be counted ends before anything is decided", (view["State"], view["Failure"]) == ("failed", "storage") and
          "disk" in view["FailureText"], view)
    database("DROP TRIGGER broken")

    _, view, _ = verify("sample5.jpg")
    check("another person is no-match", (view["State"], view["Failure"]) == ("failed", "no-match") and view["FailureText"], view)
    _, view, prompts = verify("sample3.jpg", still=True)
    check("a photograph that is held up is a presentation attack", (view["State"], view["Failure"]) == ("failed", "presentation-attack"), (view, prompts))
    idle()
    path = str(client.start(account=account, camera="crowd")[1])
    view, _ = follow(stage, client, path)
    check("several people are several-faces", (view["State"], view["Failure"]) == ("failed", "several-faces"), view)

    # A film as the camera.
    path = str(client.start(camera="film")[1])
    view, _ = follow(stage, client, path)
    check("a video that is not there is said to be so", view["Failure"] == "camera" and "not there" in view["FailureText"], view)
    stage.record("sample1.jpg", "look-straight,look-straight")
    idle()
    states, boxes = [], []

    def watch(view):
        states.append(str(view["State"]))
        boxes.append(tuple(view["FaceBox"]))
    path = str(client.start(camera="film")[1])
    view, _ = follow(stage, client, path, watch)
    check("the person in a video is seen, and asked to move", "challenge" in states and any(box[2] > 0.1 for box in boxes), (states, boxes))
    path = str(client.start(account=account, camera="film")[1])
    view, prompts = follow(stage, client, path)
    check("to be recognised in it takes the movements too", "challenge" in states and view["State"] == "failed", (view, prompts))
    stage.record("sample1.jpg", "look-straight")  # ends before anything could be decided
    idle()
    path = str(client.start(camera="film")[1])
    view, _ = follow(stage, client, path)
    check("its end is said", (view["State"], view["Failure"]) == ("failed", "camera") and "has ended" in view["FailureText"], view)

    # What looks is a process of its own, which may do next to nothing; its end costs one attempt.
    stage.show("sample3.jpg")
    idle()
    path = str(client.start(camera="stage")[1])
    client.until(lambda: client.get(ATTEMPT, "State", path=path) == "searching")
    lookers = stage.lookers()
    check("a process of its own looks, which may call next to nothing", [s["Seccomp"] for s in lookers] == ["2"], lookers)
    check("without any privilege", all(s["NoNewPrivs"] == "1" for s in lookers), lookers)
    for looker in lookers:
        os.kill(int(looker["Pid"]), signal.SIGSEGV)
    view, _ = follow(stage, client, path)
    check("if it crashes, the attempt ends", (view["State"], view["Failure"]) == ("failed", "internal"), view)
    check("and nobody looks when there is no attempt", idle() and not stage.lookers())
    memory = stage.memory()
    small = "what is left takes less than 15 MB of memory of its own"
    if sanitized(AUTHD):
        check(f"{small} # SKIP the sanitizers need more than that themselves", True)
    else:
        check(small, memory < 15000, memory)

    # Its owner goes.
    stage.show("sample5.jpg")
    idle()
    path = str(other.start(account=account, camera="stage")[1])
    other.until(lambda: other.get(ATTEMPT, "State", path=path) == "searching")
    r = client.start(account=account, camera="dark")
    check("an account is verified before one camera at a time", r[0] == ERROR + "Busy", r)
    other.bus.close()
    check("when its owner leaves, the attempt ends and the camera closes", idle())
    r = client.call(PROPERTIES, "GetAll", ATTEMPT, path=path)
    check("and its object is gone", r[0] == "org.freedesktop.DBus.Error.UnknownObject", r)

    if os.getuid() == 0:
        refused = subprocess.run(["busctl", f"--address={stage.address}", "call", NAME, PATH, MANAGER, "Verify", "sa{sv}", account, "0"],
                                 capture_output=True, text=True, check=False, preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))
        check("another user has no such account", refused.returncode != 0 and "no account" in refused.stderr, refused)

    # The failures cost time: two are counted, and what the third one leaves is as well, because a face did not match.
    answers = []
    for _ in range(3):
        answers.append(client.start(account=account, camera="stage"))
        if answers[-1][0] != "ok":
            break
        follow(stage, client, str(answers[-1][1]))
        idle()
    check("failures that follow upon each other are Throttled", answers[-1][0] == ERROR + "Throttled" and "seconds" in answers[-1][1], answers)
    told = cryptod.kept[account]
    check("and cryptod is told of each", told[1] >= 3, told)
    restart_authd()
    r = client.start(account=account, camera="stage")
    check("also after kill -9", r[0] == ERROR + "Throttled", r)
    # While that time passes, somebody waits for pictures.
    patient = Client(stage.address)
    dark = str(patient.start(camera="dark")[1])
    stage.show("sample1.jpg")
    answers = []

    def starts():
        answers.append(client.start(account=account, camera="stage"))
        return answers[-1][0] == "ok"
    for _ in range(2):  # too slow on a busy machine, it waits and tries again, as anybody would
        client.until(starts, 60)
        r = answers[-1]
        view = follow(stage, client, str(r[1]))[0] if r[0] == "ok" else {"State": r}
        if view["State"] == "succeeded":
            break
    check("the right face gets in when the time has passed", r[0] == "ok" and view["State"] == "succeeded", view)
    ticket = client.ticket(str(r[1]))[1]
    view, _ = follow(stage, patient, dark)
    check("a pipe into which nobody writes is camera", (view["State"], view["Failure"]) == ("failed", "camera"), view)
    if os.getuid() == 0:
        refused = subprocess.run(["busctl", f"--address={stage.address}", "call", NAME, PATH, TICKETS, "Forget", "s", account],
                                 capture_output=True, text=True, check=False, preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534)))
        check("Forget is for cryptod's user alone", refused.returncode != 0 and "cryptod" in refused.stderr, refused)
    check("Forget deletes an account", client.call(TICKETS, "Forget", account)[0] == "ok" and client.start(account=account)[0] == ERROR + "NotFound")
    check("with its tickets", client.redeem(ticket, account)[0] == ERROR + "TicketInvalid")
    check("and is no error if there is none", client.call(TICKETS, "Forget", account)[0] == "ok")
    check("authd stops cleanly", stage.kill_authd(signal.SIGTERM) == 0)


sys.exit(main())
