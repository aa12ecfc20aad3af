"""A booted Debian with Visavis installed as an administrator would install it: systemd is its first process, the daemons are started by the
system bus through their units, and every sandbox setting is the kernel's.

The root is bootstrapped once into the cache; each container is an overlay over it, so nothing that happens inside stays. From
outside, a container is driven like a stage: the same persons, the same camera, the same CLI."""

import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time

from stage import DAEMON_USERS, FRAME_SIZE, PERSONS, REPOSITORY, Stage, StageError, free_port

# What the programs need at run time; opencv's packages carry the library's version in their names.
PACKAGES = ("systemd", "systemd-sysv", "dbus", "libjson-c5", "libsqlite3-0", "libargon2-1", "libzxcvbn0", "libqrencode4", "libsystemd0")
OPENCV = ("core", "imgproc", "imgcodecs", "videoio", "dnn", "calib3d", "objdetect")
INSTALLED = ("--prefix=/usr", "--buildtype=release", "-Ddesktop=false", "-Dtests=false")  # how meson configures what is installed
CAMERA = "/var/lib/camera/stage"
BOOT_SECONDS = 90


def host_release():
    with open("/etc/os-release", encoding="utf-8") as f:
        words = dict(line.rstrip().split("=", 1) for line in f if "=" in line)
    return words["VERSION_CODENAME"]


def packages():
    names = list(PACKAGES)
    for part in OPENCV:
        found = subprocess.run(["dpkg-query", "-W", "-f", "${Depends}", f"libopencv-{part}-dev"], capture_output=True, text=True, check=True)
        names += [word.split()[0] for word in found.stdout.split(",") if word.strip().startswith(f"libopencv-{part}4")]
    names += [os.path.basename(os.path.dirname(p)) for p in glob.glob("/usr/share/doc/libssl3*/copyright")]
    return names


