"""A stage: the whole of Visavis on one machine without touching it.

A private message bus with the project's own policy, the three daemons started by the bus's activation, each as its own
Unix user and (authd, cryptod) in a network namespace without a network, a hub on loopback, persons with Unix users of
their own, and a camera that is a FIFO before which the actor can put a photograph that answers prompts.

The demo, the shell, the desktop and the tests that need running daemons all stand on this one file. It needs root.
"""

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PERSONS = ("alice", "bob")
DAEMONS = ("authd", "cryptod", "relayd")
BUS_NAMES = {"authd": "im.visavis.Auth1", "cryptod": "im.visavis.Crypto1", "relayd": "im.visavis.Relay1"}
DAEMON_USERS = {"authd": "visavis-auth", "cryptod": "visavis-crypto", "relayd": "visavis-relay", "hub": "visavis-hub"}

# The pictures of people who stand before the camera: photograph and face, counted by size from the largest.
FACES = {
    "alice": ("sample1.jpg", 1),
    "alice-again": ("sample3.jpg", 1),
    "bob": ("sample6.jpg", 1),
    "stranger": ("sample6.jpg", 2),
}

FRAME_SIZE = (640, 480)
FACE_REFUSED, FACTOR_REFUSED, THROTTLED = 3, 4, 8  # what the CLI ends with

BUS_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <!-- What the system bus says in its own system.conf, at a place of our own. -->
  <type>visavis-stage</type>
  <listen>unix:path={directory}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{directory}/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Properties"/>
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""


