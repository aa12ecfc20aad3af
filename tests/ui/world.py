"""The window with stand-ins for the daemons behind it: a World has the bus, the stand-ins, a screen and the program's environment. No
daemon runs, so that every refusal can be had at will. The test's first argument is the program. Pictures of what is to be seen are taken
where VISAVIS_PICTURES names a folder: they cost a second each."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../unit/ui", f"{HERE}/../system"]

# pylint: disable=wrong-import-position
from desktop import Desktop, Screen
from preview_ring import Ring, pixels_of, stripes
from stand_ins import ID, PIN, SUCCESS, Account, Auth, Bus, Crypto, Link, pump

PROGRAM = sys.argv[1]
PIN_FIELD = "PIN or passphrase"


def refusal(failure, text):
    return [dict(State="searching"), dict(State="failed", Failure=failure, FailureText=text)]


class World:
    """The daemons' stand-ins, a screen, and the window in it."""

    def __init__(self, size=(920, 680), **settings):
        self.bus = Bus()
        os.mkdir(self.bus.directory + "/run", 0o700)
        os.makedirs(self.bus.directory + "/config/gtk-4.0")
        with open(self.bus.directory + "/config/gtk-4.0/settings.ini", "w", encoding="ascii") as f:
            f.write("[Settings]\ngtk-enable-animations=false\n")  # nothing moves while it is clicked on
        self.environment = {"PATH": f"{os.path.dirname(PROGRAM)}:/usr/bin:/bin", "HOME": self.bus.directory, "LANG": "C.UTF-8", "TZ": "UTC", "XDG_CONFIG_HOME": self.bus.directory + "/config",
                            "XDG_RUNTIME_DIR": self.bus.directory + "/run", "VISAVIS_BUS": self.bus.address}
        self.auth = Auth(self.bus.connect())
        Account.live = True
        self.crypto = Crypto(self.bus.connect())
        self.link = Link(self.crypto.connection, ID)
        self.crypto.connection.request_name("im.visavis.Relay1")
        photo = os.environ.get("VISAVIS_PHOTOS", "/var/cache/visavis/photos") + "/sample4.jpg"
        self.auth.preview = Ring(pixels_of(photo) if os.path.exists(photo) else stripes()).read_only()
        self.screen = Screen(*size)
        self.settings = settings

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.screen.__exit__()
        self.bus.stop()

    def window(self):
        return Desktop(self.screen, lambda command, **k: subprocess.Popen(command, env=self.environment, **k), PROGRAM,
                       wait=lambda condition: pump(condition, 60), settings=self.settings)

    def log_in(self, window, script=SUCCESS, pin=PIN):
        self.auth.script = script
        window.type(PIN_FIELD, pin)
        window.click("Log In")


def picture(window, name):
    if folder := os.environ.get("VISAVIS_PICTURES"):
        window.picture(f"{folder}/{name}.png")


def soon(condition, what):
    assert pump(condition, 10), what