class Container(Stage):
    """with Container(build) as container: …"""

    def __init__(self, build):
        super().__init__(build)
        self.cache = f"{os.environ.get('VISAVIS_CACHE', '/var/cache/visavis')}/container-{host_release()}"
        self.name = os.path.basename(self.directory).replace("_", "0")  # a machine's name has no underscore
        self.root = f"{self.directory}/root"
        self.leader = None
        self.machine = None
        self.made_run = False

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self, hub=True):
        self._bootstrap()
        self._mount()
        self._install()
        self._boot()
        if hub:
            self.start_hub()

    def stop(self):
        self.camera("nobody")
        if self.prompter:
            self.prompter.terminate()
            self.prompter.wait()
            self.prompter = None
        if self.machine and self.machine.poll() is None:
            if self.leader:
                with contextlib.suppress(StageError, subprocess.TimeoutExpired):
                    self.inside("systemctl", "poweroff", check=False, timeout=20)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.machine.wait(30)
            if self.machine.poll() is None:
                self.machine.kill()
                self.machine.wait()
        self.machine = self.leader = None
        subprocess.run(["umount", "-q", self.root], check=False)
        if self.made_run:
            subprocess.run(["umount", "-q", "-l", "/run/systemd/nspawn"], check=False)
            self.made_run = False
        shutil.rmtree(self.directory, ignore_errors=True)

    def _bootstrap(self):
        wanted = ",".join(packages())
        with contextlib.suppress(FileNotFoundError), open(f"{self.cache}/.complete", encoding="ascii") as f:
            if f.read() == wanted:
                return
        # Beside its place first: another run may be doing the same, or use the one that is there.
        fresh = f"{self.cache}.{os.getpid()}"
        os.makedirs(fresh)
        self.run(["debootstrap", "--variant=minbase", f"--include={wanted}", host_release(), fresh])
        with open(f"{fresh}/.complete", "w", encoding="ascii") as f:
            f.write(wanted)
        shutil.rmtree(self.cache, ignore_errors=True)
        os.rename(fresh, self.cache)

    def _mount(self):
        os.chmod(self.directory, 0o755)
        # The upper layer in memory: an overlay cannot stand on another overlay, and nothing of it is kept.
        for name in ("layers", "root", "log"):
            os.makedirs(f"{self.directory}/{name}")
        self.run(["mount", "-t", "tmpfs", "tmpfs", f"{self.directory}/layers"])
        os.makedirs(f"{self.directory}/layers/upper")
        os.makedirs(f"{self.directory}/layers/work")
        self.run(["mount", "-t", "overlay", "overlay", "-o",
                  f"lowerdir={self.cache},upperdir={self.directory}/layers/upper,workdir={self.directory}/layers/work", self.root])
        self.run(["umount", "-l", f"{self.directory}/layers"])

    def _install(self):
        build = f"{self.build}-container"
        if not os.path.exists(f"{build}/build.ninja"):
            self.run(["meson", "setup", build, REPOSITORY, *INSTALLED])
        self.run(["ninja", "-C", build])
        self.run([f"{REPOSITORY}/systemd/install", build, self.models], env={**os.environ, "DESTDIR": self.root})
        width, height = FRAME_SIZE
        self._write("root/etc/visavis/authd.conf", f"[camera stage]\nkind = pipe\npath = {CAMERA}\nwidth = {width}\nheight = {height}\n")
        os.makedirs(f"{self.root}/etc/sysusers.d", exist_ok=True)
        self._write("root/etc/sysusers.d/persons.conf", "".join(f'u {p} - "{p}" /home/{p} /bin/sh\n' for p in PERSONS))
        self.run(["systemd-sysusers", f"--root={self.root}"])
        for person in PERSONS:
            user = self._user(person)
            for path in (f"{self.root}/home/{person}", f"{self.root}/home/{person}/run"):
                os.makedirs(path)
                os.chown(path, user[0], user[1])
                os.chmod(path, 0o700)
        os.makedirs(os.path.dirname(f"{self.root}{CAMERA}"))
        os.mkfifo(f"{self.root}{CAMERA}")
        os.chmod(f"{self.root}{CAMERA}", 0o640)
        os.chown(f"{self.root}{CAMERA}", 0, self._user(DAEMON_USERS["authd"])[1])

    def _user(self, name):
        with open(f"{self.root}/etc/passwd", encoding="utf-8") as f:
            for line in f:
                fields = line.split(":")
                if fields[0] == name:
                    return int(fields[2]), int(fields[3])
        raise StageError(f"there is no user {name} in the container")

    def _boot(self):
        # systemd-nspawn wants its own directory below a /run that is a tmpfs.
        if subprocess.run(["findmnt", "-n", "-t", "tmpfs", "-T", "/run"], capture_output=True, check=False).returncode != 0:
            os.makedirs("/run/systemd/nspawn", exist_ok=True)
            self.run(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd/nspawn"])
            self.made_run = True
        log = open(f"{self.directory}/log/boot", "ab")
        self.machine = subprocess.Popen(["systemd-nspawn", "--register=no", "--keep-unit", "-b", "-D", self.root, "-M", self.name],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            self.leader = self._leader()
            if self.leader:
                state = self.inside("systemctl", "is-system-running", check=False).strip()
                if state in ("running", "degraded"):
                    break
            if time.monotonic() > deadline or self.machine.poll() is not None:
                with open(f"{self.directory}/log/boot", encoding="utf-8", errors="replace") as f:
                    raise StageError(f"the container did not boot:\n{f.read()[-2000:]}")
            time.sleep(0.3)
        self.address = f"unix:path=/proc/{self.leader}/root/run/dbus/system_bus_socket"

    def _leader(self):
        """The container's first process, a child of systemd-nspawn's."""
        with open(f"/proc/{self.machine.pid}/task/{self.machine.pid}/children", encoding="ascii") as f:
            children = f.read().split()
        for child in children:
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{child}/comm", encoding="ascii") as f:
                    if f.read().strip() == "systemd":
                        return int(child)
        return None

    # -- inside --------------------------------------------------------------------------------------------------

    def _enter(self):
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "--"]

    def inside(self, *command, check=True, **keywords):
        """Runs a command in the container as root: what it printed."""
        return self.run([*self._enter(), *command], check=check, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}, **keywords)

    def _as(self, user):
        return [*self._enter(), "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--inh-caps=-all", "--"]

    def person_user(self, person):
        return person

    def home(self, person):
        return f"/home/{person}"

    def environment(self, person):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.home(person), "USER": person, "LANG": "C.UTF-8",
                "XDG_RUNTIME_DIR": f"{self.home(person)}/run"}

    def camera_path(self):
        return f"{self.root}{CAMERA}"

    def busctl(self, *arguments, user=None, check=True):
        prefix = self._as(user) if user else self._enter()
        return self.run([*prefix, "busctl", "--json=short", *arguments], check=check)

    def daemon_pid(self, daemon):
        """Its process id as the host sees it."""
        inner = self.inside("systemctl", "show", "-P", "MainPID", f"visavis-{daemon}").strip()
        if inner in ("", "0"):
            return None
        for path in glob.glob("/proc/[0-9]*/status"):
            with contextlib.suppress(OSError):
                with open(path, encoding="utf-8") as f:
                    for line in f:
                        if line.startswith("NSpid:") and line.split()[-1] == inner and len(line.split()) == 3:
                            return int(path.split("/")[2])
        return None

    # -- hub -----------------------------------------------------------------------------------------------------

    def start_hub(self):
        self.port = free_port()
        for unit, text in (("socket", f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.port}\n"),):
            self.inside("mkdir", "-p", f"/etc/systemd/system/visavis-hub.{unit}.d")
            self.inside("sh", "-c", f"printf '{text}' >/etc/systemd/system/visavis-hub.{unit}.d/port.conf".replace("\n", "\\n"))
        self.inside("systemctl", "daemon-reload")
        self.inside("systemctl", "start", "visavis-hub.socket", "visavis-hub.service")
        self.hub_address = self.run([*self._as(DAEMON_USERS["hub"]), "visavis-hub", "--address", "--listen", f"127.0.0.1:{self.port}",
                                     "--state", "/var/lib/visavis-hub"]).strip()

    def stop_hub(self, kill=False):
        self.inside("systemctl", "kill" if kill else "stop", *(["-s", "KILL"] if kill else []), "visavis-hub.service")

    def inspect_hub(self):
        return self.run([*self._as(DAEMON_USERS["hub"]), "visavis-hub", "--inspect", "--state", "/var/lib/visavis-hub"])