class StageError(Exception):
    """Something that the stage needs is not there; the text says what to do."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stage:
    """with Stage(build) as stage: …   @directory: kept between runs if given, else made and removed."""

    def __init__(self, build, directory=None, photos=None, models=None):
        if os.geteuid() != 0:
            raise StageError("The stage starts daemons as users of their own, so it needs root: try it with sudo.")
        self.build = os.path.abspath(build)
        cache = os.environ.get("VISAVIS_CACHE", "/var/cache/visavis")
        self.photos = photos or os.environ.get("VISAVIS_PHOTOS", f"{cache}/photos")
        self.models = models or os.environ.get("VISAVIS_MODELS", f"{cache}/models")
        self.kept = directory is not None
        self.directory = directory or tempfile.mkdtemp(prefix="visavis-stage-", dir="/run")
        self.address = f"unix:path={self.directory}/bus"
        self.processes = []
        self.hub = None
        self.actor = None
        self.prompter = None
        self.before_camera = "nobody"

    # -- life ----------------------------------------------------------------------------------------------------

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing of it stays behind then either
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, hub=True):
        self._make_users()
        self._make_directories()
        self._write_configuration()
        self._start_bus()
        if hub:
            self.start_hub()

    def stop(self):
        self.camera("nobody")
        if self.prompter:
            self.prompter.terminate()
            self.prompter.wait()
        for daemon in DAEMONS:
            self._end(self.daemon_pid(daemon))
        self.stop_hub()
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # A `visavis login` that still holds an unlock has lost its bus by now; it goes by itself.
        self.processes = []
        if not self.kept:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, pid):
        if not pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            for _ in range(50):
                os.kill(pid, 0)
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)

    # -- setting up ----------------------------------------------------------------------------------------------

    def _make_users(self):
        persons = "".join(f'u {self.person_user(p)} - "Visavis demo"\n' for p in PERSONS)
        missing = [u for u in (*DAEMON_USERS.values(), *map(self.person_user, PERSONS)) if not self._user_exists(u)]
        if not missing:
            return
        with open(f"{REPOSITORY}/systemd/visavis.sysusers", encoding="utf-8") as f:
            wanted = f.read() + persons
        subprocess.run(["systemd-sysusers", "-"], input=wanted, text=True, check=True)

    @staticmethod
    def _user_exists(name):
        try:
            pwd.getpwnam(name)
            return True
        except KeyError:
            return False

    def _make_directories(self):
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.directory, 0o755)
        for name in ("services", "exec", "etc", "state", "persons", "log"):
            os.makedirs(f"{self.directory}/{name}", exist_ok=True)
            os.chmod(f"{self.directory}/{name}", 0o755)
        for daemon, user in DAEMON_USERS.items():
            self._own(f"{self.directory}/state/{daemon}", user)
        for person in PERSONS:
            self._own(self.home(person), self.person_user(person))
            self._own(f"{self.home(person)}/run", self.person_user(person))
        camera = f"{self.directory}/camera"
        if not os.path.exists(camera):
            os.mkfifo(camera, 0o600)
        os.chmod(camera, 0o640)
        shutil.chown(camera, "root", DAEMON_USERS["authd"])

    @staticmethod
    def _own(path, user):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o700)
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)

    def _write(self, path, text, mode=0o644):
        with open(f"{self.directory}/{path}", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(f"{self.directory}/{path}", mode)

    def configure(self, daemon, text):
        """The administrator's configuration of a daemon (authd, cryptod, relayd, hub), read at its next start."""
        self._write(f"etc/{daemon}.conf", text)

    def authd_configuration(self, further=""):
        width, height = FRAME_SIZE
        return (f"[models]\ndirectory = {self.models}\n\n"
                f"[camera stage]\nkind = pipe\npath = {self.directory}/camera\n"
                f"width = {width}\nheight = {height}\n{further}")

    def _write_configuration(self):
        self.configure("authd", self.authd_configuration())
        self.configure("cryptod", "")
        self.configure("relayd", "")
        self.configure("hub", "")
        self._write("bus.conf", BUS_CONFIGURATION.format(directory=self.directory, policy=f"{self.build}/dbus/im.visavis.conf"))
        for daemon, name in BUS_NAMES.items():
            user = DAEMON_USERS[daemon]
            network = "unshare --net -- " if daemon != "relayd" else ""
            self._write(f"exec/{daemon}", "#!/bin/sh\n"
                        f"exec >>{self.directory}/log/{daemon} 2>&1\n"
                        f"exec {network}setpriv --reuid={user} --regid={user} --init-groups --no-new-privs"
                        f" --inh-caps=-all --bounding-set=-all -- \\\n"
                        f"    env -i PATH=/usr/bin:/bin ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}"
                        f" {self.build}/{daemon}/visavis-{daemon} --bus {self.address}"
                        f" --config {self.directory}/etc --state {self.directory}/state/{daemon}\n", 0o755)
            self._write(f"services/{name}.service",
                        f"[D-BUS Service]\nName={name}\nExec={self.directory}/exec/{daemon}\n")

    def _start_bus(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.directory}/bus")
        log = open(f"{self.directory}/log/bus", "ab")
        bus = subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile", "--print-address",
                                f"--config-file={self.directory}/bus.conf"], stdout=subprocess.PIPE, stderr=log)
        self.processes.append(bus)
        if not bus.stdout.readline():
            raise StageError(f"The private bus did not start; {self.directory}/log/bus says why.")
        os.chmod(f"{self.directory}/bus", 0o666)

    # -- hub -----------------------------------------------------------------------------------------------------

    def start_hub(self):
        port_file = f"{self.directory}/port"
        if not os.path.exists(port_file):
            self._write("port", str(free_port()))
        with open(port_file, encoding="ascii") as f:
            port = int(f.read())
        log = open(f"{self.directory}/log/hub", "ab")
        self.hub = subprocess.Popen(
            [*self._as(DAEMON_USERS["hub"]), f"{self.build}/relayd/visavis-hub", "--listen", f"127.0.0.1:{port}", "--bus", self.address,
             "--config", f"{self.directory}/etc", "--state", f"{self.directory}/state/hub"],
            stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin"})
        self._wait(lambda: self._listens(port), 20, f"The hub does not listen; {self.directory}/log/hub says why.")
        self.hub_address = self.run([*self._as(DAEMON_USERS["hub"]), f"{self.build}/relayd/visavis-hub", "--address",
                                     "--listen", f"127.0.0.1:{port}",
                                     "--config", f"{self.directory}/etc", "--state", f"{self.directory}/state/hub"]).strip()

    def stop_hub(self, kill=False):
        if self.hub:
            self.hub.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self.hub.wait()
            self.hub = None

    def inspect_hub(self):
        """What the hub has stored, as it says itself."""
        return self.run([*self._as(DAEMON_USERS["hub"]), f"{self.build}/relayd/visavis-hub", "--inspect",
                         "--config", f"{self.directory}/etc", "--state", f"{self.directory}/state/hub"])

    @staticmethod
    def _listens(port):
        with socket.socket() as s:
            s.settimeout(0.5)
            return s.connect_ex(("127.0.0.1", port)) == 0

    @staticmethod
    def _wait(condition, seconds, complaint):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise StageError(complaint)
            time.sleep(0.05)

    # -- daemons -------------------------------------------------------------------------------------------------

    def busctl(self, *arguments, user=None, check=True):
        """busctl on the stage's bus, as root or as a person."""
        prefix = self._as(self.person_user(user)) if user else []
        return self.run([*prefix, "busctl", f"--address={self.address}", "--json=short", *arguments], check=check)

    def daemon_pid(self, daemon):
        """The process id of a running daemon; None if it does not run. Never starts it."""
        answer = subprocess.run(
            ["busctl", f"--address={self.address}", "--json=short", "--auto-start=no", "call", "org.freedesktop.DBus",
             "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s", BUS_NAMES[daemon]],
            capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            return None
        return json.loads(answer.stdout)["data"][0]

    def kill(self, daemon, sig=signal.SIGKILL):
        """Kills a daemon and waits until the bus has noticed; its next call starts it again."""
        pid = self.daemon_pid(daemon)
        if pid:
            os.kill(pid, sig)
            self._wait(lambda: self.daemon_pid(daemon) != pid, 10, f"{daemon} did not end.")

    # -- persons -------------------------------------------------------------------------------------------------

    def person_user(self, person):
        """The Unix user that a person has here."""
        return f"visavis-demo-{person}"

    def home(self, person):
        return f"{self.directory}/persons/{person}"

    def environment(self, person):
        return {"PATH": f"{self.build}/ui:{self.build}/relayd:/usr/local/bin:/usr/bin:/bin", "HOME": self.home(person),
                "USER": self.person_user(person), "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb"),
                "VISAVIS_BUS": self.address, "DBUS_SYSTEM_BUS_ADDRESS": self.address,
                "XDG_RUNTIME_DIR": f"{self.home(person)}/run"}

    @staticmethod
    def _as(user):
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--inh-caps=-all", "--"]

    def popen(self, person, command, pin=None, **keywords):
        """Starts a person's program. @pin: what is typed at a PIN prompt, handed over as a file descriptor."""
        if pin is not None:
            fd = os.memfd_create("pin")
            os.write(fd, pin.encode())
            os.lseek(fd, 0, os.SEEK_SET)
            command = [*command, "--pin-fd", str(fd)]
            keywords["pass_fds"] = (*keywords.get("pass_fds", ()), fd)
        process = subprocess.Popen([*self._as(self.person_user(person)), *command], env=self.environment(person),
                                   text=True, **keywords)
        if pin is not None:
            os.close(fd)
        return process

    def visavis(self, person, *arguments, pin=None, check=True, tries=None, timeout=120, input=None):
        """Runs the CLI as a person: a CompletedProcess with what it printed. Who is asked to blink and is too slow tries again, as
        anybody would: up to @tries times in all, three if @check, else once (for a face that must not pass)."""
        left, waits = tries or (3 if check else 1), 3 if tries or check else 0
        while True:
            done = self._visavis(person, arguments, pin, timeout, input)
            left -= done.returncode == FACE_REFUSED
            waits -= done.returncode == THROTTLED
            if done.returncode not in (FACE_REFUSED, THROTTLED) or left <= 0 or waits < 0:
                break
            print(f"# {person}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr, flush=True)
            if done.returncode == THROTTLED:  # what failed before counts, too
                time.sleep(int(re.search(r"in (\d+) seconds", done.stderr).group(1)))
        if check and done.returncode != 0:
            raise StageError(f"{person}: visavis {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def _visavis(self, person, arguments, pin, timeout, input):
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            # Files, not pipes: `visavis login` leaves a process behind that would keep a pipe open.
            process = self.popen(person, ["visavis", *arguments], pin=pin, stdout=out, stderr=err,
                                 stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL)
            try:
                process.communicate(input, timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, process.returncode, out.read(), err.read())

    def address_of(self, person):
        return f"{person}@{self.hub_address}"

    @staticmethod
    def run(command, check=True, **keywords):
        done = subprocess.run(command, capture_output=True, text=True, check=False, **keywords)
        if check and done.returncode != 0:
            raise StageError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    # -- camera --------------------------------------------------------------------------------------------------

    def camera_path(self):
        return f"{self.directory}/camera"

    def camera(self, face, still=False):
        """Puts somebody before the camera: a name of FACES, or "nobody". @still: only a photograph that is held up."""
        if self.actor:
            self.actor.terminate()
            self.actor.wait()
            self.actor.stdin.close()
            self.actor.stdout.close()
            self.actor = None
        self.before_camera = face
        if face == "nobody":
            return
        photo, number = FACES[face]
        width, height = FRAME_SIZE
        log = open(f"{self.directory}/log/actor", "ab")
        self.actor = subprocess.Popen(
            [f"{self.build}/tests/actor/visavis-actor", "--photo", f"{self.photos}/{photo}", "--face", str(number),
             "--output", self.camera_path(), "--size", f"{width}x{height}", "--models", self.models,
             *(["--still"] if still else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        if not self.actor.stdout.readline():
            raise StageError(f"Nobody can be put before the camera; {self.directory}/log/actor says why.")
        if not self.prompter:
            self._start_prompter()

    def _start_prompter(self):
        """Reads each prompt as it reaches the person's program, and tells the actor."""
        self.prompter = subprocess.Popen(
            ["busctl", f"--address={self.address}", "--json=short", "--match=type='method_return'", "monitor"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

        def follow():
            last = None
            for line in self.prompter.stdout:
                if '"Prompt"' not in line:
                    continue
                for part in json.loads(line).get("payload", {}).get("data", []):
                    prompt = part.get("Prompt", {}).get("data") if isinstance(part, dict) else None
                    if prompt is not None and prompt != last:
                        last = prompt
                        with contextlib.suppress(BrokenPipeError, ValueError, AttributeError):
                            self.actor.stdin.write(f"{prompt or 'look-straight'}\n")
                            self.actor.stdin.flush()

        threading.Thread(target=follow, daemon=True).start()
