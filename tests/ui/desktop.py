"""A window on a screen of its own, worked by a test: with Screen() as screen, Desktop(screen, …) as window: window.click("Log In").

The window's session (its message bus, its accessibility bus) belongs to puppet.py, a process of its own that may run as another
Unix user; so the same driver serves stand-ins in the test's process and real daemons on a stage."""
import json
import os
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = "xvfb xauth dbus-x11 at-spi2-core python3-pyatspi imagemagick"


class WindowError(AssertionError):
    """What the puppet could not do, and what was to be seen instead."""


def missing():
    """What the machine lacks to show a window to nobody, or None."""
    for program in ("Xvfb", "dbus-run-session", "import", "/usr/libexec/at-spi-bus-launcher"):
        if subprocess.run(["which", program], capture_output=True, check=False).returncode != 0:
            return f"{program} is not installed ({PACKAGES})"
    if subprocess.run(["/usr/bin/python3", "-c", "import pyatspi"], capture_output=True, check=False).returncode != 0:
        return f"pyatspi is not installed ({PACKAGES})"
    return None


class Screen:
    """Xvfb, on the first display number that is free. Open to every local user: nothing else is on it."""

    def __init__(self, width=1000, height=760):
        read, write = os.pipe()
        self.process = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-ac", "-noreset", "-nolisten",
                                         "tcp"], pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as f:
            self.display = ":" + f.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Desktop:
    """visavis-desktop, and whoever works it.

    @popen(command, **keywords) starts a process as the person, with their environment. @wait(condition) returns when
    condition() is true and may let stand-ins work meanwhile. @settings: further environment variables."""

    def __init__(self, screen, popen, program="visavis-desktop", wait=None, settings=None):
        environment = {"DISPLAY": screen.display, "GSK_RENDERER": "cairo", "GTK_A11Y": "atspi", "GDK_BACKEND": "x11",
                       "NO_AT_BRIDGE": "0", **(settings or {})}
        self.screen, self.wait = screen, wait
        self.buffer = b""
        self.process = popen(["env", *(f"{k}={v}" for k, v in environment.items()), "dbus-run-session", "--", "/usr/bin/python3",
                              f"{HERE}/puppet.py", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.input, self.output = (getattr(f, "buffer", f) for f in (self.process.stdin, self.process.stdout))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.process.wait()

    def _answered(self):
        while b"\n" not in self.buffer and select.select([self.output], [], [], 0 if self.wait else 1)[0]:
            part = os.read(self.output.fileno(), 65536)
            if not part:
                raise WindowError("the window's driver has died")
            self.buffer += part
        return b"\n" in self.buffer

    def picture(self, path):
        """A picture of the screen, when the window's animations are over."""
        time.sleep(0.6)
        subprocess.run(["import", "-display", self.screen.display, "-window", "root", path], check=True)

    def __getattr__(self, verb):
        """Every command of puppet.py is a method here."""
        if verb.startswith("_"):
            raise AttributeError(verb)

        def call(*arguments):
            self.input.write(json.dumps([verb, *arguments]).encode() + b"\n")
            self.input.flush()
            if self.wait:
                self.wait(self._answered)
            while not self._answered():
                pass
            line, self.buffer = self.buffer.split(b"\n", 1)
            answer = json.loads(line)
            if "error" in answer:
                print("#", answer["error"], file=sys.stderr, flush=True)
                raise WindowError(answer["error"])
            return answer["value"]
        return call
